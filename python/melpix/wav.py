# SPDX-License-Identifier: MIT
"""16-bit WAV files as nearly every program writes them, read without a decoder.

Data sets are made of millions of short ones, and of the 130 us that half a second of sound takes to
open and read, 74 are libsndfile's and its binding's. Python's own `wave` parses the header, and
whatever is not in order then, to the last byte, is left to libsndfile.
"""

from __future__ import annotations

import io
import struct
import sys
import wave
from typing import Any

import numpy as np

_BEGINNING = struct.Struct("<4sI8sIHHIIHH")  # RIFF, and fmt in its shortest form
_PCM = 1
_HEADER = 4096  # bytes to find the samples in: programs put their names before them
_MOST_CHANNELS = 1024  # as in libsndfile
_BLOCK = 2**17  # samples converted at a time: they stay in the cache
# What libsndfile refuses to take for samples: files of other formats behind a WAV header.
_FOREIGN = (b"wvpk", b"OggS")


class PlainWav:
    """A 16-bit WAV file that ends with its samples.

    It has what `melpix.decoder.Sound` uses of a soundfile.SoundFile.

    Attributes
    ----------
    samplerate, channels, frames : int
    """

    format, subtype, extra_info = "WAV", "PCM_16", ""

    def __init__(
        self, stream: io.RawIOBase | io.BytesIO, start: int, sr: int, channels: int, frames: int
    ) -> None:
        self.samplerate, self.channels, self.frames = sr, channels, frames
        self._stream, self._start = stream, start
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Go to a frame that there is."""
        self._stream.seek(self._start + 2 * self.channels * frame)
        self._left = self.frames - frame

    def read(self, out: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Fill `out`, of type int16 or floating; return the part that was filled.

        Parameters
        ----------
        out : np.ndarray [shape=(n,) or (n, channels)]
            Contiguous.
        """
        out = out[: self._left]
        if out.dtype == np.int16:
            n = self._fill(out)
        else:
            n, step = 0, max(1, _BLOCK // self.channels)
            samples = np.empty((min(step, len(out)), *out.shape[1:]), np.int16)
            while n < len(out):
                part = samples[: len(out) - n]
                read = self._fill(part)
                np.multiply(part[:read], out.dtype.type(1 / 32768), out=out[n : n + read])
                n += read
                if read < len(part):
                    break
        self._left -= n
        return out[:n]

    def _fill(self, out: np.ndarray[Any, Any]) -> int:
        """Return how many frames there were: fewer if the file has become shorter."""
        view = out.reshape(-1).data.cast("B") if out.size else memoryview(b"")
        filled = 0
        try:
            while filled < len(view) and (read := self._stream.readinto(view[filled:])):
                filled += read
        except OSError as error:  # which does not say of what file
            raise OSError(
                error.errno, error.strerror, getattr(self._stream, "name", None)
            ) from error
        return filled // (2 * self.channels)


def plain_wav(stream: io.RawIOBase | io.BytesIO, size: int) -> PlainWav | None:
    """Return a file's reader if it is such a file, at its first sample.

    Parameters
    ----------
    stream : unbuffered binary file
        At its beginning.
    size : int
        Of all of it, in bytes.

    Examples
    --------
    >>> from melpix import demo
    >>> wav = plain_wav(io.BytesIO(demo.wav()), len(demo.wav()))
    >>> wav.samplerate, wav.channels, wav.frames, wav.read(np.empty(3, np.int16)).shape
    (22050, 1, 196608, (3,))
    """
    header = stream.read(_HEADER)
    if sys.byteorder != "little" or not header or size >= 2**32:
        return None
    file = io.BytesIO(header)
    try:
        with wave.open(file) as parsed:
            start = file.tell()
            sr, channels, frames = parsed.getframerate(), parsed.getnchannels(), parsed.getnframes()
    except (wave.Error, EOFError, RuntimeError):
        return None
    sound, frame = size - start, 2 * channels
    if not 0 < channels <= _MOST_CHANNELS or not 0 < sr < 2**31 or sr * frame >= 2**32:
        return None
    if frames == 0 or sound != frames * frame:
        return None
    if header[start - 4 : start] != sound.to_bytes(4, "little"):
        return None
    beginning = b"RIFF", size - 8, b"WAVEfmt ", 16, _PCM, channels, sr, sr * frame, frame, 16
    if not header.startswith(_BEGINNING.pack(*beginning)):
        return None
    if not _is_text(header[_BEGINNING.size : start - 8]):
        return None
    if header[start : start + 4] in _FOREIGN or len(header) < min(start + 4, size):
        return None
    return PlainWav(stream, start, sr, channels, frames)


def _is_text(chunks: bytes) -> bool:
    """Tell whether there is nothing, or one list of texts: ffmpeg's name, a title."""
    if not chunks:
        return True
    size = int.from_bytes(chunks[4:8], "little")
    return chunks[:4] == b"LIST" and len(chunks) == 8 + size + size % 2
