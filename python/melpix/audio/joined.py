# SPDX-License-Identifier: MIT
"""Several sounds, one behind the other, read as one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from melpix.audio.resample import Resampler, resampled_length
from melpix.audio.samples import Samples
from melpix.audio.survey import Part

_BEHIND = 2**14  # frames decoded ahead of a place: an MP3's frames lean on those before them

_BLOCK = 2**16  # frames decoded at a time on their way to another rate or to other channels


class Joined:
    """The parts of a source as one sound, with the first one's sampling rate and channels.

    It has what `melpix.audio.sound.Sound` uses of a soundfile.SoundFile.

    Parameters
    ----------
    parts : list of Part
        At least one.
    container : str
        What holds them, in libsndfile's words.
    decoder : callable
        Opens a binary file as a `soundfile.SoundFile`.

    Attributes
    ----------
    format, subtype, extra_info : str
        Of the first part, but for its container.
    samplerate, channels : int
    frames : int or None
        None if a part's number is not known.
    truncated : bool
        A part ended early, or could not be decoded to its end; as far as has been read.
    """

    def __init__(self, parts: list[Part], container: str, decoder: Callable[[Any], Any]) -> None:
        self._parts, self._decoder = parts, decoder
        self.samplerate, self.channels = parts[0].sr, parts[0].channels
        lengths = [self._length(part) for part in parts]
        self.frames = None if None in lengths else sum(n for n in lengths if n is not None)
        self.truncated = False
        self._index = 0  # of the part that is read next, or now
        self._reader: _Reader | None = None
        first = self._open().file
        self.format, self.subtype, self.extra_info = container, first.subtype, first.extra_info

    def read(self, out: Samples) -> Samples:
        """Fill `out`, of type float32 or float64; return the part that was filled.

        Parameters
        ----------
        out : np.ndarray [shape=(n,) or (n, channels)]
        """
        n = 0
        while n < len(out) and self._index < len(self._parts):
            n += self._fill(out[n:])
            if n < len(out):
                self._next()
        return out[:n]

    def seek(self, frame: int) -> None:
        """Go to a frame; to the end if there are not so many."""
        self.close()
        self._index = 0
        for part in self._parts:
            length = self._length(part)
            if length is None or frame < length:
                break
            frame -= length
            self._index += 1
        while frame and self._index < len(self._parts):
            frame -= self._skip(frame)
            if frame:
                self._next()

    def close(self) -> None:
        """Close what is open."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _length(self, part: Part) -> int | None:
        if part.frames is None or part.sr == self.samplerate:
            return part.frames
        return resampled_length(part.frames, part.sr, self.samplerate)

    def _next(self) -> None:
        """Go to the next part."""
        if self._reader is not None:
            self.truncated |= self._reader.is_short
        self.close()
        self._index += 1

    def _fill(self, out: Samples) -> int:
        """Read of one part; return how many frames there were."""
        return self._attempt(lambda reader: reader.read(out))

    def _skip(self, frames: int) -> int:
        return self._attempt(lambda reader: reader.skip(frames))

    def _open(self) -> _Reader:
        if self._reader is None:
            part = self._parts[self._index]
            self._reader = _Reader(part, self._decoder, self.samplerate, self.channels)
        return self._reader

    def _attempt(self, call: Callable[[_Reader], int]) -> int:
        """Call with the reader of the part that is read. One that fails is at its end."""
        import soundfile

        try:
            return call(self._open())
        except soundfile.LibsndfileError:
            if len(self._parts) == 1:
                raise
            self.truncated = True
            return 0


class _Reader:
    """Reads a part, with the sampling rate and the channels of another one."""

    def __init__(self, part: Part, decoder: Callable[[Any], Any], sr: int, channels: int) -> None:
        self._part = part
        with ExitStack() as stack:
            stream = stack.enter_context(part.open())
            self.file = stack.enter_context(decoder(stream))
            self._opened = stack.pop_all()
        self._channels = channels
        self._rates = part.sr, sr
        self._done = 0  # frames of the part
        self._ended = False
        self._plain = (part.sr, part.channels) == (sr, channels)
        self._resamplers: list[Resampler] = []
        self._ready: Samples | None = None  # what has been made of the part, but not been read

    @property
    def is_short(self) -> bool:
        """Whether the part has fewer frames than it was said to have."""
        return self._part.frames is not None and self._done < self._part.frames

    def close(self) -> None:
        self._opened.close()

    def read(self, out: Samples) -> int:
        """Fill `out`; return how many frames there were, fewer only at the end."""
        if self._plain:
            return len(self._decode(out))
        n = 0
        while n < len(out):
            if self._ready is None or not len(self._ready):
                if self._ended:
                    break
                self._ready = self._block(out.dtype)
            part = self._ready[: len(out) - n]
            out[n : n + len(part)] = part
            self._ready = self._ready[len(part) :]
            n += len(part)
        return n

    def skip(self, frames: int) -> int:
        """Go on by so many frames; return how many there were."""
        if self._plain and self._part.frames is not None:
            self._done = max(0, frames - _BEHIND)
            self.file.seek(self._done)
            row = () if self._channels == 1 else (self._channels,)
            if left := frames - self._done:
                self._decode(np.empty((left, *row), np.float32))
            return frames
        n = 0
        row = () if self._channels == 1 else (self._channels,)
        scratch = np.empty((min(frames, _BLOCK), *row), np.float32)
        while n < frames:
            read = self.read(scratch[: frames - n])
            n += read
            if not read:
                break
        return n

    def _decode(self, out: Samples) -> Samples:
        if self._part.frames is not None:
            out = out[: self._part.frames - self._done]
        frames: Samples = self.file.read(out=out)
        self._done += len(frames)
        self._ended = len(frames) < len(out) or self._done == self._part.frames
        return frames

    def _block(self, dtype: np.dtype[Any]) -> Samples:
        """Decode some frames, and bring them to the rate and the channels that are wanted."""
        channels = self._part.channels
        shape = (_BLOCK,) if channels == 1 else (_BLOCK, channels)
        frames = self._decode(np.empty(shape, dtype))
        if channels != self._channels and channels > 1:
            frames = frames.mean(axis=1)
        if self._rates[0] != self._rates[1]:
            frames = self._resampled(frames)
        if frames.ndim == 1 and self._channels > 1:
            frames = np.repeat(frames[:, None], self._channels, axis=1)
        return frames

    def _resampled(self, frames: Samples) -> Samples:
        columns = frames[:, None] if frames.ndim == 1 else frames
        if not self._resamplers:
            self._resamplers = [Resampler(*self._rates) for _ in range(columns.shape[1])]
        made = [
            resampler(np.ascontiguousarray(column), self._ended)
            for resampler, column in zip(self._resamplers, columns.T, strict=True)
        ]
        return made[0] if frames.ndim == 1 else np.stack(made, axis=1)
