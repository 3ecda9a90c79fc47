# SPDX-License-Identifier: MIT
"""Sound files for the tests: every format that melpix reads, and files that are broken."""

from __future__ import annotations

import io
import struct
import warnings

import librosa
import numpy as np
import soundfile

# libsndfile's container and encoding for each kind of file
KINDS = {
    "wav": ("WAV", "PCM_16"),
    "wavex": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
PLAIN = ("wav", "rf64", "w64", "aiff", "au", "caf")  # uncompressed, 16 bits


def chirp(n: int, channels: int = 1, sr: int = 44100) -> np.ndarray:
    """A rising tone in noise, other in each channel: (n, channels) float32 within +-1."""
    noise = np.random.default_rng(n + channels).standard_normal((n, channels))
    t = np.arange(n)[:, None] / sr
    tone = np.sin(2 * np.pi * (200 + 0.05 * sr * t) * t + np.arange(channels))
    return (0.4 * tone + 0.05 * noise).astype(np.float32)


def encode(kind: str, y: np.ndarray, sr: int, subtype: str | None = None, **options) -> bytes:
    """The bytes of a sound file. (In blocks: one long write of Vorbis crashes libsndfile.)"""
    container, usual = KINDS.get(kind, (kind, None))
    y = y if y.ndim == 2 else y[:, None]
    file = io.BytesIO()
    options.update(format=container, subtype=subtype or usual)
    with soundfile.SoundFile(file, "w", sr, y.shape[1], **options) as sound:
        for start in range(0, len(y), 8192):
            sound.write(y[start : start + 8192])
    return file.getvalue()


def librosa_load(path, **options):
    """librosa.load, without its warnings: it falls back to audioread where soundfile fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return librosa.load(path, **options)


def patch(data: bytes, at: int, layout: str, value: int) -> bytes:
    """Overwrite one number of a header."""
    return data[:at] + struct.pack(layout, value) + data[at + struct.calcsize(layout) :]


def wav_sizes(data: bytes, size: int) -> bytes:
    """A WAV that declares another size, as one that was written to a pipe."""
    return patch(patch(data, 4, "<I", size), data.index(b"data") + 4, "<I", size)


def flac_frames(data: bytes, frames: int) -> bytes:
    """A FLAC that declares another number of frames, 36 bits; 0 is unknown (a streamed one)."""
    fields = int.from_bytes(data[18:26], "big") >> 36 << 36 | frames
    return data[:18] + fields.to_bytes(8, "big") + data[26:]


def without_xing(mp3: bytes) -> bytes:
    """An MP3 without its first frame, which holds no sound but the number of frames."""
    second = mp3.index(mp3[:2], 4)
    assert b"Xing" in mp3[:second] or b"Info" in mp3[:second]
    return mp3[second:]


def vbr_mp3(quiet_first: bool = True) -> bytes:
    """An MP3 of variable bit rate: silence, then noise."""
    noise = 0.5 * np.random.default_rng(3).standard_normal(2 * 44100).clip(-1, 1)
    parts = [np.zeros(2 * 44100), noise]
    y = np.concatenate(parts if quiet_first else parts[::-1])
    return encode("mp3", y, 44100, compression_level=0.5, bitrate_mode="VARIABLE")
