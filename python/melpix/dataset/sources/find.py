# SPDX-License-Identifier: MIT
"""From files, folders and patterns to the sounds in them."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from melpix import arguments
from melpix.audio import first_bytes, refused
from melpix.dataset.sources.item import File, Path, Skipped, key_of, whole_file
from melpix.dataset.sources.lists import read_list
from melpix.known_formats import CHOICES, SUFFIXES_ON_REQUEST, UNREAD, suffixes

_SOUNDS = UNREAD | SUFFIXES_ON_REQUEST

_MAYBE = _SOUNDS | {""}  # names of links that may have led to sounds, or to folders of them

_MAGIC = re.compile(r"[*?[]")

Matcher: TypeAlias = Callable[[str], object]


class _Folder(NamedTuple):
    """A folder to search. Its names are ready to be put before those of what lies in it."""

    path: str
    key: bytes
    inside: str  # from the input folder, with "/"
    whole: bool  # take every sound
    at: frozenset[int]  # or what the pattern wants next


class Finder:
    """Gathers what is to be converted, in no order."""

    def __init__(
        self,
        include: Matcher | None,
        exclude: Matcher | None,
        recursive: bool,
        output: Path | None,
        formats: str = "common",
    ) -> None:
        self.files: list[File] = []
        self.skipped: list[Skipped] = []
        self.bases: set[bytes] = set()  # keys of folders: names of outputs start from one above
        self._include = include
        self._exclude = exclude
        self._recursive = recursive
        self._formats = arguments.choice("formats", formats, CHOICES)
        self._suffixes = suffixes(formats)
        try:
            self._output = None if output is None else os.stat(output)
        except OSError:  # it is yet to be made
            self._output = None

    def add_input(self, path: str) -> None:
        """Take what a user has named: a file, a folder or a pattern."""
        try:
            mode = os.stat(path).st_mode
        except OSError:
            magic = _MAGIC.search(path)
            if magic is None or os.path.lexists(path):
                raise
            self._add_pattern(path, magic.start())
            return
        if stat.S_ISDIR(mode):
            self._search(path, _Pattern(""))
            return
        key = key_of(path)
        self.bases.add(key.rpartition(b"\0")[0])
        if self._wants(path, os.path.basename(path)):
            if stat.S_ISREG(mode):
                self.files.append(whole_file(key, path))
            else:
                self._skip_special(path, mode)

    def add_list(self, source: str) -> None:
        """Take the files of a list, whether they exist or not."""
        for file in read_list(source):
            self.bases.add(file.key.rpartition(b"\0")[0])
            if self._wants(file.path, os.path.basename(file.path)):
                self.files.append(file)

    def _add_pattern(self, text: str, magic: int) -> None:
        folder = os.path.dirname(text[:magic])
        pattern = _Pattern(text[len(folder) :])
        if os.path.isdir(folder or os.curdir):
            self._search(folder, pattern)
        if not pattern.matched:
            raise FileNotFoundError(errno.ENOENT, "No such file, and nothing matches it", text)

    def _search(self, folder: str, pattern: _Pattern) -> None:
        key = key_of(folder)
        self.bases.add(key)
        at = pattern.start - {pattern.end}
        todo = [_Folder(os.path.join(folder, ""), key + b"\0", "", pattern.matched, at)]
        while todo:  # no recursion: folders nest as deep as somebody likes
            found = todo.pop()
            try:
                if found.inside and self._is_output(found.path):
                    continue
                with os.scandir(found.path or os.curdir) as entries:
                    for entry in entries:
                        deeper = self._look(entry, found, pattern)
                        if deeper is not None:
                            todo.append(deeper)
            except OSError as error:
                if not found.inside:  # the user named it
                    raise
                self._skip_error(found.path[:-1], error, "failed")

    def _look(self, entry: os.DirEntry[str], folder: _Folder, pattern: _Pattern) -> _Folder | None:
        """Take an entry that is a file; return it if it is a folder to search."""
        name = entry.name
        whole = folder.whole and not name.startswith(".")
        at = pattern.follow(folder.at, name) if folder.at else folder.at
        if not (whole or at):
            return None
        path, inside = folder.path + name, folder.inside + name
        matched = pattern.end in at
        pattern.matched |= matched
        suffix = name[name.rfind(".") :].lower() if "." in name else ""
        taken = whole or matched
        wanted = (
            taken
            and (suffix in self._suffixes or (matched and pattern.spells_suffix))
            and self._wants(inside, name)
        )
        try:
            if entry.is_dir():
                whole = matched or (whole and self._recursive)
                at -= {pattern.end}
                if not (whole or at) or self._excluded(inside, name):
                    return None
                if _is_link(entry):
                    message = "a link to a folder: those are not followed, but can be named"
                    self.skipped.append(Skipped(path, "not_a_file", message))
                    return None
                key = folder.key + os.fsencode(name) + b"\0"
                return _Folder(path + os.sep, key, inside + "/", whole, at)
            if wanted and entry.is_file():
                self.files.append(whole_file(folder.key + os.fsencode(name), path))
            elif wanted or (taken and suffix in _SOUNDS and not entry.is_file()):
                if self._wants(inside, name):
                    self._skip_special(path, os.stat(path).st_mode)
            elif taken and entry.is_file() and self._wants(inside, name):
                self._sniff(path, folder.key + os.fsencode(name), suffix)
            elif suffix in _MAYBE and entry.is_symlink() and not self._excluded(inside, name):
                os.stat(path)  # it may have led to a folder of sounds
        except OSError as error:  # a link to nothing, or to itself
            if wanted or suffix in _MAYBE:
                self._skip_error(path, error)
        return None

    def _sniff(self, path: str, key: bytes, suffix: str) -> None:
        """Take a file whose name does not promise a sound that is read, if it holds one."""
        try:
            with open(path, "rb", buffering=0) as file:
                kind = first_bytes.kind(file.read(first_bytes.LOOK))
        except OSError:  # what is in it nobody knows, but for its name
            kind = None
        error = None
        if kind is not None:
            error = refused.by_kind(kind, self._formats, path)
            if error is None:
                self.files.append(whole_file(key, path))
        elif suffix in SUFFIXES_ON_REQUEST:
            error = refused.on_request(suffix, path)
        elif suffix in UNREAD:
            error = refused.never(suffix, path)
        if error is not None:
            self.skipped.append(Skipped(path, error.code, error.reason, "failed"))

    def _is_output(self, folder: str) -> bool:
        return self._output is not None and os.path.samestat(os.stat(folder), self._output)

    def _wants(self, path: str, name: str) -> bool:
        if self._include and not (self._include(name) or self._include(path)):
            return False
        return not self._excluded(path, name)

    def _excluded(self, path: str, name: str) -> bool:
        return bool(self._exclude and (self._exclude(name) or self._exclude(path)))

    def _skip_special(self, path: str, mode: int) -> None:
        kind = "FIFO" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
        self.skipped.append(Skipped(path, "not_a_file", f"a {kind}, not a file"))

    def _skip_error(self, path: str, error: OSError, status: str = "skipped") -> None:
        self.skipped.append(Skipped(path, "os_error", error.strerror or str(error), status))


class _Pattern:
    """A glob pattern that is followed folder by folder, so that nothing is searched in vain.

    A position is the number of components that have been matched. An empty pattern means the
    folder itself.

    Attributes
    ----------
    start : frozenset of int
        Positions before the first name.
    end : int
        The position where all is matched.
    spells_suffix : bool
        The last component leaves no doubt what suffix is meant.
    matched : bool
        Something was found at the end.
    """

    def __init__(self, text: str) -> None:
        components = [c for c in re.split(r"[\\/]" if os.name == "nt" else "/", text) if c]
        self._matchers = [None if c == "**" else matcher([c]) for c in components]
        self._show_hidden = [c.startswith(".") for c in components]
        self.end = len(components)
        self.start = self._and_skipped({0})
        last = components[-1] if components else "*"
        suffix = os.path.splitext(last)[1]
        self.spells_suffix = not _MAGIC.search(suffix or last)
        self.matched = self.end in self.start

    def follow(self, at: frozenset[int], name: str) -> frozenset[int]:
        """Return the positions after one more name."""
        hidden = name.startswith(".")
        after = set()
        for i in at:
            matcher = self._matchers[i]
            if hidden and not self._show_hidden[i]:
                continue
            if matcher is None:
                after.add(i)
            elif matcher(name):
                after.add(i + 1)
        return self._and_skipped(after)

    def _and_skipped(self, at: set[int]) -> frozenset[int]:
        for i, matcher in enumerate(self._matchers):
            if i in at and matcher is None:  # ** may stand for no folder at all
                at.add(i + 1)
        return frozenset(at)


def matcher(patterns: Iterable[str]) -> Matcher | None:
    """Return what tells whether one of several patterns matches; None if there are none."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    text = "|".join(map(fnmatch.translate, patterns))
    return re.compile(text).match if text else None


def _is_link(entry: os.DirEntry[str]) -> bool:
    if sys.platform == "win32":  # a junction is no symbolic link there, but may make a loop
        tag = entry.stat(follow_symlinks=False).st_reparse_tag
        return entry.is_symlink() or tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    return entry.is_symlink()
