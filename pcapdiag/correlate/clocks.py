"""How the clocks of several points stand to the first one's, with an error bound.

From the packets that two points saw both, in both directions (``sightings.py``): each bounds the
difference of the clocks at its time from one side, and a line is laid between the bounds
(``bounds.py``). Where no line fits, a clock was set: there is a step (``steps.py``). Points that
share no packet are compared by way of others, and the errors add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.correlate.bounds import Line
from pcapdiag.correlate.sightings import Limit, Sighting, direction, limits, sightings
from pcapdiag.correlate.steps import Stretch, lay_lines
from pcapdiag.model.points import MAX_DRIFT, ClockStep, Match, Matches, PointClock, Print

MAX_COMPARED = 50_000
"""Connections at two points that are compared, from all of the time alike: more would hardly narrow
the bound."""


class _Compared(msgspec.Struct, frozen=True):
    """One point's clock to another's: nothing in ``stretches`` where it is not known."""

    stretches: tuple[Stretch, ...] = ()
    packets: int = 0
    guess: int = 0

    @property
    def error(self) -> int:
        return max(stretch.line.error for stretch in self.stretches)


def estimate_clocks(points: Sequence[Sequence[Print]], matches: Matches) -> tuple[PointClock, ...]:
    """Return every point's clock, the first point's being everybody's.

    The bounds hold for clocks that go evenly between their steps, within Linux' limit of drift
    (``MAX_DRIFT``). A step that a line within the bounds explains as well is not seen.
    """
    if not points:
        return ()
    comparing = _Comparing(points, matches)
    known = {0: _Compared((_own_time(points[0]),))}
    while True:
        ways = [
            (known[near].error + one.error, far, near, one)
            for near in sorted(known)
            for far in range(len(points))
            if far not in known and (one := comparing.clock(near, far)).stretches
        ]
        if not ways:
            break
        _, far, near, one = min(ways, key=lambda way: way[:3])
        known[far] = one if near == 0 else _joined(known[near], one)
    return tuple(
        _clock(known.get(point) or comparing.clock(0, point), is_first=point == 0)
        for point in range(len(points))
    )


class _Comparing:
    """Compares two points' clocks, each two once."""

    def __init__(self, points: Sequence[Sequence[Print]], matches: Matches) -> None:
        self._matches = matches.found
        self._prints = [{one.stream: one for one in prints} for prints in points]
        self._done: dict[tuple[int, int], _Compared] = {}

    def clock(self, near: int, far: int) -> _Compared:
        """Return the clock of ``far`` as the clock of ``near`` shows it."""
        if (near, far) not in self._done:
            self._done[near, far] = self._compare(near, far)
        return self._done[near, far]

    def _compare(self, near: int, far: int) -> _Compared:
        seen: list[tuple[str, int, list[Sighting]]] = []
        usual: Counter[str] = Counter()
        for match, a, b in self._pairs(near, far):
            found = sightings(a, b, match, (near, far))
            way = direction(found)
            usual[a.initiator[0]] += way
            seen.append((a.initiator[0], way, found))
        told: list[Limit] = []
        ahead: list[int] = []
        for address, way, found in seen:
            ahead += [one.ahead for one in found]
            # One initiator is not now before and now behind a point: a packet was mistaken.
            if usual[address] * way >= 0:
                told += limits(found, way)
        told.sort()
        ahead.sort()
        guess = ahead[len(ahead) // 2] if ahead else 0
        return _Compared(tuple(lay_lines(told)), len(ahead), guess)

    def _pairs(self, near: int, far: int) -> Iterator[tuple[Match, Print, Print]]:
        found = [
            match
            for match in self._matches
            if match.streams[near] is not None and match.streams[far] is not None
        ]
        for match in found[:: len(found) // MAX_COMPARED + 1]:
            one, other = match.streams[near], match.streams[far]
            if one is not None and other is not None:
                yield match, self._prints[near][one], self._prints[far][other]


def _own_time(prints: Sequence[Print]) -> Stretch:
    since = min((one.start for one in prints), default=0)
    until = max((one.end for one in prints), default=0)
    return Stretch(since, until, Line(0, 0.0, since, 0))


def _joined(near: _Compared, far: _Compared) -> _Compared:
    """Return the clock of a far point by way of a nearer one, whose own clock is known."""
    found = [
        joined
        for behind in far.stretches
        for before in near.stretches
        if (joined := _join(before, behind)) is not None
    ]
    if not found:
        found = [_extended(near.stretches[-1], far.stretches[0])]
    return _Compared(tuple(found), min(near.packets, far.packets))


def _join(before: Stretch, behind: Stretch) -> Stretch | None:
    line = _sum(before.line, behind.line)
    since = max(behind.since, before.since - behind.line.at(behind.since))
    until = min(behind.until, before.until - behind.line.at(behind.until))
    return Stretch(since, until, line) if since <= until else None


def _extended(before: Stretch, behind: Stretch) -> Stretch:
    """Return what two stretches at different times tell: less, the farther they are apart."""
    line = _sum(before.line, behind.line)
    since = behind.since + behind.line.at(behind.since)
    until = behind.until + behind.line.at(behind.until)
    apart = max(until - before.until, before.since - since, 0)
    error = line.error + round(2 * MAX_DRIFT * apart)
    return Stretch(behind.since, behind.until, msgspec.structs.replace(line, error=error))


def _sum(before: Line, behind: Line) -> Line:
    """Return two differences, one after the other, as one line over the farther point's time."""
    at = behind.reference + behind.offset
    drift = behind.drift + before.drift + behind.drift * before.drift
    error = before.error + behind.error + 2
    return Line(behind.offset + before.at(at), drift, behind.reference, error)


def _clock(compared: _Compared, *, is_first: bool) -> PointClock:
    if is_first:
        return PointClock(known=True)
    if not compared.stretches:
        return PointClock(offset=compared.guess, packets=compared.packets)
    first, *rest = compared.stretches
    reference = first.line.reference
    ends = [stretch.until for stretch in compared.stretches]
    return PointClock(
        offset=first.line.offset,
        drift=first.line.drift,
        reference=reference,
        error=first.line.error,
        steps=tuple(
            ClockStep(one.since, one.line.at(reference), until, one.line.drift, one.line.error)
            for one, until in zip(rest, ends, strict=False)
        ),
        known=True,
        packets=compared.packets,
        first=first.since,
        last=ends[-1],
    )
