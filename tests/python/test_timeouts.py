"""A test that waits for ever ends the run and is named, whoever waits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).resolve().parents[2] / "pyproject.toml"


@pytest.mark.parametrize("wait", ["threading.Event().wait()", "open('fifo')"])
def test_a_test_that_hangs_is_named(tmp_path: Path, wait: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "test_it.py").write_text(
        f"import threading\n\ndef test_first():\n    pass\n\ndef test_hangs():\n    {wait}\n"
    )
    command = [sys.executable, "-m", "pytest", "-c", str(CONFIG), "--rootdir", ".", "-o"]
    done = subprocess.run(
        [*command, "timeout=1", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Timeout" in done.stdout + done.stderr
    assert "in test_hangs" in done.stdout + done.stderr
