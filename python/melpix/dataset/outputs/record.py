# SPDX-License-Identifier: MIT
"""What the manifest says of a sound and of each of its images."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any

from melpix.dataset.sources.item import Item, version

Record = dict[str, Any]

_SHARD = re.compile(r"(shard(?:-\d+-of-\d+)?-(\d+)\.[^/\\]*)/")  # as `Shards` names them

_line = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode

_TYPES: dict[str, type] = {
    "stem": str,
    "source": str,
    "status": str,
    "output": str,
    "label": str,
    "params": str,
    "part": list,
    "size": int,
    "mtime_ns": int,
    "bytes": int,
    "window": int,
    "windows": int,
    "shard_size": int,
}


def encode_line(record: Record) -> bytes:
    r"""Return a record as a line: sorted keys, pure ASCII, nothing that is None.

    Examples
    --------
    >>> encode({"status": "ok", "label": None, "source": "caf\udce9.wav"})
    b'{"source":"caf\\udce9.wav","status":"ok"}\n'
    """
    facts = {name: value for name, value in record.items() if value is not None}
    return _line(facts).encode("ascii") + b"\n"


def key(record: Record) -> str:
    """Return what tells the lines of one source from all others.

    That is the name of its output, for a file may be listed several times with different parts.
    What was passed over has none: then it is the path.
    """
    stem = record.get("stem")
    return f"\0{record.get('source')}" if stem is None else str(stem)


def identity(record: Record) -> int:
    """Return what changes with a source, with what is made of it, and how."""
    names = ("source", "size", "mtime_ns", "label", "params")
    return hash((*map(record.get, names), *(record.get("part") or ())))


def shard_of(record: Record) -> tuple[str, int] | None:
    """Return the shard that an image is in, and its number; None if it is a file of its own."""
    match = _SHARD.match(record["output"])
    return None if match is None else (match[1], int(match[2]))


def parsed(line: bytes) -> Record | None:
    """Return what a line says; None if it says nothing."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("status"), str):
        return None
    if record["status"] == "ok" and "output" not in record:
        return None
    for name, kind in _TYPES.items():
        if name in record and not isinstance(record[name], kind):
            return None
    return record


def text(value: str) -> str:
    """Return text that any reader accepts: what is no Unicode is shown as an escape."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def texts(values: list[str]) -> list[str]:
    """Return a list of such texts."""
    return [text(value) for value in values]


COLUMNS: dict[str, Callable[[Any], Any]] = {
    "label": text,
    "source": text,
    "source_hex": text,
    "window": int,
    "offset": float,
    "duration": float,
    "rows": int,
    "columns": int,
    "sr": float,
    "lo": float,
    "hi": float,
    "flags": texts,
    "heard": texts,
    "params": text,
}


def describe(item: Item, params: str | None = None) -> Record:
    """Return what the manifest says of a source, whatever becomes of it."""
    whole = item.offset is None and item.duration is None
    about: Record = {
        "source": item.path,
        "stem": item.stem,
        "label": item.label,
        "params": params,
        "part": None if whole else [item.offset, item.duration],
    }
    try:
        item.path.encode()
    except UnicodeEncodeError:
        about["source_hex"] = os.fsencode(item.path).hex()
    about["size"], about["mtime_ns"] = version(item)
    return about


def failed(code: str, message: str) -> Record:
    """Return what the manifest says of a source that failed."""
    return {"status": "failed", "code": code, "message": message}


def skipped(code: str, message: str) -> Record:
    """Return what the manifest says of a source that makes no image."""
    return {"status": "skipped", "code": code, "message": message}
