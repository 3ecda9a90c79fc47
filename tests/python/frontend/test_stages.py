# SPDX-License-Identifier: MIT
"""Each parameter of the front-end against the specification, with the kernels of each processor."""

import numpy as np
import pytest

import rounding
import signals
from grids import at
from melpix import Frontend, _core
from reference import image as imaging
from reference import pipeline

# 21 frames with the defaults below: blocks of 1 ... 16 lanes, and a rest.
Y = (0.8 * signals.speech_like(1300, 8000) + signals.chirp(1300, 8000, 50, 3900, 0.1)).astype(
    np.float32
)
SMALL = {"sr": 8000, "n_fft": 128, "hop_length": 64, "n_mels": 12}
KALDI = {"framing": "snip", "win_length": 100}
REAL = {"spectrum": "real", "power": 1, "compress": None}
LISTS = ([float(b) for b in range(-12, 0)], [0.5 + b / 4 for b in range(12)])

CASES = {
    "the recipe's own": {},
    # signal
    "duration cuts": {"duration": 0.1},
    "duration pads": {"duration": 0.4},
    "repeat": {"duration": 0.4, "fit": "repeat"},
    "repeat_pad": {"duration": 0.4, "fit": "repeat_pad"},
    "int16": {"level": "int16"},
    "minmax": {"level": "minmax"},
    "gain": {"gain": 32768},
    "gain of PCEN": {"gain": 2.0**31, "power": 1, "compress": "pcen"},
    # frame
    **{f"n_fft {n}": {"n_fft": n, "n_mels": 4} for n in (1, 2, 3, 97, 100, 128, 1000, 1024)},
    **{w: {"window": w, "periodic": False} for w in ("hann", "povey", "hamming", "bartlett")},
    "povey, periodic": {"window": "povey"},
    **{
        f"{name} {number}": {"window": (name, number), "periodic": False}
        for name, number in (("kaiser", 8.6), ("gaussian", 12.5), ("tukey", 0.3))
    },
    "one sample": {"win_length": 1, "window": "povey", "periodic": False},
    "two samples": {"win_length": 2, "window": "hamming", "periodic": False},
    "snip": KALDI,
    "snip, hop beyond": KALDI | {"hop_length": 131},
    "snip, odd": {"framing": "snip", "n_fft": 101, "win_length": 50},
    **{f"middle, {mode}": {"framing": "middle", "pad_mode": mode}
       for mode in ("constant", "reflect", "edge")},
    "middle, odd": {"framing": "middle", "hop_length": 33, "pad_mode": "symmetric"},
    "middle, hop": {"framing": "middle", "hop_length": 128},
    "remove_dc": {"remove_dc": True},
    "remove_dc of a part": KALDI | {"remove_dc": True},
    "remove_dc in the middle": {"win_length": 99, "remove_dc": True},
    "preemphasis": {"preemphasis": 0.97},
    "preemphasis in the middle": {"win_length": 99, "preemphasis": 0.5},
    "both": KALDI | {"remove_dc": True, "preemphasis": 0.97, "gain": 32768},
    # spectrum
    **{f"power {p}": {"power": p} for p in (0.5, 1, 1.7, 3)},
    **{f"bin_offset, power {p}": {"bin_offset": 0.01, "power": p} for p in (0.5, 1, 2, 3)},
    "real parts": REAL,
    "magnitudes of real mels": REAL | {"compress": ("power", 1)},
    **{f"real parts ** {x}": REAL | {"compress": ("power", x)} for x in (0.25, 0.381, 0.5, 2)},
    "real parts, snip": KALDI | REAL,
    "real parts in the middle": REAL | {"win_length": 99, "preemphasis": 0.5},
    "real parts, odd": REAL | {"framing": "snip", "n_fft": 101, "win_length": 50},
    "real parts beside magnitudes": REAL | {"stack": [{"spectrum": "magnitude"}]},
    # mel
    **{f"for {sr} Hz": {"mel_sr": sr} for sr in (6000, 11025.5, 48000)},
    "for another rate, tf": {"mel_sr": 32000, "mel_scale": "tf", "norm": None, "fmax": 5000},
    "for another rate, kaldi": {"mel_sr": 4000, "mel_scale": "kaldi", "norm": None},
    "for two rates": {"stack": [{"mel_sr": 6000}]},
    **{
        f"{scale} {fmax}": {"mel_scale": scale, "norm": None, "fmin": 20, "fmax": fmax}
        for scale in ("kaldi", "tf", "htk")
        for fmax in (None, 3500, 5000)
    },
    "kaldi, odd": {"mel_scale": "kaldi", "norm": None, "n_fft": 101, "fmax": 5000},
    # compress
    **{
        f"{kind} {name}": {"compress": kind} | more
        for kind in ("ln", "log10", "db")
        for name, more in {
            "offset": {"offset": 0.01},
            "floor": {"offset": 0, "floor": 1e-5},
            "offset and floor": {"offset": 0.01, "floor": 0.1},
            "ref": {"ref": 0.02},
            "ref below floor": {"ref": 0.02, "floor": 0.1},
            "ref max": {"ref": "max"},
            "top_db": {"top_db": 30},
            "ref max, top_db": {"ref": "max", "top_db": 30, "offset": 0, "floor": 1e-10},
        }.items()
    },
    "none": {"compress": None},
    "none above a floor": {"compress": None, "floor": 0.01},
    **{f"x ** {x}": {"compress": ("power", x), "power": 1} for x in (0.25, 0.4525, 1, 2)},
    "a power above a floor": {"compress": ("power", 0.5), "floor": 0.01},
    "pcen": {"compress": "pcen"},
    "pcen above a floor": {"compress": "pcen", "floor": 0.01},
    "pcen, sudden": {"compress": ("pcen", 0.8, 10, 0.25, 0.02, 1e-3)},
    "pcen without bias": {"compress": ("pcen", 0.98, 0, 0.3, 0.06, 1e-6)},
    "pcen without power": {"compress": ("pcen", 0.5, 2, 0, 0.4, 1e-6)},
    "pcen without gain": {"compress": ("pcen", 0, 2, 0.5, 0.4, 1e-6)},
    # normalise
    "fewer columns": {"columns": 9, "ref": "max", "top_db": 20},
    "more columns": {"columns": 30, "ref": "max", "normalise": "image"},
    "more columns, whose 0 is the greatest": {"columns": 30, "offset": 1e-3},
    "more columns, whose 0 is the least": {"columns": 30, "gain": 1e5},
    **{n: {"normalise": n} for n in ("image", "frequency")},
    "max": {"normalise": "max", "compress": ("power", 0.25)},
    "max of logarithms": {"normalise": "max", "gain": 100},
    "max of negative ones": {"normalise": "max", "compress": "db", "ref": 1e6},
    "given": {"normalise": (-4, 4)},
    "given for each band": {"normalise": LISTS},
    "pcen of columns": {"compress": "pcen", "columns": 30, "normalise": "frequency"},
    # features
    **{name: {"layout": name} for name in ("flipped", "frames")},
    "patches": {"patch": 8},
    "patches that overlap": {"patch": 8, "patch_step": 3, "layout": "frames"},
    "patches apart": {"patch": 2, "patch_step": 9, "layout": "flipped"},
    "no patch": {"patch": 30},
    **{f"last patch, {f}": {"patch": 8, "tail": "pad", "framing": f}
       for f in ("center", "uncentered", "snip", "middle")},
    "a last patch that is whole": {"patch": 4, "patch_step": 5, "hop_length": 100, "tail": "pad"},
    "one patch": {"patch": 30, "tail": "pad", "layout": "frames"},
    # image
    **{f"range, {r}": {"range": (-12.5, 1), "rounding": r}
       for r in ("truncate", "nearest", "ceil")},
    **{f"flip {f}, invert {i}, {b} bits": {"flip": f, "invert": i, "bits": b}
       for f in (True, False) for i in (True, False) for b in (8, 16)},
    "16 bits, nearest": {"bits": 16, "rounding": "nearest", "range": (-80, 0), "compress": "db"},
    "16 bits, ceil": {"bits": 16, "rounding": "ceil"},
    "stack": {"stack": [{"n_fft": 256, "fmin": 500}, {"power": 1, "compress": "db"}]},
    "stack of patches": {"stack": [{"n_fft": 256}], "patch": 8, "layout": "frames"},
}  # fmt: skip

ISAS = _core.available_isas()

pytestmark = [
    pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys()),
    pytest.mark.filterwarnings("ignore:.*filters catch no bin:UserWarning"),
    pytest.mark.filterwarnings("ignore:a peak of:UserWarning"),
]


def check_pixels(image, G, tolerance, p):
    """Each pixel is that of a grey value within the tolerance."""
    q = pipeline.complete(p)[0]
    top = 2 ** q["bits"] - 1
    assert image.dtype == (np.uint8 if q["bits"] == 8 else np.uint16)
    assert image.shape == G.shape
    upright = image[::-1] if q["flip"] else image
    whole = top - upright.astype(int) if q["invert"] else upright.astype(int)
    rounded = imaging.ROUNDINGS[q["rounding"]]
    assert (rounded(np.clip(G - tolerance, 0, top)) <= whole).all()
    assert (whole <= rounded(np.clip(G + tolerance, 0, top))).all()


def test_double_precision(case, monkeypatch):
    p = SMALL | case
    features, grey = rounding.features(Y, p), rounding.grey(Y, p)
    for isa in ISAS:
        monkeypatch.setenv("MELPIX_ISA", isa)
        with at(isa):
            f = Frontend(**p, precision="double")
            rounding.check(f.features(Y), *features)
            check_pixels(f.image(Y), *grey, p)


def test_single_precision(case, monkeypatch):
    """Logarithms within 0.008 nats; what is none, within 1e-5 of the greatest."""
    p = SMALL | case
    expected = pipeline.features(Y, **p)
    spread = 1.0  # what a normalisation makes of one unit
    if p.get("normalise"):
        plain = pipeline.features(Y, **(p | {"normalise": None}))
        spread = np.ptp(expected) / np.ptp(plain) if p["normalise"] is not LISTS else 2
    if p.get("compress", "ln") in ("ln", "log10", "db"):
        unit = {"ln": 1, "log10": 1 / np.log(10), "db": 10 / np.log(10)}[p.get("compress", "ln")]
        tolerance = 2 * 0.008 * unit * spread
    else:
        tolerance = 1e-5 * np.abs(expected).max(initial=0)
    G = pipeline.grey(Y, **p)
    L = pipeline.features(Y, **(p | {"layout": "mels", "patch": None, "tail": "drop"}))
    lo, hi = p.get("range", (L.min(), L.max()))
    levels = (2 ** p.get("bits", 8) - 1) / (hi - lo) if hi > lo else 0
    for isa in ISAS:
        monkeypatch.setenv("MELPIX_ISA", isa)
        with at(isa):
            f = Frontend(**p, precision="single")
            features = f.features(Y)
            assert features.dtype == np.float32
            rounding.check(features, expected, tolerance)
            check_pixels(f.image(Y), G, tolerance * levels, p)
