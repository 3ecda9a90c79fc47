# SPDX-License-Identifier: MIT
"""librosa's mel functions under their own names and signatures, on melpix's core."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from melpix import _core, arguments
from melpix.errors import ParameterError
from melpix.frontend import arrays
from melpix.frontend.parameters import checked

# Slaney, Auditory Toolbox, 1998: linear up to the knee, then 27 mels for each factor 6.4.
_KNEE_HZ, _KNEE_MEL, _HZ_PER_MEL = 1000.0, 15.0, 200.0 / 3

# NumPy's float64, as librosa's is: it makes a float32 scalar above the knee one of float64.
_NEPERS_PER_MEL = np.float64(math.log(6.4) / 27)


def melspectrogram(
    *,
    y: ArrayLike | None = None,
    sr: float = 22050,
    S: ArrayLike | None = None,
    n_fft: int = 2048,
    hop_length: int = 512,
    win_length: int | None = None,
    window: Any = "hann",
    center: bool = True,
    pad_mode: str = "constant",
    power: float = 2.0,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | float | None = "slaney",
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Mel spectrogram, as `librosa.feature.melspectrogram`.

    Parameters
    ----------
    y : array [shape=(..., n)] of floats
        Signals. Give either `y` or `S`.
    sr : number > 0
        Sampling rate in Hz.
    S : array [shape=(..., 1 + n_fft // 2, frames)]
        A spectrogram to apply the filterbank to, instead of `y`.
    n_fft, hop_length, win_length, window, pad_mode, power, n_mels, fmin, fmax, norm
        As in `melpix.Frontend`.
    center : bool
        Whether frames are centred.
    htk : bool
        HTK's mel scale instead of Slaney's.
    dtype : {float32, float64}
        Type of the filterbank. The result has the wider of this and the signal's type, as
        librosa's has. If both are float32, frames are computed in float32, and again in float64
        where rounding could move a value by more than 2e-6 of the result's greatest.

    Returns
    -------
    np.ndarray [shape=(..., n_mels, frames)]

    Raises
    ------
    ValueError
        If a parameter is out of range, or `y` is not of a float type, not finite, or too short.

    Warns
    -----
    UserWarning
        If `y` has the shape of samples by channels, as soundfile.read returns them; or if filters
        are so narrow that they catch no bin.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(0).standard_normal(22050)
    >>> melspectrogram(y=y, sr=22050, n_mels=64).shape
    (64, 44)
    """
    weights_dtype = _weights_dtype(dtype)
    hop_length = arguments.integer("hop_length", hop_length)
    n_fft = arguments.integer("n_fft", n_fft)
    power = arguments.above_zero("power", power)
    if S is not None:
        S = np.asarray(S)
        if S.ndim < 2:
            raise ParameterError("S", f" must have at least two dimensions, got shape {S.shape}")
        # librosa's rule: the spectrogram's height wins over n_fft.
        if n_fft // 2 + 1 != S.shape[-2]:
            n_fft = 2 * (S.shape[-2] - 1)
        weights = mel_filterbank(
            sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm,
            dtype=weights_dtype,
        )  # fmt: skip
        product: NDArray[Any] = np.matmul(weights, S)
        return product
    if y is None:
        raise ValueError("melspectrogram needs y or S")

    y = arrays.signal(y)
    if arguments.looks_transposed(y):
        arguments.warn(f"y has {arguments.transposed(y)}")
    result_dtype = np.result_type(y.dtype, weights_dtype)
    values, texts, window_samples = checked(
        {
            **_mel(sr, n_fft, n_mels, fmin, fmax, htk, norm),
            "hop_length": hop_length,
            "win_length": win_length,
            "window": window,
            "framing": "center" if center else "uncentered",
            "pad_mode": pad_mode,
            "power": power,
            "compress": None,
            "precision": "mixed" if result_dtype == np.float32 else "double",
        }
    )
    if weights_dtype == np.float32:
        texts["single_filterbank"] = "true"
    core = _plan(tuple(texts.items()), window_samples)
    n_mels = values["n_mels"]
    if core.empty_filters:
        _warn_empty(core.empty_filters, n_mels)
    shape = (n_mels, core.frames(y.shape[-1]))
    return arrays.map_leading(y, shape, result_dtype, lambda s, out: core.mel(s, out)[3])[0]


def mel_filterbank(
    *,
    sr: float,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | float | None = "slaney",
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Mel filterbank, as `librosa.filters.mel`: triangles linear in Hz, even in mel.

    Parameters
    ----------
    sr, n_fft, n_mels, fmin, fmax, htk, norm
        As in `melspectrogram`.
    dtype : {float32, float64}

    Returns
    -------
    np.ndarray [shape=(n_mels, 1 + n_fft // 2)]
        Weights; row m is filter m, lowest first.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Warns
    -----
    UserWarning
        If a filter is so narrow that it catches no bin.

    Examples
    --------
    >>> mel_filterbank(sr=16000, n_fft=400, n_mels=80).shape
    (80, 201)
    """
    values, texts, _ = checked(_mel(sr, n_fft, n_mels, fmin, fmax, htk, norm))
    single = _weights_dtype(dtype) == np.float32
    weights, empty = _core.mel_filterbank(texts, single=single)
    if empty:
        _warn_empty(empty, values["n_mels"])
    return weights


def hz_to_mel(frequencies: ArrayLike, *, htk: bool = False) -> Any:
    """Frequencies in mel, as `librosa.hz_to_mel`.

    Parameters
    ----------
    frequencies : number or array
        In Hz.
    htk : bool
        HTK's scale, ``2595 log10(1 + f / 700)``, instead of Slaney's: 15 mels a kHz up to 1 kHz,
        then 27 for each factor 6.4.

    Returns
    -------
    number or np.ndarray
        Of the shape of `frequencies`.

    Examples
    --------
    >>> hz_to_mel([0, 200, 1000, 6400])
    array([ 0.,  3., 15., 42.])
    >>> float(hz_to_mel(6300, htk=True))
    2595.0
    """
    hz = np.asanyarray(frequencies)
    if htk:
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    mel = hz / _HZ_PER_MEL
    return _beyond(hz, _KNEE_HZ, mel, lambda f: _KNEE_MEL + np.log(f / _KNEE_HZ) / _NEPERS_PER_MEL)


def mel_to_hz(mels: ArrayLike, *, htk: bool = False) -> Any:
    """Mels in Hz, as `librosa.mel_to_hz`: the inverse of `hz_to_mel`.

    Parameters
    ----------
    mels : number or array
    htk : bool
        As in `hz_to_mel`.

    Returns
    -------
    number or np.ndarray
        Of the shape of `mels`.

    Examples
    --------
    >>> mel_to_hz([0, 3, 15, 42])
    array([   0.,  200., 1000., 6400.])
    """
    mel = np.asanyarray(mels)
    if htk:
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    hz = _HZ_PER_MEL * mel
    return _beyond(
        mel, _KNEE_MEL, hz, lambda m: _KNEE_HZ * np.exp(_NEPERS_PER_MEL * (m - _KNEE_MEL))
    )


def mel_frequencies(
    n_mels: int = 128, *, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[Any]:
    """Frequencies that are evenly spaced in mel, as `librosa.mel_frequencies`.

    The filters of ``mel_filterbank(n_mels=n)`` have their edges and peaks at
    ``mel_frequencies(n + 2)``.

    Parameters
    ----------
    n_mels : int >= 0
        How many.
    fmin, fmax : number
        The first and the last of them, in Hz.
    htk : bool
        As in `hz_to_mel`.

    Returns
    -------
    np.ndarray [shape=(n_mels,)]
        float64; float32 where `fmin` and `fmax` are and librosa's is.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> mel_frequencies(4, fmin=0, fmax=1000).round(1)
    array([   0. ,  333.3,  666.7, 1000. ])
    """
    n_mels = arguments.integer("n_mels", n_mels, 0)
    ends = []
    for name, value in (("fmin", fmin), ("fmax", fmax)):
        number = arguments.real(name, value)
        # A scalar of NumPy keeps its type, which decides that of the result.
        ends.append(hz_to_mel(value if isinstance(value, np.floating) else number, htk=htk))
    lowest, highest = ends
    frequencies: NDArray[Any] = mel_to_hz(np.linspace(lowest, highest, n_mels), htk=htk)
    return frequencies


def _beyond(
    x: NDArray[Any], knee: float, y: Any, slaney: Callable[[NDArray[Any]], NDArray[Any]]
) -> Any:
    """Return y = f(x), but slaney(x) from the knee on: in y's type, unless it is a scalar."""
    above = x >= knee
    if not x.ndim:
        return slaney(x) if above else y
    y[above] = slaney(x[above])
    return y


# Plans are cheap to keep and dear to make; a program uses a handful.
@lru_cache(maxsize=32)
def _plan(texts: tuple[tuple[str, str], ...], window_samples: tuple[float, ...]) -> _core.Frontend:
    return _core.Frontend(dict(texts), window_samples)


def _mel(
    sr: Any, n_fft: Any, n_mels: Any, fmin: Any, fmax: Any, htk: bool, norm: Any
) -> dict[str, Any]:
    """Return the filterbank's parameters under the names of `Frontend`."""
    return {
        "sr": sr, "n_fft": arguments.integer("n_fft", n_fft), "n_mels": n_mels, "fmin": fmin,
        "fmax": fmax, "mel_scale": "htk" if htk else "slaney", "norm": norm,
    }  # fmt: skip


def _weights_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    weights_dtype = np.dtype(dtype)
    if weights_dtype not in (np.float32, np.float64):
        raise ParameterError("dtype", f" must be float32 or float64, got {weights_dtype}")
    return weights_dtype


def _warn_empty(empty: int, n_mels: int) -> None:
    arguments.warn(
        f"{empty} of {n_mels} mel filters catch no bin of the FFT; their bands are 0. "
        "Use fewer n_mels, a larger n_fft or a narrower range."
    )
