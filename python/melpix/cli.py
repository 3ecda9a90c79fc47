# SPDX-License-Identifier: MIT
"""The command line. A command imports what it needs when it runs, so that --help is immediate."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from melpix.process import Stopped, one_thread, overhear, signals

if TYPE_CHECKING:
    from melpix.convert import Conversion

STDIN_LIMIT = 2**30
"""Bytes that are read from standard input at most."""


class FileFailed(click.ClickException):
    """The sound or image given cannot be used."""

    exit_code = 1


class NotWritten(click.ClickException):
    """There is no writing to the place asked for."""

    exit_code = 3


def _rate(ctx: click.Context, param: click.Parameter, value: str) -> int | str:
    try:
        return "native" if value == "native" else int(value)
    except ValueError:
        raise click.BadParameter(f"must be a number of Hz or 'native', got {value!r}") from None


def _image_options(command: Callable[..., None]) -> Callable[..., None]:
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
      melpix inspect speech.png                what an image says about itself
      melpix bench speech.ogg                  what others take for the same image, here

    \b
    Exit codes:
      0 done   1 the file failed   2 wrong usage   3 the output cannot be written
      130 interrupted   143 terminated
    """  # noqa: D301
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(click.UsageError.exit_code)


@cli.command()
@click.option("--audio", metavar="FILE", help="Use this sound instead of the built-in one.")
@click.option(
    "-o",
    "--output-dir",
    metavar="DIR",
    default=".",
    show_default="the current folder",
    help="An existing folder for demo.wav and demo.png.",
)
def demo(audio: str | None, output_dir: str) -> None:
    """Make a sound and the recipe's image of it: demo.wav and demo.png.

    The sound (chirps, a little melody, bursts of noise; 8.9 s) is made here, without a network,
    and is the same every time. With --audio there is no demo.wav. Files of these names are
    overwritten.

    \b
    Examples:
      melpix demo
      melpix demo --audio speech.ogg -o /tmp
    """  # noqa: D301
    from melpix import demo as built_in
    from melpix.convert import write_atomically

    wav, image = (os.path.normpath(os.path.join(output_dir, f"demo.{e}")) for e in ("wav", "png"))
    stages = {}
    if audio is None:
        start = time.perf_counter()
        sound = built_in.wav()
        stages["make the sound"] = time.perf_counter() - start
        with _faults(wav, wav):
            write_atomically(wav, sound)
        click.echo(f"{_printable(wav)}: chirps, a melody and bursts of noise, made just now")

    conversion = _convert(wav if audio is None else audio, image, {})
    stages |= conversion.stages
    click.echo(_summary(image, conversion))
    click.echo("    black is energy, low frequencies are at the bottom, time runs to the right\n")
    for stage, seconds in stages.items():
        remark = "  (the decoder's first: loading it is included)" if stage == "decode" else ""
        click.echo(f"    {stage:15}{1000 * seconds:8.2f} ms{remark}")

    code = f"import melpix; print(melpix.read_png({json.dumps(image, ensure_ascii=False)}))"
    click.echo("\nNext:")
    click.echo(f"    melpix inspect {_printable(shlex.quote(image))}")
    click.echo("    melpix demo --audio FILE")
    click.echo("    melpix convert FILE -o out.png --offset 1 --duration 10 --time-steps 384")
    click.echo(f"    python -c {_printable(shlex.quote(code))}")


@cli.command()
@click.argument("source", metavar="INPUT")
@click.option("-o", "output", metavar="OUT.png", required=True, help="The image; - is stdout.")
@_image_options
@click.option("--offset", type=float, default=0.0, show_default=True, help="Start here [s].")
@click.option(
    "--duration", type=float, show_default="to the end", help="Read this much at most [s]."
)
@click.option("--fmin", type=float, default=0.0, show_default=True, help="Lowest frequency [Hz].")
@click.option("--fmax", type=float, show_default="sr / 2", help="Highest frequency [Hz].")
@click.option(
    "--time-steps",
    type=int,
    show_default="the whole file",
    help="Only the first window of that many hops, which makes one column more.",
)
@click.option(
    "--precision",
    type=click.Choice(["single", "double"]),
    default="single",
    show_default=True,
    help="Arithmetic of the core.",
)
@click.option("--strict", is_flag=True, help="Make a truncated file an error.")
@click.option(
    "--max-duration",
    type=float,
    default=7200.0,
    show_default=True,
    help="Refuse to read more than this [s].",
)
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
def convert(
    source: str,
    output: str,
    time_steps: int | None,
    sr: int | str,
    offset: float,
    duration: float | None,
    strict: bool,
    max_duration: float,
    quiet: bool,
    **parameters: Any,
) -> None:
    """Turn one audio file into one greyscale PNG: log-mel energy, no axes.

    INPUT is WAV, AIFF, AU, CAF, FLAC, OGG (Vorbis, Opus) or MP3; - is standard input, of which up
    to 1 GiB is read. The summary goes to standard error.

    \b
    Examples:
      melpix convert speech.ogg -o speech.png
      melpix convert vibe_ace.ogg -o out.png --offset 1 --duration 10 --time-steps 384
      melpix convert song.flac -o song.png --sr native --hop-length 1024 --n-mels 256
      curl -s https://example.org/a.mp3 | melpix convert - -o - > a.png
      melpix convert -o out.png -- -starts-with-a-dash.wav
    """  # noqa: D301
    _check_output(output)
    conversion = _convert(
        source,
        output,
        parameters,
        sr=sr,
        offset=offset,
        duration=duration,
        time_steps=time_steps,
        strict=strict,
        max_seconds=max_duration,
    )
    if not quiet:
        click.echo(_summary(output, conversion), err=True)


@cli.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def inspect(file: str, as_json: bool) -> None:
    """Say what a PNG of melpix's records, or what the decoder says of an audio file.

    \b
    Examples:
      melpix inspect out.png
      melpix inspect out.png --json | jq .params.n_mels
      melpix inspect speech.ogg
    """  # noqa: D301
    with _faults(file) as notes:
        facts = _facts(file)
    for note in notes:
        _say("warning", note)
    if as_json:
        click.echo(json.dumps(facts, sort_keys=True))
    else:
        for line in _lines(facts):
            click.echo(_printable(line))


@cli.command()
@click.argument("source", metavar="[FILE]", required=False)
@_image_options
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, max=3600),
    default=10.0,
    show_default=True,
    help="Measure for so long; there are three rounds at least.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def bench(
    source: str | None, sr: int | str, seconds: float, as_json: bool, **parameters: Any
) -> None:
    """Compare melpix with other libraries on this machine: FILE, or the demonstration's sound.

    Everybody makes the recipe's image of the same samples, in one thread, in turns, after its
    pixels were compared with librosa's: who makes others gets no time, and the command ends with
    1. librosa, torchaudio, audioflux, kaldi-native-fbank and FFTW (through pyfftw) take part where
    they are installed; the extra melpix[bench] names them.

    \b
    Times are medians; "/ melpix" is how many times as long as melpix. Below them:
      file to PNG        decoding, image and writing: the whole way
      stages of melpix   where its own time goes

    \b
    Examples:
      melpix bench
      melpix bench speech.ogg --sr 16000 --hop-length 160 --n-fft 400 --n-mels 80
      melpix bench --seconds 60 --json > results.json
    """  # noqa: D301
    one_thread()  # before NumPy is loaded
    from melpix import bench as benchmark
    from melpix.errors import MelpixError

    with contextlib.ExitStack() as stack:
        name = "the demonstration's sound" if source is None else source
        with _faults(name) as notes:
            data = None if source is None else _read(source)
            sound = stack.enter_context(benchmark.open_sound(data, sr, **parameters))
        for note in notes:
            _say("warning", note)
        try:
            with _progress() as progress:
                report = benchmark.run(sound, seconds, progress)
        except MemoryError as error:
            raise FileFailed(f"{name}: not enough memory: cut it") from error
        except MelpixError as error:  # the file has changed meanwhile
            raise FileFailed(str(error)) from error
        except OSError as error:
            if error.filename == source:
                raise FileFailed(f"{name}: {error.strerror}") from error
            raise NotWritten(f"cannot write {error.filename}: {error.strerror}") from error
    for line in [json.dumps(report)] if as_json else benchmark.table(report):
        click.echo(line if as_json else _printable(line))
    different = benchmark.differing(report)
    if different:
        raise FileFailed(f"not the same pixels: {'; '.join(different)}")


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
                if sys.stdout is not None:
                    sys.stdout.flush()
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "melpix"
        _say("error", f"{error.format_message().rstrip('.')} (see {command} --help)")
        return error.exit_code
    except click.ClickException as error:
        _say("error", error.format_message())
        return error.exit_code
    except Stopped as stop:
        return 128 + stop.signum
    except OSError as error:  # standard output: every other file is spoken for in _faults
        if not isinstance(error, BrokenPipeError):
            _say("error", f"standard output: {error.strerror}")
        with contextlib.suppress(OSError, AttributeError):  # else Python flushes once more at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NotWritten.exit_code
    return 0


def _convert(
    source: str, output: str, parameters: dict[str, Any], sr: Any = 22050, **options: Any
) -> Conversion:
    """Run `convert_file` for a command, its faults and warnings in the command line's terms."""
    from melpix import Frontend, audio, convert_file

    picture = io.BytesIO()
    with _faults(source, output) as notes:
        sound = _read(source)
        # What a front-end refuses or warns of depends on its rate: it is made at the right one.
        rate = audio.probe(sound)["sr"] if sr == "native" else sr
        frontend = Frontend(sr=rate, **parameters)
        target = picture if output == "-" else output
        conversion = convert_file(sound, target, frontend, sr=sr, **options)
    for note in notes:
        _say("warning", note)
    if output == "-":
        sys.stdout.buffer.write(picture.getvalue())
    return conversion


def _read(source: str) -> str | bytes:
    """Return the path itself, or the content of standard input for "-"."""
    if source != "-":
        return source
    if sys.stdin is None:
        raise FileFailed("standard input is closed")
    if sys.stdin.isatty():
        raise _usage("standard input is a terminal: pipe a sound into it or name a file")
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


def _check_output(output: str) -> None:
    if output == "-":
        if sys.stdout is None:
            raise NotWritten("standard output is closed")
        if sys.stdout.isatty():
            raise _usage("a PNG does not go to a terminal: redirect it or name a file")
    elif output.endswith(os.sep) or os.path.isdir(output):
        raise _usage(
            f"{_printable(output)} is a folder: name one .png file; folders of images come with"
            " the conversion of datasets, which this version does not have"
        )
    elif not output.lower().endswith(".png"):
        raise _usage(f"the output must end in .png or be -, got {_printable(output)}")


def _facts(file: str) -> dict[str, Any]:
    """Everything that is known of an image or a sound, as JSON values."""
    from melpix import audio, png

    data = _read(file)
    if _starts_as_png(data):
        image, metadata = png.read_png(data)
        size = len(data) if isinstance(data, bytes) else os.path.getsize(data)
        rows, columns = image.shape
        facts = {"kind": "image", "rows": rows, "columns": columns, "bytes": size}
        return {**facts, **metadata, **facts}  # first in order, and not to be overruled
    return {"kind": "audio", **audio.probe(data)}


def _starts_as_png(data: str | bytes) -> bool:
    signature = b"\x89PNG\r\n\x1a\n"
    if isinstance(data, bytes):
        return data.startswith(signature)
    if not os.path.isfile(data):  # opening a FIFO would wait for a writer
        return False
    with open(data, "rb") as file:
        return file.read(len(signature)) == signature


def _lines(facts: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Lay facts out for reading, those inside others indented."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "    ")
        elif name == "info":
            yield f"{indent}{name}"
            yield from (f"{indent}    {line}" for line in value)
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            yield f"{indent}{name:{max(1, 20 - len(indent))}}{shown}"


def _summary(output: str, conversion: Conversion) -> str:
    """One line: what was written, how long it took, and what is odd about it."""
    rows, columns = conversion.shape
    name = "standard output" if output == "-" else _printable(output)
    odd = {
        "constant image (the sound is silent or never changes)": conversion.constant,
        "the file is truncated": conversion.truncated,
        "the file's length is an estimate": conversion.length_estimated,
        "fewer columns than asked for, the sound ends before": conversion.short,
    }
    return (
        f"{name}: {rows} x {columns}, {conversion.duration:.2f} s at {conversion.sr:g} Hz,"
        f" {1000 * sum(conversion.stages.values()):.0f} ms"
        + "".join(f"; {note}" for note, holds in odd.items() if holds)
    )


@contextlib.contextmanager
def _faults(source: str, output: str | None = None) -> Iterator[list[str]]:
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
        raise FileFailed("; ".join([f"{name}: {_spell(reason)}", *advice, *heard])) from error
    except ValueError as error:
        raise _usage(_spell(str(error))) from error
    except OSError as error:
        if output is not None and error.filename == output:
            raise NotWritten(f"cannot write {output}: {error.strerror}") from error
        raise FileFailed(f"{name}: {error.strerror or error}") from error
    except MemoryError as error:
        raise FileFailed(f"{name}: not enough memory") from error
    notes += [_spell(str(warning.message)) for warning in caught]
    notes += [f"{name}: {line}" for line in heard]


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield what shows a line of progress on a terminal, in the place of the line before."""
    terminal = sys.stderr is not None and sys.stderr.isatty()

    def show(text: str) -> None:
        if terminal:
            click.echo(f"\r\033[K{text[:70]}", err=True, nl=False)

    try:
        yield show
    finally:
        show("")


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
}
# English words too, or nearly: parameters only where a message begins with them.
_WORDS = {"sr": "--sr", "offset": "--offset", "duration": "--duration", "dst": "the output"}


def _spell(message: str) -> str:
    """Put the options' names in the place of the parameters' in a message of the library's."""
    anywhere, first = "|".join(_OPTIONS), "|".join(_WORDS)
    message = re.sub(rf"(?<![\w-])({anywhere})\b", lambda m: _OPTIONS[m[1]], message)
    return re.sub(rf"^({first})\b", lambda m: _WORDS[m[1]], message)


def _usage(message: str) -> click.UsageError:
    return click.UsageError(message, click.get_current_context())


def _say(level: str, message: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens
        click.echo(f"melpix: {level}: {_printable(message)}", err=True)


def _printable(text: str) -> str:
    """Text that stays on its line and can be encoded, whatever a file name holds."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
