"""By how much a log's clock differs from the capture's, from pairs of which many may be wrong.

Every pair of a line and a connection allows a range of offsets. Pairs that are right agree on one
offset, and wrong ones (a port used twice, another proxy's line) are spread: the offset that most
lines allow is taken (Marzullo's algorithm, as NTP selects its servers: RFC 5905 section 11.2.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from pcapdiag.correlate.logs.pairs import BY_PORT, MS, Pair

SYNCED = 2_000 * MS
"""Clocks that are kept right differ by less than this."""
QUARTER = 900_000 * MS
"""Time zones differ by whole quarter hours."""
ZONED_MOST = 3_600_000 * MS
"""A log with a zone whose clock differs by more is not believed to be of the same time."""
LOCAL_MOST = 15 * 3_600_000 * MS
"""The same for local times: zones reach from UTC-12 to UTC+14."""
ENOUGH = 3
"""Lines that must agree on an offset which nothing else makes likely."""
SHARE = 0.6
"""Share of the lines that must."""

Region = tuple[int, int, int]
"""How many lines allow the offsets between the two."""


class LogClock(msgspec.Struct, frozen=True):
    """``offset`` (ns) added to a log's time gives the capture's, within ``error``."""

    offset: int
    error: int
    lines: int = 0
    """Lines that told it."""


def estimate(
    pairs: Mapping[int, Sequence[Pair]], *, zoned: bool, resolution: int
) -> LogClock | None:
    """Return the offset on which the pairs of different lines agree; None where they do not.

    ``zoned``: the log says in which zone its times are.
    """
    most = ZONED_MOST if zoned else LOCAL_MOST
    ranges = {line: _union(of_line, most) for line, of_line in pairs.items()}
    ranges = {line: found for line, found in ranges.items() if found}
    regions = _deepest(ranges.values())
    if not regions:
        return None
    best = min(regions, key=lambda region: _away(region, zoned))
    depth, low, high = best
    chosen = _of_region(pairs, low, high)
    likely = _away(best, zoned) == 0
    if not likely and not _is_certain(regions, depth, len(ranges), chosen):
        return None
    if likely and not zoned and abs(low) > SYNCED and depth < 2 and not _is_exact(chosen):
        return None
    return _clock(chosen, low, high, resolution, depth)


def _union(pairs: Iterable[Pair], most: int) -> list[tuple[int, int]]:
    """Return the offsets that a line allows, as ranges that do not overlap."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted((pair.low, pair.high) for pair in pairs):
        if high < -most or low > most:
            continue
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def _deepest(ranges: Iterable[list[tuple[int, int]]]) -> list[Region]:
    """Return the ranges of offsets that most lines allow; several where as many do."""
    edges: list[tuple[int, int]] = []
    for of_line in ranges:
        for low, high in of_line:
            edges += [(low, -1), (high, 1)]
    edges.sort()
    depth = most = 0
    found: list[Region] = []
    for number, (at, kind) in enumerate(edges):
        depth -= kind
        if kind < 0 and depth >= most:
            if depth > most:
                most, found = depth, []
            found.append((depth, at, edges[number + 1][0]))
    return found


def _away(region: Region, zoned: bool) -> int:
    """Return by how much an offset is off what clocks that are kept right have (ns)."""
    _, low, high = region
    middle = (low + high) // 2
    nearest = 0 if zoned else round(middle / QUARTER) * QUARTER
    off = max(low - nearest, nearest - high, 0)
    return max(0, off - SYNCED)


def _is_certain(regions: list[Region], depth: int, lines: int, chosen: Sequence[Pair]) -> bool:
    if len(regions) > 1 and regions[-1][1] - regions[0][2] > SYNCED:
        return False
    if _is_exact(chosen) and depth >= SHARE * lines:
        return True
    return depth >= ENOUGH and depth >= SHARE * lines


def _is_exact(chosen: Sequence[Pair]) -> bool:
    """Return whether a pair shares so much that its times need not agree beforehand."""
    return any(
        pair.strength > BY_PORT or (pair.strength == BY_PORT and "request" in pair.shared)
        for pair in chosen
    )


def _of_region(pairs: Mapping[int, Sequence[Pair]], low: int, high: int) -> list[Pair]:
    """Return one pair of each line that allows these offsets: the strongest."""
    found = []
    for of_line in pairs.values():
        fitting = [pair for pair in of_line if pair.low <= high and pair.high >= low]
        if fitting:
            found.append(max(fitting, key=lambda pair: (pair.strength, pair.apart is not None)))
    return found


def _clock(chosen: Sequence[Pair], low: int, high: int, resolution: int, depth: int) -> LogClock:
    told = sorted(pair.apart for pair in chosen if pair.apart is not None)
    if not told:
        return LogClock((low + high) // 2, max((high - low) // 2, resolution // 2), depth)
    offset = int(median(told))
    usual = told[len(told) // 20 : len(told) - len(told) // 20]
    spread = max(abs(one - offset) for one in usual)
    return LogClock(offset, spread + max(resolution // 2, MS // 2), depth)
