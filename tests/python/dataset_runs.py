# SPDX-License-Identifier: MIT
"""Datasets for the tests: sounds in folders, runs over them, and what runs leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melpix.cli import main
from sounds import chirp, encode

CONVERT = [sys.executable, "-W", "error", "-m", "melpix", "convert"]
# As a shell starts jobs in its background.
WITHOUT_INTERRUPTS = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
RATE = 8000


@dataclass
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str


def convert(*arguments: object, **options: Any) -> Run:
    """`melpix convert` in a process of its own."""
    command = [*CONVERT, *(a if isinstance(a, bytes) else str(a) for a in arguments)]
    done = subprocess.run(command, capture_output=True, timeout=120, **options)
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def convert_here(*arguments: object) -> int:
    """The same in this process, which is quicker: the exit code."""
    return main(["convert", *map(str, arguments), "--quiet"])


def sound(n: int, sr: int = RATE) -> bytes:
    """A WAV of `n` samples."""
    return encode("wav", chirp(n, sr=sr), sr)


def write(path: Path, data: bytes) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def make_sounds(folder: Path, count: int, shortest: int = 2000) -> Path:
    """Sounds of two classes, each longer than the one before."""
    for i in range(count):
        write(folder / ("cats", "dogs")[i % 2] / f"{i:03d}.wav", sound(shortest + 97 * i))
    return folder


def manifest(out: Path, name: str = "manifest.jsonl") -> list[dict[str, Any]]:
    """The lines of a manifest."""
    return [json.loads(line) for line in (out / name).read_bytes().splitlines()]


def by_source(out: Path) -> dict[str, dict[str, Any]]:
    """The lines of a manifest by their sources' base names; each must stand there once."""
    lines = manifest(out)
    found = {os.path.basename(line["source"]): line for line in lines}
    assert len(found) == len(lines)
    return found


def facts(out: Path) -> dict[str, Any]:
    """What melpix.json holds."""
    found = json.loads((out / "melpix.json").read_bytes())
    assert isinstance(found, dict)
    return found


def tree(out: Path) -> dict[str, Any]:
    """All that is in a folder, hidden files too; the times of runs excepted."""
    found: dict[str, Any] = {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }
    for name in found:
        if name.startswith("melpix") and name.endswith(".json"):
            found[name] = {**json.loads(found[name]), "runs": None}
    return found


def images(out: Path, suffix: str = ".png") -> list[str]:
    """The names of the images, relative and sorted."""
    return sorted(path.relative_to(out).as_posix() for path in out.rglob(f"*{suffix}"))
