"""Lines that keep above some points and below others: what one clock can be to another.

A packet seen at two points was seen at the nearer one first, so it bounds the clocks' difference
from one side, and a packet the other way from the other side; queues and distance only make a
bound looser. As the clocks drift, the difference is a line over time. Of all lines that keep the
bounds the ends of their slopes tell the whole range (Moon, Skelly and Towsley 1999, "Estimation
and removal of clock skew from network delay measurements", with bounds from both sides). Only the
convex hulls of the bounds matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from pcapdiag.model.points import MAX_DRIFT

Bound = tuple[int, int]
"""A time, and the least or the most that the difference can be then (both ns)."""

ROUNDS = 64
"""Halvings of an interval of slopes: as often as a float has bits."""


class Line(msgspec.Struct, frozen=True):
    """A difference of clocks over time: ``offset`` at ``reference``, and its error bound (ns)."""

    offset: int
    drift: float
    reference: int
    error: int

    def at(self, time: int) -> int:
        """Return the difference at a time."""
        return self.offset + round(self.drift * (time - self.reference))


class Corridor:
    """The bounds within one stretch of time.

    ``lower`` and ``upper`` are in the order of their times, and none is empty.
    """

    def __init__(self, lower: Sequence[Bound], upper: Sequence[Bound]) -> None:
        self.first = min(lower[0][0], upper[0][0])
        self.last = max(lower[-1][0], upper[-1][0])
        self._base = lower[0][1]
        self._lower = _hull((t - self.first, x - self._base) for t, x in lower)
        mirrored = _hull((t - self.first, self._base - x) for t, x in upper)
        self._upper = [(t, -x) for t, x in mirrored]

    def width(self, slope: float) -> float:
        """Return by how much a line of that slope must break a bound; 0 or less if it need not."""
        return max(x - slope * t for t, x in self._lower) - min(
            x - slope * t for t, x in self._upper
        )

    def best_slope(self) -> float:
        """Return the slope with the most room; the width is a convex function of the slope."""
        low, high = -MAX_DRIFT, MAX_DRIFT
        for _ in range(ROUNDS):
            third = (high - low) / 3
            if self.width(low + third) <= self.width(high - third):
                high -= third
            else:
                low += third
        return (low + high) / 2

    def fits(self, tolerance: int) -> bool:
        """Return whether a line breaks no bound by more than the tolerance (ns)."""
        return self.width(0.0) <= 2 * tolerance or self.width(self.best_slope()) <= 2 * tolerance

    def line(self) -> Line:
        """Return the line whose greatest possible error, from first to last, is least.

        Bounds that contradict one another are loosened, by twice what it takes at least.
        """
        best = self.best_slope()
        slack = max(self.width(best), 0.0)
        least = self._last_slope(best, -MAX_DRIFT, slack)
        most = self._last_slope(best, MAX_DRIFT, slack)
        span = self.last - self.first
        # With times from the first on, both bounds at the first fall as the slope grows, and both
        # at the last rise.
        start = self._low(most, 0) - slack, self._high(least, 0) + slack
        end = self._low(least, span) - slack, self._high(most, span) + slack
        middle = sum(start) / 2, sum(end) / 2
        error = max(start[1] - start[0], end[1] - end[0]) / 2
        drift = (middle[1] - middle[0]) / span if span else 0.0
        return Line(self._base + round(middle[0]), drift, self.first, int(error) + 2)

    def _last_slope(self, inside: float, outside: float, slack: float) -> float:
        """Return the last slope that keeps the bounds, or the first that does not."""
        if self.width(outside) <= 2 * slack:
            return outside
        for _ in range(ROUNDS):
            middle = (inside + outside) / 2
            if self.width(middle) <= 2 * slack:
                inside = middle
            else:
                outside = middle
        return outside

    def _low(self, slope: float, at: int) -> float:
        return max(x - slope * (t - at) for t, x in self._lower)

    def _high(self, slope: float, at: int) -> float:
        return min(x - slope * (t - at) for t, x in self._upper)


def _hull(bounds: Iterable[Bound]) -> list[Bound]:
    """Return the upper convex hull of bounds in the order of time (Andrew's monotone chain)."""
    hull: list[Bound] = []
    for t, x in bounds:
        if hull and hull[-1][0] == t:
            if hull[-1][1] >= x:
                continue
            hull.pop()
        while len(hull) > 1 and _is_below(hull[-2], hull[-1], (t, x)):
            hull.pop()
        hull.append((t, x))
    return hull


def _is_below(a: Bound, b: Bound, c: Bound) -> bool:
    """Return whether ``b`` is on or below the line from ``a`` to ``c``."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])
