# SPDX-License-Identifier: MIT
"""melpix.melspectrogram, mel_filterbank and mel scales against librosa, whose names they bear."""

import itertools
import re
import warnings

import librosa
import numpy as np
import pytest
from librosa.util.exceptions import ParameterError

import melpix
import signals
import sweep
from grids import at

Y = signals.noise(3000).astype(np.float32)
EMPTY_FILTERS = "Empty filters|filters catch no bin"  # librosa's words, ours


def listen(function, **options):
    """The answer, None where it is refused, and whether a warning of empty filters came.

    Any other warning fails: a frame longer than the signal, of which librosa warns, is
    legitimate in melpix (a short clip gives one column).
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(**options)
        except ValueError:
            result = None
    messages = [str(w.message) for w in caught]
    assert all(re.search(EMPTY_FILTERS, message) for message in messages), messages
    return result, bool(messages)


# --- melspectrogram -------------------------------------------------------------------------


def check(case, dtype, tolerance):
    with at(case):
        check_one(case, dtype, tolerance)


def check_one(case, dtype, tolerance):
    expected, librosa_warned = sweep.by_librosa(case, dtype=dtype)
    actual, warned = listen(melpix.melspectrogram, y=case.y, **case.options, dtype=dtype)
    assert (actual is None) == (expected is None)
    if expected is not None:
        assert warned == librosa_warned
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        sweep.assert_close(actual, expected, case, tolerance)


@pytest.mark.parametrize("block", range(10))
def test_float64_within_1e_12_of_the_peak(block):
    for seed in range(40 * block, 40 * block + 40):
        check(sweep.draw(seed, np.float64), np.float64, 1e-12)


@pytest.mark.parametrize("block", range(10))
def test_float32_within_2e_6_of_the_peak(block):
    for seed in range(40 * block, 40 * block + 40):
        check(sweep.draw(seed, np.float32), np.float32, 2e-6)


@pytest.mark.parametrize(("y_dtype", "dtype"), [(np.float64, np.float32), (np.float32, np.float64)])
def test_mixed_types_give_librosas_type(y_dtype, dtype):
    for seed in range(400, 440):
        check(sweep.draw(seed, y_dtype), dtype, 2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_a_wider_sweep(block):
    for seed in range(1000 + 500 * block, 1500 + 500 * block):
        check(sweep.draw(seed, np.float64), np.float64, 1e-12)
        check(sweep.draw(seed, np.float32), np.float32, 2e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-6), (np.float64, 1e-12)])
def test_the_recipes_parameters_at_awkward_lengths(dtype, tolerance):
    for n, pad_mode in itertools.product([0, 1, 511, 1023, 1024, 1025], sweep.PAD_MODES):
        options = {"n_fft": 1024, "hop_length": 512, "power": 2.0, "pad_mode": pad_mode}
        check(sweep.Case(signals.noise(n).astype(dtype), options), dtype, tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "n_fft"),
    [((1025, 7), 2048), ((2, 3, 513, 4), 1024), ((51, 4), 101), ((513, 4), 2048), ((513, 0), 1024)],
)
def test_a_given_spectrogram(shape, n_fft, dtype):
    S = np.random.default_rng(1).uniform(0, 9, shape).astype(dtype)
    options = {"S": S, "n_fft": n_fft, "n_mels": 20, "sr": 16000}
    expected = librosa.feature.melspectrogram(**options, dtype=dtype)
    actual = melpix.melspectrogram(**options, dtype=dtype)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-12 if dtype is np.float64 else 2e-6)


def test_each_channel_is_as_if_alone():
    y = signals.noise(6 * 2500).reshape(2, 3, 2500).astype(np.float32)
    together = melpix.melspectrogram(y=y)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(together[i, j], melpix.melspectrogram(y=y[i, j]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_layout_of_the_samples(dtype):
    y = signals.noise(3 * 4000).reshape(3, 4000).astype(dtype)
    expected = melpix.melspectrogram(y=y)
    every_second = np.repeat(y, 2, axis=-1)[..., ::2]
    interleaved = np.ascontiguousarray(y.T).T
    backwards = np.ascontiguousarray(y[..., ::-1])[..., ::-1]
    other_byte_order = y.astype(y.dtype.newbyteorder())
    read_only = y.copy()
    read_only.flags.writeable = False
    for same in (every_second, interleaved, backwards, other_byte_order, read_only):
        np.testing.assert_array_equal(melpix.melspectrogram(y=same), expected)


def test_the_signal_is_left_as_it_was():
    y = Y.copy()
    melpix.melspectrogram(y=y, pad_mode="reflect")
    np.testing.assert_array_equal(y, Y)


def test_denormals_are_next_to_silence():
    y = signals.denormals(4000).astype(np.float32)
    assert np.abs(melpix.melspectrogram(y=y)).max() < np.finfo(np.float32).tiny
    expected = librosa.feature.melspectrogram(y=y.astype(np.float64), power=1, dtype=np.float64)
    actual = melpix.melspectrogram(y=y.astype(np.float64), power=1, dtype=np.float64)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12 * expected.max())


REFUSED = [
    {"y": (Y * 32767).astype(np.int16)},
    {"y": Y.astype(complex)},
    {"y": np.where(np.arange(Y.size) == 77, np.nan, Y)},
    {"y": np.where(np.arange(Y.size) == 77, np.inf, Y)},
    {"y": np.float32(0.5)},
    {"y": np.array(0.5)},
    {"y": None},
    {"y": Y[:0], "pad_mode": "reflect"},
    {"y": Y[:0], "pad_mode": "edge"},
    {"y": Y[:0], "center": False},
    {"y": Y[:2047], "center": False},
    {"y": Y[:0], "n_fft": 101},
    {"pad_mode": "wrap"},
    {"pad_mode": "maximum"},
    {"pad_mode": "mean"},
    {"pad_mode": "no such mode"},
    {"n_fft": None},
    {"n_fft": -1},
    {"win_length": 2049},
    {"win_length": 0},
    {"hop_length": 0},
    {"hop_length": -512},
    {"hop_length": 512.5},
    {"window": "no such window"},
    {"window": "kaiser"},
    {"window": ("kaiser",)},
    {"window": ("hann", 1, 2, 3)},
    {"window": np.ones(2047)},
    {"window": [1.0, 1.0]},
    {"window": lambda n: np.ones(n + 1)},
    {"window": {"name": "hann"}},
    {"norm": "no such norm"},
    {"norm": -1},
    {"n_mels": -1},
]


def test_what_librosa_refuses_is_refused():
    for options in REFUSED:
        with at(options):
            options = {"y": Y, "n_mels": 20} | options
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises((ParameterError, ValueError, TypeError)):
                    librosa.feature.melspectrogram(**options)
            with pytest.raises(ValueError, match=r"\w"):
                melpix.melspectrogram(**options)


NONSENSE = [
    ("n_fft", 0),
    ("hop_length", 0),
    ("hop_length", -1),
    ("win_length", 0),
    ("win_length", 4096),
    ("n_mels", 0),
    ("n_mels", -3),
    ("power", 0),
    ("power", -2.0),
    ("power", np.nan),
    ("power", np.inf),
    ("fmin", -1.0),
    ("fmin", 11025.0),
    ("fmin", np.nan),
    ("fmax", 0.0),
    ("fmax", -5.0),
    ("fmax", np.inf),
    ("sr", 0),
    ("sr", -8000),
    ("sr", np.nan),
    ("norm", np.nan),
    ("norm", "l2"),
    ("pad_mode", "empty"),
    ("pad_mode", "wrap"),
    ("window", "hnan"),
]


def test_nonsense_is_refused_by_name_and_value():
    for name, value in NONSENSE:
        with at(name, value):
            with pytest.raises(ValueError, match=name) as caught:
                melpix.melspectrogram(y=Y, **{name: value})
            assert (value if isinstance(value, str) else f"{value:g}") in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int16, np.complex64])
def test_a_result_is_real_and_floating(dtype):
    with pytest.raises(ValueError, match=np.dtype(dtype).name):
        melpix.melspectrogram(y=Y, dtype=dtype)


@pytest.mark.parametrize(("fmin", "fmax"), [(5000.0, 5000.0), (6000.0, 5000.0)])
def test_an_empty_band_is_refused(fmin, fmax):
    for refused in (
        lambda: melpix.melspectrogram(y=Y, fmin=fmin, fmax=fmax),
        lambda: melpix.mel_filterbank(sr=22050, n_fft=512, fmin=fmin, fmax=fmax),
    ):
        with pytest.raises(ValueError, match=f"{fmin:g}.*{fmax:g}|{fmax:g}.*{fmin:g}"):
            refused()


def test_non_finite_samples_carry_their_code():
    with pytest.raises(melpix.errors.SignalError) as caught:
        melpix.melspectrogram(y=np.full(100, np.nan, np.float32))
    assert caught.value.code == "non_finite"


@pytest.mark.parametrize("n_fft", [2**40, 2**62])
def test_a_size_beyond_memory_is_an_error_not_a_crash(n_fft):
    with pytest.raises((ValueError, MemoryError)):
        melpix.melspectrogram(y=Y, n_fft=n_fft)


def test_a_hop_beyond_the_signal_is_legitimate():
    options = {"n_fft": 512, "hop_length": 10**9, "n_mels": 20}
    expected = librosa.feature.melspectrogram(y=Y, **options)
    actual = melpix.melspectrogram(y=Y, **options)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6 * expected.max())


def test_parameters_are_keywords():
    with pytest.raises(TypeError):
        melpix.melspectrogram(Y)


# --- mel_filterbank -------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-7), (np.float64, 1e-12)])
def test_mel_filterbank_is_librosas(dtype, tolerance):
    names = ("sr", "n_fft", "n_mels", "fmin", "fmax", "htk", "norm")
    for seed in range(100):
        options = sweep.draw(seed, dtype).options
        options = {name: options[name] for name in names} | {"dtype": dtype}
        with at(options):
            expected, librosa_warned = listen(librosa.filters.mel, **options)
            actual, warned = listen(melpix.mel_filterbank, **options)
            assert warned == librosa_warned
            assert actual.dtype == expected.dtype
            assert actual.shape == expected.shape
            atol = tolerance * expected.max()
            np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


def test_empty_filters_are_warned_of():
    crowded = {"sr": 96000, "n_fft": 1024, "n_mels": 128}
    with pytest.warns(UserWarning, match="filters catch no bin"):
        bank = melpix.mel_filterbank(**crowded)
    assert (bank.max(axis=1) == 0).any()
    with pytest.warns(UserWarning, match="filters catch no bin"):
        melpix.melspectrogram(y=Y, **crowded)


@pytest.mark.parametrize(
    ("name", "value"),
    [("sr", 0), ("n_fft", 0), ("n_mels", 0), ("fmin", -1), ("fmax", 0), ("norm", "l2")],
)
def test_mel_filterbank_refuses_nonsense_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        melpix.mel_filterbank(**({"sr": 22050, "n_fft": 512} | {name: value}))


# --- mel scales -----------------------------------------------------------------------------

IN_HZ = [0, 440, 1000, 6400.5, -3.0, [0, 200, 999.999, 1000, 1000.001, 12345], []]
IN_HZ += [np.arange(0, 24000, 7), np.linspace(0, 3000, 60, dtype=np.float32).reshape(3, 4, 5)]
IN_HZ += [t(hz) for t in (np.float32, np.float64) for hz in (440.1, 1000, 6400.5)]
IN_HZ += [np.int64(3000), np.array(2000, np.float32), np.array(20, np.float32), np.nan]
IN_MELS = [0, 7, 15, 43.5, -3.0, [0, 3, 14.999, 15, 15.001, 60], []]
IN_MELS += [np.arange(70), np.linspace(0, 45, 60, dtype=np.float32).reshape(3, 4, 5)]

IN_MELS += [t(mel) for t in (np.float32, np.float64) for mel in (7.3, 15, 43.5)]
IN_MELS += [np.int64(30), np.array(30, np.float32), np.array(2, np.float32), np.nan]


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize(("name", "menu"), [("hz_to_mel", IN_HZ), ("mel_to_hz", IN_MELS)])
def test_mel_scales_are_librosas(name, menu, htk):
    for values in menu:
        with at(values):
            expected = getattr(librosa, name)(values, htk=htk)
            actual = getattr(melpix, name)(values, htk=htk)
            assert np.shape(actual) == np.shape(expected)
            assert np.isscalar(actual) == np.isscalar(expected)
            assert actual.dtype == expected.dtype
            rtol = 1e-14 if expected.dtype == np.float64 else 5e-7
            np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.parametrize(
    ("n_mels", "fmin", "fmax"),
    [(128, 0.0, 11025.0), (0, 0, 8000), (1, 50, 8000), (2, 1000, 1000), (40, 8000, 20)]
    + [(40, np.float32(20.3), np.float32(fmax)) for fmax in (900.7, 7600.1)]
    + [(40, 20.3, np.float32(900.7)), (40, np.float64(20), np.int16(8000))],
)
def test_mel_frequencies_are_librosas(n_mels, fmin, fmax, htk):
    expected = librosa.mel_frequencies(n_mels, fmin=fmin, fmax=fmax, htk=htk)
    actual = melpix.mel_frequencies(n_mels, fmin=fmin, fmax=fmax, htk=htk)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=1e-12)
    np.testing.assert_array_equal(melpix.mel_frequencies(), melpix.mel_frequencies(128))


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_mels", -1), ("n_mels", 2.5), ("fmin", np.nan), ("fmax", np.inf), ("fmax", "8000")],
)
def test_mel_frequencies_refuses_by_name_and_value(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be .*{value}"):
        melpix.mel_frequencies(**{name: value})
