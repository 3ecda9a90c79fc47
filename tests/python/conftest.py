# SPDX-License-Identifier: MIT
"""Fixtures of several tests."""

import sys

import pytest

from browser import browser

__all__ = ["browser"]


@pytest.fixture
def gil() -> None:
    """Skips, where there is no GIL, what asks whether it is let go."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("this Python has no GIL")
