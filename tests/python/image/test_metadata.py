# SPDX-License-Identifier: MIT
"""What a PNG says of its image may come from anybody: from other programs, and from enemies."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import melpix
from melpix import Frontend, features_from_image, read_png
from melpix.cli import main
from melpix.image.write import encode_png

IMAGE = np.arange(32, dtype=np.uint8).reshape(4, 8)
RANGE = {"lo": -1.0, "hi": 1.0}
LIMIT = 1 << 20

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
PARAMS = ("flip", "invert", "rounding", "bits", "n_mels", "stack")


# --- back to features -----------------------------------------------------------------------


@settings(deadline=None, derandomize=True)
@given(
    metadata=JSON | st.dictionaries(st.sampled_from(("lo", "hi", "params")), JSON),
    params=JSON | st.dictionaries(st.sampled_from(PARAMS), JSON),
    whole=st.booleans(),
)
def test_whatever_metadata_are_features_come_or_a_value_error(
    metadata: Any, params: Any, whole: bool
) -> None:
    if whole:
        metadata = {**RANGE, "params": params}
    try:
        features = features_from_image(IMAGE, metadata)
    except ValueError as error:
        assert str(error).startswith("metadata")  # noqa: PT017
        assert len(str(error)) < 500  # noqa: PT017
    else:
        assert features.shape == IMAGE.shape
        assert np.isfinite(features).all()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ([1], "params must be a dict, got [1]"),
        ("x", "params must be a dict, got 'x'"),
        (None, "params must be a dict, got None"),
        ([], "params must be a dict, got []"),
        (
            {"rounding": "up"},
            "params.rounding must be one of 'truncate', 'nearest', 'ceil', got 'up'",
        ),
        ({"rounding": ["a"]}, "params.rounding must be one of"),
        ({"rounding": None}, "params.rounding must be one of"),
        ({"rounding": {"a": 1}}, "params.rounding must be one of"),
        ({"flip": "no"}, "params.flip must be one of True, False, got 'no'"),
        ({"flip": 0}, "params.flip must be one of True, False, got 0"),
        ({"invert": []}, "params.invert must be one of True, False, got []"),
        ({"bits": 16}, "params.bits must be 8, got 16"),
        ({"n_mels": 128}, "params.n_mels must be 4, got 128"),
        ({"n_mels": 10**5000}, "params.n_mels must be 4, got an int"),
        ({"n_mels": 4.0}, "params.n_mels must be 4, got 4.0"),
        ({"stack": [{"fmax": 2000}]}, "params.stack must make 1 channels, as image has, not 2"),
        ({"stack": {"fmax": 2000}}, "params.stack must be a list or None"),
        ({"stack": 3}, "params.stack must be a list or None, got 3"),
    ],
)
def test_params_of_another_image_are_named(params: Any, said: str) -> None:
    with pytest.raises(ValueError) as refusal:
        features_from_image(IMAGE, {**RANGE, "params": params})
    assert str(refusal.value).startswith("metadata's " + said)


def test_a_range_upside_down_is_none() -> None:
    with pytest.raises(ValueError, match=r"lo <= hi, got \[1.0\] and \[-1.0\]"):
        features_from_image(IMAGE, {"lo": 1.0, "hi": -1.0})


def test_errors_are_short_whatever_they_show() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for value in (deep, "x" * 10**6, [0.5] * 10**6, 10**5000):
        for metadata in ({**RANGE, "lo": value}, {**RANGE, "params": value}, value):
            with pytest.raises(ValueError) as refusal:
                features_from_image(IMAGE, metadata)
            assert str(refusal.value).startswith("metadata")
            assert len(str(refusal.value)) < 500
    while deep:  # else it is freed recursively
        deep = deep.pop()


def test_an_image_that_another_program_has_saved_says_so(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    (tmp_path / "a.png").write_bytes(Frontend(n_mels=16).png(np.ones(3000, np.float32)))
    pillow.open(tmp_path / "a.png").save(tmp_path / "b.png")
    image, metadata = read_png(tmp_path / "b.png")
    assert metadata == {}
    with pytest.raises(ValueError, match="lacks lo and hi: the PNG has no melpix metadata"):
        features_from_image(image, metadata)


def test_columns_may_be_cut_out() -> None:
    f = Frontend(n_mels=16)
    image, metadata = read_png(f.png(np.random.default_rng(0).uniform(-1, 1, 9000)))
    whole = features_from_image(image, metadata)
    np.testing.assert_array_equal(features_from_image(image[:, 5:9], metadata), whole[:, 5:9])


# --- bombs ----------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_entries(*entries: bytes, keyword: bytes = b"melpix", compressed: bool = False) -> bytes:
    """The PNG of IMAGE with these iTXt texts."""
    good = encode_png(IMAGE)
    texts = [zlib.compress(text, 9) if compressed else text for text in entries]
    head = keyword + (b"\0\1\0\0\0" if compressed else b"\0\0\0\0\0")
    return good[:33] + b"".join(chunk(b"iTXt", head + text) for text in texts) + good[33:]


def text_of(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize("compressed", [False, True])
def test_the_limit_is_one_mebibyte(compressed: bool) -> None:
    most = text_of(LIMIT)
    assert len(read_png(with_entries(most, compressed=compressed))[1]["a"]) == LIMIT - 8
    more = with_entries(text_of(LIMIT + 1), compressed=compressed)
    with pytest.raises(melpix.DecodeError, match=r"^PNG metadata .* must be <= 1048576 bytes"):
        read_png(more)
    with pytest.raises(ValueError, match="metadata") as refusal:
        read_png(more)
    assert str(pickle.loads(pickle.dumps(refusal.value))) == str(refusal.value)


@pytest.mark.parametrize(("compressed", "count"), [(True, 1), (True, 3), (False, 1)])
def test_bombs_take_no_memory(compressed: bool, count: int) -> None:
    raw = b'{"a":[' + b"[]," * ((1 << 24) // 3) + b"0]}"
    bomb = with_entries(*[raw] * count, compressed=compressed)
    tracemalloc.start()
    with pytest.raises(melpix.DecodeError, match="must be <= 1048576 bytes"):
        read_png(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_one_entry_is_read() -> None:
    assert read_png(with_entries(b'{"a":1}', b'{"a":2}', b"no JSON"))[1] == {"a": 1}
    assert read_png(with_entries(b"{}", b'{"a":2}'))[1] == {}
    other = with_entries(text_of(LIMIT + 1), keyword=b"melpixed")
    assert read_png(other)[1] == {}


@pytest.mark.parametrize(
    "text", [b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1e999}', b'{"a":' + b"1" * 5000 + b"}"]
)
def test_numbers_that_json_or_floats_have_not_are_refused(text: bytes) -> None:
    with pytest.raises(melpix.DecodeError, match=r"metadata .* is broken"):
        read_png(with_entries(text))


def test_a_window_that_is_too_long_for_a_png_is_named() -> None:
    window = np.random.default_rng(0).uniform(0.1, 1, 65536)
    f = Frontend(hop_length=32768, window=window, n_mels=4)
    y = np.ones(70_000, np.float32)
    with pytest.raises(melpix.EncodeError) as refusal:
        f.png(y)
    assert str(refusal.value).startswith("metadata must have <= 1048576 characters, got 12")
    assert "of them in params.window: shorten that" in str(refusal.value)
    stacked = Frontend(hop_length=32768, n_mels=4, stack=[{"window": window}, {"fmax": 4000}])
    with pytest.raises(melpix.EncodeError, match=r"of them in params\.stack\.0\.window: shorten"):
        stacked.png(y)
    file = io.BytesIO()
    melpix.write_png(file, f.image(y))  # as the message advises
    with pytest.raises(melpix.EncodeError, match=r"of them in note: shorten"):
        melpix.write_png(file, IMAGE, {"note": "x" * LIMIT})
    with pytest.raises(melpix.EncodeError, match=r"characters, got \d+, or write"):
        melpix.write_png(file, IMAGE, {f"{i:0100}": i for i in range(LIMIT // 100)})


# --- melpix inspect -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    "text",
    [
        b'{"info":5,"kind":[],"a":{"info":{"b":[]}}}',
        b'{"a":"\\ud800\\u001b[31m","":null}',
        b'{"rows":"x","params":[1]}',
        b'{"a":1' + b"0" * 4000 + b"}",
    ],
)
def test_inspect_shows_foreign_metadata(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: bytes, options: list[str]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(with_entries(text))
    assert main(["inspect", str(path), *options]) == 0
    out = capfd.readouterr().out
    if options:
        facts = json.loads(out)
        assert (facts["kind"], facts["rows"]) == ("image", 4)
    else:
        assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("depth", [400, 900, 100_000])
def test_inspect_of_deep_metadata_ends_in_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], depth: int, options: list[str]
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(with_entries(b'{"a":' * depth + b"1" + b"}" * depth))
    code = main(["inspect", str(path), *options])
    err = capfd.readouterr().err
    assert code in (0, 1)
    assert ("nested too deep" in err) == (code == 1)
    assert err.count("\n") == code
