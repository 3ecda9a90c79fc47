# SPDX-License-Identifier: MIT
"""Figures and table of what bench_presets.py measures."""

from __future__ import annotations

from collections.abc import Iterator

from results import Figure, Results, pair, row, time


def preset_groups(results: Results) -> list[str]:
    """The presets whose reference could be timed."""
    groups = [group for group in results.groups if group.startswith("preset ")]
    return [group for group in groups if "reference" in results.groups[group]]


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


def presets(results: Results) -> Iterator[str]:
    """Table of bench_presets.py."""
    if preset_groups(results):
        yield row(
            "preset", "reference", "its time", "melpix", "reference / melpix", "single precision"
        )
        yield "|---|---|---:|---:|---:|---:|"
    for group in preset_groups(results):
        extra = results.extra(group, "reference")
        yield row(
            group.removeprefix("preset "),
            f"{extra['reference']} ({extra['kind']})",
            time(results.median(group, "reference")),
            time(results.median(group, "melpix")),
            f"{results.ratio(group, 'reference'):.1f}",
            time(results.median(group, "melpix, single precision")),
        )
