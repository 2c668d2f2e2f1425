"""What is examined: a capture, which is one file or several that belong together."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pcapdiag.model.harmless import harmless
from pcapdiag.report.mask import mask
from pcapdiag.triage.outcome import FileStamp

MAX_NAME = 4096
"""Characters of a name; no path is longer."""


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """A file of a capture: where it is, and what it is called in everything that is written.

    ``place`` is a path or a URL and may hold a key; ``name`` never does, nor anything that steers a
    terminal. ``stamp`` is what a store's listing says of it; of a local file it is None.
    """

    place: str
    name: str
    stamp: FileStamp | None = None

    @classmethod
    def at(cls, place: str, stamp: FileStamp | None = None) -> CaptureFile:
        """Return the file at a path or URL; a path's name is absolute."""
        name = place if is_url(place) else os.path.abspath(place)
        return cls(place, public_name(name), stamp)


@dataclass(frozen=True, slots=True)
class Capture:
    """Files that are read as one capture; it is called like the first of them."""

    files: tuple[CaptureFile, ...]

    @classmethod
    def of(cls, *places: str) -> Capture:
        """Return the capture of files at these paths or URLs."""
        return cls(tuple(CaptureFile.at(place) for place in places))

    @property
    def name(self) -> str:
        """What it is called."""
        return self.files[0].name


def is_url(place: str) -> bool:
    """Return whether a place is one for fsspec, not a path."""
    return "://" in place


def public_name(text: str) -> str:
    """Return a name as it may be written anywhere: valid text of one line, without secrets."""
    return harmless(mask(text), MAX_NAME)
