# SPDX-License-Identifier: MIT
"""``melpix presets``: the front-ends of known models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from melpix.frontend.presets import Preset


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def presets(name: str | None, as_json: bool) -> None:
    """List the presets, or all numbers of one: what a known model takes for its input.

    What no test compares with the models' own code is marked as unverified.

    What is printed with --json can be kept in a file, changed, and given to melpix convert
    --config.

    \b
    Examples:
      melpix presets
      melpix presets whisper-80
      melpix presets kaldi-fbank --json > mine.json
      melpix convert recordings/ -o features/ --preset whisper-80 --format npy
    """  # noqa: D301
    from melpix.frontend.presets import PRESETS, preset

    if name is None:
        if as_json:
            click.echo(json.dumps({name: p.parameters for name, p in PRESETS.items()}))
            return
        width = max(map(len, PRESETS)) + 2
        for each, found in PRESETS.items():
            click.echo(f"{each:{width}}{found.about}{_mark(found)}")
        return
    try:
        found = preset(name)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    from melpix.frontend.frontend import Frontend

    parameters = Frontend.from_preset(name).params
    if as_json:
        click.echo(json.dumps(parameters))
        return
    click.echo(f"{name}: {found.about}")
    click.echo(f"reference: {found.reference}{_mark(found)}")
    click.echo(f"tolerance: {found.tolerance:g} between features (melpix verify --preset {name})")
    if parameters["stack"]:
        channels = 1 + len(parameters["stack"])
        kind = {2: "grey and alpha", 3: "RGB", 4: "RGBA"}[channels]
        click.echo(f"images: {channels} mels as the channels of a PNG, {kind}")
    click.echo("parameters, those that differ from the recipe's with a star:")
    recipe = Frontend().params
    for key, value in parameters.items():
        star = "*" if value != recipe[key] else " "
        click.echo(f"  {star} {key:14}{json.dumps(value)}")


def _mark(found: Preset) -> str:
    return f" [unverified: {found.unverified}]" if found.unverified else ""
