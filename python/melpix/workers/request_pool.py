# SPDX-License-Identifier: MIT
"""Worker processes for an asyncio program: each job is answered, whatever it does to its worker.

`batch_pool.Pool` maps over many jobs and gathers their outcomes. Here somebody waits for each job,
so jobs and answers are sent at once, over a socket that the event loop watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias, cast

from melpix.workers import process
from melpix.workers.child import METHOD, Crashed, TimedOut, follow_parent, inheritance

Function: TypeAlias = Callable[[bytes, bytearray], tuple[bytes, bytes]]

_AHEAD = 4  # jobs that a worker has: with fewer it runs dry while others have the event loop's core

_LENGTHS = struct.Struct("<QQ")  # of a message's two parts

_GRACE = 1.0  # seconds in which a process may end by itself

_START = 60.0  # seconds in which the first workers must be ready

_PATIENCE = 5.0  # seconds between two attempts to start a worker, at most


class UnavailableError(Exception):
    """The pool is closed, or was before the job was done."""


class _Job:
    """A head, a body, and whoever waits for the answer."""

    __slots__ = ("answer", "body", "head", "suspect")

    def __init__(self, head: bytes, body: bytes | bytearray, answer: asyncio.Future[Any]) -> None:
        self.head, self.body, self.answer = head, body, answer
        self.suspect = False  # a worker has died of it, or beside it


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
        self._function, self._size = pickle.dumps(function), workers
        self.timeout, self._memory = timeout, memory
        self._home = type(function).__module__
        self._waiting: deque[_Job] = deque()
        self._suspects: deque[_Job] = deque()
        self._workers: list[_Worker] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures = 0  # workers in succession that were never ready
        self._open = False
        self.restarts = 0

    @property
    def ready(self) -> int:
        """How many workers take jobs."""
        return sum(worker.ready for worker in self._workers)

    async def open(self) -> None:
        """Start the workers, and wait until each has imported what it needs.

        Raises
        ------
        RuntimeError
            They do not start.
        """
        if METHOD == "forkserver":
            context = multiprocessing.get_context(METHOD)
            context.set_forkserver_preload([__name__, self._home])
        self._open = True
        await asyncio.gather(*(self._start() for _ in range(self._size)))
        end = time.monotonic() + _START
        while self.ready < self._size:
            if self._failures or time.monotonic() > end:
                await self.close()
                raise RuntimeError("worker processes do not start")
            await asyncio.sleep(0.01)

    def submit(
        self, head: bytes, body: bytes | bytearray
    ) -> asyncio.Future[tuple[bytes, bytes] | Crashed | TimedOut | None]:
        """Have a job done. Whoever gives it up sets its result to None: it may be left out then.

        Raises
        ------
        UnavailableError
            The pool has been closed; or the future does, if it is later.
        """
        if not self._open:
            raise UnavailableError
        job = _Job(head, body, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._dispatch()
        return job.answer

    async def close(self) -> None:
        """End the workers: at once those that are idle, after a second the others."""
        self._open = False
        for task in self._tasks:
            task.cancel()
        workers, self._workers = self._workers, []
        jobs = [*self._waiting, *self._suspects, *(job for w in workers for job in w.jobs)]
        for job in jobs:
            if not job.answer.done():
                job.answer.set_exception(UnavailableError())
        for worker in workers:
            worker.transport.close()
        await asyncio.gather(*(asyncio.to_thread(worker.end, _GRACE) for worker in workers))

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            with contextlib.suppress(OSError):  # as much as the system grants
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        context: Any = multiprocessing.get_context(METHOD)
        arguments = (theirs, self._function, self._memory)
        child: BaseProcess = context.Process(target=_work, args=arguments, daemon=True)
        try:
            await asyncio.to_thread(_begin, child)
        finally:
            theirs.close()
        worker = _Worker(self, child)
        self._workers.append(worker)
        await asyncio.get_running_loop().create_connection(lambda: worker, sock=ours)

    def _dispatch(self) -> None:
        """Send jobs to workers that have room."""
        while self._suspects:
            # Alone, and as the first of a worker: then nobody else can have done the damage.
            fresh = next((w for w in self._workers if w.ready and not w.used), None)
            if fresh is None:
                break
            fresh.send(self._suspects.popleft())
        while self._waiting:
            kept = len(self._suspects)  # workers that start will be for these
            free = [w for w in self._workers if w.ready and w.has_room and (w.used or not kept)]
            if not free:
                return
            job = self._waiting.popleft()
            if not job.answer.done():  # else nobody waits for it any more
                min(free, key=lambda w: len(w.jobs)).send(job)

    def _lost(self, worker: _Worker, timed_out: bool) -> None:
        """Replace a worker that has ended, and see to its jobs."""
        if not self._open or worker not in self._workers:
            return
        self._workers.remove(worker)
        self._failures = 0 if worker.was_ready else self._failures + 1
        task = asyncio.ensure_future(self._replace(worker, timed_out))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, worker: _Worker, timed_out: bool) -> None:
        await asyncio.to_thread(worker.end, 0.0 if timed_out else _GRACE)
        jobs = list(worker.jobs)
        if jobs:
            job = jobs.pop(0)
            if timed_out:
                _answer(job, TimedOut(self.timeout))
            elif job.suspect:
                _answer(job, Crashed(worker.process.exitcode))
            else:
                job.suspect = True
                self._suspects.append(job)
        self._waiting.extendleft(reversed(jobs))
        self._dispatch()
        if self._failures:
            await asyncio.sleep(min(_PATIENCE, 0.1 * 2**self._failures))
        self.restarts += 1
        try:
            await self._start()
        except (OSError, EOFError, RuntimeError):  # no memory, no descriptors: it may get better
            self._failures += 1
            task = asyncio.ensure_future(self._replace_later())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _replace_later(self) -> None:
        while self._open:
            await asyncio.sleep(min(_PATIENCE, 0.1 * 2**self._failures))
            with contextlib.suppress(OSError, EOFError, RuntimeError):
                await self._start()
                return
            self._failures += 1


def _answer(job: _Job, answer: Any) -> None:
    if not job.answer.done():
        job.answer.set_result(answer)


class _Worker(asyncio.Protocol):
    """A process as the event loop sees it."""

    transport: asyncio.Transport

    def __init__(self, pool: Pool, child: BaseProcess) -> None:
        self._pool, self.process = pool, child
        self.jobs: deque[_Job] = deque()  # sent and not answered
        self.ready = self.was_ready = self.used = False
        self._heard = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._timed_out = False

    @property
    def has_room(self) -> bool:
        return len(self.jobs) < (1 if self.jobs and self.jobs[0].suspect else _AHEAD)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by name

    def send(self, job: _Job) -> None:
        self.used = True
        self.jobs.append(job)
        self.transport.writelines([_LENGTHS.pack(len(job.head), len(job.body)), job.head, job.body])
        if len(self.jobs) == 1:
            self._watch()

    def _watch(self) -> None:
        """Give the foremost job its time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.jobs:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pool.timeout, self._expire)

    def _expire(self) -> None:
        self._timed_out = True
        self.process.kill()  # the socket tells when it is gone
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) >= _LENGTHS.size:
            head, body = _LENGTHS.unpack_from(self._heard)
            start, end = _LENGTHS.size, _LENGTHS.size + head + body
            if len(self._heard) < end:
                return
            if not self.ready:  # the first message says that it is
                self.ready = self.was_ready = True
                self._pool._failures = 0
            elif self.jobs:
                answer = (
                    bytes(self._heard[start : start + head]),
                    bytes(memoryview(self._heard)[start + head : end]),
                )
                _answer(self.jobs.popleft(), answer)
                self._watch()
            else:  # nonsense, from a process gone wrong
                self.transport.abort()
                return
            del self._heard[:end]
            self._pool._dispatch()

    def connection_lost(self, error: Exception | None) -> None:
        self.ready = False
        if self._timer is not None:
            self._timer.cancel()
        self._pool._lost(self, self._timed_out)

    def end(self, seconds: float) -> None:
        """Make sure that the process has ended."""
        self.process.join(seconds)
        self.process.kill()
        self.process.join(_GRACE)


def _begin(child: BaseProcess) -> None:
    with inheritance():
        child.start()


# --- in the worker -----------------------------------------------------------------------------


def _work(pipe: socket.socket, function: bytes, memory: int | None) -> None:
    """Answer jobs until the parent closes the socket or dies."""
    for signum in (signal.SIGINT, signal.SIGTERM):  # a terminal, or systemd, sends them to all
        signal.signal(signum, signal.SIG_IGN)
    threading.Thread(target=follow_parent, daemon=True).start()
    process.one_thread()
    _silence_decoders()
    call: Any = pickle.loads(function)
    if hasattr(call, "warm"):
        call.warm()
    if memory is not None:
        _limit_memory(memory)
    with contextlib.suppress(OSError, EOFError):
        _send(pipe, b"", b"")
        while True:
            head, body = _LENGTHS.unpack(_receive(pipe, _LENGTHS.size))
            _send(pipe, *call(bytes(_receive(pipe, head)), _receive(pipe, body)))


def _silence_decoders() -> None:
    """Let what decoders print, in C, go nowhere; what Python prints goes on to the log."""
    with contextlib.suppress(OSError):
        sys.stderr = open(os.dup(2), "w", buffering=1)  # noqa: SIM115
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _limit_memory(memory: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = now + memory if hard == resource.RLIM_INFINITY else min(now + memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _receive(pipe: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        taken = pipe.recv_into(view[at:], size - at, getattr(socket, "MSG_WAITALL", 0))
        if taken == 0:
            raise EOFError
        at += taken
    return data


def _send(pipe: socket.socket, head: bytes, body: bytes) -> None:
    pipe.sendall(_LENGTHS.pack(len(head), len(body)) + head + body)
