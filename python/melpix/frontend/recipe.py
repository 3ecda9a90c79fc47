# SPDX-License-Identifier: MIT
"""The recipe that melpix started from, under its own names."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melpix.errors import ParameterError
from melpix.frontend.frontend import Frontend
from melpix.suffixes import refuse_other_suffix


def spectrogram_image(
    y: ArrayLike,
    sr: float,
    out: str | bytes | os.PathLike[str] | os.PathLike[bytes] | IO[bytes] | None = None,
    hop_length: int = 512,
    n_mels: int = 128,
    **options: Any,
) -> NDArray[np.uint8]:
    """Render a signal as the recipe does, and write it as PNG if `out` is given.

    Parameters
    ----------
    y : array [shape=(n,) or (channels, n)] of int16, float32 or float64
        The signal; channels are mixed by their mean.
    sr : number > 0
        Sampling rate in Hz.
    out : path or binary file, optional
        Where to write the PNG, with parameters and value range as metadata. A name ends in
        ``.png``, in nothing, or in what is no other kind of file (``.part``).
    hop_length : int >= 1
        Samples per column; the FFT has twice as many.
    n_mels : int >= 1
        Rows of the image.
    **options
        Any other parameter of `melpix.Frontend`.

    Returns
    -------
    np.ndarray [shape=(n_mels, 1 + n // hop_length), dtype=uint8]
        Low frequencies in the last row; 0 (black) is the most energy, 255 the least. Silence
        is 255 throughout.

    Raises
    ------
    ValueError
        As `melpix.Frontend` and `melpix.Frontend.image`; or if `out` is the name of something that
        is no PNG.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(0).uniform(-1, 1, 384 * 512).astype(np.float32)
    >>> spectrogram_image(y, sr=22050).shape
    (128, 385)
    """
    frontend = _frontend(sr=sr, hop_length=hop_length, n_mels=n_mels, **options)
    if out is None:
        return frontend.image(y)
    from melpix.image.write import write_png

    if isinstance(out, str | bytes | os.PathLike):
        refuse_other_suffix("out", out)  # before any work
    rendering = frontend.render(y)
    write_png(out, rendering.image, rendering.metadata())
    return rendering.image


def scale_minmax(X: ArrayLike, min: float = 0.0, max: float = 1.0) -> NDArray[Any]:
    """Scale an array linearly so that its extremes become `min` and `max`.

    Parameters
    ----------
    X : array
        Not empty, finite.
    min, max : number
        The new extremes.

    Returns
    -------
    np.ndarray
        Floats of the shape of `X`. A constant array, which has no range, becomes `min`.

    Examples
    --------
    >>> scale_minmax([1, 2, 3], 0, 255)
    array([  0. , 127.5, 255. ])
    """
    X = np.asarray(X)
    if X.size == 0:
        raise ParameterError("X", " must not be empty")
    lo, hi = X.min(), X.max()
    if not (np.isfinite(lo) and np.isfinite(hi)):
        raise ParameterError("X", " must be finite")
    spread = hi - lo
    scaled: NDArray[Any] = (X - lo) / (spread if spread else 1) * (max - min) + min
    return scaled


def _frontend(**parameters: Any) -> Frontend:
    # A function may return other samples the next time.
    if callable(parameters.get("window")):
        return Frontend(**parameters)
    try:
        return _planned(**parameters)
    except TypeError:  # an array or a list, or else an error that shows again
        pass
    try:
        return _planned(**{name: _frozen(value) for name, value in parameters.items()})
    except (TypeError, ValueError):
        return Frontend(**parameters)  # its error shows the value as given


def _frozen(value: Any) -> Any:
    """Return a parameter in a form that can be hashed, and is one still."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    if isinstance(value, list | tuple):  # a dict in a list is one of `stack`
        return tuple(tuple(v.items()) if isinstance(v, dict) else _frozen(v) for v in value)
    return value


# A loop over clips calls with the same few numbers each time. (Typed, since 512.0 is refused where
# 512 is not.)
@lru_cache(maxsize=32, typed=True)
def _planned(**parameters: Any) -> Frontend:
    return Frontend(**parameters)
