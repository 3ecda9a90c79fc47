# SPDX-License-Identifier: MIT
"""A stream's columns are those of the whole signal, bit by bit, however it is cut."""

import copy
import itertools
import json
import pickle
import threading

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import signals
from front_ends import parameter_sets
from front_ends import signals as any_signals
from grids import at
from melpix import Frontend, SignalError, _core
from melpix.frontend import parameters
from melpix.frontend.presets import presets

PROFILE = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
KINDS = ("features", "mel", "image")
# What a stream refuses takes the value it allows.
FIXED = {"duration": None, "columns": None, "patch": None, "patch_step": None, "tail": "drop"}
FIXED |= {"stack": None, "top_db": None}
Y = signals.speech_like(8000, 8000).astype(np.float32)
SMALL = {"sr": 8000, "n_fft": 200, "hop_length": 80, "n_mels": 12, "range": (-20, 5)}

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*filters catch no bin:UserWarning"),
    pytest.mark.filterwarnings("ignore:a peak of:UserWarning"),
]


@st.composite
def streamable(draw):
    """Parameters of which no column depends on the whole signal."""
    p = draw(parameter_sets()) | FIXED
    if p.get("level") == "minmax":
        p["level"] = "int16"
    if p.get("ref") == "max":
        p["ref"] = 0.7
    if isinstance(p.get("normalise"), str):
        p["normalise"] = (-1.5, 2.5)
    if p.get("range", "minmax") == "minmax":
        p["range"] = (-20, 5)
    return p


@st.composite
def cuts(draw):
    """Lengths of chunks that come again and again, empty ones among them."""
    size = st.one_of(st.integers(0, 5), st.integers(0, 100), st.integers(0, 1500))
    lengths = draw(st.lists(size, min_size=1, max_size=6))
    return lengths if any(lengths) else [*lengths, 1]


def chunks(y, lengths):
    """Cut y along its last axis."""
    begin = 0
    for n in itertools.cycle(lengths):
        yield y[..., begin : begin + n]
        begin += n
        if begin >= y.shape[-1]:
            return


def time_axis(f, kind):
    return 0 if kind == "features" and f.layout == "frames" else 1


def streamed(f, kind, y, lengths, stream=None):
    s = stream or f.stream(kind)
    parts = [s.push(chunk) for chunk in chunks(y, lengths)]
    assert s.samples == y.shape[-1]
    return np.concatenate([*parts, s.flush()], axis=time_axis(f, kind))


def outcome(call):
    """What a call returns, or says of the samples."""
    try:
        return call()
    except SignalError as error:
        return error.code
    except ValueError as error:
        if "y is" not in str(error):
            raise
        return "too short"


def assert_same(actual, expected):
    if isinstance(expected, str):
        assert actual == expected
        return
    assert not isinstance(actual, str), actual
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


# --- bit by bit -----------------------------------------------------------------------------


@pytest.mark.parametrize("examples", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_any_front_end_streams_any_signal(examples):
    @settings(PROFILE, max_examples=examples)
    @given(streamable(), any_signals(), cuts(), st.sampled_from(KINDS))
    def same(p, y, lengths, kind):
        note(f"Frontend(**{p!r})")
        f = Frontend(**p)
        expected = outcome(lambda: getattr(f, kind)(y))
        assert_same(outcome(lambda: streamed(f, kind, y, lengths)), expected)

    same()


def with_isa(f, isa):
    """The core's front-end with the kernels of an instruction set."""
    given = {name: getattr(f, name) for name in f.params}
    checked = parameters.checked(given)
    checked.texts["isa"] = isa
    return checked.plan(deep=f.bits == 16)


def test_any_front_end_streams_at_every_instruction_set():
    @settings(PROFILE, max_examples=150)
    @given(streamable(), any_signals(dtypes=("float32", "float64", "int16")), cuts())
    def same(p, y, lengths):
        f = Frontend(**(p | {"level": None, "layout": "mels", "dtype": None}))
        for isa, kind in itertools.product(_core.available_isas(), KINDS):
            note(isa)
            core = with_isa(f, isa)
            assert core.isa == isa
            render = getattr(core, kind)
            expected = outcome(lambda render=render: render(y)[0])
            s = core.stream(kind, layout="mels", wide=f.precision == "double")

            def columns(s=s):
                parts = [s.push(chunk) for chunk in chunks(y, lengths)]
                return np.concatenate([*parts, s.flush()], axis=1)

            assert_same(outcome(columns), expected)

    same()


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("level", [None, "int16"])
def test_channels_are_mixed_as_everywhere(dtype, precision, level):
    y = np.stack([Y, np.roll(Y, 999), Y[::-1]])
    y = (y * 32767).astype(dtype) if dtype == np.int16 else y.astype(dtype)
    f = Frontend(**SMALL, precision=precision, level=level, bits=16)
    for channels in (y, np.ascontiguousarray(y.T).T, y[:2], y[:1], np.repeat(y, 2, 1)[:, ::2]):
        assert_same(streamed(f, "image", channels, [7, 0, 300, 1, 2000]), f.image(channels))


LENGTHS = (0, 1, 2, 63, 64, 65, 127, 128, 129, 200, 256, 640, 1280)


@pytest.mark.parametrize("hop_length", [64, 100, 128])
@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge", "symmetric", "linear_ramp"])
def test_both_ends_are_padded_as_they_are_in_a_whole_signal(hop_length, pad_mode):
    """Hops of 64 and 128 among them: librosa mirrors the very last sample of some twice."""
    f = Frontend(**SMALL | {"n_fft": 128, "hop_length": hop_length}, pad_mode=pad_mode)
    for n, kind in itertools.product(LENGTHS, ("features", "image")):
        y = Y[:n]
        expected = outcome(lambda kind=kind, y=y: getattr(f, kind)(y))
        for size in (1, 63, 64, 65, 5000):
            with at(n, kind, size):
                actual = outcome(lambda k=kind, y=y, size=size: streamed(f, k, y, [size]))
                assert_same(actual, expected)


def test_frames_in_doubt_are_refined_from_what_was_pushed():
    """In float64 and three channels: what is mixed in float32 would not do."""
    rng = np.random.default_rng(0)
    t = np.arange(8000)
    y = np.sin(0.3 * t) + 1e-7 * rng.uniform(-1, 1, (3, 8000))
    f = Frontend(**SMALL)
    plain = f.replace(offset=1.0)  # which hides what rounding does
    for g in (f, plain):
        assert_same(streamed(g, "image", y, [80]), g.image(y))
    assert np.abs(f.features(y[0]) - f.replace(precision="double").features(y[0])).max() < 0.008


def test_presets_stream_once_their_ranges_are_fixed():
    for name in presets():
        f = Frontend.from_preset(
            name, duration=None, columns=None, patch=None, patch_step=None, tail="drop", stack=None,
            top_db=None, ref=1.0, level=None, normalise=None,
        )  # fmt: skip
        y = np.random.default_rng(1).uniform(-0.5, 0.5, 3 * f.n_fft).astype(np.float32)
        assert_same(streamed(f, "features", y, [160, 1]), f.features(y))


# --- what it says of itself -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "latency"),
    [
        ({}, 100),
        ({"win_length": 120}, 60),
        ({"framing": "uncentered", "win_length": 120}, 200),
        ({"framing": "snip", "win_length": 120}, 120),
        ({"framing": "middle"}, 140),
    ],
    ids=str,
)
def test_a_column_comes_with_its_last_sample(p, latency):
    f = Frontend(**SMALL, **p)
    s = f.stream()
    assert s.latency == latency
    come = 0
    for t in range(1000):
        come += s.push(Y[t : t + 1]).shape[1]
        assert come == max(0, (t + 1 - latency) // 80 + 1)
    assert come + s.flush().shape[1] == f.frames(1000)


def test_its_state_is_small_and_does_not_grow():
    f = Frontend()
    s = f.replace(precision="single").stream()
    assert 2 * 1024 * 12 <= s.nbytes < 2 * 1024 * 12 + 1000
    assert f.stream("mel").nbytes == s.nbytes > f.stream().nbytes >= 2 * 1024 * 8
    before = s.nbytes
    s.push(np.zeros(1_000_000, np.float32))
    assert s.nbytes == before


def test_columns_have_the_type_and_the_axes_of_the_method():
    y = Y[:500]
    assert Frontend(**SMALL).stream("image").push(y).dtype == np.uint8
    assert Frontend(**SMALL, bits=16).stream("image").push(y).dtype == np.uint16
    assert Frontend(**SMALL, precision="double").stream("mel").push(y).dtype == np.float64
    wide = Frontend(**SMALL, dtype="float64", layout="frames")
    assert wide.stream().push(y).dtype == np.float64
    assert wide.stream().push(y).shape == (6, 12)
    assert wide.stream().push(y[:0]).shape == (0, 12)
    assert wide.stream("mel").push(y).shape == (12, 6)
    flipped = Frontend(**SMALL, layout="flipped")
    assert_same(streamed(flipped, "features", y, [33]), flipped.features(y))


# --- errors ---------------------------------------------------------------------------------

REFUSED = {
    "duration": ({"duration": 1.0}, KINDS),
    "level": ({"level": "minmax"}, KINDS),
    "tail": ({"patch": 4, "tail": "pad"}, KINDS),
    "patch": ({"patch": 4}, ("features",)),
    "stack": ({"stack": [{"fmin": 100}]}, ("features", "image")),
    "ref": ({"ref": "max"}, ("features", "image")),
    "top_db": ({"top_db": 80}, ("features", "image")),
    "columns": ({"columns": 10}, ("features", "image")),
    "normalise": ({"normalise": "image"}, ("features", "image")),
    "range": ({"range": "minmax"}, ("image",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_the_whole_signal_is_refused_by_name(name):
    p, kinds = REFUSED[name]
    f = Frontend(**SMALL | p)
    for kind in KINDS:
        if kind in kinds:
            with pytest.raises(ValueError, match=rf"^{name} must be .* in a stream.*, got "):
                f.stream(kind)
        elif kind != "image" or name != "patch":
            assert_same(streamed(f, kind, Y, [100]), getattr(f, kind)(Y))


@pytest.mark.parametrize("p", [{"ref": "max"}, {"top_db": 80}, {"normalise": "max"}], ids=str)
def test_the_alternative_is_named(p):
    with pytest.raises(ValueError, match=r"range=\(lo, hi\)"):
        Frontend(**SMALL | p).stream()


def test_other_errors_of_parameters():
    with pytest.raises(ValueError, match="kind must be one of 'features', 'mel', 'image', got 'x'"):
        Frontend().stream("x")
    with pytest.raises(ValueError, match="got 'frequency'"):
        Frontend(normalise="frequency").stream()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [None, "int16"])  # which would clip infinity
def test_samples_that_are_not_finite_stop_it(bad, kind, level):
    f = Frontend(**SMALL, level=level)
    y = Y.copy()
    y[4321] = bad
    with pytest.raises(SignalError) as whole:
        getattr(f, kind)(y)
    s = f.stream(kind)
    with pytest.raises(SignalError) as streaming:
        streamed(f, kind, y, [160], s)
    assert str(streaming.value) == str(whole.value)
    assert streaming.value.code == "non_finite"
    for call in (lambda: s.push(Y), s.flush):
        with pytest.raises(RuntimeError, match="reset"):
            call()
    s.reset()
    assert_same(streamed(f, kind, Y, [160], s), getattr(f, kind)(Y))


def test_a_sample_that_is_too_large_stops_it():
    y = Y.copy()
    y[4000] = 1e30
    f = Frontend(**SMALL, compress=None, precision="single")
    s = f.stream()
    with pytest.raises(SignalError, match="too large") as error:
        streamed(f, "features", y, [100], s)
    assert error.value.code == "overflow"
    with pytest.raises(RuntimeError):
        s.push(Y)


def test_arrays_that_are_no_signals_leave_it_as_it_was():
    f = Frontend(**SMALL)
    s = f.stream()
    first = s.push(Y[:1000])
    for wrong in (np.zeros(9, np.int32), np.zeros((2, 2, 2)), 1.0, np.zeros((0, 9), np.float32)):
        with pytest.raises(ValueError, match="y must"):
            s.push(wrong)
    assert s.samples == 1000
    rest = s.push(Y[1000:])
    np.testing.assert_array_equal(np.hstack([first, rest, s.flush()]), f.features(Y))


def test_a_signal_too_short_may_go_on():
    f = Frontend(**SMALL, framing="uncentered")
    s = f.stream()
    assert s.push(Y[:199]).shape == (12, 0)
    with pytest.raises(ValueError, match="y is too short: 199 samples for n_fft 200"):
        s.flush()
    assert s.push(Y[199:200]).shape == (12, 1)
    assert s.flush().shape == (12, 0)
    with pytest.raises(RuntimeError, match="flushed"):
        s.push(Y)


def test_nothing_gives_what_the_whole_of_nothing_gives():
    f = Frontend(**SMALL)
    assert_same(f.stream().flush(), f.features(Y[:0]))
    with pytest.raises(SignalError) as error:
        f.stream("image").flush()
    assert error.value.code == "empty_audio"


def test_a_loud_signal_is_warned_of_once():
    f = Frontend(**SMALL, precision="single")
    s = f.stream()
    s.push(Y[:500])
    with pytest.warns(UserWarning, match="a peak of 3 is far above full scale"):
        s.push(np.full(500, 3, np.float32))
    s.push(np.full(500, 4, np.float32))


# --- company --------------------------------------------------------------------------------


def test_streams_share_a_front_end():
    f = Frontend(**SMALL, compress="pcen")
    other = Y[::-1].copy()
    one, two = f.stream(), f.stream()
    ones, twos = [], []
    for a, b in zip(np.split(Y, 50), np.split(other, 50), strict=True):
        ones.append(one.push(a))
        twos.append(two.push(b))
    np.testing.assert_array_equal(np.hstack([*ones, one.flush()]), f.features(Y))
    np.testing.assert_array_equal(np.hstack([*twos, two.flush()]), f.features(other))


def test_a_stream_outlives_its_front_end():
    f = _core.Frontend({"sr": "8000", "n_fft": "200", "hop_length": "80", "n_mels": "12"})
    expected = f.features(Y)[0]
    s = f.stream("features", layout="mels", wide=expected.dtype == np.float64)
    del f
    np.testing.assert_array_equal(np.hstack([s.push(Y), s.flush()]), expected)


def test_threads_wait_for_each_other():
    """Of equal chunks, the order does not matter; none may be lost."""
    f = Frontend(**SMALL)
    s = f.stream()
    chunk = np.tile(Y[:80], 30)
    gate = threading.Barrier(4)
    counts = []

    def work():
        gate.wait()
        counts.append(sum(s.push(chunk).shape[1] for _ in range(200)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n = 4 * 200 * chunk.size
    assert s.samples == n
    assert sum(counts) + s.flush().shape[1] == f.frames(n)


def test_it_is_no_value():
    s = Frontend().stream()
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            take(s)
    assert json.dumps(s.frontend.params)
