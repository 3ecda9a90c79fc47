# SPDX-License-Identifier: MIT
"""What was read of a sound."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from melpix.audio.samples import Samples


class Clip(NamedTuple):  # a frozen dataclass takes three times as long to make
    """What was read from a source, and what is known of it.

    Attributes
    ----------
    y : np.ndarray [shape=(n,) or (channels, n)]
        int16 with all its channels, where the source is uncompressed 16-bit PCM and no
        resampling was needed (and not as short as `unmistakable` says); else float32, mixed down to
        one channel.
    sr : int or float
        Sampling rate of ``y``, in Hz.
    source_sr : int
        Sampling rate of the source, in Hz.
    channels : int
        Channels of the source.
    offset : float
        Where reading began, in seconds, as asked.
    duration : float
        Seconds of the source that were read.
    truncated : bool
        The source holds less sound than it declares, or more, which is not read.
    length_estimated : bool
        The source states no length, or a wrong one: what is read is the sound that was found.
    available : float or None
        Seconds that there would be to read, from the offset on and within the duration that were
        asked for, as far as the header tells; None if it does not.
    joined : bool
        The source is several sounds, one behind the other, such as joined MP3s or a recording of
        internet radio. They are read as one, with the first one's rate and channels.
    """

    y: Samples
    sr: float
    source_sr: int
    channels: int
    offset: float
    duration: float
    truncated: bool
    length_estimated: bool
    available: float | None = None
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Prepared(os.PathLike[str]):
    """The path of a file whose sound was read ahead (`melpix.dataset.read_ahead`).

    Attributes
    ----------
    path : str
    clip : Clip
        As `read_clip` gives it. Blocks are the same: it is short.
    """

    path: str
    clip: Clip

    def __fspath__(self) -> str:
        return self.path

    def all(
        self, sr: float | None, offset: float, duration: float | None, max_seconds: float
    ) -> Clip | None:
        """Return the clip if that is what is asked for."""
        whole = offset == 0 and duration is None and self.clip.duration < max_seconds
        rate = self.clip.source_sr if sr is None else sr
        return self.clip if whole and rate == self.clip.sr else None
