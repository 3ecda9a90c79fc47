# SPDX-License-Identifier: MIT
"""The process that workers are forked from: it imports once, and has one thread.

The program asks by a socket, which is this process's standard input at its start. Each worker has
a leash, a socket as well: here its number and its exit status are written, and what comes from the
other end, or its end, has the worker killed. So all workers end with the program, whatever ends it;
and they end with this process, for they wait for the end of a pipe whose other end it has.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import mmap
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from melpix.workers import child
from melpix.workers.child import FORK, IMPORT, NUMBER

_DIES_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG


def _prctl() -> Callable[[int, int], object] | None:
    """Return Linux's function of this name; None elsewhere."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes
    except ImportError:  # a Python without it
        return None
    call: Callable[[int, int], object] = ctypes.CDLL(None).prctl
    return call


class _Server:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._number = os.getpid()
        self._prctl = _prctl()
        self._line, self._held = os.pipe()  # workers live as long as one end is held here
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])  # the program may block it
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._leashes: dict[int, socket.socket] = {}  # of workers by number
        self._selector = selectors.PollSelector()  # epoll's state would be the workers' as well
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the program closes its end, or has ended."""
        open_ = True
        while open_:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    open_ = self._request()
                elif key.fileobj == self._woken:
                    os.read(self._woken, 4096)
                    self._reap()
                elif key.data in self._leashes:
                    os.kill(key.data, signal.SIGKILL)  # not reaped yet, so its number is its own
                    self._selector.unregister(key.fileobj)
        for number in self._leashes:
            os.kill(number, signal.SIGKILL)
        for number, leash in self._leashes.items():
            os.waitpid(number, 0)
            leash.close()
        self._selector.close()

    def _request(self) -> bool:
        try:
            request, descriptors, _, _ = socket.recv_fds(self._control, 1, 3)
            if request == FORK:
                self._fork(descriptors)
            elif request == IMPORT:
                size = int.from_bytes(self._control.recv(2, socket.MSG_WAITALL), "little")
                name = self._control.recv(size, socket.MSG_WAITALL).decode()
                with contextlib.suppress(Exception):  # it shows when a worker unpickles its work
                    importlib.import_module(name)
                for stream in (sys.stdout, sys.stderr):  # or each worker would say it once more
                    with contextlib.suppress(AttributeError, OSError, ValueError):
                        stream.flush()
        except ConnectionError:
            return False
        return request != b""

    def _fork(self, descriptors: list[int]) -> None:
        if len(descriptors) < 3:  # no room for more of them: the last one may not have come
            for descriptor in descriptors[1:]:
                os.close(descriptor)
            if descriptors:
                with (
                    contextlib.suppress(OSError),
                    socket.socket(fileno=descriptors[0]) as leash,
                ):
                    leash.send(NUMBER.pack(-errno.EMFILE))
            return
        leash, pipe = (socket.socket(fileno=descriptor) for descriptor in descriptors[:2])
        gc.freeze()  # what is there is shared with the workers, and not written to by them
        try:
            number = os.fork()
        except OSError as error:
            with contextlib.suppress(OSError):
                leash.send(NUMBER.pack(-(error.errno or errno.EAGAIN)))
            leash.close()
        else:
            if number == 0:
                leash.close()
                self._be_worker(pipe, descriptors[2])
            self._leashes[number] = leash
            self._selector.register(leash, selectors.EVENT_READ, number)
            with contextlib.suppress(OSError):
                leash.send(NUMBER.pack(number))
        pipe.close()
        os.close(descriptors[2])

    def _be_worker(self, pipe: socket.socket, memory: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for leash in self._leashes.values():
                leash.close()
            self._control.close()
            for descriptor in (self._held, self._woken, self._wake):
                os.close(descriptor)
            child.follow(self._line)
            if self._prctl is not None:  # one that is stopped, or holds the GIL, ends as well
                self._prctl(_DIES_WITH_PARENT, signal.SIGKILL)
                if os.getppid() != self._number:
                    os._exit(1)
            shared = mmap.mmap(memory, child.SHARED)
            os.close(memory)
            gc.enable()
            child.work(pipe, shared)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for number in list(self._leashes):
            ended, status = os.waitpid(number, os.WNOHANG)
            if not ended:
                continue
            leash = self._leashes.pop(number)
            with contextlib.suppress(KeyError, ValueError):  # killed, and so no more listened to
                self._selector.unregister(leash)
            with contextlib.suppress(OSError):
                leash.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))
            leash.close()


def main() -> None:
    """Be the server."""
    child.ignore_signals()
    gc.disable()  # there is nothing to collect, and it would be looked for at each import
    try:
        control = socket.socket(fileno=os.dup(0))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        server = _Server(control)
    except OSError:  # of too few descriptors: the program has no more, and says so
        os._exit(1)
    with control:
        server.run()
    os._exit(0)  # at once: whoever ends the server waits for that
