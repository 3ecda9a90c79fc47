# SPDX-License-Identifier: MIT
"""What a comparison depends on: the processor, thread pools, and the versions of everybody."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from melpix.compare.peers import PEERS


def thread_pools() -> dict[str, int]:
    """Return the size of every thread pool that can be asked."""
    pools = {
        name: int(value)
        for name, value in os.environ.items()
        if name.endswith("_NUM_THREADS") and value.isdigit()
    }
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_info

        for pool in threadpool_info():
            pools[Path(pool["filepath"]).name] = pool["num_threads"]
    return pools


def versions() -> dict[str, str]:
    """Return the versions of everybody who is installed."""
    peers = {package for contender in PEERS for package in contender.packages}
    found = {}
    for name in sorted(peers | {"isal", "scikit-image", "soundfile", "soxr"}):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def fft_of_librosa() -> str | None:
    """Return the module that librosa's FFT comes from; None without librosa."""
    try:
        from librosa import get_fftlib
    except Exception:  # not installed, or broken: the table says so
        return None
    return str(get_fftlib().__name__)


def processor() -> str:
    """Return the name of the processor, as far as it can be known."""
    with contextlib.suppress(OSError):  # Linux; elsewhere Python may know
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
