# SPDX-License-Identifier: MIT
"""What pytest-benchmark saved, and the parts that tables and figures of it are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLAT_FROM = 10  # seconds of signal


class Results:
    """What was measured: medians by group and name, and what was noted beside them.

    A group comes whole from the last of the files that has it, so that its ratios are of one run.
    `of` says for each what that file holds of machine, commit and date.
    """

    def __init__(self, *paths: Path) -> None:
        self.groups: dict[str, dict[str, dict[str, Any]]] = {}
        self.of: dict[str, dict[str, Any]] = {}
        for path in paths:
            raw = json.loads(path.read_text(encoding="utf-8"))
            turns: dict[str, dict[str, list[dict[str, Any]]]] = {}
            for benchmark in raw.pop("benchmarks"):
                group = turns.setdefault(benchmark["group"], {})
                group.setdefault(benchmark["name"], []).append(benchmark)
            self.groups |= {g: {n: _one(b) for n, b in names.items()} for g, names in turns.items()}
            self.of |= dict.fromkeys(turns, raw)

    def median(self, group: str, name: str) -> float:
        return float(self.groups[group][name]["stats"]["median"])

    def ratio(self, group: str, name: str, other: str = "melpix") -> float:
        return self.median(group, name) / self.median(group, other)

    def extra(self, group: str, name: str) -> dict[str, Any]:
        return dict(self.groups[group][name]["extra_info"])

    def lengths(self, name: str) -> dict[int, float]:
        """Seconds of signal and the median of each."""
        groups = [group for group in self.groups if group.endswith(" s of signal")]
        found = {int(g.split()[0]): self.median(g, name) for g in groups if name in self.groups[g]}
        return dict(sorted(found.items()))

    def melpix_lengths(self) -> dict[int, float]:
        """The same of melpix alone, up to an hour, measured in turns."""
        group = self.groups["melpix by length"]
        return dict(sorted((int(n.split()[0]), self.median("melpix by length", n)) for n in group))

    def memory(self) -> dict[int, float]:
        """Seconds of signal and what melpix's image of it takes beside the signal, in bytes.

        Images of minutes find a part of their few megabytes among what the process has freed
        before, so the rate of growth is taken from one that needs next to nothing.
        """
        extra = {n: self.extra("melpix by length", f"{n} s") for n in self.melpix_lengths()}
        return {n: info["bytes"] for n, info in extra.items() if n <= FLAT_FROM or n >= 1000}

    def call_overhead(self) -> float:
        """Seconds that `Frontend.image` takes beyond what the core's own clock counts."""
        extra = self.extra("0.4 s at 8 kHz", "Frontend.image")
        single = self.median("0.4 s at 8 kHz", "Frontend.image") / extra["calls"]
        return float(single - extra["stages_in_core"])


def _one(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the turn in the middle, with the statistics of all."""
    turns = sorted(turns, key=lambda turn: float(turn["stats"]["median"]))
    stats = dict(turns[len(turns) // 2]["stats"])
    stats["min"] = min(turn["stats"]["min"] for turn in turns)
    stats["rounds"] = sum(turn["stats"]["rounds"] for turn in turns)
    return {**turns[len(turns) // 2], "stats": stats}


@dataclass(frozen=True)
class Figure:
    """What it is, how it is computed, what it must reach, and whether the last table shows it."""

    what: str
    value: Callable[[Results], float]
    sign: str
    must: float
    unit: str = ""
    shown: bool = True

    def reached(self, value: float) -> bool:
        return value >= self.must if self.sign == ">=" else value <= self.must


def pair(group: str, name: str, other: str) -> Callable[[Results], float]:
    """How to compute how many times as long one of a group takes as another."""
    return lambda results: results.ratio(group, name, other)


def row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def time(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 1e-4:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1000 * seconds:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
