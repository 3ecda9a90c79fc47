# SPDX-License-Identifier: MIT
"""Examples in docstrings and in the README run."""

import doctest
import importlib
import pkgutil
import re
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


def test_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.S | re.M)
    assert blocks
    (tmp_path / "demo.wav").write_bytes(demo.wav())  # `melpix demo` has written it
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
