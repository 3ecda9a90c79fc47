# SPDX-License-Identifier: MIT
"""A call in a process of its own, which a decoder may crash or hang without harm to this one."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from melpix.convert import reading  # noqa: F401  (what calls need is loaded once for all)
from melpix.errors import DecodeError
from melpix.workers.batch_pool import Pool
from melpix.workers.outcomes import Crashed, Failed, TimedOut

PATIENCE = 600.0
"""Seconds that a call may take."""

_T = TypeVar("_T")


class _Done(NamedTuple):
    result: Any
    error: Exception | None
    warned: list[tuple[str, type[Warning]]]


def apart(call: Callable[[], _T], source: str, seconds: float = PATIENCE) -> _T:
    """Call a function in a worker process, and return or raise what it does.

    Parameters
    ----------
    call : callable
        It, and what it returns, can be pickled: a `functools.partial` of a module's function.
    source : str
        The path of the sound that is decoded, or "", for errors to name.
    seconds : float > 0
        It may take so long.

    Raises
    ------
    DecodeError
        ``crashed``: the process has died of it; ``timeout``: it was killed.
    Exception
        What the function raises.
    RuntimeError
        No process can be started.

    Examples
    --------
    >>> import functools, os
    >>> apart(functools.partial(sum, (1, 2)), "")
    3
    >>> try:
    ...     apart(os.abort, "a.wav")
    ... except DecodeError as error:
    ...     print(error)
    'a.wav': its decoder has crashed: killed by SIGABRT
    """
    with Pool(_run, workers=1, timeout=seconds) as pool:
        ((_, done),) = pool.map([call])
    if isinstance(done, Crashed):
        raise DecodeError("crashed", f"its decoder has crashed: {done}", source)
    if isinstance(done, TimedOut):
        raise DecodeError("timeout", f"its decoder has hung: {done}", source)
    if isinstance(done, Failed):
        raise RuntimeError(f"{done}\n{done.traceback}")
    for text, category in done.warned:
        warnings.warn(text, category, stacklevel=3)
    if done.error is not None:
        raise done.error
    result: _T = done.result
    return result


def _run(call: Callable[[], Any]) -> _Done:
    result, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as raised:
            pickle.loads(pickle.dumps(raised))  # or it is a failure, with a traceback
            error = raised
    return _Done(result, error, [(str(w.message), w.category) for w in caught])
