"""Several files as one, in the order and with the frame numbers of ``mergecap -w``.

The rule (wiretap's merge): always take the file whose next record is the earliest, and of equal
ones the file named last. Rotated files hardly overlap, so what is handed on are long runs of one
file.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pcapdiag.capture.batch import Batch
from pcapdiag.capture.pool import Pool, part_of
from pcapdiag.capture.walk import ascending

SHORT_RUN = 64
"""A run of fewer packets is copied together with others: a batch of its own costs as much."""
POOL_PACKETS = 4096
POOL_BYTES = 1024 * 1024
MAX_RUNS = 262_144
"""Runs that are remembered to find a frame's file; files that interleave have many."""

Rank = tuple[int, int]
"""A record's time and minus its file's number: the smallest is next."""


@dataclass(slots=True)
class Part:
    """One file of a merge: its number, the time of its first record, and how it is opened."""

    file: int
    first_time: int
    open: Callable[[], Iterator[Batch | None]]


class Origins:
    """Where merged frames come from: runs of frames of one file."""

    def __init__(self) -> None:
        self._frames = array("q")
        self._files = array("q")
        self._locals = array("q")
        self.complete = True

    def add(self, frame: int, file: int, local: int) -> None:
        """Note that ``frame`` and those after it are ``local`` and those after it of ``file``."""
        if self._files and self._files[-1] == file:
            return
        if len(self._frames) >= MAX_RUNS:
            self.complete = False
            return
        self._frames.append(frame)
        self._files.append(file)
        self._locals.append(local)

    def find(self, frame: int) -> tuple[int, int] | None:
        """Return (file, frame in it), or None for a frame whose run was not remembered."""
        run = bisect_right(self._frames, frame) - 1
        if run < 0 or (not self.complete and run == len(self._frames) - 1):
            return None
        return self._files[run], self._locals[run] + frame - self._frames[run]


class _Cursor:
    """A file that is being read, and its next record."""

    def __init__(self, part: Part) -> None:
        self.file = part.file
        self.taken = 0
        self._batches = part.open()
        self.more()

    def more(self) -> bool:
        """Go to the next batch; False at the end of the file."""
        self.at = 0
        for batch in self._batches:
            if batch is not None:
                self.batch = batch
                self._sorted = ascending(batch, 0)
                return True
        self.batch = Batch(b"")
        return False

    @property
    def rank(self) -> Rank:
        """The next record's rank."""
        return self.batch.times[self.at], -self.file

    def run_end(self, bound: Rank | None) -> int:
        """Return the end of the run of records that rank before ``bound``; at least one."""
        count = self.batch.count
        if bound is None:
            return count
        # An equal time is still this file's turn where this file was named later.
        latest = bound[0] if -self.file < bound[1] else bound[0] - 1
        times = self.batch.times
        if self._sorted:
            return max(bisect_right(times, latest, self.at, count), self.at + 1)
        end = self.at + 1
        while end < count and times[end] <= latest:
            end += 1
        return end


def merge(parts: list[Part], origins: Origins) -> Iterator[Batch]:
    """Yield the records of all files in mergecap's order, ``frames`` numbered through.

    A file is opened when its first record's turn may come, and each is read on only when the batch
    before is used up. Batches are good until the next but one is asked for.
    """
    waiting = sorted(parts, key=lambda part: (part.first_time, -part.file))
    active: list[_Cursor] = []
    frame = 0
    gathered, spare = Pool(), Pool()
    while waiting or active:
        active = [cursor for cursor in active if cursor.batch.count]
        _open_next(waiting, active)
        if not active:
            break
        cursor = min(active, key=lambda one: one.rank)
        ranks = [one.rank for one in active if one is not cursor]
        ranks += [(part.first_time, -part.file) for part in waiting[:1]]
        start, end = cursor.at, cursor.run_end(min(ranks, default=None))
        origins.add(frame + 1, cursor.file, cursor.taken + 1)
        taken = cursor.batch.frames[end - 1]
        _renumber(cursor.batch, start, end, frame - cursor.taken)
        frame += taken - cursor.taken
        cursor.taken = taken
        short = end - start < SHORT_RUN
        if short:
            gathered.append_run(cursor.batch, start, end)
        enough = gathered.batch.count >= POOL_PACKETS or gathered.filled >= POOL_BYTES
        if gathered.batch.count and (enough or not short):
            yield gathered.batch
            gathered, spare = spare, gathered
            gathered.clear()
        if not short:
            whole = end - start == cursor.batch.count
            yield cursor.batch if whole else part_of(cursor.batch, start, end)
        cursor.at = end
        if end == cursor.batch.count:
            cursor.more()
    if gathered.batch.count:
        yield gathered.batch


def _open_next(waiting: list[Part], active: list[_Cursor]) -> None:
    """Open the files whose first record is not later than the next one of those that are open."""
    while waiting:
        first = (waiting[0].first_time, -waiting[0].file)
        if active and min(cursor.rank for cursor in active) < first:
            return
        cursor = _Cursor(waiting.pop(0))
        if cursor.batch.count:
            active.append(cursor)


def _renumber(batch: Batch, start: int, end: int, shift: int) -> None:
    if shift:
        batch.frames[start:end] = array("q", [frame + shift for frame in batch.frames[start:end]])
