# SPDX-License-Identifier: MIT
"""The range of a dataset's features, so that one grey means one value in all its images."""

from __future__ import annotations

import dataclasses
import errno
import functools
import json
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from melpix import _core, files
from melpix.convert.windows import Window
from melpix.dataset.outputs.record import End
from melpix.dataset.plan import Plan
from melpix.dataset.sources.item import Item, version
from melpix.dataset.worker import fault
from melpix.errors import ParameterError
from melpix.frontend import lengths
from melpix.frontend.frontend import Frontend
from melpix.workers.batch_pool import Pool
from melpix.workers.child import Crashed, Failed, TimedOut
from melpix.workers.process import listener

Fault: TypeAlias = End | Crashed | TimedOut | Failed

# Bins of a histogram are floats without their last bits. So they are fine enough for decibels and
# for powers alike, and their number is bounded.
_DROPPED = 10  # of the 23 bits behind a float's leading one; a power of two has 8192 bins

_MERGED_EVERY = 64  # histograms of parts

_PIECE = 1 << 16  # values that are sorted at a time


@dataclasses.dataclass(frozen=True, slots=True)
class Stats:
    """What values the features of a dataset have.

    Attributes
    ----------
    lo, hi : float
        The range: that of all features between two percentiles.
    percentiles : tuple of two numbers
        Which: of 0 and 100, least and greatest, the values are exact; others, NumPy's
        interpolation between two features included, are good to 1/16384 of a feature's value.
    sources : int
        How many sources were measured; those that make no image are not counted.
    params : str
        Hash of all parameters that decide the features.
    pixels : int
        Version of the pixels, and so of the features; 1 before there was this number.
    """

    lo: float
    hi: float
    percentiles: tuple[float, float]
    sources: int
    params: str
    pixels: int = 1

    def write(self, path: str) -> None:
        """Write a JSON file."""
        files.replace(path, json.dumps(dataclasses.asdict(self), sort_keys=True).encode() + b"\n")

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
            raise ParameterError(
                "stats", f" must be a file of a dataset's range, got {path!r}"
            ) from None
        return stats


def checked(percentiles: tuple[float, float]) -> tuple[float, float]:
    """Refuse what are no percentiles."""
    try:
        low, high = map(float, percentiles)
    except (TypeError, ValueError):
        low = high = math.nan
    if not 0 <= low < high <= 100:
        raise ParameterError(
            "percentiles", f" must be two rising numbers in 0 .. 100, got {percentiles}"
        )
    return low, high


def measure(
    plan: Plan,
    items: list[Item],
    percentiles: tuple[float, float],
    pool: dict[str, Any],
    progress: Callable[[int], None],
    failed: Callable[[Item, Fault], None],
) -> Stats:
    """Decode all sources and find the range of their features.

    Columns in which there is no sound, but only what a signal was filled up with, do not count.

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
    failed : callable
        Told of each source that could not be measured, and why.

    Raises
    ------
    ValueError
        No source makes an image, or all features are equal.
    """
    lo, hi = math.inf, -math.inf
    histogram = _Histogram()
    sources = 0
    with Pool(_Meter(plan), **pool) as meters:
        for index, seen in meters.map(items):
            if isinstance(seen, _Seen):
                sources += 1
                lo, hi = min(lo, seen.lo), max(hi, seen.hi)
                histogram.join(seen.bins)
            elif seen is not None:
                failed(items[index], seen)
            progress(index + 1)
    if not sources:
        raise ParameterError("scale", "='dataset' needs a sound that can be read: there is none")
    ends = []
    for percentile, end in zip(percentiles, (lo, hi), strict=True):
        if percentile in (0, 100):
            ends.append(end)
        else:
            ends.append(min(max(histogram.percentile(percentile), lo), hi))
    if not ends[0] < ends[1]:
        raise ParameterError(
            "scale", f"='dataset' needs features that differ, but all are near {lo:g}"
        )
    return Stats(ends[0], ends[1], percentiles, sources, params(plan), _core.PIXELS)


def params(plan: Plan) -> str:
    """Return the hash of all parameters that decide the features."""
    return plan.hash(without=("format", "dtype", "strict"))


class _Bins(NamedTuple):
    """The bins that are not empty, rising, and how many values are in each."""

    codes: NDArray[np.int32]
    counts: NDArray[np.int64]


class _Histogram:
    """How often each value comes, in bins that are as fine as the value is small.

    The result does not depend on the order in which values come.
    """

    def __init__(self) -> None:
        self._parts: list[_Bins] = []

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count the values of a flat array."""
        for start in range(0, len(values), _PIECE):
            bits = values[start : start + _PIECE].astype(np.float32).view(np.int32)
            codes = (bits & 0x7FFFFFFF) >> _DROPPED
            np.invert(codes, out=codes, where=bits < 0)  # so that they rise with the values
            self.join(_Bins(*np.unique(codes, return_counts=True)))

    def join(self, bins: _Bins) -> None:
        """Add what was counted elsewhere."""
        self._parts.append(bins)
        if len(self._parts) == _MERGED_EVERY:
            self._parts = [self.bins()]

    def bins(self) -> _Bins:
        """Return all that was counted; there must be something."""
        codes = np.concatenate([part.codes for part in self._parts])
        counts = np.concatenate([part.counts for part in self._parts])
        order = codes.argsort()
        codes, counts = codes[order], counts[order]
        first = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        return _Bins(codes[first], np.add.reduceat(counts, first))

    def percentile(self, percentile: float) -> float:
        """Return what `numpy.percentile` would of the middles of the bins."""
        codes, counts = self.bins()
        up_to = counts.cumsum()
        rank = (int(up_to[-1]) - 1) * percentile / 100
        at = np.searchsorted(up_to, [math.floor(rank), math.ceil(rank)], side="right")
        bits = (np.where(codes < 0, ~codes, codes)[at] << _DROPPED) + (1 << (_DROPPED - 1))
        below, above = np.copysign(bits.astype(np.int32).view(np.float32), codes[at] + 0.5)
        return float(below + (float(above) - float(below)) * (rank - math.floor(rank)))


class _Seen(NamedTuple):
    lo: float
    hi: float
    bins: _Bins


class _Meter:
    """Looks at one source after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._ahead = plan.ahead()

    def prepare(self, items: Iterator[Item]) -> int:
        """Read ahead, as `Converter` does."""
        return 1 if self._ahead is None else self._ahead.look(items)

    def __call__(self, item: Item) -> _Seen | End | None:
        """Return what values a source has, None if it makes no image, or what is wrong with it."""
        listener()
        lo, hi = math.inf, -math.inf
        histogram = _Histogram()
        src = None if self._ahead is None else self._ahead.take(item.path, version(item))[0]
        try:
            for window in self._plan.windows(item, src):
                features = _of_sound(window)
                lo, hi = min(lo, float(features.min())), max(hi, float(features.max()))
                histogram.add(features)
        except Exception as error:
            return fault(error)
        return _Seen(lo, hi, histogram.bins()) if lo <= hi else None


def _of_sound(window: Window) -> NDArray[Any]:
    """Return the features that a window's image shows, of the columns that have sound, flat."""
    f = _measuring(window.frontend)
    n, sound = window.y.shape[-1], round(window.duration * window.sr)
    features = f.features(window.y, mix=True)
    return features[:, : lengths.columns_of_sound(f, n, sound)].ravel()


@functools.lru_cache(maxsize=16)
def _measuring(f: Frontend) -> Frontend:
    return f.as_image()


def find(
    path: str | None,
    plan: Plan,
    percentiles: tuple[float, float],
    known: Stats | None = None,
    write: bool = True,
    **how: Any,
) -> Stats:
    """Return the range that a file holds, or that is `known`, or `measure` it; write the file.

    Raises
    ------
    ValueError
        The file was made with other parameters, holds another range than the one that is known,
        or something else.
    OSError
        The file can be neither read nor written.
    """
    if path is None:
        return known or measure(plan, percentiles=percentiles, **how)
    try:
        kept = Stats.read(path)
    except FileNotFoundError:
        folder = os.path.dirname(path) or os.curdir
        if write and not os.access(folder, os.W_OK):  # better now than when all is measured
            code = errno.EACCES if os.path.isdir(folder) else errno.ENOENT
            raise OSError(code, os.strerror(code), path) from None
        stats = known or measure(plan, percentiles=percentiles, **how)
        if write:
            stats.write(path)
        return stats
    ours = {"pixels": _core.PIXELS, "params": params(plan), "percentiles": percentiles}
    for name, value in ours.items():
        if getattr(kept, name) != value:
            raise ParameterError(
                "stats",
                f" must be of the same {name}: {path!r} has {getattr(kept, name)}, not "
                f"{value}; name another file to measure anew",
            )
    if known is not None and (kept.lo, kept.hi) != (known.lo, known.hi):
        raise ParameterError(
            "stats",
            f" must be those of the images that are there: {path!r} has "
            f"{kept.lo:.9g} .. {kept.hi:.9g}, not {known.lo:.9g} .. {known.hi:.9g}",
        )
    return kept
