# SPDX-License-Identifier: MIT
"""How much is read of a sound that becomes one image, or the features of one."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable

from melpix import arguments
from melpix.audio.load import Clip, Source, read_clip
from melpix.convert.cut import Cut
from melpix.errors import DecodeError, EncodeError, MelpixError
from melpix.frontend import demands, lengths
from melpix.frontend.at_rate import at_rate
from melpix.frontend.frontend import Frontend


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one sound may take: the parameters of `convert_file` of these names."""

    max_bytes: int | None = None
    max_samples: int | None = None
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.max_bytes is not None:
            arguments.integer("max_bytes", self.max_bytes, least=0)
        if self.max_samples is not None:
            arguments.integer("max_samples", self.max_samples)
        if self.max_pixels is not None:
            arguments.integer("max_pixels", self.max_pixels)

    def columns(self, f: Frontend) -> int:
        """Return how many columns an image may have."""
        if self.max_pixels is None:
            return f.max_columns
        return min(f.max_columns, demands.columns(f, self.max_pixels))

    def refuse_wide(self, f: Frontend, columns: int) -> None:
        """Refuse an image of more columns than it may have."""
        if columns > self.columns(f):
            raise self.too_wide(f, f"{columns} columns")

    def too_wide(self, f: Frontend, extent: str) -> EncodeError:
        """Return the error for an image of that extent."""
        columns = self.columns(f)
        if columns == f.max_columns:
            return f.too_wide(extent)
        mels = demands.channels(f)
        further = f", {mels} channels" if mels > 1 else ""
        further += f", {f.bits} bits" if f.bits > 8 else ""
        return EncodeError(
            "image_too_large",
            f"an image of {f.n_mels} rows{further} may have {columns} columns here; this signal "
            f"has {extent}",
        )


def read_for_image(
    src: Source,
    f: Frontend,
    cut: Cut,
    bounds: Bounds,
    *,
    samples: int | None = None,
    in_place: bool = False,
) -> tuple[Clip, Frontend]:
    """Read what one image shows of a sound: what would make too wide a one is not even decoded.

    Parameters
    ----------
    src, in_place
        As `read_clip` takes them.
    f : Frontend
    cut : Cut
    bounds : Bounds
    samples : int, optional
        Read no more than these; `time_steps` of the cut go before.

    Returns
    -------
    Clip
    Frontend
        At the clip's rate.

    Raises
    ------
    DecodeError, SignalError, OSError, ValueError
        As `read_clip`; ``too_short`` for a sound without a frame.
    EncodeError
        The image would have more columns than it may.
    """
    certain = f.columns or 1
    if f.duration is not None and not cut.native:
        certain = f.frames(round(f.duration * f.sr))
    bounds.refuse_wide(f, certain)

    def too_wide(extent: str) -> EncodeError:
        return bounds.too_wide(f, extent)

    return read_columns(
        src,
        f,
        cut,
        bounds,
        bounds.columns(f),
        too_wide,
        samples=samples,
        in_place=in_place,
    )


def read_columns(
    src: Source,
    f: Frontend,
    cut: Cut,
    bounds: Bounds,
    columns: int,
    too_wide: Callable[[str], MelpixError],
    *,
    samples: int | None = None,
    in_place: bool = False,
) -> tuple[Clip, Frontend]:
    """Read a sound of at most so many columns; `too_wide` makes the error of a longer one."""
    rate = None if cut.native else f.sr
    if cut.time_steps is not None:
        samples = cut.time_steps * f.hop_length
        if rate is not None:
            lengths.refuse_another(f, samples, "time_steps", cut.time_steps)
    if rate is not None:
        demands.refuse_long(f, 0, 1, bounds.max_samples)
    free = samples is None and rate is not None and f.columns is None and f.duration is None
    room = columns * f.hop_length / f.sr if free else math.inf
    most = cut.most_seconds
    try:
        clip = read_clip(
            src,
            sr=rate,
            offset=cut.offset,
            duration=cut.duration,
            samples=samples,
            max_seconds=min(most, room),
            max_samples=bounds.max_samples,
            max_bytes=bounds.max_bytes,
            strict=cut.strict,
            formats=cut.formats,
            in_place=in_place,
        )
    except DecodeError as error:
        if error.code == "too_long" and room < most:
            raise too_wide(f"more than {room:g} s") from error
        raise
    if clip.sr != f.sr:
        f = at_rate(f, clip.sr)
        if samples is not None and cut.time_steps is not None:
            lengths.refuse_another(f, samples, "time_steps", cut.time_steps)
    n = clip.y.shape[-1]
    demands.refuse_long(f, n, 1 if clip.y.ndim == 1 else len(clip.y), bounds.max_samples)
    if f.frames(n) == 0:
        raise too_short(src, n / f.sr, "a frame", lengths.frame(f) / f.sr)
    return clip, f


def too_short(src: Source, seconds: float, what: str, least: float) -> DecodeError:
    """Return the error for a sound that holds less than it takes."""
    path = os.fsdecode(src) if isinstance(src, (str, os.PathLike)) else ""
    message = f"{seconds:.3f} s of sound, but {what} takes {least:.3f} s"
    return DecodeError("too_short", message, path)
