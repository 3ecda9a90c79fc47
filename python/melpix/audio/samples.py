# SPDX-License-Identifier: MIT
"""Arrays of samples."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from melpix.host import find_numpy

find_numpy()

Samples: TypeAlias = np.ndarray[Any, np.dtype[Any]]
