# SPDX-License-Identifier: MIT
"""Write the README's tables and plot from results that pytest-benchmark saved.

python benchmarks/report.py results.json             the README's section and .github/speed.svg
python benchmarks/report.py results.json --musts     what must be reached, and whether it is
python benchmarks/report.py results.json --datasets  the tables of bench_datasets.py
python benchmarks/report.py results.json --presets   the table of bench_presets.py
python benchmarks/report.py results.json --details   every group in full

Several files of results, of suites that ran apart, make one report: a group that two of them have
is the later one's.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from report_datasets import DATASET_MUSTS, datasets, how_measured
from report_presets import preset_musts, presets
from results import FLAT_FROM, Figure, Results, pair, time

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


def spread(costs: dict[int, float]) -> float:
    """How many times as much the dearest further second costs as the cheapest."""
    points = [(n, cost) for n, cost in costs.items() if n >= FLAT_FROM]
    rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(points)]
    return max(rates) / min(rates)


def recipe(name: str) -> Callable[[Results], float]:
    return lambda results: results.ratio("recipe", name)


def size(n_fft: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(f"n_fft {n_fft}", LIBROSA)


def file(kind: str, theirs: str, ours: str = "melpix") -> Callable[[Results], float]:
    return lambda results: results.ratio(f"{kind} to PNG", theirs, ours)


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


def section(results: Results) -> str:
    """What stands between the README's markers."""
    parts = (
        *(_recipe, _beside_librosa, presets, _others, _plot_link, _machine),
        *(datasets, how_measured),
    )
    return "\n\n".join(filter(None, ("\n".join(part(results)).rstrip() for part in parts)))


def _recipe(results: Results) -> Iterator[str]:
    yield "| 196,608 samples to 128 x 385 pixels | median | / melpix |"
    yield "|---|---:|---:|"
    for name in results.groups["recipe"]:
        shown = f"*{name}*" if name == FFTW else name
        median, ratio = results.median("recipe", name), results.ratio("recipe", name)
        yield f"| {shown} | {time(median)} | {ratio:.1f} |"


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
            times = f"{time(results.median(group, theirs))} | {time(results.median(group, ours))}"
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
    of = results.of["recipe"]
    info, commit = of["machine_info"], of["commit_info"]
    config, versions = info["melpix"], info["versions"]
    dirty = " (with uncommitted changes)" if commit["dirty"] else ""
    others = ", ".join(
        f"{name} {number}" for name, number in versions.items() if name not in ("librosa", "isal")
    )
    yield (
        f"Medians of one thread of {info['cpu']['brand_raw']} ({info['system']}, "
        f"{info['machine']}), Python {info['python_version']}; melpix {config['melpix']} at commit "
        f"{commit['id'][:10]}{dirty} with {config['isa']} kernels and {config['deflate']}; librosa "
        f"{versions['librosa']} on {info['librosa_fft']}; {others}; "
        f"{of['datetime'][:10]}."
    )


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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--musts", action="store_true")
    parser.add_argument("--datasets", action="store_true")
    parser.add_argument("--presets", action="store_true")
    parser.add_argument("--details", action="store_true")
    arguments = parser.parse_args()
    results = Results(*arguments.results)
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
