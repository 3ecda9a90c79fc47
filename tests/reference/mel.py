# SPDX-License-Identifier: MIT
"""Mel scales and filterbanks.

Four of them: "slaney" and "htk" have triangles that are straight lines over Hz; the triangles
of "kaldi" and "tf" are straight lines over mel, on HTK's scale written with the natural
logarithm (Kaldi: mel-computations.cc; TensorFlow: mel_ops.py).
"""

from __future__ import annotations

from functools import cache

import numpy as np

# Slaney, Auditory Toolbox, 1998: 15 mels a kHz below 1 kHz, then 27 mels for each factor 6.4.
SLANEY_KNEE_HZ, SLANEY_KNEE_MEL = 1000.0, 15.0
SLANEY_MELS_PER_LOG = 27 / np.log(6.4)


def hz_to_mel(hz, scale="slaney"):
    if scale == "htk":  # Young et al., The HTK Book, eq. 5.13
        return 2595 * np.log10(1 + hz / 700)
    if scale in ("kaldi", "tf"):
        return 1127 * np.log(1 + hz / 700)
    if hz < SLANEY_KNEE_HZ:
        return hz * 3 / 200
    return SLANEY_KNEE_MEL + np.log(hz / SLANEY_KNEE_HZ) * SLANEY_MELS_PER_LOG


def mel_to_hz(mel, scale="slaney"):
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    if scale in ("kaldi", "tf"):
        return 700 * (np.exp(mel / 1127) - 1)
    if mel < SLANEY_KNEE_MEL:
        return mel * 200 / 3
    return SLANEY_KNEE_HZ * np.exp((mel - SLANEY_KNEE_MEL) / SLANEY_MELS_PER_LOG)


def triangle(x, left, peak, right):
    """Rises linearly from 0 at `left` to 1 at `peak`, falls to 0 at `right`."""
    return np.maximum(0, np.minimum((x - left) / (peak - left), (right - x) / (right - peak)))


@cache
def mel_filterbank(sr, n_fft, n_mels=128, fmin=0.0, fmax=None, mel_scale="slaney", norm="slaney"):
    """Weights of shape (n_mels, 1 + n_fft // 2): triangles equally spaced in mel.

    norm: "slaney" gives every triangle the area 1 Hz, a number p the p-norm 1 over the bins
    (where that is not 0), None the peak 1.
    """
    bins = np.arange(1 + n_fft // 2) * sr / n_fft
    top = sr / 2 if fmax is None else fmax
    edges = np.linspace(hz_to_mel(fmin, mel_scale), hz_to_mel(top, mel_scale), n_mels + 2)
    if mel_scale in ("kaldi", "tf"):
        bins = hz_to_mel(bins, mel_scale)
    else:
        edges = [mel_to_hz(m, mel_scale) for m in edges]
    weights = []
    for left, peak, right in zip(edges, edges[1:], edges[2:], strict=False):
        row = triangle(bins, left, peak, right)
        if norm == "slaney":
            row = row * 2 / (right - left)
        elif norm is not None:
            row = row / (np.linalg.norm(row, float(norm)) or 1.0)
        weights.append(row)
    weights = np.array(weights)
    if mel_scale == "tf":
        weights[:, 0] = 0
    if mel_scale == "kaldi" and n_fft % 2 == 0:  # an odd transform has no bin at Nyquist
        weights[:, -1] = 0
    weights.flags.writeable = False  # all who ask get this one
    return weights


def mel(S, filterbank):
    """Energy in each mel band, shape (..., n_mels, frames): from here on, columns are frames."""
    return filterbank @ np.swapaxes(S, -1, -2)
