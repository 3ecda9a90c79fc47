# SPDX-License-Identifier: MIT
"""Ogg files, and how to have libsndfile read all links of a chained one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from melpix import _core
from melpix.audio.binary_files import Spliced
from melpix.audio.survey import Facts, Part

_UNKNOWN = 2**63 - 1  # libsndfile's frame count where the file states none


class Ogg:
    """An Ogg file's links.

    libsndfile reads the first one. It refuses Opus that ends within a packet on a page that does
    not say that it is the last one: such a link is read as if that page said so.
    """

    container = "OGG"

    def __init__(self, links: list[_core.OggLink]) -> None:
        self._links = links
        self._unread = False  # a link is none that libsndfile reads

    def suits(self, declared: int | None) -> bool:
        """As in `survey.Survey`."""
        return len(self._links) == 1 and self._links[0].end is None

    def facts(self, declared: int | None) -> Facts:
        """As in `survey.Survey`."""
        cut = any(link.lost or not link.ended for link in self._links)
        return Facts(truncated=cut or self._unread, joined=len(self._links) > 1)

    def parts(self, content: Callable[[], Any], decoder: Callable[[Any], Any]) -> list[Part]:
        """As in `survey.Survey`."""
        import soundfile

        parts: list[Part] = []
        for link in self._links:
            try:
                parts.append(_part(content, decoder, link))
            except soundfile.LibsndfileError:
                if not parts:
                    raise
                self._unread = True
        return parts


def _part(content: Callable[[], Any], decoder: Callable[[Any], Any], link: _core.OggLink) -> Part:
    import soundfile

    read = partial(_open, content, [(link.start, link.stop)])
    try:
        with read() as stream, decoder(stream) as opened:
            frames = None if opened.frames == _UNKNOWN else opened.frames
            if link.end is not None and frames:
                opened.seek(frames - 1)
                opened.read(1)
    except soundfile.LibsndfileError:
        if link.end is None:
            raise
        read = partial(_open, content, _ended(link, link.end))
        with read() as stream, decoder(stream) as opened:
            frames = None if opened.frames == _UNKNOWN else opened.frames
    return Part(read, opened.samplerate, opened.channels, frames)


def survey(stream: BinaryIO) -> Ogg | None:
    """Look over a source; None if it is no Ogg file.

    Parameters
    ----------
    stream : unbuffered binary file
        Its position is moved.
    """
    stream.seek(0)
    links = _core.survey_ogg(stream) if stream.read(4) == b"OggS" else []
    return Ogg(links) if links else None


def _ended(link: _core.OggLink, end: _core.OggEnd) -> list[bytes | tuple[int, int]]:
    return [
        (link.start, end.page + 5),
        bytes([end.flags]),
        (end.page + 6, end.page + 22),
        end.checksum.to_bytes(4, "little"),
        (end.page + 26, link.stop),
    ]


def _open(content: Callable[[], Any], pieces: list[bytes | tuple[int, int]]) -> Spliced:
    return Spliced(content(), pieces)
