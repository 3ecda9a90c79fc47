# SPDX-License-Identifier: MIT
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

_Norm = str | float | None
_Window = tuple[str, list[float]] | list[float]

class Frontend:
    def __init__(
        self,
        *,
        sr: float,
        n_fft: int,
        hop_length: int,
        win_length: int,
        window: _Window,
        center: bool,
        pad_mode: str,
        power: float,
        n_mels: int,
        fmin: float,
        fmax: float,
        htk: bool,
        norm: _Norm,
        offset: float,
        range: tuple[float, float] | None = None,
        single: bool,
        single_filterbank: bool = False,
        isa: str = "",
    ) -> None: ...
    def frames(self, length: int) -> int: ...
    # (values, least and greatest value before any clipping, peak of the samples)
    def mel(
        self, y: NDArray[Any], out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], float, float, float]: ...
    def features(
        self, y: NDArray[Any], out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], float, float, float]: ...
    def image(
        self, y: NDArray[Any], out: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.uint8], float, float, float]: ...
    # (images, greatest peak of all samples)
    def images(
        self, ys: list[NDArray[Any]], threads: int
    ) -> tuple[list[NDArray[np.uint8]], float]: ...
    # seconds by stage
    def profile(self, y: NDArray[Any]) -> dict[str, float]: ...
    @property
    def isa(self) -> str: ...
    @property
    def empty_filters(self) -> int: ...

# (weights, count of filters that catch no bin)
def mel_filterbank(
    *,
    sr: float,
    n_fft: int,
    n_mels: int,
    fmin: float,
    fmax: float,
    htk: bool,
    norm: _Norm,
    single: bool,
) -> tuple[NDArray[Any], int]: ...
def window(window: _Window, length: int) -> NDArray[np.float64]: ...
def available_isas() -> list[str]: ...
def default_isa() -> str: ...
def filter_scanlines(image: NDArray[np.uint8]) -> bytes: ...
def unfilter_scanlines(raw: bytes, height: int, width: int) -> NDArray[np.uint8]: ...
