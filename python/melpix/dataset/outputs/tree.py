# SPDX-License-Identifier: MIT
"""Files that are whole or not there at all, and trees of them that mirror the sources."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix import arguments
from melpix.errors import SignalError
from melpix.files import Place, naming, replace

# What Windows takes for a device, whatever its suffix.
_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[1-9\xb9\xb2\xb3]) *(?:\..*)?", re.I | re.S
)

_FLOAT16_END = 65520  # what rounds to infinity

_FLOATS = {"float32": "<f4", "float16": "<f2"}  # one byte order, so that bytes agree


def leads_out(output: str, windows: bool = os.name == "nt") -> bool:
    r"""Tell whether the name of a file in a folder means one that is not in it.

    Parameters
    ----------
    output : str
        Relative, ``/``-separated.
    windows : bool
        By the rules of Windows, where ``\\`` parts names too, and some mean no file or another one.

    Examples
    --------
    >>> leads_out("dogs/bark.png"), leads_out("dogs/../../bark.png"), leads_out("/dogs/bark.png")
    (False, True, True)
    >>> leads_out("C:bark.png", windows=True), leads_out("dogs/nul.png", windows=True)
    (True, True)
    """
    if not {"", ".", ".."}.isdisjoint(output.split("/")):
        return True
    if not windows:
        return False
    parts = _parts(output)
    return (
        ":" in output  # of a drive, or of a stream in a file
        or any(part != part.rstrip(". ") or not part for part in parts)
        or any(map(_DEVICE.fullmatch, parts))
    )


def told_leads_out(output: str) -> bool:
    r"""Tell the same of a name that a manifest tells, which may come from another system.

    Examples
    --------
    >>> told_leads_out("dogs/bark.png"), told_leads_out(r"dogs\..\..\bark.png")
    (False, True)
    """
    return leads_out(output) or ".." in _parts(output) or output.startswith("\\")


def _parts(output: str) -> list[str]:
    return re.split(r"[/\\]", output)


def sample_name(stem: str, window: int | None = None) -> str:
    """Return the name of one sample: the stem of its source, and which window of it.

    Parameters
    ----------
    stem : str
        Relative, ``/``-separated, without suffix.
    window : int >= 0, optional
        None where the whole source is one sample.

    Returns
    -------
    str
        With four digits at least, so that the first 10,000 windows sort.

    Examples
    --------
    >>> sample_name("dogs/bark"), sample_name("dogs/bark", 3)
    ('dogs/bark', 'dogs/bark_0003')
    """
    return stem if window is None else f"{stem}_{window:04d}"


class Tree:
    r"""A folder that mirrors the sources: one file a sample. It can be sent to other processes.

    Parameters
    ----------
    folder : str
        Where the tree grows. Folders in it are made as they are needed.
    suffix : str
        Of all its files: ``".png"`` or ``".npy"``.
    place : Place, optional
        The folder that has that name now: nothing is written into another one that gets it later.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     output = Tree(folder, ".png").write("dogs/bark_0003", b"\x89PNG")
    ...     output, os.path.getsize(os.path.join(folder, output))
    ('dogs/bark_0003.png', 4)
    """

    def __init__(self, folder: str, suffix: str, place: Place | None = None) -> None:
        self.folder, self.suffix = folder, suffix
        self._place = place
        self._root: int | None = None  # its descriptor, once something is written

    def __reduce__(self) -> tuple[type[Tree], tuple[str, str, Place | None]]:
        return Tree, (self.folder, self.suffix, self._place)

    def __del__(self) -> None:
        if self._root is not None:
            os.close(self._root)

    def write(self, name: str, payload: bytes) -> str:
        """Write one sample, in place of one of that name.

        Parameters
        ----------
        name : str
            As `sample_name` gives it.
        payload : bytes
            The whole file.

        Returns
        -------
        str
            Where it is, relative to the folder.

        Raises
        ------
        OSError
            The system refuses; nothing is left behind.
        ValueError
            The name leads out of the folder.
        """
        output = name + self.suffix
        path = self._path(output)
        with naming(path):
            root = self._open()
            target = path if root is None else output
            try:
                replace(target, payload, folder=root)
            except FileNotFoundError:
                # To look for the folder first would cost a system call for each file.
                self._make_folders(output, root)
                replace(target, payload, folder=root)
        return output

    def _open(self) -> int | None:
        """Return the folder's descriptor, where systems have such, and it is to be that one."""
        if self._place is not None:
            self._place.check()  # what is written elsewhere from now on is in no account
            if self._root is None:
                self._root = self._place.open()
        return self._root

    def _make_folders(self, output: str, root: int | None) -> None:
        if root is None and not os.path.isdir(self.folder):  # somebody has removed it
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        parts = output.split("/")[:-1]
        for i in range(len(parts)):
            folder = "/".join(parts[: i + 1])
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder if root is not None else f"{self.folder}/{folder}", dir_fd=root)

    @contextlib.contextmanager
    def all_or_none(self) -> Iterator[Callable[[str, bytes], str]]:
        """Give a `write` for the samples of one source: if one fails, those before it go too."""
        written = []

        def write(name: str, payload: bytes) -> str:
            written.append(self.write(name, payload))
            return written[-1]

        try:
            yield write
        except BaseException:
            self.remove(written)
            raise

    def remove(self, outputs: Iterable[str]) -> int:
        """Remove samples by what `write` returned; return how many there were. Folders stay."""
        removed = 0
        for output in outputs:
            path = self._path(output, told_leads_out)
            with contextlib.suppress(OSError):
                root = self._open()
                os.unlink(path if root is None else output, dir_fd=root)
                removed += 1
        return removed

    def _path(self, output: str, out: Callable[[str], bool] = leads_out) -> str:
        if out(output):
            raise ValueError(f"name must stay inside the folder, got {output!r}")
        return f"{self.folder}/{output}"


def npy_bytes(features: NDArray[Any], dtype: str = "float32") -> bytes:
    """Return features as the bytes of an ``.npy`` file (format 1.0, C order, little-endian).

    Parameters
    ----------
    features : np.ndarray [shape=(n_mels, frames)]
    dtype : "float32" or "float16"
        float16 keeps 11 bits: values between -32 and 32, as natural logarithms of power are, move
        by at most 0.008, decibels between -128 and 128 by 0.032. Below 6e-5 bits are lost, so it
        does not suit power itself.

    Raises
    ------
    ValueError
        `dtype` is another.
    SignalError
        Its code is ``overflow``: values beyond 65504, where float16 ends.

    Examples
    --------
    >>> import io, numpy as np
    >>> np.load(io.BytesIO(npy_bytes(np.eye(2), "float16")))
    array([[1., 0.],
           [0., 1.]], dtype=float16)
    """
    arguments.choice("dtype", dtype, tuple(_FLOATS))
    most = max(features.max(), -features.min())
    if dtype == "float16" and not most < _FLOAT16_END:
        raise SignalError("overflow", f"float16 ends at 65504, but features reach {most:g}")
    values = np.ascontiguousarray(features, _FLOATS[dtype])
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version=(1, 0), allow_pickle=False)
    return file.getvalue()
