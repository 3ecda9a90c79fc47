# SPDX-License-Identifier: MIT
"""What the tests listen to: seeded synthetic signals, and the real recordings."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import pytest

AUDIO_SUFFIXES = {".wav", ".ogg", ".flac", ".mp3"}


def noise(n, seed=0, amplitude=0.5):
    """White and uniform."""
    return np.random.default_rng(seed).uniform(-amplitude, amplitude, n)


def tone(n, sr, hz, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * hz / sr * np.arange(n))


def chirp(n, sr, start, stop, amplitude=0.5):
    """A sine whose frequency moves linearly from start to stop Hz."""
    t = np.arange(n) / sr
    return amplitude * np.sin(2 * np.pi * (start * t + (stop - start) * t**2 * sr / (2 * n)))


def faint_noise_on_dc(n, seed=0, dc=0.5, amplitude=1e-4):
    """The hard case for float32: the window smears a large bin over small ones."""
    return dc + noise(n, seed, amplitude)


def silence(n):
    return np.zeros(n)


def impulses(n, spacing=997):
    y = np.zeros(n)
    y[::spacing] = 1.0
    return y


def speech_like(n, sr, seed=0):
    """A gliding pulse train through three resonances, in syllables, over a faint hiss."""
    t = np.arange(n) / sr
    pitch = 110 + 20 * np.sin(2 * np.pi * 0.7 * t)
    phase = np.cumsum(pitch) / sr
    y = 1e-3 * noise(n, seed)
    for harmonic in range(1, 30):
        hz = harmonic * pitch
        gain = sum(1 / (1 + ((hz - formant) / 90) ** 2) for formant in (600, 1300, 2500))
        y += gain * np.sin(2 * np.pi * harmonic * phase)
    return 0.2 * y * np.clip(np.sin(2 * np.pi * 3 * t), 0, None)


def denormals(n, seed=0):
    """Too small for float32's normal numbers."""
    return noise(n, seed, amplitude=1e-40)


@cache
def synthetic(n, sr):
    """Name and float32 samples of each signal on which the grey value is judged, |y| <= 1."""
    signals = {
        "noise": noise(n),
        "tone 440 Hz": tone(n, sr, 440.0),
        "tone at a bin": tone(n, sr, sr / 16),
        "tone near Nyquist": tone(n, sr, 0.47 * sr, 1.0),
        "faint tone": tone(n, sr, 1234.5, 1e-3),
        "chirp": chirp(n, sr, 50.0, 0.45 * sr),
        "fast chirp": chirp(n, sr, 0.49 * sr, 0.0),
        "full-scale tone": tone(n, sr, 440.0, 1.0),
        "full-scale chirp": chirp(n, sr, 0.49 * sr, 0.0, 1.0),
        "DC with faint noise": faint_noise_on_dc(n),
        "impulses": impulses(n),
        "speech-like": speech_like(n, sr),
    }
    return {name: y.astype(np.float32) for name, y in signals.items()}


def recordings():
    """The files below MELPIX_TEST_AUDIO; without it, skips the test that asks."""
    root = os.environ.get("MELPIX_TEST_AUDIO")
    if not root:
        pytest.skip("MELPIX_TEST_AUDIO is not set")
    files = sorted(path for path in Path(root).rglob("*") if path.suffix in AUDIO_SUFFIXES)
    assert files, f"MELPIX_TEST_AUDIO={root} holds no audio"
    return files


@cache
def load_recording(path, sr):
    """The samples and the rate, as librosa.load gives them; sr None is the file's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of librosa's audioread
        y, sr = librosa.load(path, sr=sr)
    y.flags.writeable = False
    return y, sr
