# SPDX-License-Identifier: MIT
"""Every preset against the float64 formulas and against its reference package.

Three distances: melpix's features from the formulas of tests/reference (a rounding to float32, and
next to nothing besides), the reference's from the same, and melpix's from the reference's. So a
reference that computes in float32 can neither hide an error of melpix's nor fake one.
"""

import dataclasses
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import melpix
import signals
from grids import at
from melpix.compare.peers import UnableError
from melpix.compare.references import REFERENCES
from melpix.compare.verify import Pair, distance
from melpix.frontend.presets import PRESETS
from reference import pipeline

# How far features may lie from the formulas', besides the rounding to float32. A root of next to
# nothing is not so little: 1e-16 of a full-scale FFT is 1e-5 in BirdNET's bands.
FROM_FORMULAS = {"birdnet-2.4": 1e-5, "vggish": 1e-11}

# Where the reference makes images: a level apart at most, and nearly nowhere.
EQUAL_PIXELS = 0.9985

# What one second and a half of noise becomes: the shapes that the models take.
SHAPES = {
    "recipe": (128, 65),
    "librosa-db": (128, 65),
    "whisper-80": (80, 3000),
    "whisper-128": (128, 3000),
    "kaldi-fbank": (148, 80),
    "ast": (1024, 128),
    "panns-32k": (151, 64),
    "panns-16k": (151, 64),
    "panns-8k": (151, 64),
    "clap-laion": (1001, 64),
    "clap-ms-2023": (965, 64),
    "vggish": (1, 96, 64),
    "yamnet": (3, 96, 64),
    "birdnet-2.4": (96, 511, 2),
    "birdclef": (128, 94),
    "audio-diffusion": (256, 65),
    "riffusion": (512, 151),
    "hifigan-22k": (80, 129),
}

# Of the slowest formulas less is compared.
SECONDS = {"riffusion": 0.7}

# Others warn of their own affairs, and some models have filters narrower than a bin.
pytestmark = pytest.mark.filterwarnings("ignore")

each_preset = pytest.mark.parametrize("name", PRESETS)


@cache
def frontend(name):
    return melpix.Frontend.from_preset(name)


def reference(name):
    """The preset's reference; skips the test that asks where its packages are missing."""
    try:
        REFERENCES[name].ready()
    except UnableError as error:
        pytest.skip(str(error))
    return REFERENCES[name]


def formulas(name, y):
    return pipeline.features(y, **PRESETS[name].parameters)


def check_formulas(name, y):
    """melpix's features are those of float64, rounded once; returns the latter."""
    features, exact = frontend(name).features(y), formulas(name, y)
    assert features.shape == exact.shape
    assert features.dtype == (np.float64 if name == "vggish" else np.float32)
    bound = FROM_FORMULAS.get(name, 1e-8)
    if features.dtype == np.float32:
        bound = bound + 0.51 * np.spacing(np.abs(exact).astype(np.float32))
    assert (np.abs(features - exact) <= bound).all()
    return exact


def check_reference(name, y, exact, equal=EQUAL_PIXELS):
    """melpix and the float64 formulas are the reference's, its own rounding granted.

    So are the pixels of presets whose models see images: so many of them, and the others nearly.
    """
    judge = reference(name)
    expected = judge.features(y)
    assert expected.shape == exact.shape
    assert np.isfinite(expected).all()
    tolerance = PRESETS[name].tolerance
    stray = np.abs(expected - exact)
    assert (stray <= tolerance + judge.rounding(np.maximum(expected, exact), y)).all()
    apart = distance(Pair(name, frontend(name), judge, tolerance), y, expected, "", 0)
    assert apart.within, apart
    if judge.render is not None:
        assert apart.levels <= 1, apart
        assert apart.identical >= equal, apart


def check(name, y, equal=EQUAL_PIXELS):
    check_reference(name, y, check_formulas(name, y), equal)


def sound(name, kind, seconds=1.5):
    sr = REFERENCES[name].sr
    return signals.synthetic(round(seconds * sr), sr)[kind]


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("recipe", {"gain": 1.02}),
        ("whisper-80", {"fmin": 20}),
        ("kaldi-fbank", {"mel_scale": "htk"}),
        ("panns-32k", {"floor": 2e-10}),
        ("clap-laion", {"window": "hamming"}),
    ],
)
def test_a_mistake_shows(name, mistake):
    """What references may lose of faint bands does not cover another front-end."""
    judge, y = reference(name), sound(name, "speech-like")
    wrong = melpix.Frontend.from_preset(name, **mistake)
    both = Pair(name, wrong, judge, PRESETS[name].tolerance)
    assert not distance(both, y, judge.features(y), "", 0).within


# --- what there is --------------------------------------------------------------------------


def test_every_preset_has_a_reference_and_none_is_left():
    assert list(PRESETS) == list(REFERENCES)
    for name, judge in REFERENCES.items():
        assert judge.sr == frontend(name).sr
        assert PRESETS[name].tolerance <= (3e-2 if name == "birdnet-2.4" else 1e-4)


def test_what_our_own_formulas_alone_judge_is_unverified():
    originals = (Path(__file__).parents[2] / "originals").glob("test_*.py")
    tested = " ".join(path.read_text(encoding="utf-8") for path in originals)
    for name, judge in REFERENCES.items():
        if not judge.packages and f'"{name}"' not in tested:
            assert PRESETS[name].unverified == "all of it"
    for name in ("birdnet-2.4", "clap-ms-2023", "vggish"):
        assert f'"{name}"' in tested
        assert not PRESETS[name].unverified


@each_preset
def test_features_have_the_models_shape(name):
    y = sound(name, "noise")
    assert frontend(name).features(y).shape == SHAPES[name]
    assert reference(name).features(y).shape == SHAPES[name]


# --- made signals ---------------------------------------------------------------------------


@each_preset
@pytest.mark.parametrize("kind", ["noise", "speech-like", "chirp", "DC with faint noise"])
def test_made_signals(name, kind):
    check(name, sound(name, kind, SECONDS.get(name, 1.5)))


@each_preset
@pytest.mark.parametrize("kind", ["tone 440 Hz", "tone near Nyquist", "faint tone"])
def test_tones(name, kind):
    # Bands in which a tone leaves nothing hold one value, that an image may have on an integer.
    check(name, sound(name, kind, SECONDS.get(name, 1.5)), equal=0.95)


@each_preset
@pytest.mark.slow
@pytest.mark.parametrize("kind", signals.synthetic(1, 8000))
def test_all_made_signals(name, kind):
    check(name, sound(name, kind, seconds=2.3), equal=0.95)


@each_preset
def test_silence(name):
    y = np.zeros(REFERENCES[name].sr, np.float32)
    check(name, y)
    if name not in ("ast", "birdnet-2.4"):  # which has filled columns, which shifts it to -1
        assert np.ptp(frontend(name).image(y)) == 0


# --- lengths --------------------------------------------------------------------------------


LENGTHS = [1, 2, 159, 399, 400, 1025, 8192, 15600, 15601]


@each_preset
def test_short_signals(name):
    """Those that the reference refuses only the formulas can judge."""
    f = frontend(name)
    first_frame = {"snip": f.win_length, "middle": f.hop_length}.get(f.framing, 0)
    judged = []
    # What is filled up to half a minute has no edge of its own at each of them.
    for n in LENGTHS[::4] if f.duration is not None else LENGTHS:
        y = signals.noise(n, seed=n).astype(np.float32)
        with at(n):
            if n < first_frame and f.duration is None and f.tail == "drop":
                with pytest.raises(ValueError, match="too short"):
                    f.features(y)
            else:
                judged.append((y, check_formulas(name, y)))
    judge = reference(name)
    for y, exact in judged:
        with at(y.size):
            try:
                judge.features(y)
            except UnableError:
                assert y.size <= f.n_fft // 2, "it may refuse what is shorter than its reflection"
                continue
            if y.size > 1:  # whose spectrum is flat: to standardise it is to amplify roundings
                check_reference(name, y, exact, equal=0)


LONGER = {"whisper-80": 31, "whisper-128": 31, "ast": 11, "clap-laion": 11, "clap-ms-2023": 8}


@pytest.mark.parametrize("name", [*LONGER, "birdnet-2.4"])
def test_signals_longer_than_the_model_takes(name):
    y = sound(name, "noise", LONGER.get(name, 4))
    check(name, y)
    assert frontend(name).features(y).shape == SHAPES[name]


# --- recordings -----------------------------------------------------------------------------


@each_preset
def test_recordings(name):
    sr = REFERENCES[name].sr
    files = signals.recordings()
    music = [path for path in files if path.suffix == ".ogg"]
    digits = [path for path in files if path.suffix == ".wav"][:: len(files) // 2]
    for path in [*music, *digits]:
        y, _ = signals.load_recording(path, sr)
        y = y[: round(SECONDS.get(name, 5) * sr)]
        with at(path.name):
            check(name, y)


# --- the references themselves --------------------------------------------------------------


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa.feature", None)  # as if it were not there
    judge = REFERENCES["recipe"]
    unplanned = dataclasses.replace(judge, plan=lambda: judge.plan())
    with pytest.raises(UnableError, match=r"^librosa: librosa.feature is not installed \(pip inst"):
        unplanned.features(np.zeros(2048, np.float32))


def test_what_a_reference_refuses_is_told():
    judge = reference("panns-32k")
    with pytest.raises(UnableError, match=r"^torchlibrosa, torch fails: RuntimeError: "):
        judge.features(np.zeros(10, np.float32))  # shorter than its reflection
    with pytest.raises(UnableError, match="makes no image"):
        judge.image(np.zeros(32000, np.float32))


def test_versions_are_those_installed():
    assert reference("librosa-db").versions().keys() == {"librosa"}
    assert REFERENCES["vggish"].versions() == {}
    assert REFERENCES["vggish"].package == ""
    assert REFERENCES["ast"].package == "transformers, torch, torchaudio"


def test_rounding_is_granted_to_faint_bands_alone():
    judge = reference("kaldi-fbank")
    y = sound("kaldi-fbank", "noise")
    loud = judge.features(y)
    assert judge.rounding(loud, y).max() < 5e-3
    assert judge.rounding(loud - 10, y).min() > 20 * judge.rounding(loud, y).min()
    assert judge.rounding(loud, 0 * y).max() == 0
    assert REFERENCES["recipe"].rounding(loud, y).max() == 0


def test_what_rounding_may_hide_altogether_counts_on_average():
    """A single band may be anything; all of them may not."""
    judge = reference("kaldi-fbank")
    y = sound("kaldi-fbank", "noise")
    features = judge.features(y)
    features[3, 5] -= 40
    assert np.isposinf(judge.rounding(features, y)).sum() == 1
    without = np.delete(features, 3, axis=0)
    least = judge.rounding(without, y).mean()
    assert 0.9 * least < judge.mean_rounding(without, y) <= least
    assert np.isfinite(judge.mean_rounding(features, y))
    assert judge.mean_rounding(features, 0 * y) == 0
    assert REFERENCES["recipe"].mean_rounding(features, y) == 0


@pytest.mark.parametrize("kind", ["noise", "speech-like"])
def test_riffusions_formulas_are_torchaudios(kind):
    torchaudio = pytest.importorskip("torchaudio.transforms")
    import torch

    y = sound("riffusion", kind)
    spectrogram = torchaudio.Spectrogram(
        n_fft=17640, win_length=4410, hop_length=441, power=None, pad_mode="reflect"
    )
    mels = torchaudio.MelScale(
        n_mels=512, sample_rate=44100, f_min=0, f_max=10000, n_stft=8821, norm=None
    )
    mel = mels(torch.abs(spectrogram(torch.from_numpy(y.copy())))).numpy()
    expected = (mel / mel.max()) ** 0.25
    assert np.abs(REFERENCES["riffusion"].features(y) - expected).max() < 1e-4
