# SPDX-License-Identifier: MIT
"""What a file says of itself: which formats are read, is it cut short, does it state its length."""

from __future__ import annotations

import re
from typing import BinaryIO, Literal

# libsndfile reads more than this. The rest is refused: rare, little tested, and in release 1.2.2
# without later fixes for headers crafted to overflow the decoder: IMA ADPCM (CVE-2026-37555,
# libsndfile issue 1120), ALAC (pull request 1142), NMS ADPCM and others (pull request 979).
# libsndfile parses a header before it names the format, so this keeps such a file from being
# decoded, not from being opened: whoever takes files from strangers puts a process around it.
_SAMPLES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_UNCOMPRESSED = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST")
SUBTYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_UNCOMPRESSED, _SAMPLES),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III"),
}
_FINITE = {*_SAMPLES} - {"FLOAT", "DOUBLE"}


def refusal(format: str, subtype: str) -> str | None:
    """Why a format is not read, or None if it is."""
    if format not in SUBTYPES:
        return f"{format} is not among the formats melpix reads: {', '.join(SUBTYPES)}"
    if subtype not in SUBTYPES[format]:
        known = ", ".join(SUBTYPES[format])
        return f"{subtype} is not among the encodings that melpix reads from {format}: {known}"
    return None


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


_KBPS = {  # MPEG layer III, by version bits: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_LOOK = 1 << 18  # bytes: sixteen seconds at 128 kbit/s


def _mp3_frame(data: bytes, at: int) -> tuple[int, int] | None:
    """(bit rate in kbit/s, length in bytes) of the layer III frame that starts at a place."""
    if at + 4 > len(data):
        return None
    header = int.from_bytes(data[at : at + 4], "big")
    version, layer = header >> 19 & 3, header >> 17 & 3
    kbps_index, rate_index, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if header >> 21 != 0x7FF or version == 1 or layer != 1 or rate_index == 3:
        return None
    if kbps_index in (0, 15):  # free format, forbidden
        return None
    kbps = _KBPS[version or 2][kbps_index - 1]
    rate = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    return kbps, (144000 if version == 3 else 72000) * kbps // rate + padding


def mp3_length(stream: BinaryIO) -> Literal["stated", "constant", "variable"]:
    """How an MP3's length is known.

    Parameters
    ----------
    stream : binary file
        The whole MP3; its position is moved.

    Returns
    -------
    {"stated", "constant", "variable"}
        "stated" by a Xing, Info or VBRI header; else the decoder infers it from the first frame's
        bit rate and the file's size: sound at a "constant" rate, a guess at a "variable" one.
        Only the beginning is looked at.
    """
    stream.seek(0)
    start = stream.read(10)
    tag = 0
    if start[:3] == b"ID3" and len(start) == 10:
        for byte in start[6:]:  # seven bits each
            tag = tag << 7 | byte & 127
        tag += 10
    stream.seek(tag)
    data = stream.read(_MP3_LOOK)

    at = -1
    while (at := data.find(b"\xff", at + 1)) >= 0:
        frame = _mp3_frame(data, at)
        if frame and _mp3_frame(data, at + frame[1]):
            break
    else:
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
