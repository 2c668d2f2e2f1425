"""The time-sequence chart: a connection's bytes over time, one panel for each direction.

As W. Richard Stevens drew it ("TCP/IP Illustrated", vol. 1) and Shawn Ostermann's tcptrace does:
every segment is a stroke from its first byte to its last; below it runs the line of what the other
end has acknowledged, above it that of what its window lets through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.model import packet as marks
from pcapdiag.model.ends import End
from pcapdiag.model.packet import ACK, FIN, RST, SYN
from pcapdiag.model.report import Segment, SegmentSeries

_NO_DATA = marks.KEEP_ALIVE | marks.WINDOW_PROBE


class Stroke(msgspec.Struct, frozen=True):
    """Bytes ``low`` to ``high`` at a moment (seconds since the start)."""

    time: float
    low: int
    high: int
    frame: int


class Direction(msgspec.Struct):
    """What one end sent, and what the other end said of it."""

    sender: End
    data: list[Stroke] = []
    again: list[Stroke] = []
    disordered: list[Stroke] = []
    probes: list[Stroke] = []
    """Keep-alives and window probes."""
    begins: list[Stroke] = []
    """SYN."""
    ends: list[Stroke] = []
    """FIN."""
    resets: list[Stroke] = []
    sacked: list[Stroke] = []
    acked: list[tuple[float, int]] = []
    edge: list[tuple[float, int]] = []
    """Up to where the other end's window reached."""
    closed: list[Stroke] = []
    """The other end said that its window is zero."""
    missing: list[Stroke] = []
    """The capture does not have bytes before this segment."""

    def strokes(self) -> Iterator[Stroke]:
        """Yield every segment that is drawn."""
        yield from self.data
        yield from self.again
        yield from self.disordered
        yield from self.probes
        yield from self.begins
        yield from self.ends
        yield from self.resets

    @property
    def packets(self) -> int:
        """How many segments there are that a chart draws."""
        return sum(1 for _ in self.strokes())

    @property
    def top(self) -> int:
        """The highest byte sent or acknowledged."""
        drawn = (*self.data, *self.again, *self.disordered, *self.begins, *self.ends, *self.probes)
        return max([0, *(stroke.high for stroke in drawn), *(ack for _, ack in self.acked)])

    @property
    def bottom(self) -> int:
        """The lowest one."""
        drawn = (*self.data, *self.again, *self.disordered, *self.begins, *self.probes)
        return min((stroke.low for stroke in drawn), default=0)


class Gap(msgspec.Struct, frozen=True):
    """Packets that were not kept: between which moments, and how many."""

    first: float
    last: float
    packets: int


def directions(series: SegmentSeries) -> tuple[Direction, Direction]:
    """Return what the initiator sent, and what the responder did."""
    there, back = Direction("initiator"), Direction("responder")
    for segment in series.segments:
        own, other = (there, back) if segment.initiator else (back, there)
        _sent(own, segment)
        _said(other, segment)
    return there, back


def _sent(own: Direction, segment: Segment) -> None:
    """Sort a segment in by what it is; it is drawn once."""
    kind, flags = segment.marks, segment.flags
    end = segment.seq + segment.length + (1 if flags & (SYN | FIN) else 0)
    stroke = Stroke(segment.time, segment.seq, end, segment.frame)
    if flags & RST:
        own.resets.append(stroke)
    elif kind & marks.ANY_RETRANSMISSION:
        own.again.append(stroke)
    elif kind & _NO_DATA:
        own.probes.append(stroke)
    elif kind & marks.OUT_OF_ORDER:
        own.disordered.append(stroke)
    elif flags & SYN:
        own.begins.append(stroke)
    elif segment.length:
        own.data.append(stroke)
    if flags & FIN and not flags & RST:
        own.ends.append(stroke)
    if kind & marks.GAP_BEFORE:
        own.missing.append(stroke)


def _said(other: Direction, segment: Segment) -> None:
    """Take in what a segment says of the bytes that came the other way."""
    if segment.ack is None or segment.flags & RST:
        return
    other.acked.append((segment.time, segment.ack))
    other.edge.append((segment.time, segment.ack + segment.window))
    at = Stroke(segment.time, segment.ack, segment.ack, segment.frame)
    if segment.window == 0 and segment.flags & ACK and not segment.flags & (SYN | FIN):
        other.closed.append(at)
    if segment.sack:
        other.sacked.append(Stroke(segment.time, *segment.sack, segment.frame))


def gap(series: SegmentSeries) -> Gap | None:
    """Return where packets were left out of a series; None where none were."""
    after, segments = series.left_out_after, series.segments
    if not series.left_out or not 0 < after < len(segments):
        return None
    return Gap(segments[after - 1].time, segments[after].time, series.left_out)


def times(series: SegmentSeries) -> Sequence[float]:
    """Return when packets were, rising."""
    return sorted(segment.time for segment in series.segments)
