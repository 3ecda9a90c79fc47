# SPDX-License-Identifier: MIT
"""The core beside librosa: sizes of the FFT, types of samples, instruction sets."""

from functools import cache
from typing import Any

import numpy as np
import pytest

import melpix
from melpix import demo
from melpix.compare import peers
from turns import Jobs, check, measure, recipes_work, verified

# The usual ones of speech and music, the recipe's, the largest of librosa's examples, a prime.
SIZES = (
    (400, 160),
    (450, 225),
    (512, 256),
    (514, 257),
    (1018, 509),
    (1024, 512),
    (1102, 551),
    (2048, 512),
    (4096, 1024),
    (17640, 441),
    (1021, 256),
)
ISAS = (melpix.show_config(mode="dicts") or {})["available_isas"]
PRECISIONS = ("single", "double")


@cache
def size_jobs(n_fft: int, hop_length: int) -> Jobs:
    work = recipes_work(n_fft=n_fft, hop_length=hop_length)
    return verified(work, (peers.MELPIX, peers.LIBROSA))


@pytest.mark.parametrize("name", ["melpix", "librosa"])
@pytest.mark.parametrize(("n_fft", "hop_length"), SIZES)
def bench_size(benchmark: Any, n_fft: int, hop_length: int, name: str) -> None:
    group = f"n_fft {n_fft}, hop {hop_length}"
    measure(benchmark, group, name, size_jobs(n_fft, hop_length), rounds=30)


@cache
def type_jobs() -> Jobs:
    """The same samples each time; a stereo file has them twice."""
    pcm = demo.sound()
    signals = {
        "float32": (pcm / 32768).astype(np.float32),
        "int16": pcm,
        "float64": pcm / 32768,
        "int16, interleaved stereo": np.repeat(pcm, 2).reshape(-1, 2).T,
    }
    f = melpix.Frontend()
    expected = peers.librosa(recipes_work())()
    for y in signals.values():
        check(f.image(y), expected)
    return {name: (lambda y=y: f.image(y)) for name, y in signals.items()}


@pytest.mark.parametrize("name", ["float32", "int16", "float64", "int16, interleaved stereo"])
def bench_type(benchmark: Any, name: str) -> None:
    measure(benchmark, "sample types", name, type_jobs())


@cache
def isa_jobs() -> Jobs:
    work = recipes_work()
    expected = peers.librosa(work)()
    jobs: Jobs = {}
    for isa in ISAS:
        for precision in PRECISIONS:
            job = peers.melpix(isa, precision=precision)(work)
            check(job(), expected)
            jobs[f"{isa}, {precision}"] = job
    return jobs


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("isa", ISAS)
def bench_isa(benchmark: Any, isa: str, precision: str) -> None:
    measure(benchmark, "instruction sets", f"{isa}, {precision}", isa_jobs())
