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
from typing import Any
from urllib.parse import urlencode

import numpy as np

from melpix import arguments, demo
from melpix.audio.load import read_clip
from melpix.audio.samples import kept_memory
from melpix.convert.file import Conversion, convert_file
from melpix.convert.windows import mono
from melpix.errors import DecodeError, MelpixError, ParameterError
from melpix.frontend import demands, lengths
from melpix.frontend.at_rate import at_rate
from melpix.frontend.frontend import Frontend
from melpix.serving.answer import NPY, PNG, TOO_MUCH, Answer, Limits, refusal
from melpix.serving.request import Asked, read_query, sound_of


class Work:
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

    def _features(self, asked: Asked, sound: memoryview) -> Answer:
        f, how, limits = asked.frontend, asked.reading, self._limits
        if how.get("source") is not None:
            raise ParameterError("source", " is for images: features have no place for it")
        steps, native = how.get("time_steps"), how.get("sr") == "native"
        wanted = None if steps is None else arguments.integer("time_steps", steps) * f.hop_length
        room = limits.max_pixels * f.hop_length / f.sr  # a rough bound; then exactly
        if not native:
            demands.refuse_long(f, 0, 1, limits.max_samples)
        with kept_memory() as empty:
            clip = read_clip(
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
