# SPDX-License-Identifier: MIT
"""The spectrum of each frame."""

from __future__ import annotations

import numpy as np


def spectrum(frames, power=2.0, bin_offset=0.0, part="magnitude"):
    """|discrete Fourier transform| ** power of each frame: bins 0 ... n_fft // 2.

    `bin_offset` is added to the square of the magnitude. Or, of `part` "real", the real parts.
    """
    X = np.fft.rfft(frames)
    if part == "real":
        return X.real
    return (X.real**2 + X.imag**2 + bin_offset) ** (power / 2)
