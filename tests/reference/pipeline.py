# SPDX-License-Identifier: MIT
"""The stages in order, with exactly the parameters of melpix.Frontend and its defaults.

`dtype` and `precision` say how the answer is rounded; here nothing is.
"""

from __future__ import annotations

import numpy as np

from reference import compress as compressing
from reference import frame as framing
from reference import image as imaging
from reference import mel as melling
from reference import normalise as normalising
from reference import signal as signalling
from reference.spectrum import spectrum
from reference.window import window_values

DEFAULTS = {
    "sr": 22050,
    "duration": None,
    "fit": "pad",
    "level": None,
    "gain": 1.0,
    "n_fft": None,
    "hop_length": 512,
    "win_length": None,
    "window": "hann",
    "periodic": True,
    "framing": "center",
    "pad_mode": "constant",
    "remove_dc": False,
    "preemphasis": 0.0,
    "spectrum": "magnitude",
    "power": 2.0,
    "bin_offset": 0.0,
    "n_mels": 128,
    "fmin": 0.0,
    "fmax": None,
    "mel_sr": None,
    "mel_scale": "slaney",
    "norm": "slaney",
    "compress": "ln",
    "offset": 1e-9,
    "floor": None,
    "ref": 1.0,
    "top_db": None,
    "columns": None,
    "normalise": None,
    "layout": "mels",
    "patch": None,
    "patch_step": None,
    "tail": "drop",
    "dtype": None,
    "range": "minmax",
    "rounding": "truncate",
    "flip": True,
    "invert": True,
    "bits": 8,
    "stack": None,
    "precision": "mixed",
}


def complete(params):
    """All parameters of each mel that is stacked (of the one mel there is), nothing left open."""
    unknown = params.keys() - DEFAULTS.keys()
    if unknown:
        raise TypeError(f"unknown parameters: {sorted(unknown)}")
    first = DEFAULTS | params
    stacked = []
    for differing in [{}, *(first["stack"] or [])]:
        p = first | differing
        p["n_fft"] = p["n_fft"] or 2 * p["hop_length"]
        p["win_length"] = p["win_length"] or p["n_fft"]
        p["mel_sr"] = p["mel_sr"] or p["sr"]
        p["patch_step"] = p["patch_step"] or p["patch"]
        stacked.append(p)
    return stacked


# --- one mel of one signal ------------------------------------------------------------------


def signal_of(y, p):
    """The samples that are cut into frames: with the zeros that their last patch lacks."""
    y = signalling.samples(y)
    if p["duration"] is not None:
        y = signalling.cut_or_fit(y, round(p["duration"] * p["sr"]), p["fit"])
    y = signalling.level(y, p["level"]) * p["gain"]
    if p["patch"] is None or p["tail"] == "drop":
        return y
    sizes = [p[name] for name in ("framing", "n_fft", "hop_length", "win_length")]
    first = framing.samples_of(p["patch"], *sizes)
    return signalling.complete_last_patch(y, first, p["patch_step"] * p["hop_length"])


def mel_of(y, p):
    """Shape (n_mels, frames)."""
    frames = framing.frame(
        y, p["n_fft"], p["hop_length"], p["win_length"], p["framing"], p["pad_mode"]
    )
    frames = framing.under_window(frames, p["win_length"])
    if p["remove_dc"]:
        frames = framing.remove_dc(frames)
    frames = framing.preemphasis(frames, p["preemphasis"])
    frames = frames * window_values(p["window"], p["win_length"], p["periodic"])
    frames = framing.fill(frames, p["n_fft"], p["framing"])
    S = spectrum(frames, p["power"], p["bin_offset"], p["spectrum"])
    bank = melling.mel_filterbank(
        *(p[name] for name in ("mel_sr", "n_fft", "n_mels", "fmin", "fmax", "mel_scale", "norm"))
    )
    return melling.mel(S, bank)


def compressed_of(M, p):
    """A mel, compressed, and then exactly so many columns."""
    if p["columns"] is not None:
        M = M[:, : p["columns"]]
    names = ("compress", "offset", "floor", "ref", "top_db")
    L = compressing.compress(M, p["sr"], p["hop_length"], *(p[name] for name in names))
    if p["columns"] is not None:
        L = normalising.fill_columns(L, p["columns"])
    return L


def features_of(M, p):
    """Shape (n_mels, frames), or (n_mels, columns): a mel, compressed and normalised."""
    return normalising.normalise(compressed_of(M, p), p["normalise"])


def patches_of(L, patch, step):
    """Shape (patches, n_mels, patch): what is left over at the end is dropped."""
    starts = range(0, L.shape[-1] - patch + 1, step)
    return np.array([L[:, start : start + patch] for start in starts]).reshape(
        len(starts), L.shape[0], patch
    )


def laid_out(L, p):
    """The features of a mel, as the model that they are for wants them."""
    if p["layout"] == "flipped":
        L = np.flip(L, axis=0)
    if p["patch"] is not None:
        L = patches_of(L, p["patch"], p["patch_step"])
    return np.swapaxes(L, -1, -2) if p["layout"] == "frames" else L


def grey_of(M, p):
    """Grey values of a mel, not rounded, its lowest band first."""
    return imaging.grey(features_of(M, p), p["range"], p["bits"])


# --- all mels of all signals ----------------------------------------------------------------


def stacked(params, one):
    """one(p) of each mel; where several are stacked, they are channels, the last axis."""
    if params.get("stack") is None:
        return one(complete(params)[0])
    return np.stack([one(p) for p in complete(params)], axis=-1)


def over_leading_axes(y, one):
    y = np.asarray(y)
    if y.ndim == 1:
        return one(y)
    return np.stack([over_leading_axes(part, one) for part in y])


def mixed(y):
    """The mean of the channels."""
    y = np.asarray(y)
    return y if y.ndim == 1 else signalling.samples(y).mean(axis=0)


def mel(y, **params):
    """The mel spectrogram, the first where several are stacked: (..., n_mels, frames)."""
    p = complete(params)[0]
    return over_leading_axes(y, lambda x: mel_of(signal_of(x, p), p))


def features(y, **params):
    """The matrix for a model: layout, patch, stack."""
    return over_leading_axes(
        y,
        lambda x: stacked(
            params,
            lambda p: laid_out(features_of(mel_of(signal_of(x, p), p), p), p),
        ),
    )


def grey(y, **params):
    """Grey values before rounding, lowest band first, of each channel with stack."""
    x = mixed(y)
    return stacked(
        params,
        lambda p: grey_of(mel_of(signal_of(x, p), p), p),
    )


def image(y, **params):
    """Pixels: (rows, columns) and, with stack, channels."""
    x = mixed(y)

    def one(p):
        G = grey_of(mel_of(signal_of(x, p), p), p)
        return imaging.pixels(G, p["rounding"], p["flip"], p["invert"], p["bits"])

    return stacked(params, one)
