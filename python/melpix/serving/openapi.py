# SPDX-License-Identifier: MIT
"""What `melpix serve` says of itself at /openapi.json."""

from __future__ import annotations

import math
from typing import Any

from melpix._core import __version__
from melpix.frontend.parameter_table import PARAMETERS, Parameter
from melpix.frontend.presets import PRESETS
from melpix.serving.answer import JSON, NPY, PNG, Limits
from melpix.serving.request import FRONTEND

_READING: dict[str, tuple[str, dict[str, Any]]] = {
    "offset": ("Start here, in seconds.", {"type": "number", "minimum": 0, "default": 0}),
    "duration": ("Read this much at most, in seconds.", {"type": "number", "minimum": 0}),
    "time_steps": (
        "Render the first time_steps * hop_length samples alone.",
        {"type": "integer", "minimum": 1},
    ),
    "strict": ("Refuse a sound that is truncated.", {"type": "boolean", "default": False}),
    "source": ("Name of the sound in the image's metadata.", {"type": "string"}),
}

_KINDS = {bool: "boolean", int: "integer", str: "string", type(None): "null"}

_ERRORS = {
    400: "A parameter is wrong: bad_parameter.",
    408: "The body did not arrive in time: slow_body.",
    413: "More than the service takes: too_large, too_long, image_too_large, no_memory.",
    422: "The sound cannot be used: decode_failed, unsupported_format, no_decoder, empty_audio,"
    " non_finite, bad_sample_rate, too_short, truncated, overflow; or crashed: the decoder did.",
    429: "Busy: try again after Retry-After seconds.",
    431: "The address and the headers are too long: head_too_large.",
    503: "The service is about to end, or has too many connections.",
    504: "The work took too long: timeout.",
}


def _schema(parameter: Parameter) -> dict[str, Any]:
    least, most, above_least, below_most = parameter.limits
    limits = {
        "exclusiveMinimum" if above_least else "minimum": least,
        "exclusiveMaximum" if below_most else "maximum": most,
    }
    finite = {name: limit for name, limit in limits.items() if math.isfinite(limit)}
    allowed: list[dict[str, Any]] = [{"type": kind, **finite} for kind in parameter.types]
    if parameter.words:
        kinds = sorted({_KINDS[type(word)] for word in parameter.words})
        kind = kinds[0] if len(kinds) == 1 else kinds
        allowed.append({"type": kind, "enum": list(parameter.words)})
    return allowed[0] if len(allowed) == 1 else {"anyOf": allowed}


def _of_frontend() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return description and schema of each parameter of the front-end."""
    sr = PARAMETERS["sr"]
    native = sr._replace(words=("native",), text=f'{sr.text} "native": that of the sound.')
    return {
        name: (parameter.text, _schema(parameter))
        for name, parameter in {**PARAMETERS, "sr": native}.items()
        if name in FRONTEND
    }


def _parameter(name: str, text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def description(limits: Limits) -> dict[str, Any]:
    """Return the service's OpenAPI document."""
    presets = {"type": "string", "enum": list(PRESETS)}
    parameters = [
        _parameter(
            "preset", "The input of a known model; what else is given overrides it.", presets
        ),
        _parameter("config", "Parameters of the front-end as one JSON object.", {"type": "string"}),
        *(_parameter(name, *rest) for name, rest in _of_frontend().items()),
        *(_parameter(name, *rest) for name, rest in _READING.items()),
    ]
    sound = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "properties": {"file": sound},
        "required": ["file"],
        "additionalProperties": {"type": "string"},
    }
    body = {
        "required": True,
        "description": "A sound: WAV, RF64, W64, AIFF, AU, CAF, FLAC, OGG Vorbis, Opus or FLAC, "
        f"MP3; at most {limits.max_bytes} bytes, {limits.max_seconds:g} seconds, "
        f"{limits.max_samples} samples, {limits.max_pixels} pixels. As it is, or as the one file "
        "of a form, whose other fields are parameters too.",
        "content": {
            "application/octet-stream": {"schema": sound},
            "audio/*": {"schema": sound},
            "multipart/form-data": {"schema": form},
        },
    }
    error = {"$ref": "#/components/schemas/Error"}
    errors = {
        str(status): {"description": text, "content": {JSON: {"schema": error}}}
        for status, text in _ERRORS.items()
    }
    facts = {
        "X-Melpix-Metadata": {
            "description": "JSON: shape, rates, flags, warnings; of an image lo and hi.",
            "schema": {"type": "string"},
        }
    }

    def post(name: str, summary: str, kind: str, given: list[dict[str, Any]]) -> dict[str, Any]:
        ok = {"description": summary, "headers": facts, "content": {kind: {"schema": sound}}}
        return {
            "post": {
                "operationId": name,
                "summary": summary,
                "parameters": given,
                "requestBody": body,
                "responses": {"200": ok, **errors},
            }
        }

    def get(name: str, summary: str, kind: str = JSON) -> dict[str, Any]:
        schema = {"type": "object"} if kind == JSON else {"type": "string"}
        ok = {"description": summary, "content": {kind: {"schema": schema}}}
        return {"get": {"operationId": name, "summary": summary, "responses": {"200": ok}}}

    features = [p for p in parameters if p["name"] != "source"]
    health = get("health", "Whether workers are there.")
    health["get"]["responses"]["503"] = {"description": "There is none."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "melpix", "version": __version__, "license": {"name": "MIT"}},
        "paths": {
            "/v1/image": post("image", "The image, as PNG.", PNG, parameters),
            "/v1/features": post("features", "The float features, as .npy.", NPY, features),
            "/v1/presets": get("presets", "The presets, the recipe and the limits."),
            "/healthz": health,
            "/openapi.json": get("openapi", "This document."),
            "/": get("page", "A page for people.", "text/html"),
        },
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["code", "message"],
                            "properties": {
                                "code": {"type": "string"},
                                "message": {"type": "string"},
                            },
                        }
                    },
                }
            }
        },
    }
