"""The captures that are meant by files, directories, patterns and URLs."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pcapdiag.capture.looks import looks_like_capture
from pcapdiag.errors import UsageError
from pcapdiag.triage.capture import Capture, CaptureFile, is_url, public_name


class Sources:
    """Finds captures; what could not be looked at is in ``unreadable`` afterwards.

    In a directory, what looks like a capture by its content is one; symbolic links to files are
    followed, links to directories are not, so that no loop is entered. A file that is named, or
    fits a pattern, is always taken. Nothing inside of ``out`` is read.
    """

    def __init__(self, out: str) -> None:
        self.unreadable: list[str] = []
        self._out = os.path.realpath(out)

    def find(self, sources: Iterable[str]) -> list[Capture]:
        """Return the captures in the order of their names, each place once.

        Raises UsageError for what names nothing.
        """
        found: dict[str, CaptureFile] = {}
        for source in sources:
            for file in self._files(source):
                _add(file, found)
        return [Capture((found[name],)) for name in sorted(found)]

    def _files(self, source: str) -> Iterator[CaptureFile]:
        if is_url(source):
            from pcapdiag.triage import object_stores

            yield from object_stores.find(source)
            return
        for path in _expanded(source):
            if os.path.isdir(path):
                yield from map(CaptureFile.at, self._walk(path))
            else:
                yield CaptureFile.at(path)

    def _walk(self, folder: str) -> Iterator[str]:
        """Yield the captures in a directory and those below, in the order of their names."""
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            if os.path.realpath(folder) == self._out:
                continue
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                self._note(folder, error)
                continue
            for entry in entries:
                if self._is_folder(entry):
                    waiting.append(entry.path)
                elif self._is_capture(entry):
                    yield entry.path

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir(follow_symlinks=False)
        except OSError:
            return False

    def _is_capture(self, entry: os.DirEntry[str]) -> bool:
        try:
            if not stat.S_ISREG(entry.stat().st_mode):
                return False
            with open(entry.path, "rb", buffering=0) as file:
                return looks_like_capture(file)
        except OSError as error:
            self._note(entry.path, error)
            return False

    def _note(self, path: str, error: OSError) -> None:
        self.unreadable.append(public_name(f"{path}: {error.strerror or error}"))


def _add(file: CaptureFile, found: dict[str, CaptureFile]) -> None:
    """Add a file that is not there yet; two whose names differ in a secret alone are numbered."""
    name, number = file.name, 1
    while name in found:
        if _place(found[name]) == _place(file):
            return
        number += 1
        name = f"{file.name} ({number})"
    found[name] = replace(file, name=name)


def _place(file: CaptureFile) -> str:
    return file.place if is_url(file.place) else os.path.abspath(file.place)


def _expanded(source: str) -> list[str]:
    """Return the paths that a pattern fits, which the shell left alone; a file is itself."""
    if source == "-":
        raise UsageError("triage reads files", "standard input is for: pcapdiag analyze -")
    if os.path.lexists(source) or not glob.has_magic(source):
        return [source]
    found = sorted(glob.glob(source, recursive=True))
    if not found:
        raise UsageError(f"{public_name(source)} matches no file")
    return found
