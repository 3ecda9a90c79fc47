# SPDX-License-Identifier: MIT
"""The command line. A command imports what it needs when it runs, so that --help is immediate."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from melpix.cli.bench import bench
from melpix.cli.convert import convert
from melpix.cli.demo import demo
from melpix.cli.faults import NotWritten, say, say_line
from melpix.cli.inspect import inspect
from melpix.cli.presets import presets
from melpix.cli.report import report
from melpix.cli.serve import serve
from melpix.cli.verify import verify
from melpix.printable import printable
from melpix.workers.process import Stopped, signals


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="melpix", message="melpix %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Turn audio into log-mel spectrogram images for machine learning.

    \b
    Start here:
      melpix demo                              a sound and its image, made on the spot
      melpix convert speech.ogg -o speech.png  a file of yours
      melpix convert recordings/ -o images/    all files of a folder, on all cores
      melpix report images/                    what became of them
      melpix presets                           the inputs of known models
      melpix inspect speech.png                what an image says about itself
      melpix bench speech.ogg                  what others take for the same image, here
      melpix verify speech.ogg                 how far that image is from the reference's
      melpix serve                             all this over HTTP, and a page to try it

    \b
    Exit codes:
      0 done   1 files failed   2 wrong usage   3 stopped: the output cannot be written
      130 interrupted   143 terminated
    """  # noqa: D301
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(click.UsageError.exit_code)


for _command in (demo, convert, inspect, report, presets, verify, bench, serve):
    cli.add_command(_command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what goes wrong is one line on stderr.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; None means the process's own.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    # NumPy starts BLAS's threads when it loads, a quarter of a short command's time; melpix has no
    # use for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with signals():
            try:
                with cli.make_context("melpix", arguments) as context:
                    cli.invoke(context)
            finally:
                _flush()
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "melpix"
        say("error", f"{error.format_message().rstrip('.')} (see {command} --help)")
        for line in getattr(error, "details", ()):
            say_line(line)
        return error.exit_code
    except click.ClickException as error:
        say("error", error.format_message())
        return error.exit_code
    except Stopped as stop:
        return 128 + stop.signum
    except OSError as error:
        if not _of_standard_output(error):
            what = "" if error.filename is None else f"{printable(str(error.filename))}: "
            say("error", f"{what}{error.strerror or error}")
            return NotWritten.exit_code
        if not isinstance(error, BrokenPipeError):
            say("error", f"standard output: {error.strerror}")
        with contextlib.suppress(OSError, AttributeError):  # else Python flushes once more at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NotWritten.exit_code
    return 0


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _of_standard_output(error: OSError) -> bool:
    """Whether it was raised on the way there, and not by the work of a command."""
    writers = click.echo.__code__, _flush.__code__
    return any(frame.f_code in writers for frame, _ in traceback.walk_tb(error.__traceback__))
