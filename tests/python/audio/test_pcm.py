# SPDX-License-Identifier: MIT
"""Plain samples, which the core reads: as libsndfile reads them, and all of them."""

import contextlib
import errno
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from containers import chunk, extensible, fmt, riff

from melpix import DecodeError, MelpixError, SignalError, _core, demo, load
from melpix.audio import read_clip
from melpix.audio.binary_files import Memory
from melpix.audio.decoder import open_sound
from melpix.audio.formats import is_cut_short
from melpix.audio.load import probe
from melpix.audio.sound import mix

CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST")
BYTES = {"PCM_S8": 1, "PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8,
         "ULAW": 1, "ALAW": 1}  # fmt: skip
SR = 22050


def encode(frames: int, channels: int, container: str, subtype: str, endian: str = "FILE") -> bytes:
    y = np.random.default_rng(frames).uniform(-1, 1, (frames, channels))
    file = io.BytesIO()
    soundfile.write(file, y, SR, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


def kinds(container: str) -> list[tuple[str, str]]:
    """What libsndfile writes of a container: encodings and byte orders."""
    return [
        (subtype, endian)
        for subtype in soundfile.available_subtypes(container)
        for endian in ("FILE", "LITTLE", "BIG")
        if subtype in BYTES and soundfile.check_format(container, subtype, endian)
    ]


def by_libsndfile(data: bytes, dtype: str, start: int = 0, frames: int = -1) -> np.ndarray:
    with soundfile.SoundFile(Memory(data)) as file:
        file.seek(start)
        return file.read(frames, dtype=dtype, always_2d=True)


@pytest.mark.parametrize("container", CONTAINERS)
def test_samples_are_those_of_libsndfile(tmp_path, container):
    path = tmp_path / "x"
    seen = 0
    for subtype, endian in kinds(container):
        for channels in (1, 2, 6, 8, 17):
            frames = 20_001 if channels == 2 else 301  # of which none is the end of a block
            data = encode(frames, channels, container, subtype, endian)
            # libsndfile counts the byte that pads an AIFF for a frame, if it is as long as one.
            told = frames + (container == "AIFF" and channels * BYTES[subtype] == 1)
            path.write_bytes(data)
            for source in (str(path), data, memoryview(b"x" + data)[1:]):
                file = _core.open_sound(source)
                facts = file.format, file.subtype, file.samplerate, file.channels, file.frames
                assert facts == (container, subtype, SR, channels, told)
                assert not file.truncated, file.remark
                assert not file.length_estimated, file.remark
                for dtype in ("int16", "float32", "float64"):
                    if dtype == "int16" and not file.has_int16:
                        continue
                    for start, wanted in ((0, frames), (1, 5), (frames - 2, 9), (frames, 3)):
                        file.seek(start)
                        out = np.full((wanted + 1, channels), 7, dtype)
                        found = file.read(out[:wanted])
                        expected = by_libsndfile(data, dtype, start, wanted)
                        assert np.array_equal(found, expected), (subtype, endian, channels, dtype)
                        assert (out[len(expected) :] == 7).all()
                        seen += 1
                        if dtype != "int16":
                            file.seek(start)
                            mono = np.empty(wanted, dtype)
                            means = np.empty(len(expected), dtype)
                            mix(np.hstack([expected] * 2) if channels == 1 else expected, means)
                            assert np.array_equal(file.read(mono), means), (subtype, channels)
    assert seen > 400


def test_means_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for dtype, subtype in ((np.float32, "FLOAT"), (np.float64, "DOUBLE")):
        for channels in (*range(2, 34), 127, 128, 129, 136, 255, 257, 1000, 1024):
            y = rng.standard_normal((50, channels)).astype(dtype)
            file = io.BytesIO()
            soundfile.write(file, y, SR, format="WAV", subtype=subtype)
            mono = _core.open_sound(file.getvalue()).read(np.empty(50, dtype))
            assert np.array_equal(mono, np.mean(y.T, axis=0)), (dtype, channels)


def test_clips_of_a_path_its_bytes_and_libsndfile_agree(tmp_path):
    options = ({}, {"offset": 0.1}, {"duration": 0.05}, {"offset": 0.01, "samples": 9},
               {"sr": 16000}, {"sr": None})  # fmt: skip
    for container in CONTAINERS:
        for subtype in ("PCM_16", "PCM_24", "ULAW"):
            data = encode(5000, 2, container, subtype)
            path = tmp_path / "x"
            path.write_bytes(data)
            for option in options:
                clips = [read_clip(source, **option) for source in (path, data, io.BytesIO(data))]
                plain = subtype == "PCM_16" and "sr" not in option
                for clip in clips:
                    assert np.array_equal(clip.y, clips[0].y)
                    assert clip.y.dtype == (np.int16 if plain else np.float32) or "sr" in option
                    assert clip.duration == clips[0].duration
            with open_sound(data, by_libsndfile=True) as sound:
                y = sound.read(0.1, 0.05, np.dtype(np.float32), mono=True, limit=10**6)
            assert np.array_equal(y, load(data, sr=None, offset=0.1, duration=0.05)[0])


# WAV: what is odd, and what libsndfile makes of it
SOUND = np.random.default_rng(9).integers(0, 256, 4800, np.uint8).tobytes()
DATA = chunk(b"data", SOUND)
PLAIN = chunk(b"fmt ", fmt())


def same_as_libsndfile(data: bytes) -> _core.Decoder:
    file = _core.open_sound(data)
    assert file is not None
    with soundfile.SoundFile(Memory(data)) as judge:
        facts = judge.format, judge.subtype, judge.samplerate, judge.channels, judge.frames
        assert (file.format, file.subtype, file.samplerate, file.channels, file.frames) == facts
        expected = judge.read(dtype="float64", always_2d=True)
    found = file.read(np.empty((file.frames, file.channels)))
    assert np.array_equal(found, expected, equal_nan=True)
    assert not file.truncated, file.remark
    assert not file.length_estimated, file.remark
    return file


def test_formats_are_taken_as_libsndfile_takes_them():
    for code in (1, 3, 6, 7):
        for bits in (*range(1, 34), 40, 63, 64, 65):
            for form in (fmt(code, bits=bits), extensible(code, bits)):
                data = riff(chunk(b"fmt ", form), DATA)
                try:
                    by_libsndfile(data, "float64")
                except soundfile.LibsndfileError:
                    assert _core.open_sound(data) is None, (code, bits)
                else:
                    same_as_libsndfile(data)
    for bits, frame in ((8, 2), (8, 4), (16, 0), (16, 1), (16, 4), (20, 4), (24, 6), (32, 3)):
        same_as_libsndfile(riff(chunk(b"fmt ", fmt(bits=bits, frame=frame)), DATA))
    same_as_libsndfile(riff(chunk(b"fmt ", extensible(1, 24, valid=20)), DATA))
    for more in (b"\0\0", bytes(24), b"\0"):
        same_as_libsndfile(riff(chunk(b"fmt ", fmt() + more), DATA))
    for channels in (1024, 1025, 0):
        data = riff(chunk(b"fmt ", fmt(channels=channels)), DATA)
        assert (_core.open_sound(data) is None) == (channels != 1024)
    for sr in (1, 2**31 - 1, 2**31, 0):
        data = riff(chunk(b"fmt ", fmt(sr=sr)), DATA)
        assert (_core.open_sound(data) is None) == (sr in (0, 2**31))


def test_24_bits_in_frames_of_32_are_settled_as_by_libsndfile():
    rng = np.random.default_rng(1)
    seen = set()
    for trial in range(40):
        n = 2 * int(rng.integers(100, 8000))
        low = rng.integers(-(2**23), 2**23, n).astype("<i4")
        large = rng.uniform(-3e4, 3e4, n).astype("<f4")  # as Cool Edit wrote them
        for sound in (low, low * 256, low // 2**12, large, np.zeros(n, "<i4")):
            start = np.zeros(2 * int(rng.integers(0, 3000)), "<i4").tobytes()
            form = chunk(b"fmt ", fmt(channels=1 + trial % 2, bits=24, frame=4 + trial % 2 * 4))
            seen.add(
                same_as_libsndfile(riff(form, chunk(b"data", start + sound.tobytes()))).subtype
            )
    assert seen == {"PCM_24", "PCM_32", "FLOAT"}


TITLES = b"INFOINAM\x02\0\0\0x\0ICMT\x06\0\0\0a dog\0"


def test_other_chunks_are_passed():
    texts = chunk(b"LIST", TITLES)
    bext = chunk(b"bext", bytes(602))
    for chunks in (
        (texts, PLAIN, DATA),
        (PLAIN, texts, bext, DATA, texts),
        (chunk(b"JUNK", bytes(28)), PLAIN, chunk(b"FLLR", bytes(4008)), DATA),
        (PLAIN, chunk(b"LIST", bytes(393_164)), DATA),
        (PLAIN, chunk(b"abcd", b"123"), DATA),
        (PLAIN, DATA, chunk(b"id3 ", b"ID3" + bytes(100)), chunk(b"LIST", TITLES)),
        (PLAIN, chunk(b"data", SOUND[:-1]), chunk(b"xyzw", b"12345"), texts),
        (chunk(b"fmt ", fmt(bits=24)), chunk(b"data", SOUND[:-3], pad=False), texts),
    ):
        same_as_libsndfile(riff(*chunks))
    # And what libsndfile loses its way in.
    unpadded = riff(PLAIN, chunk(b"abcd", b"123", pad=False), DATA)
    tagged = b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + riff(PLAIN, DATA)
    for data in (unpadded, tagged):
        file = _core.open_sound(data)
        found = file.read(np.empty(2400, np.int16))
        assert found.tobytes() == SOUND
        assert not file.length_estimated


def test_what_follows_a_right_header_is_no_sound():
    whole = riff(PLAIN, DATA)
    for behind in (b"\0", b"junk", b"TAG" + bytes(125), b"ID3\3" + bytes(5000), bytes(10_000),
                   b"APETAGEX" + bytes(7000)):  # fmt: skip
        same_as_libsndfile(whole + behind)


def test_wrong_sizes_lose_no_sound():
    for name, data, truncated, estimated in (
        ("empty", riff(PLAIN, chunk(b"data", SOUND, 0)), False, True),
        ("never closed", riff(PLAIN, chunk(b"data", SOUND, 0), size=0), False, True),
        ("ffmpeg's pipe", riff(PLAIN, chunk(b"data", SOUND, -1), size=-1), False, True),
        (
            "SoX's pipe",
            riff(PLAIN, chunk(b"data", SOUND, 0x7FFFF000), size=0x7FFFF024),
            False,
            True,
        ),
        ("arecord's", riff(PLAIN, chunk(b"data", SOUND, 2**31), size=2**31 + 36), False, True),
        ("too small", riff(PLAIN, chunk(b"data", SOUND, 1000)), False, True),
        ("one byte less", riff(PLAIN, chunk(b"data", SOUND, 4799)), False, True),
        ("a stale header", riff(PLAIN, chunk(b"data", SOUND, 100), size=136), False, True),
        ("too large", riff(PLAIN, chunk(b"data", SOUND, 4816), size=4852), True, False),
        ("RF64", riff(PLAIN, chunk(b"data", SOUND, -1), size=-1, name=b"RF64"), False, True),
        ("cut", riff(PLAIN, chunk(b"data", SOUND + b"12", 4900)), True, False),
    ):
        file = _core.open_sound(data)
        assert file.read(np.empty(2400, np.int16)).tobytes() == SOUND, name
        assert (file.truncated, file.length_estimated) == (truncated, estimated), name
        assert file.remark
        assert probe(data)["info"] == [file.remark]
        clip = read_clip(data)
        assert (clip.truncated, clip.length_estimated) == (truncated, estimated), name
    for size in (2**32, 2**31, 2**31 - 4096, 127 << 24):  # and what is counted for the headers
        for less in (1, 36, 44, 68, 300):
            file = _core.open_sound(riff(PLAIN, chunk(b"data", SOUND, size - less)))
            assert (file.truncated, file.length_estimated) == (False, True)
            assert not is_cut_short(f"data : {size - less} (should be 4800)")
            assert is_cut_short(f"data : {size - less - 10_000} (should be 4800)")
    joined = riff(PLAIN, DATA) * 2
    assert read_clip(joined).truncated  # libsndfile reads the first one, in silence
    with pytest.raises(DecodeError) as caught:
        read_clip(riff(PLAIN, chunk(b"data", b"", 0), chunk(b"LIST", TITLES)))
    assert caught.value.code == "empty_audio"


def test_sizes_of_more_than_32_bits(tmp_path):
    """Files with a hole: little of it is on the disk."""
    path = tmp_path / "x.wav"
    size = 4_600_000_000
    form = chunk(b"fmt ", fmt(channels=2))
    for declared in (size % 2**32, 2**32 - 1, 2**32 - 37):
        head = riff(form, chunk(b"data", b"", declared), size=declared + 36)
        for behind in (b"", chunk(b"LIST", TITLES)):
            if behind and declared != size % 2**32:
                continue
            with path.open("wb") as file:
                file.write(head)
                file.seek(44 + size - len(SOUND))
                file.write(SOUND + behind)
            clip = read_clip(path, sr=None, offset=(size / 4 - 1200) / SR)
            assert clip.y.T.tobytes() == SOUND
            assert clip.length_estimated
            assert probe(path)["frames"] == size / 4
    long = chunk(b"ds64", struct.pack("<QQQI", size + 80, size, size // 4, 0))
    head = riff(
        long, form, chunk(b"data", b"", -1), size=-1, name=b"BW64"
    )  # no libsndfile reads it
    with path.open("wb") as file:
        file.write(head)
        file.seek(len(head) + size - len(SOUND))
        file.write(SOUND)
    clip = read_clip(path, sr=None, offset=(size / 4 - 1200) / SR)
    assert clip.y.T.tobytes() == SOUND
    assert not clip.length_estimated


def sizes(container: str) -> list[tuple[bytes, int, str, int]]:
    """Where a container has its sizes: name before it, distance, layout, what it counts."""
    return {
        "AIFF": [(b"SSND", 4, ">I", 8), (b"COMM", 10, ">I", 0)],
        "AU": [(b".snd", 8, ">I", 0)],
        "CAF": [(b"data", 4, ">q", 4)],
        "W64": [(b"data\xf3", 16, "<q", 24)],
        "RF64": [(b"ds64", 16, "<q", 0)],
        "NIST": [(b"sample_count -i ", 16, "", 0)],
    }[container]


@pytest.mark.parametrize("container", ["AIFF", "AU", "CAF", "W64", "RF64", "NIST"])
def test_wrong_sizes_of_other_containers_lose_no_sound(container):
    data = encode(1200, 1, container, "PCM_16")
    expected = by_libsndfile(data, "int16")[:, 0]
    for name, distance, layout, _ in sizes(container):
        at = data.index(name) + distance
        for value in (0, 100, 9000, -1):
            if layout:
                length = struct.calcsize(layout)
                written = struct.pack(layout, value if layout[1] == "q" else value % 2**32)
            else:
                length, written = 4, f"{value:<4}".encode()
            file = _core.open_sound(data[:at] + written + data[at + length :])
            assert np.array_equal(file.read(np.empty(1200, np.int16)), expected), (name, value)
            assert file.truncated or file.length_estimated, (name, value)
            assert file.truncated == (value == 9000), (name, value)


def test_ssnd_offsets_and_unusual_orders():
    data = encode(1200, 1, "AIFF", "PCM_16")
    comm, ssnd = data.index(b"COMM"), data.index(b"SSND")
    swapped = data[:comm] + data[ssnd:] + data[comm:ssnd]
    assert np.array_equal(_core.open_sound(swapped).read(np.empty(1200)),
                          by_libsndfile(data, "float64")[:, 0])  # fmt: skip
    shifted = data[: ssnd + 8] + struct.pack(">I", 4) + data[ssnd + 12 :]
    assert _core.open_sound(shifted).frames == 1198
    lines = b"NIST_1A\n   1024\nsample_rate -i 8000\nchannel_count -i 1\nsample_n_bytes -i 2\n"
    for order, dtype in ((b"01", "<i2"), (b"10", ">i2")):
        head = lines + b"sample_byte_format -s2 " + order + b"\nsample_count -i 2400\nend_head\n"
        file = _core.open_sound(head.ljust(1024, b"\0") + SOUND)
        assert np.array_equal(file.read(np.empty(2400, np.int16)), np.frombuffer(SOUND, dtype))
    shortened = lines + b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    assert _core.open_sound(shortened.ljust(1024, b"\0") + SOUND) is None


LITTLE = ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw",
          "pcm_mulaw")  # fmt: skip
BIG = ("pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be", "pcm_alaw",
       "pcm_mulaw")  # fmt: skip


def by_ffmpeg(source: Path, suffix: str, encodings: tuple[str, ...], *options: str) -> list[Path]:
    made = [source.with_name(f"{encoding}.{suffix}") for encoding in encodings]
    outputs = [
        part
        for encoding, path in zip(encodings, made, strict=True)
        for part in ("-c:a", encoding, *options, path)
    ]
    subprocess.run(["ffmpeg", "-v", "quiet", "-i", source, *outputs], check=True)
    return made


def by_sox(source: Path, suffix: str, *encodings: str) -> list[Path]:
    made = []
    for encoding in encodings:
        path = source.with_name(f"{encoding.replace(' ', '')}.{suffix}")
        subprocess.run(["sox", "-D", source, "-e", *encoding.split(), path], check=True)
        made.append(path)
    return made


def assert_same(path: Path, judge: Path | None = None) -> None:
    data = path.read_bytes()
    file = _core.open_sound(data)
    assert file is not None, path.name
    assert not file.truncated, path.name
    assert not file.length_estimated, path.name
    expected = by_libsndfile((judge or path).read_bytes(), "float32")
    assert np.array_equal(file.read(np.empty((6000, 2), np.float32)), expected), path.name


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_files_of_ffmpeg(tmp_path):
    source = tmp_path / "source.wav"
    source.write_bytes(encode(5004, 2, "WAV", "PCM_32"))
    wavs = by_ffmpeg(source, "wav", LITTLE)
    for path in wavs:
        assert_same(path)
    for path in by_ffmpeg(source, "rf64", LITTLE, "-rf64", "always", "-f", "wav"):
        assert_same(path)
    for path, judge in zip(by_ffmpeg(source, "w64", LITTLE), wavs, strict=True):
        # Where a W64 has an extensible header, libsndfile takes floats for integers.
        assert_same(path, judge if "f" in path.stem else None)
    for path in by_ffmpeg(source, "aiff", ("pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be")):
        assert_same(path)
    for path in by_ffmpeg(source, "aifc", (*BIG[4:], "pcm_s16le"), "-f", "aiff"):
        assert_same(path)
    for path in by_ffmpeg(source, "au", BIG):
        assert_same(path)
    for path in by_ffmpeg(source, "caf", (*BIG, *LITTLE[1:6])):
        assert_same(path)


@pytest.mark.skipif(shutil.which("sox") is None, reason="no sox")
def test_files_of_sox(tmp_path):
    source = tmp_path / "source.wav"
    source.write_bytes(encode(5001, 2, "WAV", "PCM_32"))
    signed = [f"signed -b {bits}" for bits in (16, 24, 32)]
    for suffix in ("wav", "w64", "caf", "au", "aiff", "sph"):
        for path in by_sox(source, suffix, *signed):
            # libsndfile does not know how SoX tells the byte order of 24 bits in SPHERE.
            assert_same(path, path.with_suffix(".wav") if suffix == "sph" else None)
    for suffix in ("wav", "aifc", "au", "caf", "w64"):
        for path in by_sox(source, suffix, "float -b 32"):
            assert_same(path)
    for suffix in ("wav", "au", "sph"):
        for path in by_sox(source, suffix, "u-law"):
            assert_same(path)


# Nothing is lost in silence

MUTATED = [
    ("WAV", "PCM_16", "FILE", 1), ("WAV", "PCM_16", "FILE", 2), ("WAV", "PCM_16", "BIG", 2),
    ("WAV", "PCM_24", "FILE", 2), ("WAV", "FLOAT", "FILE", 2), ("WAV", "DOUBLE", "FILE", 1),
    ("WAV", "PCM_U8", "FILE", 1), ("WAV", "ULAW", "FILE", 1), ("WAVEX", "PCM_24", "FILE", 6),
    ("WAVEX", "PCM_16", "FILE", 2), ("RF64", "PCM_16", "FILE", 2), ("W64", "PCM_16", "FILE", 2),
    ("AIFF", "PCM_16", "FILE", 2), ("AIFF", "PCM_24", "LITTLE", 1), ("AU", "PCM_16", "FILE", 1),
    ("AU", "FLOAT", "LITTLE", 2), ("CAF", "PCM_16", "FILE", 2), ("CAF", "PCM_24", "LITTLE", 1),
    ("NIST", "PCM_16", "FILE", 1), ("NIST", "ALAW", "FILE", 2),
]  # fmt: skip


def mutants(data: bytes, header: int, count: int) -> list[bytes]:
    """So many: a byte changed anywhere, one or three of the header, or an end cut off."""
    rng = np.random.default_rng(len(data))
    found = []
    for i in range(count):
        changed = bytearray(data)
        if i % 4 == 3:
            del changed[int(rng.integers(0, len(data))) :]
        for _ in range((1, 1, 3, 0)[i % 4]):
            changed[int(rng.integers(0, header if i % 4 else len(data)))] = rng.integers(0, 256)
        found.append(bytes(changed))
    return found


@pytest.mark.parametrize("kind", MUTATED, ids=lambda kind: "-".join(map(str, kind)))
def test_mutants_lose_no_sound_in_silence(kind):
    container, subtype, endian, channels = kind
    frames = 301
    data = encode(frames, channels, container, subtype, endian)
    size = frames * channels * BYTES[subtype]
    header = len(data) - size
    read = flagged = 0
    count = 1000 if container.startswith("WAV") else 400
    for i, changed in enumerate(mutants(data, min(header, 120), count)):
        single = i % 4 != 2  # several changes may make another header that is right in itself
        try:
            with open_sound(changed) as sound:
                y = sound.read(0, None, np.dtype(np.float64), mono=False, limit=2**40)
        except MelpixError:
            continue
        read += 1
        if sound.truncated or sound.length_estimated:
            flagged += 1
            continue
        frame = sound.channels * BYTES[sound.subtype]
        assert y.shape[-1] * frame > size - frame or not single, i
        try:
            theirs = by_libsndfile(changed, "float64")
        except soundfile.LibsndfileError:
            continue
        assert np.array_equal(y.T if y.ndim == 2 else y[:, None], theirs, equal_nan=True), i
    assert read > 0.4 * count
    assert flagged > 10


def test_memory_does_not_follow_a_header():
    """Gigabytes that are declared take none."""
    heads = [
        riff(PLAIN, chunk(b"data", SOUND, 2**32 - 2**20)),
        riff(chunk(b"fmt ", fmt(channels=1024)), chunk(b"data", SOUND, 2**31)),
        b"caff\0\1\0\0desc" + struct.pack(">qd4s5I", 32, 8000, b"lpcm", 0, 2, 1, 1, 16)
        + b"data" + struct.pack(">q", 2**62) + bytes(4) + SOUND,
        b".snd" + struct.pack(">5I", 24, 2**32 - 2**20, 3, 8000, 1) + SOUND,
        riff(chunk(b"LIST", TITLES, 2**32 - 9), PLAIN, DATA),
    ]  # fmt: skip
    tracemalloc.start()
    for data in heads:
        with contextlib.suppress(MelpixError):
            load(data, sr=None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


# How it is read


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_in_place(channels):
    data = bytearray(1) + encode(40_000, channels, "WAV", "PCM_16")
    whole = read_clip(bytes(data[1:]), in_place=True)
    assert np.array_equal(whole.y, read_clip(bytes(data[1:])).y)
    assert not whole.y.flags.writeable
    assert not whole.y.flags.owndata
    assert read_clip(bytes(data[1:])).y.flags.writeable  # nobody has asked for it
    asked = {"offset": 0.5, "duration": 0.25, "in_place": True}
    part = read_clip(bytes(data[1:]), **asked)
    assert np.array_equal(part.y, whole.y[..., 11025 : 11025 + 5512])
    # At an odd address, of the other byte order, or at another rate, it must be a copy.
    assert np.array_equal(read_clip(memoryview(data)[1:], **asked).y, part.y)
    swapped = encode(40_000, channels, "AIFF", "PCM_16")
    assert np.array_equal(read_clip(swapped, **asked).y, part.y)
    assert read_clip(bytes(data[1:]), sr=16000, in_place=True).y.dtype == np.float32
    for wrong in ({"max_seconds": 1}, {"offset": 2}, {"duration": 0}):
        with pytest.raises(DecodeError) as copied:
            read_clip(bytes(data[1:]), **wrong)
        with pytest.raises(DecodeError, match=re.escape(str(copied.value))):
            read_clip(bytes(data[1:]), **wrong, in_place=True)


def test_samples_in_place_outlive_the_decoder():
    data = encode(1000, 1, "WAV", "PCM_16")
    held = bytearray(data)
    file = _core.open_sound(held)
    y = file.in_place
    file.close()
    with pytest.raises(BufferError):
        held.clear()
    del file
    assert np.array_equal(y, by_libsndfile(data, "int16")[:, 0])
    del y
    held.clear()
    with pytest.raises(ValueError, match="closed"):
        _ = _closed().frames


def _closed() -> _core.Decoder:
    file = _core.open_sound(encode(10, 1, "WAV", "PCM_16"))
    file.close()
    return file


def test_wrong_arrays_are_refused():
    file = _core.open_sound(encode(10, 2, "WAV", "PCM_24"))
    for out, error, message in (
        (np.empty((5, 2), np.int32), TypeError, "float64"),
        (np.empty((5, 2), np.int16), ValueError, "int16"),
        (np.empty((5, 3), np.float32), ValueError, "channels"),
        (np.empty((5, 4), np.float32)[:, ::2], ValueError, "contiguous"),
        (np.broadcast_to(np.float32(0), (5, 2)), ValueError, "contiguous"),
    ):
        with pytest.raises(error, match=message):
            file.read(out)
    with pytest.raises(ValueError, match="mixed"):
        _core.open_sound(encode(10, 2, "WAV", "PCM_16")).read(np.empty(5, np.int16))


def test_other_formats_behind_a_header_are_left_to_libsndfile():
    for start in (b"OggS", b"wvpk"):
        data = riff(PLAIN, chunk(b"data", start + SOUND))
        assert _core.open_sound(data) is None
        with pytest.raises(DecodeError) as caught:
            load(data)
        assert caught.value.code == "decode_failed"
    for code in (2, 0x11, 0x31, 0x55, 0x64):  # ADPCM, GSM, MP3, G.721
        assert _core.open_sound(riff(chunk(b"fmt ", fmt(code) + bytes(34)), DATA)) is None


def test_a_sound_that_is_not_finite_is_refused():
    for channels in (1, 2):
        y = np.zeros((40_000, channels), np.float32)
        y[30_000, -1] = np.nan
        file = io.BytesIO()
        soundfile.write(file, y, SR, format="WAV", subtype="FLOAT")
        with pytest.raises(SignalError, match=r"1\.361 s") as caught:
            load(file.getvalue(), sr=None)
        assert caught.value.code == "non_finite"
        load(file.getvalue(), sr=None, duration=1.0)


def test_a_file_that_becomes_shorter_gives_the_frames_it_has(tmp_path):
    path = tmp_path / "x.wav"
    for subtype in ("PCM_16", "PCM_24", "FLOAT"):
        data = encode(50_000, 2, "WAV", subtype)
        path.write_bytes(data)
        file = _core.open_sound(str(path))
        os.truncate(path, len(data) // 2)
        found = file.read(np.empty((50_000, 2), np.float32))
        expected = by_libsndfile(data, "float32")[: len(found)]
        assert np.array_equal(found, expected)
        assert 24_000 < len(found) < 26_000
        path.write_bytes(data)
        with open_sound(path) as sound:
            os.truncate(path, len(data) // 2)
            sound.read(0, None, np.dtype(np.float32), mono=True, limit=10**6)
        assert sound.truncated


def test_names_of_any_bytes_and_what_the_system_refuses(tmp_path):
    data = encode(100, 1, "WAV", "PCM_16")
    for name in (b"\xff\xfe.wav", "ü\n.wav".encode(), b"-"):
        path = os.path.join(os.fsencode(tmp_path), name)
        try:
            Path(os.fsdecode(path)).write_bytes(data)
        except OSError:  # a system that wants UTF-8
            continue
        assert _core.open_sound(os.fsdecode(path)).frames == 100
    missing = str(tmp_path / "missing.wav")
    with pytest.raises(FileNotFoundError) as caught:
        _core.open_sound(missing)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, missing)
    with pytest.raises(ValueError, match="null"):
        _core.open_sound("a\0b")


def test_threads_share_a_file_but_no_decoder(tmp_path):
    path = tmp_path / "x.wav"
    data = encode(400_000, 2, "WAV", "PCM_24")
    path.write_bytes(data)
    expected = by_libsndfile(data, "float32")
    results = []

    def read() -> None:
        results.append(_core.open_sound(str(path)).read(np.empty((400_000, 2), np.float32)))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


def test_no_other_library_is_loaded_for_such_a_file(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(demo.wav())
    code = (
        "import sys; from melpix import load; load(sys.argv[1], sr=None);"
        "print('soundfile' in sys.modules, 'soxr' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(path)]
    found = subprocess.run(command, check=True, capture_output=True).stdout.split()
    assert found == [b"False", b"False"]
