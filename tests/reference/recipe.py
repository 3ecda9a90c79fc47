# SPDX-License-Identifier: MIT
"""The specification: the whole pipeline in float64 NumPy, slow and obvious.

One function a stage, in the order and under the names of the C++ core:

    frame -> spectrum -> mel -> log -> grey -> pixels

It knows neither librosa nor melpix; both are judged by it. Time runs along the
last axis of a signal and of an image; frames are rows until the mel stage.
"""

from __future__ import annotations

import numpy as np

PAD_MODES = ("constant", "reflect", "edge", "symmetric", "linear_ramp")


# --- window ---------------------------------------------------------------------------------


def cosine_sum(n, coefficients):
    """Alternating cosine series a0 - a1 cos(x) + a2 cos(2x) - ..., x one turn in n samples."""
    x = 2 * np.pi * np.arange(n) / n
    return sum((-1) ** k * a * np.cos(k * x) for k, a in enumerate(coefficients))


def bartlett(n):
    """Triangle that is 0 at sample 0 and 1 at n/2."""
    return 1 - np.abs(2 * np.arange(n) / n - 1)


def kaiser(n, beta):
    """Kaiser 1974: I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1."""
    x = 2 * np.arange(n) / n - 1
    return np.i0(beta * np.sqrt(1 - x**2)) / np.i0(beta)


def gaussian(n, std):
    """Bell around n/2, std in samples."""
    return np.exp(-0.5 * ((np.arange(n) - n / 2) / std) ** 2)


def tukey(n, alpha=0.5):
    """Boxcar whose first and last alpha/2 fall off as half a Hann window (Harris 1978, eq. 38)."""
    if alpha <= 0:
        return np.ones(n)
    edge = min(alpha, 1) * n
    to_nearer_end = np.minimum(np.arange(n), n - np.arange(n))
    return np.where(
        to_nearer_end < edge / 2, 0.5 - 0.5 * np.cos(2 * np.pi * to_nearer_end / edge), 1.0
    )


# Harris, "On the use of windows for harmonic analysis with the DFT", 1978.
WINDOWS = {
    "boxcar": np.ones,
    "ones": np.ones,
    "hann": lambda n: cosine_sum(n, [0.5, 0.5]),
    "hamming": lambda n: cosine_sum(n, [0.54, 0.46]),
    "blackman": lambda n: cosine_sum(n, [0.42, 0.5, 0.08]),
    "blackmanharris": lambda n: cosine_sum(n, [0.35875, 0.48829, 0.14128, 0.01168]),
    "general_hamming": lambda n, alpha: cosine_sum(n, [alpha, 1 - alpha]),
    "bartlett": bartlett,
    "kaiser": kaiser,
    "gaussian": gaussian,
    "tukey": tukey,
}


def window_values(window, n):
    """The n samples of a periodic window: period n, so that sample n would equal sample 0.

    `window` is a name, a tuple (name, parameter), a number (Kaiser's beta), a function of n,
    or the samples themselves.
    """
    if callable(window):
        return np.asarray(window(n), dtype=np.float64)
    if isinstance(window, (int, float)):
        window = ("kaiser", window)
    if isinstance(window, str):
        window = (window,)
    if not isinstance(window, tuple):
        return np.asarray(window, dtype=np.float64)
    if n == 1:
        return np.ones(1)  # by convention: the formulas give 0 for most
    name, *parameters = window
    return WINDOWS[name](n, *parameters)


def centred_window(window, win_length, n_fft):
    """The window in the middle of n_fft zeros, the odd zero behind it."""
    values = window_values(window, win_length)
    before = (n_fft - win_length) // 2
    return np.pad(values, (before, n_fft - win_length - before))


# --- frame ----------------------------------------------------------------------------------


def pad(y, n_fft, hop_length, mode):
    """y with n_fft // 2 more samples at either end."""
    half = n_fft // 2
    keep = [(0, 0)] * (y.ndim - 1)
    padded = np.pad(y, [*keep, (half, half)], mode=mode)

    # librosa frames the end of the signal by itself, and hands np.pad only the samples that
    # the last frames need. When the last frame alone reaches into the padding and begins half
    # a frame before the end, these are `half` samples: one too few to reflect, so the very
    # last sample of the padding is another one. Kept, since parity is with librosa.
    n = y.shape[-1]
    alone = half > 0 and n_fft % 2 == 0 and hop_length >= half
    if mode == "reflect" and alone and n % hop_length == 0 and n >= 2 * hop_length:
        padded[..., -half:] = np.pad(y[..., -half:], [*keep, (0, half)], mode)[..., half:]
    return padded


def frame(y, n_fft, hop_length, center=True, pad_mode="constant"):
    """Overlapping frames of n_fft samples, shape (..., frames, n_fft).

    With `center`, frame t has y[t * hop_length] in its middle, else at its start.
    """
    if center:
        y = pad(y, n_fft, hop_length, pad_mode)
    if y.shape[-1] < n_fft:
        raise ValueError(f"{y.shape[-1]} samples are too few for a frame of {n_fft}")
    starts = range(0, y.shape[-1] - n_fft + 1, hop_length)
    return np.stack([y[..., start : start + n_fft] for start in starts], axis=-2)


# --- spectrum -------------------------------------------------------------------------------


def spectrum(frames, window, power=2.0):
    """|discrete Fourier transform| ** power of each windowed frame: bins 0 ... n_fft // 2."""
    return np.abs(np.fft.rfft(frames * window)) ** power


# --- mel ------------------------------------------------------------------------------------

# Slaney, Auditory Toolbox, 1998: 15 mels a kHz below 1 kHz, then 27 mels for each factor 6.4.
SLANEY_KNEE_HZ, SLANEY_KNEE_MEL = 1000.0, 15.0
SLANEY_MELS_PER_LOG = 27 / np.log(6.4)


def hz_to_mel(hz, htk=False):
    if htk:  # Young et al., The HTK Book, eq. 5.13
        return 2595 * np.log10(1 + hz / 700)
    if hz < SLANEY_KNEE_HZ:
        return hz * 3 / 200
    return SLANEY_KNEE_MEL + np.log(hz / SLANEY_KNEE_HZ) * SLANEY_MELS_PER_LOG


def mel_to_hz(mel, htk=False):
    if htk:
        return 700 * (10 ** (mel / 2595) - 1)
    if mel < SLANEY_KNEE_MEL:
        return mel * 200 / 3
    return SLANEY_KNEE_HZ * np.exp((mel - SLANEY_KNEE_MEL) / SLANEY_MELS_PER_LOG)


def triangle(hz, left, peak, right):
    """Rises linearly from 0 at `left` to 1 at `peak`, falls to 0 at `right`."""
    return np.maximum(0, np.minimum((hz - left) / (peak - left), (right - hz) / (right - peak)))


def mel_filterbank(sr, n_fft, n_mels=128, fmin=0.0, fmax=None, htk=False, norm="slaney"):
    """Weights of shape (n_mels, 1 + n_fft // 2): triangles equally spaced in mel.

    norm: "slaney" gives every triangle the area 1 Hz, a number p the p-norm 1 over the bins
    (where that is not 0), None the peak 1.
    """
    bins = np.arange(1 + n_fft // 2) * sr / n_fft
    top = sr / 2 if fmax is None else fmax
    mels = np.linspace(hz_to_mel(fmin, htk), hz_to_mel(top, htk), n_mels + 2)
    edges = [mel_to_hz(m, htk) for m in mels]
    weights = []
    for left, peak, right in zip(edges, edges[1:], edges[2:], strict=False):
        row = triangle(bins, left, peak, right)
        if norm == "slaney":
            row = row * 2 / (right - left)
        elif norm is not None:
            row = row / (np.linalg.norm(row, norm) or 1.0)
        weights.append(row)
    return np.array(weights)


def mel(S, filterbank):
    """Energy in each mel band, shape (..., n_mels, frames): from here on, columns are frames."""
    return filterbank @ np.swapaxes(S, -1, -2)


# --- log, grey, pixels ----------------------------------------------------------------------


def log(M, offset=1e-9):
    return np.log(M + offset)


def grey(L, value_range="minmax"):
    """Grey values from 0 to 255, not rounded, between the two values of a range.

    "minmax" are the image's own least and greatest value; what lies outside is clipped.
    """
    lo, hi = (L.min(), L.max()) if value_range == "minmax" else value_range
    if lo == hi:
        return np.zeros_like(L)  # a constant image holds no energy; 0/0 in the recipe
    return (np.clip(L, lo, hi) - lo) / (hi - lo) * 255


def pixels(G):
    """Truncated to 8 bits, low frequencies at the bottom, black = more energy."""
    return 255 - np.flip(G.astype(np.uint8), axis=-2)


# --- the stages in order --------------------------------------------------------------------


def melspectrogram(
    y,
    sr=22050,
    n_fft=2048,
    hop_length=512,
    win_length=None,
    window="hann",
    center=True,
    pad_mode="constant",
    power=2.0,
    **mel_options,
):
    """frame ... mel; `mel_options` are those of mel_filterbank."""
    frames = frame(np.asarray(y, dtype=np.float64), n_fft, hop_length, center, pad_mode)
    S = spectrum(frames, centred_window(window, win_length or n_fft, n_fft), power)
    return mel(S, mel_filterbank(sr, n_fft, **mel_options))


def recipe_grey(y, sr=22050, hop_length=512, n_mels=128, value_range="minmax"):
    """The recipe, frame ... grey: the numbers just before truncation."""
    L = log(melspectrogram(y, sr, 2 * hop_length, hop_length, n_mels=n_mels))
    return grey(L, value_range)
