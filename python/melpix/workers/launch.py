# SPDX-License-Identifier: MIT
"""Starts worker processes and ends them, and leaves the program that asks for it as it was."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import weakref
from collections.abc import Iterable
from typing import Protocol

from melpix.workers import forked
from melpix.workers.forked import Forked
from melpix.workers.spawned import Spawned

METHOD = "fork" if hasattr(os, "fork") and hasattr(socket, "send_fds") else "spawn"

_children: weakref.WeakSet[Forked | Spawned] = weakref.WeakSet()


class Child(Protocol):
    """A worker process, of whichever kind."""

    pipe: socket.socket
    """The program's end of what messages travel by."""
    shared: memoryview
    """The numbers that `child` describes."""
    refusal: str | None
    """Why the system has started no process."""

    @property
    def exitcode(self) -> int | None:
        """As of `subprocess`; None while it runs, and where nobody knows it."""

    def wait(self, seconds: float) -> bool:
        """Wait so long for its end; return whether it has ended."""

    def kill(self, stuck: bool = False) -> None:
        """Have it killed, and do not wait for it.

        If it is stuck in its start, what starts it is killed as well.
        """

    def close(self) -> None:
        """Let go of it; if it has not ended, it is killed."""

    def abandon(self) -> None:
        """Let go of it in a fork of the program, whose child it is not."""


def start(modules: Iterable[str]) -> Child:
    """Start a worker; it imports some modules and waits for its work.

    Raises
    ------
    OSError
        The system refuses.
    RuntimeError
        There is no Python to start.
    """
    child: Forked | Spawned = Forked(modules) if METHOD == "fork" else Spawned(modules)
    _children.add(child)
    return child


def prepare(*modules: str) -> None:
    """Begin to start what workers are copied from, so that it imports while others work.

    Parameters
    ----------
    modules : str
        Names of those whose functions pools are going to apply.
    """
    if METHOD == "fork":
        # If it fails, it fails again when the workers start, and is reported there.
        with contextlib.suppress(OSError, RuntimeError):
            forked.prepare(modules)


def _begin_in_child() -> None:
    """Let go, in a forked process, of what keeps its parent's workers alive."""
    global _children
    children, _children = list(_children), weakref.WeakSet()
    for child in children:
        child.abandon()
    forked.abandon()


atexit.register(forked.end)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
