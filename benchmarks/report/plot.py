# SPDX-License-Identifier: MIT
"""The plot of what bench_lengths.py measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from image_tables import AUDIOFLUX, LIBROSA, TORCHAUDIO
from results import Results

# Okabe and Ito's colours, which the colour-blind tell apart; markers for everybody else.
STYLES = {
    "kaldi-native-fbank": ("#CC79A7", "v"),
    LIBROSA: ("#D55E00", "s"),
    TORCHAUDIO: ("#0072B2", "^"),
    AUDIOFLUX: ("#009E73", "D"),
    "melpix": ("#000000", "o"),
}


def series(results: Results) -> dict[str, dict[int, float]]:
    """Whose time was measured against the signal's length: seconds of signal, and of work."""
    found = {}
    for name in STYLES:
        with results.optional():
            found[name] = results.melpix_lengths() if name == "melpix" else results.lengths(name)
    return {name: lengths for name, lengths in found.items() if lengths}


def plot(lines: dict[str, dict[int, float]], path: Path) -> None:
    """Draw time against the signal's length, on paper of its own: it is seen on dark pages too."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "melpix", "font.family": "sans-serif"}
    with plt.rc_context(settings):
        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained", facecolor="white")
        for name, lengths in lines.items():
            colour, marker = STYLES[name]
            axes.loglog(
                list(lengths), list(lengths.values()), color=colour, marker=marker, label=name
            )
        axes.set_xlabel("length of the signal in s (22.05 kHz, n_fft 1024, hop 512, 128 bands)")
        axes.set_ylabel("time of one image in s, one thread")
        axes.grid(which="major", color="#dddddd")
        axes.legend(frameon=False)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)
