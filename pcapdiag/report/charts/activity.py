"""A capture over time as rows: what was counted in each bin, a row for each thing met."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Literal

import msgspec

from pcapdiag.model.report import Activity, Point, Report
from pcapdiag.model.units import NANOSECONDS, parse_seconds
from pcapdiag.report import words
from pcapdiag.report.clock import between

Meaning = Literal["traffic", "open", "warning", "bad", "party"]
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
    if not report.points:
        if report.activity is None:
            return []
        return [_strip("", report.activity, 0.0)]
    start = picture_start(report)
    found = []
    for number, point in enumerate(report.points):
        activity = point.activity or (report.activity if number == 0 else None)
        if activity is not None:
            begin = _aligned(point, activity.start)
            found.append(_strip(_label(point), activity, (begin - start) / NANOSECONDS))
    return found


def picture_start(report: Report) -> int:
    """Return when the picture begins: nanoseconds since the epoch, by the first point's clock."""
    starts = [_aligned(point, a.start) for point in report.points if (a := point.activity)]
    if report.activity is not None:
        starts.append(parse_seconds(report.activity.start))
    elif report.capture.first_time:
        starts.append(parse_seconds(report.capture.first_time))
    return min(starts, default=0)


def _aligned(point: Point, time: str) -> int:
    return parse_seconds(time) + round((point.clock_offset or 0.0) * NANOSECONDS)


def _label(point: Point) -> str:
    if point.clock_offset is None:
        return f"{point.label} (clock not compared)"
    return point.label


def _strip(label: str, activity: Activity, begin: float) -> Strip:
    return Strip(label, begin, activity.bin, list(_rows(activity)))


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
    for party in _PARTIES:
        values = activity.failed.get(party, [])
        if any(values):
            name = f"failed: {_WHO.get(party, party)}"
            yield Series(name, "party", values, f"{sum(values):,} in all", party)


_WHO = {"middlebox": "path", "unknown": "not known whom"}


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
