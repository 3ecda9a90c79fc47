# SPDX-License-Identifier: MIT
"""HTTP as `melpix serve` speaks it: uvicorn's, with bounds that a stranger cannot pass.

uvicorn with httptools takes a request's head of any size. What is here is met before the
application is asked: it sees whole heads alone.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from melpix.serving.answer import refusal

LINGER = 2.0  # seconds in which a refused client may go on sending, so that it sees the answer

_HEAD = 64 << 10  # bytes of a request's line and headers

HEAD_SECONDS = 10.0  # in which a head must be there, from the connection or its first byte on

PATIENCE = 10.0  # seconds for a client to take _TAKEN bytes of an answer, or its rest

_TAKEN = 1 << 20

_DROPPED = 48 << 20  # bytes that a refused client may go on sending: more costs the others


class Protocol(HttpToolsProtocol):
    """A connection."""

    _unused = 0  # bytes read since there was last something to pass on: the parser keeps them
    _dropped = 0  # bytes of what is not read any more
    _refused = False
    _heading: asyncio.TimerHandle | None = None  # a head is awaited
    _taking: asyncio.TimerHandle | None = None  # there is an answer the client has not taken

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await a request."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Parse, unless the connection is to be closed."""
        cycle = self.cycle
        if self._refused or (cycle and cycle.response_started and not cycle.keep_alive):
            # To parse what is dropped would keep the loop from the others.
            self._dropped += len(data)
            if self._dropped > _DROPPED:
                self.transport.abort()
            return
        self._unused += len(data)
        super().data_received(data)
        if self._unused > _HEAD:
            self._refuse_head()
        elif self._heading is None and (self._unused or self._is_idle):
            self._await_head()

    def on_headers_complete(self) -> None:
        """Begin a request, unless its head has come as a whole and is too large."""
        if self._refused:
            return
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > _HEAD:
            self._refuse_head()
            return
        self._pass_on()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part, after a head that was not refused."""
        if not self._refused:
            self._unused = 0
            if not self._is_idle:
                self._pass_on()
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request: what follows is the next one's head."""
        if not self._refused:
            self._unused = 0
            if not self._is_idle:
                self._pass_on()
            super().on_message_complete()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is at work; one that was answered may still be arriving."""
        return self.cycle is None or self.cycle.response_complete

    def _pass_on(self) -> None:
        self._unused = 0
        if self._heading is not None:
            self._heading.cancel()
            self._heading = None

    def _await_head(self) -> None:
        self._heading = self.loop.call_later(HEAD_SECONDS, self._check_head)

    def _check_head(self) -> None:
        self._heading = None
        if self._is_idle:
            self.timeout_keep_alive_handler()
        else:  # the next request has begun to come before this one is answered
            self._await_head()

    def pause_writing(self) -> None:
        """Give the client its time to take what was written."""
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        """Go on: all is taken, or nearly."""
        super().resume_writing()
        self._end_taking()

    def on_response_complete(self) -> None:
        """End a request; if the connection is to close, that must not take for ever."""
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._watch_taking()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is idle, or whose client does not even take the answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._pass_on()
        self._end_taking()

    def _watch_taking(self) -> None:
        if self._taking is None:
            left = self.transport.get_write_buffer_size()
            self._taking = self.loop.call_later(PATIENCE, self._check_taking, left)

    def _check_taking(self, before: int) -> None:
        self._taking = None
        if self.transport.get_write_buffer_size() > max(0, before - _TAKEN):
            self.transport.abort()  # to close would wait for the client, and so would the request
        else:
            self._watch_taking()

    def _end_taking(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _refuse_head(self) -> None:
        if self._refused:
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:  # trailers were too large
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        text = f"at most {_HEAD} bytes of address and headers are taken"
        answer = refusal(431, "head_too_large", text)
        status = HTTPStatus(answer.status)
        head = [f"HTTP/1.1 {status.value} {status.phrase}", "connection: close"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        head += [f"content-length: {len(answer.body)}", "", ""]
        self.transport.write("\r\n".join(head).encode("latin-1") + answer.body)
        # To close with bytes unread is a reset, which may overtake the answer.
        self.loop.call_later(LINGER, self.transport.abort)
