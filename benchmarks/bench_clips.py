# SPDX-License-Identifier: MIT
"""What a call costs beside its work: 0.4 s at 8 kHz, a spoken digit.

A single call is too short for the clock: each round makes CALLS of them.
"""

import statistics
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from melpix import demo, spectrogram_image
from melpix.compare import peers
from melpix.compare.peers import Work
from turns import Jobs, check, measure

CALLS = 50
NAMES = ("Frontend.image", "the binding alone", "spectrogram_image", "librosa")


def repeat(call: Callable[[], Any]) -> Callable[[], None]:
    def calls() -> None:
        for _ in range(CALLS):
            call()

    return calls


@cache
def clip_jobs() -> Jobs:
    y = (demo.sound()[80_000:83_200] / 32768).astype(np.float32)
    work = Work(y, 8000)
    f = work.frontend()
    singles: dict[str, Callable[[], Any]] = {
        "Frontend.image": lambda: f.image(y),
        "the binding alone": lambda: f._impl.image(y)[0],
        "spectrogram_image": lambda: spectrogram_image(y, 8000),
        "librosa": peers.librosa(work),
    }
    for single in singles.values():
        check(single(), singles["librosa"]())
    return {name: repeat(single) for name, single in singles.items()}


@cache
def stages_in_core() -> float:
    """The sum of the stages as the core's own clock has it: the C++ call alone."""
    work = Work((demo.sound()[80_000:83_200] / 32768).astype(np.float32), 8000)
    f = work.frontend()
    return statistics.median(sum(f.profile(work.y).values()) for _ in range(1000))


@pytest.mark.parametrize("name", NAMES)
def bench_clip(benchmark: Any, name: str) -> None:
    benchmark.extra_info.update(calls=CALLS, stages_in_core=stages_in_core())
    measure(benchmark, "0.4 s at 8 kHz", name, clip_jobs(), rounds=40)
