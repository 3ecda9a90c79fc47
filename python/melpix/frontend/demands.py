# SPDX-License-Identifier: MIT
"""What a front-end asks for: samples and values, in numbers, before any memory is taken."""

from __future__ import annotations

from melpix.errors import DecodeError
from melpix.frontend.frontend import Frontend


def samples(f: Frontend, n: int) -> int:
    """Return how many samples, at most, the core works on where it is given `n` of one channel.

    Examples
    --------
    >>> samples(Frontend(sr=1000), 500), samples(Frontend(sr=1000, duration=3600), 500)
    (500, 3600000)
    """
    length = n if f.duration is None else round(f.duration * f.sr)
    if f.tail != "pad":
        return length
    patch, step = f.patch or 0, f.patch_step or 0  # given where tail is "pad"
    mels = [dict(mel) for mel in f.stack or ()]
    hop: int = max([f.hop_length, *(mel.get("hop_length", 0) for mel in mels)])
    n_fft: int = max([f.n_fft, *(mel.get("n_fft", 0) for mel in mels)])
    return max(patch * hop + n_fft, length + step * hop)


def refuse_long(f: Frontend, n: int, channels: int, most: int | None) -> None:
    """Refuse to bring a signal of `n` samples a channel to more than `most` samples."""
    if most is None or (f.duration is None and f.tail != "pad"):
        return
    found = samples(f, n) * channels
    if found > most:
        raise DecodeError(
            "too_long",
            f"duration {f.duration}, patch {f.patch} and tail {f.tail!r} bring the signal to "
            f"{found} samples at {f.sr:g} Hz in {channels} channels, at most {most} are worked on "
            "here; ask for less",
        )


def channels(f: Frontend) -> int:
    """Return how many mels there are."""
    return 1 + len(f.stack or ())


def columns(f: Frontend, most: int) -> int:
    """Return how many columns an image may have, so that `most` pixels of 8 bits hold it.

    Examples
    --------
    >>> columns(Frontend(n_mels=100), 10_000), columns(Frontend(n_mels=100, bits=16), 10_000)
    (100, 50)
    """
    return most // (f.n_mels * channels(f) * (f.bits // 8))
