# SPDX-License-Identifier: MIT
"""Memory that a thread keeps for the samples of one sound after the other."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

Samples: TypeAlias = np.ndarray[Any, np.dtype[Any]]

Empty: TypeAlias = Callable[[tuple[int, ...], np.dtype[Any]], Samples]

_MAX_KEPT = 2**24  # bytes that a thread keeps: three minutes of the recipe's samples


class _Memory:
    """Memory for the samples of one clip after the other."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Samples:
        size = math.prod(shape) * dtype.itemsize
        if size > _MAX_KEPT:
            return np.empty(shape, dtype)
        if size > len(self._bytes):
            self._bytes = np.empty(size, np.uint8)
        return np.ndarray(shape, dtype, self._bytes)


_kept = threading.local()


class kept_memory:  # noqa: N801
    """Lend memory that the thread keeps. Fresh memory costs a page fault for each page.

    What lies in it is overwritten by whoever borrows it next. While it is lent, nobody else gets
    it: a signal handler or a destructor that reads a sound in between takes its own.
    """

    __slots__ = ("_memory",)

    def __enter__(self) -> Empty:
        self._memory: _Memory = getattr(_kept, "memory", None) or _Memory()
        _kept.memory = None
        return self._memory.empty

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _kept.memory = self._memory
