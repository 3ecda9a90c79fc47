# SPDX-License-Identifier: MIT
"""Shards: samples in their order, in files of bounded size that appear when they are complete."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tarfile
from types import TracebackType
from typing import BinaryIO, ClassVar, Protocol

from melpix import arguments, files
from melpix.dataset.outputs.record import Record, encode_columns
from melpix.dataset.outputs.shard_names import shard_name

# What a key cannot hold as it is: dots, where readers split off suffixes; a leading "__", which
# hides a file from webdataset and datasets; control characters, which end a line in their
# patterns; what is not Unicode; and the mark of the escape itself.
_UNSAFE = re.compile(r"[%.\x00-\x1f\x7f\ud800-\udfff]|(?<![^/])_(?=_)")

_BUFFER = 1 << 20  # bytes; a sample is some 10,000

_BLOCK = tarfile.BLOCKSIZE


class Writer(Protocol):
    """A shard's content on its way into an open file."""

    def add(self, key: str, payload: bytes, record: Record) -> None:
        """Append one sample."""

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
    def payload_suffix(self) -> str:
        """Of a sample in it."""

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
        Samples in a shard. Their records are kept in memory until it is complete.
    max_bytes : int >= 1
        The sample whose payload brings a shard's payloads to this many bytes is its last.

    Raises
    ------
    ValueError
        A parameter is out of range.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Shards(folder, WebDataset()) as shards:
    ...     shards.add("dogs/bark.2_0003", b"\x89PNG", Record("dogs/bark.2.wav", window=3))
    ...     shards.finish()[0].output, os.listdir(folder)
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
    ) -> None:
        self._folder = folder
        self._format = format
        self._mark = mark
        self._index = arguments.integer("index", index, 0)
        self._max_count = arguments.integer("max_count", max_count)
        self._max_bytes = arguments.integer("max_bytes", max_bytes)
        self._shard: _Shard | None = None
        self._closed = False

    def add(self, name: str, payload: bytes, record: Record) -> list[Record]:
        """Append one sample.

        Parameters
        ----------
        name : str
            As `melpix.dataset.outputs.tree.sample_name` gives it; different for each sample.
        payload : bytes
            The whole file of the sample.
        record : Record
            Its line of the manifest, which the shard completes.

        Returns
        -------
        list of Record
            The records that this call made durable, each with its `output`: those of the whole
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
                self._shard = _Shard(self._folder, file, self._format)
            self._shard.add(name, payload, record)
            full = (
                len(self._shard.records) >= self._max_count or self._shard.bytes >= self._max_bytes
            )
            return self._complete() if full else []
        except BaseException:
            self.discard()
            raise

    def finish(self) -> list[Record]:
        """Complete the last shard, however few samples it holds.

        Returns
        -------
        list of Record
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

    def _complete(self) -> list[Record]:
        if self._shard is None:
            return []
        records = self._shard.complete()
        self._shard = None
        self._index += 1
        return records


class _Shard:
    """The shard that is being written."""

    def __init__(self, folder: str, name: str, format: Format) -> None:
        self.records: list[Record] = []
        self.bytes = 0
        self._name = name
        self._payload_suffix = format.payload_suffix
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

    def add(self, name: str, payload: bytes, record: Record) -> None:
        key = escape(name)
        with files.naming(self._path):
            self._writer.add(key, payload, record)
        record.output = f"{self._name}/{key}{self._payload_suffix}"
        self.records.append(record)
        self.bytes += len(payload)

    def complete(self) -> list[Record]:
        with files.naming(self._path):
            self._writer.close()
            # A shard is many samples: what the manifest calls done had better be on the disk.
            # It is also where a full disk on the network speaks up at last.
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._path)
        for record in self.records:
            record.shard_size = len(self.records)
        return self.records

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


@dataclasses.dataclass(frozen=True, slots=True)
class WebDataset:
    """Tar shards in WebDataset's form: each sample is ``KEY.json``, its record, and its payload.

    Attributes
    ----------
    payload_suffix : str
        ``".png"`` or ``".npy"``.
    """

    suffix: ClassVar[str] = ".tar"
    payload_suffix: str = ".png"

    def open(self, file: BinaryIO) -> Writer:
        """Begin a shard in an empty file."""
        return _Tar(file, self.payload_suffix)


class _Tar:
    def __init__(self, file: BinaryIO, payload_suffix: str) -> None:
        self._file = file
        self._payload_suffix = payload_suffix
        self._written = 0

    def add(self, key: str, payload: bytes, record: Record) -> None:
        self._member(key + ".json", encode_columns(record))
        self._member(key + self._payload_suffix, payload)

    def close(self) -> None:
        # Two empty blocks end an archive, and tar pads it to records of 20 blocks.
        end = self._written + 2 * _BLOCK
        self._file.write(bytes(2 * _BLOCK + -end % tarfile.RECORDSIZE))

    def abandon(self) -> None:
        pass

    def _member(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)  # of nobody, of 1970
        member.size = len(data)
        # All that read WebDatasets know GNU's way to write long names; NVIDIA DALI before 1.11
        # knew no other.
        header = member.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")
        self._file.write(header)
        self._file.write(data)
        self._file.write(bytes(-len(data) % _BLOCK))
        self._written += len(header) + len(data) + -len(data) % _BLOCK
