# SPDX-License-Identifier: MIT
"""benchmarks/report/report.py: the README's tables and plot, from results made here."""

import importlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks are in the clone only")

Groups = dict[str, dict[str, Any]]  # seconds by group and name, or seconds and what was noted

README = """# A title

<!-- benchmarks: begin -->
what the last run wrote
<!-- benchmarks: end -->

Between \\1 and the end.
<!-- parity: begin -->
<!-- parity: end -->
"""
SIZES = [
    "400, hop 160",
    "450, hop 225",
    "512, hop 256",
    "514, hop 257",
    "1018, hop 509",
    "1024, hop 512",
    "1102, hop 551",
]
SIZES += ["2048, hop 512", "4096, hop 1024", "17640, hop 441", "1021, hop 256"]
SOUNDS = ["WAV, 22.05 kHz, 16 bit", "FLAC, 44.1 kHz, stereo"]
SOUNDS += ["MP3, 44.1 kHz, stereo", "OGG Vorbis, 44.1 kHz, stereo"]
PEERS = ["librosa", "torchaudio", "audioflux, HTK's mel scale", "kaldi-native-fbank"]
FILTERS = ["none", "sub", "up", "average", "paeth"]
STAGES = {"decode": 3, "render": 2, "encode": 1, "write": 4}
TWO = {"files": 3000, "stages": STAGES, "resample": 1, "disk": "tmpfs", "cores": 2}
START_UPS = {"start-up of 2 workers": 0.5, "start-up of 1 worker": 0.25}


def suites() -> dict[str, Groups]:
    """What each suite measures. All musts are reached."""
    clips = {
        "melpix, 2 workers": (1.5, TWO),
        "melpix, 1 worker": (2.75, {"files": 3000}),
        "convert_file in a loop": (2.5, {"files": 3000}),
        "the recipe, Pool(2)": (4.0, {"files": 1000}),
        **START_UPS,
    }
    formats = {"melpix, 2 workers": (2.5, TWO), "the recipe, Pool(2)": (4.0, {"files": 1000})}
    tiny = {"10000 files": (1.0, {"bytes": 5e7}), "100000 files": (11.0, {"bytes": 9e7})}
    reference = {"reference": "librosa 0.11.0", "kind": "NumPy", "least": 5.0}
    of_files = {"melpix": 0.01, "librosa, scikit-image": 0.1, "decoder alone": 0.008}
    return {
        "bench_peers.py": {
            "recipe": {"melpix": 2e-4, **dict.fromkeys(PEERS, 4e-3), "bare FFTs (FFTW)": 5e-4},
            "full-scale chirp": {"melpix": 1e-3, "librosa": 4e-3},
        },
        "bench_core.py": {f"n_fft {n}": {"melpix": 1e-3, "librosa": 9e-3} for n in SIZES},
        "bench_files.py": {f"{kind} to PNG": dict(of_files) for kind in SOUNDS},
        "bench_start.py": {
            "import": {
                "import numpy": 0.08,
                "import melpix": 0.02,
                "from melpix import Frontend": 0.04,
            },
            "cold start": {"melpix convert": 0.2, "recipe as a script": 2.0},
        },
        "bench_threads.py": {"64 clips": {"threads=1": 1.9, "threads=2": 1.0}},
        "bench_clips.py": {
            "0.4 s at 8 kHz": {"Frontend.image": (1e-3, {"calls": 50, "stages_in_core": 18e-6})}
        },
        "bench_lengths.py": {
            **{f"{n} s of signal": dict.fromkeys(PEERS, n * 1e-3) for n in (1, 10, 100)},
            "melpix by length": {
                f"{n} s": (n * 1e-4, {"bytes": n * 1e4}) for n in (1, 10, 100, 1000, 3600)
            },
        },
        "bench_png.py": {
            f"deflate, filter {name}": {
                "isal 1": (
                    2e-3,
                    {"bytes": (50 + i) * 10_000, "pixels": 1_000_000, "sounds": "4 yells"},
                ),
                "zlib 6": (5e-2, {"bytes": 480_000, "pixels": 1_000_000}),
                "read": (7e-3, {"pixels": 1_000_000}),
            }
            for i, name in enumerate(FILTERS)
        },
        "bench_presets.py": {
            "preset recipe": {
                "melpix": 1e-3,
                "melpix, single precision": 5e-4,
                "reference": (6e-3, reference),
            }
        },
        "bench_datasets.py": {
            "3000 WAVs at 22,050 Hz": dict(clips),
            "3000 WAVs at their own rate": {**clips, "the recipe, Pool(2)": (6.0, {"files": 1000})},
            "3000 WAVs at 44.1 kHz, to 22.05": dict(formats),
            "clips of 5 s, FLAC": formats,
            "windows of a file": {
                "10 s": (0.1, {"bytes": 6e7}),
                "2 hours": (1.5, {"bytes": 7e7}),
            },
            "tiny files: scan": tiny,
        },
    }


SUITES = list(suites())


def everything() -> Groups:
    return {group: names for groups in suites().values() for group, names in groups.items()}


def saved(path: Path, groups: Groups, turns: tuple[float, ...] = (1.0,), **of: Any) -> Path:
    """Save results as pytest-benchmark does; each turn measures all, times a factor."""
    benchmarks = []
    for factor in turns:
        for group, names in groups.items():
            for name, found in names.items():
                seconds, extra = found if isinstance(found, tuple) else (found, {})
                stats = {"median": factor * seconds, "min": factor * seconds / 2, "rounds": 3}
                benchmarks.append(
                    {"group": group, "name": name, "stats": stats, "extra_info": extra}
                )
    machine = {
        "system": "Linux",
        "machine": "x86_64",
        "python_version": "3.11.7",
        "cpu": {"brand_raw": "Some CPU"},
        "melpix": {"melpix": "0.1.0", "isa": "avx2", "deflate": "isal"},
        "versions": {"isal": "1.9.1", "librosa": "0.11.0", "numpy": "2.4.6"},
        "librosa_fft": "scipy.fft",
    }
    commit = {"id": of.pop("commit", "0123456789abcdef"), "dirty": of.pop("dirty", False)}
    raw = {"machine_info": machine | of, "commit_info": commit, "datetime": "2026-01-02T03:04:05"}
    path.write_text(json.dumps({**raw, "benchmarks": benchmarks}), encoding="utf-8")
    return path


class Done:
    """What a run of report.py has done to a folder of its own, and said."""

    def __init__(self, code: int, out: str, err: str, folder: Path) -> None:
        self.code, self.out, self.err, self.folder = code, out, err, folder
        self.readme = (folder / "README.md").read_text(encoding="utf-8")
        found = re.search(r"benchmarks: begin -->\n(.*)\n<!-- benchmarks: end", self.readme, re.S)
        self.section = found[1].strip() if found else ""
        self.heads = [head for head, _ in re.findall(r"^(\|.*)\n(\|---.*)", self.section, re.M)]

    def row(self, label: str) -> list[str]:
        """The cells after a label, of the only row that has it."""
        (line,) = [line for line in self.section.splitlines() if line.startswith(f"| {label} |")]
        return [cell.strip() for cell in line.split("|")[2:-1]]


Report = Callable[..., Done]


@pytest.fixture
def report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Report:
    """Run report.py, on a README of its own."""
    monkeypatch.syspath_prepend(BENCHMARKS / "report")
    main = importlib.import_module("report").main
    readme = tmp_path / "README.md"
    readme.write_text(README, encoding="utf-8")

    def run(*arguments: Any) -> Done:
        code = main(["--readme", str(readme), *map(str, arguments)])
        return Done(code, *capsys.readouterr(), tmp_path)

    return run


@pytest.fixture
def no_plot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the plot is not looked at, a second is saved."""
    monkeypatch.syspath_prepend(BENCHMARKS / "report")
    monkeypatch.setattr(importlib.import_module("report"), "plot", lambda lines, path: None)


@pytest.mark.usefixtures("no_plot")
def test_all_suites_make_all_tables(report: Report, tmp_path: Path) -> None:
    done = report(saved(tmp_path / "r.json", everything()))
    assert (done.code, done.err) == (0, "")
    assert done.section in done.out
    assert [head.split("|")[1].strip() for head in done.heads] == [
        "196,608 samples to 128 x 385 pixels",
        "the recipe",
        "preset",
        "PNG's filter, then deflate: images of 4 yells, a pixel",
        "what else",
        "3,000 WAVs at 22,050 Hz",
        "2 workers, of whose time",
        "windows of a WAV at 44.1 kHz",
        "files of 50 ms",
    ]
    assert "(.github/speed.svg)" in done.section


@pytest.mark.usefixtures("no_plot")
def test_numbers_are_medians_and_their_ratios(report: Report, tmp_path: Path) -> None:
    done = report(saved(tmp_path / "r.json", everything()))
    assert done.row("melpix") == ["0.20 ms", "1.0"]
    assert done.row("torchaudio") == ["4.00 ms", "20.0"]
    assert done.row("*bare FFTs (FFTW)*") == ["0.50 ms", "2.5"]
    assert done.row("n_fft 1021, hop 256") == ["9.00 ms", "1.00 ms", "9.0"]
    assert done.row("MP3, 44.1 kHz, stereo, to PNG") == ["0.10 s", "10.00 ms", "10.0"]
    assert done.row("recipe")[1:] == ["6.00 ms", "1.00 ms", "6.0", "0.50 ms"]
    sizes = ["50.0 %", "51.0 %", "**52.0 %", "53.0 %", "54.0 %"]  # in bold what melpix does
    assert [cell.split(",")[0] for cell in done.row("isal 1")] == sizes
    assert done.row("isal 1")[1:3] == ["51.0 %, 2.0 ns", "**52.0 %, 2.0 ns**"]
    assert done.row("read") == ["7.0 ns"] * 5
    assert done.row("zlib 6") == ["48.0 %, 50.0 ns"] * 5
    assert done.row("melpix / FFTW's bare FFTs") == ["0.40"]
    assert done.row("image of 0.4 s at 8 kHz, beyond the C++ call") == ["2.00 µs"]
    assert done.row("from melpix import Frontend / import numpy") == ["0.50"]
    assert done.row("time of a further second, 10 s to 1 h: most / least") == ["1.00"]
    # 3000 files in 1.5 s, half a second of it for the start; the recipe's 1000 in 4 and in 6.
    assert done.row("melpix, 2 workers") == ["3000", "12.0", "3000", "18.0"]
    assert done.row("melpix, 2 workers, start included") == ["2000", "8.0", "2000", "12.0"]
    assert done.row("3000 WAVs at 22,050 Hz")[2:] == ["20%", "10%", "20%", "10%", "40%"]
    for group in ("3000 WAVs at 44.1 kHz, to 22.05", "clips of 5 s, FLAC"):
        assert done.row(group)[:2] == ["1500", "6.0"]
    assert done.row("2 hours") == ["1.50 s", "70 MB"]
    assert done.row("scan") == ["1.00 s", "50 MB", "11.00 s", "90 MB"]


@pytest.mark.usefixtures("no_plot")
def test_nothing_but_the_section_changes(report: Report, tmp_path: Path) -> None:
    results = saved(tmp_path / "r.json", everything())
    done = report(results)
    before, after = README.split("what the last run wrote")
    assert done.readme.startswith(before)
    assert done.readme.endswith(after)
    assert report(results).readme == done.readme


@pytest.mark.usefixtures("no_plot")
@pytest.mark.parametrize("only", SUITES)
def test_one_suite_alone_makes_what_it_can(report: Report, tmp_path: Path, only: str) -> None:
    results = saved(tmp_path / "r.json", suites()[only])
    done = report(results)
    assert done.code == 0
    assert done.section
    assert "the last run" not in done.section
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("not measured, and left out: ")
    assert set(re.findall(r"bench_\w+\.py", done.err)) == set(SUITES) - {only}
    assert "commit 0123456789, 2026-01-02." in done.section or (
        "at commit 0123456789 with avx2 kernels" in done.section
    )
    for flag in ("--details", "--datasets", "--presets"):
        assert report(results, flag).code == 0
    done = report(results, "--musts")
    assert done.code == (2 if only == "bench_png.py" else 0)
    assert "NO" not in done.out


@pytest.mark.usefixtures("no_plot")
@pytest.mark.parametrize("missing", SUITES)
def test_a_missing_suite_is_named(report: Report, tmp_path: Path, missing: str) -> None:
    files = [saved(tmp_path / name, suites()[name]) for name in SUITES if name != missing]
    done = report(*files)
    assert done.code == 0
    assert done.err == f"not measured, and left out: {missing}\n"


@pytest.mark.usefixtures("no_plot")
def test_what_is_missing_in_a_group_is_named(report: Report, tmp_path: Path) -> None:
    groups = everything()
    del groups["recipe"]["torchaudio"]
    del groups["preset recipe"]["reference"]
    del groups["clips of 5 s, FLAC"]["the recipe, Pool(2)"]
    del groups["n_fft 400, hop 160"]
    results = saved(tmp_path / "r.json", groups)
    done = report(results)
    assert done.err == (
        'not measured, and left out: "n_fft 400, hop 160"; "preset recipe": reference; '
        '"clips of 5 s, FLAC": the recipe, Pool(2)\n'
    )
    assert "n_fft 400" not in done.section
    assert done.row("n_fft 512, hop 256")
    done = report(results, "--musts")
    assert done.code == 0
    assert re.search(r"^torchaudio / melpix +>= 6 +not measured$", done.out, re.M)
    assert '"recipe": torchaudio' in done.err


@pytest.mark.usefixtures("no_plot")
def test_too_few_lengths_make_no_figure(report: Report, tmp_path: Path) -> None:
    groups = everything()
    for name in ("100 s", "1000 s", "3600 s"):
        del groups["melpix by length"][name]
    done = report(saved(tmp_path / "r.json", groups))
    assert done.code == 0
    assert "of a further second" not in done.section
    assert "three lengths from 10 s on" in done.err


@pytest.mark.usefixtures("no_plot")
def test_the_turn_in_the_middle_counts(report: Report, tmp_path: Path) -> None:
    done = report(saved(tmp_path / "r.json", everything(), turns=(1.0, 50.0, 2.0)))
    assert done.row("librosa") == ["8.00 ms", "20.0"]
    assert "Medians of 9 runs in turns" in done.section


@pytest.mark.usefixtures("no_plot")
def test_a_group_is_the_last_files(report: Report, tmp_path: Path) -> None:
    first = saved(tmp_path / "1.json", everything())
    again = {"recipe": {"melpix": 1e-3, "librosa": 2e-2}}
    done = report(first, saved(tmp_path / "2.json", again, commit="fedcba9876543210", dirty=True))
    assert done.row("librosa") == ["20.00 ms", "20.0"]
    assert "| torchaudio |" not in done.section
    commits = "commits fedcba9876 (with uncommitted changes) and 0123456789"
    assert f"at {commits} with avx2 kernels" in done.section


@pytest.mark.usefixtures("no_plot")
def test_runs_on_several_machines_are_told_apart(report: Report, tmp_path: Path) -> None:
    peers = saved(tmp_path / "1.json", suites()["bench_peers.py"])
    other = saved(tmp_path / "2.json", suites()["bench_png.py"], cpu={}, machine="riscv64")
    lines = report(peers, other).section.splitlines()
    assert any(line.startswith("bench_peers.py: Medians of one thread of Some") for line in lines)
    assert any(line.startswith("bench_png.py: Medians of one thread of riscv") for line in lines)


def test_the_plot_shows_who_was_measured(report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    groups = suites()["bench_lengths.py"]
    for n in (1, 10, 100):
        del groups[f"{n} s of signal"]["torchaudio"]
    done = report(saved(tmp_path / "r.json", groups))
    assert '"... s of signal": torchaudio' in done.err
    root = ElementTree.parse(tmp_path / ".github" / "speed.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{svg}svg"
    texts = {"".join(text.itertext()) for text in root.iter(f"{svg}text")}
    assert texts & {*PEERS, "melpix"} == {*PEERS, "melpix"} - {"torchaudio"}
    # A line of each, of as many points as lengths.
    lines = [path.get("d", "") for path in root.iter(f"{svg}path") if path.get("clip-path")]
    points = Counter(len(re.findall("[ML]", line)) for line in lines)
    assert (points[3], points[5]) == (3, 1)


def test_without_lengths_the_plot_stays(report: Report, tmp_path: Path) -> None:
    plot = tmp_path / ".github" / "speed.svg"
    plot.parent.mkdir()
    plot.write_text("of the run before")
    done = report(saved(tmp_path / "r.json", suites()["bench_peers.py"]))
    assert plot.read_text() == "of the run before"
    assert "speed.svg" not in done.section


def test_musts_that_are_held(report: Report, tmp_path: Path) -> None:
    done = report(saved(tmp_path / "r.json", everything()), "--musts")
    assert (done.code, done.err) == (0, "")
    assert {line.split()[-1] for line in done.out.splitlines()} == {"yes"}
    assert len(done.out.splitlines()) == 17 + 6 + 1
    assert re.search(r"^the recipe in librosa / melpix +>= 14 +20.00 +yes$", done.out, re.M)
    assert done.readme == README


def test_a_must_that_is_not_held(report: Report, tmp_path: Path) -> None:
    groups = everything()
    groups["recipe"]["librosa"] = 2e-3
    done = report(saved(tmp_path / "r.json", groups), "--musts")
    assert done.code == 1
    assert [line for line in done.out.splitlines() if line.endswith("NO")] == [
        line for line in done.out.splitlines() if line.startswith("the recipe in librosa")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"),
        ("{}", "holds no results of these benchmarks, as --benchmark-json saves them"),
        ("[]", "holds no results of these benchmarks"),
        ('{"benchmarks": [{"group": "recipe"}]}', "holds no results of these benchmarks"),
        ('{"benchmarks": [], "machine_info": {}}', "holds no results of these benchmarks"),
        (None, "No such file"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--musts",)])
def test_a_file_of_something_else_is_named(
    report: Report, tmp_path: Path, flags: tuple[str, ...], text: str | None, said: str
) -> None:
    good, bad = saved(tmp_path / "good.json", everything()), tmp_path / "bad.json"
    if text is not None:
        bad.write_text(text)
    done = report(good, bad, *flags)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert str(bad) in done.err
    assert said in done.err
    assert done.readme == README


@pytest.mark.parametrize("groups", [{}, {"sample types": {"int16": 1e-3}}])
def test_nothing_for_the_readme_leaves_it_alone(
    report: Report, tmp_path: Path, groups: Groups
) -> None:
    done = report(saved(tmp_path / "r.json", groups))
    assert done.code == 2
    assert "nothing was measured" in done.err
    assert done.readme == README


def test_a_readme_without_markers_is_left_alone(report: Report, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- benchmarks: end --> <!-- benchmarks: begin -->")
    done = report(saved(tmp_path / "r.json", everything()))
    assert done.code == 2
    assert "must have one pair of markers" in done.err
    assert not (tmp_path / ".github").exists()


def test_details_show_every_group(report: Report, tmp_path: Path) -> None:
    done = report(saved(tmp_path / "r.json", everything()), "--details")
    lines = done.out.splitlines()
    assert set(everything()) <= set(lines)
    assert len(lines) == sum(1 + len(names) for names in everything().values())
    assert done.readme == README


def test_suites_are_files(report: Report) -> None:
    named = importlib.import_module("results").SUITES
    assert set(named) == set(SUITES)
    for suite, groups in suites().items():
        assert (BENCHMARKS / suite).is_file()
        assert all(re.fullmatch(named[suite], group) for group in groups)


def test_a_suite_saves_the_times_that_were_taken_in_turns(tmp_path):
    saved = tmp_path / "saved.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"{BENCHMARKS}/bench_png.py::bench_encode", f"--benchmark-json={saved}"],
        cwd=BENCHMARKS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (row,) = json.loads(saved.read_text())["benchmarks"]
    assert (row["group"], row["name"]) == ("encode", "melpix")
    assert 3 <= row["stats"]["rounds"] <= 60
    assert row["stats"]["min"] > 5e-5  # images take longer; a clock that stands still shows less
