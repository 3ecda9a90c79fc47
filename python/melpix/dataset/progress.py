# SPDX-License-Identifier: MIT
"""What a run over a dataset has done so far, for whoever watches it."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, overload

from melpix.dataset.outputs.record import Record, told_records
from melpix.dataset.sources.item import NOT_READ
from melpix.dataset.worker import Outcome


@dataclasses.dataclass(slots=True)
class Summary:
    """What a run has done: so far, or at its end.

    Attributes
    ----------
    phase : {"measure", "convert", "done"}
        Finding the dataset's range, making images, or neither any more.
    sources : int
        All that there are.
    already : int
        Of them, what earlier runs have done.
    done : int
        Of them, what this run has done in this phase.
    images, failed, skipped : int
        Images that were made; sources that could not be converted, and folders that could not be
        read; what was passed over.
    audio_seconds : float
        Sound in the images.
    cut : int
        Images that show the beginning of their sound alone, for the front-end has a fixed length.
    left_out : float
        Sound that would follow in them, in seconds.
    seconds : float
        Since the run began.
    workers : int
        Processes at work.
    stages : dict of str to float
        Seconds that the workers have spent in ``decode`` (resampling included), ``render``,
        ``encode`` and ``write``.
    errors : dict of str to int
        How many sources failed, by code.
    unread : dict of str to int
        Of them, how many are of formats that are not read, by the suffix of their names.
    notes : list of str
        What else there is to say of the run, in sentences.
    """

    phase: str = "convert"
    sources: int = 0
    already: int = 0
    done: int = 0
    images: int = 0
    failed: int = 0
    skipped: int = 0
    audio_seconds: float = 0.0
    cut: int = 0
    left_out: float = 0.0
    seconds: float = 0.0
    workers: int = 0
    stages: dict[str, float] = dataclasses.field(default_factory=dict)
    errors: dict[str, int] = dataclasses.field(default_factory=dict)
    unread: dict[str, int] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Add what became of a source."""
        self.done += 1
        self.images += outcome.made
        self.audio_seconds += outcome.audio_seconds
        self.cut += outcome.cut
        self.left_out += outcome.left_out
        for stage, seconds in outcome.seconds.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        if outcome.end is not None:
            self.note(outcome.end)

    def facts(self) -> dict[str, Any]:
        """Return what stays known of a run."""
        names = ("seconds", "workers", "already", "images", "failed", "skipped", "audio_seconds")
        return {"files": self.done, **{name: getattr(self, name) for name in (*names, "stages")}}

    def note(self, record: Record) -> None:
        """Add why there is no image."""
        if record.status == "skipped":
            self.skipped += 1
        else:
            code = record.code or "internal"
            self.failed += 1
            self.errors[code] = self.errors.get(code, 0) + 1
            if code in NOT_READ:
                suffix = os.path.splitext(record.source)[1].lower()
                self.unread[suffix] = self.unread.get(suffix, 0) + 1


class Told(Sequence[dict[str, Any]]):
    """What is told of lines of the manifest: they are read when somebody looks at it.

    Parameters
    ----------
    lines : bytes
        As `encode_line` or `encode_line_in_shard` gives them.
    """

    def __init__(self, lines: bytes) -> None:
        self._lines = lines

    @functools.cached_property
    def _facts(self) -> list[dict[str, Any]]:
        return [record.facts() for record in told_records(self._lines)]

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        return self._facts[index]

    def __len__(self) -> int:
        return len(self._facts)

    def __repr__(self) -> str:
        return repr(self._facts)


Progress: TypeAlias = Callable[[Summary, Sequence[dict[str, Any]]], None]
