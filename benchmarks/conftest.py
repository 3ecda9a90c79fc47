# SPDX-License-Identifier: MIT
"""One thread for everybody, set before any library starts its pool."""

import os

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM"):
    os.environ[f"{name}_NUM_THREADS"] = "1"
