# SPDX-License-Identifier: MIT
"""PNG files with the data alone: 8-bit greyscale, and what is needed to read values back.

pypng writes and reads the container, the core filters the scanlines, isal deflates.
"""

from __future__ import annotations

import errno
import io
import json
import os
import struct
import sys
import zlib
from typing import IO, Any

import numpy as np
import png as pypng
from numpy.typing import NDArray

from melpix import _core
from melpix.errors import DecodeError, EncodeError
from melpix.frontend import MAX_COLUMNS, MAX_PIXELS

isal_zlib: Any
try:
    from isal import isal_zlib
except ImportError:  # no wheel for this platform
    isal_zlib = None

_KEYWORD = b"melpix"
_GREYSCALE = 0
_MAX_METADATA = 1 << 26  # a custom window is the longest entry
_BLOCK = 1 << 20
_MAX_BYTES = 1 << 28  # of a file; the largest image is a third of that
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def deflate_backend() -> str:
    """Return the name of the library that compresses: what else decides the bytes."""
    return "isal" if isal_zlib is not None else "zlib"


def encode(image: NDArray[np.uint8], metadata: dict[str, Any] | None = None) -> bytes:
    """Return an image as the bytes of a PNG file.

    Parameters
    ----------
    image : np.ndarray [shape=(height, width), dtype=uint8]
    metadata : dict, optional
        JSON values, written as one iTXt entry ``melpix`` with sorted keys.

    Returns
    -------
    bytes
        The same for the same arguments, deflate backend and melpix version.

    Raises
    ------
    EncodeError
        If `image` is not 8-bit greyscale, empty, or larger than PNG readers accept.
    """
    image = _checked(image)
    height, width = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _GREYSCALE, 0, 0, 0)
    raw = _core.filter_scanlines(image)
    # Level 1 of isal is as small as zlib's 6 on spectrograms, in a tenth of the time.
    data = isal_zlib.compress(raw, 1) if isal_zlib is not None else zlib.compress(raw, 6)
    chunks = [(b"IHDR", header), (b"tEXt", f"Software\0melpix {_core.__version__}".encode())]
    if metadata:
        # Escaped to ASCII, so that file names which are no valid Unicode survive as well.
        text = _canonical(metadata)
        if len(text) > _MAX_METADATA:
            raise EncodeError("bad_image", f"metadata must have <= {_MAX_METADATA} characters")
        # Keyword, not compressed, no language, no translated keyword (PNG specification, 11.3.3).
        chunks.append((b"iTXt", _KEYWORD + b"\0\0\0\0\0" + text.encode("ascii")))
    chunks += [(b"IDAT", data), (b"IEND", b"")]
    file = io.BytesIO()
    pypng.write_chunks(file, chunks)
    return file.getvalue()


def write_png(
    path_or_file: str | os.PathLike[str] | IO[bytes],
    image: NDArray[np.uint8],
    metadata: dict[str, Any] | None = None,
) -> None:
    """Write an image as PNG.

    Parameters
    ----------
    path_or_file : path or binary file
    image : np.ndarray [shape=(height, width), dtype=uint8]
    metadata : dict, optional
        JSON values.

    Raises
    ------
    EncodeError
        A ValueError: if `image` is not 8-bit greyscale, empty, or larger than PNG readers accept.

    Examples
    --------
    >>> import io, numpy as np
    >>> file = io.BytesIO()
    >>> write_png(file, np.zeros((2, 3), np.uint8), {"source": "nothing"})
    >>> image, metadata = read_png(file.getvalue())
    >>> image.shape, metadata
    ((2, 3), {'source': 'nothing'})
    """
    data = encode(image, metadata)
    if isinstance(path_or_file, str | os.PathLike):
        with open(path_or_file, "wb") as file:
            file.write(data)
    else:
        write_all(path_or_file, data)


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
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Read an 8-bit greyscale PNG, of melpix or of others.

    Parameters
    ----------
    path_or_file_or_bytes : path, binary file, or the bytes of a file

    Returns
    -------
    image : np.ndarray [shape=(height, width), dtype=uint8]
    metadata : dict
        What melpix wrote into the file; empty for other PNG files.

    Raises
    ------
    DecodeError
        If it is not a PNG file, broken, or of another kind (colour, 16 bits, interlaced).
    """
    data = _content(path_or_file_or_bytes)
    try:
        chunks = _Chunks(io.BytesIO(data))
    except (pypng.Error, struct.error, EOFError) as error:
        raise DecodeError("decode_failed", f"not a readable PNG file: {error}") from error
    image = _core.unfilter_scanlines(chunks.scanlines(), chunks.height, chunks.width)
    return image, chunks.metadata


def features_from_image(image: NDArray[np.uint8], metadata: dict[str, Any]) -> NDArray[np.float32]:
    """Return the features that an image was made of, back within half a grey level.

    Of those that a fixed range has clipped, the end of the range comes back.

    Parameters
    ----------
    image : np.ndarray [shape=(n_mels, frames), dtype=uint8]
    metadata : dict
        As `read_png` returns it: its `lo` and `hi` are used.

    Returns
    -------
    np.ndarray [shape=(n_mels, frames), dtype=float32]
        As `melpix.Frontend.features` gives them: row 0 is the lowest band.

    Raises
    ------
    ValueError
        If `image` is not 8-bit greyscale or the value range is missing.

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
    """
    image = _checked(image)
    missing = [name for name in ("lo", "hi") if name not in metadata]
    if missing:
        raise ValueError(f"metadata must have lo and hi, but lacks {' and '.join(missing)}")
    lo, hi = metadata["lo"], metadata["hi"]
    for name, value in (("lo", lo), ("hi", hi)):
        # (abs: an int may be larger than any float)
        if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
            raise ValueError(f"metadata must have a finite {name}, got {value!r}")
    # A pixel was truncated, so its value lies half a level above on average; but the maximum
    # itself is exact.
    grey = np.minimum((255 - image[::-1]) + 0.5, 255.0)
    features: NDArray[np.float32] = (grey / 255 * (hi - lo) + lo).astype(np.float32)
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
        if rest != [8, _GREYSCALE, 0, 0, 0]:
            raise DecodeError(
                "unsupported_format",
                f"PNG must be 8-bit greyscale and not interlaced, got bit depth {rest[0]}, "
                f"colour type {rest[1]}, interlace method {rest[4]}",
            )
        _check_size(self.height, self.width, DecodeError)
        for kind, content in kinds:
            if kind == b"IDAT":
                self._data.append(content)
            elif kind == b"iTXt" and content.startswith(_KEYWORD + b"\0"):
                self.metadata = _parse_metadata(content)

    def scanlines(self) -> bytes:
        size = self.height * (self.width + 1)
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
        if any(filter_type > 4 for filter_type in raw[:: self.width + 1]):
            raise DecodeError("decode_failed", "PNG names an unknown scanline filter")
        return raw


def _parse_metadata(content: bytes) -> dict[str, Any]:
    try:
        _, flags_and_rest = content.split(b"\0", 1)
        compressed = flags_and_rest[0]
        _, _, text = flags_and_rest[2:].split(b"\0", 2)
        if compressed:
            text = zlib.decompressobj().decompress(text, _MAX_METADATA + 1)
        if len(text) > _MAX_METADATA:
            raise ValueError(f"more than {_MAX_METADATA} bytes")
        metadata = json.loads(text.decode("utf-8"))
    except (ValueError, IndexError, RecursionError, zlib.error) as error:
        raise DecodeError("decode_failed", f"PNG metadata is broken: {error}") from error
    if not isinstance(metadata, dict):
        raise DecodeError("decode_failed", "PNG metadata is not a JSON object")
    return metadata


def _checked(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 2:
        raise EncodeError(
            "bad_image",
            f"image must be uint8 of shape (height, width), got {image.dtype} of shape "
            f"{image.shape}",
        )
    height, width = image.shape
    _check_size(height, width, EncodeError)
    return image if image.strides[1] == 1 else np.ascontiguousarray(image)


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
