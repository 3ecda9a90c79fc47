# SPDX-License-Identifier: MIT
"""The range of a dataset's features, so that one grey means one value in all its images."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melpix import audio, sinks
from melpix.pool import Pool
from melpix.sources import Item
from melpix.worker import Plan, listener, mono, version

_STEPS = 100  # of the histogram, to one unit of the features
_LOWEST, _HIGHEST = -50, 100  # where it begins and ends; what lies beyond counts there


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """What values the features of a dataset have.

    Attributes
    ----------
    lo, hi : float
        The range: that of all features between two percentiles.
    percentiles : tuple of two numbers
        Which: of 0 and 100, least and greatest, the values are exact; others are good to 0.01.
    sources : int
        How many sources were measured; those that make no image are not counted.
    params : str
        Hash of all parameters that decide the features.
    """

    lo: float
    hi: float
    percentiles: tuple[float, float]
    sources: int
    params: str

    def write(self, path: str) -> None:
        """Write a JSON file."""
        sinks.replace(path, json.dumps(dataclasses.asdict(self), sort_keys=True).encode() + b"\n")

    @staticmethod
    def read(path: str) -> Stats:
        """Read the JSON file.

        Raises
        ------
        ValueError
            It holds something else.
        """
        with open(path, "rb") as file:
            data = file.read(1 << 16)
        try:
            facts = json.loads(data)
            facts["percentiles"] = tuple(facts["percentiles"])
            stats = Stats(**facts)
            if not (math.isfinite(stats.lo) and math.isfinite(stats.hi)):
                raise ValueError
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"stats must be a file of a dataset's range, got {path!r}") from None
        return stats


def checked(percentiles: tuple[float, float]) -> tuple[float, float]:
    """Refuse what are no percentiles."""
    try:
        low, high = map(float, percentiles)
    except (TypeError, ValueError):
        low = high = math.nan
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles must be two rising numbers in 0 .. 100, got {percentiles}")
    return low, high


def measure(
    plan: Plan,
    items: list[Item],
    percentiles: tuple[float, float],
    pool: dict[str, Any],
    progress: Callable[[int], None],
) -> Stats:
    """Decode all sources and find the range of their features.

    Parameters
    ----------
    plan : Plan
    items : list of Item
    percentiles : tuple of two numbers in 0 ... 100
        What becomes black and white.
    pool : dict
        Arguments of `Pool`.
    progress : callable
        Told how many sources are done.

    Raises
    ------
    ValueError
        No source makes an image, or all features are equal.
    """
    lo, hi = math.inf, -math.inf
    counts = np.zeros((_HIGHEST - _LOWEST) * _STEPS, np.int64)
    sources = 0
    with Pool(_Meter(plan), **pool) as meters:
        for index, seen in meters.map(items):
            if isinstance(seen, _Seen):
                sources += 1
                lo, hi = min(lo, seen.lo), max(hi, seen.hi)
                counts[seen.first : seen.first + len(seen.counts)] += seen.counts
            progress(index + 1)
    if not sources:
        raise ValueError("scale='dataset' needs a sound that can be read: there is none")
    ends = []
    for percentile, end in zip(percentiles, (lo, hi), strict=True):
        if percentile in (0, 100):
            ends.append(end)
        else:
            at = int(np.searchsorted(counts.cumsum(), counts.sum() * percentile / 100))
            ends.append(min(max(_LOWEST + (at + 0.5) / _STEPS, lo), hi))
    if not ends[0] < ends[1]:
        raise ValueError(f"scale='dataset' needs features that differ, but all are near {lo:g}")
    return Stats(ends[0], ends[1], percentiles, sources, _params(plan))


def _params(plan: Plan) -> str:
    return plan.hash(without=("format", "dtype", "strict"))


class _Seen(NamedTuple):
    lo: float
    hi: float
    first: int
    counts: NDArray[np.int64]  # of the histogram, from step `first` on


class _Meter:
    """Looks at one source after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._ahead = plan.ahead()

    def prepare(self, items: Iterator[Item]) -> int:
        """Read ahead, as `Converter` does."""
        return 1 if self._ahead is None else self._ahead.look(items)

    def __call__(self, item: Item) -> _Seen | None:
        """Return what values a source has; None if it makes no image: converting it says why."""
        listener()
        lo, hi = math.inf, -math.inf
        counts = np.zeros((_HIGHEST - _LOWEST) * _STEPS, np.int64)
        src = None if self._ahead is None else self._ahead.take(item.path, version(item))[0]
        try:
            with audio.kept_memory() as empty:
                for window in self._plan.windows(item, empty, src):
                    features = window.frontend.features(mono(window.y)).ravel()
                    lo, hi = min(lo, float(features.min())), max(hi, float(features.max()))
                    steps = ((features - _LOWEST) * _STEPS).clip(0, len(counts) - 1)
                    counts += np.bincount(steps.astype(np.int64), minlength=len(counts))
        except Exception:
            return None
        filled = np.flatnonzero(counts)
        if not len(filled):
            return None
        first, last = int(filled[0]), int(filled[-1])
        return _Seen(lo, hi, first, counts[first : last + 1])


def find(path: str | None, plan: Plan, percentiles: tuple[float, float], **how: Any) -> Stats:
    """Return the range that a file holds, or `measure` it and write the file.

    Raises
    ------
    ValueError
        The file was made with other parameters, or holds something else.
    """
    if path is not None:
        try:
            stats = Stats.read(path)
        except FileNotFoundError:
            pass
        else:
            for name, value in (("params", _params(plan)), ("percentiles", percentiles)):
                if getattr(stats, name) != value:
                    raise ValueError(
                        f"stats must be of the same {name}: {path!r} has {getattr(stats, name)}, "
                        f"not {value}"
                    )
            return stats
    stats = measure(plan, percentiles=percentiles, **how)
    if path is not None:
        stats.write(path)
    return stats
