# SPDX-License-Identifier: MIT
"""What goes wrong in a command: the exit code, and the words."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from melpix.printable import printable
from melpix.workers.process import overhear

if TYPE_CHECKING:
    pass


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
