# SPDX-License-Identifier: MIT
"""``melpix verify``: a preset beside its reference package, on the user's own sounds."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from melpix.cli.faults import FileFailed, faults, say, spell, usage
from melpix.cli.options import FiniteRange, read
from melpix.printable import printable

if TYPE_CHECKING:
    from melpix.compare.verify import Distance, Pair

_NAMED = 10  # of many files that are too far off, how many the last line names


@click.command()
@click.argument("inputs", metavar="[INPUT]...", nargs=-1)
@click.option(
    "--preset", metavar="NAME", default="recipe", show_default=True, help="What to compare."
)
@click.option(
    "--duration",
    type=FiniteRange(min=0, min_open=True),
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="Compare so much of each file, from its beginning.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def verify(inputs: tuple[str, ...], preset: str, duration: float, as_json: bool) -> None:
    """Compare a preset with the package that it stands for: INPUT, or the demonstration's sound.

    INPUT is a file, a folder (all sounds in it) or a pattern, as for melpix convert. melpix and the
    reference (librosa for the recipe) get the same samples. A row says how far apart their features
    are at most and on average, how much that is of what is allowed there, and how many pixels are
    equal: of the images where the reference makes some, else of both features scaled to greys.
    The command ends with 1 if anything is farther off than the preset's tolerance, or cannot be
    compared: a file that cannot be decoded is a line, and the others go on.

    \b
    The references are packages of their own: pip install 'melpix[references]'.
    Where one computes in float32, its rounding hides bands that are fainter than the loudest by
    some 80 dB or more; so much is allowed besides the tolerance.

    \b
    Examples:
      melpix verify
      melpix verify recordings/
      melpix verify speech.ogg --preset whisper-80 --json
    """  # noqa: D301
    from melpix.compare.peers import UnableError
    from melpix.compare.verify import measure, pair, report, summary

    sources, missing = _sounds(inputs)
    try:
        both = pair(preset)
    except ValueError as error:
        raise usage(spell(error)) from error
    except UnableError as error:
        raise FileFailed(str(error)) from error
    distances: list[Distance] = []
    failed = [*missing]
    for source in sources if inputs else (None,):
        name = "the demonstration's sound" if source is None else source
        try:
            with faults(name) as notes:
                data = None if source is None else read(source)
                distances.append(measure(both, data, name, duration))
        except (FileFailed, UnableError) as error:
            failed.append(name)
            reason = error.message if isinstance(error, FileFailed) else f"{name}: {error}"
            say("error", reason)
        else:
            for note in notes:
                say("warning", note)
            if not as_json:
                _show(both, distances)
    if as_json:
        click.echo(json.dumps(report(both, distances, failed)))
    else:
        for line in summary(distances, failed):
            click.echo(printable(line))
    too_far = [distance.name for distance in distances if not distance.within]
    if too_far:
        more = f" and {len(too_far) - _NAMED} more" if len(too_far) > _NAMED else ""
        names = ", ".join(too_far[:_NAMED]) + more
        raise FileFailed(f"farther from the reference than allowed: {names}")
    if failed:
        click.get_current_context().exit(FileFailed.exit_code)


def _show(both: Pair, distances: Sequence[Distance]) -> None:
    """Print the row of the last one as soon as it is known: that is all the progress to show."""
    from melpix.compare.verify import heads, row

    lines = [row(distances[-1])]
    if len(distances) == 1:
        lines[:0] = heads(both)
    for line in lines:
        click.echo(printable(line))


def _sounds(inputs: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that are named or lie in folders, once each, and what cannot be found."""
    from melpix.dataset.sources.find import Finder
    from melpix.known_formats import SUFFIXES

    found: dict[str, None] = {}
    missing = []
    for name in inputs:
        if name == "-" or os.path.isfile(name):
            found[name] = None
            continue
        finder = Finder(None, None, recursive=True, output=None)
        try:
            finder.add_input(name)
        except OSError as error:
            missing.append(name)
            say("error", f"{name}: {error.strerror or error}")
        found |= {file.path: None for file in sorted(finder.files)}
        for skipped in sorted(finder.skipped):
            if skipped.status == "failed":  # a folder: nobody knows how many sounds are missing
                missing.append(skipped.path)
            level = "error" if skipped.status == "failed" else "warning"
            say(level, f"{skipped.path}: {skipped.message}")
    if inputs and not found and not missing:
        raise usage(
            f"nothing to compare in {', '.join(inputs[:_NAMED])} ({' '.join(sorted(SUFFIXES))})"
        )
    return list(found), missing
