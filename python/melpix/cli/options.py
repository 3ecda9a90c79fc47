# SPDX-License-Identifier: MIT
"""What the commands share: options of a front-end, standard input, help in sections."""

from __future__ import annotations

import math
import os
import select
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    from melpix.frontend.frontend import Frontend
from melpix.cli.faults import FileFailed, spell, usage
from melpix.errors import ParameterError
from melpix.frontend.parameter_table import PARAMETERS
from melpix.known_formats import CHOICES

STDIN_LIMIT = 2**30
"""Bytes that are read from standard input at most."""


def _rate(
    ctx: click.Context, param: click.Parameter, value: float | str | None
) -> float | str | None:
    if value is None or value == "native":
        return value
    try:
        number = float(value)
    except ValueError:
        raise click.BadParameter(f"must be a number of Hz or 'native', got {value!r}") from None
    return int(number) if number.is_integer() else number


_Decorator: TypeAlias = Callable[[Callable[..., None]], Callable[..., None]]


def _option(name: str, **more: Any) -> _Decorator:
    """Return the option of a front-end's parameter: its kind and its words are the table's."""
    parameter = PARAMETERS[name]
    text, _, without = parameter.text.removesuffix(".").partition("; none: ")
    kinds: dict[str, type] = {"count": int, "number": float}
    kind: Any
    if name == "sr":
        text, kind = "Resample to this [Hz]; native: do not", str
        more |= {"callback": _rate, "metavar": "RATE|native"}
    else:
        kind = kinds.get(parameter.kind) or click.Choice(parameter.words)
    return click.option(
        f"--{name.replace('_', '-')}",
        type=kind,
        show_default=without or str(parameter.default),
        help=f"{text}.",
        **more,
    )


formats_option = click.option(
    "--formats",
    type=click.Choice(CHOICES),
    default="common",
    show_default=True,
    help="All: whatever libsndfile knows, as ADPCM in WAV, ALAC in CAF, VOC; little tested code, so"
    " only worker processes run it.",
)


def image_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every command has which makes images."""
    for name in ("n_mels", "n_fft", "hop_length", "sr"):
        command = _option(name, default=PARAMETERS[name].default)(command)
    return command


class FiniteRange(click.FloatRange):
    """A range of numbers, none of which is infinite or NaN: that one compares as within any."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not in the range {self._describe_range()}.", param, ctx)
        return number


# Options that set a parameter of the front-end, in their order.
_FRONTEND = ("sr", "hop_length", "n_fft", "n_mels", "fmin", "fmax", "precision")


def frontend_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that make a front-end: see `frontend_parameters`."""
    options: list[_Decorator] = [
        *map(_option, reversed(_FRONTEND)),
        click.option(
            "--config",
            metavar="FILE",
            help="Parameters of melpix.Frontend, as JSON or TOML (melpix presets NAME --json).",
        ),
        click.option(
            "--preset",
            metavar="NAME",
            help="The input of a known model: see melpix presets. Options override it.",
        ),
    ]
    for option in options:
        command = option(command)
    return command


def frontend_parameters(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `frontend_options` out of all, and return the parameters they make.

    What a preset says, the file overrides, and the options both.
    """
    preset_name, config = options.pop("preset"), options.pop("config")
    given = {name: options.pop(name) for name in _FRONTEND}
    parameters: dict[str, Any] = {}
    try:
        if preset_name is not None:
            from melpix.frontend.presets import preset

            parameters |= preset(preset_name).parameters
        if config is not None:
            from melpix.frontend.parameter_file import read_settings

            parameters |= read_settings(config, preset_name)
    except ValueError as error:
        raise usage(spell(error)) from error
    except OSError as error:
        raise usage(f"--config {config}: {error.strerror}") from error
    return parameters | {name: value for name, value in given.items() if value is not None}


def made(parameters: dict[str, Any]) -> Frontend:
    """Return the front-end of these parameters; TypeError and all is a ValueError."""
    from melpix.frontend.frontend import Frontend

    try:
        return Frontend(**parameters)
    except ParameterError as error:
        if error.parameter in (*_FRONTEND, "range"):
            raise
        raise ValueError(str(error)) from error  # an option of that name means something else
    except TypeError:
        unknown = parameters.keys() - Frontend().params.keys()
        if unknown:
            raise ValueError(f"a front-end has no parameter {min(unknown)!r}") from None
        raise


def read(source: str) -> str | bytes:
    """Return the path itself, or the content of standard input for "-"."""
    if source != "-":
        return source
    if sys.stdin is None:
        raise FileFailed("standard input is closed")
    if sys.stdin.isatty():
        raise usage("standard input is a terminal: pipe a sound into it or name a file")
    data = bytearray()
    stdin = sys.stdin.fileno()
    while True:
        # A signal just before a system call that blocks would wait for the next one: block shortly.
        while os.name == "posix" and not select.select([stdin], [], [], 0.1)[0]:
            pass
        block = os.read(stdin, 2**20)
        if not block:
            break
        data += block
        if len(data) > STDIN_LIMIT:
            raise FileFailed(f"standard input holds more than {STDIN_LIMIT} bytes")
    return bytes(data)


class SectionedCommand(click.Command):
    """A command with so many options that its help has headings.

    Parameters
    ----------
    headings : dict of str to str
        What stands above an option, by the option's name.
    """

    def __init__(self, *args: Any, headings: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._headings = headings

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        sections: list[tuple[str, list[tuple[str, str]]]] = [("Options", [])]
        for parameter in self.get_params(ctx):
            if parameter.name in self._headings:
                sections.append((self._headings[parameter.name], []))
            line = parameter.get_help_record(ctx)
            if line is not None and isinstance(parameter, click.Option):
                sections[-1][1].append(line)
        for heading, lines in sections:
            with formatter.section(heading):
                formatter.write_dl(lines)
