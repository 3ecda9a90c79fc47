# SPDX-License-Identifier: MIT
"""PNG files with the data alone: greyscale, and what is needed to read values back.

The core filters the scanlines, isal deflates and sums, pypng reads the container. (It would write
it too, but takes 15 us for that, which is a tenth of what a short sound's image takes.)
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import struct
import zlib
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import png as pypng
from numpy.typing import NDArray

from melpix import _core
from melpix.errors import DecodeError, EncodeError
from melpix.frontend import MAX_COLUMNS, MAX_PIXELS
from melpix.metadata import greys_of, too_long
from melpix.rendering import canonical
from melpix.suffixes import refuse_other_suffix

isal_zlib: Any
try:
    from isal import isal_zlib
except ImportError:  # no wheel for this platform
    isal_zlib = None
_sum = zlib.crc32 if isal_zlib is None else isal_zlib.crc32

_KEYWORD = b"melpix"
# What comes before the text: not compressed, no language, no translated keyword (PNG
# specification, 11.3.3).
_ENTRY = _KEYWORD + b"\0\0\0\0\0"
_LEAST_CHUNK = 12  # bytes: of one without content
_PIECE = 5 << 10  # bytes that zlib, and isal after it, sum up without letting go of the GIL
_QUICK = 1 << 17
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels: greyscale, with alpha, RGB, with alpha
_MAX_METADATA = 1 << 20  # characters; parsed, hostile ones take 50 times as much memory
_LONG = f"must be <= {_MAX_METADATA} bytes"
_BLOCK = 1 << 20
_MAX_BYTES = 1 << 28  # of a file; the largest image is a third of that


def deflate_backend() -> str:
    """Return the name of the library that compresses: what else decides the bytes."""
    return "isal" if isal_zlib is not None else "zlib"


def encode(image: NDArray[Any], metadata: dict[str, Any] | str | None = None) -> bytes:
    """Return an image as the bytes of a PNG file.

    Parameters
    ----------
    image : np.ndarray [shape=(height, width) or (height, width, channels), dtype=uint8 or uint16]
        Up to 4 channels: PNG calls two of them grey and alpha, three RGB.
    metadata : dict or str, optional
        JSON values, written as one iTXt entry ``melpix`` with sorted keys; or that entry's text.

    Returns
    -------
    bytes
        The same for the same arguments, deflate backend and melpix version.

    Raises
    ------
    EncodeError
        If `image` has another shape or type, is empty, or larger than PNG readers accept; or if
        the metadata are longer than 1 MiB, as text.
    """
    image = _checked(image)
    height, width, *channels = image.shape
    colours = _COLOUR_TYPES[channels[0] if channels else 1]
    header = _HEADER.pack(width, height, 8 * image.itemsize, colours, 0, 0, 0)
    raw = _core.filter_scanlines(_as_bytes(image))
    data = _deflated(raw)
    chunks = [pypng.signature, *_chunk(b"IHDR", header), _SOFTWARE]
    if metadata:
        text = metadata if isinstance(metadata, str) else canonical(metadata)
        if len(text) > _MAX_METADATA:
            raise EncodeError("bad_image", too_long(text, _MAX_METADATA))
        chunks += _chunk(b"iTXt", _ENTRY + text.encode("ascii"))
    chunks += _chunk(b"IDAT", data)
    if isal_zlib is not None:
        _core.clear_upper_registers()  # or the thread's next decoder or resampler crawls
    chunks.append(_END)
    return b"".join(chunks)


def _deflated(raw: bytes) -> bytes:
    """Return scanlines as a zlib stream (RFC 1950), which depends on nothing but them."""
    if isal_zlib is None:
        return zlib.compress(raw, 6)
    # Level 1 of isal is as small as zlib's 6 on spectrograms, in a tenth of the time.
    #
    # At the beginning of a stream ISA-L (2.32 and before, igzip_icf_body_h1_gr_bt.asm, label
    # write_first_byte) files the third byte under a hash of its own state's address instead of its
    # content: threads and processes find different matches. It does not where bytes went before. So
    # the first byte is a stored block (RFC 1951, 3.2.4), and all others follow it as if it were a
    # dictionary, whose bytes they may refer to.
    first, rest = raw[:1], memoryview(raw)[1:]
    deflater = isal_zlib.compressobj(1, wbits=-zlib.MAX_WBITS, zdict=first)
    checksum = _summed(isal_zlib.adler32, raw, 1).to_bytes(4, "big")
    return b"".join((_STORED, first, deflater.compress(rest), deflater.flush(), checksum))


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the parts of a chunk (PNG specification, 5.3)."""
    checksum = _summed(_sum, data, _sum(kind))
    return len(data).to_bytes(4, "big"), kind, data, checksum.to_bytes(4, "big")


def _summed(add: Callable[[memoryview, int], int], data: bytes, checksum: int) -> int:
    """Return a checksum that goes on over these bytes."""
    # For more than a piece, both libraries let go of the GIL: where threads share it, that costs
    # more than the sum of a usual image, which takes 5 us.
    piece = _PIECE if len(data) <= _QUICK else len(data)
    view = memoryview(data)
    for start in range(0, len(data), piece):
        checksum = add(view[start : start + piece], checksum)
    return checksum


# The header of a zlib stream, and of a stored block of one byte.
_STORED = b"\x78\x01" + struct.pack("<BHH", 0, 1, 0xFFFE)
_HEADER = struct.Struct(">IIBBBBB")
_SOFTWARE = b"".join(_chunk(b"tEXt", f"Software\0melpix {_core.__version__}".encode()))
_END = b"".join(_chunk(b"IEND", b""))


def write_png(
    path_or_file: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes],
    image: NDArray[Any],
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write an image as PNG.

    Parameters
    ----------
    path_or_file : path or binary file
        A name ends in ``.png``, in nothing, or in what is no other kind of file (``.part``).
    image : np.ndarray [shape=(height, width) or (height, width, channels), dtype=uint8 or uint16]
        Up to 4 channels.
    metadata : dict, optional
        JSON values.

    Raises
    ------
    EncodeError
        A ValueError: if `image` has another shape or type, is empty, or larger than PNG readers
        accept; or if the metadata are longer than 1 MiB, as text.
    ValueError
        If a path ends in the suffix of another kind of file, as ``.jpg`` and ``.npy`` do.

    Examples
    --------
    >>> import io, numpy as np
    >>> file = io.BytesIO()
    >>> write_png(file, np.zeros((2, 3), np.uint8), {"source": "nothing"})
    >>> image, metadata = read_png(file.getvalue())
    >>> image.shape, metadata
    ((2, 3), {'source': 'nothing'})
    """
    if not isinstance(path_or_file, str | bytes | os.PathLike):
        write_all(path_or_file, encode(image, metadata))
        return
    refuse_other_suffix("path_or_file", path_or_file)
    data = encode(image, metadata)
    with open(path_or_file, "wb") as file:
        file.write(data)


def write_all(file: IO[bytes] | io.RawIOBase, data: bytes) -> None:
    """Write all of it: an unbuffered file may take a part, and says so by its return value alone.

    Raises
    ------
    BlockingIOError
        An unbuffered file that does not block takes nothing now.
    """
    written = file.write(data)
    while written is not None and 0 <= written < len(data):
        data = data[written:]
        written = file.write(data)
    if written is None and isinstance(file, io.RawIOBase):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def read_png(
    path_or_file_or_bytes: str | os.PathLike[str] | IO[bytes] | bytes,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Read a PNG of 8 or 16 bits, of melpix or of others.

    Parameters
    ----------
    path_or_file_or_bytes : path, binary file, or the bytes of a file

    Returns
    -------
    image : np.ndarray [shape=(height, width) or (height, width, channels), dtype=uint8 or uint16]
    metadata : dict
        What melpix wrote into the file; empty for other PNG files, which an image of melpix's is
        when another program has saved it. (Of several such entries, the first.)

    Raises
    ------
    DecodeError
        If it is not a PNG file, broken, or of another kind (a palette, fewer bits, interlaced), or
        its metadata are no JSON object or longer than 1 MiB: these are a ValueError too.
    """
    data = _content(path_or_file_or_bytes)
    _refuse_long_metadata(data)
    try:
        chunks = _Chunks(io.BytesIO(data))
    except (pypng.Error, struct.error, EOFError) as error:
        raise DecodeError("decode_failed", f"not a readable PNG file: {error}") from error
    pixels = _core.unfilter_scanlines(
        chunks.scanlines(), chunks.height, chunks.row_bytes, chunks.pixel_bytes
    )
    if chunks.depth == 16:
        pixels = pixels.view(">u2").astype(np.uint16)
    if chunks.channels > 1:
        pixels = pixels.reshape(chunks.height, chunks.width, chunks.channels)
    return pixels, chunks.metadata


def features_from_image(image: NDArray[Any], metadata: dict[str, Any]) -> NDArray[np.float32]:
    """Return the features that an image was made of, back within half a grey level.

    Of those that a fixed range has clipped, the end of the range comes back. (The result is
    float32, whose own rounding shows where 16 bits span next to nothing.)

    Parameters
    ----------
    image : np.ndarray [shape=(n_mels, frames) or (n_mels, frames, channels)]
        Of type uint8 or uint16.
    metadata : dict
        As `read_png` returns it: its `lo` and `hi` are used, and of its `params` those that say
        how greys became pixels; where they are missing, they are the recipe's.

    Returns
    -------
    np.ndarray [shape=(n_mels, frames) or (n_mels, frames, channels), dtype=float32]
        As `melpix.Frontend.features` gives them with the layout ``mels`` and no patches: row 0 is
        the lowest band.

    Raises
    ------
    ValueError
        If `image` is none that melpix makes; if `metadata` is no dict, lacks the value range, or
        has one that is not finite, of another number of channels or more than float32 holds; or if
        its `params` are none of a front-end's, or say that the image had other rows, channels or
        bits. (Columns may be cut out.)

    Examples
    --------
    >>> import numpy as np
    >>> import melpix
    >>> f = melpix.Frontend()
    >>> y = np.random.default_rng(0).uniform(-1, 1, 22050).astype(np.float32)
    >>> image, metadata = read_png(f.png(y))
    >>> error = np.abs(features_from_image(image, metadata) - f.features(y)).max()
    >>> bool(error <= (metadata["hi"] - metadata["lo"]) / 255 / 2 * 1.0001)
    True

    From a logarithm the mel comes back, and from that a sound like the first: of the demonstration,
    with the recipe's 128 bands, the spectral convergence is below 0.25, whichever logarithm it is.
    With ``ref="max"`` it comes back but for its loudness.

    >>> features = features_from_image(image, metadata).astype(float)
    >>> mel = {"ln": np.exp, "log10": lambda x: 10**x, "db": lambda x: 10 ** (x / 10)}[f.compress]
    >>> mel = np.maximum(mel(features) - metadata["params"]["offset"], 0)
    >>> y = librosa.feature.inverse.mel_to_audio(  # doctest: +SKIP
    ...     mel, sr=f.sr, n_fft=f.n_fft, hop_length=f.hop_length, power=f.power, fmin=f.fmin,
    ...     fmax=f.fmax)
    """
    image = _checked(image)
    greys = greys_of(image, metadata)
    lo, hi = greys.lo, greys.hi
    most = float(np.iinfo(image.dtype).max)
    grey = image[::-1] if greys.flip else image
    if greys.invert:
        grey = np.asarray(most, image.dtype) - grey
    # Where a pixel was truncated, its value lies half a level above on average; but the maximum
    # itself is exact. Where it was raised, the same the other way round.
    shift = {"truncate": 0.5, "nearest": 0.0, "ceil": -0.5}[greys.rounding]
    grey = np.clip(grey + shift, 0.0, most)
    features: NDArray[np.float32] = (grey / most * (hi - lo) + lo).astype(np.float32)
    return features


class _Chunks:
    """The parts of a PNG file that melpix reads."""

    def __init__(self, file: IO[bytes]) -> None:
        self.metadata: dict[str, Any] = {}
        self._data: list[bytes] = []
        kinds = pypng.Reader(file=file).chunks()
        kind, header = next(kinds)
        if kind != b"IHDR":
            raise DecodeError("decode_failed", f"PNG begins with {kind!r} instead of a header")
        self.width, self.height, *rest = struct.unpack(">IIBBBBB", header)
        channels = {colours: n for n, colours in _COLOUR_TYPES.items()}.get(rest[1])
        if rest[0] not in (8, 16) or channels is None or rest[2:] != [0, 0, 0]:
            raise DecodeError(
                "unsupported_format",
                f"PNG must have 8 or 16 bits, no palette, and not be interlaced, got bit depth "
                f"{rest[0]}, colour type {rest[1]}, interlace method {rest[4]}",
            )
        self.depth, self.channels = rest[0], channels
        self.pixel_bytes = self.depth // 8 * channels
        self.row_bytes = self.width * self.pixel_bytes
        _check_size(self.height, self.width, DecodeError)
        found = False
        for kind, content in kinds:
            if kind == b"IDAT":
                self._data.append(content)
            elif kind == b"iTXt" and not found and content.startswith(_KEYWORD + b"\0"):
                self.metadata, found = _parse_metadata(content), True

    def scanlines(self) -> bytes:
        size = self.height * (self.row_bytes + 1)
        inflater = zlib.decompressobj()
        try:
            # One byte more than it may be: a file that swells beyond its header is refused.
            raw = inflater.decompress(b"".join(self._data), size + 1)
        except zlib.error as error:
            raise DecodeError("decode_failed", f"PNG data is broken: {error}") from error
        if not inflater.eof and len(raw) <= size:
            raise DecodeError("decode_failed", "PNG data is cut short")
        if len(raw) != size:
            raise DecodeError("decode_failed", f"PNG has {len(raw)} bytes of data, not {size}")
        if any(filter_type > 4 for filter_type in raw[:: self.row_bytes + 1]):
            raise DecodeError("decode_failed", "PNG names an unknown scanline filter")
        return raw


class _MetadataError(DecodeError, ValueError):
    """The metadata cannot be used, whatever the pixels are."""


def _refused(reason: str) -> _MetadataError:
    return _MetadataError("decode_failed", f"PNG metadata (iTXt melpix) {reason}")


def _refuse_long_metadata(data: bytes) -> None:
    """Refuse what is too long by its chunk's header, before any of it is copied."""
    at = len(pypng.signature)
    while at + _LEAST_CHUNK <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        long = kind == b"iTXt" and length > _MAX_METADATA + len(_ENTRY)
        if long and data.startswith(_KEYWORD + b"\0", at + 8):
            raise _refused(_LONG)
        at += _LEAST_CHUNK + length


def _parse_metadata(content: bytes) -> dict[str, Any]:
    try:
        _, flags_and_rest = content.split(b"\0", 1)
        compressed = flags_and_rest[0]
        _, _, text = flags_and_rest[2:].split(b"\0", 2)
        if compressed:
            text = zlib.decompressobj().decompress(text, _MAX_METADATA + 1)
        if len(text) <= _MAX_METADATA:
            decoded = text.decode("utf-8")
            metadata = json.loads(decoded, parse_constant=_number, parse_float=_number)
    except RecursionError as error:
        raise _refused("is nested too deep") from error
    except (ValueError, IndexError, zlib.error) as error:
        raise _refused(f"is broken: {error}") from error
    if len(text) > _MAX_METADATA:
        raise _refused(_LONG)
    if not isinstance(metadata, dict):
        raise _refused("is no JSON object")
    return metadata


def _number(text: str) -> float:
    """Return a number of JSON, which has no NaN, and of which no infinity must come."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


def _checked(image: NDArray[Any]) -> NDArray[Any]:
    image = np.asarray(image)
    known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in _COLOUR_TYPES)
    if image.dtype not in (np.uint8, np.uint16) or not known:
        raise EncodeError(
            "bad_image",
            "image must be uint8 or uint16 of shape (height, width) or (height, width, channels), "
            f"up to 4 of them, got {image.dtype} of shape {image.shape}",
        )
    _check_size(image.shape[0], image.shape[1], EncodeError)
    return image


def _as_bytes(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of an image's rows, as PNG orders them; the image itself if it can be."""
    if image.dtype == np.uint8 and image.ndim == 2 and image.strides[1] == 1:
        return image
    rows = np.ascontiguousarray(image, ">u2" if image.dtype == np.uint16 else np.uint8)
    return rows.reshape(len(image), -1).view(np.uint8)


def _check_size(height: int, width: int, error: type[DecodeError] | type[EncodeError]) -> None:
    if height < 1 or width < 1:
        raise error("bad_image", f"an image must have pixels, got {height} x {width}")
    if width > MAX_COLUMNS or height > MAX_COLUMNS or height * width > MAX_PIXELS:
        raise error(
            "image_too_large",
            f"an image of {height} x {width} pixels is more than PNG readers accept "
            f"({MAX_COLUMNS} rows or columns, {MAX_PIXELS} pixels)",
        )


def _content(source: str | os.PathLike[str] | IO[bytes] | bytes) -> bytes:
    """Read it all, so that no chunk's stated length is believed before its bytes are here."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return _content(file)
    data = bytearray()
    while part := source.read(_BLOCK):
        data += part
        if len(data) > _MAX_BYTES:
            raise DecodeError("image_too_large", f"PNG file holds more than {_MAX_BYTES} bytes")
    return bytes(data)
