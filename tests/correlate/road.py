"""A connection on its way past two points or more, written packet by packet.

Sequence and acknowledgment numbers are relative (0 is the SYN); times are milliseconds. ``seen``
says which points a packet came to; by default all. Each point has its own clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from msgspec.structs import replace

from pcapdiag.correlate.journeys import journey
from pcapdiag.diagnose.points.way import Way
from pcapdiag.model.packet import ACK, FIN, PSH, RST, SYN, PacketFact
from pcapdiag.model.points import Journey, Match, PointClock, Reach, Span, Trace

MS = 1_000_000
START = 1_700_000_000_000 * MS
LETTERS = {"S": SYN, "A": ACK, "F": FIN, "R": RST, "P": PSH}
INITIATOR, RESPONDER = ("10.0.0.1", 40000), ("10.0.0.2", 443)
Frames = tuple[int | None, ...]
ISN = {True: 1000, False: 9000}


class More(TypedDict, total=False):
    """What a packet may have besides flags, numbers and length."""

    seen: tuple[int, ...]
    """Points that it came to; all by default."""
    cuts: dict[int, int]
    """By point, in how many segments of equal length it is seen there."""
    marks: int
    window: int


@dataclass
class Road:
    """From the initiator past points 0, 1 ... to the responder."""

    points: int = 2
    delay: float = 5
    """From point to point, ms."""
    hops: int = 1
    """Routers from point to point; the first point is beside the initiator, the last beside the
    responder."""
    offsets: tuple[int, ...] = (0, 0, 0)
    """What each point's clock is behind, ms."""
    shifts: tuple[int, ...] = (0, 0, 0)
    """What devices add to the initiator's sequence numbers, by point."""
    ids: bool = True
    """Packets have IP IDs of their own."""
    known: bool = True
    error: float = 0.1
    reach: tuple[Reach, ...] = ()
    known_order: tuple[int, ...] = ()
    labels: tuple[str, ...] = ("client", "proxy", "upstream")
    rows: list[list[PacketFact]] = field(default_factory=list)
    count: dict[bool, int] = field(default_factory=lambda: {True: 100, False: 500})

    def __post_init__(self) -> None:
        self.rows = [[] for _ in range(self.points)]

    def c(
        self, at: float, flags: str, seq: int, ack: int = 0, length: int = 0, **more: Unpack[More]
    ) -> Frames:
        """Send a packet of the initiator; return the frames at all points."""
        return self._send(True, at, flags, (seq, ack, length), more)

    def s(
        self, at: float, flags: str, seq: int, ack: int = 0, length: int = 0, **more: Unpack[More]
    ) -> Frames:
        """Send a packet of the responder."""
        return self._send(False, at, flags, (seq, ack, length), more)

    def handshake(self, at: float = 0) -> None:
        """Three packets, seen everywhere."""
        trip = self.delay * (self.points - 1)
        self.c(at, "S", 0)
        self.s(at + trip, "SA", 0, 1)
        self.c(at + 2 * trip + 0.1, "A", 1, 1)

    def _send(
        self, initiator: bool, at: float, flags: str, numbers: tuple[int, int, int], more: More
    ) -> Frames:
        seq, ack, length = numbers
        self.count[initiator] += 1
        frames: list[int | None] = []
        for point in range(self.points):
            if point not in more.get("seen", range(self.points)):
                frames.append(None)
                continue
            pieces = more.get("cuts", {}).get(point, 1)
            size = length // pieces
            frames.append(len(self.rows[point]) + 1)
            for piece in range(pieces):
                fact = self._fact(point, initiator, at, flags, more)
                place = seq + piece * size, ack, size
                self.rows[point].append(self._numbered(fact, point, initiator, place))
        return tuple(frames)

    def _fact(self, point: int, initiator: bool, at: float, flags: str, more: More) -> PacketFact:
        passed = point if initiator else self.points - 1 - point
        time = at + passed * self.delay + self.offsets[point]
        return PacketFact(
            frame=len(self.rows[point]) + 1,
            time=START + round(time * MS),
            from_initiator=initiator,
            flags=sum(LETTERS[letter] for letter in flags),
            seq=0,
            ack=0,
            length=0,
            window=more.get("window", 500),
            ttl=64 - passed * self.hops,
            tos=0,
            ip_id=self.count[initiator] if self.ids else 0,
            df=True,
            flow_label=0,
            tsval=None,
            tsecr=None,
            option_bytes=0,
            sack=None,
            mac=0,
            interface=0,
            direction=-1,
            marks=more.get("marks", 0),
        )

    def _numbered(
        self, fact: PacketFact, point: int, initiator: bool, numbers: tuple[int, int, int]
    ) -> PacketFact:
        seq, ack, length = numbers
        shift = self.shifts[point] if initiator else 0
        back = 0 if initiator else self.shifts[point]
        return replace(
            fact,
            seq=(ISN[initiator] + seq + shift) % (1 << 32),
            ack=(ISN[not initiator] + ack + back) % (1 << 32) if fact.flags & ACK else 0,
            length=length,
        )

    def traces(self) -> list[Trace | None]:
        """What each point kept; None where it saw nothing."""
        return [
            Trace(
                point=point,
                stream=7,
                packets=tuple(sorted(rows, key=lambda row: (row.time, row.frame))),
                initiator=INITIATOR,
                responder=RESPONDER,
            )
            if rows
            else None
            for point, rows in enumerate(self.rows)
        ]

    def journey(self, spans: list[Span] | None = None) -> Journey:
        """Follow it. By default every capture ran for a minute before and after."""
        traces = self.traces()
        minute = 60_000 * MS
        times = [row.time for rows in self.rows for row in rows]
        clocks = [
            PointClock(-self.offsets[n] * MS, error=round(self.error * MS), known=self.known)
            for n in range(self.points)
        ]
        spans = spans or [Span(min(times) - minute, max(times) + minute)] * self.points
        match = Match(
            tuple(None if trace is None else 7 for trace in traces),
            ("numbers",),
            tuple(-self.shifts[n] % (1 << 32) for n in range(self.points)),
            (0,) * self.points,
        )
        return journey(match, traces, clocks, spans, self.reach, self.known_order)

    def way(self, spans: list[Span] | None = None) -> Way:
        """Return the journey as judges ask about it."""
        return Way(self.journey(spans), self.labels[: self.points])
