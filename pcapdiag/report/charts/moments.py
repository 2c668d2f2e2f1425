"""Times of day at the foot of a chart of a whole capture."""

from __future__ import annotations

from pcapdiag.model.units import SECOND, format_seconds, parse_seconds
from pcapdiag.report.charts.time_axis import number_labels, round_numbers
from pcapdiag.report.clock import Clock

_MINUTE = 60 * SECOND
_HOUR, _DAY = 60 * _MINUTE, 1440 * _MINUTE
_STEPS = (
    *(factor * 10**power for power in (6, 7, 8) for factor in (1, 2, 5)),
    *(factor * SECOND for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * _MINUTE for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * _HOUR for factor in (1, 2, 3, 6, 12)),
    *(factor * _DAY for factor in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
"""Distances of marks, nanoseconds."""


def moments(clock: Clock, start: str, span: float, most: int) -> tuple[list[float], list[str]]:
    """Return marks as seconds after ``start``, and what is written at them.

    Times of day by the user's clock; seconds after the start where those are wanted, or where marks
    are closer than the milliseconds that a time of day has.
    """
    step = next((one for one in _STEPS if span * SECOND / one <= most), _STEPS[-1])
    if clock.mode == "relative" or span * SECOND / _STEPS[0] < most:
        ticks = round_numbers(0.0, span, most)
        return ticks, number_labels(ticks)
    begin = parse_seconds(start)
    end = begin + round(span * SECOND)
    places = range(-(-begin // step) * step, end + 1, step)
    labels = [_label(clock.absolute(format_seconds(place)), step) for place in places]
    return [(place - begin) / SECOND for place in places], labels


def _label(moment: str, step: int) -> str:
    """Return the part of ``2026-01-31T12:00:01.250Z`` that changes from mark to mark."""
    date, _, time = moment.partition("T")
    if step >= _DAY:
        return date
    return time[:12] if step < SECOND else time[:8] if step < _MINUTE else time[:5]
