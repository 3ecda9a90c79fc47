# SPDX-License-Identifier: MIT
"""What a command does to its process: signals, what C prints, other libraries' threads.

No import of NumPy here: thread pools take their size from the environment when they are loaded.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from types import FrameType

POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")
"""Each has a variable ``..._NUM_THREADS``: OpenMP, OpenBLAS, MKL, numba, Apple's Accelerate."""

KEPT = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(16 << 20)}
"""Variables for glibc: bytes up to which a process keeps what it frees. To take memory anew costs a
page fault for each 4 KB, which a worker would pay again with each short sound."""

_HEARD = 10_000  # bytes of what decoders print that are kept


class Stopped(BaseException):
    """SIGINT or SIGTERM, on its way through the clean-up of everything under way."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


@contextlib.contextmanager
def signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the command in order, once; the second one ends it at once."""

    def stop(signum: int, frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        raise Stopped(signum)

    before = {}
    try:
        for signum in (signal.SIGINT, signal.SIGTERM):
            # A job in a shell script's background ignores SIGINT, and goes on doing so.
            if signal.getsignal(signum) != signal.SIG_IGN:
                before[signum] = signal.signal(signum, stop)
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextlib.contextmanager
def overhear(heard: list[str]) -> Iterator[None]:
    """Collect what decoders, written in C, print on standard error past Python.

    It points the process's file descriptor 2 elsewhere, so it is for one thread only.
    """
    with contextlib.ExitStack() as stack:
        try:
            stderr = os.dup(2)
            stack.callback(os.close, stderr)
            listener = stack.enter_context(tempfile.TemporaryFile())
        except OSError:  # no standard error, or no room to listen: do without
            yield
            return
        os.dup2(listener.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            listener.seek(0)
            heard += _lines(listener.read(_HEARD))


class Listener:
    """Collects the same for the rest of the process's life, at the cost of a look a time."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("a+b")  # noqa: SIM115
        os.dup2(self._file.fileno(), 2)

    def heard(self) -> list[str]:
        """Return what was printed since the last time."""
        if os.fstat(self._file.fileno()).st_size == 0:
            return []
        self._file.seek(0)
        lines = _lines(self._file.read(_HEARD))
        self._file.truncate(0)
        return lines


def _lines(heard: bytes) -> list[str]:
    """Return the different lines, without those that are blank."""
    lines = heard.decode(errors="replace").split("\n")
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def one_thread() -> None:
    """Let every library that is loaded from now on work in one thread."""
    for pool in POOLS:
        os.environ[f"{pool}_NUM_THREADS"] = "1"
