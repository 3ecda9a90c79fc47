# SPDX-License-Identifier: MIT
"""`melpix serve` under load: requests a second beside the bare library's, then with hostile ones.

    python benchmarks/service/serve_load.py [--seconds 60] [--json FILE]

The service and the library get the same cores. The load generator (`load.py`) is a process of its
own on the same machine; what it takes of the CPU is reported, and the share of the machine that is
left is what the service is compared on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from load import sounds

from melpix import Frontend, convert_bytes

HERE = Path(__file__).parent


def library(seconds: float, processes: int) -> float:
    """Calls of `convert_bytes` a second, one process a core."""
    code = f"from serve_load import calls; print(calls({seconds}))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def calls(seconds: float) -> float:
    """Calls a second, in this process."""
    data, f = sounds(), Frontend()
    for sound in data:
        convert_bytes(sound, f)
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        convert_bytes(data[count % len(data)], f)
        count += 1
    return count / passed


class Memory:
    """What a process and its children hold, as time goes by."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.samples: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            total = 0
            for process in [self._process, *self._process.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue
            self.samples.append(total / 2**20)

    def close(self) -> dict[str, float]:
        """Return MiB early, late and at most."""
        self._done.set()
        self._thread.join()
        quarter = max(1, len(self.samples) // 4)
        early = sorted(self.samples[quarter : 2 * quarter] or self.samples)
        late = sorted(self.samples[-quarter:])
        return {
            "early": early[len(early) // 2],
            "late": late[len(late) // 2],
            "most": max(self.samples),
        }


def cpu(process: psutil.Process) -> float:
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        times = each.cpu_times()
        total += times.user + times.system
    return total


def under_load(host: str, port: str, pid: int, seconds: float, *flags: str) -> dict[str, Any]:
    process = psutil.Process(pid)
    memory, before = Memory(pid), cpu(process)
    command = [sys.executable, str(HERE / "load.py"), host, port, str(seconds), *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "memory_mib": memory.close(), "service_cpu_seconds": cpu(process) - before}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "melpix", "serve", "--port", "0"]
    command += ["--workers", str(cores), "--body-timeout", "2"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    match = re.search(r"http://([\d.]+):(\d+)", server.stderr.readline())
    assert match
    drain = threading.Thread(target=server.stderr.read, daemon=True)
    drain.start()
    host, port = match.groups()
    flags = ["--connections", str(options.connections)]
    under_load(host, port, server.pid, 2.0, *flags)  # warm
    # The library before and after, since machines are not the same all the time.
    rates = [library(options.seconds / 8, cores)]
    found: dict[str, Any] = {"cores": cores}
    found["good"] = under_load(host, port, server.pid, options.seconds, *flags)
    rates.append(library(options.seconds / 8, cores))
    found["library"] = sum(rates) / 2
    found["hostile"] = under_load(host, port, server.pid, options.seconds, *flags, "--hostile")
    found["alive"] = server.poll() is None
    server.terminate()
    found["exit"] = server.wait(30)

    good, hostile = found["good"], found["hostile"]
    # The library on what the generator left of the cores.
    left = 1 - good["cpu_seconds"] / (cores * good["seconds"])
    found["share"] = good["per_second"] / found["library"]
    found["share_of_what_is_left"] = found["share"] / left
    found["hostile_share"] = hostile["per_second"] / good["per_second"]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))
    assert found["alive"]
    assert good["faults"] == hostile["faults"] == 0


if __name__ == "__main__":
    main()
