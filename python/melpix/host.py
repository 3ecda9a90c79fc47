# SPDX-License-Identifier: MIT
"""What other libraries do to a program that forks or ends while its threads are in them."""

from __future__ import annotations

import atexit
import os
import sys
import threading

from melpix import _core

_PATIENCE = 1.0  # seconds

_quiet = threading.Condition()

_calls = 0  # of threads inside `until_done`

_ending: int | None = None  # the thread that ends the program

_ended = False  # whether it has waited for them


class until_done:  # noqa: N801
    """Let a program end before or after a call, not in the middle of it.

    soxr lets go of the GIL, and when it asks for it again after the interpreter's end, nanobind has
    the process aborted. So the end waits for calls under way; and who comes then waits for the end,
    but not for ever: an exit handler of the program's may be waiting for that thread.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        global _calls
        with _quiet:
            if _ending not in (None, threading.get_ident()):
                # (The last call under way notifies the thread that ends the program, and this one
                # as well: it must not go on.)
                _quiet.wait_for(lambda: _ended)
                _quiet.wait_for(lambda: False, _PATIENCE)
            _calls += 1

    def __exit__(self, *exception: object) -> None:
        global _calls
        with _quiet:
            _calls -= 1
            if _calls == 0 and _ending is not None:
                _quiet.notify_all()


def find_numpy() -> None:
    """Have the core find NumPy, before a thread needs an array of its.

    The binding does that once and lets go of the GIL, and a program that ended meanwhile would
    crash.
    """
    with until_done():
        _core.find_numpy()


def _end() -> None:
    global _ending, _ended
    with _quiet:
        _ending = threading.get_ident()
        _quiet.wait_for(lambda: _calls == 0)
        _ended = True
        _quiet.notify_all()


def _begin_in_child() -> None:
    """Let go of what threads of the parent held: they are not here."""
    global _quiet, _calls, _ending, _ended
    _quiet, _calls, _ending, _ended = threading.Condition(), 0, None, False
    _core.count_fork()
    # soundfile (since 0.14) opens one file at a time: libsndfile has one place for the reason of a
    # failure.
    soundfile = sys.modules.get("soundfile")
    if soundfile is not None and hasattr(soundfile.SoundFile, "_sf_error_lock"):
        soundfile.SoundFile._sf_error_lock = threading.Lock()


atexit.register(_end)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
