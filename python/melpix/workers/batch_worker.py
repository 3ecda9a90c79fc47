# SPDX-License-Identifier: MIT
"""One worker of a batch pool, as its parent sees it and from inside: both ends of its pipe."""

from __future__ import annotations

import contextlib
import math
import pickle
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias

from melpix.workers import process
from melpix.workers.child import Failed, follow_parent, inheritance

Data: TypeAlias = tuple[int, bytes]  # a job's index, and the job pickled

BATCH = 64  # jobs that a worker has at hand, at most
_GROUP = 1 << 16  # bytes of outcomes that a worker sends together
_HELD = 0.02  # seconds that outcomes wait, to be sent together
_MESSAGE = 10_000  # characters of an error
GRACE = 1.0  # seconds in which what is under way may end

PROGRESS, _STOP, AHEAD = range(3)  # the numbers that a worker shares with its parent


class Worker:
    """A process as its parent sees it."""

    def __init__(self, context: BaseContext, function: bytes) -> None:
        self.pipe, self._end = context.Pipe()
        self.shared: Any = context.RawArray("q", 3)
        self.jobs: deque[Data] = deque()  # sent and not reported, in this order
        self.reported = 0
        self.batch = 2  # how many jobs to have at hand
        self.progress, self.age = 0, 0.0  # where the counter was last, and for how many seconds
        self._process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_work, args=(self._end, self.shared, function), daemon=True
        )

    def start(self) -> None:
        """Start the process."""
        try:
            with starting_one(), inheritance():
                self._process.start()
        finally:
            self._end.close()

    def send(self, jobs: list[Data]) -> None:
        """Give it more to do."""
        self.jobs += jobs
        with contextlib.suppress(OSError):  # a dead worker is found when it is listened to
            self.pipe.send_bytes(pickle.dumps([data for _, data in jobs]))

    def stop(self) -> None:
        """Let it end after the present job."""
        self.shared[_STOP] = 1
        self.pipe.close()

    def join(self, seconds: float) -> None:
        """Wait so long for its end."""
        if self._process.pid is not None:
            self._process.join(seconds)

    def kill(self) -> int | None:
        """Make sure that it has ended; return the exit code."""
        self.pipe.close()
        if self._process.pid is None:
            return None
        self._process.kill()
        self._process.join(GRACE)  # longer if the system itself hangs: then without it
        return self._process.exitcode


@contextlib.contextmanager
def starting_one() -> Iterator[None]:
    """Turn what the system refuses in here into an error that says what it was needed for."""
    try:
        yield
    except EOFError as error:  # the fork server has died
        raise RuntimeError("workers cannot start") from error
    except OSError as error:  # no more processes, memory or open files
        raise RuntimeError(f"workers cannot start: {error.strerror or error}") from error


def _work(pipe: connection.Connection, shared: Any, function: bytes) -> None:
    """Run jobs until the parent closes the pipe, says stop or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=follow_parent, daemon=True).start()
    process.one_thread()
    outcomes: list[bytes] = []
    size, sent = 0, -math.inf  # the first outcome goes at once: each worker gets something done
    ready = 0  # jobs from the next one on, for which all is prepared

    def report() -> None:
        nonlocal size, sent
        _send(pipe, outcomes)
        outcomes.clear()
        size, sent = 0, time.monotonic()

    with contextlib.suppress(EOFError, OSError):  # of the pipe, when the parent closes it
        try:
            call = pickle.loads(function)
            prepare = getattr(call, "prepare", None)
        except BaseException as error:
            pipe.send_bytes(pickle.dumps(_failed(error)))
            return
        while True:
            if outcomes and not pipe.poll():
                report()
            jobs = pickle.loads(pipe.recv_bytes())
            for position, job in enumerate(jobs, 1):
                if shared[_STOP]:
                    return
                shared[PROGRESS] += 1
                if prepare is not None and ready <= 0 and position < len(jobs):
                    shared[AHEAD] = 1
                    with contextlib.suppress(BaseException):  # it will show in its turn
                        ready = prepare(map(pickle.loads, jobs[position - 1 :]))
                    shared[AHEAD] = 0
                ready -= 1
                outcome = _outcome(call, job)
                shared[PROGRESS] += 1
                outcomes.append(outcome)
                size += len(outcome)
                # With half of what it has at hand still to do, it need not wait for the parent.
                enough = len(outcomes) >= BATCH // 2 or size >= _GROUP
                if enough or time.monotonic() - sent >= _HELD:
                    report()


def _outcome(call: Callable[[Any], Any], job: bytes) -> bytes:
    try:
        return pickle.dumps(call(pickle.loads(job)))
    except BaseException as error:  # SystemExit too: nothing that is raised ends the worker
        return pickle.dumps(_failed(error))


def _failed(error: BaseException) -> Failed:
    traceback.clear_frames(error.__traceback__)  # their variables may hold much memory
    return Failed(
        "".join(traceback.format_exception_only(error)).strip()[:_MESSAGE],
        "".join(traceback.format_exception(error))[-_MESSAGE:],
    )


def unpickled(data: bytes) -> Any:
    """Return an outcome, or why it cannot be read."""
    try:
        return pickle.loads(data)
    except Exception as error:
        return _failed(error)


def _send(pipe: connection.Connection, outcomes: list[bytes]) -> None:
    """Send a group in one message; the large ones follow it, without another copy."""
    small = [None if len(outcome) > _GROUP else outcome for outcome in outcomes]
    pipe.send_bytes(pickle.dumps(small))
    for outcome in outcomes:
        if len(outcome) > _GROUP:
            pipe.send_bytes(outcome)


def receive(pipe: connection.Connection) -> list[bytes] | Failed:
    """Return a group of outcomes as `_send` sends it, or why the worker cannot work."""
    message = pickle.loads(pipe.recv_bytes())
    if isinstance(message, Failed):
        return message
    return [pipe.recv_bytes() if outcome is None else outcome for outcome in message]
