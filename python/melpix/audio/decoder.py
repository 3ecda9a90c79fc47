# SPDX-License-Identifier: MIT
"""From a path, bytes or an open file to decoded frames. soundfile is at home here.

Nothing is asked of it, nor is it imported, for what the core decodes (`cpp/src/decode`).

libsndfile's MP3 decoder writes remarks on broken files to C's standard error. To catch them means
to redirect a descriptor of the whole process, which a library must not: a program may.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache, partial
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from melpix import _core
from melpix.audio import first_bytes, packages, refused
from melpix.audio.binary_files import Memory, Tagged, View
from melpix.audio.formats import mp3_start
from melpix.audio.sound import Sound
from melpix.errors import DecodeError
from melpix.host import until_done
from melpix.known_formats import is_read

Source: TypeAlias = str | os.PathLike[Any] | bytes | bytearray | memoryview | BinaryIO

MAX_BYTES = 2**32
"""What is taken from an open file at most."""

_UNKNOWN_CODES = {1, 7, *range(148, 155)}  # libsndfile's, for what has none of its formats

_PASSED = 2**14  # frames that are decoded at a time to get behind them, where there is no seeking

# What libsndfile finds in a file beside the one that it was given, and what it takes for bare
# samples by their name: a damaged AU for noise.
_BY_NAME = ("SD2", "RAW")


@contextmanager
def open_sound(
    source: Source,
    max_bytes: int | None = None,
    *,
    by_libsndfile: bool = False,
    formats: str = "common",
) -> Iterator[Sound]:
    """Open a source, refuse what is not read; libsndfile's errors inside become DecodeError.

    With `by_libsndfile`, that opens what it is not needed for as well. With ``formats="all"``,
    libsndfile opens all that it knows: that is for worker processes alone, for it may crash.

    Raises
    ------
    DecodeError
        ``decode_failed``; ``unsupported_format``, ``no_decoder`` where a format is read on request
        alone, or not at all; ``not_installed`` where it needs soundfile, which is not there;
        ``not_a_file`` for a FIFO, device or socket;
        ``too_large`` for a source of more than `max_bytes`, and for an open file of more than
        `MAX_BYTES`.
    OSError
        The file is missing, a directory, or may not be read.
    TypeError
        The source is of another type.
    """
    content: Callable[[], Any]
    path = ""
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        size = _size(path)
        _refuse_large(path, size, max_bytes)
        content = partial(io.FileIO, path)
        # Bytes, because names need not be UTF-8. "-" alone would mean standard input.
        file: Any = os.fsencode(os.path.join(os.curdir, path) if path == "-" else path)
        if not by_libsndfile:
            with _in_core(path, path, size, content) as found:
                if found is not None:
                    yield found
                    return
        with content() as stream:
            mp3 = mp3_start(stream)
            stream.seek(0)
            head = first_bytes.look(stream)
    else:
        data = _take(source, max_bytes)
        size = len(data)
        _refuse_large(path, size, max_bytes)
        open_memory: Any = Memory if isinstance(data, bytes) else View
        content = partial(open_memory, data)
        if not by_libsndfile:
            with _in_core(data, path, size, content) as found:
                if found is not None:
                    yield found
                    return
        file = content()
        mp3 = mp3_start(file)
        if mp3 is not None and mp3.plain and mp3.tag:
            # Where there are several tags, libsndfile takes all of them for sound if it reads from
            # memory, but only the last if it reads a file. An estimate of the length would differ.
            content = partial(View, memoryview(data)[mp3.tag :])
            file, mp3 = content(), mp3._replace(start=mp3.start - mp3.tag, tag=0)
        file.seek(0)
        head = first_bytes.look(file)
        file.seek(0)
    _refuse(head, size, mp3 is not None, path, formats)

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
                if opened.format in _BY_NAME:
                    raise refused.undecodable(head, size, "", mp3 is not None, path)
                sound = Sound(opened, path, size, content, start)
                if not is_read(sound.format, sound.subtype, formats):
                    raise refused.by_encoding(sound.format, sound.subtype, path)
                yield sound
        except soundfile.LibsndfileError as error:
            said = "" if error.code in _UNKNOWN_CODES else error.error_string
            raise refused.undecodable(head, size, said, mp3 is not None, path) from error


def _refuse(head: bytes, size: int, mp3: bool, path: str, formats: str) -> None:
    """Refuse by the first bytes what libsndfile need not see, or cannot, for it is not there."""
    kind = first_bytes.kind(head)
    error = None if kind is None else refused.by_kind(kind, formats, path)
    if error is not None:
        raise error
    lack = packages.lack("soundfile")
    if lack is None:
        return
    if kind is None and not mp3:
        raise refused.undecodable(head, size, lack, mp3, path)
    what = "MP3" if kind is None else kind.name
    raise DecodeError("not_installed", f"{what} needs soundfile, but {lack}", path)


def _tagged(content: Callable[[], Any], start: int) -> Tagged:
    return Tagged(content(), start)


@contextmanager
def _in_core(
    source: str | bytes | memoryview, path: str, size: int, content: Callable[[], Any]
) -> Iterator[Sound | None]:
    """Open what the core decodes; None if it does not. What fails there, ffmpeg may still read."""
    try:
        opened = _core.open_sound(source)
        if opened is None:
            yield None
            return
        with closing(opened):
            yield Sound(opened, path, size, content)
    except DecodeError as error:
        if error.code != "decode_failed":
            raise
        raise refused.advised(error.reason, path) from None


@contextmanager
def open_in_core(path: str) -> Iterator[Sound | None]:
    """Open a file that the core decodes; None if it does not.

    Raises
    ------
    DecodeError, OSError
        As `open_sound`, for what is no file.
    """
    with _in_core(path, path, _size(path), partial(io.FileIO, path)) as found:
        yield found


@cache
def _decoder() -> Any:
    import soundfile

    class Decoder(soundfile.SoundFile):  # type: ignore[misc]
        """Never seeks unasked, and is never left in the middle of a call by the program's end.

        SoundFile.read ends with a seek to where the decoder stands already: Opus may decode the
        next block differently after it, and FLAC whose stated length is wrong or missing fails.

        libsndfile reads memory by calling Python. A thread that waits for the GIL in such a call
        when the interpreter ends crashes the process: its stack cannot be unwound through libffi.
        """

        def __init__(self, file: Any) -> None:
            with until_done():
                super().__init__(file)

        def read(self, *args: Any, **options: Any) -> Any:
            with until_done():
                return super().read(*args, **options)

        def seek(self, frame: int) -> None:
            with until_done():
                if super().seekable():
                    super().seek(frame)
                    return
                passed = np.empty((_PASSED, self.channels), np.float32)
                while frame and (n := len(super().read(out=passed[:frame]))):
                    frame -= n

        def close(self) -> None:
            with until_done():
                super().close()

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


def sendable(source: Source, max_bytes: int | None) -> str | bytes:
    """Return a source as another process can open it: a path, or all its bytes."""
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    return bytes(_take(source, max_bytes))


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
