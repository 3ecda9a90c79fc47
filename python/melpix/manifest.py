# SPDX-License-Identifier: MIT
"""The account of a run: one JSON line for each image, and for each file that made none.

It is a journal, written line after line while the run goes on: what a killed run has in it is done.
At the end the lines of each source stand there once, in the order of the sources.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from melpix import sinks
from melpix.errors import MelpixError

Record = dict[str, Any]

_FLUSHED_EVERY = 0.5  # seconds; what a SIGKILL loses is only done again
_DONE = -1
_SHARD = re.compile(r"shard(?:-\d+-of-\d+)?-(\d+)\.[^/]*/")  # as `Shards` names them


def encode(record: Record) -> bytes:
    r"""Return a record as a line: sorted keys, pure ASCII, nothing that is None.

    Examples
    --------
    >>> encode({"status": "ok", "label": None, "source": "caf\udce9.wav"})
    b'{"source":"caf\\udce9.wav","status":"ok"}\n'
    """
    facts = {name: value for name, value in record.items() if value is not None}
    line = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return line.encode("ascii") + b"\n"


def key(record: Record) -> str:
    """Return what tells the lines of one source from all others.

    That is the name of its output, for a file may be listed several times with different parts.
    What was passed over has none: then it is the path.
    """
    stem = record.get("stem")
    return f"\0{record.get('source')}" if stem is None else str(stem)


def read(path: str) -> Iterator[tuple[bytes, Record]]:
    """Read a manifest line by line; none is an empty one.

    What a killed run has left unfinished at the end is passed over.

    Raises
    ------
    MelpixError
        ``bad_manifest``: a line is no JSON object.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, "rb"))
        except FileNotFoundError:
            return
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise MelpixError("bad_manifest", f"{path!r}: line {number} is no JSON object")
            yield line, record


class Past:
    """What earlier runs have done, in some 200 bytes a source.

    Attributes
    ----------
    shards : int
        How many shards are complete.
    """

    def __init__(self, path: str, is_whole: Callable[[Record], bool]) -> None:
        """Read a manifest; `is_whole` says of the record of an image whether that is there."""
        self._sources: dict[int, tuple[int, int]] = {}
        self.shards = 0
        for name, group in itertools.groupby((record for _, record in read(path)), key):
            records = list(group)
            first = records[0]
            made, whole = 0, True
            for record in records:
                if record.get("status") == "ok":
                    made += 1
                    whole = is_whole(record) and whole
                    shard = _SHARD.match(record["output"])
                    self.shards = max(self.shards, int(shard[1]) + 1 if shard else 0)
            done = first.get("status") == "skipped" or (whole and made == first.get("windows"))
            version = _version(first.get("size"), first.get("mtime_ns"))
            self._sources[hash(name)] = (version, _DONE if done else made)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: str) -> bool:
        return hash(name) in self._sources

    def has(self, name: str, size: int, mtime_ns: int) -> bool:
        """Tell whether a source was converted as it is now."""
        return self._sources.get(hash(name)) == (_version(size, mtime_ns), _DONE)

    def begun(self, name: str, size: int, mtime_ns: int) -> int:
        """Return how many images a source has that is not done.

        Raises
        ------
        MelpixError
            ``source_changed``: it has images, but is not what it was.
        """
        version, made = self._sources.get(hash(name), (0, 0))
        if made and version != _version(size, mtime_ns):
            raise MelpixError(
                "source_changed", f"{name!r} has changed since it went into a shard: start anew"
            )
        return max(made, 0)


def _version(size: Any, mtime_ns: Any) -> int:
    return hash((size, mtime_ns))


class Journal:
    """A manifest that is being written: records go to its end, and are in the file soon."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "ab", 1 << 16)  # noqa: SIM115
        try:
            self._cut(path)
        except BaseException:
            self._file.close()
            raise
        self._flushed = time.monotonic()

    def _cut(self, path: str) -> None:
        """Remove the unfinished line of a killed run."""
        end = self._file.tell()
        with open(path, "rb") as file:
            while end > 0:
                begin = max(0, end - 4096)
                file.seek(begin)
                newline = file.read(end - begin).rfind(b"\n")
                if newline >= 0:
                    end = begin + newline + 1
                    break
                end = begin
        self._file.truncate(end)

    def append(self, record: Record) -> None:
        """Add a line."""
        self._file.write(encode(record))
        now = time.monotonic()
        if now - self._flushed > _FLUSHED_EVERY:
            self._file.flush()
            self._flushed = now

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


class InOrder:
    """Records on their way to a journal, of which some have to wait until a shard is complete."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: list[Record | None] = []  # None: one that waits

    def add(self, record: Record) -> None:
        """Pass on a record, behind those that wait."""
        if self._queue:
            self._queue.append(record)
        else:
            self._journal.append(record)

    def wait(self) -> None:
        """Keep a place."""
        self._queue.append(None)

    def arrive(self, records: list[Record]) -> None:
        """Fill the first places, and pass on what waits no longer."""
        if not records:
            return
        arrived = iter(records)
        filled = [next(arrived, None) if r is None else r for r in self._queue]
        first = next((i for i, r in enumerate(filled) if r is None), len(filled))
        for record in filled[:first]:
            assert record is not None
            self._journal.append(record)
        self._queue = filled[first:]


def tidy(path: str, order: Iterable[str]) -> None:
    """Write a manifest anew: each source's last lines alone, in this order.

    Parameters
    ----------
    path : str
        Of the manifest.
    order : iterable of str
        Keys of sources. Those that are not named keep their order, behind the others.
    """
    places: dict[int, tuple[int, int]] = {}
    at = 0
    for name, group in itertools.groupby(read(path), lambda pair: key(pair[1])):
        size = sum(len(line) for line, _ in group)
        places.pop(hash(name), None)
        places[hash(name)] = (at, size)
        at += size
    if not places:
        return
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, sinks.temporary_name("manifest"))
    try:
        with open(path, "rb") as old, open(temporary, "wb") as new:
            named = (places.pop(hash(name), (0, 0)) for name in order)
            for start, size in itertools.chain(named, places.values()):
                old.seek(start)
                new.write(old.read(size))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
