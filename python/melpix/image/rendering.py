# SPDX-License-Identifier: MIT
"""An image and what is needed to read values back from its pixels."""

from __future__ import annotations

import copy
import json
import math
from typing import Any, NamedTuple, TypeAlias

from numpy.typing import NDArray

from melpix import _core

Value: TypeAlias = float | tuple[float, ...]

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""JSON values as text, in one form only; pure ASCII, so that any file name survives."""

_SCHEMA = 1

_USUAL = {"source", "offset", "duration"}

_NUMBERS = (float, int)


def copied(params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters that may be changed by whoever gets them."""
    # Deeper than a list, only a stack and statistics go.
    return {
        name: copy.deepcopy(value) if type(value) is list else value
        for name, value in params.items()
    }


class Rendering(NamedTuple):  # a frozen dataclass takes three times as long to make
    """An image and what is needed to read values back from its pixels.

    Attributes
    ----------
    image : np.ndarray [shape=(n_mels, frames), dtype=uint8 or uint16]
        With an axis more for the channels where mels are stacked; then the numbers below are
        tuples, one for each.
    lo, hi : float
        The features that no energy and the most stand for: the front-end's range, or else `min`
        and `max`.
    min, max : float
        The least and the greatest feature, before any clipping.
    shared_params : dict
        The front-end's parameters, which all its images share.
    params_text : str
        The same as canonical JSON: they are many.
    """

    image: NDArray[Any]
    lo: Value
    hi: Value
    min: Value
    max: Value
    shared_params: dict[str, Any]
    params_text: str

    @property
    def params(self) -> dict[str, Any]:
        """The front-end's parameters."""
        return copied(self.shared_params)

    @property
    def constant(self) -> bool:
        """Whether all features were equal, as those of silence are.

        Then no pixel has energy, or, with a fixed range, whatever that makes of the feature.
        """
        return self.min == self.max

    def metadata(self, **more: Any) -> dict[str, Any]:
        """Return what melpix writes into the PNG; entries of `more` that are None are left out.

        The entries ``lo``, ``hi``, ``min``, ``max`` and ``constant`` are the attributes.
        """
        return {**self._facts(more), "params": self.params}

    def metadata_text(self, **more: Any) -> str:
        """Return the same as canonical JSON."""
        if more.keys() == _USUAL:
            text = self._usual_text(**more)
            if text is not None:
                return text
        facts = self._facts(more)
        before = canonical({name: facts[name] for name in facts if name < "params"})
        behind = canonical({name: facts[name] for name in facts if name > "params"})
        return f'{before[:-1]},"params":{self.params_text},{behind[1:]}'

    def _usual_text(self, source: Any, offset: Any, duration: Any) -> str | None:
        """Return the text with these entries, if they are what they usually are.

        A JSON encoder takes 5 us hot, and 15 between the core and deflate, which leave no cache to
        others. That is a tenth of what a short sound takes.
        """
        lo, hi, least, greatest = self.lo, self.hi, self.min, self.max
        numbers: tuple[Any, ...] = lo, hi, least, greatest, offset, duration
        for number in numbers:
            if type(number) not in _NUMBERS or not math.isfinite(number):
                return None
        if source is None:
            named = ""
        elif type(source) is str:
            named = f'"source":{canonical(source)},'
        else:
            return None
        constant = "true" if self.constant else "false"
        return (
            f'{{"constant":{constant},"duration":{duration!r},"hi":{hi!r},"lo":{lo!r},'
            f'"max":{greatest!r},"min":{least!r},"offset":{offset!r},"params":{self.params_text},'
            f'"schema":{_SCHEMA},{named}"version":"{_core.__version__}"}}'
        )

    def _facts(self, more: dict[str, Any]) -> dict[str, Any]:
        """Return all but the parameters."""
        facts = {
            "schema": _SCHEMA,
            "version": _core.__version__,
            "lo": self.lo,
            "hi": self.hi,
            "min": self.min,
            "max": self.max,
            "constant": self.constant,
        }
        for name in more.keys() & {*facts, "params"}:
            raise ValueError(f"metadata entry {name!r} is melpix's own, got {more[name]!r}")
        return facts | {name: value for name, value in more.items() if value is not None}
