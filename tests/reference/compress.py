# SPDX-License-Identifier: MIT
"""From the energies of bands to features: logarithms, powers, PCEN."""

from __future__ import annotations

import numpy as np

PCEN_DEFAULTS = {"gain": 0.98, "bias": 2.0, "power": 0.5, "time_constant": 0.4, "eps": 1e-6}

# Of a number x, each gives so many units for each factor 10.
UNITS_PER_DECADE = {"ln": np.log(10), "log10": 1.0, "db": 10.0}


def log(M, offset=1e-9, kind="ln"):
    """Logarithm of M + offset: natural, decadic, or ten times that."""
    x = M + offset
    return np.log(x) if kind == "ln" else np.log10(x) * UNITS_PER_DECADE[kind]


def log_relative(M, offset, floor, ref, top_db, kind):
    """Logarithm above `floor`, relative to `ref`, and no more than top_db below the greatest."""
    floored = M if floor is None else np.maximum(M, floor)
    L = log(floored, offset, kind)
    if ref == "max":
        L = L - L.max()
    else:
        L = L - log(ref if floor is None else max(ref, floor), 0.0, kind)
    if top_db is not None:
        L = np.maximum(L, L.max() - top_db / 10 * UNITS_PER_DECADE[kind])
    return L


def smoothing(sr, hop_length, time_constant):
    """PCEN's coefficient b, from a time constant in seconds."""
    T = time_constant * sr / hop_length
    return (np.sqrt(1 + 4 * T**2) - 1) / (2 * T**2)


def pcen(M, sr, hop_length, gain, bias, power, time_constant, eps):
    """Per-channel energy normalisation (Wang et al. 2017, Lostanlen et al. 2019), as librosa's.

    M / (eps + smooth) ** gain, then a root that is shifted so as to be 0 at 0. `smooth` follows M
    from frame to frame; before the first, it is 1.
    """
    b = smoothing(sr, hop_length, time_constant)
    smooth = np.ones(M.shape[:-1])
    columns = []
    for column in np.moveaxis(M, -1, 0):
        smooth = (1 - b) * smooth + b * column
        x = column * (eps + smooth) ** -gain
        if power == 0:
            columns.append(np.log1p(x))
        elif bias == 0:
            columns.append(x**power)
        else:  # (x + bias) ** power - bias ** power, without losing a small x
            columns.append(bias**power * np.expm1(power * np.log1p(x / bias)))
    return np.stack(columns, axis=-1)


def compress(M, sr, hop_length, compress="ln", offset=1e-9, floor=None, ref=1.0, top_db=None):
    """Features of a mel, for any value of the parameter `compress`."""
    name, *numbers = [compress] if compress is None or isinstance(compress, str) else compress
    if name in UNITS_PER_DECADE:
        return log_relative(M, offset, floor, ref, top_db, name)
    x = M if floor is None else np.maximum(M, floor)
    if name == "power":
        return np.abs(x) ** numbers[0]  # of real parts: those of magnitudes are not negative
    if name == "pcen":
        return pcen(x, sr, hop_length, *(numbers or PCEN_DEFAULTS.values()))
    return x
