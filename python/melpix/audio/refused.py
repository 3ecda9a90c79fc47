# SPDX-License-Identifier: MIT
"""Why a source is not read, and what its owner can do: the words of it."""

from __future__ import annotations

import os
import shlex

from melpix.audio import first_bytes
from melpix.audio.encodings import encoding
from melpix.errors import DecodeError
from melpix.known_formats import COMMON, NAMES

# What libsndfile says where it has nothing to say: the first of what mpg123 cannot open.
_NOTHING = ("File does not exist", "File contains data in an unimplemented format")

_NAMES = {name: form.name for form in COMMON for name in form.containers if name != "OGG"}


def way_out(path: str) -> str:
    """Return the command that makes a file which is read, of a path or, without one, of a sound.

    Examples
    --------
    >>> way_out("a b.m4a")
    "ffmpeg -i 'a b.m4a' 'a b.wav' makes a file that is read"
    """
    name = path or "IN"
    if name.startswith("-") or ":" in os.path.normpath(name).partition(os.sep)[0]:
        name = os.path.join(os.curdir, name)  # else an option, or an address, to ffmpeg
    stem, suffix = os.path.splitext(name) if path else ("OUT", "")
    other = f"{stem}-pcm.wav" if suffix.lower() == ".wav" else f"{stem}.wav"
    return f"ffmpeg -i {shlex.quote(name)} {shlex.quote(other)} makes a file that is read"


def by_kind(kind: first_bytes.Kind, formats: str, path: str) -> DecodeError | None:
    """Return the error for a format that is not read, or not by that choice of formats."""
    if kind.read_with(formats):
        return None
    if kind.formats is not None:
        return on_request(kind.name, path)
    return never(kind.name, path)


def never(what: str, path: str) -> DecodeError:
    """Return the error for a format that is not read."""
    return DecodeError("no_decoder", f"{what} is not read; {way_out(path)}", path)


def by_encoding(container: str, encoding: str, path: str) -> DecodeError:
    """Return the error for an encoding, in libsndfile's words, that is read on request alone."""
    name = _NAMES.get(container, container)
    return on_request(f"{encoding.replace('_', ' ')} in {name}", path)


def on_request(what: str, path: str) -> DecodeError:
    """Return the error for a format that only ``formats="all"`` reads."""
    option = "formats='all' (--formats all of melpix convert and melpix serve)"
    message = f"{what} is read on request alone, with {option}; or {way_out(path)}"
    return DecodeError("unsupported_format", message, path)


def advised(what: str, path: str) -> DecodeError:
    """Return the error for what ffmpeg may read nevertheless."""
    return DecodeError("decode_failed", f"{what}; if ffmpeg reads it, {way_out(path)}", path)


def undecodable(head: bytes, size: int, said: str, mp3: bool, path: str) -> DecodeError:
    """Return the error for what a decoder gives up.

    Parameters
    ----------
    head : bytes
        The first `first_bytes.LOOK` of the source.
    size : int
        Its bytes.
    said : str
        By the decoder; "" if it does not know the format.
    mp3 : bool
        Frames of MP3 were found in it.
    path : str
        "" if it is none.
    """
    said = said.strip().rstrip(".")
    if said.startswith(_NOTHING):
        said = ""
    why = f" ({said})" if said else ""
    kind = first_bytes.kind(head)
    other = None if kind else first_bytes.other(head)
    if mp3 and (kind is None or kind.name == "MP3"):
        if said:
            what = f"the MP3 cannot be decoded any further{why}"
        else:
            what = "an MP3 of which no sound can be decoded"
    elif kind is not None:
        held = encoding(kind.name, head)
        if held is not None:
            return never(f"{held} in {kind.name}", path)
        what = f"{kind.name} that is damaged or cut short, {size} bytes{why}"
    elif other is not None:
        return DecodeError("decode_failed", f"{other.name}, no sound; {other.way_out}", path)
    else:
        what = f"of an unknown format, none of {NAMES}{why}"
    return advised(what, path)
