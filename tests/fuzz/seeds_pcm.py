# SPDX-License-Identifier: MIT
"""Small files of plain samples for the fuzzer: every container, encoding, and usual fault.

Usage: seeds_pcm.py FOLDER. Nothing but the standard library is needed.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

SOUND = bytes(range(1, 241))  # a whole number of frames of one or two channels of any encoding
GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")
EXTENSIBLE = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, content: bytes, order: str = "<", size: int | None = None) -> bytes:
    declared = len(content) if size is None else size
    return name + struct.pack(order + "I", declared) + content + bytes(len(content) % 2)


def fmt(
    code: int, bits: int, channels: int = 1, order: str = "<", frame: int | None = None
) -> bytes:
    frame = channels * bits // 8 if frame is None else frame
    return struct.pack(order + "HHIIHH", code, channels, 8000, 8000 * frame, frame, bits)


def riff(*chunks: bytes, name: bytes = b"RIFF", order: str = "<", size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack(order + "I", len(body) if size is None else size) + body


def wavs() -> Iterator[bytes]:
    for code, bits in ((1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64), (6, 8), (7, 8)):
        yield riff(chunk(b"fmt ", fmt(code, bits)), chunk(b"data", SOUND))
        form = chunk(b"fmt ", fmt(code, bits, 2, ">"), ">")
        yield riff(form, chunk(b"data", SOUND, ">"), name=b"RIFX", order=">")
        extended = fmt(0xFFFE, bits) + struct.pack("<HHIH", 22, bits, 4, code) + EXTENSIBLE
        yield riff(chunk(b"fmt ", extended), chunk(b"LIST", b"INFOx"), chunk(b"data", SOUND))
        long = chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND), 0, 0))
        data = chunk(b"data", SOUND, size=0xFFFFFFFF)
        yield riff(long, chunk(b"fmt ", extended), data, name=b"RF64", size=0xFFFFFFFF)
    form = chunk(b"fmt ", fmt(1, 16))
    for size in (0, 10, 0x7FFFF000, 0x80000000, 0xFFFFFFFF):
        yield riff(form, chunk(b"data", SOUND, size=size), size=size)
    for behind in (chunk(b"LIST", b"INFO"), b"TAG" + bytes(125), bytes(5000), b"junk", form):
        yield riff(form, chunk(b"data", SOUND)) + behind
    yield b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + riff(form, chunk(b"data", SOUND))
    yield riff(chunk(b"fmt ", fmt(1, 24, frame=4)), chunk(b"data", SOUND * 20))
    yield riff(form, chunk(b"data", b"OggS" + SOUND))


def w64s() -> Iterator[bytes]:
    for bits in (8, 16, 24):
        form = b"fmt " + GUID + struct.pack("<Q", 40) + fmt(1, bits)
        data = b"data" + GUID + struct.pack("<Q", 24 + len(SOUND)) + SOUND
        rest = b"wave" + GUID + form + data
        yield b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0" + struct.pack("<Q", 24) + rest


def aiffs() -> Iterator[bytes]:
    rate = bytes.fromhex("400bfa00000000000000")
    data = chunk(b"SSND", bytes(8) + SOUND, ">")
    for bits in (8, 16, 24, 32):
        comm = chunk(b"COMM", struct.pack(">hIh", 1, 8 * len(SOUND) // bits, bits) + rate, ">")
        body = b"AIFF" + comm + data
        yield b"FORM" + struct.pack(">I", len(body)) + body
    for code in (b"sowt", b"fl32", b"fl64", b"ulaw", b"alaw", b"raw ", b"42n1"):
        comm = struct.pack(">hIh", 2, 60, 8 if code == b"raw " else 16) + rate + code + b"\0\0"
        body = b"AIFC" + data + chunk(b"COMM", comm, ">")
        yield b"FORM" + struct.pack(">I", len(body)) + body


def others() -> Iterator[bytes]:
    for code in (1, 2, 3, 4, 5, 6, 7, 27):
        yield b".snd" + struct.pack(">IIIII", 24, len(SOUND), code, 8000, 1) + SOUND
    yield b"dns." + struct.pack("<IIIII", 24, 0xFFFFFFFF, 3, 8000, 2) + SOUND
    for flags, bits in ((0, 8), (2, 16), (0, 24), (3, 32), (1, 64)):
        desc = struct.pack(">d4sIIIII", 8000, b"lpcm", flags, bits // 8, 1, 1, bits)
        caf = b"caff\0\1\0\0desc" + struct.pack(">q", len(desc)) + desc
        yield caf + b"data" + struct.pack(">q", -1) + bytes(4) + SOUND
        yield caf + b"data" + struct.pack(">q", 4 + len(SOUND)) + bytes(4) + SOUND
    for lines in (
        "sample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_coding -s3 pcm\n",
        "sample_n_bytes -i 2\nsample_byte_format -s2 10\n",
        "sample_coding -s4 ulaw\nsample_n_bytes -i 1\n",
        "sample_coding -s26 pcm,embedded-shorten-v2.00\n",
    ):
        text = "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 120\nsample_rate -i 8000\n"
        yield (text + lines + "end_head\n").encode().ljust(1024, b"\0") + SOUND


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for make in (wavs, w64s, aiffs, others):
        for i, data in enumerate(make()):
            (folder / f"{make.__name__}-{i}").write_bytes(data)


if __name__ == "__main__":
    main()
