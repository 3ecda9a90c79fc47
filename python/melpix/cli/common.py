# SPDX-License-Identifier: MIT
"""What the commands share: options, faults and exit codes, what is printed and how."""

from __future__ import annotations

import contextlib
import math
import os
import re
import select
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from melpix.process import overhear
from melpix.text import printable

if TYPE_CHECKING:
    from melpix.frontend import Frontend

STDIN_LIMIT = 2**30
"""Bytes that are read from standard input at most."""


class FileFailed(click.ClickException):
    """The sound or image given cannot be used."""

    exit_code = 1


class NotWritten(click.ClickException):
    """There is no writing to the place asked for."""

    exit_code = 3


def _rate(ctx: click.Context, param: click.Parameter, value: str) -> float | str:
    if value == "native":
        return value
    try:
        number = float(value)
    except ValueError:
        raise click.BadParameter(f"must be a number of Hz or 'native', got {value!r}") from None
    return int(number) if number.is_integer() else number


def image_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every command has which makes images."""
    for option in (
        click.option(
            "--n-mels", type=int, default=128, show_default=True, help="Rows of the image."
        ),
        click.option("--n-fft", type=int, show_default="2 hops", help="Samples a frame."),
        click.option(
            "--hop-length", type=int, default=512, show_default=True, help="Samples a step."
        ),
        click.option(
            "--sr",
            callback=_rate,
            metavar="RATE|native",
            default="22050",
            show_default=True,
            help="Resample to this [Hz]; native: do not.",
        ),
    ):
        command = option(command)
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
    for option in (
        click.option(
            "--precision",
            type=click.Choice(["mixed", "single", "double"]),
            show_default="mixed",
            help="Arithmetic of the core; mixed: single for 8-bit images of logarithms.",
        ),
        click.option("--fmax", type=float, show_default="sr / 2", help="Highest frequency [Hz]."),
        click.option("--fmin", type=float, show_default="0", help="Lowest frequency [Hz]."),
        click.option("--n-mels", type=int, show_default="128", help="Rows of the image."),
        click.option("--n-fft", type=int, show_default="2 hops", help="Samples a frame."),
        click.option("--hop-length", type=int, show_default="512", help="Samples a step."),
        click.option(
            "--sr",
            callback=lambda ctx, p, value: None if value is None else _rate(ctx, p, value),
            metavar="RATE|native",
            show_default="22050",
            help="Resample to this [Hz]; native: do not.",
        ),
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
    ):
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
            from melpix.preset_table import preset

            parameters |= preset(preset_name).parameters
        if config is not None:
            from melpix.settings import read_settings

            parameters |= read_settings(config, preset_name)
    except ValueError as error:
        raise usage(spell(str(error))) from error
    except OSError as error:
        raise usage(f"--config {config}: {error.strerror}") from error
    return parameters | {name: value for name, value in given.items() if value is not None}


def made(parameters: dict[str, Any]) -> Frontend:
    """Return the front-end of these parameters; TypeError and all is a ValueError."""
    from melpix.frontend import Frontend

    try:
        return Frontend(**parameters)
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


@contextlib.contextmanager
def faults(source: str, output: str | None = None) -> Iterator[list[str]]:
    """Give what goes wrong with a file its exit code; yields the warnings, filled at the end."""
    name = "standard input" if source == "-" else source
    notes: list[str] = []
    heard: list[str] = []
    from melpix.errors import MelpixError

    try:
        with warnings.catch_warnings(record=True) as caught, overhear(heard):
            yield notes
    except MelpixError as error:
        reason = str(error).removeprefix(f"{source!r}: ").removeprefix("the given bytes: ")
        advice = ["--max-duration allows more"] if error.code == "too_long" else []
        raise FileFailed("; ".join([f"{name}: {spell(reason)}", *advice, *heard])) from error
    except ValueError as error:
        raise usage(spell(str(error))) from error
    except OSError as error:
        if output is not None and error.filename == output:
            raise NotWritten(f"cannot write {output}: {error.strerror}") from error
        raise FileFailed(f"{name}: {error.strerror or error}") from error
    except MemoryError as error:
        raise FileFailed(f"{name}: not enough memory") from error
    notes += [spell(str(warning.message)) for warning in caught]
    notes += [f"{name}: {line}" for line in heard]


# The library's parameters and the options that set them.
_OPTIONS = {
    "hop_length": "--hop-length",
    "n_fft": "--n-fft",
    "n_mels": "--n-mels",
    "fmin": "--fmin",
    "fmax": "--fmax",
    "precision": "--precision",
    "time_steps": "--time-steps",
    "max_seconds": "--max-duration",
    "max_bytes": "--max-bytes",
    "max_pixels": "--max-pixels",
    "body_timeout": "--body-timeout",
    "exact_width": "--exact-width",
    "from_list": "--from-list",
    "keep_suffix=True": "--keep-suffix",
    "keep_suffix": "--keep-suffix",
    "stats_file": "--stats",
    "shard_count": "--shard-count",
    "shard_bytes": "--shard-bytes",
    "scale='dataset'": "--scale dataset",
}
# English words too, or nearly: parameters only where a message begins with them.
_WORDS = {
    "preset": "--preset",
    "seconds": "--seconds",
    "sr": "--sr",
    "offset": "--offset",
    "duration": "--duration",
    "dst": "the output",
    "step": "--step",
    "shard": "--shard",
    "workers": "--workers",
    "concurrency": "--concurrency",
    "timeout": "--timeout",
    "percentiles": "--percentiles",
    "stats": "--stats",
    "range": "--range",
}


def spell(message: str) -> str:
    """Put the options' names in the place of the parameters' in a message of the library's."""
    anywhere, first = "|".join(_OPTIONS), "|".join(_WORDS)
    message = re.sub(rf"(?<![\w-])({anywhere})(?!\w)", lambda m: _OPTIONS[m[1]], message)
    return re.sub(rf"^({first})\b", lambda m: _WORDS[m[1]], message)


class Senseless(click.UsageError):
    """The arguments make no sense.

    Attributes
    ----------
    details : list of str
        Lines to be printed below the message.
    """

    def __init__(self, message: str, details: Sequence[str]) -> None:
        super().__init__(message, click.get_current_context())
        self.details = details


def usage(message: str, details: Sequence[str] = ()) -> Senseless:
    """Return the error for arguments that make no sense."""
    return Senseless(message, details)


def say(level: str, message: str) -> None:
    """Print to standard error what went wrong."""
    say_line(f"melpix: {level}: {message}")


def say_line(text: str) -> None:
    """Print a line to standard error."""
    with contextlib.suppress(OSError):  # nobody listens
        click.echo(printable(text), err=True)
