"""Which connections of which points have been found to be one so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter

from pcapdiag.correlate.likeness import same_payload, same_timestamps
from pcapdiag.model.packet import MASK32
from pcapdiag.model.points import Match, MatchedBy, Print

_STRENGTH: tuple[MatchedBy, ...] = ("numbers", "timestamps", "payload", "addresses", "ranges")
_BIT = {reason: 1 << n for n, reason in enumerate(_STRENGTH)}
_REASONS = tuple(tuple(reason for reason in _STRENGTH if bits & _BIT[reason]) for bits in range(32))
"""By sets of them as bits; one of each for half a million matches."""


class Groups:
    """Joins connections of different points, by their place in the points' prints.

    A connection that one capture has twice, before and behind a NAT, is one: what is joined with
    either is joined with the one before.
    """

    def __init__(self, points: Sequence[Sequence[Print]]) -> None:
        self._points = points
        self._group = [[-1] * len(prints) for prints in points]
        self._members: list[list[int]] = []
        self._by: list[int] = []
        self._origin = [_origins(prints) for prints in points]
        self._continued: set[tuple[int, int]] = set()

    def origin(self, point: int, n: int) -> int:
        """Return the place of the connection before the NAT; most are their own."""
        return self._origin[point].get(n, n)

    def add_twin(self, point: int, n: int, twin: int) -> None:
        """Say that a capture has a connection a second time."""
        self._origin[point][twin] = n

    def add_rest(self, point: int, n: int, rest: int) -> None:
        """Say that a connection went on from another port or address."""
        self.add_twin(point, n, rest)
        self._continued.add((point, self._points[point][rest].stream))

    def is_matched(self, point: int, n: int) -> bool:
        """Return whether a connection was found at another point."""
        return self._group[point][self.origin(point, n)] >= 0

    def partner(self, point: int, n: int, other: int) -> int | None:
        """Return a connection's place at another point; None where it was not found there."""
        group = self._group[point][self.origin(point, n)]
        place = self._members[group][other] if group >= 0 else -1
        return None if place < 0 else place

    def is_free(self, point: int, n: int, other: int) -> bool:
        """Return whether a connection was not found at the point ``other`` yet."""
        group = self._group[point][self.origin(point, n)]
        return group < 0 or self._members[group][other] < 0

    def free(self, point: int, places: Iterable[int], other: int) -> list[int]:
        """Return those of a point's connections that were not found at ``other`` yet."""
        groups, members = self._group[point], self._members
        if self._origin[point]:
            return [n for n in places if self.is_free(point, n, other)]
        return [n for n in places if groups[n] < 0 or members[groups[n]][other] < 0]

    def join(self, point: int, n: int, other: int, m: int, by: MatchedBy) -> bool:
        """Make two connections one; False where that would give a point two of them."""
        n, m = self.origin(point, n), self.origin(other, m)
        group, rest = self._group[point][n], self._group[other][m]
        if group < 0 and rest < 0:
            group = len(self._members)
            self._members.append([-1] * len(self._points))
            self._by.append(0)
        elif group < 0:
            group, rest = rest, -1
        if rest >= 0 and not self._absorb(group, rest):
            return False
        members = self._members[group]
        if members[point] not in (-1, n) or members[other] not in (-1, m):
            return False
        members[point], members[other] = n, m
        self._group[point][n] = self._group[other][m] = group
        self._by[group] |= _BIT[by]
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

    def _match(self, members: list[int], by: int, twins: dict[tuple[int, int], list[int]]) -> Match:
        prints = [self._points[point][n] if n >= 0 else None for point, n in enumerate(members)]
        first, *others = [one for one in prints if one is not None]
        for other in others:
            by |= _reasons(first, other)
        more = tuple(tuple(twins.get(place, ())) for place in enumerate(members)) if twins else ()
        rest = tuple(
            tuple(one for one in there if (point, one) in self._continued)
            for point, there in enumerate(more)
        )
        swapped = [one is not None and _is_swapped(first, one) for one in prints]
        return Match(
            streams=tuple([one.stream if one else None for one in prints]),
            by=_REASONS[by],
            shift_initiator=_shifts(prints, first, _number_of_initiator),
            shift_responder=_shifts(prints, first, _number_of_responder),
            twins=more if any(more) else (),
            continued=rest if any(rest) else (),
            swapped=tuple(swapped) if any(swapped) else (),
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
        origin = origins.get(n, n)
        if origin != twin:
            origins[twin] = origin
    return origins


def _reasons(a: Print, b: Print) -> int:
    found = 0
    if a.isn_initiator is not None and a.isn_initiator == b.isn_initiator:
        found = _BIT["numbers"]
    elif a.isn_responder is not None and a.isn_responder == b.isn_responder:
        found = _BIT["numbers"]
    if same_timestamps(a, b):
        found |= _BIT["timestamps"]
    if same_payload(a, b):
        found |= _BIT["payload"]
    return found


def _is_swapped(first: Print, other: Print) -> bool:
    return first.initiator == other.responder and first.responder == other.initiator


_number_of_initiator = attrgetter("isn_initiator")
_number_of_responder = attrgetter("isn_responder")


def _shifts(
    prints: Sequence[Print | None], first: Print, number_of: Callable[[Print], int | None]
) -> tuple[int, ...]:
    base = number_of(first)
    numbers = [base if one is None else number_of(one) for one in prints]
    if base is None or numbers.count(base) == len(numbers):
        return (0,) * len(numbers)
    return tuple([0 if number is None else (base - number) & MASK32 for number in numbers])
