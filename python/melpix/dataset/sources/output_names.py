# SPDX-License-Identifier: MIT
"""Names for outputs: all different, on any file system."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from melpix.dataset.sources.item import (
    DURATION,
    IDENTITY,
    SHOWN,
    TO_THE_END,
    File,
    Item,
    brief,
    place,
)

_COMPONENT = 255  # bytes that file systems allow a name

# Left free in an output's name: "_", a window's number and a suffix (16), and a twin's mark (9).
_STEM = _COMPONENT - 16 - 9


def without_repeats(files: Iterable[File]) -> list[File]:
    """Leave out, of sorted files, what is the same part of the same file under the same name."""
    kept: list[File] = []
    for file in files:
        if not kept or file[:IDENTITY] != kept[-1][:IDENTITY]:
            kept.append(file)
            continue
        begins = file.begins or kept[-1].begins  # what a list says goes before
        if not kept[-1].label:  # one without a label comes first
            kept[-1] = file
        elif file.label != kept[-1].label:
            raise ValueError(
                f"{file.path!r} has two labels, {brief(kept[-1].label)} and"
                f" {brief(file.label)}: give each row a name of its own, in a column 'name'"
            )
        kept[-1] = kept[-1]._replace(begins=begins)
    return kept


def common_start(folders: Collection[bytes]) -> bytes:
    """Return what the keys of all that lies in these folders begin with."""
    first, last = min(folders), max(folders)  # all others lie between the two
    pairs = zip(first.split(b"\0"), last.split(b"\0"), strict=False)
    common = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
    return b"".join(name + b"\0" for name, _ in common)


def name_outputs(files: Sequence[File], cut: int, keep_suffix: bool) -> list[str]:
    """Name the outputs, all differently, by their keys from `cut` on."""
    stems = []
    for i, file in enumerate(files):
        stem = file.name
        if not stem:
            stem = os.fsdecode(file.key[cut:].replace(b"\0", b"/"))
            if not cut:  # on Windows, with nothing in common: drives become folders
                stem = stem.lstrip("/").replace(":", "")
            if not keep_suffix:
                stem = os.path.splitext(stem)[0]
            if file.offset:
                stem += f"_{_span(file.offset)}"
            if file.duration != TO_THE_END and _differs_in_duration(files, i):
                stem += f"+{_span(file.duration)}"
        stems.append(_shortened(stem))

    pairs = _pairs(stems)
    if pairs and keep_suffix:
        for i in set(itertools.chain(*pairs)):
            identity = files[i].key[cut:], *files[i][1:IDENTITY]
            stems[i] += f"~{_hash(ascii(identity).encode())}"
        pairs = _pairs(stems)
    if pairs:
        advice = (
            "rename one of each" if keep_suffix else "keep_suffix=True (--keep-suffix) parts them"
        )
        lines = [
            f"  {place(files[i])} and {place(files[j])} -> {stems[i]!r}" for i, j in pairs[:SHOWN]
        ]
        if len(pairs) > SHOWN:
            lines.append(f"  and {len(pairs) - SHOWN} more")
        count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
        head = f"{count} of sources would share an output; {advice}:"
        raise ValueError("\n".join([head, *lines]))
    return stems


def refuse_folders(items: Sequence[Item], suffix: str, numbered: bool) -> None:
    """Refuse outputs of which one would be a file, and a folder for others."""
    stem_of = re.compile(rf"(.*){'_[0-9]{4,}' if numbered else ''}{re.escape(suffix)}", re.S)
    folders = {}  # what makes a file of this name, where it is one; by its stem
    for item in items:
        folder = item.stem
        while "/" in folder and suffix in folder.lower():  # hardly ever
            folder = folder.rpartition("/")[0]
            match = stem_of.fullmatch(_folded(folder))
            if match:
                folders[match[1]] = item, folder
    for item in items if folders else ():
        other, folder = folders.get(_folded(item.stem), (item, ""))
        if folder:
            raise ValueError(
                f"{folder!r} would be an output and a folder of outputs; rename one of these:\n"
                f"  {place(item)} and {place(other)}"
            )


def _differs_in_duration(files: Sequence[File], i: int) -> bool:
    file = files[i]
    return any(
        0 <= j < len(files) and files[j][:DURATION] == file[:DURATION] for j in (i - 1, i + 1)
    )


def _pairs(stems: Sequence[str]) -> list[tuple[int, int]]:
    """Find stems that some file system takes for the same; each with the first of its kind."""
    first: dict[str, int] = {}
    pairs = []
    for i, stem in enumerate(stems):
        folded = _folded(stem)
        j = first.setdefault(stem if stem == folded else folded, i)  # no second copy
        if j != i:
            pairs.append((j, i))
    return pairs


def _folded(stem: str) -> str:
    """Return what is the same for all that some file system takes for the same."""
    if stem.isascii():
        return stem.lower()
    folded = unicodedata.normalize("NFD", stem).casefold()
    return unicodedata.normalize("NFC", folded)


def _shortened(stem: str) -> str:
    if 4 * len(stem) <= _STEM:  # bytes of a character
        return stem
    *folders, name = stem.split("/")
    return "/".join([*(_cut(f, _COMPONENT) for f in folders), _cut(name, _STEM)])


def _cut(component: str, most: int) -> str:
    encoded = os.fsencode(component)
    if len(encoded) <= most:
        return component
    mark = f"~{_hash(encoded)}"
    start = component[:most]
    while len(os.fsencode(start)) + len(mark) > most:
        start = start[:-1]
    return start + mark


def fan_out(stem: str) -> str:
    """Put a stem in one of 256 folders more, by a hash of its name."""
    folder, slash, name = stem.rpartition("/")
    return f"{folder}{slash}{_hash(os.fsencode(name))[:2]}/{name}"


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=4).hexdigest()


def _span(seconds: float) -> str:
    text = f"{seconds:.3f}"
    return f"{text if float(text) == seconds else repr(seconds)}s"
