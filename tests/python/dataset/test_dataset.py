# SPDX-License-Identifier: MIT
"""Datasets: what a run makes, what it writes down, and what the next one finds left to do."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tarfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from dataset_runs import (
    CONVERT,
    RATE,
    Run,
    by_source,
    convert,
    facts,
    images,
    make_sounds,
    manifest,
    sound,
    tree,
    write,
)
from melpix import Frontend, load, read_png, show_config
from melpix.cli import main
from melpix.cli import progress as shown
from melpix.convert.windows import windows
from melpix.dataset import grey_range
from melpix.dataset.dataset import convert_dataset
from melpix.dataset.progress import Summary
from melpix.dataset.report.summary import summarise
from melpix.dataset.sources.scan import scan
from melpix.errors import DecodeError, MelpixError
from sounds import chirp

FORMATS = ["png", "npy", "webdataset", "parquet"]
LONG = ["--time-steps", "384"]


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> str:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return str(request.param)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """The command line in this process."""

    def run(*arguments: object) -> Run:
        code = main(["convert", *map(str, arguments)])
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sounds(here: Path) -> Path:
    """Twelve sounds of two classes, 0.25 to 0.4 s."""
    make_sounds(here / "in", 12)
    return Path("in")


OUT = Path("out")


def test_a_dataset_and_its_account(sounds: Path) -> None:
    seen: list[dict[str, Any]] = []
    summary = convert_dataset(sounds, OUT, workers=2, progress=lambda s, r: seen.extend(r))
    paths = sorted(sounds.rglob("*.wav"))
    assert (summary.phase, summary.sources, summary.done, summary.images) == ("done", 12, 12, 12)
    assert (summary.failed, summary.skipped, summary.already, summary.errors) == (0, 0, 0, {})
    seconds = sum(soundfile.info(path).duration for path in paths)
    assert summary.audio_seconds == pytest.approx(seconds, abs=1e-3)
    assert summary.stages.keys() == {"decode", "render", "encode", "write"}
    assert sorted(tree(OUT)) == [
        *(f"{path.parent.name}/{path.stem}.png" for path in paths), "manifest.jsonl", "melpix.json",
    ]  # fmt: skip
    lines = manifest(OUT)
    assert [{k: v for k, v in record.items() if v is not None} for record in seen] == lines
    assert [line["source"] for line in lines] == [str(path) for path in paths]
    for path, line in zip(paths, lines, strict=True):
        image, metadata = read_png(OUT / line["output"])
        y, _ = load(path)
        assert np.array_equal(image, Frontend().image(y))
        found = path.stat()
        assert line == {
            "source": str(path), "stem": f"{path.parent.name}/{path.stem}", "status": "ok",
            "label": path.parent.name, "output": f"{path.parent.name}/{path.stem}.png",
            "size": found.st_size, "mtime_ns": found.st_mtime_ns, "windows": 1,
            "bytes": (OUT / line["output"]).stat().st_size,
            "offset": 0.0, "duration": len(y) / 22050, "sr": 22050, "rows": 128,
            "columns": image.shape[1], "lo": metadata["lo"], "hi": metadata["hi"],
            "params": facts(OUT)["params_hash"],
        }  # fmt: skip
        assert metadata["source"] == path.name
    about = facts(OUT)
    assert about["frontend"] == Frontend().params
    assert about["options"]["format"] == "png"
    assert [(r["files"], r["images"], r["workers"], r["stopped"]) for r in about["runs"]] == [
        (12, 12, 2, None)
    ]


@pytest.mark.parametrize("format", ["png", "webdataset"])
def test_the_account_is_the_same_if_nobody_is_told(sounds: Path, format: str) -> None:
    (sounds / "bad.wav").write_bytes(b"rubbish")
    options: dict[str, Any] = {"time_steps": 4, "format": format, "workers": 2}
    told = convert_dataset(sounds, OUT, progress=lambda s, r: None, **options)
    untold = convert_dataset(sounds, "untold", **options)
    assert told.images > 12
    for name in ("done", "images", "failed", "skipped", "audio_seconds", "errors"):
        assert getattr(untold, name) == getattr(told, name)
    assert manifest(Path("untold")) == manifest(OUT)


# --- windows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ("", {"time_steps": None}),
        ("--time-steps 16", {"time_steps": 16}),
        ("--time-steps 16 --overlap 0.5 --tail pad", {"time_steps": 16, "step": 8, "tail": "pad"}),
        (
            "--time-steps 16 --step 5 --tail shift --exact-width",
            {"time_steps": 16, "step": 5, "tail": "shift", "exact_width": True},
        ),
        (
            "--time-steps 16 --overlap 0.3 --tail keep --sr native --short keep",
            {"time_steps": 16, "step": 11, "tail": "keep", "sr": "native", "short": "keep"},
        ),
        (
            "--time-steps 16 --first --offset 0.1 --duration 0.8",
            {"time_steps": 16, "first": True, "offset": 0.1, "duration": 0.8},
        ),
        (
            "--time-steps 30 --short skip --sr 16000 --hop-length 256",
            {"time_steps": 30, "short": "skip", "sr": 16000},
        ),
        ("--time-steps 30 --short error", {"time_steps": 30, "short": "error"}),
    ],
)
def test_windows(
    run: Callable[..., Run], here: Path, options: str, parameters: dict[str, Any]
) -> None:
    for name, n, sr in (("a", 3000, RATE), ("b", 20000, RATE), ("c", 60000, 44100)):
        write(here / "in" / f"{name}.wav", sound(n, sr))
    result = run("in", "-o", OUT, *options.split())
    f = Frontend(sr=16000, hop_length=256) if parameters.get("sr") == 16000 else Frontend()
    numbered = parameters["time_steps"] is not None and "first" not in parameters
    expected = {}
    for name in "abc":
        with contextlib.suppress(DecodeError):  # the short one, in the last case
            for w in windows(f"in/{name}.wav", f, **parameters):
                expected[f"{name}_{w.index:04d}.png" if numbered else f"{name}.png"] = w
    assert images(OUT) == sorted(expected)
    lines = manifest(OUT)
    made = {line["output"]: line for line in lines if line["status"] == "ok"}
    assert list(made) == sorted(expected)
    for name, w in expected.items():
        image, metadata = read_png(OUT / name)
        assert np.array_equal(image, w.frontend.image(w.y))
        line = made[name]
        assert line.get("window") == (w.index if numbered else None)
        assert (line["offset"], line["duration"], line["sr"]) == (w.offset, w.duration, w.sr)
        assert (metadata["offset"], metadata["duration"]) == (w.offset, w.duration)
        assert line["columns"] == image.shape[1]
        flags = [flag for flag in ("padded", "short") if getattr(w, flag)]
        assert line.get("flags", []) == flags
    others = [line for line in lines if line["status"] != "ok"]
    short = parameters.get("short")
    status = {"skip": "skipped", "error": "failed"}.get(short, "")
    assert [(x["source"], x["status"], x["code"]) for x in others] == (
        [("in/a.wav", status, "too_short")] if status else []
    )
    assert result.code == (short == "error")


def test_a_list_with_labels_and_parts(run: Callable[..., Run], sounds: Path) -> None:
    Path("list.csv").write_text(
        "path,offset,duration,label\n"
        "in/dogs/011.wav,0.1,0.2,bark\n"
        "in/dogs/011.wav,,,whole\n"
        "in/cats/000.wav,,,purr\n"
    )
    assert run("--from-list", "list.csv", "-o", OUT).code == 0
    found = {line["stem"]: line for line in manifest(OUT)}
    assert {stem: (line["label"], line["offset"]) for stem, line in found.items()} == {
        "cats/000": ("purr", 0.0),
        "dogs/011": ("whole", 0.0),
        "dogs/011_0.100s": ("bark", 0.1),
    }
    y, _ = load("in/dogs/011.wav", offset=0.1, duration=0.2)
    assert np.array_equal(read_png("out/dogs/011_0.100s.png")[0], Frontend().image(y))
    assert found["dogs/011_0.100s"]["duration"] == pytest.approx(0.2)
    # A label that was mended is in the account, and costs its own image alone.
    Path("list.csv").write_text(Path("list.csv").read_text().replace("purr", "hiss"))
    assert run("--from-list", "list.csv", "-o", OUT).code == 0
    assert {line["stem"]: line["label"] for line in manifest(OUT)} == {
        "cats/000": "hiss",
        "dogs/011": "whole",
        "dogs/011_0.100s": "bark",
    }


@pytest.mark.parametrize("said", ["0", "", "0.05"])
def test_what_a_list_says_goes_before_the_offset_of_all(
    run: Callable[..., Run], sounds: Path, said: str
) -> None:
    Path("list.csv").write_text(f"path,offset\nin/dogs/011.wav,{said}\n")
    options = ["--from-list", "list.csv", "-o", OUT, "--offset", 0.1]
    where = f"from {float(said)} s, of " if said else ""
    assert run(*options, "--dry-run").out.startswith(f"{where}in/dogs/011.wav -> ")
    if said != "0.05":  # that would be another part of the file
        options.append("in/dogs/011.wav")
    assert run(*options).code == 0
    (line,) = manifest(OUT)
    assert line["offset"] == pytest.approx(float(said or 0.1))


def test_fanout_and_suffixes(run: Callable[..., Run], sounds: Path) -> None:
    assert run(sounds, "-o", OUT, "--fanout", "--keep-suffix").code == 0
    assert len(images(OUT)) == 12
    pattern = r"(cats|dogs)/[0-9a-f]{2}/\d{3}\.wav\.png"
    assert all(re.fullmatch(pattern, name) for name in images(OUT))
    assert {line["label"] for line in manifest(OUT)} == {"cats", "dogs"}


# --- what is written ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_features(run: Callable[..., Run], sounds: Path, dtype: str) -> None:
    write(sounds / "stereo.wav", b"").unlink()
    y = np.random.default_rng(0).uniform(-0.5, 0.5, (9000, 2))
    soundfile.write(sounds / "stereo.wav", y, 22050, subtype="PCM_16")
    assert run(sounds, "-o", OUT, "--format", "npy", "--dtype", dtype).code == 0
    lines = manifest(OUT)
    assert [line["output"] for line in lines] == images(OUT, ".npy")
    assert len(lines) == 13
    f = Frontend()
    for line in lines:
        features = np.load(OUT / line["output"])
        expected = f.features(load(line["source"])[0])
        assert features.dtype == dtype
        assert line["lo"] == pytest.approx(expected.min(), abs=1e-3)
        np.testing.assert_allclose(features, expected, atol=1e-3 if dtype == "float32" else 0.01)


def test_shards_have_all_that_the_tree_has(run: Callable[..., Run], sounds: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    options = ["--time-steps", 5, "--shard-count", 10]
    for format in ("png", "webdataset", "parquet"):
        assert run(sounds, "-o", format, "--format", format, *options).code == 0
    expected = {
        line["output"].removesuffix(".png"): (line["label"], Path("png", line["output"]))
        for line in manifest(Path("png"))
    }
    assert len(expected) > 20
    samples: dict[str, bytes] = {}
    labels = {}
    for path in sorted(Path("webdataset").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                stem, _, suffix = member.name.partition(".")
                data = tar.extractfile(member).read()  # type: ignore[union-attr]
                if suffix == "png":
                    samples[stem] = data
                else:
                    labels[stem] = json.loads(data)["label"]
    assert list(samples) == list(expected)
    assert labels == {stem: label for stem, (label, _) in expected.items()}
    assert all(samples[stem] == path.read_bytes() for stem, (_, path) in expected.items())

    rows = [
        row
        for path in sorted(Path("parquet").glob("*.parquet"))
        for row in parquet.read_table(path).to_pylist()
    ]
    assert [row["image"]["bytes"] for row in rows] == list(samples.values())
    assert [row["label"] for row in rows] == [
        ["cats", "dogs"].index(label) for label, _ in expected.values()
    ]
    for format, suffix in (("webdataset", "tar"), ("parquet", "parquet")):
        outputs = [line["output"] for line in manifest(Path(format))]
        assert outputs == [
            f"shard-{i // 10:06d}.{suffix}/{stem}.png" for i, stem in enumerate(expected)
        ]
        assert len(list(Path(format).iterdir())) == 2 + (len(expected) + 9) // 10


def test_bytes_and_order_do_not_depend_on_the_workers(sounds: Path, format: str) -> None:
    write(sounds / "cats" / "005.wav", b"no sound")
    trees = []
    for workers in (1, 3):
        out = Path(f"out{workers}")
        convert_dataset(sounds, out, format=format, time_steps=4, workers=workers, shard_count=7)
        trees.append(tree(out))
    assert trees[0] == trees[1]
    assert len(trees[0]) > 5


@pytest.mark.parametrize(
    "options", ["--format png --scale dataset", "--format webdataset --shard-count 7"]
)
def test_parts_of_a_dataset_together_are_the_dataset(
    run: Callable[..., Run], sounds: Path, options: str
) -> None:
    write(sounds / "broken.wav", b"no sound")
    os.mkfifo(sounds / "pipe.wav")
    command = [*options.split(), "--time-steps", "5"]
    marks = [f"-{i}-of-3" for i in (1, 2, 3)]
    for part in ("1/3", "2/3", "3/3"):
        assert run(sounds, "-o", OUT, "--shard", part, *command).code == (part == "1/3")
    assert run(sounds, "-o", "whole", *command).code == 1
    accounts = [f"manifest{mark}.jsonl" for mark in marks]
    kinds = {re.sub(r"-\d{6}\.tar$", ".tar", path.name) for path in OUT.iterdir() if path.is_file()}
    tars = [f"shard{mark}.tar" for mark in marks] if "webdataset" in options else []
    assert kinds == {*accounts, *(f"melpix{mark}.json" for mark in marks), *tars}
    assert {name: (OUT / name).read_bytes() for name in images(OUT)} == {
        name: Path("whole", name).read_bytes() for name in images(Path("whole"))
    }

    def lines(out: Path, *names: str) -> list[str]:
        found = [line for name in names for line in manifest(out, name)]
        for line in found:  # which samples share a shard is another matter
            line["output"] = re.sub(r"^shard.*?\.tar", "shard.tar", line.get("output", ""))
            line.pop("shard_size", None)
        return sorted(json.dumps(line, sort_keys=True) for line in found)

    assert lines(OUT, *accounts) == lines(Path("whole"), "manifest.jsonl")
    for part, others in (("1/2", "divided otherwise"), ("3/3", "n_mels")):
        more = ["--n-mels", 64] if others == "n_mels" else []
        result = run(sounds, "-o", OUT, "--shard", part, *command, *more)
        assert result.code == 2
        assert others in result.err


# --- one range for the whole dataset --------------------------------------------------------


def test_a_fixed_range(run: Callable[..., Run], sounds: Path) -> None:
    assert run(sounds, "-o", OUT, "--scale", "fixed", "--range", "-15", "5").code == 0
    f = Frontend(range=(-15, 5))
    assert facts(OUT)["frontend"] == f.params
    for line in manifest(OUT):
        assert np.array_equal(read_png(OUT / line["output"])[0], f.image(load(line["source"])[0]))
        assert (line["lo"], line["hi"]) == (-15, 5)


def test_the_range_of_the_dataset(run: Callable[..., Run], sounds: Path) -> None:
    write(sounds / "broken.wav", b"no sound")
    quiet = np.random.default_rng(0).uniform(-0.01, 0.01, 8000)
    soundfile.write(sounds / "quiet.wav", quiet, RATE)
    options = ["--time-steps", 5, "--scale", "dataset"]
    assert run(sounds, "-o", OUT, *options, "--stats", "stats.json").code == 1
    good = [path for path in sounds.rglob("*.wav") if path.name != "broken.wav"]
    features = [
        Frontend().features(w.y) for path in good for w in windows(path, Frontend(), time_steps=5)
    ]
    lo, hi = (float(f([f(x) for x in features])) for f in (np.min, np.max))
    assert facts(OUT)["frontend"]["range"] == [lo, hi]
    grey_range = json.loads(Path("stats.json").read_bytes())
    assert (grey_range["lo"], grey_range["hi"], grey_range["sources"]) == (lo, hi, 13)
    f = Frontend(range=(lo, hi))
    for line in manifest(OUT)[1:]:
        assert line["status"] == "ok"
        w = list(windows(line["source"], f, time_steps=5))[line["window"]]
        assert np.array_equal(read_png(OUT / line["output"])[0], f.image(w.y))

    # The file is believed: what is louder has not been heard of.
    soundfile.write("loud.wav", np.random.default_rng(1).uniform(-1, 1, 9000), 22050)
    assert run("loud.wav", "-o", "more", *options, "--stats", "stats.json").code == 0
    assert facts(Path("more"))["frontend"]["range"] == [lo, hi]
    # And so is the range of the images that are there.
    shutil.copy("loud.wav", sounds / "loud.wav")
    (sounds / "broken.wav").unlink()
    before = tree(OUT)
    assert run(sounds, "-o", OUT, *options).code == 0
    after = tree(OUT)
    assert facts(OUT)["frontend"]["range"] == [lo, hi]
    added = after.keys() - before.keys()
    assert added
    assert all(name.startswith("loud_") for name in added)
    assert all(after[name] == before[name] for name in images(OUT) if name not in added)


def test_the_range_may_leave_out_extremes(sounds: Path) -> None:
    convert_dataset(sounds, OUT, scale="dataset", percentiles=(5, 95))
    features = np.concatenate(
        [Frontend().features(load(p)[0]).ravel() for p in sounds.rglob("*.wav")]
    )
    assert facts(OUT)["frontend"]["range"] == pytest.approx(
        np.percentile(features, (5, 95)), rel=1 / 16384
    )


@pytest.mark.parametrize(
    "frontend",
    [Frontend.from_preset("librosa-db"), Frontend(compress=None), Frontend(compress="ln")],
    ids=["decibels", "powers", "logarithms"],
)
def test_percentiles_are_those_of_numpy_for_features_of_any_size(
    sounds: Path, frontend: Frontend
) -> None:
    loud = np.concatenate([np.zeros(9000), chirp(9000, sr=RATE)[:, 0]])
    soundfile.write(sounds / "loud.wav", loud, RATE)
    ranges = []
    for workers in (1, 3):
        out = Path(f"out{workers}")
        how: dict[str, Any] = {"scale": "dataset", "percentiles": (1, 99), "workers": workers}
        convert_dataset(sounds, out, frontend, **how)
        ranges.append(facts(out)["frontend"]["range"])
    assert ranges[0] == ranges[1]
    features = np.concatenate(
        [frontend.features(load(p, sr=frontend.sr)[0]).ravel() for p in sounds.rglob("*.wav")]
    )
    assert ranges[0] == pytest.approx(np.percentile(features, (1, 99)), rel=1 / 16384)


def test_a_histogram_is_that_of_sorted_bins_in_any_order() -> None:
    """Of any floats: it is beside NumPy's own percentiles of the middles of the bins."""
    rng = np.random.default_rng(0)
    n, at = 200_000, (0.01, 1, 50, 77.7, 99.99)
    features = rng.normal(-8, 5, n)
    any_size = rng.normal(size=n) * 10.0 ** rng.integers(-44, 38, n)
    sounds = {
        "logarithms": features,
        "of any size": any_size,
        "below zero": -np.abs(features),
        "powers": np.exp(features),
        "silence": np.where(rng.random(n) < 0.4, rng.choice([0.0, -0.0], n), features),
        "denormal": any_size * 1e-40,
        "few": np.repeat(features[:3], 1000),
        "one": features[:1],
        "infinite": np.concatenate([features, [np.inf, -np.inf]]),
    }
    for what, features in sounds.items():
        values = features.astype(np.float32)
        bits = values.view(np.uint32) & np.uint32(0xFFFFFC00) | np.uint32(0x200)
        middles = np.where(np.isinf(values), values, bits.view(np.float32)).astype(np.float64)
        expected = np.percentile(middles, at)
        for parts in (1, 2, 150):
            whole = grey_range._Histogram()
            for part in np.array_split(rng.permutation(values), min(parts, len(values))):
                tally = grey_range._Tally()
                for window in np.array_split(part, 3):
                    tally.add(window)
                whole.join(tally.bins())
            found = [whole.percentile(p) for p in at]
            assert found == pytest.approx(expected, rel=1e-12), what
            if what == "of any size":
                assert found == pytest.approx(
                    np.percentile(values.astype(float), at), rel=1 / 16384
                )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--percentiles 1 99", "--stats must be of the same percentiles"),
        ("--n-mels 64", "--stats must be of the same params"),
    ],
)
def test_a_range_of_other_features_is_refused(
    run: Callable[..., Run], sounds: Path, options: str, message: str
) -> None:
    scale = ["--scale", "dataset", "--stats", "stats.json"]
    assert run(sounds, "-o", OUT, *scale).code == 0
    result = run(sounds, "-o", "other", *scale, *options.split())
    assert result.code == 2
    assert message in result.err
    Path("stats.json").write_text("{}")
    result = run(sounds, "-o", "other", *scale)
    assert result.code == 2
    assert "--stats must be a file of a dataset's range, got 'stats.json'" in result.err
    assert images(Path("other")) == []


def test_a_range_is_kept_and_compared_when_a_run_goes_on(
    run: Callable[..., Run], sounds: Path
) -> None:
    scale = ["--scale", "dataset", "--stats", "stats.json"]
    assert run(sounds, "-o", OUT, *scale[:2], "--time-steps", 5).code == 0
    kept = Path("stats.json")
    again = [sounds, "-o", OUT, *scale, "--time-steps", 5]
    assert run(*again, "--dry-run").code == 0
    assert not kept.exists()
    assert run(*again).code == 0  # what is missing is written
    written = kept.read_bytes()
    assert json.loads(written)["sources"] == 12
    assert run(sounds, "-o", "anew", *scale[:2], "--stats", "b.json", "--time-steps", 5).code == 0
    assert Path("b.json").read_bytes() == written
    assert tree(OUT) == tree(Path("anew"))
    kept.write_text(json.dumps({**json.loads(written), "lo": -40}))
    before = tree(OUT)
    for more in ([], ["--dry-run"]):
        result = run(*again, *more)
        assert result.code == 2
        assert "--stats must be those of the images that are there: 'stats.json'" in result.err
    assert tree(OUT) == before


def test_where_the_range_cannot_be_kept_nothing_is_measured(
    run: Callable[..., Run], sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melpix.dataset.grey_range.measure", None)
    result = run(sounds, "-o", OUT, "--scale", "dataset", "--stats", "none/stats.json")
    assert result.code == 3
    assert "stopped at none/stats.json: No such file or directory" in result.err


def test_a_source_that_is_not_in_the_range_is_in_the_account(sounds: Path) -> None:
    late = write(sounds / "cats" / "late.wav", b"no sound yet")
    write(sounds / "broken.wav", b"no sound")
    options: dict[str, Any] = {"scale": "dataset", "workers": 2}

    def mend(summary: Summary, records: list[dict[str, Any]]) -> None:
        if summary.phase == "measure" and summary.done == summary.sources:
            late.write_bytes(sound(2000))

    summary = convert_dataset(sounds, OUT, progress=mend, **options)
    assert (summary.images, summary.failed, summary.errors) == (13, 2, {"decode_failed": 2})
    assert facts(OUT)["measured"] == 12
    lines = manifest(OUT)
    (told,) = (line for line in lines if line["source"] == str(late) and line["status"] != "ok")
    assert (told["code"], lines[-1]) == ("decode_failed", told)
    assert told["message"].startswith("not in the range of the dataset: ")
    # And for as long as the range is that one.
    for _ in range(2):
        summary = convert_dataset(sounds, OUT, **options)
        assert (summary.already, summary.images, summary.failed) == (13, 0, 2)
        assert sorted(map(str, manifest(OUT))) == sorted(map(str, lines))
    assert convert_dataset(sounds, OUT, exists="overwrite", **options).failed == 1


@pytest.mark.parametrize("percentiles", [(0, 100), (2, 90)])
@pytest.mark.parametrize(
    ("parameters", "how"),
    [
        ({}, {"time_steps": 40, "tail": "pad"}),
        ({"layout": "frames", "patch": 4, "patch_step": 2}, {"time_steps": 40, "short": "pad"}),
        ({"layout": "flipped", "duration": 1.5}, {}),
        ({"columns": 50}, {}),
        ({"duration": 1.5, "fit": "repeat"}, {"seconds": 1.5, "short": "pad"}),
        ({"duration": 1.5, "fit": "repeat_pad"}, {"seconds": 1.5, "short": "pad"}),
        ({"columns": 10}, {"short": "keep", "seconds": 0.2, "tail": "keep"}),
    ],
)
def test_what_a_signal_is_filled_up_with_is_not_in_the_range(
    sounds: Path, parameters: dict[str, Any], how: dict[str, Any], percentiles: tuple[int, int]
) -> None:
    f, plain = Frontend(**parameters), Frontend()
    convert_dataset(sounds, OUT, f, scale="dataset", percentiles=percentiles, **how)
    features = []
    for line in manifest(OUT):
        start, n = (round(line[name] * 22050) for name in ("offset", "duration"))
        y = load(line["source"])[0][start : start + n]
        padded = np.pad(y, (0, 22050))  # the last frames reach into what follows
        features.append(plain.features(padded)[:, : 1 + len(y) // 512].ravel())
    expected = np.percentile(np.concatenate(features), percentiles)
    assert facts(OUT)["frontend"]["range"] == pytest.approx(expected, rel=2e-4)


def test_a_sound_that_is_longer_than_all_columns_is_told(
    run: Callable[..., Run], sounds: Path
) -> None:
    soundfile.write(sounds / "long.wav", chirp(30 * RATE, sr=RATE), RATE)
    Path("c.json").write_text('{"columns": 100}')
    for format in FORMATS:
        out = Path(format)
        done = run(sounds, "-o", out, "--config", "c.json", "--format", format)
        assert done.code == 0
        assert "1 images show the beginning of their sound alone" in done.err
        assert "columns are 100: 27.7 s are left out" in done.err
        line = by_source(out)["long.wav"]
        assert (line["columns"], line["flags"]) == (100, ["cut"])
        assert line["duration"] == pytest.approx(100 * 512 / 22050)
        assert line["left_out"] == pytest.approx(30 - 100 * 512 / 22050)
        assert "left_out" not in by_source(out)["000.wav"]
        assert summarise([out]).flagged[0].code == "cut"
    _, metadata = read_png(Path("png") / "long.png")
    assert (metadata["duration"], metadata["left_out"]) == (line["duration"], line["left_out"])


# --- what makes other pixels ----------------------------------------------------------------


def change(path: Path, **entries: Any) -> None:
    """Change entries of a file of JSON; None removes one."""
    known = {**json.loads(path.read_bytes()), **entries}
    path.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))


# Of 0.1.0, which had fewer parameters.
OLD = {"pixels": None, "deflate": None, "version": "0.1.0", "frontend": {"sr": 22050}}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (OLD, "version is 1 (by melpix 0.1.0)"),
        ({"pixels": 10**6}, "pixel version is 1000000"),
        ({"deflate": "another"}, "deflate backend is another"),
    ],
)
def test_a_run_that_would_mix_pixels_is_refused(
    run: Callable[..., Run], sounds: Path, entries: dict[str, Any], words: str
) -> None:
    assert run(sounds, "-o", OUT).code == 0
    made = tree(OUT)
    assert facts(OUT)["pixels"] == show_config(mode="dicts")["pixels"] >= 2
    change(OUT / "melpix.json", **entries)
    before = tree(OUT)
    write(sounds / "new.wav", sound(2000))
    for more in ([], ["--dry-run"]):
        result = run(sounds, "-o", OUT, *more)
        assert result.code == 3
        assert words in result.err
        assert "--exists overwrite starts anew, another folder keeps them" in result.err
    assert tree(OUT) == before
    (sounds / "new.wav").unlink()
    assert run(sounds, "-o", OUT, "--exists", "overwrite").code == 0
    assert tree(OUT) == made


def test_features_have_no_deflate_backend_but_a_version(sounds: Path) -> None:
    convert_dataset(sounds, OUT, format="npy")
    change(OUT / "melpix.json", deflate="another")
    with pytest.raises(MelpixError, match="deflate backend is another"):
        convert_dataset(sounds, OUT, format="npy")
    change(OUT / "melpix.json", deflate=None)
    assert convert_dataset(sounds, OUT, format="npy").already == 12
    change(OUT / "melpix.json", pixels=None)
    with pytest.raises(MelpixError, match="pixel version is 1 "):
        convert_dataset(sounds, OUT, format="npy")


def test_parts_of_other_pixels_are_in_the_way(run: Callable[..., Run], sounds: Path) -> None:
    assert run(sounds, "-o", OUT, "--shard", "1/2").code == 0
    change(OUT / "melpix-1-of-2.json", **OLD)
    result = run(sounds, "-o", OUT, "--shard", "2/2")
    assert (result.code, "their pixel version is 1" in result.err) == (2, True)


def test_a_range_of_other_pixels_is_refused(run: Callable[..., Run], sounds: Path) -> None:
    scale = ["--scale", "dataset", "--stats", "stats.json"]
    assert run(sounds, "-o", OUT, *scale).code == 0
    change(Path("stats.json"), pixels=None, params="0e606e159d89f1b9")  # as by melpix 0.1.0
    result = run(sounds, "-o", "other", *scale)
    assert result.code == 2
    assert "--stats must be of the same pixels: 'stats.json' has 1" in result.err
    assert "name another file" in result.err


def test_another_instruction_set_goes_on_and_is_told(sounds: Path) -> None:
    isas = show_config(mode="dicts")["available_isas"]
    if len(isas) < 2:
        pytest.skip("this processor has one instruction set alone")
    for number, isa in enumerate(isas[:2]):
        write(sounds / f"new{number}.wav", sound(2000 + number))
        done = convert(sounds, "-o", OUT, env={**os.environ, "MELPIX_ISA": isa})
        assert done.code == 0
        assert (f"instruction set {isas[0]}, this one uses {isa}" in done.err) == (number == 1)
        assert ("MELPIX_ISA pins it" in done.err) == (number == 1)
    assert [entry["isa"] for entry in facts(OUT)["runs"]] == isas[:2]
    assert all(entry["version"] == facts(OUT)["version"] for entry in facts(OUT)["runs"])


# --- the same command again -----------------------------------------------------------------


def times(out: Path) -> dict[str, tuple[int, int]]:
    """What changes when an image is written, even to the same bytes."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in out.rglob("*")
        if path.suffix in (".png", ".npy", ".tar", ".parquet")
    }


def test_there_is_nothing_left_to_do(sounds: Path, format: str) -> None:
    write(sounds / "tiny.wav", sound(10))
    os.mkfifo(sounds / "pipe.wav")
    options: dict[str, Any] = {"time_steps": 5, "short": "skip", "format": format, "shard_count": 9}
    first = convert_dataset(sounds, OUT, **options)
    assert (first.done, first.skipped) == (13, 2)
    before, stamps = tree(OUT), times(OUT)
    again = convert_dataset(sounds, OUT, **options)
    assert (again.done, again.already, again.images) == (0, 13, 0)
    assert tree(OUT) == before
    assert times(OUT) == stamps
    assert [r["files"] for r in facts(OUT)["runs"]] == [13, 0]


@pytest.mark.parametrize("format", ["png", "npy"])
def test_only_what_has_changed_is_converted(sounds: Path, format: str) -> None:
    options: dict[str, Any] = {"time_steps": 4, "format": format}
    write(sounds / "cats" / "broken.wav", b"no sound")
    assert convert_dataset(sounds, OUT, **options).failed == 1
    stamps = times(OUT)
    assert f"dogs/011_0001.{format}" in images(OUT, format)

    write(sounds / "cats" / "000.wav", sound(4000))  # more windows
    write(sounds / "dogs" / "011.wav", sound(2000))  # fewer
    write(sounds / "dogs" / "009.wav", b"no sound")
    os.utime(sounds / "dogs" / "007.wav", ns=(1, 1))  # the same, but who knows
    (OUT / f"dogs/005_0000.{format}").unlink()
    os.truncate(OUT / f"dogs/003_0000.{format}", 100)  # as a power loss may leave it
    write(sounds / "cats" / "broken.wav", sound(2500))
    write(sounds / "cats" / "0005.wav", sound(2500))  # a new one, in the middle
    touched = {"000", "011", "009", "007", "005", "003", "broken", "0005"}

    summary = convert_dataset(sounds, OUT, **options)
    assert (summary.done, summary.already, summary.failed) == (8, 6, 1)
    kept = {name for name, stamp in times(OUT).items() if stamps.get(name) == stamp}
    assert kept == {name for name in stamps if name.split("_")[0] not in touched}
    convert_dataset(sounds, "anew", **options)
    assert tree(OUT) == tree(Path("anew"))


@pytest.mark.parametrize("late", [False, True])
def test_new_sources_find_their_place_in_the_manifest(sounds: Path, late: bool) -> None:
    convert_dataset(sounds, OUT)
    write(sounds / ("zebras" if late else "bats") / "x.wav", sound(2500))
    assert convert_dataset(sounds, OUT).done == 1
    convert_dataset(sounds, "anew")
    assert tree(OUT) == tree(Path("anew"))


@pytest.mark.parametrize(
    "at_first",
    [
        "pipe",
        "file",
    ],
)
def test_what_was_no_file_may_become_one(sounds: Path, at_first: str) -> None:
    """And the other way round: the manifest tells of each source once."""
    path = sounds / "cats" / "x.wav"
    write(path, sound(2500))
    convert_dataset(sounds, "with-file")
    path.unlink()
    os.mkfifo(path)
    convert_dataset(sounds, "with-pipe")
    out = Path(f"with-{at_first}")
    if at_first == "pipe":
        path.unlink()
        shutil.copyfile(sounds / "cats" / "000.wav", path)
    convert_dataset(sounds, out)
    line = by_source(out)["x.wav"]
    assert line["status"] == ("ok" if at_first == "pipe" else "skipped")
    assert (out / "cats" / "x.png").exists() == (at_first == "pipe")


@pytest.mark.parametrize("format", ["webdataset", "parquet"])
def test_what_is_in_shards_cannot_be_replaced(
    run: Callable[..., Run], sounds: Path, format: str
) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    options = ["-o", OUT, "--format", format, "--shard-count", 5, "--time-steps", 4]
    assert run(sounds, *options).code == 0
    before = tree(OUT)
    path = sounds / "dogs" / "003.wav"
    old, found = path.read_bytes(), path.stat()
    write(path, sound(9000))
    result = run(sounds, *options)
    assert result.code == 1
    failure = "in/dogs/003.wav: source_changed: changed since it went into a shard: --exists over"
    assert result.err.startswith(failure)
    after = tree(OUT)
    lines = after.pop("manifest.jsonl").splitlines()
    assert lines[1:] == before["manifest.jsonl"].splitlines()  # what is in shards stays there
    told = json.loads(lines[0])
    assert (told["source"], told["code"]) == ("in/dogs/003.wav", "source_changed")
    assert after == {name: data for name, data in before.items() if name != "manifest.jsonl"}
    assert run(sounds, *options).code == 1
    assert (OUT / "manifest.jsonl").read_bytes().splitlines() == lines
    assert summarise([OUT]).failed == 1

    write(path, old)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    first = sorted(OUT.glob("shard*"))[0]
    data = first.read_bytes()
    first.unlink()
    result = run(sounds, *options)
    assert result.code == 3
    assert f"{first.name!r} is missing" in result.err
    write(first, data)
    assert run(sounds, *options).code == 0
    assert tree(OUT) == before


@pytest.mark.parametrize("format", ["webdataset", "parquet"])
def test_new_sources_go_into_new_shards(sounds: Path, format: str) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    options: dict[str, Any] = {"format": format, "shard_count": 5}
    write(sounds / "dogs" / "broken.wav", b"no sound")
    convert_dataset(sounds, OUT, **options)
    shards = sorted(OUT.glob("shard*"))
    stamps = times(OUT)
    write(sounds / "dogs" / "broken.wav", sound(2500))
    write(sounds / "cats" / "0005.wav", sound(2500))
    assert convert_dataset(sounds, OUT, **options).done == 2
    assert len(list(OUT.glob("shard*"))) == len(shards) + 1
    assert {name: times(OUT)[name] for name in stamps} == stamps
    lines = manifest(OUT)
    assert [line["source"] for line in lines] == [item.path for item in scan(sounds).items]
    assert [line["stem"] for line in lines if "shard-000003" in line["output"]] == [
        "cats/0005", "dogs/broken",
    ]  # fmt: skip


def test_other_parameters_are_refused(run: Callable[..., Run], sounds: Path) -> None:
    assert run(sounds, "-o", OUT, *LONG).code == 0
    before = tree(OUT)
    for options, words in (
        (["--time-steps", "100"], "time_steps 384, not 100"),
        ([*LONG, "--n-mels", "64"], "n_mels 128, not 64"),
        ([*LONG, "--format", "npy"], "format 'png', not 'npy'"),
        ([*LONG, "--scale", "fixed", "--range", "0", "1"], "range 'minmax', not [0"),
        ([*LONG, "--tail", "pad", "--dry-run"], "tail 'drop', not 'pad'"),
    ):
        result = run(sounds, "-o", OUT, *options)
        assert result.code == 2
        assert words in result.err
        assert "--exists overwrite starts anew" in result.err
    assert tree(OUT) == before
    # What decides nothing may differ.
    others = ["--workers", "1", "--timeout", "60", "--max-duration", "1000"]
    assert run(sounds, "-o", OUT, *LONG, *others).code == 0
    assert tree(OUT) == before


@pytest.mark.parametrize(
    "options", ["--shard 1/3 --time-steps 6", "--time-steps 5", "--shard 1/4 --time-steps 5"]
)
@pytest.mark.parametrize("exists", ["resume", "overwrite"])
def test_other_parts_are_in_the_way_before_anything_is_removed(
    run: Callable[..., Run], sounds: Path, options: str, exists: str
) -> None:
    for part in ("1/3", "2/3", "3/3"):
        assert run(sounds, "-o", OUT, "--shard", part, "--time-steps", 5).code == 0
    before = tree(OUT)
    for more in ([], ["--dry-run"]):
        result = run(sounds, "-o", OUT, *options.split(), "--exists", exists, *more)
        assert result.code == 2
        assert "remove that folder to start anew, or name another" in result.err
        assert "--exists" not in result.err
        assert tree(OUT) == before
    # A part that goes with the others may be made anew.
    again = ["--shard", "1/3", "--time-steps", 5, "--exists", "overwrite"]
    assert run(sounds, "-o", OUT, *again).code == 0
    assert tree(OUT) == before


def test_what_is_no_runs_of_melpix_is_not_written_over(
    run: Callable[..., Run], sounds: Path
) -> None:
    write(OUT / "dogs" / "003.png", b"of somebody else")
    result = run(sounds, "-o", OUT)
    assert result.code == 3
    assert "'out/dogs/003.png' is there already" in result.err
    assert (OUT / "dogs" / "003.png").read_bytes() == b"of somebody else"
    assert images(OUT) == ["dogs/003.png"]


@pytest.mark.parametrize(
    ("format", "after"),
    [
        ("png", "png"),
        ("png", "npy"),
        ("npy", "webdataset"),
        ("webdataset", "webdataset"),
        ("webdataset", "png"),
        ("parquet", "webdataset"),
        ("webdataset", "parquet"),
    ],
)
def test_overwriting_leaves_nothing_of_the_old_run(
    run: Callable[..., Run], sounds: Path, format: str, after: str
) -> None:
    if "parquet" in (format, after):
        pytest.importorskip("pyarrow")
    shards = ["--shard-count", 6]
    assert run(sounds, "-o", OUT, "--format", format, *shards, "--time-steps", 2).code == 0
    (sounds / "cats" / "000.wav").unlink()
    write(OUT / "cats" / "notes.txt", b"of somebody else")
    new = ["--format", after, *shards, "--time-steps", 5, "--exists", "overwrite"]
    assert run(sounds, "-o", OUT, *new).code == 0
    assert (OUT / "cats" / "notes.txt").read_bytes() == b"of somebody else"
    (OUT / "cats" / "notes.txt").unlink()
    assert run(sounds, "-o", "anew", *new).code == 0
    assert tree(OUT) == tree(Path("anew"))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("manifest.jsonl", b"not as melpix writes it\n"),
        ("manifest.jsonl", b'{"status":"ok"}\n'),
        ("melpix.json", b""),
        ("melpix.json", b'{"options":0,"frontend":0,"runs":0}'),
    ],
)
def test_what_is_damaged_can_be_overwritten(
    run: Callable[..., Run], sounds: Path, name: str, damage: bytes
) -> None:
    assert run(sounds, "-o", OUT).code == 0
    before = tree(OUT)
    write(OUT / name, damage)
    result = run(sounds, "-o", OUT)
    assert result.code == 3
    assert result.err.startswith("melpix: error: ")
    assert name in result.err
    assert "--exists overwrite starts anew" in result.err
    assert run(sounds, "-o", OUT, "--exists", "overwrite").code == 0
    assert tree(OUT) == before


@pytest.mark.skipif(os.name != "posix", reason="there, no file can have such a name")
def test_a_manifest_cannot_reach_out_of_its_folder(run: Callable[..., Run], sounds: Path) -> None:
    """As it might on Windows, by a name that means a file in the folder elsewhere."""
    assert run(sounds, "-o", OUT).code == 0
    lines = (OUT / "manifest.jsonl").read_bytes()
    name = b"..\\\\precious.png"  # as JSON has it
    (OUT / "manifest.jsonl").write_bytes(lines.replace(b"cats/000.png", name))
    precious = OUT / "..\\precious.png"
    precious.write_bytes((OUT / "cats" / "000.png").read_bytes())
    result = run(sounds, "-o", OUT)  # which is no image of this run's, and is made again
    assert result.code == 0
    assert b"cats/000.png" in (OUT / "manifest.jsonl").read_bytes()
    (OUT / "manifest.jsonl").write_bytes(lines.replace(b"cats/000.png", name))
    assert run(sounds, "-o", OUT, "--exists", "overwrite").code == 0
    assert precious.exists()


@pytest.mark.parametrize(
    ("format", "known"),
    [
        ("png", 10),
        ("png", 12),
        ("webdataset", 10),
        ("webdataset", 14),
    ],
)
def test_overwriting_leaves_nothing_of_a_killed_run(sounds: Path, format: str, known: int) -> None:
    """It has made more than its journal tells."""
    options: dict[str, Any] = {"format": format, "shard_count": 6}
    convert_dataset(sounds, OUT, time_steps=2, **options)
    lines = (OUT / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    write(OUT / "manifest.jsonl", b"".join(lines[:known]))
    write(OUT / ".melpix-shard-000002.tmp", b"half a shard")
    convert_dataset(sounds, OUT, time_steps=5, exists="overwrite", **options)
    convert_dataset(sounds, "anew", time_steps=5, **options)
    assert tree(OUT) == tree(Path("anew"))


def test_a_dry_run_lists_and_writes_nothing(run: Callable[..., Run], sounds: Path) -> None:
    os.mkfifo(sounds / "pipe.wav")
    result = run(sounds, "-o", OUT, *LONG, "--dry-run")
    assert result.code == 0
    assert not OUT.exists()
    lines = result.out.splitlines()
    assert lines[0] == "in/cats/000.wav -> cats/000_0000.png"
    assert lines[-1] == "in/pipe.wav: skipped, a FIFO, not a file"
    assert len(lines) == 13
    assert result.err == "out: 12 files to convert, 1 passed over; nothing was written\n"

    assert run(sounds, "-o", OUT, *LONG).code == 0
    (OUT / "dogs" / "003_0000.png").unlink()
    before = tree(OUT)
    result = run(sounds, "-o", OUT, *LONG, "--dry-run", "--json")
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [(e["event"], e["source"]) for e in events] == [
        ("pending", "in/dogs/003.wav"), ("skipped", "in/pipe.wav"),
    ]  # fmt: skip
    result = run(sounds, "-o", OUT, *LONG, "--dry-run")
    assert result.err == (
        "out: 1 files to convert, 1 passed over, 11 done before; nothing was written\n"
    )
    result = run(sounds, "-o", OUT, "--dry-run", "--exists", "overwrite")
    assert len(result.out.splitlines()) == 13
    assert tree(OUT) == before


# --- stopped in the middle ------------------------------------------------------------------


def with_faults(sounds: Path) -> None:
    """Make some sources whose records wait for no shard."""
    write(sounds / "cats" / "005.wav", b"no sound")
    write(sounds / "dogs" / "006.wav", sound(10))
    os.mkfifo(sounds / "dogs" / "pipe.wav")


OPTIONS: dict[str, Any] = {"time_steps": 4, "short": "skip", "shard_count": 5}


def test_wherever_the_journal_ends_the_run_goes_on(sounds: Path, format: str) -> None:
    """A killed run leaves the images so far, and any part of the account of them."""
    with_faults(sounds)
    convert_dataset(sounds, "whole", format=format, **OPTIONS)
    journal = Path("whole/manifest.jsonl").read_bytes()
    expected = tree(Path("whole"))
    ends = [at + 1 for at, byte in enumerate(journal) if byte == ord("\n")]
    rng = random.Random(5)
    for cut in (0, 7, *rng.sample(ends, 4), *rng.sample(range(len(journal)), 3)):
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.copytree("whole", OUT)
        os.truncate(OUT / "manifest.jsonl", cut)
        shards = re.findall(rb'"output":"(shard-\d+)', journal[:cut])
        for path in OUT.glob("shard-*"):
            if path.stem.encode() not in shards:
                path.unlink()
        write(OUT / f".melpix-shard-{len(set(shards)):06d}.tmp", b"half a shard")
        write(OUT / "cats" / ".melpix-0123456789abcdef.tmp", b"half an image")
        convert_dataset(sounds, OUT, format=format, **OPTIONS)
        (OUT / "cats").rmdir() if format in ("webdataset", "parquet") else None
        assert tree(OUT) == expected, f"cut at {cut}"


def test_an_error_in_the_callers_own_code(sounds: Path, format: str) -> None:
    """It comes out as it is, nothing half done stays, and the run can go on."""
    with_faults(sounds)
    convert_dataset(sounds, "whole", format=format, **OPTIONS)
    for after in (0, 1, 7):

        def fail(summary: Summary, records: list[Any], after: int = after) -> None:
            if summary.done == after:
                raise ZeroDivisionError("mine")

        shutil.rmtree(OUT, ignore_errors=True)
        with pytest.raises(ZeroDivisionError, match="mine"):
            convert_dataset(sounds, OUT, format=format, progress=fail, **OPTIONS)
        assert not list(OUT.rglob(".melpix*"))
        summary = convert_dataset(sounds, OUT, format=format, **OPTIONS)
        assert tree(OUT) == tree(Path("whole"))
        if format in ("png", "npy"):
            assert summary.already >= after - 1


# --- what is out of range -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"workers": 0}, "workers must be >= 1, got 0"),
        ({"timeout": 0}, "timeout must be > 0, got 0"),
        ({"timeout": -1.0}, "timeout must be > 0, got -1.0"),
        ({"format": "jpeg"}, "format must be one of 'png', 'npy', 'webdataset', 'parquet'"),
        ({"dtype": "int8"}, "dtype must be one of 'float32', 'float16', got 'int8'"),
        ({"exists": "append"}, "exists must be one of 'resume', 'overwrite', got 'append'"),
        ({"scale": "max"}, "scale must be one of 'minmax', 'dataset', got 'max'"),
        ({"scale": (3.0, 3.0)}, "range must be "),
        ({"scale": "dataset", "percentiles": (50, 50)}, "percentiles must be two rising numbers"),
        ({"scale": "dataset", "percentiles": (-1, 50)}, "percentiles must be two rising numbers"),
        ({"time_steps": 0}, "time_steps must be >= 1, got 0"),
        ({"time_steps": 4, "step": 0}, "step must be >= 1, got 0"),
        ({"time_steps": 4, "tail": "wag"}, "tail must be one of 'drop', 'pad', 'shift', 'keep'"),
        ({"time_steps": 4, "short": "cut"}, "short must be one of 'pad', 'skip', 'error', 'keep'"),
        ({"offset": -1.0}, "offset must be "),
        ({"duration": float("nan")}, "duration must be "),
        ({"max_seconds": 0}, "max_seconds must be "),
        ({"sr": 0}, "sr must "),
        ({"format": "webdataset", "shard_count": 0}, "shard_count must be >= 1, got 0"),
        ({"format": "webdataset", "shard_bytes": 0}, "shard_bytes must be >= 1, got 0"),
    ],
    ids=str,
)
def test_parameters_out_of_range(sounds: Path, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        convert_dataset(sounds, OUT, **parameters)
    assert str(caught.value).startswith(message)
    assert not OUT.exists()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ("in -o out.jpg", ["out.jpg"]),
        ("-o out", ["--from-list"]),
        ("- -o out", ["--from-list -"]),
        ("none -o out", ["none", "No such file"]),
        ("in/*.flac -o out", ["in/*.flac", "nothing matches"]),
        ("in -o out --include x*", ["nothing to convert"]),
        ("in -o out --overlap 0.5", ["--overlap needs --time-steps"]),
        ("in -o out --time-steps 4 --overlap 1", ["--overlap"]),
        ("in -o out --time-steps 4 --overlap 0.5 --step 2", ["--step and --overlap"]),
        ("in -o out --first", ["--first needs --time-steps"]),
        ("in -o out --scale fixed", ["--range LO HI"]),
        ("in -o out --range 0 1", ["--scale fixed"]),
        ("in -o out --scale fixed --range 1 0", ["--range", "1"]),
        ("in -o out --stats x.json", ["--stats needs --scale dataset"]),
        ("in -o out --shard 0/3", ["--shard must be I/N", "'0/3'"]),
        ("in -o out --workers 0", ["--workers must be >= 1, got 0"]),
        ("in -o out --timeout 0", ["--timeout must be > 0, got 0"]),
        ("in -o out --format webdataset --shard-count 0", ["--shard-count must be >= 1, got 0"]),
        ("in -o out --from-list none.csv", ["none.csv: No such file"]),
    ],
)
def test_options_out_of_range(
    run: Callable[..., Run], sounds: Path, options: str, parts: list[str]
) -> None:
    result = run(*options.split())
    assert result.code == 2
    assert result.err.startswith("melpix: error: ")
    assert result.err.count("\n") == 1
    for part in parts:
        assert part in result.err
    assert result.out == ""
    assert not OUT.exists()


# --- progress -------------------------------------------------------------------------------


def test_progress_without_a_terminal(
    run: Callable[..., Run], sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(sounds / "tab\there.wav", b"no sound")
    result = run(sounds, "-o", OUT)
    assert result.code == 1
    assert result.out == ""
    failure, summary, end = result.err.splitlines()  # a short run has no lines on its way
    assert failure.startswith(r"in/tab\there.wav: decode_failed: ")
    assert re.fullmatch(
        r"out: 12 images of 13 files, 1 failed; 0:00:04 of sound in \d+\.\d s"
        r" \(\d+ files/s, \d+ x real time\)",
        summary,
    )
    assert end == "melpix: error: 1 of 13 files failed: melpix report out"

    monkeypatch.setattr(shown, "_EVERY", 0)
    result = run(sounds, "-o", "more")
    lines = [line for line in result.err.splitlines() if " of 13 files, " in line]
    assert lines[-2].startswith("13 of 13 files, 12 images, 1 failed, ")
    assert lines[-2].endswith(" files/s, 0:00:00 left")
    figures = r"\d+ of 13 files, \d+ images, \d failed, \d+ x real time"
    rate = r"[\d.e+]+ files/s, \d:\d\d:\d\d left"
    assert all(re.fullmatch(rf"{figures}(, {rate})?", line) for line in lines[:-1])


@pytest.mark.parametrize("scale", ["minmax", "dataset"])
def test_progress_while_one_source_takes_long(
    sounds: Path, scale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melpix.workers.batch_pool._MEANWHILE", 0)
    seen: list[tuple[str, int]] = []
    convert_dataset(
        sounds, OUT, scale=scale, progress=lambda s, records: seen.append((s.phase, s.done))
    )
    # Once for what is passed over, and again while the workers start.
    assert seen.count(("convert", 0)) > 1
    assert (("measure", 0) in seen) == (scale == "dataset")
    assert seen[-1] == ("convert", 12)


def test_progress_for_programs(
    run: Callable[..., Run], sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "_EVENTS", 0)
    write(sounds / os.fsdecode(b"\xe9.wav"), b"no sound")
    result = run(sounds, "-o", OUT, "--json", "--scale", "dataset")
    assert result.code == 1
    events = [json.loads(line) for line in result.out.splitlines()]
    progress = [event for event in events if event["event"] == "progress"]
    assert [e["files"] for e in progress if e["phase"] == "measure"] == list(range(1, 14))
    assert [e["files"] for e in progress if e["phase"] == "convert"] == list(range(14))
    assert {event["sources"] for event in progress} == {13}
    (failed,) = [event for event in events if event["event"] == "failed"]
    known = {name: value for name, value in failed["record"].items() if value is not None}
    assert known == manifest(OUT)[-1]
    assert failed["record"]["source"] == "in/\udce9.wav"
    assert events[-1]["event"] == "done"
    assert events[-1]["errors"] == {"decode_failed": 1}
    assert events[-1]["summary"]["images"] == 12
    assert result.err == "melpix: error: 1 of 13 files failed: melpix report out\n"


def test_quiet(run: Callable[..., Run], sounds: Path) -> None:
    assert run(sounds, "-o", OUT, "-q") == Run(0, "", "")
    write(sounds / "broken.wav", b"no sound")
    result = run(sounds, "-o", OUT, "-q")
    assert (result.code, result.out) == (1, "")
    assert result.err == "melpix: error: 1 of 13 files failed: melpix report out\n"


@pytest.mark.skipif(os.name != "posix", reason="terminals of POSIX")
def test_a_terminal_gets_a_bar(sounds: Path) -> None:
    write(sounds / "broken.wav", b"no sound")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 200, 0, 0))
    with subprocess.Popen([*CONVERT, "in", "-o", "out"], stderr=theirs, stdout=theirs) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # so Linux tells that the other end is closed
                break
            if not part:
                break
            text += part
    os.close(ours)
    assert process.returncode == 1
    bars = [line for line in re.split(r"[\r\n]+", text.decode()) if line.startswith("convert: ")]
    assert re.search(
        r"100%\|.*\| 13/13 \[.* files/s, 12 images, 1 failed, \d+ x real time", bars[-1]
    )
    assert len(bars) > 1
    assert "in/broken.wav: decode_failed" in text.decode()
    assert "out: 12 images of 13 files" in text.decode()


# --- memory ---------------------------------------------------------------------------------


def peak(*arguments: object) -> int:
    """The most memory that a run and all processes below it have had at one time."""
    highest = 0
    process = subprocess.Popen([*CONVERT, *map(str, arguments), "-q"])
    whole = psutil.Process(process.pid)
    while process.poll() is None:
        size = 0
        try:
            for part in (whole, *whole.children(recursive=True)):
                size += part.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        highest = max(highest, size)
        time.sleep(0.005)
    assert process.returncode == 0
    return highest


@pytest.mark.parametrize("minutes", [20, pytest.param(120, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_long_file_takes_no_more_memory(here: Path, minutes: int, suffix: str) -> None:
    second = np.random.default_rng(0).integers(-9000, 9000, (16000, 1)).astype(np.int16)
    for name, seconds in (("short", 10), ("long", 60 * minutes)):
        path = here / f"{name}.{suffix}"
        with soundfile.SoundFile(path, "w", 16000, 1, "PCM_16") as file:
            for _ in range(seconds):
                file.write(second)
    options = [*LONG, "--workers", 2]
    short = peak("short." + suffix, "-o", "a", *options)
    long = peak("long." + suffix, "-o", "b", *options)
    assert len(images(here / "b")) == 60 * minutes * 22050 // (384 * 512)
    assert long - short < 60e6
