# SPDX-License-Identifier: MIT
"""melpix where soundfile and soxr are not installed: what works, and what is said of the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import melpix
from dataset_runs import by_source
from melpix import _core
from sounds import KINDS, chirp, encode

RATE = 8000

# Kinds of file that melpix reads by itself, at least.
BY_ITSELF = {"wav", "wavex", "rf64", "w64", "aiff", "au", "caf", "flac"}


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """An environment in which neither package can be imported, in workers neither."""
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("soundfile", "soxr"):
        text = f"raise ModuleNotFoundError('No module named {name}', name={name!r})\n"
        (blocked / f"{name}.py").write_text(text)
    return {**os.environ, "PYTHONPATH": str(blocked)}


def run(env: dict[str, str], *command: object, code: int = 0, sound: bytes = b"") -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=env, input=sound, capture_output=True, check=False
    )
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


def test_what_needs_neither(tmp_path: Path, without: dict[str, str]) -> None:
    """By path, from standard input and in a data set, the same image as with them."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    by_itself = set()
    for kind in KINDS:
        data = encode(kind, chirp(RATE, 2, RATE), RATE)
        (folder / f"{kind}.snd").write_bytes(data)
        if _core.open_sound(data) is not None:
            by_itself.add(kind)
    assert by_itself >= BY_ITSELF
    code = int(by_itself != set(KINDS))
    said = run(without, "-m", "melpix", "convert", folder, "-o", out, "--sr", RATE, code=code)
    lines = by_source(out)
    for kind in KINDS:
        source, picture = folder / f"{kind}.snd", tmp_path / f"{kind}.png"
        line = lines[source.name]
        one = ["-m", "melpix", "convert", source, "-o", picture, "--sr", RATE]
        if kind in by_itself:
            expected = melpix.convert_bytes(source.read_bytes(), sr=RATE, source=source.name)
            run(without, *one)
            piped = tmp_path / "piped.png"
            command = ["-m", "melpix", "convert", "-", "-o", piped, "--sr", "native"]
            run(without, *command, sound=source.read_bytes())
            assert picture.read_bytes() == (out / line["output"]).read_bytes() == expected
            pixels = melpix.read_png(piped)[0]
            assert (pixels == melpix.read_png(picture)[0]).all()
        else:
            assert line["code"] == "not_installed"
            assert "needs soundfile, but " in line["message"]
            assert "pip install soundfile" in line["message"]
    if code:
        assert "need what is missing: the package soundfile is not installed" in said


def test_what_needs_them(tmp_path: Path, without: dict[str, str]) -> None:
    """Each error names the sound, the package and the command, in Python and on the terminal."""
    wav = tmp_path / "a.wav"
    wav.write_bytes(encode("wav", chirp(RATE, 1, RATE), RATE))
    (tmp_path / "b.mp3").write_bytes(encode("mp3", chirp(44100), 44100))
    (tmp_path / "c.wav").write_bytes(b"Dear diary, no sound.")
    (tmp_path / "d.bin").write_bytes(b"\1\2\3\xff" * 50)
    script = """
import json, sys, melpix
said = []
for name, sr in json.loads(sys.argv[1]):
    try:
        melpix.load(name, sr=sr)
    except melpix.DecodeError as error:
        said.append([error.code, str(error)])
said.append(melpix.show_config("dicts")["missing"])
print(json.dumps(said))
"""
    named = [[str(tmp_path / name), sr] for name, sr in
             (("a.wav", 22050), ("b.mp3", 44100), ("c.wav", None), ("d.bin", None))]  # fmt: skip
    soxr, mp3, text, unknown, missing = json.loads(run(without, "-c", script, json.dumps(named)))
    assert soxr == ["not_installed", f"{str(wav)!r}: to resample from 8000 to 22050 Hz needs soxr, "
                    "but the package soxr is not installed: pip install soxr"]  # fmt: skip
    assert mp3[0] == "not_installed"
    assert "MP3 needs soundfile, but the package soundfile is not installed: pip" in mp3[1]
    assert text[0] == unknown[0] == "decode_failed"
    assert "a text, no sound" in text[1]
    assert "an unknown format" in unknown[1]
    assert "soundfile is not installed" in unknown[1]
    assert missing == {
        "soundfile": "needed for all formats that melpix does not read by itself: the package "
        "soundfile is not installed: pip install soundfile",
        "soxr": "needed for resampling: the package soxr is not installed: pip install soxr",
    }
    command = ["-m", "melpix", "convert", wav, "-o", tmp_path / "a.png"]
    assert "pip install soxr" in run(without, *command, code=1)
    assert melpix.show_config("dicts")["missing"] == {}  # here


def test_soundfile_without_a_library(tmp_path: Path, without: dict[str, str]) -> None:
    """As on musl: its wheel for any system is installed, and the system has no libsndfile."""
    (tmp_path / "blocked" / "soundfile.py").write_text("raise OSError('sndfile library not found')")
    (tmp_path / "a.ogg").write_bytes(encode("vorbis", chirp(RATE, 1, RATE), RATE))
    said = run(without, "-m", "melpix", "inspect", tmp_path / "a.ogg", code=1)
    assert "Ogg Vorbis needs soundfile, but soundfile finds no libsndfile" in said
    assert "apk add libsndfile" in said
