# SPDX-License-Identifier: MIT
"""A front-end's parameters in a file: JSON or TOML."""

from __future__ import annotations

import json
import os
from typing import Any

from melpix.frontend.presets import preset

_MOST_BYTES = 1 << 24  # a custom window is the longest entry


def read_settings(path: str | os.PathLike[str], base: str | None = None) -> dict[str, Any]:
    r"""Read parameters of `melpix.Frontend` from a file.

    Parameters
    ----------
    path : path
        A TOML file if its name ends in ``.toml``, else JSON. One object; an entry ``preset`` names
        a preset, whose parameters the others override. TOML, which has no null, writes ``"none"``.

    base : str, optional
        The preset for a file that names none.

    Returns
    -------
    dict
        ``Frontend(**read_settings(path))``

    Raises
    ------
    ValueError
        It holds something else, names another preset than `base`, or there is no such preset.
    OSError
        It cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "mine.toml")
    ...     with open(path, "w") as file:
    ...         size = file.write('preset = "hifigan-22k"\nn_mels = 100\nfmax = "none"\n')
    ...     settings = read_settings(path)
    >>> settings["n_mels"], settings["hop_length"], settings["fmax"]
    (100, 256, None)
    """
    name = os.fsdecode(path)
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes")
        settings = _toml(data) if name.lower().endswith(".toml") else json.loads(data)
        if not isinstance(settings, dict):
            raise ValueError(f"no object, but {type(settings).__name__}")
    except (
        ValueError,
        RecursionError,
    ) as error:  # of both languages, and of bytes that are no text
        raise ValueError(f"{name!r} does not hold a front-end's parameters: {error}") from None
    named = settings.pop("preset", base)
    if base is not None and named != base:
        raise ValueError(f"{name!r} is made for the preset {named!r}, not for {base!r}")
    return settings if named is None else {**preset(named).parameters, **settings}


def _toml(data: bytes) -> dict[str, Any]:
    import tomllib

    settings: dict[str, Any] = _with_none(tomllib.loads(data.decode("utf-8-sig")))
    return settings


def _with_none(value: Any) -> Any:
    """Return a table with its nones, those of a stack's mels too."""
    if isinstance(value, dict):
        return {name: _with_none(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_with_none(v) for v in value]
    return None if value == "none" else value
