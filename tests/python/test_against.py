# SPDX-License-Identifier: MIT
"""benchmarks/against: what it makes of pairs of times, and what it refuses. It builds nothing."""

import importlib
import importlib.machinery
import importlib.util
import math
import random
import re
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = [
    pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="benchmarks are in the clone only"),
    pytest.mark.skipif(sys.platform == "win32", reason="compares on POSIX systems only"),
]


@pytest.fixture
def ratios(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("ratios")


@pytest.fixture
def against(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    loader = importlib.machinery.SourceFileLoader("against", str(BENCHMARKS / "against"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("against", loader))
    loader.exec_module(module)
    return module


def test_a_ratio_is_the_median_of_the_pairs(ratios):
    found = ratios.ratio([2.0, 4.0, 3.0, 8.0, 6.0, 10.0], [2.0, 2.0, 1.0, 2.0, 2.0, 2.0])
    assert found == (3.0, 1.0, 5.0)  # of six, the interval is from the least to the most


# Ranks of the sign test at 5 %, as statistics' tables have them.
@pytest.mark.parametrize(("n", "rank"), [(6, 1), (9, 2), (15, 4), (20, 6), (25, 8), (50, 18)])
def test_the_interval_is_the_sign_tests(ratios, n, rank):
    times = [float(i) for i in range(1, n + 1)]
    random.Random(0).shuffle(times)
    found = ratios.ratio(times, [1.0] * n)
    assert found == ((n + 1) / 2, rank, n + 1 - rank)


def test_too_few_pairs_have_no_interval(ratios):
    assert ratios.ratio([3.0] * 5, [2.0] * 5) == (1.5, 0.0, math.inf)


def test_pairs_that_others_spoil_do_not_count(ratios):
    base, new = [1.2] * 15, [1.0] * 15
    base[3], new[7], new[11] = 50.0, 80.0, 90.0
    assert ratios.ratio(base, new) == (1.2, 1.2, 1.2)


def test_equal_sides_are_told_apart_as_seldom_as_promised(ratios):
    lot = random.Random(1)

    def times():
        return [lot.lognormvariate(0, 0.3) for _ in range(15)]

    found = [ratios.ratio(times(), times()) for _ in range(2000)]
    outside = sum(not low <= 1 <= high for _, low, high in found) / len(found)
    assert 0.02 < outside < 0.05  # 3.5 % for 15 pairs


def test_each_side_goes_first_as_often(ratios):
    order = list(ratios.orders(16))
    assert order == list(ratios.orders(16))
    assert all(a != b for a, b in zip(order[::2], order[1::2], strict=True))
    assert order != [True, False] * 8


def test_a_revision_that_is_none_is_refused(against, capsys):
    for revision in ("no-such-revision", "-x"):
        assert against.main(["--", revision]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == f"against: BASE {revision!r} is no revision that git knows here\n"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--rows", "image,imago", "no row 'imago'; there are image, plan"), ("--pairs", "0", ">= 1")],
)
def test_an_option_that_means_nothing_is_refused(against, capsys, option, value, said):
    with pytest.raises(SystemExit, match="2"):
        against.main(["HEAD", option, value])
    assert said in capsys.readouterr().err


def test_two_interpreters_are_compared(against):
    rows = ["image", "down-1"]
    about, head, *table = against.compare((sys.executable,) * 2, rows, pairs=1, clips=1)
    assert "kernels" in about
    assert "interval" in head
    assert [line[:46].strip() for line in table] == [against.ROWS[row].what for row in rows]
    for line in table:
        assert re.search(r"(\s+\d+\.\d{3} ms){2}\s+\d+\.\d{3}   too few pairs$", line)


def test_an_interpreter_without_melpix_is_named(against, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(against.AgainstError, match="has no melpix that works"):
        list(against.compare((str(python), sys.executable), ["image"], pairs=1, clips=1))
