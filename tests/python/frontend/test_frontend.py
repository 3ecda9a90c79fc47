# SPDX-License-Identifier: MIT
"""The front-end's contract beyond its numbers: parameters, inputs, outputs, threads."""

import copy
import itertools
import json
import pickle
import re
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import melpix
from melpix import Frontend, _core
from melpix.errors import SignalError

Y = np.random.default_rng(0).uniform(-1, 1, 8000).astype(np.float32)
SMALL = {"sr": 8000, "hop_length": 64, "n_mels": 20}
REAL: dict[str, Any] = {"spectrum": "real", "power": 1, "compress": None}

PARAMETER_SETS: list[dict[str, Any]] = [
    {},
    {"sr": 44100.5, "n_fft": 500, "hop_length": 160, "win_length": 400},
    {"window": ("kaiser", 8.6), "framing": "uncentered", "power": 1},
    {"window": 14.0, "pad_mode": "reflect", "norm": None},
    {"window": np.hanning(128), "n_fft": 128, "norm": 2, "mel_scale": "htk"},
    {"window": np.blackman, "n_fft": 128, "norm": np.inf, "fmin": 100, "fmax": 3000.5},
    {"precision": "double", "offset": 1e-6, "window": "tukey"},
    {"range": (np.float32(-20.7), 1), "window": ("kaiser", 8.6)},
    {"range": [-1e30, 1e30]},
    {**REAL, "mel_sr": 6000},
    {"mel_sr": 6000.5, "stack": [{"mel_sr": 8000}, {**REAL, "compress": ("power", 0.4)}]},
]


@pytest.mark.parametrize("parameters", PARAMETER_SETS)
def test_params_are_json_and_make_an_equal_front_end(parameters: dict[str, Any]) -> None:
    f = Frontend(**{**SMALL, **parameters})
    as_json = json.dumps(f.params, allow_nan=False)
    again = Frontend(**json.loads(as_json))
    assert again == f
    assert hash(again) == hash(f)
    assert again.params == f.params
    np.testing.assert_array_equal(again.image(Y), f.image(Y))
    for twin in (pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f)):
        assert twin == f
        np.testing.assert_array_equal(twin.image(Y), f.image(Y))


@pytest.mark.parametrize("win_length", [100, 99, 128])
def test_real_parts_have_the_phase_and_the_sign_of_other_transforms(win_length: int) -> None:
    import librosa
    from scipy.signal import get_window

    p: dict[str, Any] = {**SMALL, **REAL, "n_fft": 128, "win_length": win_length}
    bank = librosa.filters.mel(sr=8000, n_fft=128, n_mels=20, dtype=np.float64)
    y = Y.astype(np.float64)
    S = librosa.stft(y, n_fft=128, hop_length=64, win_length=win_length)
    centred = Frontend(**p, precision="double").features(y)
    np.testing.assert_allclose(centred, bank @ S.real, atol=1e-9 * np.abs(centred).max())
    assert centred.min() < -0.5 * centred.max()
    # tf.signal.stft: the frame begins with its window, and zeros follow.
    frames = np.lib.stride_tricks.sliding_window_view(y, win_length)[::64]
    S = np.fft.rfft(frames * get_window("hann", win_length), 128).T
    snipped = Frontend(**p, framing="snip", precision="double").features(y)
    np.testing.assert_allclose(snipped, bank @ S.real, atol=1e-12 * np.abs(snipped).max())


@pytest.mark.parametrize("more", [{}, {"fmin": 50, "fmax": 2500}, {"mel_scale": "htk"}])
def test_a_filterbank_may_be_that_of_another_rate(more: dict[str, Any]) -> None:
    import librosa

    htk = more.get("mel_scale") == "htk"
    limits = {name: more[name] for name in ("fmin", "fmax") if name in more}
    for mel_sr in (6000, 16000):
        p = {**SMALL, **more, "mel_sr": mel_sr, "compress": None}
        mel = Frontend(**p, precision="double").features(Y.astype(np.float64))
        bank = librosa.filters.mel(
            sr=mel_sr, n_fft=128, n_mels=20, htk=htk, dtype=np.float64, **limits
        )
        S = np.abs(librosa.stft(Y.astype(np.float64), n_fft=128, hop_length=64)) ** 2
        np.testing.assert_allclose(mel, bank @ S, atol=1e-9 * mel.max())


def test_the_rate_of_a_filterbank_follows_that_of_the_samples() -> None:
    f = Frontend(**SMALL)
    assert (f.mel_sr, f.fmax, f.params["spectrum"]) == (8000, 4000, "magnitude")
    assert f.replace(sr=6000).mel_sr == 6000
    g = f.replace(mel_sr=5000)
    assert (g.sr, g.mel_sr, g.fmax) == (8000, 5000, 2500)
    assert g.replace(sr=6000).mel_sr == 5000
    old = {name: value for name, value in f.params.items() if name not in ("spectrum", "mel_sr")}
    assert Frontend(**old) == f  # images from before these parameters


def test_a_copy_does_not_warn_again() -> None:
    with pytest.warns(UserWarning, match="catch no bin"):
        f = Frontend(n_fft=64, hop_length=32)
    assert pickle.loads(pickle.dumps(f)) == f  # warnings are errors here


def test_open_parameters_follow_and_follow_again() -> None:
    f = Frontend(sr=16000, hop_length=100, n_mels=20)
    assert (f.n_fft, f.win_length, f.fmax) == (200, 200, 8000)
    g = f.replace(sr=8000, hop_length=50)
    assert (g.n_fft, g.win_length, g.fmax) == (100, 100, 4000)
    h = pickle.loads(pickle.dumps(Frontend(fmax=3000, n_mels=20))).replace(sr=8000)
    assert h.fmax == 3000
    assert Frontend(sr=16000) != Frontend(sr=8000)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Frontend().sr = 8000  # type: ignore[misc]
    with pytest.raises(TypeError):
        Frontend(22050)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sr": 0}, "sr must be > 0, got 0"),
        ({"sr": "fast"}, "sr must be a number, got 'fast'"),
        ({"sr": np.nan}, "sr must be finite"),
        ({"n_fft": 0}, "n_fft must be in 1 ... 1048576, got 0"),
        ({"n_fft": 512.0}, "n_fft must be an integer, got 512.0"),
        ({"n_fft": 2**40}, "n_fft must be in 1 ... 1048576, got 1099511627776"),
        ({"n_fft": 2**70}, "n_fft"),
        ({"hop_length": 0}, "hop_length must be in 1 ... 1073741824, got 0"),
        ({"hop_length": -5}, "hop_length must be in 1 ... 1073741824, got -5"),
        ({"hop_length": True}, "hop_length must be an integer, got True"),
        ({"win_length": 1025}, "win_length must be <= n_fft (1024), got 1025"),
        ({"win_length": 0}, "win_length must be in 1 ... 1048576, got 0"),
        ({"window": "hanning"}, "window must be one of"),
        ({"window": ("kaiser",)}, "takes 1 parameter(s), got 0"),
        ({"window": ("hann", 1)}, "takes 0 parameter(s), got 1"),
        ({"window": np.ones(7)}, "window has 7 samples, but win_length is 1024"),
        ({"window": np.full(1024, np.nan)}, "window samples must be finite"),
        ({"window": None}, "window must be"),
        (
            {"framing": "left"},
            "framing must be one of 'center', 'uncentered', 'snip', 'middle', got 'left'",
        ),
        ({"framing": "middle", "n_fft": 100}, "hop_length must be <= n_fft (100)"),
        ({"duration": 0}, "duration must be > 0, got 0"),
        ({"duration": 1e-9}, "1 ... 2147483648 samples long at sr (22050), got 1e-09"),
        ({"fit": "loop"}, "fit must be one of 'pad', 'repeat', 'repeat_pad', got 'loop'"),
        ({"level": "rms"}, "level must be one of None, 'int16', 'minmax', got 'rms'"),
        ({"gain": 0}, "gain must be > 0 and <= 1e+12, got 0"),
        ({"gain": 1e13}, "gain must be > 0 and <= 1e+12, got 10000000000000"),
        ({"periodic": 1}, "periodic must be one of False, True, got 1"),
        ({"remove_dc": "no"}, "remove_dc must be one of False, True, got 'no'"),
        ({"preemphasis": 1}, "preemphasis must be >= 0 and < 1, got 1"),
        ({"preemphasis": -0.1}, "preemphasis must be >= 0 and < 1, got -0.1"),
        ({"bin_offset": -1}, "bin_offset must be >= 0, got -1"),
        ({"pad_mode": "wrap"}, "pad_mode must be one of"),
        ({"power": 0}, "power must be > 0, got 0"),
        ({"power": -1}, "power must be > 0, got -1"),
        ({"spectrum": "imag"}, "spectrum must be one of 'magnitude', 'real', got 'imag'"),
        ({"spectrum": "real"}, "power must be 1 with spectrum='real', got 2"),
        ({**REAL, "bin_offset": 1}, "bin_offset must be 0 with spectrum='real', got 1"),
        ({**REAL, "floor": 1}, "floor must be none with spectrum='real', got 1"),
        (
            {**REAL, "compress": "ln"},
            "compress must be none or power,EXPONENT with spectrum='real', got ln",
        ),
        ({**REAL, "compress": "pcen"}, "with spectrum='real', got pcen"),
        ({"n_mels": 0}, "n_mels must be in 1 ... 65536, got 0"),
        ({"n_mels": 10**6}, "n_mels must be in 1 ... 65536, got 1000000"),
        ({"fmin": -1}, "fmin must be >= 0, got -1"),
        ({"fmin": 12000}, "fmin must be below fmax (11025), got 12000"),
        ({"fmin": 500, "fmax": 500}, "fmin must be below fmax (500), got 500"),
        ({"fmax": np.inf}, "fmax must be finite"),
        ({"mel_sr": 0}, "mel_sr must be > 0, got 0"),
        ({"mel_sr": 8000, "fmin": 4000}, "fmin must be below fmax (4000), got 4000"),
        ({"mel_scale": "kaldi"}, "norm must be none with mel_scale='kaldi' or 'tf', got slaney"),
        ({"mel_scale": "bark"}, "mel_scale must be one of"),
        ({"norm": "sum"}, "norm must be a number or slaney or none or inf or -inf, got 'sum'"),
        ({"norm": -1}, "norm must be >= 0, got -1"),
        (
            {"compress": ("pcen", 1)},
            "compress must be none or ln or log10 or db or power,EXPONENT or pcen or",
        ),
        ({"compress": ("pcen", 1, 2, 3, 0, 1)}, "compress's time_constant must be > 0, got 0"),
        ({"compress": ("power", 0)}, "compress's exponent must be > 0, got 0"),
        ({"offset": 0}, "offset must be > 0 with floor=none, got 0"),
        ({"offset": -1}, "offset must be >= 0, got -1"),
        ({"floor": 0}, "floor must be > 0, got 0"),
        ({"ref": 0}, "ref must be > 0, got 0"),
        ({"ref": "mean"}, "ref must be a number or max, got 'mean'"),
        (
            {"ref": "max", "compress": None},
            "ref must be 1 without a logarithm: compress (none), got max",
        ),
        ({"top_db": 0}, "top_db must be > 0, got 0"),
        (
            {"top_db": 9, "compress": "pcen"},
            "top_db must be none without a logarithm: compress (pcen), got 9",
        ),
        ({"columns": 0}, "columns must be in 1 ... 1073741824, got 0"),
        (
            {"normalise": "rows"},
            "normalise must be none or image or frequency or max or MEAN,STD, got 'rows'",
        ),
        ({"normalise": (0, 0)}, "normalise's std must be > 0, got 0"),
        ({"normalise": ([1, 2], 1)}, "normalise's mean must have 1 or n_mels (128) values, got 2"),
        ({"layout": "rows"}, "layout must be one of 'mels', 'flipped', 'frames', got 'rows'"),
        ({"patch": 0}, "patch must be in 1 ... 1073741824, got 0"),
        ({"patch_step": 3}, "patch_step must be none with patch=none, got 3"),
        ({"tail": "pad"}, "tail must be drop with patch=none, got pad"),
        ({"dtype": "float16"}, "dtype must be one of 'float32', 'float64', None, got 'float16'"),
        ({"stack": []}, "stack must be a list of dicts"),
        ({"stack": [{"n_mels": 3}]}, "stack: 'n_mels' is no parameter that a mel may change"),
        ({"stack": [{"n_fftt": 3}]}, "stack: 'n_fftt' is no parameter"),
        ({"stack": [{"n_fft": 0}]}, "stack: n_fft must be in 1 ... 1048576, got 0"),
        ({"stack": [{"invert": False}]}, "stack: 'invert' is no parameter that a mel may change"),
        ({"stack": [{"rounding": "ceil"}]}, "stack: 'rounding' is no parameter that a mel may"),
        (
            {"range": (1, 0)},
            "range must be minmax or LO,HI with -1e+30 <= LO < HI <= 1e+30, got 1,0",
        ),
        ({"range": "max"}, "range must be minmax or LO,HI, got 'max'"),
        ({"range": (2.5, 2.5)}, "got 2.5,2.5"),
        ({"range": (0, np.nan)}, "range must be finite, got nan"),
        ({"range": (np.nan, 0)}, "range must be finite, got nan"),
        ({"range": (-np.inf, 0)}, "range must be finite, got -inf"),
        ({"range": (0, 2e30)}, "got 0,2e+30"),
        ({"range": (-2e30, 0)}, "got -2e+30,0"),
        ({"range": (0, 10**400)}, "range must be"),
        ({"range": (0, "1")}, "range must be a number, got '1'"),
        ({"range": (False, True)}, "range must be a number, got False"),
        ({"range": (0, 1, 2)}, "got '0,1,2'"),
        ({"range": 5}, "got 5"),
        ({"range": None}, "got None"),
        ({"rounding": "floor"}, "rounding must be one of 'truncate', 'nearest', 'ceil'"),
        ({"flip": 0}, "flip must be one of False, True, got 0"),
        ({"invert": 1}, "invert must be one of False, True, got 1"),
        ({"bits": 12}, "bits must be one of 8, 16, got 12"),
        ({"precision": "half"}, "precision must be one of 'mixed', 'single', 'double', got 'half'"),
    ],
)
def test_nonsense_is_refused_by_name_and_value(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        Frontend(**parameters)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(100, np.int32), "y must be float16, float32, float64 or int16, got int32"),
        (np.zeros(100, np.uint8), "got uint8"),
        (np.zeros(100, complex), "got complex128"),
        (["a"], "got <U1"),
        (np.float32(1), "at least one dimension"),
        (np.zeros((2, 2, 100), np.float32), "y must be (n,) or (channels, n)"),
        (np.zeros((0, 100), np.float32), "at least one channel"),
        (np.zeros(0, np.float32), "y holds no samples"),
        (np.ma.masked_array(np.zeros(100), mask=True), "y must not be masked"),
    ],
)
def test_an_array_that_is_no_signal_is_refused(y: Any, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        Frontend(**SMALL).image(y)
    assert message in str(refusal.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("position", [0, 4321, 7999])
def test_samples_must_be_finite(value: float, dtype: Any, position: int) -> None:
    y = Y.astype(dtype)
    y[position] = value
    for method in ("image", "features", "mel", "png"):
        with pytest.raises(melpix.SignalError, match=f"sample {position} is") as refusal:
            getattr(Frontend(**SMALL), method)(y)
        assert refusal.value.code == "non_finite"


@pytest.mark.parametrize("position", [1500, 7999])
def test_samples_between_and_behind_frames_must_be_finite_too(position: int) -> None:
    y = Y.copy()
    y[position] = np.nan  # frames of 64 samples, 1000 apart, do not touch it
    f = Frontend(sr=8000, hop_length=1000, n_fft=64, n_mels=4, framing="uncentered")
    with pytest.raises(melpix.SignalError, match=f"sample {position} is nan"):
        f.image(y)


@pytest.mark.filterwarnings("ignore:a peak of")
@pytest.mark.parametrize("precision", ["single", "double"])
def test_overflow_is_an_error_not_an_image(precision: str) -> None:
    f = Frontend(**SMALL, precision=precision)
    y = Y.astype(np.float64)
    with pytest.raises(melpix.SignalError, match=f"too large in {precision} precision") as refusal:
        f.image(y * 1e200)
    assert refusal.value.code == "overflow"
    # Where only float32 overflows, float64 helps.
    difference = f.image(y * 1e30).astype(int) - f.image(y)
    assert np.abs(difference).max() <= 1  # noise is far above the offset at either gain


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("level", [0.0, 0.25, -1.0])
def test_silence_and_constants_have_a_defined_image(precision: str, level: float) -> None:
    f = Frontend(**SMALL, precision=precision, framing="uncentered")
    rendering = f.render(np.full(4000, level, np.float32))
    assert np.isfinite([rendering.lo, rendering.hi]).all()
    if level == 0:
        assert rendering.constant
        assert (rendering.image == 255).all()
        assert rendering.metadata()["constant"] is True


def test_silence_is_of_one_grey_however_an_image_lies() -> None:
    for bits, flip, invert in itertools.product((8, 16), (True, False), (True, False)):
        image = Frontend(**SMALL, bits=bits, flip=flip, invert=invert).image(np.zeros(4000))
        assert (image == (2**bits - 1 if invert else 0)).all(), (bits, flip, invert)


@pytest.mark.parametrize("sign", [1, -1])
def test_zeros_that_fill_a_signal_up_count_for_its_level(sign: int) -> None:
    y = sign * (0.6 + 0.1 * Y[:2000])  # which has no zero of its own
    filled = np.pad(y, (0, 800))
    expected = Frontend(**SMALL, level="minmax").features(filled)
    actual = Frontend(**SMALL, level="minmax", duration=0.35).features(y)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_fixed_range_clips_and_the_rendering_knows(precision: str) -> None:
    f = Frontend(**SMALL, precision=precision)
    features = f.features(Y)
    lo, hi = (float(x) for x in np.quantile(features, [0.2, 0.9]))
    g = f.replace(range=[lo, hi])
    np.testing.assert_array_equal(g.features(Y), features)
    rendering = g.render(Y)
    assert (rendering.lo, rendering.hi) == (lo, hi)
    assert (rendering.min, rendering.max) == (features.min(), features.max())
    upright = rendering.image[::-1]
    assert (upright[features <= lo] == 255).all()
    assert (upright[features > hi] == 0).all()
    assert ((upright > 0) | (features > hi - (hi - lo) / 254)).all()
    metadata = rendering.metadata()
    assert json.loads(json.dumps(metadata))["params"]["range"] == [lo, hi]
    assert [metadata[name] for name in ("lo", "hi", "min", "max")] == [
        lo, hi, features.min(), features.max()]  # fmt: skip
    assert not rendering.constant
    assert g.images([Y, Y[:999]], threads=2)[0].tobytes() == rendering.image.tobytes()


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_range_gives_constants_their_own_grey(precision: str) -> None:
    silence, level = np.zeros(4000), float(np.log(1e-9))
    for lo, hi, pixel in [
        (level + 1, 5, 255),
        (level - 5, level - 1, 0),
        (level - 1, level + 4, 204),
        (level - 1, np.nextafter(level - 1, 0), 0),
        (level + 1, np.nextafter(level + 1, 0), 255),
        (0, 5e-324, 255),
        (-1e30, 1e30, 128),
    ]:
        rendering = Frontend(**SMALL, precision=precision, range=(lo, hi)).render(silence)
        assert rendering.constant
        assert rendering.metadata()["constant"] is True
        assert np.unique(rendering.image).tolist() == [pixel], (lo, hi)


def test_denormal_samples_change_nothing() -> None:
    tiny = np.where(np.arange(8000) % 2, np.float32(1e-42), np.float32(-1e-42))
    rendering = Frontend(**SMALL).render(tiny)
    assert (rendering.image == 255).all()
    np.testing.assert_array_equal(Frontend(**SMALL).image(Y), Frontend(**SMALL).image(Y + tiny))


@pytest.mark.parametrize("precision", ["single", "double"])
def test_layouts_of_the_same_samples_give_the_same_bytes(precision: str) -> None:
    f = Frontend(**SMALL, precision=precision)
    pcm = (Y * 32767).astype(np.int16)
    y = (pcm / 32768).astype(np.float32)
    expected = f.image(y)
    stereo = np.stack([y, y], axis=1)
    odd = np.zeros(4 * y.size + 1, np.uint8)[1:].view(np.float32)
    odd[:] = y
    layouts = {
        "int16": pcm,
        "float64": y.astype(np.float64),
        "big endian": y.astype(">f4"),
        "every other": np.repeat(y, 2)[::2],
        "reversed": y[::-1].copy()[::-1],
        "list": y.tolist(),
        "interleaved": stereo.T,
        "planar": stereo.T.copy(),
        "reversed planar": stereo.T[::-1],
        "int16 interleaved": np.stack([pcm, pcm], axis=1).T,
        "broadcast": np.broadcast_to(y, (3, y.size)),
        "not aligned": odd,
        "read only": np.frombuffer(y.tobytes(), np.float32),
    }
    for name, layout in layouts.items():
        np.testing.assert_array_equal(f.image(layout), expected, err_msg=name)


def test_float16_is_read_as_it_is() -> None:
    half = Y.astype(np.float16)
    f = Frontend(**SMALL)
    np.testing.assert_array_equal(f.image(half), f.image(half.astype(np.float32)))


@pytest.mark.parametrize("n_channels", [1, 2, 6, 1000])
def test_channels_are_mixed_by_their_mean(n_channels: int) -> None:
    channels = np.random.default_rng(1).uniform(-1, 1, (n_channels, 3000)).astype(np.float32)
    f = Frontend(**SMALL)
    difference = f.image(channels).astype(int) - f.image(channels.mean(axis=0))
    assert np.abs(difference).max() <= 1
    if n_channels <= 7:
        assert not difference.any()


def test_leading_axes_are_kept() -> None:
    f = Frontend(**SMALL)
    y = np.random.default_rng(2).uniform(-1, 1, (2, 3, 2000)).astype(np.float32)
    features = f.features(y)
    assert features.shape == (2, 3, 20, 32)
    np.testing.assert_array_equal(features[1, 2], f.features(y[1, 2]))
    np.testing.assert_array_equal(f.mel(y)[0, 1], f.mel(y[0, 1]))
    assert f.mel(np.zeros((0, 2000))).shape == (0, 20, 32)


def test_features_are_double_and_images_single_unless_asked() -> None:
    mixed = Frontend(**SMALL)
    single, double = (Frontend(**SMALL, precision=p) for p in ("single", "double"))
    y = np.sin(0.3 * np.arange(8000), dtype=np.float32)
    features = mixed.features(y)
    np.testing.assert_array_equal(features, double.features(y).astype(np.float32))
    assert (features != single.features(y)).any()
    np.testing.assert_array_equal(mixed.image(y), single.image(y))
    streamed = mixed.stream()
    np.testing.assert_array_equal(np.hstack([streamed.push(y), streamed.flush()]), features)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # double precision has no reason to warn
        mixed.features(3 * y)
    wide = Frontend(**SMALL, dtype="float64")
    np.testing.assert_array_equal(wide.features(y), double.features(y))


@pytest.mark.parametrize(
    ("differing", "double"),
    [
        ({}, False),
        ({"bits": 16}, True),
        ({"bits": 16, "range": (-20, 0)}, True),
        ({"bits": 16, "stack": [{"fmin": 500}]}, True),
        ({"compress": "pcen"}, True),
        ({"compress": ("power", 0.3)}, True),
        ({"compress": None}, True),
        ({"power": 0.5}, True),
        ({"level": "minmax"}, True),
        ({"level": "int16"}, False),
    ],
    ids=str,
)
def test_images_are_single_where_that_does_not_show(differing: Any, double: bool) -> None:
    f = Frontend(**(SMALL | differing))
    t = np.arange(8000)
    y = (0.8 * np.sin(0.3 * t) + 1e-3 * np.sin(t)).astype(np.float32)
    image = f.image(y)
    np.testing.assert_array_equal(f.images([y])[0], image)
    lo_hi = [(r.lo, r.hi) for r in (g.render(y) for g in (f, f.replace(precision="double")))]
    assert (lo_hi[0] == lo_hi[1]) == (double or "range" in differing)
    if double:
        np.testing.assert_array_equal(image, f.replace(precision="double").image(y))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            f.image(3 * y)
    else:
        np.testing.assert_array_equal(image, f.replace(precision="single").image(y))
    if "range" in differing:
        s = f.stream("image")
        np.testing.assert_array_equal(np.hstack([s.push(y), s.flush()]), image)


def test_precision_decides_the_type_of_features() -> None:
    assert Frontend(**SMALL).mel(Y.astype(np.float64)).dtype == np.float32
    assert Frontend(**SMALL, precision="double").mel(Y).dtype == np.float64


def test_out_is_written_in_place() -> None:
    f = Frontend(**SMALL)
    expected = f.image(Y)
    canvas = np.zeros((22, 200), np.uint8)
    view = canvas[1:21, 10 : 10 + expected.shape[1]]
    assert f.image(Y, out=view) is view
    np.testing.assert_array_equal(view, expected)
    view[:] = 0
    assert not canvas.any(), "wrote outside of out"
    canvas = np.zeros((*expected.shape[::-1], 3), np.uint8)
    view = canvas[::-1, :, 1].T
    np.testing.assert_array_equal(f.image(Y, out=view), expected)
    view[:] = 0
    assert not canvas.any(), "wrote outside of out"
    for bad, message in [
        (np.zeros((20, 5), np.uint8), "shape"),
        (np.zeros(expected.shape, np.int8), "type"),
        (np.frombuffer(bytes(expected.size), np.uint8).reshape(expected.shape), "writeable"),
    ]:
        with pytest.raises(ValueError, match=message):
            f.image(Y, out=bad)


def test_a_loud_signal_warns_once_in_single_precision() -> None:
    f = Frontend(**SMALL)
    with pytest.warns(UserWarning, match="precision='double'") as record:
        f.image(Y * 3)
    assert len(record) == 1
    f.image(Y * 3)  # warnings are errors here
    f.features(Y * 3)
    assert record[0].filename == __file__
    Frontend(**SMALL).image(Y * 2)
    Frontend(**SMALL, precision="double").image(Y * 1000)


def test_empty_filters_warn_once_per_front_end() -> None:
    with pytest.warns(UserWarning, match="catch no bin") as record:
        f = Frontend(sr=96000)
    assert record[0].filename == __file__
    image = f.image(Y)  # no second warning
    assert image.shape == (128, 16)


def test_images_that_no_reader_accepts_are_refused() -> None:
    f = Frontend(sr=8000, hop_length=1, n_fft=2, n_mels=1, norm=None)
    y = np.zeros(1_000_000, np.int16)
    with pytest.raises(melpix.EncodeError, match="windows") as refusal:
        f.image(y)
    assert refusal.value.code == "image_too_large"
    assert f.image(y[1:]).shape == (1, 1_000_000)


def test_a_profile_has_the_seconds_of_each_stage() -> None:
    for precision in ("single", "double"):
        f = Frontend(**SMALL, precision=precision)
        before = time.perf_counter()
        stages = f.profile(Y)
        elapsed = time.perf_counter() - before
        assert list(stages) == ["frame", "spectrum", "mel", "compress", "normalise", "image"]
        assert all(seconds > 0 for seconds in stages.values())
        assert sum(stages.values()) <= elapsed
    with pytest.raises(melpix.SignalError, match="y holds no samples"):
        f.profile(Y[:0])


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"source": '"params":null', "offset": 0.0, "zeta": None},
        {"source": '\\"params":null\n\u20ac\udcff', "offset": 1 / 3, "duration": 1e-7},
        {"source": None, "offset": 0, "duration": 1e22},
        {"source": None, "offset": None, "duration": 2**70},
        {"source": 7, "offset": 0.5, "duration": 5.0},
        {"source": "a", "offset": True, "duration": 5.0},
    ],
)
@pytest.mark.parametrize(
    "f", [Frontend(), Frontend(range=(-20, 5)), Frontend(stack=[{"fmin": 100.0}])]
)
@pytest.mark.parametrize("y", [Y, 0 * Y])
def test_metadata_as_text(f, more, y):
    rendering = f.render(y)
    expected = json.dumps(rendering.metadata(**more), sort_keys=True, separators=(",", ":"))
    assert rendering.metadata_text(**more) == expected


def test_metadata_is_finite():
    for offset in (np.inf, -np.inf, np.nan):
        with pytest.raises(ValueError, match="not JSON compliant"):
            Frontend().png(Y, source=None, offset=float(offset), duration=1.0)


def test_params_belong_to_the_caller() -> None:
    f = Frontend(**SMALL, window=np.hanning(128), range=(-20, 0))
    expected = json.dumps(f.params)
    for params in (f.params, f.render(Y).params):
        params["window"][0] = params["range"][0] = 5.0
        params["sr"] = -1
        params.clear()
    assert json.dumps(f.params) == expected
    assert json.dumps(f.render(Y).params) == expected


def some_signals(seed: int) -> list[NDArray[Any]]:
    """Signals of all kinds: lengths, types, channels, layouts."""
    random = np.random.default_rng(seed)
    signals = []
    for _ in range(random.integers(1, 12)):
        y = random.uniform(-1, 1, (random.integers(1, 4), random.integers(1, 6000)))
        y *= random.choice([1.0, 1e-3, 0.0])
        dtype = random.choice(["float16", "float32", "float64", ">f4", "int16"])
        y = (y * 32767).astype(np.int16) if dtype == "int16" else y.astype(dtype)
        layout = random.integers(3)
        signals.append(y[0] if layout == 0 else y if layout == 1 else y.T.copy().T[:, ::-1])
    return signals


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("seed", range(8))
def test_many_images_are_those_of_one_by_one(seed: int, precision: str) -> None:
    f = Frontend(**SMALL, precision=precision)
    ys = some_signals(seed)
    expected = [f.image(y) for y in ys]
    for threads in (1, 2, 3, 64):
        images = f.images(iter(ys), threads=threads)
        assert len(images) == len(expected)
        for image, one in zip(images, expected, strict=True):
            assert image.dtype == np.uint8
            np.testing.assert_array_equal(image, one)


def test_no_signals_give_no_images() -> None:
    assert Frontend(**SMALL).images([]) == []
    assert Frontend(**SMALL).images(iter(()), threads=3) == []


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    ("bad", "code", "message"),
    [
        (np.where(np.arange(8000) == 7, np.nan, Y), "non_finite", "but sample 7 is nan"),
        (Y.astype(np.float64) * 1e200, "overflow", "too large in single precision"),
        (Y[:0], "empty_audio", "y holds no samples"),
        (Y[:10], None, "y is too short: 10 samples for n_fft 128 without centring"),
        (Y.astype(int), None, "y must be float16, float32, float64 or int16, got int64"),
        (Y.reshape(2, 2, 2000), None, "y must be (n,) or (channels, n)"),
        (np.zeros((0, 200)), None, "y must have at least one channel"),
        (0.5, None, "y must have at least one dimension"),
    ],
)
def test_an_error_names_the_first_signal_at_fault(
    bad: Any, code: str | None, message: str, threads: int
) -> None:
    f = Frontend(**SMALL, framing="uncentered")
    with pytest.raises(ValueError) as alone:
        f.image(bad)
    ys = [Y, Y[:4000], Y, bad, np.concatenate([Y, Y]), bad, Y]
    with pytest.raises(ValueError) as refusal:
        f.images(ys, threads=threads)
    assert type(refusal.value) is type(alone.value)
    assert message in str(alone.value)
    assert str(refusal.value) == f"ys[3]: {alone.value}"
    assert getattr(refusal.value, "code", None) == code
    ys[3] = ys[5] = Y
    assert len(f.images(ys, threads=threads)) == 7  # unharmed


def test_a_wide_image_among_many_is_refused_by_its_place() -> None:
    f = Frontend(sr=8000, hop_length=1, n_fft=2, n_mels=1, norm=None)
    with pytest.raises(melpix.EncodeError, match=r"^ys\[1\]: an image of 1 rows") as refusal:
        f.images([np.zeros(5, np.int16), np.zeros(1_000_000, np.int16)], threads=2)
    assert refusal.value.code == "image_too_large"


@pytest.mark.parametrize(
    ("threads", "message"),
    [
        (0, "threads must be >= 1, got 0"),
        (-2, "threads must be >= 1, got -2"),
        (1025, "threads must be in 1 ... 1024, got 1025"),
        (2**62, "threads must be in 1 ... 1024, got 4611686018427387904"),
        (2**70, "threads is too large, got 1180591620717411303424"),
        (2.0, "threads must be an integer, got 2.0"),
        (True, "threads must be an integer, got True"),
        (None, "threads must be an integer, got None"),
    ],
)
def test_threads_must_be_a_sane_number(threads: Any, message: str) -> None:
    for ys in ([], [Y]):
        with pytest.raises(ValueError) as refusal:
            Frontend(**SMALL).images(ys, threads=threads)
        assert str(refusal.value) == message


def test_one_loud_signal_among_many_warns_once() -> None:
    f = Frontend(**SMALL)
    with pytest.warns(UserWarning, match="a peak of") as record:
        f.images([Y, Y * 3, Y * 3], threads=2)
    assert [w.filename for w in record] == [__file__]
    f.images([Y * 3])  # warnings are errors here


def test_images_leaves_no_thread_behind() -> None:
    psutil = pytest.importorskip("psutil")
    before = psutil.Process().num_threads()
    Frontend(**SMALL).images([Y] * 20, threads=8)
    assert psutil.Process().num_threads() == before


def test_many_images_from_many_threads() -> None:
    f = Frontend(**SMALL)
    ys = some_signals(1)
    expected = [image.tobytes() for image in f.images(ys)]
    with ThreadPoolExecutor(4) as pool:
        for images in pool.map(lambda _: f.images(ys, threads=2), range(12)):
            assert [image.tobytes() for image in images] == expected


def test_one_front_end_serves_many_threads() -> None:
    f = Frontend(**SMALL)
    signals = [Y[: 1000 * (i + 1)] for i in range(6)]
    expected = [f.png(y) for y in signals]
    wrong: list[int] = []

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).integers(0, len(signals), 60):
            if f.png(signals[i]) != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.usefixtures("gil")
def test_the_gil_is_free_while_the_core_works() -> None:
    """Python code runs during one long call of the core."""
    f = Frontend(sr=8000, hop_length=64, n_fft=4096, n_mels=128, precision="double")
    y = np.random.default_rng(0).standard_normal(2_000_000)
    ticks: list[int] = []
    done = threading.Event()

    def tick() -> None:
        started.wait()
        while not done.is_set():
            ticks.append(1)
            done.wait(0.001)

    started = threading.Event()
    thread = threading.Thread(target=tick)
    thread.start()
    started.set()
    f.mel(y)
    done.set()
    thread.join()
    assert len(ticks) > 10


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("precision", ["single", "double"])
def test_instruction_sets_agree(isa: str, precision: str) -> None:
    def features(name: str) -> Any:
        core = _core.Frontend({"precision": precision, "isa": name})
        assert core.isa == name
        return core.features(Y)[0]

    tolerance = 1e-3 if precision == "single" else 1e-11
    np.testing.assert_allclose(features(isa), features("generic"), rtol=0, atol=tolerance)


def test_an_unknown_instruction_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELPIX_ISA", "mmx")
    with pytest.raises(ValueError, match=r"MELPIX_ISA must be one of generic.*, got 'mmx'"):
        Frontend()
    monkeypatch.setenv("MELPIX_ISA", "generic")
    config = melpix.show_config(mode="dicts")
    assert config is not None
    assert config["isa"] == "generic"


def test_warnings_of_the_recipe_name_the_caller() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        melpix.spectrogram_image(Y * 5, 8000)
    assert [w.filename for w in caught] == [__file__]


# --- levels and stacks ----------------------------------------------------------------------


@pytest.mark.parametrize("level", ["int16", "minmax"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_levels_hide_no_sample_that_is_not_finite(level, bad):
    f = Frontend(level=level, duration=0.1, fit="repeat")
    y = np.full((2, 2000), 0.1, np.float32)
    y[1, 7] = bad
    message = f"y must be finite, but sample 7 is {bad}"
    for method in (f.features, f.mel):
        with pytest.raises(SignalError, match=f"^{re.escape(message)}$") as caught:
            method(y)
        assert caught.value.code == "non_finite"
    with pytest.raises(SignalError, match=f"^{message.replace('7', '7 of channel 1')}$"):
        f.image(y)
    with pytest.raises(ValueError, match=r"^y must have at least one channel, got 0$"):
        f.image(np.empty((0, 2000), np.float32))


@pytest.mark.parametrize("level", ["int16", "minmax"])
def test_levels_of_what_is_too_large_for_float32(level):
    y = np.random.default_rng(0).uniform(-1, 1, 22050)
    f = Frontend(level=level)
    np.testing.assert_array_equal(f.image(1e300 * y), f.image(2.0**90 * y))
    np.testing.assert_array_equal(f.image(1e300 * np.stack([y, y])), f.image(1e300 * y))


def test_stacked_images_go_where_they_fit_and_nowhere_else():
    f = Frontend(n_mels=20, stack=[{"fmax": 4000}])
    y = np.random.default_rng(0).uniform(-1, 1, 22050)
    out = np.empty((20, 44, 2), np.uint8)
    assert f.image(y, out=out) is out
    np.testing.assert_array_equal(out, f.image(y))
    first = Frontend(n_mels=20)
    np.testing.assert_array_equal(out[..., 0], first.image(y))
    np.testing.assert_array_equal(out[..., 1], first.replace(fmax=4000).image(y))
    planes = np.empty((2, 20, 44), np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(f.image(y, out=planes), out)
    with pytest.raises(ValueError, match=r"^out must be memory that NumPy can write to"):
        f.image(y, out=[1])
    for wrong in (np.empty((20, 44, 2), np.uint16), np.empty((20, 44), np.uint8)):
        with pytest.raises(ValueError, match=r"^out must be uint8 of shape \(20, 44, 2\), got "):
            f.image(y, out=wrong)
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"^out must be writeable and aligned$"):
        f.image(y, out=out)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect"])
def test_each_stacked_mel_gets_the_zeros_that_its_own_last_patch_lacks(pad_mode):
    p = {**SMALL, "patch": 10, "tail": "pad", "pad_mode": pad_mode}
    f = Frontend(**p, stack=[{"hop_length": 60, "n_fft": 256}])
    features = f.features(Y[:2900])
    for channel, own in enumerate((p, p | {"hop_length": 60, "n_fft": 256})):
        np.testing.assert_array_equal(features[..., channel], Frontend(**own).features(Y[:2900]))


def test_nothing_cannot_be_filled_up():
    for name in ("clap-laion", "birdnet-2.4", "yamnet", "kaldi-fbank"):
        assert Frontend.from_preset(name).frames(0) == 0
    f = Frontend(duration=1)
    assert f.frames(0) == f.features(np.empty(0)).shape[1]
    assert f.frames(1) == f.features(np.zeros(1)).shape[1] == 44


@pytest.mark.parametrize("precision", ["single", "double"])
def test_an_exponent_that_float32_cannot_hold(precision):
    f = Frontend(compress=("power", 1e-50), precision=precision)
    assert (f.features(np.zeros(22050)) == 0).all()
    assert (f.features(np.ones(22050)) <= 1).all()


def test_another_range_warns_of_nothing_anew():
    with pytest.warns(UserWarning, match="catch no bin"):
        f = Frontend(n_fft=256, hop_length=256)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        g = f.replace(range=(-20, 5))
    assert g.params == {**f.params, "range": [-20, 5]}


# --- features of several channels, mixed ------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
@pytest.mark.parametrize("interleaved", [False, True])
def test_features_mix_channels_as_the_image_does(
    channels: int, dtype: str, interleaved: bool
) -> None:
    y = np.random.default_rng(channels).uniform(-0.9, 0.9, (9000, channels))
    y = (y * (32767 if dtype == "int16" else 1)).astype(dtype)
    y = y.T if interleaved else np.ascontiguousarray(y.T)
    f = Frontend(rounding="nearest")
    features = f.features(y, mix=True)
    mean = y.mean(axis=0, dtype=np.float64) / (32768 if dtype == "int16" else 1)
    np.testing.assert_allclose(features, f.features(mean), rtol=1e-5, atol=1e-5)
    lo, hi = float(features.min()), float(features.max())
    rendering = f.render(y)
    assert (rendering.lo, rendering.hi) == pytest.approx((lo, hi), abs=1e-5)
    grey = np.rint(255 - (features[::-1] - lo) * (255 / (hi - lo)))
    assert np.abs(rendering.image.astype(int) - grey).max() <= 1


def test_mixed_features_keep_leading_axes_and_their_layout() -> None:
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 2, 4000)).astype(np.float32)
    stack = [{"n_fft": 1024}]
    for options in ({}, {"layout": "frames"}, {"patch": 3, "patch_step": 2}, {"stack": stack}):
        f = Frontend(**options)
        mixed = f.features(y, mix=True)
        for one, features in zip(y, mixed, strict=True):
            np.testing.assert_array_equal(features, f.features(one, mix=True))
        out = np.empty_like(mixed)
        assert f.features(y, out, mix=True) is out
        np.testing.assert_array_equal(out, mixed)
        assert f.features(y).shape == (3, 2, *mixed.shape[1:])
        np.testing.assert_array_equal(f.features(y[0, 0], mix=True), f.features(y[0, 0]))


def test_mixing_is_of_something() -> None:
    with pytest.raises(ValueError, match="y must have at least one channel"):
        Frontend().features(np.zeros((0, 4000), np.float32), mix=True)
