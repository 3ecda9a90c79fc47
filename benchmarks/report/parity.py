# SPDX-License-Identifier: MIT
"""Measure how far every preset is from its reference, and write the README's table of it.

MELPIX_TEST_AUDIO=../shared/audio python benchmarks/report/parity.py      the README's section
MELPIX_TEST_AUDIO=../shared/audio python benchmarks/report/parity.py NAME  rows of some presets

What is not installed has no row's figures: the extra `references` brings all there is.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "python")]

import signals  # noqa: E402
from melpix import Frontend, __version__  # noqa: E402
from melpix.compare.peers import UnableError  # noqa: E402
from melpix.compare.references import REFERENCES  # noqa: E402
from melpix.compare.verify import Pair, distance  # noqa: E402
from melpix.frontend.presets import PRESETS  # noqa: E402
from reference import pipeline  # noqa: E402

BEGIN, END = "<!-- parity: begin -->", "<!-- parity: end -->"
SECONDS = 20  # of each recording: the float64 formulas take a gigabyte for Riffusion's


@dataclass
class Row:
    """The greatest distances of a preset on all signals, and how many pixels are equal."""

    name: str
    reference: str = ""
    unable: str = ""
    most: float = 0.0
    total: float = 0.0
    features: int = 0
    equal: float = 0.0
    of_allowed: float = 0.0
    reference_stray: float = 0.0
    stray: float = 0.0
    single: float = 0.0

    def add(self, y: Any, double: Frontend, single: Frontend, both: Pair) -> None:
        """Compare on one signal."""
        exact = pipeline.features(y, **PRESETS[self.name].parameters)
        features = both.frontend.features(y)
        self.stray = max(self.stray, _apart(features, exact))
        self.single = max(self.single, _apart(single.features(y), double.features(y)))
        expected = both.reference.features(y)
        self.reference_stray = max(self.reference_stray, _apart(expected, exact))
        apart = distance(both, y, expected, self.name, 0.0)
        self.most = max(self.most, apart.max)
        self.of_allowed = max(self.of_allowed, apart.of_allowed)
        self.total += apart.mean * features.size
        self.features += features.size
        self.equal += apart.identical * features.size

    def cells(self) -> list[str]:
        # What no test compares with the models' own code.
        name = f"{self.name}, unverified" if PRESETS[self.name].unverified else self.name
        if self.unable:
            return [name, self.unable, *6 * [""]]
        # Rounded down: what is not quite equal never reads as 100 %.
        equal = int(self.equal / self.features * 100_000) / 1000
        return [
            name,
            self.reference,
            f"{self.most:.1e}",
            f"{self.total / self.features:.1e}",
            f"{equal:.3f} %",
            f"{self.reference_stray:.1e}",
            f"{self.stray:.1e}",
            f"{self.single:.1e}",
        ]


def _apart(a: Any, b: Any) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(np.float64) - b).max(initial=0))


def sounds(sr: int) -> Iterator[Any]:
    """Seeded signals, and the beginnings of all recordings, at one rate."""
    made = signals.synthetic(10 * sr, sr)
    yield from (made["noise"], made["speech-like"], np.zeros(10 * sr, np.float32))
    for path in signals.recordings():
        y, _ = signals.load_recording(path, sr)
        yield y[: SECONDS * sr]


def measure(name: str) -> Row:
    """Compare one preset on everything."""
    reference, preset = REFERENCES[name], PRESETS[name]
    versions = ", ".join(f"{package} {number}" for package, number in reference.versions().items())
    row = Row(name, versions or "formulas, float64")
    try:
        reference.ready()
    except UnableError as error:
        row.unable = str(error)
        return row
    frontend, double, single = (
        Frontend.from_preset(name, **precision)
        for precision in ({}, {"precision": "double"}, {"precision": "single"})
    )
    both = Pair(name, frontend, reference, preset.tolerance)
    for y in sounds(reference.sr):
        row.add(y, double, single, both)
    return row


def table(names: list[str]) -> Iterator[str]:
    """The table, row by row as it is measured."""
    yield (
        "| preset | reference | max \\|Δ\\| | mean \\|Δ\\| | pixels equal | reference from float64 "
        "| melpix from float64 | single from double |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for name in names:
        # What is fast rather than exact unless asked: both.
        row = measure(name)
        yield f"| {' | '.join(row.cells())} |"
        if row.of_allowed > 1:
            sys.exit(f"{row.name} is {row.of_allowed:.2g} times as far off as is allowed")


def machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.strip()
    dirty = " (with uncommitted changes)" if changed else ""
    return (
        f"melpix {__version__} at commit {commit}{dirty}, NumPy {version('numpy')}; "
        f"{len(signals.recordings())} recordings, of each {SECONDS} s at most, and 10 s each of "
        f"noise, of what resembles speech, and of silence; {date.today()}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", help="print these alone: parts of names")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    arguments = parser.parse_args()
    if not os.environ.get("MELPIX_TEST_AUDIO"):
        sys.exit("MELPIX_TEST_AUDIO must name a folder of recordings")
    warnings.simplefilter("ignore")  # others' affairs
    wanted = [name for name in PRESETS if any(part in name for part in arguments.presets or [name])]
    lines = []
    for line in table(wanted):
        lines.append(line)
        print(line, flush=True)
    if arguments.presets:
        return
    text = arguments.readme.read_text(encoding="utf-8")
    written = "\n".join([BEGIN, "", *lines, "", machine(), "", END])
    text, count = re.subn(f"{BEGIN}.*?{END}", lambda _: written, text, flags=re.S)
    if count != 1:
        sys.exit(f"{arguments.readme} must have one pair of markers {BEGIN} ... {END}")
    arguments.readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
