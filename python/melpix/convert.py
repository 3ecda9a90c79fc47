# SPDX-License-Identifier: MIT
"""One sound in, one PNG out: decode, render, encode, write, each stage timed."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import io
import math
import os
import shutil
import stat
import time
from collections.abc import Iterator
from typing import BinaryIO, Literal, TypeAlias

from melpix import audio, checks, png
from melpix.errors import DecodeError
from melpix.frontend import Frontend

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Rate: TypeAlias = float | Literal["native"] | None

MAX_SECONDS = 2 * 3600.0
"""What is read of a sound at most unless more is asked for: 2 GB of memory at 44.1 kHz."""

# soxr's HQ filters look ahead, so the end of what is read bends the samples before it. Over
# 7,000 random pairs of rates, 4096 samples of either rate were enough for bit equality.
_LOOKAHEAD = 16384


@dataclasses.dataclass(frozen=True, slots=True)
class Conversion:
    """What became of one sound.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the image, ``(n_mels, frames)``.
    lo, hi : float
        The values that the range of greys stands for.
    constant : bool
        The image has one value only: silence, or a signal that never changes.
    truncated : bool
        The file ended before its own header says so.
    length_estimated : bool
        The decoder could only estimate how long the file is, and may have stopped early.
    short : bool
        The sound ended before ``time_steps`` steps were full.
    sr, source_sr : int
        Sample rate in Hz of the signal that was rendered, and of the source.
    duration : float
        Seconds of signal in the image.
    stages : dict of str to float
        Seconds spent in ``decode`` (resampling included), ``render``, ``encode`` and ``write``.
    """

    shape: tuple[int, int]
    lo: float
    hi: float
    constant: bool
    truncated: bool
    length_estimated: bool
    short: bool
    sr: float
    source_sr: float
    duration: float
    stages: dict[str, float]


def convert_bytes(
    data: bytes | bytearray | memoryview,
    frontend: Frontend | None = None,
    *,
    sr: Rate = None,
    offset: float = 0.0,
    duration: float | None = None,
    time_steps: int | None = None,
    source: str | None = None,
    strict: bool = False,
    max_seconds: float | None = MAX_SECONDS,
) -> bytes:
    r"""Turn the bytes of an audio file into the bytes of a PNG, in memory.

    Parameters
    ----------
    data : bytes-like
        A whole audio file in any format that melpix reads.
    frontend, sr, offset, duration, time_steps, source, strict, max_seconds
        As in `convert_file`.

    Returns
    -------
    bytes
        The PNG.

    Raises
    ------
    DecodeError, SignalError, EncodeError, ValueError
        As in `convert_file`.

    Examples
    --------
    >>> from melpix import convert_bytes, demo
    >>> convert_bytes(demo.wav())[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    if isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must hold an audio file's bytes, got the path {data!r}")
    picture = io.BytesIO()
    convert_file(
        data,
        picture,
        frontend,
        sr=sr,
        offset=offset,
        duration=duration,
        time_steps=time_steps,
        source=source,
        strict=strict,
        max_seconds=max_seconds,
    )
    return picture.getvalue()


def convert_file(
    src: audio.Source,
    dst: Path | BinaryIO,
    frontend: Frontend | None = None,
    *,
    sr: Rate = None,
    offset: float = 0.0,
    duration: float | None = None,
    time_steps: int | None = None,
    source: str | None = None,
    strict: bool = False,
    max_seconds: float | None = MAX_SECONDS,
) -> Conversion:
    """Turn one audio file into one spectrogram image.

    Parameters
    ----------
    src : path, bytes-like or open binary file
        The sound.
    dst : path or open binary file
        Where the PNG goes. A path appears complete or not at all: a temporary file in the same
        folder (``.melpix-….tmp``) takes its name at the end. Links are followed.
    frontend : Frontend, optional
        What makes pixels of samples; None is the recipe, ``Frontend()``.
    sr : float [Hz], "native" or None
        Rate to resample to, in place of the front-end's. ``"native"`` keeps the file's.
    offset, duration : float >= 0 [s]
        The part of the file to read, as in ``librosa.load``.
    time_steps : int >= 1, optional
        Render the first ``time_steps * hop_length`` samples alone: with the recipe's centred
        frames that makes ``time_steps + 1`` columns. Of a path or bytes, no more is decoded than
        that takes.
    source : str, optional
        Name of the sound in the image's metadata. Default: the base name of the path, if any.
    strict : bool
        Make a truncated file an error.
    max_seconds : float [s] or None
        Refuse to decode more than this. None: the limits of `load` alone.

    Returns
    -------
    Conversion
        Shape, range, flags and timings.

    Raises
    ------
    DecodeError
        The sound cannot be read, or is truncated (``strict``), or too long.
    SignalError
        The samples hold NaN or infinity, or are too large.
    EncodeError
        The image is larger than common PNG readers accept.
    ValueError
        A parameter is out of range, or `dst` is `src` or something that is no plain file.
    OSError
        The file system refuses; ``filename`` tells whether it was `src` or `dst`.

    Examples
    --------
    >>> import io
    >>> from melpix import convert_file, demo
    >>> convert_file(demo.wav(), io.BytesIO(), time_steps=100).shape
    (128, 101)
    """
    if not hasattr(dst, "write"):
        _check_destination(dst, src)
    if time_steps is not None:
        checks.integer("time_steps", time_steps)
    if source is None and isinstance(src, (str, os.PathLike)):
        source = os.path.basename(os.fsdecode(src))
    f = _front_end(frontend, None if sr == "native" else sr)
    stages: dict[str, float] = {}

    with _timed(stages, "decode"):
        rate = None if sr == "native" else f.sr
        wanted = None if time_steps is None else time_steps * f.hop_length
        # What would make too wide an image is refused before it is decoded.
        whole = wanted is None and rate is not None
        room = f.max_columns * f.hop_length / f.sr if whole else math.inf
        most = audio.MAX_SECONDS if max_seconds is None else max_seconds
        try:
            clip = audio.read_clip(
                src,
                sr=rate,
                offset=offset,
                duration=_enough(src, rate, wanted, duration),
                max_seconds=min(most, room),
                strict=strict,
            )
        except DecodeError as error:
            if error.code == "too_long" and room < most:
                raise f.too_wide(f"more than {room:g} s") from error
            raise
        y = clip.y[..., :wanted]

    with _timed(stages, "render"):
        f = _front_end(f, clip.sr)
        rendering = f.render(y)

    seconds = y.shape[-1] / clip.sr
    with _timed(stages, "encode"):
        metadata = rendering.metadata(source=source, offset=offset, duration=seconds)
        picture = png.encode(rendering.image, metadata)

    with _timed(stages, "write"):
        if hasattr(dst, "write"):
            dst.write(picture)
        else:
            write_atomically(dst, picture)

    rows, columns = rendering.image.shape
    return Conversion(
        shape=(rows, columns),
        lo=rendering.lo,
        hi=rendering.hi,
        constant=rendering.constant,
        truncated=clip.truncated,
        length_estimated=clip.length_estimated,
        short=wanted is not None and y.shape[-1] < wanted,
        sr=clip.sr,
        source_sr=clip.source_sr,
        duration=seconds,
        stages=stages,
    )


def write_atomically(path: Path, data: bytes) -> None:
    """Give a file this content, whole or not at all, with the permissions that open() would give.

    Links are followed. Nothing but a plain file is replaced.

    Raises
    ------
    OSError
        With `path` as its ``filename``, whichever step failed.
    ValueError
        `path` is a device, a FIFO or a socket.
    """
    _check_destination(path)
    target = os.path.realpath(os.fsdecode(path))
    temporary = os.path.join(os.path.dirname(target), f".melpix-{os.urandom(8).hex()}.tmp")
    try:
        with _naming(path):
            with open(temporary, "xb") as file:
                file.write(data)
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(target, temporary)
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _check_destination(path: Path, src: object = None) -> None:
    """Refuse, before any work is done, what cannot or must not be replaced."""
    target = os.path.realpath(os.fsdecode(path))
    with _naming(path):
        os.stat(os.path.dirname(target))
        try:
            mode = os.stat(target).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(target, os.W_OK):  # a rename would replace it all the same
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if not stat.S_ISREG(mode):
        # The rename would put a file in the place of /dev/null.
        raise ValueError(f"dst must be a plain file or a new one, got {path!r}")
    if not isinstance(src, (str, os.PathLike)) or not os.path.exists(src):
        return
    if os.path.samefile(src, target):
        raise ValueError(f"dst must not be the source itself, got {path!r}")


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an OSError name the file that was asked for, not a temporary one or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fsdecode(path)) from error


@contextlib.contextmanager
def _timed(stages: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stages[stage] = time.perf_counter() - start


def _front_end(frontend: Frontend | None, sr: float | None) -> Frontend:
    """Give the front-end at a rate."""
    frontend = _recipe() if frontend is None else frontend
    return frontend if sr is None or sr == frontend.sr else _at_rate(frontend, frontend.open, sr)


@functools.cache
def _recipe() -> Frontend:
    return Frontend()


# A few are kept, since each new one designs a filterbank. Equal front-ends may differ in what
# follows from the rate, so that is a part of the key.
@functools.lru_cache(maxsize=16)
def _at_rate(frontend: Frontend, follows: frozenset[str], sr: float) -> Frontend:
    return frontend.replace(sr=sr)


def _enough(
    src: audio.Source, sr: float | None, samples: int | None, duration: float | None
) -> float | None:
    """Say how many seconds of the source make the first `samples` samples at rate `sr`."""
    if samples is None or hasattr(src, "read"):  # an open file might be read once only
        return duration
    source_sr = audio.probe(src)["sr"]
    if sr is None or sr == source_sr:
        seconds = (samples + 0.5) / source_sr  # frames are counted by truncation
    else:
        seconds = (samples + _LOOKAHEAD) / sr + _LOOKAHEAD / source_sr
    return seconds if duration is None or duration > seconds else duration
