# SPDX-License-Identifier: MIT
"""Signals as the core reads them, and the arrays that results go to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix.errors import ParameterError
from melpix.host import find_numpy

find_numpy()

# What the core reads in place, by what is welcome.
_FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})

_READABLE = {"f": _FLOATS, "fi": _FLOATS | {np.dtype(np.int16)}}


def signal(y: Any, kinds: str = "f") -> NDArray[Any]:
    """Return y as an array that the core reads in place: float32, float64 or int16.

    `kinds` says which dtypes are welcome: "f" floats, "i" int16 too.
    """
    # The usual case first: for a short clip, the questions below take long.
    if type(y) is np.ndarray and y.dtype in _READABLE[kinds] and y.ndim and y.flags.aligned:
        return y
    # np.ma would import it, which takes a tenth of a first call; nobody who has not can mask.
    if isinstance(y, getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())):
        raise ParameterError("y", " must not be masked: fill it first")
    y = _in_place(y)
    welcome = "float16, float32, float64" + (" or int16" if "i" in kinds else "")
    dtype: type[np.generic]
    if y.dtype.kind == "f":
        dtype = np.float32 if y.dtype.itemsize <= 4 else np.float64
    elif "i" in kinds and y.dtype.kind == "i" and y.dtype.itemsize == 2:
        dtype = np.int16
    else:
        got = "bytes: of int16, take memoryview(y).cast('h')" if y.dtype.kind == "S" else y.dtype
        raise ParameterError("y", f" must be {welcome}, got {got}")
    if y.ndim == 0:
        raise ParameterError("y", " must have at least one dimension, got a scalar")
    # Copies only what is of another size or byte order, or starts at an odd address.
    return np.require(y, dtype, "A")


# What says where its elements lie, in the ways that np.asarray knows.
_KNOWN = ("__array__", "__array_interface__", "__array_struct__")


def _in_place(y: Any) -> NDArray[Any]:
    """Return y as an array, of the same memory where it has any that NumPy can address."""
    try:
        if hasattr(y, "__dlpack__") and not any(hasattr(y, name) for name in _KNOWN):
            array: NDArray[Any] = np.from_dlpack(y)
            return array
        return np.asarray(y)
    except (BufferError, RuntimeError, TypeError) as error:  # a tensor that wants its gradient
        raise ParameterError("y", f" must lie in memory that NumPy can read: {error}") from error


def destination(out: Any, y: NDArray[Any]) -> NDArray[Any]:
    """Return what the caller gave for a result as an array of the same memory, apart from y's."""
    array: NDArray[Any] = out
    if type(out) is not np.ndarray:
        try:
            if hasattr(out, "__array_interface__"):
                array = np.asarray(out)
            elif hasattr(out, "__dlpack__"):  # never a copy, as that of __array__ might be
                array = np.from_dlpack(out)
            else:
                array = np.asarray(memoryview(out))
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise ParameterError(
                "out", f" must be memory that NumPy can write to: {error}"
            ) from error
    if np.may_share_memory(array, y):
        raise ParameterError("out", " must not overlap y")
    if not array.flags.forc and _overlaps_itself(array):
        raise ParameterError("out", f" must not overlap itself, has strides {array.strides}")
    return array


def _overlaps_itself(array: NDArray[Any]) -> bool:
    """Whether elements may share memory: each axis must step over all that is inside of it."""
    inside = array.itemsize
    for stride, length in sorted(zip(map(abs, array.strides), array.shape, strict=True)):
        if length > 1:
            if stride < inside:
                return True
            inside += stride * (length - 1)
    return False


def filled(out: Any, y: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `destination` if it has this shape and type."""
    array = destination(out, y)
    if array.shape != shape or array.dtype != dtype:
        raise ParameterError(
            "out", f" must be {dtype} of shape {shape}, got {array.dtype} of shape {array.shape}"
        )
    if not (array.flags.writeable and array.flags.aligned):
        raise ParameterError("out", " must be writeable and aligned")
    return array


Mapped = Callable[[NDArray[Any], NDArray[Any]], float]


def map_leading(
    y: NDArray[Any],
    shape: tuple[int, ...],
    dtype: Any,
    one: Mapped,
    out: Any = None,
    axes: int = 1,
) -> tuple[NDArray[Any], float]:
    """Apply one(signal, out) to each signal along y's leading axes; its own are the last `axes`.

    Returns the results, stacked likewise, in `out` if given, and the largest number that `one`
    returned.
    """
    leading = y.shape[:-axes]
    shape = (*leading, *shape)
    out = np.empty(shape, dtype) if out is None else filled(out, y, shape, np.dtype(dtype))
    peak = 0.0
    for index in np.ndindex(leading) if leading else [()]:
        peak = max(peak, one(y[index], out[index]))
    return out, peak
