# SPDX-License-Identifier: MIT
"""Workers that are programs of their own, where no process can be forked."""

from __future__ import annotations

import contextlib
import mmap
import os
import subprocess
import sys
from collections.abc import Iterable

from melpix.workers.child import SHARED
from melpix.workers.interpreter import command, environment, not_interrupted, pair, shared_memory

_GRACE = 1.0  # seconds in which a process that was killed has ended


class Spawned:
    """A worker that is a program of its own; it ends with the pipe to its standard input."""

    refusal: str | None = None

    def __init__(self, modules: Iterable[str]) -> None:
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            self.pipe, pipe = pair(ours, theirs)
            given: tuple[int, ...]
            about: tuple[int, int | str, list[str]]
            if sys.platform == "win32":
                name = f"melpix-{os.getpid()}-{os.urandom(8).hex()}"
                self._mapped = mmap.mmap(-1, SHARED, tagname=name)
                given, about = (), (0, name, list(modules))
            else:
                memory = shared_memory(theirs)
                self._mapped = mmap.mmap(memory, SHARED)
                given = (pipe.fileno(), memory)
                about = (pipe.fileno(), memory, list(modules))
            self.shared = memoryview(self._mapped).cast("q")
            code = f"from melpix.workers.child import main; main(*{about!a})"
            with not_interrupted():
                self._process = subprocess.Popen(
                    command(code), stdin=subprocess.PIPE, env=environment(), pass_fds=given
                )
            if sys.platform == "win32":
                assert self._process.stdin is not None
                data = pipe.share(self._process.pid)
                self._process.stdin.write(len(data).to_bytes(4, "little") + data)
                self._process.stdin.flush()
            ours.pop_all()

    @property
    def exitcode(self) -> int | None:
        """As of `subprocess`."""
        code: int | None = self._process.returncode
        return code

    def wait(self, seconds: float) -> bool:
        """Wait so long for its end; return whether it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None

    def kill(self, stuck: bool = False) -> None:
        """Kill it."""
        self._process.kill()

    def close(self) -> None:
        """Let go of it; if it has not ended, kill it."""
        self._close()
        if not self.wait(0):
            self._process.kill()
            self.wait(_GRACE)

    def abandon(self) -> None:
        """Let go of it in a fork of the program, whose child it is not."""
        self._close()
        self._process.returncode = 0  # or `Popen` would warn that nobody waits for it

    def _close(self) -> None:
        self.pipe.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.shared.release()
        self._mapped.close()
