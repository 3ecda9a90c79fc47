# SPDX-License-Identifier: MIT
"""What is said of a job that has no result, and how a process ended, in words."""

from __future__ import annotations

import signal
import traceback
from dataclasses import dataclass

_MESSAGE = 10_000  # characters of an error


@dataclass(frozen=True, slots=True)
class Failed:
    """The function raised an exception, or its result could not be pickled."""

    error: str
    traceback: str

    def __str__(self) -> str:
        return self.error

    @staticmethod
    def by(error: BaseException) -> Failed:
        """Return what is kept of an exception."""
        traceback.clear_frames(error.__traceback__)  # their variables may hold much memory
        return Failed(
            "".join(traceback.format_exception_only(error)).strip()[:_MESSAGE],
            "".join(traceback.format_exception(error))[-_MESSAGE:],
        )


@dataclass(frozen=True, slots=True)
class Crashed:
    """The job ended its process. As in `subprocess`, ``-n`` stands for signal n."""

    exitcode: int | None

    def __str__(self) -> str:
        return ending(self.exitcode)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The job took longer than it may, and was killed."""

    seconds: float

    def __str__(self) -> str:
        return f"not done after {self.seconds:g} s"


def ending(exitcode: int | None) -> str:
    """Say in words how a process ended.

    Examples
    --------
    >>> ending(-9), ending(3)
    ('killed by SIGKILL', 'exit code 3')
    """
    if exitcode is None:
        return "how it ended is not known"
    if exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return f"killed by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"killed by signal {-exitcode}"
