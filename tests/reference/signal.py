# SPDX-License-Identifier: MIT
"""What happens to the samples before there are frames: length, level, gain."""

from __future__ import annotations

import numpy as np


def samples(y):
    """Float64; int16 is read as y / 32768."""
    y = np.asarray(y)
    return y / 32768 if y.dtype == np.int16 else y.astype(np.float64)


def cut_or_fit(y, length, fit="pad"):
    """`length` samples: the first ones of y, or y and what `fit` puts behind it."""
    n = y.size
    if n >= length:
        return y[:length]
    if fit == "repeat":
        return np.tile(y, -(-length // n))[:length]
    if fit == "repeat_pad":
        y = np.tile(y, length // n)
    return np.concatenate([y, np.zeros(length - y.size)])


def level(y, kind):
    """The samples scaled as a model's own code does."""
    if kind == "int16":  # LAION-CLAP: to int16 and back
        # In float32, as it does: a product that float32 rounds up to an integer is not truncated,
        # which is a step of 1 / 32767: next to silence, decibels.
        y = np.clip(y, -1, 1).astype(np.float32) * np.float32(32767)
        return (np.trunc(y) / np.float32(32767)).astype(np.float64)
    if kind == "minmax":  # BirdNET: from -1 to 1
        above = y - y.min()
        return (above / (above.max() + 1e-6) - 0.5) * 2
    return y


def complete_last_patch(y, first, step):
    """Zeros at the end, until y has first + k * step samples, k >= 0."""
    k = max(0, -(-(y.size - first) // step))
    return np.concatenate([y, np.zeros(first + k * step - y.size)])
