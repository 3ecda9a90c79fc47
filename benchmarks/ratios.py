# SPDX-License-Identifier: MIT
"""What pairs of times say: the ratio in the middle, and how sure that is."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONFIDENCE = 0.95


class Ratio(NamedTuple):
    """The median of ratios, and its interval of 95 %: 0 to infinity where there are too few."""

    middle: float
    low: float
    high: float


def ratio(base: Sequence[float], new: Sequence[float]) -> Ratio:
    """Return how many times as fast the new one is, from pairs of times (> 1: faster).

    The interval is that of the sign test: from one ratio to another, by their rank. It holds
    whatever the times' distribution is, so that what another program does meanwhile, which makes
    some pairs worthless, does not bend it. Six pairs are the fewest that have one.
    """
    ratios = sorted(b / n for b, n in zip(base, new, strict=True))
    rank = _rank(len(ratios))
    low, high = (ratios[rank - 1], ratios[-rank]) if rank else (0.0, math.inf)
    return Ratio(statistics.median(ratios), low, high)


def _rank(n: int) -> int:
    """Return the highest rank from either end that keeps the confidence; 0, if none does."""
    outside, rank = 0.0, 0
    while (outside := outside + 2 * math.comb(n, rank) / 2**n) <= 1 - CONFIDENCE:
        rank += 1
    return rank


def orders(pairs: int, seed: int = 0) -> Iterator[bool]:
    """Return for each pair whether the base goes first: by lot, and then the other way round."""
    lot = random.Random(seed)
    for pair in range(pairs):
        if pair % 2 == 0:
            first = lot.random() < 0.5
        yield first if pair % 2 == 0 else not first
