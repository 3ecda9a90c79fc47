# SPDX-License-Identifier: MIT
"""A sound file to a PNG file in a warm process: melpix, the recipe, and the decoder alone."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from melpix import demo, read_png
from melpix.compare import peers
from melpix.compare.peers import UnableError, Work
from turns import Jobs, check, measure, recordings, temporary_folder

FOLDER = temporary_folder()
# Suffix, libsndfile's encoding, rate, channels, and the type that the decoder gives for least.
FORMATS = {
    "WAV, 22.05 kHz, 16 bit": ("wav", "PCM_16", 22050, 1, "int16"),
    "FLAC, 44.1 kHz, stereo": ("flac", "PCM_16", 44100, 2, "float32"),
    "MP3, 44.1 kHz, stereo": ("mp3", "MPEG_LAYER_III", 44100, 2, "float32"),
    "OGG Vorbis, 44.1 kHz, stereo": ("ogg", "VORBIS", 44100, 2, "float32"),
}
NAMES = ("melpix", "librosa, scikit-image", "decoder alone")


def write(path: Path, subtype: str, sr: int, channels: int) -> None:
    """Encode the longest sound, the recipe's window of it. (One long write crashes Vorbis.)"""
    y = max(recordings(), key=len)[: demo.SAMPLES]
    if sr != demo.SR:
        y = soxr.resample(y, demo.SR, sr)
    y = np.stack([y, np.roll(y, 7)], axis=1)[:, :channels].clip(-1, 1)
    with soundfile.SoundFile(path, "w", sr, channels, subtype) as sound:
        for start in range(0, len(y), 8192):
            sound.write(y[start : start + 8192])


@cache
def file_jobs(kind: str) -> Jobs:
    suffix, subtype, sr, channels, dtype = FORMATS[kind]
    source, target = FOLDER / f"in.{suffix}", FOLDER / f"{suffix}.png"
    write(source, subtype, sr, channels)
    jobs: Jobs = {"decoder alone": lambda: soundfile.read(source, dtype=dtype)}
    images = []
    for contender in peers.to_file(str(source), str(target)):
        try:
            job, _ = peers.first(contender, Work(np.zeros(1, np.float32), demo.SR))
        except UnableError as error:
            jobs[contender.name] = error
            continue
        jobs[contender.name] = job
        images.append(read_png(target)[0])
    for image in images:
        check(image, images[-1])
    return jobs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", FORMATS)
def bench_file(benchmark: Any, kind: str, name: str) -> None:
    if kind.startswith("MP3") and "MP3" not in soundfile.available_formats():
        pytest.skip("libsndfile without MP3")
    measure(benchmark, f"{kind} to PNG", name, file_jobs(kind), rounds=40)
