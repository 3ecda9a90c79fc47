# SPDX-License-Identifier: MIT
"""``melpix report``: what became of a dataset."""

from __future__ import annotations

import click


@click.command()
@click.argument("outs", metavar="OUT...", nargs=-1, required=True)
def report(outs: tuple[str, ...]) -> None:
    """Sum up what became of a dataset."""
