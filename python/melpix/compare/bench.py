# SPDX-License-Identifier: MIT
"""melpix beside others on this machine: verified first, then timed in turns.

Everybody works in one thread; `melpix.workers.process.one_thread` must run before NumPy is loaded.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix import demo
from melpix.audio.load import load, probe, read_clip
from melpix.compare.machine import fft_of_librosa, processor, thread_pools, versions
from melpix.compare.peers import (
    DOUBLE,
    LIBROSA,
    MELPIX,
    PEERS,
    Contender,
    Job,
    UnableError,
    Work,
    first,
    librosa,
    to_file,
    with_isa,
)
from melpix.convert.file import MAX_IMAGE_SECONDS
from melpix.frontend.frontend import Frontend
from melpix.image.read import read_png
from melpix.installation import show_config

LEAST_ROUNDS = 3

# Pixels are the same if none is farther off than this, and at least this share is equal. Rounding
# moves a value across an integer where it lies close to one. Recordings have few of those, 1 in
# 10,000; in a full-scale chirp float32 alone gets 1 in 50 to the other side.
MOST_LEVELS, LEAST_EQUAL = 1, 0.95

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two images are apart.

    Attributes
    ----------
    levels : int
        The largest difference of two pixels; 256 if the images have other sizes.
    equal : float
        The share of equal pixels.
    """

    levels: int
    equal: float

    def within(self, levels: int = MOST_LEVELS, equal: float = LEAST_EQUAL) -> bool:
        """Whether the images are the same but for rounding."""
        return self.levels <= levels and self.equal >= equal

    def __str__(self) -> str:
        if self.levels == 0:
            return "identical"
        if self.levels > 255:
            return "another size"
        # Rounded down: what is not quite equal never reads as 100 %.
        return f"{int(self.equal * 100_000) / 1000:.3f} % equal, others off by <= {self.levels}"


def compare(image: NDArray[np.uint8], expected: NDArray[np.uint8]) -> Difference:
    """Measure how far an image is from the one expected.

    Examples
    --------
    >>> import numpy as np
    >>> print(compare(np.array([[7, 8]], np.uint8), np.array([[7, 10]], np.uint8)))
    50.000 % equal, others off by <= 2
    """
    if image.shape != expected.shape:
        return Difference(256, 0.0)
    apart = np.abs(image.astype(int) - expected)
    return Difference(int(apart.max()), float(np.mean(apart == 0)))


def take_turns(
    jobs: dict[str, Job],
    seconds: float,
    progress: Progress = lambda _: None,
    *,
    rounds: int | None = None,
    wait: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Time every job once a round, warm, in another order each round, for so long.

    Parameters
    ----------
    jobs : dict of str to callable
    seconds : float
        New rounds begin until this has passed; there are at least `LEAST_ROUNDS`.
    progress : callable, optional
        Is told now and then what goes on.
    rounds : int >= 1, optional
        The most rounds. Default: as many as fit into `seconds`.
    wait : callable, optional
        Called before each call that is timed: it returns when the machine is ready.

    Returns
    -------
    dict of str to list of float
        The seconds of each call.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    order, shuffle = list(jobs), random.Random(0).shuffle
    with _no_garbage_collection():
        start = time.perf_counter()
        for done in itertools.count():
            passed = time.perf_counter() - start
            if done == rounds or (passed >= seconds and done >= LEAST_ROUNDS):
                break
            progress(f"round {done + 1}, {passed:.0f} of {seconds:g} s")
            shuffle(order)
            for name in order:
                jobs[name]()  # untimed: nobody pays for what the one before left in the caches
                wait()
                before = time.perf_counter()
                jobs[name]()
                times[name].append(time.perf_counter() - before)
    return times


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Recording:
    """A sound file as the benchmark uses it.

    Attributes
    ----------
    name : str
    path : str
    folder : str
        For what is written on the way.
    work : Work
        Its samples, mixed and resampled, and the parameters.
    """

    name: str
    path: str
    folder: str
    work: Work


@contextlib.contextmanager
def open_sound(
    source: str | bytes | None, sr: float | str, **parameters: Any
) -> Iterator[Recording]:
    """Read a sound and render it once, so that all that can be wrong with either shows here.

    Parameters
    ----------
    source : str, bytes or None
        A path, the content of a file, or the sound of the demonstration.
    sr : number or "native"
    **parameters
        `n_fft`, `hop_length` and `n_mels` of the front-end.

    Yields
    ------
    Recording
        Valid inside: its folder is a temporary one.
    """
    with tempfile.TemporaryDirectory(prefix="melpix-bench-") as folder:
        given: str | bytes = demo.wav() if source is None else source
        rate: Any = probe(given)["sr"] if sr == "native" else sr
        f = Frontend(sr=rate, **parameters)
        clip = read_clip(given, sr=f.sr, max_seconds=MAX_IMAGE_SECONDS)
        f.image(clip.y)
        y, _ = load(given, sr=f.sr)
        if isinstance(given, str):
            name, path = os.path.basename(given), given
        else:
            name = "demonstration" if source is None else "standard input"
            path = os.path.join(folder, "sound")
            Path(path).write_bytes(given)
        yield Recording(name, path, folder, Work(y, f.sr, f.n_fft, f.hop_length, f.n_mels))


def run(sound: Recording, seconds: float, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Compare everybody who is installed.

    Parameters
    ----------
    sound : Recording
    seconds : float
        How long to measure, planning and verification not counted.
    progress : callable, optional
        Is told what goes on.

    Returns
    -------
    dict of JSON values
        ``results`` holds a list for each of "array to image" and "file to PNG"; an entry has its
        ``name`` and either ``unable``, the reason why it did not take part, or ``median``,
        ``least`` (seconds), ``ratio`` (of medians, to melpix), ``levels``, ``equal`` and ``same``
        (of its pixels; null where it makes none). What is not the ``same`` is not timed.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # other people's, and not about the user's sound
        config = show_config(mode="dicts")
        assert config is not None
        others = [isa for isa in config["available_isas"] if isa != config["isa"]]

        progress("planning and verifying")
        judge = _Judge(sound.work)
        picture = os.path.join(sound.folder, "image.png")
        groups = {
            "array to image": [
                _entry(contender, judge)
                for contender in (
                    MELPIX,
                    *(with_isa(isa) for isa in others),
                    DOUBLE,
                    *PEERS,
                )
            ],
            "file to PNG": [
                _entry(contender, judge, picture) for contender in to_file(sound.path, picture)
            ],
        }
        jobs = {
            f"{group}: {entry.name}": entry.job
            for group, entries in groups.items()
            for entry in entries
            if entry.job is not None
        }
        stages: dict[str, list[dict[str, float]]] = {isa: [] for isa in config["available_isas"]}
        fronts = {isa: sound.work.frontend(isa) for isa in stages}

        def profile() -> None:
            for isa, frontend in fronts.items():
                stages[isa].append(frontend.profile(sound.work.y))

        jobs["stages"] = profile
        stack.enter_context(_limited_pools())
        times = take_turns(jobs, seconds, progress)
        pools = thread_pools()

    results = {
        group: [entry.result(times.get(f"{group}: {entry.name}")) for entry in entries]
        for group, entries in groups.items()
    }
    for entries in results.values():
        melpix = entries[0].get("median")
        for row in entries:
            row["ratio"] = row["median"] / melpix if melpix and "median" in row else None
    return {
        "sound": sound.name,
        "seconds": sound.work.y.size / sound.work.sr,
        "parameters": {name: value for name, value in asdict(sound.work).items() if name != "y"},
        "image": [sound.work.n_mels, sound.work.frames],
        "judge": judge.name,
        "rounds": len(times["stages"]),
        "results": results,
        "stages": {
            isa: {stage: statistics.median(s[stage] for s in samples) for stage in samples[0]}
            for isa, samples in stages.items()
        },
        "machine": {
            "processor": processor(),
            "platform": config["platform"],
            "python": config["python"],
        },
        "melpix": {name: config[name] for name in ("melpix", "isa", "available_isas", "deflate")},
        "versions": versions(),
        "librosa_fft": fft_of_librosa(),
        "threads": pools,
    }


def differing(report: dict[str, Any]) -> list[str]:
    """Return who makes other pixels, and how far off."""
    return [
        f"{row['name']} ({group}: {Difference(row['levels'], row['equal'])})"
        for group, rows in report["results"].items()
        for row in rows
        if row.get("same") is False
    ]


def table(report: dict[str, Any]) -> Iterator[str]:
    """Lay a report out for reading, line by line."""
    parameters = ", ".join(f"{name} {value}" for name, value in report["parameters"].items())
    rows, columns = report["image"]
    yield f"{report['sound']}: {report['seconds']:.2f} s, {rows} x {columns} pixels ({parameters})"
    yield f"one thread, {report['rounds']} rounds in turns; pixels beside {report['judge']}'s"
    for group, entries in report["results"].items():
        yield ""
        yield f"{group:29}{'median ms':>10}{'least ms':>10}{'/ melpix':>10}   pixels"
        for entry in entries:
            times = f"{'-':>10}{'':20}"
            if "median" in entry:
                median, least = 1000 * entry["median"], 1000 * entry["least"]
                ratio = "-" if entry["ratio"] is None else f"{entry['ratio']:.2f}"
                times = f"{median:10.3f}{least:10.3f}{ratio:>10}"
            yield f"  {entry['name']:27}{times}   {_remark(entry)}"
    yield ""
    stages = report["stages"]
    yield f"{'stages of melpix, median ms':29}" + "".join(f"{isa:>10}" for isa in stages)
    for stage in next(iter(stages.values())):
        times = "".join(f"{1000 * seconds[stage]:10.3f}" for seconds in stages.values())
        yield f"  {stage:27}{times}"
    yield ""
    machine, melpix = report["machine"], report["melpix"]
    yield f"{machine['processor']}, {machine['platform']}, Python {machine['python']}"
    available = ", ".join(melpix["available_isas"])
    kernels = f"{melpix['isa']} kernels (of {available})"
    yield f"melpix {melpix['melpix']}, {kernels}, {melpix['deflate']}"
    yield ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    if report["librosa_fft"]:
        yield f"librosa's FFT is {report['librosa_fft']}"


def _remark(entry: dict[str, Any]) -> str:
    if "unable" in entry:
        return str(entry["unable"])
    if entry["levels"] is None:
        return "none: a floor"
    apart = str(Difference(entry["levels"], entry["equal"]))
    return apart if entry["same"] else f"NOT THE SAME: {apart}"


@dataclass(slots=True)
class _Entry:
    """A contender, its job or why there is none, and how its pixels compare."""

    name: str
    job: Job | None = None
    unable: str | None = None
    difference: Difference | None = None

    def result(self, times: list[float] | None) -> dict[str, Any]:
        if self.unable is not None:
            return {"name": self.name, "unable": self.unable}
        apart = self.difference
        row: dict[str, Any] = {
            "name": self.name,
            "levels": None if apart is None else apart.levels,
            "equal": None if apart is None else apart.equal,
            "same": None if apart is None else apart.within(),
        }
        if times:
            row |= {"median": statistics.median(times), "least": min(times)}
        return row


class _Judge:
    """The images to compare with: librosa's; without it, melpix's in double precision."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._images: dict[str, NDArray[np.uint8]] = {}
        try:
            first(LIBROSA, work)
            self.name = "librosa"
        except UnableError:
            self.name = "melpix, double precision"

    def image(self, mel_scale: str) -> NDArray[np.uint8]:
        if mel_scale not in self._images:
            if self.name == "librosa":
                image = librosa(self.work, htk=mel_scale == "htk")()
            else:
                image = self.work.frontend(precision="double", mel_scale=mel_scale).image(
                    self.work.y
                )
            self._images[mel_scale] = image
        return self._images[mel_scale]


def _entry(contender: Contender, judge: _Judge, picture: str | None = None) -> _Entry:
    """Plan, work once, and verify the image returned or the PNG written."""
    entry = _Entry(contender.name)
    try:
        job, image = first(contender, judge.work)
    except UnableError as error:
        entry.unable = str(error)
        return entry
    if contender.mel_scale is not None:
        if picture is not None:
            image, _ = read_png(picture)
        entry.difference = compare(image, judge.image(contender.mel_scale))
    if entry.difference is None or entry.difference.within():
        entry.job = job
    return entry


@contextlib.contextmanager
def _limited_pools() -> Iterator[None]:
    """Limit what was loaded before the environment said so, where threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(limits=1):
        yield
