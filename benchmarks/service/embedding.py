# SPDX-License-Identifier: MIT
"""What one call of `convert_bytes` costs beyond its parts, and what threads that share it gain.

    python benchmarks/service/embedding.py [--seconds 4] [--rounds 5] [--loop PATH] [--json FILE]

The parts are the calls of the libraries alone, on the same bytes and into memory that is there,
each in a loop of its own where it finds its caches warm: melpix's reader of plain WAVs (a fifth of
what libsndfile's takes, which stands beside it), soxr, the core, isal of the core's scanlines. The
PNG's metadata, chunks and checksums are in no part. The sound is a 5-second WAV of 16 kHz, once for
the recipe, that resamples it to 22,050 Hz, and once for a front-end of its own rate, where nothing
large hides the rest. "in_turn" is a program that does nothing but call the parts one after another.

Then threads, with the recipe: one, as many as cores, and four times as many, sharing one front-end;
and beside them the same loop in C++ with calls of equal length (`benchmarks/cpp/bench_loop.cpp`,
which -DMELPIX_BUILD_BENCHMARKS=ON builds; --loop names it).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from isal import isal_zlib
from load import RATE, SECONDS, sounds

from melpix import Frontend, _core, convert_bytes
from melpix.audio.binary_files import Memory
from melpix.compare.bench import take_turns

Calls = dict[str, Callable[[], Any]]


def parts(data: bytes, f: Frontend) -> Calls:
    """The parts of a conversion, each with what it needs at hand."""
    resampling = f.sr != RATE
    y = np.empty(RATE * SECONDS, np.float32 if resampling else np.int16)

    def decode() -> None:
        sound = _core.open_sound(data)
        assert sound is not None
        sound.read(y)

    def resample() -> Any:
        return soxr.resample(y, RATE, f.sr, "HQ")

    def deflate() -> None:
        isal_zlib.compress(_core.filter_scanlines(image), 1)
        _core.clear_upper_registers()  # or the other parts would pay for it, three times over

    decode()
    signal = resample() if resampling else y
    image = f.image(signal)
    calls: Calls = {"decode": decode}
    if resampling:
        calls["resample"] = resample
    return calls | {
        "core": lambda: f.image(signal, out=image),
        "deflate": deflate,
    }


def libsndfile(data: bytes, f: Frontend) -> Callable[[], Any]:
    y = np.empty(RATE * SECONDS, np.float32 if f.sr != RATE else np.int16)

    def decode() -> None:
        with soundfile.SoundFile(Memory(data)) as sound:
            sound.read(out=y)

    return decode


def overhead(f: Frontend, seconds: float) -> dict[str, Any]:
    """Medians in ms, in turns: all see the same machine."""
    data = sounds(1)[0]
    alone = parts(data, f)
    calls: Calls = {
        "convert_bytes": lambda: convert_bytes(data, f),
        "in_turn": lambda: [call() for call in alone.values()],
        "decode_by_libsndfile": libsndfile(data, f),
        **alone,
    }
    times = take_turns(calls, seconds)
    found = {name: 1000 * statistics.median(t) for name, t in times.items()}
    total = sum(found[name] for name in alone)
    slower = total - found["decode"] + found["decode_by_libsndfile"]
    return {
        **found,
        "ratio": found["convert_bytes"] / total,
        "ratio_to_libsndfile": found["convert_bytes"] / slower,
        "ratio_in_turn": found["convert_bytes"] / found["in_turn"],
    }


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


def loop(path: Path, count: int, seconds: float, call_ms: float) -> dict[str, float]:
    """The same of a loop in C++, of calls that take so long on a thread alone."""
    command = [str(path), str(count), str(seconds), str(1000 * call_ms)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def threaded(seconds: float, rounds: int, path: Path | None) -> dict[str, Any]:
    """Medians over rounds in which each has its turn."""
    cores = len(os.sched_getaffinity(0))
    counts = (1, cores, 4 * cores)
    call_ms = threads(1, seconds)["median_ms"]
    seen: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for count in counts:
            seen.setdefault(f"{count} threads", []).append(threads(count, seconds))
            if path is not None:
                beside = loop(path, count, seconds, call_ms)
                seen.setdefault(f"{count} threads, C++", []).append(beside)
    found: dict[str, Any] = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in seen.items()
    }

    def over_rounds(a: str, b: str, key: str) -> float:
        return statistics.median(x[key] / y[key] for x, y in zip(seen[a], seen[b], strict=True))

    for count in counts:
        here, inside = f"{count} threads", found[f"{count} threads"]
        inside["gain"] = over_rounds(here, "1 threads", "per_second")
        inside["p99_to_median"] = inside["p99_ms"] / inside["median_ms"]
        if path is not None:
            beside = found[f"{here}, C++"]
            beside["gain"] = over_rounds(f"{here}, C++", "1 threads, C++", "per_second")
            inside["p99_to_loop"] = over_rounds(here, f"{here}, C++", "p99_ms")
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop", type=Path, help="the program bench_loop")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {
        "resampled": overhead(Frontend(), options.seconds),
        "at its own rate": overhead(Frontend(sr=RATE), options.seconds),
        **threaded(options.seconds, options.rounds, options.loop),
    }
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
