# SPDX-License-Identifier: MIT
"""Parameters checked once, with errors that name parameter, value and allowed range."""

from __future__ import annotations

import contextlib
import math
import operator
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# scipy.signal.get_window's names and short forms, and how many parameters the window takes.
_ALIASES = {
    "ham": "hamming", "hamm": "hamming", "han": "hann", "black": "blackman", "blk": "blackman",
    "blackharr": "blackmanharris", "bkh": "blackmanharris", "bart": "bartlett", "brt": "bartlett",
    "box": "boxcar", "ones": "boxcar", "rect": "boxcar", "rectangular": "boxcar", "ksr": "kaiser",
    "gauss": "gaussian", "gss": "gaussian", "tuk": "tukey", "general hamming": "general_hamming",
}  # fmt: skip
_TUKEY_ALPHA = 0.5  # scipy's default
_MOST = 2**62  # what fits the core's integers; its own limits are narrower
_MOST_FEATURE = 1e30  # the core's limit
_FEW = 8  # samples that are channels rather, where there are more signals

# What the core reads in place, by what is welcome.
_FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
_READABLE = {"f": _FLOATS, "fi": _FLOATS | {np.dtype(np.int16)}}

# A name, a name with parameters, or the samples themselves.
Window = str | tuple[str | float, ...]


def integer(name: str, value: Any, least: int = 1) -> int:
    """Return value as an int of at least `least`; 512.0 is none."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    if number < least:
        raise ValueError(f"{name} must be >= {least}, got {number}")
    if number > _MOST:
        raise ValueError(f"{name} is too large, got {number}")
    return number


def real(name: str, value: Any) -> float:
    """Return value as a finite number; an int stays one, so that parameters print as given."""
    if isinstance(value, bool | np.bool_ | str | bytes):
        raise ValueError(f"{name} must be a number, got {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def above_zero(name: str, value: Any) -> float:
    """Return value as a finite number above 0."""
    number = real(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be > 0, got {value!r}")
    return number


def not_below_zero(name: str, value: Any) -> float:
    """Return value as a finite number of at least 0."""
    number = real(name, value)
    if number < 0:
        raise ValueError(f"{name} must be >= 0, got {value!r}")
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
    raise ValueError(f"{name} must be one of {names}, got {value!r}")


def norm(value: Any) -> str | float | None:
    """Return the normalisation of a filterbank: 'slaney', None or the p of a p-norm."""
    if value is None or (isinstance(value, str) and value == "slaney"):
        return None if value is None else "slaney"
    if isinstance(value, str):
        raise ValueError(f"norm must be 'slaney', None or a number, got {value!r}")
    try:
        p = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"norm must be 'slaney', None or a number, got {value!r}") from None
    if math.isnan(p) or (p < 0 and p != -math.inf):
        raise ValueError(f"norm must be >= 0, inf or -inf, got {value!r}")
    return p


def value_range(name: str, value: Any) -> str | tuple[float, float]:
    """Return 'minmax', or the two ends of a fixed range."""
    if isinstance(value, str) and value == "minmax":
        return "minmax"
    if isinstance(value, tuple | list) and len(value) == 2:
        with contextlib.suppress(ValueError):
            lo, hi = real(name, value[0]), real(name, value[1])
            if -_MOST_FEATURE <= lo < hi <= _MOST_FEATURE:
                return lo, hi
    limit = f"{_MOST_FEATURE:g}"
    raise ValueError(
        f"{name} must be 'minmax' or (lo, hi) with -{limit} <= lo < hi <= {limit}, got {value!r}"
    )


def window(value: Any, win_length: int) -> Window:
    """Return any of librosa's ways to name a window in one form that can be hashed."""
    if callable(value):
        value = np.asarray(value(win_length))
    if isinstance(value, str):
        name = _ALIASES.get(value, value)
        return (name, _TUKEY_ALPHA) if name == "tukey" else name
    if np.isscalar(value):
        return ("kaiser", real("window", value))
    if isinstance(value, tuple | list) and value and isinstance(value[0], str):
        named = window(value[0], win_length)
        if len(value) == 1:
            return named
        name = named if isinstance(named, str) else str(named[0])
        return (name, *(real("window", p) for p in value[1:]))
    if isinstance(value, tuple | list | np.ndarray):
        try:
            samples = np.asarray(value)
        except ValueError:  # lists of several lengths
            raise ValueError(f"window must have real samples, got {value!r}") from None
        if samples.ndim != 1 or samples.dtype.kind not in "fiu" or samples.size != win_length:
            raise ValueError(
                f"window must have win_length ({win_length}) real samples, got "
                f"{samples.dtype} of shape {samples.shape}"
            )
        if not np.isfinite(samples).all():
            raise ValueError("window samples must be finite")
        return tuple(float(w) for w in samples)
    raise ValueError(f"window must be a name, (name, parameters...) or an array, got {value!r}")


def core_window(value: Window) -> tuple[str, list[float]] | list[float]:
    """Return the window in the form that _core takes."""
    if isinstance(value, str):
        return value, []
    if isinstance(value[0], str):
        return value[0], [float(p) for p in value[1:]]
    return [float(w) for w in value]


def signal(y: Any, kinds: str = "f") -> NDArray[Any]:
    """Return y as an array that the core reads in place: float32, float64 or int16.

    `kinds` says which dtypes are welcome: "f" floats, "i" int16 too.
    """
    # The usual case first: for a short clip, the questions below take long.
    if type(y) is np.ndarray and y.dtype in _READABLE[kinds] and y.ndim and y.flags.aligned:
        return y
    # np.ma would import it, which takes a tenth of a first call; nobody who has not can mask.
    if isinstance(y, getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())):
        raise ValueError("y must not be masked: fill it first")
    y = _in_place(y)
    welcome = "float16, float32, float64" + (" or int16" if "i" in kinds else "")
    dtype: type[np.generic]
    if y.dtype.kind == "f":
        dtype = np.float32 if y.dtype.itemsize <= 4 else np.float64
    elif "i" in kinds and y.dtype.kind == "i" and y.dtype.itemsize == 2:
        dtype = np.int16
    else:
        got = "bytes: of int16, take memoryview(y).cast('h')" if y.dtype.kind == "S" else y.dtype
        raise ValueError(f"y must be {welcome}, got {got}")
    if y.ndim == 0:
        raise ValueError("y must have at least one dimension, got a scalar")
    # Copies only what is of another size or byte order, or starts at an odd address.
    return np.require(y, dtype, "A")


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
        raise ValueError(f"y must have its samples on the last axis, got {transposed(y)}")


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
        raise ValueError(f"y must lie in memory that NumPy can read: {error}") from error


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
            raise ValueError(f"out must be memory that NumPy can write to: {error}") from error
    if np.may_share_memory(array, y):
        raise ValueError("out must not overlap y")
    if not array.flags.forc and _overlaps_itself(array):
        raise ValueError(f"out must not overlap itself, has strides {array.strides}")
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
        raise ValueError(
            f"out must be {dtype} of shape {shape}, got {array.dtype} of shape {array.shape}"
        )
    if not (array.flags.writeable and array.flags.aligned):
        raise ValueError("out must be writeable and aligned")
    return array


def warn(message: str) -> None:
    """Warn, and name the line that called melpix, however deep inside this is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and str(frame.f_globals.get("__name__")).split(".")[0] == "melpix":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


Mapped = Callable[[NDArray[Any], NDArray[Any]], float]


def map_leading(
    y: NDArray[Any], shape: tuple[int, ...], dtype: Any, one: Mapped, out: Any = None
) -> tuple[NDArray[Any], float]:
    """Apply one(signal, out) to each signal along y's leading axes.

    Returns the results, stacked likewise, in `out` if given, and the largest number that `one`
    returned.
    """
    shape = (*y.shape[:-1], *shape)
    out = np.empty(shape, dtype) if out is None else filled(out, y, shape, np.dtype(dtype))
    peak = 0.0
    for index in np.ndindex(y.shape[:-1]) if y.ndim > 1 else [()]:
        peak = max(peak, one(y[index], out[index]))
    return out, peak
