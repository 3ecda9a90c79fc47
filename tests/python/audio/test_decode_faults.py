# SPDX-License-Identifier: MIT
"""Bad input: each fault that concerns reading one file, made for real."""

import io
import math
import os
import pickle
import resource
import shutil
import socket
import struct
import tempfile
import tracemalloc

import librosa
import numpy as np
import pytest

from melpix.audio import decoder
from melpix.audio.load import MAX_SAMPLES, MAX_SECONDS, load, probe, read_blocks, read_clip
from melpix.errors import DecodeError, MelpixError, SignalError
from sounds import (
    KINDS,
    chirp,
    encode,
    flac_frames,
    librosa_load,
    patch,
    vbr_mp3,
    wav_sizes,
    without_xing,
)

RATE = 48000


@pytest.fixture(scope="module")
def whole():
    """Two seconds of stereo in each kind of file."""
    return {kind: encode(kind, chirp(2 * RATE, 2, RATE), RATE) for kind in KINDS}


def assert_refused(source, code, *words, error=DecodeError, **options):
    for read in (load, read_clip):
        with pytest.raises(error) as caught:
            read(source, **options)
        assert caught.value.code == code
        for word in words:
            assert word in str(caught.value)


def peak_memory(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# What is no sound, or no file


def garbage(n):
    return np.random.default_rng(5).bytes(n)


def test_an_error_carries_the_sound_and_the_reason(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(garbage(5000))
    for sound, source, begin in (
        (path, str(path), f"{str(path)!r}: "),
        (garbage(5000), "", "the given bytes: "),
    ):
        with pytest.raises(DecodeError) as caught:
            load(sound)
        assert caught.value.source == source
        assert str(caught.value) == begin + caught.value.reason
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.code, again.source, str(again)) == (
            "decode_failed",
            source,
            str(caught.value),
        )
    assert SignalError("overflow", "too loud").source is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [4, 12, 20])
def test_cut_within_the_header(whole, kind, kept):
    assert_refused(whole[kind][:kept], "decode_failed", "the given bytes: ")


@pytest.mark.parametrize("kind", KINDS)
def test_corrupt_header(whole, kind):
    """Any header byte may be wrong: melpix's own error or some samples, nothing else."""
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(60):
        data = bytearray(whole[kind][:20000])
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(4, 60)] = rng.integers(256)
        try:
            assert np.isfinite(read_clip(bytes(data), sr=None).y).all()
        except MelpixError:
            refused += 1
    assert refused


def test_missing_and_forbidden(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load(tmp_path / "none.wav")
    assert caught.value.filename == str(tmp_path / "none.wav")
    (tmp_path / "dir.wav").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        load(tmp_path / "dir.wav")
    assert caught.value.filename == str(tmp_path / "dir.wav")
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    with pytest.raises(OSError, match="symbolic links"):
        load(tmp_path / "a.wav")
    with pytest.raises(FileNotFoundError):
        load("")


def test_permission_denied(whole):
    folder = tempfile.mkdtemp()  # not tmp_path, whose parents another user may not enter
    try:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "x.wav")
        with open(path, "wb") as file:
            file.write(whole["wav"])
        load(path)
        os.chmod(path, 0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError) as caught:
                load(path)
        finally:
            if root:
                os.seteuid(0)
        assert caught.value.filename == path
    finally:
        shutil.rmtree(folder)


def test_no_file_descriptor_left(tmp_path, whole):
    """libsndfile only says that the system refused; the system says why."""
    path = tmp_path / "x.wav"
    path.write_bytes(whole["wav"])
    load(path)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            load(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert caught.value.filename == str(path)


def test_fifo_socket_device(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    os.mkfifo("fifo.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.wav")
        os.symlink("/dev/zero", "device.wav")
        for name in ("fifo", "socket", "device"):
            assert_refused(f"{name}.wav", "not_a_file", f"'{name}.wav'", name)
            with pytest.raises(DecodeError, match="not a file"):
                probe(f"{name}.wav")
    assert_refused("/dev/null", "not_a_file", "device")


def test_open_file_that_fails():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            raise OSError("the disk is on fire")

    with pytest.raises(OSError, match="the disk is on fire"):
        load(Failing())


def test_endless_file(monkeypatch):
    monkeypatch.setattr(decoder, "MAX_BYTES", 2**24)
    with open("/dev/zero", "rb") as file:
        assert peak_memory(lambda: assert_refused(file, "too_large", "16777216 bytes")) < 50e6


# Formats


def test_what_a_mac_leaves_beside_a_file_is_not_read(tmp_path, whole):
    """On disks of others it keeps a file's resource fork as ``._name``: here an AppleDouble file.

    libsndfile takes such a thing for the header of an SD2 file, if it knows the sound's name.
    """
    header = struct.pack(">II16xH3I3I", 0x00051607, 0x00020000, 2, 9, 50, 3760, 2, 3810, 286)
    path = tmp_path / "a.mp3"
    path.write_bytes(whole["mp3"])
    before = load(path)[0]
    for beside in (tmp_path / "._a.mp3", tmp_path / ".AppleDouble" / "a.mp3"):
        beside.parent.mkdir(exist_ok=True)
        beside.write_bytes(header.ljust(4096, b"\0"))
        assert np.array_equal(load(path)[0], before)
        beside.unlink()
    (tmp_path / "._b.mp3").write_bytes(header)
    (tmp_path / "b.mp3").write_bytes(garbage(5000))
    assert_refused(tmp_path / "b.mp3", "decode_failed")


# Files cut short


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "flac"])
@pytest.mark.parametrize("kept", [0.6, 0.77])
def test_cut_short(tmp_path, whole, kind, kept):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(whole[kind][: int(len(whole[kind]) * kept)])
    clip = read_clip(path)
    if kind != "caf":  # libsndfile drops what must be there
        expected, _ = librosa_load(path)
        np.testing.assert_array_equal(load(path)[0], expected)
        np.testing.assert_array_equal(clip.y, expected)
    assert clip.truncated
    assert 0.5 * kept < clip.duration / 2 < 1.2 * kept
    with pytest.raises(DecodeError) as caught:
        read_clip(path, strict=True)
    assert caught.value.code == "truncated"
    assert repr(str(path)) in str(caught.value)
    assert probe(path)["truncated"]


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_pass_strict(whole, kind):
    assert not read_clip(whole[kind], strict=True).truncated
    assert not read_clip(whole[kind], strict=True, offset=0.5, duration=0.5).truncated


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_cut_flac(whole, kept):
    assert_refused(whole["flac"][: int(len(whole["flac"]) * kept)], "decode_failed")


def test_flac_cut_between_two_frames(whole):
    """Its decoder has nothing to complain of, but the header declares more."""
    longer = flac_frames(whole["flac"], 2 * RATE + 1)
    message = "declares 96001 frames, but ends after 96000"
    assert_refused(longer, "decode_failed", message)
    assert read_clip(longer, duration=1.0).duration == 1.0


def test_flac_broken_in_the_middle(tmp_path, whole):
    data, middle = whole["flac"], len(whole["flac"]) // 2
    broken = data[:middle] + garbage(3000) + data[middle + 3000 :]
    assert_refused(broken, "decode_failed", "the given bytes: ")
    path = tmp_path / "x.flac"
    path.write_bytes(broken)
    assert_refused(path, "decode_failed", repr(str(path)))
    assert read_clip(broken, duration=0.5).duration == 0.5  # only what is asked for is decoded


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_ogg_broken_in_the_middle(tmp_path, kind):
    """libsndfile ends there in silence; the last page tells that there was more."""
    data = encode(kind, chirp(5 * RATE, 2, RATE), RATE)
    middle = len(data) // 2
    path = tmp_path / "x.ogg"
    path.write_bytes(data[:middle] + garbage(9000) + data[middle + 9000 :])
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.y, librosa_load(path)[0])
    assert clip.truncated


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF024, 0x80000000, 0xFFFFFFFF - 36])
def test_wav_written_to_a_pipe_is_not_cut_short(whole, size):
    clip = read_clip(wav_sizes(whole["wav"], size), strict=True)
    assert clip.duration == 2.0
    np.testing.assert_array_equal(clip.y, read_clip(whole["wav"]).y)


def test_wrong_outer_size_is_not_cut_short(whole):
    clip = read_clip(patch(whole["wav"], 4, "<I", len(whole["wav"]) + 1000), strict=True)
    assert clip.duration == 2.0


# MP3 without a stated length


@pytest.mark.parametrize("quiet_first", [True, False])
def test_variable_rate_without_xing(tmp_path, quiet_first):
    stated = vbr_mp3(quiet_first)
    assert not read_clip(stated, strict=True).length_estimated
    path = tmp_path / "x.mp3"
    path.write_bytes(without_xing(stated))
    clip = read_clip(path, strict=True)
    assert clip.duration > 4.0  # librosa has as much as the first frame's bit rate would make of it
    assert clip.length_estimated
    assert probe(path)["length_estimated"]


def test_variable_rate_behind_an_id3_tag():
    tag = b"ID3\x04\0\0" + bytes([0, 0, 0x20, 0x05]) + bytes(0x20 * 128 + 5)
    assert read_clip(tag + without_xing(vbr_mp3())).length_estimated
    assert not read_clip(tag + vbr_mp3()).length_estimated


def test_constant_rate_without_xing():
    data = encode("mp3", chirp(3 * 44100), 44100, compression_level=0.5, bitrate_mode="CONSTANT")
    clip = read_clip(without_xing(data), strict=True)
    assert not clip.length_estimated
    assert abs(clip.duration - 3) < 0.1


# MP3s that begin somewhere


def id3(body, version=3, flags=0):
    size = bytes(len(body) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3" + bytes([version, 0, flags]) + size + body


FOOTED = id3(bytes(40), 4, 0x10) + b"3DI" + id3(bytes(40), 4, 0x10)[3:10]
IN_FRONT = {
    "nothing": b"",
    "a-zero": b"\0",
    "zeros": bytes(100),
    "a-frame-of-zeros": bytes(1152),
    "newline": b"\r\n",
    "radio": b"ICY 200 OK\r\nicy-name: x\r\nicy-br: 128\r\n\r\n",
    "tag": id3(bytes(2000)),
    "two-tags": id3(bytes(2000)) + id3(bytes(300)),
    "tag-and-zeros": id3(bytes(2000)) + bytes(100),
    "tag-and-a-zero": id3(bytes(2000)) + b"\0",
    "zeros-and-tag": bytes(50) + id3(bytes(2000)),
    "tag-with-footer": FOOTED,
    "tag-that-tells-less": id3(bytes(300))[:6] + bytes([0, 0, 1, 0]) + bytes(300),
    "ape-tag": b"APETAGEX" + struct.pack("<IIII", 2000, 64, 0, 0xA0000000) + bytes(2000),
    "noise": garbage(700),
    "cut-frame": None,
}


def doors(path):
    """The samples of an MP3 that is called x.mp3, from every way into melpix."""
    data = path.read_bytes()
    unnamed = path.with_suffix(".bin")
    unnamed.write_bytes(data)
    with open(path, "rb") as file:
        yield "file", load(file, sr=None)[0]
    yield "path", load(path, sr=None)[0]
    yield "unnamed", load(unnamed, sr=None)[0]
    yield "bytes", load(data, sr=None)[0]
    yield "memory", load(memoryview(bytearray(data)), sr=None)[0]
    yield "clip", read_clip(data, sr=None).y
    yield "blocks", np.concatenate([clip.y for clip in read_blocks(data, sr=None)], -1)


@pytest.mark.parametrize(
    ("stated", "ending"),
    [(True, b""), (False, b""), (False, b"TAG" + bytes(125))],
    ids=["xing", "no-xing", "no-xing-tagged"],
)
@pytest.mark.parametrize("front", IN_FRONT)
def test_an_mp3_begins_where_its_frames_do(tmp_path, front, stated, ending):
    """From memory as from a path, and as librosa has it: libsndfile goes by the path's name."""
    mp3 = encode("mp3", chirp(44100, 2), 44100)
    mp3 = mp3 if stated else without_xing(mp3)
    before = IN_FRONT[front]
    path = tmp_path / "x.mp3"
    path.write_bytes((mp3[517:] if before is None else before + mp3) + ending)
    expected = librosa_load(path, sr=None)[0]
    assert len(expected) > 15_000  # as long as the decoder takes it for, where it can but guess
    for door, y in doors(path):
        np.testing.assert_array_equal(y[: len(expected)], expected, err_msg=door)
        frames = 40 if before is not None else 39
        assert len(y) == (44100 if stated and before is not None else frames * 1152), door


def test_an_mp3_whose_second_frame_is_broken(tmp_path):
    """It begins with the first all the same."""
    mp3 = without_xing(encode("mp3", chirp(44100), 44100))
    second = mp3.index(mp3[:2], 4)
    path = tmp_path / "x.mp3"
    path.write_bytes(mp3[:second] + bytes(40) + mp3[second + 40 :])
    expected = librosa_load(path, sr=None)[0]
    for door, y in doors(path):
        np.testing.assert_array_equal(y[: len(expected)], expected, err_msg=door)


@pytest.mark.parametrize("zeros", [70_000, 300_000])
def test_an_mp3_behind_many_zeros(tmp_path, zeros):
    """More than the decoder passes over by itself."""
    mp3 = encode("mp3", chirp(44100), 44100)
    path = tmp_path / "x.mp3"
    path.write_bytes(bytes(zeros) + mp3)
    for door, y in doors(path):
        np.testing.assert_array_equal(y, load(mp3, sr=None)[0], err_msg=door)


@pytest.mark.parametrize(
    "around",
    [b"RIFF\xff\xff\0\0AVI LIST", b"\0\0\0\x20ftypisom", b"\x1aE\xdf\xa3", b"FLV\1\5", b"0&\xb2u"],
    ids=["avi", "mp4", "webm", "flv", "wma"],
)
def test_frames_inside_a_container_are_not_taken_for_an_mp3(around):
    """Other things stand between them."""
    data = around.ljust(64, b"\1") + encode("mp3", chirp(4410), 44100)
    with pytest.raises(DecodeError, match=r"(not read|unknown format).*ffmpeg") as caught:
        load(data)
    assert caught.value.code in {"decode_failed", "no_decoder"}


def test_noise_is_no_mp3(tmp_path):
    """Not even with the marks of two frames in it, or of frames that do not fit together."""
    mp3 = without_xing(encode("mp3", chirp(44100), 44100))
    second = mp3.index(mp3[:2], 4)
    other = without_xing(encode("mp3", chirp(48000, 1, 48000), 48000))
    marks = bytearray(b"\1" * 5000)
    marks[100:104], marks[100 + second : 104 + second] = mp3[:4], mp3[:4]
    apart = bytearray(b"\1" * 5000)
    apart[100:104], apart[100 + second : 104 + second] = mp3[:4], other[:4]
    for data in (marks, apart, bytes(70_000), b"\1" * 70_000 + mp3):
        assert_refused(bytes(data), "decode_failed")


def test_marks_without_end_take_no_time():
    """Marks of frames that lead nowhere: one for each four bytes that are searched."""
    mark = bytes.fromhex("fffb9000")
    with pytest.raises(DecodeError):
        load(b"x" + mark * 2_000_000)


@pytest.mark.parametrize("name", ["._", ".AppleDouble/"])
@pytest.mark.parametrize("front", ["nothing", "tag", "zeros"])
def test_what_lies_in_the_current_folder_is_nothing_to_memory(tmp_path, monkeypatch, name, front):
    """libsndfile looks there for the resource fork of what has no name."""
    data = IN_FRONT[front] + without_xing(encode("mp3", chirp(44100), 44100))
    path = tmp_path / "x.mp3"
    path.write_bytes(data)
    before = dict(doors(path))
    monkeypatch.chdir(tmp_path)
    if name.endswith("/"):
        os.mkdir(name)
    else:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "._x.mp3").write_bytes(b"\0" * 4096)  # and beside the file
    for door, y in doors(path):
        np.testing.assert_array_equal(y, before[door], err_msg=door)
    for noise in (garbage(5000), b"Dear diary\n" * 50):
        assert_refused(noise, "decode_failed")


# Headers that lie about the length


def test_streamed_flac(whole):
    """Unknown length: all of it is decoded, from any place."""
    streamed = flac_frames(whole["flac"], 0)
    assert probe(streamed)["frames"] is None
    assert probe(streamed)["duration"] is None
    for stretch in ({}, {"offset": 0.7}, {"offset": 0.7, "duration": 0.5}):
        np.testing.assert_array_equal(
            load(streamed, **stretch)[0], load(whole["flac"], **stretch)[0]
        )
    assert_refused(streamed, "empty_audio", "offset 3.0 s", offset=3.0)
    assert_refused(streamed, "empty_audio", "offset 1e+300 s", offset=1e300)
    assert peak_memory(lambda: load(streamed)) < 100e6
    with pytest.raises(DecodeError, match="an unknown length is too long") as caught:
        read_clip(streamed, max_seconds=1.5)
    assert caught.value.code == "too_long"


def test_streamed_flac_is_decoded_up_to_the_limit_only():
    """Twenty minutes of silence in few bytes: decoding stops where it is refused."""
    streamed = flac_frames(encode("flac", np.zeros(20 * 60 * 8000, np.float32), 8000), 0)

    def refused():
        with pytest.raises(DecodeError, match=r"at most 1\.0 s are read"):
            read_clip(streamed, sr=None, max_seconds=1)

    refused()
    assert peak_memory(refused) < 1e6


def test_flac_that_declares_2_to_the_36_frames(whole):
    data = flac_frames(whole["flac"], 2**36 - 1)

    def refused():
        seconds = round(MAX_SAMPLES / RATE, 3)  # of one channel
        assert_refused(data, "too_long", f"at most {seconds} s are read at once")
        with pytest.raises(DecodeError, match=r"1431655\.765 s is too long"):
            read_clip(data, max_seconds=math.inf)

    assert peak_memory(refused) < 100e6
    np.testing.assert_array_equal(
        load(data, offset=0.5, duration=1)[0], load(whole["flac"], offset=0.5, duration=1)[0]
    )


def test_flac_that_declares_ten_hours(whole):
    """Within the limits, so decoding is tried; room is made only for what arrives."""
    data = flac_frames(whole["flac"], 10 * 3600 * RATE)
    expected = "declares 1728000000 frames, but ends after 96000"
    assert peak_memory(lambda: assert_refused(data, "decode_failed", expected)) < 100e6


def ogg_with_last_granule(data, granule):
    """The last page of an OGG, which tells its length, with another one."""
    at = data.rindex(b"OggS")
    page = bytearray(patch(patch(data, at + 6, "<q", granule), at + 22, "<I", 0)[at:])
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 1 << 31 else 0)) & 0xFFFFFFFF
    page[22:26] = struct.pack("<I", crc)
    return data[:at] + bytes(page)


@pytest.mark.parametrize("kind", ["vorbis", "opus"])
def test_ogg_that_declares_too_much(whole, kind):
    data = ogg_with_last_granule(whole[kind], 2**36)
    assert peak_memory(lambda: assert_refused(data, "too_long")) < 100e6
    hours = ogg_with_last_granule(whole[kind], 10 * 3600 * RATE)
    clips = []
    assert peak_memory(lambda: clips.append(read_clip(hours, sr=None))) < 100e6
    assert clips[0].truncated
    assert abs(clips[0].duration - 2) < 0.1


@pytest.mark.parametrize(("kind", "mark", "skip"), [("rf64", b"ds64", 16), ("w64", b"data", 16)])
def test_wav_family_that_declares_2_to_the_36_frames(whole, kind, mark, skip):
    data = patch(whole[kind], whole[kind].index(mark) + skip, "<q", 2**36 * 4)
    clips = []
    assert peak_memory(lambda: clips.append(read_clip(data))) < 100e6
    np.testing.assert_array_equal(clips[0].y, read_clip(whole[kind]).y)


def test_too_long(whole):
    assert read_clip(whole["wav"], max_seconds=2).duration == 2
    with pytest.raises(DecodeError) as caught:
        read_clip(whole["wav"], max_seconds=1.999)
    assert caught.value.code == "too_long"
    assert "2.0 s is too long, at most 1.999 s are read" in str(caught.value)
    clip = read_clip(whole["wav"], max_seconds=1.5, offset=0.25, duration=1.5)
    assert clip.duration == 1.5

    slow = encode("flac", np.zeros(9_000_000, np.float32), 100, "PCM_S8")
    assert len(slow) / 100 < MAX_SECONDS < 9_000_000 / 100
    assert_refused(slow, "too_long", "90000.0 s is too long, at most 86400.0 s are read")


def test_resampling_is_bounded():
    """A small file of ten hours at 100 Hz would become terabytes at 10 MHz."""
    small = encode("flac", np.zeros(3_600_000, np.float32), 100, "PCM_S8")
    assert len(small) < 2**20

    def refused():
        assert_refused(small, "too_long", sr=10_000_000)

    assert peak_memory(refused) < 100e6


# Odd content


@pytest.mark.parametrize("kind", ["wav", "w64", "aiff", "au", "caf"])
def test_no_frames(kind):
    assert_refused(encode(kind, np.zeros((0, 2)), 44100), "empty_audio", " of 0.0 s")


@pytest.mark.parametrize("kind", KINDS)
def test_offset_beyond_the_end(whole, kind):
    for offset in (2.0, 2.5, 1e6, 1e300):
        words = (f"offset {offset} s", " of 2.0 s")
        assert_refused(whole[kind], "empty_audio", *words, offset=offset)


@pytest.mark.parametrize("duration", [0, 0.0, 1e-6])
def test_no_duration(whole, duration):
    words = (f"duration {duration} s", " of 2.0 s")
    assert_refused(whole["wav"], "empty_audio", *words, duration=duration)


def test_huge_duration_is_to_the_end(whole):
    np.testing.assert_array_equal(load(whole["wav"], duration=1e300)[0], load(whole["wav"])[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_not_finite(value, subtype, channels):
    y = chirp(1000, channels).astype(np.float64)
    y[441, -1] = value
    data = encode("wav", y, 44100, subtype)
    for sr in (None, 22050):
        message = "NaN or infinity at 0.01 s"
        assert_refused(data, "non_finite", message, error=SignalError, sr=sr)
        with pytest.raises(SignalError):
            load(data, sr=sr, mono=False)
        with pytest.raises(librosa.ParameterError):
            librosa_load(io.BytesIO(data), sr=sr)
    assert np.isfinite(load(data, duration=0.01)[0]).all()


def test_too_large_for_single_precision():
    y = np.full((100, 2), 3e38)
    data = encode("wav", y, 44100, "DOUBLE")
    assert_refused(data, "non_finite", error=SignalError)  # their sum, as in librosa
    assert load(data, dtype=np.float64, sr=None)[0][0] == 3e38


@pytest.mark.parametrize("rate", [1, 99, 10_000_001, 2**31 - 1])
@pytest.mark.parametrize("channels", [1, 8])
def test_sample_rate_out_of_range(rate, channels):
    data = patch(encode("wav", chirp(100, channels), 44100), 24, "<I", rate)
    message = f"its sampling rate must lie in 100 .. 10000000 Hz, is {rate}"
    assert_refused(data, "bad_sample_rate", message)
    assert_refused(data, "bad_sample_rate", message, sr=None)


@pytest.mark.parametrize("rate", [0, 2**31])
def test_sample_rate_that_libsndfile_refuses(rate):
    assert_refused(patch(encode("wav", chirp(100), 44100), 24, "<I", rate), "decode_failed")


@pytest.mark.parametrize("rate", [100, 10_000_000])
def test_sample_rate_at_the_limits(tmp_path, rate):
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", chirp(5000), rate))
    np.testing.assert_array_equal(load(path)[0], librosa_load(path)[0])


@pytest.mark.parametrize("channels", [1, 2, 6, 1000])
def test_channels(tmp_path, channels):
    path = tmp_path / "x.wav"
    path.write_bytes(encode("wav", chirp(3000, channels), 44100))
    np.testing.assert_array_equal(load(path)[0], librosa_load(path)[0])
    clip = read_clip(path, sr=None)
    assert clip.channels == channels
    assert clip.y.shape == ((3000,) if channels == 1 else (channels, 3000))


def test_too_many_channels_for_libsndfile():
    data = patch(patch(encode("wav", chirp(3000, 2), 44100), 22, "<H", 2000), 32, "<H", 4000)
    assert_refused(data, "decode_failed", "hannel")


def test_errors_leave_no_file_open(tmp_path, whole):
    """A service that is fed broken files all day does not run out of descriptors."""
    path = tmp_path / "x.flac"
    path.write_bytes(whole["flac"][: len(whole["flac"]) // 2])
    before = len(os.listdir("/dev/fd"))
    for _ in range(10):
        assert_refused(path, "decode_failed")
    assert len(os.listdir("/dev/fd")) == before
