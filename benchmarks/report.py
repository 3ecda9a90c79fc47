# SPDX-License-Identifier: MIT
"""Write the README's tables from results that pytest-benchmark saved.

python benchmarks/report.py results.json [README.md]
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import librosa
import scipy

import melpix

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PEER = "the recipe in librosa"


def tables(results: dict[str, Any]) -> str:
    """The section between the markers: a table for each group, then where it was measured."""
    groups: dict[str, dict[str, float]] = {}
    for benchmark in results["benchmarks"]:
        medians = groups.setdefault(benchmark["group"], {})
        medians[benchmark["name"]] = benchmark["stats"]["median"]

    lines = []
    for group, medians in groups.items():
        lines += [f"| {group} | median | librosa / it |", "|---|---:|---:|"]
        for name, seconds in medians.items():
            lines.append(f"| {name} | {1000 * seconds:.2f} ms | {medians[PEER] / seconds:.1f} |")
        lines.append("")
    return "\n".join([*lines, machine(results)])


def machine(results: dict[str, Any]) -> str:
    """One sentence: processor, versions, commit."""
    info, commit = results["machine_info"], results["commit_info"]
    config = melpix.show_config(mode="dicts")
    assert config is not None
    dirty = ", with uncommitted changes" if commit["dirty"] else ""
    packages = config["packages"]
    return (
        f"One thread of {info['cpu']['brand_raw']} ({info['system']}, {info['machine']}), "
        f"Python {info['python_version']}; melpix {config['melpix']} at commit "
        f"{commit['id'][:10]}{dirty} with {config['isa']} kernels and {config['deflate']}; "
        f"librosa {librosa.__version__} on scipy {scipy.__version__}, numpy {packages['numpy']}; "
        f"{results['datetime'][:10]}."
    )


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    readme = Path(sys.argv[2]) if len(sys.argv) > 2 else README
    section = f"{BEGIN}\n\n{tables(results)}\n\n{END}"
    text = readme.read_text(encoding="utf-8")
    text, count = re.subn(f"{BEGIN}.*?{END}", lambda _: section, text, flags=re.S)
    if count != 1:
        sys.exit(f"{readme} must have one pair of markers {BEGIN} ... {END}")
    readme.write_text(text, encoding="utf-8")
    print(section)


if __name__ == "__main__":
    main()
