# SPDX-License-Identifier: MIT
"""Examples in docstrings and in the README run."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import melpix
from melpix import demo

MODULES = [
    m.name for m in pkgutil.iter_modules(melpix.__path__) if m.name not in ("__main__", "_core")
]
README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.parametrize("name", ["", *MODULES])
def test_docstrings(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(f"melpix.{name}" if name else "melpix")
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_readme(tmp_path: Path) -> None:
    before, _, rest = README.read_text(encoding="utf-8").partition("### Recipes\n")
    text = before + rest.partition("\n## ")[2]  # each recipe is a program, see test_recipes.py
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    assert blocks
    (tmp_path / "demo.wav").write_bytes(demo.wav())  # `melpix demo` has written it
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "long.wav").write_bytes(demo.wav())
    script = tmp_path / "readme.py"  # a real one: worker processes import it
    script.write_text("\n".join(blocks), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout == "3 0 {}\n"


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_readme_shows_what_is_compiled(language: str) -> None:
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)
    example = README.parent / "tests" / "consumer" / f"readme.{language}"
    licence, _, program = example.read_text(encoding="utf-8").partition("\n")
    assert "SPDX" in licence
    assert blocks == [program]
