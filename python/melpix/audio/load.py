# SPDX-License-Identifier: MIT
"""From audio files to samples, as librosa.load gives them."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np

from melpix import arguments
from melpix.audio import formats
from melpix.audio.clip import Clip, Prepared
from melpix.audio.decoder import Source, open_sound
from melpix.audio.resample import Resampler, refuse_without_resampler, resample
from melpix.audio.samples import Empty, Samples
from melpix.audio.sound import Sound
from melpix.errors import DecodeError, ParameterError

__all__ = [
    "MAX_SAMPLES",
    "MAX_SECONDS",
    "Clip",
    "Prepared",
    "Source",
    "load",
    "probe",
    "read_blocks",
    "read_clip",
]

MIN_SR, MAX_SR = 100, 10_000_000

MAX_SECONDS = 86_400.0
"""What is read of one source at most, if not said otherwise: 24 hours."""

MAX_SAMPLES = 2**31
"""What one source may take in memory, its channels counted singly: 27 hours at 22050 Hz."""

# soxr's HQ filters look ahead, so the end of what is read bends the samples before it. Over
# 7,000 random pairs of rates, 4096 samples of either rate were enough for bit equality.
_LOOKAHEAD = 16384

# Samples that `read_blocks` decodes, or makes by resampling, at a time: 2 MB. Clips of ten seconds
# make one block, which takes no longer than reading them whole.
_BLOCK = 2**19

_MOST_FRAMES = 2**62  # a number of frames that no sound has


def load(
    path: Source,
    *,
    sr: float | None = 22050,
    mono: bool = True,
    offset: float = 0.0,
    duration: float | None = None,
    dtype: Any = np.float32,
) -> tuple[Samples, float]:
    """Load a sound, mixed down and resampled, with the samples that librosa.load gives.

    Parameters
    ----------
    path : str, os.PathLike, bytes-like or open binary file
        A path, or the content of a file, or a file that is read from its position to its end.
        WAV, RF64, W64, AIFF, AU, CAF, SPHERE, FLAC, Ogg FLAC, Ogg Vorbis, Ogg Opus, MP3.
    sr : number in 100 .. 10,000,000 or None
        Sampling rate to resample to, in Hz. None: the file's own.
    mono : bool
        Mix channels down to one by their mean.
    offset : float >= 0
        Start reading here, in seconds.
    duration : float >= 0 or None
        Read this much, in seconds. None: to the end.
    dtype : np.float32 or np.float64
        Type of the samples.

    Returns
    -------
    y : np.ndarray [shape=(n,) or (channels, n)]
        Samples, full scale 1.0.
    sr : number
        Sampling rate of ``y``, in Hz.

    Raises
    ------
    DecodeError
        The source cannot be read (its ``code`` says why), holds no sound where asked, or more
        than `MAX_SECONDS` or `MAX_SAMPLES`. (librosa returns empty arrays and has no limits.)
    SignalError
        A sample is NaN or infinite.
    OSError
        The file is missing, a directory, or may not be read.
    ValueError
        A parameter is out of range.

    Examples
    --------
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((44100, 2)), 44100, format="WAV")
    >>> y, sr = load(file.getvalue(), offset=0.25)
    >>> y.shape, y.dtype, sr
    ((16538,), dtype('float32'), 22050)
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ParameterError("dtype", f" must be float32 or float64, got {dtype}")
    check(sr, offset, duration, MAX_SECONDS)
    with open_sound(path) as sound:
        target = _target(sound, sr)
        limit = _limit(sound, target, MAX_SECONDS, channels=1 if mono else sound.channels)
        y = sound.read(offset, duration, dtype, mono=mono, limit=limit)
    return resample(y, sound.sr, target), target


def read_clip(
    source: Source,
    *,
    sr: float | None = 22050,
    offset: float = 0.0,
    duration: float | None = None,
    samples: int | None = None,
    max_seconds: float | None = None,
    max_samples: int | None = None,
    max_bytes: int | None = None,
    strict: bool = False,
    formats: str = "common",
    empty: Empty = np.empty,
    in_place: bool = False,
) -> Clip:
    """Read a sound for a front-end: the samples of `load`, or int16 where that is the same.

    Parameters
    ----------
    source, sr, offset, duration
        As in `load`.
    samples : int >= 1 or None
        Give the first so many samples of that alone, and decode no more than they take.
    max_seconds : float > 0 or None
        Refuse to read more than this. None: `MAX_SECONDS`.
    max_samples : int >= 1 or None
        Refuse to read more than this, before and after resampling, channels that are kept counted
        singly. None: `MAX_SAMPLES`.
    max_bytes : int >= 0 or None
        Refuse a source that holds more than this.
    strict : bool
        Refuse a source that is truncated.
    formats : {"common", "all"}
        Which formats are read. "all" is for worker processes alone, for it may crash.
    empty : callable
        Makes the array for the samples: `numpy.empty`, or what `samples.kept_memory` gives.
    in_place : bool
        Samples may lie in `source` itself, if it is memory, and are read-only then.

    Returns
    -------
    Clip

    Raises
    ------
    DecodeError, SignalError, OSError, ValueError
        As `load`; ``truncated`` where strict.

    Examples
    --------
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros((22050, 2)), 22050, format="WAV")
    >>> clip = read_clip(file.getvalue())
    >>> clip.y.shape, clip.y.dtype, clip.truncated
    ((2, 22050), dtype('int16'), False)
    """
    max_seconds = MAX_SECONDS if max_seconds is None else max_seconds
    check(sr, offset, duration, max_seconds)
    if isinstance(source, Prepared) and samples is None:
        clip = source.all(sr, offset, duration, max_seconds)
        if clip is not None:
            return clip
    with open_sound(source, max_bytes, formats=formats) as sound:
        target = _target(sound, sr)
        plain = _is_plain(sound, target)
        kept = sound.channels if plain else 1
        limit = _limit(sound, target, max_seconds, kept, max_samples or MAX_SAMPLES)
        dtype = np.dtype(np.int16 if plain else np.float32)
        enough = _enough(sound.sr, target, samples, duration)
        found = sound.in_place(offset, enough, limit) if in_place and plain else None
        if found is None:
            found = sound.read(offset, enough, dtype, mono=not plain, limit=limit, empty=empty)
        y = found
    if strict:
        _refuse_truncated(sound)
    resampled = resample(y, sound.sr, target)[..., :samples]
    clip = _clip(sound, unmistakable(resampled), target, offset, y.shape[-1])
    # The end was not seen where reading stopped before what was asked for had been read.
    stopped = enough is not None and enough != duration and clip.duration > enough - 1 / sound.sr
    available = _available(sound, offset, duration) if stopped else clip.duration
    return clip._replace(available=available)


def unmistakable(y: Samples) -> Samples:
    """Mix channels down where a front-end would take them for samples: many, of few samples.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (channels, n)]
        Channels are int16.
    """
    if not arguments.looks_transposed(y):
        return y
    mixed: Samples = (y.mean(axis=0, dtype=np.float64) / 32768).astype(np.float32)
    return mixed


def read_blocks(
    source: Source,
    *,
    sr: float | None = 22050,
    offset: float = 0.0,
    duration: float | None = None,
    max_seconds: float | None = None,
    strict: bool = False,
    formats: str = "common",
    empty: Empty = np.empty,
) -> Generator[Clip]:
    """Read a sound in blocks, so that memory does not grow with its length.

    Parameters
    ----------
    source, sr, offset, duration, max_seconds, strict, formats
        As in `read_clip`. There is no limit but `max_seconds`.
    empty : callable
        As in `read_clip`: a short sound is read into what it makes, and makes one block.

    Yields
    ------
    Clip
        Joined, the blocks are the samples of `read_clip`, bit for bit. A block may hold none. What
        a flag says is complete in the last one.

    Raises
    ------
    DecodeError, SignalError, OSError, ValueError
        As `read_clip`, each as soon as it shows: a fault may follow blocks that were good.

    Examples
    --------
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(30 * 44100), 44100, format="WAV")
    >>> [round(clip.duration, 2) for clip in read_blocks(file.getvalue())]
    [11.89, 11.89, 6.22]
    """
    max_seconds = MAX_SECONDS if max_seconds is None else max_seconds
    check(sr, offset, duration, max_seconds)
    if isinstance(source, Prepared):
        clip = source.all(sr, offset, duration, max_seconds)
        if clip is not None:
            yield clip
            return
    with open_sound(source, formats=formats) as sound:
        if strict:
            _refuse_truncated(sound)
        target = _target(sound, sr)
        plain = _is_plain(sound, target)
        channels = sound.channels if plain else 1
        resampler = None if target == sound.sr else Resampler(sound.sr, target)
        growth = max(1.0, target / sound.sr)
        most = max(1, int(_BLOCK / (channels * growth)))
        dtype = np.dtype(np.int16 if plain else np.float32)
        y: Samples | None = None

        def room(n: int, left: int) -> Samples:
            nonlocal y
            if y is None or resampler is None:  # a resampler is done with a block at once
                length = min(left, most)
                make = empty if n == 0 else np.empty  # lent memory is one array only
                y = make((length,) if channels == 1 else (length, channels), dtype)
            return y

        limit = int(min(max_seconds * sound.sr, _MOST_FRAMES))
        n = 0
        blocks = sound.blocks(offset, duration, dtype, mono=not plain, limit=limit, room=room)
        for frames, last in blocks:
            if last and strict:
                _refuse_truncated(sound)
            block = resampler(frames, last) if resampler else frames.T
            yield _clip(sound, block, target, offset + n / sound.sr, len(frames))
            n += len(frames)


def probe(source: Source, *, formats: str = "common") -> dict[str, Any]:
    """Say what its decoder says of a source, without decoding it.

    Parameters
    ----------
    source
        As in `load`.
    formats
        As in `read_clip`.

    Returns
    -------
    dict of JSON values
        format, subtype, sr (Hz), channels, frames and duration (seconds; both None if the source
        states no length), truncated, length_estimated and joined (as in `Clip`; some sources show
        only when read that they are truncated), info (the decoder's remarks, a list of lines).

    Raises
    ------
    DecodeError, OSError
        As `load`, for what shows without decoding.

    Examples
    --------
    >>> import io, numpy as np, soundfile
    >>> file = io.BytesIO()
    >>> soundfile.write(file, np.zeros(8000), 16000, format="FLAC")
    >>> facts = probe(file.getvalue())
    >>> facts["format"], facts["subtype"], facts["sr"], facts["frames"], facts["duration"]
    ('FLAC', 'PCM_16', 16000, 8000, 0.5)
    """
    with open_sound(source, formats=formats) as sound:
        return {
            "format": sound.format,
            "subtype": sound.subtype,
            "sr": sound.sr,
            "channels": sound.channels,
            "frames": sound.frames,
            "duration": None if sound.frames is None else sound.frames / sound.sr,
            "truncated": sound.truncated,
            "length_estimated": sound.length_estimated,
            "joined": sound.joined,
            "info": sound.log.splitlines(),
        }


def check(sr: float | None, offset: float, duration: float | None, max_seconds: float) -> None:
    """Refuse parameters of reading that are out of range."""
    if sr is not None and not MIN_SR <= sr <= MAX_SR:
        raise ParameterError("sr", f" must lie in {MIN_SR} .. {MAX_SR} Hz, got {sr}")
    if not (math.isfinite(offset) and offset >= 0):
        raise ParameterError("offset", f" must be finite and >= 0 seconds, got {offset}")
    if duration is not None and not (math.isfinite(duration) and duration >= 0):
        raise ParameterError("duration", f" must be finite and >= 0 seconds, got {duration}")
    if not max_seconds > 0:
        raise ParameterError("max_seconds", f" must be > 0, got {max_seconds}")


def _target(sound: Sound, sr: float | None) -> float:
    """Return the rate to resample to, if the sound has one that melpix reads."""
    if not MIN_SR <= sound.sr <= MAX_SR:
        raise DecodeError(
            "bad_sample_rate",
            f"its sampling rate must lie in {MIN_SR} .. {MAX_SR} Hz, is {sound.sr}",
            sound.source,
        )
    if sr is None or sr == sound.sr:
        return sound.sr
    refuse_without_resampler(sound.sr, sr, sound.source)
    return sr


def _is_plain(sound: Sound, target: float) -> bool:
    """Whether the front-end can take the file's 16-bit samples as they are."""
    return target == sound.sr and formats.is_plain_int16(sound.format, sound.subtype)


def _refuse_truncated(sound: Sound) -> None:
    if sound.truncated:
        reason = sound.remark or "holds less sound than it declares"
        raise DecodeError("truncated", reason, sound.source)


def _clip(sound: Sound, y: Samples, sr: float, offset: float, frames: int) -> Clip:
    return Clip(
        y=y,
        sr=sr,
        source_sr=sound.sr,
        channels=sound.channels,
        offset=float(offset),
        duration=frames / sound.sr,
        truncated=sound.truncated,
        length_estimated=sound.length_estimated,
        joined=sound.joined,
    )


def _limit(
    sound: Sound, target: float, max_seconds: float, channels: int, most: int = MAX_SAMPLES
) -> int:
    """Return how many frames may be read, so that samples fit before and after resampling."""
    growth = max(1.0, target / sound.sr)
    return int(min(max_seconds * sound.sr, min(most, MAX_SAMPLES) / (channels * growth)))


def _available(sound: Sound, offset: float, duration: float | None) -> float | None:
    if sound.frames is None:
        return None
    left = sound.frames / sound.sr - offset
    return left if duration is None else min(left, duration)


def _enough(sr: int, target: float, samples: int | None, duration: float | None) -> float | None:
    """Return the seconds at rate `sr` that make the first `samples` samples at rate `target`."""
    if samples is None:
        return duration
    if sr == target:
        seconds = (samples + 0.5) / sr  # frames are counted by truncation
    else:
        seconds = (samples + _LOOKAHEAD) / target + _LOOKAHEAD / sr
    return seconds if duration is None else min(duration, seconds)
