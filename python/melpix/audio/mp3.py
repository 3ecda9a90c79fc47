# SPDX-License-Identifier: MIT
"""MP3s, and MPEG audio in WAV: where they begin, and how to have libsndfile read all of them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, TypeAlias

from melpix import _core
from melpix.audio.binary_files import Spliced
from melpix.audio.survey import Facts, Part

_Pieces: TypeAlias = list[bytes | tuple[int, int]]

_TAG = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)
"""The smallest tag that mpg123 says nothing about: libsndfile knows an MP3 by it in any case."""

_LAYER_II, _LAYER_III = 0x50, 0x55  # the numbers of WAV's codings

_CHUNKS = 64  # of a WAV that are looked at for its sound

_UNKNOWN_SIZE = 0xFFFFFF00  # and more: what programs write that cannot go back to put it right

_LARGEST = 2881  # bytes of a frame: layer II at 160 kbit/s and 8 kHz


class Mp3:
    """A source of MPEG audio.

    Parameters
    ----------
    found : _core.MpegSurvey
    container : {"MP3", "WAV"}
    odd : bool
        libsndfile does not find it where it is.

    Attributes
    ----------
    container : str
    start, plain, tag
        As in `cpp/src/decode/mpeg_survey.h`.
    """

    def __init__(self, found: _core.MpegSurvey, container: str, *, odd: bool = False) -> None:
        self.start, self.plain, self.tag = found.start, found.plain, found.tag
        self.container = container
        self._runs = [run for run in found.runs if run.frames]
        self._clean_end = found.clean_end
        self._odd = odd

    def suits(self, declared: int | None) -> bool:
        """As in `survey.Survey`."""
        if self._odd or not self._runs:
            return not self._odd
        first, *others = self._runs
        if not all(run.follows for run in others):
            return False
        if first.informed:  # the decoder stops after so many frames
            return bool(first.stated) and (first.stated or 0) >= self._frames()
        if not self._clean_end:
            return False
        return declared is None or declared > (self._frames() - 1) * first.samples

    def facts(self, declared: int | None) -> Facts:
        """As in `survey.Survey`."""
        runs = self._runs
        guessed = declared is not None and not (runs and runs[0].informed)
        exact = not guessed or (bool(runs) and not any(run.broken for run in runs))
        frames = self._frames() * runs[0].samples if guessed and exact else None
        return Facts(
            frames=None if frames is None or declared is None else min(declared, frames),
            exact=exact,
            truncated=any(
                _stated(run) > run.frames or (run.lost and not _right(run)) for run in runs
            ),
            length_estimated=bool(runs)
            and (
                (runs[0].stated is None and runs[0].variable)
                or any(run.stated is not None and run.stated < run.frames for run in runs)
            ),
            joined=declared is None and len(runs) > 1,
        )

    def parts(self, content: Callable[[], Any], decoder: Callable[[Any], Any]) -> list[Part]:
        """As in `survey.Survey`."""
        parts = []
        for run in self._runs:
            if run.stated:
                read = partial(_open, content, _informed(content, run), None)
                # The decoder knows what the encoder put before and behind the sound.
                with read() as stream, decoder(stream) as opened:
                    frames = opened.frames
            else:  # 0 tells as much as nothing
                # Enough bytes for a decoder that guesses from their number to expect all frames.
                told = len(_TAG) + (run.frames + 2) * _LARGEST
                read = partial(_open, content, _uninformed(run), told)
                frames = run.frames * run.samples
            parts.append(Part(read, run.sr, run.channels, frames))
        return parts

    def _frames(self) -> int:
        """Count what a decoder finds that goes on and on: it takes later headers for sound."""
        return sum(run.frames + run.informed for run in self._runs) - self._runs[0].informed


def survey(stream: BinaryIO) -> Mp3 | None:
    """Look over a source; None if it is no MPEG audio.

    Parameters
    ----------
    stream : unbuffered binary file
        Its position is moved.
    """
    stream.seek(0)
    head = stream.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        found = _core.survey_mpeg(stream)
        return None if found is None else Mp3(found, "MP3")
    layout = _in_wav(stream)
    if layout is None:
        return None
    coding, start, stop, exact = layout
    found = _core.survey_mpeg(stream, start, stop)
    if found is None:
        return None
    odd = coding == _LAYER_II or not exact or not found.plain or found.start > start
    return Mp3(found, "WAV", odd=odd)


def tagged(content: Callable[[], Any], start: int) -> Spliced:
    """Open an MP3 that begins somewhere in a source, behind an ID3 tag of its own."""
    file = content()
    size = file.seek(0, 2)
    # From the size mpg123 estimates the length: it is the source's, or the length would be another.
    return Spliced(file, [_TAG, (start, size)], size)


def _open(content: Callable[[], Any], pieces: _Pieces, told: int | None) -> Spliced:
    return Spliced(content(), pieces, told)


def _informed(content: Callable[[], Any], run: _core.MpegRun) -> _Pieces:
    """Make a file of a run whose first frame says how many frames follow."""
    if _right(run):
        return [_TAG, (run.start, run.stop)]
    with content() as stream:
        stream.seek(run.start)
        info = _put_right(stream.read(run.length), run.frames, run.stop - run.start)
    return [_TAG, info, (run.start + run.length, run.stop)]


def _uninformed(run: _core.MpegRun) -> _Pieces:
    """Make a file of a run of which nobody says how many frames it has."""
    start = run.start + (run.length if run.informed else 0)
    # libsndfile knows a frame by the next one: a single one is followed by silence.
    silence = run.header.to_bytes(4, "big").ljust(run.length, b"\0")
    return [_TAG, (start, run.stop), silence]


def _stated(run: _core.MpegRun) -> int:
    return run.stated or 0


def _right(run: _core.MpegRun) -> bool:
    return run.stated == run.frames


def _put_right(info: bytes, frames: int, size: int) -> bytes:
    """Return a frame that says of an MP3 how many frames it has, put right.

    It may say as well how many samples at the end are none of the sound: only of the end that it
    knew.
    """
    data = bytearray(info)
    if (at := data.find(b"VBRI")) == 36:
        struct.pack_into(">II", data, at + 10, size, frames)
        return bytes(data)
    at = min(place for word in (b"Xing", b"Info") if (place := data.find(word)) >= 0)
    (flags,) = struct.unpack_from(">I", data, at + 4)
    struct.pack_into(">I", data, at + 8, frames)
    end = at + 12
    if flags & 2:
        struct.pack_into(">I", data, end, size)
        end += 4
    end += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    if end + 24 <= len(data) and data[end]:  # LAME's part: in it, twelve bits
        data[end + 22] &= 0xF0
        data[end + 23] = 0
    return bytes(data)


def _in_wav(stream: BinaryIO) -> tuple[int, int, int, bool] | None:
    """Find MPEG audio in a WAV: its coding, where it lies, and whether its size is right."""
    size = stream.seek(0, 2)
    at, coding = 12, 0
    for _ in range(_CHUNKS):
        stream.seek(at)
        head = stream.read(10)
        if len(head) < 8:
            return None
        name, length = struct.unpack_from("<4sI", head)
        if name == b"fmt " and len(head) == 10:
            coding = int.from_bytes(head[8:], "little")
            if coding not in (_LAYER_II, _LAYER_III):
                return None
        start = at + 8
        if name == b"data":
            exact = start + length <= size and 0 < length < _UNKNOWN_SIZE
            return coding, start, start + length if exact else size, exact
        at = start + length + length % 2
    return None
