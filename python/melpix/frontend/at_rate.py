# SPDX-License-Identifier: MIT
"""A front-end for sounds at their own rate: with the hop and window of as many seconds."""

from __future__ import annotations

import functools
from typing import Literal, TypeAlias

from melpix import arguments
from melpix.frontend.frontend import Frontend

Rate: TypeAlias = float | Literal["native"] | None


def at_rate(frontend: Frontend | None, sr: float | None) -> Frontend:
    """Return the front-end (None: the recipe) at a rate (None: its own)."""
    f = _recipe() if frontend is None else frontend
    if not isinstance(f, Frontend):
        raise TypeError(f"frontend must be a Frontend or None, got {f!r}")
    sr = None if sr is None else arguments.above_zero("sr", sr)
    return f if sr is None or sr == f.sr else _replaced(f, f.open, sr)


@functools.cache
def _recipe() -> Frontend:
    return Frontend()


# A few are kept, since each new one designs a filterbank. Equal front-ends may differ in what
# follows from the rate, so that is a part of the key.
@functools.lru_cache(maxsize=16)
def _replaced(f: Frontend, follows: frozenset[str], sr: float) -> Frontend:
    return f.replace(sr=sr)
