# SPDX-License-Identifier: MIT
"""Worker processes under supervision: a job that crashes or hangs costs itself alone.

The parent sends jobs in small batches, a worker sends results back in small groups. A counter in
shared memory, which goes up before and after each job, says at any moment which job a worker is
on, whatever becomes of the process.
"""

from __future__ import annotations

import heapq
import multiprocessing
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection
from multiprocessing.context import BaseContext
from typing import Generic, TypeVar

from melpix.errors import ParameterError
from melpix.workers.batch_worker import (
    AHEAD,
    BATCH,
    GRACE,
    PROGRESS,
    Data,
    Worker,
    receive,
    starting_one,
    unpickled,
)
from melpix.workers.child import (
    METHOD,
    Crashed,
    Failed,
    TimedOut,
    ending,
)
from melpix.workers.cores import available_cores

_Job = TypeVar("_Job")

_Result = TypeVar("_Result")

_UNREAD = 7000  # bytes of them: what fits a pipe of any system, so that sending never waits

_BUFFER = 32 << 20  # bytes of outcomes that wait for their turn in the parent

_TICK = 0.1  # seconds between two looks at the workers when nothing comes from them

_MEANWHILE = 1.0  # seconds

_BUSY = 0.005  # seconds in which the workers can do without the parent


class Pool(Generic[_Job, _Result]):
    """Processes that apply a function to jobs.

    The function is sent to each worker once: a `functools.partial` or an object with ``__call__``
    brings its constants along. A job may be run more than once, since what a worker had not yet
    reported when it died is run again.

    Parameters
    ----------
    function : callable
        Takes a job, returns an outcome; it, jobs and outcomes can be pickled. Its module should
        import at its top what it needs: that happens once, for all workers. If it has a method
        ``prepare``, that is given an iterator of a job and those that may follow in the same
        process, before the job's turn; it returns for how many of them it need not be called
        again. What it raises is ignored.
    workers : int >= 1, optional
        Processes at most; they start as jobs come. Default: `available_cores`.
    timeout : float > 0 [s], optional
        What one job may take. None: as long as it likes.
    ahead : int >= 1
        Jobs for each worker that may be under way, or done, while an outcome before is awaited.
    meanwhile : callable, optional
        Called every second while an outcome is awaited.

    Examples
    --------
    >>> from melpix.workers.batch_pool import Pool
    >>> with Pool(len, workers=1) as pool:
    ...     for index, outcome in pool.map(["one", "three", 3]):
    ...         print(index, outcome)
    0 3
    1 5
    2 TypeError: object of type 'int' has no len()
    """

    def __init__(
        self,
        function: Callable[[_Job], _Result],
        *,
        workers: int | None = None,
        timeout: float | None = None,
        ahead: int = 250,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        workers = available_cores() if workers is None else workers
        for name, value in (("workers", workers), ("ahead", ahead)):
            if value < 1:
                raise ParameterError(name, f" must be >= 1, got {value!r}")
        if timeout is not None and not timeout > 0:
            raise ParameterError("timeout", f" must be > 0, got {timeout!r}")
        self._function = pickle.dumps(function)
        self._size, self._timeout, self._ahead = workers, timeout, ahead * workers
        self._meanwhile = meanwhile
        self._context: BaseContext = multiprocessing.get_context(METHOD)
        home = getattr(getattr(function, "func", function), "__module__", None)
        if METHOD == "forkserver":
            self._context.set_forkserver_preload([__name__, home or __name__])

        self._workers: list[Worker] = []
        self._free = True
        self._begin(())

    def _begin(self, jobs: Iterable[_Job]) -> None:
        self._jobs: Iterator[_Job] | None = iter(jobs)
        self._trouble: Exception | None = None  # what the iterator of jobs raised
        self._pulled = 0  # jobs taken from it
        self._due = 0  # the index of the next outcome to hand out
        self._waiting: list[Data] = []  # a heap: jobs pulled, and with no worker
        self._suspects: list[Data] = []  # jobs that a worker was on when it died
        self._done: dict[int, bytes] = {}  # pickled outcomes
        self._done_bytes = 0
        self._looked = time.monotonic()
        self._slow = False  # jobs come slowly

    def __enter__(self) -> Pool[_Job, _Result]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers: no job starts, those under way get a second, then they are killed.

        Outcomes that `map` has not yielded yet are lost.
        """
        self._free = False
        try:
            for worker in self._workers:
                worker.stop()
            end = time.monotonic() + GRACE
            for worker in self._workers:
                worker.join(max(0.0, end - time.monotonic()))
        finally:
            for worker in self._workers:
                worker.kill()
            self._workers.clear()

    def map(
        self, jobs: Iterable[_Job]
    ) -> Iterator[tuple[int, _Result | Failed | Crashed | TimedOut]]:
        """Apply the function to each job.

        Jobs are taken as they are needed, outcomes come in the order of the jobs. One map at a
        time; to leave it in the middle closes the pool.

        Parameters
        ----------
        jobs : iterable
            If it raises an exception, that is raised after the outcomes of the jobs before.

        Yields
        ------
        index : int
            Which job, counted from 0.
        outcome : object
            What the function returned; or `Failed`, `Crashed` or `TimedOut`.

        Raises
        ------
        RuntimeError
            Workers cannot start.
        ValueError
            The pool is closed, or at another map.
        """
        if not self._free:
            raise ValueError("the pool is closed, or at another map")
        self._free = False
        self._begin(jobs)
        told = time.monotonic()
        try:
            while True:
                if self._due in self._done:
                    if time.monotonic() - self._looked > _BUSY:
                        self._feed()
                        self._listen(0)
                    data = self._done.pop(self._due)
                    self._done_bytes -= len(data)
                    yield self._due, unpickled(data)
                    self._due += 1
                    told = self._looked  # nearly now, and no call of the clock
                    continue
                self._feed()
                if self._due == self._pulled:
                    break
                self._listen(_TICK)
                if self._meanwhile is not None and time.monotonic() - told >= _MEANWHILE:
                    self._meanwhile()
                    told = time.monotonic()
            if self._trouble is not None:
                raise self._trouble
        except BaseException:
            self.close()
            raise
        self._free = True

    def _listen(self, seconds: float) -> None:
        """Wait for the workers at most so long, take what they send, see that none hangs."""
        listening = {worker.pipe: worker for worker in self._audible()}
        for pipe in connection.wait(list(listening), seconds):
            self._receive(listening[pipe])  # type: ignore[index]
        self._watch()
        if not self._slow:
            self._feed()  # before outcomes are handed out: whoever takes them may take long

    def _audible(self) -> list[Worker]:
        """Return the workers to listen to.

        Once the buffer is full, that is the one that has the job whose outcome is due: the others
        wait until they are heard.
        """
        if self._done_bytes < _BUFFER:
            return self._workers
        if self._due in self._done:
            return []
        return [w for w in self._workers if any(i == self._due for i, _ in w.jobs)] or self._workers

    def _receive(self, worker: Worker) -> None:
        try:
            outcomes = receive(worker.pipe)
        except (EOFError, OSError):
            worker.join(GRACE)  # it is about to end, unless a job has closed the pipe alone
            self._replace_dead(worker)
            return
        except Exception:  # nonsense, from a process gone wrong, or more than memory holds
            self._replace_dead(worker)
            return
        if isinstance(outcomes, Failed):
            trouble = RuntimeError(f"workers cannot start: {outcomes}")
            trouble.add_note(outcomes.traceback)
            raise trouble
        for outcome in outcomes:
            self._finish(worker.jobs.popleft()[0], outcome)
        worker.reported += len(outcomes)
        # As many as it can do in the time between two reports, twice: one to do, one to come.
        worker.batch = min(max(2 * len(outcomes), worker.batch // 2, 2), BATCH)

    def _finish(self, index: int, outcome: bytes) -> None:
        self._done[index] = outcome
        self._done_bytes += len(outcome)

    def _watch(self) -> None:
        """Kill workers whose job has taken too long.

        Counted is the time in which this process was awake as well: after Ctrl-Z and fg, or after
        the machine has slept, nobody is late.
        """
        now = time.monotonic()
        passed = min(now - self._looked, 2 * _TICK)
        self._looked = now
        for worker in list(self._workers):
            progress = worker.shared[PROGRESS]
            if progress != worker.progress:
                worker.progress, worker.age = progress, 0.0
            elif progress % 2:
                worker.age += passed
                if self._timeout is not None and worker.age > self._timeout:
                    self._replace_dead(worker, TimedOut(self._timeout))

    def _replace_dead(self, worker: Worker, verdict: TimedOut | None = None) -> None:
        """Find which job is to blame for a worker's end; let the others be run again."""
        self._workers.remove(worker)
        exitcode = worker.kill()
        started = (worker.shared[PROGRESS] + 1) // 2
        if started == 0:
            raise RuntimeError(
                f"a worker ended before its first job: {ending(exitcode)}; a script must keep "
                "what starts workers under if __name__ == '__main__':"
            )
        if started > worker.reported:
            position = started - worker.reported - 1
            culprit = worker.jobs[position]
            del worker.jobs[position]
            # A worker that prepared for several jobs at once may have died of any of them.
            if verdict is not None and not worker.shared[AHEAD]:
                self._finish(culprit[0], pickle.dumps(verdict))
            elif started == 1:
                self._finish(culprit[0], pickle.dumps(Crashed(exitcode)))
            else:
                # An earlier job of this worker may have done the damage. So the job is tried again,
                # as the first one of a new worker.
                self._suspects.append(culprit)
        for job in worker.jobs:
            heapq.heappush(self._waiting, job)

    def _feed(self) -> None:
        """Start workers and send them jobs, as far as there are any."""
        while len(self._workers) < self._size:
            job = self._suspects.pop() if self._suspects else self._next()
            if job is None:
                break
            with starting_one():
                worker = Worker(self._context, self._function)
            self._workers.append(worker)  # before it starts: close() must find it, whatever happens
            worker.start()
            worker.send([job])
        end = time.monotonic() + _BUSY  # jobs that come slowly do not wait for a full batch
        for worker in self._workers:
            if len(worker.jobs) > worker.batch // 2:
                continue
            batch: list[Data] = []
            size = sum(len(data) for _, data in worker.jobs)
            while len(worker.jobs) + len(batch) < worker.batch and (job := self._next()):
                size += len(job[1])
                if size > _UNREAD and (worker.jobs or batch):
                    heapq.heappush(self._waiting, job)
                    break
                batch.append(job)
                if time.monotonic() > end:
                    break
            if batch:
                worker.send(batch)
        self._slow = time.monotonic() > end

    def _next(self) -> Data | None:
        """Return a job that no worker has, if one may start now."""
        # With a full buffer nothing starts but what is due.
        limit = self._due + (1 if self._done_bytes >= _BUFFER else self._ahead)
        if self._waiting:
            return heapq.heappop(self._waiting) if self._waiting[0][0] < limit else None
        if self._jobs is None or self._pulled >= limit:
            return None
        try:
            job = next(self._jobs)
        except StopIteration:
            self._jobs = None
            return None
        except Exception as error:
            self._jobs, self._trouble = None, error
            return None
        self._pulled += 1
        return self._pulled - 1, pickle.dumps(job)
