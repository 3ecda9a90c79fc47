# SPDX-License-Identifier: MIT
"""melpix over HTTP: ``pip install 'melpix[serve]'``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melpix.serving.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:  # Starlette and uvicorn load on first use
    if name != "create_app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from melpix.serving.app import create_app

    return create_app
