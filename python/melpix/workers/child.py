# SPDX-License-Identifier: MIT
"""What all worker processes have: how they start, what they say of a failure, how they end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker

from melpix.workers import process

# A fork server is lean and quick: it imports once, and each worker is a copy of it. To fork this
# process itself would be wrong, for it may have threads.
METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"

_starting = threading.Lock()  # the environment is one for all threads


def _start_anew() -> None:
    """Let go, in a forked process, of what a thread held that is not there any more."""
    global _starting
    _starting = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised an exception, or its result could not be pickled."""

    error: str
    traceback: str

    def __str__(self) -> str:
        return self.error


@dataclass(frozen=True, slots=True)
class Crashed:
    """The job ended its process. As in `multiprocessing`, ``-n`` stands for signal n."""

    exitcode: int | None

    def __str__(self) -> str:
        return ending(self.exitcode)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The job took longer than it may, and was killed."""

    seconds: float

    def __str__(self) -> str:
        return f"not done after {self.seconds:g} s"


def prepare(*modules: str) -> None:
    """Begin to start what workers are copied from, so that it imports while others work.

    Parameters
    ----------
    modules : str
        Names of those whose functions pools are going to apply.
    """
    if METHOD == "forkserver":
        from multiprocessing import forkserver

        multiprocessing.get_context(METHOD).set_forkserver_preload([__name__, *modules])
        # If it fails, it fails again when the workers start, and is reported there.
        with contextlib.suppress(OSError), inheritance():
            forkserver.ensure_running()


@contextlib.contextmanager
def inheritance() -> Iterator[None]:
    """What a process started in here inherits: one thread a library, kept memory, no Ctrl-C.

    The fork server is one for the whole program: whoever else uses it inherits the same.
    """
    names = [*(f"{pool}_NUM_THREADS" for pool in process.POOLS), *process.KEPT]
    with _starting, _no_interrupt():
        before = {name: os.environ.get(name) for name in names}
        try:
            process.one_thread()
            os.environ.update({**process.KEPT, **os.environ})
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Let SIGINT wait; processes started in here never see it."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # its start would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow_parent() -> None:
    """End this process with its parent."""
    # The pipe would tell as well, but only once the present job is done.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def ending(exitcode: int | None) -> str:
    """Say in words how a process ended.

    Examples
    --------
    >>> ending(-9), ending(3)
    ('killed by SIGKILL', 'exit code 3')
    """
    if exitcode is None:
        return "cannot be killed"
    if exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"
