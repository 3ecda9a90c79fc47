# SPDX-License-Identifier: MIT
"""What this installation of melpix is made of."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from melpix import _core
from melpix.audio import packages
from melpix.errors import ParameterError

_PACKAGES = ("numpy", "soundfile", "soxr", "pypng", "isal", "click")


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print, or return, versions, instruction sets and what is missing, for bug reports.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        As in `numpy.show_config`: print, or return a dict.

    Returns
    -------
    dict or None

    Examples
    --------
    >>> config = show_config(mode="dicts")
    >>> config["isa"] in config["available_isas"]
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ParameterError("mode", f" must be 'stdout' or 'dicts', got {mode!r}")
    from melpix.image.write import deflate_backend

    config: dict[str, Any] = {
        "melpix": _core.__version__,
        "pixels": _core.PIXELS,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "isa": _isa(),
        "available_isas": _core.available_isas(),
        "deflate": deflate_backend(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "missing": _missing(),
    }
    if mode == "dicts":
        return config
    for name, value in config.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        print(f"{name}: {', '.join(value) if isinstance(value, list) else value or 'nothing'}")
    return None


def _isa() -> str:
    try:
        return _core.default_isa()
    except ValueError as error:  # MELPIX_ISA names none: just when this is asked for
        return str(error)


def _missing() -> dict[str, str]:
    """Return the packages that cannot be used: why, and what does not work without them."""
    lacks = {name: packages.lack(name) for name in packages.NEEDED_FOR}
    return {
        name: f"needed for {packages.NEEDED_FOR[name]}: {lack}"
        for name, lack in lacks.items()
        if lack is not None
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
