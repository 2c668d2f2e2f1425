"""Files that a capturing program writes one after the other, as tcpdump -C and -G do.

Files belong to one set when their names differ only in what such programs count up: a number
behind the name (``-C``: ``ring.pcap1``), a date or a time (``-G``), a long number (dumpcap). Their
order is that of their first packets.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

from pcapdiag.capture.facts import Metadata
from pcapdiag.capture.looks import looks_like_capture
from pcapdiag.capture.reader import FileReader
from pcapdiag.errors import CaptureError
from pcapdiag.model.options import Stop
from pcapdiag.triage.outcome import FileStamp
from pcapdiag.triage.stamp import SETTLED_NS

GIVE_UP = 10
"""Times --settle after which a last file is taken though it breaks off: nobody goes on with it."""
MAX_KNOWN = 100_000
"""Files whose first look is remembered."""
_COMPRESSED = re.compile(r"\.(?:gz|zst|lz4|xz)$")
_COUNTED = re.compile(r"\d{4,}|\d{2}(?:[-_.:T]\d{2})+")
_BEHIND = re.compile(r"(?<=[a-z])\d+$")


def set_of(name: str) -> str:
    """Return what the names of one set have in common."""
    return _COUNTED.sub("#", _BEHIND.sub("", uncompressed(name)))


def uncompressed(name: str) -> str:
    """Return a file's name before it was compressed, as tcpdump -z gzip does when it is closed."""
    return _COMPRESSED.sub("", name)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a set; ``first`` is its first packet's time (ns), 0 where it has none yet."""

    path: str
    stamp: FileStamp
    first: int

    @property
    def order(self) -> int:
        """Its place among the files of its set (ns, epoch)."""
        return self.first or self.changed

    @property
    def changed(self) -> int:
        """When it was last written, or renamed (ns, epoch)."""
        return max(self.stamp.modified, self.stamp.changed)


class Folder:
    """Looks at a folder again and again; each look opens only the files that are new or changed."""

    def __init__(self, path: str, settle: float) -> None:
        self._path = path
        self._settle = int(settle * 1e9)
        self._looks: dict[tuple[str, FileStamp], int | None] = {}
        self._whole: dict[str, FileStamp] = {}

    def look(self) -> dict[str, list[Segment]]:
        """Return the captures in the folder by set, each in order. Raises OSError."""
        found: defaultdict[str, list[Segment]] = defaultdict(list)
        looks: dict[tuple[str, FileStamp], int | None] = {}
        with os.scandir(self._path) as entries:
            for entry in entries:
                segment = self._segment(entry, looks)
                if segment is not None:
                    found[set_of(entry.name)].append(segment)
        self._looks = looks
        sets = {name: _each_once(segments) for name, segments in found.items()}
        for segments in sets.values():
            segments.sort(key=lambda one: (one.order, one.path))
        return sets

    def is_closed(self, segment: Segment, *, newer: bool) -> bool:
        """Return whether a file is written no more; ``newer``: the next one of its set is there.

        One that was just written is let be until its stamp can be trusted.
        """
        age = time.time_ns() - segment.changed
        if newer:
            return age > SETTLED_NS
        if not segment.first or age <= max(self._settle, SETTLED_NS):
            return False
        if age > GIVE_UP * self._settle or self._whole.get(segment.path) == segment.stamp:
            return True
        if _is_whole(segment.path):
            self._whole[segment.path] = segment.stamp
            return True
        return False

    def _segment(
        self, entry: os.DirEntry[str], looks: dict[tuple[str, FileStamp], int | None]
    ) -> Segment | None:
        try:
            facts = entry.stat()
        except OSError:
            # It was removed meanwhile.
            return None
        if not stat.S_ISREG(facts.st_mode):
            return None
        stamp = FileStamp(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
        key = entry.path, stamp
        first = self._looks[key] if key in self._looks else _first_packet(entry.path)
        if len(looks) < MAX_KNOWN:
            looks[key] = first
        return None if first is None else Segment(entry.path, stamp, first)


def _each_once(segments: list[Segment]) -> list[Segment]:
    """Leave out a file that is just being compressed: the plain one is still there, and whole."""
    plain = {one.path for one in segments}
    return [
        one
        for one in segments
        if uncompressed(one.path) == one.path or uncompressed(one.path) not in plain
    ]


def _first_packet(path: str) -> int | None:
    """Return when a capture begins, 0 where it has no packet yet, None for what is no capture."""
    try:
        with open(path, "rb", buffering=0) as file:
            if not looks_like_capture(file):
                return None
        reader = FileReader(path, 0, Metadata(), Stop())
    except (OSError, CaptureError):
        return None
    try:
        batch = next(reader.batches(), None)
        return batch.times[0] if batch else 0
    except CaptureError:
        return 0
    finally:
        reader.close()


def _is_whole(path: str) -> bool:
    with suppress(CaptureError):
        reader = FileReader(path, 0, Metadata(), Stop())
        try:
            for _ in reader.batches():
                pass
            return reader.facts.complete
        finally:
            reader.close()
    return False
