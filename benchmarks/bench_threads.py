# SPDX-License-Identifier: MIT
"""Many signals in one call: 64 clips of the recipe's length in one thread and in two.

Other processes that take one of two cores halve what two threads can do. So each round, of one
thread as of two, begins when two cores are free: when two bare loops at once take no longer than
one. What happens during a round counts, and how often there was nothing to wait for is noted.
"""

import hashlib
import os
import threading
import time
from functools import cache
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, demo
from turns import Jobs, measure


@cache
def thread_jobs() -> Jobs:
    f, sound = Frontend(), (demo.sound() / 32768).astype(np.float32)
    clips = [np.roll(sound, 3000 * k) for k in range(64)]
    expected = [f.image(clip) for clip in clips]
    jobs: Jobs = {}
    for threads in (1, 2):
        for image, single in zip(f.images(clips, threads=threads), expected, strict=True):
            assert np.array_equal(image, single)
        jobs[f"threads={threads}"] = lambda threads=threads: f.images(clips, threads=threads)
    return jobs


class TwoCores:
    """Waits for two free cores, for `PATIENCE` seconds in all."""

    PATIENCE, TOLERANCE = 20.0, 1.2

    def __init__(self) -> None:
        self._left = self.PATIENCE
        self._data = bytes(1 << 20)
        self._alone = min(self._loops(1) for _ in range(50))
        self.rounds = self.free = 0

    def wait(self) -> None:
        start = time.perf_counter()
        self.rounds += 1
        while not (free := self._loops(2) <= self.TOLERANCE * self._alone):
            if time.perf_counter() - start > self._left:
                break
        self.free += free
        self._left -= time.perf_counter() - start

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


@pytest.mark.parametrize("threads", [1, 2])
def bench_threads(benchmark: Any, threads: int) -> None:
    cores = TwoCores()
    measure(benchmark, "64 clips", f"threads={threads}", thread_jobs(), rounds=40, wait=cores.wait)
    benchmark.extra_info["cores"] = os.cpu_count()
    if cores.rounds:
        benchmark.extra_info["two_cores_free"] = cores.free / cores.rounds
