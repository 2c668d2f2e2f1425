"""Which points would have shown a connection that they do not show: from what else they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pcapdiag.incident.joined_streams import Streams
from pcapdiag.incident.point_study import PointStudy
from pcapdiag.model.points import Match, Reach, Span
from pcapdiag.model.units import MS

MAX_LOSSY = 1_000
"""Periods kept in which a capture missed packets; with more the whole capture is one."""
MARGIN = MS
"""What a connection must have gone on for (ns) after a capture's last packet to show that it ended
before."""
OUTLIVED = 2
"""Streams that are named of those: one may be the connection in question itself."""
MAX_ANSWERED = 50_000
"""Called ends, and connections that another point lacks, that are remembered."""
ANY_PORT = -1
FEW = 0.1
"""Share of an address's connections that are not behind its NAT, which no other host behind it
explains: that one would have got as many as the others (judgement)."""


class Reaches:
    """Knows the called addresses and ports of which two points have connections in common.

    Where a load balancer spreads connections to one address over several hosts, no point behind it
    would have shown just this one: so all that came up in its time must be at both points. One
    that translates the address may have given just those that never came up to another host.
    """

    def __init__(self, studies: Sequence[PointStudy], matches: Iterable[Match]) -> None:
        self._ports: Counter[tuple[int, int, str, int]] = Counter()
        self._hosts: set[tuple[int, int, str]] = set()
        self._unlearned: set[tuple[int, int, str, int]] = set()
        self._translated: set[tuple[int, int, str, int]] = set()
        self._lacking: Counter[tuple[int, int, str, int]] = Counter()
        self._elsewhere: set[tuple[int, int, int]] = set()
        """Point, another point, and the former's stream that came up and should be there."""
        self._answered: set[tuple[int, str, int]] = set()
        self._studies = studies
        shared: set[tuple[int, int, int]] = set()
        for match in matches:
            self._learn(match, shared)
        self._pairs = {key[:2] for key in self._ports}
        for study in studies:
            self._unlearn(study, shared)

    def elsewhere(self, point: int, stream: int) -> list[int]:
        """Return the points that have what is called, and not this connection, though it came up.

        Another host, or something between, answered in its place.
        """
        seen = self._studies[point].print_of(stream)
        if seen is None:
            return []
        called = seen.responder
        return [
            other
            for other in range(len(self._studies))
            if (point, other, stream) in self._elsewhere
            and ((other, *called) in self._answered or self._ports[(point, other, *called)])
        ]

    def _unlearn(self, study: PointStudy, shared: set[tuple[int, int, int]]) -> None:
        """Forget where connections came up that another point with others of them lacks."""
        for seen in study.analysis.prints:
            address, port = seen.responder
            if seen.established_time and len(self._answered) < MAX_ANSWERED:
                self._answered.add((study.number, address, port))
            for other in self._studies:
                key = study.number, other.number, address
                known = (study.number, other.number, seen.stream) in shared
                if key not in self._hosts or known or seen.same_as is not None:
                    continue
                self._lacking[(*key, port)] += 1
                if seen.established_time and _ran_at(other, study, seen.established_time):
                    self._note_elsewhere(other, (study.number, other.number, seen.stream))
                    self._unlearned |= {(*key, port), (*key, ANY_PORT)}

    def _note_elsewhere(self, other: PointStudy, key: tuple[int, int, int]) -> None:
        if other.clock.known and len(self._elsewhere) < MAX_ANSWERED:
            self._elsewhere.add(key)

    def _learn(self, match: Match, shared: set[tuple[int, int, int]]) -> None:
        there = [point for point, stream in enumerate(match.streams) if stream is not None]
        ends = {n: self._studies[n].print_of(match.streams[n] or 0) for n in there}
        for shown, seen in ends.items():
            if seen is None:
                continue
            address, port = seen.responder
            for other, theirs in ends.items():
                if other == shown or theirs is None:
                    continue
                shared.add((shown, other, seen.stream))
                self._ports[shown, other, address, port] += 1
                self._hosts.add((shown, other, address))
                if theirs.responder[0] != address:
                    ports = port, ANY_PORT
                    self._translated.update((shown, other, address, one) for one in ports)

    def of(self, streams: Streams) -> tuple[Reach, ...]:
        """Return for each point whether it sees a connection's packets, or would."""
        return tuple(
            "seen" if there else self._absent(point, streams) for point, there in enumerate(streams)
        )

    def _absent(self, point: int, streams: Streams) -> Reach:
        found: Reach = "none"
        for shown, there in enumerate(streams):
            seen = self._studies[shown].print_of(there[0]) if there else None
            if seen is None:
                continue
            address, port = seen.responder
            if self._shows((shown, point, address, port)):
                return "port"
            if (shown, point) not in self._pairs and (point, address, port) in self._answered:
                return "port"
            anything = shown, point, address, ANY_PORT
            if (shown, point, address) in self._hosts:
                if anything not in self._unlearned and anything not in self._translated:
                    found = "host"
        return found

    def _shows(self, key: tuple[int, int, str, int]) -> bool:
        """Return whether a point has what another one has to an address and port."""
        if key in self._unlearned or not self._ports[key]:
            return False
        return key not in self._translated or self._lacking[key] <= FEW * self._ports[key]


def _ran_at(study: PointStudy, other: PointStudy, time: int) -> bool:
    """Return whether a capture was running at a time of another point's clock."""
    if not (study.clock.known and other.clock.known):
        return True
    tracker = study.analysis.tracker
    first, last = study.clock.to_first(tracker.first_time), study.clock.to_first(tracker.last_time)
    bound = study.clock.error + other.clock.error
    return first + bound < other.clock.to_first(time) < last - bound


def spans(studies: Sequence[PointStudy], matches: Iterable[Match]) -> list[Span]:
    """Return when each capture was running, and when it missed packets."""
    outlived = _outlived(studies, matches)
    return [
        Span(
            first=study.analysis.tracker.first_time,
            last=study.analysis.tracker.last_time,
            lossy=_lossy(study),
            outlived_by=tuple(outlived[study.number]),
        )
        for study in studies
    ]


def _lossy(study: PointStudy) -> tuple[tuple[int, int], ...]:
    periods = [(one.start, one.end) for one in study.analysis.prints if one.is_lossy]
    if len(periods) > MAX_LOSSY:
        return ((min(periods)[0], max(end for _, end in periods)),)
    return tuple(periods)


def _outlived(studies: Sequence[PointStudy], matches: Iterable[Match]) -> dict[int, list[int]]:
    """Return by point streams that went on elsewhere after the capture's last packet, two each."""
    ends = {
        study.number: study.clock.to_first(study.analysis.tracker.last_time)
        + study.clock.error
        + MARGIN
        for study in studies
        if study.clock.known
    }
    found: dict[int, list[int]] = {study.number: [] for study in studies}
    for match in matches:
        there = [
            (point, stream)
            for point, stream in enumerate(match.streams)
            if stream is not None and point in ends
        ]
        last = max((_end(studies[point], match) for point, _ in there), default=0)
        for point, stream in there:
            if last > ends[point] and len(found[point]) < OUTLIVED:
                found[point].append(stream)
    return found


def _end(study: PointStudy, match: Match) -> int:
    seen = study.print_of(match.streams[study.number] or 0)
    return study.clock.to_first(seen.end) - study.clock.error if seen is not None else 0
