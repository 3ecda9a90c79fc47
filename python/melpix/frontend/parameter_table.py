# SPDX-License-Identifier: MIT
"""What each parameter of the front-end may be, in JSON's words, and what it does, in one line."""

from __future__ import annotations

from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """One parameter of `melpix.Frontend`."""

    types: tuple[str, ...]
    """Types as JSON Schema names them; none where only `words` are allowed."""
    words: tuple[Any, ...]
    """Values that are allowed beside those of the `types`."""
    text: str
    """What it does."""


_NUMBER, _INTEGER = ("number",), ("integer",)

_EITHER = (True, False)

# In the order of the stages, as in `Frontend`.
PARAMETERS = {
    "sr": Parameter(_NUMBER, (), "Sampling rate of the signals, in Hz."),
    "duration": Parameter(_NUMBER, (None,), "Seconds that every signal is brought to."),
    "fit": Parameter(
        (), ("pad", "repeat", "repeat_pad"), "What fills a signal up to its duration."
    ),
    "level": Parameter(
        (), (None, "int16", "minmax"), "Whether samples are rounded or stretched to -1 ... 1."
    ),
    "gain": Parameter(_NUMBER, (), "What samples are multiplied by."),
    "n_fft": Parameter(_INTEGER, (None,), "Samples per FFT; null: 2 * hop_length."),
    "hop_length": Parameter(_INTEGER, (), "Samples from one frame (a column) to the next."),
    "win_length": Parameter(_INTEGER, (None,), "Samples of the window; null: n_fft."),
    "window": Parameter(
        ("string", "number", "array"),
        (),
        "The window: its name, its name with numbers, Kaiser's beta, or its samples.",
    ),
    "periodic": Parameter((), _EITHER, "Whether the window is periodic, or symmetric."),
    "framing": Parameter(
        (),
        ("center", "uncentered", "snip", "middle"),
        "Where frames lie, and what pads the signal's ends.",
    ),
    "pad_mode": Parameter(
        (),
        ("constant", "reflect", "edge", "symmetric", "linear_ramp"),
        "What frames see beyond the ends of the signal.",
    ),
    "remove_dc": Parameter((), _EITHER, "Take the mean of its samples from each frame."),
    "preemphasis": Parameter(
        _NUMBER, (), "What part of the sample before is taken from each, inside a frame."
    ),
    "spectrum": Parameter(
        (), ("magnitude", "real"), "What of each bin of the FFT goes into the bands."
    ),
    "power": Parameter(_NUMBER, (), "Exponent of the magnitude: 2 for power, 1 for magnitude."),
    "bin_offset": Parameter(_NUMBER, (), "Added to the power of each bin of the FFT."),
    "n_mels": Parameter(_INTEGER, (), "Mel bands: rows of the image."),
    "fmin": Parameter(_NUMBER, (), "Where the lowest band begins, in Hz."),
    "fmax": Parameter(_NUMBER, (None,), "Where the highest band ends, in Hz; null: mel_sr / 2."),
    "mel_sr": Parameter(_NUMBER, (None,), "The rate that the filterbank is made for; null: sr."),
    "mel_scale": Parameter((), ("slaney", "htk", "kaldi", "tf"), "The scale of the bands."),
    "norm": Parameter(
        _NUMBER,
        ("slaney", None, "inf", "-inf"),
        "Scaling of the filters: to equal area, none, or to this p-norm.",
    ),
    "compress": Parameter(
        ("array",),
        ("ln", "log10", "db", None, "pcen"),
        'What becomes of mel values: a logarithm, none, PCEN, ["power", exponent] or ["pcen", '
        "gain, bias, power, time_constant, eps].",
    ),
    "offset": Parameter(_NUMBER, (), "Added before the logarithm."),
    "floor": Parameter(_NUMBER, (None,), "What mel values are raised to."),
    "ref": Parameter(
        _NUMBER, ("max",), "The mel value whose logarithm becomes 0, or the signal's greatest."
    ),
    "top_db": Parameter(
        _NUMBER, (None,), "How far below the greatest feature a logarithm may lie, in dB."
    ),
    "columns": Parameter(_INTEGER, (None,), "Exactly so many frames."),
    "normalise": Parameter(
        ("array",),
        (None, "image", "frequency", "max"),
        "What features are normalised by: [mean, std], or the signal's own statistics.",
    ),
    "layout": Parameter((), ("mels", "flipped", "frames"), "Order of the features' axes."),
    "patch": Parameter(_INTEGER, (None,), "Cut the features into patches of so many frames."),
    "patch_step": Parameter(
        _INTEGER, (None,), "Frames from one patch to the next; null: those of a patch."
    ),
    "tail": Parameter(
        (), ("drop", "pad"), "What becomes of the frames behind the last whole patch."
    ),
    "dtype": Parameter(
        ("null",), ("float32", "float64"), "Type of the features; null: as precision has it."
    ),
    "range": Parameter(
        ("array",),
        ("minmax",),
        "Features that become no energy and the most: [lo, hi], or each image's own.",
    ),
    "rounding": Parameter(
        (), ("truncate", "nearest", "ceil"), "How a grey value becomes a whole number."
    ),
    "flip": Parameter((), _EITHER, "Low frequencies at the bottom."),
    "invert": Parameter((), _EITHER, "Black is more energy."),
    "bits": Parameter((), (8, 16), "Bits of a pixel."),
    "stack": Parameter(
        ("array",), (None,), "What further mels, as channels, change: an object for each."
    ),
    "precision": Parameter((), ("mixed", "single", "double"), "Arithmetic of the stages."),
}
