# SPDX-License-Identifier: MIT
"""Features brought to a given number of columns, and to a given mean and spread."""

from __future__ import annotations

import numpy as np


def fill_columns(L, columns):
    """Columns of 0 behind those that are there."""
    return np.pad(L, [(0, 0), (0, columns - L.shape[-1])])


def normalise(L, how=None):
    """`how` is None, "image", "frequency", "max", or (mean, std): numbers, or one for each band."""
    if how is None:
        return L
    if how == "image":
        return (L - L.mean()) / (L.std() + 1e-6)
    if how == "frequency":
        return (L - L.mean(axis=-1, keepdims=True)) / (L.std(axis=-1, keepdims=True) + 1e-6)
    if how == "max":
        return L / L.max() if L.max() > 0 else np.zeros_like(L)
    mean, std = (np.reshape(x, (-1, 1)) for x in how)
    return (L - mean) / std
