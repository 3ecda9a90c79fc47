# SPDX-License-Identifier: MIT
"""Figures and tables of what bench_datasets.py measures."""

from __future__ import annotations

from collections.abc import Iterator

from results import Figure, Results, pair, row, time

POOL, TWO, ONE = "the recipe, Pool(2)", "melpix, 2 workers", "melpix, 1 worker"
STARTS = {TWO: "start-up of 2 workers", ONE: "start-up of 1 worker"}
LOOP = "convert_file in a loop"
CLIPS, CLIPS_NATIVE = "3000 WAVs at 22,050 Hz", "3000 WAVs at their own rate"
FEW, MANY = "10000 files", "100000 files"


def pace(results: Results, group: str, name: str, start: bool = False) -> float:
    """Files/s of a dataset's conversion, the start of its workers included or not."""
    seconds = results.median(group, name)
    if name in STARTS and not start:
        seconds -= results.median(group if group == CLIPS_NATIVE else CLIPS, STARTS[name])
    return float(results.extra(group, name)["files"]) / seconds


def shares(results: Results, group: str) -> dict[str, float]:
    """What part of the workers' time each stage of two workers takes."""
    extra = results.extra(group, TWO)
    stages, resample = extra["stages"], extra.get("resample", 0.0)
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
    groups = [group for group in results.groups if group.startswith("tiny files: ")]
    return max(results.ratio(group, MANY, FEW) for group in groups or ["tiny files"]) / 10


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
        lambda results: _megabytes(results, "2 hours") - _megabytes(results, "10 s"),
        "<=",
        60,
        unit=" MB",
    ),
    Figure("time of a file: 100,000 / 10,000 tiny ones, worst phase", per_file, "<=", 1.3),
)


def _megabytes(results: Results, name: str, group: str = "windows of a file") -> float:
    return float(results.extra(group, name)["bytes"]) / 1e6


def datasets(results: Results) -> Iterator[str]:
    """Tables of bench_datasets.py, of what was measured."""
    groups = results.groups
    formats = [group for group in groups if group.startswith("clips of ")]
    tiny = [group for group in groups if group.startswith("tiny files: ")]
    if CLIPS in groups:
        yield from _clips(results)
    if formats:
        yield from _shares(results, [CLIPS, CLIPS_NATIVE, *formats])
    if "windows of a file" in groups:
        yield row("windows of a WAV at 44.1 kHz", "time", "memory of all processes")
        yield "|---|---:|---:|"
        for name in groups["windows of a file"]:
            seconds = results.median("windows of a file", name)
            yield row(name, time(seconds), f"{_megabytes(results, name):.0f} MB")
        yield ""
    if tiny:
        yield row("files of 50 ms", "10,000", "memory", "100,000", "memory")
        yield "|---|---:|---:|---:|---:|"
        for group in tiny:
            cells = [group.removeprefix("tiny files: ")]
            for name in (FEW, MANY):
                cells.append(time(results.median(group, name)))
                cells.append(f"{_megabytes(results, name, group):.0f} MB")
            yield row(*cells)


def _clips(results: Results) -> Iterator[str]:
    yield row(CLIPS.replace("3000", "3,000"), "files/s", "/ recipe", "own rate", "/ recipe")
    yield "|---|---:|---:|---:|---:|"
    for name, start in (
        (TWO, False),
        (TWO, True),
        (ONE, False),
        (ONE, True),
        (LOOP, False),
        (POOL, False),
    ):
        cells = [f"{name}, start included" if start else name]
        for group in (CLIPS, CLIPS_NATIVE):
            ours, theirs = pace(results, group, name, start), pace(results, group, POOL)
            cells += [f"{ours:.0f}", f"{ours / theirs:.1f}"]
        yield row(*cells)
    yield ""


def _shares(results: Results, groups: list[str]) -> Iterator[str]:
    stages = ("decode", "resample", "core", "deflate", "write")
    yield row("2 workers, of whose time", "files/s", "/ recipe", *stages)
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for group in groups:
        ours, theirs = (pace(results, group, name) for name in (TWO, POOL))
        parts = [f"{share:.0%}" for share in shares(results, group).values()]
        yield row(group, f"{ours:.0f}", f"{ours / theirs:.1f}", *parts)
    yield ""


def how_measured(results: Results) -> Iterator[str]:
    """One sentence about those tables, if there are any."""
    if CLIPS not in results.groups:
        return
    of, info = results.of[CLIPS], results.extra(CLIPS, TWO)
    commit = of["commit_info"]
    dirty = " (with uncommitted changes)" if commit["dirty"] else ""
    rounds = results.groups[CLIPS][TWO]["stats"]["rounds"]
    yield (
        f"Medians of {rounds} runs in turns, each a process of its own, files on {info['disk']}; "
        "the recipe's workers are warm, so the start of melpix's is left out where it is not said "
        f"to be included. Memory is that of all processes together. {info['cores']} cores of "
        f"{of['machine_info']['cpu']['brand_raw']}, commit {commit['id'][:10]}{dirty}, "
        f"{of['datetime'][:10]}."
    )
