# SPDX-License-Identifier: MIT
"""The table of the front-end's parameters: the core's, and those that are Python's own."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from melpix import _core


class Interval(NamedTuple):
    """Where the numbers of a parameter end, and whether the ends themselves are left out."""

    least: float = -math.inf
    most: float = math.inf
    above_least: bool = False
    below_most: bool = False


class Parameter(NamedTuple):
    """One parameter of `melpix.Frontend`."""

    name: str
    kind: str
    """As in the core's melpix/parameters.h; or "stack"."""
    words: tuple[Any, ...]
    """Values that are allowed beside those of the `types`."""
    default: Any
    text: str
    """What it does, in a line."""
    forms: tuple[str, ...] = ()
    """All that the core takes for its text, where that may be a word with numbers."""
    limits: Interval = Interval()
    rule: str = ""
    """What it must be beside others."""

    @property
    def types(self) -> tuple[str, ...]:
        """Types as JSON Schema names them; none where only `words` are allowed."""
        return _TYPES[self.kind]

    @property
    def heads(self) -> set[str]:
        """The words of its forms."""
        return {form.partition(",")[0] for form in self.forms}


_TYPES: dict[str, tuple[str, ...]] = {
    "word": (),
    "flag": (),
    "count": ("integer",),
    "number": ("number",),
    "norm": ("number",),
    "form": ("array",),
    "window": ("string", "number", "array"),
    "stack": ("array",),
}

# Parameters of the core that `Frontend` has no use for.
_HIDDEN = {"window_samples", "single_filterbank", "isa"}

# What only Python has, and the parameter that it comes behind.
_OWN = {
    "normalise": (
        Parameter(
            "layout", "word", ("mels", "flipped", "frames"), "mels",
            "Order of the features' axes.",
        ),
    ),
    "tail": (
        Parameter(
            "dtype", "word", ("float32", "float64", None), None,
            "Type of the features; none: as precision has it.",
        ),
    ),
    "invert": (
        Parameter("bits", "word", (8, 16), 8, "Bits of a pixel."),
        Parameter(
            "stack", "stack", (None,), None,
            "What further mels, as channels, change: an object for each.",
        ),
    ),
}  # fmt: skip


def _value(kind: str, text: str) -> Any:
    """Return a word, or a number, as Python has it."""
    if text == "none":
        return None
    return json.loads(text) if kind in ("flag", "count", "number") and text != "max" else text


def _of_core() -> list[Parameter]:
    found = []
    for name, kind, words, initial, *limits, rule, about in _core.parameters():
        forms = tuple(words.split())
        alone = (form for form in forms if "," not in form and kind != "window")
        found.append(
            Parameter(
                name,
                kind,
                tuple(_value(kind, word) for word in alone),
                _value(kind, initial),
                about,
                forms if kind in ("form", "window") else (),
                Interval(*limits),
                rule,
            )
        )
    return found


# In the order of the stages, as in `Frontend`.
PARAMETERS = {
    each.name: each
    for parameter in _of_core()
    if parameter.name not in _HIDDEN
    for each in (parameter, *_OWN.get(parameter.name, ()))
}
