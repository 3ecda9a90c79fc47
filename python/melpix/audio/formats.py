# SPDX-License-Identifier: MIT
"""What a file says of itself: which formats are read, is it cut short, does it state its length."""

from __future__ import annotations

import re
from typing import BinaryIO, Literal, NamedTuple

from melpix.known_formats import PLAIN, SAMPLES

_UNCOMPRESSED = {name for form in PLAIN for name in form.containers}

_FINITE = {*SAMPLES} - {"FLOAT", "DOUBLE"}


def is_plain_int16(format: str, subtype: str) -> bool:
    """Whether the file is 16-bit samples, uncompressed: then reading them as int16 is cheapest."""
    return subtype == "PCM_16" and format in _UNCOMPRESSED


def may_hold_nan(subtype: str) -> bool:
    """Whether the encoding can hold NaN or infinity: integers cannot."""
    return subtype not in _FINITE


# libsndfile clamps the frame count of a file that is cut short and says so only in its log. The
# outer chunks RIFF and FORM are left out: they may be wrong though all of the sound is there.
_SHORTFALLS = [
    re.compile(
        r"^ *(?:data|SSND|riff|Data Size) *: (?P<declared>\d+) \(should be (?P<found>\d+)\)", re.M
    ),
    re.compile(
        r"'COMM' chunk \((?P<declared>\d+)\) not equal to frame count[^(]*\((?P<found>\d+)\)"
    ),
    re.compile(r"count (?P<found>\d+) does not match .* 'ds64' chunk of (?P<declared>\d+)"),
]


def _is_unknown_length(size: int) -> bool:
    # What programs put there that write to a pipe: 2^32-1 (ffmpeg), 2^31 (arecord), 2^31-4096 plus
    # the header (SoX), less whatever they subtract for their own headers.
    return 0x7FFFF000 <= size <= 0x80000000 or 0xFFFFFF00 <= size <= 0xFFFFFFFF


def is_cut_short(log: str) -> bool:
    """Whether libsndfile's log says that the file has less sound than its header declares.

    Examples
    --------
    >>> is_cut_short("data : 529200 (should be 352785)")
    True
    >>> is_cut_short("data : 4294967295 (should be 352785)")  # written to a pipe
    False
    """
    if not log:
        return False
    if "Last page lacks an end-of-stream bit" in log:
        return True
    for pattern in _SHORTFALLS:
        for match in pattern.finditer(log):
            declared = int(match["declared"])
            if declared > int(match["found"]) and not _is_unknown_length(declared):
                return True
    return False


_KBPS = {  # by version bits (3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5) and layer bits (3 is layer I)
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}

_MP3_LOOK = 1 << 18  # bytes: sixteen seconds at 128 kbit/s

_MP3_JUNK = 1 << 16  # bytes before the first frame: as many as mpg123 passes over

_MP3_ZEROS = 1 << 24  # bytes of 0 that may stand before that

_MP3_PARTS = 8  # tags and stretches of zeros that may

_MP3_FRAMES = 1 << 14  # bytes: three frames take fewer

_MP3_HEAD = 10  # bytes of an ID3 tag's header

_MP3_SAME = 0xFFFE0C00  # what frames of one sound have in common: version, layer, sampling rate

_MP3_SYNC = re.compile(rb"\xff(?=[\xe2-\xff][\x10-\xef])")

# Containers, which may hold frames of MP3: then their bytes are not an MP3 as they stand.
_CONTAINER = re.compile(
    rb"RIFF|RIFX|RF64|riff|FORM|fLaC|OggS|caff|\.snd|FLV|\x1aE\xdf\xa3|0&\xb2u|\0{2}\x01\xba"
    rb"|.{4}(?:ftyp|moov|mdat|free|skip|wide)",
    re.S,
)


def _mp3_frame(data: bytes, at: int) -> tuple[int, int] | None:
    """(bit rate in kbit/s, length in bytes) of the frame that starts at a place."""
    if at + 4 > len(data):
        return None
    header = int.from_bytes(data[at : at + 4], "big")
    version, layer = header >> 19 & 3, header >> 17 & 3
    kbps_index, rate_index, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if header >> 21 != 0x7FF or version == 1 or layer == 0 or rate_index == 3:
        return None
    if kbps_index in (0, 15):  # free format, forbidden
        return None
    kbps = _KBPS[version or 2, layer][kbps_index - 1]
    rate = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 3:
        return kbps, (12000 * kbps // rate + padding) * 4
    return kbps, (72000 if layer == 1 and version != 3 else 144000) * kbps // rate + padding


def _is_mp3(data: bytes, at: int, least: int) -> bool:
    """Whether three frames of one sound follow each other; or `least`, if `data` ends then."""
    first, count = data[at : at + 4], 0
    while count < 3:
        frame = _mp3_frame(data, at)
        if frame is None:
            return count >= least and at + 4 > len(data)
        here = data[at : at + 4]
        if (int.from_bytes(first, "big") ^ int.from_bytes(here, "big")) & _MP3_SAME:
            return False
        at += frame[1]
        count += 1
    return True


class Mp3Start(NamedTuple):
    """Where an MP3's first frame begins.

    Attributes
    ----------
    start : int
        In bytes.
    plain : bool
        One, whole or not, is where libsndfile looks for it: at the beginning, or behind ID3 tags.
    tag : int
        Where the last tag begins before it, in bytes; 0 if there is none.
    """

    start: int
    plain: bool
    tag: int


def mp3_start(stream: BinaryIO) -> Mp3Start | None:
    """Find the first frame of an MP3 behind tags, zeros, text or the rest of a cut frame.

    It is one that two more of the same sound follow, or the end of the file: bytes made by chance
    do not look like that. None if there is none, or if a container is around it.

    Parameters
    ----------
    stream : binary file
        Its position is moved.
    """
    start = tag = 0
    passed: list[str] = []
    while True:
        stream.seek(start)
        head = stream.read(_MP3_HEAD)
        if _CONTAINER.match(head) or len(passed) > _MP3_PARTS:
            return None
        if head[:3] == b"ID3" and len(head) == _MP3_HEAD:
            tag, size = start, 0
            for byte in head[6:]:  # seven bits each
                size = size << 7 | byte & 127
            footer = bool(head[5] & 16)
            passed.append("footed tag" if footer else "tag")
            start += _MP3_HEAD * (2 if footer else 1) + size
        elif head[:1] == b"\0":
            passed.append("zeros")
            start += _zeros(stream, start)
        else:
            break
    stream.seek(start)
    data = stream.read(_MP3_FRAMES)
    known = {*passed} <= {"tag"} and _mp3_frame(data, 0) is not None
    if _is_mp3(data, 0, least=1):
        return Mp3Start(start, known, tag)
    data += stream.read(_MP3_JUNK)
    for match in _MP3_SYNC.finditer(data, 1, _MP3_JUNK):
        if _is_mp3(data, match.start(), least=2):
            return Mp3Start(start + match.start(), known, tag)
    return None


def _zeros(stream: BinaryIO, start: int) -> int:
    """Count the bytes of 0 at a place; it may stop after `_MP3_ZEROS`."""
    stream.seek(start)
    n = 0
    while n < _MP3_ZEROS and (data := stream.read(_MP3_JUNK)):
        left = len(data.lstrip(b"\0"))
        n += len(data) - left
        if left:
            break
    return n


def mp3_length(stream: BinaryIO, start: int) -> Literal["stated", "constant", "variable"]:
    """How an MP3's length is known.

    Parameters
    ----------
    stream : binary file
        The whole MP3; its position is moved.
    start : int
        Where its first frame begins.

    Returns
    -------
    {"stated", "constant", "variable"}
        "stated" by a Xing, Info or VBRI header; else the decoder infers it from the first frame's
        bit rate and the file's size: sound at a "constant" rate, a guess at a "variable" one.
        Only the beginning is looked at.
    """
    stream.seek(start)
    data, at = stream.read(_MP3_LOOK), 0
    frame = _mp3_frame(data, at)
    if frame is None:
        return "constant"

    kbps, length = frame
    if any(name in data[at : at + length] for name in (b"Xing", b"Info", b"VBRI")):
        return "stated"
    while frame:
        if frame[0] != kbps:
            return "variable"
        at += frame[1]
        frame = _mp3_frame(data, at)
    return "constant"
