# SPDX-License-Identifier: MIT
"""Whatever befalls a run over a dataset, for real: nothing is lost, nothing half done stays."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from dataset_runs import (
    CONVERT,
    RATE,
    WITHOUT_INTERRUPTS,
    by_source,
    convert,
    convert_here,
    facts,
    images,
    make_sounds,
    manifest,
    sound,
    tree,
    write,
)
from melpix import Frontend, load, read_png
from melpix.dataset.dataset import convert_dataset
from melpix.dataset.outputs.lock import locked
from melpix.dataset.progress import Summary
from melpix.dataset.report.summary import summarise
from melpix.dataset.sources.scan import scan
from melpix.errors import MelpixError
from sounds import chirp, encode, flac_frames, patch, vbr_mp3, without_xing

OUT = Path("out")
GARBAGE = np.random.default_rng(5).bytes(3000)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["png", "webdataset", "parquet"])
def format(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return str(request.param)


# What befalls a file as the decoder opens it, or once it has read a part, by the file's name.
DECODER = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int victim = -1;
static char fate, name[4096];

static void befall(char what) {
  if (what == 'c') *(volatile int *)0 = 0;
  if (what == 'h') for (;;) pause();
}

static int faulty_open(const char *path, int flags, int mode) {
  int fd;
  if (strstr(path, "crash-me")) befall('c');
  if (strstr(path, "hang-me")) befall('h');
  if (strstr(path, "vanish-me")) unlink(path);
  fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (strstr(path, "-later.")) {
    victim = fd;
    strcpy(name, path);
    fate = strstr(path, "crash-later.") ? 'c' : strstr(path, "hang-later.") ? 'h' : 's';
  }
  return fd;
}

#define OPEN(name)                               \
  int name(const char *path, int flags, ...) {   \
    va_list more;                                \
    va_start(more, flags);                       \
    int mode = va_arg(more, int);                \
    va_end(more);                                \
    return faulty_open(path, flags, mode);       \
  }
OPEN(open)
OPEN(open64)

static void reach(int fd, off_t place) {
  if (fd != victim || place <= 200000) return;
  victim = -1;
  befall(fate);
  truncate(name, place);
}

ssize_t read(int fd, void *data, size_t size) {
  reach(fd, lseek(fd, 0, SEEK_CUR));
  return syscall(SYS_read, fd, data, size);
}

#define PREAD(name)                                            \
  ssize_t name(int fd, void *data, size_t size, off_t place) { \
    reach(fd, place);                                          \
    return syscall(SYS_pread64, fd, data, size, place);        \
  }
PREAD(pread)
PREAD(pread64)

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  if (strstr(to, "crash-at-the-end")) befall('c');
  return syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the system's calls do harm to the files that ask for it."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("no compiler for a library that crashes and hangs")
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faulty.c").write_text(DECODER)
    options = ["-shared", "-fPIC", "-O1", "-w", "-o", "faulty.so", "faulty.c"]
    subprocess.run([compiler, *options], cwd=folder, check=True)
    return {**os.environ, "LD_PRELOAD": str(folder / "faulty.so")}


def no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def two_seconds(kind: str) -> bytes:
    return encode(kind, chirp(2 * 48000, 2, 48000), 48000)


# --- files --------------------------------------------------------------------------------------


def hours(n: float) -> bytes:
    """A small file of many hours."""
    return encode("flac", np.zeros(int(n * 360_000), np.float32), 100, "PCM_S8")


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Content and code of sounds that cannot be converted."""
    whole = {kind: two_seconds(kind) for kind in ("wav", "flac", "vorbis", "opus", "mp3", "caf")}
    noise = chirp(1000).astype(np.float64)

    def with_value(value: float) -> bytes:
        y = noise.copy()
        y[500] = value
        return encode("wav", y, 44100, "DOUBLE")

    def cut(kind: str) -> bytes:
        return whole[kind][: int(0.6 * len(whole[kind]))]

    def broken(kind: str, n: int) -> bytes:
        data, middle = whole[kind], len(whole[kind]) // 2
        return data[:middle] + GARBAGE[:n] + data[middle + n :]

    no_sound = {
        "empty.wav": b"",
        "one-byte.flac": b"\0",
        "garbage.wav": GARBAGE,
        "text.wav": b"Dear diary, no sound today.\n" * 50,
        "header-alone.wav": whole["wav"][:20],
        "corrupt-header.wav": patch(whole["wav"], 16, "<I", 2**31 - 1),
        "no-rate.wav": patch(whole["wav"], 24, "<I", 0),
        "cut.flac": cut("flac"),
        "broken.flac": broken("flac", len(GARBAGE)),
        "an-hour-declared.flac": flac_frames(whole["flac"], 3600 * 48000),
        os.fsdecode(b"na\xefve\t'\"\n.wav"): GARBAGE,
    }
    return {
        **{name: (data, "decode_failed") for name, data in no_sound.items()},
        **{f"cut.{s}": (cut(k), "truncated") for s, k in (("wav", "wav"), ("ogg", "vorbis"))},
        **{f"cut.{s}": (cut(s), "truncated") for s in ("opus", "mp3", "caf")},
        "many-frames-declared.flac": (flac_frames(whole["flac"], 2**36 - 1), "too_long"),
        "eight-hours.flac": (hours(8), "too_long"),
        "eight-hours-streamed.flac": (flac_frames(hours(8), 0), "too_long"),
        "no-frames.wav": (encode("wav", np.zeros((0, 2)), 44100), "empty_audio"),
        "nan.wav": (with_value(np.nan), "non_finite"),
        "infinite.wav": (with_value(np.inf), "non_finite"),
        "slow.wav": (patch(sound(1000), 24, "<I", 99), "bad_sample_rate"),
        "fast.wav": (patch(sound(1000), 24, "<I", 10_000_001), "bad_sample_rate"),
        "voc.wav": (encode("VOC", chirp(2000), 44100, "PCM_16"), "unsupported_format"),
        "broken.mp3": (broken("mp3", 600), "truncated"),
        "adpcm.wav": (encode("WAV", chirp(5000), 44100, "IMA_ADPCM"), "unsupported_format"),
        "crash-me.wav": (sound(1000), "crashed"),
        "hang-me.wav": (sound(1000), "timeout"),
        "vanish-me.wav": (sound(1000), "os_error"),
    }


def test_every_fault_of_a_file_is_a_line_and_all_others_are_converted(
    here: Path, faulty: dict[str, str]
) -> None:
    for i in range(200):
        write(Path(f"in/good/{i:03d}.wav"), sound(500 + i))
    bad = bad_files()
    for name, (data, _) in bad.items():
        write(Path("in/bad") / name, data)
    codes = {name: ("failed", code) for name, (_, code) in bad.items()}
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir("in/bad")  # the name of a socket may not be long
        os.mkfifo("fifo.wav")
        os.mkfifo("pipe.m4a")
        listener.bind("socket.wav")
        os.symlink("/dev/zero", "device.wav")
        os.symlink("loop.wav", "loop.wav")
        os.symlink("nowhere.wav", "dangling.wav")
        os.symlink(".", "around.wav")
        os.mkdir("folder.wav")
        os.chdir(here)
        not_files = ("fifo", "socket", "device", "around")
        codes |= {f"{name}.wav": ("skipped", "not_a_file") for name in not_files}
        codes |= {f"{name}.wav": ("skipped", "os_error") for name in ("loop", "dangling")}
        codes["pipe.m4a"] = ("skipped", "not_a_file")
        options = ["--keep-suffix", "--strict", "--timeout", "3"]
        result = convert("in", "-o", OUT, *options, env=faulty, preexec_fn=no_core)

    assert result.code == 1, result.err
    assert images(OUT) == [f"good/{i:03d}.wav.png" for i in range(200)]
    lines = by_source(OUT)
    assert len(lines) == 200 + len(codes)
    wrong = {name: line for name, line in lines.items() if line["status"] != "ok"}
    assert {name: (line["status"], line["code"]) for name, line in wrong.items()} == codes
    for name, line in wrong.items():
        assert line["message"]
        assert "output" not in line
        if "na" in name and name != "nan.wav":
            assert line["source_hex"] == os.fsencode(line["source"]).hex()
    assert lines["crash-me.wav"]["message"] == "killed by SIGSEGV"
    assert lines["hang-me.wav"]["message"] == "not done after 3 s"
    assert any("Illegal" in line for line in lines["broken.mp3"]["heard"])
    # What goes wrong is told, a line each, but not without end; nothing of the decoders' own.
    told = result.err.splitlines()
    assert told[10] == "more failures are in the manifest alone"
    assert len(told) == 14
    assert (
        told[-1] == f"melpix: error: {len(bad)} of {200 + len(bad)} files failed: melpix report out"
    )
    assert result.out == ""
    (run,) = facts(OUT)["runs"]
    assert (run["images"], run["failed"], run["skipped"]) == (200, len(bad), 7)
    assert set(os.listdir(OUT)) == {"good", "manifest.jsonl", "melpix.json"}


def test_an_image_that_readers_would_refuse_is_not_made(here: Path) -> None:
    write(Path("in/eight-hours.flac"), hours(8))
    assert convert_here("in", "-o", OUT, "--max-duration", "30000") == 1
    (line,) = manifest(OUT)
    assert line["code"] == "image_too_large"
    assert "windows" in line["message"]
    windows = ["--time-steps", "1000", "--sr", "native", "--n-mels", "40"]
    assert convert_here("in", "-o", "cut", *windows) == 0
    assert len(images(Path("cut"))) == 2_880_000 // (1000 * 512)


def test_odd_sounds_are_converted_and_flagged(here: Path) -> None:
    mp3, wav = two_seconds("mp3"), two_seconds("wav")
    tiny = np.full(3000, 1e-40, np.float64)
    expected: dict[str, tuple[bytes, list[str]]] = {
        "cut.wav": (wav[: int(0.6 * len(wav))], ["truncated"]),
        "cut.mp3": (mp3[: int(0.6 * len(mp3))], ["truncated"]),
        "estimated.mp3": (without_xing(vbr_mp3()), ["length_estimated"]),
        "silent.wav": (encode("wav", np.zeros(3000), RATE), ["constant"]),
        "one-sample.wav": (sound(1), []),
        "six.wav": (encode("wav", chirp(3000, 6), 44100), []),
        "thousand.wav": (encode("wav", chirp(3000, 1000), 44100), []),
        "denormal.wav": (encode("wav", tiny, 44100, "DOUBLE"), ["constant"]),
        "streamed.flac": (flac_frames(two_seconds("flac"), 0), []),
    }
    for name, (data, _) in expected.items():
        write(Path("in") / name, data)
    assert convert_here("in", "-o", OUT, "--keep-suffix") == 0
    lines = by_source(OUT)
    assert {name: line.get("flags", []) for name, line in lines.items()} == {
        name: flags for name, (_, flags) in expected.items()
    }
    for name, line in lines.items():
        image, _ = read_png(OUT / line["output"])
        assert np.array_equal(image, Frontend().image(load(f"in/{name}")[0]))


NAMES = [
    b"two\nlines.wav",
    b"tab\there.wav",
    b"'single' and \"double\".wav",
    b"-leading.wav",
    b"--workers=9.wav",
    b"back\\slash.wav",
    b"caf\xe9.wav",
    b"\xff\xfe.wav",
    " \N{BLACK STAR}\u202e.wav".encode(),
    unicodedata.normalize("NFC", "\u00e9t\u00e9.wav").encode(),
    unicodedata.normalize("NFD", "\u00e9l\u00e8ve.wav").encode(),
    b"dots.in.it.wav",
    b"*?[x].wav",
    b"x" * 251 + b".wav",
]


@pytest.mark.parametrize("format", ["png", "webdataset"])
def test_names_of_any_bytes(here: Path, format: str) -> None:
    os.mkdir("in")
    for name in NAMES:
        try:
            write(Path(os.fsdecode(b"in/" + name)), sound(900))
        except OSError:
            pytest.skip("this system has no such names")
    write(Path(os.fsdecode(b"in/\xe9\nbroken.wav")), GARBAGE)
    result = convert("in", "-o", OUT, "--format", format)
    assert result.code == 1, result.err
    assert result.err.splitlines()[0].startswith(r"in/\udce9\nbroken.wav: decode_failed: ")
    lines = manifest(OUT)
    assert len(lines) == len(NAMES) + 1
    assert {os.fsencode(line["source"]) for line in lines} == {
        *(b"in/" + name for name in NAMES), b"in/\xe9\nbroken.wav",
    }  # fmt: skip
    for line in lines:
        exact = os.fsencode(line["source"])
        is_text = exact.decode(errors="ignore").encode() == exact
        assert line.get("source_hex") == (None if is_text else exact.hex())
        if format == "png" and line["status"] == "ok":
            stem = os.fsencode(line["stem"])
            assert exact == b"in/" + stem + b".wav" or len(exact) > 240
            assert read_png(OUT / line["output"])[0].shape[0] == 128
    before = tree(OUT)
    assert convert_here("in", "-o", OUT, "--format", format) == 1
    assert tree(OUT) == before
    # The same, named one by one.
    os.chdir("in")
    named = convert("-o", here / "named", "--format", format, "--", *sorted(NAMES))
    assert named.code == 0, named.err
    assert {line["stem"] for line in manifest(here / "named")} == {
        line["stem"] for line in lines if line["status"] == "ok"
    }


@pytest.mark.parametrize(
    "twins",
    [
        ["a.wav", "a.flac"],
        ["a.wav", "A.WAV"],
        [unicodedata.normalize(form, "caf\u00e9.wav") for form in ("NFC", "NFD")],
    ],
    ids=["suffix", "case", "Unicode"],
)
def test_two_inputs_of_one_output_are_refused(here: Path, twins: list[str]) -> None:
    for name in [*twins, "other.wav"]:
        write(Path("in") / name, sound(2000))
    if len(os.listdir("in")) < 3:
        pytest.skip("for this file system they are one")
    result = convert("in", "-o", OUT)
    assert result.code == 2
    assert "--keep-suffix" in result.err
    head, pair = result.err.splitlines()
    assert "\\n" not in head
    assert pair.startswith("  in")
    assert all(os.path.join("in", name) in pair for name in twins)
    assert "other" not in result.err
    assert not OUT.exists()
    assert convert_here("in", "-o", OUT, "--keep-suffix") == 0
    assert len(images(OUT)) == 3


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("a.png", ""),
        ("A.png/deep", ""),
        ("a_0001.png", "--time-steps 2"),
        ("a.npy", "--format npy"),
    ],
)
def test_an_output_that_would_be_a_folder_too_is_refused(
    here: Path, folder: str, options: str
) -> None:
    write(Path("in/a.wav"), sound(8000))
    write(Path("in", folder, "x.wav"), sound(8000))
    for more in ([], ["--dry-run"], ["--shard", "1/2"]):
        result = convert("in", "-o", OUT, *options.split(), *more)
        assert result.code == 2
        assert "would be an output and a folder of outputs; rename one of these" in result.err
        assert result.err.endswith(f"\n  in/a.wav and in/{folder}/x.wav\n")
        assert not OUT.exists()
    assert convert_here("in", "-o", OUT, "--format", "webdataset") == 0
    other = "npy" if "npy" not in options else "png"
    assert convert_here("in", "-o", "other", "--format", other) == 0


def test_a_path_given_twice_is_converted_once(here: Path) -> None:
    write(Path("in/a.wav"), sound(2000))
    write(Path("list.txt"), b"in/a.wav\n./in/../in/a.wav\n")
    same = ["in/a.wav", "in", here / "in" / "a.wav", "./in//a.wav", "in/*.wav"]
    assert convert_here(*same, "-o", OUT, "--from-list", "list.txt") == 0
    assert images(OUT) == ["a.png"]
    assert len(manifest(OUT)) == 1


@pytest.mark.parametrize("name", ["in/out", "in/cats", "in"])
def test_the_output_may_be_inside_the_input(here: Path, name: str) -> None:
    make_sounds(Path("in"), 4)
    if name == "in/out":  # what lies there is no source
        write(Path(name, "heard.wav"), sound(2000))
    expected = {"in/out": 4, "in/cats": 2, "in": 4}[name]
    for _ in range(2):
        assert convert_here("in", "-o", name) == 0
        assert len(images(Path(name))) == expected
        assert len(manifest(Path(name))) == expected


def test_links_are_no_way_round(here: Path) -> None:
    make_sounds(Path("in"), 2)
    os.symlink("..", "in/cats/up")
    os.symlink(here / "in", "in/dogs/again.wav")
    os.symlink("000.wav", "in/cats/link.wav")
    assert convert_here("in", "-o", OUT) == 0
    assert images(OUT) == ["cats/000.png", "cats/link.png", "dogs/001.png"]
    skipped = [line for line in manifest(OUT) if line["status"] == "skipped"]
    assert [line["code"] for line in skipped] == ["not_a_file"] * len(skipped)
    assert "in/dogs/again.wav" in [line["source"] for line in skipped]


def test_what_is_no_file_blocks_nobody_who_names_it(here: Path) -> None:
    os.mkfifo("pipe.wav")
    os.symlink("/dev/zero", "device.wav")
    os.mkdir("folder.wav")
    write(Path("good.wav"), sound(2000))
    assert convert_here("pipe.wav", "device.wav", "good.wav", "-o", OUT) == 0
    assert {line["code"] for line in manifest(OUT) if line["status"] == "skipped"} == {"not_a_file"}
    result = convert("pipe.wav", "device.wav", "-o", "none")
    assert result.code == 1
    assert result.err.endswith("melpix: error: nothing to convert: 2 passed over\n")
    write(Path("list.txt"), b"pipe.wav\ndevice.wav\nfolder.wav\nnone.wav\ngood.wav\n")
    assert convert_here("--from-list", "list.txt", "-o", "listed") == 1
    lines = by_source(Path("listed"))
    codes = {name: line.get("code") for name, line in lines.items()}
    assert codes == {
        "pipe.wav": "not_a_file", "device.wav": "not_a_file", "folder.wav": "os_error",
        "none.wav": "os_error", "good.wav": None,
    }  # fmt: skip
    assert lines["folder.wav"]["message"] == "Is a directory"


# --- sounds that nothing here reads -----------------------------------------------------------

M4A = b"\0\0\0\x20ftypM4A \0\0\2\0" + GARBAGE
OTHERS = {
    "a.m4a": M4A,
    "b.webm": b"\x1a\x45\xdf\xa3" + GARBAGE,
    "c.mp4": b"\0\0\0\x18ftypisom" + GARBAGE,
    "d.aac": b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(9) + b"\xff\xf1" + GARBAGE,
    "e.wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + GARBAGE,
    "f.AC3": b"\x0bw" + GARBAGE,
    "g.mka": b"\x1a\x45\xdf\xa3" + GARBAGE,
    "h.spx": b"OggS" + bytes(24) + b"Speex   " + GARBAGE,
    "i.wv": b"wvpk" + GARBAGE,
    "j.ape": b"",  # its name promises a sound
    "k.dat": M4A,  # and this one's first bytes do
    "l": M4A,
}


def test_sounds_that_no_decoder_reads_are_in_the_account(here: Path, format: str) -> None:
    for name, content in OTHERS.items():
        write(here / "in" / name, content)
    # Not all that there is is a sound; and a sound beside its WAV is no second image.
    for name in ("notes.txt", "cover.jpg", "empty.mp4", "x.png"):
        write(here / "in" / name, b"\xff\xd8\xff\xe0, a picture" * (name != "empty.mp4"))
    write(here / "in" / "wide.txt", b"\xff\xfew\0i\0d\0e\0")
    write(here / "in" / "a.wav", sound(2000))
    # Wrong names: of something that is read, and of something that is not.
    write(here / "in" / "phone.mp3", M4A)
    write(here / "in" / "browser.wav", OTHERS["b.webm"])
    write(here / "in" / "really.m4b", sound(3000))
    write(here / "in" / "field.bwf", sound(4000))
    write(here / "in" / "take.dat", sound(5000))
    write(here / "in" / "speech.sph", encode("NIST", chirp(6000), RATE, "ULAW"))
    write(here / "in" / "broken.mp2", GARBAGE)
    done = convert("in", "-o", OUT, "--format", format)
    lines = {os.path.basename(line["source"]): line for line in manifest(OUT)}
    unread = {*OTHERS, "phone.mp3", "browser.wav"}
    made = {"a.wav", "really.m4b", "field.bwf", "take.dat", "speech.sph"}
    assert lines.keys() == {*unread, *made, "broken.mp2"}
    assert {name for name in lines if lines[name].get("code") == "no_decoder"} == unread
    assert {name for name in lines if lines[name]["status"] == "ok"} == made
    assert lines["broken.mp2"]["code"] == "decode_failed"
    assert lines["a.m4a"]["message"] == (
        "MP4 (mostly AAC) is not read; ffmpeg -i in/a.m4a in/a.wav makes a file that is read"
    )
    assert "ffmpeg -i in/browser.wav in/browser-pcm.wav" in lines["browser.wav"]["message"]
    assert done.code == 1
    assert "14 sounds are of formats that are not read: 1 without suffix, 1 .aac" in done.err
    assert "5 images of 20 files, 15 failed" in done.err
    assert summarise([OUT]).failed == 15
    # The next run says the same, and one that finds them converted finds nothing amiss.
    again = convert("in", "-o", OUT, "--format", format)
    assert (again.code, manifest(OUT)) == (
        1,
        [lines[os.path.basename(x["source"])] for x in manifest(OUT)],
    )
    for name in {*unread, "broken.mp2"}:
        (here / "in" / name).unlink()
    write(here / "in" / "b.wav", sound(2500))
    assert convert("in", "-o", OUT, "--format", format).code == 0


def test_a_folder_of_sounds_that_no_decoder_reads(here: Path) -> None:
    write(here / "in" / "a.m4a", M4A)
    listing = convert("in", "-o", OUT, "--dry-run")
    assert "in/a.m4a: failed, MP4" in listing.out
    assert "0 files to convert, 1 failed" in listing.err
    done = convert("in", "-o", OUT, "--json")
    assert done.code == 1
    end = json.loads(done.out.splitlines()[-1])
    assert (end["unread"], end["summary"]["files"]) == ({".m4a": 1}, 1)
    assert by_source(OUT)["a.m4a"]["code"] == "no_decoder"
    (here / "names.txt").write_text("in/a.m4a\n")
    for number, named in enumerate((["in/a.m4a"], ["in/*.m4a"], ["--from-list", "names.txt"])):
        out = Path(f"named{number}")
        assert convert(*named, "-o", out).code == 1
        assert by_source(out)["a.m4a"]["code"] == "no_decoder"
    assert convert("in", "-o", Path("out2"), "--exclude", "*.m4a").code == 2
    one = convert("in/a.m4a", "-o", "a.png")
    assert (one.code, "ffmpeg -i in/a.m4a in/a.wav" in one.err) == (1, True)
    assert not Path("a.png").exists()


def test_only_what_has_no_known_suffix_is_opened_by_a_scan(here: Path) -> None:
    for name in ("a.wav", "b.flac", "c.dat"):
        write(here / "in" / name, M4A)
    opened = []
    hook = threading.local()
    hook.on = True
    sys.addaudithook(
        lambda event, args: (
            opened.append(args[0]) if event == "open" and getattr(hook, "on", False) else None
        )
    )
    scan("in")
    hook.on = False
    assert [path for path in opened if str(path).startswith("in")] == ["in/c.dat"]


# --- an output folder that is taken away ------------------------------------------------------


@pytest.mark.parametrize("what", ["moved", "removed", "replaced", "its parent", "its manifest"])
def test_an_output_that_is_taken_away_ends_the_run(here: Path, format: str, what: str) -> None:
    make_sounds(here / "in", 12)
    out = here / "parent" / "out"

    def take(summary: Summary, records: list[dict[str, Any]]) -> None:
        if summary.images != 4 or away:
            return
        away.append(what)
        if what == "its parent":
            out.parent.rename(here / "elsewhere")
        elif what == "its manifest":
            (out / "manifest.jsonl").unlink()
        else:
            out.rename(here / "elsewhere")
            if what == "removed":
                shutil.rmtree(here / "elsewhere")
            elif what == "replaced":
                out.mkdir()
                write(out / "of-somebody-else.txt", b"")

    for workers in (1, 2):
        away: list[str] = []
        with pytest.raises(MelpixError, match=r"was moved, removed or replaced") as caught:
            convert_dataset("in", out, format=format, shard_count=3, workers=workers, progress=take)
        assert caught.value.code == "output_moved"
        assert re.search(r": (3|[4-9]|1[0-2]) images were written before", str(caught.value))
        if what == "replaced":
            assert [path.name for path in out.iterdir()] == ["of-somebody-else.txt"]
        elif what != "its manifest":
            assert not out.exists()
        if what in ("moved", "replaced"):  # what is there is an account, and the run goes on there
            rest = convert_dataset("in", here / "elsewhere", format=format, shard_count=3)
            assert (rest.already >= 3, rest.failed) == (True, 0)
            assert len(by_source(here / "elsewhere")) == 12
        for folder in (out.parent, here / "elsewhere"):
            shutil.rmtree(folder, ignore_errors=True)


def test_a_run_whose_output_is_moved_has_an_exit_code(here: Path, faulty: dict[str, str]) -> None:
    make_sounds(here / "in", 8)
    write(here / "in" / "zz" / "hang-me.flac", encode("flac", chirp(8000), RATE))
    with started("in", "-o", "out", "--workers", "1", "--timeout", "1", env=faulty) as run:
        wait_for_images()
        OUT.rename("elsewhere")
        said = errors(run)
        assert run.wait() == 3
    assert "was moved, removed or replaced during the run" in said
    assert "--exists" not in said
    assert not OUT.exists()


@pytest.mark.skipif("MP3" not in soundfile.available_formats(), reason="libsndfile without MP3")
def test_what_decoders_print_is_in_the_manifest_and_nowhere_else(here: Path) -> None:
    y = chirp(10 * 22050, sr=22050)
    data = bytearray(encode("mp3", y, 22050))
    data[8000:20000] = np.random.default_rng(1).bytes(12000)
    for i in range(3):
        write(Path(f"in/broken{i}.mp3"), data)
        write(Path(f"in/good{i}.mp3"), encode("mp3", y, 22050))
    result = convert("in", "-o", OUT, "--workers", "1", "--time-steps", "40")
    assert "mpg123" not in result.err
    assert all(
        line.startswith(("in/broken", "melpix: error: ", "out: "))
        for line in result.err.splitlines()
    )
    for line in manifest(OUT):
        if "broken" in line["source"]:
            assert any("mpg123" in heard for heard in line["heard"])
        else:
            assert "heard" not in line


# --- rights -------------------------------------------------------------------------------------


def like_anyone() -> None:
    """Take from root, before it becomes another program, the power over all files."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # to pass by permissions: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture
def anyone() -> Callable[[], None]:
    """What makes permissions mean something."""
    if os.name != "posix" or (os.geteuid() == 0 and sys.platform != "linux"):
        pytest.skip("no permissions here")
    try:
        subprocess.run(["true"], preexec_fn=like_anyone, check=True)
    except subprocess.SubprocessError:
        pytest.skip("root cannot be like anyone here")
    return like_anyone


def test_what_may_not_be_read(here: Path, anyone: Callable[[], None]) -> None:
    make_sounds(Path("in"), 6)
    os.chmod("in/cats/000.wav", 0)
    os.chmod("in/dogs", 0)
    result = convert("in", "-o", OUT, preexec_fn=anyone)
    os.chmod("in/dogs", 0o755)
    assert result.code == 1
    assert images(OUT) == ["cats/002.png", "cats/004.png"]
    lines = by_source(OUT)
    assert (lines["dogs"]["status"], lines["dogs"]["code"]) == ("failed", "os_error")
    secret = lines["000.wav"]
    assert (secret["code"], secret["message"]) == ("os_error", "Permission denied")


def test_a_folder_that_may_not_be_read_is_a_failure_until_it_may(
    here: Path, anyone: Callable[[], None]
) -> None:
    make_sounds(Path("in"), 6)
    os.mkdir("in/deep")
    os.rename("in/dogs", "in/deep/dogs")
    os.chmod("in/deep", 0)
    for _ in range(2):
        result = convert("in", "-o", OUT, preexec_fn=anyone)
        assert result.code == 1
        assert "in/deep: os_error: Permission denied" in result.err
        assert by_source(OUT)["deep"]["status"] == "failed"
        told = subprocess.run(
            [*CONVERT[:-1], "report", OUT, "--json"], capture_output=True, check=True
        ).stdout
        assert json.loads(told)["failed"] == 1
    dry = convert("in", "-o", "other", "--dry-run", preexec_fn=anyone)
    assert "in/deep: failed, Permission denied" in dry.out
    write(Path("in/cats/more.wav"), sound(2000))  # the manifest is written anew
    assert convert("in", "-o", OUT, preexec_fn=anyone).code == 1
    assert by_source(OUT)["deep"]["status"] == "failed"
    os.chmod("in/deep", 0o755)
    assert convert("in", "-o", OUT, preexec_fn=anyone).code == 0
    assert convert_here("in", "-o", "anew") == 0
    assert tree(OUT) == tree(Path("anew"))


def test_a_folder_that_cannot_be_written_ends_it_before_the_work(
    here: Path, anyone: Callable[[], None]
) -> None:
    make_sounds(Path("in"), 2)
    os.mkdir(OUT)
    os.chmod(OUT, 0o555)
    for out in (OUT, OUT / "new"):
        result = convert("in", "-o", out, preexec_fn=anyone)
        assert result.code == 3
        assert result.err.startswith("melpix: error: ")
        assert result.err.count("\n") == 1
        assert "Permission denied" in result.err
        assert str(out) in result.err
    assert os.listdir(OUT) == []


def test_a_folder_of_the_tree_that_cannot_be_written(
    here: Path, anyone: Callable[[], None]
) -> None:
    make_sounds(Path("in"), 6)
    os.makedirs("out/cats")
    os.chmod("out/cats", 0o555)
    assert convert("in", "-o", OUT, preexec_fn=anyone).code == 1
    assert images(OUT) == [f"dogs/{i:03d}.png" for i in (1, 3, 5)]
    failed = [line for line in manifest(OUT) if line["status"] == "failed"]
    assert [line["source"] for line in failed] == [f"in/cats/{i:03d}.wav" for i in (0, 2, 4)]
    assert {line["code"] for line in failed} == {"not_written"}
    assert failed[0]["message"] == "out/cats/000.png: Permission denied"
    os.chmod("out/cats", 0o755)
    assert convert("in", "-o", OUT, preexec_fn=anyone).code == 0
    assert convert_here("in", "-o", "anew") == 0
    assert tree(OUT) == tree(Path("anew"))


def test_an_output_that_is_a_file(here: Path) -> None:
    make_sounds(Path("in"), 2)
    write(OUT, b"somebody's")
    for out in (OUT, OUT / "new"):
        assert convert_here("in", "-o", out) == 3
    assert OUT.read_bytes() == b"somebody's"


# --- files that change under one's hands --------------------------------------------------------


def test_files_that_vanish_or_change_before_their_turn(here: Path) -> None:
    make_sounds(Path("in"), 8)
    found = scan("in")
    os.unlink("in/cats/002.wav")
    write(Path("in/cats/004.wav"), GARBAGE)
    os.unlink("in/dogs/001.wav")
    os.mkfifo("in/dogs/001.wav")
    os.unlink("in/dogs/003.wav")
    os.mkdir("in/dogs/003.wav")
    write(Path("in/dogs/005.wav"), sound(9000))
    summary = convert_dataset(found, OUT)
    assert (summary.images, summary.failed) == (4, 4)
    lines = by_source(OUT)
    codes = {name: line["code"] for name, line in lines.items() if line["status"] == "failed"}
    assert codes == {
        "002.wav": "os_error", "004.wav": "decode_failed", "001.wav": "not_a_file",
        "003.wav": "os_error",
    }  # fmt: skip
    assert lines["005.wav"]["duration"] == pytest.approx(9000 / RATE, abs=1e-3)
    assert lines["005.wav"]["size"] == os.path.getsize("in/dogs/005.wav")


def long(kind: str) -> bytes:
    """More than one reads at once."""
    return encode(kind, chirp(20 * 16000, sr=16000), 16000)


def test_files_that_shrink_while_they_are_read(here: Path, faulty: dict[str, str]) -> None:
    for i, kind in enumerate(("wav", "flac")):
        write(Path(f"in/{i}-shrink-later.{kind}"), long(kind))
    write(Path("in/2-good.wav"), sound(20000))
    command = ["in", "-o", OUT, "--time-steps", "40"]
    assert convert(*command, env=faulty).code == 1
    lines = manifest(OUT)
    assert [line.get("code") for line in lines] == ["source_changed", "decode_failed", None, None]
    assert images(OUT) == ["2-good_0000.png", "2-good_0001.png"]
    # Later the WAV is one that was cut short, and nothing tells when.
    assert convert_here(*command) == 1
    lines = manifest(OUT)
    assert len(lines) == len(images(OUT)) + 1
    assert all(line["flags"] == ["truncated"] for line in lines if line["stem"][0] == "0")


# --- workers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["png", "webdataset"])
def test_a_crash_or_a_hang_in_the_middle_leaves_nothing_of_the_file(
    here: Path, faulty: dict[str, str], format: str
) -> None:
    for name in ("0-good", "2-good", "4-good"):
        write(Path(f"in/{name}.wav"), sound(30000))
    bad = {"1-crash-later": "crashed", "3-hang-later": "timeout"}
    for name in bad:
        write(Path(f"in/{name}.wav"), long("wav"))
    options = ["--time-steps", "40", "--format", format]
    # One worker: the good ones have to go to those that take its place.
    one = ["--workers", "1", "--timeout", "2"]
    result = convert("in", "-o", OUT, *options, *one, env=faulty, preexec_fn=no_core)
    assert result.code == 1, result.err
    lines = manifest(OUT)
    assert {line["stem"]: line["code"] for line in lines if line["status"] == "failed"} == bad
    if format == "png":
        assert {name.split("_")[0] for name in images(OUT)} == {"0-good", "2-good", "4-good"}
    # Where nothing crashes and hangs, the next run makes up for it.
    assert convert_here("in", "-o", OUT, *options) == 0
    assert len({line["source"] for line in manifest(OUT)}) == 5
    if format == "png":
        assert convert_here("in", "-o", "anew", *options) == 0
        assert tree(OUT) == tree(Path("anew"))


def test_a_crash_of_what_is_in_shards_already(here: Path, faulty: dict[str, str]) -> None:
    """A run is stopped within a source, which then crashes, and then does not."""
    for name in ("0-good", "1-crash-me", "2-good"):
        write(Path(f"in/{name}.wav"), sound(9000))

    def stop(summary: Summary, records: object) -> None:
        if summary.done == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        convert_dataset("in", OUT, time_steps=4, format="webdataset", shard_count=5, progress=stop)
    options = ["--time-steps", "4", "--format", "webdataset", "--shard-count", "5"]
    assert manifest(OUT)[-1]["source"] == "in/1-crash-me.wav"
    assert convert("in", "-o", OUT, *options, env=faulty, preexec_fn=no_core).code == 1
    assert convert_here("in", "-o", OUT, *options) == 0
    samples = []
    for path in sorted(OUT.glob("*.tar")):
        with tarfile.open(path) as tar:
            samples += [f"{path.name}/{name}" for name in tar.getnames() if name.endswith(".png")]
    assert sorted(line["output"] for line in manifest(OUT)) == samples
    assert len({os.path.basename(sample) for sample in samples}) == len(samples)


def test_a_change_of_what_is_in_shards_already(here: Path) -> None:
    """A run is stopped within a source, which changes as soon as the next run has begun."""
    for i in range(3):
        write(Path(f"in/{i}.wav"), sound(9000))
    options: dict[str, Any] = {"time_steps": 4, "format": "webdataset", "shard_count": 5}

    def stop(summary: Summary, records: object) -> None:
        if summary.done == 2:
            raise ZeroDivisionError

    def change(summary: Summary, records: object) -> None:
        if summary.done == 0:
            write(Path("in/1.wav"), sound(11000))

    with pytest.raises(ZeroDivisionError):
        convert_dataset("in", OUT, progress=stop, **options)
    before = [line for line in manifest(OUT) if line["source"] == "in/1.wav"]
    assert 0 < len(before) < before[0]["windows"]
    for progress in (change, None):  # a later run finds it before it begins
        summary = convert_dataset("in", OUT, progress=progress, **options)
        assert (summary.failed, summary.errors) == (1, {"source_changed": 1})
        told = [line for line in manifest(OUT) if line["source"] == "in/1.wav"]
        (failure,) = (line for line in told if line["status"] == "failed")
        assert "stem" not in failure
        assert [line for line in told if line is not failure] == before
        assert {line["source"] for line in manifest(OUT)} == {f"in/{i}.wav" for i in range(3)}
        names = []
        for path in OUT.glob("*.tar"):
            with tarfile.open(path) as tar:
                names += tar.getnames()
        assert len(set(names)) == len(names) == 2 * (len(manifest(OUT)) - 1)


def test_a_crash_while_an_image_is_written(here: Path, faulty: dict[str, str]) -> None:
    for name in ("0-good", "1-crash-at-the-end", "2-good"):
        write(Path(f"in/{name}.wav"), sound(3000))
    result = convert("in", "-o", OUT, env=faulty, preexec_fn=no_core)
    assert result.code == 1
    assert by_source(OUT)["1-crash-at-the-end.wav"]["code"] == "crashed"
    assert images(OUT) == ["0-good.png", "2-good.png"]
    assert convert_here("in", "-o", OUT) == 0
    assert convert_here("in", "-o", "anew") == 0
    assert tree(OUT) == tree(Path("anew"))


# --- the end of a run before its time -----------------------------------------------------------

OPTIONS = ["--time-steps", "6", "--short", "skip", "--shard-count", "60"]


@dataclass
class Dataset:
    """Sounds with some faults among them, and what a run that nothing stops makes of them."""

    folder: Path
    trees: dict[str, dict[str, Any]]
    seconds: float = 0.0

    def whole(self, format: str) -> dict[str, Any]:
        if format not in self.trees:
            out = self.folder / format
            assert convert(self.folder / "in", "-o", out, *OPTIONS, "--format", format).code == 1
            self.trees[format] = tree(out)
            self.seconds = facts(out)["runs"][0]["seconds"]
        return self.trees[format]

    def command(self, format: str) -> list[str]:
        return [str(self.folder / "in"), "-o", "out", *OPTIONS, "--format", format]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("dataset")
    make_sounds(folder / "in", 100)
    write(folder / "in" / "cats" / "broken.wav", GARBAGE)
    write(folder / "in" / "dogs" / "tiny.wav", sound(10))
    os.mkfifo(folder / "in" / "dogs" / "pipe.wav")
    return Dataset(folder, {})


@contextlib.contextmanager
def started(
    *arguments: str, within: Sequence[str] = (), **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A run in the background, in a process group of its own."""
    command = [*within, *CONVERT, *arguments]
    options = {"stderr": subprocess.PIPE, "start_new_session": True} | options
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def wait_for_images() -> None:
    wait_until(lambda: next(OUT.rglob("*.png"), None))


def alive(process: psutil.Process) -> bool:
    try:  # where nobody asks how an orphan ended, it stays a zombie
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def errors(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    return process.stderr.read().decode()


@pytest.mark.parametrize("whom", ["the command", "its group"])
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_ends_it_in_order(
    here: Path, dataset: Dataset, whom: str, signum: int, code: int
) -> None:
    whole = dataset.whole("png")
    with started(*dataset.command("png"), "--workers", "1") as process:
        wait_for_images()
        (os.kill if whom == "the command" else os.killpg)(process.pid, signum)
        assert process.wait(20) == code
        assert "melpix: stopped: the same command goes on from here" in errors(process)
    (run,) = facts(OUT)["runs"]
    assert run["stopped"] == signal.Signals(signum).name
    assert not list(OUT.rglob(".melpix*"))
    assert whole.items() > {name: (OUT / name).read_bytes() for name in images(OUT)}.items()
    assert convert_here(*dataset.command("png")) == 1
    assert tree(OUT) == whole


def test_a_signal_is_an_event_for_programs(here: Path, faulty: dict[str, str]) -> None:
    write(Path("in/0.wav"), sound(2000))
    write(Path("in/1-hang-me.wav"), sound(2000))  # here it stays until the signal comes
    command = ["in", "-o", "out", "--workers", "1", "--json"]
    with started(*command, stdout=subprocess.PIPE, env=faulty) as process:
        assert process.stdout is not None
        heard = (json.loads(line) for line in process.stdout)
        assert any(event["event"] == "progress" and event["images"] for event in heard)
        process.terminate()
        *_, last = heard
        assert process.wait(20) == 143
    assert (last["event"], last["signal"], last["errors"]) == ("stopped", "SIGTERM", {})
    told = last["summary"]
    assert (told["files"], told["images"], told["failed"]) == (1, 1, 0)
    assert images(OUT) == ["0.png"]
    (run,) = facts(OUT)["runs"]
    assert {**run, **told, "seconds": run["seconds"]} == run  # which is as long as the end took


def catches(process: subprocess.Popen[bytes], signum: int) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (signum - 1) & 1)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.timing
def test_the_second_signal_ends_it_at_once(here: Path, faulty: dict[str, str], second: int) -> None:
    """The first one gives a worker a second to be done, which this one never is."""
    write(Path("in/00-hang-me.wav"), sound(2000))
    for i in range(1, 20):
        write(Path(f"in/{i:02d}.wav"), sound(2000 + i))
    with started("in", "-o", "out", "--workers", "2", env=faulty) as process:
        wait_for_images()
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: not catches(process, signal.SIGINT))
        process.send_signal(second)
        assert process.wait(20) in (-second, 128 + second)  # not the first one's code
        assert "Traceback" not in errors(process)
    wait_until(lambda: not any(map(alive, children)))
    assert convert_here("in", "-o", OUT) == 0
    assert convert_here("in", "-o", "anew") == 0
    assert tree(OUT) == tree(Path("anew"))


def test_an_interrupt_that_is_ignored(here: Path, dataset: Dataset) -> None:
    """As a shell script starts jobs in its background."""
    with started(*dataset.command("png"), within=WITHOUT_INTERRUPTS) as process:
        wait_for_images()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 1
    assert tree(OUT) == dataset.whole("png")


@pytest.mark.parametrize(
    ("kills", "seed"), [(4, 0), *[pytest.param(20, s, marks=pytest.mark.slow) for s in (1, 2, 3)]]
)
@pytest.mark.timing
def test_killed_at_any_moment_it_goes_on(
    here: Path, dataset: Dataset, format: str, kills: int, seed: int
) -> None:
    whole = dataset.whole(format)
    rng = random.Random(seed)
    killed, most, left = 0, dataset.seconds, 0.0
    for i in range(kills):
        if i % 4 == 0 or not left:  # a new run, which then is killed thrice more as it goes on
            shutil.rmtree(OUT, ignore_errors=True)
            left = most
        wait = rng.uniform(0, left)
        took, orphans = kill_soon(dataset.command(format), wait)
        if took is None:
            killed += 1
            left = max(left - wait, left / 4)
        else:  # the machine is faster now, and this one was not killed
            most, left = min(most, took), 0.0
        for path in OUT.rglob("*.png"):
            assert path.read_bytes() == whole[str(path.relative_to(OUT))]
        wait_until(unlocked)
        if i % 4 == 3:  # whoever of them may still be alive
            assert convert_here(*dataset.command(format)) == 1
            assert tree(OUT) == whole
        wait_until(lambda processes=orphans: not any(map(alive, processes)))
    assert killed


def unlocked() -> bool:
    """A process that was forked and is not yet another program may hold a lock for a moment."""
    try:
        with locked(str(OUT / ".melpix.lock")):
            return True
    except MelpixError:
        return False


def kill_soon(command: list[str], seconds: float) -> tuple[float | None, list[psutil.Process]]:
    """Kill a run so long after it has begun.

    Return how long it took if it was done by then, and the processes that it leaves behind.
    """

    def begun() -> int:  # in which file the facts of the run are: each makes a new one
        path = OUT / "melpix.json"
        return path.stat().st_ino if path.exists() else 0

    before = begun()
    with started(*command) as process:
        wait_until(lambda: begun() != before or process.poll() is not None)
        began = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        took = time.monotonic() - began
        children = []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        code = process.wait()
        assert code in (1, -signal.SIGKILL)
    return took if code == 1 else None, children


@pytest.mark.timing
def test_workers_that_somebody_kills(here: Path, dataset: Dataset) -> None:
    """As the kernel does where memory is short: a file may be blamed, none is lost."""
    with started(*dataset.command("png"), "--workers", "2") as process:
        wait_until(lambda: len(images(OUT)) > 100)  # then both of them are at work
        (server,) = (
            child
            for child in psutil.Process(process.pid).children()
            if "fork_server" in " ".join(child.cmdline())
        )
        workers = server.children()
        for worker in workers:
            worker.kill()
        assert process.wait(60) == 1
    assert workers
    failed = [line for line in manifest(OUT) if line["status"] == "failed"]
    assert len(failed) <= 1 + len(workers)
    assert {line["message"] for line in failed if line["code"] == "crashed"} <= {
        "killed by SIGKILL"
    }
    assert convert_here(*dataset.command("png")) == 1
    assert tree(OUT) == dataset.whole("png")


# --- disks --------------------------------------------------------------------------------------

ON_A_SMALL_DISK = """
import json, shutil, subprocess, sys
from dataset_runs import convert
size, command = sys.argv[1], sys.argv[2:]
runs = []
for room in (size, "60m"):
    subprocess.run(["mount", "-o", f"remount,size={room}", "tmpfs", "out"], check=True)
    result = convert(*command)
    runs.append([result.code, result.err])
    shutil.copytree("out", f"copy-{room}")
print(json.dumps(runs))
"""


def on_a_disk(options: str) -> list[str]:
    """What runs a command where "out" is a file system of its own, gone with the command."""
    OUT.mkdir()
    mount = f'mount -t tmpfs -o {options} tmpfs out && exec "$@"'
    before = ["unshare", "-rm", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*before, "true"]).returncode:
        pytest.skip("no right to mount a file system")
    return before


# The first does not even hold the facts of the run.
@pytest.mark.parametrize(
    ("format", "size"),
    [("png", "4k"), ("png", "300k"), ("webdataset", "300k"), ("parquet", "300k")],
    indirect=["format"],
)
def test_a_full_disk_stops_it_and_with_more_room_it_goes_on(
    here: Path, dataset: Dataset, format: str, size: str
) -> None:
    whole = dataset.whole(format)
    script = [sys.executable, "-c", ON_A_SMALL_DISK, size, *dataset.command(format)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [*on_a_disk("size=1m"), *script], capture_output=True, text=True, env=environment
    )
    assert done.stderr == ""
    (code, err), (code_with_room, _) = json.loads(done.stdout)
    assert code == 3, err
    last = err.splitlines()[-1]
    assert last.startswith("melpix: error: stopped at ")
    assert last.endswith("No space left on device")
    assert not list(Path(f"copy-{size}").rglob(".melpix*"))
    assert code_with_room == 1
    assert tree(Path("copy-60m")) == whole


@pytest.mark.parametrize(
    ("format", "limit"),
    [("png", 2_000), ("png", 20_000), ("webdataset", 20_000), ("parquet", 20_000)],
    indirect=["format"],
)
def test_files_that_may_not_grow(here: Path, dataset: Dataset, format: str, limit: int) -> None:
    """As under a quota."""

    def quota() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = convert(*dataset.command(format), preexec_fn=quota)
    assert result.code == 3, result.err
    assert result.err.splitlines()[-1].endswith("File too large")
    assert not list(OUT.rglob(".melpix*"))
    assert convert_here(*dataset.command(format)) == 1
    assert tree(OUT) == dataset.whole(format)


def test_a_file_system_that_is_read_only(here: Path) -> None:
    make_sounds(Path("in"), 2)
    command = [*on_a_disk("ro"), *CONVERT, "in", "-o", "out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.endswith("Read-only file system\n")
    assert done.stderr.count("\n") == 1


# --- two runs, and nobody who listens -----------------------------------------------------------


def test_the_second_run_on_a_folder_is_refused(here: Path) -> None:
    make_sounds(Path("in"), 4)
    seconds = []

    def meanwhile(summary: object, records: object) -> None:
        if not seconds:
            for options in ([], ["--exists", "overwrite"], ["--dry-run"]):
                seconds.append(convert("in", "-o", "out", *options))

    convert_dataset("in", OUT, progress=meanwhile)
    assert [second.code for second in seconds] == [3, 3, 0]
    assert seconds[0].err == "melpix: error: another run is at work in 'out'\n"
    assert convert_here("in", "-o", "anew") == 0
    assert tree(OUT) == tree(Path("anew"))


def test_parts_of_a_dataset_run_at_the_same_time(here: Path) -> None:
    make_sounds(Path("in"), 40)
    parts = [("in", "-o", "out", "--shard", f"{i}/3", "--workers", "1") for i in (1, 2, 3)]
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(started(*part)) for part in parts]
        assert [process.wait(60) for process in running] == [0, 0, 0]
    assert convert_here("in", "-o", "whole") == 0
    assert [(OUT / name).read_bytes() for name in images(OUT)] == [
        Path("whole", name).read_bytes() for name in images(Path("whole"))
    ]
    assert not list(OUT.rglob(".melpix*"))


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_files(here: Path, closed: str) -> None:
    make_sounds(Path("in"), 4)
    write(Path("in/broken.wav"), GARBAGE)
    script = f'exec "$@" {closed}'
    done = subprocess.run(["sh", "-c", script, "sh", *CONVERT, "in", "-o", "out"])
    assert done.returncode == 1
    assert len(manifest(OUT)) == 5


def test_a_reader_of_events_that_goes_away(here: Path, dataset: Dataset) -> None:
    command = dataset.command("png")
    with started(*command, "--json", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 3
        assert errors(process) == ""
    assert not list(OUT.rglob(".melpix*"))
    assert convert_here(*command) == 1
    assert tree(OUT) == dataset.whole("png")
