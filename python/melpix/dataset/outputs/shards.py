# SPDX-License-Identifier: MIT
"""Shards: samples in their order, in files of bounded size that appear when they are complete."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Protocol

from melpix import arguments, files
from melpix.dataset.outputs.record import Record, encode_line_in_shard, with_shard
from melpix.dataset.outputs.shard_names import shard_name

# What a key cannot hold as it is: dots, where readers split off suffixes; a leading "__", which
# hides a file from webdataset and datasets; control characters, which end a line in their
# patterns; what is not Unicode; and the mark of the escape itself.
_UNSAFE = re.compile(r"[%.\x00-\x1f\x7f\ud800-\udfff]|(?<![^/])_(?=_)")

_BUFFER = 1 << 20  # bytes; a sample is some 10,000


class Sample(NamedTuple):
    """What a shard takes of an image beside the image's own bytes.

    Attributes
    ----------
    entry : object
        What the format's `Writer` adds.
    line : bytes
        Of the manifest, as `encode_line_in_shard` gives it.
    """

    entry: Any
    line: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Packer:
    """Makes samples. Workers do that, for the process that fills shards has many to serve.

    Attributes
    ----------
    payload_suffix : str
    entry : callable
        Takes a sample's key, this suffix, a record and the bytes of the payload; returns what the
        format's `Writer` adds. It can be sent to other processes.
    """

    payload_suffix: str
    entry: Callable[[str, str, Record, int], Any]

    def __call__(self, name: str, record: Record, size: int) -> Sample:
        """Return a sample.

        Parameters
        ----------
        name : str
            As `melpix.dataset.outputs.tree.sample_name` gives it; different for each sample.
        record : Record
            Its line of the manifest.
        size : int
            Bytes of the payload.
        """
        key, suffix = escape(name), self.payload_suffix
        line = encode_line_in_shard(record, key + suffix)
        return Sample(self.entry(key, suffix, record, size), line)


class Writer(Protocol):
    """A shard's content on its way into an open file."""

    def add(self, entry: Any, payload: bytes) -> None:
        """Append one sample, of which a `Packer` has made the entry."""

    def close(self) -> None:
        """Write what completes the file, and leave it open."""

    def abandon(self) -> None:
        """Write nothing any more: the file is closed already."""


class Format(Protocol):
    """What kind of file a shard is."""

    @property
    def suffix(self) -> str:
        """Of the shard."""

    @property
    def packer(self) -> Packer:
        """What makes its samples."""

    def open(self, file: BinaryIO) -> Writer:
        """Begin a shard in an empty file."""


class Shards:
    r"""Append samples to one shard after another: see `shard_name`.

    A shard is a temporary file until it is complete; then it is forced to the disk and gets its
    name. Which samples share a shard follows from their order and sizes alone, and so do its
    bytes: a run that begins anew at the first sample that is not durable gives the same files.

    As a context manager it discards, at the end, what `finish` has not completed.

    Parameters
    ----------
    folder : str
        Where the shards go. It must exist.
    format : Format
        ``WebDataset()`` or ``Parquet()``.
    mark : str
        Part of the names, where several runs share the folder.
    index : int >= 0
        Number of the first shard to write: how many are complete.
    max_count : int >= 1
        Samples in a shard. Their lines are kept in memory until it is complete.
    max_bytes : int >= 1
        The sample whose payload brings a shard's payloads to this many bytes is its last.
    place : Place, optional
        The folder that has that name now: in another one that gets it later, no shard begins.

    Raises
    ------
    ValueError
        A parameter is out of range.

    Examples
    --------
    >>> import json, os, tempfile
    >>> from melpix.dataset.outputs.webdataset import WebDataset
    >>> sample = WebDataset().packer("dogs/bark.2_0003", Record("dogs/bark.2.wav"), 4)
    >>> with tempfile.TemporaryDirectory() as folder, Shards(folder, WebDataset()) as shards:
    ...     shards.add(sample, b"\x89PNG")
    ...     json.loads(*shards.finish())["output"], os.listdir(folder)
    []
    ('shard-000000.tar/dogs/bark%2E2_0003.png', ['shard-000000.tar'])
    """

    def __init__(
        self,
        folder: str,
        format: Format,
        *,
        mark: str = "",
        index: int = 0,
        max_count: int = 10_000,
        max_bytes: int = 10**9,
        place: files.Place | None = None,
    ) -> None:
        self._folder = folder
        self._format = format
        self._mark = mark
        self._index = arguments.integer("index", index, 0)
        self._max_count = arguments.integer("max_count", max_count)
        self._max_bytes = arguments.integer("max_bytes", max_bytes)
        self._place = place
        self._shard: _Shard | None = None
        self._closed = False

    def add(self, sample: Sample, payload: bytes) -> list[bytes]:
        """Append one sample.

        Parameters
        ----------
        sample : Sample
            As the format's packer makes it.
        payload : bytes
            The whole file of the sample.

        Returns
        -------
        list of bytes
            The lines of the manifest whose images this call made durable: those of the whole
            shard where this sample was its last, else none.

        Raises
        ------
        OSError
            The system refuses. The unfinished shard is discarded, and no sample is taken any more.
        ValueError
            No sample is taken any more.
        """
        if self._closed:
            raise ValueError("shards must be open to add a sample: they were finished or discarded")
        try:
            if self._shard is None:
                file = shard_name(self._mark, self._index, self._format.suffix)
                if self._place is not None:
                    self._place.check()
                self._shard = _Shard(self._folder, file, self._format)
            self._shard.add(sample, payload)
            full = self._shard.count >= self._max_count or self._shard.bytes >= self._max_bytes
            return self._complete() if full else []
        except BaseException:
            self.discard()
            raise

    def finish(self) -> list[bytes]:
        """Complete the last shard, however few samples it holds.

        Returns
        -------
        list of bytes
            As `add`.

        Raises
        ------
        OSError
            As `add`.
        """
        try:
            return self._complete()
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the unfinished shard, if there is one: a later run makes it whole."""
        self._closed = True
        if self._shard is not None:
            self._shard.discard()
            self._shard = None

    def __enter__(self) -> Shards:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    def _complete(self) -> list[bytes]:
        if self._shard is None:
            return []
        if self._place is not None:
            self._place.check()
        lines = self._shard.complete()
        self._shard = None
        self._index += 1
        return lines


class _Shard:
    """The shard that is being written."""

    def __init__(self, folder: str, name: str, format: Format) -> None:
        self.count = self.bytes = 0
        self._lines: list[bytes] = []
        self._name = name
        self._path = f"{folder}/{self._name}"
        self._temporary = f"{folder}/{files.temporary_name(name.removesuffix(format.suffix))}"
        with files.naming(self._path):
            self._file = open(self._temporary, "wb", _BUFFER)  # noqa: SIM115
            files.claim(self._file.fileno())
        try:
            self._writer = format.open(self._file)
        except BaseException:
            self._file.close()
            os.unlink(self._temporary)
            raise

    def add(self, sample: Sample, payload: bytes) -> None:
        with files.naming(self._path):
            self._writer.add(sample.entry, payload)
        self._lines.append(sample.line)
        self.count += 1
        self.bytes += len(payload)

    def complete(self) -> list[bytes]:
        with files.naming(self._path):
            self._writer.close()
            # A shard is many samples: what the manifest calls done had better be on the disk.
            # It is also where a full disk on the network speaks up at last.
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._path)
        return [with_shard(line, self._name, self.count) for line in self._lines]

    def discard(self) -> None:
        with contextlib.suppress(OSError):  # what was not written does not fit
            self._file.close()
        self._writer.abandon()
        with contextlib.suppress(OSError):
            os.unlink(self._temporary)


def escape(name: str) -> str:
    r"""Return a sample's name as a key that readers of WebDataset neither split nor skip.

    Dots, ``%``, control characters, bytes that are not UTF-8 and the first of two underscores
    that begin a name become ``%XX``, as in URLs. ``urllib.parse.unquote_to_bytes`` gives the
    exact bytes of the name back.

    Examples
    --------
    >>> escape("dogs/bark.2_0003")
    'dogs/bark%2E2_0003'
    >>> import urllib.parse
    >>> urllib.parse.unquote_to_bytes(escape("100%.\t"))
    b'100%.\t'
    """
    return _UNSAFE.sub(lambda match: "".join(f"%{b:02X}" for b in os.fsencode(match[0])), name)
