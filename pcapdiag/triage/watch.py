"""Takes up the captures of a folder as they are closed, a rotated set as one capture.

Each file is examined once, with what the files before it left open (``pipeline.analyze_part``).
What is known is on disk before anything is deleted: the link of the set first, then the outcome,
then the tables. A watch that was killed between goes on from there.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal

import msgspec

from pcapdiag.model.units import parse_seconds
from pcapdiag.triage.capture import Capture, CaptureFile
from pcapdiag.triage.chain import Link, read_link, write_link
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.manifest import Entry
from pcapdiag.triage.outcome import FileStamp
from pcapdiag.triage.rotation import Folder, Segment, uncompressed
from pcapdiag.triage.run import Triage
from pcapdiag.triage.task import Part

Keep = Literal["all", "failed", "none"]
"""Which captures stay when they are examined: all, those in which something failed, or none."""

TRIES = 5
"""How often a file is tried that could not be read, one look after the other."""
WRITE_EVERY = 30.0
"""Seconds between two writings of the tables, at the least."""
WRITE_SHARE = 10
"""They are written when that took at most one part in so many of the time since."""

LOOK_AGAIN = 10.0
"""Seconds of work after which the folder is looked at again."""

Step = Callable[[Iterator[Reply]], Reply | None]
"""Gives the next answer of an engine, None at its end; may raise to end the watch."""


Place = Literal["next", "again", "apart"]
"""Where a file stands: it continues its set; it is the one that the set came to; or it came late,
or by itself, and continues nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """A closed file that is to be examined; ``newer`` says that its set goes on."""

    segment: Segment
    name: str
    place: Place
    newer: bool
    chain: str
    """Where its set's link is."""


class Watch:
    """Looks after one folder, for one run."""

    def __init__(self, run: Triage, folder: Folder, keep: Keep) -> None:
        self.waiting = 0
        """Closed files that were not examined at the last look."""
        self._run = run
        self._folder = folder
        self._keep = keep
        self._links: dict[str, Link | None] = {}
        self._plain: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._tries: dict[tuple[str, FileStamp], int] = {}
        self._written = float("-inf")
        self._write_took = 0.0
        self._news = True

    def look(self, step: Step) -> Iterator[Entry]:
        """Examine all that is closed; yield what became of each file. Raises OutputError, OSError.

        Files of one set follow each other; sets are examined side by side.
        """
        while True:
            looked = self._folder.look().items()
            queues = [deque(self._jobs(name, segments)) for name, segments in looked]
            self.waiting = sum(map(len, queues))
            until = time.monotonic() + LOOK_AGAIN
            while jobs := {queue[0].name: queue for queue in queues if queue}:
                yield from self._work_off(jobs, step)
                if time.monotonic() > until:
                    break
            else:
                return

    def _work_off(self, jobs: dict[str, deque[Job]], step: Step) -> Iterator[Entry]:
        """Examine the first file of each set; a set whose file is to be tried again is let be."""
        firsts = [queue[0] for queue in jobs.values()]
        parts = {job.name: self._part(job) for job in firsts}
        tasks = ((_capture(job), parts[job.name]) for job in firsts)
        with closing(self._run.replies(tasks)) as replies:
            while (reply := step(replies)) is not None:
                name = reply.capture.name
                job = jobs[name].popleft()
                entries = self._take(job, parts[name], reply)
                if (job.segment.path, job.segment.stamp) in self._tries:
                    jobs[name].clear()
                self.waiting -= 1
                yield from entries

    def write(self, *, now: bool = False) -> None:
        """Write the tables where that is due, then delete what may go. Raises OutputError."""
        began = time.monotonic()
        due = self._written + max(WRITE_EVERY, WRITE_SHARE * self._write_took)
        if not self._news or (began < due and not now):
            return
        self._run.write()
        self._written = time.monotonic()
        self._write_took = self._written - began
        self._news = False
        if self._keep != "all":
            self._delete()

    def _jobs(self, name: str, segments: list[Segment]) -> Iterator[Job]:
        """Yield the files of a set that are closed and not done; the first one is its turn."""
        chain = self._run.chain_path(name)
        link = self._link(chain)
        for segment, newer in _with_newer(segments):
            known, entry = self._known(segment)
            place = _place(segment, known, link)
            # It was taken for the last one, and is not.
            reopened = place == "again" and link is not None and link.last and newer
            done = entry is not None and (place == "apart" or self._is_done(entry, segment))
            if done and not reopened:
                continue
            if not self._folder.is_closed(segment, newer=newer):
                return
            yield Job(segment, known, place, newer, chain)

    def _link(self, chain: str) -> Link | None:
        """Return where a set stands, without what it carries over."""
        if chain not in self._links:
            link = read_link(chain)
            self._links[chain] = link and msgspec.structs.replace(link, before=b"", after=b"")
        return self._links[chain]

    def _part(self, job: Job) -> Part:
        link = read_link(job.chain)
        if link is None or job.place == "apart":
            return Part(last=job.place == "apart" or not job.newer)
        return Part(link.before if job.place == "again" else link.after, last=not job.newer)

    def _known(self, segment: Segment) -> tuple[str, Entry | None]:
        """Return what a file is called, and what is known of it.

        A ring writes over its files: what begins with another packet is another capture, with a
        number behind its name. A file that grew, or was compressed, is the same one.
        """
        plain = self._plain.get(segment.path)
        if plain is None:
            plain = self._plain[segment.path] = CaptureFile.at(uncompressed(segment.path)).name
        number = self._numbers.get(plain, 1)
        while self._run.entry_of(_numbered(plain, number + 1)) is not None:
            number += 1
        self._numbers[plain] = number
        entry = self._run.entry_of(_numbered(plain, number))
        if entry is not None and entry.stamps != [segment.stamp] and segment.first:
            began = self._run.outcome_of(entry).first_time
            if began is not None and parse_seconds(began) != segment.first:
                return _numbered(plain, number + 1), None
        return _numbered(plain, number), entry

    def _is_done(self, entry: Entry, segment: Segment) -> bool:
        if entry.stamps == [segment.stamp]:
            if not entry.transient or self._run.outcome_of(entry).status != "error":
                return True
        return self._tries.get((segment.path, segment.stamp), 0) >= TRIES

    def _take(self, job: Job, part: Part, reply: Reply) -> list[Entry]:
        """Keep an answer, its set's link first: what was carried over is never lost."""
        outcome, segment = reply.outcome, job.segment
        assert outcome is not None
        tried = segment.path, segment.stamp
        self._tries[tried] = self._tries.get(tried, 0) + 1
        carried, outcome.carried = outcome.carried, b""
        if job.place != "apart":
            link = Link(
                name=job.name,
                order=segment.order,
                last=part.last,
                before=part.carried,
                after=carried,
            )
            write_link(job.chain, link)
            self._links.pop(job.chain, None)
        entries = self._run.keep(reply)
        if any(self._is_done(entry, segment) for entry in entries):
            del self._tries[tried]
        self._news = True
        return entries

    def _delete(self) -> None:
        """Delete files that are examined; the newest one of a set may still be written, and stays.

        Where something failed, the file before it stays, too: the connection may begin in it.
        """
        for segments in self._folder.look().values():
            known = [self._known(segment)[1] for segment in segments]
            for segment, entry, following in zip(segments, known, known[1:], strict=False):
                if entry is None or entry.stamps != [segment.stamp]:
                    continue
                if self._keep == "failed" and not self._may_go(following):
                    continue
                if self._may_go(entry):
                    with suppress(OSError):
                        os.unlink(segment.path)

    def _may_go(self, entry: Entry | None) -> bool:
        outcome = self._run.outcome_of(entry) if entry is not None else None
        if outcome is None or not outcome.examined or not outcome.tally.complete:
            return False
        failed = outcome.tally.failed or outcome.tally.severities.get("failure")
        return self._keep == "none" or not failed


def _capture(job: Job) -> Capture:
    return Capture((CaptureFile(job.segment.path, job.name),))


def _place(segment: Segment, name: str, link: Link | None) -> Place:
    if link is not None and link.name == name:
        return "again"
    return "next" if link is None or segment.order > link.order else "apart"


def _with_newer(segments: list[Segment]) -> Iterator[tuple[Segment, bool]]:
    """Yield the files of a set, and whether there is a newer one."""
    for number, segment in enumerate(segments, 1):
        yield segment, number < len(segments)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"
