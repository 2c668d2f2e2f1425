"""When a line's request was under way, by the log's clock, as closely as the line says it."""

from __future__ import annotations

from typing import NamedTuple

from pcapdiag.model.logs import LogEntry
from pcapdiag.model.units import MS

SLOP = 20 * MS
"""A proxy logs what it met, and acts on it, within this time."""
COARSE = 500 * MS
"""A log whose times are no finer says little of which request was which."""


class Moment(NamedTuple):
    """A moment by the log's clock: it lies between the two (ns)."""

    low: int
    high: int

    @property
    def middle(self) -> int:
        """The best guess."""
        return (self.low + self.high) // 2


class Span(NamedTuple):
    """From when to when a line's request was under way; None where it does not say."""

    begin: Moment | None
    end: Moment | None

    @property
    def ends(self) -> tuple[int, int]:
        """The earliest and the latest moment (ns)."""
        begin, end = self.begin or self.end, self.end or self.begin
        return (begin.low, end.high) if begin and end else (0, 0)


def span_of(entry: LogEntry) -> Span:
    """Return when a line's request began and ended, by the log's clock."""
    time, resolution, duration = entry.time, entry.resolution, entry.duration
    logged = Moment(time, time + resolution)
    if entry.begin:
        if duration is None:
            return Span(logged, None)
        return Span(logged, Moment(time + duration, time + duration + resolution + MS))
    if duration is None:
        return Span(None, logged)
    return Span(Moment(time - duration - MS, time - duration + resolution), logged)
