# SPDX-License-Identifier: MIT
"""Messages between the program and a worker, over a socket: each is a few parts of bytes."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Sequence

_HEADER = struct.Struct("<4sI")  # the mark, and how many parts follow their lengths
_LENGTH = 8  # bytes of each
_MARK = b"mlpx"  # what comes without it was written by a process gone wrong
_PARTS = 1 << 16  # at most
_ROOM = 1 << 18  # bytes that are received at once: more than a group of small outcomes
QUIET = getattr(socket, "MSG_NOSIGNAL", 0)
"""A flag of what is sent: the program may have asked for SIGPIPE."""


def packed(parts: Sequence[bytes | bytearray]) -> bytes:
    """Return a message as it travels."""
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    return b"".join([_HEADER.pack(_MARK, len(parts)), lengths, *parts])


def send(pipe: socket.socket, parts: Sequence[bytes]) -> None:
    """Send a message, however long that takes."""
    pipe.sendall(packed(parts), QUIET)


def receive(pipe: socket.socket) -> list[bytearray]:
    """Wait for a message.

    Raises
    ------
    EOFError
        The other end has been closed.
    """
    parts = _parts(_exactly(pipe, _HEADER.size))
    lengths = struct.unpack(f"<{parts}Q", _exactly(pipe, parts * _LENGTH))
    return [_exactly(pipe, length) for length in lengths]


def _parts(header: bytes | bytearray | memoryview) -> int:
    mark, parts = _HEADER.unpack_from(header)
    if mark != _MARK or parts > _PARTS:
        raise ValueError("this is no message")
    return int(parts)


def _exactly(pipe: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        taken = pipe.recv_into(view[at:], size - at, getattr(socket, "MSG_WAITALL", 0))
        if taken == 0:
            raise EOFError
        at += taken
    return data


class Inbox:
    """Puts together what arrives in pieces."""

    def __init__(self) -> None:
        self._data = bytearray(_ROOM)
        self._end = 0  # of what has arrived

    def room(self) -> memoryview:
        """Return where the next piece is to be written."""
        return memoryview(self._data)[self._end :]

    def arrived(self, size: int) -> list[list[bytes]]:
        """Return the messages that are complete, now that so many bytes have been written.

        Raises
        ------
        ValueError
            This is no message.
        MemoryError
            There is no room for it.
        """
        self._end += size
        messages: list[list[bytes]] = []
        at, needed = 0, _HEADER.size
        with memoryview(self._data)[: self._end] as view:
            while self._end - at >= (needed := self._size(view[at:])):
                count = _parts(view[at:])
                lengths = struct.unpack_from(f"<{count}Q", view, at + _HEADER.size)
                at += _HEADER.size + count * _LENGTH
                parts = []
                for length in lengths:
                    parts.append(bytes(view[at : at + length]))
                    at += length
                messages.append(parts)
        if at or needed > len(self._data):
            rest = self._data[at : self._end]
            if needed > len(self._data) or len(self._data) > _ROOM:
                self._data = bytearray(max(needed, _ROOM))
            self._data[: len(rest)] = rest
            self._end = len(rest)
        return messages

    @staticmethod
    def _size(view: memoryview) -> int:
        """Return how many bytes must be there to go on with a message."""
        if len(view) < _HEADER.size:
            return _HEADER.size
        count = _parts(view)
        start = _HEADER.size + count * _LENGTH
        if len(view) < start:
            return start
        lengths: tuple[int, ...] = struct.unpack_from(f"<{count}Q", view, _HEADER.size)
        return start + sum(lengths)


class Channel:
    """The program's end of a socket, which never keeps the program waiting."""

    def __init__(self, pipe: socket.socket) -> None:
        self.pipe = pipe
        pipe.setblocking(False)
        self._inbox = Inbox()
        self._unsent: deque[memoryview] = deque()

    @property
    def waits(self) -> bool:
        """Whether something is left to `flush`."""
        return bool(self._unsent)

    def send(self, parts: Sequence[bytes]) -> None:
        """Send a message, or as much as there is room for."""
        self._unsent.append(memoryview(packed(parts)))
        self.flush()

    def flush(self) -> None:
        """Send what there was no room for.

        Raises
        ------
        OSError
            Nobody is at the other end.
        """
        while self._unsent:
            try:
                sent = self.pipe.send(self._unsent[0], QUIET)
            except BlockingIOError:
                return
            if sent == len(self._unsent[0]):
                self._unsent.popleft()
            else:
                self._unsent[0] = self._unsent[0][sent:]

    def receive(self) -> list[list[bytes]]:
        """Return the messages that are complete.

        Raises
        ------
        EOFError, OSError
            Nobody is at the other end.
        ValueError, MemoryError
            As `Inbox.arrived`.
        """
        try:
            with self._inbox.room() as room:
                size = self.pipe.recv_into(room)
        except BlockingIOError:
            return []
        if size == 0:
            raise EOFError
        return self._inbox.arrived(size)
