# SPDX-License-Identifier: MIT
"""What a command does to its process: signals, what C prints, other libraries' threads.

No import of NumPy here: thread pools take their size from the environment when they are loaded.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import warnings
from collections.abc import Iterator
from types import FrameType

POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM")
"""Each has a variable ``..._NUM_THREADS``: OpenMP, OpenBLAS, MKL, numba, Apple's Accelerate."""

KEPT = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(16 << 20)}
"""Variables for glibc: bytes up to which a worker keeps what decoders and resamplers free. All else
that is kept is the core's (docs/design.md, "Memory that is kept")."""

_HEARD = 10_000  # bytes of what decoders print that are told


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
            listener = Listener()
            stack.callback(listener.close)
        except OSError:  # no standard error, or no room to listen: do without
            yield
            return
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            heard += listener.heard()


class Listener:
    """Collects the same for the rest of the process's life; each look costs a system call.

    A broken file may have its decoder print without end. What is not read yet lies in a pipe, which
    holds 64 KB; what comes when it is full is lost.
    """

    def __init__(self) -> None:
        self._pipe, end = os.pipe()
        if hasattr(
            os, "set_blocking"
        ):  # on Windows, not before Python 3.12: there it hears nothing
            os.set_blocking(self._pipe, False)
            os.set_blocking(end, False)
            os.dup2(end, 2)
        os.close(end)

    def heard(self) -> list[str]:
        """Return what was printed since the last time."""
        heard = b""
        with contextlib.suppress(BlockingIOError):  # nothing more
            while part := os.read(self._pipe, 1 << 16):
                heard = (heard + part)[:_HEARD]
        return _lines(heard)

    def close(self) -> None:
        """Listen no more, once standard error goes elsewhere."""
        os.close(self._pipe)


def _lines(heard: bytes) -> list[str]:
    """Return the different lines, without those that are blank."""
    lines = heard.decode(errors="replace").split("\n")
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def one_thread() -> None:
    """Let every library that is loaded from now on work in one thread."""
    for pool in POOLS:
        os.environ[f"{pool}_NUM_THREADS"] = "1"


@functools.cache
def listener() -> Listener:
    """Return what hears the decoders of this process, which is a worker and has no other use."""
    # What a front-end warns of, the parent has said once.
    warnings.simplefilter("ignore")
    return Listener()
