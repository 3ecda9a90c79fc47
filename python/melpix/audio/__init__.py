# SPDX-License-Identifier: MIT
"""From files to samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melpix.audio.load import Clip, probe, read_blocks, read_clip

__all__ = ["Clip", "probe", "read_blocks", "read_clip"]


def __getattr__(name: str) -> Any:  # decoders load on first use
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from melpix.audio import load

    return getattr(load, name)
