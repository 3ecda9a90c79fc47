# SPDX-License-Identifier: MIT
"""FLAC, which the core reads: as libsndfile reads it, and never less without an error."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import soundfile

import flacs
from melpix import DecodeError, _core, load
from melpix.audio import read_blocks, read_clip
from sounds import flac_frames

SR = 44100
Array = np.ndarray[Any, np.dtype[Any]]


def sound(frames: int, channels: int, depth: int, seed: int = 0) -> Array:
    """Tones and a little noise: what prediction and channels together make shorter."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] * 0.03 * (1 + np.arange(channels))
    y = 0.6 * np.sin(t) + 0.2 * np.sin(0.011 * t[:, :1]) + rng.normal(0, 0.01, (frames, channels))
    return np.round(y * 2 ** (depth - 1)).clip(-(2.0 ** (depth - 1)), 2.0 ** (depth - 1) - 1)


def encode(y: Array, depth: int, *options: str, sr: int = SR, level: int = 5) -> bytes:
    """Encode samples by flac where it is installed, so that options count; else by libsndfile."""
    file = io.BytesIO()
    if shutil.which("flac") is None:
        subtype = {8: "PCM_S8", 16: "PCM_16", 24: "PCM_24"}[depth]
        scaled = (y * 2.0 ** (32 - depth)).astype(np.int32)
        soundfile.write(file, scaled, sr, subtype, format="FLAC", compression_level=level / 8)
        return file.getvalue()
    raw = y.astype("<i4").view(np.uint8).reshape(*y.shape, 4)[..., : depth // 8].tobytes()
    told = [f"--channels={y.shape[1]}", f"--bps={depth}", f"--sample-rate={sr}"]
    form = ["--force-raw-format", "--endian=little", "--sign=signed", f"--input-size={len(raw)}"]
    command = ["flac", "-s", "-c", "--lax", f"-{level}", *form, *told, *options, "-"]
    data = subprocess.run(command, input=raw, check=True, capture_output=True).stdout
    return flac_frames(data, len(y))  # a pipe cannot be told at the end


class Sequential(soundfile.SoundFile):
    """Does not seek behind each read, which libsndfile cannot where a length is wrong."""

    def seekable(self) -> bool:
        return False


def by_libsndfile(data: bytes, dtype: str = "float64", most: int = 10**6) -> Array:
    with Sequential(io.BytesIO(data)) as file:
        out = np.empty((min(file.frames, most), file.channels), dtype)
        y: Array = file.read(out=out)
    if len(y) < file.frames < 2**60:
        raise RuntimeError("it ends before its end")
    return y


def by_core(source: bytes | str, dtype: str = "float64", *, mono: bool = False) -> Array:
    decoder = _core.open_sound(source)
    assert decoder is not None
    frames = 10**6 if decoder.frames is None else min(decoder.frames, 10**6)
    return decoder.read(np.empty((frames,) if mono else (frames, decoder.channels), dtype))


def check(data: bytes, y: Array, depth: int, judge: Callable[..., Array] | None) -> None:
    """Compare with samples that are known, and with libsndfile's where it reads such files."""
    for dtype in ("float32", "float64", "int16"):
        if dtype == "int16" and depth > 16:
            continue
        expected = (y.astype(dtype) * np.array(2.0 ** (1 - depth), dtype)).astype(dtype)
        if dtype == "int16":
            expected = (y * 2.0 ** (16 - depth)).astype(dtype)
        if judge is not None:
            np.testing.assert_array_equal(judge(data, dtype), expected)
        np.testing.assert_array_equal(by_core(data, dtype), expected)
        if dtype != "int16":
            mixed = np.mean(expected.T, axis=0)
            np.testing.assert_array_equal(by_core(data, dtype, mono=True), mixed)
    decoder = _core.open_sound(data)
    assert decoder is not None
    for frame in (len(y) - 1, len(y) // 2, 0, *np.random.default_rng(1).integers(0, len(y), 4)):
        decoder.seek(int(frame))
        part = decoder.read(np.empty((len(y) // 3, y.shape[1])))
        np.testing.assert_array_equal(part * 2.0 ** (depth - 1), y[frame : frame + len(y) // 3])


def test_samples_are_those_of_libsndfile():
    """Widths, channels, rates, sizes of frames and levels of compression."""
    rates = (SR, 48000, 8000, 96000, 12345)
    for depth in (8, 16, 24):
        for channels in (1, 2, 6, 8):
            y = sound(9000, channels, depth)
            for level, block in ((0, 192), (5, 4096), (8, 4608), (8, 16), (2, 1000), (5, 65535)):
                option = f"--blocksize={block}"
                data = encode(y, depth, option, level=level, sr=rates[channels % 5])
                check(data, y, depth, by_libsndfile)


def test_extremes():
    """Noise, full scale, silence, and low bits that are 0."""
    rng = np.random.default_rng(2)
    for depth in (16, 24):
        top = 2 ** (depth - 1)
        y = sound(5000, 2, depth)
        signs = rng.choice([-top, top - 1], (5000, 2))
        noise = rng.integers(-top, top, (5000, 2))
        for other in (signs, noise, np.zeros((5000, 2)), np.full((5000, 2), -top), y // 32 * 32):
            check(encode(other, depth), other.astype(float), depth, by_libsndfile)


@pytest.mark.skipif(shutil.which("flac") is None, reason="no flac")
def test_what_other_encoders_may_do():
    """Options outside of the subset; 32 bits, which libsndfile does not read."""
    y = sound(40000, 2, 16)
    for options in (
        ("-r15,15", "-b32768"),
        ("-l32", "-q15"),
        ("-m", "-l0"),
        ("-p", "-e", "-l32"),
        ("--no-padding", "--no-seektable"),
        ("-S10x", "-T", "ARTIST=nobody"),
    ):
        check(encode(y, 16, *options), y, 16, by_libsndfile)
    rng = np.random.default_rng(3)
    for channels in (1, 2, 3):
        full = rng.choice([-(2**31), 2**31 - 1], (9000, channels)).astype(float)
        for y in (sound(9000, channels, 32), full):
            check(encode(y, 32), y, 32, None)


def made_by_hand() -> Iterator[tuple[bytes, Array, int, bool]]:
    """Make streams: their samples, width, and whether libsndfile 1.2 reads them rightly."""
    coders: dict[str, flacs.Coder] = {
        "verbatim": flacs.verbatim,
        "constant": flacs.constant,
        "wasted": flacs.wasted(2, flacs.fixed(1)),
        "escape": flacs.fixed(2, escape=31),
        "escape 0": flacs.fixed(1, escape=0),
        "lpc": flacs.lpc([7, -3, 1], 2, 5, parameter=6),
        "lpc 31": flacs.lpc([3, -1] * 15 + [1], 5, 15, parameter=9, method=1),
    }
    for order in range(5):
        parts = {"partitions": order % 3, "method": order % 2}
        coders[f"fixed {order}"] = flacs.fixed(order, parameter=7, **parts)
    rng = np.random.default_rng(4)
    for depth in (4, 8, 12, 16, 20, 24, 32):
        for name, coder in coders.items():
            y = np.cumsum(rng.integers(-2, 3, (96, 2)), axis=0) % 7
            if name == "constant" or name == "escape 0":
                y = np.repeat(y[::32], 32, axis=0)
            if name == "wasted":
                y = y % 2 * 4
            if depth == 32 and name == "verbatim":
                y = rng.choice([-(2**31), 2**31 - 1], (96, 2))
            header = flacs.info(channels=2, depth=depth, frames=96, blocks=(32, 32))
            for stereo in ("", "left", "right", "mid"):
                if name == "wasted" and stereo == "mid":
                    continue
                rows = [y[at : at + 32].T.tolist() for at in (0, 32, 64)]
                options = {"depth": depth, "coders": coder, "stereo": stereo}
                frames = [flacs.frame(row, at, **options) for at, row in enumerate(rows)]
                yield flacs.stream(header, frames), y, depth, depth in (8, 16, 24)
    # Frames of different sizes, whose headers number samples; their rate is told as a number.
    for channels in (1, 3):
        y = rng.integers(-999, 999, (96, channels))
        ends = ((0, 16), (16, 80), (80, 96))
        frames = [flacs.frame(y[i:j].T.tolist(), i, samples=True, rate=9) for i, j in ends]
        header = flacs.info(channels=channels, depth=16, frames=96, blocks=(16, 64))
        yield flacs.stream(header, frames, (1, bytes(9)), (126, b"?")), y, 16, True


def test_streams_made_by_hand():
    """Each kind of subframe, of any width: the kinds that encoders seldom choose, too."""
    count = 0
    for data, y, depth, known in made_by_hand():
        check(data, y.astype(float), depth, by_libsndfile if known else None)
        count += 1
    assert count > 300


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip, cut, insert, overwrite; every third time in the header."""
    broken = bytearray(data)
    kind, near = rng.integers(8), rng.integers(3) == 0
    at = int(rng.integers(min(120, len(data)) if near else len(data)))
    some = int(rng.integers(1, 500))
    if kind < 3:
        broken[at] ^= 1 << int(rng.integers(8))
    elif kind == 3:
        broken[at] = int(rng.integers(256))
    elif kind == 4:
        del broken[at:]
    elif kind == 5:
        del broken[at : at + some]
    elif kind == 6:
        broken[at:at] = rng.bytes(some % 50 + 1)
    else:
        broken[at : at + some] = bytes(len(broken[at : at + some]))
    return bytes(broken)


def test_broken_files_are_refused_where_libsndfile_refuses_them():
    """And what is read has all samples, or is flagged."""
    rng = np.random.default_rng(5)
    kinds = ((16, 2, 576), (16, 1, 4096), (24, 2, 192), (8, 2, 576), (16, 6, 192), (16, 8, 192),
             (24, 1, 256), (16, 1, 16), (8, 1, 4096))  # fmt: skip
    files = [
        encode(
            sound(700, channels, depth, i),
            depth,
            "--no-padding",
            f"--blocksize={block}",
            level=i % 9,
        )
        for i, (depth, channels, block) in enumerate(kinds)
    ]
    files.append(flac_frames(files[0], 0))  # of unknown length
    refused = flagged = 0
    for data in files:
        whole = by_libsndfile(data, most=2000)
        for _ in range(1000):
            broken = mutant(data, rng)
            try:
                decoder = _core.open_sound(broken)
                assert decoder is not None or broken[:4] != b"fLaC"
                if decoder is None:
                    continue
                frames = 2000 if decoder.frames is None else min(decoder.frames, 2000)
                y = decoder.read(np.empty((frames, decoder.channels)))
            except DecodeError:
                refused += 1
                continue
            np.testing.assert_array_equal(y, by_libsndfile(broken, most=2000))  # reads it too
            flagged += decoder.truncated
            if len(y) < len(whole):
                assert decoder.truncated
    assert refused > 7000
    assert flagged > 0


def test_more_sound_than_is_declared(tmp_path):
    y = sound(20000, 2, 16)
    data = encode(y, 16)
    for name, more in (
        ("fewer", flac_frames(data, 12345)),
        ("whole frames", flac_frames(data, 4096)),
        ("another stream", data + data),
    ):
        path = tmp_path / f"{name}.flac"
        path.write_bytes(more)
        for source in (more, path):
            clip = read_clip(source)
            assert clip.truncated, name
            declared = int(name == "another stream") * 20000 or (12345 if name == "fewer" else 4096)
            assert round(clip.duration * SR) == declared
            with pytest.raises(DecodeError, match="more sound than the declared") as caught:
                read_clip(source, strict=True)
            assert caught.value.code == "truncated"
            with pytest.raises(DecodeError, match="more sound"):
                list(read_blocks(source, strict=True))
        # Its frames' numbers tell no place: the sound is gone through from its beginning.
        offset = load(more, sr=None, mono=False, offset=4000 / SR, duration=50 / SR)[0]
        np.testing.assert_array_equal(offset.T * 2.0**15, y[4000:4050])
    assert not read_clip(data + b"TAG" + bytes(125), strict=True).truncated


def test_a_part_behind_broken_frames():
    """It is found by the headers of frames, or refused; never shifted."""
    y = sound(200_000, 1, 16)
    data = encode(y, 16)
    broken = bytearray(data)
    broken[20_000] ^= 1
    with pytest.raises(DecodeError, match=r"the FLAC frame is broken at 0\.\d{3} s"):
        load(bytes(broken))
    lost = data[:20_000] + data[40_000:]
    for source in (bytes(broken), lost, flac_frames(lost, 0)):
        for frame in (100_000, 150_001, 199_999):
            part = load(source, sr=None, offset=(frame + 0.5) / SR)[0]
            np.testing.assert_array_equal(part * 2.0**15, y[frame:, 0])
    with pytest.raises(DecodeError, match=r"no FLAC frame begins|the FLAC frame is broken"):
        load(flac_frames(lost, 0))


def test_lost_frames_show_where_no_length_is_stated():
    rows = sound(320, 1, 16).T.astype(int).tolist()
    parts = [[rows[0][at : at + 32]] for at in range(0, 320, 32)]
    header = flacs.info(channels=1, depth=16, frames=0, blocks=(32, 32))
    frames = [flacs.frame(part, at) for at, part in enumerate(parts)]
    assert len(load(flacs.stream(header, frames), sr=None)[0]) == 320
    with pytest.raises(DecodeError, match=r"FLAC frames are missing at 0\.002 s"):
        load(flacs.stream(header, frames[:3] + frames[4:]), sr=None)
    other = flacs.frame(parts[0], 10, rate=10)
    with pytest.raises(DecodeError, match="48000 Hz, 1 channels, 16 bits, unlike its header says"):
        load(flacs.stream(header, [*frames, other]), sr=None)


def test_metadata_that_libsndfile_refuses():
    """Lengths that do not fit together; and those that do."""
    rows = [list(range(32))]
    header = flacs.info(channels=1, depth=16, frames=32, blocks=(32, 32))
    frames = [flacs.frame(rows, 0)]
    comments = b"\4\0\0\0core\1\0\0\0\3\0\0\0A=b"
    picture = bytes(4) + b"\0\0\0\3png\0\0\0\0" + bytes(16) + b"\0\0\0\2ab"
    cues = bytes(395) + b"\1" + b"\0\0\0\0\0\0\0\0\1" + bytes(26)
    for kind, content in ((4, comments), (6, picture), (5, cues + b"\0"), (4, bytes(8))):
        for change in (b"", b"\0", None, 3):
            bad = content if change == b"" else content + b"\0" if change else content[:-1]
            if change == 3:
                bad = content[:2] + b"\x7f" + content[3:]
            data = flacs.stream(header, frames, (kind, bad))
            try:
                expected = len(by_libsndfile(data))
            except RuntimeError:
                with pytest.raises(DecodeError, match="header is broken"):
                    by_core(data)
            else:
                assert len(by_core(data)) == expected


def test_ogg():
    y = sound(320, 2, 16).astype(int)
    parts = [y[at : at + 32].T.tolist() for at in range(0, 320, 32)]
    frames = [flacs.frame(part, at, stereo="mid") for at, part in enumerate(parts)]
    header = flacs.info(channels=2, depth=16, frames=320, blocks=(32, 32))
    unknown = flacs.info(channels=2, depth=16, frames=0, blocks=(32, 32))
    data = flacs.ogg(header, frames)
    for one in (data, flacs.ogg(unknown, frames), data + b"TAG" + bytes(125)):
        check(one, y.astype(float), 16, None)
        assert not read_clip(one, strict=True).truncated
    # One stream behind the other, and one beside the other.
    check(data + flacs.ogg(header, frames, serial=9), np.concatenate([y, y]) * 1.0, 16, None)
    pages = [flacs.page([b"\x80theora"], 0, serial=3, flags=2), data[:79]]
    begins = len(flacs.page([b"\x7fFLAC\1\0\0\1fLaC" + flacs.block(0, header)], 0, flags=2))
    pages = [data[:begins], flacs.page([b"\x80theora"], 0, serial=3, flags=2), data[begins:]]
    check(b"".join(pages), y.astype(float), 16, None)

    assert read_clip(flacs.ogg(unknown, frames, ended=False)).truncated
    for broken, message in (
        (data[:-9], "cut short within a page"),
        (data[:-100] + b"\0" + data[-99:], "a page of its Ogg stream is broken"),
        (flacs.ogg(unknown, frames[:3] + frames[5:]), "FLAC frames are missing"),
        (flacs.ogg(header, frames[:-1]), "declares 320 frames, but ends after 288"),
        (flacs.ogg(unknown, [*frames, frames[0][:-1]]), "broken"),
        (data + flacs.ogg(flacs.info(channels=1, depth=16, frames=0), frames), "a later stream"),
    ):
        with pytest.raises(DecodeError, match=message):
            load(broken, sr=None)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_ogg_of_ffmpeg(tmp_path):
    y = sound(50_000, 2, 16)
    (tmp_path / "x.flac").write_bytes(encode(y, 16))
    command = ["ffmpeg", "-loglevel", "error", "-i", "x.flac", "-c:a", "flac", "x.oga"]
    subprocess.run(command, cwd=tmp_path, check=True)
    command = ["ffmpeg", "-loglevel", "error", "-i", "x.oga", "-f", "s16le", "-"]
    raw = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    for source in (str(tmp_path / "x.oga"), (tmp_path / "x.oga").read_bytes()):
        np.testing.assert_array_equal(by_core(source, "int16").ravel(), np.frombuffer(raw, "<i2"))


def test_an_offset_does_not_lead_into_a_stream_that_was_joined_on():
    """As long as the first one, and smaller: its numbers are where the first one's might be."""
    loud, quiet = sound(120_000, 1, 16), np.zeros((120_000, 1), np.int32)
    quiet[::3] = 5
    for first, second in ((quiet, loud), (loud, quiet)):
        a, b = encode(first, 16), encode(second, 16)
        for data in (a + b, a + b + a):
            for seconds in (0.5, 1.5, 2.5):
                start = int(seconds * SR)
                y = load(data, sr=None, offset=seconds, duration=0.1)[0]
                alone = load(a, sr=None, offset=seconds, duration=0.1)[0]
                np.testing.assert_array_equal(y, alone, err_msg=f"from frame {start}")


def test_nor_does_it_in_a_long_stream():
    """Of which not all bytes are looked through."""
    n = 16_000_000
    loud = np.random.default_rng(8).integers(-(2**15), 2**15, (n, 1), dtype=np.int32)
    looked_through = len(loud) * 2**24 // len(encode(loud // 64, 16))
    for n in (len(loud), looked_through + 8192, looked_through + 80_000):
        first, second = encode(loud[:n] // 64, 16), encode(loud[:n], 16)
        assert len(first) > 1 << 24
        for seconds in (180, 270, 285):
            y = read_clip(first + second, sr=None, offset=seconds, duration=100 / SR).y
            start = seconds * SR
            np.testing.assert_array_equal(y * 2**15, loud[start : start + 100, 0] // 64)
