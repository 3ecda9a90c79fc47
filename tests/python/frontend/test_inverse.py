# SPDX-License-Identifier: MIT
"""From a PNG back to sound: what melpix writes is enough for librosa to make one like the first.

The measure is spectral convergence: how far the magnitudes of the new sound's spectrum lie from
those of the first, as a part of these; 0 if they are the same, 1 for silence, more for noise.
"""

import librosa
import numpy as np
import pytest

import melpix
import signals
from melpix import Frontend, demo

SECONDS = 4


def back_to_sound(png, loudness):
    """The way that the README and features_from_image describe."""
    image, metadata = melpix.read_png(png)
    p = metadata["params"]
    features = melpix.features_from_image(image, metadata)
    power = {"ln": np.exp, "log10": lambda x: 10**x, "db": lambda x: 10 ** (x / 10)}[p["compress"]]
    mel = np.maximum(power(features) - p["offset"], 0)
    return librosa.feature.inverse.mel_to_audio(
        loudness * mel,
        sr=p["sr"],
        n_fft=p["n_fft"],
        hop_length=p["hop_length"],
        power=p["power"],
        fmin=p["fmin"],
        fmax=p["fmax"],
    )


def convergence(first, second):
    return np.linalg.norm(first - second) / np.linalg.norm(first)


def magnitudes(y, f):
    return np.abs(librosa.stft(y, n_fft=f.n_fft, hop_length=f.hop_length))


def demo_sound():
    return (demo.sound()[: SECONDS * demo.SR] / 32768).astype(np.float32), demo.SR


def speech():
    path = next((p for p in signals.recordings() if p.name == "speech.ogg"), None)
    if path is None:
        pytest.skip("the recordings lack speech.ogg")
    y, sr = signals.load_recording(path, 22050)
    return y[: SECONDS * sr], sr


@pytest.fixture(autouse=True)
def _seed(monkeypatch):
    """The phases with which Griffin and Lim's algorithm begins."""
    make = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed=None: make(seed or 0))


@pytest.mark.parametrize(
    ("sound", "parameters", "spectra", "mels"),
    [
        (demo_sound, {}, 0.25, 0.15),
        (speech, {}, 0.3, 0.18),
        (demo_sound, {"compress": "db", "ref": "max", "top_db": 80}, 0.25, 0.15),
        (speech, {"compress": "log10", "power": 1}, 0.3, 0.18),
        # More bands and overlap than the recipe has bring back more. (Each filter must catch bins
        # of its own: librosa divides by the singular values of the filterbank.)
        (speech, {"n_fft": 2048, "hop_length": 256, "n_mels": 256, "bits": 16}, 0.15, 0.1),
    ],
)
def test_an_image_can_be_heard(sound, parameters, spectra, mels):
    y, sr = sound()
    f = Frontend(sr=sr, **parameters)
    # With this reference, how loud the sound was is not in its image.
    loudness = f.mel(y).max() if f.params["ref"] == "max" else 1
    again = back_to_sound(f.png(y), loudness)
    assert abs(again.size - y.size) < f.hop_length
    y = y[: again.size]
    of_spectra = convergence(magnitudes(y, f), magnitudes(again, f))
    mel, mel_again = (f.mel(x.astype(np.float32)) ** 0.5 for x in (y, again))
    of_mels = convergence(mel, mel_again)
    print(f"\n{sound.__name__} {parameters}: spectral convergence {of_spectra:.3f}, in mel bands "
          f"{of_mels:.3f}")  # fmt: skip
    assert of_spectra < spectra
    assert of_mels < mels
    # Another sound of the same loudness is nowhere near.
    noise = signals.noise(again.size) * (np.std(y) / np.std(signals.noise(again.size)))
    assert convergence(magnitudes(y, f), magnitudes(noise, f)) > 3 * spectra
