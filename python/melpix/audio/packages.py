# SPDX-License-Identifier: MIT
"""The packages that decode and resample: loaded when a sound needs them, which may be never."""

from __future__ import annotations

import importlib

NEEDED_FOR = {
    "soundfile": "all formats that melpix does not read by itself",
    "soxr": "resampling",
}


def lack(package: str) -> str | None:
    """Say why a package cannot be used, and what installs it; None if it can.

    Examples
    --------
    >>> lack("soundfile") is None
    True
    """
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        missing = error.name or package
        return f"the package {missing} is not installed: pip install {missing}"
    except ImportError as error:
        again = f"pip install --force-reinstall {package}"
        return f"the package {package} cannot be loaded ({error}): {again}"
    except OSError as error:  # soundfile's, whose wheel for some systems holds no library
        return (
            f"{package} finds no libsndfile ({error}): apt install libsndfile1, apk add libsndfile "
            "or the like"
        )
    return None
