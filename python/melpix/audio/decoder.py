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
from melpix.audio import first_bytes, mp3, ogg, packages, refused
from melpix.audio.binary_files import Memory, Spliced, View
from melpix.audio.joined import Joined
from melpix.audio.mp3 import Mp3
from melpix.audio.ogg import Ogg
from melpix.audio.sound import Sound
from melpix.audio.survey import Facts
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
        file: bytes | None = os.fsencode(os.path.join(os.curdir, path) if path == "-" else path)
        given: str | bytes | memoryview = path
    else:
        data = _take(source, max_bytes)
        size = len(data)
        _refuse_large(path, size, max_bytes)
        open_memory: Any = Memory if isinstance(data, bytes) else View
        content = partial(open_memory, data)
        file = None  # it has no name
        given = data

    if not by_libsndfile:
        with _in_core(given, path, size) as found:
            if found is not None:
                yield found
                return
    with content() as stream:
        head = first_bytes.look(stream)
        kind = first_bytes.kind(head)
        error = None if kind is None else refused.by_kind(kind, formats, path)
        if error is not None:  # libsndfile need not even see it
            raise error
        stream.seek(0)
        survey = _survey(stream)
    is_mp3 = isinstance(survey, Mp3)
    _refuse_without_decoder(head, size, is_mp3, path)
    with ExitStack() as stack, _errors(head, size, is_mp3, path):
        decoder, facts = _open(stack, file, path, content, survey)
        if decoder.format in _BY_NAME:
            raise refused.undecodable(head, size, "", is_mp3, path)
        sound = Sound(decoder, path, size, facts)
        if not is_read(sound.format, sound.subtype, formats):
            raise refused.by_encoding(sound.format, sound.subtype, path)
        yield sound


def _open(
    stack: ExitStack,
    file: bytes | None,
    path: str,
    content: Callable[[], Any],
    survey: Mp3 | Ogg | None,
) -> tuple[Any, Facts | None]:
    """Open a source in libsndfile: as one sound if that is all of it, else part by part."""
    if survey is None:
        return stack.enter_context(_open_whole(file, path, content, None)), None
    if survey.suits(None):
        with ExitStack() as attempt:
            whole = attempt.enter_context(_open_whole(file, path, content, survey))
            if survey.suits(whole.frames):
                stack.push(attempt.pop_all())
                return whole, survey.facts(whole.frames)
    parts = survey.parts(content, _decoder())
    joined = Joined(parts, survey.container, _decoder())
    return stack.enter_context(closing(joined)), survey.facts(None)


def _survey(stream: Any) -> Mp3 | Ogg | None:
    return ogg.survey(stream) or mp3.survey(stream)


@contextmanager
def _open_whole(
    file: bytes | None, path: str, content: Callable[[], Any], survey: Mp3 | Ogg | None
) -> Iterator[Any]:
    """Open a source in libsndfile, as one sound.

    libsndfile goes by a file's name where its first bytes say nothing; memory has none. An ID3 tag
    says enough.

    Parameters
    ----------
    file : bytes or None
        The source's name; None where it is memory.
    """
    import soundfile

    with ExitStack() as stack:
        fork = _has_fork(path)  # of memory: one without a name, in the current folder
        given: Any = file
        if isinstance(survey, Mp3) and (not survey.plain or (survey.start == 0 and fork)):
            given = stack.enter_context(mp3.tagged(content, survey.start))
        elif path and fork:  # a file without a name has none
            given = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        elif file is None:
            given = content()
            if isinstance(survey, Mp3) and survey.tag:
                # Where there are several tags, libsndfile takes all of them for sound if it reads
                # from memory, but only the last if it reads a file: it would guess another length.
                given = Spliced(given, [(survey.tag, given.seek(0, os.SEEK_END))])
        try:
            decoder = _decoder()(given)
        except soundfile.LibsndfileError:
            content().close()  # says more, if it is the system that refuses
            raise
        with decoder as opened:
            yield opened


def _refuse_without_decoder(head: bytes, size: int, is_mp3: bool, path: str) -> None:
    """Refuse what only libsndfile may read where it cannot be loaded."""
    lack = packages.lack("soundfile")
    if lack is None:
        return
    kind = first_bytes.kind(head)
    if kind is None and not is_mp3:
        raise refused.undecodable(head, size, lack, is_mp3, path)
    what = "MP3" if kind is None else kind.name
    raise DecodeError("not_installed", f"{what} needs soundfile, but {lack}", path)


@contextmanager
def _errors(head: bytes, size: int, is_mp3: bool, path: str) -> Iterator[None]:
    """Make a DecodeError of what libsndfile says."""
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        said = "" if error.code in _UNKNOWN_CODES else error.error_string
        raise refused.undecodable(head, size, said, is_mp3, path) from error


@contextmanager
def _in_core(source: str | bytes | memoryview, path: str, size: int) -> Iterator[Sound | None]:
    """Open what the core decodes; None if it does not. What fails there, ffmpeg may still read."""
    try:
        opened = _core.open_sound(source)
        if opened is None:
            yield None
            return
        with closing(opened):
            yield Sound(opened, path, size)
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
    with _in_core(path, path, _size(path)) as found:
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
