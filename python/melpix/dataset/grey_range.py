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
from melpix.workers.outcomes import Crashed, Failed, TimedOut
from melpix.workers.process import listener

Fault: TypeAlias = End | Crashed | TimedOut | Failed

# Bins of a histogram are floats without their last bits. So they are fine enough for decibels and
# for powers alike, and their number is bounded.
_DROPPED = 10  # of the 23 bits behind a float's leading one; a power of two has 8192 bins

_SIGN = 1 << (31 - _DROPPED)  # codes of values that are not negative are below it

_EXTREMES = {0.0, 100.0}  # percentiles for which nothing needs to be counted

_PIECE = 1 << 16  # values that are looked at together


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
    histogram = None if _EXTREMES.issuperset(percentiles) else _Histogram()
    sources = 0
    with Pool(_Meter(plan, histogram is not None), **pool) as meters:
        for index, seen in meters.map(items):
            if isinstance(seen, _Seen):
                sources += 1
                lo, hi = min(lo, seen.lo), max(hi, seen.hi)
                if histogram is not None and seen.bins is not None:
                    histogram.join(seen.bins)
            elif seen is not None:
                failed(items[index], seen)
            progress(index + 1)
    if not sources:
        raise ParameterError("scale", "='dataset' needs a sound that can be read: there is none")
    ends = [lo, hi]
    if histogram is not None:
        for end, percentile in enumerate(percentiles):
            if percentile not in _EXTREMES:
                ends[end] = min(max(histogram.percentile(percentile), lo), hi)
    if not ends[0] < ends[1]:
        raise ParameterError(
            "scale", f"='dataset' needs features that differ, but all are near {lo:g}"
        )
    return Stats(ends[0], ends[1], percentiles, sources, params(plan), _core.PIXELS)


def params(plan: Plan) -> str:
    """Return the hash of all parameters that decide the features."""
    return plan.hash(without=("format", "dtype", "strict"))


class _Bins(NamedTuple):
    """How many values are in which bins, as bytes: those cross to another process in no time."""

    codes: bytes
    """Of bins, int32. Without counts, there is one for each value, and they may repeat."""
    counts: bytes = b""
    """int64; how many values are in each of these bins, which are different then."""


class _Histogram:
    """How often each value comes, in bins that are as fine as the value is small.

    The result does not depend on the order in which values come.
    """

    def __init__(self) -> None:
        # By code. It is 32 MB long, but the system gives memory only to the parts that are used.
        self._counts = np.zeros(2 * _SIGN, np.int64)

    def add(self, codes: NDArray[np.int32]) -> None:
        """Count values by their codes."""
        np.add.at(self._counts, codes, 1)

    def join(self, bins: _Bins) -> None:
        """Add what was counted elsewhere."""
        codes = np.frombuffer(bins.codes, np.int32)
        if bins.counts:
            self._counts[codes] += np.frombuffer(bins.counts, np.int64)
        else:
            self.add(codes)

    def bins(self, least: int, greatest: int) -> _Bins:
        """Return all that was counted; no value is nearer to zero, or farther from it."""
        found = [
            sign + least + np.flatnonzero(self._counts[sign + least : sign + greatest + 1])
            for sign in (0, _SIGN)
        ]
        codes = np.concatenate(found)
        return _Bins(codes.astype(np.int32).tobytes(), self._counts[codes].tobytes())

    def percentile(self, percentile: float) -> float:
        """Return what `numpy.percentile` would of the middles of the bins."""
        codes = np.flatnonzero(self._counts)
        negative = int(np.searchsorted(codes, _SIGN))
        codes = np.concatenate([codes[negative:][::-1], codes[:negative]])  # as values rise
        up_to = self._counts[codes].cumsum()
        rank = (int(up_to[-1]) - 1) * percentile / 100
        at = np.searchsorted(up_to, [math.floor(rank), math.ceil(rank)], side="right")
        below, above = map(float, _middle(codes[at]))
        return below + (above - below) * (rank - math.floor(rank))


def _codes(values: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
    """Return the bins of values: a float's first bits, of which the very first is the sign."""
    bits = values.astype(np.float32, copy=False).view(np.int32)
    return (bits >> _DROPPED) & (2 * _SIGN - 1)


def _middle(codes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the values in the middle of bins."""
    bits = (codes << _DROPPED) + (1 << (_DROPPED - 1))
    return bits.astype(np.uint32).view(np.float32)


class _Tally:
    """Counts the values of one sound.

    Few values travel as they are: to sort them out takes longer than to send them. Many are counted
    here.
    """

    def __init__(self) -> None:
        self._few: list[NDArray[np.int32]] = []
        self._size = 0
        self._many: _Histogram | None = None
        self._least, self._greatest = _SIGN, 0

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count the values of a flat array."""
        for start in range(0, len(values), _PIECE):
            codes = _codes(values[start : start + _PIECE])
            self._few.append(codes)
            self._size += len(codes)
            if self._size > _PIECE:
                self._count()

    def bins(self) -> _Bins:
        """Return all that was counted."""
        if self._many is None:
            return _Bins(b"".join(codes.tobytes() for codes in self._few))
        self._count()
        return self._many.bins(self._least, self._greatest)

    def _count(self) -> None:
        if self._many is None:
            self._many = _Histogram()
        for codes in self._few:
            self._many.add(codes)
            size = codes & (_SIGN - 1)
            self._least = min(self._least, int(size.min()))
            self._greatest = max(self._greatest, int(size.max()))
        self._few.clear()


class _Seen(NamedTuple):
    lo: float
    hi: float
    bins: _Bins | None


class _Meter:
    """Looks at one source after the other, for its extremes, or to count all its values."""

    def __init__(self, plan: Plan, counted: bool) -> None:
        self._plan, self._counted = plan, counted
        self._ahead = plan.ahead()

    def prepare(self, items: Iterator[Item]) -> int:
        """Read ahead, as `Converter` does."""
        return 1 if self._ahead is None else self._ahead.look(items)

    def __call__(self, item: Item) -> _Seen | End | None:
        """Return what values a source has, None if it makes no image, or what is wrong with it."""
        listener()
        lo, hi = math.inf, -math.inf
        tally = _Tally() if self._counted else None
        src = None if self._ahead is None else self._ahead.take(item.path, version(item))[0]
        try:
            for window in self._plan.windows(item, src):
                features = _of_sound(window)
                lo, hi = min(lo, float(features.min())), max(hi, float(features.max()))
                if tally is not None:
                    tally.add(features)
        except Exception as error:
            return fault(error)
        return _Seen(lo, hi, None if tally is None else tally.bins()) if lo <= hi else None


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
