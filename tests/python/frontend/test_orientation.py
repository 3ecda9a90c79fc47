# SPDX-License-Identifier: MIT
"""Samples by channels, as soundfile.read returns them, are never taken for the transpose."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

import melpix
from melpix import Frontend, convert_bytes, read_png, windows

F = Frontend(sr=8000, n_mels=12, hop_length=64, n_fft=128, range=(-20, 5))
STACKED = Frontend(sr=8000, n_mels=12, hop_length=64, n_fft=128, stack=[{"fmax": 2000}])
Y = np.random.default_rng(0).uniform(-1, 1, (500, 8)).astype(np.float32)
ADVICE = r"^(ys\[1\]: )?y must .*samples on the last axis, got shape .*samples by channels.*: give "

DOORS: dict[str, Callable[[Any], Any]] = {
    "image": F.image,
    "image of stacked mels": STACKED.image,
    "image, out": lambda y: F.image(y, out=np.empty((12, 1), np.uint8)),
    "images": lambda y: F.images([Y[:, 0], y]),
    "render": F.render,
    "png": F.png,
    "profile": F.profile,
    "features": F.features,
    "features, out": lambda y: F.features(y, out=np.empty((len(y), 12, 1), np.float32)),
    "mel": F.mel,
    "stream of features": lambda y: F.stream().push(y),
    "stream of mel": lambda y: F.stream("mel").push(y),
    "stream of an image": lambda y: F.stream("image").push(y),
    "spectrogram_image": lambda y: melpix.spectrogram_image(y, 8000),
}


class Exporter:
    """Shows its memory by DLPack alone."""

    def __init__(self, y: np.ndarray) -> None:
        self._y = y

    def __dlpack__(self, **options: Any) -> Any:
        return self._y.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._y.__dlpack_device__()


HOLDERS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda y: y,
    "by columns": np.asfortranarray,
    "strided": lambda y: np.repeat(y, 2, 0)[::2],
    "float64": lambda y: y.astype(np.float64),
    "int16": lambda y: (y * 32767).astype(np.int16),
    "list": lambda y: y.tolist(),
    "memoryview": lambda y: memoryview(np.ascontiguousarray(y)),
    "DLPack": lambda y: Exporter(np.ascontiguousarray(y)),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_samples_by_channels_are_refused(door: str, channels: int) -> None:
    with pytest.raises(ValueError, match=ADVICE + r"y\.T$"):
        DOORS[door](Y[:, :channels])
    with pytest.raises(ValueError, match=ADVICE):  # the shortest that is no chunk of 8 channels
        DOORS[door](Y[:9, :channels])


@pytest.mark.parametrize("holder", HOLDERS)
def test_whatever_holds_them(holder: str) -> None:
    y = HOLDERS[holder](Y[:, :2])
    for door in ("image", "features", "stream of features"):
        with pytest.raises(ValueError, match=ADVICE):
            DOORS[door](y)


def test_the_advice_helps() -> None:
    assert F.image(Y[:, :2].T).shape == (12, 8)
    batch = np.stack([Y[:, :2]] * 3)
    with pytest.raises(ValueError, match=re.escape("give np.moveaxis(y, 1, -1)")):
        F.features(batch)
    assert F.features(np.moveaxis(batch, 1, -1)).shape == (3, 2, 12, 8)


def test_a_stream_goes_on_after_a_refusal() -> None:
    s = F.stream("image")
    first = s.push(Y[:200, :2].T)
    with pytest.raises(ValueError, match=ADVICE):
        s.push(Y[200:, :2])
    columns = [first, s.push(Y[200:, :2].T), s.flush()]
    np.testing.assert_array_equal(np.hstack(columns), F.image(Y[:, :2].T))


@pytest.mark.parametrize("shape", [(1, 500), (2, 1), (8, 1), (8, 7), (2, 2), (1, 1), (1000, 9)])
def test_channels_by_samples_are_taken(shape: tuple[int, int]) -> None:
    y = np.resize(Y, shape)
    columns = F.frames(shape[1])
    assert F.image(y).shape == (12, columns)
    assert F.features(y).shape == (shape[0], 12, columns)
    np.testing.assert_array_equal(F.image(y), F.image(y.mean(axis=0)))


def test_chunks_of_one_sample_make_a_stream() -> None:
    y = Y[:200, :2].T
    s = F.stream("image")
    columns = [s.push(y[:, i : i + 1]) for i in range(y.shape[1])]
    np.testing.assert_array_equal(np.hstack([*columns, s.flush()]), F.image(y))


def test_leading_axes_of_short_signals_are_kept() -> None:
    assert F.features(np.zeros((4, 3, 5))).shape == (4, 3, 12, 1)
    assert F.mel(np.zeros((100, 9))).shape == (100, 12, 1)


def test_nothing_is_nothing_whatever_its_shape() -> None:
    for shape in ((0,), (2, 0), (100, 0)):
        with pytest.raises(melpix.SignalError, match="no samples"):
            F.image(np.zeros(shape))


@pytest.mark.parametrize("shape", [(500, 2), (500, 1), (3, 500, 2)])
def test_melspectrogram_warns_and_goes_on(shape: tuple[int, ...]) -> None:
    with pytest.warns(UserWarning, match=r"y has shape .*samples by channels.*: give ") as caught:
        mel = melpix.melspectrogram(y=np.resize(Y, shape), sr=8000, n_mels=12)
    assert [w.filename for w in caught] == [__file__]
    assert mel.shape == (*shape[:-1], 12, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        melpix.melspectrogram(y=np.moveaxis(np.resize(Y, shape), -2, -1), sr=8000, n_mels=12)
        melpix.melspectrogram(y=np.resize(Y, (2, 1)), sr=8000, n_mels=12)


def wav(y: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, y, 8000, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.mark.parametrize("shape", [(1, 2), (1, 9), (5, 10), (8, 1000), (9, 7)])
def test_files_of_many_channels_and_hardly_a_sample_make_images(shape: tuple[int, int]) -> None:
    y = np.resize(Y, shape) / 2
    pcm = np.round(y * 32768) / 32768
    expected = F.image(pcm.mean(axis=1).astype(np.float32))
    made = [read_png(convert_bytes(wav(y), F))[0]]
    for how in ({}, {"time_steps": 40, "short": "keep"}):
        made += [w.frontend.image(w.y) for w in windows(wav(y), F, **how)]
    assert len(made) == 3
    for image in made:
        np.testing.assert_array_equal(image, expected)


def test_a_tail_of_many_channels_and_hardly_a_sample_makes_an_image() -> None:
    y = np.resize(Y, (640 + 3, 12)) / 2
    both = list(windows(wav(y), F, time_steps=10, tail="keep"))
    assert [w.frontend.image(w.y).shape[1] for w in both] == [11, 1]
    assert [w.frontend.features(w.y).shape[-1] for w in both] == [11, 1]
