"""Time along a chart: linear, with long pauses cut out, and marks at round numbers."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import msgspec

LONG = 6.0
"""A pause is cut out where it is this many times as long as all the rest together."""
PAUSE = 1.0
"""Seconds below which no pause is cut out."""
CROWD = 3
"""Packets that there must be, on average, between pauses that are cut out: the growing waits
between repeated packets are what a chart has to show."""
MAX_BREAKS = 4
BREAK = 0.07
"""Share of the width that a pause keeps."""
EDGE = 0.015
"""Share of the width that is left free at both ends."""
TICK_ROOM = 62.0
"""Points that a mark with its number needs."""
_ROUND = (1, 2, 5, 10)


class Pause(msgspec.Struct, frozen=True):
    """A time without packets, seconds since the start."""

    first: float
    last: float


class TimeAxis(msgspec.Struct, frozen=True):
    """Where moments are, as a share of the width; ``knots`` are (seconds, share), rising."""

    knots: list[tuple[float, float]]
    pauses: list[Pause] = []

    def place(self, seconds: float) -> float:
        """Return the share of the width at which a moment is; beyond the ends it goes on."""
        return _between(seconds, self.knots)

    def time(self, share: float) -> float:
        """Return the moment at a share of the width."""
        return _between(share, [(at, seconds) for seconds, at in self.knots])

    @property
    def first(self) -> float:
        """The first moment; a little of the axis is before it."""
        return self.knots[1][0]

    @property
    def last(self) -> float:
        """The last moment; a little of the axis is after it."""
        return self.knots[-2][0]

    @property
    def limits(self) -> tuple[float, float]:
        """The moments at the edges."""
        return self.knots[0][0], self.knots[-1][0]

    def ticks(self, width: float) -> tuple[list[float], list[str]]:
        """Return round moments and their words, for a chart that is ``width`` points wide."""
        edges = [self.first, *(edge for p in self.pauses for edge in (p.first, p.last)), self.last]
        found: list[float] = []
        labels: list[str] = []
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            room = (self.place(last) - self.place(first)) * width
            ticks = round_numbers(first, last, max(int(room / TICK_ROOM), 1))
            found += ticks
            labels += number_labels(ticks)
        return found, labels


def time_axis(times: Sequence[float]) -> TimeAxis:
    """Return the axis for packets at these moments (rising, in seconds)."""
    low = min(times, default=0.0)
    high = max([low, *times])
    if high <= low:
        around = [(low - 1.0, 0.0), (low, EDGE), (low + 0.5, 0.5), (low + 1.0, 1.0)]
        return TimeAxis(around)
    pauses = long_pauses(times)
    active = high - low - sum(pause.last - pause.first for pause in pauses)
    active = active or (high - low) * BREAK
    room = 1 - BREAK * len(pauses) - 2 * EDGE
    edge = active / room * EDGE
    knots = [(low - edge, 0.0), (low, EDGE)]
    for pause in pauses:
        at = knots[-1][1] + (pause.first - knots[-1][0]) / active * room
        if pause.first > knots[-1][0]:
            knots.append((pause.first, at))
        knots.append((pause.last, at + BREAK))
    if high > knots[-1][0]:
        knots.append((high, 1 - EDGE))
    knots.append((high + edge, 1.0))
    return TimeAxis(knots, pauses)


def long_pauses(times: Sequence[float]) -> list[Pause]:
    """Return the pauses that would press all the rest of a chart together."""
    gaps = sorted(
        (Pause(before, after) for before, after in pairwise(times)),
        key=lambda gap: gap.first - gap.last,
    )
    rest = max(times, default=0.0) - min(times, default=0.0)
    found: list[Pause] = []
    for number, gap in enumerate(gaps[:MAX_BREAKS], 1):
        length = gap.last - gap.first
        rest -= length
        if length < PAUSE or len(times) < CROWD * (number + 1):
            break
        if length > LONG * rest:
            found = gaps[:number]
    return sorted(found, key=lambda gap: gap.first)


def _between(value: float, knots: Sequence[tuple[float, float]]) -> float:
    place = bisect_right(knots, value, key=lambda knot: knot[0])
    place = min(max(place, 1), len(knots) - 1)
    (x0, y0), (x1, y1) = knots[place - 1], knots[place]
    return y0 + (value - x0) / (x1 - x0) * (y1 - y0)


def round_numbers(low: float, high: float, most: int) -> list[float]:
    """Return at most about ``most`` multiples of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        return [low]
    step = 10 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in _ROUND if step * factor >= span / most * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [(first + n) * step for n in range(int((high - first * step) / step + 1e-9) + 1)]


def number_labels(ticks: Sequence[float]) -> list[str]:
    """Return the words at marks of seconds: all in the one unit that fits them."""
    most = max((abs(tick) for tick in ticks), default=0.0)
    factor, unit = next(((f, unit) for f, unit, limit in _UNITS if most <= limit), (1 / 3600, "h"))
    scaled = [tick * factor for tick in ticks]
    if len(scaled) == 1:
        return [f"{scaled[0]:.4g} {unit}" if scaled[0] else "0"]
    step = min((b - a for a, b in pairwise(scaled) if b - a > _SAME), default=1.0)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{value:,.{min(digits, 6)}f} {unit}" if value else "0" for value in scaled]


_SAME = 1e-9
_UNITS = ((1e6, "\u00b5s", 0.001), (1e3, "ms", 1.0), (1.0, "s", 900.0), (1 / 60, "min", 7200.0))
"""By what seconds are multiplied, the unit, and the longest time in it."""
