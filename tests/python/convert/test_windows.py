# SPDX-License-Identifier: MIT
"""Windows are slices of the whole sound, whatever is decoded at a time; faults show on the way."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from grids import at
from melpix.audio import load as audio_load
from melpix.audio.load import load, read_blocks, read_clip
from melpix.convert.cut import Cut
from melpix.convert.windows import Window, cut_sound, windows
from melpix.errors import DecodeError, EncodeError, MelpixError, SignalError
from melpix.frontend.frontend import Frontend
from melpix.frontend.lengths import columns_of_sound, left_out
from sounds import KINDS, PLAIN, chirp, encode, flac_frames, vbr_mp3, without_xing

RATE = 48000
SMALL = Frontend(sr=8000, hop_length=64, n_fft=256, n_mels=8)
FILES = [
    (kind, channels)
    for kind, channels in itertools.product(KINDS, (1, 2, 6))
    if (kind, channels) != ("mp3", 6)
]
BLOCKS = (1000, 2**14 + 1, 2**19)


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    """Two seconds of stereo in each kind of file."""
    return {kind: encode(kind, chirp(2 * RATE, 2, RATE), RATE) for kind in KINDS}


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many samples are decoded at a time."""
    return lambda size: monkeypatch.setattr(audio_load, "_BLOCK", size)


def pcm(n: int, sr: int = 8000, channels: int = 1) -> bytes:
    return encode("wav", chirp(n, channels, sr), sr)


# Blocks


@pytest.mark.parametrize(("kind", "channels"), FILES)
def test_blocks_join_to_the_clip(block: Callable[[int], None], kind: str, channels: int) -> None:
    data = encode(kind, chirp(RATE + 17, channels, RATE), RATE)
    stretches = ((0.0, None), (0.3, None), (0.1, 0.4567))
    for sr, (offset, duration) in itertools.product((None, 22050, 96000), stretches):
        clip = read_clip(data, sr=sr, offset=offset, duration=duration)
        for size in BLOCKS:
            block(size)
            parts = list(read_blocks(data, sr=sr, offset=offset, duration=duration))
            joined = np.concatenate([part.y for part in parts], axis=-1)
            np.testing.assert_array_equal(joined, clip.y, strict=True)
            assert math.isclose(sum(part.duration for part in parts), clip.duration)
            assert parts[0].offset == offset
            assert {(p.sr, p.source_sr, p.channels) for p in parts} == {
                (clip.sr, clip.source_sr, clip.channels)
            }
            assert len(parts) > 1 or size == BLOCKS[-1]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.integers(100, 200_000) | st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    st.integers(100, 200_000) | st.sampled_from([8000, 16000, 22050, 22050.5, 44100]),
    st.integers(1, 20_000),
    st.integers(1, 30_000),
)
def test_resampling_in_blocks_is_bit_equal(rate: int, sr: float, n: int, size: int) -> None:
    n = max(1, min(n, int(200_000 * rate / sr)))
    data = encode("wav", chirp(n, 1, rate), rate, "FLOAT")
    before = audio_load._BLOCK
    audio_load._BLOCK = max(size, n // 100)
    try:
        joined = np.concatenate([part.y for part in read_blocks(data, sr=sr)])
    finally:
        audio_load._BLOCK = before
    np.testing.assert_array_equal(joined, load(data, sr=sr)[0], strict=True)


# Slices


@pytest.mark.parametrize(("kind", "channels"), FILES)
def test_windows_are_slices(block: Callable[[int], None], kind: str, channels: int) -> None:
    data = encode(kind, chirp(2 * RATE, channels, RATE), RATE)
    rates: tuple[Any, ...] = (None, 16000, "native")
    parts = ((7, 3, 0.0, None), (20, None, 0.5, 1.25))
    for sr, (steps, step, offset, duration) in itertools.product(rates, parts):
        rate = {None: 22050, "native": RATE}.get(sr, sr)
        y = read_clip(data, sr=rate, offset=offset, duration=duration).y
        n, hop = steps * 512, (step or steps) * 512
        for size in BLOCKS:
            block(size)
            found = list(
                windows(data, time_steps=steps, step=step, sr=sr, offset=offset, duration=duration)
            )
            assert len(found) == 1 + (y.shape[-1] - n) // hop
            for k, window in enumerate(found):
                np.testing.assert_array_equal(window.y, y[..., k * hop :][..., :n], strict=True)
                assert window.y.T.flags.c_contiguous
                assert (window.index, window.sr, window.frontend.sr) == (k, rate, rate)
                assert window.offset == pytest.approx(offset + k * hop / rate, abs=1e-12)
                assert window.duration == n / rate
                assert not window.padded
                assert not window.short


def test_samples_are_those_of_the_file_where_they_can_be() -> None:
    for kind, channels in FILES:
        data = encode(kind, chirp(RATE, channels, RATE), RATE)
        y = next(windows(data, time_steps=10, sr="native")).y
        assert y.dtype == (np.int16 if kind in PLAIN else np.float32)
        assert y.shape == ((channels, 5120) if kind in PLAIN and channels > 1 else (5120,))


def test_images_are_those_of_the_slices() -> None:
    data = encode("wav", chirp(5 * 22050, 2, 22050), 22050)
    y, _ = load(data)
    f = Frontend()
    for window in windows(data, time_steps=64):
        start = window.index * 64 * 512
        image = window.frontend.image(window.y)
        assert image.shape == (128, 65)
        np.testing.assert_array_equal(image, f.image(y[start : start + 64 * 512]))


def expected(n: int, length: int, step: int, tail: str, short: str) -> list[tuple[int, int, int]]:
    """(start, samples of sound, samples) of each window, told from the rules alone."""
    full = [start for start in range(0, n, step) if start + length <= n]
    if not full:
        return {"pad": [(0, n, length)], "skip": [], "keep": [(0, n, n)]}[short]
    windows = [(start, length, length) for start in full]
    start = full[-1] + step
    if full[-1] + length < n and start < n:
        windows += {
            "drop": [],
            "pad": [(start, n - start, length)],
            "shift": [(n - length, length, length)],
            "keep": [(start, n - start, n - start)],
        }[tail]
    return windows


@pytest.mark.parametrize("step", [1, 3, 5, 9])
@pytest.mark.parametrize("tail", ["drop", "pad", "shift", "keep"])
def test_the_end_of_the_sound(block: Callable[[int], None], tail: str, step: int) -> None:
    """At every border that a length can lie next to."""
    w, s = 5 * 64, step * 64
    borders = {0, w, w + s, w + 2 * s, 2 * s, w + 3 * s}
    frontend_lengths = sorted({b + d for b in borders for d in (-1, 0, 1)} - {-1, 0})
    for n, channels, size in itertools.product(frontend_lengths, (1, 2), (100, 2**19)):
        block(size)
        data = pcm(n, channels=channels)
        y = read_clip(data, sr=None).y
        for short in ("pad", "skip", "keep"):
            found = list(windows(data, SMALL, time_steps=5, step=step, tail=tail, short=short))
            wanted = expected(n, w, s, tail, short)
            assert [window.index for window in found] == list(range(len(wanted)))
            for window, (start, sound, samples) in zip(found, wanted, strict=True):
                assert window.y.shape[-1] == samples
                sliced = y[..., start : start + sound]
                np.testing.assert_array_equal(window.y[..., :sound], sliced, strict=True)
                assert not window.y[..., sound:].any()
                assert (window.offset, window.duration) == (start / 8000, sound / 8000)
                assert (window.padded, window.short) == (sound < samples, samples < w)
                assert window.frontend.image(window.y).shape == (8, 1 + samples // 64)


@pytest.mark.parametrize("first", [False, True])
def test_too_short_is_an_error_if_asked_for(tmp_path: Path, first: bool) -> None:
    path = tmp_path / "it's.wav"
    for n in (1, 319):
        path.write_bytes(pcm(n))
        with pytest.raises(DecodeError) as caught:
            next(windows(path, SMALL, time_steps=5, short="error", first=first))
        assert caught.value.code == "too_short"
        seconds = f"{n / 8000:.3f} s of sound, but a window takes 0.040 s"
        assert str(caught.value) == f"{str(path)!r}: {seconds}"
    path.write_bytes(pcm(320))
    assert len(list(windows(path, SMALL, time_steps=5, short="error", first=first))) == 1


def test_seconds_are_rounded_to_a_sample() -> None:
    for seconds, n in ((1 / 3, 2667), (0.1 + 0.2 - 1e-9, 2400), (0.09994, 800)):
        (first, *_) = windows(pcm(8000), SMALL, seconds=seconds, step=0.5)
        assert (len(first.y), first.duration) == (n, n / 8000)
    third = list(windows(pcm(8000), SMALL, seconds=0.1, step=1 / 3))[1]
    assert third.offset == 2667 / 8000


# Columns


@pytest.mark.parametrize("framing", ["center", "uncentered"])
@pytest.mark.parametrize(("hop", "n_fft"), [(64, 128), (64, 129), (64, 250), (50, 40), (1, 64)])
def test_exact_width(framing: str, hop: int, n_fft: int) -> None:
    f = Frontend(sr=8000, hop_length=hop, n_fft=n_fft, n_mels=2, framing=framing, fmin=500)
    data = pcm(1500)
    for steps in (2, 3, 5):
        found = list(windows(data, f, time_steps=steps, exact_width=True))
        assert len(found) > 1
        for window in found:
            assert window.offset == window.index * steps * hop / 8000  # begins where it does anyway
            assert f.image(window.y).shape[1] == steps
        n = len(found[0].y)
        if framing == "center":  # all samples of the window that make no column more
            assert n == steps * hop or f.image(np.zeros(n + 1, np.float32)).shape[1] == steps + 1
            assert n >= steps * hop - 1
        else:  # no sample that no frame sees
            assert n == n_fft or f.image(np.zeros(n - 1, np.float32)).shape[1] == steps - 1


def test_what_makes_no_frame_makes_no_window() -> None:
    f = Frontend(sr=8000, hop_length=64, n_fft=256, n_mels=8, framing="uncentered")
    keep: dict[str, Any] = {"tail": "keep", "short": "keep"}
    assert len(list(windows(pcm(640 + 255), f, time_steps=10, **keep))) == 1
    kept = list(windows(pcm(640 + 256), f, time_steps=10, **keep))
    assert [f.image(window.y).shape[1] for window in kept] == [7, 1]
    for time_steps in (10, None):
        assert len(list(windows(pcm(256), f, time_steps=time_steps, **keep))) == 1
        with pytest.raises(DecodeError, match=r"0\.032 s of sound, but a frame takes") as caught:
            next(windows(pcm(255), f, time_steps=time_steps, **keep))
        assert caught.value.code == "too_short"
    padded = next(windows(pcm(255), f, time_steps=10))
    assert padded.padded
    assert f.image(padded.y).shape[1] == 7


def test_a_frame_is_as_long_as_what_is_cut_for_it() -> None:
    f = Frontend(sr=8000, hop_length=80, n_fft=256, win_length=200, n_mels=8, framing="snip")
    assert len(list(windows(pcm(200), f))) == 1
    with pytest.raises(DecodeError, match=r"0\.025 s of sound, but a frame takes 0\.025 s$"):
        next(windows(pcm(199), f))
    f = Frontend(sr=8000, hop_length=80, n_fft=256, n_mels=8, framing="middle")
    assert len(list(windows(pcm(80), f))) == 1
    with pytest.raises(DecodeError, match=r"but a frame takes 0\.010 s$"):
        next(windows(pcm(79), f))


# One window


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sr", [None, "native"])
def test_the_first_window(whole: dict[str, bytes], kind: str, sr: Any) -> None:
    all_of_them = list(windows(whole[kind], time_steps=20, sr=sr, offset=0.25))
    assert len(all_of_them) > 1
    (first,) = windows(whole[kind], time_steps=20, sr=sr, offset=0.25, first=True)
    assert_equal(first, all_of_them[0])
    with pytest.raises(DecodeError, match="no sound at offset 9"):
        next(windows(whole[kind], time_steps=20, offset=9, first=True))


def test_the_first_window_takes_little(whole: dict[str, bytes]) -> None:
    """Of twenty minutes and of a file that is broken after its first second."""
    long = encode("flac", np.zeros(20 * 60 * 8000, np.float32), 8000)
    assert peak_memory(lambda: list(windows(long, SMALL, time_steps=10, first=True))) < 300_000
    middle = len(whole["flac"]) // 2
    broken = whole["flac"][:middle] + bytes(3000) + whole["flac"][middle + 3000 :]
    assert len(list(windows(broken, SMALL, time_steps=20, first=True, sr="native"))) == 1
    with pytest.raises(DecodeError):
        list(windows(broken, time_steps=20))


@pytest.mark.parametrize("sr", [None, "native"])
def test_the_whole_sound(sr: Any) -> None:
    for kind, channels in FILES:
        with at(kind, channels):
            check_the_whole_sound(kind, channels, sr)


def check_the_whole_sound(kind: str, channels: int, sr: Any) -> None:
    data = encode(kind, chirp(RATE, channels, RATE), RATE)
    clip = read_clip(data, sr=None if sr == "native" else 22050, offset=0.5)
    options: dict[str, Any] = {"tail": "keep", "short": "error", "step": 3, "first": True}
    for more in ({}, options):
        found = windows(data, time_steps=None, sr=sr, offset=0.5, **more)
        (window,) = found
        np.testing.assert_array_equal(window.y, clip.y, strict=True)
        assert (window.sr, window.frontend.sr) == (clip.sr, clip.sr)
        assert (window.index, window.offset, window.duration) == (0, 0.5, 0.5)
        assert not window.padded
        assert not window.short
        assert (found.source_sr, found.channels) == (RATE, channels)


def test_a_whole_sound_that_makes_too_wide_an_image() -> None:
    hour = encode("flac", np.zeros(3600 * 1000, np.float32), 1000, "PCM_S8")
    f = Frontend(sr=1000, hop_length=2, n_fft=64, n_mels=4)

    def refused() -> None:
        with pytest.raises(EncodeError) as caught:
            next(windows(hour, f, time_steps=None))
        assert caught.value.code == "image_too_large"

    assert peak_memory(refused) < 200_000  # before it is decoded
    with pytest.raises(DecodeError) as caught:
        next(windows(hour, f, time_steps=None, max_seconds=1000))
    assert caught.value.code == "too_long"
    assert sum(1 for _ in windows(hour, f, time_steps=100_000)) == 18


# Facts


def test_a_front_end_for_each_rate() -> None:
    f = Frontend(hop_length=64, n_mels=8, n_fft=256)
    rates = (8000, 11025, 8000)
    found = [next(windows(pcm(9000, sr), f, time_steps=9, sr="native")) for sr in rates]
    assert [window.frontend.sr for window in found] == [8000, 11025, 8000]
    assert found[0].frontend.fmax == 4000
    assert found[0].frontend is found[2].frontend  # designed once
    assert next(windows(pcm(9000), f, time_steps=9)).frontend is f
    assert next(windows(pcm(9000), f, time_steps=9, sr=16000)).frontend.sr == 16000
    assert next(windows(pcm(9000), time_steps=9)).frontend == Frontend()


def test_facts_of_the_source(whole: dict[str, bytes], block: Callable[[int], None]) -> None:
    block(5000)
    found = windows(whole["wav"], time_steps=10)
    assert (found.source_sr, found.channels) == (None, None)
    next(found)
    assert (found.source_sr, found.channels) == (RATE, 2)
    assert not found.truncated
    assert not found.length_estimated
    found = windows(without_xing(vbr_mp3()), time_steps=10, first=True)
    next(found)
    assert found.length_estimated


def test_windows_stay_valid(block: Callable[[int], None]) -> None:
    """Whatever is read after them, in one block or in several."""
    sounds = [pcm(8000, channels=2), pcm(8000), pcm(9000, channels=2), pcm(16000)]
    rates: tuple[Any, ...] = ("native", 16000)
    for length in (2**19, 3000):
        block(length)
        for sr in rates:
            how: dict[str, Any] = {"time_steps": 20, "step": 1, "tail": "shift", "sr": sr}
            found = [list(windows(data, SMALL, **how)) for data in sounds]
            copies = [[window.y.copy() for window in held] for held in found]
            for data, held, copied in zip(sounds, found, copies, strict=True):
                for window, again in zip(held, windows(data, SMALL, **how), strict=True):
                    assert_equal(window, again)
                for window, y in zip(held, copied, strict=True):
                    np.testing.assert_array_equal(window.y, y)


def test_sources(tmp_path: Path) -> None:
    data = pcm(3000)
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), io.BytesIO(data)):
        assert len(list(windows(source, SMALL, time_steps=10))) == 4
    others: tuple[Any, ...] = (None, 3, io.StringIO("RIFF"))
    for nonsense in others:
        with pytest.raises(TypeError):
            next(windows(nonsense, SMALL, time_steps=10))
    with pytest.raises(FileNotFoundError):
        next(windows(tmp_path / "none.wav", SMALL, time_steps=10))


# Faults on the way


def read_until_fault(data: bytes, **options: Any) -> tuple[list[Window], MelpixError]:
    """The windows before the fault, and the fault; nothing follows it."""
    found = windows(data, SMALL, time_steps=10, sr="native", tail="pad", **options)
    before: list[Window] = []
    with pytest.raises(MelpixError) as caught:
        before.extend(found)  # keeps what came
    assert next(found, None) is None
    return before, caught.value


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_not_finite(block: Callable[[int], None], value: float, channels: int) -> None:
    y = chirp(16000, channels, 8000)
    y[12000, -1] = value
    data = encode("wav", y, 8000, "FLOAT")
    for size in (100, 5000, 2**19):
        block(size)
        before, error = read_until_fault(data)
        assert isinstance(error, SignalError)
        assert error.code == "non_finite"
        assert "NaN or infinity at 1.5 s" in str(error)
        assert len(before) == {100: 18, 5000: 15, 2**19: 0}[size]
        _, error = read_until_fault(data, offset=1)
        assert "at 1.5 s" in str(error)
    assert len(list(windows(data, SMALL, time_steps=10, duration=1.5))) == 18


def test_broken_in_the_middle(block: Callable[[int], None], whole: dict[str, bytes]) -> None:
    block(5000)
    data, middle = whole["flac"], len(whole["flac"]) // 2
    noise = np.random.default_rng(5).bytes(3000)
    before, error = read_until_fault(data[:middle] + noise + data[middle + 3000 :])
    assert error.code == "decode_failed"
    good = windows(data, SMALL, time_steps=10, sr="native")
    assert 20 < len(before) < 100
    for window in before:
        assert_equal(window, next(good))


def test_flac_cut_short(block: Callable[[int], None], whole: dict[str, bytes]) -> None:
    for size in (5000, 2**19):
        block(size)
        before, error = read_until_fault(whole["flac"][: len(whole["flac"]) * 2 // 3])
        assert error.code == "decode_failed"
        assert bool(before) == (size == 5000)
        _, error = read_until_fault(flac_frames(whole["flac"], 2 * RATE + 1))
        assert "declares 96001 frames, but ends after 96000" in str(error)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("caf", "flac")])
def test_cut_short(block: Callable[[int], None], whole: dict[str, bytes], kind: str) -> None:
    data = whole[kind][: int(len(whole[kind]) * 0.7)]
    y = read_clip(data, sr=None).y
    for size in (5000, 2**19):
        block(size)
        found = windows(data, SMALL, time_steps=10, sr="native", tail="keep")
        joined = np.concatenate([window.y for window in found], axis=-1)
        np.testing.assert_array_equal(joined, y)
        assert found.truncated
        before, error = read_until_fault(data, strict=True)
        assert error.code == "truncated"
        assert not before
        whole_windows = windows(whole[kind], SMALL, time_steps=10, strict=True)
        assert sum(1 for _ in whole_windows)
        assert not whole_windows.truncated


def test_streamed_flac(block: Callable[[int], None], whole: dict[str, bytes]) -> None:
    """Unknown length: the end shows when it is there, also between two blocks."""
    streamed = flac_frames(whole["flac"], 0)
    stretches: tuple[Any, ...] = ({}, {"offset": 0.7}, {"offset": 0.5, "duration": 0.75})
    for size in (8000, 7000, 2**19):
        block(size)
        for options in stretches:
            found = windows(streamed, time_steps=10, tail="pad", **options)
            expected = windows(whole["flac"], time_steps=10, tail="pad", **options)
            for window, other in zip(found, expected, strict=True):
                assert_equal(window, other)
        _, error = read_until_fault(streamed, offset=2)
        assert error.code == "empty_audio"


def test_too_long(block: Callable[[int], None], whole: dict[str, bytes]) -> None:
    block(5000)
    for kind in ("wav", "flac"):
        assert sum(1 for _ in windows(whole[kind], time_steps=10, max_seconds=2))
        before, error = read_until_fault(whole[kind], max_seconds=1.999)
        assert (before, error.code) == ([], "too_long")
        assert sum(1 for _ in windows(whole[kind], time_steps=10, max_seconds=1, duration=1))
        assert sum(1 for _ in windows(whole[kind], time_steps=10, max_seconds=2, first=True)) == 1
    before, error = read_until_fault(flac_frames(whole["flac"], 0), max_seconds=1)
    assert error.code == "too_long"
    assert 70 <= len(before) <= 75
    days = flac_frames(whole["flac"], 2**36 - 1)
    before, error = read_until_fault(days)
    assert (before, error.code) == ([], "too_long")
    before, error = read_until_fault(days, max_seconds=math.inf)
    assert 140 < len(before) <= 150
    assert error.code == "decode_failed"


def test_no_file_stays_open(
    tmp_path: Path, whole: dict[str, bytes], block: Callable[[int], None]
) -> None:
    block(5000)
    path = tmp_path / "x.flac"
    path.write_bytes(whole["flac"][: len(whole["flac"]) // 2])
    process = psutil.Process()
    before = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    for _ in range(10):
        with pytest.raises(DecodeError):
            list(windows(path, time_steps=10))
        next(windows(path, time_steps=10))
        found = windows(path, time_steps=10)
        next(found)
        found.close()
        assert next(found, None) is None
    after = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    assert after == before


# Memory


def peak_memory(call: Callable[[], object]) -> int:
    call()  # imports, and what is designed once
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def noise_file(path: Path, seconds: int, subtype: str) -> Path:
    rng = np.random.default_rng(seconds)
    with soundfile.SoundFile(path, "w", 8000, 1, subtype) as file:
        for _ in range(seconds):
            file.write(rng.uniform(-0.5, 0.5, 8000).astype(np.float32))
    return path


@pytest.mark.parametrize(
    ("subtype", "sr"), [("PCM_16", "native"), ("FLOAT", "native"), ("PCM_16", None)]
)
def test_memory_does_not_grow_with_the_sound(tmp_path: Path, subtype: str, sr: Any) -> None:
    """Twenty minutes, which take 106 MB when they are resampled, and ten seconds."""
    short = noise_file(tmp_path / "short.wav", 10, subtype)
    long = noise_file(tmp_path / "long.wav", 20 * 60, subtype)
    process = psutil.Process()
    most = 0

    def watched(path: Path) -> None:
        nonlocal most
        for _ in windows(path, time_steps=40, step=20, tail="shift", sr=sr):
            most = max(most, process.memory_info().rss)

    least = peak_memory(lambda: watched(short))
    before, most = most, 0
    watched(long)
    assert most - before < 16e6  # soxr's memory too
    assert peak_memory(lambda: watched(long)) - least < 6e6


def test_a_block_is_bounded_after_resampling() -> None:
    """A minute at 100 Hz is 600 million samples at 10 MHz: asked for alone, few are made."""
    data = encode("wav", np.zeros(6000, np.float32), 100, "PCM_U8")
    f = Frontend(sr=10_000_000, hop_length=64, n_mels=8, fmin=1e5)
    found = windows(data, f, time_steps=10)
    assert peak_memory(lambda: [next(found) for _ in range(300)]) < 20e6
    found.close()


# Parameters


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_steps": 0}, "time_steps must be >= 1, got 0"),
        ({"time_steps": 1.5}, "time_steps must be an integer, got 1.5"),
        ({"time_steps": 1_000_000}, "time_steps must be <= 695311, got 1000000"),
        ({"time_steps": 695_312}, "time_steps must be <= 695311, got 695312"),
        ({"step": 0}, "step must be >= 1, got 0"),
        ({"step": 0.5}, "step must be an integer, got 0.5"),
        ({"tail": "cut"}, "tail must be one of 'drop', 'pad', 'shift', 'keep', got 'cut'"),
        ({"short": "drop"}, "short must be one of 'pad', 'skip', 'error', 'keep', got 'drop'"),
        ({"sr": 99}, "sr must lie in 100 .. 10000000 Hz, got 99"),
        ({"sr": "file"}, "sr must be a number, got 'file'"),
        ({"sr": 0}, "sr must be > 0, got 0"),
        ({"offset": -1}, "offset must be finite and >= 0 seconds, got -1"),
        ({"duration": math.nan}, "duration must be finite and >= 0 seconds, got nan"),
        ({"max_seconds": 0}, "max_seconds must be > 0, got 0"),
    ],
)
def test_nonsense_is_refused_before_the_source_is_opened(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        windows("/none.wav", **{"time_steps": 10, **options})


def test_windows_without_a_frame_are_refused() -> None:
    f = Frontend(hop_length=512, n_fft=2000, framing="uncentered")
    with pytest.raises(ValueError, match=r"^time_steps must be >= 4 for one frame, got 3$"):
        windows("/none.wav", f, time_steps=3)
    windows("/none.wav", f, time_steps=4)
    f = Frontend(hop_length=160, n_fft=512, win_length=400, framing="snip")
    with pytest.raises(ValueError, match=r"^time_steps must be >= 3 for one frame, got 2$"):
        windows("/none.wav", f, time_steps=2)
    windows("/none.wav", f, time_steps=3)
    f = Frontend(hop_length=1, n_fft=2048)
    with pytest.raises(ValueError, match=r"^time_steps must be >= 2 for one frame, got 1$"):
        windows("/none.wav", f, time_steps=1, exact_width=True)


def assert_equal(window: Window, other: Window) -> None:
    np.testing.assert_array_equal(window.y, other.y, strict=True)
    facts = [
        (w.index, w.sr, w.offset, w.duration, w.padded, w.short, w.frontend)
        for w in (window, other)
    ]
    assert facts[0] == facts[1]


RECORDINGS = os.environ.get("MELPIX_TEST_AUDIO")


@pytest.mark.skipif(not RECORDINGS, reason="MELPIX_TEST_AUDIO names no folder of recordings")
def test_recordings(block: Callable[[int], None]) -> None:
    assert RECORDINGS
    paths = sorted(p for p in Path(RECORDINGS).rglob("*") if p.suffix in (".ogg", ".wav"))
    assert paths
    for path in paths[:20]:
        y, _ = load(path)
        for size in (2**16, 2**19):
            block(size)
            found = windows(path, time_steps=30, tail="keep", short="keep")
            np.testing.assert_array_equal(np.concatenate([w.y for w in found]), y)


# Front-ends of a fixed length


@pytest.mark.parametrize(
    ("preset", "how", "message"),
    [
        ("whisper-80", {"seconds": 60}, "seconds must .* 30 s.*got 60.*duration=60, columns=6000"),
        ("whisper-128", {"seconds": 10}, "seconds must .* 30 s.*got 10.*duration=10, columns=1000"),
        ("whisper-80", {"time_steps": 6000}, "time_steps must .* 30 s.*got 6000 .60 s"),
        ("whisper-80", {"time_steps": 100, "first": True}, "time_steps must .* 30 s.*got 100 .1 s"),
        ("clap-laion", {"seconds": 30}, "seconds must .* 10 s.*got 30.*duration=30 in"),
        ("clap-ms-2023", {"seconds": 20}, "seconds must .* 7 s.*got 20"),
        ("birdnet-2.4", {"seconds": 10, "step": 1}, "seconds must .* 3 s.*got 10"),
        ("ast", {"seconds": 30}, "seconds must .* at most 10.255 s.*got 30.*columns=2998"),
        ("ast", {"time_steps": 1100}, "time_steps must .* at most 10.255 s.*got 1100 .11 s"),
    ],
)  # fmt: skip
def test_windows_of_another_length_than_a_front_end_shows_are_refused(
    preset: str, how: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        windows("/none.wav", Frontend.from_preset(preset), **how)


@pytest.mark.parametrize(
    ("preset", "how"),
    [
        ("whisper-80", {"seconds": 30}),
        ("whisper-80", {"time_steps": 3000}),
        ("birdnet-2.4", {"time_steps": 518}),  # no whole number of hops makes its 3 s
        ("ast", {"seconds": 10}),  # AudioSet's clips: what is missing is filled up, as AST has it
        ("vggish", {"seconds": 60}),
    ],
)
def test_windows_that_a_front_end_shows_whole_are_made(preset: str, how: dict[str, Any]) -> None:
    f = Frontend.from_preset(preset)
    (window,) = windows(pcm(8000), f, **how)
    assert window.padded


def test_what_the_refusal_says_is_what_helps() -> None:
    f = Frontend.from_preset("whisper-80", duration=60, columns=6000)
    (window,) = windows(pcm(61 * 8000), f, seconds=60)
    assert f.features(window.y).shape == (80, 6000)
    with pytest.raises(ValueError, match=r"at most 30 s, of which the front-end's 3000 columns"):
        windows("/none.wav", Frontend.from_preset("whisper-80", duration=60), seconds=60)


def test_windows_that_are_too_long_at_the_rate_of_the_sound_are_refused() -> None:
    f = Frontend(sr=8000, hop_length=64, n_fft=256, n_mels=8, columns=100)
    assert len(list(windows(pcm(16000), f, seconds=0.8, sr="native"))) == 2
    cut = windows(pcm(32000, 16000), f, seconds=0.8, sr="native")
    with pytest.raises(ValueError, match=r"seconds must give windows of at most 0.4 s"):
        next(cut)


@given(
    st.sampled_from(["center", "uncentered", "snip", "middle"]),
    st.integers(1, 40),
    st.integers(0, 4000),
    st.sampled_from([None, "pad", "repeat", "repeat_pad"]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_what_is_left_out_and_what_is_filled_up_is_seen_in_the_features(
    framing: str, columns: int, n: int, fit: str | None
) -> None:
    n += 300  # so that there is a frame
    f = Frontend(
        sr=8000, hop_length=64, n_fft=256, win_length=200, n_mels=8, framing=framing,
        columns=columns, offset=1, **({} if fit is None else {"duration": 0.25, "fit": fit}),
    )  # fmt: skip
    y = np.random.default_rng(n).uniform(-1, 1, n)
    features = f.features(y)
    shown = n - left_out(f, n)
    assert shown >= min(n, 1)
    if shown < n:  # what is behind it may be a part of the last frames, but not of one more hop
        y[shown + 256 :] = 0
        assert np.array_equal(f.features(y), features)
    count = columns_of_sound(f, n, n)
    assert features[:, :count].any(axis=0).all()
    if fit in (None, "pad"):
        # Frames without sound are alike: ln(0 + 1) is 0, as missing columns are.
        assert not features[:, count + 4 :].any()
    if fit == "repeat":
        assert count == min(columns, f.of_any_length().frames(2000))


def test_less_than_a_hop_is_not_left_out() -> None:
    f = Frontend(sr=8000, hop_length=64, n_fft=256, n_mels=8, columns=10)
    assert [left_out(f, n) for n in (1, 639, 640, 641, 703, 704, 768)] == [0] * 5 + [64, 128]


# How sounds are cut, as one object


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tail": "x"}, "tail must be one of"),
        ({"short": 1}, "short must be one of"),
        ({"time_steps": 1.5}, "time_steps must be an integer"),
        ({"time_steps": 3, "seconds": 2}, "seconds must be None where time_steps is 3"),
        ({"time_steps": 3, "step": 0.5}, "step must be an integer"),
        ({"seconds": 0}, "seconds must be > 0"),
        ({"seconds": 1, "step": -1}, "step must be > 0"),
        ({"seconds": 1, "exact_width": True}, "exact_width needs time_steps"),
        ({"offset": -1}, "offset must be finite and >= 0"),
        ({"duration": math.nan}, "duration must be finite and >= 0"),
        ({"max_seconds": 0}, "max_seconds must be > 0"),
    ],
)
def test_a_cut_is_checked_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cut(**given)


def test_a_cut_gives_the_windows_of_its_keywords() -> None:
    data = encode("wav", chirp(30_000), 22050, "PCM_16")
    cut = Cut(time_steps=9, step=4, tail="shift", offset=0.1)
    found = list(cut_sound(data, Frontend(), cut))
    expected = list(windows(data, time_steps=9, step=4, tail="shift", offset=0.1))
    assert len(found) == len(expected) > 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.y, other.y)
        assert one.offset == other.offset
    later = cut.part(0.5, None)
    assert (later.offset, later.duration, cut.offset) == (0.5, None, 0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cut.offset = 1.0  # type: ignore[misc]
