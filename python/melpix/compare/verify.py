# SPDX-License-Identifier: MIT
"""A preset beside its reference on somebody's own sounds: how far apart are features and pixels."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melpix import __version__, demo
from melpix.audio.load import load
from melpix.compare.bench import compare
from melpix.compare.peers import UnableError
from melpix.compare.references import REFERENCES, Reference, recipe_image
from melpix.frontend.frontend import Frontend
from melpix.frontend.presets import preset

# Noise rarely reaches what is allowed anywhere: what comes near it everywhere is another front-end.
_MOST_ON_AVERAGE = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """A preset as melpix makes it, and who it is compared with.

    Attributes
    ----------
    name : str
    frontend : Frontend
    reference : Reference
    tolerance : float
        How far apart features may be, the reference's own rounding not counted.
    """

    name: str
    frontend: Frontend
    reference: Reference
    tolerance: float


def pair(name: str) -> Pair:
    """Plan a preset and its reference.

    Raises
    ------
    ValueError
        There is no such preset.
    UnableError
        The reference's packages are not installed, or broken.
    """
    found = preset(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # others' affairs
        REFERENCES[name].ready()
    return Pair(name, Frontend.from_preset(name), REFERENCES[name], found.tolerance)


@dataclass(frozen=True, slots=True)
class Distance:
    """How far melpix is from the reference on one sound.

    Attributes
    ----------
    name : str
        The sound's.
    seconds : float
    max, mean : float
        The greatest and the average difference of two features, in the features' unit.
    of_allowed : float
        The greatest ratio of a difference to what is allowed there, or of the average difference
        to a tenth of what is allowed on average; 1 is the limit.
    identical : float
        The share of equal pixels.
    levels : int
        The largest difference of two pixels.
    """

    name: str
    seconds: float
    max: float
    mean: float
    of_allowed: float
    identical: float
    levels: int

    @property
    def within(self) -> bool:
        """Whether no feature is farther off than allowed."""
        return self.of_allowed <= 1


def measure(both: Pair, source: str | bytes | None, name: str, duration: float | None) -> Distance:
    """Compare on one sound.

    Parameters
    ----------
    both : Pair
    source : str, bytes or None
        A path, the content of a file, or the sound of the demonstration.
    name : str
        What to call it.
    duration : float or None
        The seconds to read at most.

    Raises
    ------
    DecodeError, SignalError, OSError
        As `melpix.load`.
    UnableError
        The reference or the front-end refuses the sound.
    """
    given = demo.wav() if source is None else source
    y, sr = load(given, sr=both.reference.sr, duration=duration)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # others' affairs
        expected = both.reference.features(y)
    try:
        return distance(both, y, expected, name, y.size / sr)
    except ValueError as error:  # no parameter of the user's is wrong: the sound is too short
        raise UnableError(str(error)) from error


def distance(
    both: Pair, y: NDArray[np.float32], expected: NDArray[Any], name: str, seconds: float
) -> Distance:
    """Compare melpix's features and pixels of samples with the reference's features."""
    features = both.frontend.features(y)
    if features.shape != expected.shape:
        return Distance(name, seconds, np.inf, np.inf, np.inf, 0.0, 256)
    if not features.size:  # no patch is complete
        return Distance(name, seconds, 0.0, 0.0, 0.0, 1.0, 0)
    apart = np.abs(features.astype(np.float64) - expected)
    loudest = np.maximum(features, expected).astype(np.float64)
    allowed = both.tolerance + both.reference.rounding(loudest, y)
    if both.reference.render is not None:
        pixels = compare(both.frontend.image(y), both.reference.render(expected))
    else:
        pixels = compare(recipe_image(features), recipe_image(expected))
    on_average = both.tolerance + both.reference.mean_rounding(loudest, y)
    return Distance(
        name,
        seconds,
        float(apart.max()),
        float(apart.mean()),
        float(max((apart / allowed).max(), _MOST_ON_AVERAGE * apart.mean() / on_average)),
        pixels.equal,
        pixels.levels,
    )


def report(both: Pair, distances: list[Distance], failed: list[str]) -> dict[str, Any]:
    """Sum up: JSON values.

    Parameters
    ----------
    both : Pair
    distances : list of Distance
        Of the sounds that could be compared.
    failed : list of str
        The names of the others.
    """
    worst = max(distances, key=lambda distance: distance.of_allowed, default=None)
    return {
        "preset": both.name,
        "melpix": __version__,
        "reference": both.reference.versions() or "formulas",
        "tolerance": both.tolerance,
        "reference_noise": both.reference.noise,
        "files": [
            {
                "name": distance.name,
                "seconds": distance.seconds,
                "max": _finite(distance.max),
                "mean": _finite(distance.mean),
                "of_allowed": _finite(distance.of_allowed),
                "identical": distance.identical,
                "levels": distance.levels,
                "within": distance.within,
            }
            for distance in distances
        ],
        "failed": failed,
        "worst": worst.name if worst else None,
        "within": all(distance.within for distance in distances) and not failed,
    }


def heads(both: Pair) -> Iterator[str]:
    """Say what is compared, and what the columns of `row` are."""
    versions = both.reference.versions()
    judge = " ".join(f"{name} {number}" for name, number in versions.items()) or "its formulas"
    yield (
        f"{both.name} beside {judge}: features may be {both.tolerance:g} apart, "
        f"and a tenth of that on average"
    )
    if both.reference.noise:
        yield "and as far as the reference's own float32 arithmetic loses faint bands"
    yield ""
    yield f"{'max':>9}{'mean':>9}{'/ allowed':>11}{'pixels equal':>14}"


def row(distance: Distance) -> str:
    """Lay a distance out for reading, below `heads`."""
    # Rounded down: what is not quite equal never reads as 100 %.
    equal = f"{int(distance.identical * 100_000) / 1000:.3f} %"
    return (
        f"{distance.max:9.1e}{distance.mean:9.1e}{distance.of_allowed:11.2g}{equal:>14}"
        f"   {distance.name}{'' if distance.within else '   TOO FAR'}"
    )


def summary(distances: list[Distance], failed: list[str]) -> Iterator[str]:
    """Sum up what has more than one row: line by line."""
    if len(distances) > 1:
        worst = max(distances, key=lambda distance: distance.of_allowed)
        yield ""
        yield (
            f"worst of {len(distances)}: {worst.name}, {worst.max:.1e} and "
            f"{worst.of_allowed:.2g} of what is allowed"
        )
    if failed and len(distances) + len(failed) > 1:
        yield f"{len(failed)} of {len(distances) + len(failed)} could not be compared"


def _finite(number: float) -> float | None:
    """JSON knows no infinity."""
    return number if np.isfinite(number) else None
