# SPDX-License-Identifier: MIT
"""PNG files with the data alone: greyscale, and what is needed to read values back.

The core filters the scanlines, isal deflates and sums, pypng reads the container. (It would write
it too, but takes 15 us for that, which is a tenth of what a short sound's image takes.)
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import png as pypng
from numpy.typing import NDArray

from melpix import _core
from melpix.errors import EncodeError
from melpix.files import write_all
from melpix.image.metadata import ENTRY, MAX_METADATA, too_long
from melpix.image.rendering import canonical
from melpix.image.size import COLOUR_TYPES, checked_image
from melpix.suffixes import refuse_other_suffix

isal_zlib: Any

try:
    from isal import isal_zlib
except ImportError:  # no wheel for this platform
    isal_zlib = None

_sum = zlib.crc32 if isal_zlib is None else isal_zlib.crc32

_PIECE = 5 << 10  # bytes that zlib, and isal after it, sum up without letting go of the GIL

_QUICK = 1 << 17


def deflate_backend() -> str:
    """Return the name of the library that compresses: what else decides the bytes."""
    return "isal" if isal_zlib is not None else "zlib"


def encode_png(image: NDArray[Any], metadata: dict[str, Any] | str | None = None) -> bytes:
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
    image = checked_image(image)
    height, width, *channels = image.shape
    colours = COLOUR_TYPES[channels[0] if channels else 1]
    header = _HEADER.pack(width, height, 8 * image.itemsize, colours, 0, 0, 0)
    raw = _core.filter_scanlines(_as_bytes(image))
    data = _deflated(raw)
    chunks = [pypng.signature, *_chunk(b"IHDR", header), _SOFTWARE]
    if metadata:
        text = metadata if isinstance(metadata, str) else canonical(metadata)
        if len(text) > MAX_METADATA:
            raise EncodeError("bad_image", too_long(text, MAX_METADATA))
        chunks += _chunk(b"iTXt", ENTRY + text.encode("ascii"))
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
        write_all(path_or_file, encode_png(image, metadata))
        return
    refuse_other_suffix("path_or_file", path_or_file)
    data = encode_png(image, metadata)
    with open(path_or_file, "wb") as file:
        file.write(data)


def _as_bytes(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of an image's rows, as PNG orders them; the image itself if it can be."""
    if image.dtype == np.uint8 and image.ndim == 2 and image.strides[1] == 1:
        return image
    rows = np.ascontiguousarray(image, ">u2" if image.dtype == np.uint16 else np.uint8)
    return rows.reshape(len(image), -1).view(np.uint8)
