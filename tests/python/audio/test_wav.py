# SPDX-License-Identifier: MIT
"""WAV files that are read without a decoder: as libsndfile reads them, or left to it."""

import errno
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from melpix import DecodeError, demo, load
from melpix.audio.formats import is_cut_short
from melpix.audio.load import read_clip
from melpix.audio.wav import plain_memory, plain_wav

HEADER = 44


def encode(frames: int = 50, channels: int = 2, sr: int = 22050, **options: str) -> bytes:
    y = np.random.default_rng(frames).integers(-32768, 32768, (frames, channels), np.int16)
    file = io.BytesIO()
    soundfile.write(file, y, sr, format="WAV", **options)
    return file.getvalue()


def plain(data: bytes):
    return plain_wav(io.BytesIO(data), len(data))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_samples_are_those_of_libsndfile(channels, dtype):
    data = encode(40_000, channels)
    expected, sr = soundfile.read(io.BytesIO(data), dtype=np.dtype(dtype).name)
    wav = plain(data)
    assert (wav.samplerate, wav.channels, wav.frames) == (sr, channels, 40_000)
    y = np.full((41_000, channels), 9, dtype)
    parts = [wav.read(y[:0]), wav.read(y[:1]), wav.read(y[1:777]), wav.read(y[777:])]
    assert [len(part) for part in parts] == [0, 1, 776, 39_223]
    assert np.array_equal(y[:40_000], expected.reshape(-1, channels))
    assert (y[40_000:] == 9).all()
    assert len(wav.read(y)) == 0
    wav.seek(39_000)
    assert np.array_equal(wav.read(y), expected[39_000:].reshape(-1, channels))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 7])
@pytest.mark.parametrize("odd", [0, 1])
def test_samples_in_memory_are_those_of_libsndfile(channels, dtype, odd):
    data = encode(40_000, channels)
    expected, sr = soundfile.read(io.BytesIO(data), dtype=np.dtype(dtype).name)
    held = bytearray(odd + len(data))
    held[odd:] = data
    wav = plain_memory(memoryview(held)[odd:])
    assert (wav.samplerate, wav.channels, wav.frames) == (sr, channels, 40_000)
    assert np.array_equal(wav.samples, expected if dtype == np.int16 else wav.samples)
    assert not wav.samples.flags.writeable
    assert wav.samples.flags.aligned == (odd == 0)
    y = np.full((41_000, channels), 9, dtype)
    parts = [wav.read(y[:0]), wav.read(y[:1]), wav.read(y[1:777]), wav.read(y[777:])]
    assert [len(part) for part in parts] == [0, 1, 776, 39_223]
    assert np.array_equal(y[:40_000], expected.reshape(-1, channels))
    assert (y[40_000:] == 9).all()
    assert len(wav.read(y)) == 0
    wav.seek(39_000)
    assert np.array_equal(wav.read(y), expected[39_000:].reshape(-1, channels))


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_in_place(channels):
    data = bytearray(1) + encode(40_000, channels)
    whole = read_clip(bytes(data[1:]), in_place=True)
    assert np.array_equal(whole.y, read_clip(bytes(data[1:])).y)
    assert not whole.y.flags.writeable
    assert not whole.y.flags.owndata
    assert read_clip(bytes(data[1:])).y.flags.writeable  # nobody has asked for it
    asked = {"offset": 0.5, "duration": 0.25, "in_place": True}
    part = read_clip(bytes(data[1:]), **asked)
    assert np.array_equal(part.y, whole.y[..., 11025 : 11025 + 5512])
    # At an odd address, or at another rate, it must be a copy.
    assert np.array_equal(read_clip(memoryview(data)[1:], **asked).y, part.y)
    assert read_clip(bytes(data[1:]), sr=16000, in_place=True).y.dtype == np.float32
    for wrong in ({"max_seconds": 1}, {"offset": 2}, {"duration": 0}):
        with pytest.raises(DecodeError) as copied:
            read_clip(bytes(data[1:]), **wrong)
        with pytest.raises(DecodeError, match=re.escape(str(copied.value))):
            read_clip(bytes(data[1:]), **wrong, in_place=True)


def with_list(chunk: bytes) -> bytes:
    """A file with something between its format and its samples."""
    data = encode()
    size = len(data) + len(chunk) - 8
    return b"RIFF" + size.to_bytes(4, "little") + data[8:36] + chunk + data[36:]


FFMPEG = b"LIST\x1a\0\0\0INFOISFT\x0d\0\0\0Lavf60.16.100\0"
TITLES = b"LIST\x1c\0\0\0INFOINAM\x02\0\0\0x\0ICMT\x06\0\0\0a dog\0"


@pytest.mark.parametrize("between", [b"", FFMPEG, TITLES, b"LIST\x05\0\0\0adtl\0\0"])
def test_a_header_with_any_byte_changed(between):
    """Whatever is taken for plain, libsndfile reads alike and without a complaint."""
    data = with_list(between)
    header = HEADER + len(between)
    inside = range(36 + 4, 36 + len(between))  # of a list: its size, and its content
    taken = []
    for at in range(header + 4):
        for value in range(256):
            changed = data[:at] + bytes([value]) + data[at + 1 :]
            wav, memory = plain(changed), plain_memory(changed)
            assert (memory is None) == (wav is None)
            if wav is None:
                continue
            facts = wav.samplerate, wav.channels, wav.frames
            assert (memory.samplerate, memory.channels, memory.frames) == facts
            taken.append((at, value))
            try:
                file = soundfile.SoundFile(io.BytesIO(changed))
            except soundfile.LibsndfileError:
                # It looks into lists, and behind one that is broken inside it may lose its way.
                assert at in inside, (at, value)
                continue
            with file:
                assert (file.format, file.subtype) == (wav.format, wav.subtype)
                facts = file.samplerate, file.channels, file.frames
                assert facts == (wav.samplerate, wav.channels, wav.frames), (at, value)
                assert not is_cut_short(file.extra_info)
                y = np.empty((wav.frames, wav.channels), np.int16)
                assert np.array_equal(wav.read(y), file.read(dtype="int16", always_2d=True))
                assert np.array_equal(memory.samples.reshape(y.shape), y)
    # One byte of the header can be written in one way only; those of the first frame in any.
    assert {at for at in range(header) if (at, data[at]) in taken} == set(range(header))
    outside = [at for at, _ in taken if at not in inside]
    assert len(outside) == header - len(inside) + 4 * 256


@pytest.mark.parametrize("size", [0, 1, 43, 44, 47, 48, 100, 243])
def test_a_file_cut_short_is_left_to_the_decoder(size):
    assert plain(encode()[:size]) is None
    assert plain_memory(encode()[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        encode() + b"\0",
        encode() + b"LIST\x04\0\0\0INFO",
        encode(0),
        encode(subtype="PCM_24"),
        encode(subtype="PCM_U8"),
        encode(subtype="FLOAT"),
        encode(endian="BIG"),
        with_list(b"JUNK\x04\0\0\0\0\0\0\0"),
        with_list(FFMPEG + TITLES),
        with_list(b"LIST\x88\x13\0\0INFO" + bytes(4996)),
        encode()[:HEADER] + b"OggS" + encode()[HEADER + 4 :],
        encode()[:HEADER] + b"wvpk" + encode()[HEADER + 4 :],
    ],
)
def test_what_is_not_plain_is_left_to_the_decoder(data):
    assert plain(data) is None
    assert plain_memory(data) is None


@pytest.mark.parametrize("marker", [b"OggS", b"wvpk"])
def test_another_format_behind_the_header_is_refused(marker):
    with pytest.raises(DecodeError) as caught:
        load(encode()[:HEADER] + marker + encode()[HEADER + 4 :])
    assert caught.value.code == "decode_failed"


class Shrinking(io.BytesIO):
    """Gives a few bytes at a time, and ends before its time."""

    def readinto(self, out, /):
        left = 151 - self.tell()
        return super().readinto(memoryview(out)[: max(0, min(left, 7))])


def test_a_file_that_becomes_shorter_gives_the_frames_it_has():
    data = encode()
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    wav = plain_wav(Shrinking(data), len(data))
    y = wav.read(np.empty((50, 2), np.float32))
    assert np.array_equal(y, expected[: (151 - HEADER) // 4])


def test_a_failing_disk_is_reported_with_the_name_of_the_file():
    class Failing(io.BytesIO):
        name = "x.wav"

        def readinto(self, out, /):
            raise OSError(errno.EIO, "broken")

    wav = plain_wav(Failing(encode()), len(encode()))
    with pytest.raises(OSError, match="broken") as caught:
        wav.read(np.empty((50, 2), np.int16))
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, "x.wav")


def test_a_clip_from_a_path_is_that_of_its_bytes_and_of_the_decoder(tmp_path):
    data = encode(3000)
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    with_list = data[:4] + (len(data) + 4).to_bytes(4, "little") + data[8:] + b"LIST\x04\0\0\0INFO"
    for options in ({}, {"offset": 0.1}, {"duration": 0.05}, {"samples": 9}, {"sr": 16000}):
        clips = [read_clip(source, **options) for source in (path, data, with_list)]
        for clip in clips:
            assert np.array_equal(clip.y, clips[2].y)
            assert clip.y.dtype == clips[2].y.dtype
            assert clip.duration == clips[2].duration
            assert not clip.truncated


def test_no_decoder_is_loaded_for_such_a_file(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(demo.wav())
    code = (
        "import sys; from melpix import load; load(sys.argv[1]); print('soundfile' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(command, check=True, capture_output=True).stdout.split() == [b"False"]
