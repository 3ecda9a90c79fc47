# SPDX-License-Identifier: MIT
"""A sound that is open: its frames, decoded, mixed and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from melpix import _core
from melpix.audio import formats
from melpix.audio.joined import Joined
from melpix.audio.samples import Samples
from melpix.audio.survey import Facts
from melpix.errors import DecodeError, SignalError

_UNKNOWN = 2**63 - 1  # libsndfile's frame count where the file states none

_FIRST = 2**22  # samples to make room for on a header's word alone

_BLOCK = 2**17  # samples decoded at a time where channels are mixed: they stay in the cache


class Sound:
    """A sound that is open, in the core or in libsndfile.

    Attributes
    ----------
    source : str
        Its path; "" if it is none.
    format, subtype : str
        Container and encoding, in libsndfile's words.
    sr, channels : int
        Sampling rate in Hz, number of channels.
    frames : int or None
        As the header declares, or the decoder estimates; None if nobody can say.
    log : str
        The decoder's remarks; empty where there was none.
    truncated, length_estimated, joined : bool
        As in `melpix.audio.load.Clip`.
    """

    def __init__(
        self,
        file: Any,
        source: str,
        size: int,
        facts: Facts | None = None,
    ) -> None:
        self.source = source
        self.format: str = file.format
        self.subtype: str = file.subtype
        self.sr: int = file.samplerate
        self.channels: int = file.channels
        self._file = file
        self._size = size
        self._in_core = isinstance(file, _core.Decoder)
        if self._in_core:
            self.log: str = file.remark
            self.truncated: bool = file.truncated
            self.length_estimated: bool = file.length_estimated
        else:
            self.log = file.extra_info
            self.truncated = formats.is_cut_short(self.log)
            self.length_estimated = False
        declared: int | None = file.frames
        self.joined = False
        if facts is not None:
            self.truncated |= facts.truncated
            self.length_estimated |= facts.length_estimated
            self.joined = facts.joined
            declared = declared if facts.frames is None else facts.frames
        self.frames = None if declared == _UNKNOWN else declared
        self._stated = self.frames is not None and (facts is None or facts.exact)

    @property
    def remark(self) -> str:
        """What the core found odd about the file; "" where it is libsndfile's, or in order."""
        return self.log if self._in_core else ""

    def read(
        self,
        offset: float,
        duration: float | None,
        dtype: np.dtype[Any],
        *,
        mono: bool,
        limit: int,
        empty: Callable[..., Samples] = np.empty,
    ) -> Samples:
        """Decode a stretch of the sound; once only.

        Parameters
        ----------
        offset, duration : float >= 0
            In seconds, cut to whole frames as librosa does. duration None: to the end.
        dtype : float32, float64 or int16
            int16 only for 16-bit PCM.
        mono : bool
            Mix the channels.
        limit : int
            Refuse to decode more frames than this.
        empty : callable
            As `np.empty`: where the samples go.

        Returns
        -------
        np.ndarray [shape=(n,) or (channels, n)]
            Channels are a view of the interleaved samples.
        """
        kept = 1 if mono else self.channels
        row = () if kept == 1 else (kept,)
        y = np.empty((0, *row), dtype)

        def room(n: int, left: int) -> Samples:
            # A header may declare any number of frames. The first room is for as many as the
            # source's bytes make likely; more is made as frames arrive.
            nonlocal y
            if n == 0:
                y = empty((min(left, max(_FIRST, self._size) // kept), *row), dtype)
            elif n == len(y):
                y = np.concatenate([y, np.empty_like(y[:left])])
            return y[n:]

        blocks = self.blocks(offset, duration, dtype, mono=mono, limit=limit, room=room)
        n = sum(len(frames) for frames, _ in blocks)
        return y[:n].T

    def in_place(self, offset: float, duration: float | None, limit: int) -> Samples | None:
        """Return what `read` would as int16, where it lies in the source; None if it does not.

        Read-only, and the memory of whoever gave it.
        """
        samples: Samples | None = self._file.in_place if self._in_core else None
        if samples is None or not samples.flags.aligned:
            return None
        start, wanted = self._stretch(offset, duration, limit)
        return samples[start : start + wanted].T

    def blocks(
        self,
        offset: float,
        duration: float | None,
        dtype: np.dtype[Any],
        *,
        mono: bool,
        limit: int,
        room: Callable[[int, int], Samples],
    ) -> Iterator[tuple[Samples, bool]]:
        """Decode a stretch of the sound block by block; once only.

        Parameters
        ----------
        offset, duration, dtype, mono, limit
            As in `read`.
        room : callable
            Given how many frames were decoded and how many may follow, returns an array for the
            next ones: ``(n,)``, or ``(n, channels)`` as they lie in the file.

        Yields
        ------
        np.ndarray
            What was decoded, a part of what `room` returned.
        bool
            Whether the stretch ends here. Then all has been checked that can be.
        """
        start, wanted = self._stretch(offset, duration, limit)
        mixing = mono and self.channels > 1 and not self._in_core  # which mixes by itself
        step = min(max(1, _BLOCK // self.channels), wanted)
        scratch = np.empty((step if mixing else 0, self.channels), dtype)
        n, ended = 0, False
        while not ended:
            out = room(n, wanted - n)[: wanted - n]
            frames = self._mixed(out, scratch) if mixing else self._file.read(out=out)
            if not self._file.finite if self._in_core else formats.may_hold_nan(self.subtype):
                self._refuse_non_finite(frames, start + n)
            n += len(frames)
            if n > limit:
                raise self._too_long(limit)
            ended = len(frames) < len(out) or n == wanted
            if ended:
                if n == 0:
                    raise self._empty(offset, duration)
                if n < wanted and self._stated:
                    self.truncated = True
                if self._in_core:  # may know more now
                    self.log = self._file.remark
                    self.truncated |= self._file.truncated
                    self.length_estimated |= self._file.length_estimated
                elif isinstance(self._file, Joined):
                    self.truncated |= self._file.truncated
            yield frames, ended

    def _stretch(self, offset: float, duration: float | None, limit: int) -> tuple[int, int]:
        """Go to where reading begins; return that frame, and how many are wanted at most."""
        start = _frames(offset, self.sr)
        wanted = _UNKNOWN if duration is None else _frames(duration, self.sr)
        end = _UNKNOWN if self.frames is None else self.frames
        if start >= end or wanted == 0:
            raise self._empty(offset, duration)
        wanted = min(wanted, end - start)
        if wanted > limit and self.frames is not None:
            raise self._too_long(limit)

        if offset:
            try:
                self._file.seek(start)
            except RuntimeError:  # so libsndfile reports an end that no header told of
                if self.frames is None:
                    raise self._empty(offset, duration) from None
                raise
        return start, min(wanted, limit + 1)

    def _mixed(self, out: Samples, scratch: Samples) -> Samples:
        """Decode and mix into `out`, by way of `scratch`; return the part that was filled."""
        n = 0
        while n < len(out):
            room = out[n : n + len(scratch)]
            frames = self._file.read(out=scratch[: len(room)])
            mix(frames, room[: len(frames)])
            n += len(frames)
            if len(frames) < len(room):
                break
        return out[:n]

    def _refuse_non_finite(self, y: Samples, start: int) -> None:
        finite = np.isfinite(y)
        if not finite.all():
            frame = int(np.argmin(finite if y.ndim == 1 else finite.all(axis=1)))
            raise SignalError(
                "non_finite",
                f"NaN or infinity at {self._seconds(start + frame)}",
                self.source,
            )

    def _empty(self, offset: float, duration: float | None) -> DecodeError:
        asked = f"offset {offset} s" + ("" if duration is None else f", duration {duration} s")
        return DecodeError("empty_audio", f"no sound at {asked} of {self._length()}", self.source)

    def _too_long(self, limit: int) -> DecodeError:
        return DecodeError(
            "too_long",
            f"{self._length()} is too long, at most {self._seconds(limit)} are read at once; "
            "ask for less by offset and duration",
            self.source,
        )

    def _length(self) -> str:
        return "an unknown length" if self.frames is None else self._seconds(self.frames)

    def _seconds(self, frames: int) -> str:
        return f"{round(frames / self.sr, 3)} s"


def mix(frames: Samples, out: Samples) -> None:
    """Write the mean of each frame's channels, as np.mean rounds it.

    Examples
    --------
    >>> out = np.empty(2, np.float32)
    >>> mix(np.array([[0.5, 0.25], [1.0, 0.0]], np.float32), out)
    >>> out
    array([0.375, 0.5  ], dtype=float32)
    """
    channels = frames.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        if channels < 8:
            # np.mean adds up so few in this very order, but frame by frame: twenty times slower
            np.add(frames[:, 0], frames[:, 1], out=out)
            for channel in range(2, channels):
                out += frames[:, channel]
            out /= channels
        else:
            np.mean(frames.T, axis=0, out=out)


def _frames(seconds: float, sr: int) -> int:
    return int(min(seconds * sr, _UNKNOWN))
