# SPDX-License-Identifier: MIT
"""Figures and table of what bench_presets.py measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from results import Figure, Results, pair, table, time

PRESETS = "preset .*"


def preset_musts(results: Results) -> Iterator[Figure]:
    """Each preset must be faster than its reference, and much faster than one in NumPy."""
    for group in results.like(PRESETS):
        with results.optional():  # whose reference was not installed
            yield Figure(
                f"{group}: {results.noted(group, 'reference', 'kind')} / melpix",
                pair(group, "reference", "melpix"),
                ">=",
                float(results.noted(group, "reference", "least")),
            )


def presets(results: Results) -> Iterator[str]:
    """Table of bench_presets.py."""

    def cells(group: str) -> Sequence[str]:
        reference = results.noted(group, "reference", "reference")
        return (
            group.removeprefix("preset "),
            f"{reference} ({results.noted(group, 'reference', 'kind')})",
            time(results.median(group, "reference")),
            time(results.median(group, "melpix")),
            f"{results.ratio(group, 'reference'):.1f}",
            time(results.median(group, "melpix, single precision")),
        )

    head = ("preset", "reference", "its time", "melpix", "reference / melpix", "single precision")
    yield from table(results, head, results.like(PRESETS), cells, text=2)
