# SPDX-License-Identifier: MIT
"""What a request asks for: its query and body become parameters and a sound."""

from __future__ import annotations

import dataclasses
import email.message
import functools
import json
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from melpix import arguments
from melpix.errors import ParameterError
from melpix.frontend.frontend import Frontend
from melpix.frontend.presets import preset

FORM = 64 << 10
"""Bytes of a form beside its file: as many as an address and headers may have."""

READING = ("sr", "offset", "duration", "time_steps", "strict", "source")
"""Parameters of `convert_file`. Those of the front-end that are called the same go by `config`."""
FRONTEND = tuple(
    f.name for f in dataclasses.fields(Frontend) if f.init and f.name not in {"offset", "duration"}
)

# Larger plans are somebody's mistake, or worse: they stay in memory for the next request.
_MOST = {"n_fft": 65536, "n_mels": 1024, "hop_length": 65536}

_MOST_MELS = 4

_KEPT = 16  # front-ends


class Asked(NamedTuple):
    """What a query means."""

    frontend: Frontend
    reading: Mapping[str, Any]
    warnings: list[str]


def read_query(query: str) -> Asked:
    """Return the front-end that a query describes, and how the sound is to be read."""
    name, parameters, reading = _parsed(query)
    frontend, told = _planned(name, parameters)
    return Asked(frontend, reading, told)


@functools.lru_cache(maxsize=_KEPT)
def _parsed(query: str) -> tuple[str | None, str, Mapping[str, Any]]:
    """Return the preset and the front-end's parameters, as JSON in one order; and the others."""
    given: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=99):
        if key in given:
            raise ParameterError(key, " must be given once")
        given[key] = text if key in {"preset", "source"} else _value(text)
    name = given.pop("preset", None)
    config = given.pop("config", {})
    if not isinstance(config, dict):
        raise ParameterError("config", f" must be a JSON object, got {config!r}")
    parameters: dict[str, Any] = dict(config)
    reading = {key: given.pop(key) for key in READING if key in given and key != "sr"}
    if given.get("sr") == "native":
        reading["sr"] = given.pop("sr")
    parameters |= given
    unknown = parameters.keys() - {*FRONTEND, "offset", "duration"}
    if name is not None:
        preset(name)
    if unknown:
        raise ValueError(f"there is no parameter {min(unknown)!r}: see /openapi.json")
    _check_reading(reading)
    for each, most in _MOST.items():
        for mel in (parameters, *_dicts(parameters.get("stack"))):
            if isinstance(mel.get(each), int) and mel[each] > most:
                raise ParameterError(each, f" must be <= {most} here, got {mel[each]}")
    if len(_dicts(parameters.get("stack"))) >= _MOST_MELS:
        raise ParameterError("stack", f" must make <= {_MOST_MELS} mels here")
    return name, json.dumps(parameters, sort_keys=True), reading


# The key holds nothing else that a request says, so that requests which differ in `source` alone
# share a plan.
@functools.lru_cache(maxsize=_KEPT)
def _planned(name: str | None, parameters: str) -> tuple[Frontend, list[str]]:
    """Return a front-end, and what there is to warn of."""
    given = json.loads(parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # A preset itself is nothing to be warned of.
            f = Frontend.from_preset(name, **given) if name else Frontend(**given)
        except TypeError as error:
            raise ValueError(f"a parameter is of the wrong kind: {error}") from error
    return f, [str(warning.message) for warning in caught]


def _dicts(stack: Any) -> list[dict[str, Any]]:
    return [each for each in stack or () if isinstance(each, dict)] if _is_list(stack) else []


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _value(text: str) -> Any:
    """Return what stands in a query: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check_reading(reading: Mapping[str, Any]) -> None:
    for name in ("offset", "duration"):
        if name in reading:
            arguments.not_below_zero(name, reading[name])
    if not isinstance(reading.get("strict", False), bool):
        raise ParameterError("strict", f" must be true or false, got {reading['strict']!r}")
    if "time_steps" in reading:
        arguments.integer("time_steps", reading["time_steps"])


def sound_of(body: bytearray, content_type: str) -> tuple[memoryview, list[tuple[str, str]]]:
    """Return the sound in a body, where it lies, and the other fields if that is a form's file."""
    if not content_type.lower().startswith("multipart/"):
        return memoryview(body), []
    message = email.message.Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    if not boundary or not boundary.isascii():
        raise ValueError("the multipart body must have a boundary")
    # RFC 2046, 5.1.1: each part stands between lines of two hyphens and the boundary.
    line = b"--" + boundary.encode()
    at = 0 if body.startswith(line) else body.find(b"\r\n" + line) + 2
    found: memoryview | None = None
    fields: list[tuple[str, str]] = []
    room = FORM
    while body.startswith(line, at) and body[at + len(line) : at + len(line) + 2] != b"--":
        start = body.find(b"\r\n\r\n", at, at + 16384) + 4
        end = body.find(b"\r\n" + line, max(start - 2, at))
        if start < 4 or end < 0:
            raise ValueError("the multipart body is cut short or broken")
        content = memoryview(body)[start : max(start, end)]
        head = email.message_from_bytes(bytes(body[at + len(line) + 2 : start]))
        if head.get_filename() is None:
            room -= start - at + len(content)
            if room < 0:
                raise ValueError(f"the form must hold <= {FORM} bytes beside its file")
            fields.append(_field(head, content))
        elif found is None:
            found = content
        else:
            raise ValueError("the form must hold one file, got more")
        at = end + 2
    if found is None:
        raise ValueError("the form must hold one file, got none")
    return found, fields


def _field(head: email.message.Message, content: memoryview) -> tuple[str, str]:
    """Return name and text of a form's field: a parameter, as in the query."""
    name = head.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise ValueError("each field of the form must have a name")
    try:
        return name, str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise ParameterError(name, " must be a text in UTF-8, or a file with a name") from error
