# SPDX-License-Identifier: MIT
"""Short sounds of a dataset that are resampled together, ahead of their turn.

Only plain WAV files are read ahead: there is no decoder that one of them could crash. The others,
and all that is unusual, are left for their turn.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from melpix import audio
from melpix.audio import Clip, Prepared
from melpix.decoder import Samples, Sound, open_plain

_MOST = 8  # sounds together; twice as many save little more
_ROOM = 2**18  # samples that they may make together: they stay in the cache
_PAUSE = 16  # sources to pass over where one had to be left: the next ones will be alike

Version = tuple[int | None, int | None]  # size and mtime_ns of a file


class _Ready(NamedTuple):
    version: Version
    source: Prepared
    seconds: float


class Ahead:
    """Reads ahead for one process.

    Parameters
    ----------
    sr : float [Hz]
        Rate to resample to.
    """

    def __init__(self, sr: float) -> None:
        self._sr = sr
        self._ready: dict[str, _Ready] = {}
        self._pause = 0

    def look(self, paths: Iterator[str]) -> None:
        """Get the first of some files ready, if it is not yet, and those behind it that fit.

        Raises
        ------
        DecodeError, OSError
            One cannot be read; then none is ready.
        """
        if self._pause:
            self._pause -= 1
            return
        path = next(paths, None)
        if path is None or path in self._ready:
            return
        self._ready.clear()
        self._pause = _PAUSE  # unless all goes well
        started = time.perf_counter()
        versions: list[Version] = []
        sounds: list[tuple[str, Sound, Samples]] = []
        longest = 0
        while path is not None:
            found = os.stat(path)
            with open_plain(path) as sound:
                if sound is None or not self._fits(sound, sounds, longest):
                    break
                y = sound.read(0, None, np.dtype(np.float32), mono=True, limit=_ROOM)
            if sound.truncated:
                break
            versions.append((found.st_size, found.st_mtime_ns))
            sounds.append((path, sound, y))
            longest = max(longest, len(y))
            path = next(paths, None) if len(sounds) < _MOST else None
        if not sounds:
            return
        sr = sounds[0][1].sr
        resampled = audio.resample_together([y for _, _, y in sounds], sr, self._sr)
        share = (time.perf_counter() - started) / len(sounds)
        for version, (path, sound, read), y in zip(versions, sounds, resampled, strict=True):
            clip = Clip(y, self._sr, sr, sound.channels, 0.0, len(read) / sr, False, False)
            self._ready[path] = _Ready(version, Prepared(path, clip), share)
        self._pause = 0

    def take(self, path: str, version: Version) -> tuple[Prepared | None, float]:
        """Return a file that is ready and still the same, if it is, and the seconds it took."""
        ready = self._ready.get(path)
        if ready is None or ready.version != version:
            return None, 0.0
        return ready.source, ready.seconds

    def _fits(self, sound: Sound, others: list[tuple[str, Sound, Samples]], longest: int) -> bool:
        assert sound.frames is not None
        if others and sound.sr != others[0][1].sr:
            return False
        if sound.sr == self._sr or not audio.MIN_SR <= sound.sr <= audio.MAX_SR:
            return False
        growth = max(1.0, self._sr / sound.sr)
        # Alone, a long one has nothing to gain.
        count = max(2, len(others) + 1)
        return count * max(longest, sound.frames) * growth <= _ROOM
