# SPDX-License-Identifier: MIT
"""melpix: audio to log-mel spectrogram images for machine learning.

>>> import melpix, numpy as np
>>> y = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
>>> image = melpix.spectrogram_image(y.astype(np.float32), sr=22050)
>>> image.shape, image.dtype
((128, 44), dtype('uint8'))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from melpix import host as _host  # noqa: F401  (it stands by)
from melpix._core import __version__

if TYPE_CHECKING:
    from melpix.audio import load
    from melpix.batch import convert_dataset
    from melpix.compress import amplitude_to_db, pcen, power_to_db
    from melpix.config import show_config
    from melpix.convert import convert_bytes, convert_file
    from melpix.cutting import windows
    from melpix.errors import DecodeError, EncodeError, MelpixError, SignalError
    from melpix.frontend import Frontend
    from melpix.mel import (
        hz_to_mel,
        mel_filterbank,
        mel_frequencies,
        mel_to_hz,
        melspectrogram,
    )
    from melpix.png import features_from_image, read_png, write_png
    from melpix.preset_table import presets
    from melpix.recipe import scale_minmax, spectrogram_image
    from melpix.stream import Stream

# Each public name and the module that holds it. Modules load on first use, so that importing
# melpix costs little more than importing NumPy: a service that renders arrays needs no decoder.
_HOMES = {
    "DecodeError": "errors",
    "EncodeError": "errors",
    "Frontend": "frontend",
    "MelpixError": "errors",
    "SignalError": "errors",
    "Stream": "stream",
    "amplitude_to_db": "compress",
    "convert_bytes": "convert",
    "convert_dataset": "batch",
    "convert_file": "convert",
    "features_from_image": "png",
    "hz_to_mel": "mel",
    "load": "audio",
    "mel_filterbank": "mel",
    "mel_frequencies": "mel",
    "mel_to_hz": "mel",
    "melspectrogram": "mel",
    "pcen": "compress",
    "power_to_db": "compress",
    "presets": "preset_table",
    "read_png": "png",
    "scale_minmax": "recipe",
    "show_config": "config",
    "spectrogram_image": "recipe",
    "windows": "cutting",
    "write_png": "png",
}

__all__ = [
    "DecodeError",
    "EncodeError",
    "Frontend",
    "MelpixError",
    "SignalError",
    "Stream",
    "__version__",
    "amplitude_to_db",
    "convert_bytes",
    "convert_dataset",
    "convert_file",
    "features_from_image",
    "hz_to_mel",
    "load",
    "mel_filterbank",
    "mel_frequencies",
    "mel_to_hz",
    "melspectrogram",
    "pcen",
    "power_to_db",
    "presets",
    "read_png",
    "scale_minmax",
    "show_config",
    "spectrogram_image",
    "windows",
    "write_png",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
