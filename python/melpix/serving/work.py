# SPDX-License-Identifier: MIT
"""What a worker process of `melpix serve` does: a query and a body in, a whole HTTP answer out.

All that a stranger has written is read here and nowhere else: the query, the multipart body, the
sound. Whatever that does to the process, the server stays as it was.
"""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import numpy as np

from melpix import demo
from melpix.convert.cut import Cut
from melpix.convert.file import Conversion, make
from melpix.convert.reading import Bounds, read_columns
from melpix.errors import DecodeError, MelpixError, ParameterError
from melpix.frontend import demands, lengths
from melpix.frontend.frontend import Frontend
from melpix.serving.answer import NPY, PNG, TOO_MUCH, Answer, Limits, refusal
from melpix.serving.request import Asked, read_query, sound_of


class Answerer:
    """Answers requests. One instance is sent to each worker."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def __call__(self, kind: str, query: str, content_type: str, body: bytearray) -> Answer:
        """Answer a request for an "image" or for "features"."""
        try:
            sound, fields = sound_of(body, content_type)
            asked = read_query(f"{query}&{urlencode(fields)}" if fields else query)
            make = self._image if kind == "image" else self._features
            return make(asked, sound)
        except MelpixError as error:
            return refusal(413 if error.code in TOO_MUCH else 422, error.code, str(error))
        except ValueError as error:
            return refusal(400, "bad_parameter", str(error))
        except MemoryError:
            return refusal(413, "no_memory", "this takes more memory than a request may have")
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return refusal(500, "internal", "an error of melpix itself: see its log")

    def _image(self, asked: Asked, sound: memoryview) -> Answer:
        cut, bounds = self._cut(asked.reading), self._bounds(self._limits.max_pixels)
        picture, done = make(sound, asked.frontend, cut, bounds, asked.reading.get("source"))
        facts = _facts(done) | {"warnings": asked.warnings}
        timing = ", ".join(f"{name};dur={1000 * s:.3f}" for name, s in done.stages.items())
        headers = {"content-type": PNG, "x-melpix-metadata": json.dumps(facts)}
        return Answer(200, headers | {"server-timing": timing}, picture)

    def _features(self, asked: Asked, sound: memoryview) -> Answer:
        f, how, limits = asked.frontend, asked.reading, self._limits
        if how.get("source") is not None:
            raise ParameterError("source", " is for images: features have no place for it")
        cut, bounds = self._cut(how), self._bounds(None)
        # The limit of pixels is for the numbers of features: those of 8 bytes count twice.
        most = limits.max_pixels // (2 if f.dtype == "float64" else 1)
        columns = most // (f.n_mels * demands.channels(f))
        clip, f = read_columns(sound, f, cut, bounds, columns, _too_many(most))
        n = clip.y.shape[-1]
        left_out = lengths.left_out(f, n) / f.sr
        found = _count(f, n)
        if found > most:
            raise _too_many(most)(f"{found} features")
        features = f.features(clip.y, mix=True)
        file = io.BytesIO()
        np.lib.format.write_array(file, np.ascontiguousarray(features), allow_pickle=False)
        facts = {
            "shape": features.shape,
            "dtype": features.dtype.name,
            "truncated": clip.truncated,
            "length_estimated": clip.length_estimated,
            "joined": clip.joined,
            "sr": clip.sr,
            "source_sr": clip.source_sr,
            "duration": n / clip.sr - left_out,
            "left_out": left_out,
            "warnings": asked.warnings,
        }
        headers = {"content-type": NPY, "x-melpix-metadata": json.dumps(facts)}
        return Answer(200, headers, file.getvalue())

    def _cut(self, reading: Mapping[str, Any]) -> Cut:
        return Cut(
            time_steps=reading.get("time_steps"),
            native=reading.get("sr") == "native",
            offset=reading.get("offset", 0.0),
            duration=reading.get("duration"),
            strict=reading.get("strict", False),
            formats=self._limits.formats,
            max_seconds=self._limits.max_seconds,
        )

    def _bounds(self, max_pixels: int | None) -> Bounds:
        limits = self._limits
        return Bounds(
            max_bytes=limits.max_bytes, max_samples=limits.max_samples, max_pixels=max_pixels
        )


class Job:
    """The function of the pool: an answer's status and headers are its head."""

    def __init__(self, work: Answerer) -> None:
        self._work = work

    def warm(self) -> None:
        """Load what the first request would wait for."""
        self._work("image", "sr=16000&duration=0.1", "", bytearray(demo.wav()))

    def __call__(self, head: bytes, body: bytearray) -> tuple[bytes, bytes]:
        """Answer a job: its head is the kind, the query and the content type, in lines."""
        kind, query, content_type = head.decode("latin-1").split("\n", 2)
        answer = self._work(kind, query, content_type, body)
        return answer.head(), answer.body


def _count(f: Frontend, n: int) -> int:
    """Return how many features are made of so many samples, patches included."""
    frames = f.frames(n)
    if f.patch is not None:
        patches = max(0, (frames - f.patch) // (f.patch_step or f.patch) + 1)
        frames = max(frames, patches * f.patch)
    return frames * f.n_mels * demands.channels(f)


def _too_many(most: int) -> Callable[[str], DecodeError]:
    def error(extent: str) -> DecodeError:
        return DecodeError("image_too_large", f"{extent}, at most {most} features are made at once")

    return error


_FACTS = tuple(f.name for f in dataclasses.fields(Conversion) if f.name != "stages")


def _facts(done: Conversion) -> dict[str, Any]:
    return {name: getattr(done, name) for name in _FACTS}
