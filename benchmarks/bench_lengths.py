# SPDX-License-Identifier: MIT
"""Cost against the signal's length: time of everybody, time and memory of melpix up to an hour."""

import subprocess
import sys
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pytest

from melpix import Frontend, demo
from melpix.compare import peers
from melpix.compare.peers import Work
from turns import Jobs, measure, verified

LENGTHS, HOUR = (1, 10, 100, 1000), 3600  # for an hour, peers want more memory than there may be
PEERS = peers.PEERS[:-1]  # without the floor

# In a process of its own: the most memory it held beyond what it held before, in bytes. The
# signal is filled in place, so that its making leaves no higher mark. (Not ru_maxrss: a child's
# begins with its parent's.)
MEMORY = """
import re, sys
import numpy as np
from melpix import Frontend, demo

def held(what):
    return 1024 * int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1])

f, part = Frontend(), (demo.sound() / 32768).astype(np.float32)
f.image(part)
y = np.empty(int(sys.argv[1]) * demo.SR, np.float32)
for start in range(0, y.size, part.size):
    y[start : start + part.size] = part[: y.size - start]
before = held("VmRSS")
f.image(y)
print(max(0, held("VmHWM") - before))
"""


def signal(seconds: int) -> Any:
    return np.resize((demo.sound() / 32768).astype(np.float32), seconds * demo.SR)


@lru_cache(maxsize=1)  # a long signal is let go
def length_jobs(seconds: int) -> Jobs:
    return verified(Work(signal(seconds), demo.SR), (peers.MELPIX, *PEERS), equal=0.99)


@pytest.mark.parametrize("name", [contender.name for contender in (peers.MELPIX, *PEERS)])
@pytest.mark.parametrize("seconds", LENGTHS)
def bench_length(benchmark: Any, seconds: int, name: str) -> None:
    measure(benchmark, f"{seconds} s of signal", name, length_jobs(seconds), rounds=20)


@cache
def melpix_jobs() -> Jobs:
    """All lengths in turns, so that they can be compared with each other."""
    f = Frontend()
    signals = {n: signal(n) for n in (*LENGTHS, HOUR)}
    return {f"{n} s": (lambda y=y: f.image(y)) for n, y in signals.items()}


def memory(seconds: int) -> int:
    command = [sys.executable, "-c", MEMORY, str(seconds)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("seconds", [*LENGTHS, HOUR])
def bench_melpix(benchmark: Any, seconds: int) -> None:
    if sys.platform == "linux":
        benchmark.extra_info["bytes"] = memory(seconds)
    measure(benchmark, "melpix by length", f"{seconds} s", melpix_jobs(), rounds=20)
