# SPDX-License-Identifier: MIT
"""Mel values in float32 under what is loud outside of the bands: a constant, hum, rumble.

What an FFT rounds follows the loudest component of a frame. Librosa's float32 mel is a float64
spectrum, rounded once.
"""

import itertools

import numpy as np
import pytest

import melpix
import signals
from melpix import Frontend
from reference import pipeline

SR, N = 16000, 5000
T = np.arange(N) / SR
NOISE = np.random.default_rng(0).uniform(-1, 1, N)
FAINT = 1e-3 * NOISE  # -60 dBFS
BOUND = 2e-6  # of the greatest mel value
POWERS = (1, 2, 3, 1.5, 0.5)


def sine(hz, amplitude=0.9):
    return amplitude * np.sin(2 * np.pi * hz * T)


def rumble(width):
    """Noise that has lost its high frequencies twice."""
    y = np.convolve(np.cumsum(NOISE[::-1]), np.ones(width) / width, "same")
    return 0.9 * (y - y.mean()) / np.abs(y - y.mean()).max()


SIGNALS = {
    **{f"constant {level:g}": np.full(N, level) for level in (0.001, 0.9)},
    **{f"DC {level:g}": level + level * FAINT for level in (0.001, 0.03, 0.9)},
    "DC 0.5 and next to nothing": 0.5 + 1e-2 * FAINT,
    "clicks on DC": 0.7 + 1e-3 * (np.arange(N) % 997 == 0),
    "hum": sine(50) + FAINT,
    "hum and a tone": sine(50) + sine(3000, 1e-3),
    "hum with overtones": sine(50, 0.5) + sine(100, 0.3) + sine(150, 0.1) + FAINT,
    "hum alone": sine(50),
    "infrasound": sine(3) + FAINT,
    "infrasound alone": sine(0.7),
    "rumble": rumble(300) + FAINT,
    "rumble alone": rumble(300),
    "hum, then faint": np.where(T < 0.1, sine(60), 1e-4 * sine(60)) + 1e-2 * FAINT,
    "faint, then hum": np.where(T > 0.2, sine(60), 1e-4 * sine(60)) + 1e-2 * FAINT,
    "silence, then DC": np.where(T > 0.2, 0.5 + FAINT, 0),
    "fading noise on DC": 0.2 + 0.5 * NOISE * np.exp(-30 * T),
    "far above full scale": 1e4 * (0.9 + FAINT),
    "tone": sine(440),
    "square wave": 0.9 * np.sign(sine(50)),
    "noise": 0.5 * NOISE,
    "faint hum": 1e-8 * (sine(50) + FAINT),
}
VARIANTS = (
    {},
    {"fmin": 1000, "pad_mode": "reflect"},
    {"mel_scale": "htk", "norm": None, "pad_mode": "edge"},
    {"fmin": 300, "framing": "uncentered"},
)


def distance(y, actual, **p):
    """From the reference, in units of its greatest; 0 where rounding is all there is."""
    exact = pipeline.mel(y.astype(np.float64), **p)
    rounding = np.finfo(np.float64).eps * np.abs(y).max() * p["n_fft"]
    nothing = pipeline.mel(np.full(p["n_fft"], rounding), **{**p, "fmin": 0, "framing": "center"})
    if exact.max() <= nothing.max():
        assert actual.max() <= 100 * nothing.max()
        return 0.0
    return np.abs(actual - exact).max() / exact.max()


@pytest.mark.parametrize("n_fft", [1024, 2048, 400, 1021])
def test_float32_within_2e_6_of_the_greatest(n_fft):
    for (i, variant), power in itertools.product(enumerate(VARIANTS), POWERS):
        p = {"sr": SR, "n_fft": n_fft, "hop_length": n_fft // 3, "power": power, "n_mels": 40}
        f = Frontend(**(p | variant))
        for j, (name, y) in enumerate(SIGNALS.items()):
            if n_fft != 1024 and (i + j) % 3:
                continue  # of the other lengths, some
            y = y.astype(np.float32)
            actual = f.mel(y)
            assert actual.dtype == np.float32
            assert distance(y, actual, **(p | variant)) <= BOUND, (name, power, variant)


@pytest.mark.parametrize("power", [1.0, 2.0, 3.0])
def test_librosas_function_within_2e_6_of_the_greatest(power):
    p = {"sr": SR, "n_fft": 1024, "hop_length": 512, "power": power, "n_mels": 40}
    for name, y in SIGNALS.items():
        y = y.astype(np.float32)
        for differing in ({}, {"pad_mode": "edge", "fmin": 1000.0}, {"mel_scale": "htk"}):
            htk = differing.get("mel_scale") == "htk"
            given = {k: v for k, v in differing.items() if k != "mel_scale"}
            actual = melpix.melspectrogram(y=y, htk=htk, **p, **given)
            assert actual.dtype == np.float32
            assert distance(y, actual, **p, **differing) <= BOUND, (name, differing)


def test_other_samples_and_what_comes_before_the_fft():
    p = {"sr": SR, "n_fft": 512, "hop_length": 200, "n_mels": 40, "fmin": 500}
    for differing in (
        {},
        {"power": 1, "preemphasis": 0.97},
        {"level": "minmax"},
        {"level": "minmax", "power": 1, "duration": 0.4},
        {"gain": 32768, "window": "povey", "framing": "snip", "win_length": 400, "power": 3},
        {"bin_offset": 1e-9, "power": 1},
        {"pad_mode": "linear_ramp", "window": "boxcar", "framing": "middle"},
    ):
        f = Frontend(**p, **differing)
        for name in ("DC 0.9", "hum", "infrasound", "rumble", "faint, then hum"):
            y = SIGNALS[name]
            for samples in (y, np.round(y * 32767).astype(np.int16)):
                exact = pipeline.mel(samples, **p, **differing)
                stray = np.abs(f.mel(samples) - exact).max() / exact.max()
                assert stray <= BOUND, (name, samples.dtype, differing)
            pair = np.stack([y, 1e-3 * y[::-1]])
            np.testing.assert_array_equal(f.mel(pair), np.stack([f.mel(x) for x in pair]))


@pytest.mark.parametrize("power", [1, 2, 0.5])
def test_samples_whose_squares_float32_cannot_hold(power):
    p = {"sr": SR, "n_fft": 512, "hop_length": 200, "n_mels": 40, "power": power}
    for scale in (1e-22, 1e-19, 1e-12, 1e17, 1e18):
        y = (scale * (0.5 + NOISE)).astype(np.float32)
        exact = pipeline.mel(y.astype(np.float64), **p)
        least = np.finfo(np.float32).smallest_subnormal
        stray = np.abs(Frontend(**p).mel(y) - exact).max()
        assert stray <= max(least, BOUND * exact.max()), scale
    assert not Frontend(**p).mel(np.zeros(N, np.float32)).any()


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
def test_streams_give_the_same(power):
    rng = np.random.default_rng(5)
    f = Frontend(sr=SR, n_fft=400, hop_length=160, n_mels=30, fmin=700, power=power)
    for name, y in SIGNALS.items():
        y = y.astype(np.float32)
        whole = f.mel(y)
        for most in (60, 4000):
            s, columns, i = f.stream("mel"), [], 0
            while i < N:
                n = int(rng.integers(1, most))
                columns.append(s.push(y[i : i + n]))
                i += n
            streamed = np.hstack([*columns, s.flush()])
            assert streamed.dtype == np.float32
            np.testing.assert_array_equal(streamed, whole, err_msg=name)


def test_recordings_within_2e_6_of_the_greatest():
    for path in signals.recordings()[-8:]:
        y, sr = signals.load_recording(path, None)
        y = y[:sr]
        for differing in ({}, {"fmin": 1000}, {"power": 1}):
            p = {"sr": sr, "n_fft": 2048, "hop_length": 512, "n_mels": 64} | differing
            assert distance(y, Frontend(**p).mel(y), **p) <= BOUND, (path, differing)
