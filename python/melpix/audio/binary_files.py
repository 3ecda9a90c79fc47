# SPDX-License-Identifier: MIT
"""What libsndfile reads by way of soundfile: memory, and pieces of files."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, BinaryIO


class Memory(io.BytesIO):
    """Stays where it is, as a C file does, if a corrupt header seeks before its beginning.

    soundfile could only print the exception that BytesIO raises.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move, or stay."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


class _Seekable(io.RawIOBase):
    """A file of so many bytes that can be read from any place."""

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        at = offset + (0, self._at, self._size)[whence]
        self._at = at if 0 <= at < 2**63 else self._at
        return self._at

    def tell(self) -> int:
        return self._at


class View(_Seekable):
    """What `Memory` is to bytes, for the memory of somebody else, which it does not copy."""

    def __init__(self, data: memoryview) -> None:
        super().__init__(len(data))
        self._data = data

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        part = self._data[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


class Spliced(_Seekable):
    """Pieces of a file, and bytes, one behind the other.

    Parameters
    ----------
    file : binary file
        Unbuffered. It is closed with this one.
    pieces : list of bytes or (int, int)
        What it has: bytes, or those of `file` from a place up to another one.
    told : int or None
        The size that it tells whoever asks for it, in place of its own.
    """

    def __init__(
        self, file: BinaryIO, pieces: Sequence[bytes | tuple[int, int]], told: int | None = None
    ) -> None:
        self._file, self._pieces, self._starts = file, pieces, [0]
        for piece in pieces:
            length = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            self._starts.append(self._starts[-1] + length)
        super().__init__(self._starts[-1])
        self._told = self._size if told is None else told

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; what asks for the size is told it."""
        if whence == os.SEEK_END and offset == 0:
            self._at = self._told
            return self._at
        return super().seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        view, n = memoryview(buffer), 0
        while n < len(view) and self._at < self._size:
            i = bisect_right(self._starts, self._at) - 1
            piece, skip = self._pieces[i], self._at - self._starts[i]
            left = min(self._starts[i + 1] - self._at, len(view) - n)
            if isinstance(piece, bytes):
                view[n : n + left] = piece[skip : skip + left]
                read = left
            else:
                self._file.seek(piece[0] + skip)
                read = self._file.readinto(view[n : n + left])  # type: ignore[attr-defined]
            if not read:
                break
            n += read
            self._at += read
        return n

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
