# SPDX-License-Identifier: MIT
"""``python -m melpix`` is the command line."""

from __future__ import annotations

import sys

from melpix.cli import main

if __name__ == "__main__":
    sys.exit(main())
