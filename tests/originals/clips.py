# SPDX-License-Identifier: MIT
"""What originals are asked about: made sounds, and parts of recordings. NumPy and melpix alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import melpix

SUFFIXES = {".wav", ".ogg", ".flac", ".mp3"}


def ready(judge):
    """The reference, or a skip that says what is not installed."""
    from melpix.compare.peers import UnableError

    try:
        judge.ready()
    except UnableError as error:
        pytest.skip(str(error))
    return judge


def made(sr, seconds):
    """Names and samples: noises, tones, what glides, clicks; some shorter or longer than that."""
    n = round(seconds * sr)
    t = np.arange(n) / sr
    rng = np.random.default_rng(15)
    white = rng.standard_normal(n)
    brown = np.cumsum(white)
    clips = {
        "white noise": 0.2 * white,
        "brown noise": 0.5 * brown / np.abs(brown).max(),
        "faint noise": 1e-4 * white,
        "noise on DC": 0.3 + 0.1 * white,
        "chirp": 0.5 * np.sin(2 * np.pi * (50 * t + 0.4 * sr / seconds * t**2 / 2)),
        "tone 440 Hz": 0.5 * np.sin(2 * np.pi * 440 * t),
        "tone 2 kHz": 0.5 * np.sin(2 * np.pi * 2000 * t),
        "tone 7.1 kHz in noise": 0.3 * np.sin(2 * np.pi * 7100 * t) + 0.01 * white,
        "clicks": 0.02 * white + (np.arange(n) % 4801 == 0),
        "warble": 0.4 * np.sin(2 * np.pi * 3000 * t + 40 * np.sin(2 * np.pi * 9 * t)),
        "noise, then nothing": 0.2 * white * (t < seconds / 2),
        "short": 0.2 * white[: n // 3],
        "long": 0.2 * np.tile(white, 2),
    }
    return {name: y.astype(np.float32) for name, y in clips.items()}


def recorded(sr, seconds, most=16, shorts=12):
    """Names and samples: the first parts of each recording, and some that are shorter than one."""
    root = os.environ.get("MELPIX_TEST_AUDIO")
    if not root:
        pytest.skip("MELPIX_TEST_AUDIO is not set: the made clips alone are compared")
    n = round(seconds * sr)
    clips, short = {}, {}
    for path in sorted(p for p in Path(root).rglob("*") if p.suffix in SUFFIXES):
        if len(short) < shorts or path.suffix != ".wav":
            y, _ = melpix.load(path, sr=sr)
            parts = [y[start : start + n] for start in range(0, y.size - n + 1, n)][:most]
            (clips if parts else short).update(
                {f"{path.name} {i}": part for i, part in enumerate(parts or [y])}
            )
    return {**clips, **short}
