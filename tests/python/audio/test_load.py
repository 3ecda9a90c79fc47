# SPDX-License-Identifier: MIT
"""melpix.load gives librosa.load's samples, all of them; read_clip the same, or their int16."""

import io
import itertools
import os
import pathlib
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from melpix import Frontend, _core
from melpix.audio.load import load, probe, read_clip
from melpix.audio.sound import mix
from sounds import KINDS, OPUS_RATES, PLAIN, chirp, encode, flac_frames, librosa_load

RATES = (8000, 11025, 16000, 22050, 44100, 48000)
STRETCHES = ((0.0, None), (0.3, None), (0.123456, 0.5), (0.0, 0.25), (1e-9, 9.0))


def assert_as_librosa(path, **options):
    expected, expected_sr = librosa_load(path, **options)
    y, sr = load(path, **options)
    assert sr == expected_sr
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)  # shapes too


FILES = [
    (kind, channels)
    for kind, channels in itertools.product(KINDS, (1, 2, 6))
    if (kind, channels) != ("mp3", 6)
]


@pytest.mark.parametrize(("kind", "channels"), FILES)
def test_formats_rates_and_stretches(tmp_path, kind, channels):
    for rate in OPUS_RATES if kind == "opus" else RATES:
        path = tmp_path / f"{rate}.{kind}"
        path.write_bytes(encode(kind, chirp(rate + 17, channels, rate), rate))
        for sr, (offset, duration) in itertools.product((22050, 16000, None), STRETCHES):
            assert_as_librosa(path, sr=sr, offset=offset, duration=duration)


@pytest.mark.parametrize(("kind", "channels"), FILES)
def test_channels_kept_and_double_precision(tmp_path, kind, channels):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(encode(kind, chirp(48000, channels, 48000), 48000))
    for sr, mono, dtype in itertools.product((22050, None), (True, False), ("f4", "f8")):
        assert_as_librosa(path, sr=sr, mono=mono, dtype=dtype, offset=0.1)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"])
def test_encodings(tmp_path, kind):
    names = ["PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
    for subtype in names:
        if not soundfile.check_format(kind, subtype):
            continue
        path = tmp_path / subtype
        path.write_bytes(encode(kind, chirp(5000, 2), 44100, subtype))
        assert_as_librosa(path)
        assert probe(path)["subtype"] == subtype


@pytest.mark.parametrize("channels", [3, 4, 5, 7, 8, 9, 130, 1000])
def test_many_channels(tmp_path, channels):
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", chirp(1000, channels), 44100, "FLOAT"))
    assert_as_librosa(path)
    assert_as_librosa(path, mono=False, sr=None)


@pytest.mark.parametrize("channels", [2, 5, 7, 8, 50])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mix_is_the_mean(channels, dtype):
    y = np.random.default_rng(channels).standard_normal((3001, channels)).astype(dtype)
    out = np.empty(len(y), dtype)
    mix(y, out)
    np.testing.assert_array_equal(out, np.mean(y.T, axis=0))


def test_any_stretch_in_frames(tmp_path):
    """Offsets and durations that fall on and between frames are cut as librosa cuts them."""
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", chirp(4410, 2, 44100), 44100))
    rng = np.random.default_rng(1)
    for _ in range(300):
        offset, duration = rng.uniform(0, 0.09), rng.uniform(1e-3, 0.12)
        if rng.random() < 0.3:
            offset = rng.integers(0, 4000) / 44100
        assert_as_librosa(path, sr=None, offset=offset, duration=duration)
    assert_as_librosa(path, sr=None, offset=np.float32(0.03), duration=np.float32(0.05))


@pytest.mark.parametrize("sr", [22050.5, 100, 1_000_000, 44099, np.float64(8000)])
def test_unusual_target_rates(tmp_path, sr):
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", chirp(300, 2), 44100))
    assert_as_librosa(path, sr=sr)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_very_short(tmp_path, n):
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", chirp(n), 44100))
    for sr in (44100, 22050, 16000, 96000):
        assert_as_librosa(path, sr=sr)


def test_longer_than_the_first_buffer(tmp_path):
    """Silence packs so well that the buffer has to grow on the way, twice here."""
    n = 2 * 2**22 + 12345
    y = np.zeros(n, np.float32)
    y[::100000] = np.linspace(-0.5, 0.5, len(y[::100000]))
    data = encode("flac", y, 44100)
    path = tmp_path / "x.flac"
    path.write_bytes(data)
    assert len(data) < 2**20
    assert_as_librosa(path, sr=None)
    streamed, _ = load(flac_frames(data, 0), sr=None)
    np.testing.assert_array_equal(streamed, load(path, sr=None)[0])


def test_denormals(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", np.full((4000, 2), 1e-42, np.float32), 44100, "FLOAT"))
    assert_as_librosa(path)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_and_open_files(tmp_path, kind):
    data = encode(kind, chirp(48000, 2, 48000), 48000)
    path = tmp_path / "x"
    path.write_bytes(data)
    expected, _ = load(path)
    sources = [str(path), data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)]
    for source in [*sources, io.BytesIO(data)]:
        np.testing.assert_array_equal(load(source)[0], expected)
    with open(path, "rb") as file:
        np.testing.assert_array_equal(load(file)[0], expected)
        assert not file.closed


def test_open_file_is_read_from_where_it_stands():
    data = encode("wav", chirp(1000), 22050)
    file = io.BytesIO(b"something else" + data)
    file.seek(len(b"something else"))
    np.testing.assert_array_equal(load(file)[0], load(data)[0])


@pytest.mark.parametrize(
    "name",
    [
        b"-",
        b"-rf.wav",
        b"--help",
        b"new\nline.wav",
        b"tab\t'quote\".wav",
        b"\xff\xfe\x80.wav",
        "caf\u00e9.wav".encode(),
        "cafe\u0301.wav".encode(),
        b"x" * 251 + b".wav",
        b" ",
    ],
)
def test_names(tmp_path, monkeypatch, name):
    data = encode("wav", chirp(1000), 22050)
    monkeypatch.chdir(tmp_path)
    with open(name, "wb") as file:
        file.write(data)
    for path in (os.fsdecode(name), pathlib.Path(os.fsdecode(name))):
        np.testing.assert_array_equal(load(path)[0], load(data)[0])
        assert read_clip(path).y.shape == (1000,)


@pytest.mark.parametrize(("kind", "channels"), FILES)
def test_clip(kind, channels):
    """int16 exactly where the file is 16-bit PCM as it is; it stands for the same samples."""
    data = encode(kind, chirp(48000, channels, 48000), 48000)
    clip = read_clip(data, sr=None, offset=0.25, duration=0.5)
    y, sr = load(data, sr=None, offset=0.25, duration=0.5, mono=kind not in PLAIN)
    assert clip.y.dtype == (np.int16 if kind in PLAIN else np.float32)
    np.testing.assert_array_equal(clip.y / np.float32(32768) if kind in PLAIN else clip.y, y)
    assert (clip.sr, clip.source_sr, clip.channels) == (sr, 48000, channels)
    assert (clip.offset, clip.duration) == (0.25, 0.5)
    assert (clip.truncated, clip.length_estimated) == (False, False)
    assert clip.y.T.flags.c_contiguous  # the interleaved samples, not a copy

    resampled = read_clip(data)
    np.testing.assert_array_equal(resampled.y, load(data)[0])
    assert (resampled.sr, resampled.source_sr, resampled.duration) == (22050, 48000, 1.0)


@pytest.mark.parametrize(("kind", "channels"), FILES)
@pytest.mark.parametrize("sr", [22050, None])
def test_the_first_samples(kind, channels, sr):
    """Decoding ends early, but what is given of the sound stays the same."""
    data = encode(kind, chirp(2 * 48000, channels, 48000), 48000)
    whole = read_clip(data, sr=sr, offset=0.25)
    for samples in (1, 1000, 11025):
        clip = read_clip(data, sr=sr, offset=0.25, samples=samples)
        np.testing.assert_array_equal(clip.y, whole.y[..., :samples])
        assert clip.duration < whole.duration
    assert read_clip(data, sr=sr, samples=22050, duration=0.25).duration == 0.25
    np.testing.assert_array_equal(read_clip(data, sr=sr, offset=0.25, samples=10**9).y, whole.y)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_memory_is_used_again(kind):
    """The same samples, whatever lay there before, and nobody's while somebody has them."""
    sounds = [encode(kind, chirp(n, 2, 48000), 48000) for n in (48000, 7, 96000, 3000)]
    held = [read_clip(sound, sr=None).y for sound in sounds]
    expected = [y.copy() for y in held]

    def read(i):
        y = read_clip(sounds[i % 4], sr=None).y
        np.testing.assert_array_equal(y, expected[i % 4])
        return y.ctypes.data

    assert read(0) == read(0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read, range(100)))
    assert not any(np.shares_memory(y, read_clip(sounds[0], sr=None).y) for y in held)
    for y, samples in zip(held, expected, strict=True):
        np.testing.assert_array_equal(y, samples)


def test_memory_that_is_kept_is_bounded():
    """Sounds and images of all lengths; what is kept beside the bounds would be the heap's."""
    f = Frontend()
    for seconds in (0.5, 600, 3, 1800, 60, 7200, 10):
        f.image(read_clip(encode("wav", np.zeros((int(22050 * seconds), 1), np.int16), 22050)).y)
        thread, process = _core.kept_memory()
        assert 0 < thread <= _core.THREAD_KEEPS == 8 << 20
        assert process <= _core.PROCESS_KEEPS <= 128 << 20


@pytest.mark.parametrize("kind", KINDS)
def test_probe(kind):
    facts = probe(encode(kind, chirp(48000, 2, 48000), 48000))
    in_core = kind not in ("vorbis", "opus", "mp3")  # which remarks on what is odd only
    assert (facts.pop("info") == []) == in_core
    container, subtype = KINDS[kind]
    assert facts == {
        "format": container,
        "subtype": subtype,
        "sr": 48000,
        "channels": 2,
        "frames": 48000,
        "duration": 1.0,
        "truncated": False,
        "length_estimated": False,
        "joined": False,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"offset": -0.1}, "offset must be finite and >= 0 seconds, got -0.1"),
        ({"offset": float("nan")}, "offset must be finite and >= 0 seconds, got nan"),
        ({"offset": float("inf")}, "offset must be finite and >= 0 seconds, got inf"),
        ({"duration": -1}, "duration must be finite and >= 0 seconds, got -1"),
        ({"duration": float("nan")}, "duration must be finite and >= 0 seconds, got nan"),
        ({"duration": float("inf")}, "duration must be finite and >= 0 seconds, got inf"),
        ({"sr": 0}, "sr must lie in 100 .. 10000000 Hz, got 0"),
        ({"sr": 99.9}, "sr must lie in 100 .. 10000000 Hz, got 99.9"),
        ({"sr": 10_000_001}, "sr must lie in 100 .. 10000000 Hz, got 10000001"),
        ({"sr": float("nan")}, "sr must lie in 100 .. 10000000 Hz, got nan"),
    ],
)
def test_nonsense_is_refused(options, message):
    data = encode("wav", chirp(1000), 22050)
    for read in (load, read_clip):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read(data, **options)


@pytest.mark.parametrize("max_seconds", [0, -1, float("nan")])
def test_max_seconds_is_positive(max_seconds):
    with pytest.raises(ValueError, match=f"max_seconds must be > 0, got {max_seconds}"):
        read_clip(encode("wav", chirp(10), 22050), max_seconds=max_seconds)


@pytest.mark.parametrize("dtype", [np.int16, np.float16, np.complex64, np.longdouble])
def test_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got "):
        load(encode("wav", chirp(10), 22050), dtype=dtype)


@pytest.mark.parametrize("source", [None, 3, 1.5, object(), ["x.wav"], io.StringIO("RIFF")])
def test_other_sources_are_refused(source):
    with pytest.raises(TypeError):
        load(source)


RECORDINGS = os.environ.get("MELPIX_TEST_AUDIO")


@pytest.mark.skipif(not RECORDINGS, reason="MELPIX_TEST_AUDIO names no folder of recordings")
def test_recordings():
    paths = sorted(p for p in pathlib.Path(RECORDINGS).rglob("*") if p.suffix in (".ogg", ".wav"))
    assert paths
    for path in paths[:40]:
        assert_as_librosa(path)
        assert_as_librosa(path, sr=None, offset=0.1, duration=5.0)
