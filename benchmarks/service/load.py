# SPDX-License-Identifier: MIT
"""A load generator for `melpix serve`: many connections, good requests, and hostile ones if asked.

    python benchmarks/service/load.py HOST PORT SECONDS [--connections 64] [--hostile]

It runs in a process of its own, prints one JSON object, and counts its own CPU time apart.
Connections are kept open, as a proxy's are. With --hostile, one request in ten is garbage, cut
short, huge, slow, or left by its client: those get a connection each, and are not counted among
the good ones, every one of which must be answered with the very bytes that are expected.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import itertools
import json
import random
import resource
import time
from collections import Counter
from typing import Any

import numpy as np
import soundfile

from melpix import Frontend, convert_bytes

RATE, SECONDS = 16000, 5
PATH = "/v1/image?n_mels=128"  # the recipe: resampled to 22,050 Hz
DEAF = "/v1/features?columns=4000"  # 2 MB, more than sockets hold
FLOODS = {"huge, sent": 100, "huge head": 8}  # MB after what an attack begins with
SLOW = 3.0  # seconds between two bytes of a slow body


def sounds(count: int = 8) -> list[bytes]:
    """WAVs of five seconds at 16 kHz, each another."""
    found = []
    for seed in range(count):
        noise = np.random.default_rng(seed).standard_normal(RATE * SECONDS)
        t = np.arange(RATE * SECONDS) / RATE
        y = 0.3 * np.sin(2 * np.pi * (200 + 300 * t) * t) + 0.02 * noise
        file = io.BytesIO()
        soundfile.write(file, y, RATE, format="WAV", subtype="PCM_16")
        found.append(file.getvalue())
    return found


def head(length: int, path: str = PATH) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


class Load:
    """All connections, and what became of them."""

    def __init__(self, host: str, port: int, seconds: float, hostile: bool) -> None:
        self._where = host, port
        self._hostile = hostile
        self._good = [(s, convert_bytes(s, Frontend())) for s in sounds()]
        self._bad = self._hostile_bodies()
        self._end = time.perf_counter() + seconds
        self.times: list[float] = []
        self.faults: list[str] = []
        self.seen: Counter[str] = Counter()
        self._attacks: set[asyncio.Task[None]] = set()

    def _hostile_bodies(self) -> list[tuple[str, bytes]]:
        wav = self._good[0][0]
        file = io.BytesIO()
        soundfile.write(file, np.full(900, np.nan), RATE, format="WAV", subtype="FLOAT")
        flac = io.BytesIO()
        soundfile.write(flac, np.zeros(RATE), RATE, format="FLAC")
        noise = random.Random(0).randbytes(100_000)
        whole = head(len(wav)) + wav
        return [
            ("garbage", head(len(noise)) + noise),
            ("empty", head(0)),
            ("text", head(5) + b"hello"),
            ("cut header", head(40) + wav[:40]),
            ("cut sound", head(9000) + wav[:9000]),
            ("not finite", head(len(file.getvalue())) + file.getvalue()),
            ("corrupt flac", head(3000) + flac.getvalue()[:60] + noise[: 3000 - 60]),
            ("corrupt wav", head(len(wav)) + wav[:20] + noise[: len(wav) - 20]
             + bytes(max(0, len(wav) - 20 - len(noise)))),
            ("bad parameter", whole.replace(b"n_mels=128", b"n_mels=-1")),
            ("huge plan", whole.replace(b"n_mels=128", b"n_fft=9999999")),
            ("huge, declared", head(100_000_000)),
            ("huge, sent", head(100_000_000)),
            ("huge head", whole[:20]),
            ("never reads", whole.replace(PATH.encode(), DEAF.encode())),
            ("half open", whole[:20]),
            ("slow", head(len(wav)) + wav[:999]),
            ("leaves at once", head(len(wav))),
            ("leaves half way", head(len(wav)) + wav[: len(wav) // 2]),
            ("leaves before the answer", whole),
            ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ]  # fmt: skip

    async def run(self, connections: int) -> None:
        await asyncio.gather(*(self._client(i) for i in range(connections)))
        await asyncio.gather(*self._attacks)

    async def _client(self, number: int) -> None:
        streams = None
        choose = random.Random(number)
        for turn in itertools.count():
            if time.perf_counter() >= self._end:
                break
            if self._hostile and choose.random() < 0.1:
                # Beside the good ones: who waits for a slow attacker asks for nothing meanwhile.
                attack = asyncio.create_task(self._attack(*choose.choice(self._bad)))
                self._attacks.add(attack)
                attack.add_done_callback(self._attacks.discard)
            try:
                streams = streams or await asyncio.open_connection(*self._where)
                await self._ask(streams, *self._good[(number + turn) % len(self._good)])
            except (OSError, EOFError, asyncio.IncompleteReadError) as error:
                self.faults.append(repr(error))
                streams = None
        if streams:
            streams[1].close()

    async def _ask(self, streams: Any, sound: bytes, expected: bytes) -> None:
        reader, writer = streams
        start = time.perf_counter()
        writer.writelines([head(len(sound)), sound])
        status, body = await self._answer(reader)
        self.times.append(time.perf_counter() - start)
        if status != 200 or body != expected:
            self.faults.append(f"{status}: {body[:200]!r}")

    @staticmethod
    async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:"))
        return int(lines[0].split()[1]), await reader.readexactly(int(length.split(b":")[1]))

    async def _attack(self, name: str, data: bytes) -> None:
        what = "no answer"
        try:
            reader, writer = await asyncio.open_connection(*self._where)
            try:
                writer.write(data)
                if name in FLOODS:
                    for _ in range(FLOODS[name]):
                        writer.write(b"a" * 1_000_000)
                        await writer.drain()
                elif name in ("slow", "half open", "never reads"):
                    writer.transport.pause_reading()
                    await asyncio.sleep(min(SLOW, max(0.0, self._end - time.perf_counter())))
                await writer.drain()
                if name.startswith("leaves") or name in ("half open", "never reads"):
                    what = "left"
                elif name == "slow":
                    writer.write(b"1")
                    what = "left"
                else:
                    what = str((await asyncio.wait_for(self._answer(reader), 60))[0])
            finally:
                writer.close()
        except (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            what = "closed"
        self.seen[f"{name}: {what}"] += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--hostile", action="store_true")
    options = parser.parse_args()
    load = Load(options.host, options.port, options.seconds, options.hostile)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    runner: Any = asyncio
    with contextlib.suppress(ImportError):  # less of the machine for the generator
        import uvloop as runner
    runner.run(load.run(options.connections))
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    times = np.array(load.times) * 1000
    found = {
        "seconds": seconds,
        "requests": len(times),
        "per_second": len(times) / seconds,
        "p50_ms": float(np.percentile(times, 50)),
        "p99_ms": float(np.percentile(times, 99)),
        "faults": len(load.faults),
        "first_faults": load.faults[:5],
        "hostile": sum(load.seen.values()),
        "seen": dict(sorted(load.seen.items())),
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
