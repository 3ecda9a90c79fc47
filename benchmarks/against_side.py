# SPDX-License-Identifier: MIT
"""One side of `benchmarks/against`, in a process of its own: a row's work, when it is told.

The melpix of either side is used as programs use it, by what it makes public, so that the two may
be of any shape inside.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

WARM = 0.05  # seconds of work before the first that counts
SUBREAPER = 36  # of prctl(2): whose parent ends, becomes this process's child

Job = Callable[[], Any]


class Row(NamedTuple):
    """A line of the table."""

    what: str
    plan: Callable[[str, str], Job]
    """Takes the folder of inputs and one for results, and returns the work."""
    alone: bool = True
    """In one thread of one core, and short; if not, it has all cores, and seconds."""


def image(inputs: str, results: str) -> Job:
    import melpix

    y, _ = melpix.load(f"{inputs}/demo.wav")
    frontend = melpix.Frontend()
    return lambda: frontend.image(y)


def plan(inputs: str, results: str) -> Job:
    import melpix

    fmin = itertools.count(1)  # another front-end each time: whoever keeps plans has not this one
    return lambda: melpix.Frontend(fmin=next(fmin) * 1e-4)


def file(name: str) -> Callable[[str, str], Job]:
    def plan(inputs: str, results: str) -> Job:
        import melpix

        source, target, frontend = f"{inputs}/{name}", f"{results}/0.png", melpix.Frontend()
        return lambda: melpix.convert_file(source, target, frontend)

    return plan


def dataset(clips: str, sr: int, workers: int) -> Callable[[str, str], Job]:
    def plan(inputs: str, results: str) -> Job:
        command = [sys.executable, "-m", "melpix", "convert", f"{inputs}/{clips}"]
        command += ["--sr", str(sr), "--workers", str(workers), "-o"]
        run = itertools.count()

        def convert() -> None:
            out = f"{results}/{next(run)}"
            subprocess.run([*command, out], check=True, capture_output=True, cwd=results)

        return convert

    return plan


ROWS = {
    "image": Row("the recipe's image", image),
    "plan": Row("planning a front-end", plan),
    "wav": Row("convert_file, WAV of 9 s", file("demo.wav")),
    "flac": Row("convert_file, FLAC of 9 s, 44.1 kHz, stereo", file("demo.flac")),
    "clips": Row("WAVs of 8 to 22.05 kHz, 2 workers", dataset("8000", 22050, 2), False),
    "clips-1": Row("WAVs of 8 to 22.05 kHz, 1 worker", dataset("8000", 22050, 1), False),
    "down": Row("WAVs of 44.1 to 22.05 kHz, 2 workers", dataset("44100", 22050, 2), False),
    "down-1": Row("WAVs of 44.1 to 22.05 kHz, 1 worker", dataset("44100", 22050, 1), False),
}


def make_inputs(folder: str, clips: int) -> None:
    import numpy as np
    import soundfile
    import soxr

    from made_clips import write_clips

    subprocess.run([sys.executable, "-m", "melpix", "demo", "-o", folder], check=True, stdout=-3)
    y, sr = soundfile.read(f"{folder}/demo.wav")
    y = soxr.resample(y, sr, 44100).clip(-1, 1)
    soundfile.write(f"{folder}/demo.flac", np.stack([y, 0.5 * np.roll(y, 441)], axis=1), 44100)
    for rate in (8000, 44100):
        write_clips(f"{folder}/{rate}", clips, rate)


def cpu() -> float:
    """Return the seconds that processors worked for this process and all below it.

    A fork server is left by its parent: this process adopts it, and waits for it and its own.
    """
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


CLOCKS = {"wall": time.perf_counter, "cpu": cpu}


def repeat(job: Job, calls: int, clock: Callable[[], float]) -> float:
    """Return the middle one of the seconds that calls take."""
    seconds = []
    for _ in range(calls):
        start = clock()
        job()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def main(name: str, inputs: str, clocks_name: str) -> None:
    """Say the seconds that a call takes about; then, for each line, of so many calls."""
    row, clock = ROWS[name], CLOCKS[clocks_name]
    if clock is cpu and not row.alone and ctypes.CDLL(None).prctl(SUBREAPER, 1):
        raise OSError("the clock of processors needs Linux")
    if row.alone and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(dir=inputs) as results:
        job = row.plan(inputs, results)
        seconds, start = 0.0, time.perf_counter()
        while row.alone and time.perf_counter() - start < WARM:
            seconds = repeat(job, 1, clock)
        gc.collect()
        gc.freeze()
        print(seconds, flush=True)
        for calls in sys.stdin:
            print(repeat(job, int(calls), clock), flush=True)


def about() -> dict[str, Any]:
    import melpix

    return {"file": melpix.__file__, "isa": melpix.show_config(mode="dicts")["isa"]}


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "about":
        print(json.dumps(about()))
    elif what == "inputs":
        make_inputs(arguments[0], int(arguments[1]))
    else:
        main(what, *arguments)
