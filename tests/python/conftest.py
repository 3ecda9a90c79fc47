# SPDX-License-Identifier: MIT
"""Fixtures of several tests."""

import signal
import sys

import pytest
from hypothesis import settings

from browser import browser

__all__ = ["browser"]

# The same examples in every run, however slow the machine is.
settings.register_profile("melpix", derandomize=True, deadline=None, database=None)
settings.load_profile("melpix")

# A job in a shell script's background ignores SIGINT, and so would all programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def gil() -> None:
    """Skips, where there is no GIL, what asks whether it is let go."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("this Python has no GIL")
