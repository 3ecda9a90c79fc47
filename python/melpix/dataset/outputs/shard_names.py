# SPDX-License-Identifier: MIT
"""What a shard's file is called."""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = re.compile(
    r"(shard(|-\d+-of-\d+)-(\d{6,})\.(?:tar|parquet))(?:/(.*))?", re.ASCII | re.DOTALL
)


class ShardName(NamedTuple):
    """The name of a shard, or of an image in one, in its parts.

    Attributes
    ----------
    file : str
        The shard's file.
    mark : str
        What tells the shards of a part of a dataset from those of other parts: ``"-1-of-4"``, or
        nothing.
    number : int
        Which of the shards it is, from 0.
    key : str or None
        The image's name in the shard; None for the shard itself.
    """

    file: str
    mark: str
    number: int
    key: str | None


def shard_name(mark: str, index: int, suffix: str) -> str:
    """Return the name of a shard's file.

    Examples
    --------
    >>> shard_name("", 0, ".tar"), shard_name("-1-of-4", 12, ".parquet")
    ('shard-000000.tar', 'shard-1-of-4-000012.parquet')
    """
    return f"shard{mark}-{index:06d}{suffix}"


def parse_shard_name(name: str) -> ShardName | None:
    """Take apart what `shard_name` gives, and an image's name behind it; None if it is no shard's.

    Examples
    --------
    >>> parse_shard_name("shard-1-of-4-000012.tar/dogs/bark.png")
    ShardName(file='shard-1-of-4-000012.tar', mark='-1-of-4', number=12, key='dogs/bark.png')
    >>> parse_shard_name("dogs/bark.png")
    """
    match = _NAME.fullmatch(name)
    return None if match is None else ShardName(match[1], match[2], int(match[3]), match[4])
