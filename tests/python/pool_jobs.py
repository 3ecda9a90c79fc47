# SPDX-License-Identifier: MIT
"""What the workers of tests run: a job is (verb, argument), some are disasters."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pickle
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from melpix.workers import process
from melpix.workers.batch_pool import Pool


class Starting:
    """A function that, as it arrives in a worker, does a job."""

    def __init__(self, job: tuple[str, Any]) -> None:
        self.job = job

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return do, (self.job,)

    def __call__(self, job: object) -> None: ...


class Trapped:
    """A function that, as it arrives in a worker, does what a file says, once."""

    def __init__(self, trap: str) -> None:
        self.trap = trap

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return spring, (self.trap,)


def spring(trap: str) -> Callable[[tuple[Any, ...]], Any]:
    with contextlib.suppress(FileNotFoundError):
        verb = Path(trap).read_text()
        os.unlink(trap)
        do((verb, *({"sleep": [1e6], "kill": [signal.SIGKILL]}[verb])))
    return do


def set_trap(trap: str, verb: str) -> None:
    """End this worker, and let the start of the next one end as the trap says."""
    Path(trap).write_text(verb)
    os._exit(9)


def wait_for(path: str) -> None:
    while not os.path.exists(path):
        time.sleep(0.01)


class Unloadable:
    """A result that cannot be unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return raise_, (ImportError("gone"),)


class MuteError(Exception):
    def __str__(self) -> str:
        raise SystemExit("no words")


def raise_(error: BaseException) -> None:
    raise error


def echo_late(seconds: float, value: object) -> object:
    time.sleep(seconds)
    return value


def leave_traces(folder: str, seconds: float) -> None:
    pid = str(os.getpid())
    (Path(folder) / pid).touch()
    time.sleep(seconds)
    (Path(folder) / pid).write_text("done")


def babble() -> None:
    """Write nonsense to the parent."""
    for fd in range(3, 100):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, b"\0\0\0\4what")


def poison() -> None:
    """Harm nobody but the next job of this process."""
    VERBS["echo"] = lambda value: os._exit(9)


def bomb(seconds: float) -> None:
    """End the process, once this job has returned."""
    threading.Timer(seconds, os._exit, [9]).start()


def rights() -> str:
    """The group of this process, and its mask of rights."""
    mask = os.umask(0)
    os.umask(mask)
    return f"{os.getgid()} {mask:#o}"


VERBS: dict[str, Callable[..., Any]] = {
    "echo": lambda value: value,
    "echo_late": echo_late,
    "sleep": time.sleep,
    "bytes": bytes,
    "leave_traces": leave_traces,
    "raise": raise_,
    "mute": lambda: raise_(MuteError()),
    "unpicklable": lambda: lambda: None,
    "unloadable": Unloadable,
    "segfault": lambda: ctypes.string_at(0),
    "exit": os._exit,
    "kill": lambda signum: os.kill(os.getpid(), signum),
    "close": lambda: os.closerange(3, 100),
    "babble": babble,
    "poison": poison,
    "bomb": bomb,
    "environ": os.environ.get,
    "folder": os.getcwd,
    "touch": lambda path: Path(path).touch(),
    "wait_for": wait_for,
    "set_trap": set_trap,
    "kill_server": lambda: (os.kill(os.getppid(), signal.SIGKILL), time.sleep(1e6)),
    "handler": signal.getsignal,
    "rights": rights,
}


def do(job: tuple[Any, ...]) -> Any:
    verb, *arguments = job
    return VERBS[verb](*arguments)


def main(jobs: list[tuple[Any, ...]], timeout: float | None = None) -> None:
    """Be a program with workers, that SIGINT and SIGTERM stop in order."""
    try:
        with process.signals(), Pool(do, workers=2, timeout=timeout) as pool:
            print("started", flush=True)
            for index, outcome in pool.map(jobs):
                print(index, outcome, flush=True)
    except process.Stopped as stopped:
        sys.exit(128 + stopped.signum)


class Preparing:
    """Does jobs; before, it does the disasters among the first few that follow."""

    def prepare(self, jobs: Iterator[tuple[str, Any]]) -> int:
        for verb, *rest in itertools.islice(jobs, 8):
            if verb not in ("echo", "environ"):
                do((verb, *rest))
        return 1

    def __call__(self, job: tuple[str, Any]) -> Any:
        return do(job)


class Counting:
    """Prepares for four jobs at a time; a job's outcome is which it is of how many prepared for."""

    def __init__(self) -> None:
        self._ready: list[Any] = []

    def prepare(self, jobs: Iterator[Any]) -> int:
        self._ready = list(itertools.islice(jobs, 4))
        return len(self._ready)

    def __call__(self, job: Any) -> tuple[int, int]:
        return (self._ready.index(job) if job in self._ready else -1), len(self._ready)


def answer(head: bytes, body: bytearray) -> tuple[bytes, bytes]:
    """Do the job that a request's body holds."""
    return head, pickle.dumps(do(pickle.loads(body)))
