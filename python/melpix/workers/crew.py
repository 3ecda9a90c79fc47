# SPDX-License-Identifier: MIT
"""Worker processes under supervision: the rules for all that may go wrong with one.

A pool decides which worker gets which job. Here it is decided

- when a worker starts: at once; after starts that failed, in a row, only a while later. When none
  can start at all, the reason is told.
- when one is killed: it has not got ready in time, or a job takes longer than it may. Counted is
  time in which this process was awake as well: after Ctrl-Z and fg, or after the machine has slept,
  nobody is late.
- whose fault it is that one has ended: the job's that it was at, if that was the first one of this
  process. If not, an earlier job may have done the damage, so the job is tried again, as the first
  one of a new process.
"""

from __future__ import annotations

import os
import pickle
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from melpix.workers import launch
from melpix.workers.child import AHEAD, STAGE, START, STOP, Work, modules_of
from melpix.workers.interpreter import program
from melpix.workers.outcomes import Crashed, Failed, TimedOut, ending

Job = TypeVar("Job")

Some = TypeVar("Some", bound="Worker[Any]")

GRACE = 1.0  # seconds in which what is under way may end

TICK = 0.1  # seconds between two looks at the workers, at most

_ATTEMPTS = 4  # rounds of starts that fail, until it is said that no worker can start

_LATER_ATTEMPTS = 16  # the same once one has been ready: a minute

_PATIENCE = 5.0  # seconds between two attempts, at most


class Worker(Generic[Job]):
    """A process as its pool sees it."""

    def __init__(self, child: launch.Child, round_: int) -> None:
        self.child = child
        self.jobs: deque[Job] = deque()  # sent and not answered, in this order
        self.answered = 0  # how many were
        self.ready = False
        self.listened_to = True  # else it may be waiting for this process to read
        self.late = False  # it has been killed for that
        self.on_trial = False  # its first job is one of the suspects
        self.round = round_
        self._stage, self._age = 0, 0.0  # what it was at last, and for how many seconds

    @property
    def fresh(self) -> bool:
        """Whether it is ready, and has had no job."""
        return self.ready and not self.answered and not self.jobs

    @property
    def stage(self) -> int:
        """What it is at, as `child` counts."""
        return int(self.child.shared[STAGE])

    def grow_older(self, seconds: float) -> float:
        """Return for how long it has been at what it is at."""
        stage = self.stage
        if stage != self._stage:
            self._stage, self._age = stage, 0.0
        elif stage % 2 == 0 or (self.jobs and self.listened_to):
            self._age += seconds
        return self._age

    def answers(self, count: int = 1) -> list[Job]:
        """Take the jobs that it has answered off its list."""
        self.answered += count
        return [self.jobs.popleft() for _ in range(count)]

    def end(self, seconds: float) -> None:
        """Make sure that it ends: by itself in so much time, or killed."""
        if not self.child.wait(seconds):
            self.child.kill(stuck=self.late and self.stage == 0)
            self.child.wait(GRACE)  # longer if the system itself hangs: then without it


class Settlement(NamedTuple, Generic[Job]):
    """What becomes of the jobs of a worker that has ended."""

    blamed: Job | None
    verdict: Crashed | TimedOut | None
    again: list[Job]


class Crew(Generic[Job, Some]):
    """The workers of a pool.

    Parameters
    ----------
    work : Work
        Sent to each worker.
    function : object
        What `work` applies; its module is imported before workers are forked.
    size : int >= 1
        Workers at most.
    timeout : float > 0 [s] or None
        What one job may take.
    kind : type
        Of its workers, a `Worker`.
    """

    def __init__(
        self,
        work: Work,
        function: object,
        *,
        size: int,
        timeout: float | None,
        kind: Callable[[launch.Child, int], Some],
    ) -> None:
        self._work = pickle.dumps(work)
        self._modules = modules_of(work, function)
        self._size, self.timeout, self._kind = size, timeout, kind
        self.workers: list[Some] = []
        self.suspects: deque[Job] = deque()  # each to be the first one of a new worker
        self._round = 0  # of starts; it ends with one that fails
        self._failures = 0  # rounds that did, since a worker was ready
        self._resumes = 0.0  # when the next one may begin
        self._reason: str | Failed = ""
        self._once = False  # a worker has been ready
        self._looked = time.monotonic()
        self._owner = os.getpid()

    @property
    def ours(self) -> bool:
        """Whether this process has started it: a fork of the program has workers of its own."""
        return self._owner == os.getpid()

    @property
    def missing(self) -> bool:
        """Whether there are fewer workers than there may be."""
        return len(self.workers) < self._size

    @property
    def delay(self) -> float:
        """Seconds until a worker may start."""
        return max(0.0, self._resumes - time.monotonic())

    def start(self) -> Some | None:
        """Start a worker, if one may start now and the system lets it."""
        if not self.missing or self.delay:
            return None
        try:
            child = launch.start(self._modules)
        except OSError as error:  # no more processes, memory or open files
            self._failed(self._round, error.strerror or str(error))
            return None
        worker = self._kind(child, self._round)
        self.workers.append(worker)
        return worker

    def opening(self) -> list[bytes]:
        """Return the message for a worker that starts."""
        return [pickle.dumps(program()), self._work]

    def opened(self, worker: Some, message: list[bytes]) -> bool:
        """Take a worker's first message; return whether it is ready. If not, it ends."""
        if message == [b""]:
            worker.ready, self._failures, self._once = True, 0, True
            return True
        failed = pickle.loads(message[0])
        self._failed(worker.round, failed if isinstance(failed, Failed) else "nonsense")
        return False

    def _failed(self, round_: int, reason: str | Failed) -> None:
        if round_ == self._round:  # the others of a round fail for the same reason
            self._round += 1
            self._failures += 1
            self._resumes = time.monotonic() + min(_PATIENCE, 0.05 * 2 ** min(self._failures, 9))
            self._reason = reason

    @property
    def gives_up(self) -> bool:
        """Whether those that are missing cannot start for now."""
        return self._failures >= _ATTEMPTS

    def trouble(self) -> RuntimeError | None:
        """Return why no worker can start, if that is so."""
        attempts = _LATER_ATTEMPTS if self._once else _ATTEMPTS
        if self._failures < attempts or any(worker.ready for worker in self.workers):
            return None
        trouble = RuntimeError(f"workers cannot start: {self._reason}")
        if isinstance(self._reason, Failed):
            trouble.add_note(self._reason.traceback)
        return trouble

    def suspect_for(self, worker: Some) -> Job | None:
        """Take a suspect off the list, if there is one, for a worker that has had no job."""
        if not self.suspects:
            return None
        worker.on_trial = True
        return self.suspects.popleft()

    def watch(self) -> list[Some]:
        """Return the workers that have taken too long, and have to end."""
        now = time.monotonic()
        passed = min(now - self._looked, 2 * TICK)
        self._looked = now
        late = []
        for worker in self.workers:
            limit = self.timeout if worker.stage else START
            if worker.grow_older(passed) > (float("inf") if limit is None else limit):
                worker.late = True
                late.append(worker)
        return late

    def settle(self, worker: Some) -> Settlement[Job]:
        """Let go of a worker that has ended."""
        self.workers.remove(worker)
        stage = worker.stage
        begun, at_it = stage // 2, stage % 2 == 0
        ahead = worker.child.shared[AHEAD]
        exitcode, refusal = worker.child.exitcode, worker.child.refusal
        worker.child.close()
        if begun == 0:  # it has not come to its first job
            if refusal is None:
                late = f"one was not ready after {START:g} s"
                refusal = late if worker.late else f"one ended in its start: {ending(exitcode)}"
            self._failed(worker.round, refusal)
        received = begun == worker.answered and stage and exitcode is not None and worker.jobs
        if received:  # it has begun none of them, but may have ended because one came
            begun += 1
        if not worker.answered < begun <= worker.answered + len(worker.jobs):  # at nothing
            return Settlement(None, None, list(worker.jobs))
        position = begun - worker.answered - 1
        culprit = worker.jobs[position]
        del worker.jobs[position]
        again = list(worker.jobs)
        # One that prepared for several jobs at once may have ended because of any of them.
        if worker.late and at_it and not ahead and self.timeout is not None:
            return Settlement(culprit, TimedOut(self.timeout), again)
        # The end of the server that it was forked from ends it as well, whatever it is at.
        of_its_own = exitcode is not None and not worker.late
        certain = worker.on_trial or (of_its_own and not received)
        if begun == 1 and certain:
            return Settlement(culprit, Crashed(exitcode), again)
        self.suspects.append(culprit)
        return Settlement(None, None, again)

    def close(self) -> None:
        """End the workers: no job starts, those under way get a second, then they are killed."""
        workers, self.workers = self.workers if self.ours else [], []
        self.suspects.clear()
        try:
            for worker in workers:
                worker.child.shared[STOP] = 1
                worker.child.pipe.close()
            end = time.monotonic() + GRACE
            for worker in workers:
                worker.child.wait(max(0.0, end - time.monotonic()))
        finally:
            for worker in workers:
                worker.child.kill()
            for worker in workers:
                worker.child.wait(GRACE)
                worker.child.close()
