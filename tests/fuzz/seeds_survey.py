# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_survey.cpp into a folder: frames, pages, and what is between them."""

import struct
import sys
from pathlib import Path

FRAME = b"\xff\xe3\x18\xc0" + bytes(68)  # of 72 bytes, mono
STEREO = b"\xff\xe3\x18\x00" + bytes(68)
XING = (b"\xff\xe3\x48\xc0" + bytes(9) + b"Xing" + struct.pack(">II", 1, 4)).ljust(288, b"\0")
ID3 = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 40, 1, 0xA0000000) + bytes(48)
LYRICS = b"LYRICSBEGIN" + b"la" * 20 + b"LYRICS200"
TAG = b"TAG" + bytes(125)


def page(flags: int, serial: int, content: bytes, granule: int = 0) -> bytes:
    """A page of one packet."""
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIII", granule, serial, 0, 0)
    return head + bytes([1, len(content)]) + content


LINK = page(2, 1, b"OpusHead" + bytes(11)) + page(0, 1, b"OpusTags") + page(4, 1, b"sound", 960)
OTHER = page(2, 2, b"\1vorbis" + bytes(23)) + page(2, 3, b"fishead") + page(0, 2, b"sound", 9)
SEEDS = {
    "joined": XING + 4 * FRAME + XING + 4 * FRAME + 4 * STEREO,
    "between": ID3 + 4 * FRAME + TAG + ID3 + 4 * FRAME + LYRICS + APE + bytes(40) + 3 * STEREO,
    "junk": bytes(30) + 3 * FRAME + b"junk" * 30 + 3 * FRAME + FRAME[:40] + 3 * STEREO,
    "links": LINK + OTHER + LINK,
    "cut": LINK[:-3] + LINK + b"OggS" + OTHER[:40],
}

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, seed in SEEDS.items():
    (folder / name).write_bytes(seed)
