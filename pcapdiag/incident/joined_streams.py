"""The connections of all points together: which streams are one, and which are to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.correlate.leg_failure import number_at, point_of
from pcapdiag.model.points import Match

Streams = tuple[tuple[int, ...], ...]
"""Per point, a connection's streams there: none, one, or with a NAT within the capture several."""


class JoinedStreams:
    """Numbers every connection once, whatever points have it.

    The number is that of its stream at the first point that has it (``number_at``).
    """

    def __init__(self, matches: Sequence[Match], points: int) -> None:
        self.points = points
        self._matches: dict[int, Match] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        for match in matches:
            streams = streams_of(match)
            point = next(number for number, there in enumerate(streams) if there)
            number = number_at(point, streams[point][0])
            self._matches[number] = match
            for at, there in enumerate(streams):
                for stream in there:
                    self._numbers[at, stream] = number

    def number(self, point: int, stream: int) -> int:
        """Return the number of the connection that a point has as this stream."""
        return self._numbers.get((point, stream), number_at(point, stream))

    def matched(self) -> list[int]:
        """Return the numbers of the connections that several points have."""
        return sorted(self._matches)

    def match(self, number: int) -> Match | None:
        """Return where else a connection was found; None for one that a single point has."""
        return self._matches.get(number)

    def streams(self, number: int) -> Streams:
        """Return a connection's streams at each point."""
        match = self._matches.get(number)
        if match is not None:
            return streams_of(match)
        point = point_of(number)
        alone = (number - number_at(point, 0),)
        return tuple(alone if at == point else () for at in range(self.points))

    def shared(self, point: int) -> int:
        """Return how many of a point's streams others have, too."""
        return sum(len(streams_of(match)[point]) for match in self._matches.values())


def streams_of(match: Match) -> Streams:
    """Return the streams of a match at each point."""
    return tuple(
        () if stream is None else (stream, *(match.twins[point] if match.twins else ()))
        for point, stream in enumerate(match.streams)
    )
