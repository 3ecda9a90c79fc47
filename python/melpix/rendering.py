# SPDX-License-Identifier: MIT
"""An image and what is needed to read values back from its pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from melpix import _core

Value: TypeAlias = float | tuple[float, ...]

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
"""JSON values as text, in one form only; pure ASCII, so that any file name survives."""


@dataclass(frozen=True, slots=True)
class Rendering:
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
    params : dict
        The front-end's parameters.
    params_text : str
        The same as canonical JSON: they are many, and the same for all images.
    """

    image: NDArray[Any]
    lo: Value
    hi: Value
    min: Value
    max: Value
    params: dict[str, Any]
    params_text: str

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
        facts = self._facts(more)
        before = canonical({name: facts[name] for name in facts if name < "params"})
        behind = canonical({name: facts[name] for name in facts if name > "params"})
        return f'{before[:-1]},"params":{self.params_text},{behind[1:]}'

    def _facts(self, more: dict[str, Any]) -> dict[str, Any]:
        """Return all but the parameters."""
        facts = {
            "schema": 1,
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
