# SPDX-License-Identifier: MIT
"""Files of plain samples, made by hand: headers that no program would write, or that one did."""

from __future__ import annotations

import struct

GUID = bytes.fromhex("000000001000800000aa00389b71")  # of Microsoft's extensible codes


def chunk(name: bytes, content: bytes, size: int | None = None, *, pad: bool = True) -> bytes:
    """A chunk of RIFF that declares its size, or another one."""
    declared = len(content) if size is None else size
    padding = b"\0" if pad and len(content) % 2 else b""
    return name + struct.pack("<I", declared % 2**32) + content + padding


def fmt(
    code: int = 1, channels: int = 1, sr: int = 22050, bits: int = 16, frame: int | None = None
) -> bytes:
    """The content of RIFF's chunk of that name."""
    frame = channels * ((bits + 7) // 8) if frame is None else frame
    return struct.pack("<HHIIHH", code, channels, sr, sr * frame % 2**32, frame, bits)


def extensible(code: int, bits: int, channels: int = 1, valid: int | None = None) -> bytes:
    """Likewise, the long one."""
    more = struct.pack("<HHIH", 22, bits if valid is None else valid, 0, code)
    return fmt(0xFFFE, channels, bits=bits) + more + GUID


def riff(*chunks: bytes, size: int | None = None, name: bytes = b"RIFF") -> bytes:
    """A WAV of chunks that declares its size, or another one."""
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", (len(body) if size is None else size) % 2**32) + body
