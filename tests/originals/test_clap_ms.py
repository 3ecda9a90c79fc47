# SPDX-License-Identifier: MIT
"""clap-ms-2023 beside the published class: its spectrogram and log-mel extractors."""

import numpy as np
import pytest

import clips
import melpix
from melpix.compare.references import REFERENCES
from melpix.compare.verify import Pair, distance
from melpix.frontend.presets import PRESETS

NAME = "clap-ms-2023"

MOST = 2e-2  # dB

pytestmark = pytest.mark.filterwarnings("ignore")  # torch and librosa speak of their own affairs


@pytest.fixture(scope="module")
def original():
    return clips.ready(REFERENCES[NAME])


@pytest.fixture(scope="module")
def frontend():
    return melpix.Frontend.from_preset(NAME)


def check(original, frontend, sounds):
    both = Pair(NAME, frontend, original, PRESETS[NAME].tolerance)
    for name, y in sounds.items():
        expected = original.features(y)
        apart = np.abs(frontend.features(y) - expected)
        assert apart.shape == (965, 64)
        # What is fainter the class's own float32 moves by more: verify knows by how much.
        assert apart[expected > expected.max() - 80].max() <= MOST, name
        assert apart.mean() <= MOST, name
        assert distance(both, y, expected, name, 7).within, name


def test_recordings(original, frontend):
    check(original, frontend, clips.recorded(44100, 7, most=3, shorts=3))


def test_made_clips(original, frontend):
    sounds = clips.made(44100, 7)
    sounds["long"] = sounds["long"][: 7 * 44100]  # the class's user cuts a random part
    check(original, frontend, sounds)


@pytest.mark.parametrize(
    "mistake", [{"mel_sr": None}, {"fmax": 8000}, {"mel_sr": None, "fmax": 8000}, {"fmin": 0}]
)
def test_a_mistake_shows(original, mistake):
    y = clips.made(44100, 7)["white noise"]
    wrong = melpix.Frontend.from_preset(NAME, **mistake).features(y)
    assert np.abs(wrong - original.features(y)).mean() > 10 * MOST


def test_a_tone_is_in_the_band_of_the_class(original, frontend):
    y = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(7 * 44100) / 44100)).astype(np.float32)
    assert original.features(y)[400].argmax() == frontend.features(y)[400].argmax() == 12
