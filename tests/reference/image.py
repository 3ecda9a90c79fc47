# SPDX-License-Identifier: MIT
"""From features to pixels."""

from __future__ import annotations

import numpy as np

ROUNDINGS = {
    "truncate": np.floor,
    "nearest": lambda G: np.floor(G + 0.5),
    "ceil": np.ceil,
}


def grey(L, value_range="minmax", bits=8):
    """Grey values from 0 to 255 (65535), not rounded, between the two values of a range.

    "minmax" are the image's own least and greatest value; what lies outside is clipped.
    """
    lo, hi = (L.min(), L.max()) if value_range == "minmax" else value_range
    if lo == hi:
        return np.zeros_like(L)  # a constant image holds no energy; 0/0 in the recipe
    return (np.clip(L, lo, hi) - lo) / (hi - lo) * (2**bits - 1)


def pixels(G, rounding="truncate", flip=True, invert=True, bits=8):
    """Rounded to 8 or 16 bits; by default, low frequencies at the bottom, black = more energy.

    Rows are the first axis but for leading ones: the last but one of (..., rows, columns).
    """
    whole = ROUNDINGS[rounding](G).astype(np.uint8 if bits == 8 else np.uint16)
    if flip:
        whole = np.flip(whole, axis=-2)
    return 2**bits - 1 - whole if invert else whole
