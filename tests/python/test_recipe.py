# SPDX-License-Identifier: MIT
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
