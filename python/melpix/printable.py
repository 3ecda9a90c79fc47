# SPDX-License-Identifier: MIT
"""What names and messages look like where they are printed."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return text that stays on its line and can be encoded, whatever a file name holds.

    Examples
    --------
    >>> printable("two\nlines \udce9")
    'two\\nlines \\udce9'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
