# SPDX-License-Identifier: MIT
"""Hypothesis draws front-ends and signals: any valid set of parameters that is quick."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from reference import frame, pipeline

LOGS = ("ln", "log10", "db")
PAD_MODES = frame.PAD_MODES
WINDOWS = ("hann", "povey", "hamming", "blackman", "blackmanharris", "bartlett", "boxcar", "tukey")
WINDOWS += (("kaiser", 8.6), 4.0, ("gaussian", 12.5), ("tukey", 0.3), ("general_hamming", 0.6))


def number(least, greatest):
    return st.floats(least, greatest, allow_subnormal=False)


def maybe(strategy):
    """None as often as not."""
    return st.one_of(st.none(), strategy)


def optional(p, draw, **strategies):
    """Adds each with even odds, so that defaults meet everything else."""
    for name, strategy in strategies.items():
        if draw(st.booleans()):
            p[name] = draw(strategy)


def draw_signal_stage(p, draw):
    optional(
        p,
        draw,
        level=st.sampled_from(["int16", "minmax", None]),
        gain=st.sampled_from([1.0, 0.125, 32768, 2.0**31]),
    )
    if draw(st.booleans()):
        p["duration"] = draw(number(0.02, 0.15))
        optional(p, draw, fit=st.sampled_from(["pad", "repeat", "repeat_pad"]))


def draw_frame(p, draw):
    n_fft = p["n_fft"] = draw(st.sampled_from([1, 2, 3, 16, 31, 64, 97, 100, 128, 200, 256]))
    p["framing"] = draw(st.sampled_from(["center", "uncentered", "snip", "middle"]))
    most = n_fft if p["framing"] == "middle" else 2 * n_fft + 3
    p["hop_length"] = draw(st.integers(max(1, min(most, n_fft // 5)), most))
    optional(
        p,
        draw,
        win_length=st.integers(1, n_fft),
        window=st.sampled_from(WINDOWS),
        periodic=st.booleans(),
        pad_mode=st.sampled_from(PAD_MODES),
        remove_dc=st.booleans(),
        preemphasis=st.sampled_from([0, 0.5, 0.97]),
    )


def draw_mel(p, draw):
    p["sr"] = draw(st.sampled_from([8000, 16000, 22050.5]))
    p["n_mels"] = draw(st.integers(1, 12))
    optional(
        p,
        draw,
        power=st.sampled_from([1, 2, 1.0, 0.5, 1.7, 3]),
        bin_offset=st.sampled_from([0, 1e-9, 0.1]),
        fmin=number(0, 500),
        fmax=st.one_of(st.none(), number(1000, 0.7 * p["sr"])),
        mel_sr=st.sampled_from([6000, 11025.5, 48000]),
        mel_scale=st.sampled_from(["slaney", "htk", "kaldi", "tf"]),
        # No p-norms: of a filter that catches one bin at its very edge, they make a rounding as
        # large as the others. test_melspectrogram.py compares them with librosa's.
        norm=st.sampled_from(["slaney", None]),
    )
    if p.get("mel_scale") in ("kaldi", "tf"):
        p["norm"] = None
    if draw(st.integers(0, 5)) == 5:
        p |= {"spectrum": "real", "power": 1, "bin_offset": 0}


PCEN = st.tuples(
    st.just("pcen"),
    number(0, 1),
    st.sampled_from([0, 2, 10.0]),
    st.sampled_from([0, 0.5, 0.25]),
    number(0.01, 1),
    st.sampled_from([1e-6, 1e-3]),
)


def draw_compress(p, draw):
    if p.get("spectrum") == "real":
        powers = st.tuples(st.just("power"), st.sampled_from([0.25, 0.381, 1, 2]))
        p["compress"] = draw(st.one_of(st.none(), powers))
        return
    p["compress"] = draw(
        st.one_of(
            st.sampled_from([*LOGS, None, "pcen"]),
            st.tuples(st.just("power"), st.sampled_from([0.25, 0.5, 1, 2])),
            PCEN,
        )
    )
    # Of samples that are multiplied by a gain, bands are faint below another offset.
    unit = max(1.0, p.get("gain", 1.0)) ** p.get("power", 2)
    optional(p, draw, floor=st.sampled_from([1e-10 * unit, 1e-5 * unit, 1.0]))
    if p["compress"] in LOGS:
        p["offset"] = draw(st.sampled_from([1e-9 * unit, 0.01 * unit]))
        if "floor" in p and draw(st.booleans()):
            p["offset"] = 0
        optional(p, draw, ref=st.sampled_from([1, 0.5, "max"]), top_db=st.sampled_from([80, 12.5]))


def draw_normalise(p, draw):
    optional(p, draw, columns=st.integers(1, 40))
    bands = st.lists(number(0.5, 4), min_size=p["n_mels"], max_size=p["n_mels"])
    menu = [
        st.sampled_from(["image", "frequency"]),
        st.tuples(number(-5, 5), number(0.5, 4)),
        st.tuples(bands, bands),
    ]
    signed = p.get("spectrum") == "real" and p["compress"] is None
    if p["compress"] not in LOGS and not signed:  # whose greatest may be next to 0
        menu.append(st.just("max"))
    optional(p, draw, normalise=st.one_of(menu))


def draw_features(p, draw):
    optional(
        p,
        draw,
        layout=st.sampled_from(["mels", "flipped", "frames"]),
        dtype=st.sampled_from([None, "float32", "float64"]),
    )
    if draw(st.booleans()):
        p["patch"] = draw(st.integers(1, 12))
        optional(p, draw, patch_step=st.integers(1, 15), tail=st.sampled_from(["drop", "pad"]))


def draw_image(p, draw):
    optional(
        p,
        draw,
        range=st.sampled_from(["minmax", (-20, 5), [-80, 0.5], (0, 1)]),
        rounding=st.sampled_from(["truncate", "nearest", "ceil"]),
        flip=st.booleans(),
        invert=st.booleans(),
        bits=st.sampled_from([8, 16]),
    )


def draw_stack(p, draw):
    """Further mels that have the same bands and frames as the first."""
    if draw(st.integers(0, 3)) == 0:
        differing = st.fixed_dictionaries(
            {"fmin": number(0, 900)},
            optional={"power": st.sampled_from([1, 2] if p.get("spectrum") != "real" else [1])},
        )
        p["stack"] = draw(st.lists(differing, min_size=1, max_size=3))


STAGES = (draw_signal_stage, draw_frame, draw_mel, draw_compress, draw_normalise, draw_features)
STAGES += (draw_image, draw_stack)


@st.composite
def parameter_sets(draw, **fixed):
    """Valid keywords of melpix.Frontend."""
    p = {}
    for stage in STAGES:
        stage(p, draw)
    return p | fixed


KINDS = {
    "noise": lambda rng, n: rng.uniform(-1, 1, n),
    "silence": lambda rng, n: np.zeros(n),
    "constant": lambda rng, n: np.full(n, 0.5),
    "impulse": lambda rng, n: (np.arange(n) == n // 3).astype(float),
    "tone": lambda rng, n: np.sin(0.3 * np.arange(n)),
    "full swing": lambda rng, n: np.where(np.arange(n) % 2, 1.0, -1.0),
    "denormals": lambda rng, n: rng.uniform(-1e-40, 1e-40, n),
    "sound after silence": lambda rng, n: rng.uniform(-1, 1, n) * (np.arange(n) > n // 2),
}


@st.composite
def signals(draw, dtypes=("int16", "float16", "float32", "float64"), kinds=tuple(KINDS)):
    """A signal of any length from one sample on."""
    n = draw(st.one_of(st.integers(1, 40), st.integers(1, 2500)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = KINDS[draw(st.sampled_from(kinds))](rng, n)
    dtype = draw(st.sampled_from(dtypes))
    if dtype == "int16":
        return np.round(y * 32767).astype(np.int16)
    return (y * draw(st.sampled_from([1, 0.01, 1.5]))).astype(dtype)


def is_long_enough(y, p):
    """Whether there is a frame of each stacked mel; where patches are completed, there is."""
    sizes = ("framing", "n_fft", "hop_length", "win_length")
    for q in pipeline.complete(p):
        n = y.size if q["duration"] is None else round(q["duration"] * q["sr"])
        completed = q["patch"] is not None and q["tail"] == "pad"
        if not completed and n < max(1, frame.samples_of(1, *(q[name] for name in sizes))):
            return False
    return True
