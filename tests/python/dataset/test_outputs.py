# SPDX-License-Identifier: MIT
"""Trees, tar and Parquet shards: whole or not there, the same bytes again, read by real readers."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, SignalError, read_png
from melpix.dataset.outputs.parquet import Parquet
from melpix.dataset.outputs.record import Record, encode_line, read_records
from melpix.dataset.outputs.shard_names import parse_shard_name, shard_name
from melpix.dataset.outputs.shards import Format, Shards, escape
from melpix.dataset.outputs.tree import Tree, leads_out, npy_bytes, sample_name
from melpix.dataset.outputs.webdataset import WebDataset, header
from melpix.errors import MelpixError
from melpix.files import Place, clean
from melpix.image.write import encode_png

CLASSES = ["cats", "dogs"]
# What names of files may hold, where the system takes it.
NAMES = [
    "dogs/bark",
    "dogs/bark.2.final",
    "v1.0/.hidden/x",
    "__MACOSX__/__x__",
    "a_/_b/__/___",
    "two\nlines\tand\x7f",
    "100%25 %2E",
    "-leading 'quotes\" \\ \N{BLACK STAR}",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}/cafe\N{COMBINING ACUTE ACCENT}",
    "latin\udce9/\udcff",
    f"{'long' * 30}/{'er' * 120}",
]


# webdataset leaves the shards it has read to the garbage collector.
closes_late = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def picture(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (8, 5 + i % 3)).astype(np.uint8)


def record(i: int) -> Record:
    """A line of the manifest, with what is rare only where it is late."""
    return Record(
        f"recordings/{i}.wav",
        status="ok",
        size=1000 + i,
        mtime_ns=i,
        label=CLASSES[i % 2],
        window=i,
        offset=i / 2,
        duration=8.9,
        rows=8,
        columns=5 + i % 3,
        sr=22050,
        lo=-20.7,
        hi=-float(i),
        params="0123456789abcdef",
        flags=None if i < 7 else ["constant", "short"],
        heard=None if i < 7 else ["a\ufffdb"],
    )


def done(source: str, **facts: Any) -> Record:
    return Record(source, status="ok", **facts)


def known(record: Record, *without: str) -> dict[str, Any]:
    facts = dataclasses.asdict(record)
    return {k: v for k, v in facts.items() if v is not None and k not in without}


def add(shards: Shards, format: Format, name: str, payload: bytes, record: Record) -> list[Record]:
    """Add a sample as a worker sends it; return the records that it made durable."""
    sample = pickle.loads(pickle.dumps(format.packer))(name, record, len(payload))
    return records(shards.add(pickle.loads(pickle.dumps(sample)), payload))


def records(lines: list[bytes]) -> list[Record]:
    return [record for _, record in read_records(io.BytesIO(b"".join(lines)))]


def fill(
    folder: Path, format: Format, count: int, first: int = 0, **options: Any
) -> list[list[Record]]:
    """Add `count` samples; return what each call made durable."""
    with Shards(str(folder), format, **options) as shards:
        return [
            *(add_clip(shards, format, i) for i in range(first, count)),
            records(shards.finish()),
        ]


def add_clip(shards: Shards, format: Format, i: int) -> list[Record]:
    name = f"{CLASSES[i % 2]}/clip.{i:04d}"
    return add(shards, format, name, encode_png(picture(i)), record(i))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(params=["tar", "parquet"])
def format(request: pytest.FixtureRequest) -> Format:
    if request.param == "tar":
        return WebDataset()
    pytest.importorskip("pyarrow")
    return Parquet(CLASSES)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Hugging Face datasets without a network, with its cache in a temporary folder."""
    pytest.importorskip("PIL")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        for name in ("HF_HOME", "HF_DATASETS_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp("hf")))
        module = pytest.importorskip("datasets")
        module.disable_progress_bars()
        yield module


# --- trees ------------------------------------------------------------------------------------


def test_a_tree_grows_its_folders(tmp_path: Path) -> None:
    tree = pickle.loads(pickle.dumps(Tree(str(tmp_path), ".png")))
    assert tree.write(sample_name("a/b/c"), b"whole") == "a/b/c.png"
    assert tree.write(sample_name("a/b/c", 3), b"window") == "a/b/c_0003.png"
    assert tree.write(sample_name("a/b/c"), b"again") == "a/b/c.png"
    assert contents(tmp_path / "a" / "b") == {"c.png": b"again", "c_0003.png": b"window"}
    shutil.rmtree(tmp_path / "a")  # under its feet
    assert tree.write("a/d", b"") == "a/d.png"


@pytest.mark.parametrize("replaced", [True, False])
def test_no_other_folder_is_written_into(tmp_path: Path, format: Format, replaced: bool) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    place = Place.of(str(folder))
    trees = [Tree(str(folder), ".png", place) for _ in range(2)]
    trees[0].write("a/1", b"old")
    shards = [Shards(str(folder), format, place=place, max_count=2) for _ in range(2)]
    add(shards[0], format, "a", b"x", record(0))
    folder.rename(tmp_path / "elsewhere")
    if replaced:
        folder.mkdir()
    for tree in trees:
        with pytest.raises(FileNotFoundError):
            tree.write("a/2", b"new")
        tree.remove(["a/1.png"])
    for shard in shards:
        with pytest.raises(FileNotFoundError):
            add(shard, format, "b", b"x", record(1))
    assert folder.exists() == replaced
    assert not replaced or not any(folder.iterdir())
    assert contents(tmp_path / "elsewhere" / "a") == {"1.png": b"old"}


@pytest.mark.parametrize("name", NAMES)
def test_a_tree_takes_any_name(tmp_path: Path, name: str) -> None:
    tree = Tree(str(tmp_path), ".npy")
    try:
        os.makedirs(f"{tmp_path}/x/{name}")
    except (OSError, ValueError):
        pytest.skip("this system has no such names")
    assert tree.write(name, b"1") == f"{name}.npy"
    assert Path(f"{tmp_path}/{name}.npy").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//x", "./x", "a/.."])
def test_a_tree_keeps_inside_its_folder(tmp_path: Path, name: str) -> None:
    tree = Tree(str(tmp_path / "out"), "" if name.endswith("..") else ".png")
    with pytest.raises(ValueError, match="name must stay inside the folder"):
        tree.write(name, b"")
    with pytest.raises(ValueError, match="name must stay inside the folder"):
        tree.remove([name])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        *("..\\x", "a\\..\\..\\x", "a/..\\..\\x", "\\x", "\\\\server\\share\\x", "a\\", "a\\\\x"),
        *("C:\\x", "C:x", "C:/x", "a/C:x", "x:stream", "a/x:stream:$DATA", ".\\x", "a. \\x"),
        *("CON", "a/nul.png", "Aux .png", "com1", "LPT\u00b9.x", "CONIN$", "x.", "x ", "a./x"),
        *("...", "../x", "a/../x", "/x"),
    ],
)
def test_what_leads_out_on_windows(name: str) -> None:
    """There, names are parted by more, and some mean devices, streams or shorter names."""
    assert leads_out(name, windows=True)


@pytest.mark.parametrize(
    "name",
    ["x.png", "a/b.c/x.png", "a b/x y", ".x", "a..b/x", "CONE", "x.con", "com", "COM0", "NULL.x"],
)
def test_what_stays_inside_on_windows(name: str) -> None:
    assert not leads_out(name, windows=True)
    assert not leads_out(name, windows=False)


@pytest.mark.parametrize("name", [r"..\x", r"a\..\..\x", r"a/..\..\x", r"\x", r"\\server\x"])
def test_a_tree_removes_nothing_that_leads_out_on_any_system(tmp_path: Path, name: str) -> None:
    """Its manifest may come from another one. (Here it may be a file's name like any other.)"""
    tree = Tree(str(tmp_path), "")
    with pytest.raises(ValueError, match="name must stay inside the folder"):
        tree.remove([name])


def test_windows_of_one_source_are_there_together_or_not_at_all(tmp_path: Path) -> None:
    tree = Tree(str(tmp_path), ".png")
    with tree.all_or_none() as write:
        assert [write(f"c/good_{i:04d}", b"x") for i in range(2)] == [
            "c/good_0000.png",
            "c/good_0001.png",
        ]
    (tmp_path / "c" / "bad_0002.png").mkdir()  # no file can take its place

    def fail() -> None:
        with tree.all_or_none() as write:
            for i in range(4):
                write(f"c/bad_{i:04d}", b"x")

    with pytest.raises(OSError) as caught:
        fail()
    assert caught.value.filename == f"{tmp_path}/c/bad_0002.png"
    assert sorted(os.listdir(tmp_path / "c")) == [
        "bad_0002.png",
        "good_0000.png",
        "good_0001.png",
    ]
    tree.remove(["c/good_0000.png", "c/never.png"])
    assert sorted(os.listdir(tmp_path / "c")) == ["bad_0002.png", "good_0001.png"]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_a_file_has_the_usual_permissions_and_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    (tmp_path / "a.png").symlink_to(elsewhere)
    before = os.umask(0o027)
    try:
        Tree(str(tmp_path), ".png").write("a", b"new")
    finally:
        os.umask(before)
    assert elsewhere.read_bytes() == b"precious"
    assert stat.S_IMODE((tmp_path / "a.png").lstat().st_mode) == 0o640


def test_clean_removes_what_killed_runs_left_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    kept = ["a/x.png", ".melpix.lock", "manifest.jsonl", "b/melpix-1.tmp", "b/.melpix-1.tmp.png"]
    stale = ["a/.melpix-00ff.tmp", "a/b/c/.melpix-1.tmp", ".melpix-shard-000003.tmp"]
    for name in [*kept, *stale]:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    (out / "c" / ".melpix-2.tmp").mkdir(parents=True)
    if os.name == "posix":
        (tmp_path / ".melpix-3.tmp").touch()
        (out / "up").symlink_to(tmp_path, target_is_directory=True)
    assert clean(str(out)) == 3
    assert all((out / name).exists() for name in kept)
    assert not any((out / name).exists() for name in stale)
    assert clean(str(out)) == 0
    assert os.name != "posix" or (tmp_path / ".melpix-3.tmp").exists()


@pytest.mark.parametrize(
    "own", ["melpix.json", ".melpix.lock", "melpix-1-of-2.json", ".melpix-2-of-2.lock"]
)
def test_clean_leaves_a_dataset_below_to_its_own_runs(tmp_path: Path, own: str) -> None:
    for name in ("a/.melpix-1.tmp", "a/b/.melpix-2.tmp", "a/b/c/.melpix-3.tmp", f"a/b/{own}"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert clean(str(tmp_path)) == 1
    assert (tmp_path / "a/b/.melpix-2.tmp").exists()
    assert (tmp_path / "a/b/c/.melpix-3.tmp").exists()
    assert clean(str(tmp_path / "a" / "b")) == 2


def grown(folder: Path) -> dict[str, np.ndarray]:
    """A tree as a run leaves it: two classes, and the run's own files at its top."""
    for name in ("manifest.jsonl", "melpix.json", ".melpix.lock"):
        (folder / name).write_text("{}\n")
    tree = Tree(str(folder), ".png")
    return {
        tree.write(sample_name(f"{CLASSES[i % 2]}/x", i), encode_png(picture(i))): picture(i)
        for i in range(9)
    }


def test_imagefolder_of_datasets_reads_a_tree(tmp_path: Path, datasets: ModuleType) -> None:
    images = grown(tmp_path)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(tmp_path), split="train")
    assert len(loaded) == len(images)
    assert loaded.features["label"].names == CLASSES
    for row, output in zip(loaded, sorted(images), strict=True):
        assert np.array_equal(np.asarray(row["image"]), images[output])
        assert CLASSES[row["label"]] == output.split("/")[0]


def test_imagefolder_of_torchvision_reads_a_tree(tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision.datasets", exc_type=ImportError)
    images = grown(tmp_path)
    loaded = torchvision.ImageFolder(str(tmp_path))
    assert len(loaded) == len(images)
    assert loaded.classes == CLASSES
    for (image, label), output in zip(loaded, sorted(images), strict=True):
        assert np.array_equal(np.asarray(image.convert("L")), images[output])
        assert CLASSES[label] == output.split("/")[0]


# --- features ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "error"), [("float32", 0), ("float16", 0.008)])
def test_npy_holds_the_features(dtype: str, error: float) -> None:
    y = np.random.default_rng(0).uniform(-1, 1, 22050).astype(np.float32)
    y[:5000] *= 1e-6
    features = Frontend().features(y)
    data = npy_bytes(features, dtype)
    loaded = np.load(io.BytesIO(data))
    assert loaded.dtype == dtype
    assert loaded.shape == features.shape
    assert np.abs(loaded.astype(np.float32) - features).max() <= error
    assert data[:8] == b"\x93NUMPY\x01\x00"
    assert data == npy_bytes(np.asfortranarray(features).astype(">f4"), dtype)


def test_npy_refuses_what_would_not_come_back() -> None:
    features = np.full((2, 3), 65519, np.float32)
    assert np.load(io.BytesIO(npy_bytes(features, "float16"))).max() == 65504
    for value in (65520, -70000, np.inf):
        features[1, 1] = value
        npy_bytes(features)
        with pytest.raises(SignalError, match="float16 ends at 65504, but features reach") as e:
            npy_bytes(features, "float16")
        assert e.value.code == "overflow"
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float16', got 'int8'"):
        npy_bytes(features, "int8")


# --- records ------------------------------------------------------------------------------------


def line(**facts: Any) -> bytes:
    return json.dumps({"source": "a.wav", "status": "failed", **facts}).encode() + b"\n"


def test_a_record_comes_back_from_its_line() -> None:
    given = [record(0), record(9), Record("l\udce9", part=[0.5, None], status="skipped")]
    given += [dataclasses.replace(record(1), output="shard-000000.tar/a.png", shard_size=3)]
    for one in given:
        one.output = one.output or "a.png"
        encoded = encode_line(one)
        facts = json.loads(encoded)
        assert list(facts) == sorted(facts)
        assert facts == known(one)
        for lenient in (False, True):
            ((data, found),) = read_records(io.BytesIO(encoded), lenient=lenient)
            assert (data, found) == (encoded, one)
        assert pickle.loads(pickle.dumps(one)) == one == one.copy()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"size": "1"}, {"rows": 1.5}, {"lo": "x"}, {"part": [1, "2"]}, {"flags": ["a", 1]}),
        *({"label": 1}, {"output": 1.5}, {"heard": "x"}, {"window": True}, {"code": []}),
    ],
)
def test_one_reader_is_strict_or_lenient(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(line(code="b", later="unknown") + line(**wrong))
    with open(path, "rb") as file:
        records = read_records(file)
        assert next(records)[1] == Record("a.wav", status="failed", code="b")
        with pytest.raises(MelpixError, match="line 2 is not melpix's") as caught:
            next(records)
    assert caught.value.code == "bad_manifest"
    with open(path, "rb") as file:
        _, (_, found) = read_records(file, lenient=True)
    if "output" in wrong:
        assert found is None
        return
    assert found is not None
    for field in dataclasses.fields(Record):
        value = getattr(found, field.name)
        assert value is None or type(value).__name__ in str(field.type) or type(value) is float


@pytest.mark.parametrize(
    "other",
    [
        *(b"", b"null", b"{", b'{"status":"failed"}', b'{"source":"a","status":"ok"}', b"\xff"),
        *(b'{"source":"a","status":"pending"}', b'{"source":"a","status":"failed"} {}'),
    ],
)
def test_what_is_no_record(tmp_path: Path, other: bytes) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(line() + other + b"\n" + line())
    with open(path, "rb") as file:
        found = [record for _, record in read_records(file, lenient=True)]
    assert found == [Record("a.wav", status="failed"), None, Record("a.wav", status="failed")]
    with open(path, "rb") as file, pytest.raises(MelpixError, match="line 2 is not melpix's"):
        list(read_records(file))


def test_a_line_cut_short_ends_a_manifest() -> None:
    content = line() + line(message="x" * 99)[:-9]
    assert len(list(read_records(io.BytesIO(content)))) == 1
    (_, whole), (rest, none) = read_records(io.BytesIO(content), lenient=True)
    assert whole is not None
    assert none is None
    assert not rest.endswith(b"\n")


def test_an_overlong_line_is_one_line(tmp_path: Path) -> None:
    long = line(message="x" * (3 << 20)) + line(message="y" * (1 << 20))
    found = [record for _, record in read_records(io.BytesIO(long + line()), lenient=True)]
    assert found == [None, None, Record("a.wav", status="failed")]
    assert len(list(read_records(io.BytesIO(long)))) == 2


@pytest.mark.parametrize("mark", ["", "-1-of-4", "-12-of-345"])
@pytest.mark.parametrize("number", [0, 999_999, 1_000_000])
@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_names_of_shards_come_apart_again(mark: str, number: int, suffix: str) -> None:
    name = shard_name(mark, number, suffix)
    assert parse_shard_name(name) == (name, mark, number, None)
    assert parse_shard_name(f"{name}/a/b\n.png") == (name, mark, number, "a/b\n.png")


@pytest.mark.parametrize(
    "name",
    [
        *("a/shard-000000.tar/x", "shard-1.v2/a.png", "shard-00000.tar", "shard-000000.tar.gz/x"),
        *("shard-1-of-000000.tar", "shard-000000.tart/x", "shard-\u0661\u0661\u0661111.tar"),
    ],
)
def test_other_names_are_no_shards(name: str) -> None:
    assert parse_shard_name(name) is None


# --- shards: when they end, and what is durable ---------------------------------------------------


def test_records_are_given_back_when_their_shard_is_complete(
    tmp_path: Path, format: Format
) -> None:
    durable = fill(tmp_path, format, 10, max_count=4)
    assert [len(records) for records in durable] == [0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 2]
    names = [f"shard-{i:06d}{format.suffix}" for i in range(3)]
    assert sorted(os.listdir(tmp_path)) == names
    assert list(itertools.chain(*durable)) == [
        dataclasses.replace(
            record(i),
            output=f"{names[i // 4]}/{CLASSES[i % 2]}/clip%2E{i:04d}.png",
            shard_size=2 if i > 7 else 4,
        )
        for i in range(10)
    ]


def test_bytes_end_a_shard_too(tmp_path: Path) -> None:
    format = WebDataset(".npy")
    with Shards(str(tmp_path), format, max_bytes=1000) as shards:
        sizes = [400, 599, 1, 5000, 999]
        durable = [len(add(shards, format, f"{n}", bytes(n), done("a"))) for n in sizes]
        assert durable == [0, 0, 3, 1, 0]
        (last,) = records(shards.finish())
        assert last.output == "shard-000002.tar/999.npy"


def test_runs_that_share_a_folder_mark_their_shards(tmp_path: Path) -> None:
    for mark in ("-1-of-2", "-2-of-2"):
        durable = fill(tmp_path, WebDataset(), 1, mark=mark, index=7)
        assert durable[-1][0].output == f"shard{mark}-000007.tar/cats/clip%2E0000.png"
    names = ["shard-1-of-2-000007.tar", "shard-2-of-2-000007.tar"]
    assert sorted(os.listdir(tmp_path)) == names


def test_no_samples_make_no_shard(tmp_path: Path, format: Format) -> None:
    assert fill(tmp_path, format, 0) == [[]]
    assert fill(tmp_path, format, 4, max_count=4)[-1] == []
    assert os.listdir(tmp_path) == [f"shard-000000{format.suffix}"]


def test_an_error_on_the_way_discards_the_unfinished_shard(tmp_path: Path, format: Format) -> None:
    shards = Shards(str(tmp_path), format)

    def interrupt() -> None:
        with shards:
            add(shards, format, "a", b"x", record(0))
            assert os.listdir(tmp_path) == [".melpix-shard-000000.tmp"]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="shards must be open"):
        add(shards, format, "a", b"x", record(0))
    with pytest.raises(FileNotFoundError) as caught:
        fill(tmp_path / "nowhere", format, 1)
    assert caught.value.filename == f"{tmp_path}/nowhere/shard-000000{format.suffix}"


@pytest.mark.parametrize("name", ["index", "max_count", "max_bytes"])
def test_bounds_are_checked(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be >= "):
        Shards(str(tmp_path), WebDataset(), **{name: -1})  # type: ignore[arg-type]


KILLED = """
import os, signal, sys
from test_outputs import *
format = WebDataset() if sys.argv[2] == ".tar" else Parquet(CLASSES)
with Shards(sys.argv[1], format, max_count=8) as shards:
    for i in range(21):
        add_clip(shards, format, i)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(code: str, *arguments: str, before: tuple[str, ...] = ()) -> Any:
    command = [*before, sys.executable, "-W", "error", "-c", code, *arguments]
    path = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, timeout=60
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_continues_to_the_same_bytes(tmp_path: Path, format: Format) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    fill(whole, format, 30, max_count=8)
    done = run(KILLED, str(killed), format.suffix)
    assert done.returncode == -signal.SIGKILL, done.stderr
    complete = [f"shard-{i:06d}{format.suffix}" for i in range(2)]
    assert sorted(os.listdir(killed)) == [".melpix-shard-000002.tmp", *complete]
    assert clean(str(killed)) == 1
    fill(killed, format, 30, first=16, max_count=8, index=2)
    assert contents(killed) == contents(whole)


# --- full disks -----------------------------------------------------------------------------------

FILL = """
import errno, json, os, sys
from melpix.dataset.outputs.parquet import Parquet
from melpix.dataset.outputs.record import Record
from melpix.dataset.outputs.shards import Shards
from melpix.dataset.outputs.tree import Tree
from melpix.dataset.outputs.webdataset import WebDataset
folder, kind, limit = sys.argv[1:]
if int(limit):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
payload, written = os.urandom(20_000), 0
try:
    if kind == "tree":
        tree = Tree(folder, ".png")
        while True:
            tree.write(f"a/{written}", payload * (written + 1))
            written += 1
    format = Parquet() if kind == "parquet" else WebDataset()
    sample = format.packer("a", Record("a"), len(payload))
    with Shards(folder, format, max_count=15) as shards:
        while True:
            # The first shard fits, the second does not: neither on the disk nor in the limit.
            written += len(shards.add(sample, payload * (1 if written == 0 else 40)))
except OSError as error:
    sizes = {f: os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs}
    print(json.dumps([errno.errorcode[error.errno], error.filename, written, sizes]))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits and file systems of POSIX")
@pytest.mark.parametrize("kind", ["tree", "tar", "parquet"])
@pytest.mark.parametrize("fault", ["EFBIG", "ENOSPC"])
def test_a_full_disk_is_an_os_error_and_leaves_no_temporary_file(
    tmp_path: Path, kind: str, fault: str
) -> None:
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    mounted: tuple[str, ...] = ()
    if fault == "ENOSPC":  # a disk of one megabyte, gone with the process
        mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
        mounted = ("unshare", "-rm", "sh", "-c", mount, str(tmp_path))
        if shutil.which("unshare") is None or subprocess.run([*mounted, "true"]).returncode:
            pytest.skip("no right to mount a small file system")
    done = run(FILL, str(tmp_path), kind, "0" if mounted else "500000", before=mounted)
    assert done.stderr == ""
    code, filename, written, sizes = json.loads(done.stdout)
    assert code == fault
    if kind == "tree":
        assert written >= 3
        assert filename == f"{tmp_path}/a/{written}.png"
        assert sizes == {f"{i}.png": 20_000 * (i + 1) for i in range(written)}
    else:
        assert written == 15
        assert filename == f"{tmp_path}/shard-000001.{kind}"
        assert list(sizes) == [f"shard-000000.{kind}"]


# --- tar ------------------------------------------------------------------------------------------


def test_a_tar_holds_a_record_and_an_image_a_sample_and_nothing_of_this_machine(
    tmp_path: Path,
) -> None:
    fill(tmp_path, WebDataset(), 10)
    path = tmp_path / "shard-000000.tar"
    assert path.stat().st_size % tarfile.RECORDSIZE == 0
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        assert {(m.type, m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {
            (tarfile.REGTYPE, 0o644, 0, 0, "", "", 0)
        }
        assert [m.name for m in members[16:18]] == ["cats/clip%2E0008.json", "cats/clip%2E0008.png"]
        text, data = (tar.extractfile(m).read() for m in members[16:18])  # type: ignore[union-attr]
    expected = known(record(8), "status", "size", "mtime_ns")
    expected["sr"] = 22050.0
    assert text.decode("ascii") == json.dumps(expected, sort_keys=True, separators=(",", ":"))
    assert np.array_equal(read_png(data)[0], picture(8))


def test_headers_are_those_of_tarfile_for_names_of_any_length() -> None:
    rng = np.random.default_rng(3)
    for length in (*range(1, 130), *range(505, 520), 1000, 3000):
        name = "".join(rng.choice(list("ab_/%\N{BLACK STAR}\xe9"), length))
        for size in (0, 511, int(rng.integers(8 << 30)), (8 << 30) - 1):
            member = tarfile.TarInfo(name)
            member.size = size
            assert header(name, size) == member.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def test_a_line_is_completed_whatever_is_in_its_names(tmp_path: Path) -> None:
    odd = ['"output":"/', '\\"output":"/x', '"shard_size":0,', 'a"output":"/b","shard_size":0', "/"]
    lines = []
    with Shards(str(tmp_path), WebDataset()) as shards:
        for name in odd:
            one = done(name, stem=name, label=name, heard=[name, '"shard_size":0'])
            lines.append(dataclasses.replace(one, output=f"{escape(name)}.png"))
            add(shards, WebDataset(), name, b"", one)
        found = records(shards.finish())
    for one, line in zip(lines, found, strict=True):
        output = f"shard-000000.tar/{one.output}"
        assert line == dataclasses.replace(one, output=output, shard_size=len(odd))


def test_names_come_back_from_their_keys() -> None:
    for name in NAMES:
        key = escape(name)
        key.encode("utf-8")
        assert os.fsdecode(urllib.parse.unquote_to_bytes(key)) == name
        assert "." not in key
        assert not any(part.startswith("__") for part in key.split("/"))
    assert len({escape(name) for name in NAMES}) == len(NAMES)


@closes_late
def test_webdataset_reads_shards(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    with Shards(str(tmp_path), WebDataset(), max_count=4) as shards:
        for i, name in enumerate(NAMES):
            one = dataclasses.replace(record(i), source=name)
            add(shards, WebDataset(), name, encode_png(picture(i)), one)
        shards.finish()
    paths = sorted(str(path) for path in tmp_path.iterdir())
    assert len(paths) == 3
    samples = list(webdataset.WebDataset(paths, shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in samples] == [escape(name) for name in NAMES]
    for i, (name, sample) in enumerate(zip(NAMES, samples, strict=True)):
        assert {key for key in sample if not key.startswith("__")} == {"json", "png"}
        shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
        assert json.loads(sample["json"])["source"] == shown
        assert np.array_equal(read_png(sample["png"])[0], picture(i))


@closes_late
def test_webdataset_decodes_features(tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    features = np.linspace(-20, 3, 12, dtype=np.float32).reshape(3, 4)
    format = WebDataset(".npy")
    with Shards(str(tmp_path), format) as shards:
        add(shards, format, "a", npy_bytes(features), record(0))
        shards.finish()
    path = str(tmp_path / "shard-000000.tar")
    (sample,) = webdataset.WebDataset([path], shardshuffle=False, empty_check=False).decode()
    assert np.array_equal(sample["npy"], features)
    assert sample["json"]["label"] == "cats"


def test_datasets_reads_tar_shards(tmp_path: Path, datasets: ModuleType) -> None:
    # Some records have flags, and the first ones, of which datasets infers the types, have none.
    fill(tmp_path, WebDataset(), 12, max_count=9)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    rows = list(datasets.load_dataset("webdataset", data_files=paths, split="train"))
    assert [row["json"]["hi"] for row in rows] == [-i for i in range(12)]
    assert all(np.array_equal(np.asarray(row["png"]), picture(i)) for i, row in enumerate(rows))


@pytest.mark.skipif(os.name != "posix" or not shutil.which("tar"), reason="no tar here")
def test_the_systems_tar_extracts_shards(tmp_path: Path) -> None:
    names = [name for name in NAMES if name.isprintable()]
    with Shards(str(tmp_path), WebDataset()) as shards:
        for name in names:
            add(shards, WebDataset(), name, name.encode(), done(name))
        shards.finish()
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(
        ["tar", "-xf", "../shard-000000.tar"],
        check=True, cwd=out, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    for name in names:
        assert (out / f"{escape(name)}.png").read_bytes() == name.encode()
        assert (out / f"{escape(name)}.json").read_bytes() == json.dumps(
            {"source": name}, separators=(",", ":")
        ).encode()


# --- Parquet --------------------------------------------------------------------------------------


def test_datasets_reads_parquet_shards(tmp_path: Path, datasets: ModuleType) -> None:
    fill(tmp_path, Parquet(CLASSES), 250, max_count=220)
    paths = sorted(str(path) for path in tmp_path.iterdir())
    loaded = datasets.load_dataset("parquet", data_files=paths, split="train")
    assert isinstance(loaded.features["image"], datasets.Image)
    assert loaded.features["label"] == datasets.ClassLabel(names=CLASSES)
    assert loaded.features["flags"].feature == datasets.Value("string")
    for i, row in enumerate(loaded):
        assert np.array_equal(np.asarray(row.pop("image")), picture(i))
        assert row.pop("label") == i % 2
        given = {k: v for k, v in known(record(i)).items() if k in row}
        assert {k: v for k, v in row.items() if v is not None} == given
    one = datasets.Dataset.from_parquet(paths[1])
    assert len(one) == 30
    assert np.array_equal(np.asarray(one[0]["image"]), picture(220))
    pictures = one.cast_column("image", datasets.Image(decode=False))
    assert pictures[0]["image"]["path"] == "cats/clip%2E0220.png"


def test_datasets_reads_labels_that_are_text(tmp_path: Path, datasets: ModuleType) -> None:
    format = Parquet()
    with Shards(str(tmp_path), format) as shards:
        add(shards, format, "a", encode_png(picture(0)), done("latin\udce9", label="l\udce9"))
        add(shards, format, "b", encode_png(picture(1)), done("none"))
        shards.finish()
    path = str(tmp_path / "shard-000000.parquet")
    loaded = datasets.load_dataset("parquet", data_files=path, split="train")
    assert loaded["label"][:] == ["l\\udce9", None]
    assert loaded["source"][:] == ["latin\\udce9", "none"]


def test_row_groups_are_small_and_images_lie_as_they_are(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    noise = np.random.default_rng(0).bytes(3_000_000)
    format = Parquet()
    with Shards(str(tmp_path), format) as shards:
        for i in range(210):
            add(shards, format, f"{i}", encode_png(picture(i)), record(i))
        for i in range(8):
            add(shards, format, f"large{i}", noise, record(i))
        # What is not in the file yet is what memory holds.
        assert (tmp_path / ".melpix-shard-000000.tmp").stat().st_size > 15_000_000
        shards.finish()
    path = tmp_path / "shard-000000.parquet"
    metadata = parquet.ParquetFile(path).metadata
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert groups == [100, 100, 16, 2]
    data = path.read_bytes()
    assert data.count(noise) == 8
    assert encode_png(picture(7)) in data


def test_a_class_that_was_not_announced_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    format = Parquet(["cats"])
    shards = Shards(str(tmp_path), format)
    add(shards, format, "a", b"", record(0))
    with pytest.raises(ValueError, match="labels must name all classes, but 'dogs' is not among"):
        add(shards, format, "b", b"", record(1))
    assert os.listdir(tmp_path) == []


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'melpix\[parquet\]'"):
        Parquet()
