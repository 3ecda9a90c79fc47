# SPDX-License-Identifier: MIT
"""From what a user names to the sources of a dataset. No file here holds a sound."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import tracemalloc
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from melpix.dataset.sources.item import Item, Skipped
from melpix.dataset.sources.lists import MAX_ROW
from melpix.dataset.sources.scan import Scan, scan
from melpix.known_formats import SUFFIXES

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*paths: str | bytes) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(path) or os.curdir, exist_ok=True)
        with open(path, "wb"):
            pass


def names(result: Scan) -> list[str]:
    return [item.stem for item in result.items]


def paths(result: Scan) -> list[str]:
    return [item.path for item in result.items]


def write_list(*rows: dict[str, Any] | str, name: str = "list.jsonl") -> str:
    Path(name).write_text(
        "".join(f"{json.dumps({'path': r} if isinstance(r, str) else r)}\n" for r in rows)
    )
    return name


def listed(*rows: dict[str, Any] | str, **options: Any) -> Scan:
    """Scan a list: nobody asks whether its files exist, so any names do on any system."""
    return scan(from_list=write_list(*rows), **options)


# --- folders --------------------------------------------------------------------------------


def test_a_folder_gives_sounds_with_stems_and_labels() -> None:
    make("data/top.wav", "data/dogs/1.FLAC", "data/cats/young/2.Mp3", "data/dogs/readme.txt")
    result = scan(["data"])
    assert result.items == [
        Item(os.path.join("data", "cats", "young", "2.Mp3"), "cats/young/2", "cats", None, None),
        Item(os.path.join("data", "dogs", "1.FLAC"), "dogs/1", "dogs"),
        Item(os.path.join("data", "top.wav"), "top", None),
    ]
    assert result.skipped == []
    assert result.found == 3
    assert result.base == os.path.join(os.getcwd(), "data", "")
    assert scan("data") == scan(b"data") == scan(Path("data")) == scan(["data"])


def test_every_suffix_is_known_in_any_case() -> None:
    make(*(f"data/{s[1:]}_{i}{s}" for s in SUFFIXES for i in "a"))
    make(*(f"data/{s[1:]}_B{s.upper()}" for s in SUFFIXES), "data/wav", "data/x.wavx")
    assert len(scan("data").items) == 2 * len(SUFFIXES)


def test_hidden_files_and_folders_are_left_out_unless_named() -> None:
    make("data/.x.wav", "data/.git/y.wav", "data/z.wav")
    assert names(scan("data")) == ["z"]
    assert names(scan(["data/.git"])) == ["y"]
    assert names(scan(["data/.x.wav"])) == [".x"]


def test_not_recursive() -> None:
    make("data/a.wav", "data/sub/b.wav")
    assert names(scan("data", recursive=False)) == ["a"]


def test_a_folder_with_a_sounds_name_is_a_folder() -> None:
    make("data/x.wav/y.wav")
    assert names(scan("data")) == ["x.wav/y"]


def test_order_is_by_component_and_byte() -> None:
    files = ["a/z.wav", "a.b/x.wav", "a-b/x.wav", "b.wav", "Z/x.wav", "é.wav", "a/z/q.wav"]
    make(*(f"data/{f}" for f in files))
    assert names(scan("data")) == ["Z/x", "a/z/q", "a/z", "a-b/x", "a.b/x", "b", "é"]
    shuffled = [f"data/{f}" for f in files]
    random.Random(3).shuffle(shuffled)
    assert scan(shuffled).items == scan("data").items


def test_names_that_are_no_text() -> None:
    try:
        make(b"data/\xff.wav", "data/\U00010348.wav", "data/\ue000.wav", "data/a\nb\x1b.wav")
    except OSError:
        pytest.skip("the file system wants text")
    result = scan("data")
    assert [os.fsencode(s) for s in names(result)] == sorted(os.fsencode(s) for s in names(result))
    assert names(result)[-1] == "\udcff"
    assert all(os.path.exists(p) for p in paths(result))


def test_nesting_has_no_limit() -> None:
    deep = "data"
    try:
        for _ in range(1101):
            os.mkdir(deep)
            deep = os.path.join(deep, "d")
        deep = os.path.dirname(deep)
        make(os.path.join(deep, "x.wav"))
    except OSError:
        pytest.skip("paths must be short here")
    assert names(scan("data")) == ["d/" * 1100 + "x"]
    os.unlink(os.path.join(deep, "x.wav"))
    os.removedirs(deep)  # which pytest, recursive, could not


# --- several inputs -------------------------------------------------------------------------


def test_several_folders_keep_their_names() -> None:
    make("data/train/dogs/1.wav", "data/test/dogs/1.wav", "data/x.wav")
    both = scan(["data/train", "data/test"])
    assert [(i.stem, i.label) for i in both.items] == [
        ("test/dogs/1", "test"),
        ("train/dogs/1", "train"),
    ]
    # What a shell makes of data/* is the same as data.
    assert scan(["data/x.wav", "data/train", "data/test"]).items == scan("data").items


def test_files_are_taken_whatever_their_suffix() -> None:
    make("a/b/take.dat", "a/b/take2")
    assert names(scan(["a/b/take.dat"])) == ["take"]
    assert names(scan(["a/b/take.dat", "a/b/take2"])) == ["take", "take2"]


def test_named_files_keep_class_folders() -> None:
    make("data/dogs/1.wav", "data/cats/1.wav")
    result = scan(["data/dogs/1.wav", "data/cats/1.wav"])
    assert [(i.stem, i.label) for i in result.items] == [("cats/1", "cats"), ("dogs/1", "dogs")]


def test_the_same_path_is_converted_once() -> None:
    make("data/dogs/1.wav")
    absolute = os.path.abspath("data/dogs/1.wav")
    spellings = ["data/dogs/1.wav", "./data//dogs/../dogs/1.wav", absolute, "data", "data/dogs/"]
    spellings += [f"/{absolute}"] * (os.name == "posix")
    assert names(scan(spellings)) == ["dogs/1"]


@posix
def test_links_to_files_have_names_of_their_own() -> None:
    make("data/a.wav")
    os.symlink("a.wav", "data/b.wav")
    os.link("data/a.wav", "data/c.wav")
    assert names(scan("data")) == ["a", "b", "c"]


def test_a_missing_input_is_named(here: Path) -> None:
    make("a.wav")
    for missing in ("gone.wav", "gone/*.wav", "*.flac", ""):
        with pytest.raises(FileNotFoundError) as caught:
            scan(["a.wav", missing])
        assert caught.value.filename == missing
    with pytest.raises(FileNotFoundError):
        scan(["a.wav"], from_list="gone.csv")


def test_nothing_to_convert_says_where_and_what() -> None:
    make("data/readme.txt", "data/x.mp4", "empty.txt")
    with pytest.raises(ValueError, match=r"nothing to convert in 'data' \(\.aif .* \.wave\)$"):
        scan("data")
    with pytest.raises(ValueError, match=r"in 'data', 'empty.txt' .* include or exclude"):
        scan("data", from_list="empty.txt", include=["*.wav"])
    with pytest.raises(ValueError, match="in no input"):
        scan()


# --- patterns -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("data/*/*.wav", ["cats/1", "dogs/1"]),
        ("data/*.wav", ["top"]),
        ("data/**/1.wav", ["cats/1", "dogs/1", "dogs/old/1"]),
        ("data/**", ["cats/1", "dogs/1", "dogs/old/1", "top"]),
        ("data/**/old/**/*.wav", ["dogs/old/1"]),
        ("data/d*", ["dogs/1", "dogs/old/1"]),  # a folder that matches is searched
        ("data/*", ["cats/1", "dogs/1", "dogs/old/1", "top"]),
        ("data/[!c]*s/?.wav", ["dogs/1"]),
        ("data/*.dat", ["raw"]),
        ("**/.hid*/*.wav", ["data/.hidden/1"]),
        ("dat[a]/dogs/old", ["data/dogs/old/1"]),
    ],
)
def test_patterns(pattern: str, found: list[str]) -> None:
    make("data/top.wav", "data/raw.dat", "data/.hidden/1.wav")
    make("data/dogs/1.wav", "data/dogs/old/1.wav", "data/dogs/old/notes.txt", "data/cats/1.wav")
    assert names(scan([pattern])) == found


def test_patterns_give_the_paths_that_a_shell_gives() -> None:
    make("x.wav", "data/x.wav")
    assert paths(scan(["*.wav", "data/*.wav"])) == [os.path.join("data", "x.wav"), "x.wav"]


@posix
def test_what_exists_is_no_pattern() -> None:
    make("take[1].wav", "take1.wav", "a*/x.wav", "ab/y.wav")
    assert paths(scan(["take[1].wav"])) == ["take[1].wav"]
    assert paths(scan(["a*"])) == ["a*/x.wav"]
    os.symlink("gone", "b*.wav")
    with pytest.raises(FileNotFoundError):
        scan(["b*.wav"])


# --- include, exclude, output ---------------------------------------------------------------


def test_include_and_exclude() -> None:
    make("data/dogs/1.wav", "data/dogs/2.flac", "data/cats/1.wav", "data/cats/1.WAV2.wav")
    make("data/raw/deep/3.wav")

    def found(**options: Any) -> list[str]:
        return names(scan("data", keep_suffix=True, **options))

    assert found(include=["*.flac"]) == found(include="*.flac") == ["dogs/2.flac"]
    assert found(include=["cats/*", "2.*"]) == ["cats/1.WAV2.wav", "cats/1.wav", "dogs/2.flac"]
    assert found(include=["*.wav"], exclude=["dogs/*", "raw"]) == ["cats/1.WAV2.wav", "cats/1.wav"]
    assert found(exclude=["*.W*", "deep", "1.wav"]) == ["dogs/2.flac"]  # case counts
    with pytest.raises(ValueError, match="nothing to convert"):
        scan("data", include=["*.FLAC"])


def test_exclude_concerns_what_is_named_too() -> None:
    make("data/a.wav", "data/b.wav")
    assert names(scan(["data/a.wav", "data/b.wav"], exclude=["b.*"])) == ["a"]
    assert names(scan(["data/*.wav"], exclude=["b.*"])) == ["a"]
    assert names(listed("data/a.wav", "data/b.wav", exclude=["data/b.*"])) == ["a"]


def test_an_excluded_folder_is_not_entered() -> None:
    make("data/a.wav", "data/raw/b.wav")
    os.chmod("data/raw", 0)
    try:
        assert scan("data", exclude=["raw"]).skipped == []
    finally:
        os.chmod("data/raw", 0o700)


def test_the_output_folder_is_not_searched() -> None:
    make("data/a.wav", "data/out/b.wav", "data/sub/out/c.wav")
    assert names(scan("data", output="data/out")) == ["a", "sub/out/c"]
    assert names(scan("data", output="data/sub/../out/")) == ["a", "sub/out/c"]
    assert len(scan("data", output="data/new").items) == 3
    assert len(scan("data", output="data").items) == 3  # images beside the sounds
    if os.name == "posix":
        os.symlink("data/out", "link")
        assert names(scan("data", output="link")) == ["a", "sub/out/c"]


# --- what is no file ------------------------------------------------------------------------


@posix
def test_links_to_sounds_that_are_not_there_are_told() -> None:
    make("data/a.wav")
    for name in ("annexed.m4a", "annexed.txt"):  # what git-annex has not fetched
        os.symlink("none", f"data/{name}")
    (skipped,) = scan("data").skipped
    assert (skipped.path, skipped.code) == ("data/annexed.m4a", "os_error")


@posix
def test_what_is_no_file_is_skipped_and_never_opened() -> None:
    make("data/good.wav")
    os.mkfifo("data/pipe.wav")
    os.mkfifo("data/pipe")  # nothing says that it is a sound
    os.symlink("/dev/null", "data/null.wav")
    os.symlink("pipe", "data/linked.flac")
    os.symlink("gone", "data/dangling.mp3")
    os.symlink("self.ogg", "data/self.ogg")
    os.symlink(".", "data/loop")
    os.symlink("..", "data/up.wav")
    os.symlink("gone", "data/class")  # it may have been a folder of sounds
    os.symlink("class", "data/rings")
    os.symlink("gone", "data/notes.txt")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind("data/socket.wav")
        result = scan("data")
        again = scan(["data/**/*.*", "data"])
    assert names(result) == ["good"]
    not_followed = "a link to a folder: those are not followed, but can be named"
    assert result.skipped == [
        Skipped("data/class", "os_error", "No such file or directory"),
        Skipped("data/dangling.mp3", "os_error", "No such file or directory"),
        Skipped("data/linked.flac", "not_a_file", "a FIFO, not a file"),
        Skipped("data/loop", "not_a_file", not_followed),
        Skipped("data/null.wav", "not_a_file", "a device, not a file"),
        Skipped("data/pipe.wav", "not_a_file", "a FIFO, not a file"),
        Skipped("data/rings", "os_error", "No such file or directory"),
        Skipped("data/self.ogg", "os_error", os.strerror(errno.ELOOP)),
        Skipped("data/socket.wav", "not_a_file", "a socket, not a file"),
        Skipped("data/up.wav", "not_a_file", not_followed),
    ]
    assert (again.items, again.skipped) == (result.items, result.skipped)
    named = scan(["data/pipe", "data/loop/loop"])  # a link that is named is followed
    assert names(named) == ["loop/loop/good"]
    assert Skipped("data/pipe", "not_a_file", "a FIFO, not a file") in named.skipped
    assert scan("data/pipe").items == []


@pytest.fixture
def nobody(here: Path) -> Iterator[None]:
    """Take root's powers away for a while, so that permissions mean something."""
    if os.name != "posix":
        pytest.skip("POSIX permissions")
    if os.geteuid() != 0:
        yield
        return
    here.chmod(0o755)
    try:
        os.seteuid(65534)
    except OSError:
        pytest.skip("root may not become somebody else here")
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def locked(here: Path) -> Iterator[None]:
    make("data/a.wav", "data/locked/b.wav")
    os.chmod("data", 0o755)
    os.chmod("data/locked", 0)
    yield
    os.chmod("data/locked", 0o700)


def test_a_folder_that_cannot_be_read_is_told(locked: None, nobody: None) -> None:
    result = scan("data")
    assert names(result) == ["a"]
    assert result.skipped == [Skipped("data/locked", "os_error", "Permission denied", "failed")]
    with pytest.raises(PermissionError):  # unless it is all that was asked for
        scan(["data/locked"])


# --- two sources, one output ----------------------------------------------------------------

CLASHES = [
    ["d/a.wav", "d/a.flac"],
    ["d/a.wav", "d/A.wav"],
    ["d/Straße.wav", "D/STRASSE.wav"],
    [f"d/{unicodedata.normalize(form, 'é')}.wav" for form in ("NFC", "NFD")],
    ["d/a.wav", "d/A.wav", "d/a.WAV", "d/a.mp3"],
    [{"path": "a.wav", "name": "x"}, {"path": "b.wav", "name": "x"}],
    [{"path": "a.wav", "name": "x", "offset": o} for o in (0, 1)],
    ["x_1.500s.wav", {"path": "x.wav", "offset": 1.5}],
    ["x.wav_1.500s", {"path": "x.wav", "offset": 1.5}],
]


@pytest.mark.parametrize("rows", CLASHES, ids=str)
def test_one_output_for_two_is_refused_and_keep_suffix_parts_them(rows: list[Any]) -> None:
    rows = [*rows, "z/other.wav"]
    if rows[0] != "x.wav_1.500s":
        with pytest.raises(ValueError, match="share an output; keep_suffix=True"):
            listed(*rows)
    result = listed(*rows, keep_suffix=True)
    folded = {unicodedata.normalize("NFC", s.casefold()) for s in names(result)}
    assert len(folded) == len(rows)
    assert "z/other.wav" in names(result)
    assert listed(*rows[::-1], keep_suffix=True).items == result.items


def test_real_twins_are_refused() -> None:
    make("data/a.wav", "data/a.flac", "data/b.wav")
    message = (
        "1 pair of sources would share an output; keep_suffix=True (--keep-suffix) parts them:\n"
        f"  {os.path.join('data', 'a.flac')} and {os.path.join('data', 'a.wav')} -> 'a'"
    )
    for options in ({}, {"shard": "2/2"}, {"fanout": True}):  # b alone is in the second part
        with pytest.raises(ValueError) as caught:
            scan("data", **options)
        assert str(caught.value) == message
    assert names(scan("data", keep_suffix=True)) == ["a.flac", "a.wav", "b.wav"]


def test_ten_pairs_are_listed_and_the_others_counted() -> None:
    with pytest.raises(ValueError) as caught:
        listed(*(f"{i:02}.{s}" for i in range(13) for s in ("wav", "mp3")))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("13 pairs of sources ")
    assert lines[1:3] == ["  00.mp3 and 00.wav -> '00'", "  01.mp3 and 01.wav -> '01'"]
    assert lines[11:] == ["  and 3 more"]


def test_marks_of_twins_depend_on_nothing_else() -> None:
    few = names(listed("data/a.wav", "data/A.wav", keep_suffix=True))
    more = names(listed("data/a.wav", "data/A.wav", "data/b.wav", keep_suffix=True))
    assert few == more[:2] == ["A.wav~b22e9a82", "a.wav~1bb39dcb"]
    moved = write_list("/mnt/a.wav", "/mnt/A.wav")
    assert names(scan(from_list=moved, keep_suffix=True)) == few


# --- names that fit -------------------------------------------------------------------------


def size(name: str) -> int:
    return len(os.fsencode(name))


@pytest.mark.parametrize("letter", ["x", "é", "\U00010348", "\udcff"])
def test_long_names_leave_room_for_what_follows(letter: str) -> None:
    if letter == "\udcff" and os.name == "nt":
        pytest.skip("names are text")
    room = 255 - 16  # "_", ten digits, ".json"
    long = [letter * (250 // size(letter)) + end for end in ("", "a", "b")]
    stems = names(listed(*(f"{name}.wav" for name in long)))
    assert len(set(stems)) == 3
    for stem in stems:
        assert stem.startswith(letter * 50)
        assert size(stem) <= room
        os.fsencode(stem).decode("utf-8", "surrogateescape" if letter == "\udcff" else "strict")

    fits = letter * (230 // size(letter))
    assert names(listed(f"{fits}.wav")) == [fits]
    folder = names(listed("0.wav", f"{fits}{fits}/x.wav"))[1].split("/")[0]
    assert size(folder) in range(252, 256)
    if fits.upper() != fits:
        twins = names(
            listed(
                {"path": "a", "name": fits}, {"path": "b", "name": fits.upper()}, keep_suffix=True
            )
        )
        assert [size(stem) for stem in twins] == [room, room]


def test_a_name_of_255_bytes_gets_an_output(here: Path) -> None:
    make("data/" + "n" * 251 + ".wav")
    (stem,) = names(scan("data"))
    make(f"out/{stem}_0000000003.png")


def test_fanout_spreads_below_the_class() -> None:
    rows = [f"data/{c}/{i}.wav" for c in ("cats", "dogs") for i in range(300)]
    plain, spread = listed(*rows), listed(*rows, fanout=True)
    assert [i.label for i in spread.items] == [i.label for i in plain.items]
    assert spread.items[0].stem == "cats/34/0"
    for a, b in zip(names(plain), names(spread), strict=True):
        folder, between, name = b.split("/")
        assert a == f"{folder}/{name}"
        assert len(between) == 2
        assert int(between, 16) >= 0
    assert len({s.rpartition("/")[0] for s in names(spread)}) > 300
    assert names(listed("0.wav", fanout=True)) == ["34/0"]
    assert listed("0.wav", fanout=True).items[0].label is None


# --- parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40])
def test_shards_are_disjoint_and_complete(n: int) -> None:
    make(*(f"data/{i}.wav" for i in range(23)))
    if os.name == "posix":
        for i in range(5):
            os.symlink("gone", f"data/{i}.mp3")
    whole = scan("data")
    parts = [scan("data", shard=f"{i}/{n}") for i in range(1, n + 1)]
    assert {p.found for p in parts} == {23}
    assert [p.part for p in parts] == [f"{i}/{n}" for i in range(1, n + 1)]
    rows = itertools.zip_longest(*(p.items for p in parts))
    assert [item for row in rows for item in row if item] == whole.items
    assert sorted(s for p in parts for s in p.skipped) == whole.skipped
    assert len({len(p.items) for p in parts}) <= 2


def test_every_shard_knows_all_classes() -> None:
    rows: list[dict[str, Any] | str] = ["b/1.wav", "a/1.wav", {"path": "c/1.wav", "label": "z"}]
    for i in range(1, 5):
        result = listed(*rows, shard=f"0{i}/04")
        assert (result.labels, result.part) == (["a", "b", "z"], f"{i}/4")
    assert (listed("a/1.wav").labels, listed("a/1.wav").part) == (None, None)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2", "1/ 2", ""])
def test_bad_shards(shard: str) -> None:
    with pytest.raises(ValueError, match=r"shard must be I/N with 1 <= I <= N, got"):
        scan(shard=shard)


# --- lists ----------------------------------------------------------------------------------


def test_lists_of_paths(here: Path) -> None:
    text = b"\xef\xbb\xbfdata/dogs/1.wav\r\n\n  \ndata/cats/ 2 .dat\ndata/cats/\xff.wav\ndata/-"
    Path("list.txt").write_bytes(text)
    result = scan(from_list="list.txt")
    odd = b"\xff".decode("utf-8", "surrogateescape")
    assert paths(result) == [
        "data/-",
        "data/cats/ 2 .dat",
        f"data/cats/{odd}.wav",
        "data/dogs/1.wav",
    ]
    assert names(result) == ["-", "cats/ 2 ", f"cats/{odd}", "dogs/1"]
    assert [i.label for i in result.items] == [None, "cats", "cats", "dogs"]


def test_the_list_may_be_standard_input() -> None:
    code = "from melpix.dataset.sources.scan import scan; print(scan(from_list='-').items)"
    run = subprocess.run(
        [sys.executable, "-c", code], input=b"a/x.wav\nb/y.wav\n", capture_output=True, check=True
    )
    assert run.stdout.decode().count("Item(") == 2


ROWS: list[dict[str, Any]] = [
    {"path": 'a/"x", y.wav', "offset": 0.5, "duration": 2, "label": "dog", "name": None},
    {"path": "a/x.wav", "offset": None, "duration": None, "label": None, "name": "b/c"},
    {"path": "b/é.wav", "offset": 0, "duration": 0, "label": "3", "name": "d"},
]


@pytest.mark.parametrize("column", ["path", "file", "file_name", "audio", "filename"])
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "JSONL"])
def test_tables(column: str, suffix: str) -> None:
    rows = [{column: r["path"], "other": "?", **{k: r[k] for k in r if k != "path"}} for r in ROWS]
    name = f"list.{suffix}"
    if suffix == "csv":
        import csv

        with open(name, "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, [f" {k}" for k in rows[0]])
            writer.writeheader()
            writer.writerows({f" {k}": v for k, v in row.items()} for row in rows)
            file.write("\r\n")
    elif suffix == "parquet":
        pa = pytest.importorskip("pyarrow")
        pq = pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.Table.from_pylist(rows), name)
    else:
        write_list(*rows, name=name)
    result = scan(from_list=name)
    assert result.items == [
        Item('a/"x", y.wav', 'a/"x", y_0.500s', "dog", 0.5, 2.0),
        Item("a/x.wav", "b/c", "b"),
        Item("b/é.wav", "d", "3", 0.0, 0.0),
    ]


def test_bytes_that_are_no_text_in_tables() -> None:
    if os.name != "posix":
        pytest.skip("names are text")
    Path("list.csv").write_bytes(b"path,label\n\xff.wav,a\n")
    Path("list.jsonl").write_text('\n{"path": "\\udcff.wav", "label": "a"}\n')
    assert scan(from_list="list.csv").items == scan(from_list="list.jsonl").items
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"path": [b"\xff.wav"], "label": ["a"]}), "list.parquet")
    assert scan(from_list="list.parquet").items == scan(from_list="list.csv").items


LOCALES = {"C": "ascii", "en_US.ISO-8859-1": "iso8859-1"}


@posix
@pytest.mark.parametrize("locale", LOCALES)
def test_lists_are_utf8_in_every_locale(here: Path, locale: str) -> None:
    """In one that is not, Python writes the names of files in another way."""
    path, label, name = "d\u00e9/\u00fc \u20ac.wav", "\u00e9t\u00e9", "n\u00f6/1"
    make(path.encode(), b"\xff.wav")
    row = {"path": path, "label": label, "name": name}
    Path("a.txt").write_bytes(b"\xef\xbb\xbf" + path.encode() + b"\n\xff.wav\n")
    Path("b.csv").write_bytes(f"path,label,name\n{path},{label},{name}\n".encode("utf-8-sig"))
    Path("c.jsonl").write_bytes(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    Path("d.jsonl").write_text(json.dumps(row) + '\n{"path": "\\udcff.wav"}\n', "ascii")
    lists = ["a.txt", "b.csv", "c.jsonl", "d.jsonl", "-"]
    with contextlib.suppress(ImportError):
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist([row]), "e.parquet")
        lists.append("e.parquet")
    code = """if True:
        import json, os, sys
        from melpix.dataset.sources.scan import scan
        found = [sys.getfilesystemencoding()]
        for name in sys.argv[1:]:
            for item in scan(from_list=name).items:
                path, stem = os.fsencode(item.path), os.fsencode(item.stem)
                found.append([path.hex(), stem.hex(), item.label, os.path.exists(item.path)])
        print(json.dumps(found))
        """
    folders = {"LOCPATH": str(here)} if locale != "C" else {}
    environment = {**os.environ, **folders, "LC_ALL": locale, "PYTHONUTF8": "0"}
    environment["PYTHONCOERCECLOCALE"] = "0"
    if locale != "C":
        make_locale = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(here / locale)]
        try:
            subprocess.run(make_locale, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("this system cannot make a locale")
    run = subprocess.run(
        [sys.executable, "-c", code, *lists],
        env=environment,
        input=Path("a.txt").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    encoding, *found = json.loads(run.stdout)
    if encoding != LOCALES[locale]:
        pytest.skip(f"names are {encoding} all the same")
    encoded = path.encode()
    tables = [each for each in found if each[2] == label]
    assert tables == [[encoded.hex(), name.encode().hex(), label, True]] * (len(lists) - 2)
    others = {(bytes.fromhex(path), bytes.fromhex(stem)) for path, stem, *_ in found} - {
        (encoded, name.encode())
    }
    assert others >= {(b"\xff.wav", b"\xff")}
    assert all(path in (encoded, b"\xff.wav") for path, _ in others)
    assert all(exists for *_, exists in found)


def test_other_encodings_are_told() -> None:
    """Of bytes that are no UTF-8, a path may consist, but no text."""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        bom = "" if encoding.endswith(("16", "32")) else "\ufeff"
        for name, text in (("l.txt", "a.wav\n"), ("l.csv", "path\na.wav\n"), ("l.jsonl", "{}\n")):
            Path(name).write_bytes((bom + text).encode(encoding))
            with pytest.raises(ValueError, match=f"'{name}', line 1: must be UTF-8, but"):
                scan(from_list=name)
    Path("l.csv").write_bytes("path,label\na.wav,dog\nb.wav,caf\u00e9\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"'l.csv', line 3: label must be text in UTF-8"):
        scan(from_list="l.csv")


def test_parts_of_a_file_have_names_of_their_own() -> None:
    parts = [(0, None), (0, 3), (3, None), (12.5, 2), (12.5, 2.25), (0.1234567, 1), (1e-7, None)]
    rows = [{"path": "x.wav", "offset": o, "duration": d} for o, d in parts]
    result = listed(*rows, *rows)
    assert [(i.stem, i.offset, i.duration) for i in result.items] == [
        ("x+3.000s", 0.0, 3.0),
        ("x", 0.0, None),
        ("x_1e-07s", 1e-7, None),
        ("x_0.1234567s", 0.1234567, 1.0),
        ("x_3.000s", 3.0, None),
        ("x_12.500s+2.000s", 12.5, 2.0),
        ("x_12.500s+2.250s", 12.5, 2.25),
    ]
    assert names(listed({"path": "x.wav", "duration": 3})) == ["x"]
    assert names(listed({"path": "x.wav", "offset": 3}, keep_suffix=True)) == ["x.wav_3.000s"]


def test_lists_and_folders_together() -> None:
    make("data/dogs/1.wav", "data/dogs/2.wav")
    write_list({"path": "data/dogs/1.wav", "label": "hound"})
    result = scan("data", from_list="list.jsonl")
    assert [(i.stem, i.label) for i in result.items] == [("dogs/1", "hound"), ("dogs/2", "dogs")]


def test_two_labels_for_one_output_are_refused() -> None:
    rows = [{"path": "x.wav", "label": label} for label in ("dog", "cat")]
    with pytest.raises(ValueError, match=r"'x.wav' has two labels, 'cat' and 'dog'.*'name'"):
        listed(*rows)
    assert len(listed(*({**r, "name": r["label"]} for r in rows)).items) == 2


FILE = "must be the path of a file, got"
SECONDS = "must be a number of seconds >= 0, got"
COLUMNS = "must have one of the columns path, file, file_name, audio, filename; has"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.txt", b"a.wav\nb\0.wav", f"line 2: path {FILE} 'b\\x00.wav'"),
        ("l.txt", b"/", f"line 1: path {FILE} '/'"),
        ("l.csv", b"path,offset\na.wav,1\nb.wav,x1\n", f"line 3: offset {SECONDS} 'x1'"),
        ("l.csv", b"path,offset\na.wav,nan\n", f"line 2: offset {SECONDS} 'nan'"),
        ("l.csv", b"path,duration\na.wav,-1\n", f"line 2: duration {SECONDS} '-1'"),
        ("l.csv", b"path,label\n,dog\n", f"line 2: path {FILE} ''"),
        ("l.csv", b"path,label\na,b.wav,dog\n", "line 2: has 3 fields, the header has 2"),
        ("l.csv", b'path\n"a"b\n', "line 2: ',' expected after '\"'"),
        ("l.csv", b"name;offset\nx;1\n", f"line 1: {COLUMNS} 'name;offset'"),
        ("l.jsonl", b'{"path": "a.wav"}\n{"label": 3}\n', f"line 2: {COLUMNS} 'label'"),
        ("l.jsonl", b"[]\n", "line 1: must be a JSON object, got []"),
        ("l.jsonl", b'{"path": 3}\n', f"line 1: path {FILE} 3"),
        ("l.jsonl", b'{"path": "\\ud800"}\n', f"line 1: path {FILE} '\\ud800'"),
        ("l.jsonl", b'{"path": "a", "offset": true}\n', f"line 1: offset {SECONDS} True"),
        ("l.jsonl", b'{"path": "a", "offset": 1%s}' % (b"0" * 400), f"line 1: offset {SECONDS} 10"),
        ("l.jsonl", b'{"path": "a", "duration": Infinity}', f"line 1: duration {SECONDS} inf"),
        ("l.jsonl", b'{"path": "a", "label": 1.5}', "line 1: label must be text or an integer"),
        ("l.jsonl", b'{"path"\n', "line 1: Expecting ':' delimiter"),
        ("l.jsonl", b"[" * 100_000, "line 1: "),
        ("l.parquet", b"PAR1 no", "row 1: cannot be read as Parquet: "),
    ],
)
def test_bad_rows_are_named(name: str, content: bytes, message: str) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    Path(name).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        scan(from_list=name)
    assert str(caught.value).startswith(f"'{name}', {message}")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/./x", "..", ".", "/x", "a//x", "a/"])
def test_names_cannot_leave_the_output_folder(name: str) -> None:
    for bad in (name, name.replace("/", "\\"), f"C:{name}", f"{name}\0", f"{name}\ud800"):
        with pytest.raises(ValueError, match=r"^'list.jsonl', line 2: name must be a path inside"):
            listed("a.wav", {"path": "b.wav", "name": bad})


@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl"])
def test_rows_without_end_take_no_memory(suffix: str, here: Path) -> None:
    with open(f"list.{suffix}", "wb") as file:
        file.truncate(2**31)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"line 1: must be at most {MAX_ROW} bytes long"):
            scan(from_list=f"list.{suffix}")
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_ROW
    finally:
        tracemalloc.stop()
    os.unlink(f"list.{suffix}")


def test_a_csv_row_of_many_lines_is_bounded() -> None:
    with open("list.csv", "w") as file:
        file.write("path\n")
        file.writelines('"\n",' for _ in range(MAX_ROW // 3))
    with pytest.raises(ValueError, match=f"must be at most {MAX_ROW} bytes long"):
        scan(from_list="list.csv")


def test_parquet_with_sounds_inside_is_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"audio": [{"bytes": b"", "path": "a.wav"}]}), "list.parquet")
    with pytest.raises(ValueError, match=r"audio must hold paths, holds struct<bytes: binary"):
        scan(from_list="list.parquet")


def test_damaged_parquet_is_a_value_error() -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"path": [f"{i}.wav" for i in range(500)]}), "good.parquet")
    good = Path("good.parquet").read_bytes()
    rng = random.Random(4)
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(4):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        Path("bad.parquet").write_bytes(bad)
        with contextlib.suppress(ValueError):
            scan(from_list="bad.parquet")


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    make("list.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'melpix\[parquet\]'"):
        scan(from_list="list.parquet")
