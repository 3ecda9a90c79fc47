# SPDX-License-Identifier: MIT
"""The demonstration: its sound, its two files, and what it prints."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
import wave

import numpy as np
import pytest

from melpix import demo, read_png, spectrogram_image
from melpix.cli import main


def loudest(y, at, count):
    """The frequencies in Hz of the highest peaks of a tenth of a second's spectrum."""
    part = y[round(at * demo.SR) :][: demo.SR // 10] * np.hanning(demo.SR // 10)
    spectrum = np.abs(np.fft.rfft(part))
    peaks = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
    return sorted(10 * peaks[np.argsort(spectrum[peaks])[-count:]])


def test_sound_is_the_recipes_window_long_and_leaves_headroom():
    y = demo.sound()
    assert y.shape == (384 * 512,)
    assert y.dtype == np.int16
    assert np.abs(y.astype(int)).max() == round(0.8 * 32768)


def test_sound_is_the_same_every_time():
    assert np.array_equal(demo.sound(), demo.sound())


@pytest.mark.parametrize("second", [0.6, 1.0, 2.4])
def test_chirps_cross_in_the_first_seconds(second):
    middle = second + 0.05
    rising = 100 * 100 ** ((middle - 0.2) / 3)
    falling = 1e6 / rising
    found = loudest(demo.sound(), second, 2)
    assert found == pytest.approx(sorted([rising, falling]), rel=0.15)


def test_notes_have_harmonics():
    pitch = 440 * 2 ** ((60 - 69) / 12)
    # Vibrato widens a harmonic to several peaks: each of the loudest lies near one.
    harmonics = np.array(loudest(demo.sound(), 3.55, 6)) / pitch
    assert np.abs(harmonics - np.round(harmonics)).max() < 0.12
    assert len(set(np.round(harmonics))) >= 3


def test_sound_fades_out():
    y = demo.sound().astype(float)
    assert np.abs(y[-100:]).max() < 0.01 * np.abs(y).max()


def test_wav_holds_the_sound():
    with wave.open(io.BytesIO(demo.wav())) as file:
        assert file.getparams()[:3] == (1, 2, 22050)
        assert np.array_equal(np.frombuffer(file.readframes(10**6), "<i2"), demo.sound())


def test_demo_writes_the_sound_and_the_recipes_image_of_it(tmp_path, capfd):
    assert main(["demo", "-o", str(tmp_path)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo.png", "demo.wav"]
    assert (tmp_path / "demo.wav").read_bytes() == demo.wav()

    image, metadata = read_png(tmp_path / "demo.png")
    assert image.shape == (128, 385)
    assert np.array_equal(image, spectrogram_image(demo.sound(), sr=22050))
    assert metadata["source"] == "demo.wav"

    out, err = capfd.readouterr()
    assert "128 x 385" in out
    assert err == ""
    for stage in ("make the sound", "decode", "render", "encode", "write"):
        assert any(line.strip().startswith(stage) for line in out.splitlines())


def test_running_it_again_overwrites_with_the_same_bytes(tmp_path):
    assert main(["demo", "-o", str(tmp_path)]) == 0
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    (tmp_path / "demo.wav").write_bytes(b"something older")
    assert main(["demo", "-o", str(tmp_path)]) == 0
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first


def test_a_sound_of_ones_own_comes_whole_and_makes_no_wav(tmp_path, capfd):
    own = tmp_path / "own.wav"
    own.write_bytes(demo.wav())
    (tmp_path / "out").mkdir()
    assert main(["demo", "--audio", str(own), "-o", str(tmp_path / "out")]) == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["demo.png"]
    assert read_png(tmp_path / "out" / "demo.png")[1]["source"] == "own.wav"
    assert "make the sound" not in capfd.readouterr().out


def test_the_default_folder_is_the_current_one_and_the_hints_run(tmp_path):
    run = [sys.executable, "-m", "melpix", "demo"]
    printed = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo.png", "demo.wav"]

    hints = [shlex.split(line) for line in printed.split("Next:")[1].splitlines() if line]
    inspect, python = hints[0], hints[-1]
    assert inspect[:2] == ["melpix", "inspect"]
    assert python[0] == "python"
    for command in ([*run[:3], *inspect[1:]], [sys.executable, *python[1:]]):
        subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)


def test_a_missing_folder_stops_it_before_work(tmp_path, capfd):
    assert main(["demo", "-o", str(tmp_path / "none")]) == 3
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("melpix: error: cannot write")
    assert err.count("\n") == 1


def test_a_sound_that_fails_leaves_nothing(tmp_path, capfd):
    assert main(["demo", "--audio", str(tmp_path / "none.wav"), "-o", str(tmp_path)]) == 1
    assert list(tmp_path.iterdir()) == []
    assert "none.wav: No such file or directory" in capfd.readouterr().err
