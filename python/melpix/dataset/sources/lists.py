# SPDX-License-Identifier: MIT
"""Lists of files: plain text, CSV, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import contextlib
import csv
import itertools
import json
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

from melpix.dataset.sources.item import TO_THE_END, File, brief, key_of

PATH_COLUMNS = ("path", "file", "file_name", "audio", "filename")
"""Where a list has its paths: the first of these that it has."""

MAX_ROW = 2**20
"""Bytes that a row of a list may take."""

# The mark of UTF-32 in little-endian order begins as that of UTF-16 does.
_OTHER_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)

_Row: TypeAlias = Mapping[str, Any]


class _List:
    """An open list, and how far it has been read."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.number = 0  # of the line or row that was read last
        self._room = MAX_ROW

    def lines(self) -> Iterator[str]:
        """Give lines as text, with bytes that are no UTF-8 kept; no row is longer than MAX_ROW."""
        while line := self.file.readline(self._room + 1):
            self.number += 1
            self._room -= len(line)
            if self._room < 0:
                raise ValueError(f"must be at most {MAX_ROW} bytes long")
            if self.number == 1:
                if line.startswith(_OTHER_BOMS):
                    raise ValueError("must be UTF-8, but begins as UTF-16 or UTF-32 does")
                line = line.removeprefix(codecs.BOM_UTF8)
            yield line.decode("utf-8", "surrogateescape")

    def end_row(self) -> None:
        self._room = MAX_ROW


def read_list(source: str) -> Iterator[File]:
    """Read a list: a file's path, or "-" for standard input."""
    suffix = "" if source == "-" else os.path.splitext(source)[1].lower()
    rows = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
    with contextlib.ExitStack() as stack:
        standard = source == "-"
        file = sys.stdin.buffer if standard else stack.enter_context(open(source, "rb"))
        opened = _List(file)
        try:
            for row in rows.get(suffix, _text_rows)(opened):
                yield _file(row)
        except (ValueError, csv.Error, RecursionError) as error:
            name = "standard input" if standard else repr(source)
            place = "row" if suffix == ".parquet" else "line"
            raise ValueError(f"{name}, {place} {max(1, opened.number)}: {error}") from error


def _text_rows(opened: _List) -> Iterator[_Row]:
    for line in opened.lines():
        opened.end_row()
        # Names may have spaces at their ends. A carriage return more likely comes from Windows.
        path = line.removesuffix("\n").removesuffix("\r")
        if path and not path.isspace():
            yield {"path": path}


def _csv_rows(opened: _List) -> Iterator[_Row]:
    header: list[str] = []
    for fields in csv.reader(opened.lines(), strict=True):
        opened.end_row()
        if not fields:
            continue
        if not header:
            header = [field.strip() for field in fields]
            _path_column(header)  # or say so at once: the next row is on another line
        elif len(fields) != len(header):
            # An unquoted comma in a name would otherwise cut it short.
            raise ValueError(f"has {len(fields)} fields, the header has {len(header)}")
        else:
            yield dict(zip(header, fields, strict=True))


def _jsonl_rows(opened: _List) -> Iterator[_Row]:
    for line in opened.lines():
        opened.end_row()
        if line.isspace():
            continue
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"must be a JSON object, got {brief(row)}")
        yield row


def _parquet_rows(opened: _List) -> Iterator[_Row]:
    try:
        from pyarrow import ArrowException, parquet, types
    except ImportError as error:
        raise ImportError(
            "lists in Parquet need pyarrow: pip install 'melpix[parquet]'", name="pyarrow"
        ) from error
    try:
        with parquet.ParquetFile(opened.file) as table:
            schema = table.schema_arrow
            column = _path_column(schema.names)
            kind = schema.field(column).type
            if types.is_nested(kind):  # with the sounds themselves in it, for one
                raise ValueError(f"{column} must hold paths, holds {kind}")
            columns = [c for c in (column, *_OTHER_COLUMNS) if c in schema.names]
            for batch in table.iter_batches(batch_size=4096, columns=columns):
                for row in batch.to_pylist():
                    opened.number += 1
                    yield row
    except (ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise ValueError(f"cannot be read as Parquet: {error}") from error


_OTHER_COLUMNS = ("offset", "duration", "name", "label")


def _path_column(columns: Iterable[str]) -> str:
    for column in PATH_COLUMNS:
        if column in columns:
            return column
    has = ", ".join(brief(c) for c in itertools.islice(columns, 10))
    raise ValueError(f"must have one of the columns {', '.join(PATH_COLUMNS)}; has {has}")


def _file(row: _Row) -> File:
    column = _path_column(row)
    path = row[column]
    native = os.fsdecode(path) if isinstance(path, bytes) else _native(path)
    key = key_of(native) if native and "\0" not in native else b""
    if not native or b"\0" not in key:  # nothing, or a root
        raise ValueError(f"{column} must be the path of a file, got {brief(path)}")
    offset, duration = _seconds(row, "offset"), _seconds(row, "duration")
    return File(
        key,
        _checked_stem(_text(row, "name")),
        0.0 if offset is None else offset,
        TO_THE_END if duration is None else duration,
        _label(row),
        native,
        offset is not None,
    )


def _seconds(row: _Row, column: str) -> float | None:
    value = row.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{column} must be a number of seconds >= 0, got {brief(value)}")
    return seconds + 0.0  # -0.0 becomes 0.0


def _text(row: _Row, column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{column} must be text or an integer, got {brief(value)}")
    return str(value).strip()


def _label(row: _Row) -> str:
    label = _text(row, "label")
    try:
        label.encode()
    except UnicodeEncodeError:  # bytes of another encoding, say Latin-1
        raise ValueError(f"label must be text in UTF-8, got {brief(label)}") from None
    return label


def _checked_stem(stem: str) -> str:
    """Refuse what would leave the output folder on any system."""
    parts = re.split(r"[/\\]", stem)
    leaves = re.match("[A-Za-z]:", stem) or any(part in ("", ".", "..") for part in parts)
    native = _native(stem)
    if stem and (leaves or native is None):
        raise ValueError(
            "name must be a path inside the output folder, without empty, . or .. parts,"
            f" got {brief(stem)}"
        )
    return (native or "").replace(os.sep, "/")


def _native(name: Any) -> str | None:
    """Return a name as Python has those of this system; None if it is none.

    In a list it is UTF-8, or bytes, as names in POSIX are: whatever encoding the locale means.
    """
    if not isinstance(name, str) or "\0" in name:
        return None
    try:
        if os.name == "posix":
            return os.fsdecode(name.encode("utf-8", "surrogateescape"))
        os.fsencode(name)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return None
    return name
