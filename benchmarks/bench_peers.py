# SPDX-License-Identifier: MIT
"""The recipe's work, 196,608 samples in memory to 128 x 385 pixels: everybody who can do it."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from melpix import demo
from melpix.compare import peers
from melpix.compare.peers import Work
from turns import Jobs, measure, recipes_work, verified

FIELD = (peers.MELPIX, peers.DOUBLE, *peers.PEERS)
OURS = (peers.MELPIX, peers.DOUBLE, peers.LIBROSA)


@cache
def recipe_jobs() -> Jobs:
    return verified(recipes_work(), FIELD)


@cache
def chirp_jobs() -> Jobs:
    """A full-scale chirp: single precision is in doubt nearly everywhere, and computed twice."""
    t = np.arange(demo.SAMPLES) / demo.SR
    y = np.sin(2 * np.pi * (100 + 500 * t) * t).astype(np.float32)
    return verified(Work(y, demo.SR), OURS)


@pytest.mark.parametrize("name", [contender.name for contender in FIELD])
def bench_recipe(benchmark: Any, name: str) -> None:
    measure(benchmark, "recipe", name, recipe_jobs())


@pytest.mark.parametrize("name", [contender.name for contender in OURS])
def bench_chirp(benchmark: Any, name: str) -> None:
    measure(benchmark, "full-scale chirp", name, chirp_jobs())
