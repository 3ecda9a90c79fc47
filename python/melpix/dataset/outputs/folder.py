# SPDX-License-Identifier: MIT
"""The folder of a dataset: where everything is, and what earlier runs have left there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Set
from typing import Any

from melpix import files
from melpix.dataset.outputs.manifest import Past
from melpix.dataset.outputs.record import Record, read_records
from melpix.dataset.outputs.shard_names import parse_shard_name
from melpix.dataset.outputs.tree import Tree, sample_name, told_leads_out
from melpix.errors import MelpixError
from melpix.files import Place

_MAX_FACTS = 1 << 26  # bytes: a custom window is the longest parameter

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
    place : Place or None
        The folder that `hold` has found.
    """

    def __init__(self, folder: str, part: str | None) -> None:
        self.mark = "" if part is None else "-" + part.replace("/", "-of-")
        self.folder = folder
        self.lock = os.path.join(folder, f".melpix{self.mark}.lock")
        self.manifest = os.path.join(folder, f"manifest{self.mark}.jsonl")
        self._path = os.path.join(folder, f"melpix{self.mark}.json")
        self._shards: dict[str, bool] = {}
        self.place: Place | None = None

    def hold(self) -> None:
        """Make the folder, and remember which one it is."""
        os.makedirs(self.folder, exist_ok=True)
        self.place = Place.of(self.folder)

    def moved(self) -> bool:
        """Tell whether the folder that `hold` has found is under its name no more."""
        return self.place is not None and self.place.moved()

    def lost(self, images: int) -> MelpixError:
        """Return the error for a folder that somebody has taken away, with so many images in it."""
        return MelpixError(
            "output_moved",
            f"{self.folder!r}, or the manifest in it, was moved, removed or replaced during the "
            f"run: {images} images were written before that, and are where that folder is now",
        )

    def facts(self) -> dict[str, Any] | None:
        """Return what earlier runs have written down, if there was one.

        Raises
        ------
        MelpixError
            ``bad_manifest``: that is not as melpix writes it, or there is nothing but a manifest.
        """
        try:
            facts = _read(self._path)
        except FileNotFoundError:
            if os.path.exists(self.manifest):
                raise MelpixError("bad_manifest", f"{self._path!r} is missing") from None
            return None
        return facts

    def write(self, facts: dict[str, Any]) -> None:
        """Write the facts down."""
        text = json.dumps(facts, indent=1, sort_keys=True, allow_nan=False)
        files.replace(self._path, text.encode("ascii") + b"\n")

    def refuse_others(self, facts: dict[str, Any], besides: Set[str], overwrite: bool) -> None:
        """Refuse results of other parameters, and of other parts than this one goes with.

        Parameters
        ----------
        facts : dict
            With "options" and "frontend", as this run would write them.
        besides : set of str
            Parameters of the front-end that may differ.
        overwrite : bool
            Earlier results of this part itself may be whatever they are.

        Raises
        ------
        MelpixError
            ``other_parts``: what other parts have made stands against it, and only they may
            remove that. ``other_parameters``. ``other_pixels``: the same parameters would make
            other pixels or bytes now.
        """
        own = os.path.basename(self._path)
        for name in sorted(os.listdir(self.folder) if os.path.isdir(self.folder) else ()):
            mark = re.fullmatch(r"melpix(-\d+-of-(\d+)|)\.json", name)
            if mark is None or name == own:
                continue
            if mark[2] != (self.mark.rpartition("-")[2] or None):
                raise MelpixError(
                    "other_parts",
                    f"{self.folder!r} holds a dataset that was divided otherwise: {name}",
                )
            there = _read(os.path.join(self.folder, name))
            other = (
                _other_pixels(there, facts)
                or _differences(there, facts, besides)
                or _other_deflate(there, facts)
            )
            if other:
                raise MelpixError(
                    "other_parts",
                    f"{self.folder!r} holds a part of other parameters, {name}: {other}",
                )
        # This comes last: overwriting helps here, and not in the cases above.
        if not overwrite and os.path.exists(self._path):
            there = _read(self._path)
            # With another pixel version, parameters may differ that the user has not named: only
            # the version is reported.
            pixels = _other_pixels(there, facts)
            other = "" if pixels else _differences(there, facts, besides)
            if other:
                raise MelpixError(
                    "other_parameters",
                    f"{self.folder!r} holds images of other parameters: {other}",
                )
            other = pixels or _other_deflate(there, facts)
            if other:
                raise MelpixError(
                    "other_pixels", f"{self.folder!r} holds images that would differ: {other}"
                )

    def refuse_strangers(self, outputs: Iterable[str]) -> None:
        """Refuse to write over what no run of melpix has made.

        Raises
        ------
        MelpixError
            ``exists``.
        """
        lock = os.path.basename(self.lock)
        if all(name == lock for name in os.listdir(self.folder)):
            return  # as it mostly is: nobody asks for a million files one by one
        for output in outputs:
            path = os.path.join(self.folder, output)
            if os.path.lexists(path):
                raise MelpixError("exists", f"{path!r} is there already, and no earlier run's")

    def past(self, sharded: bool) -> Past:
        """Return what earlier runs have done."""
        return Past(self.manifest, self._is_whole, sharded)

    def clear(self, stems: Iterable[str]) -> None:
        """Remove what earlier runs have made.

        Parameters
        ----------
        stems : iterable of str
            Names of outputs that a killed run may have made, and not journalled.
        """
        if os.path.exists(self._path):
            for stem in stems:
                for suffix in (".png", ".npy"):
                    self.remove([stem + suffix])
                    for window in itertools.count():
                        if not self.remove([sample_name(stem, window) + suffix]):
                            break
            names = filter(None, map(parse_shard_name, os.listdir(self.folder)))
            self.remove(shard.file for shard in names if shard.mark == self.mark)
        with contextlib.suppress(FileNotFoundError), open(self.manifest, "rb") as file:
            for _, record in read_records(file, lenient=True):
                if record is not None and record.output is not None:
                    shard = record.shard()
                    self.remove([record.output if shard is None else shard.file])
        for path in (self.manifest, self._path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def remove(self, outputs: Iterable[str]) -> int:
        """Remove images, and return how many there were. What leads elsewhere is not ours."""
        removed = 0
        tree = Tree(self.folder, "")
        for output in outputs:
            with contextlib.suppress(ValueError):
                removed += tree.remove([output])
        return removed

    def _is_whole(self, record: Record) -> bool:
        shard = record.shard()
        if shard is not None:
            if shard.file not in self._shards:
                self._shards[shard.file] = os.path.exists(os.path.join(self.folder, shard.file))
            if not self._shards[shard.file]:
                raise MelpixError("shard_missing", f"{shard.file!r} is missing in {self.folder!r}")
            return True
        output = record.output
        if output is None or told_leads_out(output):
            return False
        try:
            size = os.stat(os.path.join(self.folder, output)).st_size
        except (OSError, ValueError):
            return False
        return size == record.bytes


def finished(runs: list[dict[str, Any]]) -> bool:
    """Tell whether the last of several runs has come to its end."""
    return bool(runs and runs[-1].get("seconds") is not None and not runs[-1].get("stopped"))


def other_isas(runs: list[dict[str, Any]], isa: str) -> list[str]:
    """Say whether earlier runs have used another instruction set than this one uses."""
    others = sorted({str(run["isa"]) for run in runs if run.get("isa") not in (None, isa)})
    if not others:
        return []
    return [
        f"earlier runs have used the instruction set {', '.join(others)}, this one uses {isa}: a "
        "few pixels of 10,000 may differ by one level; MELPIX_ISA pins it"
    ]


def _differences(there: dict[str, Any], here: dict[str, Any], besides: Set[str]) -> str:
    """Name some of the parameters that differ; none is an empty text."""
    other = [
        f"{name} {there[kind].get(name)!r}, not {here[kind].get(name)!r}"
        for kind in ("options", "frontend")
        for name in sorted(here[kind].keys() | there[kind].keys())
        if name not in besides and here[kind].get(name) != there[kind].get(name)
    ]
    more = f" and {len(other) - 5} more" if len(other) > 5 else ""
    return "; ".join(other[:5]) + more


def _other_pixels(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Say which version's pixels are there, if they are others; an empty text if they are not."""
    found = there.get("pixels", 1)  # as before there was a number
    if found == here["pixels"]:
        return ""
    made = f"(by melpix {there.get('version')})"
    return f"their pixel version is {found} {made}, this one's {here['pixels']}"


def _other_deflate(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Say what has compressed the images there, if it makes other bytes; else an empty text."""
    found = there.get("deflate", here["deflate"])
    if found == here["deflate"]:
        return ""
    return f"their deflate backend is {found}, this one's {here['deflate']}"


def _read(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        data = file.read(_MAX_FACTS + 1)
    try:
        facts = json.loads(data)
        whole = (
            len(data) <= _MAX_FACTS
            and isinstance(facts["options"], dict)
            and isinstance(facts["frontend"], dict)
            and all(isinstance(run, dict) for run in facts["runs"])
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise MelpixError("bad_manifest", f"{path!r} is not as melpix writes it")
    return dict(facts)
