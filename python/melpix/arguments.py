# SPDX-License-Identifier: MIT
"""Parameters checked once, with errors that name parameter, value and allowed range."""

from __future__ import annotations

import math
import operator
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix.errors import ParameterError

_MOST = 2**62  # what fits the core's integers; its own limits are narrower

_NO_NUMBERS = (bool, np.bool_, str, bytes)

_FEW = 8  # values on the last axis at most that are taken for channels, not for samples


def whole(name: str, value: Any) -> int:
    """Return value as an int; 512.0 is none, and True is none."""
    try:
        if not isinstance(value, _NO_NUMBERS):
            return operator.index(value)
    except TypeError:
        pass
    raise ParameterError(name, f" must be an integer, got {value!r}")


def integer(name: str, value: Any, least: int = 1) -> int:
    """Return value as an int of at least `least`."""
    number = whole(name, value)
    if number < least:
        raise ParameterError(name, f" must be >= {least}, got {number}")
    if number > _MOST:
        raise ParameterError(name, f" is too large, got {number}")
    return number


def real(name: str, value: Any) -> float:
    """Return value as a finite number; an int stays one, so that parameters print as given."""
    number = floating(name, value)
    if not math.isfinite(number):
        raise ParameterError(name, f" must be finite, got {value!r}")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def floating(name: str, value: Any) -> float:
    """Return value as a float, which may be infinite."""
    try:
        if not isinstance(value, _NO_NUMBERS):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ParameterError(name, f" must be a number, got {value!r}")


def above_zero(name: str, value: Any) -> float:
    """Return value as a finite number above 0."""
    number = real(name, value)
    if number <= 0:
        raise ParameterError(name, f" must be > 0, got {value!r}")
    return number


def not_below_zero(name: str, value: Any) -> float:
    """Return value as a finite number of at least 0."""
    number = real(name, value)
    if number < 0:
        raise ParameterError(name, f" must be >= 0, got {value!r}")
    return number


def choice(name: str, value: Any, allowed: Sequence[Any]) -> Any:
    """Return value if it is allowed."""
    if isinstance(value, np.generic):
        value = value.item()
    for known in allowed:
        # Not `in`: 1 is not True here.
        if type(value) is type(known) and value == known:
            return known
    names = ", ".join(repr(a) for a in allowed)
    raise ParameterError(name, f" must be one of {names}, got {value!r}")


def looks_transposed(y: NDArray[Any]) -> bool:
    """Whether y has the shape of samples by channels, as soundfile.read returns them.

    Where no axis is longer than a few, nobody can tell.
    """
    return y.ndim > 1 and 0 < y.shape[-1] <= _FEW < max(y.shape[:-1])


def transposed(y: NDArray[Any]) -> str:
    """Say what such a y has and how it becomes what it should be."""
    way_out = "y.T" if y.ndim == 2 else f"np.moveaxis(y, {int(np.argmax(y.shape[:-1]))}, -1)"
    return (
        f"shape {y.shape}, which looks like samples by channels, as soundfile.read returns them: "
        f"give {way_out}"
    )


def samples_last(y: NDArray[Any]) -> None:
    """Refuse samples by channels."""
    if looks_transposed(y):
        raise ParameterError("y", f" must have its samples on the last axis, got {transposed(y)}")


def warn(message: str) -> None:
    """Warn, and name the line that called melpix, however deep inside this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and str(frame.f_globals.get("__name__")).split(".")[0] == "melpix":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
