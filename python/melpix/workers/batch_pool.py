# SPDX-License-Identifier: MIT
"""A pool that maps over many jobs: one that crashes or hangs costs itself alone.

Jobs are sent in small batches, outcomes come back in small groups. What a worker had not reported
when it ended is run again. `melpix.workers.crew` has the rules of supervision.
"""

from __future__ import annotations

import contextlib
import heapq
import pickle
import selectors
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeAlias, TypeVar

from melpix.errors import ParameterError
from melpix.workers.batch_worker import BATCH, Batches, unpickled
from melpix.workers.cores import available_cores
from melpix.workers.crew import GRACE, TICK, Crew, Worker
from melpix.workers.launch import Child
from melpix.workers.messages import Channel
from melpix.workers.outcomes import Crashed, Failed, TimedOut

_Job = TypeVar("_Job")

_Result = TypeVar("_Result")

_Data: TypeAlias = tuple[int, bytes]  # a job's index, and the job pickled

_UNREAD = 7000  # bytes of jobs on their way to a worker; a larger one travels alone

_BUFFER = 32 << 20  # bytes of outcomes that wait for their turn here

_EACH = 200  # bytes that an outcome takes here beside its own

_MEANWHILE = 1.0  # seconds

_BUSY = 0.005  # seconds in which the workers can do without this process

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class _Worker(Worker[_Data]):
    """A worker, and how many jobs to send to it."""

    def __init__(self, child: Child, round_: int) -> None:
        super().__init__(child, round_)
        self.channel = Channel(child.pipe)
        self.batch = 2  # how many jobs to have at hand

    def give(self, jobs: list[_Data]) -> None:
        """Give it more to do."""
        self.jobs += jobs
        self.tell([data for _, data in jobs])

    def tell(self, parts: list[bytes]) -> None:
        """Send it a message."""
        with contextlib.suppress(OSError):  # a dead worker is found when it is listened to
            self.channel.send(parts)

    def tell_the_rest(self) -> None:
        """Send what there was no room for."""
        with contextlib.suppress(OSError):
            self.channel.flush()


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
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        workers = available_cores() if workers is None else workers
        if workers < 1:
            raise ParameterError("workers", f" must be >= 1, got {workers!r}")
        if timeout is not None and not timeout > 0:
            raise ParameterError("timeout", f" must be > 0, got {timeout!r}")
        self._crew: Crew[_Data, _Worker] = Crew(
            Batches(function), function, size=workers, timeout=timeout, kind=_Worker
        )
        self._meanwhile = meanwhile
        self._free = True
        self._begin(())

    def _begin(self, jobs: Iterable[_Job]) -> None:
        self._jobs: Iterator[_Job] | None = iter(jobs)
        self._trouble: Exception | None = None  # what the iterator of jobs raised
        self._pulled = 0  # jobs taken from it
        self._due = 0  # the index of the next outcome to hand out
        self._waiting: list[_Data] = []  # a heap: jobs pulled, and with no worker
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
        self._crew.close()

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
            The pool is closed, at another map, or another process's.
        """
        if not self._crew.ours:
            raise ValueError("the pool is of the process that this one was forked from")
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
                    self._done_bytes -= len(data) + _EACH
                    yield self._due, unpickled(data)
                    self._due += 1
                    told = self._looked  # nearly now, and no call of the clock
                    continue
                self._feed()
                if self._due == self._pulled:
                    break
                self._listen(TICK)
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
        if (trouble := self._crew.trouble()) is not None:
            raise trouble
        if self._crew.missing and self._crew.delay:
            seconds = min(seconds, self._crew.delay)
        self._choose_whom_to_hear()
        with _Selector() as selector:
            for worker in self._crew.workers:
                events = selectors.EVENT_READ if worker.listened_to else 0
                events |= selectors.EVENT_WRITE if worker.channel.waits else 0
                if events:
                    selector.register(worker.child.pipe, events, worker)
            if not selector.get_map():  # Windows cannot wait for none
                time.sleep(seconds)
            for key, events in selector.select(seconds) if selector.get_map() else ():
                if events & selectors.EVENT_WRITE:
                    key.data.tell_the_rest()
                if events & selectors.EVENT_READ:
                    self._receive(key.data)
        for worker in self._crew.watch():
            self._lost(worker, 0.0)
        self._looked = time.monotonic()
        if not self._slow:
            self._feed()  # before outcomes are handed out: whoever takes them may take long

    def _choose_whom_to_hear(self) -> None:
        """Choose the workers to listen to.

        Once the buffer is full, that is the one that has the job whose outcome is due: the others
        wait until they are heard.
        """
        workers, full = self._crew.workers, self._done_bytes >= _BUFFER
        if not full or self._due in self._done:
            heard = [] if full else workers
        else:
            heard = [w for w in workers if any(i == self._due for i, _ in w.jobs)] or workers
        for worker in workers:
            worker.listened_to = worker in heard

    def _receive(self, worker: _Worker) -> None:
        try:
            for message in worker.channel.receive():
                if worker.ready:
                    self._finish(worker, message)
                elif not self._crew.opened(worker, message):
                    raise EOFError
        except (EOFError, OSError):
            self._lost(worker, GRACE)  # it is about to end, unless a job has closed the pipe alone
        except Exception:  # nonsense, from a process gone wrong, or more than memory holds
            self._lost(worker, 0.0)

    def _finish(self, worker: _Worker, outcomes: list[bytes]) -> None:
        if len(outcomes) > len(worker.jobs):
            raise ValueError("nobody has asked for this")
        for (index, _), outcome in zip(worker.answers(len(outcomes)), outcomes, strict=True):
            self._keep(index, outcome)
        # As many as it can do in the time between two reports, twice: one to do, one to come.
        worker.batch = min(max(2 * len(outcomes), worker.batch // 2, 2), BATCH)

    def _keep(self, index: int, outcome: bytes) -> None:
        self._done[index] = outcome
        self._done_bytes += len(outcome) + _EACH

    def _lost(self, worker: _Worker, seconds: float) -> None:
        """Let a worker end, by itself in so much time or killed; see to its jobs."""
        worker.end(seconds)
        settlement = self._crew.settle(worker)
        if settlement.blamed is not None:
            self._keep(settlement.blamed[0], pickle.dumps(settlement.verdict))
        for job in settlement.again:
            heapq.heappush(self._waiting, job)

    def _feed(self) -> None:
        """Start workers and send them jobs, as far as there are any."""
        while (self._crew.suspects or self._more()) and (worker := self._crew.start()):
            worker.tell(self._crew.opening())
            suspect = self._crew.suspect_for(worker)
            worker.give([heapq.heappop(self._waiting) if suspect is None else suspect])
        end = time.monotonic() + _BUSY  # jobs that come slowly do not wait for a full batch
        for worker in self._crew.workers:
            if len(worker.jobs) > worker.batch // 2:
                continue
            batch: list[_Data] = []
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
                worker.give(batch)
        self._slow = time.monotonic() > end

    def _more(self) -> bool:
        """Whether there is a job for one more worker."""
        if not self._crew.missing or (job := self._next()) is None:
            return False
        heapq.heappush(self._waiting, job)
        return True

    def _next(self) -> _Data | None:
        """Return a job that no worker has, if one may start now."""
        full = self._done_bytes >= _BUFFER  # then nothing starts but what is due
        if self._waiting:
            may = not full or self._waiting[0][0] == self._due
            return heapq.heappop(self._waiting) if may else None
        if self._jobs is None or (full and self._pulled > self._due):
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
