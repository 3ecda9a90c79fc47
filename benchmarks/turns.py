# SPDX-License-Identifier: MIT
"""How every suite measures: verified, in turns as `melpix bench` has them, for the same time."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from melpix import demo, load
from melpix.compare import peers
from melpix.compare.bench import compare, take_turns
from melpix.compare.peers import Contender, Job, UnableError, Work

SECONDS = 1.5
"""What each of a group's contenders takes, roughly."""

Jobs = dict[str, Job | UnableError]


class Clock:
    """The clock that pytest-benchmark reads: time as it passes, or times that were taken before."""

    def __init__(self) -> None:
        self._told: float | None = None

    def __call__(self) -> float:
        return time.perf_counter() if self._told is None else self._told

    def tell(self, benchmark: Any, seconds: Sequence[float]) -> None:
        """Have a benchmark take so many seconds in its rounds."""
        rounds = iter(seconds)

        def one_round() -> None:
            assert self._told is not None
            self._told += next(rounds)

        self._told = 0.0
        try:
            benchmark.pedantic(one_round, rounds=len(seconds))
        finally:
            self._told = None


clock = Clock()

_taken: dict[str, dict[str, list[float]]] = {}  # the seconds of each call, by group and name


def measure(
    benchmark: Any,
    group: str,
    name: str,
    jobs: Jobs,
    rounds: int = 60,
    wait: Callable[[], None] = lambda: None,
) -> None:
    """Time one job of a group: the whole group in turns, when the first of it is asked for.

    Parameters
    ----------
    benchmark : the fixture of pytest-benchmark
    group, name : str
        A group's name stands for the same jobs in all suites.
    jobs : dict
        The group's.
    rounds : int
        The most of them.
    wait : callable
        A call that counts begins when it returns.
    """
    job = jobs[name]
    if isinstance(job, UnableError):
        pytest.skip(f"{name} {job}")
    benchmark.group, benchmark.name = group, name
    if benchmark.disabled:
        benchmark(job)
        return
    if group not in _taken:
        able = {key: other for key, other in jobs.items() if callable(other)}
        _taken[group] = take_turns(able, SECONDS * len(able), rounds=rounds, wait=wait)
    clock.tell(benchmark, _taken[group][name])


class TwoCores:
    """Waits until two cores are free: until two bare loops at once take no longer than one.

    What happens during a round counts all the same, and so does a round that has waited in vain.

    Parameters
    ----------
    patience : float
        Seconds to wait in all.
    megabytes : int
        How much a loop works through, at half a millisecond each. A short one finds a gap between
        the turns of others: enough for a round that is short too.
    """

    TOLERANCE = 1.2

    def __init__(self, patience: float = 20.0, megabytes: int = 1) -> None:
        self._left = patience
        self._data = bytes(megabytes << 20)
        self._alone = min(self._loops(1) for _ in range(max(5, 50 // megabytes)))
        self.rounds = self.free = 0

    def wait(self) -> None:
        start = time.perf_counter()
        self.rounds += 1
        while not (free := self._loops(2) <= self.TOLERANCE * self._alone):
            if time.perf_counter() - start > self._left:
                break
        self.free += free
        self._left -= time.perf_counter() - start

    def found(self) -> dict[str, float]:
        """In what part of the rounds two cores were free when they began, if there were any."""
        return {"two_cores_free": self.free / self.rounds} if self.rounds else {}

    def _loops(self, count: int) -> float:
        """Seconds that so many threads take at once, each for the same. (Hashing needs no GIL.)"""
        seconds = [0.0] * count
        together = threading.Barrier(count)

        def loop(i: int) -> None:
            together.wait()
            start = time.perf_counter()
            hashlib.sha256(self._data)
            seconds[i] = time.perf_counter() - start

        threads = [threading.Thread(target=loop, args=(i,)) for i in range(1, count)]
        for thread in threads:
            thread.start()
        loop(0)
        for thread in threads:
            thread.join()
        return max(seconds)


def check(image: Any, expected: Any, equal: float = 0.999) -> None:
    """Refuse to time what does something else: at most one grey level apart, almost nowhere."""
    apart = compare(image, expected)
    assert apart.within(equal=equal), apart


def verified(work: Work, field: tuple[Contender, ...], equal: float = 0.999) -> Jobs:
    """Plan contenders for a work, and compare their images with librosa's."""
    jobs: Jobs = {}
    expected: dict[str, Any] = {}
    for contender in field:
        scale = contender.mel_scale
        try:
            job, image = peers.first(contender, work)
        except UnableError as error:
            jobs[contender.name] = error
            continue
        if scale is not None:
            if scale not in expected:
                expected[scale] = peers.librosa(work, htk=scale == "htk")()
            check(image, expected[scale], equal)
        jobs[contender.name] = job
    return jobs


def temporary_folder() -> Path:
    """A folder that goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="melpix-benchmark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def recipes_work(**parameters: Any) -> Work:
    """The recipe's work, 196,608 float32 samples, or the same signal with other parameters."""
    return Work((demo.sound() / 32768).astype(np.float32), demo.SR, **parameters)


def kind_of_sounds() -> str:
    """What `recordings` returns."""
    return "recordings" if os.environ.get("MELPIX_TEST_AUDIO") else "made sounds"


@cache
def recordings() -> tuple[Any, ...]:
    """Up to four sounds at 22050 Hz: recordings where MELPIX_TEST_AUDIO is set, else made ones."""
    if folder := os.environ.get("MELPIX_TEST_AUDIO"):
        files = sorted(Path(folder).glob("*.ogg"))
        assert files, f"{folder} holds no .ogg"
        return tuple(load(file, sr=demo.SR, duration=9.0)[0] for file in files[:4])
    sound = (demo.sound() / 32768).astype(np.float32)
    return sound, sound[::-1].copy()
