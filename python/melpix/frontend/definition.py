# SPDX-License-Identifier: MIT
"""What a front-end is: its parameters, checked, completed and planned once."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from melpix import _core, arguments
from melpix.errors import ParameterError
from melpix.frontend import parameters
from melpix.image.rendering import canonical, copied
from melpix.image.size import MAX_COLUMNS, MAX_PIXELS

_FROM_OTHERS: Any = None  # default of a parameter that follows from other parameters


@dataclass(frozen=True, kw_only=True, slots=True, weakref_slot=True)
class Definition:
    """Turns signals into log-mel spectrograms and images.

    Immutable, hashable, picklable; one instance may serve any number of threads, and every
    method that takes a signal releases the GIL. The defaults are the recipe. The parameters
    stand in the order of the stages, and attributes hold them with nothing left open: where
    None was given for `n_fft`, `win_length`, `fmax` or `mel_sr`, its value.

    Parameters
    ----------
    sr : number > 0
        Sampling rate of the signals, in Hz.
    duration : number > 0 or None
        Seconds that every signal is brought to: what is longer is cut at its end. None: as it is.
    fit : {"pad", "repeat", "repeat_pad"}
        What fills a signal up to `duration`: zeros; the signal, again and again; or that as often
        as it fits whole, and then zeros.
    level : {None, "int16", "minmax"}
        Whether samples are first rounded through 16-bit integers, as CLAP does, or shifted and
        scaled so that each signal's extremes become -1 and 1, as BirdNET does.
    gain : number > 0
        What samples are multiplied by: 32768 for the range of 16-bit integers, as in Kaldi.
    n_fft : int >= 1 or None
        Samples per FFT; None means ``2 * hop_length``.
    hop_length : int >= 1
        Samples from one frame (a column of the image) to the next.
    win_length : int in 1 ... n_fft, or None
        Samples of the window, padded with zeros to `n_fft` on both sides; None means `n_fft`.
    window : str, tuple, number, callable or array-like
        As in librosa: hann, hamming, blackman, blackmanharris, bartlett, boxcar,
        ``("kaiser", beta)``, ``("gaussian", std)``, ``("tukey", alpha)``,
        ``("general_hamming", alpha)``; a number is Kaiser's beta; or `win_length` samples. Also
        Kaldi's povey: hann to the power of 0.85.
    periodic : bool
        Whether the window is periodic, as for spectra, or symmetric.
    framing : {"center", "uncentered", "snip", "middle"}
        Where frame t lies: centred on sample ``t * hop_length``, with the signal padded by
        ``n_fft // 2`` on both sides; starting there, with `n_fft` samples; the same with
        `win_length` samples and zeros behind them (Kaldi's snip-edges); or centred on the middle
        of hop t, with the signal padded by ``(n_fft - hop_length) // 2`` (HiFi-GAN).
    pad_mode : {"constant", "reflect", "edge", "symmetric", "linear_ramp"}
        What frames see beyond the ends, as in `numpy.pad`.
    remove_dc : bool
        Take the mean of its samples from each frame.
    preemphasis : number in 0 ... 1
        `a` of ``x[i] - a x[i - 1]`` inside each frame, and ``x[0] - a x[0]``, as in Kaldi.
    spectrum : {"magnitude", "real"}
        What of each bin of the FFT goes into the bands: its magnitude, or its real part, with its
        sign, as TensorFlow's cast from complex to float leaves it. The latter wants ``power=1``
        and as `compress` None or a power. Its phase counts from the frame's first sample: with
        ``framing="snip"`` that of the window, as in `tf.signal.stft`; else that of the `n_fft`
        samples in whose middle the window lies, as in `torch.stft` and `librosa.stft`.
    power : number > 0
        Exponent of the magnitude: 2 for power, 1 for magnitude.
    bin_offset : number >= 0
        Added to each bin's power: ``(|X|^2 + bin_offset) ** (power / 2)``.
    n_mels : int >= 1
        Mel bands: rows of the image.
    fmin, fmax : number
        Frequency range of the bands in Hz, ``0 <= fmin < fmax``; None means ``mel_sr / 2``.
    mel_sr : number > 0 or None
        The rate that the filterbank is made for, where a model uses that of another rate on its
        signals: weights are those of ``librosa.filters.mel(sr=mel_sr, ...)``. None means `sr`.
    mel_scale : {"slaney", "htk", "kaldi", "tf"}
        Slaney's or HTK's scale, with triangles linear in Hz; or ``1127 ln(1 + f / 700)`` with
        triangles linear in mel, as Kaldi (the bin at ``sr / 2`` weighs nothing) and TensorFlow
        (the bin 0 does) have them. These two need ``norm=None``.
    norm : {"slaney", None} or number
        Scaling of the filters: to equal area, none, or to unit p-norm.
    compress : {"ln", "log10", "db", None}, ("power", exponent) or "pcen"
        What becomes of mel values ``x``, ``f = max(x, floor)``: the logarithm of ``f + offset``
        (``db``: ten times the decadic one) minus that of ``max(ref, floor)``; nothing more; a
        power, of real parts that of ``|x|``; or per-channel energy normalisation as in
        `melpix.pcen`, whose parameters may follow:
        ``("pcen", gain, bias, power, time_constant, eps)``.
    offset : number >= 0
        Added before the logarithm; above 0 if there is no `floor`.
    floor : number > 0 or None
        What mel values are raised to.
    ref : number > 0 or "max"
        The mel value whose logarithm becomes 0, or the signal's greatest.
    top_db : number > 0 or None
        How far below the signal's greatest feature a logarithm may lie, in dB.
    columns : int >= 1 or None
        Exactly so many frames: later ones are left out, missing ones are features of 0 (before
        they are normalised).
    normalise : None, (mean, std), "image", "frequency" or "max"
        ``(feature - mean) / std`` with these numbers, or with one of each for each band; with the
        mean and the standard deviation (and 1e-6 added to it) of the signal's own features, in
        all or in each band; or features divided by the greatest of them.
    layout : {"mels", "flipped", "frames"}
        Axes of `features`: bands and frames, lowest band first or last; or frames and bands.
    patch, patch_step : int >= 1 or None
        Cut `features` into patches of so many frames, from one to the next so many frames further
        (None: `patch`); they become the first axis.
    tail : {"drop", "pad"}
        Whether frames behind the last whole patch are left out, or the signal gets the zeros that
        the last patch lacks.
    dtype : {"float32", "float64"} or None
        Type of `features`; None: float64 where `precision` is double, else float32.
    range : "minmax" or (lo, hi)
        Which features become no energy and the most: each image's own minimum and maximum, or
        these two, ``-1e30 <= lo < hi <= 1e30``, with features outside clipped to them. (The 0.008
        of single precision, below, are then ``2.04 / (hi - lo)`` grey levels: 0.1 where 20 nats
        apart.)
    rounding : {"truncate", "nearest", "ceil"}
        How a grey value becomes whole, before it is inverted.
    flip : bool
        Low frequencies at the bottom.
    invert : bool
        Black is more energy.
    bits : {8, 16}
        Of a pixel.
    stack : list of dicts or None
        Further mels of the same signal, as channels: the last axis of features and image. Each
        dict has the parameters in which one differs from the first: ``[{"n_fft": 1024}]``. They
        must give as many rows and columns.
    precision : {"mixed", "single", "double"}
        Arithmetic: the same for all, or mixed: single for mel values and for images of 8 bits of
        logarithms (not with a `power` below 1 or ``level="minmax"``), double for all else. What is
        double is rounded once where `dtype` asks for it. In single precision, frames in which
        float32 would move a logarithm by more than 0.008 nats (bands near `offset` or `floor` in a
        loud frame) are computed again in double: 8 bits do not show more. So are those in which it
        would move a value of `mel` by more than 2e-6 of the signal's greatest. Features that are no
        logarithms are as float32 has them: in single precision, a hum or a constant far louder than
        what is in the bands may spoil these.

    Attributes
    ----------
    max_columns : int
        The widest image of `n_mels` rows that PNG readers accept.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or needs another one.

    Warns
    -----
    UserWarning
        If filters are narrower than the distance of two bins, so that they catch none: their
        mel values are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from melpix import Frontend
    >>> f = Frontend(sr=16000, hop_length=160, n_mels=64)
    >>> f.n_fft, f.fmax
    (320, 8000)
    >>> noise = np.random.default_rng(0).uniform(-1, 1, 16000).astype(np.float32)
    >>> f.image(noise).shape
    (64, 101)
    >>> f.features(noise).dtype
    dtype('float32')
    >>> Frontend(**f.params) == f
    True

    A fixed range makes the greys of different images mean the same:

    >>> f = Frontend(range=(-20, 4))
    >>> int(f.image(noise)[64, 10]) < int(f.image(noise / 100)[64, 10])
    True
    """

    sr: float = 22050
    duration: float | None = None
    fit: str = "pad"
    level: str | None = None
    gain: float = 1.0
    n_fft: int = _FROM_OTHERS
    hop_length: int = 512
    win_length: int = _FROM_OTHERS
    window: Any = "hann"
    periodic: bool = True
    framing: str = "center"
    pad_mode: str = "constant"
    remove_dc: bool = False
    preemphasis: float = 0.0
    spectrum: str = "magnitude"
    power: float = 2.0
    bin_offset: float = 0.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float = _FROM_OTHERS
    mel_sr: float = _FROM_OTHERS
    mel_scale: str = "slaney"
    norm: str | float | None = "slaney"
    compress: Any = "ln"
    offset: float = 1e-9
    floor: float | None = None
    ref: str | float = 1.0
    top_db: float | None = None
    columns: int | None = None
    normalise: Any = None
    layout: str = "mels"
    patch: int | None = None
    patch_step: int | None = _FROM_OTHERS
    tail: str = "drop"
    dtype: str = _FROM_OTHERS
    range: str | tuple[float, float] = "minmax"
    rounding: str = "truncate"
    flip: bool = True
    invert: bool = True
    bits: int = 8
    stack: Any = None
    precision: str = "mixed"

    max_columns: int = field(init=False, repr=False, compare=False)
    _given: dict[str, Any] = field(init=False, repr=False, compare=False)
    _params: dict[str, Any] = field(init=False, repr=False, compare=False)
    _params_text: str = field(init=False, repr=False, compare=False)
    _impl: _core.Frontend = field(init=False, repr=False, compare=False)
    _others: tuple[Self, ...] = field(init=False, repr=False, compare=False)
    _warned: list[bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._prepare()
        self._warn_if_empty()

    def _warn_if_empty(self) -> None:
        empty = sum(f._impl.empty_filters for f in self._mels)
        if empty:
            arguments.warn(
                f"{empty} of {self.n_mels * len(self._mels)} mel filters catch no bin of the FFT; "
                "their bands are 0. Use fewer n_mels, a larger n_fft or a narrower range."
            )

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> Self:
        """Return the front-end of a published model, with other values where given.

        Parameters
        ----------
        name : str
            One of `melpix.presets()`.
        **overrides
            Parameters of `Frontend` that take the place of the preset's.

        Raises
        ------
        ValueError
            If there is no such preset, or a parameter is out of its range.

        Examples
        --------
        >>> import numpy as np
        >>> from melpix import Frontend
        >>> f = Frontend.from_preset("whisper-80")
        >>> f.features(np.zeros(16000, np.float32)).shape
        (80, 3000)
        """
        from melpix.frontend.presets import preset

        unknown = overrides.keys() - set(_PARAMETERS)
        if unknown:
            raise TypeError(f"Frontend has no parameter {min(unknown)!r}")
        f = _rebuild(cls, {**_DEFAULTS, **preset(name).parameters, **overrides})
        if overrides:  # models were trained with what a preset has to be warned of
            f._warn_if_empty()
        return f

    def _prepare(self) -> None:
        """Check the parameters, fill in what is open, and plan."""
        given = {name: getattr(self, name) for name in _PARAMETERS}
        checked = parameters.checked(given)
        done = checked.values
        plan = checked.plan(deep=done["bits"] == 16)
        parameters.follow(done, plan)
        now = functools.partial(object.__setattr__, self)
        now("_impl", plan)
        for name, value in done.items():
            now(name, value)
        now("max_columns", min(MAX_COLUMNS, MAX_PIXELS // self.n_mels))
        now("_given", {**done, **_open(given)})
        now("_warned", [False])
        further = [self._further(dict(changes)) for changes in self.stack or ()]
        now("_others", tuple(further))
        if further:  # in one form, however it was written: what differs from this one
            now("stack", tuple(self._changes(f) for f in further))
            self._given["stack"] = self.stack
        params = {name: parameters.to_json(getattr(self, name)) for name in _PARAMETERS}
        if further:
            params["stack"] = [{n: parameters.to_json(v) for n, v in c} for c in self.stack]
        now("_params", params)
        now("_params_text", canonical(params))

    def _changes(self, other: Definition) -> tuple[tuple[str, Any], ...]:
        names = sorted(set(_PARAMETERS) - _SHARED)
        pairs = ((name, getattr(other, name)) for name in names)
        return tuple((name, value) for name, value in pairs if value != getattr(self, name))

    def _further(self, changes: dict[str, Any]) -> Self:
        """Return the front-end of one more mel."""
        unknown = changes.keys() - set(_PARAMETERS)
        fixed = changes.keys() & _SHARED
        if unknown or fixed:
            name = min(unknown or fixed)
            raise ParameterError("stack", f": {name!r} is no parameter that a mel may change")
        try:
            f = object.__new__(type(self))
            for name, value in {**self._given, "stack": None, **changes}.items():
                object.__setattr__(f, name, value)
            f._prepare()
        except ValueError as error:
            raise ParameterError("stack", f": {error}") from None
        return f

    @property
    def _mels(self) -> tuple[Self, ...]:
        """The mels: of this one, and of `stack`."""
        # Not stored: an object that refers to itself would keep its plans until the garbage
        # collector runs.
        return (self, *self._others)

    @property
    def params(self) -> dict[str, Any]:
        """All parameters as JSON values; ``Frontend(**f.params) == f``."""
        return copied(self._params)

    @property
    def open(self) -> frozenset[str]:
        """Names of the parameters that follow from others: `replace` computes them anew."""
        return frozenset(_open(self._given))

    def replace(self, **overrides: Any) -> Self:
        """Return a copy with other values; what followed from a replaced value follows again."""
        given = {**self._given, **overrides}
        if overrides.keys() <= {"range"}:  # the same filters: no new warning
            return _rebuild(type(self), given)
        return type(self)(**given)

    def as_image(self) -> Self:
        """Return the same with features as an image has them: bands and frames, no patches."""
        whole = {"layout": "mels", "patch": None, "patch_step": None, "tail": "drop"}
        return _rebuild(type(self), {**self._given, **whole})

    def of_any_length(self) -> Self:
        """Return the same for signals as long as they are: no duration, no columns, no patches."""
        free = {"duration": None, "columns": None, "patch": None, "patch_step": None}
        return _rebuild(type(self), {**self._given, **free, "tail": "drop"})

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (
            type(self),
            self._given,
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


_DEFAULTS = {f.name: f.default for f in fields(Definition) if f.init}

_PARAMETERS = tuple(_DEFAULTS)

# What stacked mels have in common.
_SHARED = {
    "sr", "duration", "fit", "level", "n_mels", "layout", "patch", "patch_step", "tail", "dtype",
    "rounding", "flip", "invert", "bits", "stack", "precision",
}  # fmt: skip

_Any = TypeVar("_Any", bound=Definition)


def _rebuild(cls: type[_Any], given: dict[str, Any]) -> _Any:
    f = object.__new__(cls)
    for name, value in given.items():
        object.__setattr__(f, name, value)
    f._prepare()  # without warnings: they came when the original was made
    return f


def _open(given: dict[str, Any]) -> dict[str, None]:
    return {name: None for name in parameters.OPEN if given[name] is None}
