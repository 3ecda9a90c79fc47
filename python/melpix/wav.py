# SPDX-License-Identifier: MIT
"""16-bit WAV files as nearly every program writes them, read without a decoder.

For ten seconds of sound, libsndfile and its binding take five times as long as the system takes to
hand over the bytes. Whatever is not in order here to the last byte is theirs to judge.
"""

from __future__ import annotations

import io
import struct
import sys
from typing import Any

import numpy as np

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM = 1
_MOST_CHANNELS = 1024  # as in libsndfile
_BLOCK = 2**17  # samples converted at a time: they stay in the cache
# What libsndfile refuses to take for samples: files of other formats behind a WAV header.
_FOREIGN = (b"wvpk", b"OggS")


class PlainWav:
    """A 16-bit WAV file of a header and samples, and nothing else.

    It has what `melpix.decoder.Sound` uses of a soundfile.SoundFile.

    Attributes
    ----------
    samplerate, channels, frames : int
    """

    format, subtype, extra_info = "WAV", "PCM_16", ""

    def __init__(self, stream: io.RawIOBase | io.BytesIO, sr: int, channels: int, frames: int):
        self.samplerate, self.channels, self.frames = sr, channels, frames
        self._stream = stream
        self._left = frames

    def seek(self, frame: int) -> None:
        """Go to a frame that there is."""
        self._stream.seek(_HEADER.size + 2 * self.channels * frame)
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
    header = stream.read(_HEADER.size + 4)
    if sys.byteorder != "little" or header is None or len(header) != _HEADER.size + 4:
        return None
    riff, rest, wave, fmt, length, kind, channels, sr, rate, frame, bits, data, sound = (
        _HEADER.unpack_from(header)
    )
    if (riff, wave, fmt, data) != (b"RIFF", b"WAVE", b"fmt ", b"data"):
        return None
    if (length, kind, bits, rest, sound) != (16, _PCM, 16, size - 8, size - _HEADER.size):
        return None
    if not 0 < channels <= _MOST_CHANNELS or not 0 < sr < 2**31:
        return None
    if frame != 2 * channels or rate != sr * frame or sound % frame:
        return None
    if header[_HEADER.size :] in _FOREIGN:
        return None
    wav = PlainWav(stream, sr, channels, sound // frame)
    wav.seek(0)
    return wav
