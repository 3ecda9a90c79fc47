# SPDX-License-Identifier: MIT
"""Small versions of a dataset's images, for a page that shows some of them."""

from __future__ import annotations

import collections
import contextlib
import io
import math
import os
import pathlib
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from melpix.dataset.outputs.shard_names import parse_shard_name
from melpix.dataset.outputs.tree import told_leads_out
from melpix.dataset.report.summary import Picture
from melpix.errors import DecodeError, MelpixError
from melpix.image.read import read_png
from melpix.image.write import encode_png

HEIGHT, WIDTH = 128, 256
"""Pixels of a thumbnail at most, so that it takes less than 40 kB."""

UNSUPPORTED = "thumbnails come from PNG, npy and tar files only"

_MAX_BYTES = 1 << 28  # of an npy file


def of(pictures: Sequence[Picture]) -> list[bytes | str]:
    r"""Return each picture's thumbnail, a PNG file; or a text that says why there is none.

    Parameters
    ----------
    pictures : sequence of Picture
        Images in trees of PNG or npy files, or in tar shards. A shard is read once.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> place = {name: None for name in ("label", "offset", "duration", "rows", "columns")}
    >>> place |= {"sr": None, "lo": None, "hi": None, "flags": []}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     png.write_png(pathlib.Path(folder, "a.png"), np.zeros((256, 300), np.uint8))
    ...     image, missing = of([Picture(folder, f"{stem}.png", **place) for stem in "ab"])
    >>> png.read_png(image)[0].shape, missing
    ((128, 150), 'there is no such file')
    """
    made: list[bytes | str] = ["there is no such file"] * len(pictures)
    shards: dict[str, dict[str, int]] = collections.defaultdict(dict)
    for i, picture in enumerate(pictures):
        path = os.path.join(picture.folder, picture.output)
        shard = parse_shard_name(picture.output)
        anchor = pathlib.PureWindowsPath(picture.output).anchor
        if anchor or told_leads_out(picture.output):
            made[i] = "its name leads out of the folder"
        elif os.path.isfile(path):  # opening a FIFO would wait for a writer
            with _reason(made, [i]), open(path, "rb") as file:
                made[i] = _thumbnail(path, file)
        elif (
            shard is not None
            and shard.key is not None
            and os.path.isfile(path := os.path.join(picture.folder, shard.file))
        ):
            shards[path][shard.key] = i
    for path, wanted in shards.items():
        with _reason(made, wanted.values()):
            _read_shard(path, wanted, made)
    return made


@contextlib.contextmanager
def _reason(made: list[bytes | str], places: Iterable[int]) -> Iterator[None]:
    """Let a fault become the text in all these places that have no thumbnail yet."""
    try:
        yield
    except (MelpixError, OSError, ValueError, tarfile.TarError, MemoryError) as error:
        for i in places:
            if isinstance(made[i], str):
                made[i] = str(error) or type(error).__name__


def _read_shard(path: str, wanted: dict[str, int], made: list[bytes | str]) -> None:
    if not path.endswith(".tar"):
        raise DecodeError("unsupported_format", UNSUPPORTED)
    missing = len(wanted)
    with tarfile.open(path, "r:") as shard:
        while missing and (member := shard.next()) is not None:
            shard.members.clear()  # type: ignore[attr-defined]  # it would remember them all
            if (i := wanted.get(member.name)) is not None and member.isreg():
                missing -= 1
                with _reason(made, [i]):
                    file = shard.extractfile(member)
                    assert file is not None
                    made[i] = _thumbnail(member.name, file)


def _thumbnail(name: str, file: IO[bytes]) -> bytes:
    if name.endswith(".png"):
        small = _seen(read_png(file)[0])
    elif name.endswith(".npy"):
        small = _grey(_decimate(_read_npy(file)))
    else:
        raise DecodeError("unsupported_format", UNSUPPORTED)
    return encode_png(small.astype(np.uint8))


def _seen(image: NDArray[Any]) -> NDArray[Any]:
    """Return a small version with 8 bits: of stacked mels the first, or the first three as colours.

    What PNG takes for alpha, the second or the fourth mel, would fade the others.
    """
    small = _decimate(image) / (np.iinfo(image.dtype).max // 255)
    return small if small.ndim == 2 else small[..., : 1 if small.shape[2] == 2 else 3]


def _decimate(values: NDArray[Any]) -> NDArray[Any]:
    """Return the means of blocks, so many that they fit; what is left at two ends is cut off."""
    (height, rows), (width, columns) = (
        (n // step, step)
        for n, most in zip(values.shape[:2], (HEIGHT, WIDTH), strict=True)
        for step in (-(-n // most),)
    )
    whole = values[: height * rows, : width * columns]
    blocks = whole.reshape(height, rows, width, columns, *values.shape[2:])
    means: NDArray[Any] = blocks.mean(axis=(1, 3), dtype=np.float64)
    return means


def _read_npy(file: IO[bytes]) -> NDArray[Any]:
    """Return the features of an npy file, those of the first mel where several are stacked.

    Nothing is believed that its header says of memory.
    """
    data = file.read(_MAX_BYTES)
    stream = io.BytesIO(data)
    np.lib.format.read_magic(stream)
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    stacked = len(shape) == 3 and shape[2] <= 4
    if not (len(shape) == 2 or stacked) or 0 in shape or by_columns or dtype.kind != "f":
        raise DecodeError("decode_failed", f"not the features of a sound: {dtype} of {shape}")
    values = np.frombuffer(data, dtype, math.prod(shape), stream.tell()).reshape(shape)
    return values[..., 0] if stacked else values


def _grey(features: NDArray[Any]) -> NDArray[Any]:
    """Map features to grey values as an image has them: low bands below, black is more."""
    lo, hi = features.min(), features.max()
    if not np.isfinite(hi - lo):
        raise DecodeError("non_finite", "not all values are finite")
    grey: NDArray[Any] = 255 - (features[::-1] - lo) * (255 / (hi - lo or 1.0))
    return grey
