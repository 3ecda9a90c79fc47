# SPDX-License-Identifier: MIT
"""What a front-end reads and writes in place: whose memory it is, and how much is taken besides."""

from __future__ import annotations

import array
import ctypes
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from melpix import Frontend
from melpix.frontend import arrays

F = Frontend(sr=16000, hop_length=160, n_mels=40)
Y = np.random.default_rng(5).uniform(-0.5, 0.5, 16000).astype(np.float32)
SHORTS = (Y * 32767).astype(np.int16)


class Interface:
    """Knows of NumPy's array interface alone."""

    def __init__(self, y: np.ndarray) -> None:
        self._y, self.__array_interface__ = y, y.__array_interface__


class DLPack:
    """Knows of DLPack alone."""

    def __init__(self, y: np.ndarray) -> None:
        self._y = y

    def __dlpack__(self, **options: Any) -> Any:
        return self._y.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._y.__dlpack_device__()


class Elsewhere(DLPack):
    """Lies on a graphics card."""

    def __dlpack__(self, **_options: Any) -> Any:
        raise BufferError("not on the CPU")

    def __dlpack_device__(self) -> Any:
        return (2, 0)


HOLDERS = {
    "memoryview": memoryview,
    "Interface": Interface,
    "DLPack": DLPack,
    "ctypes": lambda y: (
        np.ctypeslib.as_ctypes_type(y.dtype) * y.size
    ).from_buffer(y),
}  # fmt: skip


@pytest.mark.parametrize("y", [SHORTS, Y, Y.astype(np.float64)], ids=lambda y: y.dtype.name)
@pytest.mark.parametrize("holder", HOLDERS)
def test_any_holder_of_samples_is_read_in_place(holder: str, y: np.ndarray) -> None:
    held = HOLDERS[holder](y)
    assert np.shares_memory(arrays.signal(held, "fi"), y)
    assert np.array_equal(F.image(held), F.image(y))
    assert np.array_equal(F.features(held), F.features(y))
    assert np.array_equal(F.mel(held), F.mel(y))
    assert F.png(held) == F.png(y)
    assert np.array_equal(F.images([held, y])[0], F.image(y))


def test_arrays_of_the_standard_library_are_read_in_place() -> None:
    for code, y in (("h", SHORTS), ("f", Y), ("d", Y.astype(float))):
        held = array.array(code, y)
        assert np.shares_memory(arrays.signal(held, "fi"), np.frombuffer(held, y.dtype))
        assert np.array_equal(F.image(held), F.image(y))
        stereo = memoryview(held).cast("B").cast(code, (2, 8000))
        assert np.array_equal(F.image(stereo), F.image(y.reshape(2, -1)))
    with memoryview(bytes(4000)).cast("h") as view:  # read-only
        assert np.array_equal(F.image(view), F.image(np.zeros(2000, np.int16)))


def test_bytes_without_a_type_are_refused() -> None:
    for data in (bytes(400), bytearray(400), memoryview(bytes(400))):
        with pytest.raises(ValueError, match="y must be float16, float32, float64 or int16"):
            F.image(data)
    with pytest.raises(ValueError, match="y must lie in memory that NumPy can read: not on"):
        F.image(Elsewhere(Y))


@cache
def layouts(n: int) -> dict[str, np.ndarray]:
    """Two channels, or one, of n samples: as they lie in files, buffers and larger arrays."""
    grid = np.random.default_rng(6).integers(-9999, 9999, (4, 2 * n), np.int16)
    return {
        "interleaved": grid[:1].reshape(n, 2).T,
        "planar": grid[:2, :n],
        "every second": grid[:2, ::2],
        "backwards": grid[:2, ::-1],
        "one of two": grid[0].reshape(n, 2)[:, 1],
        "one row, backwards": grid[0, ::-2],
        "the same twice": np.broadcast_to(grid[0, :n], (2, n)),
        "downwards": grid[::-2, :n],
        "a column": grid.T[:n, 1],
    }


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("layout", layouts(4))
def test_strides_do_not_matter(layout: str, dtype: type) -> None:
    y = layouts(3000)[layout]
    if dtype is not np.int16:
        big = y
        while big.base is not None:
            big = big.base
        scaled = (big / 32768).astype(dtype)
        y = np.lib.stride_tricks.as_strided(
            scaled.reshape(-1)[(y.ctypes.data - big.ctypes.data) // 2 :],
            y.shape,
            [s // 2 * scaled.itemsize for s in y.strides],
        )
    assert np.shares_memory(arrays.signal(y, "fi"), y)
    assert np.array_equal(F.image(y), F.image(np.array(y, order="C")))
    assert np.array_equal(F.features(y), F.features(np.array(y, order="C")))


def python_memory(call: Callable[[], object]) -> int:
    """The most that NumPy and Python took at once."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("layout", layouts(2))
def test_no_copy_is_hidden_in_memory(layout: str) -> None:
    y = layouts(2_000_000)[layout]  # 4 or 8 MB
    f = Frontend(n_mels=4, hop_length=2000)
    for call in (f.image, f.features, f.mel, f.png, lambda y: f.images([y])):
        call(y)
        assert python_memory(lambda call=call: call(y)) < 1_000_000
    assert python_memory(lambda: np.array(y)) > 3_900_000  # it would show


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory")
def test_no_copy_is_hidden_in_the_core() -> None:
    """With no room for one: in C++ as in Python."""
    code = """
import resource, sys
import numpy as np
import test_zero_copy as t
class Zeros:
    integers = staticmethod(lambda lo, hi, shape, dtype: np.zeros(shape, dtype))
np.random.default_rng = lambda seed: Zeros  # pages that nobody touches cost nothing
signals = t.layouts(18_000_000)  # 36 MB: more than malloc keeps of what was freed
f = t.Frontend(n_mels=4, hop_length=2000)
calls = (f.image, f.features, f.png, lambda y: f.images([y]))
for call in calls:
    call(signals["planar"])
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 12_000_000,) * 2)
for y in signals.values():
    for call in calls:
        call(y)
for y in signals.values():
    try:
        np.array(y)
    except MemoryError:
        continue
    raise AssertionError("there was room for a copy")
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


# --- out= --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"layout": "frames"},
        {"layout": "flipped", "precision": "double"},
        {"precision": "double", "dtype": "float32"},
        {"stack": [{"fmin": 500}]},
        {"patch": 10, "patch_step": 5},
        {"patch": 10, "layout": "frames", "stack": [{"fmin": 500}]},
    ],
    ids=repr,
)
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_features_go_where_they_are_wanted(
    parameters: dict[str, Any], leading: tuple[int, ...]
) -> None:
    f = F.replace(**parameters)
    y = np.random.default_rng(7).uniform(-1, 1, (*leading, 4000)).astype(np.float32)
    expected = f.features(y)
    out = np.full(expected.shape, np.nan, expected.dtype)
    assert f.features(y, out=out) is out
    assert np.array_equal(out, expected)
    canvas = np.full([2 * n for n in expected.shape], np.nan, expected.dtype)
    part = canvas[tuple(slice(None, None, 2) for _ in expected.shape)]
    assert f.features(y, out=part) is part
    assert np.array_equal(part, expected)
    assert np.count_nonzero(~np.isnan(canvas)) == expected.size, "wrote outside of out"


def test_results_take_no_memory_but_the_callers() -> None:
    y = np.zeros(1_000_000, np.float32)
    features, image = F.features(y), F.image(y)  # 1 MB, 250 KB
    assert python_memory(lambda: F.features(y)) > features.nbytes
    assert python_memory(lambda: F.features(y, out=features)) < 20_000
    assert python_memory(lambda: F.image(y)) > image.nbytes
    assert python_memory(lambda: F.image(y, out=image)) < 20_000


def test_out_may_be_any_memory() -> None:
    expected, image = F.features(Y), F.image(Y)
    held = array.array("f", bytes(expected.nbytes))
    view = memoryview(held).cast("B").cast("f", expected.shape)
    assert F.features(Y, out=view) is view
    assert np.array_equal(np.asarray(view), expected)
    pixels = (ctypes.c_uint8 * image.shape[1] * image.shape[0])()
    assert F.image(Y, out=pixels) is pixels
    assert bytes(pixels) == image.tobytes()
    for holder in (Interface, DLPack):
        mine, mine8 = np.empty_like(expected), np.empty_like(image)
        F.features(Y, out=holder(mine))
        F.image(Y, out=holder(mine8))
        assert np.array_equal(mine, expected)
        assert np.array_equal(mine8, image)


@pytest.mark.parametrize("name", ["features", "image", "render"])
def test_out_that_cannot_be_written_is_refused(name: str) -> None:
    call = getattr(F, name)
    dtype = np.float32 if name == "features" else np.uint8
    shape = F.image(Y).shape
    frozen = np.empty(shape, dtype)
    frozen.flags.writeable = False
    for bad in (
        np.empty(shape, np.float64),
        np.empty((shape[0], shape[1] + 1), dtype),
        np.empty(shape[::-1], dtype),
        np.empty((1, *shape), dtype),
        frozen,
        [[0.0] * shape[1]] * shape[0],  # a copy would be written to
        bytes(shape[0] * shape[1]),
        3,
        as_strided(np.zeros(shape[1], dtype), shape, (0, np.dtype(dtype).itemsize)),
    ):
        with pytest.raises(ValueError, match=r"^out must"):
            call(Y, out=bad)
    both = np.zeros(100_000, np.uint8)
    y = both[: 4 * 4000].view(np.float32)
    frames = F.frames(4000)
    out = both[4 * 3999 :][: 40 * frames * np.dtype(dtype).itemsize].view(dtype)
    with pytest.raises(ValueError, match="out must not overlap y"):
        call(y, out=out.reshape(40, frames))


# --- PyTorch -----------------------------------------------------------------------------------


def test_a_tensor_that_wants_its_gradient_is_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=r"^y must lie in memory that NumPy can read: .*detach"):
        F.image(torch.zeros(4000, requires_grad=True))


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_tensors_are_read_and_written_in_place(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    y = (SHORTS if dtype == "int16" else Y.astype(dtype)).reshape(2, -1)
    tensor = torch.from_numpy(y.copy())
    for strided in (tensor, tensor[:, ::2], tensor.T.contiguous().T, tensor[1], tensor[::1, 7:99]):
        read = arrays.signal(strided, "fi")
        assert read.ctypes.data == strided.data_ptr()
        assert np.array_equal(F.image(strided), F.image(strided.numpy().copy()))
    image = torch.empty(40, F.frames(8000), dtype=torch.uint8)
    assert F.image(tensor, out=image) is image
    assert np.array_equal(image.numpy(), F.image(y))
    features = torch.empty(2, 40, F.frames(8000))
    assert F.features(tensor, out=features) is features
    assert np.array_equal(features.numpy(), F.features(y))


def test_results_are_exported_in_place() -> None:
    torch = pytest.importorskip("torch")
    for result in (F.image(Y), F.features(Y), F.mel(Y), F.replace(bits=16).image(Y)):
        for tensor in (torch.from_dlpack(result), torch.as_tensor(result)):
            assert tensor.data_ptr() == result.ctypes.data
            assert np.array_equal(tensor.numpy(), result)


def test_results_speak_dlpack() -> None:
    for result in (F.image(Y), F.features(Y), F.mel(Y)):
        assert result.__dlpack_device__() == (1, 0)
        assert np.shares_memory(np.from_dlpack(result), result)
