# SPDX-License-Identifier: MIT
"""How many cores a process may use."""

from __future__ import annotations

import contextlib
import math
import os


def available_cores() -> int:
    """Return how many cores this process may use: its affinity, and its container's CPU quota.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    if hasattr(os, "process_cpu_count"):  # since Python 3.13
        cores = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count()
    quota = math.inf
    with (
        contextlib.suppress(OSError, ValueError),  # only Linux has control groups
        open("/proc/self/mountinfo", "rb") as mounts,
        open("/proc/self/cgroup", "rb") as groups,
    ):
        quota = cpu_quota(mounts.read(), groups.read())
    # Half a core more is worth a process more.
    return max(1, math.ceil(min(cores or 1, quota)))


def cpu_quota(mounts: bytes, groups: bytes) -> float:
    """Return how many cores' time the control groups of a process grant it, or infinity.

    Parameters
    ----------
    mounts, groups : bytes
        What stands in its ``/proc/self/mountinfo`` and ``/proc/self/cgroup``: names in any
        encoding, of whatever is mounted.
    """
    own = {
        controller: path
        for _, controllers, path in (line.split(b":", 2) for line in groups.splitlines())
        for controller in controllers.split(b",")  # version 2 leaves this empty
    }
    quota = math.inf
    for line in mounts.split(b"\n")[:-1]:
        place, _, system = line.partition(b" - ")
        root, top = place.split(b" ")[3:5]
        kind, *_, options = system.split(b" ")
        if kind == b"cgroup2":
            path = own.get(b"")
        elif kind == b"cgroup" and b"cpu" in options.split(b","):
            path = own.get(b"cpu")
        else:
            continue
        if path is None:
            continue
        # Where a container sees its own group alone, that is the top, whatever its path says.
        inside = os.path.relpath(path, root)
        folder = top if inside.startswith(b"..") else os.path.normpath(os.path.join(top, inside))
        while True:  # a group has no more than each one above it
            quota = min(quota, _group_quota(folder))
            if folder == top:
                break
            folder = os.path.dirname(folder)
    return quota


def _group_quota(folder: bytes) -> float:
    for names in ([b"cpu.max"], [b"cpu.cfs_quota_us", b"cpu.cfs_period_us"]):  # versions 2 and 1
        with contextlib.suppress(OSError, ValueError):  # no such file; "max"
            words: list[bytes] = []
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    words += file.read().split()
            microseconds, period = (int(word) for word in words)
            if microseconds > 0:  # -1: as many as it likes
                return microseconds / period
    return math.inf
