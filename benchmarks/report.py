# SPDX-License-Identifier: MIT
"""Write the README's tables and plot from results that pytest-benchmark saved.

python benchmarks/report.py results.json             the README's section and .github/speed.svg
python benchmarks/report.py results.json --musts     what must be reached, and whether it is
python benchmarks/report.py results.json --datasets  the tables of bench_datasets.py
python benchmarks/report.py results.json --presets   the table of bench_presets.py
python benchmarks/report.py results.json --details   every group in full
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import operator
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PLOT = ".github/speed.svg"

LIBROSA, FILE_LIBROSA = "librosa", "librosa, scikit-image"
TORCHAUDIO, AUDIOFLUX, FFTW = "torchaudio", "audioflux, HTK's mel scale", "bare FFTs (FFTW)"
DECODER = "decoder alone"
SIZES = (
    "400, hop 160",
    "512, hop 256",
    "1024, hop 512",
    "1102, hop 551",
    "2048, hop 512",
    "4096, hop 1024",
    "17640, hop 441",
    "1021, hop 256",
)
WAV, FLAC = "WAV, 22.05 kHz, 16 bit", "FLAC, 44.1 kHz, stereo"
MP3, OGG = "MP3, 44.1 kHz, stereo", "OGG Vorbis, 44.1 kHz, stereo"
FLAT_FROM = 10  # seconds of signal

POOL, TWO, ONE = "the recipe, Pool(2)", "melpix, 2 workers", "melpix, 1 worker"
STARTS = {TWO: "start-up of 2 workers", ONE: "start-up of 1 worker"}
LOOP = "convert_file in a loop"
CLIPS, CLIPS_NATIVE = "3000 WAVs at 22,050 Hz", "3000 WAVs at their own rate"
FEW, MANY = "10000 files", "100000 files"


class Results:
    """What was measured: medians by group and name, and what was noted beside them."""

    def __init__(self, path: Path) -> None:
        self.raw = json.loads(path.read_text(encoding="utf-8"))
        turns: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for benchmark in self.raw["benchmarks"]:
            group = turns.setdefault(benchmark["group"], {})
            group.setdefault(benchmark["name"], []).append(benchmark)
        self.groups = {g: {n: _one(b) for n, b in names.items()} for g, names in turns.items()}

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

    def pace(self, group: str, name: str, kind: str = "median", start: bool = False) -> float:
        """Files/s of a dataset's conversion, the start of its workers included or not."""
        seconds = float(self.groups[group][name]["stats"][kind])
        if name in STARTS and not start:
            seconds -= float(self.groups[CLIPS][STARTS[name]]["stats"][kind])
        return float(self.extra(group, name)["files"]) / seconds

    def shares(self, group: str) -> dict[str, float]:
        """What part of the workers' time each stage of two workers takes."""
        extra = self.extra(group, TWO)
        stages, resample = extra["stages"], extra.get("resample", 0.0)
        seconds = {
            "decode": stages["decode"] - resample,
            "resample": resample,
            "core": stages["render"],
            "deflate": stages["encode"],
            "write": stages["write"],
        }
        return {name: value / sum(stages.values()) for name, value in seconds.items()}

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


def spread(costs: dict[int, float]) -> float:
    """How many times as much the dearest further second costs as the cheapest."""
    points = [(n, cost) for n, cost in costs.items() if n >= FLAT_FROM]
    rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(points)]
    return max(rates) / min(rates)


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


def recipe(name: str) -> Callable[[Results], float]:
    return lambda results: results.ratio("recipe", name)


def size(n_fft: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(f"n_fft {n_fft}", LIBROSA)


def file(kind: str, theirs: str, ours: str = "melpix") -> Callable[[Results], float]:
    return lambda results: results.ratio(f"{kind} to PNG", theirs, ours)


def pair(group: str, name: str, other: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(group, name, other)


# The table, in its order.
MUSTS = (
    Figure("the recipe in librosa / melpix", recipe(LIBROSA), ">=", 14, shown=False),
    Figure("torchaudio / melpix", recipe(TORCHAUDIO), ">=", 6, shown=False),
    Figure("audioflux / melpix", recipe(AUDIOFLUX), ">=", 4, shown=False),
    Figure("melpix / FFTW's bare FFTs", pair("recipe", "melpix", FFTW), "<=", 1.1),
    Figure("librosa / melpix at n_fft 400", size("400, hop 160"), ">=", 8, shown=False),
    Figure("librosa / melpix at n_fft 2048", size("2048, hop 512"), ">=", 8, shown=False),
    Figure("librosa / melpix at n_fft 17640", size("17640, hop 441"), ">=", 6, shown=False),
    Figure("librosa / melpix at n_fft 1021", size("1021, hop 256"), ">=", 3, shown=False),
    Figure("the recipe / melpix, WAV to PNG", file(WAV, FILE_LIBROSA), ">=", 8, shown=False),
    Figure("FLAC to PNG / its decoder alone", file(FLAC, "melpix", DECODER), "<=", 1.45),
    Figure("MP3 to PNG / its decoder alone", file(MP3, "melpix", DECODER), "<=", 1.6),
    Figure(
        "images of 64 clips, one thread / two",
        pair("64 clips", "threads=1", "threads=2"),
        ">=",
        1.8,
    ),
    Figure(
        "image of 0.4 s at 8 kHz, beyond the C++ call",
        lambda results: 1e6 * results.call_overhead(),
        "<=",
        5,
        unit=" µs",
    ),
    Figure(
        "import melpix / import numpy", pair("import", "import melpix", "import numpy"), "<=", 1.25
    ),
    Figure(
        "the recipe as a script / melpix convert",
        pair("cold start", "recipe as a script", "melpix convert"),
        ">=",
        8,
        shown=False,
    ),
    Figure(
        "time of a further second, 10 s to 1 h: most / least",
        lambda results: spread(results.melpix_lengths()),
        "<=",
        1.2,
    ),
    Figure(
        "memory of a further second, 10 s to 1 h: most / least",
        lambda results: spread(results.memory()),
        "<=",
        1.2,
    ),
)


def per_file(results: Results) -> float:
    """How many times as long a file takes in 100,000 as in 10,000, in the phase that grows most."""
    groups = [group for group in results.groups if group.startswith("tiny files: ")]
    return max(results.ratio(group, MANY, FEW) for group in groups or ["tiny files"]) / 10


# The same of datasets, from its own issue. Where the recipe's workers are warm, melpix's start is
# apart; where melpix is compared with itself, it counts.
DATASET_MUSTS = (
    Figure(
        "files/s, 2 workers, 22,050 Hz: melpix / the recipe",
        lambda results: results.pace(CLIPS, TWO) / results.pace(CLIPS, POOL),
        ">=",
        4,
    ),
    Figure(
        "files/s, 2 workers, their own rate: melpix / the recipe",
        lambda results: results.pace(CLIPS_NATIVE, TWO) / results.pace(CLIPS_NATIVE, POOL),
        ">=",
        6,
    ),
    Figure("files/s: 2 workers / 1", pair(CLIPS, ONE, TWO), ">=", 1.7),
    Figure(
        "1 worker / convert_file in a loop",
        lambda results: results.pace(CLIPS, LOOP) / results.pace(CLIPS, ONE),
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


def preset_musts(results: Results) -> list[Figure]:
    """Each preset must be faster than its reference, and much faster than one in NumPy."""
    return [
        Figure(
            f"{group}: {results.extra(group, 'reference')['kind']} / melpix",
            pair(group, "reference", "melpix"),
            ">=",
            float(results.extra(group, "reference")["least"]),
        )
        for group in preset_groups(results)
    ]


def preset_groups(results: Results) -> list[str]:
    """The presets whose reference could be timed."""
    groups = [group for group in results.groups if group.startswith("preset ")]
    return [group for group in groups if "reference" in results.groups[group]]


def presets(results: Results) -> Iterator[str]:
    """Table of bench_presets.py."""
    if preset_groups(results):
        yield _row(
            "preset", "reference", "its time", "melpix", "reference / melpix", "single precision"
        )
        yield "|---|---|---:|---:|---:|---:|"
    for group in preset_groups(results):
        extra = results.extra(group, "reference")
        yield _row(
            group.removeprefix("preset "),
            f"{extra['reference']} ({extra['kind']})",
            _time(results.median(group, "reference")),
            _time(results.median(group, "melpix")),
            f"{results.ratio(group, 'reference'):.1f}",
            _time(results.median(group, "melpix, single precision")),
        )


def musts(results: Results) -> Iterator[str]:
    """The issues' tables: figure, what it must reach, what was measured, and whether it is."""
    for figure in (*MUSTS, *DATASET_MUSTS, *preset_musts(results)):
        try:
            value = figure.value(results)
        except KeyError as error:
            measured, reached = f"not measured: {error}", ""
        else:
            measured, reached = (
                f"{value:.2f}{figure.unit}",
                "yes" if figure.reached(value) else "NO",
            )
        yield f"{figure.what:56}{figure.sign:>3} {figure.must:<6g}{measured:>12}  {reached}"


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


def datasets(results: Results) -> Iterator[str]:
    """Tables of bench_datasets.py, of what was measured; in brackets what the minima give."""
    groups = results.groups
    formats = [group for group in groups if group.startswith("clips of ")]
    tiny = [group for group in groups if group.startswith("tiny files: ")]
    if CLIPS in groups:
        yield from _clips(results)
    if formats:
        yield from _shares(results, [CLIPS, CLIPS_NATIVE, *formats])
    if "windows of a file" in groups:
        yield _row("windows of a WAV at 44.1 kHz", "time", "memory of all processes")
        yield "|---|---:|---:|"
        for name in groups["windows of a file"]:
            time = _time(results.median("windows of a file", name))
            yield _row(name, time, f"{_megabytes(results, name):.0f} MB")
        yield ""
    if tiny:
        yield _row("files of 50 ms", "10,000", "memory", "100,000", "memory")
        yield "|---|---:|---:|---:|---:|"
        for group in tiny:
            cells = [group.removeprefix("tiny files: ")]
            for name in (FEW, MANY):
                cells.append(_time(results.median(group, name)))
                cells.append(f"{_megabytes(results, name, group):.0f} MB")
            yield _row(*cells)


def _clips(results: Results) -> Iterator[str]:
    yield _row(CLIPS.replace("3000", "3,000"), "files/s", "/ recipe", "own rate", "/ recipe")
    yield "|---|---:|---:|---:|---:|"
    for name, start in ((TWO, False), (TWO, True), (ONE, False), (LOOP, False), (POOL, False)):
        cells = [f"{name}, with their start" if start else name]
        for group in (CLIPS, CLIPS_NATIVE):
            paces = [results.pace(group, name, kind, start) for kind in ("median", "min")]
            peers = [results.pace(group, POOL, kind) for kind in ("median", "min")]
            cells.append("{:.0f} ({:.0f})".format(*paces))
            cells.append("{:.1f} ({:.1f})".format(*map(operator.truediv, paces, peers)))
        yield _row(*cells)
    yield ""


def _shares(results: Results, groups: list[str]) -> Iterator[str]:
    stages = ("decode", "resample", "core", "deflate", "write")
    yield _row("2 workers, of whose time", "files/s", "/ recipe", *stages)
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for group in groups:
        pace, shares = results.pace(group, TWO), results.shares(group)
        parts = [f"{shares[stage]:.0%}" for stage in stages]
        yield _row(group, f"{pace:.0f}", f"{pace / results.pace(group, POOL):.1f}", *parts)
    yield ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def section(results: Results) -> str:
    """What stands between the README's markers."""
    return "\n\n".join(
        "\n".join(part(results))
        for part in (_recipe, _beside_librosa, presets, _others, _plot_link, _machine)
        if any(part(results))
    )


def _recipe(results: Results) -> Iterator[str]:
    yield "| 196,608 samples to 128 x 385 pixels | median | / melpix |"
    yield "|---|---:|---:|"
    for name in results.groups["recipe"]:
        shown = f"*{name}*" if name == FFTW else name
        median, ratio = results.median("recipe", name), results.ratio("recipe", name)
        yield f"| {shown} | {_time(median)} | {ratio:.1f} |"


def _beside_librosa(results: Results) -> Iterator[str]:
    rows = [(f"n_fft {size}", f"n_fft {size}", LIBROSA, "melpix") for size in SIZES]
    rows.append(("a full-scale chirp, melpix's bad case", "full-scale chirp", LIBROSA, "melpix"))
    rows += [
        (f"{kind}, to PNG", f"{kind} to PNG", FILE_LIBROSA, "melpix")
        for kind in (WAV, FLAC, MP3, OGG)
    ]
    rows.append(
        (
            "WAV to PNG as a script, from a cold start",
            "cold start",
            "recipe as a script",
            "melpix convert",
        )
    )
    yield "| the recipe | in librosa | in melpix | librosa / melpix |"
    yield "|---|---:|---:|---:|"
    for label, group, theirs, ours in rows:
        if {theirs, ours} <= results.groups.get(group, {}).keys():
            times = f"{_time(results.median(group, theirs))} | {_time(results.median(group, ours))}"
            yield f"| {label} | {times} | {results.ratio(group, theirs, ours):.1f} |"


def _others(results: Results) -> Iterator[str]:
    yield "| what else | |"
    yield "|---|---:|"
    for figure in MUSTS:
        if figure.shown:
            with contextlib.suppress(KeyError):  # not measured
                yield f"| {figure.what} | {figure.value(results):.2f}{figure.unit} |"


def _plot_link(results: Results) -> Iterator[str]:
    yield f"![Time of one image against the signal's length, everybody]({PLOT})"


def _machine(results: Results) -> Iterator[str]:
    """One sentence: processor, versions, commit."""
    info, commit = results.raw["machine_info"], results.raw["commit_info"]
    config, versions = info["melpix"], info["versions"]
    dirty = " (with uncommitted changes)" if commit["dirty"] else ""
    others = ", ".join(
        f"{name} {number}" for name, number in versions.items() if name not in ("librosa", "isal")
    )
    yield (
        f"Medians of one thread of {info['cpu']['brand_raw']} ({info['system']}, "
        f"{info['machine']}), Python {info['python_version']}; melpix {config['melpix']} at commit "
        f"{commit['id'][:10]}{dirty} with {config['isa']} kernels and {config['deflate']}; librosa "
        f"{versions['librosa']} on {results.raw['machine_info']['librosa_fft']}; {others}; "
        f"{results.raw['datetime'][:10]}."
    )


def _time(seconds: float) -> str:
    if seconds < 1e-4:
        return f"{1e6 * seconds:.1f} µs"
    return f"{1000 * seconds:.2f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def plot(results: Results, path: Path) -> None:
    """Draw time against the signal's length, on paper of its own: it is seen on dark pages too."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    # Okabe and Ito's colours, which the colour-blind tell apart; markers for everybody else.
    styles = {
        "kaldi-native-fbank": ("#CC79A7", "v"),
        LIBROSA: ("#D55E00", "s"),
        TORCHAUDIO: ("#0072B2", "^"),
        AUDIOFLUX: ("#009E73", "D"),
        "melpix": ("#000000", "o"),
    }
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "melpix", "font.family": "sans-serif"}
    with plt.rc_context(settings):
        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained", facecolor="white")
        for name, (colour, marker) in styles.items():
            lengths = results.melpix_lengths() if name == "melpix" else results.lengths(name)
            if lengths:
                axes.loglog(
                    list(lengths), list(lengths.values()), color=colour, marker=marker, label=name
                )
        axes.set_xlabel("length of the signal in s (22.05 kHz, n_fft 1024, hop 512, 128 bands)")
        axes.set_ylabel("time of one image in s, one thread")
        axes.grid(which="major", color="#dddddd")
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("readme", type=Path, nargs="?", default=ROOT / "README.md")
    parser.add_argument("--musts", action="store_true")
    parser.add_argument("--datasets", action="store_true")
    parser.add_argument("--presets", action="store_true")
    parser.add_argument("--details", action="store_true")
    arguments = parser.parse_args()
    results = Results(arguments.results)
    asked = (
        (musts, arguments.musts),
        (datasets, arguments.datasets),
        (presets, arguments.presets),
        (details, arguments.details),
    )
    if any(wanted for _, wanted in asked):
        lines = [line for part, wanted in asked if wanted for line in part(results)]
        print("\n".join(lines))
        return
    text = arguments.readme.read_text(encoding="utf-8")
    written = f"{BEGIN}\n\n{section(results)}\n\n{END}"
    text, count = re.subn(f"{BEGIN}.*?{END}", lambda _: written, text, flags=re.S)
    if count != 1:
        sys.exit(f"{arguments.readme} must have one pair of markers {BEGIN} ... {END}")
    plot(results, arguments.readme.parent / PLOT)
    arguments.readme.write_text(text, encoding="utf-8")
    print(written)


if __name__ == "__main__":
    main()
