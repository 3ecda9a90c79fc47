# SPDX-License-Identifier: MIT
"""A service for tests, whose decoder has faults that can be asked for."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from typing import Any

from melpix.serving import protocol
from melpix.serving.answer import Answer, Limits
from melpix.serving.app import Service, run
from melpix.serving.work import Answerer
from melpix.workers.process import Stopped, signals


class Faulty(Answerer):
    """Does what the beginning of the sound says."""

    def __call__(self, kind: str, query: str, content_type: str, body: bytearray) -> Answer:
        if body.startswith(b"CRASH"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if body.startswith(b"EXIT"):
            os._exit(3)
        if body.startswith((b"HANG", b"SLEEP")):
            seconds, *port = body.removeprefix(b"HANG").removeprefix(b"SLEEP").split(b" ")
            if port:  # somebody waits for it to begin
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", int(port[0]))).close()
            time.sleep(float(seconds or 600))
            return Answer(200, {}, b"slept")
        if body.startswith(b"ANSWER"):
            return Answer(200, {}, bytes(int(body[6:])))
        if body.startswith(b"PID"):
            return Answer(200, {}, str(os.getpid()).encode())
        if body.startswith(b"NOISE"):
            os.write(2, b"a decoder's remark\n")
            return Answer(200, {}, b"")
        return super().__call__(kind, query, content_type, body)

    def _image(self, asked: Any, sound: memoryview) -> Answer:
        if bytes(sound[:4]) == b"LEAK":
            bytearray(3 << 30)
        return super()._image(asked, sound)


def main() -> None:
    # So that tests need not wait.
    protocol.PATIENCE = float(os.environ.get("MELPIX_TEST_PATIENCE", "2"))
    protocol.HEAD_SECONDS = 2.0
    limits = Limits(max_bytes=1_000_000, max_seconds=20, max_pixels=100_000)
    service = Service(
        limits,
        work=Faulty(limits),
        workers=2,
        concurrency=4,
        timeout=float(os.environ.get("MELPIX_TEST_TIMEOUT", "2")),
        body_timeout=2.0,
        memory=1 << 30,
    )
    try:
        with signals():
            run(service, lambda address: print(address, flush=True), port=0, connections=32)
    except Stopped as stopped:
        sys.exit(128 + stopped.signum)


if __name__ == "__main__":
    import serving_jobs  # workers do not import a program's main module

    serving_jobs.main()
