# SPDX-License-Identifier: MIT
"""melpix report: what is counted, what is shown, and that the page works in a real browser."""

from __future__ import annotations

import base64
import dataclasses
import html.parser
import itertools
import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Browser
from melpix import Frontend
from melpix.dataset.outputs.record import Record
from melpix.dataset.outputs.shards import Shards
from melpix.dataset.outputs.tree import npy_bytes
from melpix.dataset.outputs.webdataset import WebDataset
from melpix.dataset.report import page as report_page
from melpix.dataset.report import thumbnails
from melpix.dataset.report.page import printable
from melpix.dataset.report.summary import Picture, Report, summarise
from melpix.image.read import read_png
from melpix.image.write import encode_png, write_png

HOSTILE = [
    "<script>document.title='ran'</script>",
    "\"'><img src=x onerror=\"document.title='ran'\">",
    "two\nlines\tand \x1b[31mred",
    "caf\udce9",
    "right \u202e to left",
    "&amp; ${title} $body %s {0}",
    "\u05e9\u05dc\u05d5\u05dd \u65e5\u672c\u8a9e",
]
RUN = {
    "started": "2026-11-24T10:00:00+00:00",
    "seconds": 2.0,
    "workers": 2,
    "files": 10,
    "images": 30,
    "failed": 1,
    "audio_seconds": 45.0,
    "stopped": None,
    "stages": {"decode": 3.0, "write": 1.0},
}


def ok(name: str, **more: Any) -> dict[str, Any]:
    facts = {"offset": 0.0, "duration": 1.5, "rows": 128, "columns": 65, "sr": 22050}
    values = {"lo": -20.0, "hi": 3.0, "params": "0123456789abcdef"}
    return {
        "source": f"in/{name}.wav",
        "status": "ok",
        "output": f"{name}.png",
        **facts,
        **values,
        **more,
    }


def bad(name: str, code: str = "decode_failed", **more: Any) -> dict[str, Any]:
    return {
        "source": f"in/{name}.wav",
        "status": "failed",
        "code": code,
        "message": "why",
        **more,
    }


def write(folder: Path, records: list[Any], part: str = "", **facts: Any) -> Path:
    """An output folder of these lines, as `melpix convert` leaves it; text stands for itself."""
    folder.mkdir(exist_ok=True)
    lines = [r if isinstance(r, str) else json.dumps(r, sort_keys=True) + "\n" for r in records]
    (folder / f"manifest{part}.jsonl").write_text("".join(lines), "ascii")
    facts = {
        "params_hash": "0123456789abcdef",
        "version": "0.1.0",
        "frontend": {"sr": 22050, "offset": 1e-9},
        "options": {"format": "png", "offset": 0.0},
        "runs": [RUN],
        **facts,
    }
    (folder / f"melpix{part}.json").write_text(json.dumps(facts), "ascii")
    return folder


def test_everything_is_counted(tmp_path: Path) -> None:
    records = [
        ok("dogs/a_0000", source="in/a.wav", label="dogs", window=0, flags=["truncated"]),
        ok("dogs/a_0001", source="in/a.wav", label="dogs", window=1, flags=["truncated"], lo=-9),
        ok("cats/b", label="cats", flags=["constant", "padded"], heard=["id3", "more"]),
        ok("c", columns=3),
        bad("d"),
        bad("e"),
        bad("f", "crashed"),
        bad("g", "not_a_file", status="skipped"),
    ]
    found = summarise([write(tmp_path / "out", records)])
    assert (found.sources, found.images, found.failed, found.skipped) == (7, 4, 3, 1)
    assert found.seconds == 6.0
    assert found.classes == {"dogs": 2, "cats": 1}
    assert [(g.code, g.status, g.count) for g in found.errors] == [
        ("decode_failed", "failed", 2),
        ("crashed", "failed", 1),
        ("not_a_file", "skipped", 1),
    ]
    assert [e.source for e in found.errors[0].examples] == ["in/d.wav", "in/e.wav"]
    assert found.errors[0].examples[0].message == "why"
    truncated, constant, padded = found.flagged
    assert (truncated.code, truncated.count, constant.count, padded.count) == ("truncated", 2, 1, 1)
    assert [e.output for e in truncated.examples] == ["dogs/a_0000.png"]  # one window of a file
    assert (found.heard.count, found.heard.examples[0].message) == (1, "id3")
    assert (found.values["lo"]["min"], found.values["lo"]["max"]) == (-20.0, -9)
    assert found.values["columns"]["median"] == 65
    assert (found.values["columns"]["min"], found.sampled) == (3, 4)
    assert found.hashes == {"0123456789abcdef": 4}
    (run,) = found.runs
    assert (run.files_per_second, run.times_real_time) == (5.0, 22.5)
    assert (found.incomplete, found.unreadable) == ([], 0)
    assert json.loads(json.dumps(dataclasses.asdict(found)))["images"] == 4


def test_a_killed_run_leaves_a_line_cut_short(tmp_path: Path) -> None:
    records = [ok("a"), ok("b"), json.dumps(ok("c"))[:-20]]
    out = write(tmp_path / "out", records, runs=[RUN, {"started": RUN["started"]}])
    found = summarise([out])
    assert (found.images, found.unreadable) == (2, 1)
    assert found.incomplete == [
        f"{out / 'manifest.jsonl'}: the last line is cut short",
        f"{out}: the last run was killed, or is under way",
    ]
    lines = list(report_page.text(found))
    assert f"not complete: {found.incomplete[0]}" in lines
    assert any(line.split() == ["unreadable", "lines", "1"] for line in lines)
    complete = write(tmp_path / "out", [ok("a"), json.dumps(ok("b"))])  # only its end is missing
    assert (summarise([complete]).images, summarise([complete]).incomplete) == (2, [])


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([], "the last run was killed, or is under way"),
        ([RUN, {**RUN, "stopped": "SIGINT"}], "the last run was stopped: SIGINT"),
        ([{**RUN, "stopped": "SIGINT"}, RUN], None),
        ("nonsense", "the last run was killed, or is under way"),
    ],
)
def test_a_run_that_did_not_end_is_named(tmp_path: Path, runs: Any, reason: str | None) -> None:
    out = write(tmp_path / "out", [ok("a")], runs=runs)
    assert summarise([out]).incomplete == ([f"{out}: {reason}"] if reason else [])


def test_facts_may_be_missing_or_broken(tmp_path: Path) -> None:
    out = write(tmp_path / "out", [ok("a")])
    for text, reason in [("[]", "no JSON object"), ("{", ""), ("\udcff", "")]:
        (out / "melpix.json").write_text(text, "utf-8", "surrogateescape")
        (found,) = summarise([out]).incomplete
        assert found.startswith(f"{out}: melpix.json is broken: {reason}")
    (out / "melpix.json").unlink()
    assert summarise([out]).incomplete == [f"{out}: melpix.json is missing"]
    with pytest.raises(FileNotFoundError):
        summarise([tmp_path])
    with pytest.raises(ValueError) as error:
        summarise([])
    assert str(error.value) == "outs must name at least one output, got none"


def test_parts_of_a_dataset_merge(tmp_path: Path) -> None:
    records = [ok(f"{'ab'[i % 2]}/{i}", label="ab"[i % 2], lo=-i) for i in range(40)] + [bad("x")]
    whole = summarise([write(tmp_path / "whole", records)])
    shared = write(tmp_path / "shared", records[:9], "-1-of-3")
    write(shared, records[9:20], "-2-of-3")
    other = write(tmp_path / "other", records[20:], "-3-of-3")
    parts = summarise([shared, other, shared, shared / "manifest-1-of-3.jsonl"])
    same = ("sources", "images", "failed", "seconds", "classes", "errors", "values", "sampled")
    for name in same:
        assert getattr(parts, name) == getattr(whole, name), name
    assert [p.output for p in parts.pictures] == [p.output for p in whole.pictures]
    assert parts.incomplete == []
    assert (len(parts.runs), len(parts.parameters)) == (3, 1)
    assert parts.parameters[0].outs == [
        f"{shared} (1 of 3)",
        f"{shared} (2 of 3)",
        f"{other} (3 of 3)",
    ]
    assert summarise([other]).incomplete == ["no manifest of part 1, 2 of 3"]


def test_the_same_images_are_shown_whatever_the_order(tmp_path: Path) -> None:
    records = [ok(f"common/{i}", label="common") for i in range(500)]
    records += [ok(f"rare/{i}", label="rare") for i in range(3)] + [ok("none")]
    first = summarise([write(tmp_path / "out", records)]).pictures
    random.Random(0).shuffle(records)
    second = summarise([write(tmp_path / "out", records)]).pictures
    assert first == second
    labels = [p.label for p in first]
    assert (len(labels), labels.count("rare"), labels.count(None)) == (60, 3, 1)
    many = [ok(f"{i}/{j}", label=str(i)) for i in range(100) for j in range(3)]
    shown = summarise([write(tmp_path / "out", many)]).pictures
    assert len({p.label for p in shown}) == 60


def test_later_lines_supersede_the_image_shown(tmp_path: Path) -> None:
    records = [ok("a", lo=-1), ok("b"), ok("a", lo=-2)]
    found = summarise([write(tmp_path / "out", records)])
    assert [(p.output, p.lo) for p in found.pictures] == [("a.png", -2), ("b.png", -20.0)]


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    long = "x" * 100_000
    records: list[Any] = [
        ok(f"{i}", label=f"class {i}", flags=[f"flag {i}"], params=f"{i}") for i in range(10_500)
    ]
    records += [bad(f"bad {i}", f"code {i}") for i in range(500)]
    records += [
        ok(long, source=long, label=long, flags=[long] * 3),
        bad(long, long, message=long, heard=[long]),
        '{"source": "' + "y" * 3_000_000 + '"}\n',
        ok("last", label="class 0"),
    ]
    found = summarise([write(tmp_path / "out", records, runs=[RUN] * 1000)])
    assert (found.images, found.failed, found.unreadable) == (10_502, 501, 1)
    assert len(found.classes) == 10_001
    assert (found.classes["(others)"], found.classes["class 0"]) == (501, 2)
    assert [len(x) for x in (found.errors, found.flagged, found.hashes)] == [101, 101, 101]
    assert sum(found.hashes.values()) == found.images
    assert len(found.errors[0].examples) == 20
    assert len(found.runs) == 20
    assert found.sampled == 4096
    size = len(json.dumps(dataclasses.asdict(found)))
    assert size < 1_000_000
    assert len(report_page.html(found)) < 1_000_000


def test_quantiles_of_a_sample_are_near_those_of_all(tmp_path: Path) -> None:
    records = [ok(f"{i:05}", lo=float(i)) for i in range(20_000)]
    lo = summarise([write(tmp_path / "out", records)]).values["lo"]
    assert (lo["min"], lo["max"]) == (0, 19_999)
    for name, part in [("5 %", 0.05), ("median", 0.5), ("95 %", 0.95)]:
        assert abs(lo[name] / 20_000 - part) < 0.025


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "[]",
        '"text"',
        "7",
        "",
        "[" * 100_000,
        '{"source": 1, "status": "ok", "output": "a.png"}',
        '{"source": "a", "status": "ok"}',
        '{"source": "a", "status": ["ok"], "output": "a.png"}',
        '{"source": "a", "status": "ok", "output": "a.png"} x',
        "\0" * 5000,
    ],
)
def test_lines_that_are_no_record(tmp_path: Path, line: str) -> None:
    found = summarise([write(tmp_path / "out", [ok("a"), line + "\n", ok("b")])])
    assert (found.images, found.unreadable, found.incomplete) == (2, 1, [])


def test_values_of_any_type(tmp_path: Path) -> None:
    strange = [None, True, "text", [], {}, [[1]], {"a": 1}, -1, 10**400, 1e308, 0.5]
    names = [*ok("a"), "label", "flags", "heard", "stem", "window"]
    names = [name for name in names if name not in ("source", "status", "output")]
    records = [ok("a", **{name: value}) for name in names for value in strange]
    records += [{**bad("b"), name: v} for name in ("code", "message") for v in strange]
    nan = [json.dumps(ok("c", lo=x)) + "\n" for x in (float("nan"), float("inf"))]
    runs = [dict.fromkeys(RUN, value) for value in strange]
    for extra in ({"runs": runs}, {"runs": strange, "frontend": 1, "options": None}):
        found = summarise([write(tmp_path / "out", records + nan, **extra)])
        assert found.images == len(names) * len(strange) + 2
        json.dumps(dataclasses.asdict(found), allow_nan=False)
        assert all(line.isprintable() for line in report_page.text(found))
        report_page.html(found).encode()


def test_the_lines_for_a_terminal(tmp_path: Path) -> None:
    out = write(tmp_path / "out", [ok("a", label="dogs"), ok("b", label="cats"), bad("c")])
    lines = list(report_page.text(summarise([out])))
    assert lines[0] == str(out)
    for expected in (
        "  images         2",
        "  sound    0:00:03",
        "           1  decode_failed (failed)",
        "              in/c.wav: why",
        "  1  cats",
        "values of all images",
        "options of melpix 0.1.0, parameters 0123456789abcdef",
    ):
        assert expected in lines
    head, row = lines[lines.index("runs") + 1 :][:2]
    assert head.endswith("  end")
    assert row.split()[-4:] == ["2", "5", "22.5", "complete"]
    assert "  offset  0.0" in lines  # of the files, and not that of the logarithm
    for name in HOSTILE:
        records = [ok(name, label=name, flags=[name]), bad(name, name, message=name)]
        found = summarise([write(tmp_path / "out", records)])
        for line in report_page.text(found):
            assert line.isprintable()
            line.encode()


def picture(folder: Path, output: str) -> Picture:
    facts = dict.fromkeys(("label", "offset", "duration", "rows", "columns", "sr", "lo", "hi"))
    return Picture(folder=str(folder), output=output, flags=[], **facts)


def test_thumbnails_of_trees(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (128, 200), np.uint8)
    write_png(tmp_path / "small.png", small)
    large = np.repeat(np.repeat(rng.integers(0, 256, (80, 250), np.uint8), 2, 0), 3, 1)
    write_png(tmp_path / "large.png", large)
    features = rng.normal(size=(64, 99)).astype(np.float32)
    for dtype in ("float32", "float16"):
        (tmp_path / f"{dtype}.npy").write_bytes(npy_bytes(features, dtype))
    names = ("small.png", "large.png", "float32.npy", "float16.npy")
    made = thumbnails.of([picture(tmp_path, name) for name in names])
    images = [read_png(data)[0] for data in made if isinstance(data, bytes)]
    assert (images[0] == small).all()
    assert (images[1] == large[::2, ::3]).all()
    for image in images[2:]:
        grey = 255 * (features - features.min()) / np.ptp(features)
        assert np.abs(255.0 - image[::-1] - grey).max() < 2


def test_thumbnails_show_every_kind_of_image(tmp_path: Path) -> None:
    """What PNG takes for alpha is a mel like the others, and must not fade them."""
    rng = np.random.default_rng(0)
    shown = {(): [0], (1,): [0], (2,): [0], (3,): [0, 1, 2], (4,): [0, 1, 2]}
    for dtype, channels in itertools.product((np.uint8, np.uint16), shown):
        image = rng.integers(0, np.iinfo(dtype).max, (150, 300, *channels), dtype, endpoint=True)
        write_png(tmp_path / "a.png", image)
        (made,) = thumbnails.of([picture(tmp_path, "a.png")])
        assert isinstance(made, bytes)
        seen = read_png(made)[0]
        assert seen.dtype == np.uint8
        mels = image.reshape(150, 300, -1)[..., shown[channels]]
        means = mels.reshape(75, 2, 150, 2, -1).mean(axis=(1, 3)) / (np.iinfo(dtype).max / 255)
        assert seen.shape == ((75, 150) if len(shown[channels]) == 1 else (75, 150, 3))
        assert np.abs(seen.reshape(means.shape) - means).max() <= 1


def test_thumbnails_of_stacked_features_show_the_first(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(64, 99, 2)).astype(np.float32)
    for name, values in (("stacked.npy", features), ("first.npy", features[..., 0])):
        (tmp_path / name).write_bytes(npy_bytes(values, "float32"))
    stacked, first = thumbnails.of([picture(tmp_path, n) for n in ("stacked.npy", "first.npy")])
    assert isinstance(first, bytes)
    assert stacked == first


def test_thumbnails_of_shards(tmp_path: Path) -> None:
    names = ["dogs/" + "long " * 60, "caf\udce9", "a.b"]
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with Shards(str(tmp_path), WebDataset()) as shards:
        for name in names:
            payload = encode_png(image)
            shards.add(WebDataset().packer(name, Record(name), len(payload)), payload)
        outputs = [json.loads(line)["output"] for line in shards.finish()]
    (tmp_path / "shard-000001.parquet").touch()
    (tmp_path / "shard-000002.tar").write_bytes(b"x" * 5000)
    (tmp_path / "shard-000003.tar").mkdir()  # a tree may have such a folder
    write_png(tmp_path / "shard-000003.tar" / "a.png", image)
    outputs += ["shard-000003.tar/a.png", "shard-000000.tar/b.png"]
    outputs += ["shard-000001.parquet/a.png", "shard-000002.tar/a.png"]
    made = thumbnails.of([picture(tmp_path, output) for output in outputs])
    assert all((read_png(data)[0] == image).all() for data in made[:4])
    assert made[4:6] == ["there is no such file", thumbnails.UNSUPPORTED]
    assert isinstance(made[6], str)


def test_what_gives_no_thumbnail(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    write_png(tmp_path / "outside.png", np.zeros((2, 2), np.uint8))
    (tree / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tree / "a.wav").touch()
    good = npy_bytes(np.ones((4, 4)))
    (tree / "nan.npy").write_bytes(npy_bytes(np.full((4, 4), np.nan, np.float32)))
    (tree / "huge.npy").write_bytes(good.replace(b"(4, 4), ", b"(9999999999, 4), "))
    (tree / "short.npy").write_bytes(good[:-1])
    (tree / "empty.npy").touch()
    names = ["broken.png", "a.wav", "nan.npy", "huge.npy", "short.npy", "empty.npy", "nul\0.png"]
    names += ["missing.png", "../outside.png", str(tmp_path / "outside.png"), "tree/../a.png"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tree / "fifo.png")
        names.append("fifo.png")
    made = thumbnails.of([picture(tree, name) for name in names])
    assert all(isinstance(reason, str) and reason for reason in made)
    assert made[8:11] == ["its name leads out of the folder"] * 3
    elsewhere = [r"..\outside.png", r"tree\..\..\outside.png", r"C:\outside.png", "C:outside.png"]
    elsewhere += [r"\outside.png", r"\\server\share\outside.png", r"a/..\..\outside.png"]
    made = thumbnails.of([picture(tree, name) for name in elsewhere])
    assert made == ["its name leads out of the folder"] * len(elsewhere)


class Page(html.parser.HTMLParser):
    """What a page refers to and which tags it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real tree of images whose names are hostile, where the file system takes them."""
    out = tmp_path_factory.mktemp("report") / "out"
    frontend = Frontend()
    y = np.random.default_rng(0).uniform(-1, 1, 33000).astype(np.float32)
    records = []
    for label, window in itertools.product(["dogs", *HOSTILE], range(3)):
        name = f"{label.replace('/', '_')}/sound_{window:04}"
        path = out / f"{name}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(frontend.png(y[: 3000 * (window + 1)]))
        except (OSError, ValueError):  # Windows and macOS refuse some of them
            continue
        records.append(ok(name, label=label, window=window, flags=["padded"] * (window == 2)))
    records += [bad(name, message=name) for name in HOSTILE]
    return write(out, records)


def test_the_page_stands_alone(dataset: Path) -> None:
    found = summarise([dataset])
    text = report_page.html(found)
    assert text == report_page.html(summarise([dataset]))
    text.encode()
    page = Page(text)
    assert not page.tags & {"script", "iframe", "object", "embed", "form", "base", "audio", "video"}
    assert all(link.startswith(("data:", "#")) for link in page.links)
    pictures = [link for link in page.links if link.startswith("data:image/png;base64,")]
    assert len(pictures) == len(found.pictures) >= 9
    assert "http:" not in text
    assert "https:" not in text


@pytest.mark.parametrize(
    "parameters",
    [{"stack": [{"fmax": 4000}]}, {"bits": 16}, {"bits": 16, "stack": [{"fmax": 4000}]}],
    ids=str,
)
def test_the_page_shows_stacked_and_deep_images(tmp_path: Path, parameters: Any) -> None:
    out = write(tmp_path / "out", [ok("a")])
    y = np.random.default_rng(0).uniform(-1, 1, 33000).astype(np.float32)
    (out / "a.png").write_bytes(Frontend(**parameters).png(y))
    page = Page(report_page.html(summarise([out])))
    (link,) = (link for link in page.links if link.startswith("data:image/png;base64,"))
    seen = read_png(base64.b64decode(link.partition(",")[2]))[0]
    assert np.abs(seen.astype(int) - Frontend().image(y)).max() <= 1


def test_a_format_without_thumbnails_is_said_once(tmp_path: Path) -> None:
    records = [ok(f"{i}", output=f"shard-000000.parquet/{i}.png") for i in range(5)]
    out = write(tmp_path / "out", records)
    (out / "shard-000000.parquet").touch()
    text = report_page.html(summarise([out]))
    assert text.count(thumbnails.UNSUPPORTED) == 1


def test_a_page_of_nothing(tmp_path: Path) -> None:
    found = summarise([write(tmp_path / "out", [], runs=[], frontend={}, options={})])
    assert isinstance(found, Report)
    assert "Nothing failed" in report_page.html(found)
    assert list(report_page.text(found))


@pytest.fixture(scope="module")
def page(dataset: Path, browser: Browser) -> Path:
    """The page of the hostile data set."""
    path = dataset / "report.html"
    path.write_text(report_page.html(summarise([dataset])), "utf-8")
    return path


def test_the_browser_would_tell(browser: Browser, tmp_path: Path) -> None:
    bad_page = tmp_path / "bad.html"
    bad_page.write_text("<img src=missing.png><script>console.log(1); nothing()</script>")
    browser.open(bad_page)
    found = browser.amiss()
    assert any("missing.png" in what for what in found)
    assert any('"log"' in what for what in found)
    assert any("nothing is not defined" in what for what in found)


def test_the_page_opens_from_the_disk(browser: Browser, page: Path) -> None:
    browser.open(page)
    widths = browser.js(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    shown = len(summarise([page.parent]).pictures)
    assert len(widths) == shown >= 9
    assert min(widths) > 0
    assert browser.amiss() == []
    assert browser.js("document.scripts.length") == 0
    assert browser.js("document.title") == f"melpix report: {page.parent}"  # no script has run
    names = set(browser.js("[...document.querySelectorAll('bdi')].map(e => e.textContent)"))
    for name in HOSTILE:
        assert printable(name) in names, name


def test_the_page_suits_a_phone_and_the_dark(browser: Browser, page: Path) -> None:
    browser.open(page)
    colours = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser("Emulation.setEmulatedMedia", features=[feature])
        style = "getComputedStyle(document.body)"
        colours.append(browser.js(f"[{style}.backgroundColor, {style}.color]"))
    assert colours[0] != colours[1]
    size = {"height": 700, "deviceScaleFactor": 2, "mobile": True}
    for width in (320, 390):
        browser("Emulation.setDeviceMetricsOverride", width=width, **size)
        assert browser.js("document.documentElement.scrollWidth") == width
    browser("Emulation.clearDeviceMetricsOverride")


def test_the_page_can_be_read_out_and_used_by_keys(browser: Browser, page: Path) -> None:
    browser.open(page)
    nodes = browser("Accessibility.getFullAXTree")["nodes"]
    named = [
        (n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]
    ]
    roles = {role for role, _ in named}
    assert {"banner", "navigation", "main", "region", "heading", "table", "image"} <= roles
    for role, name in named:
        if role in ("image", "region", "navigation", "heading", "link", "table"):
            assert name, role
    assert browser.js("document.documentElement.lang") == "en"
    browser.press("Tab")
    assert browser.js("document.activeElement.className") == "skip"
    for _ in range(30):
        browser.press("Tab")
        if browser.js("document.activeElement.tagName") == "SUMMARY":
            break
    assert not browser.js("document.activeElement.parentElement.open")
    browser.press("Enter", windowsVirtualKeyCode=13, text="\r")
    assert browser.js("document.activeElement.parentElement.open")
