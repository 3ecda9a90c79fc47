# SPDX-License-Identifier: MIT
"""FLAC streams made by hand, after RFC 9639: also such as no encoder makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Rows = Sequence[Sequence[int]]  # the samples of each channel

FIXED = ((), (1,), (2, -1), (3, -3, 1), (4, -6, 4, -1))


def crc(data: bytes, polynomial: int, bits: int) -> int:
    """Return the check of these bytes, as FLAC and Ogg have it."""
    value, top = 0, 1 << bits - 1
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & (2 * top - 1)
    return value


class Bits:
    """Bits, the highest first."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def add(self, value: int, count: int) -> None:
        if count:
            self._text.append(format(value & (1 << count) - 1, f"0{count}b"))

    def unary(self, zeros: int) -> None:
        self._text.append("0" * zeros + "1")

    def bytes(self) -> bytes:
        text = "".join(self._text)
        text += "0" * (-len(text) % 8)
        return int(text or "0", 2).to_bytes(len(text) // 8, "big")


Coder = Callable[[Bits, Sequence[int], int], None]  # a subframe of so many bits


def constant(bits: Bits, row: Sequence[int], depth: int) -> None:
    bits.add(0, 8)
    bits.add(row[0], depth)


def verbatim(bits: Bits, row: Sequence[int], depth: int) -> None:
    bits.add(1 << 1, 8)
    for x in row:
        bits.add(x, depth)


def wasted(count: int, coder: Coder) -> Coder:
    """Leave out the lowest bits, which are 0."""

    def code(bits: Bits, row: Sequence[int], depth: int) -> None:
        inner = Bits()
        coder(inner, [x >> count for x in row], depth - count)
        text = "".join(inner._text)
        bits.add(int(text[:8], 2) | 1, 8)
        bits.unary(count - 1)
        bits._text.append(text[8:])

    return code


def fixed(order: int, **residual: int) -> Coder:
    def code(bits: Bits, row: Sequence[int], depth: int) -> None:
        bits.add((8 + order) << 1, 8)
        for x in row[:order]:
            bits.add(x, depth)
        _residual(bits, row, FIXED[order], 0, **residual)

    return code


def lpc(coefficients: Sequence[int], shift: int, precision: int, **residual: int) -> Coder:
    def code(bits: Bits, row: Sequence[int], depth: int) -> None:
        order = len(coefficients)
        bits.add((31 + order) << 1, 8)
        for x in row[:order]:
            bits.add(x, depth)
        bits.add(precision - 1, 4)
        bits.add(shift, 5)
        for x in coefficients:
            bits.add(x, precision)
        _residual(bits, row, coefficients, shift, **residual)

    return code


def _residual(
    bits: Bits,
    row: Sequence[int],
    coefficients: Sequence[int],
    shift: int,
    *,
    parameter: int = 4,
    partitions: int = 0,
    method: int = 0,
    escape: int | None = None,
) -> None:
    """Write what the prediction lacks: by Rice codes, or in `escape` bits each."""
    order = len(coefficients)
    bits.add(method, 2)
    bits.add(partitions, 4)
    size = len(row) >> partitions
    for part in range(1 << partitions):
        bits.add((1 << 4 + method) - 1 if escape is not None else parameter, 4 + method)
        if escape is not None:
            bits.add(escape, 5)
        for i in range(max(order, part * size), (part + 1) * size):
            x = row[i] - (sum(c * row[i - 1 - j] for j, c in enumerate(coefficients)) >> shift)
            if escape is not None:
                bits.add(x, escape)
            else:
                folded = 2 * x if x >= 0 else -2 * x - 1
                bits.unary(folded >> parameter)
                bits.add(folded, parameter)


def number(value: int) -> bytes:
    """Return a number as UTF-8 codes one, in up to seven bytes."""
    if value < 0x80:
        return bytes([value])
    more = next(n for n in range(1, 7) if value < 1 << 5 * n + 6)
    tail = [0x80 | value >> 6 * i & 0x3F for i in reversed(range(more))]
    return bytes([0xFF00 >> more + 1 & 0xFF | value >> 6 * more, *tail])


def frame(
    rows: Rows,
    at: int,
    *,
    depth: int = 16,
    coders: Sequence[Coder] | Coder = verbatim,
    samples: bool = False,
    stereo: str = "",
    rate: int = 0,
    tell_depth: bool = True,
) -> bytes:
    """Return a frame.

    Parameters
    ----------
    rows
        The samples of each channel.
    at : int
        The frame's number, or that of its first sample if `samples`.
    coders
        One for each channel, or for all.
    stereo : "", "left", "right" or "mid"
        What is stored beside the difference.
    rate : int
        The code of the sampling rate; 0: as in the header.
    """
    block, channels = len(rows[0]), len(rows)
    head = bytearray([0xFF, 0xF8 | samples])
    size = {192: 1, **{144 << n: n for n in range(2, 6)}, **{1 << n: n for n in range(8, 16)}}
    code = size.get(block, 6 if block <= 256 else 7)
    head.append(code << 4 | rate)
    assignment = {"": channels - 1, "left": 8, "right": 9, "mid": 10}[stereo]
    depths = {8: 1, 12: 2, 16: 4, 20: 5, 24: 6, 32: 7} if tell_depth else {}
    head.append(assignment << 4 | depths.get(depth, 0) << 1)
    head += number(at)
    if code in (6, 7):
        head += (block - 1).to_bytes(code - 5, "big")
    head.append(crc(head, 0x07, 8))

    stored, side = [list(row) for row in rows], None
    if stereo:
        left, right = rows
        difference = [x - y for x, y in zip(left, right, strict=True)]
        middle = [(x + y) >> 1 for x, y in zip(left, right, strict=True)]
        side = 0 if stereo == "right" else 1
        stored = {"left": [left, difference], "right": [difference, right],
                  "mid": [middle, difference]}[stereo]  # fmt: skip
    bits = Bits()
    for channel, row in enumerate(stored):
        coder = coders if callable(coders) else coders[channel]
        coder(bits, row, depth + (channel == side))
    whole = bytes(head) + bits.bytes()
    return whole + crc(whole, 0x8005, 16).to_bytes(2, "big")


def block(kind: int, content: bytes, last: bool = False) -> bytes:
    return bytes([kind | 128 * last]) + len(content).to_bytes(3, "big") + content


def info(
    *,
    channels: int,
    depth: int,
    frames: int,
    sr: int = 44100,
    blocks: tuple[int, int] = (4096, 4096),
) -> bytes:
    """Return the content of a STREAMINFO block; without a check of the sound."""
    packed = sr << 44 | channels - 1 << 41 | depth - 1 << 36 | frames
    least, most = blocks
    return (
        least.to_bytes(2, "big")
        + most.to_bytes(2, "big")
        + bytes(6)
        + packed.to_bytes(8, "big")
        + bytes(16)
    )


def stream(header: bytes, frames: Iterable[bytes], *others: tuple[int, bytes]) -> bytes:
    """Return a file: the content of its STREAMINFO block, its frames, and other blocks."""
    data = b"fLaC" + block(0, header, not others)
    for i, (kind, content) in enumerate(others, 1):
        data += block(kind, content, i == len(others))
    return data + b"".join(frames)


def page(packets: Sequence[bytes], index: int, *, serial: int = 7, flags: int = 0) -> bytes:
    """Return an Ogg page of whole packets; flags: 2 begins a stream, 4 ends it."""
    lengths = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    head = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little")
    head += index.to_bytes(4, "little")
    tail = bytes([len(lengths)]) + lengths + b"".join(packets)
    return head + crc(head + bytes(4) + tail, 0x04C11DB7, 32).to_bytes(4, "little") + tail


def ogg(header: bytes, frames: Sequence[bytes], *, serial: int = 7, ended: bool = True) -> bytes:
    """Return an Ogg file of a stream whose frames are short."""
    first = b"\x7fFLAC\1\0\0\1fLaC" + block(0, header)
    pages = [page([first], 0, serial=serial, flags=2)]
    pages.append(page([block(4, bytes(8), True)], 1, serial=serial))
    for i, one in enumerate(frames):
        last = ended and i + 1 == len(frames)
        pages.append(page([one], i + 2, serial=serial, flags=4 * last))
    return b"".join(pages)
