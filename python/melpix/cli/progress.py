# SPDX-License-Identifier: MIT
"""What a long run shows: a bar on a terminal, else a line now and then, or JSON for programs."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from melpix.printable import printable

if TYPE_CHECKING:
    from melpix.dataset.progress import Summary

_EVERY = 10.0  # seconds between two lines

_EVENTS = 1.0  # seconds between two JSON events of progress

_SHOWN = 10  # failures that are shown as they come


class Show:
    """Shows the progress of a run.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    as_json : bool
        Events go to standard output, one JSON object a line: ``progress`` every second, ``failed``
        with the manifest's record, ``done`` or, where a signal ended the run, ``stopped``.
    listing : bool
        Nothing is converted: list what would be.
    """

    def __init__(self, quiet: bool, as_json: bool, listing: bool) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self._listing = listing
        self._bar: Any = None
        self._phase = ""
        self._began = self._last = time.monotonic()  # the phase; the last that was shown
        self._failed = 0  # when the records were last looked at
        self._failures = 0
        self._summary: Summary | None = None

    def __enter__(self) -> Show:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the bar where it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def stopped(self, by: str) -> None:
        """End in the middle, by the signal of this name."""
        self.close()
        if self._as_json:
            last = self._summary
            facts = {"summary": last.facts(), "errors": last.errors} if last else {}
            self.event("stopped", {"signal": by, **facts})

    def event(self, name: str, facts: dict[str, Any]) -> None:
        """Print a JSON event."""
        click.echo(json.dumps({"event": name, **facts}, sort_keys=True))

    def __call__(self, summary: Summary, records: Sequence[dict[str, Any]]) -> None:
        """Take in what has happened."""
        self._summary = summary
        if self._listing:
            self._list(records)
        elif self._as_json or not self._quiet:
            failures: list[dict[str, Any]] = []
            if summary.failed != self._failed:  # else there is nothing to read in the records
                self._failed = summary.failed
                failures = [record for record in records if record["status"] == "failed"]
            (self._report if self._as_json else self._show)(summary, failures)

    def _list(self, records: Sequence[dict[str, Any]]) -> None:
        for record in records:
            if self._as_json:
                self.event(record["status"], {k: v for k, v in record.items() if v is not None})
            elif record["status"] == "pending":
                begin, length = record["part"] or (None, None)
                part = "" if begin is None else f"from {begin} s, "
                part += "" if length is None else f"{length} s long, "
                part += "of " if part else ""
                click.echo(printable(f"{part}{record['source']} -> {record['output']}"))
            else:
                why = f"{record['status']}, {record['message']}"
                click.echo(printable(f"{record['source']}: {why}"))

    def _report(self, summary: Summary, failures: list[dict[str, Any]]) -> None:
        for record in failures:
            self.event("failed", {"record": record})
        now = time.monotonic()
        if now - self._last >= _EVENTS:
            self._last = now
            facts = {"phase": summary.phase, "sources": summary.sources, **summary.facts()}
            self.event("progress", facts)

    def _show(self, summary: Summary, failures: list[dict[str, Any]]) -> None:
        terminal = sys.stderr is not None and sys.stderr.isatty()
        if summary.phase != self._phase:
            self.close()
            self._phase = summary.phase
            self._began = self._last = time.monotonic()
            if terminal:
                self._bar = self._new_bar(summary)
        for record in failures:
            self._failures += 1
            if self._failures <= _SHOWN:
                self._say(f"{record['source']}: {record['code']}: {record['message']}")
            if self._failures == _SHOWN:
                self._say("more failures are in the manifest alone")
        if self._bar is not None:
            self._bar.set_postfix_str(_figures(summary), refresh=False)
            self._bar.update(summary.done + summary.already - self._bar.n)
        elif not terminal and time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            self._say(_line(summary, self._last - self._began))

    def _new_bar(self, summary: Summary) -> Any:
        from tqdm import tqdm

        return tqdm(
            total=summary.sources,
            initial=summary.already if summary.phase == "convert" else 0,
            desc="find the range" if summary.phase == "measure" else "convert",
            unit=" files",
            dynamic_ncols=True,
            smoothing=0.1,
            file=sys.stderr,
        )

    def _say(self, text: str) -> None:
        text = printable(text)
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            with contextlib.suppress(OSError):
                click.echo(text, err=True)


def _figures(summary: Summary) -> str:
    if summary.phase == "measure":
        return "to find the range of all features"
    return (
        f"{summary.images} images, {summary.failed} failed,"
        f" {_times(summary.audio_seconds, summary.seconds)} x real time"
    )


def _line(summary: Summary, seconds: float) -> str:
    """What a bar shows, for a log: the phase has taken so many seconds."""
    already = summary.already if summary.phase == "convert" else 0
    done = already + summary.done
    parts = [f"{done} of {summary.sources} files", _figures(summary)]
    if summary.done and seconds > 0:
        rate = summary.done / seconds
        parts += [f"{rate:.3g} files/s", f"{_clock((summary.sources - done) / rate)} left"]
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _times(audio_seconds: float, seconds: float) -> str:
    return f"{audio_seconds / seconds:.0f}" if seconds > 0 else "0"


def rehearsal_line(output: str, summary: Summary) -> str:
    """One line: what a run would do."""
    odd = {
        "failed": summary.failed,
        "passed over": summary.skipped,
        "done before": summary.already,
    }
    files = f"{summary.sources - summary.already - summary.done} files to convert"
    files += "".join(f", {n} {what}" for what, n in odd.items() if n)
    return f"{printable(output)}: {files}; nothing was written"


def advice(summary: Summary) -> list[str]:
    """Lines: which sounds are not read, and what can be done."""
    lines = [_unread_line(summary)] if summary.unread else []
    if summary.errors.get("not_installed"):
        from melpix.audio import packages

        lacks = "; ".join(filter(None, map(packages.lack, packages.NEEDED_FOR)))
        lines.append(f"{summary.errors['not_installed']} sounds need what is missing: {lacks}")
    return lines


def _unread_line(summary: Summary) -> str:
    from melpix.audio import refused

    suffixes = sorted(summary.unread.items(), key=lambda item: (-item[1], item[0]))
    counts = ", ".join(f"{n} {suffix or 'without suffix'}" for suffix, n in suffixes)
    on_request = summary.errors.get("unsupported_format", 0)
    return (
        f"{sum(summary.unread.values())} sounds are of formats that are not read: {counts};"
        + (f" --formats all reads {on_request} of them," if on_request else "")
        + f" {refused.way_out('')}, --exclude leaves them out"
    )


def outcome_line(output: str, summary: Summary) -> str:
    """One line: what a run has made, and how fast."""
    odd = {
        "failed": summary.failed,
        "passed over": summary.skipped,
        "done before": summary.already,
    }
    files = f"{summary.sources} files" + "".join(f", {n} {what}" for what, n in odd.items() if n)
    rate = summary.done / summary.seconds if summary.seconds > 0 else 0
    return (
        f"{printable(output)}: {summary.images} images of {files};"
        f" {_clock(summary.audio_seconds)} of sound in {summary.seconds:.1f} s"
        f" ({rate:.0f} files/s, {_times(summary.audio_seconds, summary.seconds)} x real time)"
    )
