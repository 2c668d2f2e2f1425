"""The failed connections of a capture as bars over time: one row each, or one for those alike."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pcapdiag.model.report import Connection, Report
from pcapdiag.model.units import SECOND, counted, parse_seconds
from pcapdiag.report.chain import own_timeline

MAX_ROWS = 30
"""Rows; with more failed connections those alike share one, and what is still more is counted."""
MAX_BARS = 2000
"""Bars of one row; what is more is only in the number beside it."""


class Bar(msgspec.Struct, frozen=True):
    """A connection from its first packet to its last, seconds since the picture's start."""

    first: float
    last: float
    decided: float
    """When what the verdict rests on was sent."""


class BarRow(msgspec.Struct):
    """One row of bars: whose, why, by which party."""

    name: str
    code: str
    party: str
    bars: list[Bar]
    count: int = 1


class Failures(msgspec.Struct, frozen=True):
    """The rows, and in words what is not shown."""

    rows: list[BarRow]
    rest: str = ""


def failures(report: Report, start: int) -> Failures:
    """Return the failed connections in time order, or the most frequent kinds first.

    ``start`` is in nanoseconds since the epoch.
    """
    failed = (c for c in report.connections if c.verdict.failed and c.same_as is None)
    if report.summary.failed <= MAX_ROWS:
        rows = [_row(connection, start, alone=True) for connection in failed]
        rows.sort(key=lambda row: row.bars[0].first)
        return Failures(rows[:MAX_ROWS], _rest(rows[MAX_ROWS:]))
    rows = _grouped(failed, start)
    rows.sort(key=lambda row: -row.count)
    return Failures(rows[:MAX_ROWS], _rest(rows[MAX_ROWS:]))


def _grouped(failed: Iterable[Connection], start: int) -> list[BarRow]:
    groups: dict[tuple[str, str, str], BarRow] = {}
    for connection in failed:
        row = _row(connection, start, alone=False)
        known = groups.setdefault((row.name, row.code, row.party), row)
        if known is not row:
            known.count += 1
            if len(known.bars) < MAX_BARS:
                known.bars += row.bars
    return list(groups.values())


def _row(connection: Connection, start: int, *, alone: bool) -> BarRow:
    verdict = connection.verdict
    to = connection.responder.host_port
    name = f"{connection.stream}  {to}" if alone else to
    return BarRow(name, verdict.code, verdict.attribution.party, [_bar(connection, start)])


def _bar(connection: Connection, start: int) -> Bar:
    frames = set(connection.verdict.frames)
    times = [entry.time for entry in own_timeline(connection) if entry.frame in frames]
    decided = times[-1] if times else connection.end
    first, last, at = (
        (parse_seconds(time) - start) / SECOND
        for time in (connection.start, connection.end, decided)
    )
    return Bar(first, max(first, last), min(max(at, first), max(first, last)))


def _rest(rows: list[BarRow]) -> str:
    if not rows:
        return ""
    number = sum(row.count for row in rows)
    text = f"and {counted(number, 'more failed connection')}"
    return text + (f" in {counted(len(rows), 'more row')}" if number > len(rows) else "")
