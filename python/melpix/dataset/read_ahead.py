# SPDX-License-Identifier: MIT
"""Short sounds of a dataset that are read and resampled together, ahead of their turn.

To do one thing for several files and then the next takes less time than all things for one file
after the other: code stays in the processor's caches, and soxr designs its filter once where that
takes long.

Only what the core decodes is read ahead: libsndfile might crash. The others, and all that is
unusual, are left for their turn.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from melpix.audio import formats
from melpix.audio.decoder import open_in_core
from melpix.audio.load import MAX_SR, MIN_SR, Clip, Prepared, unmistakable
from melpix.audio.resample import resample_several
from melpix.audio.samples import Samples
from melpix.audio.sound import Sound
from melpix.dataset.sources.item import Item, Version
from melpix.errors import DecodeError, SignalError

_MOST = 8  # sounds together; twice as many save little more

_ROOM = 2**18  # samples that they may make together: they stay in the cache

_PAUSE = 16  # sources to pass over where one had to be left: the next ones will be alike


class _Ready(NamedTuple):
    version: Version
    source: Prepared
    seconds: float


class Ahead:
    """Reads ahead for one process.

    Parameters
    ----------
    sr : float [Hz] or None
        Rate to resample to. None: each file's own.
    """

    def __init__(self, sr: float | None) -> None:
        self._sr = sr
        self._ready: dict[str, _Ready] = {}

    def look(self, items: Iterable[Item]) -> int:
        """Get the first of some sources ready, and those behind it that fit.

        Returns
        -------
        int
            How many are ready; or, if the first one is not, how many to pass over.
        """
        self._ready.clear()
        whole = itertools.takewhile(lambda item: not item.offset and item.duration is None, items)
        started = time.perf_counter()
        versions: list[Version] = []
        sounds: list[tuple[str, Sound, Samples]] = []
        longest = 0
        try:
            for path in (item.path for item in itertools.islice(whole, _MOST)):
                found = os.stat(path)
                with open_in_core(path) as sound:
                    if sound is None or not self._fits(sound, sounds, longest):
                        break
                    y = self._read(sound)
                if sound.truncated or sound.length_estimated:
                    break
                versions.append((found.st_size, found.st_mtime_ns))
                sounds.append((path, sound, y))
                longest = max(longest, y.shape[-1])
        except (DecodeError, SignalError, OSError):  # it will show in its turn
            return _PAUSE
        if not sounds:
            return _PAUSE
        sr = sounds[0][1].sr
        ys = [y for _, _, y in sounds]
        if self._sr is not None and sr != self._sr:
            ys = resample_several(ys, sr, self._sr)
        share = (time.perf_counter() - started) / len(sounds)
        for version, (path, sound, read), y in zip(versions, sounds, ys, strict=True):
            target = self._sr or sound.sr
            duration = read.shape[-1] / sound.sr
            y = unmistakable(y)
            clip = Clip(y, target, sound.sr, sound.channels, 0.0, duration, False, False)
            self._ready[path] = _Ready(version, Prepared(path, clip), share)
        return len(sounds)

    def take(self, path: str, version: Version) -> tuple[Prepared | None, float]:
        """Return a file that is ready and still the same, if it is, and the seconds it took."""
        ready = self._ready.get(path)
        if ready is None or ready.version != version:
            return None, 0.0
        return ready.source, ready.seconds

    def _plain(self, sound: Sound) -> bool:
        """Whether a file's 16-bit samples are taken as they are."""
        unchanged = self._sr is None or sound.sr == self._sr
        return unchanged and formats.is_plain_int16(sound.format, sound.subtype)

    def _read(self, sound: Sound) -> Samples:
        plain = self._plain(sound)
        dtype = np.dtype(np.int16 if plain else np.float32)
        return sound.read(0, None, dtype, mono=not plain, limit=_ROOM)

    def _fits(self, sound: Sound, others: list[tuple[str, Sound, Samples]], longest: int) -> bool:
        if not sound.frames or not MIN_SR <= sound.sr <= MAX_SR:
            return False
        size: float = max(longest, sound.frames)
        if self._plain(sound):
            size *= sound.channels
        elif self._sr is not None:
            size *= max(1.0, self._sr / sound.sr)
        if others and self._sr is not None and sound.sr != others[0][1].sr:
            return False
        # Alone, a long one has nothing to gain.
        return max(2, len(others) + 1) * size <= _ROOM
