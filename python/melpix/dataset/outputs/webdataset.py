# SPDX-License-Identifier: MIT
"""Tar shards in the form of WebDataset: of each sample its record as JSON, and its payload."""

from __future__ import annotations

import dataclasses
from typing import BinaryIO, ClassVar

from melpix.dataset.outputs.record import Record, encode_columns
from melpix.dataset.outputs.shards import Packer, Writer

_BLOCK = 512

_RECORD = 20 * _BLOCK  # what tar reads and writes at a time

_LONGEST = 100  # bytes of a name that a header has room for


@dataclasses.dataclass(frozen=True, slots=True)
class WebDataset:
    """Tar shards: each sample is ``KEY.json``, its record, and its payload.

    Attributes
    ----------
    payload_suffix : str
        ``".png"`` or ``".npy"``.
    """

    suffix: ClassVar[str] = ".tar"
    payload_suffix: str = ".png"

    @property
    def packer(self) -> Packer:
        """What makes samples of records."""
        return Packer(self.payload_suffix, head)

    def open(self, file: BinaryIO) -> Writer:
        """Begin a shard in an empty file."""
        return _Tar(file)


def head(key: str, suffix: str, record: Record, size: int) -> bytes:
    """Return all that a tar holds of a sample in front of its payload."""
    about = encode_columns(record)
    before = header(key + ".json", len(about)) + about + bytes(-len(about) % _BLOCK)
    return before + header(key + suffix, size)


class _Tar:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written = 0

    def add(self, entry: bytes, payload: bytes) -> None:
        padding = -len(payload) % _BLOCK
        self._file.writelines((entry, payload, bytes(padding)))
        self._written += len(entry) + len(payload) + padding

    def close(self) -> None:
        # Two empty blocks end an archive, and tar pads it to whole records.
        end = self._written + 2 * _BLOCK
        self._file.write(bytes(2 * _BLOCK + -end % _RECORD))

    def abandon(self) -> None:
        pass


def header(name: str, size: int) -> bytes:
    """Return what comes in a tar before the content of a file: of nobody, of 1970.

    It is what `tarfile` makes of such a file in GNU's format, in a twentieth of the time. All that
    read WebDatasets know GNU's way to write long names; NVIDIA DALI before 1.11 knew no other.

    Parameters
    ----------
    name : str
        Without lone surrogates.
    size : int >= 0
        Bytes of the content, less than 8 GiB.
    """
    encoded = name.encode()
    if len(encoded) <= _LONGEST:
        return _block(encoded, b"0000644", size, b"0")
    long = encoded + b"\0"
    link = _block(b"././@LongLink", b"0000000", len(long), b"L")
    padding = bytes(-len(long) % _BLOCK)
    return link + long + padding + _block(encoded[:_LONGEST], b"0000644", size, b"0")


def _block(name: bytes, mode: bytes, size: int, kind: bytes) -> bytes:
    """Return a header: numbers are octal, and the sum of its bytes takes its own for spaces."""
    octal = b"%011o" % size
    total = _SUM + sum(name) + sum(mode) + sum(octal) + sum(kind)
    return b"%b%b\0%b%b\0%b%06o\0 %b%b" % (
        name.ljust(_LONGEST, b"\0"), mode, _OWNER, octal, _TIME, total, kind, _REST
    )  # fmt: skip


_OWNER = b"0000000\0" * 2

_TIME = b"00000000000\0"

_REST = (bytes(100) + b"ustar  \0").ljust(_BLOCK - 157, b"\0")

_SUM = sum(_OWNER) + sum(_TIME) + 8 * ord(" ") + sum(_REST)
