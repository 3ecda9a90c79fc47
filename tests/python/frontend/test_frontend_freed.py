# SPDX-License-Identifier: MIT
# A front-end's plans are megabytes: they go with its last reference, not when the collector comes.
import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grids import at
from melpix import Frontend, SignalError

SMALL: dict[str, Any] = {"sr": 8000, "n_fft": 256, "hop_length": 128, "n_mels": 8}
NOISE = np.random.default_rng(0).uniform(-1, 1, 2000).astype(np.float32)


def used(f: Frontend) -> Frontend:
    f.image(NOISE)
    f.features(NOISE)
    f.images([NOISE, NOISE], threads=2)
    f.png(NOISE)
    return f


def refused(f: Frontend) -> Frontend:
    with pytest.raises(SignalError):
        f.image(np.full(2000, np.nan, np.float32))
    return f


MAKERS: dict[str, Callable[[], Frontend]] = {
    "plain": lambda: Frontend(**SMALL),
    "used": lambda: used(Frontend(**SMALL)),
    "refused": lambda: refused(Frontend(**SMALL)),
    "double": lambda: used(Frontend(**SMALL, precision="double")),
    "stacked": lambda: used(Frontend(**SMALL, stack=[{"n_fft": 512}, {"fmax": 3000}])),
    "preset": lambda: Frontend.from_preset("whisper-80"),
    "stacked preset": lambda: Frontend.from_preset("birdnet-2.4"),
    "replaced": lambda: Frontend(**SMALL).replace(n_mels=9),
    "another range": lambda: used(Frontend(**SMALL).replace(range=(-20, 5))),
    "unpickled": lambda: used(pickle.loads(pickle.dumps(Frontend(**SMALL)))),
    "copied": lambda: copy.deepcopy(Frontend(**SMALL)),
}


def alive() -> int:
    return sum(type(thing) is Frontend for thing in gc.get_objects())


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_front_end_goes_with_its_last_reference() -> None:
    before = alive()
    for name, make in MAKERS.items():
        with at(name):
            f = make()
            assert type(f) is Frontend
            del f
            assert alive() == before


@pytest.mark.usefixtures("no_collector")
def test_a_stream_goes_with_its_last_reference_and_lets_its_front_end_go() -> None:
    f = Frontend(**SMALL, range=(-20, 5))
    front_end = weakref.ref(f)
    streams = [f.stream("image"), f.stream("features"), f.stream("mel")]
    for stream in streams:
        stream.push(NOISE)
    del f, stream
    assert front_end() is not None
    streams.clear()
    assert front_end() is None
