# SPDX-License-Identifier: MIT
"""Starts worker processes and ends them, and leaves the program that asks for it as it was.

Where a process can be forked, workers are copies of a server of melpix's own: to fork the program
itself would be wrong, for it may have threads. Elsewhere each worker is a program of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from melpix.workers import process
from melpix.workers.child import FORK, IMPORT, NUMBER, SHARED
from melpix.workers.outcomes import ending

METHOD = "fork" if hasattr(os, "fork") and hasattr(socket, "send_fds") else "spawn"

_GRACE = 1.0  # seconds in which a process that is to end has ended

_BUFFER = 1 << 20  # bytes on their way between the program and a worker, if the system grants it


class Child(Protocol):
    """A worker process, of whichever kind."""

    pipe: socket.socket
    """The program's end of what messages travel by."""
    shared: memoryview
    """The numbers that `child` describes."""
    exitcode: int | None
    """As of `subprocess`; None while it runs, and where nobody knows it."""
    refusal: str | None
    """Why the system has started no process."""

    def wait(self, seconds: float) -> bool:
        """Wait so long for its end; return whether it has ended."""

    def kill(self, stuck: bool = False) -> None:
        """Have it killed, and do not wait for it; if it is stuck in its start, what starts it too."""

    def close(self) -> None:
        """Let go of it; if it has not ended, it is killed."""

    def abandon(self) -> None:
        """Let go of it in a fork of the program, whose child it is not."""


def start(modules: Iterable[str]) -> Child:
    """Start a worker; it imports some modules and waits for its work.

    Raises
    ------
    OSError
        The system refuses.
    RuntimeError
        There is no Python to start.
    """
    return _Forked(modules) if METHOD == "fork" else _Spawned(modules)


def prepare(*modules: str) -> None:
    """Begin to start what workers are copied from, so that it imports while others work.

    Parameters
    ----------
    modules : str
        Names of those whose functions pools are going to apply.
    """
    if METHOD == "fork":
        # If it fails, it fails again when the workers start, and is reported there.
        with contextlib.suppress(OSError, RuntimeError), _lock:
            _current().load(modules)


def program() -> tuple[list[str], str | None, dict[str, str]]:
    """Return what a worker takes over of the program as it is now: see `child.take_over`."""
    try:
        folder = os.getcwd()
    except OSError:  # it was removed
        folder = None
    return list(sys.path), folder, _environment()


# --- how a Python is started --------------------------------------------------------------------


def _command(code: str) -> list[str]:
    """Return the command of a Python that finds the modules which this one finds."""
    spawn: Any = sys.modules.get("multiprocessing.spawn")  # its set_executable may have named one
    executable = os.fsdecode((spawn and spawn.get_executable()) or sys.executable or "")
    if not executable or (getattr(sys, "frozen", False) and executable == sys.executable):
        raise RuntimeError(
            "this program has no Python interpreter beside it: name one by "
            "multiprocessing.set_executable"
        )
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [executable, *flags, "-c", f"import sys; sys.path[:] = {sys.path!a}; {code}"]


def _environment() -> dict[str, str]:
    """Return the program's environment, with one thread a library, and kept memory."""
    threads = {f"{pool}_NUM_THREADS": "1" for pool in process.POOLS}
    return {**process.KEPT, **os.environ, **threads}


@contextlib.contextmanager
def _not_interrupted() -> Iterator[None]:
    """Let this thread start a process that SIGINT and SIGTERM cannot end before it ignores them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pair(
    ours: contextlib.ExitStack, theirs: contextlib.ExitStack
) -> tuple[socket.socket, socket.socket]:
    """Return two ends, each to be closed with its owner's."""
    pair = socket.socketpair()
    for end, owner in zip(pair, (ours, theirs), strict=True):
        owner.callback(end.close)
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return pair


def _memory(owner: contextlib.ExitStack) -> int:
    """Return a descriptor of memory to be shared."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("melpix")
    else:
        memory, path = tempfile.mkstemp()
        os.unlink(path)
    owner.callback(os.close, memory)
    os.ftruncate(memory, SHARED)
    return memory


# --- workers that a server forks ----------------------------------------------------------------


class _Server:
    """The process that workers are forked from, as the program sees it."""

    def __init__(self) -> None:
        self._loaded: set[str] = set()
        self._control, theirs = socket.socketpair()
        code = "from melpix.workers.fork_server import main; main()"
        try:
            with theirs, _not_interrupted():
                self.process = subprocess.Popen(_command(code), stdin=theirs, env=_environment())
        except BaseException:
            self._control.close()
            raise

    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def load(self, modules: Iterable[str]) -> None:
        """Let it import modules."""
        for name in modules:
            if name not in self._loaded:
                data = name.encode()
                self._control.sendall(IMPORT + len(data).to_bytes(2, "little") + data)
                self._loaded.add(name)

    def fork(self, descriptors: list[int]) -> None:
        """Let it fork a worker that has these."""
        socket.send_fds(self._control, [FORK], descriptors)

    def end(self) -> None:
        """End it, and the workers that it still has."""
        self._control.close()
        try:
            self.process.wait(_GRACE)
        except subprocess.TimeoutExpired:  # it is stopped, or hangs
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
    if _server is not None and not _server.runs():
        _server.end()
        _server = None
    if _server is None:
        _server = _Server()
    return _server


class _Forked:
    """A worker that the server forks, on a leash: a socket as `fork_server` describes it."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.exitcode: int | None = None
        self.refusal: str | None = None
        self._number: int | None = None
        self._ended = False
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            self._leash, leash = _pair(ours, theirs)
            self.pipe, pipe = _pair(ours, theirs)
            memory = _memory(theirs)
            self._mapped = mmap.mmap(memory, SHARED)
            self.shared = memoryview(self._mapped).cast("q")
            descriptors = [leash.fileno(), pipe.fileno(), memory]
            with _lock:
                self._server = _current()
                self._server.load(modules)
                self._server.fork(descriptors)
            ours.pop_all()
        _children.add(self)

    def wait(self, seconds: float) -> bool:
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
        number = NUMBER.unpack(said)[0] if said else None
        if number is None:  # the server has ended, or has had no room for the leash
            self._ended = True
            if self._number is None:
                code = self._server.process.poll()
                self.refusal = os.strerror(errno.EMFILE) if code is None else ending(code)
        elif self._number is not None:
            self._ended, self.exitcode = True, number
        elif number < 0:
            self._ended, self.refusal = True, os.strerror(-number)
        else:
            self._number = number

    def kill(self, stuck: bool = False) -> None:
        self.wait(0)
        if stuck and self._number is None:
            self._server.process.kill()
        with contextlib.suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if self in _children:
            _children.discard(self)
            self._close()

    def abandon(self) -> None:
        self._ended = True
        self._close()

    def _close(self) -> None:
        self.pipe.close()
        self._leash.close()
        self.shared.release()
        self._mapped.close()


# --- workers that are programs of their own -----------------------------------------------------


class _Spawned:
    """A worker that is a program of its own; it ends with the pipe to its standard input."""

    refusal: str | None = None

    def __init__(self, modules: Iterable[str]) -> None:
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            self.pipe, pipe = _pair(ours, theirs)
            if sys.platform == "win32":
                name = f"melpix-{os.getpid()}-{os.urandom(8).hex()}"
                self._mapped = mmap.mmap(-1, SHARED, tagname=name)
                given, about = {}, (0, name, list(modules))
            else:
                memory = _memory(theirs)
                self._mapped = mmap.mmap(memory, SHARED)
                given = {"pass_fds": (pipe.fileno(), memory)}
                about = (pipe.fileno(), memory, list(modules))
            self.shared = memoryview(self._mapped).cast("q")
            command = _command(f"from melpix.workers.child import main; main(*{about!a})")
            with _not_interrupted():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, env=_environment(), **given
                )
            if sys.platform == "win32":
                assert self._process.stdin is not None
                data = pipe.share(self._process.pid)
                self._process.stdin.write(len(data).to_bytes(4, "little") + data)
                self._process.stdin.flush()
            ours.pop_all()
        _children.add(self)

    @property
    def exitcode(self) -> int | None:
        return self._process.returncode

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def kill(self, stuck: bool = False) -> None:
        self._process.kill()

    def close(self) -> None:
        self._close()
        if not self.wait(0):
            self._process.kill()
            self.wait(_GRACE)
        _children.discard(self)

    def abandon(self) -> None:
        self._close()
        self._process.returncode = 0  # or `Popen` would warn that nobody waits for it

    def _close(self) -> None:
        self.pipe.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.shared.release()
        self._mapped.close()


# --- the program's end, and its forks -----------------------------------------------------------

_children: weakref.WeakSet[_Forked | _Spawned] = weakref.WeakSet()


def _end() -> None:
    if _server is not None:
        _server.end()


def _begin_in_child() -> None:
    """Let go, in a forked process, of what keeps its parent's workers alive."""
    global _lock, _server, _children
    _lock = threading.Lock()
    children, _children = list(_children), weakref.WeakSet()
    for child in children:
        child.abandon()
    if _server is not None:
        _server.abandon()
        _server = None


atexit.register(_end)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
