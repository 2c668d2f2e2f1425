# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Several files as one, in the order and with the frame numbers of ``mergecap -w``.

The rule (wiretap's merge): always take the file whose next record is the earliest, and of equal
ones the file named last. Rotated files hardly overlap, so what is handed on are long runs of one
file, without copying; short runs of files that interleave are copied together.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator

import msgspec

from pcapdiag.capture.batch import Batch, excerpt
from pcapdiag.capture.walk import ascending
from pcapdiag.capture.window import Columns, Pool

SHORT_RUN = 64
"""A run of fewer packets is copied together with others: a batch of its own costs as much."""
POOL_PACKETS = 4096
POOL_BYTES = 1024 * 1024
MAX_RUNS = 262_144
"""Runs that are remembered to find a frame's file; files that interleave have many."""
NEVER = (1 << 63) - 1


class Part(msgspec.Struct, frozen=True):
    """One file of a merge: its number, the time of its first record, and how it is opened.

    ``frames`` tells how many frames were met in it so far.
    """

    file: int
    first_time: int
    open: Callable[[], Iterator[Batch | None]]
    frames: Callable[[], int]


class Origins:
    """Where merged frames come from: runs of frames of one file."""

    def __init__(self) -> None:
        self._frames = array("q")
        self._files = array("q")
        self._locals = array("q")
        self._last = -1
        self.complete = True

    def add(self, frame: int, file: int, local: int) -> None:
        """Note that ``frame`` and those after it are ``local`` and those after it of ``file``."""
        if file == self._last or not self.complete:
            return
        self._last = file
        if len(self._frames) >= MAX_RUNS:
            self.complete = False
        self._frames.append(frame)
        self._files.append(file)
        self._locals.append(local)

    def find(self, frame: int) -> tuple[int, int] | None:
        """Return (file, frame in it), or None for a frame whose run was not remembered."""
        run = bisect_right(self._frames, frame) - 1
        if run < 0 or run >= MAX_RUNS:
            return None
        return self._files[run], self._locals[run] + frame - self._frames[run]


class Cursor:
    """A file that is being read: its batch and the next record ``at`` which it stands.

    ``time`` is that record's, NEVER after the last one; ``taken`` is the number of the frame before
    it in the file; ``rest`` counts the frames behind the last packet, once that is known; ``lent``
    says that a part of a batch was handed on as it is.
    """

    def __init__(self, part: Part) -> None:
        self.file = part.file
        self.taken = 0
        self.at = 0
        self.count = 0
        self.time = NEVER
        self.rest = 0
        self.lent = False
        self._frames = part.frames
        self._batches = part.open()
        self.more()

    def more(self) -> None:
        """Go to the file's next batch."""
        self.at = 0
        self.count = 0
        self.time = NEVER
        for batch in self._batches:
            if batch is not None:
                self.batch = batch
                self.columns = Columns(batch)
                self.count = batch.count
                self.time = batch.times[0]
                self._sorted = ascending(batch, 0)
                return
        self.rest = self._frames() - self.taken

    def run_end(self, latest: int) -> int:
        """Return the end of the run of records up to the time ``latest``; at least one record."""
        times = self.columns.times
        end = self.at + 1
        near = min(self.count, end + SHORT_RUN) if self._sorted else self.count
        while end < near and times[end] <= latest:
            end += 1
        if end < near or end == self.count:
            return end
        return bisect_right(self.batch.times, latest, end, self.count)

    def number(self, end: int, frame: int) -> int:
        """Number the records up to ``end`` (not included) from ``frame`` on; return the last."""
        frames = self.columns.frames
        shift = frame - 1 - self.taken
        self.taken = frames[end - 1]
        for i in range(self.at, end):
            frames[i] += shift
        return self.taken + shift

    def skip_to(self, end: int) -> None:
        """Stand before the record ``end`` of the batch."""
        self.at = end
        self.time = self.columns.times[end] if end < self.count else NEVER

    def run(self, end: int) -> Batch:
        """Return the records up to ``end`` (not included) as a batch over the same buffer."""
        whole = self.batch
        start = self.at
        if end - start == self.count:
            return whole
        run = excerpt(whole, start, end)
        run.count = end - start
        return run


class Merger:
    """Takes run after run; a file is opened when its first record's turn may come."""

    def __init__(self, parts: list[Part], origins: Origins) -> None:
        self._waiting = sorted(parts, key=lambda part: (part.first_time, -part.file))
        self._open: list[Cursor] = []
        self._origins = origins
        self._frame = 0
        self._used_up = False
        self._gathered = Pool()
        self._spare = Pool()

    def next_batch(self) -> Batch | None:
        """Return the next packets in mergecap's order, None after the last.

        A batch is good until the next but one is asked for.
        """
        gathered = self._gathered
        while gathered.count < POOL_PACKETS and gathered.filled < POOL_BYTES:
            if self._used_up and not self._read_on():
                break
            cursor = self._first()
            if self._open_next(cursor):
                continue
            if cursor is None:
                break
            end = cursor.run_end(self._bound(cursor))
            if end - cursor.at < SHORT_RUN:
                self._number(cursor, end)
                gathered.append_run(cursor.columns, cursor.at, end)
                self._pass(cursor, end)
            elif gathered.count:
                break
            else:
                self._number(cursor, end)
                run = cursor.run(end)
                self._pass(cursor, end)
                cursor.lent = True
                return run
        return self._give_gathered()

    def _number(self, cursor: Cursor, end: int) -> None:
        self._origins.add(self._frame + 1, cursor.file, cursor.taken + 1)
        self._frame = cursor.number(end, self._frame + 1)

    def _pass(self, cursor: Cursor, end: int) -> None:
        cursor.skip_to(end)
        if end == cursor.count:
            self._used_up = True

    def _give_gathered(self) -> Batch | None:
        if not self._gathered.count:
            return None
        given = self._gathered
        self._gathered, self._spare = self._spare, given
        self._gathered.clear()
        for cursor in self._open:
            cursor.lent = False
        return given.batch()

    def _read_on(self) -> bool:
        """Read on where a batch is used up; False when what was gathered is to be given first.

        A reader's buffer is used again at the next read but one: what was lent out of it must have
        been followed by another batch before.
        """
        for cursor in self._open:
            if cursor.at == cursor.count:
                if cursor.lent and self._gathered.count:
                    return False
                cursor.more()
                self._frame += cursor.rest
        self._open = [cursor for cursor in self._open if cursor.count]
        self._used_up = False
        return True

    def _open_next(self, head: Cursor | None) -> bool:
        """Open the next file if its first record comes before that of ``head``."""
        if not self._waiting:
            return False
        part = self._waiting[0]
        if head is not None and (head.time, -head.file) < (part.first_time, -part.file):
            return False
        self._waiting.pop(0)
        cursor = Cursor(part)
        self._frame += cursor.rest
        if cursor.count:
            self._open.append(cursor)
        return True

    def _first(self) -> Cursor | None:
        """Return the file whose record is next."""
        best: Cursor | None = None
        for cursor in self._open:
            if (
                best is None
                or cursor.time < best.time
                or (cursor.time == best.time and cursor.file > best.file)
            ):
                best = cursor
        return best

    def _bound(self, head: Cursor) -> int:
        """Return the latest time at which it is still the turn of ``head``."""
        bound = NEVER
        for cursor in self._open:
            if cursor is not head:
                latest = cursor.time if head.file > cursor.file else cursor.time - 1
                bound = min(bound, latest)
        if self._waiting:
            part = self._waiting[0]
            latest = part.first_time if head.file > part.file else part.first_time - 1
            bound = min(bound, latest)
        return bound


def merge(parts: list[Part], origins: Origins) -> Iterator[Batch]:
    """Yield the records of all files in mergecap's order, ``frames`` numbered through."""
    merger = Merger(parts, origins)
    while (batch := merger.next_batch()) is not None:
        yield batch
