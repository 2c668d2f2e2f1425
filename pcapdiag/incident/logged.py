"""The analysis' side of its logs: what they name is looked at, and what they say is added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pcapdiag.capture import Batch
from pcapdiag.flow.endings import end_key
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.addresses import key_of
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection, Logs
from pcapdiag.model.story import Story

if TYPE_CHECKING:
    from pcapdiag.incident.logs.book import LogBook
    from pcapdiag.model.logs import LogEntry, LogSource

MAX_NAMED = 10_000
"""Connections that did not fail, and are kept only because a failed line names their ports."""


class Logged:
    """Does nothing where no log was given."""

    def __init__(self, options: AnalyzeOptions, tracker: Tracker | None = None) -> None:
        self._book: LogBook | None = None
        self._tracker = tracker
        self._named = 0
        self._listed: list[tuple[int, int]] = []
        self._is_late = options.follow
        self._is_done = False
        if options.logs:
            # What joins logs takes milliseconds to load, and most runs have none.
            from pcapdiag.incident.logs.book import LogBook

            self._book = LogBook(options.logs, filtered=options.is_filtered)

    def read_before(self, batch: Batch) -> None:
        """Read the logs before the first batch, but of a live capture when it has ended.

        Raises pcapdiag.errors.PcapdiagError for a log that cannot be read.
        """
        if self._book is None or self._book.is_read or self._is_late or not batch.count:
            return
        self._book.read(batch.times[0])
        if self._tracker is not None:
            self._tracker.endings.named = set(map(_end_key, self._book.named))

    def names(self, story: Story) -> bool:
        """Return whether a failed line names a connection, by its port or by its request."""
        if self._book is None or self._is_late:
            return False
        initiator = story.initiator
        if (initiator.address, initiator.port) not in self._book.named:
            http = story.http
            asked = ((one.method, one.target, one.status) for one in http.exchanges) if http else ()
            if not any(one in self._book.asked for one in asked):
                return False
        self._named += 1
        return self._named <= 2 * MAX_NAMED

    def listed(self, number: int, stream: int) -> None:
        """Say that a connection was listed only because a line names it."""
        self._listed.append((number, stream))

    def without_line(self) -> Iterator[tuple[int, int]]:
        """Yield number and stream of those that no line turned out to be about."""
        if self._book is not None:
            for number, stream in self._listed:
                if not self._book.has_line(("", stream)):
                    yield number, stream

    def conclude(self, connections: Iterable[Connection], first: int, last: int) -> None:
        """Tie the lines; the capture is from ``first`` to ``last`` (ns)."""
        if self._book is not None:
            self._book.conclude(connections, first, last)
            self._is_done = True

    def failed_entries(self) -> Iterator[tuple[LogSource, list[LogEntry]]]:
        """Yield each log and its failed lines, in the order of ``result().files``."""
        for shelf in self._book.shelves if self._book is not None else ():
            yield shelf.source, shelf.entries

    def add(self, connection: Connection) -> None:
        """Give a connection its lines, when they are tied."""
        if self._book is not None and self._is_done:
            self._book.add(connection)

    def result(self) -> Logs | None:
        """Return what is to be said of the logs; None where there are none."""
        return self._book.result() if self._book is not None else None


def _end_key(end: tuple[str, int]) -> int:
    _, _, low = key_of(end[0])
    return end_key(low, end[1])
