# SPDX-License-Identifier: MIT
"""Short sounds that are resampled together: bit for bit as alone, or left for their turn."""

import io
import os
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from melpix.audio.load import read_blocks, read_clip
from melpix.audio.resample import resample_several
from melpix.convert.cut import Cut
from melpix.dataset import grey_range
from melpix.dataset.plan import Plan
from melpix.dataset.read_ahead import _MOST, _PAUSE, Ahead
from melpix.dataset.sources.item import Item
from melpix.dataset.worker import Converter
from melpix.errors import DecodeError
from melpix.workers import process

SR = 22050
RATES = st.sampled_from([7999, 8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000])
LENGTHS = st.lists(st.one_of(st.integers(1, 5), st.integers(1, 9000)), min_size=1, max_size=8)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32)


def wav(y: np.ndarray, sr: int = 8000, format: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, y, sr, format=format, subtype=None if format == "OGG" else "PCM_16")
    return file.getvalue()


def version(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


def items(paths: list[str]) -> list[Item]:
    return [Item(path, os.path.basename(path)[:-4]) for path in paths]


def taken(one: Ahead, path: str):
    return one.take(path, version(path))[0]


@pytest.fixture
def files(tmp_path):
    def write(*contents: bytes) -> list[str]:
        paths = [str(tmp_path / f"{i}.wav") for i in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            with open(path, "wb") as file:
                file.write(content)
        return paths

    return write


@settings(max_examples=400, deadline=None)
@given(LENGTHS, RATES, RATES)
def test_together_as_alone(lengths, sr, target):
    ys = [noise(n, i) for i, n in enumerate(lengths)]
    together = resample_several(ys, sr, target)
    for y, resampled in zip(ys, together, strict=True):
        file = io.BytesIO()
        soundfile.write(file, y, sr, format="WAV", subtype="FLOAT")
        alone = read_clip(file.getvalue(), sr=target).y
        assert np.array_equal(resampled, alone)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 40_000), st.integers(100, 200_000), st.one_of(st.floats(100, 2e5), RATES))
def test_how_many_samples_one_gives_is_known_for_any_rates(n, sr, target):
    n = min(n, int(200_000 * sr / target) + 1)
    ys = [noise(n), noise(n + 7)]
    together = resample_several(ys, sr, target)
    assert np.array_equal(together[0], resample_several(ys[:1], sr, target)[0])
    file = io.BytesIO()
    soundfile.write(file, ys[0], sr, format="WAV", subtype="FLOAT")
    if target != sr:
        assert np.array_equal(together[0], read_clip(file.getvalue(), sr=target).y)


@pytest.mark.parametrize("sr", [SR, 8000, None])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_ready_is_what_would_be_read(files, channels, sr):
    shape = (-1,) if channels == 1 else (-1, channels)
    kinds = (4000, "WAV"), (1, "WAV"), (7999, "WAV"), (5000, "FLAC")
    paths = files(*(wav(noise(n * channels, n).reshape(shape), format=f) for n, f in kinds))
    one = Ahead(sr)
    assert one.look(items(paths)) == 4
    for path in paths:
        source, expected = taken(one, path), read_clip(path, sr=sr)
        assert source is not None
        for clip in (read_clip(source, sr=sr), *read_blocks(source, sr=sr)):
            assert clip is source.clip
        for name in ("sr", "source_sr", "channels", "offset", "duration", "truncated"):
            assert getattr(source.clip, name) == getattr(expected, name)
        assert np.array_equal(source.clip.y, expected.y)
        assert source.clip.y.dtype == expected.y.dtype


@pytest.mark.parametrize(
    "asked", [{"sr": 16000}, {"sr": None}, {"offset": 0.1}, {"duration": 0.1}, {"samples": 9}]
)
def test_whoever_wants_something_else_gets_that(files, asked):
    (path, *_) = paths = files(wav(noise(4000)), wav(noise(4000)))
    one = Ahead(SR)
    one.look(items(paths))
    clip, expected = read_clip(taken(one, path), **asked), read_clip(path, **asked)
    assert np.array_equal(clip.y, expected.y)
    assert (clip.sr, clip.duration) == (expected.sr, expected.duration)


def test_a_sound_longer_than_may_be_read_is_refused(files):
    paths = files(wav(noise(4000)), wav(noise(4000)))
    one = Ahead(SR)
    one.look(items(paths))
    source = taken(one, paths[0])
    assert read_clip(source, sr=SR, max_seconds=0.5).duration == 0.5
    for read in (read_clip, lambda *a, **k: list(read_blocks(*a, **k))):
        with pytest.raises(DecodeError, match="too long"):
            read(source, sr=SR, max_seconds=0.499)


def test_a_file_that_changes_is_read_again(files):
    paths = files(wav(noise(4000)), wav(noise(4000)))
    one = Ahead(SR)
    one.look(items(paths))
    assert taken(one, paths[1]) is not None
    os.utime(paths[1], ns=(0, 0))
    assert taken(one, paths[1]) is None


@pytest.mark.parametrize(
    ("other", "alone"),
    [
        (wav(noise(4000), SR), 1),  # of the rate that is wanted: its samples stay int16
        (wav(noise(4000), 16000), 1),  # of another rate than those before
        (wav(noise(4000), format="OGG"), _PAUSE),  # which the core does not decode
        (wav(noise(4000))[:-1], _PAUSE),
        (wav(noise(100_000)), _PAUSE),  # long
        (wav(noise(0)), _PAUSE),
        (b"", _PAUSE),
        (b"rubbish", _PAUSE),
    ],
)
def test_what_is_unusual_is_left_for_its_turn(files, other, alone):
    good = wav(noise(4000))
    paths = files(good, good, other, good)
    one = Ahead(SR)
    assert one.look(items(paths)) == 2
    assert [taken(one, path) is not None for path in paths] == [True, True, False, False]
    assert one.look(items(paths[2:])) == alone
    assert taken(one, paths[0]) is None


def test_a_file_that_is_not_there_leaves_all_for_their_turn(files, tmp_path):
    good, missing = files(wav(noise(4000)))[0], str(tmp_path / "missing.wav")
    one = Ahead(SR)
    assert one.look(items([good, missing])) == _PAUSE
    assert taken(one, good) is None


def test_a_part_of_a_file_is_left_for_its_turn(files):
    whole, after = items(files(wav(noise(4000)), wav(noise(4000))))
    one = Ahead(SR)
    assert one.look([whole, after._replace(duration=0.1), whole]) == 1
    assert one.look([after._replace(offset=0.1), whole]) == _PAUSE


@pytest.mark.parametrize("plan", [Plan(), Plan(cut=Cut(native=True)), Plan(cut=Cut(time_steps=5))])
def test_the_range_is_that_without_reading_ahead(files, plan, monkeypatch):
    monkeypatch.setattr(grey_range, "listener", lambda: None)
    sources = items(files(*(wav(noise(n, n)) for n in (3000, 4000, 5000))))
    meter = grey_range._Meter(plan)
    alone = [meter(source) for source in sources]
    assert meter.prepare(iter(sources)) == 3
    for source, seen in zip(sources, alone, strict=True):
        monkeypatch.setattr("melpix._core.open_sound", None)  # nobody reads it again
        again = meter(source)
        assert again[:2] == seen[:2]
        assert all(map(np.array_equal, again.bins, seen.bins))


@pytest.mark.parametrize(
    ("sr", "target", "together"),
    [
        (8000, 22050, True),
        (16000, 22050, True),
        (8000, 44100, True),
        (11025, 16000, True),
        (7999, 22050.5, True),
        (44100, 22050, False),
        (48000, 22050, False),
        (44100, 16000, False),
        (48000, 16000, False),
        (32000, 22050, False),
        (22050, 22049.5, False),
        (8000, 16000, False),
        (11025, 22050, False),
        (44100, 48000, False),
    ],
)
def test_sounds_are_together_where_that_saves_time(files, monkeypatch, sr, target, together):
    channels = []
    resample = soxr.resample

    def watched(y, *rates, **options):
        channels.append(y.shape[1:])
        return resample(y, *rates, **options)

    monkeypatch.setattr(soxr, "resample", watched)
    paths = files(*(wav(noise(n, n), sr) for n in (4000, 3000)))
    one = Ahead(target)
    assert one.look(items(paths)) == 2
    assert channels == ([(2,)] if together else [(), ()])
    for path in paths:
        clip = taken(one, path).clip
        assert np.array_equal(clip.y, read_clip(path, sr=target).y)


def test_rates_may_differ_where_each_stays(files):
    paths = files(*(wav(noise(400), sr) for sr in (8000, 16000, 8000) * 4))
    one = Ahead(None)
    assert one.look(items(paths)) == _MOST
    assert [taken(one, path).clip.sr for path in paths[:4]] == [8000, 16000, 8000, 8000]
    assert taken(one, paths[_MOST]) is None


@pytest.mark.parametrize(
    "options",
    [{}, {"native": True}, {"time_steps": 9}, {"time_steps": 9, "overlap": 1, "tail": "keep"}],
)
def test_images_are_those_without_reading_ahead(files, tmp_path, options, monkeypatch):
    deaf = SimpleNamespace(heard=list)  # this process is no worker: it keeps its standard error
    monkeypatch.setattr(process, "listener", lambda: deaf)
    if options.pop("overlap", None):
        options["step"] = 4
    paths = files(*(wav(noise(n, n)) for n in range(3000, 8000, 400)))
    sources = items(paths)
    images, records = [], []
    for looking in (True, False):
        folder = tmp_path / str(looking)
        folder.mkdir()
        converter = Converter(Plan(cut=Cut(**options)), str(folder))
        for i, item in enumerate(sources):
            if looking and i % _MOST == 0:
                assert converter.prepare(iter(sources[i:])) == min(_MOST, len(sources) - i)
            outcome = converter(item)
            assert {record.status for record in outcome.records} == {"ok"}
            records.append(outcome.records)
            assert outcome.seconds["decode"] > 0
        images.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert images[0] == images[1]
    assert records[: len(sources)] == records[len(sources) :]
    assert len(images[0]) >= len(sources)
