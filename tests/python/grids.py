# SPDX-License-Identifier: MIT
"""Grids of parameters, and blocks of seeds, that are walked inside of one test.

An item of pytest costs milliseconds, and so does a reference that each item computes again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest


@contextlib.contextmanager
def at(*place: Any) -> Iterator[None]:
    """Lets a failure tell where in a grid it happened."""
    try:
        yield
    except pytest.skip.Exception:
        raise
    except BaseException as error:  # a failure of pytest's own is no Exception
        error.add_note(f"at {', '.join(map(repr, place))}")
        raise
