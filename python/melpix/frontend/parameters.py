# SPDX-License-Identifier: MIT
"""The front-end's parameters: from Python's values to the text that the core reads.

What a parameter may be stands in the core's table, and the core checks it. Here is what a text
cannot tell: whether a value of Python's is a number, a word or a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from melpix import _core, arguments
from melpix.errors import ParameterError
from melpix.frontend.parameter_table import PARAMETERS, Parameter

# Parameters that follow from others where they are None.
OPEN = (*_core.followed({}), "dtype")


class Checked(NamedTuple):
    """Parameters in one form that can be hashed, and as the core takes them."""

    values: dict[str, Any]
    texts: dict[str, str]
    """The texts of those that differ from the default."""
    window_samples: tuple[float, ...]

    def plan(self, *, deep: bool = False) -> _core.Frontend:
        """Return the core's front-end."""
        return _core.Frontend(self.texts, self.window_samples, deep=deep)


def checked(given: Mapping[str, Any]) -> Checked:
    """Return parameters in one form."""
    values: dict[str, Any] = {}
    texts: dict[str, str] = {}
    samples: tuple[float, ...] = ()
    for name, value in given.items():
        parameter = PARAMETERS[name]
        if type(value) in _TYPES[name] and value == parameter.default:
            values[name] = parameter.default
        elif parameter.kind == "window":
            window = _window(value, texts)
            values[name] = window
            if isinstance(window, tuple) and not isinstance(window[0], str):
                samples = window
            else:
                texts[name] = _joined(window)
        else:
            values[name], text = _KINDS[parameter.kind](parameter, value)
            if name not in _NOT_OF_CORE:
                texts[name] = text
    return Checked(values, texts, samples)


# Types of what may be a parameter's default: others are looked at, 1 is not True.
_TYPES = {
    name: (type(parameter.default), *([float] if parameter.kind == "number" else []))
    for name, parameter in PARAMETERS.items()
}


def follow(values: dict[str, Any], plan: _core.Frontend) -> None:
    """Fill in what follows from other parameters."""
    for name, value in plan.followed.items():
        if values[name] is None or isinstance(value, tuple):
            values[name] = _plain(name, value)
    if values["dtype"] is None:
        values["dtype"] = "float64" if values["precision"] == "double" else "float32"


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(name, v) for v in value)
    return arguments.real(name, value) if isinstance(value, float) else value


def to_json(value: Any) -> Any:
    """Return a complete parameter as JSON has it."""
    if value in (float("inf"), float("-inf")):
        return str(value)  # JSON has no infinity
    return [to_json(v) for v in value] if isinstance(value, tuple) else value


_NOT_OF_CORE = {"layout", "dtype", "bits", "stack"}


def _text(value: Any) -> str:
    """Return a word or number as the core writes it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _joined(value: Any) -> str:
    return ",".join(map(_text, value)) if isinstance(value, tuple) else _text(value)


def _is_word(parameter: Parameter, value: Any) -> bool:
    # Not `in` alone: to compare an array would give an array.
    return (value is None or isinstance(value, str)) and value in parameter.words


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _refused(parameter: Parameter, value: Any) -> ParameterError:
    return ParameterError(parameter.name, f" must be {' or '.join(parameter.forms)}, got {value!r}")


def _word(parameter: Parameter, value: Any) -> tuple[Any, str]:
    word = arguments.choice(parameter.name, value, parameter.words)
    return word, _text(word)


def _number(parameter: Parameter, value: Any) -> tuple[Any, str]:
    if value is None or isinstance(value, str):
        if value in parameter.words:
            return (float(value) if value in ("inf", "-inf") else value), _text(value)
        words = " or ".join(["a number", *map(_text, parameter.words)])
        raise ParameterError(parameter.name, f" must be {words}, got {value!r}")
    number = _TO_NUMBER[parameter.kind](parameter.name, value)
    return number, str(number)


def _form(parameter: Parameter, value: Any) -> tuple[Any, str]:
    """Return a word, numbers, or a word with numbers."""
    if _is_word(parameter, value):
        return value, _text(value)
    if parameter.name == "normalise":
        return _normalise(parameter, value)
    if not _is_list(value) or not value:
        raise _refused(parameter, value)
    head = value[:1] if isinstance(value[0], str) else ()
    if head and head[0] not in parameter.heads:
        raise _refused(parameter, value)
    numbers = (arguments.real(parameter.name, v) for v in value[len(head) :])
    form = *head, *numbers
    return form, _joined(form)


def _normalise(parameter: Parameter, value: Any) -> tuple[Any, str]:
    """Return (mean, std), each a number or one for each band."""
    if not _is_list(value) or len(value) != 2:
        raise _refused(parameter, value)
    pair = tuple(_statistic(parameter.name, v) for v in value)
    bands = max(len(v) for v in pair if isinstance(v, tuple)) if tuple in map(type, pair) else 1
    lists = (v if isinstance(v, tuple) else (v,) * bands for v in pair)
    mean, std = lists
    if len(mean) != len(std):
        raise ParameterError(
            parameter.name,
            f" must have as many means as deviations, got {len(mean)} and {len(std)}",
        )
    return pair, _joined(mean + std)


def _statistic(name: str, value: Any) -> Any:
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if not _is_list(value):
        return arguments.real(name, value)
    return tuple(arguments.real(name, v) for v in value)


def _stack(parameter: Parameter, value: Any) -> tuple[Any, str]:
    """Return what each further mel changes."""
    if value is None:
        return None, ""
    try:
        changes = tuple(tuple(sorted(dict(change).items())) for change in value)
    except (TypeError, ValueError):
        changes = ()
    if not changes:
        raise ParameterError(
            parameter.name, f" must be a list of dicts of parameters, or None, got {value!r}"
        )
    return changes, ""


_KINDS: dict[str, Callable[[Parameter, Any], tuple[Any, str]]] = {
    "word": _word, "flag": _word, "count": _number, "number": _number, "norm": _number,
    "form": _form, "stack": _stack,
}  # fmt: skip

_TO_NUMBER: dict[str, Callable[[str, Any], float]] = {
    "count": arguments.whole, "number": arguments.real, "norm": arguments.floating,
}  # fmt: skip

# scipy.signal.get_window's names and short forms, and how many parameters the window takes.
_ALIASES = {
    "ham": "hamming", "hamm": "hamming", "han": "hann", "black": "blackman", "blk": "blackman",
    "blackharr": "blackmanharris", "bkh": "blackmanharris", "bart": "bartlett", "brt": "bartlett",
    "box": "boxcar", "ones": "boxcar", "rect": "boxcar", "rectangular": "boxcar", "ksr": "kaiser",
    "gauss": "gaussian", "gss": "gaussian", "tuk": "tukey", "general hamming": "general_hamming",
}  # fmt: skip

_TUKEY_ALPHA = 0.5  # scipy's default


def _window(value: Any, texts: dict[str, str]) -> str | tuple[Any, ...]:
    """Return any of librosa's ways to name a window: a name, (name, numbers...) or samples."""
    if callable(value):
        value = np.asarray(value(_core.followed(texts)["win_length"]))
    if isinstance(value, str):
        if "," in value:  # the core would see numbers
            raise ParameterError("window", f" must be a name, got {value!r}")
        name = _ALIASES.get(value, value)
        return (name, _TUKEY_ALPHA) if name == "tukey" else name
    if np.isscalar(value):
        return ("kaiser", arguments.real("window", value))
    if isinstance(value, tuple | list) and value and isinstance(value[0], str):
        named = _window(value[0], texts)
        if len(value) == 1:
            return named
        name = named if isinstance(named, str) else str(named[0])
        return (name, *(arguments.real("window", p) for p in value[1:]))
    if isinstance(value, tuple | list | np.ndarray):
        try:
            samples = np.asarray(value)
        except ValueError:  # lists of several lengths
            raise ParameterError("window", f" must have real samples, got {value!r}") from None
        if samples.ndim != 1 or samples.dtype.kind not in "fiu" or not samples.size:
            raise ParameterError(
                "window",
                f" must have win_length real samples, got {samples.dtype} of shape {samples.shape}",
            )
        return tuple(samples.astype(float).tolist())
    raise ParameterError(
        "window", f" must be a name, (name, parameters...) or an array, got {value!r}"
    )
