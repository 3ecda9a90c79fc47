# SPDX-License-Identifier: MIT
"""PNG files as melpix writes them, read back: pixels and metadata."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zlib
from typing import IO, Any

import numpy as np
import png as pypng
from numpy.typing import NDArray

from melpix import _core
from melpix.errors import DecodeError
from melpix.image.metadata import ENTRY, KEYWORD, MAX_METADATA, TOO_LONG
from melpix.image.size import COLOUR_TYPES, check_size

_LEAST_CHUNK = 12  # bytes: of one without content

_BLOCK = 1 << 20

_MAX_BYTES = 1 << 28  # of a file; the largest image is a third of that


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
        channels = {colours: n for n, colours in COLOUR_TYPES.items()}.get(rest[1])
        if rest[0] not in (8, 16) or channels is None or rest[2:] != [0, 0, 0]:
            raise DecodeError(
                "unsupported_format",
                f"PNG must have 8 or 16 bits, no palette, and not be interlaced, got bit depth "
                f"{rest[0]}, colour type {rest[1]}, interlace method {rest[4]}",
            )
        self.depth, self.channels = rest[0], channels
        self.pixel_bytes = self.depth // 8 * channels
        self.row_bytes = self.width * self.pixel_bytes
        check_size(self.height, self.width, DecodeError)
        found = False
        for kind, content in kinds:
            if kind == b"IDAT":
                self._data.append(content)
            elif kind == b"iTXt" and not found and content.startswith(KEYWORD + b"\0"):
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
        long = kind == b"iTXt" and length > MAX_METADATA + len(ENTRY)
        if long and data.startswith(KEYWORD + b"\0", at + 8):
            raise _refused(TOO_LONG)
        at += _LEAST_CHUNK + length


def _parse_metadata(content: bytes) -> dict[str, Any]:
    try:
        _, flags_and_rest = content.split(b"\0", 1)
        compressed = flags_and_rest[0]
        _, _, text = flags_and_rest[2:].split(b"\0", 2)
        if compressed:
            text = zlib.decompressobj().decompress(text, MAX_METADATA + 1)
        if len(text) <= MAX_METADATA:
            decoded = text.decode("utf-8")
            metadata = json.loads(decoded, parse_constant=_number, parse_float=_number)
    except RecursionError as error:
        raise _refused("is nested too deep") from error
    except (ValueError, IndexError, zlib.error) as error:
        raise _refused(f"is broken: {error}") from error
    if len(text) > MAX_METADATA:
        raise _refused(TOO_LONG)
    if not isinstance(metadata, dict):
        raise _refused("is no JSON object")
    return metadata


def _number(text: str) -> float:
    """Return a number of JSON, which has no NaN, and of which no infinity must come."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is no finite number")
    return number


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
