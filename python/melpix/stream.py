# SPDX-License-Identifier: MIT
"""Columns while the samples arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melpix import checks, fit
from melpix.errors import SignalError

if TYPE_CHECKING:
    from melpix.frontend import Frontend

_KINDS = ("features", "mel", "image")


class Stream:
    """A signal that comes in chunks, and its columns: `Frontend.stream` makes one.

    Columns are those of the whole signal, bit by bit, for any chunks. Threads may share a stream,
    in whatever order they come; calls release the GIL.

    Attributes
    ----------
    frontend : Frontend
        What makes the columns.
    kind : {"features", "mel", "image"}
        What they are those of.
    latency : int
        In samples: column t comes with the sample ``t * hop_length + latency - 1``. (Only the
        first one, where it is mirrored into the padding, may wait for two samples more.)
    nbytes : int
        Memory that a stream holds between two calls. The front-end is shared.
    """

    __slots__ = ("_impl", "frontend", "kind", "latency", "nbytes")

    def __init__(self, frontend: Frontend, kind: str = "features") -> None:
        self.frontend = frontend
        self.kind = checks.choice("kind", kind, _KINDS)
        _require_no_length(frontend, kind)
        layout = frontend.layout if kind == "features" else "mels"
        dtype = np.dtype(frontend.dtype if kind == "features" else frontend._float())
        self._impl = frontend._impl.stream(kind, layout=layout, wide=dtype == np.float64)
        self.latency = self._impl.latency
        self.nbytes = self._impl.bytes

    @property
    def samples(self) -> int:
        """How many samples (of one channel) have come so far."""
        return self._impl.samples

    def push(self, y: ArrayLike) -> NDArray[Any]:
        """Take the next samples and return the columns that they complete.

        Parameters
        ----------
        y : array [shape=(n,) or (channels, n)] of int16, float32 or float64
            Any number of samples; channels are mixed by their mean, int16 is read as ``y / 32768``.

        Returns
        -------
        np.ndarray [shape=(n_mels, columns)]
            Of the type that the front-end's method returns; features in its `layout`. Often
            without a column.

        Raises
        ------
        ValueError
            If `y` has another type or shape: the stream is as it was.
        SignalError
            If a sample is NaN or infinite, or so large that a feature is. The stream is then of no
            use until `reset`.
        RuntimeError
            After such an error, and after `flush`.
        """
        y = checks.signal(y, "fi")
        if self.frontend.level is not None:
            dtype = self.frontend._float()
            y = fit.through_int16(fit.mixed(y, dtype) if y.ndim == 2 else y, dtype)
        columns = self._impl.push(y)
        self.frontend._warn_if_loud(self._impl.peak)
        return columns

    def flush(self) -> NDArray[Any]:
        """End the signal and return the columns that reach behind its end.

        Returns
        -------
        np.ndarray [shape=(n_mels, columns)]
            As `push` does.

        Raises
        ------
        ValueError
            If the signal is too short for a frame: the stream is as it was, and may go on.
        SignalError
            If there was no sample, where the stream is of pixels; or a feature is not finite.
        RuntimeError
            After an error in the samples, and after `flush`.
        """
        if self.kind == "image" and self._impl.samples == 0:
            raise SignalError("empty_audio", "y holds no samples")
        return self._impl.flush()

    def reset(self) -> None:
        """Forget everything: the next samples are those of another signal."""
        self._impl.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a stream can be neither copied nor pickled: open one more")


def _require_no_length(f: Frontend, kind: str) -> None:
    """Refuse what needs the whole signal before the core sees it; the core refuses the rest."""

    def refuse(name: str, allowed: str, why: str, instead: str) -> ValueError:
        got = f"{len(f.stack)} more mels" if name == "stack" else repr(getattr(f, name))
        return ValueError(f"{name} must be {allowed} in a stream, {why}, got {got}: {instead}")

    if f.duration is not None:
        why = "which goes on for as long as samples come"
        raise refuse("duration", "None", why, "push as many samples as are wanted")
    if f.level == "minmax":
        why = "which cannot know the signal's extremes"
        raise refuse("level", "None or 'int16'", why, "scale the samples by a fixed range")
    if f.tail == "pad":
        raise refuse("tail", "'drop'", "which has no patches", "push the zeros that are wanted")
    if kind == "features" and f.patch is not None:
        raise refuse("patch", "None", "which goes column by column", "cut what it returns")
    if kind != "mel" and f.stack is not None:
        raise refuse("stack", "None", "which has one mel", "open one for each mel")
