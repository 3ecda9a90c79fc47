# SPDX-License-Identifier: MIT
"""What a file is by its first bytes: a sound of some format, something else, or nobody knows.

The marks are those of the formats' own specifications.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from melpix.known_formats import COMMON, ON_REQUEST

LOOK = 4096
"""Bytes to look at: two frames of the largest MPEG audio."""


class Kind(NamedTuple):
    """A format of sound, or of film.

    Attributes
    ----------
    name : str
    formats : {"common", "all"} or None
        By which choice of formats it is read. None: by none.
    """

    name: str
    formats: str | None

    def read_with(self, formats: str) -> bool:
        """Whether that choice of formats reads it."""
        return self.formats is not None and formats in (self.formats, "all")


class Other(NamedTuple):
    """What is no sound, in words, and what its owner can do."""

    name: str
    way_out: str


_CHOICES = {form.name: "common" for form in COMMON} | {form.name: "all" for form in ON_REQUEST}
_CHOICES["Ogg"] = "common"  # of what, the decoder will say

_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")

_ASF = bytes.fromhex("3026b2758e66cf11")

# RIFF, FORM and the like: what is in them stands behind their length.
_RIFF = (b"RIFF", b"RIFX", b"RF64")

_IN_RIFF = {b"WAVE": "WAV", b"AVI ": "AVI"}

_IN_FORM = {b"AIFF": "AIFF", b"AIFC": "AIFF", b"8SVX": "8SVX", b"16SV": "8SVX"}

_MARKS = (
    (b".snd", "AU"),
    (b"dns.", "AU"),
    (b"caff", "CAF"),
    (b"fLaC", "FLAC"),
    (_W64, "W64"),
    (b"NIST_1A", "SPHERE"),
    (b"ID3", "MP3"),
    (b"2BIT", "AVR"),
    (b"d\xa3", "IRCAM"),
    (b"\0\1\xa3d", "IRCAM"),
    (b"\0\2\xa3d", "IRCAM"),
    (b"\0\3\xa3d", "IRCAM"),
    (b"\0\4\xa3d", "IRCAM"),
    (b" paf", "PAF"),
    (b"fap ", "PAF"),
    (b"PVF1\n", "PVF"),
    (b"Creative Voice File\x1a", "VOC"),
    (b"ALawSoundFile**", "WVE"),
    (b"Extended Instrument: ", "XI"),
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
    (b"\x7f\xfe\x80\x01", "DTS"),
    (b"FLV\x01", "Flash video"),
    (b".SoX", "SoX's own format"),
    (b"XoS.", "SoX's own format"),
    (b"\0\0\1\xba", "MPEG film"),
)

_OGG = (
    (b"\x01vorbis", "Ogg Vorbis"),
    (b"OpusHead", "Ogg Opus"),
    (b"\x7fFLAC", "Ogg FLAC"),
    (b"Speex   ", "Ogg Speex"),
    (b"\x80theora", "Ogg Theora (film)"),
    (b"fishead\0", "Ogg Theora (film)"),
)

# Matlab's files are sounds if they have what libsndfile writes first.
_MATLAB = ((b"MATLAB 5.0 MAT-file", "MAT5"), (b"\0\0\0\0\1\0\0\0", "MAT4"),
           (b"\0\0\3\xe8\0\0\0\1", "MAT4"))  # fmt: skip

# Pictures that share the box of MP4's name with it.
_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif",
             b"avis", b"crx ", b"jp2 ")  # fmt: skip


def look(stream: BinaryIO) -> bytes:
    """Return the first bytes of a file, `LOOK` of them; it is at its beginning.

    Where an ID3 tag stands before a format that is known, they are those behind the tag. Alone it
    means MP3, but it stands before AAC and others too.
    """
    head = stream.read(LOOK)
    if head.startswith(b"ID3") and len(head) > 10:
        size = 0
        for byte in head[6:10]:  # seven bits each
            size = size << 7 | byte & 127
        stream.seek(10 + size)
        inside = stream.read(LOOK)
        if kind(inside) is not None:
            return inside
    return head


def kind(data: bytes) -> Kind | None:
    r"""Tell a sound by the first bytes of its file, `LOOK` of them or all; None if it is none.

    Examples
    --------
    >>> kind(b"RIFF\x24\0\0\0WAVEfmt ")
    Kind(name='WAV', formats='common')
    >>> kind(b"Creative Voice File\x1a")
    Kind(name='VOC', formats='all')
    >>> kind(b"\0\0\0\x20ftypM4A ")
    Kind(name='MP4 (mostly AAC)', formats=None)
    >>> kind(b"some text")
    """
    name = _name(data)
    return None if name is None else Kind(name, _CHOICES.get(name))


def _name(data: bytes) -> str | None:
    inside = data[8:12]
    if data.startswith(_RIFF):
        found = _IN_RIFF.get(inside)
        return "RF64" if found == "WAV" and data.startswith(b"RF64") else found
    if data.startswith(b"FORM"):
        return _IN_FORM.get(inside)
    if data[4:8] in (b"moov", b"mdat", b"wide") and data[0] < 9:  # an old film's; no text
        return "QuickTime"
    if data[4:8] == b"ftyp":
        if inside in _PICTURES:
            return None
        return "QuickTime" if inside == b"qt  " else "MP4 (mostly AAC)"
    if data[4:7] == b"\xf8ro":  # the first access unit's sync word, but for its last byte
        return "MLP or TrueHD"
    if data[:377:188] == b"GGG":
        return "MPEG transport stream"
    if data.startswith(b"OggS"):
        return next((name for mark, name in _OGG if mark in data[:128]), "Ogg")
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    if data.startswith(b"\xf0~") and data[3:4] == b"\1":
        return "SDS"
    for mark, name in _MATLAB:
        if data.startswith(mark) and b"samplerate\0" in data[:256]:
            return name
    return _of_frames(data)


_AGAIN = "a server may have sent it in place of the sound: fetch that again"

_UNPACK = "unpack it first"

_PICTURE = "leave it out"

# A mark, how people call what has it, and what its owner can do.
_OTHERS = (
    (b"version https://git-lfs", "a pointer of Git LFS", "git lfs pull fetches the sound"),
    (b"/annex/objects/", "a pointer of git-annex", "git annex get fetches the sound"),
    (b"\0\5\x16\7", "a macOS file of attributes (AppleDouble)",
     "the sound has the same name without the first two characters: leave this one out"),
    (b"MThd", "MIDI (notes)", "a synthesizer, as FluidSynth is, makes a sound of it"),
    (b"\x89PNG", "a PNG picture", _PICTURE),
    (b"\xff\xd8\xff", "a JPEG picture", _PICTURE),
    (b"GIF8", "a GIF picture", _PICTURE),
    (b"%PDF-", "a PDF document", "leave it out"),
    (b"PK\3\4", "a ZIP archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", _UNPACK),
    (b"(\xb5/\xfd", "a Zstandard archive", _UNPACK),
    (b"7z\xbc\xaf'\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\7", "a RAR archive", _UNPACK),
    (b"\x93NUMPY", "a NumPy array", "melpix.Frontend takes what numpy.load makes of it"),
    (b"PAR1", "a Parquet table", "--from-list takes one of paths"),
    (b"\x89HDF", "an HDF5 file", "melpix.Frontend takes arrays out of it"),
)  # fmt: skip

_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")


def other(data: bytes) -> Other | None:
    r"""Tell what is no sound by its first bytes, `LOOK` of them or all; None if nobody knows.

    Examples
    --------
    >>> other(b"<!DOCTYPE html><html>").name, other(b"").name, other(b"\x7fELF")
    ('an HTML page', 'empty (0 bytes)', None)
    """
    if not data.strip(b"\0"):
        what = "zeros in the place of a header" if data else "empty (0 bytes)"
        return Other(what, "it was not written to its end: make or fetch it again")
    for mark, name, way_out in _OTHERS:
        if data.startswith(mark):
            return Other(name, way_out)
    if data[257:262] == b"ustar":
        return Other("a tar archive", _UNPACK)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Other("a WebP picture", _PICTURE)
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.lower().startswith(_PAGES):
        return Other("an HTML page", _AGAIN)
    if text.startswith(b"<?xml"):
        return Other("an XML text", _AGAIN)
    if _is_text(data):
        if text[:1] in (b"{", b"["):
            return Other("a JSON text", _AGAIN)
        return Other("a text", "if it lists sounds, --from-list reads it")
    return None


def _is_text(data: bytes) -> bool:
    """Whether bytes are a text's beginning in UTF-8, which may be cut within a character."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:
            return False
        text = data[: error.start].decode()
    return len(text) > 8 and all(c.isprintable() or c in "\t\n\r\f" for c in text)


def _of_frames(data: bytes) -> str | None:
    """Tell what begins with a frame, by the next one: two bytes alone mean little."""
    if len(data) < 8 or not (data[0] == 0xFF or data[:2] == b"\x0bw"):
        return None
    if data[0] == 0x0B:
        return "AC-3" if data.find(b"\x0bw", 16, LOOK) > 0 else None
    if data[1] & 0xF6 == 0xF0:  # ADTS: the layer is 0
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        again = data[length : length + 2]
        whole = length > 7 and len(again) == 2 and again[0] == 0xFF and again[1] & 0xF6 == 0xF0
        return "AAC" if whole else None
    length = _mpeg_length(data[:4])
    again = data[length : length + 2]
    same = len(again) == 2 and again[0] == 0xFF and again[1] & 0xFE == data[1] & 0xFE
    return "MP3" if length and same else None


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
