# SPDX-License-Identifier: MIT
"""One run at a time in an output folder. The system lets go of the lock, however a run ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator

from melpix.errors import MelpixError

_PATIENCE = 1.0  # seconds: children of a run that was killed may hold it for a moment


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold a lock, and the file that stands for it.

    Raises
    ------
    MelpixError
        ``locked``: another process holds it.
    OSError
        The file cannot be made.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "lock")
    ...     with locked(path):
    ...         try:
    ...             with locked(path):
    ...                 pass
    ...         except Exception as error:
    ...             print(error.code)
    locked
    """
    end = time.monotonic() + _PATIENCE
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            taken = _take(file)
            while not taken and time.monotonic() < end:
                time.sleep(_PATIENCE / 20)
                taken = _take(file)
            if not taken:
                folder = os.path.dirname(path) or os.curdir
                raise MelpixError("locked", f"another run is at work in {folder!r}")
            # The run that held it may have removed the file in between: then this is a lock on
            # nothing.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(path)):
                    break
        except BaseException:
            os.close(file)
            raise
        os.close(file)
    try:
        yield
    finally:
        if sys.platform != "win32":  # there an open file cannot be removed
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(file), os.stat(path)):  # not another run's
                    os.unlink(path)
        os.close(file)


def _take(file: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            return False
        raise
    return True
