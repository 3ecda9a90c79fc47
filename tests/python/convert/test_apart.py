# SPDX-License-Identifier: MIT
"""Calls in processes of their own: what comes back of them, and what does not."""

from __future__ import annotations

import functools
import os
import time
import warnings
from pathlib import Path

import pytest

from melpix.convert.apart import apart
from melpix.errors import DecodeError


def test_what_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Results, exceptions, warnings; from the folder that is current here, and from no other."""
    monkeypatch.chdir(tmp_path)
    assert apart(os.getcwd, "") == str(tmp_path.resolve())
    assert apart(os.getpid, "") != os.getpid()
    with pytest.raises(FileNotFoundError) as caught:
        apart(functools.partial(os.stat, "none.wav"), "none.wav")
    assert caught.value.filename == "none.wav"
    with pytest.warns(RuntimeWarning, match="mind") as told:
        apart(functools.partial(warnings.warn, "mind", RuntimeWarning), "")
    assert len(told) == 1
    with pytest.raises(RuntimeError, match="pickle"):  # with the traceback
        apart(functools.partial(open, os.devnull), "")


def test_a_crash_and_a_hang_cost_the_call_alone() -> None:
    for call, code, words in (
        (os.abort, "crashed", "SIGABRT" if os.name == "posix" else "exit code"),
        (functools.partial(os._exit, 3), "crashed", "exit code 3"),
        (functools.partial(time.sleep, 3600), "timeout", "not done after 0.2 s"),
    ):
        with pytest.raises(DecodeError, match=words) as caught:
            apart(call, "a.wav", seconds=0.2 if code == "timeout" else 600)
        assert (caught.value.code, caught.value.source) == (code, "a.wav")
