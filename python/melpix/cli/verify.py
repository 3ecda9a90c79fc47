# SPDX-License-Identifier: MIT
"""``melpix verify``: a preset beside its reference package, on the user's own sounds."""

from __future__ import annotations

import json

import click

from melpix.cli.common import FileFailed, faults, read, say
from melpix.text import printable


@click.command()
@click.argument("files", metavar="[FILES]...", nargs=-1)
@click.option(
    "--preset", metavar="NAME", default="recipe", show_default=True, help="What to compare."
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="Compare so much of each file, from its beginning.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def verify(files: tuple[str, ...], preset: str, duration: float, as_json: bool) -> None:
    """Compare a preset with the package that it stands for: FILES, or the demonstration's sound.

    melpix and the reference (librosa for the recipe) get the same samples. A row says how far
    apart their features are at most and on average, how much that is of what is allowed there,
    and how many pixels are equal: of the images where the reference makes some, else of both
    features scaled to greys. The command ends with 1 if anything is farther off than the preset's
    tolerance, or cannot be compared.

    \b
    The references are packages of their own: pip install 'melpix[references]'.
    Where one computes in float32, its rounding hides bands that are fainter than the loudest by
    some 80 dB or more; so much is allowed besides the tolerance.

    \b
    Examples:
      melpix verify
      melpix verify recordings/*.wav
      melpix verify speech.ogg --preset whisper-80 --json
    """  # noqa: D301
    from melpix import verify as comparison
    from melpix.contenders import UnableError

    try:
        both = comparison.pair(preset)
    except ValueError as error:
        raise click.UsageError(f"--{error}", click.get_current_context()) from error
    except UnableError as error:
        raise FileFailed(str(error)) from error
    distances, failed = [], []
    for source in files or (None,):
        name = "the demonstration's sound" if source is None else source
        try:
            with faults(name) as notes:
                data = None if source is None else read(source)
                distances.append(comparison.measure(both, data, name, duration))
        except (FileFailed, UnableError) as error:
            failed.append(name)
            reason = error.message if isinstance(error, FileFailed) else f"{name}: {error}"
            say("error", reason)
        else:
            for note in notes:
                say("warning", note)
    report = comparison.report(both, distances, failed)
    if as_json:
        click.echo(json.dumps(report))
    elif distances:
        for line in comparison.table(both, distances):
            click.echo(printable(line))
    if not all(distance.within for distance in distances):
        too_far = [distance.name for distance in distances if not distance.within]
        raise FileFailed(f"farther from the reference than allowed: {', '.join(too_far)}")
    if failed:
        click.get_current_context().exit(FileFailed.exit_code)
