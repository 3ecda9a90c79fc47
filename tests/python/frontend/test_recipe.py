# SPDX-License-Identifier: MIT
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import melpix

Y = np.random.default_rng(0).uniform(-1, 1, 30000).astype(np.float32)


def test_the_image_is_returned_and_written(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    image = melpix.spectrogram_image(Y, 22050, path, 256, 64)  # by position, as published
    assert image.shape == (64, 118)
    again, metadata = melpix.read_png(path)
    np.testing.assert_array_equal(again, image)
    assert metadata["params"] == melpix.Frontend(sr=22050, hop_length=256, n_mels=64).params
    assert path.read_bytes() == melpix.Frontend(sr=22050, hop_length=256, n_mels=64).png(Y)


def test_options_are_those_of_the_front_end() -> None:
    image = melpix.spectrogram_image(Y, sr=22050, n_fft=2048, fmax=8000, precision="double")
    expected = melpix.Frontend(n_fft=2048, fmax=8000, precision="double").image(Y)
    np.testing.assert_array_equal(image, expected)
    with pytest.raises(TypeError, match="n_mel"):
        melpix.spectrogram_image(Y, sr=22050, n_mel=5)


def check_planned_once(**options: Any) -> None:
    """To plan filters that catch no bin is warned of: it must happen the first time alone."""
    options = {"n_fft": 256, "hop_length": 256} | options
    with pytest.warns(UserWarning, match="filters catch no bin"):
        expected = melpix.spectrogram_image(Y, 22050, **options)
    for _ in range(3):  # where warnings are errors
        np.testing.assert_array_equal(melpix.spectrogram_image(Y, 22050, **options), expected)
    with pytest.warns(UserWarning, match="filters catch no bin"):
        f = melpix.Frontend(**options)
    np.testing.assert_array_equal(expected, f.image(Y))


def test_front_ends_are_planned_once() -> None:
    check_planned_once()
    check_planned_once(window=("kaiser", 8.0), fmax=8000)


def test_windows_that_may_change_are_looked_at_each_time() -> None:
    samples = np.hanning(1024)

    def window(length: int) -> NDArray[Any]:
        return samples[:length]

    for _ in range(2):
        samples *= np.linspace(0, 1, 1024)
        expected = melpix.Frontend(window=samples).image(Y)
        for given in (samples, window):
            image = melpix.spectrogram_image(Y, sr=22050, window=given)
            np.testing.assert_array_equal(image, expected)


def test_arrays_and_lists_are_planned_once_too() -> None:
    check_planned_once(window=np.hanning(256))
    check_planned_once(range=[-20, 5])
    check_planned_once(stack=[{"fmin": 50}])
    y, window = np.linspace(-1, 1, 4000), np.hanning(1024)
    melpix.spectrogram_image(y, 8000, window=window)
    window[:] = np.hamming(1024)
    expected = melpix.Frontend(sr=8000, window=window).image(y)
    assert np.array_equal(melpix.spectrogram_image(y, 8000, window=window), expected)


def test_a_planned_front_end_hides_no_mistake() -> None:
    options: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"hop_length": 512.0}),
        ({"flip": True}, {"flip": 1}),
    ]
    for good, bad in options:
        melpix.spectrogram_image(Y, 22050, **good)
        with pytest.raises(ValueError, match=next(iter(bad))):
            melpix.spectrogram_image(Y, 22050, **bad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_scale_minmax_is_the_recipes(dtype: Any) -> None:
    X = (Y[:99].reshape(9, 11) * 100).astype(dtype)
    std = (X - X.min()) / (X.max() - X.min())
    np.testing.assert_array_equal(melpix.scale_minmax(X, 0, 255), std * 255)
    np.testing.assert_array_equal(melpix.scale_minmax(X), std)
    assert melpix.scale_minmax(X, -1, 1).min() == -1


def test_scale_minmax_of_what_has_no_range() -> None:
    np.testing.assert_array_equal(melpix.scale_minmax(np.full(3, 7.0), 2, 9), [2, 2, 2])
    with pytest.raises(ValueError, match="empty"):
        melpix.scale_minmax([])
    with pytest.raises(ValueError, match="finite"):
        melpix.scale_minmax([1.0, np.nan])
