# SPDX-License-Identifier: MIT
"""`melpix verify`: what it compares, what it prints, when it ends with 1."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import signals
from melpix import Frontend, demo
from melpix.cli import main
from melpix.compare.peers import UnableError
from melpix.compare.references import REFERENCES, Reference
from melpix.compare.verify import Pair, distance, pair, report
from melpix.frontend.presets import PRESETS

pytest.importorskip("librosa")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def files(tmp_path):
    paths = []
    for name in ("noise.wav", "new\nline.wav"):
        y = signals.noise(22050, seed=len(name))
        soundfile.write(tmp_path / name, y, 22050)
        paths.append(str(tmp_path / name))
    return paths


def run(capfd, *arguments):
    code = main(["verify", *arguments])
    out, err = capfd.readouterr()
    return code, out, err


def other(preset="recipe", **parameters):
    """A pair whose front-end is not the reference's."""
    return Pair(preset, Frontend(**parameters), REFERENCES[preset], 0.05)


# --- the command ----------------------------------------------------------------------------


def test_the_recipe_on_the_demonstrations_sound(capfd):
    code, out, err = run(capfd)
    assert (code, err) == (0, "")
    title, blank, heads, row = out.splitlines()
    assert title.startswith("recipe beside librosa 0.11")
    assert blank == ""
    assert heads.split() == ["max", "mean", "/", "allowed", "pixels", "equal"]
    assert float(row.split()[0]) < 0.05
    assert float(row.split()[3]) > 99.9
    assert row.endswith("the demonstration's sound")


def test_files_and_the_worst_of_them(files, capfd):
    code, out, err = run(capfd, *files)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith("worst of 2: ")
    assert r"new\nline.wav" in out


def test_report_as_json(files, capfd):
    code, out, err = run(capfd, *files, "--json", "--duration", "0.5")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["preset"] == "recipe"
    assert report["reference"].keys() == {"librosa"}
    assert report["within"] is True
    assert report["failed"] == []
    assert [row["name"] for row in report["files"]] == files
    assert report["worst"] in files
    for row in report["files"]:
        assert row["seconds"] == 0.5
        assert 0 < row["mean"] < row["max"] < 1e-4
        most = max(row["max"], 10 * row["mean"])
        assert row["of_allowed"] == pytest.approx(most / report["tolerance"])
        assert row["identical"] > 0.999
        assert row["levels"] <= 1


def test_every_preset_whose_reference_is_installed(files, capfd):
    for name, reference in REFERENCES.items():
        code, out, err = run(capfd, files[0], "--preset", name)
        if code == 0:
            assert out.startswith(f"{name} beside ")
            assert err == ""
        else:
            assert f"is not installed ({reference.install})" in err
            assert reference.packages
    assert run(capfd, files[0], "--preset", "vggish")[1].startswith("vggish beside its formulas")


def test_a_bad_file_does_not_stop_the_others(files, tmp_path, capfd):
    (tmp_path / "text.wav").write_text("Dear diary")
    code, out, err = run(capfd, str(tmp_path / "text.wav"), files[0], "none.wav", "--json")
    assert code == 1
    assert err.count("\n") == 2
    assert err.startswith("melpix: error: ")
    assert "none.wav: No such file" in err
    report = json.loads(out)
    assert report["failed"] == ["none.wav", str(tmp_path / "text.wav")]  # what is missing first
    assert [row["name"] for row in report["files"]] == [files[0]]
    assert report["within"] is False


def test_a_folder_is_all_sounds_in_it(files, tmp_path, capfd):
    """As for convert: what cannot be decoded is a line, what is no sound is no matter."""
    folder = tmp_path / "sounds"
    (folder / "in" / "folder.wav").mkdir(parents=True)
    for name in ("a.wav", "a.flac", "in/b.wav"):
        soundfile.write(folder / name, signals.noise(5000, seed=len(name)), 22050)
    soundfile.write(folder / "one.wav", np.full(1, 0.5), 22050)
    soundfile.write(folder / "none.wav", np.zeros(0), 22050)
    (folder / "empty.mp3").touch()
    (folder / "text.wav").write_text("Dear diary")
    (folder / "notes.txt").write_text("no sound")
    os.mkfifo(folder / "fifo.wav")
    code, out, err = run(capfd, str(folder), files[0], str(folder / "*.flac"), "--json")
    assert code == 1
    report = json.loads(out)
    names = [row["name"] for row in report["files"]]
    sounds = [str(folder / name) for name in ("a.flac", "a.wav", "in/b.wav", "one.wav")]
    assert names == [*sounds, files[0]]  # once each
    assert report["failed"] == [str(folder / n) for n in ("empty.mp3", "none.wav", "text.wav")]
    assert f"warning: {folder}/fifo.wav: a FIFO, not a file\n" in err
    assert err.count("\n") == 4
    code, out, err = run(capfd, str(folder))
    assert code == 1
    assert out.splitlines()[-1] == "3 of 7 could not be compared"
    assert out.splitlines()[-2].startswith("worst of 4: ")
    for name in ("empty.mp3", "none.wav", "text.wav"):
        (folder / name).unlink()
    code, out, err = run(capfd, str(folder))
    assert code == 0
    assert "could not" not in out


def test_rows_come_as_files_are_compared(files):
    """The first one's is there while the second has not even arrived."""
    command = [sys.executable, "-m", "melpix", "verify", files[0], "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        lines = iter(process.stdout.readline, b"")
        assert any(line.endswith(b"noise.wav\n") for line in lines)
        process.stdin.write(demo.wav())
        process.stdin.close()
        assert process.wait(timeout=120) == 0


def test_a_folder_of_nothing(tmp_path, capfd):
    (tmp_path / "notes.txt").write_text("no sound")
    code, out, err = run(capfd, str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"melpix: error: nothing to compare in {tmp_path} (.aif ")
    code, out, err = run(capfd, str(tmp_path / "*.wav"))
    assert (code, out) == (1, "")
    assert "nothing matches it" in err


def test_what_either_refuses_is_named(files, tmp_path, capfd, monkeypatch):
    soundfile.write(tmp_path / "short.wav", signals.noise(200), 16000)
    code, out, err = run(capfd, str(tmp_path / "short.wav"), files[0], "--preset", "vggish")
    assert code == 1
    assert out.count("\n") == 5  # the other file's, and how many there were
    assert err.count("\n") == 1
    assert "short.wav: y is too short: 200 samples" in err

    def refuse(y):
        raise RuntimeError("no such sound\nat line 7")

    refusing = Reference(22050, lambda: refuse, ("librosa",))
    monkeypatch.setitem(REFERENCES, "recipe", refusing)
    code, out, err = run(capfd, files[0])
    assert (code, out) == (1, "")
    assert err.endswith("noise.wav: librosa fails: RuntimeError: no such sound\n")


def test_farther_off_than_allowed_ends_with_1(files, capfd, monkeypatch):
    preset = dataclasses.replace(PRESETS["recipe"], tolerance=0.05)
    faint = dataclasses.replace(preset, parameters={"offset": 1e-6})
    monkeypatch.setitem(PRESETS, "recipe", faint)
    code, out, err = run(capfd, files[0])
    assert (code, err) == (0, "")  # noise has no band that faint
    assert "TOO FAR" not in out
    code, out, err = run(capfd)
    assert code == 1
    assert out.endswith("the demonstration's sound   TOO FAR\n")
    another = dataclasses.replace(preset, parameters={"window": "hamming"})
    monkeypatch.setitem(PRESETS, "recipe", another)
    code, out, err = run(capfd, *files, "--json")
    assert code == 1
    assert err.startswith("melpix: error: farther from the reference than allowed: ")
    assert err.count("\n") == 1
    report = json.loads(out)
    assert report["within"] is False
    assert all(row["of_allowed"] > 1 and not row["within"] for row in report["files"])


def test_wrong_use(capfd):
    for arguments, part in (
        (["--preset", "jpeg"], "--preset must be one of recipe, "),
        (["--duration", "0"], "--duration"),
        (["--duration", "nan"], "--duration"),
        (["--precision", "single"], "--precision"),
    ):
        code, out, err = run(capfd, *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("melpix: error: ")
        assert err.count("\n") == 1
        assert part in err


def test_a_missing_package_is_one_line(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaldi_native_fbank", None)  # as if it were not there
    judge = REFERENCES["kaldi-fbank"]
    unplanned = dataclasses.replace(judge, plan=lambda: judge.plan())
    monkeypatch.setitem(REFERENCES, "kaldi-fbank", unplanned)
    code, out, err = run(capfd, "--preset", "kaldi-fbank")
    assert (code, out) == (1, "")
    assert err == (
        "melpix: error: kaldi-native-fbank: kaldi_native_fbank is not installed "
        "(pip install 'melpix[references]')\n"
    )


def test_as_a_process_standard_input_and_nothing_else_on_stderr(tmp_path):
    command = [sys.executable, "-m", "melpix", "verify", "-", "--json", "--preset", "whisper-80"]
    done = subprocess.run(command, input=demo.wav(), capture_output=True, timeout=120)
    if b"is not installed" in done.stderr:
        pytest.skip(done.stderr.decode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["files"][0]["name"] == "-"


def test_other_commands_do_not_load_it(tmp_path):
    code = (
        "import sys; from melpix.cli import main\n"
        "main(['verify', '--help']); main(['demo', '-o', sys.argv[1]])\n"
        "heavy = 'melpix.compare.verify', 'melpix.compare.references', 'librosa'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- the parts ------------------------------------------------------------------------------


def test_distance_of_other_shapes_is_infinite():
    y = signals.noise(22050).astype(np.float32)
    both = other(n_mels=64)
    apart = distance(both, y, both.reference.features(y), "y", 1.0)
    assert apart.max == apart.of_allowed == np.inf
    assert not apart.within
    json.dumps(report(both, [apart], []), allow_nan=False)


def test_distance_is_that_of_the_features():
    y = signals.noise(22050).astype(np.float32)
    both = other(precision="double")
    expected = both.frontend.features(y)
    expected[3, 4] += 0.04
    apart = distance(both, y, expected, "y", 1.0)
    assert apart.max == pytest.approx(0.04)
    assert apart.mean == pytest.approx(0.04 / expected.size)
    assert apart.of_allowed == pytest.approx(0.8)
    assert apart.within
    expected[3, 4] += 0.04
    assert not distance(both, y, expected, "y", 1.0).within


def test_no_patch_at_all_is_no_difference():
    y = signals.noise(500).astype(np.float32)
    both = pair("vggish")
    apart = distance(both, y, both.reference.features(y), "y", 0.03)
    assert apart.max == 0
    assert apart.within


def degenerate(sr):
    """Sounds that hold next to nothing, or too much of one thing."""
    n = sr // 2
    t = np.arange(n)
    for m in (1, 2, 400, 2048, 41600, 41600 * sr // 32000, sr + 17):
        yield f"{m} zeros", np.zeros(m)
        yield f"{m} equal samples", np.full(m, 0.3)
    for m in (1, 400, 2049):
        yield f"{m} of noise", signals.noise(m)
    for level in (1e-38, 1e-20, 0.1, 0.63, -1):
        yield f"a constant {level}", np.full(n, level)
    for level in (1e-20, 2**-15, 1):
        for place in (0, n // 3):
            yield f"a click of {level} at {place}", level * (t == place)
    yield "a click above a constant", 0.3 + (t == n // 3)
    yield "the last bit above a constant", 0.5 + np.sign(signals.noise(n)) / 32768
    yield "a full-scale square", np.where(t // 37 % 2, 1, -1)
    yield "full scale at half the rate", np.where(t % 2, 1, -1)
    yield "a ramp", np.linspace(-1, 1, n)
    yield "noise, then nothing", np.where(t < n // 2, signals.noise(n), 0)
    for amplitude in (1e-44, 1e-38, 1e-20, 1e-10, 1e-5, 1e3):
        yield f"noise of {amplitude}", signals.noise(n, amplitude=amplitude)


# Of those that take the longest, every other sound; the two that differ in their bands alone have
# all of them together.
SOME = {"riffusion": (0, 2), "whisper-80": (0, 2), "whisper-128": (1, 2)}


@pytest.mark.parametrize(
    ("name", "first", "step"),
    [(name, *SOME.get(name, (0, 1))) for name in REFERENCES]
    + [pytest.param(name, 0, 1, marks=pytest.mark.slow) for name in SOME],
)
def test_no_false_alarm(name, first, step):
    try:
        both = pair(name)
    except UnableError as error:
        pytest.skip(str(error))
    for kind, y in itertools.islice(degenerate(both.reference.sr), first, None, step):
        y = y.astype(np.float32)
        try:
            expected = both.reference.features(y)
            apart = distance(both, y, expected, kind, 1.0)
        except (UnableError, ValueError):
            assert y.size <= 2049, kind  # too short for one of them
            continue
        assert apart.within, apart


def test_a_reference_of_formulas_has_a_name_too():
    with pytest.raises(UnableError, match=r"^the formula fails: ValueError"):
        REFERENCES["riffusion"].features(np.zeros(0, np.float32))


def test_images_are_the_references_own():
    y = signals.noise(22050).astype(np.float32)
    black = Reference(
        22050, REFERENCES["recipe"].plan, render=lambda x: np.zeros(x.shape, np.uint8)
    )
    apart = distance(Pair("x", Frontend(), black, 0.05), y, black.features(y), "y", 1.0)
    assert apart.within
    assert apart.identical < 0.1
    assert apart.levels == 255
