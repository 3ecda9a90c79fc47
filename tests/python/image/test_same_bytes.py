# SPDX-License-Identifier: MIT
# A PNG's bytes are a function of its pixels, whichever thread of whichever process makes them.
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import pytest

import melpix
from melpix import Frontend
from melpix.image.write import encode_png
from signals import noise

T = TypeVar("T")


def in_threads(threads: int, work: Callable[[], T]) -> list[T]:
    """Return what each of so many threads made; all live at the same time."""
    made: list[T] = []
    together = threading.Barrier(threads)

    def one() -> None:
        together.wait()
        made.append(work())

    all_threads = [threading.Thread(target=one) for _ in range(threads)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    assert len(made) == threads
    return made


@pytest.fixture
def small_stacks() -> Iterator[None]:
    before = threading.stack_size(1 << 18)
    yield
    threading.stack_size(before)


@pytest.mark.usefixtures("small_stacks")
def test_bytes_do_not_depend_on_where_a_threads_stack_lies() -> None:
    # ISA-L takes the address of its state for a part of the image. Of these images and addresses,
    # one in a hundred pairs would show it.
    images = np.random.default_rng(0).integers(0, 256, (24, 1, 40), dtype=np.uint8)
    images[..., 20:32] = images[..., 1:13]
    made = in_threads(200, lambda: [encode_png(image) for image in images])
    assert all(pngs == made[0] for pngs in made)
    for image, data in zip(images, made[0], strict=True):
        np.testing.assert_array_equal(melpix.read_png(data)[0], image)


def test_sixteen_threads_make_the_same_bytes_of_every_preset() -> None:
    front_ends = [Frontend.from_preset(name) for name in melpix.presets()]
    signals = [noise(round(0.4 * f.sr), seed) for seed, f in enumerate(front_ends)]
    pairs = list(zip(front_ends, signals, strict=True))
    alone = [f.png(y) for f, y in pairs]
    assert all(pngs == alone for pngs in in_threads(16, lambda: [f.png(y) for f, y in pairs]))
