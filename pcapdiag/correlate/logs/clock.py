"""By how much a log's clock differs from the capture's, from pairs of which many may be wrong.

Every pair of a line and a connection allows a range of offsets. Pairs that are right agree on one
offset, and wrong ones (a port used twice, another proxy's line) are spread: the offset that most
lines allow is taken (Marzullo's algorithm, as NTP selects its servers: RFC 5905 section 11.2.1).
It is believed where enough of the lines allow it; what clocks that are kept right show needs less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from pcapdiag.correlate.logs.pairs import BY_PORT, Pair
from pcapdiag.correlate.logs.times import COARSE, Span
from pcapdiag.model.units import MS

SYNCED = 2_000 * MS
"""Clocks that are kept right differ by less than this."""
SAME = 100 * MS
"""The clock of one host, which wrote the log and the capture, differs by less than this."""
QUARTER = 900_000 * MS
"""Time zones differ by whole quarter hours."""
ZONED_MOST = 3_600_000 * MS
"""A log with a zone whose clock differs by more is not believed to be of the same time."""
LOCAL_MOST = 15 * 3_600_000 * MS
"""The same for local times: zones reach from UTC-12 to UTC+14."""
ENOUGH = 3
"""Lines that must agree on an offset which nothing else makes likely."""
SHARE = 0.6
"""Share of the lines that must: of those that the offset puts into the capture's time."""
NEARLY = 0.95
"""An offset that so many of the most lines allow is as good; of those a right clock's is taken."""
RIVAL = 0.7
"""Share of them from which on another offset is as good."""

Region = tuple[int, int, int]
"""How many lines allow the offsets between the two."""


class LogClock(msgspec.Struct, frozen=True):
    """``offset`` (ns) added to a log's time gives the capture's, within ``error``."""

    offset: int
    error: int
    lines: int = 0
    """Lines that told it."""
    share: float = 1.0
    """Which share they are of those that it puts into the capture's time."""


class Clocks(msgspec.Struct, frozen=True):
    """What is known of the two clocks beforehand."""

    zoned: bool
    """The log says in which zone its times are."""
    resolution: int
    """Of the log's times, ns."""
    first: int
    """When the capture begins and ends, ns."""
    last: int

    def bases(self) -> list[int]:
        """Return the offsets around which that of a clock that is right lies, the usual first."""
        if self.zoned:
            return [0]
        quarters = range(-LOCAL_MOST // QUARTER, LOCAL_MOST // QUARTER + 1)
        return sorted((n * QUARTER for n in quarters), key=abs)

    def within(self, ends: Sequence[tuple[int, int]], offset: int) -> list[int]:
        """Return which requests an offset puts into the capture's time, or close to it."""
        first, last = self.first - SYNCED - offset, self.last + SYNCED - offset
        return [n for n, (begin, end) in enumerate(ends) if first <= end and begin <= last]

    def most(self) -> int:
        """Return the largest offset that is believed (ns)."""
        return ZONED_MOST if self.zoned else LOCAL_MOST

    def away(self, region: Region) -> int:
        """Return by how much a region is off the offset of a clock that is right (ns)."""
        _, low, high = region
        nearest = 0 if self.zoned else round((low + high) / 2 / QUARTER) * QUARTER
        return max(low - nearest, nearest - high, 0)


def estimate(
    pairs: Mapping[int, Sequence[Pair]], spans: Sequence[Span], clocks: Clocks
) -> LogClock | None:
    """Return the offset on which the pairs of different lines agree; None where they do not.

    Lines that have no pair now, and have some at another time, have an empty list in ``pairs``.
    ``spans`` has for every line when its request was under way, by the log's clock.
    """
    most = clocks.most()
    ranges = {line: _union(of_line, most) for line, of_line in pairs.items()}
    peaks = _peaks(ranges.values())
    if not peaks:
        return None
    deepest = max(depth for depth, _, _ in peaks)
    best = min((p for p in peaks if p[0] >= NEARLY * deepest), key=clocks.away)
    _, low, high = best
    chosen = _of_region(pairs, low, high)
    lines = _lines_within(pairs, spans, best, clocks)
    if _is_believed(best, peaks, chosen, clocks, lines):
        clock = _clock(chosen, best, clocks.resolution)
        return msgspec.structs.replace(clock, share=best[0] / max(lines, 1))
    return None


def _union(pairs: Sequence[Pair], most: int) -> list[tuple[int, int]]:
    """Return the offsets that a line allows, as ranges that do not overlap.

    Where some of its pairs tell a moment, those that only tell a span add nothing.
    """
    pairs = [pair for pair in pairs if pair.apart is not None] or pairs
    merged: list[tuple[int, int]] = []
    for low, high in sorted((pair.low, pair.high) for pair in pairs):
        if high < -most or low > most:
            continue
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def _peaks(ranges: Iterable[list[tuple[int, int]]]) -> list[Region]:
    """Return the ranges of offsets that more lines allow than those on either side."""
    edges: list[tuple[int, int]] = []
    for of_line in ranges:
        for low, high in of_line:
            edges += [(low, -1), (high, 1)]
    edges.sort()
    depth = 0
    found: list[Region] = []
    for number, (at, kind) in enumerate(edges):
        depth -= kind
        if kind < 0 and edges[number + 1][1] > 0:
            found.append((depth, at, edges[number + 1][0]))
    return found


def _lines_within(
    lines: Iterable[int], spans: Sequence[Span], region: Region, clocks: Clocks
) -> int:
    """Return how many lines an offset puts into the capture's time."""
    offset = (region[1] + region[2]) // 2
    within = 0
    for line in lines:
        begin, end = spans[line].ends
        within += clocks.first <= end + offset and begin + offset <= clocks.last
    return within


def _is_believed(
    best: Region, peaks: Sequence[Region], chosen: Sequence[Pair], clocks: Clocks, lines: int
) -> bool:
    depth, low, high = best
    by_port = any(pair.strength >= BY_PORT for pair in chosen)
    if depth < SHARE * lines:
        return False
    off = clocks.away(best)
    at_home = clocks.zoned or clocks.away(best) == max(low, -high, 0)
    if off <= SYNCED and depth >= ENOUGH:
        return True
    if at_home and off <= (SYNCED if by_port else SAME):
        return True
    rivals = (p for p in peaks if p[1] > high + SYNCED or p[2] < low - SYNCED)
    if any(rival[0] >= RIVAL * depth for rival in rivals):
        return False
    return depth >= ENOUGH or (by_port and _shares_more(chosen))


def _shares_more(chosen: Sequence[Pair]) -> bool:
    """Return whether a pair shares so much that its times need not agree beforehand."""
    return any(pair.strength > BY_PORT or "request" in pair.shared for pair in chosen)


def _of_region(pairs: Mapping[int, Sequence[Pair]], low: int, high: int) -> list[Pair]:
    """Return one pair of each line that allows these offsets: the strongest, then the nearest."""
    found, middle = [], (low + high) // 2
    for of_line in pairs.values():
        fitting = [pair for pair in of_line if pair.low <= high and pair.high >= low]
        if fitting:
            found.append(min(fitting, key=lambda pair: _worse(pair, middle)))
    return found


def _worse(pair: Pair, offset: int) -> tuple[bool, bool, int, int]:
    """Sort pairs: when a client asked is surer than when an upstream connection failed."""
    apart = pair.apart
    off = 0 if apart is None else abs(apart - offset)
    return apart is None, pair.leg == "upstream", -pair.strength, off


def _clock(chosen: Sequence[Pair], region: Region, resolution: int) -> LogClock:
    depth, low, high = region
    told = sorted(pair.apart for pair in chosen if pair.apart is not None)
    if not told or resolution >= COARSE:
        return LogClock((low + high) // 2, max((high - low) // 2, resolution // 2), depth)
    offset = int(median(told))
    usual = told[len(told) // 20 : len(told) - len(told) // 20]
    spread = max(abs(one - offset) for one in usual)
    return LogClock(offset, spread + max(resolution // 2, MS // 2), depth)
