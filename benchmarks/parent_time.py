#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a file of a data set costs the parent of the workers, in microseconds of its processor time.

benchmarks/parent_time.py                        all rows, 3,000 short WAVs, two workers
benchmarks/parent_time.py --rows png,parquet     some of them
benchmarks/parent_time.py --profile webdataset   where the parent spends it, by function

As many workers as the parent can serve is what bounds a data set's pace on a large machine. A row
is what more files add to a run: that of all files less that of a few, so that start-up is in
neither. `parent` and `workers` are of real runs; `fed` is the parent's part without the pool, whose
outcomes were made before and come pickled. Rows called quiet have no callback for progress.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import ctypes
import gc
import json
import os
import pickle
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from against_side import SUBREAPER, cpu  # noqa: E402

FEW = 100  # files of the run that is subtracted
SCALE: dict[str, Any] = {"scale": "dataset"}
ROWS: dict[str, dict[str, Any]] = {
    "png": {},
    "png-quiet": {"quiet": True},
    "npy": {"format": "npy"},
    "npy-quiet": {"format": "npy", "quiet": True},
    "webdataset": {"format": "webdataset"},
    "parquet": {"format": "parquet"},
    "measure": SCALE,
    "measure-1-99": {**SCALE, "percentiles": (1, 99)},
}


class MeasuredError(Exception):
    """Ends a run whose measuring pass is at its end."""


def run(source: str, target: str, quiet: bool = False, **options: Any) -> float:
    """Return the seconds of this process that a run takes behind the scan."""
    from melpix import convert_dataset
    from melpix.dataset.sources.scan import scan

    found = scan(source)
    measures = options.get("scale") == "dataset"

    def progress(summary: Any, told: Sequence[dict[str, Any]]) -> None:
        if measures and summary.phase != "measure":
            raise MeasuredError

    if options.get("format") == "parquet":
        import pyarrow.parquet

        pyarrow.array([""])  # imports pandas where it is installed, which takes long
    start = time.process_time()
    with contextlib.suppress(MeasuredError):
        convert_dataset(found, target, progress=None if quiet else progress, **options)
    return time.process_time() - start


class Fed:
    """In the pool's place: outcomes that are made beforehand, as the pool hands them out."""

    profile = cProfile.Profile()
    profiled = False
    start = 0.0

    def __init__(self, function: Callable[[Any], Any], **_: Any) -> None:
        self._function = function

    def __enter__(self) -> Fed:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        made = [pickle.dumps(self._function(job)) for job in jobs]
        gc.collect()
        Fed.start = time.process_time()
        if Fed.profiled:
            Fed.profile.enable()
        for index, data in enumerate(made):
            yield index, pickle.loads(data)


def fed(source: str, target: str, **options: Any) -> float:
    """Return the seconds of this process where the outcomes are there already."""
    from melpix.dataset import coordinator, grey_range

    for module in (coordinator, grey_range):
        module.Pool = Fed  # type: ignore[attr-defined]
    run(source, target, **options)
    Fed.profile.disable()
    return time.process_time() - Fed.start


def child(kind: str, row: str, source: str, workers: int) -> None:
    """Say what a run took this process, and how much it has taken in all; or its profile."""
    Fed.profiled = kind == "profile"
    with tempfile.TemporaryDirectory() as target:
        work = run if kind == "real" else fed
        seconds = work(source, f"{target}/out", **ROWS[row], workers=workers)
    if Fed.profiled:
        pstats.Stats(Fed.profile).sort_stats("tottime").print_stats(30)
    else:
        print(json.dumps([seconds, time.process_time()]))


def command(*arguments: str) -> str:
    """Let a process of its own do the work of `child`, and return what it says."""
    everything = [sys.executable, __file__, "--child", *arguments]
    return subprocess.run(everything, check=True, stdout=subprocess.PIPE, text=True).stdout


def measured(kind: str, row: str, source: str, workers: int) -> tuple[float, float]:
    """Return the seconds of the parent, and those of its workers, in a run of its own."""
    start = cpu()
    seconds, all_of_it = json.loads(command(kind, row, source, str(workers)))
    return seconds, cpu() - start - all_of_it


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="the middle one counts")
    parser.add_argument("--profile", choices=ROWS, metavar="ROW")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, row, source, workers = arguments.child
        child(kind, row, source, int(workers))
        return
    from made_clips import write_clips

    if ctypes.CDLL(None).prctl(SUBREAPER, 1):
        raise OSError("the processor time of workers needs Linux")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="melpix-parent-", dir=memory) as inputs:
        os.environ["TMPDIR"] = inputs
        sources = {}
        for count in (FEW, arguments.files):
            sources[count] = f"{inputs}/{count}"
            write_clips(sources[count], count, 8000)
        if arguments.profile:
            print(command("profile", arguments.profile, sources[arguments.files], "1"))
            return
        more = (arguments.files - FEW) / 1e6
        print(f"{'µs a file':16}{'parent':>10}{'workers':>10}{'fed':>10}")
        for row in arguments.rows.split(","):
            found: list[tuple[float, ...]] = []
            for _ in range(arguments.rounds):
                times = []
                for kind in ("real", "fed"):
                    few = measured(kind, row, sources[FEW], arguments.workers)
                    many = measured(kind, row, sources[arguments.files], arguments.workers)
                    times += [(b - a) / more for a, b in zip(few, many, strict=True)]
                found.append(tuple(times[:3]))
            middle = (statistics.median(times) for times in zip(*found, strict=True))
            print(f"{row:16}" + "".join(f"{time:10.1f}" for time in middle), flush=True)


if __name__ == "__main__":
    main()
