# SPDX-License-Identifier: MIT
"""Figures and tables of the suites that make single images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

from results import FLAT_FROM, Figure, MissingError, Results, pair, table, time

LIBROSA, FILE_LIBROSA = "librosa", "librosa, scikit-image"
TORCHAUDIO, AUDIOFLUX, FFTW = "torchaudio", "audioflux, HTK's mel scale", "bare FFTs (FFTW)"
DECODER = "decoder alone"
SIZES = (
    "400, hop 160",
    "450, hop 225",
    "512, hop 256",
    "514, hop 257",
    "1018, hop 509",
    "1024, hop 512",
    "1102, hop 551",
    "2048, hop 512",
    "4096, hop 1024",
    "17640, hop 441",
    "1021, hop 256",
)
WAV, FLAC = "WAV, 22.05 kHz, 16 bit", "FLAC, 44.1 kHz, stereo"
MP3, OGG = "MP3, 44.1 kHz, stereo", "OGG Vorbis, 44.1 kHz, stereo"
FILTERS = ("none", "sub", "up", "average", "paeth")
CHOSEN = "isal 1", "up"  # by png.encode, with the core's filter_scanlines


def spread(costs: dict[int, float]) -> float:
    """How many times as much the dearest further second costs as the cheapest."""
    points = [(n, cost) for n, cost in costs.items() if n >= FLAT_FROM]
    rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(points)]
    if len(rates) < 2:
        raise MissingError("melpix by length", f"three lengths from {FLAT_FROM} s on")
    return max(rates) / min(rates) if min(rates) > 0 else math.inf


def recipe(name: str) -> Callable[[Results], float]:
    return lambda results: results.ratio("recipe", name)


def size(n_fft: str) -> Callable[[Results], float]:
    return lambda results: results.ratio(f"n_fft {n_fft}", LIBROSA)


def file(kind: str, theirs: str, ours: str = "melpix") -> Callable[[Results], float]:
    return lambda results: results.ratio(f"{kind} to PNG", theirs, ours)


# The table, in its order; what need not reach anything has no sign.
IMAGE_FIGURES = (
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
        "from melpix import Frontend / import numpy",
        pair("import", "from melpix import Frontend", "import numpy"),
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


def everybody(results: Results) -> Iterator[str]:
    """The recipe's work: everybody's time."""

    def cells(name: str) -> Sequence[str]:
        shown = f"*{name}*" if name == FFTW else name
        return shown, time(results.median("recipe", name)), f"{results.ratio('recipe', name):.1f}"

    head = ("196,608 samples to 128 x 385 pixels", "median", "/ melpix")
    yield from table(results, head, results.names("recipe"), cells)


def beside_librosa(results: Results) -> Iterator[str]:
    """Sizes of the FFT, files, a script: librosa's recipe and melpix."""

    def cells(which: tuple[str, str, str, str]) -> Sequence[str]:
        label, group, theirs, ours = which
        times = [time(results.median(group, name)) for name in (theirs, ours)]
        return label, *times, f"{results.ratio(group, theirs, ours):.1f}"

    rows = [
        *((f"n_fft {size}", f"n_fft {size}", LIBROSA, "melpix") for size in SIZES),
        ("a full-scale chirp, melpix's bad case", "full-scale chirp", LIBROSA, "melpix"),
        *(
            (f"{kind}, to PNG", f"{kind} to PNG", FILE_LIBROSA, "melpix")
            for kind in (WAV, FLAC, MP3, OGG)
        ),
        (
            "WAV to PNG as a script, from a cold start",
            "cold start",
            "recipe as a script",
            "melpix convert",
        ),
    ]
    head = ("the recipe", "in librosa", "in melpix", "librosa / melpix")
    yield from table(results, head, rows, cells)


def deflate(results: Results) -> Iterator[str]:
    """PNG's filters and levels of compression: size of what is written, and time."""
    groups = {name: f"deflate, filter {name}" for name in FILTERS}
    measured = [name for name in groups.values() if results.names(name)]

    def cell(level: str, name: str) -> str:
        of = groups[name], level
        pixels = results.noted(*of, "pixels")
        text = f"{1e9 * results.median(*of) / pixels:.1f} ns"
        if written := results.benchmark(*of)["extra_info"].get("bytes"):  # what is read has none
            text = f"{100 * written / pixels:.1f} %, {text}"
        return f"**{text}**" if (level, name) == CHOSEN else text

    def cells(level: str) -> Sequence[str]:
        return level, *(cell(level, name) for name in FILTERS)

    if len(measured) == len(FILTERS):
        levels = list(results.groups[measured[0]])
        sounds = results.groups[measured[0]][levels[0]]["extra_info"].get("sounds", "sounds")
        head = (f"PNG's filter, then deflate: images of {sounds}, a pixel", *FILTERS)
        yield from table(results, head, levels, cells)


def others(results: Results) -> Iterator[str]:
    """Figures that no table shows."""

    def cells(figure: Figure) -> Sequence[str]:
        return figure.what, f"{figure.value(results):.2f}{figure.unit}"

    figures = [figure for figure in IMAGE_FIGURES if figure.shown]
    yield from table(results, ("what else", ""), figures, cells)
