# SPDX-License-Identifier: MIT
"""librosa's mel functions under their own names and signatures, on melpix's core."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from melpix import _core, checks


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
        librosa's has; arithmetic is float32 only if both are.

    Returns
    -------
    np.ndarray [shape=(..., n_mels, frames)]

    Raises
    ------
    ValueError
        If a parameter is out of range, or `y` is not of a float type, not finite, or too short.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.random.default_rng(0).standard_normal(22050)
    >>> melspectrogram(y=y, sr=22050, n_mels=64).shape
    (64, 44)
    """
    weights_dtype = _weights_dtype(dtype)
    hop_length = checks.integer("hop_length", hop_length)
    n_fft = checks.integer("n_fft", n_fft)
    power = checks.above_zero("power", power)
    if S is not None:
        S = np.asarray(S)
        if S.ndim < 2:
            raise ValueError(f"S must have at least two dimensions, got shape {S.shape}")
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

    y = checks.signal(y)
    win_length = n_fft if win_length is None else checks.integer("win_length", win_length)
    result_dtype = np.result_type(y.dtype, weights_dtype)
    core = _plan(
        sr=checks.above_zero("sr", sr),
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        window=checks.window(window, win_length),
        framing="center" if center else "uncentered",
        pad_mode=checks.choice(
            "pad_mode", pad_mode, ("constant", "reflect", "edge", "symmetric", "linear_ramp")
        ),
        power=power,
        n_mels=checks.integer("n_mels", n_mels),
        fmin=checks.real("fmin", fmin),
        fmax=checks.real("fmax", sr / 2 if fmax is None else fmax),
        mel_scale="htk" if htk else "slaney",
        norm=checks.norm(norm),
        single=result_dtype == np.float32,
        single_filterbank=weights_dtype == np.float32,
    )
    if core.empty_filters:
        _warn_empty(core.empty_filters, n_mels)
    shape = (n_mels, core.frames(y.shape[-1]))
    return checks.map_leading(y, shape, result_dtype, lambda s, out: core.mel(s, out)[3])[0]


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
    n_mels = checks.integer("n_mels", n_mels)
    weights, empty = _core.mel_filterbank(
        sr=checks.above_zero("sr", sr),
        n_fft=checks.integer("n_fft", n_fft),
        n_mels=n_mels,
        fmin=checks.real("fmin", fmin),
        fmax=checks.real("fmax", sr / 2 if fmax is None else fmax),
        mel_scale="htk" if htk else "slaney",
        norm=checks.norm(norm),
        single=_weights_dtype(dtype) == np.float32,
    )
    if empty:
        _warn_empty(empty, n_mels)
    return weights


def power_to_db(
    S: ArrayLike,
    *,
    ref: float | Callable[[NDArray[Any]], Any] = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
) -> NDArray[Any]:
    """Power to decibels, as `librosa.power_to_db`: ``10 log10(S / ref)``.

    Parameters
    ----------
    S : array
        Power, >= 0.
    ref : number or callable
        The power of 0 dB, or a function of `S` that gives it, like `np.max`.
    amin : number > 0
        Floor of `S` and `ref`.
    top_db : number >= 0 or None
        Floor of the result, in dB below its maximum.

    Returns
    -------
    np.ndarray
        Of the shape of `S`.

    Raises
    ------
    ValueError
        If `amin` or `top_db` is out of range, or `S` is complex.

    Examples
    --------
    >>> import numpy as np
    >>> power_to_db(np.array([1e-12, 0.1, 1.0]), top_db=80)
    array([-80., -10.,   0.])
    """
    S = np.asarray(S)
    if np.iscomplexobj(S):
        raise ValueError("S must be a power, got complex values: pass np.abs(S) ** 2")
    if not amin > 0:
        raise ValueError(f"amin must be > 0, got {amin!r}")
    if top_db is not None and not top_db >= 0:
        raise ValueError(f"top_db must be >= 0, got {top_db!r}")
    reference = ref(S) if callable(ref) else np.abs(ref)
    db: NDArray[Any] = 10.0 * np.log10(np.maximum(amin, S))
    db -= 10.0 * np.log10(np.maximum(amin, reference))
    return db if top_db is None else np.maximum(db, db.max() - top_db)


# Plans are cheap to keep and dear to make; a program uses a handful.
@lru_cache(maxsize=32)
def _plan(*, window: checks.Window, single: bool, **parameters: Any) -> _core.Frontend:
    parameters |= {"window": checks.core_window(window), "compress": "none"}
    return _core.Frontend(parameters, single=single)


def _weights_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    weights_dtype = np.dtype(dtype)
    if weights_dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {weights_dtype}")
    return weights_dtype


def _warn_empty(empty: int, n_mels: int) -> None:
    checks.warn(
        f"{empty} of {n_mels} mel filters catch no bin of the FFT; their bands are 0. "
        "Use fewer n_mels, a larger n_fft or a narrower range."
    )
