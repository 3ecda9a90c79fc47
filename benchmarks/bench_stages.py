# SPDX-License-Identifier: MIT
"""Where the core's time goes: the stages of one image, for every instruction set."""

import statistics
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from bench_core import ISAS
from turns import Jobs, measure, recipes_work

Samples = dict[str, list[dict[str, float]]]


@cache
def stage_jobs() -> tuple[Jobs, Samples]:
    work = recipes_work()
    samples: Samples = defaultdict(list)
    jobs: Jobs = {}
    for isa in ISAS:
        f = work.frontend(isa)
        jobs[isa] = lambda isa=isa, f=f: samples[isa].append(f.profile(work.y))
    return jobs, samples


@pytest.mark.parametrize("isa", ISAS)
def bench_stages(benchmark: Any, isa: str) -> None:
    jobs, samples = stage_jobs()
    measure(benchmark, "stages", isa, jobs)
    benchmark.extra_info["stages"] = {
        stage: statistics.median(sample[stage] for sample in samples[isa])
        for stage in samples[isa][0]
    }
