# SPDX-License-Identifier: MIT
"""Files that are whole or not there at all: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
import re
import stat
import sys
import time
from types import TracebackType
from typing import IO, NamedTuple, TypeAlias

from melpix.errors import ParameterError

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def write_atomically(path: Path, data: bytes) -> None:
    """Give a file this content, whole or not at all, with the permissions that open() would give.

    Links are followed. Nothing but a plain file is replaced.

    Raises
    ------
    OSError
        With `path` as its ``filename``, whichever step failed.
    ValueError
        `path` is a device, a FIFO or a socket.
    """
    replace_file(target_of(path), data)


class _Target(NamedTuple):
    """Where an image goes: the name as given, the file it means, that one's permissions if any."""

    name: str
    path: str
    mode: int | None


def target_of(path: Path, src: object = None) -> _Target:
    """Refuse, before any work is done, what cannot or must not be replaced."""
    name = target = os.fsdecode(path)
    with naming(name):
        try:
            found = os.lstat(target)
            if stat.S_ISLNK(found.st_mode):
                target = os.path.realpath(target)
                found = os.stat(target)
        except FileNotFoundError:
            if not target:
                raise
            os.stat(os.path.dirname(target) or os.curdir)
            return _Target(name, target, None)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(target, os.W_OK):  # a rename would replace it all the same
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if not stat.S_ISREG(found.st_mode):
        # The rename would put a file in the place of /dev/null.
        raise ParameterError("dst", f" must be a plain file or a new one, got {path!r}")
    if _is_file(src, found):
        raise ParameterError("dst", f" must not be the source itself, got {path!r}")
    return _Target(name, target, stat.S_IMODE(found.st_mode))


def _is_file(source: object, file: os.stat_result) -> bool:
    try:
        if isinstance(source, (str, os.PathLike)):
            return os.path.samestat(os.stat(source), file)
        return hasattr(source, "fileno") and os.path.samestat(os.fstat(source.fileno()), file)
    except OSError:  # a source that is missing is reported by the reader
        return False


def replace_file(target: _Target, data: bytes) -> None:
    """Put a whole file where there was another one, or none."""
    with naming(target.name):
        replace(target.path, data, target.mode)


def write_all(file: IO[bytes] | io.RawIOBase, data: bytes) -> None:
    """Write all of it: an unbuffered file may take a part, and says so by its return value alone.

    Raises
    ------
    BlockingIOError
        An unbuffered file that does not block takes nothing now.
    """
    written = file.write(data)
    while written is not None and 0 <= written < len(data):
        data = data[written:]
        written = file.write(data)
    if written is None and isinstance(file, io.RawIOBase):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


_TEMPORARY = (".melpix-", ".tmp")

# Files of `melpix.dataset.outputs.folder.Output`.
_DATASET = re.compile(r"melpix(-\d+-of-\d+)?\.json|\.melpix(-\d+-of-\d+)?\.lock")


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A folder or a file that is known again, whatever becomes of its name.

    It can be sent to other processes.
    """

    path: str
    device: int
    inode: int

    @staticmethod
    def of(path: str) -> Place:
        """Return the place of a folder that exists, or of a file."""
        found = os.stat(path)
        return Place(path, found.st_dev, found.st_ino)

    def moved(self) -> bool:
        """Tell whether it was moved away, removed or replaced; that costs a system call."""
        try:
            found = os.stat(self.path)
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != (self.device, self.inode)

    def open(self) -> int | None:
        """Return a descriptor of it, for paths to start from; None on systems that know no such.

        Raises
        ------
        OSError
            Among others, a FileNotFoundError: it is under its name no more.
        """
        if os.open not in os.supports_dir_fd:
            return None
        # On Linux a folder may be one that can be written to and not read.
        flags = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
        folder = os.open(self.path, flags)
        found = os.fstat(folder)
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            os.close(folder)
            raise self.lost()
        return folder

    def check(self) -> None:
        """Raise `lost` if it was moved."""
        if self.moved():
            raise self.lost()

    def lost(self) -> FileNotFoundError:
        """Return the error for a place that is under its name no more."""
        return FileNotFoundError(errno.ENOENT, "was moved", self.path)


def replace(path: str, data: bytes, mode: int | None = None, folder: int | None = None) -> None:
    """Give a file this content, whole or not at all. A link is replaced, not followed.

    `mode` are its permissions, if they are not to be what open() gives. `folder` is a descriptor of
    what a relative path starts from, if that is not the current folder.

    Raises
    ------
    OSError
        With `path` as its ``filename``, whichever step failed.
    """
    temporary = f"{os.path.dirname(path) or os.curdir}/{temporary_name(os.urandom(8).hex())}"
    try:
        with naming(path):
            file = _claimed(temporary, folder)
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(file, left) :]
                if mode is not None:
                    os.chmod(file if os.chmod in os.supports_fd else temporary, mode)
                if sys.platform != "win32":  # there an open file cannot be renamed
                    os.replace(temporary, path, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                os.close(file)
            if sys.platform == "win32":
                os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


class naming:  # noqa: N801  (a context manager; as a generator it would take thrice as long)
    """Let an OSError name the file that is meant, not a temporary one or none."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # (Without a number it is a library's own, which says no more than its message.)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, self._path) from error


def temporary_name(unique: str) -> str:
    """Return the name that a file has until it is whole: hidden, and known to `clean`."""
    return unique.join(_TEMPORARY)


# A temporary file is somebody's as long as its writer has it open and locked. The system lets go of
# a lock when its process ends, however that ends. So no process's number has to be trusted, which
# may be another's by now, or mean another one in another container. A file system that several
# machines share has its locks in common too; where one has none, no run begins: see
# `melpix.dataset.outputs.lock`.


def claim(file: int) -> bool:
    """Lock an open temporary file until it is closed; return whether it is still there."""
    if sys.platform != "win32":  # there an open file cannot be removed
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)  # at once, or when a `clean` has had its look
    return os.fstat(file).st_nlink > 0


# As open(path, "xb") does it, without a file object, which costs another microsecond or two.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def _claimed(path: str, folder: int | None) -> int:
    """Open a new temporary file that is claimed; return its descriptor."""
    while True:
        file = os.open(path, _NEW, 0o666, dir_fd=folder)
        if claim(file):
            return file
        os.close(file)


def _remove_unclaimed(path: str) -> bool:
    """Remove a temporary file if no living process has it."""
    if sys.platform == "win32":
        os.unlink(path)
        return True
    import fcntl

    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def clean(folder: str, age: float = 0.0) -> int:
    """Remove the temporary files that killed runs have left in a folder and those below it.

    What a living process writes stays, and so do folders below that hold a dataset of their own:
    its own runs clean them. Links are not followed, and nothing is asked of another file but its
    name: some seconds for a million files. What the system refuses stays.

    Parameters
    ----------
    folder : str
    age : float >= 0 [s]
        Leave what is younger: where other runs are at work, it may be theirs.

    Returns
    -------
    int
        How many there were.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pathlib.Path(folder, ".melpix-0123.tmp").touch()
    ...     clean(folder), clean(folder)
    (1, 0)
    """
    removed, folders = 0, [folder]
    begin, end = _TEMPORARY
    while folders:
        within, temporary = [], []
        current = folders.pop()
        with contextlib.suppress(OSError), os.scandir(current) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    within.append(entry.path)
                elif entry.name.startswith(begin) and entry.name.endswith(end):
                    temporary.append(entry)
                elif current is not folder and _DATASET.fullmatch(entry.name):
                    break
            else:
                folders += within
                for entry in temporary:
                    with contextlib.suppress(OSError):
                        if not age or time.time() - entry.stat().st_mtime > age:
                            removed += _remove_unclaimed(entry.path)
    return removed
