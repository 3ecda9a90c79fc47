# SPDX-License-Identifier: MIT
"""16-bit WAV files as nearly every program writes them, read without a decoder.

Data sets are made of millions of short ones, and of the 130 us that half a second of sound takes to
open and read, 74 are libsndfile's and its binding's. Whatever is not in order in such a file's
header, to the last byte, is left to libsndfile.
"""

from __future__ import annotations

import io
import struct
import sys

import numpy as np

from melpix import _core
from melpix.audio.samples import Samples

_FORMAT = struct.Struct("<4sI8sIHHIIHH")  # RIFF, and fmt in its shortest form

_CHUNK = struct.Struct("<4sI")

_LEAST = _FORMAT.size + _CHUNK.size  # bytes of a header

_PCM = 1

_HEADER = 4096  # bytes to find the samples in: programs put their names before them

_MOST_CHANNELS = 1024  # as in libsndfile

_BLOCK = 2**17  # samples converted at a time: they stay in the cache

# What libsndfile refuses to take for samples: files of other formats behind a WAV header.
_FOREIGN = (b"wvpk", b"OggS")


class _Plain:
    """A 16-bit WAV file that ends with its samples.

    It has what `melpix.audio.sound.Sound` uses of a soundfile.SoundFile.

    Attributes
    ----------
    samplerate, channels, frames : int
    """

    format, subtype, extra_info = "WAV", "PCM_16", ""

    def __init__(self, sr: int, channels: int, frames: int) -> None:
        self.samplerate, self.channels, self.frames = sr, channels, frames
        self._at = 0  # the frame that is read next


class PlainWav(_Plain):
    """One that is read from a file."""

    def __init__(
        self, stream: io.RawIOBase | io.BytesIO, start: int, sr: int, channels: int, frames: int
    ) -> None:
        super().__init__(sr, channels, frames)
        self._stream, self._start = stream, start
        self.seek(0)

    def seek(self, frame: int) -> None:
        """Go to a frame that there is."""
        self._stream.seek(self._start + 2 * self.channels * frame)
        self._at = frame

    def read(self, out: Samples) -> Samples:
        """Fill `out`, of type int16 or floating; return the part that was filled.

        Parameters
        ----------
        out : np.ndarray [shape=(n,) or (n, channels)]
            Contiguous.
        """
        out = out[: self.frames - self._at]
        if out.dtype == np.int16:
            n = self._fill(out)
        else:
            n, step = 0, max(1, _BLOCK // self.channels)
            samples = _core.empty((min(step, len(out)), *out.shape[1:]), np.dtype(np.int16))
            while n < len(out):
                part = samples[: len(out) - n]
                read = self._fill(part)
                _core.scale_int16(part[:read], out[n : n + read])
                n += read
                if read < len(part):
                    break
        self._at += n
        return out[:n]

    def _fill(self, out: Samples) -> int:
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


class PlainMemory(_Plain):
    """One that lies in memory.

    Attributes
    ----------
    samples : np.ndarray [shape=(frames,) or (frames, channels), dtype=int16]
        The file's own bytes, read-only; not aligned if `data` is not.
    """

    def __init__(
        self, data: bytes | memoryview, start: int, sr: int, channels: int, frames: int
    ) -> None:
        super().__init__(sr, channels, frames)
        samples = np.frombuffer(data, np.int16, frames * channels, start)
        if samples.flags.writeable:
            samples.flags.writeable = False
        self.samples = samples if channels == 1 else samples.reshape(frames, channels)

    def seek(self, frame: int) -> None:
        """Go to a frame that there is."""
        self._at = frame

    def read(self, out: Samples) -> Samples:
        """Fill `out`, as `PlainWav.read` does."""
        out = out[: self.frames - self._at]
        part = self.samples[self._at : self._at + len(out)].reshape(out.shape)
        if out.dtype == np.int16:
            out[...] = part
        else:
            _core.scale_int16(part, out)
        self._at += len(out)
        return out


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
    layout = _layout(stream.read(_HEADER) or b"", size)
    return None if layout is None else PlainWav(stream, *layout)


def plain_memory(data: bytes | memoryview) -> PlainMemory | None:
    """Return the reader of such a file's bytes, at its first sample.

    Examples
    --------
    >>> from melpix import demo
    >>> wav = plain_memory(demo.wav())
    >>> wav.samples.shape, wav.samples.dtype
    ((196608,), dtype('int16'))
    """
    layout = _layout(data, len(data))
    return None if layout is None else PlainMemory(data, *layout)


def _layout(header: bytes | memoryview, size: int) -> tuple[int, int, int, int] | None:
    """Return where the samples begin, their rate, channels and number, if all is in order."""
    if sys.byteorder != "little" or size >= 2**32 or len(header) < _LEAST:
        return None
    riff, rest, wave, length, coding, channels, sr, rate, frame, bits = _FORMAT.unpack_from(header)
    if (riff, wave, length, coding, bits) != (b"RIFF", b"WAVEfmt ", 16, _PCM, 16):
        return None
    if not 0 < channels <= _MOST_CHANNELS or not 0 < sr < 2**31 or sr * frame >= 2**32:
        return None
    if (rest, frame, rate) != (size - 8, 2 * channels, sr * frame):
        return None
    start = _LEAST
    kind, length = _CHUNK.unpack_from(header, _FORMAT.size)
    if kind == b"LIST":  # of texts: ffmpeg's name, a title
        start += _CHUNK.size + length + length % 2
        if start > min(len(header), _HEADER):
            return None
        kind, length = _CHUNK.unpack_from(header, start - _CHUNK.size)
    sound = size - start
    if kind != b"data" or length != sound or sound == 0 or sound % frame:
        return None
    if len(header) < min(start + 4, size) or header[start : start + 4] in _FOREIGN:
        return None
    return start, sr, channels, sound // frame
