# SPDX-License-Identifier: MIT
"""From what a user names to the sources of a dataset, in order, each with the name of its output.

Everything named goes through the same three steps: find files, sort them by their absolute
paths, name them by their paths from the folder that all of them have in common.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import errno
import fnmatch
import hashlib
import itertools
import json
import math
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, TypeAlias

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"}
    | {".rf64", ".snd", ".w64", ".wav", ".wave"}
)
"""What is taken from folders."""

PATH_COLUMNS = ("path", "file", "file_name", "audio", "filename")
"""Where a list has its paths: the first of these that it has."""

MAX_ROW = 2**20
"""Bytes that a row of a list may take."""

_SEP = os.fsencode(os.sep)
_TO_THE_END = math.inf  # a duration that sorts
_MAGIC = re.compile(r"[*?[]")
_COMPONENT = 255  # bytes that file systems allow a name
# Left free in an output's name: "_", a window's number and a suffix (16), and a twin's mark (9).
_STEM = _COMPONENT - 16 - 9
_SHOWN = 10  # pairs that an error lists


@dataclass(frozen=True, slots=True)
class Item:
    """One source of a dataset.

    Attributes
    ----------
    path : str
        What to open. Bytes that are no text are lone surrogates, as `os.fsdecode` gives them.
    stem : str
        Name of the output without suffix, relative, its folders separated by "/".
    label : str or None
        The class: as listed, else the first folder of the stem.
    offset : float >= 0 [s]
        Where the part to convert begins.
    duration : float >= 0 [s] or None
        How long it is. None: to the end.
    """

    path: str
    stem: str
    label: str | None = None
    offset: float = 0.0
    duration: float | None = None


class Skipped(NamedTuple):
    """What was found under a name that asks for conversion, and is nothing to convert.

    Attributes
    ----------
    path : str
        As in `Item`.
    code : str
        ``not_a_file`` (FIFO, device, socket, link to a folder) or ``os_error`` (a link to nothing
        or to itself, a folder that cannot be read).
    message : str
        The same in words, without the path.
    """

    path: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What there is to convert.

    Attributes
    ----------
    items : list of Item
        In order; of the shard, if one was asked for.
    skipped : list of Skipped
        Likewise.
    base : str
        The folder that the names of outputs start from, with a separator at its end; empty on
        Windows if several drives leave none.
    found : int
        Number of items in all shards together.
    part : str or None
        The shard, ``"I/N"`` without needless zeros.
    labels : list of str or None
        The classes of all shards together, sorted; None if there are none.
    """

    items: list[Item]
    skipped: list[Skipped]
    base: str
    found: int
    part: str | None = None
    labels: list[str] | None = None

    def lines(self, suffix: str = ".png") -> Iterator[str]:
        r"""Say what would become of each source: one line each, safe to print.

        Parameters
        ----------
        suffix : str
            What follows the stem in the name of an output.

        Yields
        ------
        str
            ``source -> output``, or ``source: skipped, why``.

        Examples
        --------
        >>> item = Item("talks/one.ogg", "one", offset=2.5, duration=10.0)
        >>> pipe = Skipped("talks/two.ogg", "not_a_file", "a FIFO, not a file")
        >>> print(*Scan([item], [pipe], "/home/ann/talks", 1).lines("_NNNN.png"), sep="\n")
        talks/one.ogg from 2.5 s for 10 s -> one_NNNN.png
        talks/two.ogg: skipped, a FIFO, not a file
        """
        for item in self.items:
            yield f"{_place(item)} -> {_printable(item.stem)}{suffix}"
        for path, _, message in self.skipped:
            yield f"{_printable(path)}: skipped, {_printable(message)}"


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
        Files (whatever their suffix), folders (what lies in them with one of `SUFFIXES`, in any
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
        becomes ``dogs/7c/bark``.

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
    part, parts = _parse_shard(shard)
    if isinstance(inputs, (str, bytes, os.PathLike)):
        inputs = [inputs]
    named = [os.fsdecode(path) for path in inputs]
    finder = _Finder(_matcher(include), _matcher(exclude), recursive, output)
    for path in named:
        finder.add_input(path)
    if from_list is not None:
        named.append(os.fsdecode(from_list))
        finder.add_list(named[-1])
    if not finder.files and not finder.skipped:
        places = ", ".join(map(repr, named[:_SHOWN])) + ", …" * (len(named) > _SHOWN)
        suffixes = " ".join(sorted(SUFFIXES))
        limits = "; include or exclude leave nothing" if include or exclude else ""
        raise ValueError(f"nothing to convert in {places or 'no input'} ({suffixes}{limits})")

    files = _without_repeats(sorted(finder.files))
    finder.files.clear()
    base = _common_start(finder.bases)
    stems = _stems(files, len(base), keep_suffix)
    labels: dict[str, str] = {}  # one object for each, however many items
    items = []
    for i, (file, stem) in enumerate(zip(files, stems, strict=True)):
        label = file.label or (stem.partition("/")[0] if "/" in stem else None)
        label = label and labels.setdefault(label, label)
        if i % parts == part - 1:
            stem = _fan_out(stem) if fanout else stem
            duration = None if file.duration == _TO_THE_END else file.duration
            items.append(Item(file.path, stem, label, file.offset, duration))
    return Scan(
        items,
        sorted(set(finder.skipped))[part - 1 :: parts],
        os.fsdecode(base.replace(b"\0", _SEP)),
        found=len(files),
        part=None if shard is None else f"{part}/{parts}",
        labels=sorted(labels) or None,
    )


class _File(NamedTuple):
    """A file to convert. Sorting compares the fields in this order."""

    key: bytes  # the absolute path with NUL for the separators: folder by folder, as bytes
    name: str  # the stem, where a list says so
    offset: float
    duration: float
    label: str
    path: str


_DURATION, _IDENTITY = 3, 4  # fields up to the duration, and those that make another item


def _whole(key: bytes, path: str) -> _File:
    return _File(key, "", 0.0, _TO_THE_END, "", path)


# --- finding: files, folders, patterns ------------------------------------------------------

_Matcher: TypeAlias = Callable[[str], object]


class _Folder(NamedTuple):
    """A folder to search. Its names are ready to be put before those of what lies in it."""

    path: str
    key: bytes
    inside: str  # from the input folder, with "/"
    whole: bool  # take every sound
    at: frozenset[int]  # or what the pattern wants next


class _Finder:
    """Gathers what is to be converted, in no order."""

    def __init__(
        self,
        include: _Matcher | None,
        exclude: _Matcher | None,
        recursive: bool,
        output: Path | None,
    ) -> None:
        self.files: list[_File] = []
        self.skipped: list[Skipped] = []
        self.bases: set[bytes] = set()  # keys of folders: names of outputs start from one above
        self._include = include
        self._exclude = exclude
        self._recursive = recursive
        try:
            self._output = None if output is None else os.stat(output)
        except OSError:  # it is yet to be made
            self._output = None

    def add_input(self, path: str) -> None:
        try:
            mode = os.stat(path).st_mode
        except OSError:
            magic = _MAGIC.search(path)
            if magic is None or os.path.lexists(path):
                raise
            self._add_pattern(path, magic.start())
            return
        if stat.S_ISDIR(mode):
            self._search(path, _Pattern(""))
            return
        key = _key(path)
        self.bases.add(key.rpartition(b"\0")[0])
        if self._wants(path, os.path.basename(path)):
            if stat.S_ISREG(mode):
                self.files.append(_whole(key, path))
            else:
                self._skip_special(path, mode)

    def add_list(self, source: str) -> None:
        for file in _read_list(source):
            self.bases.add(file.key.rpartition(b"\0")[0])
            if self._wants(file.path, os.path.basename(file.path)):
                self.files.append(file)

    def _add_pattern(self, text: str, magic: int) -> None:
        folder = os.path.dirname(text[:magic])
        pattern = _Pattern(text[len(folder) :])
        if os.path.isdir(folder or os.curdir):
            self._search(folder, pattern)
        if not pattern.matched:
            raise FileNotFoundError(errno.ENOENT, "No such file, and nothing matches it", text)

    def _search(self, folder: str, pattern: _Pattern) -> None:
        key = _key(folder)
        self.bases.add(key)
        at = pattern.start - {pattern.end}
        todo = [_Folder(os.path.join(folder, ""), key + b"\0", "", pattern.matched, at)]
        while todo:  # no recursion: folders nest as deep as somebody likes
            found = todo.pop()
            try:
                if found.inside and self._is_output(found.path):
                    continue
                with os.scandir(found.path or os.curdir) as entries:
                    for entry in entries:
                        deeper = self._look(entry, found, pattern)
                        if deeper is not None:
                            todo.append(deeper)
            except OSError as error:
                if not found.inside:  # the user named it
                    raise
                self._skip_error(found.path[:-1], error)

    def _look(self, entry: os.DirEntry[str], folder: _Folder, pattern: _Pattern) -> _Folder | None:
        """Take an entry that is a file; return it if it is a folder to search."""
        name = entry.name
        whole = folder.whole and not name.startswith(".")
        at = pattern.follow(folder.at, name) if folder.at else folder.at
        if not (whole or at):
            return None
        path, inside = folder.path + name, folder.inside + name
        matched = pattern.end in at
        pattern.matched |= matched
        known = name[name.rfind(".") :].lower() in SUFFIXES
        wanted = (
            (whole or matched)
            and (known or (matched and pattern.spells_suffix))
            and self._wants(inside, name)
        )
        try:
            if entry.is_dir():
                whole = matched or (whole and self._recursive)
                at -= {pattern.end}
                if not (whole or at) or self._excluded(inside, name):
                    return None
                if _is_link(entry):
                    message = "a link to a folder: those are not followed, but can be named"
                    self.skipped.append(Skipped(path, "not_a_file", message))
                    return None
                key = folder.key + os.fsencode(name) + b"\0"
                return _Folder(path + os.sep, key, inside + "/", whole, at)
            if wanted and entry.is_file():
                self.files.append(_whole(folder.key + os.fsencode(name), path))
            elif wanted:
                self._skip_special(path, os.stat(path).st_mode)
        except OSError as error:  # a link to nothing, or to itself
            if wanted:
                self._skip_error(path, error)
        return None

    def _is_output(self, folder: str) -> bool:
        return self._output is not None and os.path.samestat(os.stat(folder), self._output)

    def _wants(self, path: str, name: str) -> bool:
        if self._include and not (self._include(name) or self._include(path)):
            return False
        return not self._excluded(path, name)

    def _excluded(self, path: str, name: str) -> bool:
        return bool(self._exclude and (self._exclude(name) or self._exclude(path)))

    def _skip_special(self, path: str, mode: int) -> None:
        kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
        self.skipped.append(Skipped(path, "not_a_file", f"a {kind}, not a file"))

    def _skip_error(self, path: str, error: OSError) -> None:
        self.skipped.append(Skipped(path, "os_error", error.strerror or str(error)))


class _Pattern:
    """A glob pattern that is followed folder by folder, so that nothing is searched in vain.

    A position is the number of components that have been matched. An empty pattern means the
    folder itself.

    Attributes
    ----------
    start : frozenset of int
        Positions before the first name.
    end : int
        The position where all is matched.
    spells_suffix : bool
        The last component leaves no doubt what suffix is meant.
    matched : bool
        Something was found at the end.
    """

    def __init__(self, text: str) -> None:
        components = [c for c in re.split(r"[\\/]" if os.name == "nt" else "/", text) if c]
        self._matchers = [None if c == "**" else _matcher([c]) for c in components]
        self._show_hidden = [c.startswith(".") for c in components]
        self.end = len(components)
        self.start = self._and_skipped({0})
        last = components[-1] if components else "*"
        suffix = os.path.splitext(last)[1]
        self.spells_suffix = not _MAGIC.search(suffix or last)
        self.matched = self.end in self.start

    def follow(self, at: frozenset[int], name: str) -> frozenset[int]:
        """Return the positions after one more name."""
        hidden = name.startswith(".")
        after = set()
        for i in at:
            matcher = self._matchers[i]
            if hidden and not self._show_hidden[i]:
                continue
            if matcher is None:
                after.add(i)
            elif matcher(name):
                after.add(i + 1)
        return self._and_skipped(after)

    def _and_skipped(self, at: set[int]) -> frozenset[int]:
        for i, matcher in enumerate(self._matchers):
            if i in at and matcher is None:  # ** may stand for no folder at all
                at.add(i + 1)
        return frozenset(at)


def _matcher(patterns: Iterable[str]) -> _Matcher | None:
    patterns = [patterns] if isinstance(patterns, str) else patterns
    text = "|".join(map(fnmatch.translate, patterns))
    return re.compile(text).match if text else None


def _is_link(entry: os.DirEntry[str]) -> bool:
    if sys.platform == "win32":  # a junction is no symbolic link there, but may make a loop
        tag = entry.stat(follow_symlinks=False).st_reparse_tag
        return entry.is_symlink() or tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return entry.is_symlink()


def _key(path: str) -> bytes:
    absolute = os.path.abspath(path)
    if os.name != "nt" and absolute.startswith("//"):  # which means what one slash means
        absolute = absolute[1:]
    return os.fsencode(absolute).rstrip(_SEP).replace(_SEP, b"\0")


# --- lists ----------------------------------------------------------------------------------

_Row: TypeAlias = Mapping[str, Any]


class _List:
    """An open list, and how far it has been read."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.number = 0  # of the line or row that was read last
        self._room = MAX_ROW

    def lines(self) -> Iterator[str]:
        """Give lines as text, with bytes that are no text kept; no row is longer than MAX_ROW."""
        while line := self.file.readline(self._room + 1):
            self.number += 1
            self._room -= len(line)
            if self._room < 0:
                raise ValueError(f"must be at most {MAX_ROW} bytes long")
            if self.number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            yield line.decode(sys.getfilesystemencoding(), "surrogateescape")

    def end_row(self) -> None:
        self._room = MAX_ROW


def _read_list(source: str) -> Iterator[_File]:
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
            raise ValueError(f"must be a JSON object, got {_brief(row)}")
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
    has = ", ".join(_brief(c) for c in itertools.islice(columns, 10))
    raise ValueError(f"must have one of the columns {', '.join(PATH_COLUMNS)}; has {has}")


def _file(row: _Row) -> _File:
    column = _path_column(row)
    path = row[column]
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    key = _key(path) if isinstance(path, str) and path and _is_file_name(path) else b""
    if b"\0" not in key:  # nothing, or a root
        raise ValueError(f"{column} must be the path of a file, got {_brief(path)}")
    offset, duration = _seconds(row, "offset"), _seconds(row, "duration")
    return _File(
        key,
        _checked_stem(_text(row, "name")),
        0.0 if offset is None else offset,
        _TO_THE_END if duration is None else duration,
        _text(row, "label"),
        path,
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
        raise ValueError(f"{column} must be a number of seconds >= 0, got {_brief(value)}")
    return seconds + 0.0  # -0.0 becomes 0.0


def _text(row: _Row, column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{column} must be text or an integer, got {_brief(value)}")
    return str(value).strip()


def _checked_stem(stem: str) -> str:
    """Refuse what would leave the output folder on any system."""
    parts = re.split(r"[/\\]", stem)
    leaves = re.match("[A-Za-z]:", stem) or any(part in ("", ".", "..") for part in parts)
    if stem and (leaves or not _is_file_name(stem)):
        raise ValueError(
            "name must be a path inside the output folder, without empty, . or .. parts,"
            f" got {_brief(stem)}"
        )
    return stem.replace(os.sep, "/")


def _is_file_name(path: str) -> bool:
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


# --- names ----------------------------------------------------------------------------------


def _without_repeats(files: Iterable[_File]) -> list[_File]:
    """Leave out, of sorted files, what is the same part of the same file under the same name."""
    kept: list[_File] = []
    for file in files:
        if not kept or file[:_IDENTITY] != kept[-1][:_IDENTITY]:
            kept.append(file)
        elif not kept[-1].label:  # one without a label comes first
            kept[-1] = file
        elif file.label != kept[-1].label:
            raise ValueError(
                f"{file.path!r} has two labels, {_brief(kept[-1].label)} and"
                f" {_brief(file.label)}: give each row a name of its own, in a column 'name'"
            )
    return kept


def _common_start(folders: Collection[bytes]) -> bytes:
    """Return what the keys of all that lies in these folders begin with."""
    first, last = min(folders), max(folders)  # all others lie between the two
    pairs = zip(first.split(b"\0"), last.split(b"\0"), strict=False)
    common = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
    return b"".join(name + b"\0" for name, _ in common)


def _stems(files: Sequence[_File], cut: int, keep_suffix: bool) -> list[str]:
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
            if file.duration != _TO_THE_END and _differs_in_duration(files, i):
                stem += f"+{_span(file.duration)}"
        stems.append(_shortened(stem))

    pairs = _pairs(stems)
    if pairs and keep_suffix:
        for i in set(itertools.chain(*pairs)):
            identity = files[i].key[cut:], *files[i][1:_IDENTITY]
            stems[i] += f"~{_hash(ascii(identity).encode())}"
        pairs = _pairs(stems)
    if pairs:
        advice = "rename one of each" if keep_suffix else "keep_suffix (--keep-suffix) parts them"
        lines = [
            f"  {_place(files[i])} and {_place(files[j])} -> {stems[i]!r}"
            for i, j in pairs[:_SHOWN]
        ]
        if len(pairs) > _SHOWN:
            lines.append(f"  and {len(pairs) - _SHOWN} more")
        head = f"sources would share an output ({len(pairs)} times); {advice}:"
        raise ValueError("\n".join([head, *lines]))
    return stems


def _differs_in_duration(files: Sequence[_File], i: int) -> bool:
    file = files[i]
    return any(
        0 <= j < len(files) and files[j][:_DURATION] == file[:_DURATION] for j in (i - 1, i + 1)
    )


def _pairs(stems: Sequence[str]) -> list[tuple[int, int]]:
    """Find stems that some file system takes for the same; each with the first of its kind."""
    first: dict[str, int] = {}
    pairs = []
    for i, stem in enumerate(stems):
        if stem.isascii():
            folded = stem.lower()
        else:
            folded = unicodedata.normalize("NFD", stem).casefold()
            folded = unicodedata.normalize("NFC", folded)
        j = first.setdefault(stem if stem == folded else folded, i)  # no second copy
        if j != i:
            pairs.append((j, i))
    return pairs


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


def _fan_out(stem: str) -> str:
    folder, slash, name = stem.rpartition("/")
    return f"{folder}{slash}{_hash(os.fsencode(name))[:2]}/{name}"


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=4).hexdigest()


def _span(seconds: float) -> str:
    text = f"{seconds:.3f}"
    return f"{text if float(text) == seconds else repr(seconds)}s"


def _place(source: Item | _File) -> str:
    text = _printable(source.path)
    if source.offset:
        text += f" from {source.offset:g} s"
    if source.duration is not None and source.duration != _TO_THE_END:
        text += f" for {source.duration:g} s"
    return text


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _parse_shard(shard: str | None) -> tuple[int, int]:
    if shard is None:
        return 1, 1
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", shard)
    part, parts = map(int, match.groups()) if match else (0, 0)
    if not 1 <= part <= parts:
        raise ValueError(f"shard must be I/N with 1 <= I <= N, got {shard!r}")
    return part, parts
