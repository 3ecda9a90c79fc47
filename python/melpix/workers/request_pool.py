# SPDX-License-Identifier: MIT
"""Worker processes for an asyncio program: each job is answered, whatever it does to its worker.

`batch_pool.Pool` maps over many jobs and gathers their outcomes. Here somebody waits for each job,
so jobs and answers are sent at once, over a socket that the event loop watches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, TypeAlias, cast

from melpix.workers import messages
from melpix.workers.crew import GRACE, TICK, Crew, Worker
from melpix.workers.outcomes import Crashed, TimedOut
from melpix.workers.request_worker import Function, Requests

_AHEAD = 4  # jobs that a worker has: with fewer it runs dry while others have the event loop's core

_Answer: TypeAlias = tuple[bytes, bytes] | Crashed | TimedOut | None


class UnavailableError(Exception):
    """The pool is closed, or was before the job was done."""


class _Job:
    """A head, a body, and whoever waits for the answer."""

    __slots__ = ("body", "future", "head")

    def __init__(self, head: bytes, body: bytes | bytearray) -> None:
        self.head, self.body = head, body
        self.future: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()

    def answer(self, answer: _Answer) -> None:
        """Tell whoever waits, if anybody still does."""
        if not self.future.done():
            self.future.set_result(answer)


class _Worker(Worker[_Job]):
    """A worker, and what the event loop has of it."""

    transport: asyncio.Transport

    @property
    def has_room(self) -> bool:
        """Whether one more job may be sent to it."""
        trial = self.on_trial and not self.answered  # nobody else's job is to suffer
        return self.ready and len(self.jobs) < (1 if trial else _AHEAD)

    def give(self, job: _Job) -> None:
        """Send it a job."""
        self.jobs.append(job)
        self.transport.write(messages.packed([job.head, job.body]))


class Pool:
    """Processes that answer jobs for one event loop.

    Parameters
    ----------
    function : callable
        Takes a job's head and body, returns the two parts of an answer; it can be pickled. It must
        not raise. Its method ``warm``, if there is one, is called before a worker is ready.
    workers : int >= 1
        Processes.
    timeout : float > 0 [s]
        What one job may take. Then its worker is killed and replaced.
    memory : int or None
        Bytes by which a worker may grow; more is a MemoryError in it. (Not on Windows.)
    """

    def __init__(
        self, function: Function, *, workers: int, timeout: float, memory: int | None = None
    ) -> None:
        work = Requests(function, memory)
        self._crew: Crew[_Job, _Worker] = Crew(
            work, function, size=workers, timeout=timeout, kind=_Worker
        )
        self._waiting: deque[_Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()  # a worker is ready, or has ended
        self._open = False
        self.restarts = 0

    @property
    def ready(self) -> int:
        """How many workers take jobs."""
        return sum(worker.ready for worker in self._crew.workers)

    async def open(self) -> None:
        """Start the workers, and wait until each has imported what it needs.

        Raises
        ------
        RuntimeError
            They do not start.
        """
        self._open = True
        self._fill()
        while self._crew.missing or not all(worker.ready for worker in self._crew.workers):
            if (trouble := self._crew.trouble()) is not None:
                await self.close()
                raise trouble
            if self._crew.gives_up and self.ready:
                break  # the others are tried again later
            await self._changed.wait()
            self._changed.clear()

    def submit(self, head: bytes, body: bytes | bytearray) -> asyncio.Future[_Answer]:
        """Have a job done. Whoever gives it up sets its result to None: it may be left out then.

        Raises
        ------
        UnavailableError
            The pool has been closed; or the future does, if it is later.
        """
        if not self._open:
            raise UnavailableError
        job = _Job(head, body)
        self._waiting.append(job)
        self._dispatch()
        return job.future

    async def close(self) -> None:
        """End the workers: at once those that are idle, after a second the others."""
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        workers = self._crew.workers
        for job in [
            *self._waiting,
            *self._crew.suspects,
            *(job for w in workers for job in w.jobs),
        ]:
            if not job.future.done():
                job.future.set_exception(UnavailableError())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in workers:
            if hasattr(worker, "transport"):
                worker.transport.close()
        await asyncio.to_thread(self._crew.close)

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _fill(self) -> None:
        """Start the workers that are missing, or have that tried again later."""
        while self._open and (worker := self._crew.start()):
            self._do(self._connect(worker))
        self._watch_soon()

    async def _connect(self, worker: _Worker) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Line(self, worker), sock=worker.child.pipe)
        except OSError:
            if not hasattr(worker, "transport"):  # else its protocol is told of the end
                self.lose(worker)
            return
        worker.transport.write(messages.packed(self._crew.opening()))

    def _watch_soon(self) -> None:
        """Look at the workers in a while, if there is anything to see."""
        crew = self._crew
        if self._timer is None and (
            crew.missing or any(w.jobs or not w.ready for w in crew.workers)
        ):
            self._timer = asyncio.get_running_loop().call_later(TICK, self._watch)

    def _watch(self) -> None:
        self._timer = None
        for worker in self._crew.watch():
            if hasattr(worker, "transport"):
                worker.transport.abort()  # which is followed by `lose`
        self._changed.set()
        self._fill()

    def _dispatch(self) -> None:
        """Send jobs to workers that have room."""
        crew = self._crew
        for worker in crew.workers:
            if worker.fresh and (suspect := crew.suspect_for(worker)) is not None:
                worker.give(suspect)
        while self._waiting:
            # Those that start are for suspects, if there are any left.
            free = [w for w in crew.workers if w.has_room and not (w.fresh and crew.suspects)]
            if not free:
                break
            job = self._waiting.popleft()
            if not job.future.done():  # else nobody waits for it any more
                min(free, key=lambda w: len(w.jobs)).give(job)
        self._watch_soon()

    def hear(self, worker: _Worker, message: list[bytes]) -> None:
        """Take a message of a worker's.

        Raises
        ------
        Exception
            It is nonsense, from a process gone wrong; or says that the worker cannot start.
        """
        if not worker.ready:
            if not self._crew.opened(worker, message):
                raise EOFError
            self._changed.set()
        else:
            head, body = message
            (job,) = worker.answers()
            job.answer((head, body))
        self._dispatch()

    def lose(self, worker: _Worker) -> None:
        """Replace a worker that has ended, and see to its jobs."""
        if self._open:
            worker.ready = False
            self._do(self._replace(worker))

    async def _replace(self, worker: _Worker) -> None:
        await asyncio.to_thread(worker.end, 0.0 if worker.late else GRACE)
        settlement = self._crew.settle(worker)
        if settlement.blamed is not None:
            settlement.blamed.answer(settlement.verdict)
        self._waiting.extendleft(reversed(settlement.again))
        self.restarts += 1
        self._changed.set()
        self._fill()
        self._dispatch()


class _Line(asyncio.BufferedProtocol):
    """What the event loop tells of a worker's socket."""

    def __init__(self, pool: Pool, worker: _Worker) -> None:
        self._pool, self._worker = pool, worker
        self._inbox = messages.Inbox()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._worker.transport = cast(asyncio.Transport, transport)  # uvloop's is none by name

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._inbox.room()

    def buffer_updated(self, size: int) -> None:
        try:
            for message in self._inbox.arrived(size):
                self._pool.hear(self._worker, message)
        except Exception:
            self._worker.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.lose(self._worker)
