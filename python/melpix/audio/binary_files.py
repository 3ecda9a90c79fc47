# SPDX-License-Identifier: MIT
"""What libsndfile reads by way of soundfile: memory, and MP3s that do not begin at once."""

from __future__ import annotations

import io
import os
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


class Tagged(_Seekable):
    """An MP3 that begins somewhere in a file, behind an ID3 tag of its own.

    By that tag libsndfile knows it for an MP3 without a look at its name, or for a resource fork.

    Attributes
    ----------
    start : int
        Where the MP3 begins now.
    """

    _TAG = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)  # the smallest that mpg123 says nothing about
    start = len(_TAG)

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__(self.start - start + file.seek(0, os.SEEK_END))
        self._file = file
        self._shift = start - self.start

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move, as in a file that begins with the tag."""
        if whence == os.SEEK_END and offset == 0:
            # Asked for the file's size, from which mpg123 estimates the sound's length: it is that
            # of the file as it was, or another length would come of it.
            self._at = self._size + self._shift
            return self._at
        return super().seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        tag = self._TAG[self._at : self._at + len(buffer)]
        buffer[: len(tag)] = tag
        n = len(tag)
        if n < len(buffer):  # libsndfile takes fewer bytes than it asked for for the end
            self._file.seek(self._at + n + self._shift)
            n += self._file.readinto(memoryview(buffer)[n:])  # type: ignore[attr-defined]
        self._at += n
        return n

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
