# SPDX-License-Identifier: MIT
"""One sound in, one PNG out: decode, render, encode, write, each stage timed."""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from typing import BinaryIO, NamedTuple, cast

from melpix import files
from melpix.audio.decoder import sendable
from melpix.audio.load import Source
from melpix.convert.cut import Cut
from melpix.convert.reading import Bounds, read_for_image
from melpix.files import Path, replace_file, target_of
from melpix.frontend import lengths
from melpix.frontend.at_rate import Rate, at_rate
from melpix.frontend.frontend import Frontend
from melpix.image.rendering import Value
from melpix.image.write import encode_png
from melpix.suffixes import refuse_other_suffix

MAX_IMAGE_SECONDS = 2 * 3600.0
"""What is read of a sound at most unless more is asked for: 2 GB of memory at 44.1 kHz."""


@dataclasses.dataclass(frozen=True, slots=True)
class Conversion:
    """What became of one sound.

    Attributes
    ----------
    shape : tuple of int
        Rows and columns of the image, ``(n_mels, frames)``.
    lo, hi : float
        The values that the range of greys stands for; of stacked mels, of each.
    constant : bool
        The image has one value only: silence, or a signal that never changes.
    truncated : bool
        The file ended before its own header says so.
    length_estimated : bool
        The file states no length, or a wrong one: all sound that was found was read.
    joined : bool
        The file is several sounds, one behind the other, which were read as one.
    short : bool
        The sound ended before ``time_steps`` steps were full.
    sr, source_sr : int
        Sample rate in Hz of the signal that was rendered, and of the source.
    duration : float
        Seconds of signal in the image.
    left_out : float or None
        Seconds behind them that are not, for the front-end has a fixed length (its `duration` or
        `columns`); None if nobody knows how long the sound goes on.
    stages : dict of str to float
        Seconds spent in ``decode`` (resampling included), ``render``, ``encode`` and ``write``.
    """

    shape: tuple[int, int]
    lo: Value
    hi: Value
    constant: bool
    truncated: bool
    length_estimated: bool
    joined: bool
    short: bool
    sr: float
    source_sr: float
    duration: float
    left_out: float | None
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
    formats: str = "common",
    max_bytes: int | None = None,
    max_seconds: float | None = MAX_IMAGE_SECONDS,
    max_samples: int | None = None,
    max_pixels: int | None = None,
) -> bytes:
    r"""Turn the bytes of an audio file into the bytes of a PNG, in memory.

    Re-entrant: threads may call it at once, and share a front-end. It starts no thread, no process
    unless ``formats="all"``, and writes no file. The GIL is free while the core renders and while
    isal (or zlib), soxr and libsndfile work; libsndfile takes it for moments, to fetch more of
    `data`, which must not be changed meanwhile. 16-bit WAVs as nearly every program writes them do
    without libsndfile.

    Parameters
    ----------
    data : bytes-like
        A whole audio file in any format that melpix reads. It is not copied, whatever holds it.
    frontend, sr, offset, duration, time_steps, source, strict, formats
        As in `convert_file`.
    max_bytes, max_seconds, max_samples, max_pixels
        As in `convert_file`.

    Returns
    -------
    bytes
        The PNG.

    Raises
    ------
    DecodeError, SignalError, EncodeError, ValueError
        As in `convert_file`. The first three say what is wrong with `data`, and their attribute
        ``code`` says it to programs.

    Examples
    --------
    >>> from melpix import DecodeError, convert_bytes, demo
    >>> convert_bytes(demo.wav())[:8]
    b'\x89PNG\r\n\x1a\n'
    >>> try:
    ...     convert_bytes(demo.wav(), max_seconds=5)
    ... except DecodeError as error:
    ...     print(error.code)
    too_long
    """
    if isinstance(data, (str, os.PathLike)):
        raise TypeError(f"data must hold an audio file's bytes, got the path {data!r}")
    f = at_rate(frontend, None if sr == "native" else sr)
    cut = Cut(
        time_steps=time_steps,
        native=sr == "native",
        offset=offset,
        duration=duration,
        strict=strict,
        formats=formats,
        max_seconds=max_seconds,
    )
    bounds = Bounds(max_bytes=max_bytes, max_samples=max_samples, max_pixels=max_pixels)
    return _make(data, f, cut, bounds, source).picture


def convert_file(
    src: Source,
    dst: Path | BinaryIO,
    frontend: Frontend | None = None,
    *,
    sr: Rate = None,
    offset: float = 0.0,
    duration: float | None = None,
    time_steps: int | None = None,
    source: str | None = None,
    strict: bool = False,
    formats: str = "common",
    max_bytes: int | None = None,
    max_seconds: float | None = MAX_IMAGE_SECONDS,
    max_samples: int | None = None,
    max_pixels: int | None = None,
) -> Conversion:
    """Turn one audio file into one spectrogram image.

    Parameters
    ----------
    src : path, bytes-like or open binary file
        The sound.
    dst : path or open binary file
        Where the PNG goes. A path appears complete or not at all: a temporary file in the same
        folder (``.melpix-….tmp``) takes its name at the end. Links are followed. A name ends in
        ``.png``, in nothing, or in what is no other kind of file (``.part``).
    frontend : Frontend, optional
        What makes pixels of samples; None is the recipe, ``Frontend()``.
    sr : float [Hz], "native" or None
        Rate to resample to, in place of the front-end's. ``"native"`` keeps the file's.
    offset, duration : float >= 0 [s]
        The part of the file to read, as in ``librosa.load``.
    time_steps : int >= 1, optional
        Render the first ``time_steps * hop_length`` samples alone: with the recipe's centred
        frames that makes ``time_steps + 1`` columns. No more is decoded than that takes.
    source : str, optional
        Name of the sound in the image's metadata. Default: the base name of the path, if any.
    strict : bool
        Make a truncated file an error.
    formats : {"common", "all"}
        Which formats are read: those that `load` reads, or whatever libsndfile knows, as ADPCM in
        WAV, ALAC in CAF and VOC. These are decoded in a process of its own, which they may crash
        or hang (for ten minutes) without harm to this one.
    max_bytes : int >= 0 or None
        Refuse a source that holds more than this, before anything else.
    max_seconds : float [s] or None
        Refuse to decode more than this: before decoding where the header tells, else as soon as so
        much is decoded. None: the limits of `load` alone.
    max_samples : int >= 1 or None
        Refuse to work on more samples: as decoded, as resampled, and as brought to the front-end's
        `duration` and patches; channels that are kept count singly. None: the limits of `load`.
    max_pixels : int >= 1 or None
        Refuse to make a larger image, at the same moments. A pixel of 16 bits counts as two, and
        one of stacked mels as one for each of them. None: what PNG readers accept.

    Returns
    -------
    Conversion
        Shape, range, flags and timings.

    Raises
    ------
    DecodeError
        The sound cannot be read, or is truncated (``strict``), too large, too long or too short.
        ``unsupported_format``: ``formats="all"`` reads it; ``crashed``, ``timeout``: so does its
        decoder.
    SignalError
        The samples hold NaN or infinity, or are too large.
    EncodeError
        The image is larger than common PNG readers accept.
    ValueError
        A parameter is out of range, or `dst` is `src`, something that is no plain file, or the
        name of something that is no PNG, as ``out.jpg`` and ``out.npy`` are.
    OSError
        The file system refuses; ``filename`` tells whether it was `src` or `dst`.

    Examples
    --------
    >>> import io
    >>> from melpix import convert_file, demo
    >>> convert_file(demo.wav(), io.BytesIO(), time_steps=100).shape
    (128, 101)
    """
    if hasattr(dst, "write"):
        write = functools.partial(files.write_all, cast(BinaryIO, dst))
    else:
        write = functools.partial(replace_file, target_of(dst, src))
        refuse_other_suffix("dst", dst)
    if source is None and isinstance(src, (str, os.PathLike)):
        source = os.path.basename(os.fsdecode(src))
    f = at_rate(frontend, None if sr == "native" else sr)
    cut = Cut(
        time_steps=time_steps,
        native=sr == "native",
        offset=offset,
        duration=duration,
        strict=strict,
        formats=formats,
        max_seconds=max_seconds,
    )
    bounds = Bounds(max_bytes=max_bytes, max_samples=max_samples, max_pixels=max_pixels)
    made = _make(src, f, cut, bounds, source)
    started = time.perf_counter()
    write(made.picture)
    made.conversion.stages["write"] = time.perf_counter() - started
    return made.conversion


class Made(NamedTuple):
    """A PNG, and what became of its sound; nothing is written yet."""

    picture: bytes
    conversion: Conversion


def make(src: Source, f: Frontend, cut: Cut, bounds: Bounds, source: str | None) -> Made:
    """Do all of `convert_file` but the writing, here, whatever formats are to be read."""
    started = time.perf_counter()
    wanted = None
    if cut.time_steps is not None:
        wanted = cut.time_steps * f.hop_length
    elif f.duration is not None and not cut.native:
        wanted = round(f.duration * f.sr)  # more would be cut off
    clip, f = read_for_image(src, f, cut, bounds, samples=wanted, in_place=True)
    decoded = time.perf_counter()
    n = clip.y.shape[-1]
    if bounds.max_pixels is not None:  # else render knows the bound
        bounds.refuse_wide(f, f.frames(n))
    rendering = f.render(clip.y)
    rendered = time.perf_counter()

    seconds = (n - lengths.left_out(f, n)) / clip.sr
    left_out = None if clip.available is None else clip.available - seconds
    if cut.time_steps is not None or (left_out is not None and left_out < f.hop_length / f.sr):
        left_out = 0.0
    more = {"left_out": left_out} if left_out else {}
    metadata = rendering.metadata_text(source=source, offset=cut.offset, duration=seconds, **more)
    picture = encode_png(rendering.image, metadata)
    encoded = time.perf_counter()
    stages = {
        "decode": decoded - started,
        "render": rendered - decoded,
        "encode": encoded - rendered,
    }
    rows, columns, *_ = rendering.image.shape
    conversion = Conversion(
        shape=(rows, columns),
        lo=rendering.lo,
        hi=rendering.hi,
        constant=rendering.constant,
        truncated=clip.truncated,
        length_estimated=clip.length_estimated,
        joined=clip.joined,
        short=wanted is not None and f.duration is None and n < wanted,
        sr=clip.sr,
        source_sr=clip.source_sr,
        duration=seconds,
        left_out=left_out,
        stages=stages,
    )
    return Made(picture, conversion)


def _make(src: Source, f: Frontend, cut: Cut, bounds: Bounds, source: str | None) -> Made:
    """Do the same; in a process of its own, if a decoder may crash."""
    if cut.formats == "common":
        return make(src, f, cut, bounds, source)
    from melpix.convert.apart import apart

    sound = sendable(src, bounds.max_bytes)
    path = sound if isinstance(sound, str) else ""
    return apart(functools.partial(make, sound, f, cut, bounds, source), path)
