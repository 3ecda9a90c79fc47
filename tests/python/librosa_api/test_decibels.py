# SPDX-License-Identifier: MIT
"""melpix.pcen, power_to_db and amplitude_to_db against librosa, whose names they bear."""

import itertools
import warnings

import librosa
import numpy as np
import pytest
from librosa.util.exceptions import ParameterError

import melpix
from grids import at

# --- decibels -------------------------------------------------------------------------------


REFERENCES = [1.0, 0.25, -4.0, 0.0, np.max, np.median]


@pytest.mark.parametrize("function", ["power_to_db", "amplitude_to_db"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decibels_are_librosas(function, dtype):
    S = np.geomspace(1e-14, 1e3, 600, dtype=dtype).reshape(2, 10, 30)
    if function == "amplitude_to_db":
        S *= np.where(np.arange(30) % 2, 1, -1).astype(dtype)
    S[1, 3, 4] = 0
    before = S.copy()
    for ref, amin, top_db in itertools.product(REFERENCES, [1e-10, 1e-3], [None, 80.0, 12, 0]):
        with at(ref, amin, top_db):
            expected = getattr(librosa, function)(S, ref=ref, amin=amin, top_db=top_db)
            actual = getattr(melpix, function)(S, ref=ref, amin=amin, top_db=top_db)
            assert actual.dtype == expected.dtype
            eps = np.finfo(dtype).eps
            np.testing.assert_allclose(actual, expected, rtol=0, atol=200 * eps)
            np.testing.assert_array_equal(S, before)


@pytest.mark.parametrize("function", ["power_to_db", "amplitude_to_db"])
@pytest.mark.parametrize(
    "S",
    [0.01, np.float32(0.01), 3, [1e-3, 0.5, 2], [[1, 2], [3, 4]], np.arange(6), np.float16([0.5])],
    ids=repr,
)
def test_decibels_of_what_is_no_array_of_floats(function, S):
    expected = getattr(librosa, function)(S)
    actual = getattr(melpix, function)(S)
    assert np.shape(actual) == np.shape(expected)
    assert np.asarray(actual).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", ["power_to_db", "amplitude_to_db"])
@pytest.mark.parametrize(("name", "value"), [("amin", 0), ("top_db", -1)])
def test_decibels_refuse(function, name, value):
    with pytest.raises(ParameterError):
        getattr(librosa, function)(np.ones(3), **{name: value})
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        getattr(melpix, function)(np.ones(3), **{name: value})


@pytest.mark.parametrize("function", ["power_to_db", "amplitude_to_db", "pcen"])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_what_has_a_phase_loses_it_with_a_warning(function, dtype):
    rng = np.random.default_rng(0)
    S = (rng.standard_normal((3, 40)) + 1j * rng.standard_normal((3, 40))).astype(dtype)
    with pytest.warns(UserWarning, match="phase"):
        expected = getattr(librosa, function)(S)
    with pytest.warns(UserWarning, match=rf"{function} .* complex S.*pass np\.abs") as caught:
        actual = getattr(melpix, function)(S)
    assert [w.filename for w in caught] == [__file__]
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*complex:UserWarning")
@pytest.mark.parametrize("function", ["power_to_db", "amplitude_to_db"])
@pytest.mark.parametrize("S", [3 - 4j, np.complex64(0), [1j, 2]], ids=repr)
def test_references_see_no_phase_either(function, S):
    expected = getattr(librosa, function)(S, ref=np.max)
    actual = getattr(melpix, function)(S, ref=np.max)
    assert np.asarray(actual).dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-5)


# --- pcen -----------------------------------------------------------------------------------


def choose(rng, *menu):
    return menu[rng.integers(len(menu))]


def draw(seed):
    """Spectrograms and options of librosa.pcen, and whether time runs along axis."""
    rng = np.random.default_rng([seed, 31])
    shape = choose(rng, (7, 60), (1, 1), (3, 2), (13, 400), (2, 5, 33), (2, 1, 3, 50), (90,))
    axis = int(rng.integers(-len(shape), len(shape)))
    options = {
        "sr": choose(rng, 22050, 16000, 44100.5),
        "hop_length": choose(rng, 512, 160, 1),
        "gain": choose(rng, 0.98, 0.8, 0, 2),
        "bias": choose(rng, 2, 10.0, 0, 1e-3),
        "power": choose(rng, 0.5, 0.25, 0, 1, 1.5),
        "time_constant": choose(rng, 0.4, 0.06, 3.0),
        "eps": choose(rng, 1e-6, 1e-12, 0.1),
        "b": choose(rng, None, None, 0.025, 0.9, 1),
        "axis": axis,
    }
    S = choose(rng, 2.0**31, 1.0, 1e-4) * rng.exponential(size=shape) ** 3
    S *= rng.uniform(size=shape) < 0.9
    if len(shape) > 1 and rng.integers(2):
        options["max_size"] = choose(rng, 1, 2, 3, 4, 7, 50)
        if len(shape) > 2 or rng.integers(2):
            options["max_axis"] = int(rng.integers(-len(shape), len(shape)))
    elif rng.integers(2):
        options["ref"] = rng.exponential(size=shape)
    if rng.integers(2):
        state = list(shape)
        state[axis] = 1
        options["zi"] = rng.uniform(size=choose(rng, state, [1] * len(shape)))
    return S.astype(choose(rng, np.float64, np.float32)), options


def by_librosa(S, **options):
    with np.errstate(all="ignore"):  # it takes the logarithm of 0
        return librosa.pcen(S, **options, return_zf=True)


def check_pcen(S, options):
    expected, expected_state = by_librosa(S, **options)
    before = S.copy()
    actual, state = melpix.pcen(S, **options, return_zf=True)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert state.shape == expected_state.shape
    largest = np.abs(expected).max(initial=0)
    # Of float32 energies, the power of a bias of 0 is taken in float32 by librosa.
    loose = S.dtype == np.float32 and options.get("bias") == 0
    # scipy's lfilter_zi loses a few digits where b is small.
    rtol = 1e-5 if loose else 1e-10
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-14 * largest)
    np.testing.assert_allclose(state, expected_state, rtol=1e-10)
    np.testing.assert_array_equal(S, before)
    np.testing.assert_array_equal(melpix.pcen(S, **options), actual)


@pytest.mark.parametrize("block", range(4))
def test_pcen_is_librosas(block):
    for seed in range(100 * block, 100 * block + 100):
        with at(seed):
            check_pcen(*draw(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_pcen_is_librosas_in_a_wider_sweep(block):
    for seed in range(1000 + 500 * block, 1500 + 500 * block):
        check_pcen(*draw(seed))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 15, 16, 17, 1000])
def test_pcen_at_every_length(n):
    S = np.random.default_rng(n).exponential(size=(3, n))
    check_pcen(S, {"bias": 1})
    check_pcen(np.asfortranarray(S.T)[::-1], {"axis": 0, "max_size": 2})
    check_pcen((100 * S).astype(int), {})


@pytest.mark.parametrize("cuts", [(1,), (50,), (7, 7, 8, 60), tuple(range(1, 99))])
def test_pcen_goes_on_where_it_was(cuts):
    S = np.random.default_rng(0).exponential(size=(2, 20, 99))
    expected, expected_state = melpix.pcen(S, return_zf=True)
    parts, state = [], None
    for part in np.split(S, cuts, axis=-1):  # 7, 7: a part without frames
        P, state = melpix.pcen(part, zi=state, return_zf=True)
        assert P.shape == part.shape
        parts.append(P)
    np.testing.assert_allclose(np.concatenate(parts, axis=-1), expected, rtol=1e-13)
    np.testing.assert_allclose(state, expected_state, rtol=1e-13)


@pytest.mark.parametrize(("time_constant", "b"), [(1e-200, 1), (1e200, 0), (1e308, 0)])
@pytest.mark.parametrize("precision", ["single", "double"])
def test_pcen_of_any_time_constant(time_constant, b, precision):
    S = np.random.default_rng(0).uniform(0, 1e6, (4, 50))
    np.testing.assert_array_equal(melpix.pcen(S, time_constant=time_constant), melpix.pcen(S, b=b))
    y = np.random.default_rng(0).uniform(-1, 1, 22050).astype(np.float32)
    compress = ("pcen", 0.98, 2, 0.5, time_constant, 1e-6)
    f = melpix.Frontend(compress=compress, precision=precision)
    near = 1e-4 if precision == "single" else 1e-12
    np.testing.assert_allclose(f.features(y), melpix.pcen(f.mel(y), b=b), rtol=near, atol=near)


def test_pcen_with_a_state_that_stays():
    """The limit of b to 0, where librosa divides by 0."""
    S = np.random.default_rng(0).exponential(size=(4, 9))
    expected = melpix.pcen(S, ref=np.ones_like(S), b=0.5, zi=np.full((4, 1), 0.5))
    np.testing.assert_allclose(melpix.pcen(S, b=0), expected, rtol=1e-14)


def test_pcen_spans_the_range_of_float64():
    S = np.array([[1e-300, 1e300, 1e-300, 0.0, 5e-324]])
    P = melpix.pcen(S, b=0.3)
    assert np.isfinite(P).all()
    check_pcen(S, {"b": 0.3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("power", -0.5),
        ("gain", -1),
        ("bias", -2),
        ("eps", 0),
        ("eps", -1e-6),
        ("time_constant", 0),
        ("max_size", 0),
        ("max_size", 1.5),
        ("b", -0.1),
        ("b", 1.5),
        ("axis", 2),
        ("max_axis", -3),
        ("zi", np.zeros((3, 7))),
        ("ref", np.ones((3, 2))),
    ],
    ids=str,
)
def test_pcen_refuses(name, value):
    S = np.ones((5, 7))
    options = {"max_size": 3} if name == "max_axis" else {}
    with pytest.raises((ParameterError, ValueError, IndexError)):
        librosa.pcen(S, **options, **{name: value})
    shown = str(np.shape(value) or value).replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=f"^{name} .*{shown}"):
        melpix.pcen(S, **options, **{name: value})


def test_pcen_refuses_what_is_no_number():
    names = ["gain", "bias", "power", "time_constant", "eps", "sr", "b"]
    for name, value in itertools.product(names, [np.nan, np.inf, "1", None]):
        if name == "b" and value is None:
            continue
        with at(name, value), pytest.raises(ValueError, match=f"^{name} must be .*{value}"):
            melpix.pcen(np.ones((5, 7)), **{name: value})


@pytest.mark.parametrize(
    ("S", "options"),
    [(np.ones(9), {"max_size": 2}), (np.ones((2, 3, 4)), {"max_size": 2}), (np.float64(3), {})],
)
def test_pcen_refuses_shapes(S, options):
    with pytest.raises((ParameterError, ValueError, IndexError)):
        librosa.pcen(S, **options)
    with pytest.raises(ValueError, match=r"max_size=2 of .-dimensional|axis must be"):
        melpix.pcen(S, **options)


def test_pcen_of_neighbours_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        P = melpix.pcen(np.zeros((5, 7)), bias=0, max_size=3)
    np.testing.assert_array_equal(P, np.zeros((5, 7)))
