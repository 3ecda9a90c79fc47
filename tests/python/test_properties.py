# SPDX-License-Identifier: MIT
"""What holds for any front-end and any signal, as hypothesis finds them.

Examples are derived from the name of each test: the same ones in every run.
"""

import inspect
import json
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, note, settings

import melpix
import rounding
from front_ends import is_long_enough, parameter_sets, signals
from grids import at
from melpix import Frontend
from reference import image as imaging
from reference import pipeline

PROFILE = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
FEW, SOME = 80, 200

# Empty filters, and peaks above 1, are the parameters' own doing.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*filters catch no bin:UserWarning"),
    pytest.mark.filterwarnings("ignore:a peak of:UserWarning"),
]


def for_all(examples, *strategies):
    """Runs a property on so many examples by default, and 5 times as many with -m slow."""

    def decorate(prop):
        @pytest.mark.parametrize(
            "examples", [examples, pytest.param(5 * examples, marks=pytest.mark.slow)]
        )
        def test(examples):
            settings(PROFILE, max_examples=examples)(given(*strategies)(prop))()

        test.__doc__ = prop.__doc__
        return test

    return decorate


def make(p):
    note(f"Frontend(**{p!r})")
    return Frontend(**p)


# --- nothing crashes, everything is finite --------------------------------------------------


def unless_too_large(method, y):
    """What it returns; None where it says that the numbers exceed its precision."""
    try:
        return method(y)
    except melpix.SignalError as error:
        if error.code != "overflow":
            raise
        return None


@for_all(SOME, parameter_sets(), signals())
def test_any_front_end_renders_any_signal(p, y):
    f = make(p)
    single = f.replace(precision="single")
    for method in (f.features, single.features, f.mel, f.image):
        if not is_long_enough(y, p):
            with pytest.raises(ValueError, match=r"short|no samples"):
                method(y)
            continue
        values = unless_too_large(method, y)
        if values is None:  # cubes of samples of 2 ** 31 in single precision, or squares of them
            assert pipeline.mel(y, **p).max() > 1e15
        else:
            assert np.isfinite(values).all()
            if method == f.image:
                assert values.dtype == (np.uint16 if f.bits == 16 else np.uint8)


# --- numbers --------------------------------------------------------------------------------


@for_all(SOME, parameter_sets(precision="double"), signals())
def test_mels_features_and_pixels_are_the_specifications(p, y):
    """In double precision, within 1e-9 of the greatest or what rounding alone would do."""
    assume(is_long_enough(y, p))
    f = make(p)
    rounding.check(f.mel(y), *rounding.mel(y, p))
    features = unless_too_large(f.features, y)
    if features is not None:  # else powers of loud samples, beyond float32
        check_features(features, y, p)
    check_pixels(f.image(y), y, p)


def check_features(actual, y, p):
    expected, tolerance = rounding.features(y, p)
    assert actual.dtype == np.dtype(p.get("dtype") or "float64")
    if actual.dtype == np.float32:
        tolerance = tolerance + 2.0**-24 * np.abs(expected).max(initial=0)
    np.testing.assert_array_equal(expected.shape, pipeline.features(y, **p).shape)
    rounding.check(actual, expected, tolerance)


def check_pixels(image, y, p):
    """They differ only where the grey value lies next to where it is rounded."""
    G, tolerance = rounding.grey(y, p)
    q = pipeline.complete(p)[0]
    assert image.shape == G.shape
    image = image.astype(float)
    if q["invert"]:
        image = 2 ** q["bits"] - 1 - image
    if q["flip"]:
        image = image[::-1]
    round_ = imaging.ROUNDINGS[q["rounding"]]
    top = 2 ** q["bits"] - 1
    assert (round_(np.clip(G - tolerance, 0, top)) <= image).all()
    assert (image <= round_(np.clip(G + tolerance, 0, top))).all()


@for_all(FEW, parameter_sets(precision="double"), signals())
def test_features_come_back_from_an_image(p, y):
    """Within half a grey level; what a range clips, as its end."""
    p = p | {"layout": "mels", "patch": None, "patch_step": None, "tail": "drop", "dtype": None}
    assume(is_long_enough(y, p) and "stack" not in p)
    f = make(p)
    features, rendering = f.features(y), f.render(y)
    back = melpix.features_from_image(rendering.image, rendering.metadata())
    lo, hi = rendering.lo, rendering.hi
    half_a_level = 0.5 * (hi - lo) / (2**f.bits - 1)
    rounded = 2.0**-23 * max(abs(lo), abs(hi)) + 1e-37  # what comes back is float32
    assert (np.abs(back - np.clip(features, lo, hi)) <= 1.001 * half_a_level + rounded).all()


# --- the same front-end, the same sound -----------------------------------------------------


@for_all(SOME, parameter_sets())
def test_parameters_make_the_same_front_end(p):
    f = make(p)
    for again in (Frontend(**f.params), Frontend(**json.loads(json.dumps(f.params)))):
        assert again == f
        assert hash(again) == hash(f)
        assert again.params == f.params
    assert set(f.params) == set(pipeline.DEFAULTS)


@for_all(FEW, parameter_sets(), signals(dtypes=("float32", "int16")))
def test_a_png_says_how_it_was_made(p, y):
    assume(is_long_enough(y, p))
    f = make(p)
    try:
        png = unless_too_large(f.png, y)
    except melpix.EncodeError:  # PNG has no such number of channels
        assume("stack" not in p)
        raise
    assume(png is not None)
    image, metadata = melpix.read_png(png)
    np.testing.assert_array_equal(image, f.image(y))
    assert Frontend(**metadata["params"]).png(y) == png


@for_all(FEW, parameter_sets(), signals(dtypes=("int16",), kinds=("noise", "tone", "silence")))
def test_the_same_samples_give_the_same_image(p, pcm):
    assume(is_long_enough(pcm, p))
    f = make(p)
    expected = unless_too_large(f.image, pcm)
    assume(expected is not None)
    y = (pcm / 32768).astype(np.float32)
    channels = np.stack([y, y])
    same = {
        "float32": y,
        "channels": channels,
        "interleaved channels": np.ascontiguousarray(channels.T).T,
        "every other": np.repeat(y, 2)[::2],
        "backwards": y[::-1].copy()[::-1],
        "big endian": y.astype(">f4"),
        "int16 channels": np.stack([pcm, pcm, pcm]),
        "read only": np.frombuffer(y.tobytes(), np.float32),
    }
    for name, variant in same.items():
        np.testing.assert_array_equal(f.image(variant), expected, err_msg=name)


# --- invalid parameters ---------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
ANY = [None, True, "no such value", b"x", [], {}, 1 + 2j, ..., np.array([1.0, 2.0]), [[1, 2], [3]]]
INVALID = {
    "sr": [0, -1, NAN, INF, *ANY],
    "duration": [0, -1, NAN, INF, 1e300, *ANY[1:]],
    "fit": ["cut", 0, *ANY],
    "level": ["int8", 16, *ANY[1:]],
    "gain": [0, -1, NAN, INF, *ANY],
    "n_fft": [0, -4, 512.0, 2**70, *ANY[1:]],
    "hop_length": [0, -4, 512.0, 2**31, 2**70, *ANY],
    "win_length": [0, 1025, 400.0, *ANY[1:]],
    "window": ["hanning", ("kaiser",), ("povey", 1), [1.0, 2.0], NAN, *ANY],
    "periodic": [0, 1, None, "yes", NAN],
    "framing": ["centre", True, *ANY],
    "pad_mode": ["wrap", 0, *ANY],
    "remove_dc": [0, 1, None, "yes", NAN],
    "preemphasis": [-0.1, 1, 1.5, NAN, INF, *ANY],
    "spectrum": ["imaginary", 0, *ANY],
    "power": [0, -1, NAN, INF, *ANY],
    "bin_offset": [-1e-9, NAN, INF, *ANY],
    "n_mels": [0, -1, 80.0, 10**6, *ANY],
    "fmin": [-1, 11025, 20000, NAN, INF, *ANY],
    "fmax": [0, -1, NAN, INF, *ANY[1:]],
    "mel_sr": [0, -1, NAN, INF, *ANY[1:]],
    "mel_scale": ["bark", True, 0, *ANY],
    "norm": ["l2", -1, NAN, 10**400, np.array([1.0, 2.0]), b"x", [], {}, ...],
    "compress": [
        "log2", 0, ("power",), ("power", 0), ("power", -1), ("power", NAN), ("power", 1, 2),
        "power",
        ("pcen", 0.98), ("pcen", -1, 2, 0.5, 0.4, 1e-6), ("pcen", 0.98, -2, 0.5, 0.4, 1e-6),
        ("pcen", 0.98, 2, -1, 0.4, 1e-6), ("pcen", 0.98, 2, 0.5, 0, 1e-6),
        ("pcen", 0.98, 2, 0.5, 0.4, 0), ("pcen", 0.98, 2, 0.5, 0.4, NAN), ("ln", 1), ("no", 1),
        *ANY[1:],
    ],
    "offset": [0, -1e-9, NAN, INF, *ANY],
    "floor": [0, -1e-9, NAN, INF, *ANY[1:]],
    "ref": [0, -1, "min", NAN, INF, *ANY],
    "top_db": [0, -80, NAN, INF, *ANY[1:]],
    "columns": [0, -1, 10.0, 2**70, *ANY[1:]],
    "normalise": [
        "mean", (0, 0), (0, -1), (NAN, 1), (0, INF), (0,), (0, 1, 2), ([0.0] * 3, [1.0] * 3),
        ([0.0] * 128, [0.0] * 128), 5, *ANY[1:],
    ],
    "layout": ["rows", 0, *ANY],
    "patch": [0, -1, 9.0, 2**70, *ANY[1:]],
    "patch_step": [0, -1, 9.0, 2**70, *ANY[1:]],
    "tail": ["shift", 0, *ANY],
    "dtype": ["int16", "float16", 32, *ANY[1:]],
    "range": [(1, 0), (0, 0), (0, NAN), (-INF, 0), (0, 1, 2), "max", 5, *ANY],
    "rounding": ["floor", 0, *ANY],
    "flip": [0, 1, None, "yes"],
    "invert": [0, 1, None, "yes"],
    "bits": [4, 8.0, 32, *ANY],
    "stack": [
        5, "mel", [5], {"fmin": 5}, [{"fmin": -5}], [{"n_mel": 5}], [{"n_mels": 5}],
        [{"stack": []}],
        *ANY[1:4],
    ],
    "precision": ["half", 64, *ANY],
}  # fmt: skip
REAL = {"spectrum": "real", "power": 1, "compress": None}
NEEDED = {  # what else a parameter needs to be asked at all
    "fit": {"duration": 1.0},
    "patch_step": {"patch": 10},
    "tail": {"patch": 10},
}


def test_every_parameter_is_among_the_invalid_and_in_the_specification():
    names = [p.name for p in inspect.signature(Frontend).parameters.values()]
    assert set(INVALID) == set(pipeline.DEFAULTS) == set(names)
    assert {name: Frontend.__dataclass_fields__[name].default for name in names} == (
        pipeline.DEFAULTS)  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_parameter_is_named(name):
    for value in INVALID[name]:
        with at(value), pytest.raises(ValueError, match=rf"\b{name}\b"):
            Frontend(**NEEDED.get(name, {}), **{name: value})


@pytest.mark.parametrize(
    ("p", "name"),
    [
        ({"mel_scale": "kaldi"}, "norm"),
        ({"mel_scale": "tf", "norm": "slaney"}, "norm"),
        ({"framing": "middle", "n_fft": 256, "hop_length": 257}, "hop_length"),
        ({"win_length": 300, "n_fft": 256}, "win_length"),
        ({"fmin": 5000, "fmax": 4000}, "fmin"),
        ({"fmin": 5000, "mel_sr": 8000}, "fmin"),
        ({**REAL, "power": 2}, "power"),
        ({**REAL, "bin_offset": 1e-9}, "bin_offset"),
        ({**REAL, "floor": 1e-9}, "floor"),
        *(({**REAL, "compress": name}, "compress") for name in ("ln", "log10", "db", "pcen")),
        ({"normalise": ([0.0] * 128, [1.0] * 127)}, "normalise"),
        ({"duration": 1e-9}, "duration"),
    ],
    ids=str,
)
def test_parameters_that_do_not_go_together_are_named(p, name):
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        Frontend(**p)


@for_all(FEW, parameter_sets())
def test_one_invalid_parameter_spoils_any_front_end(p):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in {"n_mels": 0, "preemphasis": 1, "rounding": "up", "gain": NAN}.items():
            with pytest.raises(ValueError, match=rf"\b{name}\b"):
                Frontend(**(p | {name: value}))
