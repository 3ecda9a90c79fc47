# SPDX-License-Identifier: MIT
"""Every second of every file: MP3s and Ogg files of which libsndfile reads a part only."""

import io
import itertools
import json
import shutil
import struct
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
from containers import chunk, riff

from melpix import Frontend, MelpixError, _core, convert_bytes, convert_file, read_png, windows
from melpix.audio import binary_files
from melpix.audio.load import load, probe, read_blocks, read_clip
from melpix.audio.resample import resample
from melpix.serving.answer import Limits
from melpix.serving.work import Answerer
from sounds import chirp, encode, vbr_mp3, without_xing

CBR = {"compression_level": 0.5, "bitrate_mode": "CONSTANT"}
A = encode("mp3", chirp(66150), 44100)
MONO = without_xing(encode("mp3", chirp(66150), 44100, **CBR))
STEREO = encode("mp3", chirp(66150, 2), 44100)
FAST = encode("mp3", chirp(72000, 2, 48000), 48000)
SLOW = encode("mp3", chirp(24000, 1, 24000), 24000)
ID3 = b"ID3\3\0\0\0\0\x10\0" + bytes(2048)
ID3V1 = b"TAG" + bytes(125)
LYRICS = b"LYRICSBEGIN" + b"LYR02990" + b"la la la\n" * 333 + b"003018LYRICS200"
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 1032, 1, 0xA0000000) + bytes(8 + 1032)
TEXT = b"<html>" * 1000


def samples(data, **options):
    return load(data, sr=None, **options)[0]


def fitted(data, sr, channels):
    """The samples of a sound, as they are joined to one of another rate and other channels."""
    y, rate = load(data, sr=None, mono=False)
    y = np.atleast_2d(y)
    if len(y) != channels:
        y = np.repeat(y.mean(axis=0, keepdims=True), channels, axis=0)
    return resample(np.ascontiguousarray(y), rate, sr)


def assert_reads(data, expected, flags=(), *, tolerance=0.0, tmp_path=None):
    """By all ways in, the whole and in parts, with these flags; as many frames as are told."""
    names = ("truncated", "length_estimated", "joined")
    facts = probe(data)
    assert facts["frames"] == expected.shape[-1]
    assert {name for name in names if facts[name]} == {*flags}
    path = tmp_path / "x.bin"
    path.write_bytes(data)
    for source in (data, str(path)):
        y = load(source, sr=None, mono=False)[0]
        np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance)
    mono = load(data, sr=None)[0]
    for clips in ([read_clip(data, sr=None)], [*read_blocks(str(path), sr=None)]):
        np.testing.assert_array_equal(np.concatenate([clip.y for clip in clips]), mono)
        assert {name for name in names if getattr(clips[-1], name)} == {*flags}
    if "truncated" in flags:
        with pytest.raises(MelpixError, match="holds less sound"):
            read_clip(data, strict=True)
    else:
        read_clip(data, strict=True)


JOINED_MP3S = {
    "itself": [A, A],
    "stereo": [A, STEREO],
    "stereo first": [STEREO, A],
    "rates": [A, FAST, SLOW],
    "fast first": [FAST, A],
    "no header, other channels": [MONO, STEREO],
    "tags between": [A, ID3V1, ID3, STEREO],
    "zeros between": [A, bytes(10_000), FAST],
    "lyrics, APE": [A, LYRICS + ID3V1, APE, ID3, SLOW],
    "zeros behind": [A, A, bytes(10_000)],
    "begins with zeros": [bytes(700), A, STEREO],
}


@pytest.mark.parametrize("name", JOINED_MP3S)
def test_joined_mp3s(tmp_path, name):
    """Each is what it is alone, but for the first one's rate and channels."""
    sounds = [part for part in JOINED_MP3S[name] if part[:1] == b"\xff"]
    _, sr = load(sounds[0], sr=None)
    channels = load(sounds[0], mono=False)[0].ndim
    expected = np.concatenate([fitted(sound, sr, channels) for sound in sounds], axis=-1)
    expected = expected[0] if channels == 1 else expected
    assert_reads(b"".join(JOINED_MP3S[name]), expected, ["joined"], tmp_path=tmp_path)


def claiming(frames):
    at = A.index(b"Xing") + 8
    return A[:at] + struct.pack(">I", frames) + A[at + 4 :]


def test_mp3s_whose_length_is_stated_wrongly_or_not_at_all(tmp_path):
    """What libsndfile makes of them begins as all of it does."""
    vbr = without_xing(vbr_mp3(quiet_first=False))
    for data, seconds, flags in (
        (claiming(10), 1.5, ["length_estimated"]),
        (claiming(0), 1.5, ["length_estimated"]),
        (vbr, 4.0, ["length_estimated"]),
        (without_xing(A), 1.5, ["length_estimated"]),
        (without_xing(A) + bytes(10_000), 1.5, ["length_estimated"]),
        (MONO + bytes(10_000), 1.5, []),
        (MONO + LYRICS + ID3V1, 1.5, []),
        (MONO + MONO, 3.0, []),
        (MONO + TEXT, 1.5, ["truncated"]),
    ):
        y = samples(data)
        assert 0 <= len(y) / 44100 - seconds < 0.1
        assert_reads(data, y, flags, tmp_path=tmp_path)
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            part = file.read(min(file.frames, 30_000), dtype="float32")
        np.testing.assert_array_equal(y[: len(part)], part)


def test_mp3s_with_something_between(tmp_path):
    """Of what is nothing that is known nobody can say that it was no sound."""
    both = np.concatenate([samples(MONO), samples(MONO)])
    y = samples(MONO + TEXT + MONO)
    np.testing.assert_array_equal(y, both)
    assert_reads(MONO + TEXT + MONO, y, ["truncated", "joined"], tmp_path=tmp_path)
    # But where a header says that no frame is missing.
    assert_reads(A + TEXT + A, np.tile(samples(A), 2), ["joined"], tmp_path=tmp_path)
    # A file that was cut is short, and what is behind it is there.
    cut = A[:-100] + FAST
    assert_reads(cut, samples(cut), ["truncated", "joined"], tmp_path=tmp_path)
    assert 0 < len(samples(A + FAST)) - len(samples(cut)) <= 2 * 1152
    broken = A[:9000] + b"\1" * 3000 + A[12_000:]
    assert read_clip(broken).truncated
    assert len(samples(broken)) > 0.7 * len(samples(A))


def test_an_mp3_whose_channels_change_at_every_frame():
    """Each of its frames is an MP3 of its own."""
    frames = [
        [sound[run.start + i * run.length :][: run.length] for i in range(20)]
        for sound in (
            without_xing(encode("mp3", chirp(32_000, n, 32000), 32000, **CBR)) for n in (1, 2)
        )
        for run in _core.survey_mpeg(binary_files.Memory(sound)).runs
    ]
    data = b"".join(itertools.chain(*zip(*frames, strict=True)))
    facts = probe(data)
    assert (facts["frames"], facts["joined"]) == (40 * 1152, True)
    assert len(samples(data)) == 40 * 1152


CODINGS = [("vorbis", 44100, 22050), ("opus", 48000, 24000)]


def pages(data):
    found, at = [], 0
    while at < len(data):
        table = data[at + 27 : at + 27 + data[at + 26]]
        size = 27 + len(table) + sum(table)
        found.append(data[at : at + size])
        at += size
    return found


@pytest.mark.parametrize(("kind", "sr", "other"), CODINGS)
def test_chained_ogg(tmp_path, kind, sr, other):
    a = encode(kind, chirp(sr, 1, sr), sr)
    b = encode(kind, chirp(other * 3 // 2, 2, other), other)
    foreign = encode("vorbis" if kind == "opus" else "opus", chirp(48000, 2, 48000), 48000)
    for links in ([a, b], [a, a], [b, foreign, bytes(99), a]):
        sounds = [link for link in links if len(link) > 99]
        channels = load(links[0], mono=False)[0].ndim
        rate = load(links[0], sr=None)[1]
        expected = np.concatenate([fitted(link, rate, channels) for link in sounds], axis=-1)
        expected = expected[0] if channels == 1 else expected
        assert_reads(b"".join(links), expected, ["joined"], tmp_path=tmp_path)
    # A recording that stops in a page of the second link, and one that switches in a page.
    for data, least in ((a + b[:-200], 1.5), (a[:-200] + b, 1.9)):
        assert_reads(
            data, load(data, sr=None, mono=False)[0], ["truncated", "joined"], tmp_path=tmp_path
        )
        assert len(samples(data)) > least * sr
    # What is no sound that libsndfile reads, and pages whose beginning is missing.
    head = b"OggS\0\2" + bytes(8) + b"strm" + bytes(8) + b"\1\x08Speex   "
    for data in (a + head + head.replace(b"\0\2", b"\0\4", 1), a + b"".join(pages(b)[3:])):
        clip = read_clip(data, sr=None)
        assert clip.truncated
        np.testing.assert_array_equal(clip.y, samples(a))


@pytest.mark.parametrize(("kind", "sr", "other"), CODINGS)
def test_parts_of_joined_sounds(kind, sr, other):
    """Offsets and durations within a piece, across pieces, and from one of another rate on."""
    ogg = encode(kind, chirp(sr, 1, sr), sr)
    odd = encode(kind, chirp(other, 2, other), other)
    for data in (ogg + odd + ogg, A + SLOW + STEREO):
        whole, rate = load(data, sr=None)
        end = len(whole) / rate
        for offset, duration in ((0.3, 0.2), (0.6, 1.0), (1.6, None), (2.2, 0.5), (0.0, end)):
            start = int(offset * rate)
            stop = None if duration is None else start + int(duration * rate)
            y = samples(data, offset=offset, duration=duration)
            assert len(y) == len(whole[start:stop])
            if kind == "opus" or data[:4] != b"OggS":  # libsndfile misses the place in Vorbis' end
                np.testing.assert_allclose(y, whole[start:stop], rtol=0, atol=2e-6)
        with pytest.raises(MelpixError, match="no sound at offset"):
            load(data, offset=end + 1)


def test_parts_of_mp3s_whose_frames_lean_on_those_before():
    """Of variable bit rates: a frame's bytes may lie in the frames before it."""
    whole = samples(vbr_mp3() + vbr_mp3(quiet_first=False))
    for seconds in (0.9, 2.2, 3.1, 4.7, 6.3):
        start = int(seconds * 44100)
        part = samples(vbr_mp3() + vbr_mp3(quiet_first=False), offset=seconds, duration=0.3)
        np.testing.assert_allclose(part, whole[start:][: len(part)], rtol=0, atol=2e-6)


def test_opus_that_ends_without_saying_so(tmp_path):
    """libsndfile refuses all of it if the last packet is not used to its end."""
    data = encode("opus", chirp(60_000, 1, 48000), 48000)
    for last in (data, b"".join(pages(data)[:-1])):
        *before, end = pages(last)
        header = end[:5] + bytes([end[5] & ~4]) + end[6:22] + bytes(4) + end[26:]
        crc = 0
        for byte in header:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if crc & 0x80000000 else crc << 1
        unended = b"".join(before) + header[:22] + crc.to_bytes(4, "little") + header[26:]
        expected = samples(last)
        assert_reads(unended, expected, ["truncated"], tmp_path=tmp_path)
        joined = np.tile(expected, 2)
        assert_reads(unended + last, joined, ["truncated", "joined"], tmp_path=tmp_path)


def in_wav(mp3, coding=0x55, size=None):
    form = struct.pack("<HHIIHHH", coding, 1, 44100, 16000, 1, 0, 12) + struct.pack(
        "<HIHHH", 1, 2, 417, 1, 1393
    )
    fact = chunk(b"fact", struct.pack("<I", 66150))
    return riff(chunk(b"fmt ", form), fact, chunk(b"data", mp3, size), chunk(b"LIST", b"INFO" * 9))


def test_mp3_in_wav(tmp_path):
    layer_2 = b""
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-i", "-", "-c:a", "mp2", "-f", "mp2", "-"]
        wav = encode("wav", chirp(66150), 44100)
        layer_2 = subprocess.run(command, input=wav, capture_output=True, check=True).stdout
    for data, inside, flags in (
        (in_wav(A), A, []),
        (in_wav(A, size=0), A, []),
        (in_wav(A, size=0xFFFFFFFF), A, []),
        (in_wav(MONO), MONO, []),
        (in_wav(ID3 + A), A, []),
        (in_wav(bytes(50) + A), A, []),
        (in_wav(A + STEREO), A + STEREO, ["joined"]),
        (in_wav(without_xing(A)), without_xing(A), ["length_estimated"]),
        (in_wav(layer_2, 0x50), layer_2, []),
    ):
        if inside:
            facts = probe(data)
            assert facts["format"] == "WAV"
            assert facts["subtype"] == f"MPEG_LAYER_{'II' if inside is layer_2 else 'III'}"
            assert_reads(data, samples(inside), flags, tmp_path=tmp_path)
    y, _ = soundfile.read(io.BytesIO(in_wav(A)), dtype="float32")
    np.testing.assert_array_equal(samples(in_wav(A)), y)
    for nothing in (b"", b"\1" * 5000):
        with pytest.raises(MelpixError):
            load(in_wav(nothing))


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs ffmpeg")
def test_as_long_as_for_ffmpeg(tmp_path):
    """But for what encoders put before and behind the sound: two frames of each piece."""
    parts_of = {name: JOINED_MP3S[name] for name in ("rates", "tags between", "zeros behind")}
    parts_of["opus"] = [encode("opus", chirp(n, 1, 48000), 48000) for n in (24_000, 48_000)]
    parts_of["vbr"] = [without_xing(vbr_mp3())]
    for name, parts in parts_of.items():
        path = tmp_path / "x"
        path.write_bytes(b"".join(parts))
        command = ["ffmpeg", "-v", "quiet", "-i", path, "-ac", "1", "-f", "f32le", "-"]
        ffmpeg = subprocess.run(command, capture_output=True, check=True).stdout
        assert abs(len(samples(path)) - len(ffmpeg) / 4) < 2 * 1152 * len(parts), name


def test_the_same_image_from_all_doors(tmp_path):
    """A path, bytes, standard input and the service; windows are of all of the sound."""
    f = Frontend()
    answer = Answerer(Limits())
    for number, data in enumerate((A + FAST, in_wav(A + STEREO), claiming(0))):
        path, out = tmp_path / f"{number}.bin", tmp_path / "x.png"
        path.write_bytes(data)
        made = convert_file(path, out, f)
        facts = {"joined": number < 2, "length_estimated": number == 2, "truncated": False}
        assert {name: getattr(made, name) for name in facts} == facts
        image = read_png(out)[0]
        np.testing.assert_array_equal(read_png(convert_bytes(data, f))[0], image)
        served = answer("image", "", "", bytearray(data))
        np.testing.assert_array_equal(read_png(served.body)[0], image)
        told = json.loads(served.headers["x-melpix-metadata"])
        assert {name: told[name] for name in facts} == facts
        found = windows(path, f, seconds=0.5)
        assert len([*found]) == int(made.duration / 0.5)
        assert {name: getattr(found, name) for name in facts} == facts
    command = [sys.executable, "-m", "melpix", "convert", "-", "-o", out]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    np.testing.assert_array_equal(read_png(out)[0], image)
    assert b"states no length, or a wrong one" in done.stderr


def test_mutants():
    """Random damage: never less sound than libsndfile reads, but with a flag or an error."""
    vorbis = encode("vorbis", chirp(30_000), 44100)
    opus = encode("opus", chirp(30_000, 2, 48000), 48000)
    rng = np.random.default_rng(20)
    for seed in (A + FAST + SLOW, MONO + STEREO, MONO + MONO, vorbis + opus, opus + opus):
        for k in range(16):
            data = bytearray(seed)
            for _ in range(rng.integers(1, 5)):
                at, n = int(rng.integers(len(data))), int(rng.integers(1, (4, 400, 3000)[k % 3]))
                kept = b"" if k % 4 == 0 else data[at : at + n] if k % 4 == 1 else b"\0" * n
                data[at : at + n] = rng.bytes(n if k % 4 == 3 else 0) + kept
            if k % 5 == 0:
                del data[int(rng.integers(len(data) // 2, len(data))) :]
            try:
                with soundfile.SoundFile(binary_files.Memory(bytes(data))) as file:
                    judged = len(file.read()) / file.samplerate
            except soundfile.LibsndfileError:
                judged = 0.0
            try:
                clip = read_clip(bytes(data), sr=None)
            except MelpixError:
                assert not judged, k
                continue
            flagged = clip.truncated or clip.length_estimated
            assert flagged or clip.duration > judged - 1e-9, k


def test_hostile_files_take_no_more_than_their_size():
    """Counted, not timed: as many bytes are read as there are, or twice as many."""

    class Counting(binary_files.Memory):
        read_bytes = 0

        def readinto(self, buffer):
            n = super().readinto(buffer)
            self.read_bytes += n
            return n

    frame = b"\xff\xe3\x18\xc0" + bytes(68)
    other = b"\xff\xe3\x18\x00" + bytes(68)
    page = b"OggS\0\0" + bytes(20) + b"\xff" + b"\xff" * 255
    begin = b"OggS\0\2" + bytes(20) + b"\0"
    for data in (
        (frame + other) * 10_000,
        frame * 3 + b"LYRICSBEGIN" * 100_000,
        (frame * 3 + b"junk") * 5_000,
        (frame * 3 + b"TAG" + ID3[:10]) * 5_000,
        frame * 3 + b"\xff" * 1_000_000,
        (begin + begin.replace(b"\0\2", b"\0\0", 1)) * 20_000,
        encode("opus", chirp(960, 1, 48000), 48000) + page * 4_000,
        b"OggS" * 300_000,
    ):
        file = Counting(data)
        tracemalloc.start()
        survey = _core.survey_ogg if data[:4] == b"OggS" else _core.survey_mpeg
        survey(file)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2 * len(data) + 1_000_000
        assert file.read_bytes < 4 * len(data) + 1_000_000
