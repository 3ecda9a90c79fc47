# SPDX-License-Identifier: MIT
"""The folder of a dataset: where everything is, and what earlier runs have left there."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Set
from typing import Any

from melpix import manifest, sinks
from melpix.errors import MelpixError
from melpix.manifest import Past, Record

SHARDED = ("webdataset", "parquet")
"""Formats of many samples a file."""


class Output:
    """An output folder.

    Parts of one dataset, converted by several machines, may share it: each has its own account.

    Parameters
    ----------
    folder : str
    part : str or None
        "I/N", where this run does a part alone.

    Attributes
    ----------
    folder, lock, manifest : str
        Paths.
    mark : str
        What tells the files of this part.
    """

    def __init__(self, folder: str, part: str | None) -> None:
        self.mark = "" if part is None else "-" + part.replace("/", "-of-")
        self.folder = folder
        self.lock = os.path.join(folder, f".melpix{self.mark}.lock")
        self.manifest = os.path.join(folder, f"manifest{self.mark}.jsonl")
        self._path = os.path.join(folder, f"melpix{self.mark}.json")
        self._shards: dict[str, bool] = {}

    @functools.cached_property
    def facts(self) -> dict[str, Any] | None:
        """What earlier runs have written down, if there was one."""
        try:
            with open(self._path, "rb") as file:
                facts = json.loads(file.read())
        except FileNotFoundError:
            return None
        except ValueError:
            facts = None
        if not isinstance(facts, dict) or not {"options", "frontend", "runs"} <= facts.keys():
            raise MelpixError("bad_manifest", f"{self._path!r} is not as melpix writes it")
        return facts

    def write(self, facts: dict[str, Any]) -> None:
        """Write the facts down."""
        self.facts = facts
        text = json.dumps(facts, indent=1, sort_keys=True, allow_nan=False)
        sinks.replace(self._path, text.encode("ascii") + b"\n")

    def refuse_others(self, facts: dict[str, Any], besides: Set[str]) -> None:
        """Refuse results of other parameters.

        Parameters
        ----------
        facts : dict
            With "options" and "frontend", as this run would write them.
        besides : set of str
            Parameters of the front-end that may differ.

        Raises
        ------
        MelpixError
            ``other_parameters``.
        """
        if self.facts is None:
            return
        other = []
        for kind in ("options", "frontend"):
            here, there = facts[kind], self.facts[kind]
            other += [
                f"{name} {there.get(name)!r}, not {here.get(name)!r}"
                for name in sorted(here.keys() | there.keys())
                if name not in besides and here.get(name) != there.get(name)
            ]
        if other:
            more = f" and {len(other) - 5} more" if len(other) > 5 else ""
            raise MelpixError(
                "other_parameters",
                f"{self.folder!r} holds images of other parameters: {'; '.join(other[:5])}{more}",
            )

    def past(self) -> Past:
        """Return what earlier runs have done."""
        return Past(self.manifest, self._is_whole)

    def clear(self) -> None:
        """Remove what earlier runs have made."""
        tree = sinks.Tree(self.folder, "")
        removed: set[str] = set()
        for _, record in manifest.read(self.manifest):
            output = self._file(record) if "output" in record else None
            if output is not None and output not in removed:
                tree.remove([output])
                removed = {output} if self._sharded() else removed
        for path in (self.manifest, self._path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.facts = None

    def _sharded(self) -> bool:
        return self.facts is not None and self.facts["options"].get("format") in SHARDED

    def _file(self, record: Record) -> str:
        """Return the file that an image is in."""
        output = str(record["output"])
        return output.partition("/")[0] if self._sharded() else output

    def _is_whole(self, record: Record) -> bool:
        name = self._file(record)
        path = os.path.join(self.folder, name)
        if self._sharded():
            if name not in self._shards:
                self._shards[name] = os.path.exists(path)
            if not self._shards[name]:
                raise MelpixError("shard_missing", f"{path!r} is missing")
            return True
        try:
            return bool(os.stat(path).st_size == record.get("bytes"))
        except OSError:
            return False
