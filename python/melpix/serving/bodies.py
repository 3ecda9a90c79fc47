# SPDX-License-Identifier: MIT
"""How the bodies of requests arrive at `melpix serve`: in time, and no more than memory holds."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import Receive

from melpix.serving.answer import refusal
from melpix.serving.request import FORM

CLOSING = 503, "closing", "the service is about to end"

_LARGEST = 8  # bodies of the largest size that may be in memory at once


class RefusedError(Exception):
    """A request that gets no further.

    Attributes
    ----------
    answer : Answer
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = refusal(status, code, message)


class _Arrival:
    """A body on its way."""

    __slots__ = ("body", "dropped", "timeout")

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self.body = bytearray()
        self.timeout, self.dropped = timeout, False


class Bodies:
    """All bodies that are in memory: on their way, or read and not released yet.

    Parameters
    ----------
    max_bytes : int
        Of a sound.
    timeout : float [s]
        What a body may take to arrive.
    """

    def __init__(self, max_bytes: int, timeout: float) -> None:
        self._max_bytes, self._timeout = max_bytes, timeout
        self._held = 0  # bytes
        self._arrivals: set[_Arrival] = set()

    async def read(self, headers: dict[bytes, bytes], receive: Receive) -> bytearray | None:
        """Take a body in, which is to be released. None: the client has left.

        Raises
        ------
        RefusedError
            It is too large, which a header may tell at once; it comes too slowly; it was the
            largest when there were too many; the server ends.
        """
        most = self._max_bytes + FORM  # the worker counts the sound
        declared = headers.get(b"content-length", b"")
        too_large = RefusedError(413, "too_large", f"at most {self._max_bytes} bytes are taken")
        if declared.isdigit() and int(declared) > most:
            raise too_large
        arrival = _Arrival(asyncio.timeout(self._timeout))
        self._arrivals.add(arrival)
        body = arrival.body
        whole = False
        try:
            async with arrival.timeout:
                while not whole:
                    message = await receive()
                    if arrival.dropped:
                        break
                    if message["type"] == "http.disconnect":
                        return None
                    part = message.get("body", b"")
                    body += part
                    self._held += len(part)
                    if len(body) > most:
                        raise too_large
                    if self._held > _LARGEST * most:
                        self._drop_largest()
                    whole = not message.get("more_body", False)
        except asyncio.CancelledError:  # the server ends, and has waited for long enough
            raise RefusedError(*CLOSING) from None
        except TimeoutError:
            if not arrival.dropped:
                text = f"the body did not arrive within {self._timeout:g} s"
                raise RefusedError(408, "slow_body", text) from None
        finally:
            self._arrivals.discard(arrival)
            if not whole:
                self._held -= len(body)
        if arrival.dropped:
            raise RefusedError(429, "busy", "too many bodies arrive: try again later")
        return body

    def release(self, size: int) -> None:
        """Forget a body that was read: so many bytes."""
        self._held -= size

    def _drop_largest(self) -> None:
        """Make room for what arrives: at the cost of who has taken the most, and is not done."""
        largest = max(self._arrivals, key=lambda arrival: len(arrival.body))
        self._held -= len(largest.body)
        largest.body.clear()
        largest.dropped = True
        self._arrivals.discard(largest)
        with contextlib.suppress(RuntimeError):  # its time is up anyway
            largest.timeout.reschedule(asyncio.get_running_loop().time())
