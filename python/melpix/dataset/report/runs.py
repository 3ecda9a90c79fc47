# SPDX-License-Identifier: MIT
"""What runs have written down of themselves, as far as it can be read."""

from __future__ import annotations

import itertools
import json
import os
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

# The files read here may have any size and come from anybody: what is kept of them is bounded.
_TEXT = 4096  # characters of a name or a message

_FACTS = 1 << 26  # characters of melpix.json, where a custom window is the longest entry

_RUNS = 20  # the last ones of an output

LARGEST = 1e300
"""A number of JSON's may lie beyond any float: those beyond this one are left out."""

MANIFEST = re.compile(r"manifest(-(\d+)-of-(\d+))?\.jsonl")
"""Names of manifests, and in them which part of how many."""

_NUMERIC = {int, float}


@dataclass(frozen=True, slots=True)
class Run:
    """What was recorded of one run; None is what was not."""

    out: str
    started: str | None
    stopped: str | None
    seconds: float | None
    workers: float | None
    files: float | None
    images: float | None
    failed: float | None
    audio_seconds: float | None
    files_per_second: float | None
    times_real_time: float | None
    stages: dict[str, float]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What one or more outputs were made with."""

    hash: str
    version: str
    frontend: JsonObject
    options: JsonObject
    outs: list[str]


class RunFacts:
    """What runs have written down of themselves, beside their manifests."""

    def __init__(self) -> None:
        self.parameters: dict[tuple[str, str], Parameters] = {}
        self.runs: list[Run] = []
        self.incomplete: list[str] = []
        self._parts: dict[int, set[int]] = {}

    def read(self, manifest: str) -> None:
        """Add the facts of one manifest's runs; what is amiss goes to `incomplete`."""
        folder, name = os.path.split(manifest)
        out = folder or os.curdir
        mark = ""
        if (match := MANIFEST.fullmatch(name)) and match[1]:
            mark = match[1]
            out += f" ({match[2]} of {match[3]})"
            self._parts.setdefault(int(match[3]), set()).add(int(match[2]))
        try:
            with open(os.path.join(folder, f"melpix{mark}.json"), encoding="utf-8") as file:
                facts = json.loads(file.read(_FACTS), parse_constant=str)
            if not isinstance(facts, dict):
                raise ValueError("no JSON object")
        except FileNotFoundError:
            self.incomplete.append(f"{out}: melpix{mark}.json is missing")
            return
        except (ValueError, RecursionError) as error:
            self.incomplete.append(f"{out}: melpix{mark}.json is broken: {error}")
            return
        names = ("params_hash", "version")
        params, version = (bounded_text(facts.get(name, "unknown")) for name in names)
        frontend, options = (_object(facts, name) for name in ("frontend", "options"))
        new = Parameters(params, version, frontend, options, [])
        self.parameters.setdefault((params, version), new).outs.append(out)
        runs = facts.get("runs")
        entries = [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
        self.runs += [_run(out, entry) for entry in entries[-_RUNS:]]
        if not entries or _number(entries[-1], "seconds") is None:
            self.incomplete.append(f"{out}: the last run was killed, or is under way")
        elif (stopped := entries[-1].get("stopped")) is not None:
            self.incomplete.append(f"{out}: the last run was stopped: {bounded_text(stopped)}")

    def miss_parts(self) -> None:
        """Add the parts of which there is no manifest."""
        for count, parts in self._parts.items():
            if missing := count - len(parts):
                first = (part for part in itertools.count(1) if part not in parts)
                names = ", ".join(map(str, itertools.islice(first, min(missing, 5))))
                more = f" and {missing - 5} more" if missing > 5 else ""
                self.incomplete.append(f"no manifest of part {names}{more} of {count}")


def _run(out: str, entry: JsonObject) -> Run:
    seconds = _number(entry, "seconds")
    amounts = {
        name: _number(entry, name)
        for name in ("workers", "files", "images", "failed", "audio_seconds")
    }

    def rate(name: str) -> float | None:
        amount = amounts[name]
        return amount / seconds if amount is not None and seconds else None

    stages = _object(entry, "stages")
    return Run(
        out=out,
        started=_optional(entry, "started"),
        stopped=_optional(entry, "stopped"),
        seconds=seconds,
        **amounts,
        files_per_second=rate("files"),
        times_real_time=rate("audio_seconds"),
        stages={
            bounded_text(stage): s for stage in stages if (s := _number(stages, stage)) is not None
        },
    )


def bounded(value: float | None) -> float | None:
    """Return a number, if a float can hold it; NaN is none."""
    return value if value is not None and -LARGEST < value < LARGEST else None


def _number(entry: JsonObject, name: str) -> float | None:
    value = entry.get(name)
    return bounded(value) if type(value) in _NUMERIC else None


def bounded_text(value: object) -> str:
    """Return a value as a text of bounded length."""
    return str(value)[:_TEXT]


def _optional(entry: JsonObject, name: str) -> str | None:
    value = entry.get(name)
    return None if value is None else bounded_text(value)


def _object(entry: JsonObject, name: str) -> JsonObject:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}
