# SPDX-License-Identifier: MIT
"""A seeded random walk over librosa.feature.melspectrogram's parameters."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import librosa
import numpy as np
import scipy.signal.windows
from librosa.util.exceptions import ParameterError

N_FFTS = (1, 2, 3, 5, 7, 16, 17, 31, 64, 97, 101, 127, 200, 251, 257)
N_FFTS += (400, 509, 512, 1021, 1024, 1102, 2048)
WINDOWS = ("hann", "hamming", "blackman", "blackmanharris", "bartlett", "boxcar", "ones")
WINDOWS += (("kaiser", 4.0), 8.6, ("gaussian", 20.0), ("tukey", 0.25), "tukey")
WINDOWS += (("general_hamming", 0.6), np.hanning, scipy.signal.windows.cosine, "array", "list")
PAD_MODES = ("constant", "reflect", "edge", "symmetric", "linear_ramp")
SHAPES = ((), (), (), (2,), (2, 3))
NORMS = ("slaney", "slaney", None, 1, 2, 3.5, np.inf, 0)


@dataclass(repr=False)
class Case:
    """One call: the signal y and every other keyword of melspectrogram."""

    y: np.ndarray
    options: dict

    def __repr__(self):
        return f"y: {self.y.dtype} {self.y.shape}, {self.options}"


def choose(rng, menu):
    return menu[rng.integers(len(menu))]


def draw(seed, y_dtype):
    """The case of this number."""
    rng = np.random.default_rng([seed, 2024])
    n_fft = choose(rng, N_FFTS)
    hop_length = choose(rng, (n_fft // 4, n_fft // 2, n_fft // 3, n_fft, n_fft + 1, 2 * n_fft + 3))
    hop_length = max(1, hop_length)
    win_length = choose(rng, (None, None, n_fft, max(1, n_fft // 2), max(1, n_fft - 1)))
    edges = (n_fft, hop_length, 2 * hop_length, n_fft // 2)
    near = [edge + d for edge in edges for d in (-1, 0, 1)]
    n = max(0, choose(rng, (0, 1, *near, *near, 4 * hop_length, n_fft + int(rng.integers(3000)))))
    sr = choose(rng, (8000, 16000, 22050, 22050.5, 44100))
    window = choose(rng, WINDOWS)
    if isinstance(window, str) and window in ("array", "list"):
        samples = rng.uniform(0, 1, win_length or n_fft)
        window = samples if window == "array" else samples.tolist()
    options = {
        "sr": sr,
        "n_fft": n_fft,
        "hop_length": hop_length,
        "win_length": win_length,
        "window": window,
        "center": bool(rng.integers(4)),
        "pad_mode": choose(rng, PAD_MODES),
        "power": choose(rng, (2.0, 2.0, 2, 1.0, 0.5, 1.5, 3.0)),
        "n_mels": choose(rng, (1, 2, 13, 40, 64, 80, 128)),
        "fmin": choose(rng, (0.0, 0.0, 25.0, 310.0)),
        "fmax": choose(rng, (None, None, 3790.0, sr / 2, 0.7 * sr)),
        "htk": bool(rng.integers(2)),
        "norm": choose(rng, NORMS),
    }
    well_conditioned(options, n)
    y = rng.uniform(-0.8, 0.8, (*choose(rng, SHAPES), n)).astype(y_dtype)
    return Case(y, options)


def well_conditioned(options, n):
    """Moves the options away from where rounding alone decides librosa's answer."""
    if options["power"] < 1 or options["n_fft"] == 2 or n == 1:
        # A signal extended into symmetry has bins that are exactly 0: rounding makes 1e-16 of
        # them, and its root 1e-8; or hardly any other bin is left.
        options["pad_mode"] = "constant"
    at_nyquist = options["fmax"] in (None, options["sr"] / 2)
    if at_nyquist and (options["norm"] not in ("slaney", None) or options["n_fft"] == 2):
        # Nyquist weighs 0 or 1e-17 in the last filter. Where it is the filter's only bin, a norm
        # makes 1 of the latter; where n_fft is 2, it is the only bin there is.
        options["fmax"] = 0.7 * options["sr"]


def assert_close(actual, expected, case, tolerance):
    """Within the tolerance of the peak; for power < 1 in the magnitudes, not in their roots."""
    magnitude = 1 / min(1, case.options["power"])
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    atol = tolerance * np.max(expected**magnitude, initial=0)
    np.testing.assert_allclose(
        actual**magnitude, expected**magnitude, rtol=0, atol=atol, err_msg=str(case)
    )


def by_librosa(case, **overrides):
    """librosa's answer and whether it warned of empty filters; None where it refuses."""
    options = case.options | overrides
    if options["n_fft"] == 1:
        # Centring pads by n_fft // 2 = 0 samples, so it changes nothing; but librosa then slices
        # the signal by negative numbers and refuses some lengths by accident.
        options["center"] = False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            expected = librosa.feature.melspectrogram(y=case.y, **options)
        except (ParameterError, ValueError):
            expected = None
    return expected, any("Empty filters" in str(w.message) for w in caught)
