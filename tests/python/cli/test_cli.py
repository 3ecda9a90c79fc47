# SPDX-License-Identifier: MIT
"""The command line: options, messages, exit codes, pipes, signals and hostile files."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_runs import WITHOUT_INTERRUPTS
from melpix import Frontend, __version__, convert_bytes, demo, load, read_png, write_png
from melpix.audio.load import MAX_SECONDS
from melpix.cli import main
from melpix.convert.file import MAX_IMAGE_SECONDS

MELPIX = [sys.executable, "-m", "melpix"]


@dataclass
class Run:
    """How a command ended."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def run(capfdbinary):
    """The command line in this process."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Run(code, out, err.decode())

    return run


def spawn(*arguments, **options):
    """The command line in a process of its own; bytes are exact file names."""
    options = {"capture_output": True, "timeout": 60} | options
    done = subprocess.run([*MELPIX, *arguments], **options)
    return Run(done.returncode, done.stdout, (done.stderr or b"").decode())


def wav(y, sr=22050, **options):
    file = io.BytesIO()
    soundfile.write(file, y, sr, format="WAV", **options)
    return file.getvalue()


def assert_fails(run, code, *parts):
    """One line on stderr, naming what is wrong, and nothing on stdout."""
    assert run.code == code, run.err
    assert run.err.startswith("melpix: error: ")
    assert run.err.count("\n") == 1
    for part in parts:
        assert part in run.err
    assert run.out == b""


@pytest.fixture
def sound(tmp_path):
    """The demonstration's sound as a file in a folder that gets nothing else by itself."""
    path = tmp_path / "sound.wav"
    path.write_bytes(demo.wav())
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "images").mkdir()
    return tmp_path / "images" / "out.png"


# --- convert --------------------------------------------------------------------------------


def test_defaults_are_the_recipe_over_the_whole_file(run, sound, out):
    result = run("convert", sound, "-o", out)
    assert result.code == 0
    assert result.out == b""
    summary = r"\S+out\.png: 128 x 385, 8\.92 s at 22050 Hz, \d+ ms\n"
    assert re.fullmatch(summary, result.err)
    image, metadata = read_png(out)
    assert np.array_equal(image, Frontend().image(demo.sound()))
    assert metadata["params"] == Frontend().params
    assert metadata["source"] == "sound.wav"


def test_every_option_reaches_the_front_end(run, sound, out):
    options = (
        "--sr 16000 --offset 1.5 --duration 4 --hop-length 256 --n-fft 800 --n-mels 40 "
        "--fmin 50 --fmax 7000 --precision double --time-steps 100 --max-duration 60 --strict"
    )
    assert run("convert", sound, "-o", out, *options.split()).code == 0
    f = Frontend(
        sr=16000, hop_length=256, n_fft=800, n_mels=40, fmin=50, fmax=7000, precision="double"
    )
    image, metadata = read_png(out)
    assert Frontend(**metadata["params"]) == f
    y, _ = load(sound, sr=16000, offset=1.5, duration=4)
    assert np.array_equal(image, f.image(y[: 100 * 256]))


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.json", '{"preset": ["whisper-80"]}', ["--preset must be one of", "['whisper-80']"]),
        ("a.json", '{"preset": 5}', ["--preset must be one of", "got 5"]),
        ("a.json", "[1]", ["a.json", "no object"]),
        ("a.json", '{"hop_lenth": 3}', ["no parameter 'hop_lenth'"]),
        ("a.toml", "hop_length = ", ["a.toml", "does not hold a front-end's parameters"]),
    ],
)
def test_configurations_that_are_none(run, sound, out, tmp_path, name, content, parts):
    (tmp_path / name).write_text(content)
    result = run("convert", sound, "-o", out, "--config", tmp_path / name)
    assert_fails(result, 2, *parts)


def test_a_preset_is_one(run, sound, out, tmp_path):
    config = tmp_path / "a.json"
    config.write_text('{"preset": "hifigan-22k", "n_mels": 90}')
    result = run("convert", sound, "-o", out, "--config", config, "--preset", "whisper-80")
    assert_fails(result, 2, "a.json", "the preset 'hifigan-22k', not for 'whisper-80'")
    assert run("convert", sound, "-o", out, "--config", config, "--preset", "hifigan-22k").code == 0
    expected = Frontend.from_preset("hifigan-22k", n_mels=90)
    assert Frontend(**read_png(out)[1]["params"]) == expected


def test_stacked_mels_say_what_their_png_is(run):
    assert b"2 mels as the channels of a PNG, grey and alpha" in run("presets", "birdnet-2.4").out
    assert b"channels" not in run("presets", "birdclef").out


PROVED = {"spectrum": "birdnet-2.4", "mel_sr": "clap-ms-2023"}


def test_what_no_original_proves_is_unverified(run):
    lines = run("presets").out.decode().splitlines()
    marked = {line.split()[0] for line in lines if "[unverified: " in line}
    assert marked >= {"yamnet", "riffusion"}
    assert not marked & {"birdnet-2.4", "clap-ms-2023", "whisper-80", "vggish", "recipe"}
    assert b"reference: formulas of tf.signal in NumPy [unverified: all of it]" in (
        run("presets", "yamnet").out
    )
    assert b"unverified" not in run("presets", "birdnet-2.4").out
    for name in ("spectrum", "mel_sr"):
        assert f"  * {name} ".encode() in run("presets", PROVED[name]).out


def test_stars_tell_what_is_not_as_in_the_recipe(run):
    lines = run("presets", "whisper-128").out.decode().splitlines()
    starred = {line.split()[1] for line in lines if line.startswith("  * ")}
    ours, recipe = Frontend.from_preset("whisper-128").params, Frontend().params
    assert starred == {name for name in recipe if ours[name] != recipe[name]}


def test_a_configuration_in_toml_has_nones_everywhere(run, sound, out, tmp_path):
    config = tmp_path / "a.toml"
    config.write_text('fmax = 5000\nnorm = "none"\n[[stack]]\nfmin = 100\nfmax = "none"\n')
    assert run("convert", sound, "-o", out, "--config", config).code == 0
    expected = Frontend(fmax=5000, norm=None, stack=[{"fmin": 100, "fmax": None}])
    assert Frontend(**read_png(out)[1]["params"]) == expected


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_a_configuration_may_begin_with_a_byte_order_mark(run, sound, out, tmp_path, suffix):
    config = tmp_path / f"a.{suffix}"
    config.write_text(
        "hop_length = 256" if suffix == "toml" else '{"hop_length": 256}', "utf-8-sig"
    )
    assert run("convert", sound, "-o", out, "--config", config).code == 0
    assert read_png(out)[1]["params"]["hop_length"] == 256


def test_native_rate(run, tmp_path, out):
    (tmp_path / "a.wav").write_bytes(wav(demo.sound(), 48000))
    result = run("convert", tmp_path / "a.wav", "-o", out, "--sr", "native", "--fmax", "20000")
    assert result.code == 0
    assert "at 48000 Hz" in result.err
    assert read_png(out)[1]["params"]["sr"] == 48000


def test_two_runs_write_the_same_bytes(run, sound, out):
    assert run("convert", sound, "-o", out).code == 0
    first = out.read_bytes()
    assert run("convert", sound, "-o", out).code == 0
    assert out.read_bytes() == first


def test_quiet_says_nothing(run, sound, out):
    assert run("convert", sound, "-o", out, "--quiet") == Run(0, b"", "")


@pytest.mark.parametrize(
    ("data", "options", "remark"),
    [
        (wav(np.zeros(22050)), [], "constant image"),
        (wav(demo.sound())[:-5000], [], "truncated"),
        (wav(demo.sound()), ["--time-steps", "385"], "fewer columns"),
    ],
    ids=["silence", "truncated", "short"],
)
def test_summary_remarks_on_what_is_odd(run, tmp_path, out, data, options, remark):
    (tmp_path / "a.wav").write_bytes(data)
    result = run("convert", tmp_path / "a.wav", "-o", out, *options)
    assert result.code == 0
    assert remark in result.err
    assert result.err.count("\n") == 1
    assert out.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audioread")
def test_the_recipes_script(run, out):
    librosa = pytest.importorskip("librosa")
    folder = os.environ.get("MELPIX_TEST_AUDIO")
    if not folder:
        pytest.skip("MELPIX_TEST_AUDIO is not set")
    vibe_ace = Path(folder) / "vibe_ace.ogg"
    options = ["--offset", "1", "--duration", "10", "--time-steps", "384"]
    assert run("convert", vibe_ace, "-o", out, *options).code == 0
    image, _ = read_png(out)

    y, sr = librosa.load(vibe_ace, offset=1.0, duration=10.0, sr=22050)
    mels = librosa.feature.melspectrogram(
        y=y[: 384 * 512], sr=sr, n_mels=128, n_fft=1024, hop_length=512
    )
    mels = np.log(mels + 1e-9)
    grey = ((mels - mels.min()) / (mels.max() - mels.min()) * 255).astype(np.uint8)
    recipe = 255 - np.flip(grey, axis=0)

    assert image.shape == recipe.shape == (128, 385)
    difference = np.abs(image.astype(int) - recipe)
    assert difference.max() <= 1
    assert np.mean(difference == 0) >= 0.999


# --- standard input and output --------------------------------------------------------------


def test_pipe_in_and_out():
    result = spawn("convert", "-", "-o", "-", input=demo.wav())
    assert result.code == 0
    assert result.out == convert_bytes(demo.wav())
    assert result.err.startswith("standard output: 128 x 385")


def test_pipe_out_in_this_process(run, sound):
    result = run("convert", sound, "-o", "-", "-q")
    assert result == Run(0, convert_bytes(demo.wav(), source="sound.wav"), "")


def test_garbage_on_standard_input():
    assert_fails(spawn("convert", "-", "-o", "-", input=b"no audio"), 1, "standard input: ")


def test_terminal_gets_no_png_and_is_no_sound(sound, out):
    ours, theirs = os.openpty()
    try:
        options = {"capture_output": False, "stderr": subprocess.PIPE}
        result = spawn("convert", sound, "-o", "-", stdout=theirs, **options)
        assert result.code == 2
        assert "terminal" in result.err
        assert_fails(spawn("convert", "-", "-o", out, stdin=theirs), 2, "terminal")
    finally:
        os.close(ours)
        os.close(theirs)


def test_reader_that_goes_away_is_no_noise(sound, out):
    for arguments in (["convert", sound, "-o", "-", "-q"], ["inspect", sound]):
        reader, writer = os.pipe()
        os.close(reader)
        result = spawn(*arguments, capture_output=False, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (result.code, result.err) == (3, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk_behind_standard_output(sound):
    with open("/dev/full", "wb") as full:
        for arguments in (["convert", sound, "-o", "-", "-q"], ["inspect", sound]):
            result = spawn(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
            assert result.code == 3
            assert result.err == "melpix: error: standard output: No space left on device\n"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
def test_closed_standard_files(sound, out, closed):
    shell = f'"$@" {closed}'
    command = ["sh", "-c", shell, "sh", *MELPIX, "convert", sound, "-o", out]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert read_png(out)[0].shape == (128, 385)


# --- usage ----------------------------------------------------------------------------------


def test_an_option_is_named_for_its_own_parameter_alone(run, sound, out, tmp_path):
    """`convert` has options that mean something else than a front-end's parameter of that name."""
    config = tmp_path / "a.json"
    for parameters, message in (
        ({"tail": "pad"}, "melpix: error: tail must be drop with patch=none"),
        ({"duration": 0}, "melpix: error: duration must be > 0, got 0"),
        ({"n_fft": 0}, "melpix: error: --n-fft must be in 1 ... 1048576, got 0"),
        ({"range": [1, 0]}, "melpix: error: --range must be minmax or LO,HI"),
        ({"power": 0}, "melpix: error: power must be > 0, got 0"),
    ):
        config.write_text(json.dumps(parameters))
        assert_fails(run("convert", sound, "-o", out, "--config", config), 2, message)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ("--n-fft 0", ["--n-fft must be", "0"]),
        ("--hop-length 0", ["--hop-length must be", "0"]),
        ("--hop-length -3", ["--hop-length must be", "-3"]),
        ("--n-mels 0", ["--n-mels must be", "0"]),
        ("--fmin 9000 --fmax 8000", ["--fmin", "below fmax (8000)", "9000", "8000"]),
        ("--fmin nan", ["--fmin must be", "nan"]),
        ("--time-steps 0", ["--time-steps must be >= 1, got 0"]),
        ("--offset -1", ["--offset must be", "-1"]),
        ("--duration nan", ["--duration must be", "nan"]),
        ("--max-duration 0", ["--max-duration must be", "0"]),
        ("--sr 5", ["--sr must", "5"]),
        ("--sr 0", ["--sr must", "0"]),
        ("--sr fast", ["--sr", "'native'", "'fast'"]),
        (
            "--n-fft 99999999999999999999",
            ["--n-fft must be in 1 ... 1048576, got 99999999999999999999"],
        ),
        ("--precision half", ["--precision", "half", "mixed", "single", "double"]),
        ("--n-mels many", ["--n-mels", "many"]),
        ("--colour", ["--colour"]),
    ],
)
def test_options_out_of_range(run, sound, out, options, parts):
    result = run("convert", sound, "-o", out, *options.split())
    assert_fails(result, 2, "(see melpix convert --help)", *parts)
    assert not out.exists()


@pytest.mark.parametrize("rate", ["22050.5", "11025.25", "1e4", "22050.0"])
def test_rates_are_numbers_as_everywhere(run, sound, out, tmp_path, rate):
    (tmp_path / "a.json").write_text(json.dumps({"sr": float(rate)}))
    assert run("convert", sound, "-o", out, "--sr", rate).code == 0
    assert (
        run("convert", sound, "-o", tmp_path / "b.png", "--config", tmp_path / "a.json").code == 0
    )
    assert out.read_bytes() == (tmp_path / "b.png").read_bytes()
    image, metadata = read_png(out)
    assert metadata["params"]["sr"] == float(rate)
    y, _ = load(sound, sr=float(rate))
    np.testing.assert_array_equal(image, Frontend(sr=float(rate)).image(y))


@pytest.mark.parametrize("rate", ["nan", "inf", "1e999", "0", "-1.5", "99.9", "fast", ""])
def test_rates_out_of_range(run, sound, out, rate):
    assert_fails(run("convert", sound, "-o", out, "--sr", rate), 2, "--sr")
    assert not out.exists()


def test_hop_longer_than_the_frame_is_legitimate(run, sound, out):
    assert run("convert", sound, "-o", out, "--hop-length", 1024, "--n-fft", 512).code == 0


def test_output_that_is_no_png_name(run, sound, out):
    assert_fails(run("convert", sound, "-o", out.with_suffix(".jpg")), 2, ".png", "out.jpg")
    out.mkdir()
    assert_fails(run("convert", sound, "-o", out), 2, "folder", "out.png")
    assert_fails(run("convert", sound), 2, "-o")
    assert_fails(run("convert", "-o", out), 2, "INPUT")
    assert_fails(run("convert", "-o", out.parent / "images"), 2, "INPUT")


def test_options_that_one_image_has_no_use_for(run, sound, out):
    assert_fails(run("convert", sound, "-o", out, "--workers", 2), 2, "--workers", "folder")
    assert_fails(run("convert", sound, sound, "-o", out), 2, "one INPUT")
    assert not out.exists()


def test_output_is_not_the_input(run, tmp_path):
    path = tmp_path / "sound.png"  # libsndfile goes by content
    path.write_bytes(demo.wav())
    assert_fails(run("convert", path, "-o", path), 2, "source itself")
    assert path.read_bytes() == demo.wav()


def test_unknown_command(run):
    assert_fails(run("frobnicate"), 2, "frobnicate", "(see melpix --help)")


def test_no_command_shows_the_help(run):
    result = run()
    assert result.code == 2
    assert "Commands:" in result.err


@pytest.mark.parametrize("command", [[], ["demo"], ["convert"], ["inspect"], ["bench"]])
def test_help_has_examples(run, command):
    assert run(*command, "-h") == run(*command, "--help")
    result = run(*command, "--help")
    assert result.code == 0
    assert result.err == ""
    example = rf"^ +melpix {command[0] if command else 'demo'}\b"
    assert re.search(example, result.out.decode().split("\n", 2)[2], re.MULTILINE)
    assert max(len(line) for line in result.out.splitlines()) <= 100


def test_help_states_the_defaults(run):
    text = " ".join(run("convert", "--help").out.decode().split())
    defaults = {
        "--sr": "(22050)",
        "--offset": "0.0",
        "--duration": "(to the end)",
        "--hop-length": "(512)",
        "--n-fft": "(2 * hop_length)",
        "--n-mels": "(128)",
        "--fmin": "(0)",
        "--fmax": "(mel_sr / 2)",
        "--time-steps": "(the whole file is one image)",
        "--precision": "(mixed)",
        "--max-duration": f"({MAX_IMAGE_SECONDS:g}, for windows of a folder's files "
        f"{MAX_SECONDS:g})",
    }
    for option, default in defaults.items():
        stated = re.search(rf"{option} [A-Z\[].*?\[default: (.*?)\]", text)
        assert stated, option
        assert stated[1] == default


def test_version(run):
    assert run("--version") == Run(0, f"melpix {__version__}\n".encode(), "")


def test_help_and_version_load_no_decoder():
    code = (
        "import sys; from melpix.cli import main\n"
        "main(['--version']); main(['convert', '--help'])\n"
        "print([m for m in ('soundfile', 'soxr', 'png', 'isal') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_package_loads_neither_decoder_nor_command_line():
    code = "import sys, melpix\nprint({'soundfile', 'soxr', 'click', 'png'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- inspect --------------------------------------------------------------------------------


def test_inspect_image(run, sound, out):
    assert run("convert", sound, "-o", out, "--offset", 1).code == 0
    facts = json.loads(run("inspect", out, "--json").out)
    image, metadata = read_png(out)
    assert facts == {
        "kind": "image",
        "rows": image.shape[0],
        "columns": image.shape[1],
        "bytes": out.stat().st_size,
        **metadata,
    }
    lines = run("inspect", out).out.decode().splitlines()
    assert any(line.split() == ["source", "sound.wav"] for line in lines)
    assert any(line.split() == ["n_mels", "128"] for line in lines)


def test_inspect_sound(run, sound):
    facts = json.loads(run("inspect", sound, "--json").out)
    assert facts["kind"] == "audio"
    assert (facts["format"], facts["subtype"]) == ("WAV", "PCM_16")
    assert (facts["sr"], facts["channels"], facts["frames"]) == (22050, 1, 384 * 512)
    lines = run("inspect", sound).out.decode().splitlines()
    assert any(line.split() == ["sr", "22050"] for line in lines)


def test_inspect_standard_input():
    result = spawn("inspect", "-", "--json", input=convert_bytes(demo.wav()))
    assert json.loads(result.out)["columns"] == 385


def test_inspect_image_of_others(run, tmp_path):
    skimage_io = pytest.importorskip("skimage.io")
    grey, colour = tmp_path / "grey.png", tmp_path / "colour.png"
    skimage_io.imsave(grey, np.zeros((3, 5), np.uint8), check_contrast=False)
    skimage_io.imsave(colour, np.zeros((3, 5, 3), np.uint8), check_contrast=False)
    facts = json.loads(run("inspect", grey, "--json").out)
    assert (facts["kind"], facts["rows"], facts["columns"]) == ("image", 3, 5)
    assert "channels" not in facts
    assert json.loads(run("inspect", colour, "--json").out)["channels"] == 3
    pillow = pytest.importorskip("PIL.Image")
    pillow.new("P", (5, 3)).save(tmp_path / "palette.png")
    assert_fails(run("inspect", tmp_path / "palette.png"), 1, "palette.png", "no palette")


def test_inspect_what_is_neither(run, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    for path in (tmp_path / "a.png", tmp_path / "a.wav", tmp_path / "none", tmp_path):
        assert_fails(run("inspect", path), 1, path.name)


# --- hostile files --------------------------------------------------------------------------

RIFF = demo.wav()
FLAC = io.BytesIO()
soundfile.write(FLAC, demo.sound(), 22050, format="FLAC")
NAN = np.zeros(1000, np.float32)
NAN[500] = np.nan


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        np.random.default_rng(0).bytes(5000),
        b"Dear diary, this is text.\n" * 50,
        RIFF[:20],
        RIFF[:44],
        b"RIFF" + RIFF[8:],
        FLAC.getvalue()[:30000],
        wav(np.zeros(0)),
        wav(NAN, subtype="FLOAT"),
        wav(np.full(1000, np.inf, np.float32), subtype="FLOAT"),
    ],
    ids=[
        "empty", "zeros", "noise", "text", "half a header", "a header alone", "corrupt header",
        "truncated FLAC", "no frames", "NaN", "infinity",
    ],
)  # fmt: skip
def test_file_that_is_no_sound(run, tmp_path, out, data):
    (tmp_path / "bad.wav").write_bytes(data)
    assert_fails(run("convert", tmp_path / "bad.wav", "-o", out), 1, "bad.wav: ")
    assert os.listdir(out.parent) == []


def test_strict_refuses_a_truncated_file(run, tmp_path, out):
    (tmp_path / "cut.wav").write_bytes(RIFF[:100_000])
    assert_fails(run("convert", tmp_path / "cut.wav", "-o", out, "--strict"), 1, "cut.wav")
    assert not out.exists()


def test_sound_beyond_the_limit(run, sound, out):
    result = run("convert", sound, "-o", out, "--max-duration", 5)
    assert_fails(result, 1, "sound.wav", "8.9", "--max-duration")
    assert run("convert", sound, "-o", out, "--max-duration", 5, "--duration", 5).code == 0


def test_eight_hours(run, tmp_path, out):
    path, size = tmp_path / "day.wav", 8 * 3600 * 22050 * 2
    with open(path, "wb") as file:  # sparse
        header = bytearray(RIFF[:44])
        struct.pack_into("<I", header, 4, 36 + size)
        struct.pack_into("<I", header, 40, size)
        file.write(header)
        file.truncate(44 + size)
    assert_fails(run("convert", path, "-o", out), 1, "day.wav", "28800", "--max-duration")
    # The first window takes no more than its share.
    assert run("convert", path, "-o", out, "--time-steps", 384).code == 0
    assert read_png(out)[0].shape == (128, 385)


def test_missing_file(run, tmp_path, out):
    result = run("convert", tmp_path / "none.wav", "-o", out)
    assert_fails(result, 1, "none.wav: No such file or directory")


def test_directory_named_like_a_sound(run, tmp_path, out):
    (tmp_path / "x.wav").mkdir()
    assert_fails(run("convert", tmp_path / "x.wav", "-o", out), 2, "x.wav is a folder")


def test_symlink_loop(run, tmp_path, out):
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    assert_fails(run("convert", tmp_path / "loop.wav", "-o", out), 1, "loop.wav: ")


def test_fifo_and_device_never_block(tmp_path, out):
    os.mkfifo(tmp_path / "fifo.wav")
    fifo = tmp_path / "fifo.wav"
    for arguments in (["convert", fifo, "-o", out], ["inspect", fifo]):
        assert_fails(spawn(*arguments, timeout=20), 1, "fifo.wav: ")
    assert_fails(spawn("convert", "/dev/zero", "-o", out, timeout=20), 1, "/dev/zero: ")


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline.wav",
        b"tab\t'quote\" .wav",
        b"latin-\xe9.wav",
        "ünïcode-音.wav".encode(),
        "u\u0308.wav".encode(),
        b"x" * 251 + b".wav",
        b"no-suffix",
        b"...",
    ],
    ids=["newline", "quotes", "not UTF-8", "Unicode", "NFD", "255 bytes", "no suffix", "dots"],
)
def test_awkward_names(run, tmp_path, name):
    path, output = (tmp_path / os.fsdecode(n) for n in (name, name[:251] + b".png"))
    path.write_bytes(demo.wav())
    result = run("convert", path, "-o", output)
    assert result.code == 0, result.err
    assert result.err.count("\n") == 1
    image, metadata = read_png(output)
    assert image.shape == (128, 385)
    assert os.fsencode(metadata["source"]) == name
    shown = run("inspect", output)
    assert (shown.code, shown.err) == (0, "")
    assert os.fsencode(json.loads(run("inspect", output, "--json").out)["source"]) == name

    path.unlink()
    assert_fails(run("convert", path, "-o", output), 1, "No such file")


def test_name_of_any_bytes_on_a_real_command_line(tmp_path):
    name = b"\xff\n.wav"
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
        file.write(demo.wav())
    assert spawn("convert", name, "-o", "out.png", cwd=tmp_path).code == 0
    shown = spawn("inspect", "out.png", cwd=tmp_path)
    assert rb"\udcff\n.wav" in shown.out


def test_leading_dash_and_a_file_called_dash(tmp_path):
    for name in ("-x.wav", "-"):
        (tmp_path / name).write_bytes(demo.wav())
    assert spawn("convert", "-o", "a.png", "--", "-x.wav", cwd=tmp_path).code == 0
    assert spawn("convert", "./-", "-o", "b.png", cwd=tmp_path).code == 0
    assert read_png(tmp_path / "a.png")[1]["source"] == "-x.wav"
    assert read_png(tmp_path / "b.png")[1]["source"] == "-"


@pytest.fixture
def shared():
    """A read-only folder that anyone can reach, unlike pytest's own, with a sound and a secret."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, mode in (("sound.wav", 0o444), ("secret.wav", 0)):
            (folder / file).write_bytes(demo.wav())
            (folder / file).chmod(mode)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


@pytest.fixture
def no_rights(run, sound, out):
    """Turn root into nobody; the commands have run once, and so loaded what they need."""
    assert run("convert", sound, "-o", out).code == 0
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


def test_unreadable_file(run, shared, no_rights):
    result = run("convert", shared / "secret.wav", "-o", "-")
    assert_fails(result, 1, "secret.wav: Permission denied")


def test_folder_that_cannot_be_written(run, shared, no_rights):
    result = run("convert", shared / "sound.wav", "-o", shared / "out.png")
    assert_fails(result, 3, "cannot write", "out.png: Permission denied")
    assert sorted(os.listdir(shared)) == ["secret.wav", "sound.wav"]


def test_missing_output_folder(run, sound, tmp_path):
    result = run("convert", sound, "-o", tmp_path / "none" / "out.png")
    assert_fails(result, 3, "cannot write", "none/out.png: No such file or directory")


def test_disk_full(sound, out):
    out.write_bytes(b"an older image")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    result = spawn("convert", sound, "-o", out, preexec_fn=limit)
    assert_fails(result, 3, "cannot write", "out.png: File too large")
    assert os.listdir(out.parent) == ["out.png"]
    assert out.read_bytes() == b"an older image"


# --- messages of others ---------------------------------------------------------------------


def test_warnings_are_one_line(sound, out):
    result = spawn("convert", sound, "-o", out, "--n-mels", "512", "--quiet")
    assert result.code == 0
    assert re.fullmatch(r"melpix: warning: .*filters.*n_mels.*\n", result.err)


def test_loud_sound_warns(tmp_path, out):
    (tmp_path / "loud.wav").write_bytes(wav(demo.sound() / 100.0, subtype="FLOAT"))
    result = spawn("convert", tmp_path / "loud.wav", "-o", out, "-q")
    assert result.code == 0
    assert re.fullmatch(r"melpix: warning: .*peak.*precision='double'.*\n", result.err)


@pytest.mark.skipif("MP3" not in soundfile.available_formats(), reason="libsndfile without MP3")
def test_what_the_decoder_prints_joins_the_message(tmp_path, out):
    file = io.BytesIO()
    soundfile.write(file, demo.sound(), 22050, format="MP3")
    data = bytearray(file.getvalue())
    data[8000:8600] = np.random.default_rng(1).bytes(600)
    (tmp_path / "broken.mp3").write_bytes(data)
    result = spawn("convert", tmp_path / "broken.mp3", "-o", out)
    lines = result.err.splitlines()
    # libmpg123 prints several lines about such a file on C's stderr: none comes through bare.
    assert lines
    assert all(line.startswith(("melpix: ", str(out))) for line in lines)
    assert any("broken.mp3" in line and "Illegal" in line for line in lines)


# --- signals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.timing
def test_signals_end_it_in_order(out, signum, code):
    command = [*MELPIX, "convert", "-", "-o", str(out)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        # More than a pipe holds: once this is written the command is reading.
        process.stdin.write(demo.wav())
        process.stdin.flush()
        process.send_signal(signum)
        assert process.wait(timeout=20) == code
        assert process.stderr.read() == b""
    assert os.listdir(out.parent) == []


def test_ignored_interrupt_stays_ignored(out):
    """As a shell script starts jobs in its background."""
    command = [*WITHOUT_INTERRUPTS, *MELPIX, "convert", "-", "-o", str(out), "-q"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        process.stdin.write(demo.wav())
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        assert process.wait(timeout=20) == 0
    assert read_png(out)[0].shape == (128, 385)


@pytest.mark.timing
def test_kill_leaves_complete_images_only(sound, out):
    """Images are written one after the other until SIGKILL, at a random moment."""
    code = (
        "import itertools, sys; from melpix import convert_file\n"
        "for i in itertools.count():\n"
        "    convert_file(sys.argv[1], f'{sys.argv[2]}/{i % 20}.png', time_steps=20)"
    )
    expected = convert_bytes(demo.wav(), time_steps=20, source="sound.wav")
    rng = np.random.default_rng(3)
    for _ in range(8):
        for file in out.parent.iterdir():
            file.unlink()
        process = subprocess.Popen([sys.executable, "-c", code, str(sound), str(out.parent)])
        deadline = time.monotonic() + 30
        while not (out.parent / "0.png").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.wait()
        images = list(out.parent.glob("[0-9]*"))
        assert images
        assert all(image.read_bytes() == expected for image in images)
        others = {path.name for path in out.parent.iterdir()} - {image.name for image in images}
        assert all(re.fullmatch(r"\.melpix-[0-9a-f]{16}\.tmp", name) for name in others)


def test_image_gets_the_permissions_that_the_shell_grants(sound, out):
    spawn("convert", sound, "-o", out, preexec_fn=lambda: os.umask(0o027))
    assert stat.S_IMODE(out.stat().st_mode) == 0o640


def test_inspect_believes_the_image_before_its_metadata(run, out):
    nested = {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}
    write_png(out, np.zeros((2, 3), np.uint8), {"kind": "audio", "rows": 7, **nested})
    assert run("inspect", out).code == 0
    facts = json.loads(run("inspect", out, "--json").out)
    assert (facts["kind"], facts["rows"], facts["columns"]) == ("image", 2, 3)
    assert facts["a"] == nested["a"]


def test_a_fixed_length_beside_another_is_refused_and_what_it_leaves_out_is_said(run, tmp_path):
    sound = tmp_path / "long.wav"
    sound.write_bytes(wav(np.random.default_rng(0).uniform(-0.5, 0.5, 35 * 8000), 8000))
    config = tmp_path / "c.toml"
    config.write_text('preset = "whisper-80"\n')
    for options in (["--preset", "whisper-80"], ["--config", config]):
        given, out = ["convert", sound, *options], tmp_path / options[0]
        result = run(*given, "-o", out, "--seconds", 60)
        assert_fails(result, 2, "--seconds must give windows of 30 s", "duration=60, columns=6000")
        assert "--config" in result.err
        assert not out.exists()
        result = run(*given, "-o", tmp_path / "a.png", "--time-steps", 100)
        assert_fails(result, 2, "--time-steps must give windows of 30 s")
        result = run(*given, "-o", tmp_path / "a.png")
        assert result.code == 0
        assert "30.00 s at 16000 Hz" in result.err
        assert "; the 5.00 s that follow are left out" in result.err
        assert run(*given, "-o", out, "--seconds", 30).code == 0
    # What the refusal says helps.
    config.write_text('preset = "whisper-80"\nduration = 60\ncolumns = 6000\n')
    assert run("convert", sound, "-o", tmp_path / "b", "--config", config).code == 0
    assert len(list((tmp_path / "b").glob("*.png"))) == 1
