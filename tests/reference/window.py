# SPDX-License-Identifier: MIT
"""Windows.

A formula gives n samples of a function that is symmetric about period / 2: with a period of n
samples it is a periodic window (sample n would equal sample 0), with n - 1 a symmetric one.
"""

from __future__ import annotations

import numpy as np


def cosine_sum(n, period, coefficients):
    """Alternating cosine series a0 - a1 cos(x) + a2 cos(2x) - ..., x one turn in a period."""
    x = 2 * np.pi * np.arange(n) / period
    return sum((-1) ** k * a * np.cos(k * x) for k, a in enumerate(coefficients))


def hann(n, period):
    return cosine_sum(n, period, [0.5, 0.5])


def povey(n, period):
    """Kaldi's default (feature-window.cc): Hann's window, raised to 0.85."""
    return np.maximum(hann(n, period), 0) ** 0.85


def bartlett(n, period):
    """Triangle that is 0 at sample 0 and 1 in the middle."""
    return 1 - np.abs(2 * np.arange(n) / period - 1)


def kaiser(n, period, beta):
    """Kaiser 1974: I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""
    x = 2 * np.arange(n) / period - 1
    return np.i0(beta * np.sqrt(np.maximum(1 - x**2, 0))) / np.i0(beta)


def gaussian(n, period, std):
    """Bell around the middle, std in samples."""
    return np.exp(-0.5 * ((np.arange(n) - period / 2) / std) ** 2)


def tukey(n, period, alpha=0.5):
    """Boxcar whose first and last alpha/2 fall off as half a Hann window (Harris 1978, eq. 38)."""
    if alpha <= 0:
        return np.ones(n)
    edge = min(alpha, 1) * period
    to_nearer_end = np.minimum(np.arange(n), period - np.arange(n))
    return np.where(
        to_nearer_end < edge / 2, 0.5 - 0.5 * np.cos(2 * np.pi * to_nearer_end / edge), 1.0
    )


# Harris, "On the use of windows for harmonic analysis with the DFT", 1978.
WINDOWS = {
    "boxcar": lambda n, period: np.ones(n),
    "ones": lambda n, period: np.ones(n),
    "hann": hann,
    "povey": povey,
    "hamming": lambda n, period: cosine_sum(n, period, [0.54, 0.46]),
    "blackman": lambda n, period: cosine_sum(n, period, [0.42, 0.5, 0.08]),
    "blackmanharris": lambda n, period: cosine_sum(n, period, [0.35875, 0.48829, 0.14128, 0.01168]),
    "general_hamming": lambda n, period, alpha: cosine_sum(n, period, [alpha, 1 - alpha]),
    "bartlett": bartlett,
    "kaiser": kaiser,
    "gaussian": gaussian,
    "tukey": tukey,
}


def window_values(window, n, periodic=True):
    """The n samples of a window.

    `window` is a name, a tuple or list (name, parameter), a number (Kaiser's beta), a function
    of n, or the samples themselves; `periodic` concerns those that have a formula.
    """
    if callable(window):
        return np.asarray(window(n), dtype=np.float64)
    if isinstance(window, (int, float)):
        window = ("kaiser", window)
    if isinstance(window, str):
        window = (window,)
    if not isinstance(window[0], str):
        return np.asarray(window, dtype=np.float64)
    if n == 1:
        return np.ones(1)  # by convention: the formulas give 0 for most
    name, *parameters = window
    return WINDOWS[name](n, n if periodic else n - 1, *parameters)
