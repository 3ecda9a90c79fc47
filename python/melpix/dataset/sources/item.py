# SPDX-License-Identifier: MIT
"""What a source of a dataset is, and what is known of one before it has a name."""

from __future__ import annotations

import math
import os
from typing import NamedTuple, TypeAlias

from melpix.printable import printable

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

SEP = os.fsencode(os.sep)

TO_THE_END = math.inf  # a duration that sorts

SHOWN = 10  # of many things, how many an error lists


class Item(NamedTuple):
    """One source of a dataset: a tuple, for those cross to another process in no time.

    Attributes
    ----------
    path : str
        What to open. Bytes that are no text are lone surrogates, as `os.fsdecode` gives them.
    stem : str
        Name of the output without suffix, relative, its folders separated by "/".
    label : str or None
        The class: as listed, else the first folder of the stem.
    offset : float >= 0 [s] or None
        Where the part to convert begins. None: no list says so.
    duration : float >= 0 [s] or None
        How long it is. None: to the end.
    """

    path: str
    stem: str
    label: str | None = None
    offset: float | None = None
    duration: float | None = None


NOT_READ = ("no_decoder", "unsupported_format")
"""Codes of sounds in formats that are not read, or not by the formats that were asked for."""


class Skipped(NamedTuple):
    """What was found under a name that asks for conversion, and is nothing to convert.

    Attributes
    ----------
    path : str
        As in `Item`.
    code : str
        ``not_a_file`` (FIFO, device, socket, link to a folder), ``os_error`` (a link to nothing
        or to itself, a folder that cannot be read) or one of `NOT_READ`.
    message : str
        The same in words, without the path.
    status : {"skipped", "failed"}
        Failed is a sound that is not read, and a folder that cannot be: nobody knows how many
        sounds are missing.
    """

    path: str
    code: str
    message: str
    status: str = "skipped"


class File(NamedTuple):
    """A file to convert. Sorting compares the fields in this order."""

    key: bytes  # the absolute path with NUL for the separators: folder by folder, as bytes
    name: str  # the stem, where a list says so
    offset: float
    duration: float
    label: str
    path: str
    begins: bool = False  # a list says so, be it at 0


DURATION, IDENTITY = 3, 4  # fields up to the duration, and those that make another item


def whole_file(key: bytes, path: str) -> File:
    """Return a file to convert from its beginning to its end."""
    return File(key, "", 0.0, TO_THE_END, "", path)


def key_of(path: str) -> bytes:
    """Return the absolute path, in the form that sorts folder by folder."""
    absolute = os.path.abspath(path)
    if os.name != "nt" and absolute.startswith("//"):  # which means what one slash means
        absolute = absolute[1:]
    return os.fsencode(absolute).rstrip(SEP).replace(SEP, b"\0")


def place(source: Item | File) -> str:
    """Say which part of which file, safe to print."""
    text = printable(source.path)
    if source.offset:
        text += f" from {source.offset:g} s"
    if source.duration is not None and source.duration != TO_THE_END:
        text += f" for {source.duration:g} s"
    return text


def brief(value: object) -> str:
    """Return a value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


Version = tuple[int | None, int | None]  # size and mtime_ns of a file


def version(item: Item) -> Version:
    """Return what changes with a source's content, as far as that can be known without a look."""
    try:
        found = os.stat(item.path)
    except (OSError, ValueError):  # converting it will say why
        return None, None
    return found.st_size, found.st_mtime_ns
