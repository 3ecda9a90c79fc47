# SPDX-License-Identifier: MIT
"""What a file is by its first bytes: a sound that is read, one that no decoder reads, or neither.

The marks are those of the formats' own specifications.
"""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple

LOOK = 4096
"""Bytes to look at: two frames of the largest MPEG audio."""


class Kind(NamedTuple):
    """A format of sound."""

    name: str
    read: bool  # by libsndfile, and not refused by melpix


_WAVES = (b"RIFF", b"RIFX", b"RF64")

_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")

_ASF = bytes.fromhex("3026b2758e66cf11")

_AIFFS = (b"AIFF", b"AIFC")

_READ = ((b".snd", "AU"), (b"dns.", "AU"), (b"caff", "CAF"), (b"fLaC", "FLAC"),
         (_W64, "W64"), (b"NIST_1A", "SPHERE"), (b"ID3", "MP3"))  # fmt: skip

_UNREAD = (
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (_ASF, "ASF (Windows Media)"),
    (b"ADIF", "AAC"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"TTA1", "True Audio"),
    (b"TTA2", "True Audio"),
    (b"tBaK", "TAK"),
    (b"OFR ", "OptimFROG"),
    (b"ajkg", "Shorten"),
    (b"#!AMR", "AMR"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b".RMF", "RealMedia"),
    (b".ra\xfd", "RealAudio"),
    (b"Creative Voice File\x1a", "VOC"),
    (b"\x7f\xfe\x80\x01", "DTS"),
    (b"FLV\x01", "Flash video"),
)

_OGG = (
    (b"\x01vorbis", Kind("Ogg Vorbis", True)),
    (b"OpusHead", Kind("Ogg Opus", True)),
    (b"\x7fFLAC", Kind("Ogg FLAC", True)),
    (b"Speex   ", Kind("Ogg Speex", False)),
)

# Pictures that share the box of MP4's name with it.
_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif",
             b"avis", b"crx ", b"jp2 ")  # fmt: skip


def kind(data: bytes) -> Kind | None:
    r"""Tell a sound by the first bytes of its file, `LOOK` of them or all; None if it is none.

    Examples
    --------
    >>> kind(b"RIFF\x24\0\0\0WAVEfmt ")
    Kind(name='WAV', read=True)
    >>> kind(b"\0\0\0\x20ftypM4A ")
    Kind(name='MP4 (mostly AAC)', read=False)
    >>> kind(b"some text")
    """
    if data[8:12] == b"WAVE" and data.startswith(_WAVES):
        return Kind("WAV", True)
    if data.startswith(b"FORM"):
        if data[8:12] in _AIFFS:
            return Kind("AIFF", True)
        return Kind("8SVX", False) if data[8:12] == b"8SVX" else None
    if data[4:8] in (b"moov", b"mdat", b"wide") and data[0] < 9:  # an old film's; no text
        return Kind("QuickTime", False)
    if data[4:8] == b"ftyp":
        return None if data[8:12] in _PICTURES else Kind("MP4 (mostly AAC)", False)
    if data.startswith(b"OggS"):
        return next((found for mark, found in _OGG if mark in data[:128]), None)
    for mark, name in _READ:
        if data.startswith(mark):
            return Kind(name, True)
    for mark, name in _UNREAD:
        if data.startswith(mark):
            return Kind(name, False)
    return _of_frames(data)


def way_out(path: str | None) -> str:
    """Return the command that makes a file which is read, of a path or of some sound."""
    name = "IN" if path is None else os.path.basename(path)
    if name.startswith("-"):  # ffmpeg would take that for an option
        name = os.path.join(os.curdir, name)
    stem, suffix = ("OUT", "") if path is None else os.path.splitext(name)
    other = f"{stem}-pcm.wav" if suffix.lower() == ".wav" else f"{stem}.wav"
    return f"ffmpeg -i {shlex.quote(name)} {shlex.quote(other)} makes a file that is read"


def _of_frames(data: bytes) -> Kind | None:
    """Tell what begins with a frame, by the next one: two bytes alone mean little."""
    if len(data) < 8 or not (data[0] == 0xFF or data[:2] == b"\x0bw"):
        return None
    if data[0] == 0x0B:
        return Kind("AC-3", False) if data.find(b"\x0bw", 16, LOOK) > 0 else None
    if data[1] & 0xF6 == 0xF0:  # ADTS: the layer is 0
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        again = data[length : length + 2]
        whole = length > 7 and len(again) == 2 and again[0] == 0xFF and again[1] & 0xF6 == 0xF0
        return Kind("AAC", False) if whole else None
    length = _mpeg_length(data[:4])
    again = data[length : length + 2]
    same = len(again) == 2 and again[0] == 0xFF and again[1] & 0xFE == data[1] & 0xFE
    return Kind("MP3", True) if length and same else None


# kbit/s by index, of MPEG-1 (layers I, II, III) and of the later ones (I; II and III).
_KBPS = (
    ((32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
     (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
     (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)),
    ((32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
     (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
     (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)),
)  # fmt: skip


def _mpeg_length(header: bytes) -> int:
    """Return the bytes of an MPEG audio frame by its header (ISO 11172-3, 13818-3); 0: none."""
    bits = int.from_bytes(header, "big")
    version, layer = bits >> 19 & 3, 4 - (bits >> 17 & 3)  # version: 3 is MPEG-1, 0 MPEG-2.5
    at, rate_at, padding = bits >> 12 & 15, bits >> 10 & 3, bits >> 9 & 1
    if bits >> 21 != 0x7FF or version == 1 or layer == 4 or rate_at == 3 or at in (0, 15):
        return 0
    kbps = _KBPS[version != 3][layer - 1][at - 1]
    rate = (44100, 48000, 32000)[rate_at] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12000 * kbps // rate + padding) * 4
    samples = 144000 if version == 3 or layer == 2 else 72000
    return samples * kbps // rate + padding
