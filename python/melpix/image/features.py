# SPDX-License-Identifier: MIT
"""From the pixels of an image back to features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix.image.metadata import greys_of
from melpix.image.size import checked_image


def features_from_image(image: NDArray[Any], metadata: dict[str, Any]) -> NDArray[np.float32]:
    """Return the features that an image was made of, back within half a grey level.

    Of those that a fixed range has clipped, the end of the range comes back. (The result is
    float32, whose own rounding shows where 16 bits span next to nothing.)

    Parameters
    ----------
    image : np.ndarray [shape=(n_mels, frames) or (n_mels, frames, channels)]
        Of type uint8 or uint16.
    metadata : dict
        As `read_png` returns it: its `lo` and `hi` are used, and of its `params` those that say
        how greys became pixels; where they are missing, they are the recipe's.

    Returns
    -------
    np.ndarray [shape=(n_mels, frames) or (n_mels, frames, channels), dtype=float32]
        As `melpix.Frontend.features` gives them with the layout ``mels`` and no patches: row 0 is
        the lowest band.

    Raises
    ------
    ValueError
        If `image` is none that melpix makes; if `metadata` is no dict, lacks the value range, or
        has one that is not finite, of another number of channels or more than float32 holds; or if
        its `params` are none of a front-end's, or say that the image had other rows, channels or
        bits. (Columns may be cut out.)

    Examples
    --------
    >>> import numpy as np
    >>> import melpix
    >>> f = melpix.Frontend()
    >>> y = np.random.default_rng(0).uniform(-1, 1, 22050).astype(np.float32)
    >>> image, metadata = read_png(f.png(y))
    >>> error = np.abs(features_from_image(image, metadata) - f.features(y)).max()
    >>> bool(error <= (metadata["hi"] - metadata["lo"]) / 255 / 2 * 1.0001)
    True

    From a logarithm the mel comes back, and from that a sound like the first: of the demonstration,
    with the recipe's 128 bands, the spectral convergence is below 0.25, whichever logarithm it is.
    With ``ref="max"`` it comes back but for its loudness.

    >>> features = features_from_image(image, metadata).astype(float)
    >>> mel = {"ln": np.exp, "log10": lambda x: 10**x, "db": lambda x: 10 ** (x / 10)}[f.compress]
    >>> mel = np.maximum(mel(features) - metadata["params"]["offset"], 0)
    >>> y = librosa.feature.inverse.mel_to_audio(  # doctest: +SKIP
    ...     mel, sr=f.sr, n_fft=f.n_fft, hop_length=f.hop_length, power=f.power, fmin=f.fmin,
    ...     fmax=f.fmax)
    """
    image = checked_image(image)
    greys = greys_of(image, metadata)
    lo, hi = greys.lo, greys.hi
    most = float(np.iinfo(image.dtype).max)
    grey = image[::-1] if greys.flip else image
    if greys.invert:
        grey = np.asarray(most, image.dtype) - grey
    # Where a pixel was truncated, its value lies half a level above on average; but the maximum
    # itself is exact. Where it was raised, the same the other way round.
    shift = {"truncate": 0.5, "nearest": 0.0, "ceil": -0.5}[greys.rounding]
    grey = np.clip(grey + shift, 0.0, most)
    features: NDArray[np.float32] = (grey / most * (hi - lo) + lo).astype(np.float32)
    return features
