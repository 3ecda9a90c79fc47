# SPDX-License-Identifier: MIT
"""From what a user names to the sources of a dataset, in order, each with the name of its output.

Everything named goes through the same three steps: find files, sort them by their absolute
paths, name them by their paths from the folder that all of them have in common.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from melpix.dataset.sources.find import Finder, matcher
from melpix.dataset.sources.item import SEP, SHOWN, TO_THE_END, Item, Path, Skipped
from melpix.dataset.sources.output_names import common_start, fan_out, name_outputs, without_repeats
from melpix.errors import ParameterError
from melpix.known_formats import suffixes


@dataclass(frozen=True, slots=True)
class Scan:
    """What there is to convert.

    Attributes
    ----------
    items : list of Item
        In order; of the part, if one was asked for.
    skipped : list of Skipped
        Likewise.
    base : str
        The folder that the names of outputs start from, with a separator at its end; empty on
        Windows if several drives leave none.
    found : int
        Number of items in all parts together.
    part : str or None
        Which part, ``"I/N"`` without needless zeros.
    labels : list of str or None
        The classes of all parts together, sorted; None if there are none.
    everything : list of Item
        The items of all parts together.
    """

    items: list[Item]
    skipped: list[Skipped]
    base: str
    found: int
    part: str | None = None
    labels: list[str] | None = None
    everything: list[Item] = field(default_factory=list)


def scan(
    inputs: Path | Iterable[Path] = (),
    *,
    from_list: Path | None = None,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    recursive: bool = True,
    output: Path | None = None,
    shard: str | None = None,
    keep_suffix: bool = False,
    fanout: bool = False,
    formats: str = "common",
) -> Scan:
    """Find the sources of a dataset and name their outputs, before any work is done.

    An output's name is the source's path, without suffix, from the folder that everything named
    has in common: for one folder that is the folder itself, so that folders of classes stay.
    A row of a list that begins at an offset gets it as an ending (``_12.500s``); where rows
    differ in their durations alone, those are added (``+3.000s``). A component that leaves no
    room for a number and a suffix is cut, and ends in ``~`` and a hash of it.

    Parameters
    ----------
    inputs : path or iterable of paths
        Files (whatever their suffix), folders (what in them has a suffix of what is read, in any
        case) and glob patterns (``**`` is any number of folders). What exists under its name is
        no pattern. A pattern that spells out a suffix, as ``*.dat`` does, takes those files;
        folders that it matches are searched. Unless named, hidden files and folders are left
        out, and linked folders are skipped.
    from_list : path or "-", optional
        A list of files: ``.csv``, ``.jsonl`` or ``.parquet`` with one of `PATH_COLUMNS` and, if
        wanted, ``offset`` and ``duration`` (seconds), ``label``, and ``name`` (the stem itself);
        else text with one path a line, as is ``-``, standard input. Relative paths start from
        the current folder. Nobody looks yet whether these files exist.
    include, exclude : iterable of str
        `fnmatch` patterns, case-sensitive on every system. They are compared with the base name
        and with the path: from the input folder with "/", or as named or listed. Only what
        matches one of `include`, if there are any, and none of `exclude` is taken; folders that
        match one of `exclude` are not entered.
    recursive : bool
        Enter the folders in folders.
    output : path, optional
        A folder that is not searched where it lies inside an input folder.
    shard : "I/N", optional
        Give the I-th of N parts, 1 <= I <= N: of all items in order, every N-th.
    keep_suffix : bool
        Leave the suffix in the stem, so that a.wav and a.flac have different outputs. What
        differs in case or Unicode form alone gets ``~`` and a hash as well.
    fanout : bool
        Put each output in one of 256 folders more, named by a hash of its name: ``dogs/bark``
        becomes ``dogs/7c/bark``. Labels stay as they are, but Hugging Face's ``imagefolder``
        takes the last folder for one.
    formats : {"common", "all"}
        Which formats are read, as in `melpix.convert_dataset`: folders give what is of these.

    Returns
    -------
    Scan
        The items, sorted by absolute path (component by component, as bytes), name in the list,
        offset and duration.

    Raises
    ------
    FileNotFoundError
        An input does not exist, or is a pattern that nothing matches.
    OSError
        An input folder or the list cannot be read.
    ImportError
        The list is Parquet and pyarrow is not installed.
    ValueError
        A row of the list is wrong (the message names it); two sources would write one output;
        there is nothing to convert; a parameter is out of range.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("dogs", "cats"):
    ...         os.mkdir(os.path.join(folder, name))
    ...         open(os.path.join(folder, name, "one.wav"), "w").close()
    ...     [(item.stem, item.label) for item in scan(folder).items]
    [('cats/one', 'cats'), ('dogs/one', 'dogs')]
    """
    part, parts = _parse_part(shard)
    if isinstance(inputs, (str, bytes, os.PathLike)):
        inputs = [inputs]
    named = [os.fsdecode(path) for path in inputs]
    finder = Finder(matcher(include), matcher(exclude), recursive, output, formats)
    for path in named:
        finder.add_input(path)
    if from_list is not None:
        named.append(os.fsdecode(from_list))
        finder.add_list(named[-1])
    if not finder.files and not finder.skipped:
        places = ", ".join(map(repr, named[:SHOWN])) + ", …" * (len(named) > SHOWN)
        known = " ".join(sorted(suffixes(formats)))
        limits = "; include or exclude leave nothing" if include or exclude else ""
        raise ValueError(f"nothing to convert in {places or 'no input'} ({known}{limits})")

    files = without_repeats(sorted(finder.files))
    finder.files.clear()
    base = common_start(finder.bases)
    stems = name_outputs(files, len(base), keep_suffix)
    labels: dict[str, str] = {}  # one object for each, however many items
    items = []
    for file, stem in zip(files, stems, strict=True):
        label = file.label or (stem.partition("/")[0] if "/" in stem else None)
        label = label and labels.setdefault(label, label)
        stem = fan_out(stem) if fanout else stem
        duration = None if file.duration == TO_THE_END else file.duration
        offset = file.offset if file.begins else None
        items.append(Item(file.path, stem, label, offset, duration))
    return Scan(
        items if parts == 1 else items[part - 1 :: parts],
        sorted(set(finder.skipped))[part - 1 :: parts],
        os.fsdecode(base.replace(b"\0", SEP)),
        found=len(items),
        part=None if shard is None else f"{part}/{parts}",
        labels=sorted(labels) or None,
        everything=items,
    )


def _parse_part(shard: str | None) -> tuple[int, int]:
    if shard is None:
        return 1, 1
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", shard)
    part, parts = map(int, match.groups()) if match else (0, 0)
    if not 1 <= part <= parts:
        raise ParameterError("shard", f" must be I/N with 1 <= I <= N, got {shard!r}")
    return part, parts
