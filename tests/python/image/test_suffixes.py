# SPDX-License-Identifier: MIT
"""No PNG is written under the name of something else, and no folder by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import melpix
from melpix import Frontend, convert_file, demo
from melpix.cli import main

OTHERS = [".jpg", ".JPEG", ".tif", ".bmp", ".gif", ".webp", ".npy", ".npz", ".tar", ".wav"]
OTHERS += [".parquet", ".csv", ".tar.gz", ".PnG.jpg", ".m4a", ".webm", ".exr", ".nc"]
WAV = demo.wav()
Y = np.random.default_rng(0).uniform(-1, 1, 3000).astype(np.float32)

WRITERS: dict[str, Callable[[Any], Any]] = {
    "dst": lambda path: convert_file(WAV, path, time_steps=4),
    "out": lambda path: melpix.spectrogram_image(Y, 22050, path),
    "path_or_file": lambda path: melpix.write_png(path, np.zeros((2, 3), np.uint8)),
}


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
@pytest.mark.parametrize("parameter", WRITERS)
def test_the_library_refuses_other_suffixes(tmp_path: Path, parameter: str, kind: Any) -> None:
    for suffix in OTHERS:
        for name in ("x" + suffix, suffix):
            with pytest.raises(ValueError) as refusal:
                WRITERS[parameter](kind(str(tmp_path / name)))
            assert str(refusal.value).startswith(f"{parameter} must end in .png")
            assert suffix in str(refusal.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a", "a.v1", "a.png.part", "b.jpg_", "2026.11"])
def test_names_that_promise_nothing_else_are_taken(tmp_path: Path, name: str, kind: Any) -> None:
    for write in WRITERS.values():
        write(kind(str(tmp_path / name)))
        assert (tmp_path / name).read_bytes()[1:4] == b"PNG"
        (tmp_path / name).unlink()


def test_what_is_refused_costs_no_work(tmp_path: Path) -> None:
    silent = np.full(3000, np.nan)  # would be refused otherwise
    with pytest.raises(ValueError, match=r"^out must end in \.png"):
        melpix.spectrogram_image(silent, 22050, tmp_path / "x.jpg")
    with pytest.raises(ValueError, match=r"^dst must end in \.png"):
        convert_file(tmp_path / "missing.wav", tmp_path / "x.jpg", Frontend())


@pytest.mark.parametrize("options", [[], ["--format", "npy"], ["--format", "webdataset"]])
def test_the_command_line_makes_no_folder_of_such_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], options: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for suffix in OTHERS:
        for inputs in (["in"], ["in/a.wav"]):
            assert main(["convert", *inputs, "-o", "x" + suffix, *options]) == 2
            said = capfd.readouterr().err
            assert "one .png, or a folder" in said
            assert f"write x{suffix}/ for a folder" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.npy/", "x.v1"])
def test_a_folder_may_be_named_so_on_purpose(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.wav").write_bytes(WAV)
    command = [sys.executable, "-m", "melpix", "convert", "a.wav", "-o", name, "-q"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / name / "a.png").is_file()


def test_a_folder_named_as_an_image_is_no_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").write_bytes(WAV)
    folder = tmp_path / "x.png"
    folder.mkdir()
    assert main(["convert", str(tmp_path / "a.wav"), "-o", str(folder)]) == 2
    assert "is a folder" in capfd.readouterr().err
    with pytest.raises(IsADirectoryError):
        convert_file(WAV, folder)
    assert not list(folder.iterdir())


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.json", "x.WAV"])
def test_a_page_is_not_written_under_the_name_of_something_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "a.wav").write_bytes(WAV)
    melpix.convert_dataset([tmp_path / "a.wav"], tmp_path / "out", workers=1)
    assert main(["report", str(tmp_path / "out"), "--html", str(tmp_path / name)]) == 2
    said = capfd.readouterr()
    assert "--html must end in .html" in said.err
    assert name in said.err
    assert not (tmp_path / name).exists()
    for taken in ("x.html", "x.htm", "x"):
        assert main(["report", str(tmp_path / "out"), "--html", str(tmp_path / taken)]) == 0
        assert (tmp_path / taken).read_bytes()[:9].lower() == b"<!doctype"
