# SPDX-License-Identifier: MIT
"""From one sampling rate to another, as librosa does it. soxr is at home here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpix import _core
from melpix.audio import packages
from melpix.audio.samples import Samples
from melpix.errors import DecodeError
from melpix.host import until_done

_PHASES = 400  # of a filter that takes longer to design than a short sound takes to go through it


def refuse_without_resampler(sr: float, target: float, source: str) -> None:
    """Raise a DecodeError for a sound that cannot be resampled here, before it is decoded."""
    lack = packages.lack("soxr")
    if lack is not None:
        message = f"to resample from {sr:g} to {target:g} Hz needs soxr, but {lack}"
        raise DecodeError("not_installed", message, source)


def resample(y: Samples, sr: float, target: float) -> Samples:
    """Resample along the last axis, to the length that librosa makes of it."""
    if sr == target:
        return y
    if y.ndim == 2:
        return np.stack([resample(channel, sr, target) for channel in y])
    with until_done():
        import soxr

        resampled = soxr.resample(y, sr, target, quality="soxr_hq")
    return _fit(resampled, resampled_length(len(y), sr, target))


def resample_several(ys: list[Samples], sr: float, target: float) -> list[Samples]:
    """Resample several short sounds of one rate, each to the samples that `read_clip` gives."""
    if _together_pays(sr, target):
        return _resample_together(ys, sr, target)
    return [resample(y, sr, target) for y in ys]


def _together_pays(sr: float, target: float) -> bool:
    """Whether several short sounds are resampled together in less time than one by one.

    What is saved is soxr's design of the filter, which takes longest for a rate that goes up by an
    odd ratio: 170 µs from 8 to 22.05 kHz, 441 phases, and 25 µs from 44.1 to 22.05 kHz, one phase.
    What it costs are the zeros behind the shorter ones, and more memory than the nearest cache
    has. With clips of 0.3 to 1 s, up by more phases than these saves 40 to 130 µs a clip; between
    other rates of sound it is from 30 µs less to 50 µs more.
    """
    a, b = float(target).as_integer_ratio()
    c, d = float(sr).as_integer_ratio()
    return sr < target and a * d // math.gcd(a * d, b * c) > _PHASES


def _resample_together(ys: list[Samples], sr: float, target: float) -> list[Samples]:
    """Resample them as channels of one signal.

    soxr designs its filter anew for each signal. The channels of one signal share theirs, and know
    nothing else of each other; what is missing at the end of a signal is zeros to it, as they are
    here.
    """
    together = _core.empty((len(ys), max(map(len, ys))), np.dtype(np.float32))
    for row, y in zip(together, ys, strict=True):
        row[: len(y)] = y
        row[len(y) :] = 0.0
    with until_done():
        import soxr

        resampled = soxr.resample(together.T, sr, target, quality="soxr_hq").T
    for row, y in zip(resampled, ys, strict=True):
        row[int(len(y) / (sr / target) + 0.5) :] = 0.0  # so many it gives of one
    return [
        _fit(row, resampled_length(len(y), sr, target))
        for row, y in zip(resampled, ys, strict=True)
    ]


class Resampler:
    """`resample` for blocks: joined, its results are those for the joined blocks, bit for bit.

    soxr works through a signal in steps of its own, so that it makes no difference how the signal
    arrives; and what it calls one-shot is such a stream.
    """

    def __init__(self, sr: float, target: float) -> None:
        self._rates = sr, target
        self._stream: Any = None
        self._taken = self._given = 0

    def __call__(self, y: Samples, last: bool) -> Samples:
        """Return what a block completes."""
        if self._stream is None:
            if last:
                return resample(y, *self._rates)  # a quarter faster than a stream
            with until_done():
                import soxr

                self._stream = soxr.ResampleStream(
                    *self._rates, 1, dtype=y.dtype, quality="soxr_hq"
                )
        with until_done():
            resampled: Samples = self._stream.resample_chunk(y, last=last)
        self._taken += len(y)
        if last:
            whole = resampled_length(self._taken, *self._rates)
            resampled = _fit(resampled, whole - self._given)
        self._given += len(resampled)
        return resampled


def resampled_length(n: int, sr: float, target: float) -> int:
    """Return how many samples `resample` makes of so many."""
    return math.ceil(n * (float(target) / sr))


def _fit(y: Samples, n: int) -> Samples:
    """Cut or pad to a length: soxr may round it another way."""
    missing = n - len(y)
    return np.concatenate([y, np.zeros(missing, y.dtype)]) if missing > 0 else y[:n]
