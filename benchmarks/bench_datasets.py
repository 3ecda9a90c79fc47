# SPDX-License-Identifier: MIT
"""Datasets: files/s beside the recipe in warm workers, what supervision costs, memory, linearity.

Everybody works in turns, each turn begins when two cores are free, and medians count.

What has been written stays until the end. ext4 searches long for a free inode where many were
freed in the last minutes, so a second run right after a first one is slower for everybody; with
TMPDIR on a tmpfs it is not. (It takes some 3 GB there.) The results say which it was.
"""

import compileall
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
import soxr

import melpix
from made_clips import write_clips, write_wav
from melpix import read_png
from melpix.compare import peers
from melpix.compare.peers import Work
from melpix.workers import process
from melpix.workers.cores import available_cores
from turns import TwoCores, check, recordings, temporary_folder

TURNS = 5  # of everybody; an odd number, so that one of them is the median
CLIPS, CLIP_SR = 3000, 8000
RATES = {"22,050 Hz": 22050, "their own rate": "native"}
DOWN = {"44.1 kHz, to 22.05": (44100, 22050), "48 kHz, to 16": (48000, 16000)}
RECIPE, LOOP = "the recipe, Pool(2)", "convert_file in a loop"
DATASET = {"melpix, 2 workers": 2, "melpix, 1 worker": 1}
START_UP = {"start-up of 2 workers": 2, "start-up of 1 worker": 1}  # a file for each
PATIENCE = 100.0  # seconds to wait for free cores, in all
PEERS_SHARE = 3  # the recipe does every third file: its workers are warm, so its pace is the same
FORMATS = {
    "WAV": ("wav", "PCM_16"),
    "FLAC": ("flac", "PCM_16"),
    "OGG Vorbis": ("ogg", "VORBIS"),
    "MP3": ("mp3", "MPEG_LAYER_III"),
}
FORMAT_CLIPS, FORMAT_SECONDS, FORMAT_SR = 240, 5, 44100
LONG = {"10 s": 10, "2 hours": 7200}  # of WAV at 44.1 kHz
TINY = (10_000, 100_000)  # files of 50 ms
PHASES = ("scan", "first run", "second run", "summary")

# A process of its own for each run, as a user's is: it plans, says so, and works when it is told.
# So neither its imports nor pytest's weight count, but the start of workers does.
CHILD = """
import json, os, sys, time
from melpix import Frontend, convert_dataset, convert_file
from melpix.dataset.sources.scan import scan
from melpix.dataset.report.summary import summarise

def dataset(source, target, **options):
    def job():
        done = convert_dataset(source, target, **options)
        assert not done.failed, done
        return {"files": done.done, "images": done.images, "stages": done.stages}
    return job

def loop(source, target, sr):
    items, frontend = scan(source).items, Frontend()
    pairs = [(item.path, f"{target}/{item.stem}.png") for item in items]
    for folder in {os.path.dirname(path) for _, path in pairs}:
        os.makedirs(folder)
    def job():
        for path, image in pairs:
            convert_file(path, image, frontend, sr=sr)
        return {"files": len(pairs)}
    convert_file(*pairs[0], frontend, sr=sr)
    return job

def resampling(source, groups, sr):
    import soundfile
    from melpix.audio.resample import resample_several
    def job():
        seconds = 0.0
        for group in groups:
            read = [soundfile.read(f"{source}/{name}", dtype="float32") for name in group]
            start = time.perf_counter()
            resample_several([y for y, _ in read], read[0][1], sr)
            seconds += time.perf_counter() - start
        return {"seconds": seconds}
    return job

def files(source):
    return lambda: {"files": len(scan(source).items)}

def summary(target):
    return lambda: {"files": summarise([target]).sources}

work, arguments, options = json.loads(sys.argv[1])
job = globals()[work](*arguments, **options)
print("ready", flush=True)
for _ in sys.stdin:
    print(json.dumps(job()), flush=True)
"""


# pip compiles what it installs, but not what it leaves in place (-e); and where the environment
# forbids to write bytecode, each process would compile melpix anew.
compileall.compile_dir(os.path.dirname(melpix.__file__), quiet=1)


class Run:
    """A process that is ready for one of CHILD's works; a call is that work."""

    def __init__(
        self, work: str, *arguments: Any, environment: dict[str, str] | None = None, **options: Any
    ) -> None:
        command = [sys.executable, "-c", CHILD, json.dumps([work, arguments, options])]
        all_of_it = {**os.environ, **(environment or {})}
        self._child = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=all_of_it)
        self._hears, self._says = self._child.stdin, self._child.stdout
        assert self._hears is not None
        assert self._says is not None
        assert self._says.readline() == "ready\n"

    def __call__(self) -> dict[str, Any]:
        self._hears.write("\n")
        self._hears.flush()
        return json.loads(self._says.readline())

    def memory(self) -> int:
        """What the process and all below it hold (what they share counts once), in bytes."""
        held = 0
        tree = psutil.Process(self._child.pid)
        for one in (tree, *tree.children(recursive=True)):
            try:
                held += one.memory_full_info().pss
            except psutil.Error:  # it has just ended
                continue
        return held

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exception: object) -> None:
        self._hears.close()
        self._says.close()
        assert self._child.wait() == 0


class Peak:
    """The most memory that a run holds, looked at every few milliseconds."""

    def __init__(self, run: Run) -> None:
        self._run, self._done = run, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        self.bytes = 0
        while not self._done.wait(0.02):
            self.bytes = max(self.bytes, self._run.memory())

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()
        self.bytes = max(self.bytes, self._run.memory())


def recipe(job: tuple[str, str, float | None]) -> None:
    """One file, as the recipe does it."""
    import librosa
    from skimage.io import imsave

    source, target, sr = job
    y, sr = librosa.load(source, sr=sr)
    imsave(target, peers.librosa(Work(y, sr))(), check_contrast=False)


def warm_up(source: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for sr in (22050, None):
            recipe((source, f"{folder}/0.png", sr))


@pytest.fixture(scope="module")
def pool() -> Iterator[Any]:
    """Two workers that have imported everything and compiled what numba compiles."""
    pytest.importorskip("librosa")
    pytest.importorskip("skimage")
    with get_context("spawn").Pool(2, warm_up, (f"{clips(1)}/0/0.wav",)) as workers:
        workers.map(time.sleep, [0.5, 0.5], chunksize=1)  # both are there
        yield workers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Everybody in turns: all of them once, then all of them again."""
    if "turn" in metafunc.fixturenames:
        once = metafunc.config.getoption("benchmark_disable")
        metafunc.parametrize("turn", range(1 if once else TURNS))


cores = cache(functools.partial(TwoCores, PATIENCE, megabytes=200))
folder_for_all = cache(temporary_folder)  # when it is needed: the recipe's workers need none


def fresh() -> str:
    return tempfile.mkdtemp(dir=folder_for_all()) + "/out"


@cache
def clips(n: int, sr: int = CLIP_SR) -> str:
    """A folder of short clips in folders of classes: cuts of as many voices with some noise."""
    folder = fresh()
    write_clips(folder, n, sr)
    return folder


def sound(seconds: float, sr: int, at: int = 0) -> Any:
    """So much of the longest sound that there is, from a place on."""
    longest = max(recordings(), key=len)
    y = soxr.resample(np.resize(np.roll(longest, -at), int(seconds * 22050) + 1), 22050, sr)
    return y[: int(seconds * sr)]


@cache
def format_clips(kind: str, n: int) -> str:
    """A folder of clips in one format: six different ones, again and again."""
    suffix, subtype = FORMATS[kind]
    folder = fresh()
    os.makedirs(folder)
    for i in range(n):
        path = f"{folder}/{i}.{suffix}"
        if i >= 6:
            shutil.copyfile(f"{folder}/{i % 6}.{suffix}", path)
            continue
        y = sound(FORMAT_SECONDS, FORMAT_SR, at=i * 22050)
        with soundfile.SoundFile(path, "w", FORMAT_SR, 1, subtype) as file:
            for start in range(0, len(y), 8192):  # one long write crashes Vorbis
                file.write(y[start : start + 8192])
    return folder


def files_of(folder: str) -> list[str]:
    """Paths of all files in a folder, in order, from the folder."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*.*"))


def jobs_of_recipe(source: str, target: str, sr: float | None) -> list[tuple[str, str, Any]]:
    names = files_of(source)
    for name in names:
        os.makedirs(os.path.dirname(f"{target}/{name}"), exist_ok=True)
    return [(f"{source}/{n}", f"{target}/{os.path.splitext(n)[0]}.png", sr) for n in names]


@cache
def expected(path: str, sr: float | None) -> Any:
    """The recipe's image of a file."""
    librosa = pytest.importorskip("librosa")
    y, rate = librosa.load(path, sr=sr)
    return peers.librosa(Work(y, rate))()


def check_some(source: str, target: str, sr: float | None, equal: float) -> None:
    """Compare every hundredth image with the recipe's; one that is not there is an error."""
    for path, image, _ in jobs_of_recipe(source, target, sr)[::99]:
        check(read_png(image)[0], expected(path, sr), equal)


def resampling(source: str, sr: int, together: int) -> float:
    """Seconds that resampling all files of a folder takes one thread, judged by some of them.

    So many of them are read and resampled in one go, as workers do (`melpix.dataset.read_ahead`),
    in a process that keeps its memory as a worker does.
    """
    names = files_of(source)
    groups = [names[i : i + together] for i in range(0, len(names), together)]
    some = groups[:: max(1, len(groups) // 60)]
    with Run("resampling", source, some, sr, environment=process.KEPT) as run:
        run()
        return run()["seconds"] * len(groups) / len(some)


@cache
def machine() -> dict[str, Any]:
    """Of what the figures depend most: kind of file system, cores."""
    folder = folder_for_all().resolve()
    disks = {Path(disk.mountpoint): disk.fstype for disk in psutil.disk_partitions(all=True)}
    disk = next((disks[path] for path in (folder, *folder.parents) if path in disks), "?")
    return {"disk": disk, "cores": available_cores()}


def time_recipe(benchmark: Any, pool: Any, source: str, sr: float | None) -> None:
    jobs = jobs_of_recipe(source, fresh(), sr)[::PEERS_SHARE]
    wait(benchmark)
    benchmark.pedantic(pool.map, (recipe, jobs, 10))
    benchmark.extra_info["files"] = len(jobs)


def time_run(benchmark: Any, work: str, *arguments: Any, **options: Any) -> None:
    with Run(work, *arguments, **options) as run:
        wait(benchmark)
        benchmark.extra_info |= benchmark.pedantic(run) | machine()


def wait(benchmark: Any) -> None:
    if not benchmark.disabled:
        cores().wait()
        benchmark.extra_info |= cores().found()


@pytest.mark.parametrize(
    ("rate", "name"),
    [(rate, name) for rate in RATES for name in (*DATASET, LOOP, RECIPE, *START_UP)],
)
def bench_clips(benchmark: Any, pool: Any, turn: int, rate: str, name: str) -> None:
    """Short clips, where the machinery counts."""
    source = clips(START_UP.get(name, 40 if benchmark.disabled else CLIPS))
    benchmark.group, benchmark.name = f"{CLIPS} WAVs at {rate}", name
    sr, target = RATES[rate], fresh()
    native = None if sr == "native" else sr
    if name == RECIPE:
        time_recipe(benchmark, pool, source, native)
        return
    if name == LOOP:
        time_run(benchmark, "loop", source, target, sr)
    else:
        workers = DATASET.get(name) or START_UP[name]
        time_run(benchmark, "dataset", source, target, sr=sr, workers=workers)
    if native is not None:
        benchmark.extra_info["resample"] = resampling(source, native, together=8)
    check_some(source, target, native, equal=0.99)


@pytest.mark.parametrize("name", ["melpix, 2 workers", RECIPE])
@pytest.mark.parametrize("rates", DOWN)
def bench_downsampling(benchmark: Any, pool: Any, turn: int, rates: str, name: str) -> None:
    """Short clips of a higher rate than is wanted, as most recordings are."""
    source_sr, sr = DOWN[rates]
    source, target = clips(40 if benchmark.disabled else CLIPS, source_sr), fresh()
    benchmark.group, benchmark.name = f"{CLIPS} WAVs at {rates}", name
    if name == RECIPE:
        time_recipe(benchmark, pool, source, sr)
        return
    time_run(benchmark, "dataset", source, target, sr=sr, workers=2)
    benchmark.extra_info["resample"] = resampling(source, sr, together=8)
    check_some(source, target, sr, equal=0.99)


@pytest.mark.parametrize("name", ["melpix, 2 workers", RECIPE])
@pytest.mark.parametrize("kind", FORMATS)
def bench_format(benchmark: Any, pool: Any, turn: int, kind: str, name: str) -> None:
    """Longer clips, where decoding counts."""
    if kind == "MP3" and "MP3" not in soundfile.available_formats():
        pytest.skip("libsndfile without MP3")
    source, target = format_clips(kind, 12 if benchmark.disabled else FORMAT_CLIPS), fresh()
    benchmark.group, benchmark.name = f"clips of {FORMAT_SECONDS} s, {kind}", name
    if name == RECIPE:
        time_recipe(benchmark, pool, source, 22050)
        return
    time_run(benchmark, "dataset", source, target, sr=22050, workers=2)
    benchmark.extra_info["resample"] = resampling(source, 22050, together=2 if kind == "WAV" else 1)
    check_some(source, target, 22050, equal=0.995)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", LONG)
def bench_long(benchmark: Any, name: str) -> None:
    """Windows of a long file: time, and the memory of all processes."""
    benchmark.group, benchmark.name = "windows of a file", name
    source, target = fresh() + ".wav", fresh()
    tens = 1 if benchmark.disabled else LONG[name] // 10
    write_wav(source, sound(10, FORMAT_SR), FORMAT_SR, times=tens)
    with Run("dataset", source, target, time_steps=384, workers=2) as run, Peak(run) as peak:
        benchmark.extra_info |= benchmark.pedantic(run)
    benchmark.extra_info["bytes"] = peak.bytes
    os.unlink(source)


@functools.lru_cache(maxsize=1)
def tiny_files(n: int) -> tuple[str, str]:
    """A folder of so many files, and one for what becomes of them."""
    source = fresh()
    y = sound(0.05 * 100, CLIP_SR).reshape(100, -1)
    for i in range(n):
        if i % 1000 == 0:
            os.makedirs(f"{source}/{i // 1000}")
        write_wav(f"{source}/{i // 1000}/{i}.wav", y[i % 100])
    return source, fresh()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("n", TINY)
def bench_tiny(benchmark: Any, n: int, phase: str) -> None:
    """Many tiny files: whether each phase stays linear, and what it holds."""
    benchmark.group, benchmark.name = f"tiny files: {phase}", f"{n} files"
    source, target = tiny_files(n // 100 if benchmark.disabled else n)
    if phase == "scan":
        run = Run("files", source)
    elif phase == "summary":
        run = Run("summary", target)
    else:
        run = Run("dataset", source, target, sr="native", workers=2)
    # What only reads takes so little time that one look at it says nothing.
    rounds = 5 if phase in ("scan", "summary") and not benchmark.disabled else 1
    with run, Peak(run) as peak:
        benchmark.extra_info |= benchmark.pedantic(run, rounds=rounds)
    benchmark.extra_info["bytes"] = peak.bytes
