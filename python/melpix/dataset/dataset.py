# SPDX-License-Identifier: MIT
"""Many sounds in, a dataset out: every source accounted for, in order, whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import functools
import os
from collections.abc import Iterable, Iterator

from melpix import arguments
from melpix.convert.cut import Cut
from melpix.convert.file import MAX_IMAGE_SECONDS
from melpix.dataset import grey_range
from melpix.dataset.coordinator import Coordinator
from melpix.dataset.outputs.folder import Output
from melpix.dataset.outputs.lock import locked
from melpix.dataset.plan import Plan
from melpix.dataset.progress import Progress, Summary
from melpix.dataset.sources.item import Path
from melpix.dataset.sources.output_names import refuse_folders
from melpix.dataset.sources.scan import Scan, scan
from melpix.dataset.worker import Converter
from melpix.errors import ParameterError
from melpix.frontend.at_rate import Rate, at_rate
from melpix.frontend.frontend import Frontend
from melpix.workers.cores import available_cores
from melpix.workers.launch import prepare


def convert_dataset(
    src: Path | Iterable[Path] | Scan,
    dst: Path,
    frontend: Frontend | None = None,
    *,
    time_steps: int | None = None,
    seconds: float | None = None,
    exact_width: bool = False,
    step: float | None = None,
    tail: str | None = None,
    short: str | None = None,
    first: bool = False,
    sr: Rate = None,
    offset: float = 0.0,
    duration: float | None = None,
    strict: bool = False,
    formats: str = "common",
    max_seconds: float | None = None,
    scale: str | tuple[float, float] = "minmax",
    percentiles: tuple[float, float] = (0, 100),
    stats_file: Path | None = None,
    format: str = "png",
    dtype: str = "float32",
    shard_count: int = 10_000,
    shard_bytes: int = 10**9,
    exists: str = "resume",
    workers: int | None = None,
    timeout: float | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Turn files of sound into a dataset of spectrogram images.

    What goes wrong with a file is a line of the manifest, and the run goes on. A run that was
    stopped, whichever way, goes on where it was when it is called again with the same parameters;
    it converts what is missing, has failed or has changed.

    Parameters
    ----------
    src : path, iterable of paths, or Scan
        Files, folders and patterns, as `scan` takes them, or what it gave.
    dst : path
        The output folder; it is made. Beside the images it gets ``manifest.jsonl``, a line for
        each image and for each file that made none, and ``melpix.json``, the parameters.
    frontend : Frontend, optional
        What makes pixels of samples; None is the recipe, ``Frontend()``.
    time_steps, seconds, exact_width, step, tail, short, first, sr, strict
        As in `windows`. A front-end that brings signals to a `duration` gets windows of so many
        seconds, and takes no others; what is left over is kept then, for it is filled up.
    offset, duration : float >= 0 [s]
        The part of each file to read. What a list of files says goes before.
    formats : {"common", "all"}
        Which formats are read: those that `load` reads, or whatever libsndfile knows, as ADPCM in
        WAV, ALAC in CAF and VOC. Of folders in a `Scan`, its own `formats` say what was taken.
    max_seconds : float > 0 [s] or None
        Refuse files of which more would be read. None: 2 hours of one that becomes one image,
        for it is in memory then; 24 hours of one that is cut into windows.
    scale : {"minmax", "dataset"} or (lo, hi)
        Which features become the ends of the grey range: each image's own extremes; those of the
        whole dataset, which takes a pass of its own; or these, for all images.
    percentiles : tuple of two numbers in 0 ... 100
        Where ``scale="dataset"``: what lies outside is clipped. But for 0 and 100, which are
        exact, the features there are found to 1/16384 of their value.
    stats_file : path, optional
        Where ``scale="dataset"``: a file that keeps the range. If it is there, nothing is measured;
        of images that are there already, it must have the range.
    format : {"png", "npy", "webdataset", "parquet"}
        A tree of images, or of features (``.npy``, without a grey range); shards for WebDataset,
        or for Hugging Face's datasets.
    dtype : {"float32", "float16"}
        Of features.
    shard_count, shard_bytes : int >= 1
        A shard ends with the sample that brings it to one of these.
    exists : {"resume", "overwrite"}
        What becomes of earlier results in `dst`: they are completed, or removed.
    workers : int >= 1, optional
        Processes. Default: one for each core that may be used.
    timeout : float > 0 [s], optional
        What one file may take before its worker is killed.
    dry_run : bool
        Write nothing. Tell `progress` of each source that would be converted, or is passed over,
        by a record whose ``status`` is ``pending``, or ``skipped``; ``failed`` is a folder that
        cannot be read.
    progress : callable, optional
        Called with a `Summary`, which goes on changing, and the records of the manifest that are
        new: after each source, and every second that one takes.

    Returns
    -------
    Summary

    Raises
    ------
    ValueError
        A parameter is out of range; there is nothing to convert.
    MelpixError
        ``locked``: another run is at work there; ``other_parameters``: there are results of
        other parameters; ``other_pixels``: of a version of melpix that makes other pixels, or of
        another deflate backend; ``output_moved``: `dst` was moved, removed or replaced meanwhile;
        ``other_parts``: so there are, or of another division, but of other parts
        of the dataset, which `exists` does not remove; ``source_changed``, ``shard_missing``: what
        is in shards cannot be completed.
    OSError
        The output cannot be written, or an input is missing.

    Examples
    --------
    >>> import os, tempfile
    >>> from melpix import convert_dataset, demo
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "sound.wav")
    ...     with open(path, "wb") as file:
    ...         size = file.write(demo.wav())
    ...     summary = convert_dataset(path, os.path.join(folder, "images"), time_steps=100)
    ...     summary.images, sorted(os.listdir(os.path.join(folder, "images")))[:3]
    (3, ['manifest.jsonl', 'melpix.json', 'sound_0000.png'])
    """
    arguments.choice("exists", exists, ("resume", "overwrite"))
    workers = available_cores() if workers is None else arguments.integer("workers", workers)
    if timeout is not None:
        timeout = arguments.above_zero("timeout", timeout)
    f = at_rate(frontend, None if sr == "native" else sr)
    if isinstance(scale, str):
        arguments.choice("scale", scale, ("minmax", "dataset"))
    else:
        f = f.replace(range=scale)
    if format == "npy" and scale != "minmax":
        raise ParameterError("scale", f" must be 'minmax' where format is 'npy', got {scale!r}")
    completed = time_steps is None and seconds is None and f.duration is not None
    if completed:
        seconds = f.duration
    cut = Cut(
        time_steps=time_steps,
        seconds=seconds,
        exact_width=exact_width,
        step=step,
        tail=tail or ("keep" if completed else "drop"),
        short=short or ("keep" if completed else "pad"),
        first=first,
        native=sr == "native",
        offset=offset,
        duration=duration,
        strict=strict,
        formats=formats,
        max_seconds=max_seconds,
    )
    if max_seconds is None and cut.whole:
        cut = dataclasses.replace(cut, max_seconds=MAX_IMAGE_SECONDS)
    plan = Plan(frontend=f, cut=cut, format=format, dtype=dtype)
    if not dry_run:
        prepare(Converter.__module__)  # what workers are copied from imports during the scan
    folder = os.fsdecode(dst)
    found = src if isinstance(src, Scan) else scan(src, output=folder, formats=formats)
    if not plan.sharded:
        refuse_folders(found.everything, plan.suffix, plan.numbered)
    pool = {"workers": workers, "timeout": timeout}
    options = {**plan.options(), "scale": scale if isinstance(scale, str) else "fixed"}
    stats_of = None
    if scale == "dataset":
        path = None if stats_file is None else os.fsdecode(stats_file)
        percentiles = grey_range.checked(percentiles)
        options["percentiles"] = percentiles
        stats_of = functools.partial(
            grey_range.find, path, percentiles=percentiles, write=not dry_run
        )
    if plan.sharded:
        options["shard_count"] = arguments.integer("shard_count", shard_count)
        options["shard_bytes"] = arguments.integer("shard_bytes", shard_bytes)
    if format == "parquet":
        options["labels"] = found.labels
    run = Coordinator(found, plan, stats_of, options, pool, progress)
    output = Output(folder, found.part)
    if dry_run:
        return run.rehearse(output, exists == "overwrite")
    output.hold()
    with locked(output.lock), _blaming(folder):
        return run(output, exists == "overwrite")


@contextlib.contextmanager
def _blaming(folder: str) -> Iterator[None]:
    """Let an OSError of a run name a file: the output folder, if none is named."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None or error.errno == errno.EPIPE:
            raise
        raise OSError(error.errno, error.strerror, folder) from error
