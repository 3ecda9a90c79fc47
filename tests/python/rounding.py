# SPDX-License-Identifier: MIT
"""How far a front-end in float64 may lie from the specification: as far as rounding goes.

What an FFT rounds is known; what becomes of it is not, behind logarithms, differences from the
greatest and divisions by spreads. So the specification's own mel is shaken by so much, and sent
through its own later stages.
"""

from __future__ import annotations

import numpy as np

from reference import mel as melling
from reference import pipeline

ROUNDED = 1e-14  # of the greatest bin that samples can make, of the greatest feature in a mean
LEAST = 1e-9  # of the greatest value, whatever else
FINE = 4096  # samples of a transform whose bins come near the top of any filter


def shaken(M, x, p):
    """The mel as rounding in an FFT of the samples x could have made it.

    A bin's power may be off by a part of the greatest, a root of it by the root of that part. A
    weight may be off by a part of its filter's height: a bin may lie on a filter's very edge.
    """
    filters = [p[name] for name in ("n_mels", "fmin", "fmax", "mel_scale", "norm")]
    bank = melling.mel_filterbank(p["mel_sr"], p["n_fft"], *filters)
    height = melling.mel_filterbank(p["mel_sr"], max(p["n_fft"], FINE), *filters).max()
    power = p["power"]
    greatest = np.abs(x).max() * p["n_fft"] / 4
    step = bank.sum(axis=1).max() * greatest**power * ROUNDED ** min(1, power)
    step += height * (greatest**2 + p["bin_offset"]) ** (power / 2) * ROUNDED
    rng = np.random.default_rng(0)
    for sign in (1, -1, rng.choice([-1, 1], M.shape), rng.choice([-1, 1], M.shape)):
        yield M + sign * step if p["spectrum"] == "real" else np.maximum(M + sign * step, 0)


def by_statistics(M, p):
    """What the rounding of compressed values and of their mean makes of features."""
    L = pipeline.compressed_of(M, p)
    step = ROUNDED * (np.abs(L).max() + np.abs(pipeline.compressed_of(M, p | {"ref": 1})).max())
    if p["normalise"] not in ("image", "frequency"):
        return step
    deviation = L.std(axis=None if p["normalise"] == "image" else -1).min()
    return step / (deviation + 1e-6)


def expected_with_tolerance(y, p, finish, scale=lambda M, q: 1):
    """finish(mel, parameters) of each stacked mel, and how far rounding could move it.

    `scale` says what becomes of one unit of a feature.
    """
    values, tolerances = [], []
    for q in pipeline.complete(p):
        x = pipeline.signal_of(y, q)
        M = pipeline.mel_of(x, q)
        value = finish(M, q)
        moved = [np.abs(finish(N, q) - value).max(initial=0) for N in shaken(M, x, q)]
        own = scale(M, q) * by_statistics(M, q)
        values.append(value)
        tolerances.append(4 * max(moved) + own + LEAST * np.abs(value).max(initial=1e-3))
    if p.get("stack") is None:
        return values[0], tolerances[0]
    return np.stack(values, axis=-1), np.array(tolerances)


def mel(y, p):
    """The first mel, and its tolerance."""
    return expected_with_tolerance(y, p | {"stack": None}, lambda M, q: M)


def features(y, p):
    """The features, and their tolerance."""
    return expected_with_tolerance(
        y, p, lambda M, q: pipeline.laid_out(pipeline.features_of(M, q), q)
    )


def grey(y, p):
    """The grey values before rounding, and their tolerance."""

    def scale(M, q):
        if isinstance(q["range"], str):
            features = pipeline.features_of(M, q)
            lo, hi = features.min(), features.max()
        else:
            lo, hi = q["range"]
        return 0 if lo == hi else (2 ** q["bits"] - 1) / (hi - lo)

    return expected_with_tolerance(y, p, pipeline.grey_of, scale)


def check(actual, expected, tolerance):
    assert actual.shape == expected.shape
    assert (np.abs(actual - expected) <= tolerance).all(), np.abs(actual - expected).max()
