# SPDX-License-Identifier: MIT
"""A worker process from inside: how it starts, what it shares with the program, how it ends."""

from __future__ import annotations

import contextlib
import importlib
import io
import mmap
import os
import pickle
import signal
import socket
import struct
import sys
import threading
from typing import Any, Protocol

from melpix.workers import messages
from melpix.workers.outcomes import Failed

START = 60.0  # seconds in which a worker must be ready, and a server listens

SHARED = 3 * 8  # bytes that a worker shares with the program: three numbers

STAGE, STOP, AHEAD = range(3)
"""The numbers. STAGE counts what a worker has begun and what it has ended: it is even while the
worker is at something (0: its own start), odd while it is at nothing. STOP asks it to end before
its next job. AHEAD says that what it is at is for several jobs."""


FORK, IMPORT = b"f", b"i"
"""Requests: fork a worker, of which three descriptors come along; import a module, whose name
follows its length in two bytes."""

NUMBER = struct.Struct("<q")
"""What a leash brings: a worker's number, or an error's with a minus; then its exit status."""


class Work(Protocol):
    """What a pool sends to each of its workers, pickled."""

    def begin(self) -> None:
        """Get all ready; what is raised tells the program that the worker cannot start."""

    def run(self, pipe: socket.socket, shared: memoryview) -> None:
        """Do jobs until the program closes the socket, or says stop."""


def modules_of(work: object, function: object) -> list[str]:
    """Return which modules a worker needs, to be imported before it is forked."""
    home = getattr(getattr(function, "func", function), "__module__", None)
    return [type(work).__module__, *([] if home in (None, "__main__") else [home])]


class _Unpickler(pickle.Unpickler):
    """Says what is wrong with a function that workers cannot import."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__main__":
            raise AttributeError(
                f"{name} is of the program's main module, which workers do not import: "
                "put it into a module of its own"
            )
        return super().find_class(module, name)


def ignore_signals() -> None:
    """Leave it to the program what a terminal, or a service manager, sends to all processes."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    if sys.platform != "win32":  # they were blocked while this process had no handlers yet
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])


def follow(line: int) -> None:
    """End this process when all others have closed their end of a pipe."""

    def wait() -> None:
        with contextlib.suppress(OSError):  # of a job that closes what it does not know
            os.read(line, 1)
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def take_over(
    path: list[str], folder: str | None, environment: dict[str, str], umask: int | None
) -> None:
    """Be as the program is now: it may have changed since this process's parent started."""
    sys.path[:] = path
    if umask is not None:
        os.umask(umask)
    if folder is not None:
        os.chdir(folder)  # the paths in jobs start from there
    if os.environ != environment:
        os.environ.clear()
        os.environ.update(environment)


def work(pipe: socket.socket, memory: mmap.mmap) -> None:
    """Be a worker, until the program has no more to do for it."""
    with contextlib.suppress(EOFError, OSError):  # of the socket, when the program closes it
        program, opening = messages.receive(pipe)
        shared = memoryview(memory).cast("q")
        try:
            take_over(*pickle.loads(program))
            job: Work = _Unpickler(io.BytesIO(opening)).load()
            job.begin()
        except BaseException as error:
            messages.send(pipe, [pickle.dumps(Failed.by(error))])
            return
        shared[STAGE] = 1
        messages.send(pipe, [b""])
        job.run(pipe, shared)


def main(pipe: int, memory: int | str, modules: list[str]) -> None:
    """Be a worker that is a program of its own, with the program's pipe as standard input."""
    ignore_signals()
    if sys.platform == "win32":
        size = int.from_bytes(os.read(0, 4), "little")
        data = b""
        while len(data) < size:
            data += os.read(0, size - len(data))
        end = socket.fromshare(data)
        shared = mmap.mmap(-1, SHARED, tagname=str(memory))
    else:
        end = socket.socket(fileno=pipe)
        assert isinstance(memory, int)
        shared = mmap.mmap(memory, SHARED)
        os.close(memory)
    line, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # Windows: DLLs that look at a standard input being read wait (numpy#24290)
    os.close(nothing)
    follow(line)
    for module in modules:
        with contextlib.suppress(Exception):  # it shows when the worker unpickles its work
            importlib.import_module(module)
    work(end, shared)
    sys.stdout.flush()
    os._exit(0)
