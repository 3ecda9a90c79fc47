# SPDX-License-Identifier: MIT
"""The recipe, and librosa's melspectrogram, under their own parameters."""

from __future__ import annotations

import numpy as np

from reference import pipeline
from reference.compress import log
from reference.image import grey, pixels

__all__ = ["grey", "log", "melspectrogram", "pixels", "recipe_grey"]


def melspectrogram(
    y,
    sr=22050,
    n_fft=2048,
    hop_length=512,
    center=True,
    htk=False,
    **options,
):
    """Frame ... mel, as librosa.feature.melspectrogram names its parameters."""
    return pipeline.mel(
        np.asarray(y, dtype=np.float64),
        sr=sr,
        n_fft=n_fft,
        hop_length=hop_length,
        framing="center" if center else "uncentered",
        mel_scale="htk" if htk else "slaney",
        **options,
    )


def recipe_grey(y, sr=22050, hop_length=512, n_mels=128, value_range="minmax"):
    """The numbers just before truncation."""
    return pipeline.grey(y, sr=sr, hop_length=hop_length, n_mels=n_mels, range=value_range)
