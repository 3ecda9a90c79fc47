# SPDX-License-Identifier: MIT
"""All that decides what the images of a dataset are."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from melpix import arguments
from melpix.audio.load import Source
from melpix.audio.samples import Empty
from melpix.convert.windows import Windows, windows
from melpix.dataset.outputs.folder import SHARDED
from melpix.dataset.outputs.tree import sample_name
from melpix.dataset.read_ahead import Ahead
from melpix.dataset.sources.item import Item
from melpix.frontend.frontend import Frontend

FORMATS = ("png", "npy", *SHARDED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that decides what a dataset's images are. See `melpix.convert_dataset`."""

    frontend: Frontend = dataclasses.field(default_factory=Frontend)
    time_steps: int | None = None
    seconds: float | None = None
    exact_width: bool = False
    step: float | None = None
    tail: str = "drop"
    short: str = "pad"
    first: bool = False
    native: bool = False
    offset: float = 0.0
    duration: float | None = None
    strict: bool = False
    max_seconds: float | None = None
    format: str = "png"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        arguments.choice("format", self.format, FORMATS)
        arguments.choice("dtype", self.dtype, ("float32", "float16"))
        self.windows(Item(os.devnull, ""))  # refuses what is out of range
        # As JSON knows them: NumPy's numbers are no values of its.
        step = int if self.seconds is None else float
        for name, kind in (("time_steps", int), ("step", step), ("seconds", float)):
            self._become(name, kind)
        self._become("offset", float)
        self._become("duration", float)

    def _become(self, name: str, kind: Callable[[Any], Any]) -> None:
        value = getattr(self, name)
        object.__setattr__(self, name, None if value is None else kind(value))

    @property
    def suffix(self) -> str:
        """Of a sample."""
        return ".npy" if self.format == "npy" else ".png"

    @property
    def sharded(self) -> bool:
        """Whether a file holds many images."""
        return self.format in SHARDED

    @property
    def numbered(self) -> bool:
        """Whether a source makes several images."""
        return (self.time_steps is not None or self.seconds is not None) and not self.first

    def first_name(self, item: Item) -> str:
        """Return the name of the first image of a source, relative to the output folder."""
        return sample_name(item.stem, 0 if self.numbered else None) + self.suffix

    def options(self) -> dict[str, Any]:
        """Return what decides the images beside the front-end, as JSON values."""
        # How much may be read decides what fails, and a later run may allow more.
        others = {"frontend", "max_seconds"}
        names = [f.name for f in dataclasses.fields(self) if f.name not in others]
        return {name: getattr(self, name) for name in names}

    def hash(self, without: Iterable[str] = ()) -> str:
        """Return 16 hexadecimal digits that change with any parameter but some."""
        everything = {**self.options(), "frontend": self.frontend.params}
        for name in without:
            del everything[name]
        text = json.dumps(everything, sort_keys=True)
        return digest(text.encode())

    def ahead(self) -> Ahead | None:
        """Return what reads sources ahead, if they are read from beginning to end."""
        if self.first or self.offset or self.duration is not None:
            return None
        return Ahead(None if self.native else self.frontend.sr)

    def windows(self, item: Item, empty: Empty = np.empty, src: Source | None = None) -> Windows:
        """Cut a source: by its path, if no other is given."""
        return windows(
            src or item.path,
            self.frontend,
            time_steps=self.time_steps,
            seconds=self.seconds,
            exact_width=self.exact_width,
            step=self.step,
            tail=self.tail,
            short=self.short,
            first=self.first,
            sr="native" if self.native else None,
            offset=self.offset if item.offset is None else item.offset,
            duration=self.duration if item.duration is None else item.duration,
            strict=self.strict,
            max_seconds=self.max_seconds,
            empty=empty,
        )


def digest(data: bytes) -> str:
    """Return 16 hexadecimal digits of these bytes."""
    # It brings OpenSSL along, a tenth of what a worker needs to start; most need none.
    import hashlib

    return hashlib.blake2b(data, digest_size=8).hexdigest()
