# SPDX-License-Identifier: MIT
"""What is known of a sound before libsndfile decodes it, by a look over the whole source.

libsndfile reads the first of several sounds that were joined, and an MP3 only as far as its header
says, or as a guess. A survey tells whether that is all, and where the pieces lie if it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from melpix.audio.binary_files import Spliced


class Facts(NamedTuple):
    """What a survey knows better than the decoder does.

    Attributes
    ----------
    frames : int or None
        Of the whole; None if that is the decoder's to say.
    exact : bool
        So many will be read, if nothing is broken; else nobody has stated the number.
    truncated, length_estimated, joined : bool
        As in `melpix.audio.clip.Clip`.
    """

    frames: int | None = None
    exact: bool = True
    truncated: bool = False
    length_estimated: bool = False
    joined: bool = False


class Part(NamedTuple):
    """A piece of a source that libsndfile reads by itself.

    Attributes
    ----------
    open : callable
        Opens it as a binary file.
    sr, channels : int
    frames : int or None
        None if nobody can say before it is decoded.
    """

    open: Callable[[], Spliced]
    sr: int
    channels: int
    frames: int | None


class Survey(Protocol):
    """What `melpix.audio.mp3` and `melpix.audio.ogg` find out.

    Attributes
    ----------
    container : str
        In libsndfile's words.
    """

    container: str

    def suits(self, declared: int | None) -> bool:
        """Whether libsndfile reads all of the source at once.

        Parameters
        ----------
        declared : int or None
            The frames that it finds; None before it is asked: whether it may be.
        """

    def facts(self, declared: int | None) -> Facts:
        """Return what is known of the source.

        Parameters
        ----------
        declared : int or None
            The frames that libsndfile finds; None where it reads the parts one by one.
        """

    def parts(self, content: Callable[[], Any], decoder: Callable[[Any], Any]) -> list[Part]:
        """Return the pieces to read one by one.

        Parameters
        ----------
        content : callable
            Opens the source as a binary file.
        decoder : callable
            Opens such a file as a `soundfile.SoundFile`.
        """
