# SPDX-License-Identifier: MIT
"""``melpix serve``: images over HTTP."""

from __future__ import annotations

from typing import Any

import click

from melpix.cli.faults import NotWritten, say_line, spell, usage
from melpix.cli.options import formats_option


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen here.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any."
)
@click.option("--workers", type=int, show_default="all cores", help="Processes that do the work.")
@click.option(
    "--max-bytes", type=int, default=32 << 20, show_default=True, help="Of a sound, as it comes."
)
@click.option(
    "--max-duration", type=float, default=600.0, show_default=True, help="Of a sound [s]."
)
@click.option(
    "--max-samples",
    type=int,
    default=60_000_000,
    show_default=True,
    help="Of a sound, resampled and filled up.",
)
@click.option("--max-pixels", type=int, default=16_000_000, show_default=True, help="Of an image.")
@click.option(
    "--concurrency",
    type=int,
    default=128,
    show_default=True,
    help="Requests at work, or waiting, at once; more are answered 429.",
)
@click.option(
    "--connections", type=int, default=1024, show_default=True, help="At once; more: 503."
)
@click.option(
    "--timeout", type=float, default=30.0, show_default=True, help="Of one request's work [s]."
)
@click.option(
    "--body-timeout", type=float, default=30.0, show_default=True, help="Of a body's arrival [s]."
)
@click.option(
    "--memory", type=int, default=2048, show_default=True, help="What a worker may grow by [MiB]."
)
@formats_option
@click.option("--log", is_flag=True, help="Print a line for each request.")
def serve(max_duration: float, memory: int, **options: Any) -> None:
    """Serve images over HTTP, and a page to try them out.

    POST a sound to /v1/image for its PNG, or to /v1/features for its .npy, with parameters in the
    query or in a form's fields; /openapi.json describes all. It is answered by worker processes: a
    sound that crashes one, or takes too long, costs nothing but its own request. (Work that has
    begun goes on if its client leaves, for --timeout at most.) There is no encryption and no
    password: for the outside world, put a proxy in front.

    \b
    Examples:
      melpix serve
      curl --data-binary @speech.ogg 'localhost:8000/v1/image?preset=whisper-80' > speech.png
      curl -F file=@speech.ogg -F sr=16000 -F n_mels=64 localhost:8000/v1/image > speech.png
    """  # noqa: D301
    try:
        from melpix.serving.app import Service, run
    except ImportError as error:
        raise usage(f"melpix serve needs {error.name}: pip install 'melpix[serve]'") from error
    from melpix.serving.answer import Limits

    log = options.pop("log")
    where = {name: options.pop(name) for name in ("host", "port", "connections")}
    limits = Limits(
        options.pop("max_bytes"),
        max_duration,
        options.pop("max_pixels"),
        options.pop("max_samples"),
        options.pop("formats"),
    )
    try:
        service = Service(limits, memory=memory << 20, **options)
    except ValueError as error:
        raise usage(spell(error)) from error

    def listening(address: str) -> None:
        say_line(f"melpix serve: {address}, {service.workers} workers; Ctrl-C ends it")

    if not run(service, listening, access_log=log, **where):
        raise NotWritten(f"cannot serve at {where['host']}:{where['port']}")
