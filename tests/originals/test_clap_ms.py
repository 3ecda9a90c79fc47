# SPDX-License-Identifier: MIT
"""clap-ms-2023 beside the published class: its spectrogram and log-mel extractors."""

import numpy as np
import pytest

import clips
import melpix
from melpix import verify
from melpix.preset_table import PRESETS
from melpix.references import REFERENCES

NAME = "clap-ms-2023"

MOST = 2e-2  # dB

pytestmark = pytest.mark.filterwarnings("ignore")  # torch and librosa speak of their own affairs


@pytest.fixture(scope="module")
def original():
    return clips.ready(REFERENCES[NAME])


@pytest.fixture(scope="module")
def frontend():
    return melpix.Frontend.from_preset(NAME)


def test_recordings(original, frontend):
    for name, y in clips.recorded(44100, 7, most=3, shorts=3).items():
        assert np.abs(frontend.features(y) - original.features(y)).max() <= MOST, name


# Beside pure tones, bands are so faint that the class's own float32 moves them by more.
TONAL = {"chirp", "tone 440 Hz", "tone 2 kHz", "warble"}


def test_made_clips(original, frontend):
    both = verify.Pair(NAME, frontend, original, PRESETS[NAME].tolerance)
    for name, y in clips.made(44100, 7).items():
        if name == "long":  # the class's user cuts a random part
            y = y[: 7 * 44100]
        expected = original.features(y)
        apart = np.abs(frontend.features(y) - expected)
        assert apart.shape == (965, 64)
        if name in TONAL:
            assert apart.mean() <= MOST, name
        else:
            assert apart.max() <= MOST, name
        assert verify.distance(both, y, expected, name, 7).within, name


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
