# SPDX-License-Identifier: MIT
"""What one call of `convert_bytes` costs beyond its parts, and what threads that share it gain.

    python benchmarks/embedding.py [--seconds 4]

The parts are the calls of the libraries alone, on the same bytes: libsndfile's into memory that is
there, the core's into an image that is there, isal's of its scanlines. A 5-second WAV of 16 kHz at
its own rate: where something is resampled as well, the rest weighs less. Then threads, with the
recipe at 22,050 Hz: as many as cores, and four times as many, sharing one front-end.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from isal import isal_zlib

from load import RATE, SECONDS, sounds
from melpix import Frontend, _core, convert_bytes


def parts(data: bytes, f: Frontend) -> dict[str, Callable[[], Any]]:
    y = np.empty(RATE * SECONDS, np.int16)

    def decode() -> None:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            sound.read(out=y)

    decode()
    image = f.image(y)
    return {
        "decode": decode,
        "core": lambda: f.image(y, out=image),
        "filter, deflate": lambda: isal_zlib.compress(_core.filter_scanlines(image), 1),
    }


def overhead(seconds: float) -> dict[str, Any]:
    """Medians in ms, in turns of fifty calls: all see the same machine."""
    data, f = sounds(1)[0], Frontend(sr=RATE)
    calls = {"convert_bytes": lambda: convert_bytes(data, f), **parts(data, f)}
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            for _ in range(50):
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    found = {name: 1000 * statistics.median(t) for name, t in times.items()}
    alone = sum(found.values()) - found["convert_bytes"]
    return {**found, "ratio": found["convert_bytes"] / alone}


def threads(count: int, seconds: float) -> dict[str, float]:
    """Calls a second, and the times of single calls, of so many threads."""
    data, f = sounds(4), Frontend()
    times: list[list[float]] = [[] for _ in range(count)]
    together = threading.Barrier(count)

    def work(i: int) -> None:
        together.wait()
        end = time.perf_counter() + seconds
        while (start := time.perf_counter()) < end:
            convert_bytes(data[i % len(data)], f)
            times[i].append(time.perf_counter() - start)

    running = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    single = np.concatenate(times) * 1000
    return {
        "per_second": len(single) / seconds,
        "median_ms": float(np.median(single)),
        "p99_ms": float(np.percentile(single, 99)),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    seconds = parser.parse_args().seconds
    cores = len(os.sched_getaffinity(0))
    found: dict[str, Any] = {"overhead": overhead(seconds)}
    for count in (1, cores, 4 * cores):
        found[f"{count} threads"] = threads(count, seconds)
    one = found["1 threads"]["per_second"]
    for count in (cores, 4 * cores):
        found[f"{count} threads"]["gain"] = found[f"{count} threads"]["per_second"] / one
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
