# SPDX-License-Identifier: MIT
"""Features cut into patches: what networks with an input of fixed width take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cut(features: NDArray[Any], time: int, first: int, size: int, step: int) -> NDArray[Any]:
    """Cut an axis into patches of `size`, which begin every `step`.

    Parameters
    ----------
    features : np.ndarray
    time : int
        The axis of the frames. Those behind the last whole patch are left out.
    first : int
        The axis that patches get, at `time` or before it.
    size, step : int >= 1
        In frames.

    Returns
    -------
    np.ndarray
        A view where patches lie side by side already.

    Examples
    --------
    >>> cut(np.arange(10).reshape(5, 2), time=0, first=0, size=2, step=1)[..., 0]
    array([[0, 2],
           [2, 4],
           [4, 6],
           [6, 8]])
    """
    count = max(0, 1 + (features.shape[time] - size) // step)
    if step == size and time == first:
        before, after = features.shape[:first], features.shape[first + 1 :]
        whole = features[(*(slice(None),) * first, slice(0, count * size))]
        return whole.reshape((*before, count, size, *after))
    frames = step * np.arange(count)[:, np.newaxis] + np.arange(size)
    patches = features.take(frames, time)
    return patches if time == first else np.ascontiguousarray(np.moveaxis(patches, time, first))
