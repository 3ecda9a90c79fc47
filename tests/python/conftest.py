# SPDX-License-Identifier: MIT
"""Fixtures of several tests."""

from browser import browser

__all__ = ["browser"]
