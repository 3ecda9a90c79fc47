# SPDX-License-Identifier: MIT
"""A line of the manifest: what became of a sound, or of one of its windows."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import operator
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Literal, NamedTuple, overload

from melpix.dataset.outputs.shard_names import ShardName, parse_shard_name
from melpix.dataset.sources.item import Item, version
from melpix.errors import MelpixError


@dataclasses.dataclass(slots=True)
class Record:
    """What the manifest says in one line. None is what it does not say.

    Attributes
    ----------
    source : str
        Path of the sound. Bytes that are no text are lone surrogates.
    source_hex : str
        The path's bytes, where it is no text.
    stem : str
        Name of the images without window and suffix. A line that does not stand for what became of
        its source last has none.
    label : str
        Class of the sound.
    params : str
        Hash of all parameters.
    part : list of two numbers or None
        The offset and the duration that a list of files asks for.
    size, mtime_ns : int
        Of the source.
    heard : list of str
        What the decoder has said.
    status : {"ok", "failed", "skipped", "pending"}
        An image was made, or not. "pending" is in no file: nothing was done yet.
    code, message : str
        Why there is no image.
    output : str
        Path of the image in the folder; or a shard's name and a key.
    bytes : int
        Length of the image's file.
    window, windows : int
        Which of the source's images it is, and how many there are.
    offset, duration : float
        Where in the source the sound of the image begins, and how long it is, in seconds.
    left_out : float
        Seconds behind it that are not in the image, for the front-end has a fixed length.
    rows, columns : int
        Of the image.
    sr : float
        Sampling rate of what was rendered, in Hz.
    lo, hi : float
        The values that the range of greys stands for.
    flags : list of str
        What is unusual: "constant", "cut", "joined", "length_estimated", "padded", "short",
        "truncated".
    shard_size : int
        How many images are in the same shard.
    """

    source: str
    source_hex: str | None = None
    stem: str | None = None
    label: str | None = None
    params: str | None = None
    part: list[float | None] | None = None
    size: int | None = None
    mtime_ns: int | None = None
    heard: list[str] | None = None
    status: str = "pending"
    code: str | None = None
    message: str | None = None
    output: str | None = None
    bytes: int | None = None
    window: int | None = None
    windows: int | None = None
    offset: float | None = None
    duration: float | None = None
    left_out: float | None = None
    rows: int | None = None
    columns: int | None = None
    sr: float | None = None
    lo: float | None = None
    hi: float | None = None
    flags: list[str] | None = None
    shard_size: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled as a call of the class, it takes half the time there and back.
        return Record, _values(self)

    def copy(self) -> Record:
        """Return another record that says the same."""
        return Record(*_values(self))

    def ended(self, end: End) -> Record:
        """Return a copy that says why there is no image."""
        record = self.copy()
        record.code, record.message, record.status = end
        return record

    def facts(self) -> dict[str, Any]:
        """Return what is told of a line while a run goes on; what is not known is None."""
        names, values = _TOLD[self.status]
        facts = dict(zip(names, values(self), strict=True))
        if self.source_hex is not None:
            facts["source_hex"] = self.source_hex
        return facts

    def key(self) -> str:
        """Return what tells the lines of one source from all others.

        That is the name of its images, for a file may be listed several times with different
        parts. What was passed over has none: then it is the path.
        """
        return key_of_path(self.source) if self.stem is None else self.stem

    def identity(self) -> int:
        """Return what changes with a source, with what is made of it, and how."""
        about = (self.source, self.size, self.mtime_ns, self.label, self.params)
        return hash((*about, *(self.part or ())))

    def shard(self) -> ShardName | None:
        """Return the shard that the image is in; None if it is a file of its own."""
        return None if self.output is None else parse_shard_name(self.output)


class End(NamedTuple):
    """Why a source has made no image."""

    code: str
    message: str
    status: str = "failed"


def key_of_path(path: str) -> str:
    """Return the key of a record that has no stem."""
    return f"\0{path}"


def describe(item: Item, params: str | None = None) -> Record:
    """Return what the manifest says of a source, whatever becomes of it."""
    whole = item.offset is None and item.duration is None
    about = Record(item.path, None, item.stem, item.label, params)
    about.part = None if whole else [item.offset, item.duration]
    try:
        item.path.encode()
    except UnicodeEncodeError:
        about.source_hex = os.fsencode(item.path).hex()
    about.size, about.mtime_ns = version(item)
    return about


_NAMES = tuple(field.name for field in dataclasses.fields(Record))

_values = operator.attrgetter(*_NAMES)

_SORTED = tuple(sorted(_NAMES))

_sorted_values = operator.attrgetter(*_SORTED)


def _getter(*names: str) -> tuple[tuple[str, ...], Callable[[Record], tuple[Any, ...]]]:
    return names, operator.attrgetter(*names)


_ABOUT = ("source", "stem", "label", "params", "part", "size", "mtime_ns", "heard", "status")

_OF_IMAGE = _NAMES[_NAMES.index("output") : _NAMES.index("shard_size")]

_TOLD = {
    "ok": _getter(*_ABOUT, *_OF_IMAGE),
    "failed": _getter(*_ABOUT, "code", "message"),
    "skipped": _getter(*_ABOUT, "code", "message"),
    "pending": _getter(*_ABOUT, "output"),
}

# --- records as lines -----------------------------------------------------------------------------

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def encode_line(record: Record) -> bytes:
    r"""Return a record as a line: sorted keys, pure ASCII, nothing that is None.

    Examples
    --------
    >>> encode_line(Record("caf\udce9.wav", status="ok"))
    b'{"source":"caf\\udce9.wav","status":"ok"}\n'
    """
    pairs = zip(_SORTED, _sorted_values(record), strict=True)
    return _encode({name: v for name, v in pairs if v is not None}).encode("ascii") + b"\n"


# What stands in the line of an image while nobody knows its shard. A quote inside a string has a
# backslash before it, so no value can look like one of these.
_OUTPUT, _SHARD_SIZE = b'"output":"/', b'"shard_size":0'


def encode_line_in_shard(record: Record, name: str) -> bytes:
    r"""Return the line of an image of this name in a shard, which `with_shard` completes.

    Examples
    --------
    >>> line = encode_line_in_shard(Record("a.wav", status="ok"), "dogs/bark.png")
    >>> with_shard(line, "shard-000007.tar", 12).decode()
    '{"output":"shard-000007.tar/dogs/bark.png","shard_size":12,"source":"a.wav","status":"ok"}\n'
    """
    record = record.copy()
    record.output, record.shard_size = f"/{name}", 0
    return encode_line(record)


def with_shard(line: bytes, shard: str, size: int) -> bytes:
    """Return the complete line of an image: which shard it is in, with how many others."""
    line = line.replace(_OUTPUT, b'"output":"%b/' % shard.encode(), 1)
    return line.replace(_SHARD_SIZE, b'"shard_size":%d' % size, 1)


def encode_columns(record: Record) -> bytes:
    """Return what of a record goes into a shard, as JSON; nulls would mislead datasets as well."""
    facts = dict(zip(COLUMNS, column_values(record), strict=True))
    return _encode(
        {name: facts[name] for name in _SORTED_COLUMNS if facts[name] is not None}
    ).encode()


def text(value: str) -> str:
    """Return text that any reader accepts: what is no Unicode is shown as an escape."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def texts(values: list[str]) -> list[str]:
    """Return a list of such texts."""
    return [text(value) for value in values]


class _Kind(NamedTuple):
    """What values a field has."""

    types: frozenset[type]  # as JSON gives them
    inside: frozenset[type]  # the same of a list's elements
    like: Callable[[Any], Any]  # makes the nearest value of another one, or None
    column: Callable[[Any], Any]  # makes what goes into a shard

    def has(self, value: Any) -> bool:
        return value is None or (
            type(value) in self.types
            and (not self.inside or self.inside.issuperset(map(type, value)))
        )


_NUMBERS = frozenset({int, float})

_NONE: frozenset[type] = frozenset()

_KINDS = {
    "str": _Kind(frozenset({str}), _NONE, str, text),
    "int": _Kind(frozenset({int}), _NONE, lambda v: v if type(v) is float else None, int),
    "float": _Kind(_NUMBERS, _NONE, lambda v: None, float),
    "list[str]": _Kind(
        frozenset({list}),
        frozenset({str}),
        lambda v: list(map(str, v)) if type(v) is list else None,
        texts,
    ),
    "list[float | None]": _Kind(frozenset({list}), _NUMBERS | {type(None)}, lambda v: None, list),
}

_KIND_OF = {
    field.name: _KINDS[str(field.type).removesuffix(" | None")]
    for field in dataclasses.fields(Record)
}

# The fields of a record that go into a shard, and their types there. Size and time stamp of the
# source are not among them, so that another copy of the data gives the same bytes.
COLUMNS = {
    name: _KIND_OF[name].column
    for name in (
        *("label", "source", "source_hex", "window", "offset", "duration", "rows", "columns"),
        *("sr", "lo", "hi", "flags", "heard", "params"),
    )
}


def column_values(record: Record) -> list[Any]:
    """Return what of a record goes into a shard, in the order of `COLUMNS`.

    datasets guesses the types of a JSON file's values by the first samples alone: an empty list or
    a 1 in place of 1.0 would mislead it.
    """
    values = zip(COLUMNS.values(), _column_values(record), strict=True)
    return [None if v is None or v == [] else convert(v) for convert, v in values]


_column_values = operator.attrgetter(*COLUMNS)

_SORTED_COLUMNS = tuple(sorted(COLUMNS))

# --- lines as records -----------------------------------------------------------------------------

_STATUSES = ("ok", "failed", "skipped")

# The most bytes of a line, which holds what a decoder has printed. Lines that may come from anybody
# are allowed less.
_LONGEST, _LONGEST_LENIENT = 1 << 24, 1 << 20

_decoder = json.JSONDecoder()  # json.loads takes half as long again


@overload
def read_records(
    file: BinaryIO, lenient: Literal[False] = False
) -> Iterator[tuple[bytes, Record]]: ...


@overload
def read_records(
    file: BinaryIO, lenient: Literal[True]
) -> Iterator[tuple[bytes, Record | None]]: ...


def read_records(file: BinaryIO, lenient: bool = False) -> Iterator[tuple[bytes, Record | None]]:
    """Read a manifest line by line.

    Parameters
    ----------
    file : binary file
    lenient : bool
        The manifest may come from anybody: values of other types are brought to theirs, or left
        out; what is no record all the same, be it a last line that was cut short, gives None. Else
        such a line is an error, but a last one without its end, as a killed run may leave it, is
        passed over.

    Yields
    ------
    bytes
        The line; of one that is too long, the end.
    Record or None

    Raises
    ------
    MelpixError
        ``bad_manifest``: a line is not as melpix writes it.
    """
    longest = _LONGEST_LENIENT if lenient else _LONGEST
    for number in itertools.count(1):
        line = file.readline(longest)
        if line.endswith(b"\n"):
            record = _parse(line, lenient)
        elif len(line) == longest:
            record = None
            while line and not line.endswith(b"\n"):
                line = file.readline(longest)
        elif line and lenient:
            record = _parse(line, lenient)
        else:
            return
        if record is None and not lenient:
            raise MelpixError("bad_manifest", f"{file.name!r}: line {number} is not melpix's")
        yield line, record


def told_records(lines: bytes) -> list[Record]:
    """Return the records of lines that this program has just encoded.

    Which shard an image goes into is not known by then: it has no output.
    """
    records = [record for _, record in read_records(io.BytesIO(lines))]
    for record in records:
        if record.shard_size == 0:
            record.output = record.shard_size = None
    return records


def _parse(line: bytes, lenient: bool) -> Record | None:
    try:
        content = line.decode("utf-8", "surrogateescape" if lenient else "strict")
        facts, end = _decoder.raw_decode(content)
        if type(facts) is not dict or content[end:].strip():
            return None
        values: list[Any] = [*map(facts.get, _NAMES)]
        types = (*map(type, values),)
        if types not in _plain:
            for i, name in enumerate(_NAMES):
                if not _KIND_OF[name].has(values[i]):
                    if not lenient or name in ("source", "status", "output"):
                        return None
                    values[i] = _KIND_OF[name].like(values[i])
            if list not in types and types == (*map(type, values),) and len(_plain) < _MOST_PLAIN:
                _plain.add(types)
        record = Record(*values)
    except (ValueError, RecursionError):
        return None
    if record.source is None or record.status not in _STATUSES:
        return None
    return None if record.status == "ok" and record.output is None else record


# Types of values, in the order of the fields, that were found to be right: nearly all lines have
# the same ones. What lists hold has to be looked at each time.
_plain: set[tuple[type, ...]] = set()

_MOST_PLAIN = 100
