# SPDX-License-Identifier: MIT
"""The front-end: every number that turns samples into an image, planned once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melpix import arguments
from melpix.errors import EncodeError, MelpixError, ParameterError, SignalError
from melpix.frontend import arrays, patches
from melpix.frontend.definition import Definition
from melpix.image.rendering import Rendering

if TYPE_CHECKING:
    from melpix.frontend.stream import Stream

# float32 keeps 24 bits: the noise of an FFT over samples far above 1 outgrows the recipe's 1e-9,
# and the core may have to compute many frames a second time, in double precision.
_SINGLE_PEAK = 2.0


class Frontend(Definition):  # noqa: D101
    __slots__ = ()
    __doc__ = Definition.__doc__

    def frames(self, n: int) -> int:
        """Return how many columns a signal of `n` samples gives: 0 if it is too short for one."""
        n = arguments.integer("n", n, least=0)
        try:
            return self._impl.frames(n)
        except ValueError:
            return 0

    def mel(self, y: ArrayLike) -> NDArray[Any]:
        """Return the mel spectrogram.

        Parameters
        ----------
        y : array [shape=(..., n)] of int16, float32 or float64
            Signals; int16 is read as ``y / 32768``. Leading axes are kept.

        Returns
        -------
        np.ndarray [shape=(..., n_mels, frames)]
            float64 in double precision, else float32; of as many frames as there are,
            whatever `columns` is. (Of stacked mels, the first.)

        Raises
        ------
        ValueError
            If `y` has another type or is too short for a frame; or has the shape of samples by
            channels, as soundfile.read returns them: 8 at most on the last axis, and more than 8
            on another one. Pass ``y.T``.
        SignalError
            If a sample is NaN or infinite.
        """
        y = arrays.signal(y, "fi")
        arguments.samples_last(y)
        shape = (self.n_mels, self._impl.mel_frames(y.shape[-1]))
        dtype = np.float64 if self.precision == "double" else np.float32
        return arrays.map_leading(y, shape, dtype, lambda s, out: self._impl.mel(s, out)[3])[0]

    def features(self, y: ArrayLike, out: Any = None, *, mix: bool = False) -> NDArray[Any]:
        """Return the features: the compressed and normalised mel spectrogram.

        Parameters
        ----------
        y : array [shape=(..., n)] of int16, float32 or float64
            Signals; int16 is read as ``y / 32768``. Leading axes are kept. Whatever shows its
            memory to NumPy is read there, with any strides: a NumPy array, a `memoryview` or
            `array.array` of these types, a tensor on the CPU.
        out : array of the shape and type returned, optional
            Where to write, with any strides: the like of `y`.
        mix : bool
            Mix channels, the axis before the last, by their mean, as `image` does: their axis is
            none of the result.

        Returns
        -------
        np.ndarray [shape=(..., n_mels, frames)], dtype=`dtype`]
            For the recipe, ``ln(mel + 1e-9)``. `layout` may exchange the axes; an axis of patches
            comes before them, one of stacked mels behind them. `out` itself, if given.

        Raises
        ------
        ValueError
            If `y` or `out` has another type or shape, `y` is samples by channels (see `mel`) or too
            short for a frame, or both overlap.
        SignalError
            If a sample is NaN or infinite, or so large that a feature is.
        """
        y = arrays.signal(y, "fi")
        arguments.samples_last(y)
        shape: tuple[int, ...] = (self.n_mels, self._columns(y.shape[-1]))
        if self.layout == "frames":
            shape = shape[::-1]
        if self._others:
            shape = (*shape, len(self._mels))

        def one(y: NDArray[Any], out: NDArray[Any]) -> float:
            peak = 0.0
            for channel, f in enumerate(self._mels):
                to = out[..., channel] if self._others else out
                if self.layout == "frames":
                    to = to.T
                elif self.layout == "flipped":
                    to = to[::-1]
                peak = max(peak, f._impl.features(y, to)[3])
            return peak

        direct = out if self.patch is None else None
        axes = 2 if mix and y.ndim > 1 else 1
        features, peak = arrays.map_leading(y, shape, np.dtype(self.dtype), one, direct, axes)
        self._warn_if_loud("features", peak)
        if self.patch is not None:
            assert self.patch_step is not None
            first = features.ndim - len(shape)
            time = first + (self.layout != "frames")
            features = patches.cut(features, time, first, self.patch, self.patch_step)
            if out is not None:
                to = arrays.filled(out, y, features.shape, features.dtype)
                to[...] = features
        return features if out is None else cast(NDArray[Any], out)

    def image(self, y: ArrayLike, out: Any = None) -> NDArray[np.uint8]:
        """Return the image.

        Parameters
        ----------
        y : array [shape=(n,) or (channels, n)] of int16, float32 or float64
            The signal, whatever holds it, as for `features`; channels are mixed by their mean.
            Strides do not matter: pass the transpose of an interleaved buffer without a copy.
            (`duration`, `level` and ``tail="pad"`` may need a copy, in memory that the thread keeps
            for the next call.)
        out : array [shape=(n_mels, frames), dtype=uint8], optional
            Where to write, with any strides; with contiguous rows it takes no copy.

        Returns
        -------
        np.ndarray [shape=(n_mels, frames), dtype=uint8]
            uint16 where `bits` are 16, as `out` must be then. With an axis more for the channels
            where mels are stacked. `out` itself, if given.

        Raises
        ------
        ValueError
            If `y` or `out` has another type or shape, or they overlap; or if `y` is samples by
            channels (see `mel`).
        SignalError
            If there is no sample, or one is NaN or infinite, or so large that a feature is.
        EncodeError
            If the image were larger than PNG readers accept.
        """
        y = self._signal(y)
        if self._others:
            image: NDArray[np.uint8] = self._stacked(y, out).image
        else:
            to = None if out is None else arrays.destination(out, y)
            image, _, _, peak = self._impl.image(y, to)
            self._warn_if_loud("image", peak)
        return image if out is None else cast(NDArray[np.uint8], out)

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
        threads = arguments.integer("threads", threads)
        signals = []
        for i, y in enumerate(ys):
            try:
                signals.append(self._signal(y))
            except MelpixError as error:
                raise type(error)(error.code, f"ys[{i}]: {error}") from None
            except ParameterError as error:
                raise ParameterError("ys", f"[{i}]: {error}") from None
            except ValueError as error:
                raise ValueError(f"ys[{i}]: {error}") from None
        if not self._others:
            images, peak = self._impl.images(signals, threads)
        else:
            images, peak = [self._channels(y) for y in signals], 0.0
            for channel, f in enumerate(self._mels):
                outs = [image[..., channel] for image in images]
                peak = max(peak, f._impl.images(signals, threads, outs)[1])
        self._warn_if_loud("image", peak)
        return images

    def render(self, y: ArrayLike, out: Any = None) -> Rendering:
        """Return the image with its value range; parameters and errors are those of `image`."""
        y = self._signal(y)
        if self._others:
            return self._stacked(y, out)
        return self._rendered(y, None if out is None else arrays.destination(out, y))

    def _stacked(self, y: NDArray[Any], out: Any) -> Rendering:
        image = self._channels(y)
        if out is not None:
            image = arrays.filled(out, y, image.shape, image.dtype)
        parts = [f._rendered(y, image[..., channel]) for channel, f in enumerate(self._mels)]
        lo, hi, least, greatest = zip(*((p.lo, p.hi, p.min, p.max) for p in parts), strict=True)
        return Rendering(image, lo, hi, least, greatest, self._params, self._params_text)

    def _channels(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return an array for the image of stacked mels."""
        shape = (self.n_mels, self._columns(y.shape[-1]), len(self._mels))
        return np.empty(shape, np.uint8 if self.bits == 8 else np.uint16)

    def _rendered(self, y: NDArray[Any], out: NDArray[Any] | None) -> Rendering:
        image, least, greatest, peak = self._impl.image(y, out)
        self._warn_if_loud("image", peak)
        lo, hi = self.range if isinstance(self.range, tuple) else (least, greatest)
        return Rendering(image, lo, hi, least, greatest, self._params, self._params_text)

    def stream(self, kind: str = "features") -> Stream:
        """Return a stream: columns as their samples arrive, bit by bit those of the whole signal.

        Parameters
        ----------
        kind : {"features", "mel", "image"}
            What its columns are those of.

        Raises
        ------
        ValueError
            If columns would depend on the whole signal: with `duration`, `patch` and `columns`,
            ``level="minmax"``, ``ref="max"``, `top_db`, `normalise` by the signal's statistics,
            and for an image with ``range="minmax"``. (What `mel` does not look at does no harm to
            a stream of that kind.) Stacked mels want a stream each.

        Examples
        --------
        >>> import numpy as np
        >>> y = np.random.default_rng(0).uniform(-1, 1, 16000).astype(np.float32)
        >>> f = Frontend(sr=16000, n_fft=400, hop_length=160, range=(-20, 5))
        >>> s = f.stream("image")
        >>> columns = [s.push(chunk) for chunk in np.split(y, 100)]
        >>> [c.shape[1] for c in columns[:4]], s.latency
        ([0, 1, 1, 1], 200)
        >>> image = np.concatenate([*columns, s.flush()], axis=1)
        >>> bool((image == f.image(y)).all())
        True
        """
        from melpix.frontend.stream import Stream

        return Stream(self, kind)

    def profile(self, y: ArrayLike) -> dict[str, float]:
        """Make the image once and return where the time went.

        Parameters
        ----------
        y : array [shape=(n,) or (channels, n)] of int16, float32 or float64
            As in `image`, with its errors.

        Returns
        -------
        dict of str to float
            Seconds in the core by stage, in the order of the stages: ``frame`` (length, level,
            framing and window), ``spectrum`` (FFT and power), ``mel`` (filterbank), ``compress``
            (logarithm, and frames computed again in double precision), ``normalise`` (columns
            out, extremes) and ``image`` (pixels). Looking at the clock takes time too.

        Examples
        --------
        >>> import numpy as np
        >>> list(Frontend().profile(np.zeros(22050, np.float32)))
        ['frame', 'spectrum', 'mel', 'compress', 'normalise', 'image']
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
        from melpix.image.write import encode_png  # the PNG modules load on first use

        rendering = self.render(y)
        return encode_png(rendering.image, rendering.metadata_text(**metadata))

    def _signal(self, y: ArrayLike) -> NDArray[Any]:
        """Return `y` as the core takes it, or say why it gives no image."""
        y = arrays.signal(y, "fi")
        arguments.samples_last(y)
        if y.shape[-1] == 0:
            raise SignalError("empty_audio", "y holds no samples")
        columns = self._columns(y.shape[-1])
        if columns > self.max_columns:
            raise self.too_wide(f"{columns} columns")
        return y

    def _columns(self, n: int) -> int:
        """Return the columns of an image, or say why there are none."""
        columns = self._impl.frames(n)
        for f in self._others:
            if f._impl.frames(n) != columns:
                raise ParameterError(
                    "stack",
                    f" must give all mels as many columns, but {n} samples give {columns} and "
                    f"{f._impl.frames(n)}",
                )
        return columns

    def _warn_if_loud(self, kind: str, peak: float) -> None:
        if peak <= _SINGLE_PEAK or self._warned[0]:
            return
        if any(f._impl.is_single(kind) for f in self._mels):
            arguments.warn(
                f"a peak of {peak:g} is far above full scale, which is 1: many frames may have to "
                "be computed again in float64. Scale the samples, or use precision='double'."
            )
            self._warned[0] = True


# What Python says of an unknown parameter begins with this name.
Frontend.__init__.__qualname__ = "Frontend.__init__"
