# SPDX-License-Identifier: MIT
"""What the end of a name promises, so that nothing is written under another promise."""

from __future__ import annotations

import os

from melpix.errors import ParameterError
from melpix.known_formats import UNREAD, suffixes

# What people make of sounds and spectrograms, beside sounds themselves.
_OTHERS = frozenset(
    {".avif", ".bmp", ".dds", ".eps", ".exr", ".gif", ".hdr", ".heic", ".heif", ".ico", ".j2k"}
    | {".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".pbm", ".pdf", ".pgm", ".pnm", ".ppm"}
    | {".ps", ".psd", ".qoi", ".svg", ".tga", ".tif", ".tiff", ".webp"}  # images
    | suffixes("all")
    | UNREAD
    | {".3gp", ".asf", ".avi", ".flv", ".mkv", ".mov", ".mp4", ".raw", ".webm", ".wmv"}  # films
    | {".arrow", ".ark", ".avro", ".feather", ".h5", ".hdf", ".hdf5", ".joblib", ".lance", ".mat"}
    | {".msgpack", ".nc", ".npy", ".npz", ".onnx", ".orc", ".parquet", ".pickle", ".pkl", ".pt"}
    | {".pth", ".safetensors", ".tfrecord", ".zarr"}  # arrays
    | {".csv", ".htm", ".html", ".ini", ".ipynb", ".json", ".jsonl", ".log", ".md", ".py"}
    | {".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml"}  # texts
    | {".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst"}  # archives
)


def is_another(name: str, own: tuple[str, ...] = (".png",)) -> bool:
    """Whether a name ends as those of another kind of file do; not where the end is unknown.

    Examples
    --------
    >>> [is_another(name) for name in ("a.png", "a.JPG", "a.wav", "a", "a.v1", "a.png.part")]
    [False, True, True, False, False, False]
    """
    stem, suffix = os.path.splitext(os.path.basename(name))
    suffix = (suffix or stem).lower()  # ".jpg" alone is all stem
    if suffix in own:
        return False
    return suffix in _OTHERS or suffix == ".png"


def refuse_other_suffix(
    parameter: str, path: str | bytes | os.PathLike[str] | os.PathLike[bytes]
) -> None:
    """Raise a ValueError if a PNG would be written under the name of something else."""
    if is_another(os.fsdecode(path)):
        raise ParameterError(parameter, f" must end in .png, for a PNG is written, got {path!r}")
