# SPDX-License-Identifier: MIT
"""What a push costs: 10 s at 16 kHz, 10 ms at a time, beside the same sound at once.

Every round pushes it all, so a round of 1000 pushes that takes 5 ms is 5 µs a push, and 2000 times
real time: `extra_info` has both. Frames of 25 ms, so that nearly every push completes a column.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, Stream, demo
from turns import Jobs, measure

SR, HOP, SECONDS = 16_000, 160, 10
SPEECH = {"sr": SR, "n_fft": 400, "hop_length": HOP, "n_mels": 80, "range": (-20, 5)}
KALDI = {"n_fft": 512, "win_length": 400, "framing": "snip", "window": "povey", "remove_dc": True}
KALDI |= {"preemphasis": 0.97, "mel_scale": "kaldi", "norm": None}


def sound() -> Any:
    return np.resize(demo.sound(), SECONDS * SR)


def tone() -> Any:
    """A full-scale one: every frame has bands that are computed again in double precision."""
    return np.round(32767 * np.sin(0.3 * np.arange(SECONDS * SR))).astype(np.int16)


CASES: dict[str, tuple[dict[str, Any], str, Any]] = {
    "features": (SPEECH, "features", sound),
    "features in double precision": (SPEECH | {"precision": "double"}, "features", sound),
    "features as Kaldi's": (SPEECH | KALDI, "features", sound),
    "features of a full-scale tone": (SPEECH, "features", tone),
    "PCEN": (SPEECH | {"compress": "pcen"}, "features", sound),
    "mel": (SPEECH, "mel", sound),
    "image": (SPEECH, "image", sound),
}
WAYS = ("10 ms at a time", "10 ms at a time, int16", "nothing, as often", "at once", "no stream")


def pushes(stream: Stream, chunks: list[Any]) -> Callable[[], None]:
    def run() -> None:
        stream.reset()
        for chunk in chunks:
            stream.push(chunk)
        stream.flush()

    return run


@cache
def stream_jobs(case: str) -> Jobs:
    parameters, kind, samples = CASES[case]
    f, pcm = Frontend(**parameters), samples()
    y = (pcm / 32768).astype(np.float32)
    chunks = {
        "10 ms at a time": np.split(y, len(y) // HOP),
        "10 ms at a time, int16": np.split(pcm, len(y) // HOP),
        "at once": [y],
    }
    whole = getattr(f, kind)
    jobs: Jobs = {}
    for way, parts in chunks.items():
        stream = f.stream(kind)
        columns = [*map(stream.push, parts), stream.flush()]
        np.testing.assert_array_equal(np.concatenate(columns, axis=1), whole(y))
        jobs[way] = pushes(stream, parts)
    nothing, idle = y[:0], f.stream(kind)
    jobs["nothing, as often"] = lambda: [idle.push(nothing) for _ in range(len(y) // HOP)]
    jobs["no stream"] = lambda: whole(y)
    return jobs


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def bench_stream(benchmark: Any, case: str, way: str) -> None:
    measure(benchmark, f"stream of {case}", way, stream_jobs(case), rounds=40)
    parameters, kind, _ = CASES[case]
    stream = Frontend(**parameters).stream(kind)
    benchmark.extra_info.update(latency=stream.latency, nbytes=stream.nbytes)
    if benchmark.stats is None:  # nothing was timed
        return
    median = benchmark.stats.stats.median
    benchmark.extra_info["real_time_factor"] = median / SECONDS
    if "10 ms" in way or "nothing" in way:
        benchmark.extra_info["microseconds_a_push"] = 1e6 * median / (SECONDS * SR // HOP)
