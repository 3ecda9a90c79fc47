# SPDX-License-Identifier: MIT
"""Small FLAC files for the fuzzer: each kind of subframe, header and container.

Usage: seeds_flac.py FOLDER. Nothing but the standard library is needed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import flacs

N = 32  # samples of a frame


def rows(channels: int, depth: int, seed: int = 0) -> list[list[int]]:
    """Return a walk that its predictors follow."""
    random.seed(seed)
    made = []
    for _ in range(channels):
        x, row = 0, []
        for _ in range(N):
            x += random.randint(-9, 9)
            row.append(max(-(1 << depth - 1), min(x, (1 << depth - 1) - 1)))
        made.append(row)
    return made


def native() -> Iterator[bytes]:
    coders = [flacs.verbatim, flacs.constant, flacs.wasted(1, flacs.verbatim)]
    coders += [flacs.fixed(order, partitions=order % 3, method=order % 2) for order in range(5)]
    coders += [flacs.lpc([7, -3, 1], 2, 5), flacs.lpc([3] * 31, 5, 15), flacs.fixed(2, escape=18)]
    for depth in (8, 16, 24, 32):
        header = flacs.info(channels=2, depth=depth, frames=3 * N, blocks=(N, N))
        for i, coder in enumerate(coders):
            sound = [[x & ~1 if i == 2 else x for x in row] for row in rows(2, depth, i)]
            if coder is flacs.constant:
                sound = [[row[0]] * N for row in sound]
            for stereo in ("", "left", "right", "mid"):
                if i == 2 and stereo == "mid":
                    continue
                made = [
                    flacs.frame(sound, at, depth=depth, coders=coder, stereo=stereo)
                    for at in range(3)
                ]
                yield flacs.stream(header, made)
    for channels in (1, 3, 8):
        header = flacs.info(channels=channels, depth=16, frames=0, blocks=(16, 4096))
        sound = rows(channels, 16)
        made = [flacs.frame(sound, N * at, samples=True, rate=9) for at in range(3)]
        yield flacs.stream(header, made, (1, bytes(9)), (4, bytes(8)), (3, bytes(18)))
    header = flacs.info(channels=1, depth=16, frames=2 * N, blocks=(N, N))
    made = [flacs.frame(rows(1, 16), at) for at in range(2)]
    tag = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)
    picture = bytes(4) + (3).to_bytes(4, "big") + b"png" + bytes(24)
    yield tag + flacs.stream(header, made, (6, picture), (5, bytes(395) + b"\1" + bytes(36)))


def ogg() -> Iterator[bytes]:
    header = flacs.info(channels=1, depth=16, frames=0, blocks=(N, N))
    made = [flacs.frame(rows(1, 16), at, coders=flacs.fixed(1)) for at in range(3)]
    yield flacs.ogg(header, made)
    yield flacs.ogg(header, made, serial=1) + flacs.ogg(header, made, serial=2, ended=False)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for make in (native, ogg):
        for i, data in enumerate(make()):
            (folder / f"{make.__name__}-{i}").write_bytes(data)


if __name__ == "__main__":
    main()
