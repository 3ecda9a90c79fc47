# SPDX-License-Identifier: MIT
"""What filter and level of compression to write PNG with: size of real images, time, and time to
read them again, which models do often."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import png as pypng
import pytest

from melpix import Frontend, read_png
from melpix.image.write import encode_png
from turns import Jobs, kind_of_sounds, measure, recordings

# PNG specification, section 9: what a byte is predicted from its neighbours.
FILTERS = ("none", "sub", "up", "average", "paeth")
LEVELS = ("isal 0", "isal 1", "isal 2", "isal 3", "zlib 1", "zlib 6")
READ, READ_LEVEL = "the file of isal 1, read by melpix", "isal 1"


def predicted(image: Any, name: str) -> Any:
    x = image.astype(int)
    left, above = np.zeros_like(x), np.zeros_like(x)
    left[:, 1:], above[1:] = x[:, :-1], x[:-1]
    corner = np.zeros_like(x)
    corner[1:, 1:] = x[:-1, :-1]
    if name == "paeth":
        p = left + above - corner
        a, b, c = abs(p - left), abs(p - above), abs(p - corner)
        return np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
    return {"none": 0 * x, "sub": left, "up": above, "average": (left + above) // 2}[name]


def scanlines(image: Any, name: str) -> bytes:
    """The image as PNG's filtered lines, each with its filter's number first."""
    lines = np.empty((image.shape[0], image.shape[1] + 1), np.uint8)
    lines[:, 0] = FILTERS.index(name)
    lines[:, 1:] = image.astype(int) - predicted(image, name)
    return lines.tobytes()


def compressor(level: str) -> Callable[[bytes], bytes]:
    library, number = level.split()
    if library == "zlib":
        return lambda raw: zlib.compress(raw, int(number))
    isal_zlib = pytest.importorskip("isal.isal_zlib")
    return lambda raw: isal_zlib.compress(raw, int(number))


def checked(image: Any, data: bytes) -> bytes:
    """The file that holds the compressed lines, after it has been read."""
    height, width = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    file = io.BytesIO()
    pypng.write_chunks(file, [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")])
    assert np.array_equal(read_png(file.getvalue())[0], image)
    return file.getvalue()


@cache
def images() -> tuple[Any, ...]:
    return tuple(Frontend().image(y) for y in recordings())


@cache
def deflate_jobs(filter_name: str) -> tuple[Jobs, dict[str, int]]:
    raw = [scanlines(image, filter_name) for image in images()]
    jobs: Jobs = {}
    sizes = {}
    for level in LEVELS:
        compress = compressor(level)
        done = [compress(lines) for lines in raw]
        files = [checked(image, data) for image, data in zip(images(), done, strict=True)]
        jobs[level] = lambda compress=compress: [compress(lines) for lines in raw]
        if level == READ_LEVEL:
            jobs[READ] = lambda files=files: [read_png(file) for file in files]
        sizes[level] = sum(map(len, done))
    return jobs, sizes


@pytest.mark.parametrize("level", [*LEVELS, READ])
@pytest.mark.parametrize("filter_name", FILTERS)
def bench_deflate(benchmark: Any, filter_name: str, level: str) -> None:
    jobs, sizes = deflate_jobs(filter_name)
    if level in sizes:
        benchmark.extra_info["bytes"] = sizes[level]
    benchmark.extra_info["pixels"] = sum(image.size for image in images())
    benchmark.extra_info["sounds"] = f"{len(images())} {kind_of_sounds()}"
    measure(benchmark, f"deflate, filter {filter_name}", level, jobs, rounds=20)


def bench_encode(benchmark: Any) -> None:
    """The whole of what melpix does: filter, compress, put into the container."""
    jobs: Jobs = {"melpix": lambda: [encode_png(image) for image in images()]}
    benchmark.extra_info["bytes"] = sum(len(encode_png(image)) for image in images())
    benchmark.extra_info["pixels"] = sum(image.size for image in images())
    measure(benchmark, "encode", "melpix", jobs)
