# SPDX-License-Identifier: MIT
"""Front-ends without a package to ask: their published formulas, in float64 and NumPy alone.

Nothing here is shared with the code that is judged by it, and speed is not tried for.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[Any]

Array: TypeAlias = NDArray[np.float64]


def hann(n: int) -> Array:
    """Return Hann's window with period n (tf.signal.hann_window, torch.hann_window)."""
    window: Array = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    return window


def magnitudes(y: Samples, win_length: int, hop_length: int, n_fft: int) -> Array:
    """Return |FFT| of all frames that lie within y, as tf.signal.stft: (frames, 1 + n_fft // 2)."""
    if y.size < win_length:
        return np.zeros((0, 1 + n_fft // 2))
    y = y.astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(y, win_length)[::hop_length]
    magnitude: Array = np.abs(np.fft.rfft(frames * hann(win_length), n_fft))
    return magnitude


def tf_filterbank(sr: float, n_fft: int, n_mels: int, fmin: float, fmax: float) -> Array:
    """Return tf.signal.linear_to_mel_weight_matrix, which is AudioSet's too: (bins, n_mels).

    Triangles are linear in mel, and the first bin (0 Hz) belongs to none.
    """

    def mel(hz: Any) -> Any:
        return 1127 * np.log1p(hz / 700)

    bins = mel(np.linspace(0, sr / 2, 1 + n_fft // 2))[:, None]
    edges = np.linspace(mel(fmin), mel(fmax), n_mels + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    weights: Array = np.clip(np.minimum(rising, falling), 0, None)
    weights[0] = 0
    return weights


def patches(features: Array, length: int, step: int) -> Array:
    """Cut (frames, n_mels) into patches: (patches, length, n_mels); the rest is dropped."""
    if len(features) < length:
        return np.zeros((0, length, features.shape[1]))
    views = np.lib.stride_tricks.sliding_window_view(features, length, axis=0)[::step]
    return np.ascontiguousarray(views.swapaxes(1, 2))


def audioset_log_mel(y: Samples, offset: float) -> Array:
    """Return ln(mel + offset) of 25 ms every 10 ms at 16 kHz: (frames, 64).

    As AudioSet's mel_features and YAMNet's features do, it makes its filterbank in each call.
    """
    bank = tf_filterbank(16000, 512, 64, 125, 7500)
    return np.log(magnitudes(y, 400, 160, 512) @ bank + offset)


def vggish(y: Samples) -> Array:
    """Return the examples of tensorflow/models' audioset/vggish: (examples, 96, 64)."""
    return patches(audioset_log_mel(y, 0.01), 96, 96)


def yamnet(y: Samples) -> Array:
    """Return the patches of tensorflow/models' audioset/yamnet: (patches, 96, 64).

    Zeros complete the last patch of 0.96 s, which takes 15,600 samples; the next one starts 7,680
    samples later.
    """
    hops = -(-max(0, y.size - 15600) // 7680)
    y = np.pad(y, (0, 15600 + 7680 * hops - y.size))
    return patches(audioset_log_mel(y, 0.001), 96, 48)


@cache
def torchaudio_filterbank(sr: int, n_fft: int, n_mels: int, fmax: float) -> Array:
    """Return torchaudio.functional.melscale_fbanks from 0 Hz with its defaults: (bins, n_mels).

    HTK's scale, triangles linear in Hz with a peak of 1.
    """
    edges = 700 * (10 ** (np.linspace(0, np.log10(1 + fmax / 700), n_mels + 2)) - 1)
    bins = np.linspace(0, sr // 2, 1 + n_fft // 2)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    weights: Array = np.clip(np.minimum(rising, falling), 0, None)
    return weights


def riffusion(y: Samples) -> Array:
    """Return what Riffusion's images show, (mel / greatest) ** 0.25: (512, frames)."""
    n_fft, win_length, hop_length, sr = 17640, 4410, 441, 44100
    y = np.pad(y.astype(np.float64), n_fft // 2, mode="reflect")
    window = np.pad(hann(win_length), (n_fft - win_length) // 2)
    bank = torchaudio_filterbank(sr, n_fft, 512, 10000)
    frames = np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop_length]
    # A hundred at once: a frame takes 140 KB.
    blocks = [frames[t : t + 100] * window for t in range(0, len(frames), 100)]
    mel = np.concatenate([np.abs(np.fft.rfft(block)) @ bank for block in blocks]).T
    greatest = mel.max()
    scaled: Array = (mel / greatest if greatest > 0 else mel) ** 0.25
    return scaled


def riffusion_image(features: Array) -> NDArray[np.uint8]:
    """Return Riffusion's pixels: dark is more energy, truncated, low frequencies at the bottom."""
    image: NDArray[np.uint8] = np.flip((255 - features * 255).astype(np.uint8), axis=0)
    return image
