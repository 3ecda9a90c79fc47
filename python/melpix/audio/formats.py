# SPDX-License-Identifier: MIT
"""What is known of an encoding; what libsndfile says of a file that is cut short."""

from __future__ import annotations

import re

from melpix import _core
from melpix.known_formats import PLAIN, SAMPLES

_UNCOMPRESSED = {name for form in PLAIN for name in form.containers}

_FINITE = {*SAMPLES} - {"FLOAT", "DOUBLE"}


def is_plain_int16(format: str, subtype: str) -> bool:
    """Whether the file is 16-bit samples, uncompressed: then reading them as int16 is cheapest."""
    return subtype == "PCM_16" and format in _UNCOMPRESSED


def may_hold_nan(subtype: str) -> bool:
    """Whether the encoding can hold NaN or infinity: integers cannot."""
    return subtype not in _FINITE


# libsndfile clamps the frame count of a file that is cut short and says so only in its log. The
# outer chunks RIFF and FORM are left out: they may be wrong though all of the sound is there.
_SHORTFALLS = [
    re.compile(
        r"^ *(?:data|SSND|riff|Data Size) *: (?P<declared>\d+) \(should be (?P<found>\d+)\)", re.M
    ),
    re.compile(
        r"'COMM' chunk \((?P<declared>\d+)\) not equal to frame count[^(]*\((?P<found>\d+)\)"
    ),
    re.compile(r"count (?P<found>\d+) does not match .* 'ds64' chunk of (?P<declared>\d+)"),
]


def is_cut_short(log: str) -> bool:
    """Whether libsndfile's log says that the file has less sound than its header declares.

    Examples
    --------
    >>> is_cut_short("data : 529200 (should be 352785)")
    True
    >>> is_cut_short("data : 4294967295 (should be 352785)")  # written to a pipe
    False
    """
    if not log:
        return False
    if "Last page lacks an end-of-stream bit" in log:
        return True
    for pattern in _SHORTFALLS:
        for match in pattern.finditer(log):
            declared = int(match["declared"])
            if declared > int(match["found"]) and not _core.is_placeholder(declared):
                return True
    return False
