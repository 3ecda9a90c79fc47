# SPDX-License-Identifier: MIT
"""What goes wrong in a command: the exit code, and the words."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import click

from melpix.errors import MelpixError, ParameterError
from melpix.printable import printable
from melpix.workers.process import overhear


class FileFailed(click.ClickException):
    """The sound or image given cannot be used."""

    exit_code = 1


class NotWritten(click.ClickException):
    """There is no writing to the place asked for."""

    exit_code = 3


@contextlib.contextmanager
def faults(source: str, output: str | None = None) -> Iterator[list[str]]:
    """Give what goes wrong with a file its exit code; yields the warnings, filled at the end."""
    name = "standard input" if source == "-" else source
    notes: list[str] = []
    heard: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught, overhear(heard):
            yield notes
    except MelpixError as error:
        advice = ["--max-duration allows more"] if error.code == "too_long" else []
        raise FileFailed("; ".join([f"{name}: {error.reason}", *advice, *heard])) from error
    except ValueError as error:
        raise usage(spell(error)) from error
    except OSError as error:
        if output is not None and error.filename == output:
            raise NotWritten(f"cannot write {output}: {error.strerror}") from error
        raise FileFailed(f"{name}: {error.strerror or error}") from error
    except MemoryError as error:
        raise FileFailed(f"{name}: not enough memory") from error
    notes += [str(warning.message) for warning in caught]
    notes += [f"{name}: {line}" for line in heard]


# The options that do not have their parameter's name.
_OPTIONS = {"max_seconds": "max_duration", "range": "fixed", "stats": "stats_file"}


def spell(error: ValueError) -> str:
    """Return the message, with the option's name in the place of the parameter's."""
    if not isinstance(error, ParameterError):
        return str(error)
    if error.parameter == "dst":
        return f"the output{error.reason}"
    option = _OPTIONS.get(error.parameter, error.parameter)
    context = click.get_current_context(silent=True)
    for parameter in context.command.params if context else ():
        if parameter.name == option and isinstance(parameter, click.Option):
            return parameter.opts[-1] + error.reason
    return str(error)


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
