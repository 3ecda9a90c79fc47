# SPDX-License-Identifier: MIT
"""convert_bytes inside something else: its limits, and what it leaves alone."""

from __future__ import annotations

import array
import io
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
import soxr

from melpix import (
    DecodeError,
    EncodeError,
    Frontend,
    MelpixError,
    convert_bytes,
    convert_file,
    demo,
)
from melpix.audio.load import read_clip
from melpix.image.write import isal_zlib
from sounds import chirp, encode, flac_frames

WAV = demo.wav()
RATE = 16000
NARROW = Frontend(sr=RATE, n_mels=64)


def code(data, frontend=None, **limits) -> str:
    with pytest.raises(MelpixError) as caught:
        convert_bytes(data, frontend, **limits)
    assert str(caught.value)
    return caught.value.code


# --- limits ------------------------------------------------------------------------------------


def test_bytes_are_counted_before_anything_else(tmp_path):
    assert convert_bytes(WAV, max_bytes=len(WAV)) == convert_bytes(WAV)
    garbage = bytes(1000)  # who looks at it has something else to say
    assert code(garbage, max_bytes=1000) == "decode_failed"
    path = tmp_path / "a.wav"
    path.write_bytes(garbage)
    for data in (garbage, bytearray(garbage), memoryview(garbage)):
        assert code(data, max_bytes=999) == "too_large"
    with path.open("rb") as file:
        for source in (path, file):
            with pytest.raises(DecodeError) as caught:
                convert_file(source, tmp_path / "a.png", max_bytes=999)
            assert caught.value.code == "too_large"


def test_an_open_file_is_read_no_further_than_it_may():
    class Endless:
        taken = 0

        def read(self, size: int) -> bytes:
            self.taken += size
            return bytes(size)

    source = Endless()
    with pytest.raises(DecodeError, match="more than 3000000 bytes") as caught:
        read_clip(source, max_bytes=3_000_000)
    assert caught.value.code == "too_large"
    assert source.taken <= 4 << 20


@pytest.mark.parametrize("kind", ["wav", "flac", "vorbis", "mp3"])
def test_seconds_are_counted_by_the_header(kind):
    data = encode(kind, chirp(3 * RATE, sr=RATE), RATE)
    assert code(data, NARROW, max_seconds=2.9) == "too_long"
    assert convert_bytes(data, NARROW, max_seconds=3.2)


def test_seconds_are_counted_while_decoding():
    whole = encode("flac", chirp(60 * RATE, sr=RATE), RATE)
    streamed = flac_frames(whole, 0)  # says nothing of its length
    assert convert_bytes(streamed, NARROW, max_seconds=60)
    tracemalloc.start()
    assert code(streamed, NARROW, max_seconds=1) == "too_long"
    assert tracemalloc.get_traced_memory()[1] < 2 * 4 * RATE + 300_000  # not those of a minute
    tracemalloc.stop()


def test_pixels_are_counted_before_decoding():
    data = encode("flac", chirp(RATE, sr=RATE), RATE)
    assert convert_bytes(data, NARROW, max_pixels=64 * 32)  # 1 + 16000 // 512
    assert code(data, NARROW, max_pixels=64 * 32 - 1) == "image_too_large"
    preset = Frontend.from_preset("whisper-80")
    assert convert_bytes(data, preset, max_pixels=80 * 3000)
    broken = data[: data.index(b"\xff\xf8")] + bytes(20_000)  # all but its frames
    assert code(broken, NARROW) == "decode_failed"
    assert code(broken, preset, max_pixels=80 * 3000 - 1) == "image_too_large"
    assert code(broken, NARROW, max_pixels=63) == "image_too_large"


def test_pixels_are_counted_while_decoding():
    streamed = flac_frames(encode("flac", chirp(60 * RATE, sr=RATE), RATE), 0)
    tracemalloc.start()
    assert code(streamed, NARROW, max_pixels=64 * 20) == "image_too_large"
    assert tracemalloc.get_traced_memory()[1] < 2 * 4 * RATE + 300_000
    tracemalloc.stop()


def test_pixels_are_counted_at_the_files_own_rate():
    data = encode("wav", chirp(RATE, sr=RATE), RATE)
    assert convert_bytes(data, sr="native", max_pixels=128 * 32)
    assert code(data, sr="native", max_pixels=128 * 32 - 1) == "image_too_large"


def test_samples_are_counted_wherever_they_are():
    data = encode("flac", chirp(RATE, sr=RATE), RATE)
    assert convert_bytes(data, NARROW, max_samples=RATE)
    assert code(data, NARROW, max_samples=RATE - 1) == "too_long"
    assert convert_bytes(data, NARROW, sr=2 * RATE, max_samples=2 * RATE)  # resampled
    assert code(data, NARROW, sr=2 * RATE, max_samples=2 * RATE - 1) == "too_long"
    filled = NARROW.replace(duration=3)
    assert convert_bytes(data, filled, max_samples=3 * RATE)
    assert code(data, filled, max_samples=3 * RATE - 1) == "too_long"
    stereo = encode("wav", chirp(RATE, 2, RATE), RATE)  # whose channels are kept
    assert convert_bytes(stereo, filled, max_samples=6 * RATE)
    assert code(stereo, filled, max_samples=6 * RATE - 1) == "too_long"
    patches = NARROW.replace(patch=40, tail="pad")
    assert convert_bytes(data, patches, max_samples=RATE + 41 * 512)
    assert code(data, patches, max_samples=RATE + 100) == "too_long"


def test_the_wider_limit_names_windows_and_the_narrower_the_limit():
    with pytest.raises(EncodeError, match="of 128 rows may have 7 columns here"):
        convert_bytes(WAV, max_pixels=128 * 7)


@pytest.mark.parametrize("limit", ["max_bytes", "max_seconds", "max_samples", "max_pixels"])
def test_senseless_limits(limit):
    with pytest.raises(ValueError, match=limit):
        convert_bytes(WAV, **{limit: -1})


def test_every_error_has_a_code():
    short = encode("wav", chirp(99, sr=RATE), RATE)
    assert code(b"") == "decode_failed"
    assert code(WAV[:30]) == "decode_failed"
    assert code(encode("wav", np.zeros(0), RATE)) == "empty_audio"
    assert code(short, Frontend(sr=RATE, framing="uncentered")) == "too_short"
    assert code(WAV[:-2000], strict=True) == "truncated"
    bad = encode("wav", np.full(900, np.nan), RATE, "FLOAT")
    assert code(bad, NARROW) == "non_finite"


# --- what it leaves alone ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wav", "flac", "vorbis", "opus", "mp3", "aiff"])
def test_any_memory_gives_the_same_bytes(kind):
    data = encode(kind, chirp(48000, 2, sr=48000), 48000)
    expected = convert_bytes(data)
    padded = data + bytes(-len(data) % 2)
    for held in (
        bytearray(data),
        memoryview(bytearray(data)),
        memoryview(b"xyz" + data)[3:],
        np.frombuffer(data, np.uint8),
    ):
        assert convert_bytes(held) == expected
    if kind == "wav":  # libsndfile minds what follows some other formats
        assert convert_bytes(array.array("h", padded)) == expected
    apart = np.zeros(2 * len(data), np.uint8)
    apart[::2] = np.frombuffer(data, np.uint8)
    assert convert_bytes(memoryview(apart[::2])) == expected


def test_a_sound_in_somebody_elses_memory_is_not_copied():
    data = bytearray(encode("wav", chirp(600 * RATE, sr=RATE), RATE))  # 19 MB
    f = Frontend(sr=RATE)
    convert_bytes(data, f, duration=1)
    for held in (data, memoryview(data), bytes(data)):
        tracemalloc.start()
        convert_bytes(held, f, duration=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000
        tracemalloc.start()
        convert_bytes(held, f, duration=300)  # nor is what is rendered of it
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 300 * RATE


def test_no_file_and_no_thread():
    code = """
import os, sys, threading
from melpix import Frontend, convert_bytes, demo
sounds = [demo.wav(), demo.wav()[:9999]]
f = Frontend(sr=16000)
for sound in sounds:
    convert_bytes(sound, f)  # modules load
seen = []
watched = ("open", "os.", "tempfile", "_thread", "subprocess", "socket", "shutil", "mmap")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(watched) else None)
before = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0
seen.clear()
for sound in sounds:
    convert_bytes(sound, f)
found = list(seen)
after = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0
print(found, after - before)
open(os.devnull).close()
assert "open" in seen  # the hook would tell
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] 0"


def test_threads_share_a_front_end():
    sounds = [encode(k, chirp(9000 + 512 * i, sr=RATE), RATE) for k in ("wav", "flac", "vorbis")
              for i in range(4)]  # fmt: skip
    f = Frontend()
    expected = [convert_bytes(sound, f) for sound in sounds]
    found: list[bool] = []

    def work(shift: int) -> None:
        for i in range(3 * len(sounds)):
            k = (i + shift) % len(sounds)
            found.append(convert_bytes(sounds[k], f) == expected[k])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * (8 * 3 * len(sounds))


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_one_call_may_begin_inside_another(kind):
    """As a signal handler or a destructor does it."""
    data = WAV if kind == "wav" else encode(kind, chirp(RATE, sr=RATE), RATE)
    expected = convert_bytes(data), convert_bytes(WAV, NARROW)
    inner: list[bytes] = []

    class Interrupted(io.BytesIO):
        """A file in whose every read another sound is converted."""

        def read(self, size: int | None = -1) -> bytes:
            inner.append(convert_bytes(WAV, NARROW))
            return super().read(size)

        def readinto(self, buffer: Any) -> int:
            inner.append(convert_bytes(WAV, NARROW))
            return super().readinto(buffer)

    picture = io.BytesIO()
    convert_file(Interrupted(data), picture)
    assert picture.getvalue() == expected[0]
    assert set(inner) == {expected[1]}


def lets_others_run(call, most: int = 1000) -> bool:
    """Whether another thread gets a turn while one is in `call`, at one of so many times."""
    inside, done = threading.Event(), threading.Event()
    seen = False

    def work() -> None:
        for _ in range(most):
            if done.is_set():
                return
            inside.set()
            call()
            inside.clear()
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)  # nobody is asked to let go: it is done freely, or not at all
    try:
        thread = threading.Thread(target=work)
        thread.start()
        while not (seen or done.is_set()):
            time.sleep(0.0001)
            seen = inside.is_set()
        done.set()
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    return seen


@pytest.mark.usefixtures("gil")
@pytest.mark.timing
def test_the_gil_is_free_in_every_stage(tmp_path):
    y = np.random.default_rng(0).uniform(-1, 1, 8_000_000).astype(np.float32)
    image = np.random.default_rng(0).integers(0, 256, (4000, 4000), np.uint8).tobytes()
    path = tmp_path / "a.flac"
    path.write_bytes(encode("flac", y[:4_000_000], 44100))
    f = Frontend(precision="double")
    assert not lets_others_run(lambda: [None for _ in range(10**5)], most=50)  # it would show
    assert lets_others_run(lambda: soxr.resample(y, 44100, 22050, "soxr_hq"))
    assert lets_others_run(lambda: f.image(y))
    assert lets_others_run(lambda: read_clip(str(path), sr=None))
    assert lets_others_run(lambda: read_clip(path.read_bytes(), sr=None))
    if isal_zlib is not None:
        assert lets_others_run(lambda: isal_zlib.compress(image, 1))
