# SPDX-License-Identifier: MIT
"""A run over a dataset, first to last: what is left to do, its outcomes in order, what is kept."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from melpix import _core, files
from melpix.dataset import grey_range
from melpix.dataset.grey_range import Stats
from melpix.dataset.outputs import manifest
from melpix.dataset.outputs.folder import Output, finished, other_isas
from melpix.dataset.outputs.manifest import InOrder, Journal, Past
from melpix.dataset.outputs.record import (
    End,
    Record,
    describe,
    encode_line,
    key_of_path,
    told_records,
)
from melpix.dataset.outputs.shard_names import shard_name
from melpix.dataset.outputs.shards import Format, Shards
from melpix.dataset.outputs.webdataset import WebDataset
from melpix.dataset.plan import Plan
from melpix.dataset.progress import Progress, Summary, Told
from melpix.dataset.sources.item import NOT_READ, Item, Skipped
from melpix.dataset.sources.scan import Scan
from melpix.dataset.worker import Converter, Outcome
from melpix.errors import MelpixError
from melpix.image.write import deflate_backend
from melpix.workers.batch_pool import Pool
from melpix.workers.outcomes import Crashed, Failed, TimedOut
from melpix.workers.process import Stopped

_CODES = {Crashed: "crashed", TimedOut: "timeout", Failed: "internal"}


class Coordinator:
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
        self._pool = {**pool, "meanwhile": self._tell}
        self._progress = progress
        self._start = time.monotonic()
        self._kind: Format = WebDataset()
        if plan.format == "parquet":
            from melpix.dataset.outputs.parquet import Parquet

            self._kind = Parquet(found.labels)
        self._durable = 0  # images in shards that are complete
        self._unmeasured: dict[str, list[str]] = {}  # stem, code, message by stem
        unread = sum(skipped.code in NOT_READ for skipped in found.skipped)
        self._sources = len(found.items) + unread
        self.summary = Summary(sources=self._sources, workers=pool["workers"])

    def __call__(self, output: Output, overwrite: bool) -> Summary:
        """Do what is left to do."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        facts = self._facts()
        before = None if overwrite else output.facts()
        output.refuse_others(facts, self._varying(), overwrite)  # before anything is removed
        if before is None and not overwrite:
            output.refuse_strangers(self._first_names(output))
        plan = self._ranged(before, facts)
        if output.moved():  # to find the range may take long
            raise output.lost(self._written())
        if overwrite:
            output.clear(item.stem for item in self._found.items)
            self._clean(output)
        facts["frontend"] = plan.frontend.params
        facts["params_hash"] = plan.hash()
        runs = before["runs"] if before else []
        run = {"started": now, "version": _core.__version__, "isa": _core.default_isa()}
        self.summary.notes += other_isas(runs, run["isa"])
        output.write({**facts, "runs": [*runs, run]})  # in case it is killed
        stopped = None
        try:
            if before:
                self._clean(output)
            self._convert(output, plan, before["runs"] if before else None)
            if self._unmeasured:
                facts["unmeasured"] = sorted(self._unmeasured.values())
            if output.moved():
                raise output.lost(self._written())
        except BaseException as error:
            if isinstance(error, Stopped):
                stopped = signal.Signals(error.signum).name
            else:
                stopped = getattr(error, "strerror", None) or type(error).__name__
            at_a_loss = isinstance(error, OSError) and output.moved()
            if at_a_loss or (isinstance(error, MelpixError) and error.code == "output_moved"):
                raise output.lost(self._written()) from error
            raise
        finally:
            self.summary.seconds = time.monotonic() - self._start
            if not output.moved():  # else another folder may have its name now
                if stopped or self.summary.errors.keys() & {"crashed", "timeout"}:
                    self._clean(output)
                end = {**run, "stopped": stopped, **self.summary.facts()}
                with contextlib.suppress(OSError) if stopped else contextlib.nullcontext():
                    output.write({**facts, "runs": [*runs, end]})
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
            pending = describe(item)
            pending.output = self._plan.first_name(item)
            self._tell([pending.facts()])
        passed = [_passed_over(skipped) for skipped in self._found.skipped]
        self._pass_over(passed)
        self.summary.phase = "done"
        return self.summary

    def _facts(self) -> dict[str, Any]:
        """Return what is written down of this run, as it is read back."""
        facts = {
            "schema": 1,
            "version": _core.__version__,
            "pixels": _core.PIXELS,
            "deflate": None if self._plan.format == "npy" else deflate_backend(),
            "options": self._options,
            "frontend": self._plan.frontend.params,
        }
        return dict(json.loads(json.dumps(facts)))

    def _written(self) -> int:
        return self._durable if self._plan.sharded else self.summary.images

    def _first_names(self, output: Output) -> Iterator[str]:
        """Return some of the files that are going to be made."""
        if self._plan.sharded:
            return iter([shard_name(output.mark, 0, self._kind.suffix)])
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
            known = grey_range.Stats(
                lo, hi, percentiles, measured, grey_range.params(self._plan), _core.PIXELS
            )
            self._unmeasured = {str(line[0]): line for line in before.get("unmeasured", [])}
        else:
            self.summary.phase = "measure"
            self.summary.sources = len(self._found.everything)
        seen = self._stats_of(
            self._plan,
            known=known,
            items=self._found.everything,
            pool=self._pool,
            progress=self._measured,
            failed=self._not_measured,
        )
        self.summary.phase, self.summary.done = "convert", 0
        self.summary.sources = self._sources
        facts["measured"] = seen.sources
        frontend = self._plan.frontend.replace(range=(seen.lo, seen.hi))
        return dataclasses.replace(self._plan, frontend=frontend)

    def _measured(self, done: int) -> None:
        self.summary.done = done
        self._tell()

    def _not_measured(self, item: Item, end: grey_range.Fault) -> None:
        why = end if isinstance(end, End) else _end_of(end)
        self._unmeasured[item.stem] = [item.stem, why.code, why.message]

    def _converted_unmeasured(self) -> list[Record]:
        """Return what to tell of sources that have images, but are not in the range of these."""
        records = []
        for item in self._found.items:
            if item.stem in self._unmeasured:
                _, code, message = self._unmeasured[item.stem]
                record = describe(item).ended(
                    End(code, f"not in the range of the dataset: {message}")
                )
                record.stem = None
                records.append(record)
        return records

    def _tell(self, told: Sequence[dict[str, Any]] = ()) -> None:
        self.summary.seconds = time.monotonic() - self._start
        if self._progress is not None:
            self._progress(self.summary, told)

    def _note(self, records: Iterable[Record]) -> None:
        """Count and tell why there are no images."""
        told = []
        for record in records:
            self.summary.note(record)
            told.append(record.facts())
        self._tell(told)

    def _pass_over(self, records: list[Record]) -> None:
        """Count and tell what is not even tried."""
        # A sound counts, as those do that are tried.
        self.summary.done += sum(record.code in NOT_READ for record in records)
        self._note(records)

    def _clean(self, output: Output) -> None:
        """Remove what workers that were killed have left."""
        # In other parts of the dataset, runs may be at work.
        files.clean(output.folder, age=0.0 if self._found.part is None else 3600.0)

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
        new = [record for record in passed if record.key() not in past]

        packer = self._kind.packer if plan.sharded else None
        converter = Converter(plan, output.folder, again, packer, output.place)
        with contextlib.ExitStack() as stack:
            journal = stack.enter_context(Journal(output.manifest, past.end))
            queue = InOrder(journal)
            shards = None
            begun: set[str] = set()
            changed: list[Record] = []
            if plan.sharded:
                shards = stack.enter_context(self._shards(output, past.shards))
                if len(past):  # else to look at each source again would cost as much as to write it
                    todo, begun, changed = self._begun(todo, past, plan)
            journal.append([*new, *changed])
            self._pass_over(passed)
            pool = stack.enter_context(Pool(converter, **self._pool))
            for index, outcome in pool.map(todo):
                item = todo[index]
                if not isinstance(outcome, Outcome):
                    converter.clear(item)
                    outcome = _lost(item, plan, outcome)
                if outcome.full is not None:
                    raise outcome.full
                if not outcome.made:
                    self._unmeasured.pop(item.stem, None)  # its own record says why
                lines = outcome.lines or b"".join(sample.line for sample in outcome.samples)
                made = past.begun(told_records(lines)[0]) if item.stem in begun else 0
                if made < 0:
                    converter.clear(item)
                    queue.add(encode_line(self._changed(item, plan)))
                    continue
                if outcome.parcel is not None and shards is not None:
                    samples = zip(outcome.samples, outcome.parcel, strict=True)
                    for sample in itertools.islice(samples, made, None):
                        queue.wait()
                        self._arrive(queue, shards.add(*sample))
                elif made == 0:  # else lines of its images in shards stay, and the next run goes on
                    queue.add(lines)
                self.summary.count(outcome)
                self._tell(() if self._progress is None else Told(lines))
            if shards is not None:
                self._arrive(queue, shards.finish())
            unmeasured = self._converted_unmeasured()
            journal.append(record for record in unmeasured if record.key() not in past)
            if unmeasured:
                self._note(unmeasured)
        if self.summary.cut:
            self.summary.notes.append(
                f"{self.summary.cut} images show the beginning of their sound alone, for the "
                f"front-end's columns are {plan.frontend.columns}: {self.summary.left_out:.1f} s "
                "are left out; windows (seconds, time_steps) would show them"
            )

        if runs is None:
            return
        # A path that was passed over may be a file by now, or a folder that can be read. A file
        # that had changed may be again the one that is in a shard.
        named = _with_folders(item.path for item in self._found.items)
        named -= {record.source for record in (*passed, *changed, *unmeasured)}
        better = [name for path in named if (name := key_of_path(path)) in past]
        if todo or new or changed or better or not past.tidy or not finished(runs):
            order = [record.key() for record in (*passed, *changed)]
            order += [item.stem for item in self._found.items]
            gone = {skipped.path for skipped in self._found.skipped}
            output.remove(manifest.tidy(output.manifest, order, better, gone))

    def _arrive(self, queue: InOrder, lines: list[bytes]) -> None:
        self._durable += len(lines)
        queue.arrive(lines)

    def _begun(
        self, todo: list[Item], past: Past, plan: Plan
    ) -> tuple[list[Item], set[str], list[Record]]:
        """Separate sources that have changed since images of them went into a shard.

        Returns
        -------
        list of Item
            The others.
        set of str
            The stems of those that have images in a shard, and are not done.
        list of Record
            What there is to say of those that have changed.
        """
        params = plan.hash()
        kept, begun, changed = [], set(), []
        for item in todo:
            made = past.begun(describe(item, params))
            if made < 0:
                changed.append(self._changed(item, plan))
                continue
            kept.append(item)
            if made > 0:
                begun.add(item.stem)
        return kept, begun, changed

    def _changed(self, item: Item, plan: Plan) -> Record:
        """Count and tell that a source has changed since images of it went into a shard.

        A shard is not written again, so the manifest's lines of these images stay. The change is
        a line of its own, without a stem.
        """
        message = "changed since it went into a shard: --exists overwrite makes all anew"
        record = describe(item, plan.hash()).ended(End("source_changed", message))
        self.summary.count(Outcome.ended(record))
        self._tell([record.facts()])
        record.stem = None
        return record

    def _shards(self, output: Output, index: int) -> Shards:
        return Shards(
            output.folder,
            self._kind,
            mark=output.mark,
            index=index,
            max_count=self._options["shard_count"],
            max_bytes=self._options["shard_bytes"],
            place=output.place,
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
    path, *end = skipped
    record = describe(Item(path, "")).ended(End(*end))
    record.stem = None
    return record


def _lost(item: Item, plan: Plan, end: Crashed | TimedOut | Failed) -> Outcome:
    """Return what became of a source whose worker has no answer."""
    return Outcome.ended(describe(item, plan.hash()).ended(_end_of(end)))


def _end_of(end: Crashed | TimedOut | Failed) -> End:
    return End(_CODES[type(end)], str(end))
