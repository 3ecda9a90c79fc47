# SPDX-License-Identifier: MIT
"""The formats of sound by name: what is read, what on request alone, and what is not read.

Everything that lists formats or their suffixes takes them from here, or a test compares it.
"""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """A format of sound that is read.

    Attributes
    ----------
    name : str
        As people call it.
    containers, encodings : tuple of str
        In libsndfile's words.
    suffixes : tuple of str
        Of its files' names.
    """

    name: str
    containers: tuple[str, ...]
    encodings: tuple[str, ...]
    suffixes: tuple[str, ...]


SAMPLES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")

_MPEG = ("MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")

PLAIN = (
    Format("WAV", ("WAV", "WAVEX"), (*SAMPLES, *_MPEG), (".wav", ".wave", ".bwf")),
    Format("RF64", ("RF64",), SAMPLES, (".rf64",)),
    Format("W64", ("W64",), SAMPLES, (".w64",)),
    Format("AIFF", ("AIFF",), SAMPLES, (".aif", ".aifc", ".aiff")),
    Format("AU", ("AU",), SAMPLES, (".au", ".snd")),
    Format("CAF", ("CAF",), SAMPLES, (".caf",)),
    Format("SPHERE", ("NIST",), SAMPLES, (".nist", ".sph")),
)
"""Those that hold samples as they are (a WAV may hold MP3 as well)."""

COMMON = (
    *PLAIN,
    Format("FLAC", ("FLAC",), ("PCM_S8", "PCM_16", "PCM_24", "PCM_32"), (".flac",)),
    Format("Ogg FLAC", (), (), ()),  # which libsndfile does not read
    Format("Ogg Vorbis", ("OGG",), ("VORBIS",), (".oga", ".ogg")),
    Format("Ogg Opus", ("OGG",), ("OPUS",), (".opus",)),
    Format("MP3", ("MP3",), _MPEG, (".mp1", ".mp2", ".mp3", ".mpga")),
)
"""What is read everywhere."""

# The rest of what libsndfile reads is rare and little tested, and release 1.2.2 lacks later fixes
# for headers crafted to overflow the decoder: IMA ADPCM (CVE-2026-37555, libsndfile issue 1120),
# ALAC (pull request 1142), NMS ADPCM and others (pull request 979).
ON_REQUEST = (
    Format("8SVX", ("SVX",), (), (".8svx", ".svx")),
    Format("AVR", ("AVR",), (), (".avr",)),
    Format("HTK", ("HTK",), (), (".htk",)),
    Format("IRCAM", ("IRCAM",), (), (".ircam",)),
    Format("MAT4", ("MAT4",), (), ()),  # .mat mostly is no sound: the first bytes tell
    Format("MAT5", ("MAT5",), (), ()),
    Format("MPC 2000", ("MPC2K",), (), ()),
    Format("PAF", ("PAF",), (), (".paf",)),
    Format("PVF", ("PVF",), (), (".pvf",)),
    Format("SDS", ("SDS",), (), (".sds",)),
    Format("VOC", ("VOC",), (), (".voc",)),
    Format("WVE", ("WVE",), (), (".wve",)),
    Format("XI", ("XI",), (), ()),  # instruments of trackers
)
"""What is read with ``formats="all"`` alone, whatever its encoding; and so are those of the common
formats that hold other encodings, as a WAV with ADPCM does."""

CHOICES = ("common", "all")
"""What the parameter ``formats`` may be."""

NAMES = ", ".join(form.name for form in COMMON)

SUFFIXES = frozenset(suffix for form in COMMON for suffix in form.suffixes)
"""What is taken from folders; and so is what the first bytes show to be as good."""

SUFFIXES_ON_REQUEST = frozenset(suffix for form in ON_REQUEST for suffix in form.suffixes)

UNREAD = frozenset(
    {".3ga", ".aac", ".ac3", ".adts", ".amr", ".ape", ".awb", ".dff", ".dsf", ".dts", ".eac3"}
    | {".ec3", ".gsm", ".m4a", ".m4b", ".m4p", ".m4r", ".mka", ".mpc", ".ofr", ".ra", ".shn"}
    | {".spx", ".tak", ".tta", ".vox", ".weba", ".wma", ".wv"}
)
"""Sounds that no decoder here reads, unless their first bytes say otherwise. Of what may be a film
as well, as ``.mp4`` is, the first bytes alone tell."""


def suffixes(formats: str) -> frozenset[str]:
    """Return the suffixes of what is read, where `formats` is one of `CHOICES`.

    Examples
    --------
    >>> ".voc" in suffixes("common"), ".voc" in suffixes("all")
    (False, True)
    """
    return SUFFIXES | SUFFIXES_ON_REQUEST if formats == "all" else SUFFIXES


_READ = {(name, code) for form in COMMON for name in form.containers for code in form.encodings}


def is_read(container: str, encoding: str, formats: str) -> bool:
    """Tell whether one of `CHOICES` reads a container and encoding, in libsndfile's words.

    Examples
    --------
    >>> is_read("WAV", "IMA_ADPCM", "common"), is_read("WAV", "IMA_ADPCM", "all")
    (False, True)
    """
    return formats == "all" or (container, encoding) in _READ
