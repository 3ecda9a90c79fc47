# SPDX-License-Identifier: MIT
"""How sounds are cut into windows: one object, checked when it is made."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

from melpix import arguments
from melpix.audio import load
from melpix.audio.load import MAX_SECONDS
from melpix.errors import ParameterError
from melpix.frontend import lengths
from melpix.frontend.frontend import Frontend
from melpix.known_formats import CHOICES

TAILS = ("drop", "pad", "shift", "keep")

SHORTS = ("pad", "skip", "error", "keep")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What is read of a sound, and how that is cut: the parameters of `windows` of these names.

    Attributes
    ----------
    native : bool
        Keep the rate of the source, in place of the front-end's.
    """

    time_steps: int | None = None
    seconds: float | None = None
    exact_width: bool = False
    step: float | None = None
    tail: str = "drop"
    short: str = "pad"
    first: bool = False
    native: bool = False
    offset: float = 0.0
    duration: float | None = None
    strict: bool = False
    max_seconds: float | None = None
    formats: str = "common"

    def __post_init__(self) -> None:
        arguments.choice("tail", self.tail, TAILS)
        arguments.choice("short", self.short, SHORTS)
        arguments.choice("formats", self.formats, CHOICES)
        load.check(None, self.offset, self.duration, self.most_seconds)
        if self.time_steps is not None:
            if self.seconds is not None:
                raise ParameterError(
                    "seconds",
                    f" must be None where time_steps is {self.time_steps}, got {self.seconds}",
                )
            arguments.integer("time_steps", self.time_steps)
            if self.step is not None:
                arguments.integer("step", self.step)
        elif self.seconds is not None:
            arguments.above_zero("seconds", self.seconds)
            if self.exact_width:
                raise ParameterError(
                    "exact_width", " needs time_steps, but the window is in seconds"
                )
            if self.step is not None:
                arguments.above_zero("step", self.step)

    @property
    def whole(self) -> bool:
        """Whether there is one window, of the whole sound."""
        return self.time_steps is None and self.seconds is None

    @property
    def most_seconds(self) -> float:
        """How much of one sound may be read."""
        return MAX_SECONDS if self.max_seconds is None else self.max_seconds

    def part(self, offset: float | None, duration: float | None) -> Cut:
        """Return the same for a part of the sound; None leaves what is."""
        if offset is None and duration is None:
            return self
        return dataclasses.replace(
            self,
            offset=self.offset if offset is None else offset,
            duration=self.duration if duration is None else duration,
        )

    def options(self) -> dict[str, Any]:
        """Return what decides the windows, as JSON values.

        How much may be read, and which formats, decides what fails, and a later run may allow more:
        that is left out.
        """
        options = dataclasses.asdict(self)
        del options["max_seconds"], options["formats"]
        step = int if self.seconds is None else float
        kinds = {"time_steps": int, "seconds": float, "step": step, "duration": float}
        for name, kind in kinds.items():
            if options[name] is not None:
                options[name] = kind(options[name])  # NumPy's numbers are none of JSON's
        options["offset"] = float(self.offset)
        return options

    def lengths(self, f: Frontend) -> Lengths | None:
        """Return the windows' length for a front-end; None if there is one, of the whole sound.

        Raises
        ------
        ValueError
            The front-end makes no image of such windows, or none that shows them whole; or its
            rate is none to resample to.
        """
        if not self.native:
            load.check(f.sr, self.offset, self.duration, self.most_seconds)
        if self.time_steps is not None:
            hops = self.time_steps if self.step is None else self.step
            length = _samples(f, int(self.time_steps), self.exact_width)
            found = Lengths(length, int(hops) * f.hop_length)
        elif self.seconds is not None:
            seconds = arguments.real("seconds", self.seconds)
            step = seconds if self.step is None else arguments.real("step", self.step)
            found = Lengths(0, 0, (seconds, step)).at(f.sr)
            columns = f.frames(found.length)
            if not 0 < columns <= f.max_columns:
                raise ParameterError(
                    "seconds",
                    f" must give 1 ... {f.max_columns} columns, got {seconds}: {columns}",
                )
        else:
            return None
        found.check(f)
        return found


class Lengths(NamedTuple):
    """How long windows are."""

    length: int  # of a window, in samples
    step: int  # from the beginning of one to that of the next, in samples
    seconds: tuple[float, float] | None = None  # the same, where both follow from the rate

    def at(self, sr: float) -> Lengths:
        """Return the same at another rate."""
        if self.seconds is None:
            return self
        length, step = (max(1, round(s * sr)) for s in self.seconds)
        return self._replace(length=length, step=step)

    def check(self, f: Frontend) -> None:
        """Refuse windows that would not be whole in the image."""
        if self.seconds is not None:
            lengths.refuse_another(f, self.length, "seconds", self.seconds[0])
        else:
            steps = round(self.length / f.hop_length)
            lengths.refuse_another(f, self.length, "time_steps", steps)


def _samples(f: Frontend, time_steps: int, exact_width: bool) -> int:
    """Return the samples of a window."""
    length = time_steps * f.hop_length
    if exact_width and f.duration is None and f.columns is None:
        if f.framing in ("uncentered", "snip"):
            length += (f.win_length if f.framing == "snip" else f.n_fft) - f.hop_length
        elif f.frames(length) > time_steps:
            length -= 1  # one more frame would be centred on the last sample
        elif f.frames(length) < time_steps:
            length += 1
    columns = f.frames(length)
    if length == 0 or columns == 0:
        least = 2 if f.framing == "center" else math.ceil(lengths.frame(f) / f.hop_length)
        raise ParameterError("time_steps", f" must be >= {least} for one frame, got {time_steps}")
    if columns > f.max_columns:  # PNG readers would refuse the image
        most = time_steps - (columns - f.max_columns)
        raise ParameterError("time_steps", f" must be <= {most}, got {time_steps}")
    return length
