# SPDX-License-Identifier: MIT
"""The recipe's work, melpix beside librosa: each result is checked before it gets a time.

A group is one job; every contender does the whole of it in one thread.

    pytest benchmarks --benchmark-json=results.json && python benchmarks/report.py results.json
"""

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import skimage.io

import melpix
from melpix import demo

SR, HOP_LENGTH, N_MELS = 22050, 512, 128

# librosa.load imports audioread, which imports what newer Pythons have dropped.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def recipe(y: Any) -> Any:
    """The recipe's function in librosa, up to the image."""
    mels = librosa.feature.melspectrogram(
        y=y, sr=SR, n_mels=N_MELS, n_fft=2 * HOP_LENGTH, hop_length=HOP_LENGTH
    )
    mels = np.log(mels + 1e-9)
    img = ((mels - mels.min()) / (mels.max() - mels.min()) * 255).astype(np.uint8)
    return 255 - np.flip(img, axis=0)


def frontend(isa: str | None = None, **parameters: Any) -> melpix.Frontend:
    """A front-end, planned for an instruction set."""
    before = os.environ.pop("MELPIX_ISA", None)
    try:
        if isa:
            os.environ["MELPIX_ISA"] = isa
        return melpix.Frontend(**parameters)
    finally:
        os.environ.pop("MELPIX_ISA", None)
        if before is not None:
            os.environ["MELPIX_ISA"] = before


def check(image: Any, expected: Any) -> None:
    """Refuse to time what does something else: at most one grey level apart, almost nowhere."""
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= 1
    assert (image == expected).mean() >= 0.999


Job = Callable[[], Any]


def array_jobs() -> dict[str, Job]:
    """196,608 float32 samples in memory to 128 x 385 pixels in memory."""
    return jobs_for((demo.sound() / 32768).astype(np.float32))


def chirp_jobs() -> dict[str, Job]:
    """The same of a full-scale chirp, in which single precision is in doubt nearly everywhere."""
    t = np.arange(demo.SAMPLES) / SR
    jobs = jobs_for(np.sin(2 * np.pi * (100 + 500 * t) * t).astype(np.float32))
    del jobs["melpix, generic kernels"]
    return jobs


def jobs_for(y: Any) -> dict[str, Job]:
    single, double = frontend(), frontend(precision="double")
    jobs: dict[str, Job] = {
        "the recipe in librosa": lambda: recipe(y),
        "melpix": lambda: single.image(y),
        "melpix, double precision": lambda: double.image(y),
    }
    generic = frontend("generic")
    jobs["melpix, generic kernels"] = lambda: generic.image(y)
    expected = recipe(y)
    for job in jobs.values():
        check(job(), expected)
    return jobs


def file_jobs() -> dict[str, Job]:
    """A WAV file of these samples, 16 bit, to a PNG file."""
    folder = Path(tempfile.mkdtemp(prefix="melpix-benchmark-"))
    wav, png = folder / "in.wav", folder / "out.png"
    wav.write_bytes(demo.wav())
    f = frontend()

    def recipe_file() -> Any:
        y, _ = librosa.load(wav, sr=SR)
        skimage.io.imsave(png, recipe(y), check_contrast=False)

    jobs: dict[str, Job] = {
        "the recipe in librosa": recipe_file,
        "melpix": lambda: melpix.convert_file(wav, png, f),
    }
    recipe_file()
    expected = skimage.io.imread(png)
    for job in jobs.values():
        job()
        check(skimage.io.imread(png), expected)
    return jobs


GROUPS = {
    "array to image": array_jobs,
    "array to image, full-scale chirp": chirp_jobs,
    "WAV file to PNG file": file_jobs,
}
CONTENDERS = [
    ("array to image", "the recipe in librosa"),
    ("array to image", "melpix"),
    ("array to image", "melpix, double precision"),
    ("array to image", "melpix, generic kernels"),
    ("array to image, full-scale chirp", "the recipe in librosa"),
    ("array to image, full-scale chirp", "melpix"),
    ("array to image, full-scale chirp", "melpix, double precision"),
    ("WAV file to PNG file", "the recipe in librosa"),
    ("WAV file to PNG file", "melpix"),
]


@cache
def jobs_of(group: str) -> dict[str, Job]:
    return GROUPS[group]()


@pytest.mark.parametrize(("group", "name"), CONTENDERS)
def bench(benchmark: Any, group: str, name: str) -> None:
    jobs = jobs_of(group)

    def everybody() -> None:
        for job in jobs.values():
            job()

    benchmark.group, benchmark.name = group, name
    # Before each timed round everybody works once: the contenders take turns, in effect.
    benchmark.pedantic(jobs[name], setup=everybody, rounds=60, warmup_rounds=3)
