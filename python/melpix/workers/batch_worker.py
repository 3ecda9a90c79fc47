# SPDX-License-Identifier: MIT
"""What a worker of a batch pool does: jobs in small batches in, outcomes in small groups out."""

from __future__ import annotations

import contextlib
import math
import pickle
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from melpix.workers import messages
from melpix.workers.child import AHEAD, STAGE, STOP
from melpix.workers.outcomes import Failed

BATCH = 64  # jobs that a worker has at hand, at most
_GROUP = 1 << 16  # bytes of outcomes that a worker sends together
_HELD = 0.02  # seconds that outcomes wait, to be sent together


class Batches:
    """Applies a function to jobs."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def begin(self) -> None:
        """Do nothing: the function has arrived."""

    def run(self, pipe: socket.socket, shared: memoryview) -> None:
        """Do jobs until the program closes the socket, or says stop."""
        call, prepare = self._function, getattr(self._function, "prepare", None)
        outcomes: list[bytes] = []
        size, sent = 0, -math.inf  # the first outcome goes at once: each worker gets something done
        ready = 0  # jobs from the next one on, for which all is prepared

        def report() -> None:
            nonlocal size, sent
            messages.send(pipe, outcomes)
            outcomes.clear()
            size, sent = 0, time.monotonic()

        while True:
            if outcomes and not _has_come(pipe):
                report()
            jobs = messages.receive(pipe)
            for position, job in enumerate(jobs, 1):
                if shared[STOP]:
                    return
                shared[STAGE] += 1
                if prepare is not None and ready <= 0 and position < len(jobs):
                    shared[AHEAD] = 1
                    with contextlib.suppress(BaseException):  # it will show in its turn
                        ready = prepare(map(pickle.loads, jobs[position - 1 :]))
                    shared[AHEAD] = 0
                ready -= 1
                outcome = _outcome(call, job)
                shared[STAGE] += 1
                outcomes.append(outcome)
                size += len(outcome)
                # With half of what it has at hand still to do, it need not wait for the program.
                enough = len(outcomes) >= BATCH // 2 or size >= _GROUP
                if enough or time.monotonic() - sent >= _HELD:
                    report()


def _has_come(pipe: socket.socket) -> bool:
    """Whether there is something to receive."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([pipe], [], [], 0)[0])


def _outcome(call: Callable[[Any], Any], job: bytearray) -> bytes:
    try:
        return pickle.dumps(call(pickle.loads(job)))
    except BaseException as error:  # SystemExit too: nothing that is raised ends the worker
        return pickle.dumps(Failed.by(error))


def unpickled(data: bytes) -> Any:
    """Return an outcome, or why it cannot be read."""
    try:
        return pickle.loads(data)
    except Exception as error:
        return Failed.by(error)
