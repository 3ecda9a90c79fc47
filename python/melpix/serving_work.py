# SPDX-License-Identifier: MIT
"""What a worker process of `melpix serve` does: a query and a body in, a whole HTTP answer out.

All that a stranger has written is read here and nowhere else: the query, the multipart body, the
sound. Whatever that does to the process, the server stays as it was.
"""

from __future__ import annotations

import dataclasses
import email.message
import functools
import io
import json
import sys
import traceback
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import numpy as np

from melpix import audio, checks, demands, demo, lengths
from melpix.convert import Conversion, convert_file
from melpix.cutting import at_rate
from melpix.errors import DecodeError, MelpixError
from melpix.frontend import Frontend
from melpix.kept import kept_memory
from melpix.preset_table import preset
from melpix.worker import mono

FORM = 64 << 10
"""Bytes of a form beside its file: as many as an address and headers may have."""

PNG, NPY, JSON = "image/png", "application/x-npy", "application/json"

READING = ("sr", "offset", "duration", "time_steps", "strict", "source")
"""Parameters of `convert_file`. Those of the front-end that are called the same go by `config`."""
FRONTEND = tuple(
    f.name for f in dataclasses.fields(Frontend) if f.init and f.name not in {"offset", "duration"}
)

# Larger plans are somebody's mistake, or worse: they stay in memory for the next request.
_MOST = {"n_fft": 65536, "n_mels": 1024, "hop_length": 65536}
_MOST_MELS = 4
_KEPT = 16  # front-ends

_TOO_MUCH = {"too_large", "too_long", "image_too_large", "no_memory"}


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for."""

    max_bytes: int = 32 << 20
    max_seconds: float = 600.0
    max_pixels: int = 16_000_000
    max_samples: int = 60_000_000
    """Of a signal: ten minutes at 96 kHz. With it, a request takes less than 1 GB of memory."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def head(self) -> bytes:
        r"""Return status and headers as they travel from a worker: in lines, as in HTTP.

        Examples
        --------
        >>> Answer(200, {"content-type": "image/png"}, b"").head()
        b'200\ncontent-type: image/png'
        """
        lines = [str(self.status), *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\n".join(lines).encode("latin-1")

    @staticmethod
    def parse(head: bytes, body: bytes) -> Answer:
        """Return what `head` was made of."""
        status, *lines = head.decode("latin-1").split("\n")
        pairs = (line.partition(": ") for line in lines)
        return Answer(int(status), {name: value for name, _, value in pairs}, body)


def refusal(status: int, code: str, message: str) -> Answer:
    """Return an error as the service spells it.

    Examples
    --------
    >>> refusal(422, "empty_audio", "no sound").body
    b'{"error": {"code": "empty_audio", "message": "no sound"}}'
    """
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Answer(status, {"content-type": JSON}, body)


class Work:
    """Answers requests. One instance is sent to each worker."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __call__(self, kind: str, query: str, content_type: str, body: bytearray) -> Answer:
        """Answer a request for an "image" or for "features"."""
        try:
            sound, fields = _sound(body, content_type)
            asked = _asked(f"{query}&{urlencode(fields)}" if fields else query)
            make = self._image if kind == "image" else self._features
            return make(asked, sound)
        except MelpixError as error:
            return refusal(413 if error.code in _TOO_MUCH else 422, error.code, str(error))
        except ValueError as error:
            return refusal(400, "bad_parameter", str(error))
        except MemoryError:
            return refusal(413, "no_memory", "this takes more memory than a request may have")
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return refusal(500, "internal", "an error of melpix itself: see its log")

    def _image(self, asked: _Asked, sound: memoryview) -> Answer:
        limits, picture = self._limits, io.BytesIO()
        done = convert_file(
            sound,
            picture,
            asked.frontend,
            **asked.reading,
            max_bytes=limits.max_bytes,
            max_seconds=limits.max_seconds,
            max_samples=limits.max_samples,
            max_pixels=limits.max_pixels,
        )
        facts = _facts(done) | {"warnings": asked.warnings}
        timing = ", ".join(f"{name};dur={1000 * s:.3f}" for name, s in done.stages.items())
        headers = {"content-type": PNG, "x-melpix-metadata": json.dumps(facts)}
        return Answer(200, headers | {"server-timing": timing}, picture.getvalue())

    def _features(self, asked: _Asked, sound: memoryview) -> Answer:
        f, how, limits = asked.frontend, asked.reading, self._limits
        if how.get("source") is not None:
            raise ValueError("source is for images: features have no place for it")
        steps, native = how.get("time_steps"), how.get("sr") == "native"
        wanted = None if steps is None else checks.integer("time_steps", steps) * f.hop_length
        room = limits.max_pixels * f.hop_length / f.sr  # a rough bound; then exactly
        if not native:
            demands.refuse_long(f, 0, 1, limits.max_samples)
        with kept_memory() as empty:
            clip = audio.read_clip(
                sound,
                sr=None if native else f.sr,
                offset=how.get("offset", 0.0),
                duration=how.get("duration"),
                samples=wanted,
                max_seconds=min(limits.max_seconds, max(room, 1.0)),
                max_samples=limits.max_samples,
                max_bytes=limits.max_bytes,
                strict=how.get("strict", False),
                empty=empty,
            )
            f = at_rate(f, clip.sr)
            n = clip.y.shape[-1]
            if wanted is not None and steps is not None:
                lengths.refuse_another(f, wanted, "time_steps", steps)
            demands.refuse_long(f, n, 1, limits.max_samples)
            left_out = lengths.left_out(f, n) / f.sr
            _check_size(f, n, limits.max_pixels)
            features = f.features(mono(clip.y))
        file = io.BytesIO()
        np.lib.format.write_array(file, np.ascontiguousarray(features), allow_pickle=False)
        facts = {
            "shape": features.shape,
            "dtype": features.dtype.name,
            "truncated": clip.truncated,
            "length_estimated": clip.length_estimated,
            "sr": clip.sr,
            "source_sr": clip.source_sr,
            "duration": n / clip.sr - left_out,
            "left_out": left_out,
            "warnings": asked.warnings,
        }
        headers = {"content-type": NPY, "x-melpix-metadata": json.dumps(facts)}
        return Answer(200, headers, file.getvalue())


class Job:
    """The function of the pool: an answer's status and headers are its head."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def warm(self) -> None:
        """Load what the first request would wait for."""
        self._work("image", "sr=16000&duration=0.1", "", bytearray(demo.wav()))

    def __call__(self, head: bytes, body: bytearray) -> tuple[bytes, bytes]:
        """Answer a job: its head is the kind, the query and the content type, in lines."""
        kind, query, content_type = head.decode("latin-1").split("\n", 2)
        answer = self._work(kind, query, content_type, body)
        return answer.head(), answer.body


def _check_size(f: Frontend, n: int, most: int) -> None:
    frames = f.frames(n)
    if frames == 0:
        raise DecodeError("too_short", f"{n / f.sr:g} s of sound are shorter than a frame")
    if f.patch is not None:
        patches = max(0, (frames - f.patch) // (f.patch_step or f.patch) + 1)
        frames = max(frames, patches * f.patch)
    size = frames * f.n_mels * demands.channels(f)
    if f.dtype == "float64":
        most //= 2  # the bound is for an answer's bytes
    if size > most:
        raise DecodeError("image_too_large", f"{size} features, at most {most} are made at once")


_FACTS = tuple(f.name for f in dataclasses.fields(Conversion) if f.name != "stages")


def _facts(done: Conversion) -> dict[str, Any]:
    return {name: getattr(done, name) for name in _FACTS}


class _Asked(NamedTuple):
    """What a query means."""

    frontend: Frontend
    reading: Mapping[str, Any]
    warnings: list[str]


def _asked(query: str) -> _Asked:
    """Return the front-end that a query describes, and how the sound is to be read."""
    name, parameters, reading = _parsed(query)
    frontend, told = _planned(name, parameters)
    return _Asked(frontend, reading, told)


@functools.lru_cache(maxsize=_KEPT)
def _parsed(query: str) -> tuple[str | None, str, Mapping[str, Any]]:
    """Return the preset and the front-end's parameters, as JSON in one order; and the others."""
    given: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=99):
        if key in given:
            raise ValueError(f"{key} must be given once")
        given[key] = text if key in {"preset", "source"} else _value(text)
    name = given.pop("preset", None)
    config = given.pop("config", {})
    if not isinstance(config, dict):
        raise ValueError(f"config must be a JSON object, got {config!r}")
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
                raise ValueError(f"{each} must be <= {most} here, got {mel[each]}")
    if len(_dicts(parameters.get("stack"))) >= _MOST_MELS:
        raise ValueError(f"stack must make <= {_MOST_MELS} mels here")
    return name, json.dumps(parameters, sort_keys=True), reading


# By nothing else that a request says: many that differ in `source` share what is planned.
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
            checks.not_below_zero(name, reading[name])
    if not isinstance(reading.get("strict", False), bool):
        raise ValueError(f"strict must be true or false, got {reading['strict']!r}")
    if "time_steps" in reading:
        checks.integer("time_steps", reading["time_steps"])


def _sound(body: bytearray, content_type: str) -> tuple[memoryview, list[tuple[str, str]]]:
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
        raise ValueError(f"{name} must be a text in UTF-8, or a file with a name") from error
