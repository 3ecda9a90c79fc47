# SPDX-License-Identifier: MIT
"""A sound to look at, made here, so that melpix shows its main job without a file or a network."""

from __future__ import annotations

import io
import wave
from typing import Any, TypeAlias

import numpy as np

Signal: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

SR = 22050

SAMPLES = 384 * 512  # the recipe's window: 8.92 s, an image of 128 x 385


def sound() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Make the demonstration's sound.

    - 0.2 to 3.2 s: a rising and a falling chirp that cross, 100 Hz to 10 kHz.
    - 3.5 to 6.5 s: eight notes of C major with twelve decaying harmonics and vibrato.
    - 6.65 to 7.7 s: four bursts of noise, dark and bright in turn.
    - 7.8 s to the end: a chord that fades out.
    - Throughout: a faint hiss, as real recordings have.

    Returns
    -------
    np.ndarray [shape=(196608,), dtype=int16]
        Samples at 22050 Hz with a peak of 0.8; the same ones at every call.

    Examples
    --------
    >>> from melpix import demo
    >>> y = demo.sound()
    >>> y.shape, y.dtype, float(abs(y / 32768).max().round(3))
    ((196608,), dtype('int16'), 0.8)
    """
    rng = np.random.default_rng(22050)
    y = 0.001 * rng.standard_normal(SAMPLES)

    _add(y, 0.2, 0.6 * _chirp(100, 10_000, seconds=3.0))
    _add(y, 0.2, 0.4 * _chirp(10_000, 100, seconds=3.0))

    for beat, pitch in enumerate((60, 64, 67, 72, 71, 67, 64, 62)):
        _add(y, 3.5 + 0.375 * beat, 0.5 * _note(pitch, seconds=0.5, decay=4.0))

    for beat in range(4):
        burst = rng.standard_normal(int(0.24 * SR))
        if beat % 2 == 0:
            burst = 10 * np.convolve(burst, np.hanning(40) / 20, mode="same")
        _add(y, 6.65 + 0.27 * beat, 0.15 * burst * np.exp(-20 * _time(len(burst))))

    for pitch in (48, 60, 64, 67, 72):
        _add(y, 7.8, 0.2 * _note(pitch, seconds=SAMPLES / SR - 7.8, decay=1.0))
    fade = int(0.5 * SR)
    y[-fade:] *= np.linspace(1, 0, fade)

    pcm: np.ndarray[Any, np.dtype[np.int16]]
    pcm = np.round(y * (0.8 * 32768 / np.abs(y).max())).astype(np.int16)
    return pcm


def wav() -> bytes:
    """Make the demonstration's sound as a WAV file: 16 bit, one channel, 22050 Hz.

    Examples
    --------
    >>> from melpix import demo
    >>> len(demo.wav())
    393260
    """
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SR)
        writer.writeframes(sound().astype("<i2").tobytes())
    return file.getvalue()


def _time(samples: int) -> Signal:
    return np.arange(samples) / SR


def _add(y: Signal, start: float, part: Signal) -> None:
    at = round(start * SR)
    y[at : at + len(part)] += part[: len(y) - at]


def _chirp(start: float, end: float, seconds: float) -> Signal:
    """Make a sweep that passes every octave in equal time, with soft ends."""
    t = _time(round(seconds * SR))
    ratio = np.log(end / start)
    phase = 2 * np.pi * start * seconds / ratio * np.expm1(ratio * t / seconds)
    sweep: Signal = np.sin(phase) * np.minimum(1, 20 * np.minimum(t, seconds - t))
    return sweep


def _note(pitch: int, seconds: float, decay: float) -> Signal:
    """Pluck a string (MIDI pitch): the higher a harmonic, the fainter and the sooner gone."""
    t = _time(round(seconds * SR))
    vibrato = 0.03 * np.cos(2 * np.pi * 6 * t)
    phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * (t + vibrato / (2 * np.pi * 6))
    tone: Signal = np.minimum(1, 200 * np.minimum(t, seconds - t))
    tone *= sum(np.sin(k * phase) / k * np.exp(-decay * k**0.5 * t) for k in range(1, 13))
    return tone
