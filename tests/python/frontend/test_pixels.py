# SPDX-License-Identifier: MIT
"""The parity contract: melpix's images against the recipe, as librosa runs it and in float64.

The judge is the unrounded grey value (before truncation) of tests/reference. What each of
melpix and librosa strays from it is collected in STRAY and printed at the end (pytest -s).
"""

import itertools
import re
import warnings
from collections import defaultdict

import librosa
import numpy as np
import pytest

import melpix
import signals
from grids import at
from reference import pipeline, recipe

BOUND = {"single": 0.15, "double": 0.01}  # by precision, in grey levels
BOUND_HOLDS_FROM = 14  # nats, where the range is fixed
RANGES = [(-20.75, 5), (-14, 0), (-19, -16.5)]
SYNTHETIC_FRONTENDS = [(22050, 512, 128), (22050, 256, 64), (44100, 512, 128), (16000, 256, 128)]

# Bands narrower than a bin (128 mels at n_fft 512) are the recipe's own doing.
pytestmark = pytest.mark.filterwarnings("ignore:.*filters catch no bin:UserWarning")

# kind of signal -> who -> the greatest distance from the float64 grey value, in levels
STRAY = defaultdict(lambda: defaultdict(float))


@pytest.fixture(scope="module", autouse=True)
def print_what_was_measured():
    yield
    print("\ngreatest distance from the float64 grey value, in levels")
    columns = (*BOUND, "librosa")
    print(f"{'':26}" + "".join(f"{name:>12}" for name in columns))
    for kind, stray in STRAY.items():
        print(f"{kind:26}" + "".join(f"{stray.get(name, np.nan):12.2g}" for name in columns))


# --- the recipe as librosa runs it ----------------------------------------------------------


def librosa_grey(y, sr, hop_length, n_mels):
    """The published function up to the cast, in librosa's own types: float32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty filters, frames longer than the clip
        mels = librosa.feature.melspectrogram(
            y=y, sr=sr, n_mels=n_mels, n_fft=hop_length * 2, hop_length=hop_length
        )
    mels = np.log(mels + 1e-9)
    scaled = (mels - mels.min()) / (mels.max() - mels.min())
    return scaled * (255 - 0) + 0


def librosa_pixels(grey):
    return 255 - np.flip(grey.astype(np.uint8), axis=0)


# --- what is compared -----------------------------------------------------------------------


def make_frontends(**parameters):
    return {p: melpix.Frontend(**parameters, precision=p) for p in BOUND}


def note(kind, who, grey, exact):
    """Keeps the greatest distance from the exact grey value; returns this one."""
    stray = np.abs(grey - exact).max()
    STRAY[kind][who] = max(STRAY[kind][who], stray)
    return stray


def check_grey(kind, frontend, y, exact):
    """Features and image lie within the bound of the exact grey value; returns the image."""
    bound = BOUND[frontend.precision]
    if frontend.range != "minmax":
        lo, hi = frontend.range
        bound *= max(1, BOUND_HOLDS_FROM / (hi - lo))
    unrounded = recipe.grey(frontend.features(y).astype(np.float64), frontend.range)
    assert note(kind, frontend.precision, unrounded, exact) <= bound
    image = frontend.image(y)
    assert image.dtype == np.uint8
    truncated = np.flip(255 - image.astype(int), axis=0)
    assert (np.floor(exact - bound) <= truncated).all()
    assert (truncated <= np.floor(exact + bound)).all()
    return image


def check_librosa_agrees(image, expected):
    """Never more than a level apart, and in an image of some size one pixel in a thousand."""
    apart = np.abs(image.astype(int) - expected.astype(int))
    assert apart.max() <= 1
    if expected.size >= 10_000:
        assert np.count_nonzero(apart) <= 0.001 * expected.size


# --- recordings -----------------------------------------------------------------------------


SECONDS = 15  # of each recording: the slow ones take all of it
SIZES = itertools.product([22050, 44100, 16000, None], [512, 256], [128, 64])
USUAL = {(22050, 512, 128), (44100, 256, 64), (16000, 512, 128), (None, 256, 64)}


@pytest.mark.parametrize(
    ("sr", "hop_length", "n_mels"),
    [pytest.param(*size, marks=() if size in USUAL else pytest.mark.slow) for size in SIZES],
)
def test_recordings(sr, hop_length, n_mels):
    pixels = identical = 0
    for path in signals.recordings():
        y, rate = signals.load_recording(path, sr)
        if (sr, hop_length, n_mels) in USUAL:
            y = y[: SECONDS * rate]
        frontends = make_frontends(sr=rate, hop_length=hop_length, n_mels=n_mels)
        exact = recipe.recipe_grey(y, rate, hop_length, n_mels)
        grey = librosa_grey(y, rate, hop_length, n_mels)
        expected = librosa_pixels(grey)
        note("recordings", "librosa", grey, exact)
        image = {}
        with at(path):
            for precision, frontend in frontends.items():
                image[precision] = check_grey("recordings", frontend, y, exact)
                check_librosa_agrees(image[precision], expected)
            published = melpix.spectrogram_image(y, rate, None, hop_length, n_mels)
            np.testing.assert_array_equal(published, image["single"])
        pixels += expected.size
        identical += np.count_nonzero(image["double"] == expected)
    assert identical >= 0.9999 * pixels


@pytest.mark.parametrize("gain", [10, pytest.param(100, marks=pytest.mark.slow), 32768])
def test_loud_recordings(gain):
    kind = f"recordings x {gain}"
    for path in signals.recordings():
        y, sr = signals.load_recording(path, 22050)
        y = y[: SECONDS * sr] * np.float32(gain)
        frontends = make_frontends(sr=sr)
        exact = recipe.recipe_grey(y, sr)
        note(kind, "librosa", librosa_grey(y, sr, 512, 128), exact)
        with at(path):
            check_grey(kind, frontends["double"], y, exact)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frontends["single"].image(y)
            features = frontends["single"].features(y)
        named = [w for w in caught if re.search("precision=.double", str(w.message))]
        assert len(named) == (np.abs(y).max() > 2), path
        assert all(w.category is UserWarning for w in named)
        note(kind, "single", recipe.grey(features.astype(np.float64)), exact)


# --- synthetic signals ----------------------------------------------------------------------


@pytest.mark.parametrize(("sr", "hop_length", "n_mels"), SYNTHETIC_FRONTENDS)
def test_synthetic_signals(sr, hop_length, n_mels):
    frontends = make_frontends(sr=sr, hop_length=hop_length, n_mels=n_mels)
    for kind, y in signals.synthetic(100_000, sr).items():
        exact = recipe.recipe_grey(y, sr, hop_length, n_mels)
        grey = librosa_grey(y, sr, hop_length, n_mels)
        note(kind, "librosa", grey, exact)
        for frontend in frontends.values():
            with at(kind, frontend.precision):
                image = check_grey(kind, frontend, y, exact)
                assert np.abs(image.astype(int) - librosa_pixels(grey)).max() <= 1


@pytest.mark.parametrize("precision", BOUND)
def test_short_clips(precision):
    for n in (1, 511, 512, 1023, 1024, 1025, 5000):
        y = signals.noise(n, seed=n).astype(np.float32)
        with at(n):
            f = melpix.Frontend(precision=precision)
            check_grey("short noise", f, y, recipe.recipe_grey(y))


@pytest.mark.parametrize("precision", BOUND)
def test_silence_is_white(precision):
    image = melpix.Frontend(precision=precision).image(np.zeros(196_608, np.float32))
    assert image.shape == (128, 385)
    assert (image == 255).all()


# --- a fixed range --------------------------------------------------------------------------


def check_fixed_ranges(kind, y, sr):
    exact = recipe.log(recipe.melspectrogram(y, sr, 1024, 512))
    for value_range in RANGES:
        for frontend in make_frontends(sr=sr, range=value_range).values():
            grey = recipe.grey(exact, value_range)
            image = check_grey(f"{kind}, {value_range}", frontend, y, grey)
            assert np.abs(image.astype(int) - recipe.pixels(grey)).max() <= 1


def test_fixed_ranges():
    for kind, y in signals.synthetic(100_000, 22050).items():
        with at(kind):
            check_fixed_ranges("synthetic", y, 22050)


def test_fixed_ranges_of_recordings():
    for path in signals.recordings():
        with at(path):
            check_fixed_ranges("recordings", *signals.load_recording(path, 22050))


@pytest.mark.parametrize("precision", BOUND)
def test_an_images_own_range_changes_nothing(precision):
    frontend = melpix.Frontend(precision=precision)
    for y in signals.synthetic(100_000, 22050).values():
        rendering = frontend.render(y)
        own = frontend.replace(range=(rendering.min, rendering.max))
        np.testing.assert_array_equal(own.image(y), rendering.image)


# --- integer samples, channels --------------------------------------------------------------


def pcm16(n, seed=0):
    """int16 over its whole range, both ends included."""
    samples = np.random.default_rng(seed).integers(-32768, 32768, n, dtype=np.int16)
    samples[:2] = -32768, 32767
    return samples


@pytest.mark.parametrize("precision", BOUND)
def test_int16_is_float32_over_32768(precision):
    frontend = melpix.Frontend(precision=precision)
    y = pcm16(50_000)
    np.testing.assert_array_equal(frontend.image(y), frontend.image((y / 32768).astype(np.float32)))


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_channels_are_mixed_by_their_mean(channels, dtype):
    y = pcm16(channels * 30_000).reshape(channels, -1)
    as_float = (y / 32768).astype(np.float32)
    y = y if dtype is np.int16 else as_float
    frontend = melpix.Frontend()
    expected = frontend.image(as_float.mean(axis=0))
    interleaved = np.ascontiguousarray(y.T).T
    np.testing.assert_array_equal(frontend.image(y), expected)
    np.testing.assert_array_equal(frontend.image(interleaved), expected)


# --- where single precision has to help itself ----------------------------------------------


def hard_cases():
    """Signals and parameters at which a float32 pipeline is off by levels, or by the image."""
    t = np.arange(60_000) / 22050
    rng = np.random.default_rng(7)
    tone = np.sin(2 * np.pi * 1000 * t)
    ladder = sum(10 ** (-k / 2) * np.sin(2 * np.pi * 300 * 2 ** (k / 2) * t) for k in range(10))
    yield "magnitudes beside a tone", tone, {"power": 1, "n_mels": 40}
    yield "magnitudes of a ladder of tones", ladder / 2, {"power": 1, "n_fft": 8192, "n_mels": 8}
    yield "roots of magnitudes", ladder / 2, {"power": 0.5, "n_fft": 2048, "n_mels": 20}
    yield "cubes", tone, {"power": 3}
    yield "faint noise on a pedestal", 100 + 1e-6 * rng.standard_normal(t.size), {
        "window": "boxcar", "framing": "uncentered"}  # fmt: skip
    yield "hardly any sound, hardly any offset", 1e-9 * tone + 1e-16 * rng.standard_normal(
        t.size), {"offset": 1e-30}  # fmt: skip
    yield "no sound, no offset to speak of", 0 * tone, {"offset": 1e-300}
    yield "prime length", tone, {"n_fft": 1021, "hop_length": 256}
    yield "long frames", tone, {"n_fft": 17640, "hop_length": 441}
    yield "many bands", tone, {"n_fft": 4096, "n_mels": 256}
    yield "loud", 3e4 * ladder, {}
    yield "overflow out of sight", 1e18 + 1e11 * tone, {"fmin": 2000, "n_mels": 40}
    yield "overflow at a high power", 1e9 * np.sin(2 * np.pi * 8000 * t), {
        "power": 4, "fmax": 3000, "n_mels": 30}  # fmt: skip
    faint = 1e-7 * rng.standard_normal(t.size)
    yield "next to nothing beside a mean", 0.28 + faint, {
        "n_fft": 4096, "n_mels": 30, "offset": 1e-6, "remove_dc": True, "mel_scale": "kaldi",
        "norm": None}  # fmt: skip
    yield "a large window without the mean", 0.28 + 10 * faint, {
        "window": list(1000 * np.hanning(1024)), "remove_dc": True,
        "preemphasis": 0.5}  # fmt: skip
    loud_and_noisy = 300 * tone + 0.1 * rng.standard_normal(t.size)
    for n in range(50_000, 50_000 + 9 * 512, 512):  # the last block has 1 ... 8 frames
        yield f"loud, {n} samples", loud_and_noisy[:n], {"framing": "uncentered"}


@pytest.mark.parametrize("case", list(hard_cases()), ids=lambda case: case[0])
@pytest.mark.filterwarnings("ignore:a peak of")
def test_single_precision_helps_itself(case):
    _, y, options = case
    f = melpix.Frontend(**options, precision="single")
    single = f.features(y)
    double = melpix.Frontend(**options, precision="double").features(y)
    assert np.abs(single - double).max() <= 0.008
    # The value range is that of these features, whatever else the core has computed.
    rendering = f.render(y)
    assert (rendering.min, rendering.max) == (single.min(), single.max())
    assert (rendering.lo, rendering.hi) == (single.min(), single.max())
    level = max(np.ptp(double), 14) / 255  # what is promised of images that span 14 nats
    assert np.abs(single - double).max() <= 0.15 * level


def test_channels_that_cancel_are_rounded_after_the_sum():
    x, e = np.random.default_rng(0).uniform(-1, 1, (2, 30_000))
    y = 32768 * np.stack([x, -x + 1e-6 * e])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peak
        np.testing.assert_array_equal(
            melpix.Frontend().image(y), melpix.Frontend().image(np.sum(y, axis=0) / 2)
        )
        np.testing.assert_array_equal(
            melpix.Frontend().image(y[[0, 1, 1]]),
            melpix.Frontend().image((y[0] + y[1] + y[1]) / 3),
        )


# --- 16 bits ----------------------------------------------------------------------------------

DEEP = [
    {},
    {"range": (-18.0, 3.0), "invert": False},
    {"range": (-9.0, -8.0), "rounding": "ceil"},
    {"rounding": "nearest", "fmin": 1000},
    {"compress": "pcen", "flip": False},
    {"compress": ("power", 0.3), "power": 1},
    {"compress": None},
    {"compress": "db", "ref": "max", "top_db": 80},
    {"normalise": "image"},
    {"normalise": "frequency"},
    {"level": "minmax"},
]


def check_deep(y, **parameters):
    """Pixels are the reference's but at a boundary, and features come back within half a level."""
    f = melpix.Frontend(bits=16, **parameters)
    image, metadata = melpix.read_png(f.png(y))
    exact = pipeline.grey(y.astype(np.float64), bits=16, **parameters)
    x = image if not f.invert else 65535 - image
    apart = np.abs((x[::-1] if f.flip else x).astype(int) - ROUND[f.rounding](exact))
    boundary = exact - 0.5 if f.rounding == "nearest" else exact
    assert apart.max() <= 1
    assert (np.abs(boundary - np.round(boundary))[apart > 0] <= 0.01).all()

    features = pipeline.features(y.astype(np.float64), **parameters)
    half = (metadata["hi"] - metadata["lo"]) / 65535 / 2
    single = np.spacing(np.float32(max(-metadata["lo"], metadata["hi"])))  # of what is returned
    found = melpix.features_from_image(image, metadata)
    stray = np.abs(found - np.clip(features, metadata["lo"], metadata["hi"])).max()
    assert stray <= half * 1.0001 + single


ROUND = {"truncate": np.floor, "nearest": np.round, "ceil": np.ceil}


@pytest.mark.parametrize("parameters", DEEP, ids=str)
def test_16_bits_of_synthetic_signals(parameters):
    n, sr = 11025, 22050
    t = np.arange(n) / sr
    hum = 0.9 * np.sin(2 * np.pi * 50 * t) + 1e-3 * signals.noise(n)
    for name, y in {**signals.synthetic(n, sr), "hum": hum.astype(np.float32)}.items():
        with at(name):
            check_deep(y, **parameters)


def test_16_bits_of_recordings():
    for path in signals.recordings()[-8:]:
        y, sr = signals.load_recording(path, None)
        with at(path):
            for parameters in DEEP[:3]:
                check_deep(y[:sr], sr=sr, **parameters)
