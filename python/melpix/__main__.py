# SPDX-License-Identifier: MIT
"""The program ``melpix``, and ``python -m melpix``: the command line in a process of its own."""

from __future__ import annotations

import gc
import sys


def program() -> int:
    """Run the command line, and return its exit code: see `melpix.cli.main`."""
    # What is imported stays. To look through it for garbage as often as Python does, and once more
    # when the process ends, costs a short command much of its time.
    gc.set_threshold(50_000)
    from melpix.cli import main

    try:
        return main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(program())
