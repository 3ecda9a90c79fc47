# SPDX-License-Identifier: MIT
"""What pytest-benchmark saved, and the parts that tables and figures of it are made of."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

FLAT_FROM = 10  # seconds of signal

# Where groups come from, by their names. What is missing is told by it.
SUITES = {
    "bench_peers.py": "recipe|full-scale chirp",
    "bench_core.py": "n_fft .*",
    "bench_files.py": ".* to PNG",
    "bench_start.py": "import|cold start",
    "bench_threads.py": "64 clips",
    "bench_clips.py": "0.4 s at 8 kHz",
    "bench_lengths.py": ".* s of signal|melpix by length",
    "bench_png.py": "deflate, .*",
    "bench_presets.py": "preset .*",
    "bench_datasets.py": ".* WAVs at .*|clips of .*|windows of a file|tiny files: .*",
}

Item = TypeVar("Item")


class ResultsError(Exception):
    """A file that holds no results of these benchmarks."""


class MissingError(Exception):
    """What a table or a figure is made of was not measured."""

    def __init__(self, group: str, what: str = "") -> None:
        super().__init__(f'"{group}": {what}' if what else f'"{group}"')
        self.group = group


class Results:
    """What was measured: medians by group and name, and what was noted beside them.

    A group comes whole from the last of the files that has it, so that its ratios are of one run.
    `of` says for each what that file holds of machine, commit and date.

    Whoever asks for what was not measured gets a MissingError; `optional` catches it, and `missing`
    tells of it.
    """

    def __init__(self, *paths: Path) -> None:
        self.groups: dict[str, dict[str, dict[str, Any]]] = {}
        self.of: dict[str, dict[str, Any]] = {}
        self._missing: dict[str, MissingError] = {}
        for path in paths:
            benchmarks, of = _read(path)
            turns: dict[str, dict[str, list[dict[str, Any]]]] = {}
            for benchmark in benchmarks:
                group = turns.setdefault(benchmark["group"], {})
                group.setdefault(benchmark["name"], []).append(benchmark)
            self.groups |= {g: {n: _one(b) for n, b in names.items()} for g, names in turns.items()}
            self.of |= dict.fromkeys(turns, of)

    def benchmark(self, group: str, name: str) -> dict[str, Any]:
        if group not in self.groups:
            raise MissingError(group)
        if name not in self.groups[group]:
            raise MissingError(group, name)
        return self.groups[group][name]

    def median(self, group: str, name: str) -> float:
        return float(self.benchmark(group, name)["stats"]["median"])

    def ratio(self, group: str, name: str, other: str = "melpix") -> float:
        return self.median(group, name) / self.median(group, other)

    def noted(self, group: str, name: str, what: str) -> Any:
        """What a benchmark has noted under a name."""
        extra = self.benchmark(group, name)["extra_info"]
        if what not in extra:
            raise MissingError(group, f"{what} of {name}")
        return extra[what]

    def names(self, group: str) -> list[str]:
        """Return who is in a group: nobody, if it was not measured."""
        with self.optional():
            if group not in self.groups:
                raise MissingError(group)
        return list(self.groups.get(group, ()))

    def like(self, pattern: str) -> list[str]:
        """Return the groups whose whole names match."""
        found = [group for group in self.groups if re.fullmatch(pattern, group)]
        with self.optional():
            if not found:
                raise MissingError(pattern.replace(".*", "..."))
        return found

    @contextlib.contextmanager
    def optional(self) -> Iterator[None]:
        """Leave out what was not measured, and keep in mind that it is missing."""
        try:
            yield
        except MissingError as error:
            self._missing[str(error)] = error

    def missing(self) -> str:
        """Say in a line what was asked for and not measured. Empty: nothing."""
        measured = {suite(group) for group in self.groups}
        suites = dict.fromkeys(suite(error.group) for error in self._missing.values())
        told = [", ".join(file for file in suites if file not in measured)]
        told += [text for text, error in self._missing.items() if suite(error.group) in measured]
        told = list(filter(None, told))
        return f"not measured, and left out: {'; '.join(told)}" if told else ""

    def lengths(self, name: str) -> dict[int, float]:
        """Seconds of signal and the median of each."""
        groups = self.like(".* s of signal")
        found = {int(g.split()[0]): self.median(g, name) for g in groups if name in self.groups[g]}
        if groups and not found:
            raise MissingError("... s of signal", name)
        return dict(sorted(found.items()))

    def melpix_lengths(self) -> dict[int, float]:
        """The same of melpix alone, up to an hour, measured in turns."""
        group = "melpix by length"
        return dict(sorted((int(n.split()[0]), self.median(group, n)) for n in self.names(group)))

    def memory(self) -> dict[int, float]:
        """Seconds of signal and what melpix's image of it takes beside the signal, in bytes.

        Images of minutes find a part of their few megabytes among what the process has freed
        before, so the rate of growth is taken from one that needs next to nothing.
        """
        lengths = [n for n in self.melpix_lengths() if n <= FLAT_FROM or n >= 1000]
        return {n: self.noted("melpix by length", f"{n} s", "bytes") for n in lengths}

    def call_overhead(self) -> float:
        """Seconds that `Frontend.image` takes beyond what the core's own clock counts."""
        of = "0.4 s at 8 kHz", "Frontend.image"
        return float(
            self.median(*of) / self.noted(*of, "calls") - self.noted(*of, "stages_in_core")
        )


def suite(group: str) -> str:
    """Return the name of the file that measures a group."""
    return next((file for file, names in SUITES.items() if re.fullmatch(names, group)), "?")


def _read(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the benchmarks of a file, and what it holds beside them."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise ResultsError(f"{path} is no JSON: {error}") from error
    try:
        benchmarks = raw.pop("benchmarks")
        for benchmark in benchmarks:
            suite(benchmark["group"])  # a text
            _ = benchmark["name"], benchmark["extra_info"]
            _ = [float(benchmark["stats"][number]) for number in ("median", "min", "rounds")]
        _ = [raw["machine_info"][key] for key in ("melpix", "versions", "librosa_fft")]
        _ = raw["commit_info"]["id"], raw["datetime"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        text = f"{path} holds no results of these benchmarks, as --benchmark-json saves them"
        raise ResultsError(f"{text}: {error!r}") from error
    return benchmarks, raw


def _one(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the turn in the middle, with the statistics of all."""
    turns = sorted(turns, key=lambda turn: float(turn["stats"]["median"]))
    stats = dict(turns[len(turns) // 2]["stats"])
    stats["min"] = min(turn["stats"]["min"] for turn in turns)
    stats["rounds"] = sum(turn["stats"]["rounds"] for turn in turns)
    return {**turns[len(turns) // 2], "stats": stats}


@dataclass(frozen=True)
class Figure:
    """What it is, how it is computed, what it must reach if anything, whether the README shows it.

    What a table shows already is not shown again.
    """

    what: str
    value: Callable[[Results], float]
    sign: str = ""
    must: float = 0
    unit: str = ""
    shown: bool = True

    def reached(self, value: float) -> bool:
        return value >= self.must if self.sign == ">=" else value <= self.must


def pair(group: str, name: str, other: str) -> Callable[[Results], float]:
    """How to compute how many times as long one of a group takes as another."""
    return lambda results: results.ratio(group, name, other)


def table(
    results: Results,
    head: Sequence[str],
    items: Iterable[Item],
    cells: Callable[[Item], Sequence[str]],
    text: int = 1,
) -> Iterator[str]:
    """Lines of a table, a row for each item that was measured; none, if none was.

    The first `text` columns stand left, numbers stand right.
    """
    rows = []
    for item in items:
        with results.optional():
            rows.append(row(*cells(item)))
    if rows:
        yield row(*head)
        yield f"|{'---|' * text}{'---:|' * (len(head) - text)}"
        yield from rows


def row(*cells: str) -> str:
    """A line of a table."""
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def time(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 1e-4:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1000 * seconds:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def commit(*runs: dict[str, Any]) -> str:
    """Of which commit the results are; of which, if there are several."""
    infos = [of["commit_info"] for of in runs]
    dirty = " (with uncommitted changes)"
    found = dict.fromkeys(f"{i['id'][:10]}{dirty if i.get('dirty') else ''}" for i in infos)
    return f"commit{'s' * (len(found) > 1)} {' and '.join(found)}"


def processor(of: dict[str, Any]) -> str:
    """What the processor is called; py-cpuinfo does not know all of them."""
    info = of["machine_info"]
    return str(info.get("cpu", {}).get("brand_raw") or info.get("machine") or "?")


def date(*runs: dict[str, Any]) -> str:
    """The day of the results."""
    return " and ".join(dict.fromkeys(of["datetime"][:10] for of in runs))
