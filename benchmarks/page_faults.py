# SPDX-License-Identifier: MIT
"""Page faults and processor time of sounds in steady state, with and without glibc's keeping.

Each line is a process of its own: what its heap has learnt is part of what is measured.
"""

from __future__ import annotations

import io
import itertools
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from made_clips import write_clips, write_wav

TOGETHER = 8  # clips, as `melpix.dataset.read_ahead` has them

SECONDS = 1.0  # of work that is measured, at least


def noise(seconds: float, sr: int) -> Any:
    return 0.1 * np.random.default_rng(0).standard_normal(int(seconds * sr))


def resample(sr: int) -> Callable[[], int]:
    from melpix.audio.resample import resample_several

    lengths = np.random.default_rng(1).uniform(0.3, 1.0, TOGETHER)
    ys = [noise(length, sr).astype(np.float32) for length in lengths]
    return lambda: len(resample_several(ys, sr, 22050))


def clips(sr: int) -> Callable[[], int]:
    import melpix

    folder = tempfile.mkdtemp(dir=os.environ["MELPIX_FAULTS"])
    write_clips(f"{folder}/clips", 200, sr)
    paths = [f"{root}/{name}" for root, _, names in os.walk(folder) for name in names]
    return of_files(itertools.cycle(paths), melpix.Frontend())


def long(seconds: int) -> Callable[[], int]:
    import melpix

    path = f"{os.environ['MELPIX_FAULTS']}/{seconds}.wav"
    write_wav(path, noise(10, 22050), 22050, seconds // 10)
    return of_files(itertools.repeat(path), melpix.Frontend())


def of_files(paths: Any, frontend: Any) -> Callable[[], int]:
    import melpix

    def convert() -> int:
        melpix.convert_file(next(paths), io.BytesIO(), frontend)
        return 1

    return convert


def images(threads: int) -> Callable[[], int]:
    import melpix

    frontend, ys = melpix.Frontend(), [noise(1, 22050).astype(np.float32)] * 64
    return lambda: len(frontend.images(ys, threads=threads))


WORK: dict[str, Callable[[], Callable[[], int]]] = {
    "8 clips of 8 kHz resampled together": lambda: resample(8000),
    "8 clips of 44.1 kHz resampled together": lambda: resample(44100),
    "clips of 22.05 kHz": lambda: clips(22050),
    "clips of 44.1 kHz": lambda: clips(44100),
    "ten seconds": lambda: long(10),
    "an hour": lambda: long(3600),
    "images of 64 clips, two threads": lambda: images(2),
}


def used() -> tuple[int, float]:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_minflt, now.ru_utime + now.ru_stime


def measure(name: str) -> None:
    job = WORK[name]()
    for _ in range(3):
        job()
    faults, start = used()
    sounds, now = 0, start
    while now - start < SECONDS:
        sounds += job()
        now = used()[1]
    faults = used()[0] - faults
    print(f"{faults / sounds:9.1f} faults {1e6 * (now - start) / sounds:11.1f} us", flush=True)


def main() -> None:
    from melpix.workers import process

    plain = {name: value for name, value in os.environ.items() if name not in process.KEPT}
    with tempfile.TemporaryDirectory() as folder:
        plain["MELPIX_FAULTS"] = folder
        for name in WORK:
            for kept, environment in (("", plain), (", kept", plain | process.KEPT)):
                print(f"{name + kept:46}", end="", flush=True)
                subprocess.run([sys.executable, __file__, name], env=environment, check=True)


if __name__ == "__main__":
    measure(sys.argv[1]) if len(sys.argv) > 1 else main()
