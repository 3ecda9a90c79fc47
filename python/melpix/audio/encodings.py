# SPDX-License-Identifier: MIT
"""What a container says that it holds, where that is no plain samples: for messages alone."""

from __future__ import annotations

import struct

# Numbers that Microsoft has given to encodings in WAV.
_TAGS = {
    0x0002: "MS ADPCM",
    0x0011: "IMA ADPCM",
    0x0022: "TrueSpeech",
    0x0031: "GSM 6.10",
    0x0040: "G.721",
    0x0042: "G.723.1",
    0x0045: "G.726",
    0x0050: "MP2",
    0x0055: "MP3",
    0x0064: "G.726",
    0x0065: "G.722",
    0x00FF: "AAC",
    0x0160: "Windows Media",
    0x0161: "Windows Media",
    0x0162: "Windows Media",
    0x0163: "Windows Media",
    0x0270: "ATRAC3",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x566F: "Vorbis",
    0x674F: "Vorbis",
    0x706D: "AAC",
    0xF1AC: "FLAC",
}

# Those of plain samples, with the bits that are read; and the one that says which further on.
_DEPTHS = {
    1: ("integers", {*range(1, 33)}),
    3: ("floats", {32, 64}),
    6: ("A-law", {8}),
    7: ("µ-law", {8}),
}

_EXTENSIBLE = 0xFFFE

# Names of four letters that Apple has given them, in CAF and AIFF.
_NAMES = {
    b"alac": "ALAC",
    b"aac ": "AAC",
    b"ima4": "IMA ADPCM",
    b".mp3": "MP3",
    b"opus": "Opus",
    b"flac": "FLAC",
    b"QDM2": "QDesign",
    b"MAC3": "MACE",
    b"MAC6": "MACE",
    b"G722": "G.722",
    b"GSM ": "GSM 6.10",
    b"dvi8": "DVI ADPCM",
}

_NUMBERS = {23: "G.721", 24: "G.722", 25: "G.723", 26: "G.723"}  # of Sun, in AU


def encoding(container: str, head: bytes) -> str | None:
    r"""Return the encoding in a container by its first bytes; None for samples, and if unknown.

    Examples
    --------
    >>> encoding("WAV", b"RIFF....WAVEfmt \x10\0\0\0\xff\0")
    'AAC'
    """
    if container in ("WAV", "RF64"):
        return _in_wav(head)
    if container == "CAF" and head[8:12] == b"desc":
        return _NAMES.get(head[28:32])
    if container == "AIFF":
        at = head.find(b"COMM")
        return _NAMES.get(head[at + 26 : at + 30]) if at > 0 else None
    if container == "AU" and len(head) >= 16:
        order = "<" if head.startswith(b"dns.") else ">"
        (number,) = struct.unpack_from(f"{order}I", head, 12)
        return _NUMBERS.get(number)
    return None


def _in_wav(head: bytes) -> str | None:
    at = head.find(b"fmt ")
    if at < 0 or len(head) < at + 10:
        return None
    order = ">" if head.startswith(b"RIFX") else "<"
    (tag,) = struct.unpack_from(f"{order}H", head, at + 8)
    if tag == _EXTENSIBLE and len(head) >= at + 34:
        (tag,) = struct.unpack_from(f"{order}H", head, at + 32)
    if tag not in _DEPTHS:
        return None if tag == _EXTENSIBLE else _TAGS.get(tag, f"encoding 0x{tag:04X}")
    if len(head) < at + 24:
        return None
    (bits,) = struct.unpack_from(f"{order}H", head, at + 22)
    name, depths = _DEPTHS[tag]
    # What is no whole number of bytes, up to 8, is no depth but a broken header.
    return None if bits in depths or bits not in range(8, 65, 8) else f"{bits}-bit {name}"
