# SPDX-License-Identifier: MIT
"""What a worker of a request pool does: one job after the other, each answered at once."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from melpix.workers import messages
from melpix.workers.child import STAGE, STOP

Function: TypeAlias = Callable[[bytes, bytearray], tuple[bytes, bytes]]


class Requests:
    """Answers requests, each a head and a body.

    Parameters
    ----------
    function : Function
    memory : int or None
        Bytes by which this process may grow from when it is ready.
    """

    def __init__(self, function: Function, memory: int | None) -> None:
        self._function, self._memory = function, memory

    def begin(self) -> None:
        """Get the function ready, by its method ``warm`` if there is one; limit the memory."""
        _silence_decoders()
        warm: Any = getattr(self._function, "warm", None)
        if warm is not None:
            warm()
        if self._memory is not None:
            _limit_memory(self._memory)

    def run(self, pipe: socket.socket, shared: memoryview) -> None:
        """Answer until the program closes the socket, or says stop."""
        while True:
            head, body = messages.receive(pipe)
            if shared[STOP]:
                return
            shared[STAGE] += 1
            answer = self._function(bytes(head), body)
            shared[STAGE] += 1
            messages.send(pipe, answer)


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
