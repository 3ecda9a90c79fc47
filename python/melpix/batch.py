# SPDX-License-Identifier: MIT
"""Many sounds in, a dataset out: every source accounted for, in order, whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import functools
import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from melpix import _core, audio, checks, convert, manifest, sinks, stats
from melpix.cores import available_cores
from melpix.cutting import Rate, at_rate
from melpix.frontend import Frontend
from melpix.lock import locked
from melpix.manifest import InOrder, Journal, Past, Record
from melpix.names import refuse_folders
from melpix.output import Output, finished
from melpix.pool import Crashed, Failed, Pool, TimedOut, prepare
from melpix.process import Stopped
from melpix.scan import Scan, scan
from melpix.shards import Format, Shards, WebDataset
from melpix.sources import Item, Path, Skipped
from melpix.stats import Stats
from melpix.worker import Converter, Outcome, Plan, describe

_CODES = {Crashed: "crashed", TimedOut: "timeout", Failed: "internal"}


@dataclasses.dataclass(slots=True)
class Summary:
    """What a run has done: so far, or at its end.

    Attributes
    ----------
    phase : {"measure", "convert", "done"}
        Finding the dataset's range, making images, or neither any more.
    sources : int
        All that there are.
    already : int
        Of them, what earlier runs have done.
    done : int
        Of them, what this run has done in this phase.
    images, failed, skipped : int
        Images that were made; sources that could not be converted, and folders that could not be
        read; what was passed over.
    audio_seconds : float
        Sound in the images.
    seconds : float
        Since the run began.
    workers : int
        Processes at work.
    stages : dict of str to float
        Seconds that the workers have spent in ``decode`` (resampling included), ``render``,
        ``encode`` and ``write``.
    errors : dict of str to int
        How many sources failed, by code.
    """

    phase: str = "convert"
    sources: int = 0
    already: int = 0
    done: int = 0
    images: int = 0
    failed: int = 0
    skipped: int = 0
    audio_seconds: float = 0.0
    seconds: float = 0.0
    workers: int = 0
    stages: dict[str, float] = dataclasses.field(default_factory=dict)
    errors: dict[str, int] = dataclasses.field(default_factory=dict)

    def count(self, outcome: Outcome, records: list[Record]) -> None:
        """Add what became of a source."""
        self.done += 1
        self.images += outcome.untold
        self.audio_seconds += outcome.audio_seconds
        for stage, seconds in outcome.seconds.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds
        for record in records:
            self.note(record)

    def facts(self) -> dict[str, Any]:
        """Return what stays known of a run."""
        names = ("seconds", "workers", "already", "images", "failed", "skipped", "audio_seconds")
        return {"files": self.done, **{name: getattr(self, name) for name in (*names, "stages")}}

    def note(self, record: Record) -> None:
        """Add what became of an image."""
        if record["status"] == "ok":
            self.images += 1
        elif record["status"] == "skipped":
            self.skipped += 1
        else:
            self.failed += 1
            self.errors[record["code"]] = self.errors.get(record["code"], 0) + 1


Progress: TypeAlias = Callable[[Summary, list[Record]], None]


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

    A script must keep the call under ``if __name__ == "__main__":``, for worker processes import
    it.

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
        seconds, unless told otherwise; what is left over is kept then, for it is filled up.
    offset, duration : float >= 0 [s]
        The part of each file to read. What a list of files says goes before.
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
        other parameters; ``other_parts``: so there are, or of another division, but of other parts
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
    checks.choice("exists", exists, ("resume", "overwrite"))
    workers = available_cores() if workers is None else checks.integer("workers", workers)
    if timeout is not None:
        timeout = checks.above_zero("timeout", timeout)
    f = at_rate(frontend, None if sr == "native" else sr)
    if isinstance(scale, str):
        checks.choice("scale", scale, ("minmax", "dataset"))
    else:
        f = f.replace(range=scale)
    if format == "npy" and scale != "minmax":
        raise ValueError(f"scale must be 'minmax' where format is 'npy', got {scale!r}")
    completed = time_steps is None and seconds is None and f.duration is not None
    if completed:
        seconds = f.duration
    if max_seconds is None:
        whole = time_steps is None and seconds is None
        max_seconds = convert.MAX_SECONDS if whole else audio.MAX_SECONDS
    plan = Plan(
        frontend=f,
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
        max_seconds=max_seconds,
        format=format,
        dtype=dtype,
    )
    if not dry_run:
        prepare(Converter.__module__)  # what workers are copied from imports during the scan
    folder = os.fsdecode(dst)
    found = src if isinstance(src, Scan) else scan(src, output=folder)
    if not plan.sharded:
        refuse_folders(found.everything, plan.suffix, plan.numbered)
    pool = {"workers": workers, "timeout": timeout}
    options = {**plan.options(), "scale": scale if isinstance(scale, str) else "fixed"}
    stats_of = None
    if scale == "dataset":
        path = None if stats_file is None else os.fsdecode(stats_file)
        percentiles = stats.checked(percentiles)
        options["percentiles"] = percentiles
        stats_of = functools.partial(stats.find, path, percentiles=percentiles, write=not dry_run)
    if plan.sharded:
        options["shard_count"] = checks.integer("shard_count", shard_count)
        options["shard_bytes"] = checks.integer("shard_bytes", shard_bytes)
    if format == "parquet":
        options["labels"] = found.labels
    run = _Run(found, plan, stats_of, options, pool, progress)
    output = Output(folder, found.part)
    if dry_run:
        return run.rehearse(output, exists == "overwrite")
    os.makedirs(folder, exist_ok=True)
    with locked(output.lock), _blaming(folder):
        return run(output, exists == "overwrite")


class _Run:
    """One run over a dataset."""

    def __init__(
        self,
        found: Scan,
        plan: Plan,
        stats_of: Callable[..., Stats] | None,
        options: dict[str, Any],
        pool: dict[str, Any],
        progress: Progress | None,
    ) -> None:
        self._found = found
        self._plan = plan
        self._stats_of = stats_of  # what finds the dataset's range, where one is wanted
        self._options = options
        self._pool = {**pool, "meanwhile": lambda: self._tell([])}
        self._progress = progress
        self._start = time.monotonic()
        self._kind: Format = WebDataset()
        if plan.format == "parquet":
            from melpix.parquet import Parquet

            self._kind = Parquet(found.labels)
        self.summary = Summary(sources=len(found.items), workers=pool["workers"])

    def __call__(self, output: Output, overwrite: bool) -> Summary:
        """Do what is left to do."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        facts = self._facts()
        before = None if overwrite else output.facts()
        output.refuse_others(facts, self._varying(), overwrite)  # before anything is removed
        if before is None and not overwrite:
            output.refuse_strangers(self._first_names(output))
        plan = self._ranged(before, facts)
        if overwrite:
            output.clear(item.stem for item in self._found.items)
            self._clean(output)
        facts["frontend"] = plan.frontend.params
        facts["params_hash"] = plan.hash()
        runs = before["runs"] if before else []
        output.write({**facts, "runs": [*runs, {"started": now}]})  # in case it is killed
        stopped = None
        try:
            if before:
                self._clean(output)
            self._convert(output, plan, before["runs"] if before else None)
        except BaseException as error:
            if isinstance(error, Stopped):
                stopped = signal.Signals(error.signum).name
            else:
                stopped = getattr(error, "strerror", None) or type(error).__name__
            raise
        finally:
            if stopped or self.summary.errors.keys() & {"crashed", "timeout"}:
                self._clean(output)
            self.summary.seconds = time.monotonic() - self._start
            run = {"started": now, "stopped": stopped, **self.summary.facts()}
            with contextlib.suppress(OSError) if stopped else contextlib.nullcontext():
                output.write({**facts, "runs": [*runs, run]})
        self.summary.phase = "done"
        return self.summary

    def rehearse(self, output: Output, overwrite: bool) -> Summary:
        """Tell what is left to do."""
        todo = self._found.items
        before = None if overwrite else output.facts()
        output.refuse_others(self._facts(), self._varying(), overwrite)
        if before is not None:
            plan = self._ranged(before, {})
            todo = self._left(output.past(plan.sharded), plan)
        for item in todo:
            about = describe(item)
            self._tell([{**about, "status": "pending", "output": self._plan.first_name(item)}])
        passed = [_passed_over(skipped) for skipped in self._found.skipped]
        for record in passed:
            self.summary.note(record)
        self._tell(passed)
        self.summary.phase = "done"
        return self.summary

    def _facts(self) -> dict[str, Any]:
        """Return what is written down of this run, as it is read back."""
        facts = {
            "schema": 1,
            "version": _core.__version__,
            "options": self._options,
            "frontend": self._plan.frontend.params,
        }
        return dict(json.loads(json.dumps(facts)))

    def _first_names(self, output: Output) -> Iterator[str]:
        """Return some of the files that are going to be made."""
        if self._plan.sharded:
            return iter([f"shard{output.mark}-000000{self._kind.suffix}"])
        return map(self._plan.first_name, self._found.items)

    def _varying(self) -> set[str]:
        """Return the parameters that a dataset finds for itself."""
        return {"range"} if self._stats_of else set()

    def _ranged(self, before: dict[str, Any] | None, facts: dict[str, Any]) -> Plan:
        """Return the plan with the dataset's range, if it is to have one; `facts` get the rest."""
        if self._stats_of is None:
            return self._plan
        known = None
        if before is not None:
            there = self._plan.frontend.replace(range=before["frontend"].get("range"))
            lo, hi = map(float, there.range)
            percentiles, measured = self._options["percentiles"], before.get("measured", 0)
            known = stats.Stats(lo, hi, percentiles, measured, stats.params(self._plan))
        else:
            self.summary.phase = "measure"
            self.summary.sources = len(self._found.everything)
        seen = self._stats_of(
            self._plan,
            known=known,
            items=self._found.everything,
            pool=self._pool,
            progress=self._measured,
        )
        self.summary.phase, self.summary.done = "convert", 0
        self.summary.sources = len(self._found.items)
        facts["measured"] = seen.sources
        frontend = self._plan.frontend.replace(range=(seen.lo, seen.hi))
        return dataclasses.replace(self._plan, frontend=frontend)

    def _measured(self, done: int) -> None:
        self.summary.done = done
        self._tell([])

    def _tell(self, records: list[Record]) -> None:
        self.summary.seconds = time.monotonic() - self._start
        if self._progress is not None:
            self._progress(self.summary, records)

    def _clean(self, output: Output) -> None:
        """Remove what workers that were killed have left."""
        # In other parts of the dataset, runs may be at work.
        sinks.clean(output.folder, age=0.0 if self._found.part is None else 3600.0)

    def _left(self, past: Past, plan: Plan) -> list[Item]:
        """Return what is to be converted."""
        params, todo = plan.hash(), self._found.items
        if len(past):
            todo = [item for item in todo if not past.has(describe(item, params))]
        self.summary.already = len(self._found.items) - len(todo)
        return todo

    def _convert(self, output: Output, plan: Plan, runs: list[Any] | None) -> None:
        again = runs is not None
        past = output.past(plan.sharded)
        todo = self._left(past, plan)
        passed = [_passed_over(skipped) for skipped in self._found.skipped]
        new = [record for record in passed if manifest.key(record) not in past]

        converter = Converter(plan, output.folder, again, told=self._progress is not None)
        with contextlib.ExitStack() as stack:
            journal = stack.enter_context(Journal(output.manifest, past.end))
            queue = InOrder(journal)
            shards = None
            changed: list[Record] = []
            if plan.sharded:
                shards = stack.enter_context(self._shards(output, past.shards))
                todo, changed = self._begun(todo, past, plan)
            for record in passed:
                self.summary.note(record)
            journal.append([*new, *changed])
            self._tell(passed)
            pool = stack.enter_context(Pool(converter, **self._pool))
            for index, outcome in pool.map(todo):
                item = todo[index]
                if not isinstance(outcome, Outcome):
                    converter.clear(item)
                    outcome = _lost(item, plan, outcome)
                if outcome.full is not None:
                    raise outcome.full
                records = [{**outcome.about, **record} for record in outcome.records]
                begun = 0 if shards is None else past.begun(outcome.about)
                if outcome.lines:
                    journal.write(outcome.lines)
                elif outcome.parcel is None and begun > 0:
                    pass  # what of it is in shards stays in the manifest: next time the rest
                elif shards is None or outcome.parcel is None:
                    for record in records:
                        queue.add(record)
                else:
                    samples = zip(records, outcome.parcel, strict=True)
                    for record, sample in itertools.islice(samples, begun, None):
                        queue.wait()
                        queue.arrive(shards.add(*sample, record))
                self.summary.count(outcome, records)
                self._tell(records)
            if shards is not None:
                queue.arrive(shards.finish())

        if runs is None:
            return
        # What was passed over may have become a file since, or a folder that can be read; what has
        # changed may be again what is in a shard.
        named = _with_folders(item.path for item in self._found.items)
        named -= {record["source"] for record in (*passed, *changed)}
        better = [name for path in named if (name := manifest.key({"source": path})) in past]
        if todo or new or changed or better or not past.tidy or not finished(runs):
            order = [manifest.key(record) for record in (*passed, *changed)]
            order += [item.stem for item in self._found.items]
            gone = {skipped.path for skipped in self._found.skipped}
            output.remove(manifest.tidy(output.manifest, order, better, gone))

    def _begun(self, todo: list[Item], past: Past, plan: Plan) -> tuple[list[Item], list[Record]]:
        """Part what has changed since it went into a shard: that cannot be taken back.

        It becomes lines without a stem: those with one stay, for they tell what is in shards.
        """
        params = plan.hash()
        kept, changed = [], []
        for item in todo:
            about = describe(item, params)
            if past.begun(about) >= 0:
                kept.append(item)
                continue
            message = "changed since it went into a shard: --exists overwrite makes all anew"
            record = {**about, "status": "failed", "code": "source_changed", "message": message}
            self.summary.count(Outcome(about), [record])
            self._tell([record])
            changed.append({**record, "stem": None})
        return kept, changed

    def _shards(self, output: Output, index: int) -> Shards:
        return Shards(
            output.folder,
            self._kind,
            mark=output.mark,
            index=index,
            max_count=self._options["shard_count"],
            max_bytes=self._options["shard_bytes"],
        )


def _with_folders(paths: Iterable[str]) -> set[str]:
    """Return paths, and those of all folders that they name."""
    found: set[str] = set()
    for path in paths:
        while path not in found:
            found.add(path)
            path = os.path.dirname(path)
    return found


def _passed_over(skipped: Skipped) -> Record:
    path, code, message, status = skipped
    about = describe(Item(path, ""))
    return {**about, "stem": None, "status": status, "code": code, "message": message}


def _lost(item: Item, plan: Plan, end: Crashed | TimedOut | Failed) -> Outcome:
    """Return what became of a source whose worker has no answer."""
    record = {"status": "failed", "code": _CODES[type(end)], "message": str(end)}
    return Outcome(describe(item, plan.hash()), [record])


@contextlib.contextmanager
def _blaming(folder: str) -> Iterator[None]:
    """Let an OSError of a run name a file: the output folder, if none is named."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None or error.errno == errno.EPIPE:
            raise
        raise OSError(error.errno, error.strerror, folder) from error
