# SPDX-License-Identifier: MIT
"""All that decides what the images of a dataset are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from melpix import arguments
from melpix.audio.load import Source
from melpix.convert.cut import Cut
from melpix.convert.windows import Windows, cut_sound
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
    cut: Cut = dataclasses.field(default_factory=Cut)
    format: str = "png"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        arguments.choice("format", self.format, FORMATS)
        arguments.choice("dtype", self.dtype, ("float32", "float16"))
        self.cut.lengths(self.frontend)  # refuses what is out of range

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
        return not (self.cut.whole or self.cut.first)

    def first_name(self, item: Item) -> str:
        """Return the name of the first image of a source, relative to the output folder."""
        return sample_name(item.stem, 0 if self.numbered else None) + self.suffix

    def options(self) -> dict[str, Any]:
        """Return what decides the images beside the front-end, as JSON values."""
        return {**self.cut.options(), "format": self.format, "dtype": self.dtype}

    def hash(self, without: Iterable[str] = ()) -> str:
        """Return 16 hexadecimal digits that change with any parameter but some."""
        everything = {**self.options(), "frontend": self.frontend.params}
        for name in without:
            del everything[name]
        text = json.dumps(everything, sort_keys=True)
        return digest(text.encode())

    def ahead(self) -> Ahead | None:
        """Return what reads sources ahead, if they are read from beginning to end."""
        if self.cut.first or self.cut.offset or self.cut.duration is not None:
            return None
        return Ahead(None if self.cut.native else self.frontend.sr)

    def windows(self, item: Item, src: Source | None = None) -> Windows:
        """Cut a source: by its path, if no other is given."""
        cut = self.cut.part(item.offset, item.duration)
        return cut_sound(src or item.path, self.frontend, cut)


def digest(data: bytes) -> str:
    """Return 16 hexadecimal digits."""
    # It brings OpenSSL along, a tenth of what a worker needs to start; most need none.
    import hashlib

    return hashlib.blake2b(data, digest_size=8).hexdigest()
