# SPDX-License-Identifier: MIT
"""How a Python is started that finds what this one finds, and what it shares with the program."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from melpix.workers import process
from melpix.workers.child import SHARED

_BUFFER = 1 << 20  # bytes on their way between the program and a worker, if the system grants it


def command(code: str) -> list[str]:
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


def environment() -> dict[str, str]:
    """Return the program's environment, with one thread a library, and kept memory."""
    threads = {f"{pool}_NUM_THREADS": "1" for pool in process.POOLS}
    return {**process.KEPT, **os.environ, **threads}


def _umask() -> int | None:
    """Return the program's mask of rights; None where it cannot be read without setting it."""
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    return None


def program() -> tuple[list[str], str | None, dict[str, str], int | None]:
    """Return what a worker takes over of the program as it is now: see `child.take_over`."""
    try:
        folder = os.getcwd()
    except OSError:  # it was removed
        folder = None
    return list(sys.path), folder, environment(), _umask()


@contextlib.contextmanager
def not_interrupted() -> Iterator[None]:
    """Let this thread start a process that SIGINT and SIGTERM cannot end before it ignores them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def pair(
    ours: contextlib.ExitStack, theirs: contextlib.ExitStack
) -> tuple[socket.socket, socket.socket]:
    """Return two ends, each to be closed with its owner's."""
    pair = socket.socketpair()
    for end, owner in zip(pair, (ours, theirs), strict=True):
        owner.callback(end.close)
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return pair


def shared_memory(owner: contextlib.ExitStack) -> int:
    """Return a descriptor of memory to be shared."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("melpix")
    else:
        memory, path = tempfile.mkstemp()
        os.unlink(path)
    owner.callback(os.close, memory)
    os.ftruncate(memory, SHARED)
    return memory
