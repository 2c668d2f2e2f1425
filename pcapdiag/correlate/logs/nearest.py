"""Of many rows in order of time, those that may be what a line of a log is about."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple, TypeVar

from pcapdiag.correlate.logs.times import COARSE, SLOP, Moment, Span

MAX_OPTIONS = 16
"""Connections that are compared with one line, the nearest ones in time."""
Row = TypeVar("Row", bound=tuple[Any, ...])
"""Its time (ns, by the capture's clock) comes first."""


class Window(NamedTuple):
    """The offsets that are possible, and how many lines before this one say the same."""

    low: int
    high: int
    rank: int


def around(rows: list[Row], span: Span, window: Window | None, moment: Moment | None) -> list[Row]:
    """Return the rows whose time may be within a line's: of many those nearest to a moment.

    Where the log's clock is too coarse to tell rows apart they are counted off in order.
    """
    if window is None or moment is None:
        return rows
    low, high = window.low, window.high
    begin, end = span.ends
    first = bisect_left(rows, begin + low - SLOP, key=when_of)
    last = bisect_right(rows, end + high + SLOP, key=when_of)
    if last - first <= MAX_OPTIONS:
        return rows[first:last]
    start = first + window.rank
    if moment.high - moment.low < COARSE:
        start = bisect_left(rows, moment.middle + (low + high) // 2, key=when_of) - MAX_OPTIONS // 2
    start = max(first, min(start, last - MAX_OPTIONS))
    return rows[start : start + MAX_OPTIONS]


def when_of(row: tuple[Any, ...]) -> int:
    """Return the time of a row (ns)."""
    when: int = row[0]
    return when
