# SPDX-License-Identifier: MIT
"""The specification is judged first: tests/reference in float64 against librosa in float64."""

import itertools

import librosa
import numpy as np
import pytest
import scipy.signal

import signals
import sweep
from grids import at
from reference import recipe
from reference.window import window_values

WINDOWS = [w for w in sweep.WINDOWS if not callable(w) and w not in ("array", "list")]


def reference_mel(case):
    """The specification's answer, None where it refuses."""
    try:
        return recipe.melspectrogram(case.y, **case.options)
    except ValueError:
        return None


@pytest.mark.parametrize("block", range(10))
def test_melspectrogram_is_librosas(block):
    for seed in range(30 * block, 30 * block + 30):
        case = sweep.draw(seed, np.float64)
        with at(case):
            expected, _ = sweep.by_librosa(case, dtype=np.float64)
            actual = reference_mel(case)
            assert (actual is None) == (expected is None)
            if expected is not None:
                assert actual.shape == expected.shape
                sweep.assert_close(actual, expected, case, 1e-12)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_windows_are_scipys(window):
    for n, periodic in itertools.product([1, 2, 3, 16, 17, 400, 1021], [True, False]):
        with at(n, periodic):
            expected = scipy.signal.get_window(window, n, fftbins=periodic)
            actual = window_values(window, n, periodic)
            np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-15)


def test_povey_is_a_power_of_hann():
    for n, periodic in itertools.product([1, 2, 3, 400], [True, False]):
        with at(n, periodic):
            expected = scipy.signal.get_window("hann", n, fftbins=periodic) ** 0.85
            actual = window_values("povey", n, periodic)
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-13)  # a root of rounding


@pytest.mark.parametrize(("n_fft", "hop_length"), [(2, 1), (2, 3), (8, 4), (8, 8), (8, 9)])
@pytest.mark.parametrize("n_hops", [1, 2, 5])
def test_reflection_of_a_last_frame_that_stands_alone(n_fft, hop_length, n_hops):
    y = signals.noise(n_hops * hop_length)
    options = {"n_fft": n_fft, "hop_length": hop_length, "window": "boxcar", "pad_mode": "reflect"}
    case = sweep.Case(y, options | {"n_mels": 3})
    expected, _ = sweep.by_librosa(case, dtype=np.float64)
    np.testing.assert_allclose(reference_mel(case), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("sr", "hop_length", "n_mels"), [(22050, 512, 128), (16000, 256, 64)])
def test_grey_values_are_those_of_the_published_function(sr, hop_length, n_mels):
    y = signals.speech_like(sr, sr)
    mels = librosa.feature.melspectrogram(
        y=y, sr=sr, n_fft=hop_length * 2, hop_length=hop_length, n_mels=n_mels, dtype=np.float64
    )
    logs = np.log(mels + 1e-9)
    expected = (logs - logs.min()) / (logs.max() - logs.min()) * 255
    actual = recipe.recipe_grey(y, sr, hop_length, n_mels)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)
    published = 255 - np.flip(expected.astype(np.uint8), axis=0)
    assert (recipe.pixels(actual) == published).mean() > 0.999


def test_silence_is_white():
    assert (recipe.pixels(recipe.recipe_grey(signals.silence(2000))) == 255).all()
