# SPDX-License-Identifier: MIT
"""The front-end: every number that turns samples into an image, planned once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melpix import _core, checks
from melpix.errors import EncodeError, MelpixError, SignalError

# PNG readers commonly refuse wider images (libpng's user limit) and larger ones (Pillow's).
MAX_COLUMNS = 1_000_000
MAX_PIXELS = 89_000_000

# float32 keeps 24 bits: the noise of an FFT over samples far above 1 outgrows the recipe's 1e-9,
# and the core may have to compute many frames a second time, in double precision.
_SINGLE_PEAK = 2.0

_FROM_OTHERS: Any = None  # default of a parameter that follows from other parameters


@dataclass(frozen=True, slots=True)
class Rendering:
    """An image and what is needed to read values back from its pixels.

    Attributes
    ----------
    image : np.ndarray [shape=(n_mels, frames), dtype=uint8]
    lo, hi : float
        The features that 255 and 0 stand for: the front-end's range, or else `min` and `max`.
    min, max : float
        The least and the greatest feature, before any clipping.
    params : dict
        The front-end's parameters.
    """

    image: NDArray[np.uint8]
    lo: float
    hi: float
    min: float
    max: float
    params: dict[str, Any]

    @property
    def constant(self) -> bool:
        """Whether all features were equal, as those of silence are.

        Then every pixel is 255, or, with a fixed range, whatever that makes of the feature.
        """
        return self.min == self.max

    def metadata(self, **more: Any) -> dict[str, Any]:
        """Return what melpix writes into the PNG; entries of `more` that are None are left out.

        The entries ``lo``, ``hi``, ``min``, ``max`` and ``constant`` are the attributes.
        """
        facts = {
            "schema": 1,
            "version": _core.__version__,
            "params": self.params,
            "lo": self.lo,
            "hi": self.hi,
            "min": self.min,
            "max": self.max,
            "constant": self.constant,
        }
        for name in facts.keys() & more.keys():
            raise ValueError(f"metadata entry {name!r} is melpix's own, got {more[name]!r}")
        return facts | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True, weakref_slot=True)
class Frontend:
    """Turns signals into log-mel spectrograms and images.

    Immutable, hashable, picklable; one instance may serve any number of threads, and every
    method that takes a signal releases the GIL. The defaults are the recipe. The parameters
    stand in the order of the stages, and attributes hold them with nothing left open: where
    None was given for `n_fft`, `win_length` or `fmax`, its value.

    Parameters
    ----------
    sr : number > 0
        Sampling rate of the signals, in Hz.
    n_fft : int >= 1 or None
        Samples per FFT; None means ``2 * hop_length``.
    hop_length : int >= 1
        Samples from one frame (a column of the image) to the next.
    win_length : int in 1 ... n_fft, or None
        Samples of the window, padded with zeros to `n_fft` on both sides; None means `n_fft`.
    window : str, tuple, number, callable or array-like
        As in librosa: hann, hamming, blackman, blackmanharris, bartlett, boxcar,
        ``("kaiser", beta)``, ``("gaussian", std)``, ``("tukey", alpha)``,
        ``("general_hamming", alpha)``, each periodic; a number is Kaiser's beta; or
        `win_length` samples.
    framing : {"center", "uncentered"}
        Whether frame t is centred on sample ``t * hop_length``, with the signal padded by
        ``n_fft // 2`` on both sides, or starts there.
    pad_mode : {"constant", "reflect", "edge", "symmetric", "linear_ramp"}
        What a centred frame sees beyond the ends, as in `numpy.pad`.
    power : number > 0
        Exponent of the magnitude: 2 for power, 1 for magnitude.
    n_mels : int >= 1
        Mel bands: rows of the image.
    fmin, fmax : number
        Frequency range of the bands in Hz, ``0 <= fmin < fmax``; None means ``sr / 2``.
    mel_scale : {"slaney", "htk"}
    norm : {"slaney", None} or number
        Scaling of the filters: to equal area, none, or to unit p-norm.
    compress : {"ln"}
    offset : number > 0
        Added to the mel spectrogram before the logarithm.
    floor : None
    range : "minmax" or (lo, hi)
        Which features become 255 and 0: each image's own minimum and maximum, or these two,
        ``-1e30 <= lo < hi <= 1e30``, with features outside clipped to them. (The 0.008 of single
        precision, below, are then ``2.04 / (hi - lo)`` grey levels: 0.1 where 20 nats apart.)
    rounding : {"truncate"}
    flip : {True}
        Low frequencies at the bottom.
    invert : {True}
        Black is more energy.
    bits : {8}
    precision : {"single", "double"}
        Arithmetic of the whole way from samples to pixels. In single precision, frames whose
        features float32 would move by more than 0.008 (bands near `offset` in a loud frame) are
        computed again in double.

    Attributes
    ----------
    max_columns : int
        The widest image of `n_mels` rows that PNG readers accept.

    Raises
    ------
    ValueError
        If a parameter is out of its range. Values that only later versions know are refused
        by name.

    Warns
    -----
    UserWarning
        If filters are narrower than the distance of two bins, so that they catch none: their
        rows hold ``ln(offset)``.

    Examples
    --------
    >>> import numpy as np
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
    n_fft: int = _FROM_OTHERS
    hop_length: int = 512
    win_length: int = _FROM_OTHERS
    window: Any = "hann"
    framing: str = "center"
    pad_mode: str = "constant"
    power: float = 2.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float = _FROM_OTHERS
    mel_scale: str = "slaney"
    norm: str | float | None = "slaney"
    compress: str = "ln"
    offset: float = 1e-9
    floor: None = None
    range: str | tuple[float, float] = "minmax"
    rounding: str = "truncate"
    flip: bool = True
    invert: bool = True
    bits: int = 8
    precision: str = "single"

    max_columns: int = field(init=False, repr=False, compare=False)
    _given: dict[str, Any] = field(init=False, repr=False, compare=False)
    _params: dict[str, Any] = field(init=False, repr=False, compare=False)
    _impl: _core.Frontend = field(init=False, repr=False, compare=False)
    _warned: list[bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._prepare()
        empty = self._impl.empty_filters
        if empty:
            checks.warn(
                f"{empty} of {self.n_mels} mel filters catch no bin of the FFT; their rows hold "
                "ln(offset). Use fewer n_mels, a larger n_fft or a narrower range."
            )

    def _prepare(self) -> None:
        """Check the parameters, fill in what is open, and plan."""
        given = {name: getattr(self, name) for name in _PARAMETERS}
        complete = _complete(given)
        for name, value in complete.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "max_columns", min(MAX_COLUMNS, MAX_PIXELS // self.n_mels))
        object.__setattr__(self, "_given", {**complete, **_open(given)})
        if complete["norm"] in (float("inf"), float("-inf")):
            complete["norm"] = str(complete["norm"])  # JSON has no infinity
        object.__setattr__(self, "_params", complete)
        object.__setattr__(self, "_impl", self._plan())
        object.__setattr__(self, "_warned", [False])

    def _plan(self) -> _core.Frontend:
        return _core.Frontend(
            sr=self.sr,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            win_length=self.win_length,
            window=checks.core_window(self.window),
            center=self.framing == "center",
            pad_mode=self.pad_mode,
            power=self.power,
            n_mels=self.n_mels,
            fmin=self.fmin,
            fmax=self.fmax,
            htk=self.mel_scale == "htk",
            norm=self.norm,
            offset=self.offset,
            range=self.range if isinstance(self.range, tuple) else None,
            single=self.precision == "single",
        )

    @property
    def params(self) -> dict[str, Any]:
        """All parameters as JSON values; ``Frontend(**f.params) == f``."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self._params.items()
        }

    @property
    def open(self) -> frozenset[str]:
        """Names of the parameters that follow from others: `replace` computes them anew."""
        return frozenset(_open(self._given))

    def replace(self, **overrides: Any) -> Frontend:
        """Return a copy with other values; what followed from a replaced value follows again."""
        return Frontend(**{**self._given, **overrides})

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self._given,)

    def __copy__(self) -> Frontend:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Frontend:
        return self

    def mel(self, y: ArrayLike) -> NDArray[Any]:
        """Return the mel spectrogram.

        Parameters
        ----------
        y : array [shape=(..., n)] of int16, float32 or float64
            Signals; int16 is read as ``y / 32768``. Leading axes are kept.

        Returns
        -------
        np.ndarray [shape=(..., n_mels, frames)]
            float32 in single, float64 in double precision.

        Raises
        ------
        ValueError
            If `y` has another type or is too short for a frame.
        SignalError
            If a sample is NaN or infinite.
        """
        return self._values(y, self._impl.mel)[0]

    def features(self, y: ArrayLike) -> NDArray[Any]:
        """Return the compressed mel spectrogram: ``ln(mel + offset)``.

        Parameters, result and errors are those of `mel`; a signal so large that a value is not
        finite is a `SignalError` too.
        """
        features, peak = self._values(y, self._impl.features)
        self._warn_if_loud(peak)
        return features

    def image(self, y: ArrayLike, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return the image.

        Parameters
        ----------
        y : array [shape=(n,) or (channels, n)] of int16, float32 or float64
            The signal; channels are mixed by their mean. Strides do not matter: pass the
            transpose of an interleaved buffer without a copy.
        out : np.ndarray [shape=(n_mels, frames), dtype=uint8], optional
            Where to write; rows must be contiguous.

        Returns
        -------
        np.ndarray [shape=(n_mels, frames), dtype=uint8]

        Raises
        ------
        ValueError
            If `y` or `out` has another type or shape.
        SignalError
            If there is no sample, or one is NaN or infinite, or so large that a feature is.
        EncodeError
            If the image were larger than PNG readers accept.
        """
        image, _, _, peak = self._impl.image(self._signal(y), out)
        self._warn_if_loud(peak)
        return image

    def images(self, ys: Iterable[ArrayLike], threads: int = 1) -> list[NDArray[np.uint8]]:
        """Return the images of many signals.

        Parameters
        ----------
        ys : iterable of arrays
            Signals as in `image`, of any mixture of lengths and types. All are gathered first, so
            an iterator must not fill one buffer again and again.
        threads : int in 1 ... 1024
            How many work at the same time, the calling one included. They end with the call.

        Returns
        -------
        list of np.ndarray
            In the order of `ys`; the same bytes as `image` returns, for any number of threads.

        Raises
        ------
        ValueError, SignalError, EncodeError
            As in `image`, with the place of the first signal at fault: ``ys[3]: y must be finite,
            but sample 7 is nan``. What shows without a look at the samples is found first.

        Examples
        --------
        >>> import numpy as np
        >>> ys = [np.zeros(22050, np.float32), np.zeros(4410, np.int16)]
        >>> [image.shape for image in Frontend().images(ys, threads=2)]
        [(128, 44), (128, 9)]
        """
        threads = checks.integer("threads", threads)
        signals = []
        for i, y in enumerate(ys):
            try:
                signals.append(self._signal(y))
            except MelpixError as error:
                raise type(error)(error.code, f"ys[{i}]: {error}") from None
            except ValueError as error:
                raise ValueError(f"ys[{i}]: {error}") from None
        images, peak = self._impl.images(signals, threads)
        self._warn_if_loud(peak)
        return images

    def render(self, y: ArrayLike, out: NDArray[np.uint8] | None = None) -> Rendering:
        """Return the image with its value range; parameters and errors are those of `image`."""
        image, least, greatest, peak = self._impl.image(self._signal(y), out)
        self._warn_if_loud(peak)
        lo, hi = self.range if isinstance(self.range, tuple) else (least, greatest)
        return Rendering(image, lo, hi, least, greatest, self.params)

    def profile(self, y: ArrayLike) -> dict[str, float]:
        """Make the image once and return where the time went.

        Parameters
        ----------
        y : array [shape=(n,) or (channels, n)] of int16, float32 or float64
            As in `image`, with its errors.

        Returns
        -------
        dict of str to float
            Seconds in the core by stage, in the order of the stages: ``load`` (framing and
            window), ``spectrum`` (FFT and power), ``mel`` (filterbank), ``log`` (logarithm, and
            frames computed again in double precision), ``store`` (columns out, extremes) and
            ``pixels``. Looking at the clock takes time too.

        Examples
        --------
        >>> import numpy as np
        >>> list(Frontend().profile(np.zeros(22050, np.float32)))
        ['load', 'spectrum', 'mel', 'log', 'store', 'pixels']
        """
        return self._impl.profile(self._signal(y))

    def too_wide(self, extent: str) -> EncodeError:
        """Return the error for a signal that would give more columns than that."""
        return EncodeError(
            "image_too_large",
            f"an image of {self.n_mels} rows may have {self.max_columns} columns, or PNG readers "
            f"refuse it; this signal has {extent}: render windows of it",
        )

    def png(self, y: ArrayLike, **metadata: Any) -> bytes:
        """Return the image as PNG bytes, with the parameters and value range as metadata.

        Parameters
        ----------
        y : array
            As in `image`.
        **metadata
            More entries, JSON values: ``source="a.wav"``.
        """
        from melpix import png  # the PNG modules load on first use

        rendering = self.render(y)
        return png.encode(rendering.image, rendering.metadata(**metadata))

    def _signal(self, y: ArrayLike) -> NDArray[Any]:
        """Return `y` as the core takes it, or say why it gives no image."""
        y = checks.signal(y, "fi")
        length = y.shape[-1]
        if length == 0:
            raise SignalError("empty_audio", "y holds no samples")
        columns = self._impl.frames(length)
        if columns > self.max_columns:
            raise self.too_wide(f"{columns} columns")
        return y

    def _values(self, y: ArrayLike, compute: Any) -> tuple[NDArray[Any], float]:
        y = checks.signal(y, "fi")
        shape = (self.n_mels, self._impl.frames(y.shape[-1]))
        dtype = np.float32 if self.precision == "single" else np.float64
        return checks.map_leading(y, shape, dtype, lambda s, out: compute(s, out)[3])

    def _warn_if_loud(self, peak: float) -> None:
        if peak > _SINGLE_PEAK and self.precision == "single" and not self._warned[0]:
            checks.warn(
                f"a peak of {peak:g} is far above full scale, which is 1: many frames may have to "
                "be computed again in float64. Scale the samples, or use precision='double'."
            )
            self._warned[0] = True


_PARAMETERS = tuple(f.name for f in fields(Frontend) if f.init)


def _rebuild(given: dict[str, Any]) -> Frontend:
    f = object.__new__(Frontend)
    for name, value in given.items():
        object.__setattr__(f, name, value)
    f._prepare()  # what there is to warn of was said where it was made
    return f


def _open(given: dict[str, Any]) -> dict[str, None]:
    return {name: None for name in ("n_fft", "win_length", "fmax") if given[name] is None}


def _complete(p: dict[str, Any]) -> dict[str, Any]:
    """Check all parameters and fill in those that follow from others."""
    sr = checks.above_zero("sr", p["sr"])
    hop_length = checks.integer("hop_length", p["hop_length"])
    n_fft = 2 * hop_length if p["n_fft"] is None else checks.integer("n_fft", p["n_fft"])
    win_length = n_fft if p["win_length"] is None else checks.integer("win_length", p["win_length"])
    if win_length > n_fft:
        raise ValueError(f"win_length must be <= n_fft ({n_fft}), got {win_length}")
    norm = p["norm"]
    return {
        "sr": sr,
        "n_fft": n_fft,
        "hop_length": hop_length,
        "win_length": win_length,
        "window": checks.window(p["window"], win_length),
        "framing": checks.choice("framing", p["framing"], ("center", "uncentered"), ("snip",)),
        "pad_mode": checks.choice(
            "pad_mode", p["pad_mode"], ("constant", "reflect", "edge", "symmetric", "linear_ramp")
        ),
        "power": checks.above_zero("power", p["power"]),
        "n_mels": checks.integer("n_mels", p["n_mels"]),
        "fmin": checks.real("fmin", p["fmin"]),
        "fmax": checks.real("fmax", sr / 2 if p["fmax"] is None else p["fmax"]),
        "mel_scale": checks.choice("mel_scale", p["mel_scale"], ("slaney", "htk"), ("kaldi", "tf")),
        "norm": checks.norm(float(norm) if norm in ("inf", "-inf") else norm),
        "compress": checks.choice(
            "compress", p["compress"], ("ln",), ("log10", "db", "power", "pcen", None)
        ),
        "offset": checks.above_zero("offset", p["offset"]),
        "floor": checks.choice("floor", p["floor"], (None,), (p["floor"],)),
        "range": checks.value_range("range", p["range"]),
        "rounding": checks.choice("rounding", p["rounding"], ("truncate",), ("nearest",)),
        "flip": checks.choice("flip", p["flip"], (True,), (False,)),
        "invert": checks.choice("invert", p["invert"], (True,), (False,)),
        "bits": checks.choice("bits", p["bits"], (8,), (16,)),
        "precision": checks.choice("precision", p["precision"], ("single", "double")),
    }
