# SPDX-License-Identifier: MIT
"""Figures and tables of what bench_datasets.py measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from results import Figure, MissingError, Results, commit, date, pair, processor, suite, table, time

POOL, TWO, ONE = "the recipe, Pool(2)", "melpix, 2 workers", "melpix, 1 worker"
STARTS = {TWO: "start-up of 2 workers", ONE: "start-up of 1 worker"}
LOOP = "convert_file in a loop"
CLIPS, CLIPS_NATIVE = "3000 WAVs at 22,050 Hz", "3000 WAVs at their own rate"
DOWN = "3000 WAVs at .*, to .*"
FORMATS, LONG, TINY = "clips of .*", "windows of a file", "tiny files: .*"
FEW, MANY = "10000 files", "100000 files"
STAGES = ("decode", "resample", "core", "deflate", "write")


def pace(results: Results, group: str, name: str, start: bool = False) -> float:
    """Files/s of a dataset's conversion, the start of its workers included or not."""
    seconds = results.median(group, name)
    if name in STARTS and not start:
        seconds -= results.median(group if group == CLIPS_NATIVE else CLIPS, STARTS[name])
    return float(results.noted(group, name, "files")) / seconds


def beside_recipe(results: Results, group: str, name: str, start: bool = False) -> Sequence[str]:
    """Two cells: files/s, and how many times as many as the recipe's."""
    ours, theirs = pace(results, group, name, start), pace(results, group, POOL)
    return f"{ours:.0f}", f"{ours / theirs:.1f}"


def shares(results: Results, group: str) -> dict[str, float]:
    """What part of the workers' time each stage of two workers takes."""
    stages = results.noted(group, TWO, "stages")
    resample = results.benchmark(group, TWO)["extra_info"].get("resample", 0.0)  # if any
    seconds = {
        "decode": stages["decode"] - resample,
        "resample": resample,
        "core": stages["render"],
        "deflate": stages["encode"],
        "write": stages["write"],
    }
    return {name: value / sum(stages.values()) for name, value in seconds.items()}


def per_file(results: Results) -> float:
    """How many times as long a file takes in 100,000 as in 10,000, in the phase that grows most."""
    phases = results.like(TINY)
    if not phases:
        raise MissingError("tiny files: ...")
    return max(results.ratio(phase, MANY, FEW) for phase in phases) / 10


def megabytes(results: Results, name: str, group: str = LONG) -> float:
    return float(results.noted(group, name, "bytes")) / 1e6


# The table, in its order. Where the recipe's workers are warm, the start of melpix's is
# apart, and so it is where a loop has none.
DATASET_MUSTS = (
    Figure(
        "files/s, 2 workers, 22,050 Hz: melpix / the recipe",
        lambda results: pace(results, CLIPS, TWO) / pace(results, CLIPS, POOL),
        ">=",
        4,
    ),
    Figure(
        "files/s, 2 workers, their own rate: melpix / the recipe",
        lambda results: pace(results, CLIPS_NATIVE, TWO) / pace(results, CLIPS_NATIVE, POOL),
        ">=",
        6,
    ),
    Figure("files/s: 2 workers / 1", pair(CLIPS, ONE, TWO), ">=", 1.7),
    Figure(
        "1 worker / convert_file in a loop",
        lambda results: pace(results, CLIPS, LOOP) / pace(results, CLIPS, ONE),
        "<=",
        1.1,
    ),
    Figure(
        "memory of windows: 2 hours beyond 10 s",
        lambda results: megabytes(results, "2 hours") - megabytes(results, "10 s"),
        "<=",
        60,
        unit=" MB",
    ),
    Figure("time of a file: 100,000 / 10,000 tiny ones, worst phase", per_file, "<=", 1.3),
)


def clips(results: Results) -> Iterator[str]:
    """Short clips: everybody's pace."""

    def cells(who: tuple[str, bool]) -> Sequence[str]:
        name, start = who
        beside = [beside_recipe(results, group, name, start) for group in (CLIPS, CLIPS_NATIVE)]
        return f"{name}, start included" if start else name, *beside[0], *beside[1]

    head = (CLIPS.replace("3000", "3,000"), "files/s", "/ recipe", "own rate", "/ recipe")
    ours = [(name, start) for name in (TWO, ONE) for start in (False, True)]
    yield from table(results, head, [*ours, (LOOP, False), (POOL, False)], cells)


def stages(results: Results) -> Iterator[str]:
    """Clips of all formats: what workers spend their time on."""

    def cells(group: str) -> Sequence[str]:
        parts = shares(results, group)
        beside = beside_recipe(results, group, TWO)
        return group, *beside, *(f"{parts[stage]:.0%}" for stage in STAGES)

    head = ("2 workers, of whose time", "files/s", "/ recipe", *STAGES)
    groups = [CLIPS, CLIPS_NATIVE, *results.like(DOWN), *results.like(FORMATS)]
    yield from table(results, head, groups, cells)


def long(results: Results) -> Iterator[str]:
    """A long file beside a short one."""

    def cells(name: str) -> Sequence[str]:
        return name, time(results.median(LONG, name)), f"{megabytes(results, name):.0f} MB"

    head = ("windows of a WAV at 44.1 kHz", "time", "memory of all processes")
    yield from table(results, head, results.names(LONG), cells)


def tiny(results: Results) -> Iterator[str]:
    """Many files, and ten times as many."""

    def cells(group: str) -> Sequence[str]:
        found = [group.removeprefix("tiny files: ")]
        for name in (FEW, MANY):
            found.append(time(results.median(group, name)))
            found.append(f"{megabytes(results, name, group):.0f} MB")
        return found

    head = ("files of 50 ms", "10,000", "memory", "100,000", "memory")
    yield from table(results, head, results.like(TINY), cells)


def how_measured(results: Results) -> Iterator[str]:
    """A few sentences about those tables, if there are any."""
    runs = [of for group, of in results.of.items() if suite(group) == "bench_datasets.py"]
    if not runs:
        return
    cores, sentences = "", ["Memory is that of all processes together."]
    with results.optional():
        measured: dict[str, Any] = results.benchmark(CLIPS, TWO)
        cores = f"{results.noted(CLIPS, TWO, 'cores')} cores of "
        sentences.insert(
            0,
            f"Medians of {measured['stats']['rounds']} runs in turns, each a process of its own, "
            f"files on {results.noted(CLIPS, TWO, 'disk')}; the recipe's workers are warm, so the "
            "start of melpix's is left out where it is not said to be included.",
        )
    sentences.append(f"{cores}{processor(runs[0])}, {commit(*runs)}, {date(*runs)}.")
    yield " ".join(sentences)


DATASET_PARTS = (clips, stages, long, tiny)
