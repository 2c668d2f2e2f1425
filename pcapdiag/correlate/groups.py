"""Which connections of which points have been found to be one so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pcapdiag.correlate.likeness import MASK32, same_payload, same_timestamps
from pcapdiag.model.points import Match, MatchedBy, Print

_STRENGTH: tuple[MatchedBy, ...] = ("numbers", "timestamps", "payload", "addresses", "ranges")


class Groups:
    """Joins connections of different points, by their place in the points' prints.

    A connection that one capture has twice, before and behind a NAT, is one: what is joined with
    either is joined with the one before.
    """

    def __init__(self, points: Sequence[Sequence[Print]]) -> None:
        self._points = points
        self._group = [[-1] * len(prints) for prints in points]
        self._members: list[list[int]] = []
        self._by: list[set[MatchedBy]] = []
        self._origin = [_origins(prints) for prints in points]

    def origin(self, point: int, n: int) -> int:
        """Return the place of the connection before the NAT; most are their own."""
        return self._origin[point].get(n, n)

    def add_twin(self, point: int, n: int, twin: int) -> None:
        """Say that a capture has a connection a second time."""
        self._origin[point][twin] = n

    def is_matched(self, point: int, n: int) -> bool:
        """Return whether a connection was found at another point."""
        return self._group[point][self.origin(point, n)] >= 0

    def is_free(self, point: int, n: int, other: int) -> bool:
        """Return whether a connection was not found at the point ``other`` yet."""
        group = self._group[point][self.origin(point, n)]
        return group < 0 or self._members[group][other] < 0

    def join(self, point: int, n: int, other: int, m: int, by: MatchedBy) -> bool:
        """Make two connections one; False where that would give a point two of them."""
        n, m = self.origin(point, n), self.origin(other, m)
        group, rest = self._group[point][n], self._group[other][m]
        if group < 0 and rest < 0:
            group = len(self._members)
            self._members.append([-1] * len(self._points))
            self._by.append(set())
        elif group < 0:
            group, rest = rest, -1
        if rest >= 0 and not self._absorb(group, rest):
            return False
        members = self._members[group]
        if members[point] not in (-1, n) or members[other] not in (-1, m):
            return False
        members[point], members[other] = n, m
        self._group[point][n] = self._group[other][m] = group
        self._by[group].add(by)
        return True

    def pairs(self, point: int, other: int) -> Iterator[tuple[int, int]]:
        """Yield the connections found at both points, by their place in each."""
        for members in self._members:
            if members and members[point] >= 0 and members[other] >= 0:
                yield members[point], members[other]

    def matches(self) -> list[Match]:
        """Return what was found."""
        twins: dict[tuple[int, int], list[int]] = defaultdict(list)
        for point, origins in enumerate(self._origin):
            for twin, n in origins.items():
                twins[point, n].append(self._points[point][twin].stream)
        return [
            self._match(members, self._by[group], twins)
            for group, members in enumerate(self._members)
            if members
        ]

    def _absorb(self, group: int, rest: int) -> bool:
        ours, theirs = self._members[group], self._members[rest]
        if group == rest:
            return True
        if any(one >= 0 and other >= 0 for one, other in zip(ours, theirs, strict=True)):
            return False
        for point, n in enumerate(theirs):
            if n >= 0:
                ours[point] = n
                self._group[point][n] = group
        self._by[group] |= self._by[rest]
        self._members[rest] = []
        return True

    def _match(
        self, members: list[int], by: set[MatchedBy], twins: dict[tuple[int, int], list[int]]
    ) -> Match:
        prints = [self._points[point][n] if n >= 0 else None for point, n in enumerate(members)]
        first, *others = [one for one in prints if one is not None]
        reasons = by | {reason for other in others for reason in _reasons(first, other)}
        more = tuple(tuple(twins.get(place, ())) for place in enumerate(members)) if twins else ()
        swapped = tuple(one is not None and _is_swapped(first, one) for one in prints)
        return Match(
            streams=tuple(one.stream if one else None for one in prints),
            by=tuple(reason for reason in _STRENGTH if reason in reasons),
            shift_initiator=tuple(_shift(first, one, 0) for one in prints),
            shift_responder=tuple(_shift(first, one, 1) for one in prints),
            twins=more if any(more) else (),
            swapped=swapped if any(swapped) else (),
        )


def _origins(prints: Sequence[Print]) -> dict[int, int]:
    """Return the places of connections that were seen before, each with that one's place."""
    twins = [n for n, print_ in enumerate(prints) if print_.same_as is not None]
    if not twins:
        return {}
    places = {print_.stream: n for n, print_ in enumerate(prints)}
    origins: dict[int, int] = {}
    for twin in sorted(twins, key=lambda n: prints[n].stream):
        same_as = prints[twin].same_as
        n = places.get(-1 if same_as is None else same_as, twin)
        if n != twin:
            origins[twin] = origins.get(n, n)
    return origins


def _reasons(a: Print, b: Print) -> Iterator[MatchedBy]:
    if a.isn_initiator is not None and a.isn_initiator == b.isn_initiator:
        yield "numbers"
    elif a.isn_responder is not None and a.isn_responder == b.isn_responder:
        yield "numbers"
    if same_timestamps(a, b):
        yield "timestamps"
    if same_payload(a, b):
        yield "payload"


def _is_swapped(first: Print, other: Print) -> bool:
    return first.initiator == other.responder and first.responder == other.initiator


def _shift(first: Print, other: Print | None, end: int) -> int:
    if other is None:
        return 0
    one = first.isn_responder if end else first.isn_initiator
    two = other.isn_responder if end else other.isn_initiator
    return (one - two) & MASK32 if one is not None and two is not None else 0
