# SPDX-License-Identifier: MIT
"""A sound cut into windows of one length, in memory that does not grow with the sound."""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from melpix import arguments
from melpix.audio import load
from melpix.audio.load import MAX_SECONDS, Clip, Source, probe, read_blocks, read_clip, unmistakable
from melpix.audio.samples import Empty
from melpix.errors import DecodeError, ParameterError
from melpix.frontend import lengths
from melpix.frontend.at_rate import Rate, at_rate
from melpix.frontend.frontend import Frontend

Samples: TypeAlias = np.ndarray[Any, np.dtype[Any]]

TAILS = ("drop", "pad", "shift", "keep")

SHORTS = ("pad", "skip", "error", "keep")


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a sound, and the front-end that makes an image of it.

    Attributes
    ----------
    index : int
        Number of the window, from 0.
    y : np.ndarray [shape=(n,) or (channels, n)]
        Its samples: int16 with all channels, where the source is uncompressed 16-bit PCM and no
        resampling was needed (unless these are at most 8 samples of more channels); else float32,
        mixed down to one channel.
    sr : int or float
        Sampling rate of `y`, in Hz.
    offset : float
        Where it begins in the source, in seconds.
    duration : float
        Seconds of sound in it, without what it was padded with.
    padded : bool
        It ends in zeros that are not in the source.
    short : bool
        It has fewer samples than a window, for the sound ended.
    frontend : Frontend
        The front-end at the rate `sr`: ``window.frontend.image(window.y)``.
    """

    index: int
    y: Samples
    sr: float
    offset: float
    duration: float
    padded: bool
    short: bool
    frontend: Frontend


def windows(
    src: Source,
    frontend: Frontend | None = None,
    *,
    time_steps: int | None = None,
    seconds: float | None = None,
    exact_width: bool = False,
    step: float | None = None,
    tail: str = "drop",
    short: str = "pad",
    first: bool = False,
    sr: Rate = None,
    offset: float = 0.0,
    duration: float | None = None,
    strict: bool = False,
    max_seconds: float | None = None,
    empty: Empty = np.empty,
) -> Windows:
    """Cut a sound into windows.

    They are slices of what `load` gives for the whole sound, and the sound is decoded while they
    are asked for. At most one window follows the last full one, if there is sound left that no
    window holds.

    Parameters
    ----------
    src : path, bytes-like or open binary file
        The sound.
    frontend : Frontend, optional
        What will make images of the windows; None is the recipe, ``Frontend()``.
    time_steps : int >= 1 or None
        Length of a window in hops: it has ``time_steps * hop_length`` samples. (An image of it
        has ``time_steps + 1`` columns, if frames are centred.)
    seconds : number > 0 or None
        The same in seconds, rounded to a sample. A front-end that has a `duration` takes no other
        length, and one with `columns` none that is longer than they are. Without either there is
        one window, of the whole sound, and `exact_width`, `step`, `tail`, `short` and `first`
        mean nothing.
    exact_width : bool
        Give a window the samples that make exactly ``time_steps`` columns: with centred frames,
        the last of its samples is left out (unless `n_fft` is odd); with uncentered ones it ends
        where its last frame does. It begins where it does anyway.
    step : number > 0, optional
        From the beginning of a window to that of the next, in hops, or in seconds where the window
        is in `seconds`. Default: as long as a window.
    tail : {"drop", "pad", "shift", "keep"}
        What becomes of the sound after the last full window: it makes no window, or one that is
        padded with zeros, one that begins earlier so as to end with the sound, or a shorter one.
        (Not where it is too short for a frame.)
    short : {"pad", "skip", "error", "keep"}
        What becomes of a sound shorter than a window: a window that is padded with zeros, none, a
        `DecodeError`, or a shorter window.
    first : bool
        Give the first window alone, and decode no more than it takes: where it is resampled,
        about a second beyond its end.
    sr : float [Hz], "native" or None
        Rate to resample to, in place of the front-end's. ``"native"`` keeps the source's.
    offset, duration : float >= 0 [s]
        The part of the sound to cut, as in ``librosa.load``.
    strict : bool
        Make a truncated source an error, before the first window if its header shows it.
    max_seconds : float > 0 [s] or None
        Refuse to read more than this of one sound. None: `audio.MAX_SECONDS`.
    empty : callable
        Makes the array that the first samples are read into. Windows stay valid, unless this is
        from `kept.kept_memory`: then until the memory is lent again.

    Returns
    -------
    Windows
        An iterator of `Window`.

    Raises
    ------
    ValueError
        A parameter is out of range.
    DecodeError, SignalError, OSError, TypeError
        While iterating, and as soon as it shows: as `load`; ``truncated`` where strict;
        ``too_short`` for a sound shorter than a window, where that is an error, or shorter than
        a frame.
    EncodeError
        While iterating: an image of the whole sound would be larger than PNG readers accept.

    Examples
    --------
    >>> from melpix import demo
    >>> [window.offset for window in windows(demo.wav(), time_steps=100, sr=12800)]
    [0.0, 4.0]
    """
    arguments.choice("tail", tail, TAILS)
    arguments.choice("short", short, SHORTS)
    f = at_rate(frontend, None if sr == "native" else sr)
    rate = None if sr == "native" else f.sr
    most = MAX_SECONDS if max_seconds is None else max_seconds
    load.check(rate, offset, duration, most)

    facts = _Facts()
    how: dict[str, Any] = {
        "sr": rate,
        "offset": offset,
        "duration": duration,
        "max_seconds": most,
        "strict": strict,
        "empty": empty,
    }
    if time_steps is None and seconds is None:
        return Windows(_whole(src, how, f, facts), facts)
    rules = _rules(f, time_steps, seconds, exact_width, step)._replace(tail=tail, short=short)
    rules.check(f)
    clips = _beginning(src, how, rules, sr) if first else read_blocks(src, **how)
    return Windows(_cut(clips, rules, f, facts, _name(src)), facts)


@dataclass(slots=True)
class _Facts:
    """What is known of a source by now."""

    source_sr: int | None = None
    channels: int | None = None
    truncated: bool = False
    length_estimated: bool = False

    def note(self, clip: Clip) -> None:
        self.source_sr = clip.source_sr
        self.channels = clip.channels
        self.truncated = clip.truncated
        self.length_estimated = clip.length_estimated


class Windows(Iterator[Window]):
    """The windows of one sound, each once, and what is known of its source."""

    def __init__(self, generator: Generator[Window], facts: _Facts) -> None:
        self._generator = generator
        self._facts = facts  # not self: the generator would keep it, and the file open

    def __next__(self) -> Window:
        return next(self._generator)

    def close(self) -> None:
        """Give no more windows and close the source, as the end of the windows does."""
        self._generator.close()

    @property
    def source_sr(self) -> int | None:
        """Sampling rate of the source, in Hz; None before the first window."""
        return self._facts.source_sr

    @property
    def channels(self) -> int | None:
        """Channels of the source; None before the first window."""
        return self._facts.channels

    @property
    def truncated(self) -> bool:
        """Whether the source is known to hold less sound than it declares; final at the end."""
        return self._facts.truncated

    @property
    def length_estimated(self) -> bool:
        """Whether the source states no length and the decoder's guess may be wrong."""
        return self._facts.length_estimated


class _Rules(NamedTuple):
    length: int  # of a window, in samples
    step: int  # from the beginning of one to that of the next, in samples
    seconds: tuple[float, float] | None = None  # the same, where both follow from the rate
    tail: str = "drop"
    short: str = "pad"

    def at(self, sr: float) -> _Rules:
        """Return the same at another rate."""
        if self.seconds is None:
            return self
        length, step = (max(1, round(s * sr)) for s in self.seconds)
        return self._replace(length=length, step=step)

    def check(self, f: Frontend) -> None:
        """Refuse windows that would not be whole in the image."""
        if self.seconds is not None:
            lengths.refuse_another(f, self.length, "seconds", self.seconds[0])
        else:
            steps = round(self.length / f.hop_length)
            lengths.refuse_another(f, self.length, "time_steps", steps)


class _Held:
    """The samples that windows may still need, as they came: a stretch of the sound."""

    def __init__(self) -> None:
        self.begin = self.end = 0
        self._pieces: deque[Samples] = deque()

    def add(self, piece: Samples) -> None:
        self._pieces.append(piece)
        self.end += len(piece)

    def take(self, start: int, end: int) -> Samples:
        """Return a stretch: a view, or a copy where it lies in several pieces."""
        parts, at = [], self.begin
        for piece in self._pieces:
            if at < end and start < at + len(piece):
                parts.append(piece[max(0, start - at) : end - at])
            at += len(piece)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def forget(self, end: int) -> None:
        """Let go of what comes before a place."""
        while self._pieces and self.begin + len(self._pieces[0]) <= end:
            self.begin += len(self._pieces.popleft())


def _cut(
    clips: Generator[Clip], rules: _Rules, f: Frontend, facts: _Facts, name: str
) -> Generator[Window]:
    held = _Held()
    index = start = 0
    origin = 0.0

    def window(y: Samples, sound: int) -> Window:
        """Make the window that begins at `start`, of frames of which so many are sound."""
        return Window(
            index=index,
            y=unmistakable(y.T),
            sr=f.sr,
            offset=origin + start / f.sr,
            duration=sound / f.sr,
            padded=sound < len(y),
            short=len(y) < rules.length,
            frontend=f,
        )

    with contextlib.closing(clips):
        for clip in clips:
            if facts.source_sr is None:  # the first block, which may hold no sample yet
                origin = clip.offset
                if clip.sr != f.sr:
                    f = at_rate(f, clip.sr)
                    rules = rules.at(f.sr)
                    rules.check(f)
            length = rules.length
            facts.note(clip)
            held.add(clip.y.T)
            while start + length <= held.end:
                yield window(held.take(start, start + length), length)
                index += 1
                start += rules.step
            held.forget(min(start, held.end - length) if rules.tail == "shift" else start)

    length = rules.length
    if index == 0:
        fate = rules.short
    elif max(start, start - rules.step + length) < held.end:
        fate = rules.tail
    else:
        return
    left = held.end - start
    frameless = fate == "keep" and f.frames(left) == 0
    if fate == "error":
        raise _too_short(name, left / f.sr, "a window", length / f.sr)
    if frameless and index == 0:
        raise _too_short(name, left / f.sr, "a frame", lengths.frame(f) / f.sr)
    if fate in ("drop", "skip") or frameless:
        return
    if fate == "shift":
        start, left = held.end - length, length
    y = held.take(start, held.end)
    if fate == "pad":
        y = np.concatenate([y, np.zeros((length - left, *y.shape[1:]), y.dtype)])
    yield window(y, left)


def _whole(src: Source, how: dict[str, Any], f: Frontend, facts: _Facts) -> Generator[Window]:
    # What would make too wide an image is refused before it is decoded.
    most = how["max_seconds"]
    room = math.inf if how["sr"] is None else f.max_columns * f.hop_length / f.sr
    try:
        clip = read_clip(src, **{**how, "max_seconds": min(most, room)})
    except DecodeError as error:
        if error.code == "too_long" and room < most:
            raise f.too_wide(f"more than {room:g} s") from error
        raise
    facts.note(clip)
    f = at_rate(f, clip.sr)
    n = clip.y.shape[-1]
    if f.frames(n) == 0:
        raise _too_short(_name(src), n / f.sr, "a frame", lengths.frame(f) / f.sr)
    yield Window(0, clip.y, f.sr, clip.offset, n / f.sr, padded=False, short=False, frontend=f)


def _beginning(src: Source, how: dict[str, Any], rules: _Rules, sr: Rate) -> Generator[Clip]:
    length = rules.length
    if rules.seconds is not None and sr == "native":
        length = rules.at(probe(src)["sr"]).length
    yield read_clip(src, samples=length, **how)


def _rules(
    f: Frontend,
    time_steps: int | None,
    seconds: float | None,
    exact_width: bool,
    step: float | None,
) -> _Rules:
    if time_steps is not None:
        if seconds is not None:
            raise ParameterError(
                "seconds", f" must be None where time_steps is {time_steps}, got {seconds}"
            )
        time_steps = arguments.integer("time_steps", time_steps)
        hops = time_steps if step is None else arguments.integer("step", step)
        return _Rules(_length(f, time_steps, exact_width), hops * f.hop_length)
    seconds = arguments.above_zero("seconds", seconds)
    if exact_width:
        raise ParameterError("exact_width", " needs time_steps, but the window is in seconds")
    step = seconds if step is None else arguments.above_zero("step", step)
    rules = _Rules(0, 0, (seconds, step)).at(f.sr)
    columns = f.frames(rules.length)
    if not 0 < columns <= f.max_columns:
        raise ParameterError(
            "seconds", f" must give 1 ... {f.max_columns} columns, got {seconds}: {columns}"
        )
    return rules


def _length(f: Frontend, time_steps: int, exact_width: bool) -> int:
    """Return the samples of a window."""
    length = time_steps * f.hop_length
    if exact_width and f.duration is None and f.columns is None:
        if f.framing in ("uncentered", "snip"):
            length += (f.win_length if f.framing == "snip" else f.n_fft) - f.hop_length
        elif f.frames(length) > time_steps:
            length -= 1  # on which a frame more would be centred
        elif f.frames(length) < time_steps:
            length += 1
    columns = f.frames(length)
    if length == 0 or columns == 0:
        least = 2 if f.framing == "center" else math.ceil(lengths.frame(f) / f.hop_length)
        raise ParameterError("time_steps", f" must be >= {least} for one frame, got {time_steps}")
    if columns > f.max_columns:  # PNG readers would refuse the image
        most = time_steps - (columns - f.max_columns)
        raise ParameterError("time_steps", f" must be <= {most}, got {time_steps}")
    return length


def _too_short(source: str, seconds: float, what: str, least: float) -> DecodeError:
    message = f"{seconds:.3f} s of sound, but {what} takes {least:.3f} s"
    return DecodeError("too_short", message, source)


def _name(src: Source) -> str:
    return os.fsdecode(src) if isinstance(src, (str, os.PathLike)) else ""


def mono(y: NDArray[Any]) -> NDArray[Any]:
    """Mix channels as `Frontend.image` does: `features` would keep them apart."""
    return y if y.ndim == 1 else (y.mean(axis=0, dtype=np.float64) / 32768).astype(np.float32)
