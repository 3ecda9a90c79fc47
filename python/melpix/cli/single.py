# SPDX-License-Identifier: MIT
"""One sound to one image, in the words of the command line."""

from __future__ import annotations

import functools
import io
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from melpix.cli.faults import NotWritten, faults, say, usage
from melpix.cli.options import made, read
from melpix.printable import printable

if TYPE_CHECKING:
    from melpix.convert.file import Conversion


def convert_one(source: str, output: str, parameters: dict[str, Any], **options: Any) -> Conversion:
    """Run `convert_file` for a command, its faults and warnings in the command line's terms."""
    from melpix import convert_file

    picture = io.BytesIO()
    with faults(source, output) as notes:
        sound = read(source)
        # What a front-end refuses or warns of depends on its rate: it is made at the right one.
        if parameters.get("sr") == "native":
            parameters = {**parameters, "sr": _rate(sound, options.get("formats", "common"))}
        frontend = made(parameters)
        target = picture if output == "-" else output
        conversion = convert_file(sound, target, frontend, **options)
    for note in notes:
        say("warning", note)
    if output == "-":
        click.echo(picture.getvalue(), nl=False)
    return conversion


def _rate(sound: str | bytes, formats: str) -> int:
    """Return the sampling rate of a sound; what is read on request alone is opened elsewhere."""
    from melpix.audio.load import probe

    look = functools.partial(probe, sound, formats=formats)
    if formats == "common":
        facts = look()
    else:
        from melpix.convert.apart import apart

        facts = apart(look, sound if isinstance(sound, str) else "")
    return int(facts["sr"])


def check_output(output: str) -> None:
    """Refuse, before any work, what an image cannot be written to."""
    if output == "-":
        if sys.stdout is None:
            raise NotWritten("standard output is closed")
        if sys.stdout.isatty():
            raise usage("a PNG does not go to a terminal: redirect it or name a file")
    elif os.path.isdir(output):
        raise usage(f"{printable(output)} is a folder, though its name is an image's")


def summary_line(output: str, conversion: Conversion) -> str:
    """One line: what was written, how long it took, and what is odd about it."""
    rows, columns = conversion.shape
    name = "standard output" if output == "-" else printable(output)
    left_out = conversion.left_out
    rest = "what may follow" if left_out is None else f"the {left_out:.2f} s that follow"
    odd = {
        f"{rest} are left out, for the front-end has a fixed length": left_out != 0,
        "constant image (the sound is silent or never changes)": conversion.constant,
        "the file is truncated": conversion.truncated,
        "the file states no length, or a wrong one": conversion.length_estimated,
        "the file is several sounds, joined": conversion.joined,
        "fewer columns than asked for, the sound ends before": conversion.short,
    }
    return (
        f"{name}: {rows} x {columns}, {conversion.duration:.2f} s at {conversion.sr:g} Hz,"
        f" {1000 * sum(conversion.stages.values()):.0f} ms"
        + "".join(f"; {note}" for note, holds in odd.items() if holds)
    )
