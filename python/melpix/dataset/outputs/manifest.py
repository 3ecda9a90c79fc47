# SPDX-License-Identifier: MIT
"""The account of a run: one JSON line for each image, and for each file that made none.

It is a journal, written line after line while the run goes on: what a killed run has in it is done.
At the end the lines of each source stand there once, in the order of the sources.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Set
from types import TracebackType

from melpix import files
from melpix.dataset.outputs.record import Record, encode_line, read_records
from melpix.errors import MelpixError

_FLUSHED_EVERY = 0.5  # seconds; what a SIGKILL loses is only done again

_DONE, _FAILED = -1, -2


def _read(path: str) -> Iterator[tuple[bytes, Record]]:
    """Read a manifest line by line, and be strict with it; none is an empty one."""
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        return
    with file:
        yield from read_records(file)


class Past:
    """What earlier runs have done, in some 200 bytes a source.

    Attributes
    ----------
    shards : int
        How many shards are complete.
    end : int
        Bytes of the manifest that count: what follows is of a shard that does not.
    tidy : bool
        The lines of each source stand there once and together.
    """

    def __init__(self, path: str, is_whole: Callable[[Record], bool], sharded: bool) -> None:
        """Read a manifest; `is_whole` says of the record of an image whether that is there."""
        self._sources: dict[int, tuple[int, int]] = {}
        self.shards = 0
        self.tidy = True
        end = _end(path) if sharded else math.inf
        self.end, last = 0, None
        for line, record in _read(path):
            if self.end >= end:
                break
            self.end += len(line)
            name = record.key()
            place = hash(name)
            before, this = self._sources.get(place), record.identity()
            self.tidy = self.tidy and (before is None or name == last)
            last = name
            made = before[1] if before and before[0] == this else 0
            if record.status == "failed":
                made = _FAILED
            elif record.status == "skipped":
                made = _DONE
            else:
                shard = record.shard()
                if shard is not None:
                    self.shards = max(self.shards, shard.number + 1)
                window = record.window or 0
                if window == 0:
                    made = 0
                made = made + 1 if made == window and is_whole(record) else _FAILED
                if made == record.windows:
                    made = _DONE
            self._sources[place] = (this, made)

    def __len__(self) -> int:
        return len(self._sources)

    def __contains__(self, name: str) -> bool:
        return hash(name) in self._sources

    def has(self, record: Record) -> bool:
        """Tell whether a source was converted as it is now."""
        return self._sources.get(hash(record.key())) == (record.identity(), _DONE)

    def begun(self, record: Record) -> int:
        """Return how many images a source has that is not done; -1 if it is not what it was."""
        this, made = self._sources.get(hash(record.key()), (0, _FAILED))
        if made == _FAILED:
            return 0
        return made if this == record.identity() else -1


def _end(path: str) -> int:
    """Return where the lines of the last shard begin, if they are not all there; else the end."""
    at = begin = count = 0
    name, size = "", 0
    for line, record in _read(path):
        shard = record.shard()
        if shard is not None:
            if shard.file != name:
                name, begin, count = shard.file, at, 0
            count += 1
            size = record.shard_size or 0
        at += len(line)
    return begin if name and count < size else at


class Journal:
    """A manifest that is being written: records go to its end, and are in the file soon."""

    def __init__(self, path: str, end: int) -> None:
        """Open a manifest to go on where it ends, or to go back to where it counts."""
        self._file = open(path, "ab", 1 << 16)  # noqa: SIM115
        self._file.truncate(end)
        self._place = files.Place.of(path)
        self._flushed = time.monotonic()

    def append(self, records: Iterable[Record]) -> None:
        """Add lines."""
        self.write(b"".join(map(encode_line, records)))

    def write(self, lines: bytes) -> None:
        """Add what `encode_line` has given."""
        self._file.write(lines)
        if time.monotonic() - self._flushed > _FLUSHED_EVERY:
            self.flush()

    def flush(self) -> None:
        """Hand over to the system what was added.

        Raises
        ------
        MelpixError
            ``output_moved``: the file is under its name no more, nor is perhaps all the rest.
        """
        self._file.flush()
        if self._place.moved():
            raise MelpixError("output_moved", f"{self._place.path!r} was moved")
        self._flushed = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            self._file.close()


class InOrder:
    """Lines on their way to a journal, of which some have to wait until a shard is complete."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: list[bytes | None] = []  # None: one that waits

    def add(self, line: bytes) -> None:
        """Pass on a line, behind those that wait."""
        if self._queue:
            self._queue.append(line)
        else:
            self._journal.write(line)

    def wait(self) -> None:
        """Keep a place."""
        self._queue.append(None)

    def arrive(self, lines: list[bytes]) -> None:
        """Fill the first places, and pass on what waits no longer."""
        if not lines:
            return
        arrived = iter(lines)
        filled = [next(arrived, None) if line is None else line for line in self._queue]
        first = next((i for i, line in enumerate(filled) if line is None), len(filled))
        self._journal.write(b"".join(line for line in filled[:first] if line is not None))
        self._journal.flush()  # all of them, for they are in a shard together
        self._queue = filled[first:]


def tidy(path: str, order: Iterable[str], without: Iterable[str], gone: Set[str]) -> list[str]:
    """Write a manifest anew: the lines that count of each source, in this order.

    Parameters
    ----------
    path : str
        Of the manifest.
    order : iterable of str
        Keys of sources. Those that are not named keep their order, behind the others.
    without : iterable of str
        Keys of sources to leave out.
    gone : set of str
        Paths of which the images are left out, for they are no files any more.

    Returns
    -------
    list of str
        The images that were left out.
    """
    left_out = []
    places: dict[int, list[int]] = {}  # where lines begin, and how long they are, in turn
    at = 0
    for line, record in _read(path):
        at += len(line)
        if record.source in gone and record.stem is not None:
            left_out += [record.output] if record.output is not None else []
            continue
        place = hash(record.key())
        found = places.setdefault(place, [])
        if not record.window:
            found.clear()
        if found and sum(found[-2:]) == at - len(line):
            found[-1] += len(line)
        else:
            found += [at - len(line), len(line)]
    for name in without:
        places.pop(hash(name), None)
    temporary = os.path.join(os.path.dirname(path), files.temporary_name(os.path.basename(path)))
    try:
        with open(path, "rb") as old, open(temporary, "wb") as new:
            named = (places.pop(hash(name), []) for name in order)
            for found in itertools.chain(named, places.values()):
                for start, size in zip(found[::2], found[1::2], strict=True):
                    old.seek(start)
                    new.write(old.read(size))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    return left_out
