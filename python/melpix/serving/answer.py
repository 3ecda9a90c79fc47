# SPDX-License-Identifier: MIT
"""An answer of `melpix serve`, and the limits of what may be asked."""

from __future__ import annotations

import dataclasses
import json
from typing import NamedTuple

PNG, NPY, JSON = "image/png", "application/x-npy", "application/json"

TOO_MUCH = {"too_large", "too_long", "image_too_large", "no_memory"}


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for."""

    max_bytes: int = 32 << 20
    max_seconds: float = 600.0
    max_pixels: int = 16_000_000
    max_samples: int = 60_000_000
    """Of a signal: ten minutes at 96 kHz. With it, a request takes less than 1 GB of memory."""
    formats: str = "common"
    """Which formats are read, as in `melpix.convert_file`: of all, some may crash a worker."""


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
