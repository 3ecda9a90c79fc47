# SPDX-License-Identifier: MIT
"""``python -m melpix`` is the command line."""

import sys

from melpix.cli import main

if __name__ == "__main__":
    sys.exit(main())
