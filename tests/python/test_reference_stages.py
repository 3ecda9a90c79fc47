# SPDX-License-Identifier: MIT
"""The stages of the specification one by one: against librosa, scipy, and cases made by hand."""

import librosa
import numpy as np
import pytest
import scipy.signal

import signals
from reference import compress, frame, image, normalise, pipeline
from reference import mel as melling
from reference import signal as signalling
from reference.spectrum import spectrum

Y = signals.speech_like(6000, 16000)


def exactly(actual, expected):
    np.testing.assert_array_equal(actual, np.asarray(expected, dtype=np.float64))


def closely(actual, expected, tolerance=1e-12):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def librosa_mel(y, **options):
    return librosa.feature.melspectrogram(y=y, dtype=np.float64, **options)


# --- signal ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "fit", "expected"),
    [
        (2, "pad", [1, 2]),
        (3, "repeat", [1, 2, 3]),
        (8, "pad", [1, 2, 3, 0, 0, 0, 0, 0]),
        (8, "repeat", [1, 2, 3, 1, 2, 3, 1, 2]),
        (8, "repeat_pad", [1, 2, 3, 1, 2, 3, 0, 0]),
        (6, "repeat_pad", [1, 2, 3, 1, 2, 3]),
        (5, "repeat_pad", [1, 2, 3, 0, 0]),
    ],
)
def test_a_length_is_cut_or_fitted(length, fit, expected):
    exactly(signalling.cut_or_fit(np.array([1.0, 2.0, 3.0]), length, fit), expected)


def test_levels():
    y = np.array([-2.0, -1.0, -0.99999 / 32767, 0.5, 3.0])
    expected = np.array([-32767.0, -32767, 0, 16383, 32767])
    closely(signalling.level(y, "int16") * 32767, expected, 1e-7)
    exactly(signalling.level(y, None), y)
    minmax = signalling.level(y, "minmax")
    assert minmax[0] == -1
    assert minmax[-1] == pytest.approx(1 - 2e-6 / 5, abs=1e-12)
    np.testing.assert_allclose(np.diff(minmax), np.diff(y) * 2 / (5 + 1e-6), rtol=1e-12)


def test_a_level_of_float32_is_that_of_its_product():
    # 11 / 32767 in float32 is a little less; times 32767 in float32, it is 11 again.
    y = np.float64([np.float32(11 / 32767)])
    assert np.trunc(y * 32767) == 10
    closely(signalling.level(y, "int16") * 32767, np.array([11.0]), 1e-7)


def test_int16_is_a_part_of_32768():
    exactly(signalling.samples(np.array([-32768, 16384], np.int16)), [-1, 0.5])


@pytest.mark.parametrize(
    ("n", "expected"), [(1, 15600), (15600, 15600), (15601, 23280), (23281, 30960)]
)
def test_yamnets_last_patch_is_completed(n, expected):
    first = frame.samples_of(96, "snip", n_fft=512, hop_length=160, win_length=400)
    assert signalling.complete_last_patch(np.ones(n), first, 48 * 160).size == expected


@pytest.mark.parametrize("framing", ["center", "uncentered", "snip", "middle"])
@pytest.mark.parametrize(("n_fft", "hop", "win"), [(8, 4, 8), (9, 4, 6), (16, 5, 10), (8, 8, 3)])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_least_signal_for_a_number_of_frames(framing, n_fft, hop, win, frames):
    least = frame.samples_of(frames, framing, n_fft, hop, win)
    for n in range(max(1, least - 1), least + hop + 1):
        try:
            count = frame.frame(np.zeros(n), n_fft, hop, win, framing).shape[0]
        except ValueError:
            count = 0
        assert count == frames - (n < least) + (n == least + hop)


# --- frame ----------------------------------------------------------------------------------


def test_frames_of_a_ramp():
    y = np.arange(1.0, 10.0)
    snip = frame.frame(y, n_fft=8, hop_length=2, win_length=4, framing="snip")
    exactly(snip, [[1, 2, 3, 4], [3, 4, 5, 6], [5, 6, 7, 8]])
    exactly(frame.fill(snip[:1], 8, "snip"), [[1, 2, 3, 4, 0, 0, 0, 0]])
    middle = frame.frame(y, n_fft=6, hop_length=4, framing="middle", pad_mode="reflect")
    exactly(middle, [[2, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9]])
    uncentered = frame.frame(y, n_fft=6, hop_length=4, framing="uncentered")
    exactly(uncentered, [[1, 2, 3, 4, 5, 6]])
    exactly(frame.under_window(uncentered, 3), [[2, 3, 4]])
    exactly(frame.fill(np.array([[2.0, 3, 4]]), 6, "uncentered"), [[0, 2, 3, 4, 0, 0]])


@pytest.mark.parametrize("hop", [3, 64, 256])
@pytest.mark.parametrize("n", [256, 1000, 1024])
def test_middle_is_hifigans_padding(hop, n):
    side = (256 - hop) // 2
    padded = np.pad(Y[:n], side, mode="reflect")
    expected = librosa.util.frame(padded, frame_length=256, hop_length=hop).T
    exactly(frame.frame(Y[:n], 256, hop, framing="middle", pad_mode="reflect"), expected)


def test_a_frame_loses_its_mean_then_its_low_frequencies():
    frames = np.array([[1.0, 2.0, 6.0]])
    exactly(frame.remove_dc(frames), [[-2, -1, 3]])
    exactly(frame.preemphasis(frames, 0.5), [[0.5, 1.5, 5]])
    exactly(frame.preemphasis(frames, 0.0), frames)
    # The same filter as a recursion of its own: started as if the first sample had gone on forever.
    a = 0.97
    filtered, _ = scipy.signal.lfilter([1, -a], [1], Y[:400], zi=[-a * Y[0]])
    closely(frame.preemphasis(Y[np.newaxis, :400], a)[0], filtered)


# --- spectrum, mel --------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
def test_a_spectrum_by_its_definition(power):
    x = Y[:50]
    k, i = np.mgrid[:26, :50]
    X = (x * np.exp(-2j * np.pi * k * i / 50)).sum(axis=1)
    closely(spectrum(x, power), np.abs(X) ** power, 1e-10)
    closely(spectrum(x, power, 0.1), np.sqrt(np.abs(X) ** 2 + 0.1) ** power, 1e-10)
    closely(spectrum(x, part="real"), X.real, 1e-10)


@pytest.mark.parametrize("scale", ["slaney", "htk", "kaldi", "tf"])
def test_scales_have_inverses(scale):
    for hz in (0.0, 20.0, 999.0, 1000.0, 4321.0, 22050.0):
        there = melling.hz_to_mel(hz, scale)
        assert melling.mel_to_hz(there, scale) == pytest.approx(hz, rel=1e-12, abs=1e-12)
        if scale in ("slaney", "htk"):
            assert there == pytest.approx(librosa.hz_to_mel(hz, htk=scale == "htk"), rel=1e-12)
        else:  # 2595 / ln 10 is 1126.994
            assert there == pytest.approx(librosa.hz_to_mel(hz, htk=True), rel=1e-5)


@pytest.mark.parametrize("scale", ["kaldi", "tf"])
@pytest.mark.parametrize(
    ("sr", "n_fft", "n_mels", "fmin", "fmax"),
    [(16000, 512, 80, 20, None), (16000, 512, 64, 125, 7500), (8000, 255, 10, 0, None)],
)
def test_triangles_that_are_straight_over_mel(scale, sr, n_fft, n_mels, fmin, fmax):
    weights = melling.mel_filterbank(sr, n_fft, n_mels, fmin, fmax, scale, None)
    top = sr / 2 if fmax is None else fmax
    bins = 1127 * np.log1p(np.arange(1 + n_fft // 2) * sr / n_fft / 700)
    low, high = 1127 * np.log1p(fmin / 700), 1127 * np.log1p(top / 700)
    distance = (high - low) / (n_mels + 1)
    peaks = low + distance * np.arange(1, n_mels + 1)
    expected = np.clip(1 - np.abs(bins - peaks[:, np.newaxis]) / distance, 0, None)
    # In no filter: Kaldi's Nyquist (it keeps n_fft / 2 bins), TensorFlow's bin 0.
    expected[:, 0 if scale == "tf" else n_fft // 2 if n_fft % 2 == 0 else []] = 0
    np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-12)
    inside = (bins > peaks[0]) & (bins < peaks[-1])
    np.testing.assert_allclose(weights.sum(axis=0)[inside], 1, rtol=1e-12)


# --- compress -------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", [1.0, 3.0, 1e-12, "max"])
@pytest.mark.parametrize("floor", [1e-10, 0.01])
@pytest.mark.parametrize("top_db", [None, 80.0, 10.0])
def test_decibels_are_librosas(ref, floor, top_db):
    M = np.geomspace(1e-14, 1e3, 60).reshape(6, 10)
    expected = librosa.power_to_db(
        M, ref=np.max if ref == "max" else ref, amin=floor, top_db=top_db
    )
    actual = compress.compress(M, 1, 1, "db", 0.0, floor, ref, top_db)
    closely(actual, expected, 1e-13)
    for name, unit in (("log10", 10), ("ln", 10 / np.log(10))):
        again = compress.compress(M, 1, 1, name, 0.0, floor, ref, top_db)
        closely(again * unit, expected, 1e-13)


def test_logarithms_by_hand():
    M = np.array([[0.0, 0.5, 99.0]])
    closely(compress.compress(M, 1, 1, "log10", 1.0), np.log10([[1, 1.5, 100]]))
    closely(compress.compress(M, 1, 1, "log10", 1.0, 9.0), np.log10([[10, 10, 100]]) - np.log10(9))
    closely(compress.compress(M, 1, 1, "log10", 1.0, None, 10.0), np.log10([[1, 1.5, 100]]) - 1)
    closely(compress.compress(M, 1, 1, "ln", 1.0, None, "max", 10.0), np.log([[0.1, 0.1, 1]]))
    closely(compress.compress(M, 1, 1, "ln"), np.log(M + 1e-9))


def test_powers_by_hand():
    M = np.array([[0.0, 4.0, 9.0]])
    exactly(compress.compress(M, 1, 1, None), M)
    exactly(compress.compress(M, 1, 1, None, floor=5), [[5, 5, 9]])
    exactly(compress.compress(M, 1, 1, ("power", 0.5)), [[0, 2, 3]])
    exactly(compress.compress(M, 1, 1, ["power", 0.5], floor=4), [[2, 2, 3]])


@pytest.mark.parametrize(
    "numbers",
    [
        (),
        (0.98, 2, 0.5, 0.4, 1e-6),
        (0.8, 10, 0.25, 0.06, 1e-3),
        (0.5, 0, 0.3, 0.4, 1e-6),
        (0.98, 2, 0, 0.4, 1e-6),
        (0, 1, 1, 2.5, 1e-12),
    ],
)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 2.0**31])
def test_pcen_is_librosas(numbers, scale):
    M = scale * librosa_mel(Y, sr=16000, n_fft=512, hop_length=100, n_mels=30, power=1)
    names = ("gain", "bias", "power", "time_constant", "eps")
    options = dict(zip(names, numbers, strict=False))
    with np.errstate(divide="ignore"):  # it takes the logarithm of 0
        expected = librosa.pcen(M, sr=16000, hop_length=100, **options)
    actual = compress.compress(M, 16000, 100, ("pcen", *numbers) if numbers else "pcen")
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-14 * expected.max())


# --- normalise ------------------------------------------------------------------------------


def test_normalisations_by_hand():
    L = np.array([[1.0, 3.0], [-4.0, 8.0]])
    mean, std = 2.0, np.sqrt((1 + 1 + 36 + 36) / 4)
    closely(normalise.normalise(L, "image"), (L - mean) / (std + 1e-6))
    expected = [[-1 / (1 + 1e-6), 1 / (1 + 1e-6)], [-6 / (6 + 1e-6), 6 / (6 + 1e-6)]]
    closely(normalise.normalise(L, "frequency"), np.array(expected))
    exactly(normalise.normalise(L, "max"), L / 8)
    exactly(normalise.normalise(L - 9, "max"), [[0, 0], [0, 0]])
    exactly(normalise.normalise(L, (-4, 4)), [[1.25, 1.75], [0, 3]])
    exactly(normalise.normalise(L, [[1, 0], [2, 4]]), [[0, 1], [-1, 2]])
    exactly(normalise.normalise(L), L)
    exactly(normalise.fill_columns(L, 3), [[1, 3, 0], [-4, 8, 0]])


# --- image ----------------------------------------------------------------------------------


def test_pixels_by_hand():
    G = np.array([[0.0, 0.5, 127.4], [127.6, 254.5, 255.0]])
    exactly(image.pixels(G), [[128, 1, 0], [255, 255, 128]])
    exactly(image.pixels(G, flip=False, invert=False), [[0, 0, 127], [127, 254, 255]])
    exactly(image.pixels(G, "nearest", False, False), [[0, 1, 127], [128, 255, 255]])
    exactly(image.pixels(G, "ceil", False, False), [[0, 1, 128], [128, 255, 255]])
    exactly(image.pixels(G, "ceil", False, True), np.trunc(255 - G))  # Riffusion's words
    deep = image.pixels(image.grey(np.array([[0.0, 1.0], [0.5, 2.0]]), bits=16), bits=16)
    assert deep.dtype == np.uint16
    exactly(deep, [[65535 - 16383, 0], [65535, 65535 - 32767]])


def test_a_range_clips():
    L = np.array([[-100.0, -60.0, -40.0, 5.0]])
    exactly(image.grey(L, (-80, 0)), [[0, 63.75, 127.5, 255]])
    exactly(image.grey(L, "minmax", 16)[:, [0, -1]], [[0, 65535]])
    exactly(image.grey(np.full((2, 2), -3.0)), np.zeros((2, 2)))
    assert (image.pixels(image.grey(np.full((2, 2), -3.0)), invert=False) == 0).all()


# --- all of them ----------------------------------------------------------------------------

FRAMING = {"sr": 16000, "n_fft": 512, "hop_length": 128, "n_mels": 40}


def test_features_in_decibels():
    expected = librosa.power_to_db(librosa_mel(Y, **FRAMING), ref=np.max, top_db=80)
    actual = pipeline.features(
        Y, **FRAMING, compress="db", offset=0, floor=1e-10, ref="max", top_db=80
    )
    closely(actual, expected, 1e-10)


def test_pcen_of_samples_in_their_integer_range():
    M = librosa_mel(Y * 2.0**31, **FRAMING, power=1)
    expected = librosa.pcen(M, sr=16000, hop_length=128)
    closely(
        pipeline.features(Y, **FRAMING, gain=2.0**31, power=1, compress="pcen"), expected, 1e-10
    )


def test_a_filtered_frame_of_kaldis_kind():
    """Every step on one frame, by hand."""
    options = {"framing": "snip", "n_fft": 512, "win_length": 400, "hop_length": 160}
    x = Y[160:560] - Y[160:560].mean()
    x = x - 0.97 * np.concatenate([x[:1], x[:-1]])
    x = x * scipy.signal.windows.hann(400, sym=True) ** 0.85
    S = np.abs(np.fft.rfft(x, 512)) ** 2  # rfft appends the zeros
    bank = melling.mel_filterbank(16000, 512, 80, 20, None, "kaldi", None)
    actual = pipeline.features(
        Y, **options, sr=16000, window="povey", periodic=False, remove_dc=True, preemphasis=0.97,
        n_mels=80, fmin=20, mel_scale="kaldi", norm=None, offset=0, floor=1e-7, layout="frames",
    )  # fmt: skip
    assert actual.shape == (1 + (6000 - 400) // 160, 80)
    closely(actual[1], np.log(np.maximum(bank @ S, 1e-7)))


def test_columns_are_dropped_before_and_filled_after_statistics():
    y = np.concatenate([0.01 * Y, Y])
    options = FRAMING | {"ref": "max", "offset": 0, "floor": 1e-10}
    quiet = pipeline.features(y, **options, columns=40)
    assert quiet.shape == (40, 40)
    assert quiet.max() == 0
    full = pipeline.features(y, **options, columns=120)
    exactly(full[:, 94:], np.zeros((40, 26)))
    closely(full[:, :94], pipeline.features(y, **options))
    normal = pipeline.features(y, **options, columns=120, normalise="image")
    closely(normal, (full - full.mean()) / (full.std() + 1e-6))


def test_layouts_and_patches():
    L = pipeline.features(Y, **FRAMING)  # 47 frames
    exactly(pipeline.features(Y, **FRAMING, layout="frames"), L.T)
    exactly(pipeline.features(Y, **FRAMING, layout="flipped"), L[::-1])
    patches = pipeline.features(Y, **FRAMING, patch=20, patch_step=9)
    exactly(patches, [L[:, 0:20], L[:, 9:29], L[:, 18:38], L[:, 27:47]])
    patches = pipeline.features(Y, **FRAMING, patch=20, layout="frames")
    exactly(patches, [L[:, 0:20].T, L[:, 20:40].T])
    assert pipeline.features(Y, **FRAMING, patch=50).shape == (0, 40, 50)
    padded = pipeline.features(Y, **FRAMING, patch=50, tail="pad")
    exactly(padded[0], pipeline.features(np.pad(Y, (0, 49 * 128 - 6000)), **FRAMING))


def test_mels_are_stacked_as_channels():
    other = {"n_fft": 256, "fmax": 4000}
    both = FRAMING | {"stack": [other]}
    exactly(pipeline.features(Y, **both)[..., 0], pipeline.features(Y, **FRAMING))
    exactly(pipeline.features(Y, **both)[..., 1], pipeline.features(Y, **(FRAMING | other)))
    exactly(pipeline.image(Y, **both)[..., 1], pipeline.image(Y, **(FRAMING | other)))
    assert pipeline.features(Y, **both, patch=10, layout="frames").shape == (4, 10, 40, 2)


def test_channels_are_mixed_in_images_and_kept_in_features():
    y = np.stack([Y, 0.3 * Y[::-1]])
    exactly(pipeline.features(y, **FRAMING)[1], pipeline.features(y[1], **FRAMING))
    exactly(pipeline.image(y, **FRAMING), pipeline.image((y[0] + y[1]) / 2, **FRAMING))


def test_what_is_no_parameter_is_refused():
    with pytest.raises(TypeError, match="n_mel"):
        pipeline.features(Y, n_mel=3)
