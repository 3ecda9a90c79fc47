# SPDX-License-Identifier: MIT
"""Front-ends that bring every signal to one length: what of a signal they show, and what not."""

from __future__ import annotations

import functools

from melpix.errors import ParameterError
from melpix.frontend.frontend import Frontend


def frame(f: Frontend) -> int:
    """Return the samples without which there is no frame, if none are centred on the ends."""
    if f.framing == "middle":
        return f.n_fft - 2 * ((f.n_fft - f.hop_length) // 2)
    return f.win_length if f.framing == "snip" else f.n_fft


def left_out(f: Frontend, n: int) -> int:
    """Return how many of `n` samples, at their end, are in no column.

    Less than a hop, as any framing may leave it behind the last frame, does not count.

    Examples
    --------
    >>> f = Frontend(sr=16000, hop_length=160, n_mels=64, columns=1000)
    >>> left_out(f, 160000), left_out(f, 480000)
    (0, 320000)
    """
    kept = n if f.duration is None else min(n, round(f.duration * f.sr))
    centred = f.framing == "center"
    if f.columns is not None and _free(f).frames(kept) > f.columns + centred:
        kept = (f.columns - 1) * f.hop_length + (f.hop_length if centred else frame(f))
    return n - kept


def columns_of_sound(f: Frontend, n: int, sound: int) -> int:
    """Return in how many columns of `n` samples there is sound: `sound` of them, then zeros.

    Columns of what the front-end itself fills the signal up with are those of no sound.
    """
    target = n if f.duration is None else round(f.duration * f.sr)
    if n < target and (f.fit == "repeat" or (f.fit != "pad" and sound < n)):
        sound = target  # over and over, zeros and all
    elif n < target and f.fit == "repeat_pad":
        sound = target // n * n
    return max(1, min(f.frames(n), _free(f).frames(min(sound, target))))


def refuse_another(f: Frontend, length: int, name: str, value: float) -> None:
    """Refuse windows of so many samples if the front-end would cut them, or has another length.

    Parameters
    ----------
    f : Frontend
    length : int
    name : {"seconds", "time_steps"}
        The parameter that says how long they are.
    value : number
        Its value.

    Raises
    ------
    ValueError
        It names the parameters of the front-end that change the length.
    """
    seconds = length / f.sr
    how = f"duration={seconds:g}"
    if f.duration is not None:
        fixed = round(f.duration * f.sr)
        fits = abs(length - fixed) < f.hop_length if name == "time_steps" else length == fixed
        if not fits:
            if f.columns is not None:
                spare = _free(f).frames(fixed) - f.columns
                how += f", columns={_free(f).frames(length) - spare}"
            raise ParameterError(
                name,
                f" must give windows of {f.duration:g} s, the duration that the front-end "
                f"brings every signal to, got {value} ({seconds:g} s): leave it out, or set "
                f"{how} in Frontend(...) or in a --config file",
            )
    if left_out(f, length) > 0 and f.columns is not None:
        most = (length - left_out(f, length)) / f.sr
        raise ParameterError(
            name,
            f" must give windows of at most {most:g} s, of which the front-end's {f.columns} "
            f"columns are, got {value} ({seconds:g} s): set "
            f"columns={_free(f).frames(length)} in Frontend(...) or in a --config file",
        )


@functools.lru_cache(maxsize=16)
def _free(f: Frontend) -> Frontend:
    return f.of_any_length()
