# SPDX-License-Identifier: MIT
"""Frames: which samples a column of the image is made of, and what is done to each of them."""

from __future__ import annotations

import numpy as np

PAD_MODES = ("constant", "reflect", "edge", "symmetric", "linear_ramp")


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


def frame_length(framing, n_fft, win_length):
    """Samples that have to be there for one frame."""
    return win_length if framing == "snip" else n_fft


def padding(framing, n_fft, hop_length):
    """Samples that are added at either end."""
    return {"center": n_fft // 2, "middle": (n_fft - hop_length) // 2}.get(framing, 0)


def samples_of(frames, framing, n_fft, hop_length, win_length):
    """The least length of a signal with so many frames."""
    reach = (frames - 1) * hop_length + frame_length(framing, n_fft, win_length)
    return max(0, reach - 2 * padding(framing, n_fft, hop_length))


def frame(y, n_fft, hop_length, win_length=None, framing="center", pad_mode="constant"):
    """Overlapping frames of n_fft samples (of win_length with "snip"), shape (..., frames, length).

    "center": frame t has y[t * hop_length] in its middle; "middle": the middle of the t-th hop;
    "uncentered", "snip": it begins at y[t * hop_length].
    """
    length = frame_length(framing, n_fft, win_length or n_fft)
    if framing == "center":
        y = pad(y, n_fft, hop_length, pad_mode)
    elif framing == "middle":
        side = padding(framing, n_fft, hop_length)
        y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(side, side)], mode=pad_mode)
    if y.shape[-1] < length:
        raise ValueError(f"{y.shape[-1]} samples are too few for a frame of {length}")
    starts = range(0, y.shape[-1] - length + 1, hop_length)
    return np.stack([y[..., start : start + length] for start in starts], axis=-2)


def under_window(frames, win_length):
    """The win_length samples in the middle of each frame, an odd one left over behind them."""
    before = (frames.shape[-1] - win_length) // 2
    return frames[..., before : before + win_length]


def remove_dc(frames):
    return frames - frames.mean(axis=-1, keepdims=True)


def preemphasis(frames, coefficient):
    """Each sample less a part of the one before it; the first counts as the one before itself."""
    before = np.concatenate([frames[..., :1], frames[..., :-1]], axis=-1)
    return frames - coefficient * before


def fill(frames, n_fft, framing):
    """Zeros around (with "snip": after) the windowed samples, n_fft in all."""
    missing = n_fft - frames.shape[-1]
    before = 0 if framing == "snip" else missing // 2
    return np.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(before, missing - before)])
