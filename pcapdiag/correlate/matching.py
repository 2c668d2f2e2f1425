"""Find the same connection in the captures of several points.

In steps, the surest first; what one step found is out of the next. Each puts the connections of
two points into buckets by what does not change on the way (both initial sequence numbers, one of
them, the SYN's timestamp value, the ends), so that the work grows with their number and not with
its square. A bucket with one connection of each point is a match if the two fit
(``likeness.py``). One with more is divided by the ends and by the SYN's own marks; where that does
not leave one of each, nothing is matched: a scanner sends a thousand SYNs with one number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from pcapdiag.correlate.groups import Groups
from pcapdiag.correlate.likeness import (
    fits_addresses,
    fits_one_number,
    fits_timestamps,
    overlaps,
    same_ends,
)
from pcapdiag.model.packet import ACK, FIN, RST, SYN
from pcapdiag.model.points import MatchedBy, Matches, Print
from pcapdiag.model.units import MS, SECOND

WINDOW = 150 * SECOND
"""How far apart (ns) two points may have seen a connection begin, once their clocks are compared:
Linux sends a SYN again for 127 s, and one of the points may have seen the last one only."""
NEARBY = 8
"""Sure matches before and after a moment that tell how the clocks stand at it."""
TWIN_WINDOW = 100 * MS
"""Within this time (ns) one capture sees a connection before and behind a NAT."""
MAX_COMPARED = 32
"""Connections of a bucket that are compared each with each, when nothing tells them apart."""
SAMPLES_ALIKE = 2
"""Segments with the same numbers both ways that make one connection of two."""

_NO_PAYLOAD = FIN | RST | ACK
Key = Hashable
KeyOf = Callable[[Print], Key | None]
Fits = Callable[[Print, Print], bool]
IsPair = Callable[[int, int], bool]
Buckets = dict[Key, list[int]]

_REFINEMENTS: tuple[KeyOf, ...] = (
    lambda p: (p.initiator, p.responder, p.syn_tsval, p.syn_ip_id),
    lambda p: (p.initiator, p.responder),
    lambda p: (p.syn_tsval, p.syn_ip_id) if p.syn_tsval is not None or p.syn_ip_id else None,
    lambda p: (p.initiator[1], p.responder),
    lambda p: (p.initiator, p.responder[1]),
)
"""By what a bucket is divided, one after the other, when it has several connections of a point."""


class Payload(NamedTuple):
    """Bytes by both of their numbers."""

    seq: int
    ack: int
    length: int


def match_points(points: Sequence[Iterable[Print]]) -> Matches:
    """Return the connections found at two points or more, in the order of the first one's streams.

    A connection that a point's capture has twice (a NAT within it) is one there.
    """
    matching = _Matching([list(prints) for prints in points])
    for step in _STEPS:
        for later in range(1, len(points)):
            for earlier in range(later):
                step(matching, earlier, later)
    return matching.result()


class _Matching:
    def __init__(self, points: list[list[Print]]) -> None:
        self.points = points
        self.groups = Groups(points)
        self.doubtful: set[tuple[int, int]] = set()
        self._left: dict[tuple[int, int], list[int]] = {}
        self._offsets: dict[tuple[int, int], tuple[list[int], list[int]]] = {}

    def result(self) -> Matches:
        found = self.groups.matches()
        found.sort(key=lambda match: tuple(-1 if n is None else n for n in match.streams))
        doubtful = sum(not self.groups.is_matched(*one) for one in self.doubtful)
        return Matches(found, doubtful)

    def by_key(
        self, earlier: int, later: int, key_of: KeyOf, fits: Fits, by: MatchedBy, *, alone: bool
    ) -> None:
        """Match two points' connections by a key; ``alone`` says that it is proof by itself.

        What is left of a bucket when all but one of each point were told apart is then one.
        """
        ours = self._buckets(earlier, later, key_of)
        if not ours:
            return
        theirs = self._buckets(later, earlier, key_of)
        near = self._nearness(earlier, later)
        for key, others in theirs.items():
            mine = ours.get(key)
            if mine is not None:
                self._match_bucket(earlier, later, mine, others, fits, near, by, alone=alone)

    def sampled(self, point: int, other: int) -> Iterator[int]:
        """Yield the connections with samples that were not found at ``other``."""
        for n in self._free(point, other):
            if self.points[point][n].samples:
                yield n

    def note_other_sides(self, point: int, other: int) -> None:
        """Take a point's connection for the other side of the one that its namesake is."""
        prints, theirs = self.points[point], self.points[other]
        left = {_both_ends(prints[n]): n for n in self._free(point, other)}
        near = self._nearness(point, other) if left else None
        for m, one in enumerate(theirs if left else ()):
            n = left.get(_both_ends(one))
            known = self.groups.partner(other, m, point) if n is not None else None
            if n is None or near is None or known is None or known == n:
                continue
            swapped = prints[n].initiator != one.initiator
            if near(prints[n], one) and overlaps(prints[n], one, swapped=swapped):
                self.groups.add_twin(point, known, n)

    def note_rest(self, point: int, other: int) -> None:
        """Find what is the rest of a connection, under another name: by its payload's numbers."""
        prints, theirs = self.points[point], self.points[other]
        left: dict[Key, int] = {}
        for n in self.sampled(point, other):
            if prints[n].lacks_number:
                left.update((key, n) for key in _segments(prints[n]) if isinstance(key, Payload))
        for m, one in enumerate(theirs if left else ()):
            found = {left[key] for key in _segments(one) if key in left}
            known = self.groups.partner(other, m, point) if len(found) == 1 else None
            if known is None:
                continue
            n = found.pop()
            if n != known and prints[n].responder == prints[known].responder:
                self.groups.add_rest(point, known, n)

    def _free(self, point: int, other: int) -> list[int]:
        """Return the connections of a point that were not found at another one yet."""
        before: Iterable[int] | None = self._left.get((point, other))
        places = range(len(self.points[point])) if before is None else before
        left = self._left[point, other] = self.groups.free(point, places, other)
        return left

    def _buckets(self, point: int, other: int, key_of: KeyOf) -> Buckets:
        buckets: Buckets = {}
        prints = self.points[point]
        for n in self._free(point, other):
            key = key_of(prints[n])
            if key is None:
                continue
            if key in buckets:
                buckets[key].append(n)
            else:
                buckets[key] = [n]
        return buckets

    def _match_bucket(
        self, earlier: int, later: int, ours: list[int], theirs: list[int], fits: Fits,
        near: Fits, by: MatchedBy, *, alone: bool,
    ) -> None:  # fmt: skip
        a, b = self.points[earlier], self.points[later]

        def is_pair(one: int, other: int) -> bool:
            return fits(a[one], b[other]) and (alone or near(a[one], b[other]))

        if self._is_one(earlier, ours) and self._is_one(later, theirs):
            self._join_any(earlier, later, ours, theirs, is_pair, by)
            return
        everyone = ours, theirs
        for refine in _REFINEMENTS:
            for one, other in list(_singles(a, b, ours, theirs, refine)):
                if is_pair(one, other):
                    self.groups.join(earlier, one, later, other, by)
            ours = self.groups.free(earlier, ours, later)
            theirs = self.groups.free(later, theirs, earlier)
            if not ours or not theirs:
                break
        if alone:
            self._note_twins(earlier, everyone[0])
            self._note_twins(later, everyone[1])
            ours = self.groups.free(earlier, ours, later)
            theirs = self.groups.free(later, theirs, earlier)
            if self._is_one(earlier, ours) and self._is_one(later, theirs):
                self._join_any(earlier, later, ours, theirs, is_pair, by)
                return
        self._match_rest(earlier, later, ours, theirs, is_pair, by)

    def _is_one(self, point: int, places: list[int]) -> bool:
        return len({self.groups.origin(point, n) for n in places}) == 1

    def _join_any(
        self, earlier: int, later: int, ours: list[int], theirs: list[int], is_pair: IsPair,
        by: MatchedBy,
    ) -> None:  # fmt: skip
        some, others = ours[:MAX_COMPARED], theirs[:MAX_COMPARED]
        if any(is_pair(one, other) for one in some for other in others):
            self.groups.join(earlier, ours[0], later, theirs[0], by)

    def _note_twins(self, point: int, places: list[int]) -> None:
        """Take connections with the same numbers at the same time for one, seen twice."""
        prints = self.points[point]
        places = sorted(places, key=lambda n: prints[n].start)
        matched = [n for n in places if self.groups.is_matched(point, n)]
        if len({self.groups.origin(point, n) for n in matched}) > 1:
            return
        first = self.groups.origin(point, matched[0] if matched else places[0])
        for n in places:
            if not self.groups.is_matched(point, n) and n != first:
                if abs(prints[n].start - prints[first].start) <= TWIN_WINDOW:
                    self.groups.add_twin(point, first, n)

    def _match_rest(
        self, earlier: int, later: int, ours: list[int], theirs: list[int], is_pair: IsPair,
        by: MatchedBy,
    ) -> None:  # fmt: skip
        """Match those with the same ends that fit one another only: ports used again, later."""
        some, others = ours[:MAX_COMPARED], theirs[:MAX_COMPARED]
        fitting = [(one, other) for one in some for other in others if is_pair(one, other)]
        choices = Counter(one for one, _ in fitting), Counter(other for _, other in fitting)
        a, b = self.points[earlier], self.points[later]
        for one, other in fitting:
            if choices[0][one] == choices[1][other] == 1 and same_ends(a[one], b[other]):
                if len(some) == len(ours) and len(others) == len(theirs):
                    self.groups.join(earlier, one, later, other, by)
        self.doubtful.update((later, other) for _, other in fitting)

    def _nearness(self, earlier: int, later: int) -> Fits:
        """Return what says whether two connections began at about the same time.

        True where the clocks cannot be compared yet.
        """
        times, offsets = self._compared(earlier, later)

        def is_near(a: Print, b: Print) -> bool:
            if not times:
                return True
            at = bisect_left(times, b.start)
            nearby = offsets[max(at - NEARBY, 0) : at + NEARBY]
            start, end = b.start + min(nearby) - WINDOW, b.end + max(nearby) + WINDOW
            return a.start <= end and start <= a.end

        return is_near

    def _compared(self, earlier: int, later: int) -> tuple[list[int], list[int]]:
        """Return times of the later point, and how far the earlier one's clock was ahead then."""
        known = self._offsets.get((earlier, later))
        if known is None:
            pairs = []
            for one, other in self.groups.pairs(earlier, later):
                a, b = self.points[earlier][one], self.points[later][other]
                if a.syn_time and b.syn_time:
                    pairs.append((b.syn_time, a.syn_time - b.syn_time))
            pairs.sort()
            known = [time for time, _ in pairs], [offset for _, offset in pairs]
            if pairs:
                self._offsets[earlier, later] = known
        return known


def _singles(
    a: list[Print], b: list[Print], ours: list[int], theirs: list[int], refine: KeyOf
) -> Iterator[tuple[int, int]]:
    """Yield pairs that a part of a bucket has as its only ones of each point."""
    mine: Buckets = defaultdict(list)
    for n in ours:
        mine[refine(a[n])].append(n)
    others: Buckets = defaultdict(list)
    for n in theirs:
        others[refine(b[n])].append(n)
    for key, (other, *more) in others.items():
        same = mine.get(key, ())
        if key is not None and len(same) == 1 and not more:
            yield same[0], other


def _match_numbers(matching: _Matching, earlier: int, later: int) -> None:
    matching.by_key(earlier, later, _both_numbers, _always, "numbers", alone=True)


def _match_one_number(matching: _Matching, earlier: int, later: int) -> None:
    for key_of in (_number_of_initiator, _number_of_responder):
        matching.by_key(earlier, later, key_of, fits_one_number, "numbers", alone=False)


def _match_timestamps(matching: _Matching, earlier: int, later: int) -> None:
    matching.by_key(earlier, later, _timestamp, fits_timestamps, "timestamps", alone=False)


def _match_ranges(matching: _Matching, earlier: int, later: int) -> None:
    matching.by_key(earlier, later, _both_ends, _fits_ranges, "ranges", alone=False)


def _match_samples(matching: _Matching, earlier: int, later: int) -> None:
    """Match what was captured from its middle, through a NAT: by segments with both numbers."""
    seen: dict[Key, int] = {}
    for n in matching.sampled(earlier, later):
        seen.update((key, n) for key in _segments(matching.points[earlier][n]))
    if not seen:
        return
    for m in matching.sampled(later, earlier):
        alike = Counter(
            seen[key] for key in _segments(matching.points[later][m]) if key in seen
        ).most_common(2)
        if len(alike) > 1:
            matching.doubtful.add((later, m))
        elif alike and alike[0][1] >= SAMPLES_ALIKE:
            matching.groups.join(earlier, alike[0][0], later, m, "ranges")


def _note_other_sides(matching: _Matching, earlier: int, later: int) -> None:
    """Find connections that another point has, too, and that is known by its side before a NAT.

    So it is where a capture has both sides, and cannot tell that they are one.
    """
    for point, other in ((earlier, later), (later, earlier)):
        matching.note_other_sides(point, other)
        matching.note_rest(point, other)


def _match_addresses(matching: _Matching, earlier: int, later: int) -> None:
    matching.by_key(earlier, later, _same_way, fits_addresses, "addresses", alone=False)


_STEPS = (
    _match_numbers,
    _match_one_number,
    _match_timestamps,
    _match_ranges,
    _match_samples,
    _match_addresses,
    _note_other_sides,
)


def _always(_a: Print, _b: Print) -> bool:
    return True


def _both_numbers(p: Print) -> Key | None:
    if p.isn_initiator is None or p.isn_responder is None:
        return None
    return p.isn_initiator << 32 | p.isn_responder


def _number_of_initiator(p: Print) -> Key | None:
    return p.isn_initiator


def _number_of_responder(p: Print) -> Key | None:
    return p.isn_responder


def _timestamp(p: Print) -> Key | None:
    return p.syn_tsval or None


def _same_way(p: Print) -> Key:
    return p.initiator, p.responder


def _both_ends(p: Print) -> Key:
    return min(p.initiator, p.responder), max(p.initiator, p.responder)


def _fits_ranges(a: Print, b: Print) -> bool:
    if not (a.lacks_number or b.lacks_number):
        return False
    return overlaps(a, b, swapped=a.initiator != b.initiator)


def _segments(p: Print) -> set[Key]:
    """Return what a proxy's other connection never shares: payload, or an ACK, by both numbers."""
    found: set[Key] = set()
    for one in p.samples:
        if one.length:
            found.add(Payload(one.seq, one.ack, one.length))
        elif one.flags & (SYN | ACK) == ACK and one.seq and one.ack:
            found.add((one.seq, one.ack, one.flags & _NO_PAYLOAD))
    return found
