# SPDX-License-Identifier: MIT
"""The front-end's parameters: checked, completed, and in the form that the core takes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpix import arguments
from melpix.arguments import real
from melpix.frontend.parameter_table import PARAMETERS

LOGARITHMS = ("ln", "log10", "db")

_PCEN = ("gain", "bias", "power", "time_constant", "eps")

_PCEN_DEFAULTS = (0.98, 2, 0.5, 0.4, 1e-6)  # librosa.pcen's

_MOST_GAIN = 1e12  # the core's limit

_MOST_SAMPLES = 2**31  # of a signal's duration: a typing error must not fill the memory

# Parameters that follow from others where they are None.
OPEN = ("n_fft", "win_length", "fmax", "mel_sr", "patch_step", "dtype")


def complete(p: Mapping[str, Any]) -> dict[str, Any]:
    """Check all parameters and fill in those that follow from others."""
    sr = arguments.above_zero("sr", p["sr"])
    hop_length = arguments.integer("hop_length", p["hop_length"])
    n_fft = 2 * hop_length if p["n_fft"] is None else arguments.integer("n_fft", p["n_fft"])
    win_length = (
        n_fft if p["win_length"] is None else arguments.integer("win_length", p["win_length"])
    )
    if win_length > n_fft:
        raise ValueError(f"win_length must be <= n_fft ({n_fft}), got {win_length}")
    n_mels = arguments.integer("n_mels", p["n_mels"])
    mel_sr = sr if p["mel_sr"] is None else arguments.above_zero("mel_sr", p["mel_sr"])
    norm, ref = p["norm"], p["ref"]
    precision = _word(p, "precision")
    patch = _optional("patch", p["patch"], arguments.integer)
    patch_step = _optional("patch_step", p["patch_step"], arguments.integer)
    dtype = "float64" if precision == "double" else "float32"
    done = {
        "sr": sr,
        "duration": _optional("duration", p["duration"], arguments.above_zero),
        "fit": _word(p, "fit"),
        "level": _word(p, "level"),
        "gain": arguments.above_zero("gain", p["gain"]),
        "n_fft": n_fft,
        "hop_length": hop_length,
        "win_length": win_length,
        "window": checked_window(p["window"], win_length),
        "periodic": _word(p, "periodic"),
        "framing": _word(p, "framing"),
        "pad_mode": _word(p, "pad_mode"),
        "remove_dc": _word(p, "remove_dc"),
        "preemphasis": arguments.real("preemphasis", p["preemphasis"]),
        "spectrum": _word(p, "spectrum"),
        "power": arguments.above_zero("power", p["power"]),
        "bin_offset": arguments.not_below_zero("bin_offset", p["bin_offset"]),
        "n_mels": n_mels,
        "fmin": arguments.real("fmin", p["fmin"]),
        "fmax": arguments.real("fmax", mel_sr / 2 if p["fmax"] is None else p["fmax"]),
        "mel_sr": mel_sr,
        "mel_scale": _word(p, "mel_scale"),
        "norm": checked_norm(float(norm) if _is(norm, "inf", "-inf") else norm),
        "compress": _compress(p["compress"]),
        "offset": arguments.not_below_zero("offset", p["offset"]),
        "floor": _optional("floor", p["floor"], arguments.above_zero),
        "ref": ref if _is(ref, "max") else arguments.above_zero("ref", ref),
        "top_db": _optional("top_db", p["top_db"], arguments.above_zero),
        "columns": _optional("columns", p["columns"], arguments.integer),
        "normalise": _normalise(p["normalise"], n_mels),
        "layout": _word(p, "layout"),
        "patch": patch,
        "patch_step": patch if patch_step is None else patch_step,
        "tail": _word(p, "tail"),
        "dtype": dtype if p["dtype"] is None else _word(p, "dtype"),
        "range": checked_range("range", p["range"]),
        "rounding": _word(p, "rounding"),
        "flip": _word(p, "flip"),
        "invert": _word(p, "invert"),
        "bits": _word(p, "bits"),
        "stack": stack(p["stack"]),
        "precision": precision,
    }
    _check_together(done)
    return done


def _check_together(p: Mapping[str, Any]) -> None:
    """Refuse what makes no sense beside another parameter."""
    if not p["preemphasis"] < 1 or p["preemphasis"] < 0:
        raise ValueError(f"preemphasis must be >= 0 and < 1, got {p['preemphasis']}")
    if p["gain"] > _MOST_GAIN:
        raise ValueError(f"gain must be <= {_MOST_GAIN:g}, got {p['gain']}")
    if p["duration"] is not None and not 0.5 < p["duration"] * p["sr"] <= _MOST_SAMPLES:
        raise ValueError(
            f"duration must hold 1 ... {_MOST_SAMPLES} samples at {p['sr']} Hz, got {p['duration']}"
        )
    if p["framing"] == "middle" and p["hop_length"] > p["n_fft"]:
        raise ValueError(
            f"hop_length must be <= n_fft ({p['n_fft']}) with framing='middle', got "
            f"{p['hop_length']}"
        )
    if p["spectrum"] == "real":
        _check_real(p)
    if p["mel_scale"] in ("kaldi", "tf") and p["norm"] is not None:
        raise ValueError(f"norm must be None with mel_scale={p['mel_scale']!r}, got {p['norm']!r}")
    if p["compress"] in LOGARITHMS:
        if p["offset"] == 0 and p["floor"] is None:
            raise ValueError("offset must be > 0 where floor is None, got 0")
    else:
        for name, none in (("ref", 1), ("top_db", None)):
            if p[name] != none:
                raise ValueError(
                    f"{name} needs a logarithm, but compress is {p['compress']!r}: got {p[name]!r}"
                )
    if p["patch"] is None:
        if p["patch_step"] is not None:
            raise ValueError(f"patch_step needs patch, got {p['patch_step']}")
        if p["tail"] != "drop":
            raise ValueError(f"tail={p['tail']!r} needs patch")


def _check_real(p: Mapping[str, Any]) -> None:
    """Refuse what makes no sense of real parts, which have a sign."""
    for name, only in (("power", 1), ("bin_offset", 0), ("floor", None)):
        if p[name] != only:
            raise ValueError(f"{name} must be {only} with spectrum='real', got {p[name]!r}")
    compress = p["compress"]
    if compress is not None and compress[0] != "power":
        raise ValueError(
            "compress must be None or ('power', exponent) with spectrum='real', whose mel values "
            f"may be negative: got {compress!r}"
        )


def _is(value: Any, *names: str) -> bool:
    """Whether a value is one of some strings: to compare an array would give an array."""
    return isinstance(value, str) and value in names


def _word(p: Mapping[str, Any], name: str) -> Any:
    return arguments.choice(name, p[name], PARAMETERS[name].words)


def _optional(name: str, value: Any, check: Any) -> Any:
    return None if value is None else check(name, value)


def _compress(value: Any) -> Any:
    """Return None, the name of a logarithm, ('power', exponent) or ('pcen', its parameters)."""
    if value is None or _is(value, *LOGARITHMS):
        return value
    several = isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 0
    kind, *given = value if several else (value,)
    if _is(kind, "power") and len(given) == 1:
        return "power", arguments.above_zero("compress's exponent", given[0])
    if _is(kind, "pcen") and len(given) in (0, len(_PCEN)):
        numbers = tuple(
            (
                arguments.above_zero
                if name in ("time_constant", "eps")
                else arguments.not_below_zero
            )(f"compress's {name}", number)
            for name, number in zip(_PCEN, given or _PCEN_DEFAULTS, strict=True)
        )
        return "pcen", *numbers
    raise ValueError(
        "compress must be 'ln', 'log10', 'db', ('power', exponent), 'pcen', ('pcen', "
        f"{', '.join(_PCEN)}) or None, got {value!r}"
    )


def _normalise(value: Any, n_mels: int) -> Any:
    """Return None, a name, or (mean, std), each a number or one for each band."""
    if value is None or _is(value, "image", "frequency", "max"):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        mean = _statistic("normalise's mean", value[0], n_mels, arguments.real)
        return mean, _statistic("normalise's std", value[1], n_mels, arguments.above_zero)
    raise ValueError(
        f"normalise must be 'image', 'frequency', 'max', (mean, std) or None, got {value!r}"
    )


def _statistic(name: str, value: Any, n_mels: int, check: Any) -> Any:
    if hasattr(value, "tolist"):  # of NumPy
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str):
        return check(name, value)
    if len(value) != n_mels:
        raise ValueError(f"{name} must have n_mels ({n_mels}) values, got {len(value)}")
    return tuple(check(name, v) for v in value)


def stack(value: Any) -> Any:
    """Return what each further mel changes, in a form that can be hashed."""
    if value is None:
        return None
    try:
        changes = tuple(tuple(sorted(dict(change).items())) for change in value)
    except (TypeError, ValueError):
        changes = ()
    if not changes:
        raise ValueError(f"stack must be a list of dicts of parameters, or None, got {value!r}")
    return changes


def core(p: Mapping[str, Any]) -> dict[str, Any]:
    """Return complete parameters as `_core.Frontend` takes them."""
    same = (
        "sr", "duration", "fit", "gain", "n_fft", "hop_length", "win_length", "periodic", "framing",
        "pad_mode", "remove_dc", "preemphasis", "spectrum", "power", "bin_offset", "n_mels", "fmin",
        "fmax", "mel_sr", "mel_scale", "norm", "offset", "top_db", "columns", "patch", "patch_step",
        "tail", "rounding", "flip", "invert",
    )  # fmt: skip
    compress, *numbers = p["compress"] if isinstance(p["compress"], tuple) else (p["compress"],)
    parameters = {name: p[name] for name in same}
    parameters["level"] = p["level"] or "none"
    parameters["window"] = core_window(p["window"])
    parameters["compress"] = "none" if compress is None else compress
    if compress == "power":
        parameters["exponent"] = numbers[0]
    elif compress == "pcen":
        parameters["pcen"] = numbers
    parameters["floor"] = 0.0 if p["floor"] is None else p["floor"]
    parameters["ref"] = None if p["ref"] == "max" else p["ref"]
    parameters["range"] = p["range"] if isinstance(p["range"], tuple) else None
    normalise = p["normalise"]
    if isinstance(normalise, tuple):
        mean, std = (v if isinstance(v, tuple) else (v,) for v in normalise)
        parameters["normalise"] = "given", mean, std
    else:
        parameters["normalise"] = normalise or "none", (), ()
    return parameters


def to_json(value: Any) -> Any:
    """Return a complete parameter as JSON has it."""
    if value in (float("inf"), float("-inf")):
        return str(value)  # JSON has no infinity
    return [to_json(v) for v in value] if isinstance(value, tuple) else value


# scipy.signal.get_window's names and short forms, and how many parameters the window takes.
_ALIASES = {
    "ham": "hamming", "hamm": "hamming", "han": "hann", "black": "blackman", "blk": "blackman",
    "blackharr": "blackmanharris", "bkh": "blackmanharris", "bart": "bartlett", "brt": "bartlett",
    "box": "boxcar", "ones": "boxcar", "rect": "boxcar", "rectangular": "boxcar", "ksr": "kaiser",
    "gauss": "gaussian", "gss": "gaussian", "tuk": "tukey", "general hamming": "general_hamming",
}  # fmt: skip

_TUKEY_ALPHA = 0.5  # scipy's default

_MOST_FEATURE = 1e30  # the core's limit

# A name, a name with parameters, or the samples themselves.
Window = str | tuple[str | float, ...]


def checked_norm(value: Any) -> str | float | None:
    """Return the normalisation of a filterbank: 'slaney', None or the p of a p-norm."""
    if value is None or (isinstance(value, str) and value == "slaney"):
        return None if value is None else "slaney"
    if isinstance(value, str):
        raise ValueError(f"norm must be 'slaney', None or a number, got {value!r}")
    try:
        p = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"norm must be 'slaney', None or a number, got {value!r}") from None
    if math.isnan(p) or (p < 0 and p != -math.inf):
        raise ValueError(f"norm must be >= 0, inf or -inf, got {value!r}")
    return p


def checked_range(name: str, value: Any) -> str | tuple[float, float]:
    """Return 'minmax', or the two ends of a fixed range."""
    if isinstance(value, str) and value == "minmax":
        return "minmax"
    if isinstance(value, tuple | list) and len(value) == 2:
        with contextlib.suppress(ValueError):
            lo, hi = real(name, value[0]), real(name, value[1])
            if -_MOST_FEATURE <= lo < hi <= _MOST_FEATURE:
                return lo, hi
    limit = f"{_MOST_FEATURE:g}"
    raise ValueError(
        f"{name} must be 'minmax' or (lo, hi) with -{limit} <= lo < hi <= {limit}, got {value!r}"
    )


def checked_window(value: Any, win_length: int) -> Window:
    """Return any of librosa's ways to name a window in one form that can be hashed."""
    if callable(value):
        value = np.asarray(value(win_length))
    if isinstance(value, str):
        name = _ALIASES.get(value, value)
        return (name, _TUKEY_ALPHA) if name == "tukey" else name
    if np.isscalar(value):
        return ("kaiser", real("window", value))
    if isinstance(value, tuple | list) and value and isinstance(value[0], str):
        named = checked_window(value[0], win_length)
        if len(value) == 1:
            return named
        name = named if isinstance(named, str) else str(named[0])
        return (name, *(real("window", p) for p in value[1:]))
    if isinstance(value, tuple | list | np.ndarray):
        try:
            samples = np.asarray(value)
        except ValueError:  # lists of several lengths
            raise ValueError(f"window must have real samples, got {value!r}") from None
        if samples.ndim != 1 or samples.dtype.kind not in "fiu" or samples.size != win_length:
            raise ValueError(
                f"window must have win_length ({win_length}) real samples, got "
                f"{samples.dtype} of shape {samples.shape}"
            )
        if not np.isfinite(samples).all():
            raise ValueError("window samples must be finite")
        return tuple(float(w) for w in samples)
    raise ValueError(f"window must be a name, (name, parameters...) or an array, got {value!r}")


def core_window(value: Window) -> tuple[str, list[float]] | list[float]:
    """Return the window in the form that _core takes."""
    if isinstance(value, str):
        return value, []
    if isinstance(value[0], str):
        return value[0], [float(p) for p in value[1:]]
    return [float(w) for w in value]
