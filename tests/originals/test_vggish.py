# SPDX-License-Identifier: MIT
"""vggish beside AudioSet's own mel_features, which torchvggish carries unchanged."""

import numpy as np
import pytest

import clips
import melpix
from melpix.compare.packages import part_of
from melpix.frontend.presets import PRESETS

SR = 16000


@pytest.fixture(scope="module")
def original():
    """What torchvggish's waveform_to_examples does with samples of this rate, before torch."""
    try:
        features = part_of("torchvggish", "mel_features")
    except ModuleNotFoundError as error:
        pytest.skip(f"{error}: see tests/originals/run")
    p = part_of("torchvggish", "vggish_params")

    def examples(y):
        log_mel = features.log_mel_spectrogram(
            y,
            audio_sample_rate=p.SAMPLE_RATE,
            log_offset=p.LOG_OFFSET,
            window_length_secs=p.STFT_WINDOW_LENGTH_SECONDS,
            hop_length_secs=p.STFT_HOP_LENGTH_SECONDS,
            num_mel_bins=p.NUM_MEL_BINS,
            lower_edge_hertz=p.MEL_MIN_HZ,
            upper_edge_hertz=p.MEL_MAX_HZ,
        )
        rate = 1 / p.STFT_HOP_LENGTH_SECONDS
        sizes = (p.EXAMPLE_WINDOW_SECONDS, p.EXAMPLE_HOP_SECONDS)
        return features.frame(log_mel, *(round(seconds * rate) for seconds in sizes))

    return examples


def check(original, sounds):
    f = melpix.Frontend.from_preset("vggish")
    for name, y in sounds.items():
        features, expected = f.features(y), original(y.astype(np.float64))
        assert features.shape == expected.shape, name
        assert np.abs(features - expected).max() <= PRESETS["vggish"].tolerance, name


def test_made_clips(original):
    check(original, clips.made(SR, 3))


def test_recordings(original):
    check(original, clips.recorded(SR, 3, shorts=0))
