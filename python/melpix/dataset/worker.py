# SPDX-License-Identifier: MIT
"""What a worker does with one source of a dataset: its images, and the account of them."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from melpix import files
from melpix.convert.windows import Window
from melpix.dataset.outputs.handover import Parcel
from melpix.dataset.outputs.record import End, Record, describe, encode_line
from melpix.dataset.outputs.shards import Packer, Sample
from melpix.dataset.outputs.tree import Tree, npy_bytes, sample_name
from melpix.dataset.plan import Plan, digest
from melpix.dataset.sources.item import Item, version
from melpix.errors import DecodeError, MelpixError
from melpix.frontend import lengths
from melpix.image.rendering import Value
from melpix.image.write import encode_png
from melpix.workers.process import listener

# What tells that nothing more can be written: the disk is full, gone, or over its quota.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}

# Takes the name of a sample and its content, and returns where that is, if it knows.
_Write: TypeAlias = Callable[[str, bytes], str | None]


@dataclasses.dataclass(slots=True)
class Outcome:
    """What became of a source, in a form that costs the parent little: it has many to serve.

    Attributes
    ----------
    made : int
        How many images.
    lines : bytes
        Of the manifest, complete; none where images go into shards.
    samples : list of Sample
        What shards take of the images, beside what is in the parcel.
    parcel : Parcel or None
        The images, where the parent writes them.
    seconds : dict of str to float
        Spent in ``decode`` (resampling included), ``render``, ``encode``, ``write``.
    audio_seconds : float
        Sound in the images.
    cut : int
        Images that show the beginning of their sound alone.
    left_out : float
        Sound that would follow in them, in seconds.
    end : Record or None
        Why there is no image; it is in the lines as well.
    full : OSError or None
        Why nothing more can be written.
    """

    made: int = 0
    lines: bytes = b""
    samples: list[Sample] = dataclasses.field(default_factory=list)
    parcel: Parcel | None = None
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    audio_seconds: float = 0.0
    cut: int = 0
    left_out: float = 0.0
    end: Record | None = None
    full: OSError | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled as one call of plain values, it takes less time there and back.
        facts = [getattr(self, name) for name in self.__slots__]
        facts[2] = list(map(tuple, self.samples))
        facts[3] = self.parcel and self.parcel.state()
        return _outcome, tuple(facts)

    @staticmethod
    def ended(record: Record) -> Outcome:
        """Return that of a source without an image."""
        return Outcome(lines=encode_line(record), end=record)


def _outcome(made: int, lines: bytes, samples: Any, parcel: Any, *facts: Any) -> Outcome:
    """Return what `Outcome.__reduce__` takes apart."""
    made_of = [Sample(*sample) for sample in samples] if samples else samples
    return Outcome(made, lines, made_of, Parcel(*parcel) if parcel else None, *facts)


class Converter:
    """Makes the images of one source after the other.

    Parameters
    ----------
    plan : Plan
    folder : str
        Of the dataset. Trees are written here, what goes into shards is handed back.
    again : bool
        There may be images of these sources already, and more of them than there will be.
    packer : Packer, optional
        What makes samples of images that go into shards.
    place : Place, optional
        The folder that was there when the run began: into no other one is written.
    """

    def __init__(
        self,
        plan: Plan,
        folder: str,
        again: bool = False,
        packer: Packer | None = None,
        place: files.Place | None = None,
    ) -> None:
        self._plan = plan
        self._hash = plan.hash()
        self._folder = folder
        self._tree = Tree(folder, plan.suffix, place) if packer is None else None
        self._again, self._packer, self._place = again, packer, place
        self._ahead = plan.ahead()

    def prepare(self, items: Iterator[Item]) -> int:
        """Read ahead: sources that are likely to be converted next, the first one at once.

        Returns how many of them there is nothing more to prepare for.
        """
        return 1 if self._ahead is None else self._ahead.look(items)

    def __call__(self, item: Item) -> Outcome:
        """Convert a source; what goes wrong with it is a record too."""
        about, outcome = describe(item, self._hash), Outcome()
        records: list[Record] = []
        heard_by = listener()
        try:
            # If a sample cannot be made, those of its source before it go.
            samples: contextlib.AbstractContextManager[_Write]
            if self._tree is None:
                outcome.parcel = self._parcel(item)
                samples = outcome.parcel.all_or_none()
            else:
                samples = self._tree.all_or_none()
            with samples as write:
                records = self._convert(item, about, write, outcome)
            end = None if records else End("too_short", "shorter than a window", "skipped")
        except _NotWrittenError as error:
            reason = error.reason
            if reason.errno in _FULL or (self._place is not None and self._place.moved()):
                outcome.full = reason
            end = End("not_written", f"{reason.filename}: {reason.strerror}")
        except Exception as error:
            end = fault(error)
        if end is None:
            outcome.made = len(records)
        else:
            records = [about.ended(end)]
            outcome = Outcome(seconds=outcome.seconds, end=records[0], full=outcome.full)
        if self._again and (self._plan.numbered or end is not None):
            self.clear(item, outcome.made)
        heard = heard_by.heard() or None
        for record in records:
            record.heard = heard
        if outcome.parcel is None:
            outcome.lines = b"".join(map(encode_line, records))
        else:
            outcome.samples = [self._packed(item, record) for record in records]
        return outcome

    def clear(self, item: Item, from_window: int = 0) -> None:
        """Remove the images of a source that are there already, from a window on."""
        if self._tree is None:
            self._parcel(item).discard()
            return
        for window in itertools.count(from_window):
            number = window if self._plan.numbered else None
            if not self._tree.remove([sample_name(item.stem, number) + self._plan.suffix]):
                break

    def _convert(self, item: Item, about: Record, write: _Write, outcome: Outcome) -> list[Record]:
        """Convert a source, and return the records of its images; or raise what is wrong."""
        src = None
        records: list[Record] = []
        if self._ahead is not None:
            known = about.size, about.mtime_ns
            src, outcome.seconds["decode"] = self._ahead.take(item.path, known)
        cut = self._plan.windows(item, src)
        clock = _Clock(outcome.seconds)
        with contextlib.closing(cut):
            for window in cut:
                clock.lap("decode")
                number = window.index if self._plan.numbered else None
                payload, record = self._sample(window, about, clock)
                try:
                    if self._tree is None and self._place is not None:
                        self._place.check()
                    record.output = write(sample_name(item.stem, number), payload)
                except OSError as error:
                    raise _NotWrittenError(error) from error
                record.window, record.bytes = number, len(payload)
                clock.lap("write")
                records.append(record)
                outcome.audio_seconds += record.duration or 0.0
                if record.left_out:
                    outcome.cut += 1
                    outcome.left_out += record.left_out
        if version(item) != (about.size, about.mtime_ns):
            raise DecodeError("source_changed", "changed while it was read")
        of_source = _names_of(
            truncated=cut.truncated, length_estimated=cut.length_estimated, joined=cut.joined
        )
        for record in records:
            record.windows = len(records)
            record.flags = sorted([*(record.flags or ()), *of_source]) or None
        return records

    def _sample(self, window: Window, about: Record, clock: _Clock) -> tuple[bytes, Record]:
        """Return the content of a window's file, and what the manifest says of it."""
        f = window.frontend
        left_out = lengths.left_out(f, window.y.shape[-1]) / f.sr
        duration = window.duration - left_out
        if self._plan.format == "npy":
            features = f.features(window.y, mix=True)
            if not features.size:
                raise DecodeError("too_short", "shorter than a patch")
            lo, hi = float(features.min()), float(features.max())
            shape, constant = (f.n_mels, f.frames(window.y.shape[-1])), lo == hi
            clock.lap("render")
            payload = npy_bytes(features, self._plan.dtype)
        else:
            rendering = f.render(window.y)
            lo, hi = _over_channels(min, rendering.lo), _over_channels(max, rendering.hi)
            shape, constant = rendering.image.shape, rendering.constant
            clock.lap("render")
            metadata = rendering.metadata_text(
                source=os.path.basename(about.source),
                offset=window.offset,
                duration=duration,
                **({"left_out": left_out} if left_out else {}),
            )
            payload = encode_png(rendering.image, metadata)
        clock.lap("encode")
        record = about.copy()
        record.status = "ok"
        record.offset, record.duration, record.left_out = window.offset, duration, left_out or None
        record.rows, record.columns = shape[:2]
        record.sr, record.lo, record.hi = window.sr, float(lo), float(hi)
        record.flags = _names_of(
            constant=constant, cut=left_out > 0, padded=window.padded, short=window.short
        )
        return payload, record

    def _packed(self, item: Item, record: Record) -> Sample:
        assert self._packer is not None
        assert record.bytes is not None
        return self._packer(sample_name(item.stem, record.window), record, record.bytes)

    def _parcel(self, item: Item) -> Parcel:
        mark = digest(os.fsencode(item.stem))
        return Parcel(os.path.join(self._folder, files.temporary_name(mark)))


class _NotWrittenError(Exception):
    """An OSError that is the output's, not the source's."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason)
        self.reason = reason


class _Clock:
    """Adds the time since its last use to one of several sums."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._last
        self._last = now


def _over_channels(choose: Callable[[Iterable[float]], float], value: Value) -> float:
    return choose(value) if isinstance(value, tuple) else value


def _names_of(**flags: bool) -> list[str]:
    return [name for name, is_so in flags.items() if is_so]


def fault(error: Exception) -> End:
    """Return why a source could not be converted."""
    if isinstance(error, MelpixError):
        return End(error.code, error.reason)
    if isinstance(error, OSError):
        return End("os_error", error.strerror or str(error))
    if isinstance(error, MemoryError):
        return End("no_memory", "not enough memory")
    if isinstance(error, ValueError):
        return End("bad_parameter", str(error))
    return End("internal", f"{type(error).__name__}: {error}")
