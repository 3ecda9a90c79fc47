# SPDX-License-Identifier: MIT
"""Many signals in one call: 64 clips of the recipe's length in one thread and in two.

Other processes that take one of two cores halve what two threads can do. So each round, of one
thread as of two, begins when two cores are free.
"""

import os
from functools import cache
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, demo
from turns import Jobs, TwoCores, measure


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


cores = cache(TwoCores)


@pytest.mark.parametrize("threads", [1, 2])
def bench_threads(benchmark: Any, threads: int) -> None:
    jobs = thread_jobs()
    measure(benchmark, "64 clips", f"threads={threads}", jobs, rounds=40, wait=cores().wait)
    benchmark.extra_info["cores"] = os.cpu_count()
    benchmark.extra_info |= cores().found()
