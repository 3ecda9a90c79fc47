# SPDX-License-Identifier: MIT
"""Columns while the samples arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from numpy.typing import ArrayLike, NDArray

from melpix import arguments
from melpix.errors import ParameterError, SignalError
from melpix.frontend import arrays

if TYPE_CHECKING:
    from melpix.frontend.frontend import Frontend

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
        self.kind = arguments.choice("kind", kind, _KINDS)
        features = kind == "features"
        layout = frontend.layout if features else "mels"
        wide = frontend.dtype == "float64" if features else frontend.precision == "double"
        self._impl = frontend._impl.stream(kind, layout=layout, wide=wide)
        _require_one_matrix(frontend, kind)
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
            If `y` has another type or shape, or is samples by channels (see `Frontend.mel`): the
            stream is as it was.
        SignalError
            If a sample is NaN or infinite, or so large that a feature is. The stream is then of no
            use until `reset`.
        RuntimeError
            After such an error, and after `flush`; and in a forked process, where a thread of its
            parent's was at work on the stream meanwhile.
        """
        y = arrays.signal(y, "fi")
        arguments.samples_last(y)
        columns = self._impl.push(y)
        if self.kind != "mel":  # whose doubts do not grow with the level
            self.frontend._warn_if_loud(self.kind, self._impl.peak)
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


def _require_one_matrix(f: Frontend, kind: str) -> None:
    """Refuse what cuts or stacks columns that are whole; the core refuses the rest."""
    if kind == "features" and f.patch is not None:
        raise ParameterError(
            "patch",
            " must be None in a stream, which goes column by column, got "
            f"{f.patch}: cut what it returns",
        )
    if kind != "mel" and f.stack is not None:
        raise ParameterError(
            "stack",
            f" must be None in a stream, which has one mel, got {len(f.stack)} more mels: "
            "open one for each mel",
        )
