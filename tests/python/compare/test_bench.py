# SPDX-License-Identifier: MIT
"""`melpix bench`: who takes part, what is verified, and in how many threads. Never a duration."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from melpix import demo
from melpix.cli import main
from melpix.compare import peers
from melpix.compare.bench import Difference, compare, differing, open_sound, take_turns
from melpix.compare.peers import Contender, UnableError, Work
from melpix.workers.process import POOLS

pytest.importorskip("librosa")

PEERS = {"librosa", "torchaudio", "audioflux", "kaldi-native-fbank", "bare"}

# Others warn of their own affairs while they are imported here.
pytestmark = pytest.mark.filterwarnings("ignore")


def spawn(*arguments, **options):
    command = [sys.executable, "-m", "melpix", "bench", "--seconds", "0.001", *arguments]
    return subprocess.run(command, capture_output=True, timeout=120, **options)


@pytest.fixture(scope="module")
def done():
    """The command on the demonstration's sound, in a process that starts with large pools."""
    many = {f"{pool}_NUM_THREADS": "2" for pool in POOLS}
    return spawn("--json", env=os.environ | many)


@pytest.fixture(scope="module")
def report(done):
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return json.loads(done.stdout)


def test_report_has_every_contender_or_a_reason(report):
    rows = report["results"]["array to image"]
    assert {re.split(r"[ ,]", row["name"])[0] for row in rows} == PEERS | {"melpix"}
    for row in [*rows, *report["results"]["file to PNG"]]:
        if "unable" in row:
            assert re.match(r"(is not installed|fails|takes) ", row["unable"])
        else:
            assert 0 < row["least"] <= row["median"]
            assert row["ratio"] > 0


def test_everybody_who_is_timed_is_verified(report):
    timed = [row for rows in report["results"].values() for row in rows if "median" in row]
    assert {row["name"] for row in timed} >= {"melpix", "librosa", "melpix, double precision"}
    for row in timed:
        if row["name"].startswith("bare FFTs"):
            assert row["levels"] is None
        else:
            assert row["same"]
            assert row["levels"] <= 1
            assert row["equal"] >= 0.999
    assert report["judge"] == "librosa"
    assert differing(report) == []


def test_every_instruction_set_takes_part(report):
    names = {row["name"] for row in report["results"]["array to image"]}
    others = {*report["melpix"]["available_isas"]} - {report["melpix"]["isa"]}
    assert {f"melpix, {isa} kernels" for isa in others} <= names


def test_report_says_what_was_measured_and_where(report):
    assert report["parameters"] == {"sr": 22050, "n_fft": 1024, "hop_length": 512, "n_mels": 128}
    assert report["image"] == [128, 385]
    assert report["rounds"] >= 3
    assert [*report["stages"]] == report["melpix"]["available_isas"]
    for stages in report["stages"].values():
        assert [*stages] == ["frame", "spectrum", "mel", "compress", "normalise", "image"]
        assert all(seconds >= 0 for seconds in stages.values())
    assert report["librosa_fft"] in ("scipy.fft", "numpy.fft")
    assert {"librosa", "numpy", "scipy"} <= report["versions"].keys()
    assert report["machine"]["processor"]


def test_no_thread_pool_is_larger_than_one(report):
    assert {f"{pool}_NUM_THREADS" for pool in POOLS} <= report["threads"].keys()
    assert any("blas" in pool.lower() for pool in report["threads"])
    assert set(report["threads"].values()) == {1}


def test_table_on_a_file_with_parameters(tmp_path):
    path = tmp_path / "new\nline.wav"
    path.write_bytes(demo.wav())
    options = ["--sr", "16000", "--n-fft", "400", "--hop-length", "160", "--n-mels", "40"]
    result = spawn(path, *options)
    assert result.returncode == 0, result.stderr.decode()
    lines = result.stdout.decode().splitlines()
    assert lines[0].startswith(r"new\nline.wav: 8.92 s, 40 x 892 pixels (sr 16000, n_fft 400, ")
    for name in ("melpix", "librosa", "audioflux", "kaldi-native-fbank", "bare FFTs"):
        assert any(line.startswith(f"  {name}") for line in lines)
    assert any("powers of two" in line for line in lines)  # audioflux cannot do 400
    assert b"\r" not in result.stderr  # no display where there is no terminal


def test_pixels_that_differ_are_an_error_and_get_no_time(tmp_path):
    # So faint that ln(mel + 1e-9) spans a few roundings of librosa's float32: its greys are few.
    faint = 1e-8 * np.random.default_rng(0).standard_normal(22050)
    soundfile.write(tmp_path / "faint.wav", faint.astype(np.float32), 22050, subtype="FLOAT")
    result = spawn(tmp_path / "faint.wav", "--json")
    assert result.returncode == 1
    assert result.stderr.startswith(b"melpix: error: not the same pixels: ")
    report = json.loads(result.stdout)
    assert differing(report)
    for rows in report["results"].values():
        for row in rows:
            assert ("median" in row) == (row.get("same") is not False and "unable" not in row)
    table = spawn(tmp_path / "faint.wav")
    assert table.returncode == 1
    assert b"NOT THE SAME" in table.stdout


def test_wrong_use_and_wrong_files(tmp_path, capfd):
    (tmp_path / "text.wav").write_text("Dear diary")
    (tmp_path / "empty.wav").write_bytes(demo.wav()[:44])
    for arguments, code, part in (
        ([tmp_path / "none.wav"], 1, "none.wav: No such file"),
        ([tmp_path / "text.wav"], 1, "text.wav: "),
        ([tmp_path / "empty.wav"], 1, "empty.wav: "),
        (["--n-fft", "0"], 2, "--n-fft must be"),
        (["--sr", "fast"], 2, "--sr"),
        *((["--seconds", seconds], 2, "--seconds") for seconds in ("-1", "0", "nan", "inf")),
        (["--repeats"], 2, "--repeats"),
    ):
        assert main(["bench", *map(str, arguments)]) == code
        out, err = capfd.readouterr()
        assert out == ""
        assert err.startswith("melpix: error: ")
        assert err.count("\n") == 1
        assert part in err


def test_disk_full(tmp_path):
    (tmp_path / "sound.wav").write_bytes(demo.wav())

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    result = spawn(tmp_path / "sound.wav", preexec_fn=limit)
    assert result.returncode == 3
    assert re.fullmatch(
        rb"melpix: error: cannot write .*image.png: File too large\n", result.stderr
    )
    assert result.stdout == b""


def test_interrupt_ends_it_in_order(tmp_path):
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-m", "melpix", "bench", "--seconds", "1000"]
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        # Its first image appears when it is under way.
        while not any((tmp_path / "tmp").glob("*/image.png")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert not any((tmp_path / "tmp").iterdir())


def test_other_commands_do_not_load_it(tmp_path):
    code = (
        "import sys; from melpix.cli import main\n"
        "main(['bench', '--help']); main(['demo', '-o', sys.argv[1]])\n"
        "heavy = 'melpix.compare.bench', 'melpix.compare.peers', 'librosa'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- the parts ------------------------------------------------------------------------------


def test_compare():
    a = np.array([[10, 20, 30, 40]], np.uint8)
    assert compare(a, a) == Difference(0, 1.0)
    assert compare(a, a + np.array([0, 1, 0, 0], np.uint8)) == Difference(1, 0.75)
    assert compare(a, a[::-1, ::-1]) == Difference(30, 0.0)
    assert compare(np.array([[0]], np.uint8), np.array([[255]], np.uint8)).levels == 255
    assert not compare(a, a[:, :3]).within()
    assert Difference(1, 0.96).within()
    assert not Difference(1, 0.94).within()
    assert not Difference(2, 0.9999).within()


def test_nearly_equal_never_reads_as_equal():
    assert str(Difference(0, 1.0)) == "identical"
    assert str(Difference(1, 0.9999999)) == "99.999 % equal, others off by <= 1"
    assert str(Difference(256, 0.0)) == "another size"


def test_everybody_gets_the_same_number_of_turns():
    calls = []
    jobs = {name: lambda name=name: calls.append(name) for name in "abc"}
    told = []
    times = take_turns(jobs, 0, told.append)
    assert {name: len(t) for name, t in times.items()} == {"a": 3, "b": 3, "c": 3}
    # A call that does not count, then the one that does.
    assert calls[::2] == calls[1::2]
    assert [sorted(calls[i : i + 6 : 2]) for i in (0, 6, 12)] == [["a", "b", "c"]] * 3
    assert len(told) == 3


def test_rounds_end_turns_and_each_waits_before_it_counts():
    calls = []
    jobs = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = take_turns(jobs, 3600, rounds=2, wait=lambda: calls.append("-"))
    assert {name: len(t) for name, t in times.items()} == {"a": 2, "b": 2}
    assert calls[1::3] == ["-"] * 4
    assert calls[::3] == calls[2::3]


def test_who_cannot_take_part_says_why():
    work = Work(np.zeros(2048, np.float32), 22050, n_fft=1021, hop_length=256)

    def missing(work):
        import no_such_library  # noqa: F401

    def broken(work):
        raise OSError("libfast.so: cannot open")

    for contender, reason in (
        (Contender("a", missing, ("a",)), "is not installed (No module named 'no_such_library')"),
        (Contender("b", broken, ("b",)), "fails: OSError: libfast.so: cannot open"),
        (
            Contender("c", lambda work: lambda: 1 / 0, ("c",)),
            "fails: ZeroDivisionError: division by zero",
        ),
        (peers.PEERS[2], "takes powers of two as n_fft only"),
    ):
        with pytest.raises(UnableError) as caught:
            peers.first(contender, work)
        assert str(caught.value) == reason


def test_melpix_has_no_excuse():
    with pytest.raises(ZeroDivisionError):
        peers.first(Contender("melpix", lambda work: lambda: 1 / 0), Work(np.zeros(9), 22050))


@pytest.mark.parametrize(("n_fft", "hop_length"), [(1024, 512), (1021, 256), (400, 1000)])
def test_work_knows_its_frames(n_fft, hop_length):
    work = Work(np.ones(5000, np.float32), 22050, n_fft, hop_length, 20)
    assert work.frontend().image(work.y).shape == (20, work.frames)


def test_instruction_set_of_the_user_is_left_alone(monkeypatch):
    work = Work(np.ones(5000, np.float32), 22050)
    monkeypatch.setenv("MELPIX_ISA", "no such")
    assert work.frontend("generic").n_fft == 1024
    with pytest.raises(ValueError, match="no such"):
        work.frontend()
    monkeypatch.delenv("MELPIX_ISA")
    work.frontend("generic")
    assert "MELPIX_ISA" not in os.environ


def test_sound_of_bytes_is_a_file_as_long_as_it_is_open():
    with open_sound(demo.wav(), "native", n_mels=40) as sound:
        assert (sound.name, sound.work.sr, sound.work.n_mels) == ("standard input", 22050, 40)
        assert np.array_equal(sound.work.y, demo.sound() / np.float32(32768))
        assert os.path.exists(sound.path)
    assert not os.path.exists(sound.path)
