# SPDX-License-Identifier: MIT
"""If you run one test, run this one."""

import numpy as np

import melpix


def test_a_tone_becomes_a_dark_line() -> None:
    sr, hop_length = 22050, 512
    y = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(sr) / sr)
    image = melpix.spectrogram_image(y, sr)
    assert image.shape == (128, 1 + sr // hop_length)
    assert image.dtype == np.uint8
    # 1000 Hz is 15 mel of Slaney's scale; row 0 is the top, so the highest frequency.
    mel_of_nyquist = 15 + 27 * np.log(sr / 2 / 1000) / np.log(6.4)
    expected_row = 127 - (15 / mel_of_nyquist * 129 - 1)
    darkest = image[:, 5:-5].argmin(axis=0)
    assert np.abs(darkest - expected_row).max() <= 1
    assert image.min() == 0
    assert image.max() == 255
