# SPDX-License-Identifier: MIT
"""librosa's functions from energies to what a model is shown: decibels and PCEN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melpix import arguments
from melpix.errors import ParameterError


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
        If `amin` or `top_db` is out of range.

    Warns
    -----
    UserWarning
        If `S` is complex: its magnitude is taken, which is no power.

    Examples
    --------
    >>> import numpy as np
    >>> power_to_db(np.array([1e-12, 0.1, 1.0]), top_db=80)
    array([-80., -10.,   0.])
    """
    S = _without_phase("power_to_db", np.asarray(S), "np.abs(S) ** 2")
    if not amin > 0:
        raise ParameterError("amin", f" must be > 0, got {amin!r}")
    if top_db is not None and not top_db >= 0:
        raise ParameterError("top_db", f" must be >= 0, got {top_db!r}")
    reference = ref(S) if callable(ref) else np.abs(ref)
    db: NDArray[Any] = 10.0 * np.log10(np.maximum(amin, S))
    db -= 10.0 * np.log10(np.maximum(amin, reference))
    return db if top_db is None else np.maximum(db, db.max() - top_db)


def amplitude_to_db(
    S: ArrayLike,
    *,
    ref: float | Callable[[NDArray[Any]], Any] = 1.0,
    amin: float = 1e-5,
    top_db: float | None = 80.0,
) -> NDArray[Any]:
    """Amplitude to decibels, as `librosa.amplitude_to_db`: ``20 log10(abs(S) / ref)``.

    Parameters
    ----------
    S : array
        Amplitudes.
    ref : number or callable
        The amplitude of 0 dB, or a function of ``abs(S)`` that gives it, like `np.max`.
    amin : number > 0
        Floor of ``abs(S)`` and `ref`.
    top_db : number >= 0 or None
        Floor of the result, in dB below its maximum.

    Returns
    -------
    np.ndarray
        Of the shape of `S`.

    Raises
    ------
    ValueError
        If `amin` or `top_db` is out of range.

    Warns
    -----
    UserWarning
        If `S` is complex: its magnitude is taken.

    Examples
    --------
    >>> import numpy as np
    >>> amplitude_to_db(np.array([1e-6, -0.1, 1.0]), top_db=80)
    array([-80., -20.,   0.])
    """
    S = _without_phase("amplitude_to_db", np.asarray(S), "np.abs(S)")
    if not amin > 0:
        raise ParameterError("amin", f" must be > 0, got {amin!r}")
    magnitude = np.abs(S)
    reference = ref(magnitude) if callable(ref) else np.abs(ref)
    return power_to_db(np.square(magnitude), ref=reference**2, amin=amin**2, top_db=top_db)


def pcen(
    S: ArrayLike,
    *,
    sr: float = 22050,
    hop_length: int = 512,
    gain: float = 0.98,
    bias: float = 2,
    power: float = 0.5,
    time_constant: float = 0.400,
    eps: float = 1e-6,
    b: float | None = None,
    max_size: int = 1,
    ref: ArrayLike | None = None,
    axis: int = -1,
    max_axis: int | None = None,
    zi: ArrayLike | None = None,
    return_zf: bool = False,
) -> Any:
    """Per-channel energy normalisation, as `librosa.pcen`.

    Each band is divided by what it was of late, so that steady noise fades and what begins
    stands out: ``(S / (eps + M) ** gain + bias) ** power - bias ** power``, where
    ``M[t] = (1 - b) * M[t - 1] + b * S[t]`` (Wang et al. 2017, Lostanlen et al. 2019).

    Parameters
    ----------
    S : array [shape=(..., frames)], >= 0
        Magnitudes or energies. The defaults suit a magnitude mel spectrogram of samples that
        were multiplied by ``2 ** 31``.
    sr, hop_length : number > 0
        Samples per second and per frame.
    gain, bias, power : number >= 0
        Strength of the normalisation, and offset and exponent of the compression; power 0 is
        ``log1p``.
    time_constant : number > 0
        Seconds of the smoothing.
    eps : number > 0
        Added to what is divided by.
    b : number in 0 ... 1, optional
        Coefficient of the smoothing, instead of that which follows from `time_constant`.
    max_size : int >= 1
        Bands whose maximum is smoothed, in the place of each band alone.
    ref : array, optional
        What is smoothed, in the place of `S`.
    axis : int
        Along which time runs.
    max_axis : int, optional
        Along which bands are neighbours; of two-dimensional `S`, the one that is not `axis`.
    zi : array, optional
        State of the smoothing before the first frame: 1 long along `axis`. By default ``1 - b``,
        as if M had been 1.
    return_zf : bool
        Whether to return the state after the last frame, the `zi` of the next call.

    Returns
    -------
    P : np.ndarray
        Of the shape of `S`, float64.
    zf : np.ndarray
        With `return_zf` only.

    Raises
    ------
    ValueError
        If a parameter is out of range, or shapes do not fit.

    Warns
    -----
    UserWarning
        If `S` is complex: its magnitude is taken.

    Examples
    --------
    >>> import numpy as np
    >>> S = np.random.default_rng(0).uniform(0, 1e6, (40, 100))
    >>> P = pcen(S)
    >>> first, state = pcen(S[:, :30], return_zf=True)
    >>> rest = pcen(S[:, 30:], zi=state)
    >>> np.allclose(np.hstack([first, rest]), P)
    True
    """
    S = _without_phase("pcen", np.asarray(S), "np.abs(S)")
    for name, value in (("gain", gain), ("bias", bias), ("power", power)):
        if not arguments.real(name, value) >= 0:
            raise ParameterError(name, f" must be >= 0, got {value!r}")
    eps = arguments.above_zero("eps", eps)
    max_size = arguments.integer("max_size", max_size)
    time_constant = arguments.above_zero("time_constant", time_constant)
    if b is None:
        frames = time_constant * arguments.above_zero("sr", sr)
        frames /= arguments.above_zero("hop_length", hop_length)
        # Half the power of a step has gone by after about so many frames.
        # (sqrt(1 + 4 frames^2) - 1) / (2 frames^2), where nothing cancels and nothing overflows.
        b = 2 / (math.hypot(1, 2 * frames) + 1)
    elif not 0 <= arguments.real("b", b) <= 1:
        raise ParameterError("b", f" must be in 0 ... 1, got {b!r}")

    if not -S.ndim <= axis < S.ndim:
        raise ParameterError("axis", f" must be one of the {S.ndim} of S, got {axis!r}")
    if ref is not None:
        smoothed = np.asarray(ref)
        try:
            np.broadcast_shapes(S.shape, smoothed.shape)
        except ValueError:
            raise ParameterError("ref", f" must fit S, {S.shape}, got {smoothed.shape}") from None
    else:
        smoothed = _greatest_neighbour(S, max_size, axis, max_axis)
    smoothed, zf = _smooth(smoothed, float(b), axis, zi)

    x = S * np.exp(-gain * np.log(eps + smoothed))
    if power == 0:
        P = np.log1p(x)
    elif bias == 0:
        P = x**power
    else:  # (x + bias) ** power - bias ** power, where the difference would lose a small x
        P = bias**power * np.expm1(power * np.log1p(x / bias))
    return (P, zf) if return_zf else P


def _without_phase(function: str, S: NDArray[Any], remedy: str) -> NDArray[Any]:
    """Return S, or its magnitude with a warning, as librosa's functions do."""
    if not np.iscomplexobj(S):
        return S
    arguments.warn(
        f"{function} takes the magnitude of complex S; to say so yourself, pass {remedy}"
    )
    magnitude: NDArray[Any] = np.abs(S)
    return magnitude


def _greatest_neighbour(
    S: NDArray[Any], size: int, axis: int, max_axis: int | None
) -> NDArray[Any]:
    """Return the maximum of `size` neighbours along `max_axis`, size // 2 of them before."""
    if size == 1:
        return S
    if max_axis is None:
        if S.ndim != 2:
            raise ValueError(f"max_size={size} of {S.ndim}-dimensional S needs max_axis")
        max_axis = 1 - axis % 2
    elif not -S.ndim <= max_axis < S.ndim:
        raise ParameterError("max_axis", f" must be one of the {S.ndim} of S, got {max_axis!r}")
    if S.shape[max_axis] == 0:
        return S
    # Beyond the ends, the end itself: it is a neighbour wherever they are.
    size = min(size, 2 * S.shape[max_axis])
    last = np.moveaxis(S, max_axis, -1)
    beyond = (size // 2, size - 1 - size // 2)
    last = np.pad(last, [(0, 0)] * (S.ndim - 1) + [beyond], mode="edge")
    # Maxima of 1, 2, 4, ... neighbours; two that overlap make any other number.
    width = 1
    while width < size:
        step = min(width, size - width)
        last = np.maximum(last[..., :-step], last[..., step:])
        width += step
    return np.moveaxis(last, -1, max_axis)


def _smooth(
    x: NDArray[Any], b: float, axis: int, zi: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return M[t] = b x[t] + (1 - b) M[t - 1] along an axis, and the state (1 - b) M at its end.

    A recursion is one step after the other; but here blocks go side by side, each as if
    nothing had been before it, and then learn one after the other what was.
    """
    shape = list(x.shape)
    shape[axis] = 1
    before = np.asarray(1 - b if zi is None else zi, np.float64)
    try:
        state = np.broadcast_to(before, shape)
    except ValueError:
        raise ParameterError("zi", f" must have shape {tuple(shape)}, got {before.shape}") from None
    state = np.moveaxis(state, axis, -1)
    n = x.shape[axis]
    size = math.isqrt(max(n - 1, 0)) + 1
    count = -(-n // size)
    M = np.zeros((*state.shape[:-1], count * size))
    np.multiply(np.moveaxis(x, axis, -1), b, out=M[..., :n], dtype=np.float64)
    blocks = M.reshape(*state.shape[:-1], count, size)
    for k in range(1, size):
        blocks[..., k] += (1 - b) * blocks[..., k - 1]
    decay = (1 - b) ** np.arange(size)
    for i in range(count):
        blocks[..., i, :] += decay * state
        state = (1 - b) * blocks[..., i, -1:]
    M = M[..., :n]
    if n:
        state = (1 - b) * M[..., -1:]
    return np.moveaxis(M, -1, axis), np.moveaxis(state, -1, axis).copy()
