# SPDX-License-Identifier: MIT
"""Which formats are read; what libsndfile says of a file that is cut short, or that it refuses."""

from __future__ import annotations

import re

# libsndfile reads more than this. The rest is refused: rare, little tested, and in release 1.2.2
# without later fixes for headers crafted to overflow the decoder: IMA ADPCM (CVE-2026-37555,
# libsndfile issue 1120), ALAC (pull request 1142), NMS ADPCM and others (pull request 979).
# libsndfile parses a header before it names the format, so this keeps such a file from being
# decoded, not from being opened: whoever takes files from strangers puts a process around it.
_SAMPLES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")

_MPEG = ("MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")

_UNCOMPRESSED = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST")

SUBTYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_UNCOMPRESSED, _SAMPLES),
    "WAV": (*_SAMPLES, *_MPEG),
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": _MPEG,
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


_UNKNOWN_CODES = {1, 7, *range(148, 155)}  # libsndfile's, for what has none of its formats

_INTERNAL_CODE = 29


def failure(code: int, text: str, mp3: bool, way_out: str) -> str:
    """Say what libsndfile says, or what it means where it says nothing or something else.

    Examples
    --------
    >>> failure(29, "Unspecified internal error.", True, "try x")
    'the MP3 cannot be decoded any further (Unspecified internal error); if ffmpeg reads it, try x'
    """
    if code in _UNKNOWN_CODES:
        return unknown(mp3, way_out)
    if code == _INTERNAL_CODE:
        kind = "MP3" if mp3 else "sound"
        what = f"the {kind} cannot be decoded any further ({text.rstrip('.')})"
        return f"{what}; if ffmpeg reads it, {way_out}"
    return text


def unknown(mp3: bool, way_out: str) -> str:
    """Say that there is nothing to decode in a file."""
    what = "an MP3 of which no sound can be decoded"
    if not mp3:
        what = f"Format not recognised, it is damaged or none of {', '.join(SUBTYPES)}"
    return f"{what}; if ffmpeg reads it, {way_out}"
