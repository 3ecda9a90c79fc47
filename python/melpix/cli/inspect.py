# SPDX-License-Identifier: MIT
"""``melpix inspect``: what is known of an image or a sound."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import click

from melpix.cli.faults import FileFailed, faults, say
from melpix.cli.options import read
from melpix.printable import printable


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def inspect(file: str, as_json: bool) -> None:
    """Say what a PNG of melpix's records, or what the decoder says of an audio file.

    \b
    Examples:
      melpix inspect out.png
      melpix inspect out.png --json | jq .params.n_mels
      melpix inspect speech.ogg
    """  # noqa: D301
    with faults(file) as notes:
        facts = _facts(file)
        try:
            lines = [json.dumps(facts, sort_keys=True)] if as_json else list(_lines(facts))
        except RecursionError:
            raise FileFailed(f"{file}: its metadata are nested too deep to be shown") from None
    for note in notes:
        say("warning", note)
    for line in lines:
        click.echo(line if as_json else printable(line))


def _facts(file: str) -> dict[str, Any]:
    """Everything that is known of an image or a sound, as JSON values."""
    from melpix.audio.load import probe
    from melpix.image.read import read_png

    data = read(file)
    if _starts_as_png(data):
        image, metadata = read_png(data)
        size = len(data) if isinstance(data, bytes) else os.path.getsize(data)
        rows, columns, *channels = image.shape
        facts = {"kind": "image", "rows": rows, "columns": columns, "bytes": size}
        if channels:
            facts["channels"] = channels[0]
        return {**facts, **metadata, **facts}  # first in order, and not to be overruled
    return {"kind": "audio", **probe(data)}


def _starts_as_png(data: str | bytes) -> bool:
    signature = b"\x89PNG\r\n\x1a\n"
    if isinstance(data, bytes):
        return data.startswith(signature)
    if not os.path.isfile(data):  # opening a FIFO would wait for a writer
        return False
    with open(data, "rb") as file:
        return file.read(len(signature)) == signature


def _lines(facts: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Lay facts out for reading, those inside others indented."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "    ")
        elif name == "info" and isinstance(value, list):
            yield f"{indent}{name}"
            yield from (f"{indent}    {line}" for line in value)
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            yield f"{indent}{name:{max(1, 20 - len(indent))}}{shown}"
