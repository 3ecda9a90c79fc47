# SPDX-License-Identifier: MIT
"""Fresh processes: what an import costs, and the recipe as a script beside `melpix convert`."""

import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from melpix import demo, read_png
from melpix.compare.peers import UnableError
from turns import Jobs, check, measure, temporary_folder

IMPORTS = ("import numpy", "import melpix", "from melpix import Frontend")
RECIPE = """
import sys
import librosa
import numpy
import skimage.io
y, sr = librosa.load(sys.argv[1], sr=22050)
mels = librosa.feature.melspectrogram(y=y, sr=sr, n_mels=128, n_fft=1024, hop_length=512)
mels = numpy.log(mels + 1e-9)
img = ((mels - mels.min()) / (mels.max() - mels.min()) * 255).astype(numpy.uint8)
skimage.io.imsave(sys.argv[2], 255 - numpy.flip(img, axis=0), check_contrast=False)
"""


def process(*arguments: Any) -> Any:
    command = [sys.executable, *map(str, arguments)]
    return lambda: subprocess.run(command, check=True, capture_output=True)


@cache
def import_jobs() -> Jobs:
    return {statement: process("-c", statement) for statement in IMPORTS}


@cache
def cold_jobs() -> Jobs:
    folder = temporary_folder()
    wav, ours, theirs = folder / "in.wav", folder / "ours.png", folder / "theirs.png"
    wav.write_bytes(demo.wav())
    (folder / "recipe.py").write_text(RECIPE, encoding="utf-8")
    jobs: Jobs = {
        "melpix convert": process("-m", "melpix", "convert", wav, "-o", ours, "-q"),
        "recipe as a script": process(folder / "recipe.py", wav, theirs),
    }
    for job in jobs.values():
        try:
            job()
        except subprocess.CalledProcessError as error:
            reason = UnableError(error.stderr.decode().strip().splitlines()[-1])
            jobs["recipe as a script"] = reason
            return jobs
    check(read_png(ours)[0], read_png(theirs)[0])
    return jobs


@pytest.mark.parametrize("name", IMPORTS)
def bench_import(benchmark: Any, name: str) -> None:
    measure(benchmark, "import", name, import_jobs(), rounds=20)


@pytest.mark.parametrize("name", ["melpix convert", "recipe as a script"])
def bench_cold_start(benchmark: Any, name: str) -> None:
    measure(benchmark, "cold start", name, cold_jobs(), rounds=3)
