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
    from melpix.audio.load import load
    from melpix.convert.file import convert_bytes, convert_file
    from melpix.convert.windows import windows
    from melpix.dataset.dataset import convert_dataset
    from melpix.errors import DecodeError, EncodeError, MelpixError, ParameterError, SignalError
    from melpix.frontend.frontend import Frontend
    from melpix.frontend.presets import presets
    from melpix.frontend.recipe import scale_minmax, spectrogram_image
    from melpix.frontend.stream import Stream
    from melpix.image.features import features_from_image
    from melpix.image.read import read_png
    from melpix.image.write import write_png
    from melpix.installation import show_config
    from melpix.librosa_api.decibels import amplitude_to_db, pcen, power_to_db
    from melpix.librosa_api.mel import (
        hz_to_mel,
        mel_filterbank,
        mel_frequencies,
        mel_to_hz,
        melspectrogram,
    )

# Each public name and the module that holds it. Modules load on first use, so that importing
# melpix costs little more than importing NumPy: a service that renders arrays needs no decoder.
_HOMES = {
    "DecodeError": "errors",
    "EncodeError": "errors",
    "Frontend": "frontend.frontend",
    "MelpixError": "errors",
    "ParameterError": "errors",
    "SignalError": "errors",
    "Stream": "frontend.stream",
    "amplitude_to_db": "librosa_api.decibels",
    "convert_bytes": "convert.file",
    "convert_dataset": "dataset.dataset",
    "convert_file": "convert.file",
    "features_from_image": "image.features",
    "hz_to_mel": "librosa_api.mel",
    "load": "audio.load",
    "mel_filterbank": "librosa_api.mel",
    "mel_frequencies": "librosa_api.mel",
    "mel_to_hz": "librosa_api.mel",
    "melspectrogram": "librosa_api.mel",
    "pcen": "librosa_api.decibels",
    "power_to_db": "librosa_api.decibels",
    "presets": "frontend.presets",
    "read_png": "image.read",
    "scale_minmax": "frontend.recipe",
    "show_config": "installation",
    "spectrogram_image": "frontend.recipe",
    "windows": "convert.windows",
    "write_png": "image.write",
}

__all__ = [
    "DecodeError",
    "EncodeError",
    "Frontend",
    "MelpixError",
    "ParameterError",
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
