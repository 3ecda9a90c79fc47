# SPDX-License-Identifier: MIT
"""One file to one image: convert_file and convert_bytes."""

from __future__ import annotations

import io
import os
import signal
import stat
import threading
import warnings

import numpy as np
import pytest
import soundfile

import melpix
from melpix import (
    DecodeError,
    Frontend,
    SignalError,
    convert_bytes,
    convert_file,
    demo,
    load,
    read_png,
)
from melpix.files import write_atomically
from sounds import flac_frames


def noise(seconds, sr, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * sr), channels))


def wav(y, sr, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, y, sr, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.fixture
def src(tmp_path):
    """A WAV file of one second of stereo noise at 44.1 kHz."""
    path = tmp_path / "a.wav"
    path.write_bytes(wav(noise(1, 44100, 2), 44100))
    return path


@pytest.fixture
def dst(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "a.png"


def image(source, **options):
    picture = io.BytesIO()
    convert_file(source, picture, **options)
    return read_png(picture.getvalue())[0]


# --- what the image holds -------------------------------------------------------------------


def test_image_is_the_front_ends_of_what_load_loads(src, dst):
    conversion = convert_file(src, dst)
    y, _ = load(src)
    pixels, metadata = read_png(dst)
    assert np.array_equal(pixels, Frontend().image(y))

    assert conversion.shape == pixels.shape == (128, 44)
    assert (conversion.lo, conversion.hi) == (metadata["lo"], metadata["hi"])
    assert (conversion.sr, conversion.source_sr, conversion.duration) == (22050, 44100, 1.0)
    assert not (conversion.constant)
    assert not (conversion.truncated)
    assert not conversion.short
    assert list(conversion.stages) == ["decode", "render", "encode", "write"]
    assert all(seconds > 0 for seconds in conversion.stages.values())


def test_metadata_says_what_was_done_but_not_where(src, dst):
    f = Frontend(n_mels=64, hop_length=256)
    convert_file(src, dst, f, sr=16000, offset=0.25, duration=0.5)
    _, metadata = read_png(dst)
    assert metadata["params"] == f.replace(sr=16000).params
    assert Frontend(**metadata["params"]) == f.replace(sr=16000)
    assert (metadata["source"], metadata["offset"]) == ("a.wav", 0.25)
    assert metadata["duration"] == 0.5
    assert metadata["constant"] is False
    assert str(src.parent).encode() not in dst.read_bytes()


def test_path_bytes_and_open_file_give_the_same_bytes(src, dst):
    convert_file(src, dst)
    expected = dst.read_bytes()
    sound = src.read_bytes()
    assert convert_bytes(sound, source="a.wav") == expected
    assert convert_bytes(bytearray(sound), source="a.wav") == expected
    assert convert_bytes(memoryview(sound), source="a.wav") == expected
    picture = io.BytesIO()
    with open(src, "rb") as file:
        convert_file(file, picture, source="a.wav", time_steps=10**6)
    assert picture.getvalue() == expected
    convert_file(str(src), os.fsencode(dst))
    assert dst.read_bytes() == expected


def test_bytes_alone_have_no_source_name():
    assert read_png(convert_bytes(demo.wav()))[1].get("source") is None


def test_native_rate_is_the_files(src, dst):
    conversion = convert_file(src, dst, Frontend(n_mels=40), sr="native")
    assert conversion.sr == conversion.source_sr == 44100
    pixels, metadata = read_png(dst)
    assert metadata["params"]["sr"] == 44100
    assert np.array_equal(pixels, Frontend(sr=44100, n_mels=40).image(load(src, sr=None)[0]))


def test_the_rate_of_the_front_end_holds_unless_another_is_asked_for(src):
    f = Frontend(sr=16000)
    assert image(src.read_bytes(), frontend=f).shape == (128, 1 + 16000 // 512)
    assert image(src.read_bytes(), frontend=f, sr=8000).shape == (128, 1 + 8000 // 512)


def test_offset_and_duration_are_those_of_load(src):
    y, _ = load(src, offset=0.3, duration=0.4)
    assert np.array_equal(image(src.read_bytes(), offset=0.3, duration=0.4), Frontend().image(y))


def test_silence_is_a_constant_image_and_says_so(dst):
    conversion = convert_file(wav(np.zeros(22050), 22050), dst)
    pixels, metadata = read_png(dst)
    assert conversion.constant
    assert metadata["constant"] is True
    assert np.all(pixels == 255)


# --- windows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source_sr", "sr"),
    [
        (22050, 22050),
        (44100, "native"),
        (44100, 22050),
        (8000, 22050),
        (48000, 16000),
        (96000, 8000),
    ],
)
@pytest.mark.parametrize("offset", [0.0, 0.37])
def test_first_window_is_a_slice_of_the_whole_resampled_file(source_sr, sr, offset):
    sound = wav(noise(12, source_sr, 2), source_sr)
    rate = source_sr if sr == "native" else sr
    y, _ = load(sound, sr=rate, offset=offset)
    expected = Frontend(sr=rate, n_mels=64).image(y[: 50 * 512])
    found = image(sound, frontend=Frontend(n_mels=64), sr=sr, offset=offset, time_steps=50)
    assert found.shape == (64, 51)
    assert np.array_equal(found, expected)


def test_first_window_of_any_rate_is_that_slice():
    rng = np.random.default_rng(2)
    for _ in range(15):
        source_sr = int(rng.choice([8000, 11025, 16000, 24000, 44100, 47250, 96000, 192000]))
        sr = int(rng.integers(4000, 60000))
        steps = int(rng.integers(1, 60))
        f = Frontend(sr=sr, n_mels=16)
        seconds = steps * 512 / sr + 40000 / sr + 40000 / source_sr
        sound = wav(noise(seconds, source_sr), source_sr, "FLOAT")
        y, _ = load(sound, sr=sr)
        expected = f.image(y[: steps * 512])
        assert np.array_equal(image(sound, frontend=f, time_steps=steps), expected), (source_sr, sr)


@pytest.mark.parametrize("sr", [22050, 16000])
def test_first_window_reads_no_more_than_it_needs(sr):
    sound = wav(noise(30, 22050), 22050)
    with pytest.raises(DecodeError) as caught:
        convert_bytes(sound, sr=sr, max_seconds=5)
    assert caught.value.code == "too_long"
    for source in (sound, io.BytesIO(sound)):
        assert image(source, sr=sr, time_steps=40, max_seconds=5).shape == (128, 41)


def test_endless_window_is_the_whole_file():
    assert image(demo.wav(), time_steps=2**62).shape == (128, 385)


def test_one_sample_makes_one_column():
    assert image(wav(np.array([0.5]), 22050)).shape == (128, 1)


def test_window_ends_with_the_duration_where_that_is_shorter(dst):
    conversion = convert_file(demo.wav(), dst, duration=1.0, time_steps=384)
    assert conversion.shape == (128, 1 + 22050 // 512)
    assert conversion.short
    assert conversion.duration == 1.0


def test_full_window_is_not_short(dst):
    conversion = convert_file(demo.wav(), dst, time_steps=384)
    assert conversion.shape == (128, 385)
    assert not conversion.short


@pytest.mark.parametrize("time_steps", [0, -3])
def test_time_steps_out_of_range(time_steps):
    with pytest.raises(ValueError, match=f"time_steps must be >= 1, got {time_steps}"):
        convert_bytes(demo.wav(), time_steps=time_steps)


@pytest.mark.parametrize("option", ["offset", "duration"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
@pytest.mark.parametrize("time_steps", [None, 10])
def test_nonsense_times_are_refused(option, value, time_steps):
    with pytest.raises(ValueError, match=f"^{option} must be .* got {value}"):
        convert_bytes(demo.wav(), time_steps=time_steps, **{option: value})


# --- faults of the source -------------------------------------------------------------------


def truncated():
    return wav(noise(2, 22050), 22050)[:50000]


def test_truncated_source_is_converted_and_flagged(dst):
    assert convert_file(truncated(), dst).truncated


def test_truncated_source_is_an_error_where_strict(dst):
    with pytest.raises(DecodeError) as caught:
        convert_file(truncated(), dst, strict=True)
    assert caught.value.code == "truncated"
    assert not dst.exists()


def test_failed_source_leaves_an_existing_image_alone(dst):
    dst.write_bytes(b"an older image")
    for sound in (b"", b"garbage" * 100, wav(np.zeros(0), 22050)):
        with pytest.raises(DecodeError):
            convert_file(sound, dst)
    with pytest.raises(SignalError):
        convert_file(wav(np.full(1000, np.nan), 22050, "FLOAT"), dst)
    assert dst.read_bytes() == b"an older image"
    assert os.listdir(dst.parent) == ["a.png"]


def test_missing_source_is_an_os_error_that_names_it(tmp_path, dst):
    with pytest.raises(FileNotFoundError) as caught:
        convert_file(tmp_path / "none.wav", dst)
    assert caught.value.filename == str(tmp_path / "none.wav")


def test_path_given_for_bytes_is_a_type_error(src):
    with pytest.raises(TypeError, match="got the path"):
        convert_bytes(str(src))


# --- the destination ------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_open(src, dst, umask):
    before = os.umask(umask)
    try:
        convert_file(src, dst)
        (dst.parent / "plain").touch()
    finally:
        os.umask(before)
    assert stat.S_IMODE(dst.stat().st_mode) == 0o666 & ~umask
    assert dst.stat().st_mode == (dst.parent / "plain").stat().st_mode


def test_permissions_of_an_existing_file_stay(src, dst):
    dst.touch()
    dst.chmod(0o640)
    convert_file(src, dst)
    assert stat.S_IMODE(dst.stat().st_mode) == 0o640


def test_a_link_stays_a_link(src, dst):
    target = dst.parent / "target.png"
    dst.symlink_to("target.png")
    convert_file(src, dst)
    target.chmod(0o640)
    convert_file(src, dst, time_steps=1)
    assert dst.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert read_png(target)[0].shape == (128, 2)
    assert sorted(os.listdir(dst.parent)) == ["a.png", "target.png"]


def test_a_link_through_another_folder_stays_one(src, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to("far")
    (tmp_path / "a.png").symlink_to("near/b.png")
    for _ in range(2):
        convert_file(src, tmp_path / "a.png")
        assert os.readlink(tmp_path / "a.png") == "near/b.png"
        assert os.listdir(tmp_path / "far") == ["b.png"]


def test_a_name_without_a_folder_is_in_the_current_one(src, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for _ in range(2):
        convert_file("../a.wav", "a.png")
    assert os.listdir() == ["a.png"]


def test_source_is_never_overwritten(src, tmp_path):
    before = src.read_bytes()
    (tmp_path / "hard.png").hardlink_to(src)
    (tmp_path / "soft.png").symlink_to(src)
    (tmp_path / "out").mkdir()
    for dst in (src, tmp_path / "hard.png", tmp_path / "soft.png", tmp_path / "out/../a.wav"):
        with pytest.raises(ValueError, match="dst must not be the source itself"):
            convert_file(src, dst)
    assert src.read_bytes() == before


def test_folder_and_missing_folder_are_refused_before_work(tmp_path):
    garbage = b"not decoded: the destination is looked at first"
    with pytest.raises(IsADirectoryError) as caught:
        convert_file(garbage, tmp_path)
    assert caught.value.filename == str(tmp_path)
    for name in ("none/a.png", "none/"):
        with pytest.raises(FileNotFoundError) as caught:
            convert_file(garbage, f"{tmp_path}/{name}")
        assert caught.value.filename == f"{tmp_path}/{name}"


def test_links_that_lead_nowhere_are_refused_before_work(tmp_path):
    (tmp_path / "a.png").symlink_to("b.png")
    (tmp_path / "b.png").symlink_to("a.png")
    (tmp_path / "c.png").symlink_to("none/c.png")
    for name, error in (("a.png", OSError), ("c.png", FileNotFoundError)):
        with pytest.raises(error) as caught:
            convert_file(b"garbage", tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)


def test_device_is_not_replaced_by_a_file(src, tmp_path):
    os.mkfifo(tmp_path / "fifo.png")
    for device in ("/dev/null", tmp_path / "fifo.png"):
        with pytest.raises(ValueError, match="plain file"):
            convert_file(src, device)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_write_error_names_the_destination_and_leaves_nothing(tmp_path):
    path = tmp_path / ("x" * 256)
    with pytest.raises(OSError, match="File name too long") as caught:
        write_atomically(path, b"data")
    assert caught.value.filename == str(path)
    assert os.listdir(tmp_path) == []


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # an interrupt may fall before `with`
def test_interrupt_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    class Interrupt(BaseException):
        pass

    def interrupt(signum, frame):
        raise Interrupt

    path, contents = tmp_path / "a.png", [bytes([i]) * 2**20 for i in range(2)]
    path.write_bytes(contents[1])
    rng = np.random.default_rng(0)
    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        for i in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(1e-5, 1.5e-3)))
                write_atomically(path, contents[i % 2])
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupted += 1
            assert os.listdir(tmp_path) == ["a.png"]
            assert path.read_bytes() in contents
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 0


def test_threads_may_write_one_name_at_once(dst):
    sound, errors = demo.wav(), []

    def work():
        try:
            for _ in range(5):
                convert_file(sound, dst)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert os.listdir(dst.parent) == ["a.png"]
    assert dst.read_bytes() == convert_bytes(sound)


def test_public_names_are_those_of_the_package():
    assert melpix.convert_file is convert_file
    assert melpix.convert_bytes is convert_bytes


def test_equal_front_ends_keep_what_follows_from_the_rate():
    follows, given = Frontend(), Frontend(fmax=11025)
    assert follows == given
    for f, fmax in ((follows, 8000), (given, 11025), (follows, 8000)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of filters above the new Nyquist frequency
            picture = convert_bytes(demo.wav(), f, sr=16000, time_steps=10)
        assert melpix.read_png(picture)[1]["params"]["fmax"] == fmax


def test_too_wide_an_image_is_refused_before_decoding():
    sound = demo.wav()
    f = Frontend(hop_length=1, n_fft=2**15, n_mels=1000)  # 89,000 columns are 4 s
    with pytest.raises(melpix.EncodeError, match="render windows") as refusal:
        convert_bytes(sound, f)
    assert refusal.value.code == "image_too_large"
    assert isinstance(refusal.value.__cause__, melpix.DecodeError)  # the reader's, not the core's


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_image_is_not_replaced(tmp_path):
    (tmp_path / "a.wav").write_bytes(demo.wav())
    (tmp_path / "a.png").write_bytes(b"mine")
    (tmp_path / "a.png").chmod(0o444)
    with pytest.raises(PermissionError):
        convert_file(tmp_path / "a.wav", tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"mine"


def test_an_open_source_is_not_its_own_destination(src):
    with open(src, "rb") as file, pytest.raises(ValueError, match="the source itself"):
        convert_file(file, src)
    with pytest.raises(FileNotFoundError):
        convert_file(src, "")


def test_a_name_is_no_front_end():
    with pytest.raises(TypeError, match="frontend must be a Frontend or None, got 'whisper-80'"):
        convert_bytes(demo.wav(), "whisper-80")


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("sr", [None, "native"])
def test_what_a_fixed_length_leaves_out_is_told(rate, sr):
    f = Frontend(duration=2)
    sound = wav(noise(5, rate), rate)
    picture = io.BytesIO()
    done = convert_file(sound, picture, f, sr=sr)
    assert (done.duration, done.left_out) == (2, pytest.approx(3, abs=1e-3))
    _, metadata = read_png(picture.getvalue())
    assert (metadata["duration"], metadata["left_out"]) == (done.duration, done.left_out)
    # Of the part that was asked for.
    assert convert_file(sound, io.BytesIO(), f, sr=sr, offset=1).left_out == pytest.approx(2)
    part = convert_file(sound, io.BytesIO(), f, sr=sr, offset=1, duration=2.5)
    assert part.left_out == pytest.approx(0.5, abs=1e-3)
    for how in ({"offset": 3}, {"offset": 4}, {"duration": 2}):
        picture = io.BytesIO()
        assert convert_file(sound, picture, f, sr=sr, **how).left_out == 0
        assert "left_out" not in read_png(picture.getvalue())[1]


def test_what_columns_leave_out_is_told():
    f = Frontend.from_preset("ast")
    done = convert_file(wav(noise(30, 16000), 16000), io.BytesIO(), f)
    assert (done.shape, done.duration) == ((128, 1024), pytest.approx(10.255))
    assert done.left_out == pytest.approx(19.745)
    done = convert_file(wav(noise(10, 16000), 16000), io.BytesIO(), f)
    assert (done.shape, done.duration, done.left_out) == ((128, 1024), 10, 0)


def test_nobody_knows_how_much_is_left_out_of_a_stream():
    file = io.BytesIO()
    soundfile.write(file, noise(5, 16000), 16000, format="FLAC")
    f = Frontend.from_preset("whisper-80", duration=2, columns=200)
    streamed = flac_frames(file.getvalue(), 0)
    assert convert_file(streamed, io.BytesIO(), f).left_out is None
    assert convert_file(streamed, io.BytesIO(), f, offset=4).left_out == 0
    assert convert_file(streamed, io.BytesIO(), f, duration=2).left_out == 0
    for duration in (3, 100):  # there may be less
        assert convert_file(streamed, io.BytesIO(), f, duration=duration).left_out is None


def test_steps_of_another_length_than_the_front_ends_are_refused():
    f = Frontend.from_preset("whisper-80")
    for convert in (convert_file, lambda sound, _, f, **how: convert_bytes(sound, f, **how)):
        with pytest.raises(ValueError, match=r"^time_steps must give windows of 30 s"):
            convert(wav(noise(1, 16000), 16000), io.BytesIO(), f, time_steps=100)
        convert(wav(noise(1, 16000), 16000), io.BytesIO(), f, time_steps=3000)
