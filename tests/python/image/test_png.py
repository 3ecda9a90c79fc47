# SPDX-License-Identifier: MIT
import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import png as pypng
import pytest
import skimage.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import melpix
from melpix.image.write import encode_png

METADATA = {"source": "ä \n.wav", "lo": -20.5, "hi": 3.25, "params": {"sr": 8000, "fmax": None}}
IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    return list(pypng.Reader(bytes=data).chunks())


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_every_image_comes_back(image: Any) -> None:
    again, metadata = melpix.read_png(encode_png(image))
    np.testing.assert_array_equal(again, image)
    assert metadata == {}


@given(
    st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), min_size=1)
)
def test_metadata_come_back(metadata: dict[str, Any]) -> None:
    assert melpix.read_png(encode_png(IMAGE, metadata))[1] == metadata


def test_other_readers_see_the_same_image(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    melpix.write_png(path, IMAGE, METADATA)
    np.testing.assert_array_equal(skimage.io.imread(path), IMAGE)
    width, height, rows, info = pypng.Reader(bytes=path.read_bytes()).read()
    np.testing.assert_array_equal(np.vstack(list(rows)), IMAGE)
    assert info["greyscale"]
    assert info["bitdepth"] == 8
    assert (height, width) == IMAGE.shape


def test_what_other_writers_write_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 60), dtype=np.uint8)
    smooth = np.add.outer(np.arange(50), np.arange(60)).astype(np.uint8)
    for image in (noise, smooth):  # writers choose other filters
        skimage.io.imsave(tmp_path / "b.png", image, check_contrast=False)
        np.testing.assert_array_equal(melpix.read_png(tmp_path / "b.png")[0], image)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_deep_images_and_channels(tmp_path: Path, dtype: Any, channels: tuple[int, ...]) -> None:
    most = np.iinfo(dtype).max
    image = np.random.default_rng(1).integers(0, most, (7, 9, *channels), dtype, endpoint=True)
    melpix.write_png(tmp_path / "a.png", image, METADATA)
    again, metadata = melpix.read_png(tmp_path / "a.png")
    assert again.dtype == dtype
    assert again.dtype.isnative
    np.testing.assert_array_equal(again, image[..., 0] if channels == (1,) else image)
    assert metadata == METADATA
    # pypng, which shares nothing with what has written it but the chunks.
    width, height, rows, info = pypng.Reader(bytes=(tmp_path / "a.png").read_bytes()).read()
    assert (height, width) == image.shape[:2]
    assert info["bitdepth"] == 8 * image.itemsize
    np.testing.assert_array_equal(np.vstack(list(rows)), image.reshape(7, -1))


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_colours_of_other_writers_are_read(tmp_path: Path, mode: str) -> None:
    """Their filters look at whole pixels to the left."""
    pillow = pytest.importorskip("PIL.Image")
    smooth = np.add.outer(np.arange(50), np.arange(60)).astype(np.uint8)
    image = np.stack([smooth, smooth.T[:50, :50].repeat(2, 1)[:, :60], smooth * 3, smooth * 5], -1)
    image = np.ascontiguousarray(image[..., : len(mode)])
    pillow.fromarray(image, mode).save(tmp_path / "b.png")
    np.testing.assert_array_equal(melpix.read_png(tmp_path / "b.png")[0], image)


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("invert", [True, False])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("rounding", ["truncate", "nearest", "ceil"])
def test_features_come_back_from_any_image(
    flip: bool, invert: bool, bits: int, rounding: str
) -> None:
    f = melpix.Frontend(
        n_mels=40, flip=flip, invert=invert, bits=bits, rounding=rounding, precision="double"
    )
    y = np.random.default_rng(0).uniform(-1, 1, 22050)
    image, metadata = melpix.read_png(f.png(y))
    level = (metadata["hi"] - metadata["lo"]) / (2**bits - 1)
    features = f.features(y)
    back = melpix.features_from_image(image, metadata)
    assert np.abs(back - features).max() <= level / 2 * 1.001 + 1e-6
    # And nothing is lost a second time.
    assert melpix.Frontend(**metadata["params"]).png(y) == f.png(y)


def test_features_of_stacked_mels_come_back() -> None:
    f = melpix.Frontend(n_mels=40, stack=[{"fmax": 4000}], flip=False)
    y = np.random.default_rng(0).uniform(-1, 1, 22050).astype(np.float32)
    image, metadata = melpix.read_png(f.png(y))
    assert image.shape == (40, 44, 2)
    assert len(metadata["lo"]) == len(metadata["hi"]) == 2
    levels = (np.array(metadata["hi"]) - metadata["lo"]) / 255
    back = melpix.features_from_image(image, metadata)
    assert (np.abs(back - f.features(y)).max(axis=(0, 1)) <= levels / 2 * 1.001).all()
    metadata["lo"] = [0.0] * 3
    with pytest.raises(ValueError, match="2 values of lo"):
        melpix.features_from_image(image, metadata)


def test_paths_files_and_bytes_are_the_same(tmp_path: Path) -> None:
    file = io.BytesIO()
    melpix.write_png(file, IMAGE, METADATA)
    melpix.write_png(str(tmp_path / "a.png"), IMAGE, METADATA)
    data = file.getvalue()
    assert (tmp_path / "a.png").read_bytes() == data == encode_png(IMAGE, METADATA)
    for source in (data, io.BytesIO(data), tmp_path / "a.png", str(tmp_path / "a.png")):
        image, metadata = melpix.read_png(source)
        np.testing.assert_array_equal(image, IMAGE)
        assert metadata == METADATA


def test_the_container_holds_what_it_should() -> None:
    parts = dict(chunks(encode_png(IMAGE, METADATA)))
    assert list(parts) == [b"IHDR", b"tEXt", b"iTXt", b"IDAT", b"IEND"]
    assert parts[b"tEXt"] == b"Software\0melpix " + melpix.__version__.encode()
    text = '{"hi":3.25,"lo":-20.5,"params":{"fmax":null,"sr":8000},"source":"\\u00e4 \\n.wav"}'
    assert parts[b"iTXt"] == b"melpix\0\0\0\0\0" + text.encode()


def test_strided_images_are_written() -> None:
    big = np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)
    for view in (big[::2, :5], big[:, ::2], big.T, big[::-1, ::-1]):
        np.testing.assert_array_equal(melpix.read_png(encode_png(view))[0], view)


@pytest.mark.parametrize(
    ("image", "message", "code"),
    [
        (np.zeros((2, 2), np.float32), "got float32 of shape (2, 2)", "bad_image"),
        (np.zeros((2, 2, 5), np.uint8), "got uint8 of shape (2, 2, 5)", "bad_image"),
        (np.zeros(4, np.uint8), "shape (4,)", "bad_image"),
        (np.zeros((0, 5), np.uint8), "got 0 x 5", "bad_image"),
        (np.zeros((0, 0), np.uint8), "got 0 x 0", "bad_image"),
        (np.broadcast_to(np.uint8(0), (1, 1_000_001)), "1 x 1000001", "image_too_large"),
        (np.broadcast_to(np.uint8(0), (90_000, 1000)), "90000 x 1000", "image_too_large"),
    ],
)
def test_what_is_no_image_is_refused(image: Any, message: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as refusal:
        melpix.write_png(tmp_path / "a.png", image)
    assert message in str(refusal.value)
    assert isinstance(refusal.value, melpix.EncodeError)
    assert refusal.value.code == code
    assert not (tmp_path / "a.png").exists()


def made_png(width: int, height: int, raw: bytes, depth: int = 8, colour: int = 0) -> bytes:
    file = io.BytesIO()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    pypng.write_chunks(file, parts)
    return file.getvalue()


def test_any_filters_of_any_bytes_are_those_of_others() -> None:
    """Any bytes are filtered scanlines, if a filter's number is before each."""
    rng = np.random.default_rng(0)
    for colour, channels in ((0, 1), (4, 2), (2, 3), (6, 4)):
        for most in (3, 255):  # few values tie often
            raw = rng.integers(0, most, (60, 1 + 50 * channels), np.uint8, endpoint=True)
            raw[:, 0] = rng.integers(0, 5, 60)
            data = made_png(50, 60, raw.tobytes(), colour=colour)
            rows = pypng.Reader(bytes=data).asDirect()[2]
            expected = np.vstack(list(rows)).reshape(60, 50, channels).astype(np.uint8)
            np.testing.assert_array_equal(melpix.read_png(data)[0], expected.squeeze())


GOOD = encode_png(IMAGE, METADATA)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a readable PNG"),
        (b"RIFF" + bytes(40), "not a readable PNG"),
        (GOOD[:40], "not a readable PNG"),
        (GOOD[:-20], "not a readable PNG"),
        (GOOD.replace(b"IDAT", b"IDAT\xff", 1), "not a readable PNG"),
        (made_png(3, 2, bytes(7)), "7 bytes of data, not 8"),
        (made_png(3, 2, bytes(9)), "9 bytes of data, not 8"),
        (made_png(3, 1, b"\x05abc"), "unknown scanline filter"),
        (made_png(3, 1, bytes(4), colour=3), "colour type 3"),
        (made_png(3, 1, bytes(2), depth=4), "bit depth 4"),
        (made_png(0, 1, b""), "must have pixels"),
        (made_png(2**31 - 1, 2**31 - 1, b""), "more than PNG readers accept"),
        (made_png(1000, 1000, bytes(50_000_000)), "bytes of data"),
    ],
)
def test_broken_files_are_decode_errors(data: bytes, message: str) -> None:
    with pytest.raises(melpix.DecodeError, match=message):
        melpix.read_png(data)


def with_text(text: bytes) -> bytes:
    chunk = b"iTXt" + b"melpix\0\0\0\0\0" + text
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return GOOD[:33] + chunk + GOOD[33:]


@pytest.mark.parametrize(
    "text",
    [b"{", b"[1]", b"\xff", b'{"a":' * 100_000, b'{"a":"' + b"x" * (1 << 26) + b'"}'],
    ids=["cut", "list", "not UTF-8", "deep", "long"],
)
def test_broken_metadata_are_decode_errors(text: bytes) -> None:
    with pytest.raises(melpix.DecodeError, match="metadata"):
        melpix.read_png(with_text(text))


def test_data_cut_before_their_checksum_are_refused() -> None:
    raw = zlib.compress(bytes(8))
    file = io.BytesIO()
    header = struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)
    pypng.write_chunks(file, [(b"IHDR", header), (b"IDAT", raw[:-3]), (b"IEND", b"")])
    with pytest.raises(melpix.DecodeError, match="cut short"):
        melpix.read_png(file.getvalue())


def test_a_chunks_stated_length_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(GOOD[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT" + bytes(9))
    tracemalloc.start()
    with pytest.raises(melpix.DecodeError, match="not a readable PNG"):
        melpix.read_png(tmp_path / "a.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        melpix.read_png(tmp_path / "none.png")


@pytest.mark.parametrize("precision", ["single", "double"])
def test_features_come_back_within_half_a_grey_level(precision: str) -> None:
    f = melpix.Frontend(sr=8000, hop_length=64, n_mels=30, precision=precision)
    y = np.random.default_rng(0).uniform(-1, 1, 8000)
    image, metadata = melpix.read_png(f.png(y, source="noise"))
    features = melpix.features_from_image(image, metadata)
    assert features.dtype == np.float32
    level = (metadata["hi"] - metadata["lo"]) / 255
    assert np.abs(features - f.features(y)).max() <= level * 0.5001
    assert metadata["source"] == "noise"
    assert melpix.Frontend(**metadata["params"]).png(y, source="noise") == f.png(y, source="noise")


def test_features_of_a_fixed_range_come_back_clipped() -> None:
    f = melpix.Frontend(sr=8000, hop_length=64, n_mels=30, range=(-6, -4))
    y = np.random.default_rng(0).uniform(-1, 1, 8000)
    image, metadata = melpix.read_png(f.png(y))
    assert set(np.unique(image)) >= {0, 255}
    clipped = np.clip(f.features(y), -6, -4)
    features = melpix.features_from_image(image, metadata)
    assert np.abs(features - clipped).max() <= 2 / 255 * 0.5001
    assert melpix.Frontend(**metadata["params"]) == f


def test_features_of_silence_come_back() -> None:
    f = melpix.Frontend()
    image, metadata = melpix.read_png(f.png(np.zeros(5000)))
    assert metadata["constant"] is True
    features = melpix.features_from_image(image, metadata)
    np.testing.assert_allclose(features, np.log(1e-9), rtol=1e-6)


@pytest.mark.parametrize("lo", [None, "0", float("nan"), float("inf"), [1], 10**400, True])
def test_a_value_range_is_finite_numbers(lo: Any) -> None:
    with pytest.raises(ValueError, match="finite lo"):
        melpix.features_from_image(IMAGE, {"lo": lo, "hi": 1.0})


@pytest.mark.parametrize("end", [1e39, -3.5e38, 10**300])
def test_a_value_range_fits_float32(end: float) -> None:
    for name, lo, hi in (("lo", end, 0.0), ("hi", 0.0, end), ("hi", [0.0, 0.0], [1.0, end])):
        image = np.zeros((4, 5, 2), np.uint8) if isinstance(hi, list) else IMAGE
        with pytest.raises(ValueError, match=rf"{name} that float32 holds, 3\.403e\+38 at most"):
            melpix.features_from_image(image, {"lo": lo, "hi": hi})


def test_a_value_range_as_wide_as_float32_comes_back() -> None:
    most = float(np.finfo(np.float32).max)
    image = np.array([[0], [255]], np.uint8)
    features = melpix.features_from_image(image, {"lo": -most, "hi": most})
    assert np.isfinite(features).all()
    assert np.ptp(features / most) > 1.99


@pytest.mark.parametrize("metadata", [None, [], "lo hi", 3])
def test_metadata_are_a_dict(metadata: Any) -> None:
    with pytest.raises(ValueError, match=r"^metadata must be a dict, as read_png returns it, got "):
        melpix.features_from_image(IMAGE, metadata)


def test_a_long_window_comes_back() -> None:
    window = np.random.default_rng(0).uniform(0.1, 1, 32768)
    f = melpix.Frontend(hop_length=16384, window=window, n_mels=4)
    metadata = melpix.read_png(f.png(np.ones(70_000, np.float32)))[1]
    assert melpix.Frontend(**metadata["params"]) == f


def test_metadata_do_not_replace_melpixs_own() -> None:
    with pytest.raises(ValueError, match="'lo' is melpix's own, got 3"):
        melpix.Frontend().png(np.ones(5000, np.float32), lo=3)


def test_features_need_a_value_range() -> None:
    with pytest.raises(ValueError, match="lacks lo and hi"):
        melpix.features_from_image(IMAGE, {})


class Slow(io.RawIOBase):
    """Takes a hundred bytes at a time, as a pipe may."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += bytes(data[:100])
        return min(len(data), 100)


def test_unbuffered_files_get_everything() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    file = Slow()
    melpix.write_png(file, image)
    np.testing.assert_array_equal(melpix.read_png(file.taken)[0], image)
