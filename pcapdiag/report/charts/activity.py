"""A capture over time as rows: what was counted in each bin, a row for each thing met."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Literal

import msgspec

from pcapdiag.model.report import Activity, Point, Report
from pcapdiag.model.units import SECOND, parse_seconds
from pcapdiag.report import words
from pcapdiag.report.clock import between

Meaning = Literal["traffic", "open", "warning", "bad", "party"]
BINS = 240
"""Bins that a row is as wide as, at most."""
ALL_POINTS = "all points: failures, each once, at its cause"
_PARTIES = ("client", "proxy", "upstream", "middlebox", "unknown")


class Series(msgspec.Struct, frozen=True):
    """One row: its name, a value for each bin, and what its highest or all of it is in words."""

    name: str
    meaning: Meaning
    values: Sequence[float]
    said: str
    party: str = ""


class Strip(msgspec.Struct, frozen=True):
    """The rows of one capture point; ``begin`` and ``bin`` in seconds, of the picture's time."""

    label: str
    begin: float
    bin: float
    series: list[Series]

    @property
    def end(self) -> float:
        """When its last bin ends."""
        return self.begin + self.bin * max((len(one.values) for one in self.series), default=0)


def strips(report: Report) -> list[Strip]:
    """Return the rows of the capture, or of each point, by the first point's clock."""
    start = picture_start(report)
    found = [
        (label, activity, (begin - start) / SECOND)
        for label, activity, begin in _activities(report)
    ]
    span = max((begin + one.bin * len(one.packets) for _, one, begin in found), default=0.0)
    wide = [(label, _with_wide_bins(one, span / BINS), begin) for label, one, begin in found]
    rows = [Strip(label, begin, one.bin, list(_rows(one))) for label, one, begin in wide]
    failed = [(one, begin, list(_failed_rows(one))) for _, one, begin in wide]
    if not report.points:
        for strip, (_, _, series) in zip(rows, failed, strict=True):
            strip.series.extend(series)
        return rows
    return rows + [
        Strip(ALL_POINTS, begin, one.bin, series) for one, begin, series in failed if series
    ]


def _activities(report: Report) -> Iterator[tuple[str, Activity, int]]:
    """Yield what was counted where, and when it begins by the first point's clock, ns."""
    if not report.points and report.activity is not None:
        yield "", report.activity, parse_seconds(report.activity.start)
    for number, point in enumerate(report.points):
        activity = point.activity or (report.activity if number == 0 else None)
        if activity is not None:
            yield _label(point), activity, _aligned(point, activity.start)


def _with_wide_bins(activity: Activity, least: float) -> Activity:
    """Return the counts in bins of ``least`` seconds at least: narrower ones cannot be seen."""
    together = math.ceil(least / activity.bin) if activity.bin > 0 else 1
    if together <= 1:
        return activity

    def joined(values: list[int], how: Callable[[list[int]], int] = sum) -> list[int]:
        return [how(values[n : n + together]) for n in range(0, len(values), together)]

    return Activity(
        start=activity.start,
        bin=activity.bin * together,
        packets=joined(activity.packets),
        bytes=joined(activity.bytes),
        opened=joined(activity.opened),
        open=joined(activity.open, max),
        retransmissions=joined(activity.retransmissions),
        resets=joined(activity.resets),
        goaways=joined(activity.goaways),
        failed={party: joined(values) for party, values in activity.failed.items()},
    )


def picture_start(report: Report) -> int:
    """Return when the picture begins: nanoseconds since the epoch, by the first point's clock."""
    starts = [_aligned(point, a.start) for point in report.points if (a := point.activity)]
    if report.activity is not None:
        starts.append(parse_seconds(report.activity.start))
    elif report.capture.first_time:
        starts.append(parse_seconds(report.capture.first_time))
    return min(starts, default=0)


def _aligned(point: Point, time: str) -> int:
    return parse_seconds(time) + round((point.clock_offset or 0.0) * SECOND)


def _label(point: Point) -> str:
    if point.clock_offset is None:
        return f"{point.label} (clock not compared)"
    return point.label


def _rows(activity: Activity) -> Iterator[Series]:
    width = activity.bin or 1.0
    rates = [value / width for value in activity.bytes]
    peak = max(rates, default=0.0)
    yield Series("TCP payload", "traffic", rates, f"up to {words.size(round(peak))}/s")
    packets = [value / width for value in activity.packets]
    rate = max(packets, default=0.0)
    yield Series("packets", "traffic", packets, f"up to {_rate(rate)}/s")
    most = max(activity.open, default=0)
    yield Series("open connections", "open", activity.open, f"up to {most:,}")
    counted: tuple[tuple[str, Meaning, list[int]], ...] = (
        ("connections begun", "open", activity.opened),
        ("sent again", "warning", activity.retransmissions),
        ("RST", "bad", activity.resets),
        ("GOAWAY", "warning", activity.goaways),
    )
    for name, meaning, values in counted:
        if any(values):
            yield Series(name, meaning, values, f"{sum(values):,} in all")


def _failed_rows(activity: Activity) -> Iterator[Series]:
    """Yield a row for each party; with several points the failures of all are counted at one."""
    for party in _PARTIES:
        values = activity.failed.get(party, [])
        if any(values):
            name = f"failed: {_WHO.get(party, party)}"
            yield Series(name, "party", values, f"{sum(values):,} in all", party)


_WHO = {"middlebox": "path", "unknown": "by unknown"}


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def picture_span(report: Report, shown: Sequence[Strip]) -> float:
    """Return for how many seconds from the picture's start there is something to show."""
    first, last = report.capture.first_time, report.capture.last_time
    whole = between(first, last) if first and last else 0.0
    return max([whole, *(strip.end for strip in shown)])


def padded(values: Sequence[float], bins: int) -> list[float]:
    """Return a value for each of ``bins`` bins: the last ones 0 where a list is shorter."""
    return [value or 0.0 for value, _ in zip_longest(values[:bins], range(bins))]
