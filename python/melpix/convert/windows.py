# SPDX-License-Identifier: MIT
"""A sound cut into windows of one length, in memory that does not grow with the sound."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from melpix.audio.load import Clip, Source, probe, read_blocks, read_clip, unmistakable
from melpix.convert.cut import Cut, Lengths
from melpix.convert.reading import Bounds, read_for_image, too_short
from melpix.frontend import lengths
from melpix.frontend.at_rate import Rate, at_rate
from melpix.frontend.frontend import Frontend

Samples: TypeAlias = np.ndarray[Any, np.dtype[Any]]


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
    cut = Cut(
        time_steps=time_steps,
        seconds=seconds,
        exact_width=exact_width,
        step=step,
        tail=tail,
        short=short,
        first=first,
        native=sr == "native",
        offset=offset,
        duration=duration,
        strict=strict,
        max_seconds=max_seconds,
    )
    return cut_sound(src, at_rate(frontend, None if sr == "native" else sr), cut)


def cut_sound(src: Source, f: Frontend, cut: Cut) -> Windows:
    """Cut a sound into `windows`."""
    facts = _Facts()
    long = cut.lengths(f)
    if long is None:
        return Windows(_whole(src, f, cut, facts), facts)
    how: dict[str, Any] = {
        "sr": None if cut.native else f.sr,
        "offset": cut.offset,
        "duration": cut.duration,
        "max_seconds": cut.most_seconds,
        "strict": cut.strict,
        "formats": cut.formats,
    }
    clips = _beginning(src, how, long) if cut.first else read_blocks(src, **how)
    return Windows(_cut(clips, cut, long, f, facts, src), facts)


@dataclass(slots=True)
class _Facts:
    """What is known of a source by now."""

    source_sr: int | None = None
    channels: int | None = None
    truncated: bool = False
    length_estimated: bool = False
    joined: bool = False

    def note(self, clip: Clip) -> None:
        self.source_sr = clip.source_sr
        self.channels = clip.channels
        self.truncated = clip.truncated
        self.length_estimated = clip.length_estimated
        self.joined = clip.joined


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
        """Whether the source states no length, or a wrong one."""
        return self._facts.length_estimated

    @property
    def joined(self) -> bool:
        """Whether the source is several sounds, one behind the other, which are read as one."""
        return self._facts.joined


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
    clips: Generator[Clip], cut: Cut, long: Lengths, f: Frontend, facts: _Facts, src: Source
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
            short=len(y) < long.length,
            frontend=f,
        )

    with contextlib.closing(clips):
        for clip in clips:
            if facts.source_sr is None:  # the first block, which may hold no sample yet
                origin = clip.offset
                if clip.sr != f.sr:
                    f = at_rate(f, clip.sr)
                    long = long.at(f.sr)
                    long.check(f)
            length = long.length
            facts.note(clip)
            held.add(clip.y.T)
            while start + length <= held.end:
                yield window(held.take(start, start + length), length)
                index += 1
                start += long.step
            held.forget(min(start, held.end - length) if cut.tail == "shift" else start)

    length = long.length
    if index == 0:
        fate = cut.short
    elif max(start, start - long.step + length) < held.end:
        fate = cut.tail
    else:
        return
    left = held.end - start
    frameless = fate == "keep" and f.frames(left) == 0
    if fate == "error":
        raise too_short(src, left / f.sr, "a window", length / f.sr)
    if frameless and index == 0:
        raise too_short(src, left / f.sr, "a frame", lengths.frame(f) / f.sr)
    if fate in ("drop", "skip") or frameless:
        return
    if fate == "shift":
        start, left = held.end - length, length
    y = held.take(start, held.end)
    if fate == "pad":
        y = np.concatenate([y, np.zeros((length - left, *y.shape[1:]), y.dtype)])
    yield window(y, left)


def _whole(src: Source, f: Frontend, cut: Cut, facts: _Facts) -> Generator[Window]:
    clip, f = read_for_image(src, f, cut, Bounds())
    facts.note(clip)
    n = clip.y.shape[-1]
    yield Window(0, clip.y, f.sr, clip.offset, n / f.sr, padded=False, short=False, frontend=f)


def _beginning(src: Source, how: dict[str, Any], long: Lengths) -> Generator[Clip]:
    if long.seconds is not None and how["sr"] is None:
        long = long.at(probe(src, formats=how["formats"])["sr"])
    yield read_clip(src, samples=long.length, **how)
