# SPDX-License-Identifier: MIT
"""Signals brought to the length and the level that a model was trained with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix.errors import SignalError

_FULL_SCALE = 32768  # of int16
_CLAP_SCALE = 32767  # CLAP's
_MINMAX_EPS = 1e-6  # BirdNET's


def to_length(y: NDArray[Any], n: int, how: str) -> NDArray[Any]:
    """Cut signals, or fill them up, along the last axis.

    Parameters
    ----------
    y : np.ndarray [shape=(..., m)]
        Not empty.
    n : int
        The samples wanted.
    how : {"pad", "repeat", "repeat_pad"}
        What follows where there are too few: zeros; the signal again and again; or the same as
        often as it fits whole, and then zeros.
    """
    m = y.shape[-1]
    if m >= n:
        return y[..., :n]
    if how == "repeat":
        return np.tile(y, -(-n // m))[..., :n]
    filled = np.empty((*y.shape[:-1], n), y.dtype)
    filled[..., :m] = y
    filled[..., m:] = 0
    if how == "repeat_pad":
        whole = n // m * m
        filled[..., :whole] = np.tile(y, n // m)
    return filled


def through_int16(y: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Clip samples to -1 ... 1 and round them towards 0 to multiples of 1 / 32767, as CLAP does.

    In float32 whatever comes and goes: a product that rounds up to a whole number there is another
    sample, and a single one is loud in a band that holds next to nothing.
    """
    x = _floats(y.clip(-1, 1) if y.dtype.kind == "f" else y, np.float32, copy=True)
    x *= np.float32(_CLAP_SCALE)
    np.trunc(x, out=x)
    x /= np.float32(_CLAP_SCALE)
    return x.astype(dtype, copy=False)


def to_extremes(y: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Shift and scale each signal so that it runs from -1 to (nearly) 1, as BirdNET does."""
    # What is large in float64 may be too large for float32 only until it is scaled.
    own = np.float64 if y.dtype == np.float64 else dtype
    x: NDArray[Any] = _floats(y, own)
    with np.errstate(invalid="ignore", over="ignore"):  # the core refuses what is not finite
        x = x - x.min(axis=-1, keepdims=True)
        x /= x.max(axis=-1, keepdims=True) + own(_MINMAX_EPS)
        x -= own(0.5)
        x *= own(2)
    return x.astype(dtype, copy=False)


def refuse_non_finite(y: NDArray[Any], channels: bool) -> None:
    """Name a sample that is NaN or infinite, as the core does."""
    if y.dtype.kind != "f":
        return
    finite = np.isfinite(y)
    if not finite.all():
        *_, i = at = np.unravel_index(int(np.argmin(finite)), y.shape)
        channel = f" of channel {at[0]}" if channels and y.ndim == 2 and len(y) > 1 else ""
        raise SignalError(
            "non_finite", f"y must be finite, but sample {i}{channel} is {float(y[at])}"
        )


def _floats(y: NDArray[Any], dtype: Any, copy: bool = False) -> NDArray[Any]:
    x: NDArray[Any] = np.array(y, dtype) if copy else np.asarray(y, dtype)
    if y.dtype.kind == "i":
        x *= dtype(1 / _FULL_SCALE)
    return x


def mixed(y: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return the mean of (channels, n) samples, int16 as multiples of 1 / 32768.

    float64 stays, as that of one channel does until its level is set.
    """
    mean: NDArray[Any] = _floats(y, np.float64).mean(axis=0)
    return mean if y.dtype == np.float64 else mean.astype(dtype, copy=False)
