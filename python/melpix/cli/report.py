# SPDX-License-Identifier: MIT
"""``melpix report``: what became of a dataset."""

from __future__ import annotations

import dataclasses
import json

import click

from melpix.cli.faults import FileFailed, NotWritten, usage
from melpix.printable import printable


@click.command()
@click.argument("outs", metavar="OUT...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.option("--html", "page", metavar="FILE", help="Write a page as well, with sample images.")
def report(outs: tuple[str, ...], as_json: bool, page: str | None) -> None:
    """Sum up what melpix convert has made of a dataset.

    OUT is its output folder; several, of parts of one dataset, are summed up together. Shown are
    counts, errors by kind, flagged files, the range of features, parameters and runs. The page has
    a sheet of sample images too; it is one file, and needs no network.

    \b
    Examples:
      melpix report images/
      melpix report images/ --html images.html
      melpix report part1/ part2/ --json | jq .failed
    """  # noqa: D301
    from melpix.dataset.report.page import html, text
    from melpix.dataset.report.summary import summarise
    from melpix.files import replace
    from melpix.suffixes import is_another

    if page is not None and is_another(page, (".html", ".htm")):
        raise usage(f"--html must end in .html, for a page is written, got {printable(page)}")
    try:
        summary = summarise(outs)
    except OSError as error:
        raise FileFailed(f"{error.filename}: {error.strerror}") from error
    if page is not None:
        try:
            replace(page, html(summary).encode())
        except OSError as error:
            raise NotWritten(f"cannot write {page}: {error.strerror}") from error
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(summary), sort_keys=True))
    else:
        for line in text(summary):
            click.echo(line)
