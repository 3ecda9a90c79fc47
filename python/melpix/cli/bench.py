# SPDX-License-Identifier: MIT
"""``melpix bench``: a comparison on this machine."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from melpix.cli.faults import FileFailed, NotWritten, faults, say
from melpix.cli.options import FiniteRange, image_options, read
from melpix.printable import printable
from melpix.workers.process import one_thread


@click.command()
@click.argument("source", metavar="[FILE]", required=False)
@image_options
@click.option(
    "--seconds",
    type=FiniteRange(min=0, min_open=True, max=3600),
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
    from melpix.compare.bench import differing, open_sound, run, table
    from melpix.errors import MelpixError

    with contextlib.ExitStack() as stack:
        name = "the demonstration's sound" if source is None else source
        with faults(name) as notes:
            data = None if source is None else read(source)
            sound = stack.enter_context(open_sound(data, sr, **parameters))
        for note in notes:
            say("warning", note)
        try:
            with _progress() as progress:
                report = run(sound, seconds, progress)
        except MemoryError as error:
            raise FileFailed(f"{name}: not enough memory: cut it") from error
        except MelpixError as error:  # the file has changed meanwhile
            raise FileFailed(str(error)) from error
        except OSError as error:
            if error.filename == source:
                raise FileFailed(f"{name}: {error.strerror}") from error
            raise NotWritten(f"cannot write {error.filename}: {error.strerror}") from error
    for line in [json.dumps(report)] if as_json else table(report):
        click.echo(line if as_json else printable(line))
    different = differing(report)
    if different:
        raise FileFailed(f"not the same pixels: {'; '.join(different)}")


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
