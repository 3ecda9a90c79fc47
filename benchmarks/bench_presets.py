# SPDX-License-Identifier: MIT
"""Every preset beside its own reference: the demonstration's sound to what the model takes.

That is the image where the models see images, else the features. Before anybody is timed, melpix's
features are verified against the reference's.
"""

from functools import cache
from typing import Any

import pytest

from melpix import Frontend, demo
from melpix.audio.load import load
from melpix.compare.peers import Job, UnableError
from melpix.compare.references import REFERENCES, Reference
from melpix.compare.verify import Pair, distance
from melpix.frontend.presets import PRESETS
from turns import Jobs, measure

SINGLE = "melpix, single precision"
NAMES = ("melpix", SINGLE, "reference")

# In what a reference works, and how many times as fast melpix must be.
COMPILED = {"kaldi-native-fbank": "C++", "torchlibrosa": "torch", "transformers": "torch"}
COMPILED |= {"msclap": "torch", "birdnetlib": "C++"}
LEAST = {"NumPy": 5.0, "torch": 1.0, "C++": 1.0}


def kind(reference: Reference) -> str:
    """transformers computes in torch where torch is installed, in NumPy elsewhere."""
    if not reference.packages:
        return "NumPy"
    found = COMPILED.get(reference.packages[0], "NumPy")
    return "NumPy" if found == "torch" and "torch" not in reference.versions() else found


@cache
def preset_jobs(name: str) -> Jobs:
    reference = REFERENCES[name]
    f, single = Frontend.from_preset(name), Frontend.from_preset(name, precision="single")
    y, _ = load(demo.wav(), sr=reference.sr)
    jobs: Jobs = {
        "melpix": _job(f, reference, y),
        SINGLE: _job(single, reference, y),
    }
    try:
        expected = reference.features(y)
    except UnableError as error:
        return {**jobs, "reference": error}
    if "torch" in reference.versions():
        import torch

        torch.set_num_threads(1)
    apart = distance(Pair(name, f, reference, PRESETS[name].tolerance), y, expected, name, 0)
    assert apart.within, apart
    if reference.network:
        return {**jobs, "reference": UnableError("its time is that of the whole network")}
    return {**jobs, "reference": _job(reference, reference, y)}


def _job(who: Any, reference: Reference, y: Any) -> Job:
    if reference.render is not None:
        return lambda: who.image(y)
    return lambda: who.features(y)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", PRESETS)
def bench_preset(benchmark: Any, preset: str, name: str) -> None:
    reference = REFERENCES[preset]
    versions = ", ".join(f"{who} {number}" for who, number in reference.versions().items())
    benchmark.extra_info.update(
        reference=versions or "formulas",
        kind=kind(reference),
        least=LEAST[kind(reference)],
        result="image" if reference.render else "features",
    )
    measure(benchmark, f"preset {preset}", name, preset_jobs(preset), rounds=30)
