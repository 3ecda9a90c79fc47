# SPDX-License-Identifier: MIT
"""``melpix demo``: a sound and its image, made on the spot."""

from __future__ import annotations

import json
import os
import shlex
import time

import click

from melpix.cli.faults import faults
from melpix.cli.single import convert_one, summary_line
from melpix.printable import printable


@click.command()
@click.option("--audio", metavar="FILE", help="Use this sound instead of the built-in one.")
@click.option(
    "-o",
    "--output-dir",
    metavar="DIR",
    default=".",
    show_default="the current folder",
    help="An existing folder for demo.wav and demo.png.",
)
def demo(audio: str | None, output_dir: str) -> None:
    """Make a sound and the recipe's image of it: demo.wav and demo.png.

    The sound (chirps, a little melody, bursts of noise; 8.9 s) is made here, without a network,
    and is the same every time. With --audio there is no demo.wav. Files of these names are
    overwritten.

    \b
    Examples:
      melpix demo
      melpix demo --audio speech.ogg -o /tmp
    """  # noqa: D301
    from melpix import demo as built_in
    from melpix.files import write_atomically

    wav, image = (os.path.normpath(os.path.join(output_dir, f"demo.{e}")) for e in ("wav", "png"))
    stages = {}
    if audio is None:
        start = time.perf_counter()
        sound = built_in.wav()
        stages["make the sound"] = time.perf_counter() - start
        with faults(wav, wav):
            write_atomically(wav, sound)
        click.echo(f"{printable(wav)}: chirps, a melody and bursts of noise, made just now")

    conversion = convert_one(wav if audio is None else audio, image, {})
    stages |= conversion.stages
    click.echo(summary_line(image, conversion))
    click.echo("    black is energy, low frequencies are at the bottom, time runs to the right\n")
    for stage, seconds in stages.items():
        remark = "  (the decoder's first: loading it is included)" if stage == "decode" else ""
        click.echo(f"    {stage:15}{1000 * seconds:8.2f} ms{remark}")

    code = f"import melpix; print(melpix.read_png({json.dumps(image, ensure_ascii=False)}))"
    click.echo("\nNext:")
    click.echo(f"    melpix inspect {printable(shlex.quote(image))}")
    click.echo("    melpix demo --audio FILE")
    click.echo("    melpix convert FILE -o out.png --offset 1 --duration 10 --time-steps 384")
    click.echo(f"    python -c {printable(shlex.quote(code))}")
