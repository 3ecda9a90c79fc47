# SPDX-License-Identifier: MIT
"""``melpix convert``: one sound to one image, or many to a dataset."""

from __future__ import annotations

import contextlib
import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import click
from click.core import ParameterSource

from melpix.cli.faults import FileFailed, NotWritten, say, spell, usage
from melpix.cli.options import (
    FiniteRange,
    SectionedCommand,
    frontend_options,
    frontend_parameters,
    made,
)
from melpix.cli.progress import Show, outcome_line, rehearsal_line, unread_line
from melpix.cli.single import check_output, convert_one, summary_line
from melpix.printable import printable

# Nothing is to be made anew: another run is at work, or the folder is elsewhere.
_NO_ADVICE = {"locked", "output_moved"}


@click.command(
    cls=SectionedCommand,
    headings={
        "preset": "The image",
        "offset": "What to read",
        "time_steps": "Windows",
        "format": "What to write",
        "workers": "How to work",
    },
)
@click.argument("inputs", metavar="[INPUT]...", nargs=-1)
@click.option(
    "-o", "output", metavar="OUT", required=True, help="A folder, one .png, or - for stdout."
)
@frontend_options
@click.option(
    "--scale",
    type=click.Choice(["minmax", "fixed", "dataset"]),
    default="minmax",
    show_default=True,
    help="Greys from each image's own extremes, from --range, or from all files' features.",
)
@click.option(
    "--range",
    "fixed",
    type=float,
    nargs=2,
    metavar="LO HI",
    help="The features that become white and black, with --scale fixed.",
)
@click.option(
    "--percentiles",
    type=float,
    nargs=2,
    metavar="LO HI",
    show_default="0 100",
    help="What --scale dataset takes; what lies outside is clipped.",
)
@click.option(
    "--stats",
    "stats_file",
    metavar="FILE",
    help="Keep the range of --scale dataset in FILE, or take it from there; that of images"
    " made before must be the same.",
)
@click.option("--offset", type=float, default=0.0, show_default=True, help="Start here [s].")
@click.option(
    "--duration", type=float, show_default="to the end", help="Read this much at most [s]."
)
@click.option(
    "--max-duration",
    type=float,
    show_default="7200, for windows of a folder's files 86400",
    help="Refuse to read more than this of a file [s].",
)
@click.option("--strict", is_flag=True, help="Make a truncated file an error.")
@click.option(
    "--from-list",
    metavar="FILE",
    help="Files to convert: text with a path a line (- is stdin), or .csv, .jsonl, .parquet"
    " with a column path and, if wanted, offset, duration, label, name.",
)
@click.option("--include", multiple=True, metavar="PATTERN", help="Only what matches (glob).")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Nothing that matches.")
@click.option("--no-recursive", is_flag=True, help="Do not enter folders in folders.")
@click.option("--shard", metavar="I/N", help="Convert the I-th of N parts, for arrays of jobs.")
@click.option(
    "--time-steps",
    type=int,
    show_default="the whole file is one image",
    help="Cut files into windows of so many hops; an image has one column more.",
)
@click.option(
    "--seconds",
    type=float,
    show_default="a preset's",
    help="Cut them into windows of so many seconds; no others than a preset's duration.",
)
@click.option("--exact-width", is_flag=True, help="Not one column more: exactly that many.")
@click.option(
    "--step",
    type=float,
    show_default="no overlap",
    help="From window to window, in hops; in seconds with --seconds.",
)
@click.option(
    "--overlap",
    type=FiniteRange(0, 1, max_open=True),
    help="The same as a share of the window: 0.5 is half a window.",
)
@click.option(
    "--tail",
    type=click.Choice(["drop", "pad", "shift", "keep"]),
    show_default="drop; keep for windows of a preset",
    help="What becomes of the rest behind the last full window.",
)
@click.option(
    "--short",
    type=click.Choice(["pad", "skip", "error", "keep"]),
    show_default="pad; keep for one image and for windows of a preset",
    help="What becomes of a file shorter than a window.",
)
@click.option("--first", is_flag=True, help="The first window of each file alone.")
@click.option(
    "--format",
    type=click.Choice(["png", "npy", "webdataset", "parquet"]),
    default="png",
    show_default=True,
    help="A tree of images; of features; shards for WebDataset; for Hugging Face.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    show_default="float32",
    help="Of features.",
)
@click.option(
    "--shard-count", type=int, default=10_000, show_default=True, help="Images in a shard."
)
@click.option("--shard-bytes", type=int, default=10**9, show_default=True, help="Bytes in a shard.")
@click.option("--keep-suffix", is_flag=True, help="Name images a.wav.png, not a.png.")
@click.option(
    "--fanout",
    is_flag=True,
    help="Spread images over 256 folders more, of which Hugging Face's imagefolder makes classes;"
    " webdataset and parquet keep labels.",
)
@click.option(
    "--exists",
    type=click.Choice(["resume", "overwrite"]),
    default="resume",
    show_default=True,
    help="Complete what an earlier run has left in OUT, or start anew.",
)
@click.option("--workers", type=int, show_default="all cores", help="Processes.")
@click.option(
    "--timeout",
    type=float,
    default=600.0,
    show_default=True,
    help="What a file may take [s]; then its worker is replaced.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON lines on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
@click.pass_context
def convert(
    context: click.Context, /, inputs: tuple[str, ...], output: str, **options: Any
) -> None:
    """Turn audio into greyscale PNGs: log-mel energy, no axes.

    INPUT is a file, a folder or a pattern; files are WAV, AIFF, AU, CAF, SPHERE, FLAC, OGG
    (Vorbis, Opus, FLAC) or MP3. With OUT a folder, its images mirror the folders of the inputs,
    a file that fails is a line in OUT/manifest.jsonl (see melpix report OUT), and the same
    command again goes on where it was stopped. With OUT.png there is one INPUT, which may be -
    for standard input (1 GiB at most), and one image, of the first window if --time-steps is
    given. A name of another kind of file, as OUT.jpg or OUT.npy, is refused.

    \b
    Examples:
      melpix convert speech.ogg -o speech.png
      melpix convert vibe_ace.ogg -o out.png --offset 1 --duration 10 --time-steps 384
      melpix convert recordings/ -o images/ --time-steps 384
      melpix convert recordings/ -o images/ --time-steps 128 --overlap 0.5 --tail pad --sr 16000
      melpix convert recordings/ -o features/ --preset whisper-80 --format npy
      melpix convert --from-list clips.csv -o shards/ --format webdataset --scale dataset
      curl -s https://example.org/a.mp3 | melpix convert - -o - > a.png
      melpix convert -o out.png -- -starts-with-a-dash.wav
    """  # noqa: D301
    parameters = frontend_parameters(options)
    _set_scale(options)
    if output == "-" or output.lower().endswith(".png"):
        _one(context, inputs, output, parameters, options)
    else:
        _many(inputs, output, parameters, options)


# What means the same for one image as for many.
_FOR_ONE = {"offset", "duration", "max_duration", "strict"}

_FOR_ONE |= {"time_steps", "first", "scale", "quiet"}


def _one(
    context: click.Context,
    inputs: tuple[str, ...],
    output: str,
    parameters: dict[str, Any],
    options: dict[str, Any],
) -> None:
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") != ParameterSource.DEFAULT
        if given and parameter.name in options.keys() - _FOR_ONE:
            raise usage(f"{parameter.opts[-1]} is for a folder of images, not for {output}")
    if len(inputs) != 1:
        raise usage(f"one image takes one INPUT, got {len(inputs)}")
    if os.path.isdir(inputs[0]):
        raise usage(f"{inputs[0]} is a folder: name one file, or a folder as the output")
    if options["scale"] == "dataset":
        raise usage(f"--scale dataset is for a folder of images, not for {output}")
    check_output(output)
    if options["scale"] != "minmax":
        parameters["range"] = options["scale"]
    limit = {} if options["max_duration"] is None else {"max_seconds": options["max_duration"]}
    conversion = convert_one(
        inputs[0],
        output,
        parameters,
        offset=options["offset"],
        duration=options["duration"],
        time_steps=options["time_steps"],
        strict=options["strict"],
        **limit,
    )
    if not options["quiet"]:
        click.echo(summary_line(output, conversion), err=True)


def _many(
    inputs: tuple[str, ...], output: str, parameters: dict[str, Any], options: dict[str, Any]
) -> None:
    from melpix.suffixes import is_another

    if is_another(output):
        name = printable(output)
        way_out = f"write {name}/ for a folder of that name"
        raise usage(f"the output is one .png, or a folder, got {name}: {way_out}")
    if not inputs and options["from_list"] is None:
        raise usage("name an INPUT, or a list of them by --from-list")
    if "-" in inputs:
        raise usage("standard input is one sound: name one .png; --from-list - reads paths")
    scanned = {name: options.pop(name) for name in ("include", "exclude", "shard", "from_list")}
    scanned |= {name: options.pop(name) for name in ("keep_suffix", "fanout")}
    recursive = not options.pop("no_recursive")
    options["max_seconds"] = options.pop("max_duration")
    if options["dtype"] is not None and options["format"] != "npy":
        raise usage(f"--dtype is for --format npy, not {options['format']}")
    if not options["dry_run"]:
        from melpix.workers.child import prepare

        prepare("melpix.dataset.worker")  # imports there while this process imports what follows
    from melpix.dataset.dataset import convert_dataset
    from melpix.dataset.sources.scan import scan
    from melpix.workers.process import Stopped

    options["dtype"] = options["dtype"] or "float32"
    quiet, as_json = options.pop("quiet"), options.pop("as_json")
    with _faults(output):
        if parameters.get("sr") == "native":
            options["sr"] = parameters.pop("sr")
        with warnings.catch_warnings(record=True) as caught:
            frontend = made(parameters)
        for warning in caught:
            say("warning", str(warning.message))
        _set_step(options, frontend.duration)
        try:
            found = scan(inputs, recursive=recursive, output=output, **scanned)
        except OSError as error:
            raise usage(f"{os.fsdecode(error.filename or '')}: {error.strerror}") from error
        show = Show(quiet=quiet, as_json=as_json, listing=options["dry_run"])
        with show:
            try:
                summary = convert_dataset(found, output, frontend, progress=show, **options)
            except Stopped as stop:
                show.stopped(signal.Signals(stop.signum).name)
                say("stopped", "the same command goes on from here")
                raise
    if options["dry_run"]:
        if not (quiet or as_json):
            click.echo(rehearsal_line(output, summary), err=True)
        return
    if not quiet:
        for note in summary.notes + ([unread_line(summary)] if summary.unread else []):
            say("note", note)
    if as_json:
        more = {"errors": summary.errors, "unread": summary.unread, "notes": summary.notes}
        show.event("done", {"summary": summary.facts(), **more})
    elif not quiet:
        click.echo(outcome_line(output, summary), err=True)
    if not found.found and not summary.failed:
        raise FileFailed(f"nothing to convert: {summary.skipped} passed over")
    if summary.failed:
        raise FileFailed(
            f"{summary.failed} of {summary.sources} files failed: melpix report {printable(output)}"
        )


def _set_step(options: dict[str, Any], window: float | None) -> None:
    """Check what speaks of windows; `window` is the length of a preset's, in seconds."""
    overlap, steps, seconds = options.pop("overlap"), options["time_steps"], options["seconds"]
    if steps is not None and seconds is not None:
        raise usage("--time-steps and --seconds say the same: give one of them")
    length = seconds or window if steps is None else steps
    if length is None:
        for name in ("step", "exact_width", "first", "tail", "short"):
            if options[name]:
                raise usage(f"--{name.replace('_', '-')} needs --time-steps or --seconds")
        if overlap is not None:
            raise usage("--overlap needs --time-steps or --seconds")
    if steps is not None and options["step"] is not None:
        if not options["step"].is_integer():
            raise usage(f"--step must be a whole number of hops, got {options['step']}")
        options["step"] = int(options["step"])
    if overlap is not None and length is not None:
        if options["step"] is not None:
            raise usage("--step and --overlap say the same: give one of them")
        step = length * (1 - overlap)
        options["step"] = step if steps is None else max(1, round(step))


def _set_scale(options: dict[str, Any]) -> None:
    fixed = options.pop("fixed")
    if (options["scale"] == "fixed") != bool(fixed):
        raise usage("--scale fixed and --range LO HI come together")
    if options["scale"] != "dataset":
        for name, flag in (("stats_file", "--stats"), ("percentiles", "--percentiles")):
            if options[name]:
                raise usage(f"{flag} needs --scale dataset")
    options["percentiles"] = options["percentiles"] or (0.0, 100.0)
    if fixed:
        options["scale"] = fixed


@contextlib.contextmanager
def _faults(output: str) -> Iterator[None]:
    """Give what goes wrong with a whole run its exit code."""
    from melpix.errors import MelpixError

    try:
        yield
    except MelpixError as error:
        if error.code == "other_parameters":
            raise usage(f"{error}; --exists overwrite starts anew") from error
        if error.code == "other_parts":  # those are for their own runs to overwrite
            raise usage(f"{error}; remove that folder to start anew, or name another") from error
        advice = "" if error.code in _NO_ADVICE else "; --exists overwrite starts anew"
        if error.code == "other_pixels":
            advice += ", another folder keeps them"
        raise NotWritten(f"{error}{advice}") from error
    except RuntimeError as error:  # no worker starts, or none comes as far as its first file
        raise NotWritten(str(error).partition(";")[0]) from error
    except ImportError as error:
        raise usage(str(error)) from error
    except ValueError as error:
        head, *details = spell(error).split("\n")  # one that lists sources
        raise usage(head.removesuffix(":"), details) from error
    except BrokenPipeError:
        raise  # standard output's
    except OSError as error:
        name = error.filename if isinstance(error.filename, str) else output
        raise NotWritten(f"stopped at {name}: {error.strerror or error}") from error
