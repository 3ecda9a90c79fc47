# SPDX-License-Identifier: MIT
"""From a path, bytes or an open file to decoded frames. soundfile is at home here.

Nothing is asked of it, nor is it imported, for what needs no decoder (`melpix.audio.wav`).

libsndfile's MP3 decoder writes remarks on broken files to C's standard error. To catch them means
to redirect a descriptor of the whole process, which a library must not: a program may.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from melpix.audio import first_bytes, formats
from melpix.audio.binary_files import Memory, Tagged, View
from melpix.audio.samples import Samples
from melpix.audio.wav import PlainMemory, PlainWav, plain_memory, plain_wav
from melpix.errors import DecodeError, SignalError

__all__ = ["MAX_BYTES", "Samples", "Sound", "Source", "mix", "open_plain", "open_sound"]

Source: TypeAlias = str | os.PathLike[Any] | bytes | bytearray | memoryview | BinaryIO

MAX_BYTES = 2**32
"""What is taken from an open file at most."""

_UNKNOWN = 2**63 - 1  # libsndfile's frame count where the file states none

_FIRST = 2**22  # samples to make room for on a header's word alone

_FORK = "SD2"  # the format that libsndfile finds in a file beside the one it was given

_BLOCK = 2**17  # samples decoded at a time where channels are mixed: they stay in the cache


class Sound:
    """A sound that is open, mostly in libsndfile.

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
    truncated, length_estimated : bool
        As in `melpix.audio.load.Clip`.
    """

    def __init__(
        self,
        file: Any,
        source: str,
        size: int,
        content: Callable[[], Any],
        start: int | None = None,  # of an MP3's first frame
    ) -> None:
        self.source = source
        self.format: str = file.format
        self.subtype: str = file.subtype
        self.sr: int = file.samplerate
        self.channels: int = file.channels
        self.log: str = file.extra_info
        self.truncated = formats.is_cut_short(self.log)
        self.length_estimated = False
        self._file = file
        self._size = size
        declared: int = file.frames
        self._stated = declared != _UNKNOWN
        self.frames = declared if self._stated else None
        if self.format == "MP3":
            length = "constant"
            if start is not None:
                with content() as stream:
                    length = formats.mp3_length(stream, start)
            self._stated = length == "stated"
            self.length_estimated = length == "variable"

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
            # A header may declare any number of frames: room for more than the source's own bytes
            # make likely is made only as the frames arrive.
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
        file = self._file
        if not isinstance(file, PlainMemory) or not file.samples.flags.aligned:
            return None
        start, wanted = self._stretch(offset, duration, limit)
        return file.samples[start : start + wanted].T

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
        mixing = mono and self.channels > 1
        step = min(max(1, _BLOCK // self.channels), wanted)
        scratch = np.empty((step if mixing else 0, self.channels), dtype)
        n, ended = 0, False
        while not ended:
            out = room(n, wanted - n)[: wanted - n]
            frames = self._mixed(out, scratch) if mixing else self._file.read(out=out)
            if formats.may_hold_nan(self.subtype):
                self._refuse_non_finite(frames, start + n)
            n += len(frames)
            if n > limit:
                raise self._too_long(limit)
            ended = len(frames) < len(out) or n == wanted
            if ended:
                if n == 0:
                    raise self._empty(offset, duration)
                if n < wanted and self._stated:
                    self._fall_short(start + n)
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

    def _fall_short(self, end: int) -> None:
        if self.format == "FLAC":  # cut between two frames; elsewhere the decoder notices
            raise DecodeError(
                "decode_failed",
                f"declares {self.frames} frames, but ends after {end}",
                self.source,
            )
        self.truncated = True

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


@contextmanager
def open_sound(
    source: Source, max_bytes: int | None = None, *, remarks: bool = False
) -> Iterator[Sound]:
    """Open a source, refuse what is not read; libsndfile's errors inside become DecodeError.

    With `remarks`, libsndfile opens what it is not needed for as well.

    Raises
    ------
    DecodeError
        ``decode_failed``, ``unsupported_format``; ``no_decoder`` where the first bytes show a
        format that is not read; ``not_a_file`` for a FIFO, device or socket;
        ``too_large`` for a source of more than `max_bytes`, and for an open file of more than
        `MAX_BYTES`.
    OSError
        The file is missing, a directory, or may not be read.
    TypeError
        The source is of another type.
    """
    content: Callable[[], Any]
    plain: PlainWav | PlainMemory | None
    path = ""
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        size = _size(path)
        _refuse_large(path, size, max_bytes)
        content = partial(io.FileIO, path)
        # Bytes, because names need not be UTF-8. "-" alone would mean standard input.
        file: Any = os.fsencode(os.path.join(os.curdir, path) if path == "-" else path)
        with content() as stream:
            plain = None if remarks else plain_wav(stream, size)
            if plain is not None:
                yield Sound(plain, path, size, content)
                return
            mp3 = formats.mp3_start(stream)
    else:
        data = _take(source, max_bytes)
        size = len(data)
        _refuse_large(path, size, max_bytes)
        open_memory: Any = Memory if isinstance(data, bytes) else View
        content = partial(open_memory, data)
        plain = None if remarks else plain_memory(data)
        if plain is not None:
            yield Sound(plain, path, size, content)
            return
        file = content()
        mp3 = formats.mp3_start(file)
        if mp3 is not None and mp3.plain and mp3.tag:
            # Of several tags, libsndfile counts all to the sound where it is in memory, but in a
            # file the last alone: another length where the decoder has to estimate it.
            content = partial(View, memoryview(data)[mp3.tag :])
            file, mp3 = content(), mp3._replace(start=mp3.start - mp3.tag, tag=0)
        file.seek(0)

    import soundfile

    with ExitStack() as stack:
        # libsndfile goes by a file's name where its first bytes say nothing; memory has none. An
        # ID3 tag says enough.
        start = None if mp3 is None else mp3.start
        if mp3 is not None and (not mp3.plain or (mp3.start == 0 and _has_fork(path))):
            content = partial(_tagged, content, mp3.start)
            file = stack.enter_context(content())
            start = file.start
        elif path and _has_fork(path):  # a file without a name has none
            file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            try:
                decoder = _decoder()(file)
            except soundfile.LibsndfileError:
                content().close()  # says more, if it is the system that refuses
                raise
            with decoder as opened:
                if opened.format == _FORK:
                    message = formats.unknown(mp3, _way_out(source))
                    raise DecodeError("decode_failed", message, path)
                sound = Sound(opened, path, size, content, start)
                reason = formats.refusal(sound.format, sound.subtype)
                if reason:
                    raise DecodeError("unsupported_format", f"{reason}; {_way_out(source)}", path)
                yield sound
        except soundfile.LibsndfileError as error:
            with content() as stream:
                kind = first_bytes.kind(stream.read(first_bytes.LOOK))
            if kind is None or kind.read:
                reason = formats.failure(error.code, error.error_string, mp3, _way_out(source))
                raise DecodeError("decode_failed", reason, path) from error
            message = f"{kind.name} is not read; {_way_out(source)}"
            raise DecodeError("no_decoder", message, path) from error


def _tagged(content: Callable[[], Any], start: int) -> Tagged:
    return Tagged(content(), start)


def _way_out(source: Source) -> str:
    if isinstance(source, (str, os.PathLike)):
        return first_bytes.way_out(os.fsdecode(source))
    return first_bytes.way_out(None)


@contextmanager
def open_plain(path: str) -> Iterator[Sound | None]:
    """Open a file that needs no decoder; None if it needs one.

    Raises
    ------
    DecodeError, OSError
        As `open_sound`, for what is no file.
    """
    size, content = _size(path), partial(io.FileIO, path)
    with content() as stream:
        plain = plain_wav(stream, size)
        yield None if plain is None else Sound(plain, repr(path), size, content)


@cache
def _decoder() -> Any:
    import soundfile

    class Decoder(soundfile.SoundFile):  # type: ignore[misc]
        """Never seeks unasked.

        SoundFile.read ends with a seek to where the decoder stands already: Opus may decode the
        next block differently after it, and FLAC whose stated length is wrong or missing fails.
        """

        def seekable(self) -> bool:
            return False

    return Decoder


def _refuse_large(path: str, size: int, max_bytes: int | None) -> None:
    if max_bytes is not None and size > max_bytes:
        raise DecodeError("too_large", f"{size} bytes, at most {max_bytes} are read", path)


def _size(path: str) -> int:
    found = os.stat(path)  # before opening: a FIFO would wait for its other end
    mode = found.st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
        raise DecodeError("not_a_file", f"a {kind}, not a file", path)
    return found.st_size


def _has_fork(path: str) -> bool:
    """Whether a Mac has left a file's other half beside it, on a disk that is no Mac's.

    libsndfile takes that for the header of an SD2 file, if the sound has no unmistakable one of
    its own, as most MP3s have not; and then refuses the sound.
    """
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f"._{name}"), os.path.join(folder, ".AppleDouble", name)
    return any(map(os.path.exists, beside))


def _take(source: Any, max_bytes: int | None) -> bytes | memoryview:
    # Read it all: soundfile swallows what a file's own methods raise, and returns less.
    if isinstance(source, bytes):
        return source
    read = getattr(source, "read", None)
    if read is None:
        try:
            view = memoryview(source)
            # Bytes that lie apart are no file's; they are put together.
            return view.cast("B") if view.c_contiguous else view.tobytes()
        except TypeError:
            kind = type(source).__name__
            raise TypeError(f"a sound is a path, bytes or a binary file, got {kind}") from None
    taken = io.BytesIO()
    while part := read(1 << 20):
        if isinstance(part, str):
            raise TypeError("a sound is a path, bytes or a binary file, got a text file")
        taken.write(part)
        most = MAX_BYTES if max_bytes is None else min(max_bytes, MAX_BYTES)
        if taken.tell() > most:
            raise DecodeError("too_large", f"the open file holds more than {most} bytes")
    return taken.getvalue()


def _frames(seconds: float, sr: int) -> int:
    return int(min(seconds * sr, _UNKNOWN))
