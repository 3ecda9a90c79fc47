# SPDX-License-Identifier: MIT
"""Short clips as data sets have them, made here: cuts of voices with some noise."""

from __future__ import annotations

import os
import wave
from typing import Any

import numpy as np

CLASSES = 10


def write_clips(folder: str, n: int, sr: int) -> None:
    """Write so many WAVs of 0.3 to 1 s into folders of classes."""
    rng = np.random.default_rng(4)
    t = np.arange(20 * sr) / sr
    for k in range(min(n, CLASSES)):
        os.makedirs(f"{folder}/{k}")
        pitch = 90 + 13 * k + 20 * np.sin(2 * np.pi * (0.3 + 0.1 * k) * t)
        phase = 2 * np.pi * np.cumsum(pitch) / sr
        voice = sum(np.sin(h * phase) / (1 + abs(h - 2 - k)) for h in range(1, 13))
        voice = 0.2 * voice + rng.normal(0, 0.003, len(t))
        for i in range(k, n, CLASSES):
            length = int(rng.uniform(0.3, 1.0) * sr)
            start = rng.integers(len(t) - length)
            y = voice[start : start + length] * np.hanning(length)
            write_wav(f"{folder}/{k}/{i}.wav", y, sr)


def write_wav(path: str, y: Any, sr: int, times: int = 1) -> None:
    """Write 16 bits of one channel, the same samples several times over."""
    samples = (y.clip(-1, 1) * 32767).astype("<i2").tobytes()
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, sr, len(y) * times, "NONE", ""))
        for _ in range(times):
            file.writeframesraw(samples)
