# SPDX-License-Identifier: MIT
"""Write the README's tables and plot from results that pytest-benchmark saved.

python benchmarks/report/report.py results.json            the README's section and speed.svg
python benchmarks/report/report.py results.json --musts     what must be reached, and whether it is
python benchmarks/report/report.py results.json --datasets  the tables of bench_datasets.py
python benchmarks/report/report.py results.json --presets   the table of bench_presets.py
python benchmarks/report/report.py results.json --details   every group in full

Several files of results, of suites that ran apart, make one report: a group that two of them have
is the later one's. What was not measured is left out, and named in the last line.

The exit code is 1 if --musts finds one that is not reached (one that was not measured does not
count), 2 if there is nothing to report.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dataset_tables import DATASET_MUSTS, DATASET_PARTS, how_measured
from image_tables import IMAGE_FIGURES, beside_librosa, deflate, everybody, others
from plot import plot, series
from preset_tables import preset_musts, presets
from results import Results, ResultsError, commit, date, processor, suite

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PLOT = ".github/speed.svg"

Part = Callable[[Results], Iterator[str]]


def musts(results: Results) -> tuple[list[str], bool]:
    """The issues' tables: figure, what it must reach, what was measured, and whether it is.

    Beside the lines: whether all that was measured is reached.
    """
    lines, reached = [], []
    for figure in (*IMAGE_FIGURES, *DATASET_MUSTS, *preset_musts(results)):
        if not figure.sign:
            continue
        measured = "not measured"
        with results.optional():
            value = figure.value(results)
            reached.append(figure.reached(value))
            measured = f"{value:8.2f}{figure.unit:5}{'yes' if reached[-1] else 'NO'}"
        lines.append(f"{figure.what:56}{figure.sign:>3} {figure.must:<6g}{measured}")
    if not reached:
        raise ResultsError("nothing was measured that must reach something")
    return lines, all(reached)


def details(results: Results) -> Iterator[str]:
    """Every group, its medians and minima, and what was noted."""
    for group, benchmarks in results.groups.items():
        yield group
        first = next(iter(benchmarks))
        for name, benchmark in benchmarks.items():
            stats, extra = benchmark["stats"], benchmark["extra_info"]
            yield (
                f"  {name:30}{1000 * stats['median']:12.4f}{1000 * stats['min']:12.4f} ms"
                f"{results.ratio(group, name, first):9.3f}{stats['rounds']:5d}  {extra or ''}"
            )


def joined(parts: Iterable[Part], results: Results) -> str:
    """Parts that have lines, with an empty one between them."""
    return "\n\n".join(filter(None, ("\n".join(part(results)) for part in parts)))


def section(results: Results) -> str:
    """What stands between the README's markers. Empty: nothing of it was measured."""
    images = (everybody, beside_librosa, presets, deflate, others, _plot_link)
    parts = [joined(images, results), joined(DATASET_PARTS, results)]
    for i, about in enumerate((_machine, how_measured)):
        if parts[i]:
            parts[i] += f"\n\n{joined([about], results)}"
    return "\n\n".join(filter(None, parts))


def _plot_link(results: Results) -> Iterator[str]:
    if series(results):
        yield f"![Time of one image against the signal's length, everybody]({PLOT})"


def _machine(results: Results) -> Iterator[str]:
    """Processor, versions, commit: one sentence for all runs that differ in no more than commit."""
    alike: dict[str, list[str]] = {}
    for group in results.groups:
        if suite(group) not in ("bench_datasets.py", "?"):
            alike.setdefault(_sentence(results.of[group]), []).append(group)
    for groups in alike.values():
        suites = ", ".join(dict.fromkeys(map(suite, groups)))
        sentence = _sentence(*(results.of[group] for group in groups), exactly=True)
        yield sentence if len(alike) == 1 else f"{suites}: {sentence}"


def _sentence(*runs: dict[str, Any], exactly: bool = False) -> str:
    info = runs[0]["machine_info"]
    config, versions = info["melpix"], info["versions"]
    others = ", ".join(
        f"{name} {number}" for name, number in versions.items() if name not in ("librosa", "isal")
    )
    return (
        f"Medians of one thread of {processor(runs[0])} ({info['system']}, {info['machine']}), "
        f"Python {info['python_version']}; melpix {config['melpix']} "
        f"{f'at {commit(*runs)} ' if exactly else ''}with {config['isa']} kernels and "
        f"{config['deflate']}; librosa {versions.get('librosa', 'not installed')} on "
        f"{info['librosa_fft']}; {others}; {date(*runs) if exactly else ''}."
    )


def write(readme: Path, results: Results) -> str:
    """Replace the README's section, and draw the plot beside it; return the section."""
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ResultsError(f"{readme} must have one pair of markers {BEGIN} ... {END}")
    found = section(results)
    if not found:
        raise ResultsError(f"of the README's tables nothing was measured; {readme} is as it was")
    written = f"{BEGIN}\n\n{found}\n\n{END}"
    text = re.sub(f"{BEGIN}.*{END}", lambda _: written, text, flags=re.S)
    if lines := series(results):
        try:
            plot(lines, readme.parent / PLOT)
        except ImportError as error:
            print(f"{PLOT} is as it was: {error}", file=sys.stderr)
    readme.write_text(text, encoding="utf-8")
    return written


def main(command: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--musts", action="store_true")
    parser.add_argument("--datasets", action="store_true")
    parser.add_argument("--presets", action="store_true")
    parser.add_argument("--details", action="store_true")
    arguments = parser.parse_args(command)
    held = True
    try:
        results = Results(*arguments.results)
        if not results.groups:
            raise ResultsError(f"nothing was measured in {', '.join(map(str, arguments.results))}")
        printed = []
        if arguments.musts:
            lines, held = musts(results)
            printed.append("\n".join(lines))
        if arguments.datasets:
            printed.append(joined(DATASET_PARTS, results))
        if arguments.presets:
            printed.append(joined([presets], results))
        if arguments.details:
            printed.append(joined([details], results))
        print("\n".join(printed) if printed else write(arguments.readme, results))
    except (ResultsError, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 2
    if missing := results.missing():
        print(missing, file=sys.stderr)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
