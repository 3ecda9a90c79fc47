# SPDX-License-Identifier: MIT
"""What the metadata of an image say of its greys. They may come from anybody."""

from __future__ import annotations

import json
import reprlib
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melpix.errors import ParameterError
from melpix.image.rendering import canonical

_MOST_FEATURE = float(np.finfo(np.float32).max)


class Greys(NamedTuple):
    """How features became pixels; `lo` and `hi` have a value, or one for each channel."""

    lo: NDArray[np.float64]
    hi: NDArray[np.float64]
    flip: bool
    invert: bool
    rounding: str


def greys_of(image: NDArray[Any], metadata: Mapping[str, Any]) -> Greys:
    """Return what an image's metadata say, where they are missing what the recipe does.

    Raises
    ------
    ValueError
        They say something else, or it of another image; it names the entry.
    """
    if not isinstance(metadata, Mapping):
        got = _shown(metadata)
        raise ParameterError("metadata", f" must be a dict, as read_png returns it, got {got}")
    missing = [name for name in ("lo", "hi") if name not in metadata]
    if missing:
        lost = ": the PNG has no melpix metadata, which are lost where another program saves it"
        why = "" if metadata else lost
        raise ParameterError(
            "metadata", f" must have lo and hi, but lacks {' and '.join(missing)}{why}"
        )
    lo, hi = (_ends(name, metadata[name], image.shape[2:]) for name in ("lo", "hi"))
    if (lo > hi).any():
        raise ParameterError(
            "metadata", f" must have lo <= hi, got {lo.tolist()} and {hi.tolist()}"
        )
    params = metadata.get("params", {})
    if not isinstance(params, Mapping):
        raise ParameterError("metadata", f"'s params must be a dict, got {_shown(params)}")
    _check_shape(image, params)
    return Greys(
        lo,
        hi,
        flip=_choice(params, "flip", True, (True, False)),
        invert=_choice(params, "invert", True, (True, False)),
        rounding=_choice(params, "rounding", "truncate", ("truncate", "nearest", "ceil")),
    )


def too_long(text: str, most: int) -> str:
    """Say what of the metadata is so long: where one entry holds most of it, that one."""
    name, value, size = "", json.loads(text), len(text)
    while isinstance(value, dict | list) and value:
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        length, key, child = max(
            ((len(canonical(child)), key, child) for key, child in entries), key=lambda e: e[0]
        )
        if 2 * length < size:
            break
        name, value, size = f"{name}.{key}" if name else str(key), child, length
    return (
        f"metadata must have <= {most} characters, got {len(text)}"
        + (f", {size} of them in {name}: shorten that" if name else "")
        + ", or write the image without metadata (write_png)"
    )


def _ends(name: str, value: Any, channels: tuple[int, ...]) -> NDArray[np.float64]:
    """Return one end of the value range, or that of each channel."""
    numbers = value if channels and isinstance(value, list | tuple) else [value]
    if len(numbers) not in (1, *channels):
        raise ParameterError(
            "metadata", f" must have {channels[0]} values of {name}, got {_shown(value)}"
        )
    for number in numbers:
        # (abs: an int may be larger than any float)
        if type(number) not in (int, float) or not abs(number) <= sys.float_info.max:
            raise ParameterError("metadata", f" must have a finite {name}, got {_shown(value)}")
        if abs(number) > _MOST_FEATURE:
            raise ParameterError(
                "metadata",
                f" must have a {name} that float32 holds, {_MOST_FEATURE:.4g} at most, "
                f"got {_shown(value)}",
            )
    return np.array(numbers, np.float64)


def _choice(params: Mapping[str, Any], name: str, default: Any, allowed: tuple[Any, ...]) -> Any:
    """Return a parameter, or that of the recipe where it is missing."""
    value = params.get(name, default)
    if not any(type(value) is type(known) and value == known for known in allowed):
        names = ("one of " if len(allowed) > 1 else "") + ", ".join(map(repr, allowed))
        raise ParameterError("metadata", f"'s params.{name} must be {names}, got {_shown(value)}")
    return value


def _check_shape(image: NDArray[Any], params: Mapping[str, Any]) -> None:
    """Refuse parameters that made another image: of other bits, rows or channels."""
    height, _, *channels = image.shape
    _choice(params, "bits", 8 * image.itemsize, (8 * image.itemsize,))
    _choice(params, "n_mels", height, (height,))
    stack = params.get("stack")
    if "stack" in params and not (stack is None or isinstance(stack, list | tuple)):
        raise ParameterError(
            "metadata", f"'s params.stack must be a list or None, got {_shown(stack)}"
        )
    mels, found = 1 + len(stack or ()), channels[0] if channels else 1
    if "stack" in params and mels != found:
        raise ParameterError(
            "metadata", f"'s params.stack must make {found} channels, as image has, not {mels}"
        )


def _shown(value: Any) -> str:
    """Return what an error shows of a value that may be of any type, size and depth."""
    try:
        return reprlib.repr(value)
    except ValueError:  # an int of thousands of digits
        return f"an {type(value).__name__} that is too long to be shown"


KEYWORD = b"melpix"

# What comes before the text: not compressed, no language, no translated keyword (PNG
# specification, 11.3.3).
ENTRY = KEYWORD + b"\0\0\0\0\0"

MAX_METADATA = 1 << 20  # characters; parsed, hostile ones take 50 times as much memory

TOO_LONG = f"must be <= {MAX_METADATA} bytes"
