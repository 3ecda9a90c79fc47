# SPDX-License-Identifier: MIT
"""Workers that are forked from a server, as the program sees them.

To fork the program itself would be wrong, for it may have threads.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence

from melpix.workers.child import FORK, IMPORT, NUMBER, SHARED, START
from melpix.workers.interpreter import command, environment, not_interrupted, pair, shared_memory
from melpix.workers.messages import QUIET
from melpix.workers.outcomes import ending

_GRACE = 1.0  # seconds in which a server that is to end has ended


def _rights() -> tuple[object, ...]:
    """Return who the program is to the system."""
    return os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()


class _Server:
    """The process that workers are forked from, as the program sees it."""

    def __init__(self) -> None:
        self._loaded: set[str] = set()
        self._rights = _rights()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START)  # it does not read where it is stopped
        code = "from melpix.workers.fork_server import main; main()"
        try:
            with theirs, not_interrupted():
                self.process = subprocess.Popen(
                    command(code), stdin=theirs.fileno(), env=environment()
                )
        except BaseException:
            self._control.close()
            raise

    def serves(self) -> bool:
        """Whether it has not ended, and is who the program is by now."""
        return self.process.poll() is None and self._rights == _rights()

    def ended(self, seconds: float) -> int | None:
        """Return how it has ended, if it does in so much time: it lets go of all a bit earlier."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.returncode

    def load(self, modules: Iterable[str]) -> None:
        """Let it import modules."""
        for name in modules:
            if name not in self._loaded:
                data = name.encode()
                self._say(IMPORT + len(data).to_bytes(2, "little") + data)
                self._loaded.add(name)

    def fork(self, descriptors: list[int]) -> None:
        """Let it fork a worker that has these."""
        self._say(FORK, descriptors)

    def _say(self, request: bytes, descriptors: Sequence[int] = ()) -> None:
        try:
            if descriptors:
                socket.send_fds(self._control, [request], descriptors, QUIET)
            else:
                self._control.sendall(request, QUIET)
        except TimeoutError:  # it has heard a part, perhaps: nothing more can be said to it
            self.process.kill()
            raise

    def end(self) -> None:
        """End it, and the workers that it still has."""
        self._control.close()
        try:
            self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:  # it is stopped, or hangs
            with contextlib.suppress(PermissionError):  # the program has given up its rights
                self.process.kill()
                self.process.wait()

    def abandon(self) -> None:
        """Let go of it in a fork of the program, whose child it is not."""
        self._control.close()
        self.process.returncode = 0  # or `Popen` would warn that nobody waits for it


_lock = threading.Lock()  # of the server, and of what is said to it

_server: _Server | None = None


def _current() -> _Server:
    """Return a server that runs."""
    global _server
    if _server is not None and not _server.serves():
        _server.end()
        _server = None
    if _server is None:
        _server = _Server()
    return _server


def prepare(modules: Iterable[str]) -> None:
    """Have a server that imports modules."""
    with _lock:
        _current().load(modules)


def end() -> None:
    """End the server with the program."""
    if _server is not None:
        _server.end()


def abandon() -> None:
    """Let go of the server in a fork of the program, whose child it is not."""
    global _lock, _server
    _lock = threading.Lock()
    if _server is not None:
        _server.abandon()
        _server = None


class Forked:
    """A worker that the server forks, on a leash: a socket as `fork_server` describes it."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.exitcode: int | None = None
        self.refusal: str | None = None
        self._number: int | None = None
        self._ended = False
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            self._leash, leash = pair(ours, theirs)
            self.pipe, pipe = pair(ours, theirs)
            memory = shared_memory(theirs)
            self._mapped = mmap.mmap(memory, SHARED)
            self.shared = memoryview(self._mapped).cast("q")
            descriptors = [leash.fileno(), pipe.fileno(), memory]
            with _lock:
                self._server = _current()
                self._server.load(modules)
                self._server.fork(descriptors)
            ours.pop_all()

    def wait(self, seconds: float) -> bool:
        """Wait so long for its end; return whether it has ended, or the server has."""
        end = time.monotonic() + seconds
        while not self._ended:
            self._leash.settimeout(max(0.0, end - time.monotonic()))
            try:
                said = self._leash.recv(NUMBER.size)  # as it was sent: it is so small
            except (BlockingIOError, TimeoutError):
                return False
            except OSError:
                said = b""
            self._hear(said)
        return True

    def _hear(self, said: bytes) -> None:
        """Take what comes by the leash: its number, then its exit status."""
        number = NUMBER.unpack(said)[0] if said else None
        if number is None:  # the server has ended, or has had no room for the leash
            self._ended = True
            if self._number is None:
                code = self._server.ended(0.1)
                self.refusal = os.strerror(errno.EMFILE) if code is None else ending(code)
        elif self._number is not None:
            self._ended, self.exitcode = True, number
        elif number < 0:
            self._ended, self.refusal = True, os.strerror(-number)
        else:
            self._number = number

    def kill(self, stuck: bool = False) -> None:
        """Have the server kill it; if that has not even forked it, kill the server."""
        self.wait(0)
        if stuck and self._number is None:
            with contextlib.suppress(PermissionError):  # the program has given up its rights
                self._server.process.kill()
        with contextlib.suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of it: a leash that ends has it killed."""
        self.pipe.close()
        self._leash.close()
        self.shared.release()
        self._mapped.close()

    def abandon(self) -> None:
        """Let go of it in a fork of the program."""
        self._ended = True
        self.close()
