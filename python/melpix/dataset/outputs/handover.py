# SPDX-License-Identifier: MIT
"""The images of one source on their way to the process that fills shards.

Few travel in memory. The thousands that a file of hours makes travel in a temporary file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

from melpix import files

_IN_MEMORY = 4 << 20  # bytes


class Parcel:
    r"""Payloads of samples, to be put in, sent to another process, and taken out in their order.

    Parameters
    ----------
    path : str
        The file that is made if they are many. Whoever takes them out, or discards them, removes
        it.
    filed, held, size
        As `state` of another one gives them.

    Examples
    --------
    >>> parcel = Parcel(".melpix-parcel.tmp")
    >>> parcel.put(b"\x89PNG")
    >>> list(parcel)
    [b'\x89PNG']
    """

    def __init__(
        self, path: str, filed: Sequence[int] = (), held: Sequence[bytes] = (), size: int = 0
    ) -> None:
        self._path = path
        self._filed = list(filed)  # bytes of each in the file
        self._held = list(held)
        self._size = size  # of these

    def state(self) -> tuple[str, list[int], list[bytes], int]:
        """Return what another one like this is made of."""
        return self._path, self._filed, self._held, self._size

    def put(self, payload: bytes) -> None:
        """Append one."""
        self._held.append(payload)
        self._size += len(payload)
        if self._size > _IN_MEMORY:
            # A worker that was killed may have left one.
            mode = "ab" if self._filed else "wb"
            with files.naming(self._path), open(self._path, mode) as file:
                file.writelines(self._held)
            self._filed += map(len, self._held)
            self._held, self._size = [], 0

    def __iter__(self) -> Iterator[bytes]:
        """Take them out, once."""
        if self._filed:
            try:
                with open(self._path, "rb") as file:
                    for size in self._filed:
                        yield file.read(size)
                held = self._held
            finally:
                self.discard()
            yield from held
        else:
            yield from self._held

    @contextlib.contextmanager
    def all_or_none(self) -> Iterator[Callable[[str, bytes], None]]:
        """Give a `put` for the samples of one source: if one fails, those before it go too."""
        try:
            yield lambda _, payload: self.put(payload)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Let go of all, and of the file."""
        self._filed, self._held, self._size = [], [], 0
        with contextlib.suppress(OSError):
            os.unlink(self._path)
