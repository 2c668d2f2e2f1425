"""Which points would have shown a connection that they do not show: from what else they have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pcapdiag.incident.point_study import PointStudy
from pcapdiag.incident.units import Streams
from pcapdiag.model.points import Match, Reach, Span

MAX_LOSSY = 1_000
"""Periods kept in which a capture missed packets; with more the whole capture is one."""
MARGIN = 1_000_000
"""What a connection must have gone on for (ns) after a capture's last packet to show that it ended
before."""


class Reaches:
    """Knows the called addresses and ports of which two points have connections in common."""

    def __init__(self, studies: Sequence[PointStudy], matches: Iterable[Match]) -> None:
        self._ports: set[tuple[int, int, str, int]] = set()
        self._hosts: set[tuple[int, int, str]] = set()
        self._studies = studies
        for match in matches:
            self._learn(match)

    def _learn(self, match: Match) -> None:
        there = [point for point, stream in enumerate(match.streams) if stream is not None]
        for shown in there:
            seen = self._studies[shown].print_of(match.streams[shown] or 0)
            if seen is None:
                continue
            address, port = seen.responder
            for other in there:
                if other != shown:
                    self._ports.add((shown, other, address, port))
                    self._hosts.add((shown, other, address))

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
            if (shown, point, address, port) in self._ports:
                return "port"
            if (shown, point, address) in self._hosts:
                found = "host"
        return found


def spans(studies: Sequence[PointStudy], matches: Iterable[Match]) -> list[Span]:
    """Return when each capture was running, and when it missed packets."""
    stopped = _stopped(studies, matches)
    return [
        Span(
            first=study.analysis.tracker.first_time,
            last=study.analysis.tracker.last_time,
            lossy=_lossy(study),
            stopped=study.number in stopped,
        )
        for study in studies
    ]


def _lossy(study: PointStudy) -> tuple[tuple[int, int], ...]:
    periods = [(one.start, one.end) for one in study.analysis.prints if one.is_lossy]
    if len(periods) > MAX_LOSSY:
        return ((min(periods)[0], max(end for _, end in periods)),)
    return tuple(periods)


def _stopped(studies: Sequence[PointStudy], matches: Iterable[Match]) -> set[int]:
    """Return the points whose connections went on elsewhere after their last packet.

    One that failed may be gone there because of that, and shows nothing.
    """
    ends = {
        study.number: study.clock.to_first(study.analysis.tracker.last_time)
        + study.clock.error
        + MARGIN
        for study in studies
        if study.clock.known
    }
    found: set[int] = set()
    for match in matches:
        there = [point for point, stream in enumerate(match.streams) if stream is not None]
        if any(_may_have_failed(studies[point], match) for point in there):
            continue
        last = max((_end(studies[point], match) for point in there if point in ends), default=0)
        found |= {point for point in there if point in ends and last > ends[point]}
    return found


def _may_have_failed(study: PointStudy, match: Match) -> bool:
    return (match.streams[study.number] or 0) in study.analysis.archive


def _end(study: PointStudy, match: Match) -> int:
    seen = study.print_of(match.streams[study.number] or 0)
    return study.clock.to_first(seen.end) - study.clock.error if seen is not None else 0
