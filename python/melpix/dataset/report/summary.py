# SPDX-License-Identifier: MIT
"""What conversions have made: their manifests, summed up in one pass and little memory."""

from __future__ import annotations

import collections
import heapq
import itertools
import operator
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeAlias

from melpix.dataset.outputs.record import Record, read_records
from melpix.dataset.report.runs import (
    LARGEST,
    MANIFEST,
    Parameters,
    Run,
    RunFacts,
    bounded,
    bounded_text,
)
from melpix.errors import ParameterError

# A manifest may have any size and come from anybody: all that is kept of it is bounded.
_CLASSES = 10_000  # different ones; the rest is counted together

_GROUPS = 100  # different codes, flags and hashes

_OTHERS = "(others)"

_EXAMPLES = 20

_SAMPLE = 4096  # images whose values stand for all

_PICTURES = 60

_NUMBERS = ("duration", "rows", "columns", "sr", "lo", "hi")

_numbers = operator.attrgetter(*_NUMBERS)

_QUANTILES = {"5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95}


@dataclass(frozen=True, slots=True)
class Example:
    """One of the sources in a group, and what was said of it; `output` where it has one."""

    source: str
    output: str | None
    message: str


@dataclass(slots=True)
class Group:
    """Lines with one code or flag in common, and the first sources among them."""

    code: str
    status: str
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def add(self, record: Record, message: str | None = None) -> None:
        """Count a line."""
        self.count += 1
        examples = self.examples
        if len(examples) < _EXAMPLES:
            source = bounded_text(record.source)
            if not examples or examples[-1].source != source:  # not each window of a file
                output = None if record.output is None else bounded_text(record.output)
                examples.append(Example(source, output, bounded_text(message or "")))


@dataclass(frozen=True, slots=True)
class Picture:
    """What the manifest says of one image; `folder` is the output that holds it."""

    folder: str
    output: str
    label: str | None
    flags: list[str]
    offset: float | None
    duration: float | None
    rows: float | None
    columns: float | None
    sr: float | None
    lo: float | None
    hi: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """What `summarise` has found; ``dataclasses.asdict`` makes JSON values of it.

    Attributes
    ----------
    outs : list of str
        As given.
    sources, images, failed, skipped : int
        Lines of the manifests; those of one source, which follow each other, are one source.
    seconds : float
        Sound in the images; where windows overlap, it counts in each.
    classes : dict of str to int
        Images by label, the largest class first. Those without a label are in none.
    errors, flagged : list of Group
        The most frequent first; what failed before what was skipped.
    heard : Group
        Sources of which the decoder has said something.
    values : dict
        Of ``duration``, ``rows``, ``columns``, ``sr``, ``lo`` and ``hi``: ``min`` and ``max`` of
        all images, and quantiles of a sample of them.
    sampled : int
        How many images that sample holds.
    hashes : dict of str to int
        Images by the hash of their parameters.
    parameters : list of Parameters
    runs : list of Run
    unreadable : int
        Lines that are no record.
    incomplete : list of str
        Why the numbers may not be the last word: a run was stopped or killed, or is under way; a
        manifest is missing. What was converted anew may count twice until a run comes to its end.
    pictures : list of Picture
        A sample for a contact sheet, of all classes: the same whatever the order of the lines.
    """

    outs: list[str]
    sources: int
    images: int
    failed: int
    skipped: int
    seconds: float
    classes: dict[str, int]
    errors: list[Group]
    flagged: list[Group]
    heard: Group
    values: dict[str, dict[str, float]]
    sampled: int
    hashes: dict[str, int]
    parameters: list[Parameters]
    runs: list[Run]
    unreadable: int
    incomplete: list[str]
    pictures: list[Picture]


def summarise(outs: Iterable[str | os.PathLike[str]]) -> Report:
    """Sum up the manifests of one or more outputs, in one pass and little memory.

    Parameters
    ----------
    outs : iterable of paths
        Folders that were converted into, with all their manifests, or single manifests. What is
        named twice counts once.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        `outs` is empty.
    OSError
        There is no manifest, or it cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> line = '{"source": "a.wav", "status": "failed", "code": "empty_audio"}'
    >>> with tempfile.TemporaryDirectory() as out:
    ...     _ = pathlib.Path(out, "manifest.jsonl").write_text(line)
    ...     summary = summarise([out])
    >>> summary.failed, summary.errors[0].code
    (1, 'empty_audio')
    """
    names = [os.fspath(out) for out in outs]
    if not names:
        raise ParameterError("outs", " must name at least one output, got none")
    totals, facts = _Totals(), RunFacts()
    seen = set()
    for path in itertools.chain.from_iterable(map(_manifests, names)):
        if (real := os.path.realpath(path)) in seen:
            continue
        seen.add(real)
        with open(path, "rb") as file:
            if not totals.read(file, os.path.dirname(path)):
                facts.incomplete.append(f"{path}: the last line is cut short")
        facts.read(path)
    facts.miss_parts()
    values, sampled = totals.values()
    return Report(
        outs=names,
        sources=totals.sources,
        images=totals.images,
        failed=totals.statuses["failed"],
        skipped=totals.statuses["skipped"],
        seconds=totals.seconds,
        classes=_descending(totals.classes),
        errors=_sorted(totals.errors),
        flagged=_sorted(totals.flagged),
        heard=totals.heard,
        values=values,
        sampled=sampled,
        hashes=_descending(totals.hashes),
        parameters=list(facts.parameters.values()),
        runs=facts.runs,
        unreadable=totals.unreadable,
        incomplete=facts.incomplete,
        pictures=totals.pictures(),
    )


def _manifests(out: str) -> list[str]:
    """Return the manifests of an output: several where parts of a dataset share a folder."""
    if not os.path.isdir(out):
        return [out]
    found = (match for name in os.listdir(out) if (match := MANIFEST.fullmatch(name)))
    names = [match[0] for match in sorted(found, key=lambda m: (int(m[3] or 0), int(m[2] or 0)))]
    return [os.path.join(out, name) for name in names or ["manifest.jsonl"]]


_Rank: TypeAlias = tuple[int, str, str]  # hash of an output's name, that name, its folder

_Groups: TypeAlias = dict[tuple[str, str], Group]  # by status and code


class _Totals:
    """What is known of the lines so far; it does not grow with their number."""

    def __init__(self) -> None:
        self.sources = self.images = self.unreadable = 0
        self.seconds = 0.0
        self.statuses: collections.Counter[str] = collections.Counter()
        self.classes: dict[str, int] = {}
        self.hashes: dict[str, int] = {}
        self.errors: _Groups = {}
        self.flagged: _Groups = {}
        self.heard = Group("sources", "ok")
        self._ends = {name: [LARGEST, -LARGEST] for name in _NUMBERS}
        self._sample = _Sample()
        self._strata: dict[str | None, _Sample] = {}
        self._share = _PICTURES  # images kept of a stratum: the more strata, the fewer

    def read(self, file: BinaryIO, folder: str) -> bool:
        """Add a manifest, and say whether its last line is whole."""
        key = None
        whole = True
        for line, record in read_records(file, lenient=True):
            whole = record is not None or line.endswith(b"\n")
            if record is None:
                self.unreadable += 1
                continue
            # One file may be listed several times, with different parts and stems.
            if key != (key := record.stem or record.source):
                self._add_source(record)
            self._add_line(record, folder)
        return whole

    def values(self) -> tuple[dict[str, dict[str, float]], int]:
        """Return how the numbers are distributed, and in how many images the middle was seen."""
        kept = [picture for _, picture in self._sample.ranked()]
        values = {}
        for name, (least, most) in self._ends.items():
            known = sorted(x for p in kept if (x := getattr(p, name)) is not None)
            if known:
                middle = {q: known[int(part * len(known))] for q, part in _QUANTILES.items()}
                values[name] = {"min": least, **middle, "max": most}
        return values, len(kept)

    def pictures(self) -> list[Picture]:
        """Take one image of each class, then another one, until there are enough."""
        strata = [stratum.ranked()[: self._share] for stratum in self._strata.values()]
        chosen: list[Picture] = []
        for turn in range(_PICTURES):
            layer = [ranked[turn] for ranked in strata if len(ranked) > turn]
            layer.sort(key=lambda entry: entry[0], reverse=True)
            chosen += [picture for _, picture in layer[: _PICTURES - len(chosen)]]
        return sorted(chosen, key=lambda p: (p.label or "", p.output, p.folder))

    def _add_source(self, record: Record) -> None:
        self.sources += 1
        if record.heard:
            self.heard.add(Record(record.source), record.heard[0])

    def _add_line(self, record: Record, folder: str) -> None:
        status = record.status
        if status != "ok" or record.output is None:
            self.statuses[status] += 1
            group = _group(self.errors, status, record.code or "unknown")
            group.add(record, record.message)
            return
        self.images += 1
        self.seconds += bounded(record.duration) or 0.0
        for ends, value in zip(self._ends.values(), _numbers(record), strict=True):
            if value is not None and not ends[0] <= value <= ends[1]:
                self._widen(ends, bounded(value))
        if record.flags:
            for flag in _flags(record):
                _group(self.flagged, status, flag).add(record)
        _count(self.hashes, record.params or "unknown", _GROUPS)
        label = record.label
        if label is not None:
            label = _count(self.classes, label, _CLASSES)
        stratum = self._strata.get(label)
        if stratum is None:
            stratum = self._strata[label] = _Sample()
            self._share = max(1, min(_PICTURES, _SAMPLE // len(self._strata)))
        output = bounded_text(record.output)
        rank = (-zlib.crc32(output.encode("utf-8", "surrogatepass")), output, folder)
        for sample, size in ((self._sample, _SAMPLE), (stratum, self._share)):
            if sample.wants(rank, size):
                sample.put(rank, size, _picture(record, output, folder))

    @staticmethod
    def _widen(ends: list[float], value: float | None) -> None:
        if value is not None:
            ends[:] = min(ends[0], value), max(ends[1], value)


class _Sample:
    """The images of the highest ranks. Which ones does not depend on the order they come in."""

    __slots__ = ("_heap", "_pictures")

    def __init__(self) -> None:
        self._heap: list[_Rank] = []
        self._pictures: dict[_Rank, Picture] = {}

    def wants(self, rank: _Rank, size: int) -> bool:
        return len(self._heap) < size or rank >= self._heap[0]

    def put(self, rank: _Rank, size: int, picture: Picture) -> None:
        if rank not in self._pictures:  # else a later line supersedes an earlier one
            heapq.heappush(self._heap, rank)
        self._pictures[rank] = picture
        while len(self._heap) > size:
            del self._pictures[heapq.heappop(self._heap)]

    def ranked(self) -> list[tuple[_Rank, Picture]]:
        return [(rank, self._pictures[rank]) for rank in sorted(self._heap, reverse=True)]


def _picture(record: Record, output: str, folder: str) -> Picture:
    numbers = map(bounded, _numbers(record))
    return Picture(
        folder=folder,
        output=output,
        label=None if record.label is None else bounded_text(record.label),
        flags=_flags(record),
        offset=bounded(record.offset),
        **dict(zip(_NUMBERS, numbers, strict=True)),
    )


def _flags(record: Record) -> list[str]:
    return [bounded_text(flag) for flag in (record.flags or ())[:_GROUPS]]


def _count(counts: dict[str, int], what: object, limit: int) -> str:
    """Count a name and return it, or what stands for those beyond the limit."""
    name = bounded_text(what)
    if name not in counts and len(counts) >= limit:
        name = _OTHERS
    counts[name] = counts.get(name, 0) + 1
    return name


def _group(groups: _Groups, status: str, code: Any) -> Group:
    key = status, bounded_text(code)
    group = groups.get(key)
    if group is None:
        if len(groups) >= _GROUPS:
            key = status, _OTHERS
        group = groups.setdefault(key, Group(key[1], status))
    return group


def _descending(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _sorted(groups: _Groups) -> list[Group]:
    return sorted(groups.values(), key=lambda group: (group.status, -group.count, group.code))
