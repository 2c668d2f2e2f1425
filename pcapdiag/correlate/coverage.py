"""Whether a point would have shown a packet that it does not show.

Absence is evidence only where the capture was running at that time (within the clocks' bound),
where it missed nothing of the connection around then, where no limit of ours cut the trace, and
where it sees packets of that direction at all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from statistics import median_low

from pcapdiag.correlate.alignment import Row, Seen
from pcapdiag.flow.endings import LINGER
from pcapdiag.model.packet import ACKED_UNSEEN, FIN, RST, SYN, seq_add, seq_distance
from pcapdiag.model.points import PointClock, Reach, Span, Trace
from pcapdiag.model.units import SECOND

LOSSY_AROUND = SECOND
"""A capture that missed a packet may have missed others this much (ns) before and after."""
ROUND_TRIP = SECOND
"""A round trip between two points takes no longer (ns); used where only one direction is seen."""
UNSYNCHRONISED = SECOND
"""How far apart (ns) two hosts' clocks may be that no packet compares: NTP keeps them nearer (RFC
5905), and where a connection never came to a point there is nothing else."""

Period = tuple[int, int]


class Coverage:
    """What each point of one connection covers."""

    def __init__(
        self,
        rows: Sequence[Row],
        traces: Sequence[Trace | None],
        clocks: Sequence[PointClock],
        spans: Sequence[Span],
        reach: Sequence[Reach],
        folded: Sequence[bool],
        order: Sequence[int],
    ) -> None:
        """``folded`` are points that have the connection twice, before and behind a NAT.

        Of those only one side is followed, so that what is not there may be on the other. ``order``
        has the points from initiator to responder, as far as it is known.
        """
        self._folded = folded
        self._order = order
        self._traces = traces
        self._clocks = clocks
        self._spans = spans
        self._reach = reach
        points = range(len(traces))
        self._transit = _transits(rows, len(traces))
        self._acked = {(p, i): _highest_ack(rows, p, i) for p in points for i in (True, False)}
        self._shown = {(p, i): _shown(rows, p, i) for p in points for i in (True, False)}
        self._lossy = [self._missed(rows, point) for point in points]
        self._watched = [_watched_until(trace) for trace in traces]

    def covers(self, row: Row, point: int) -> bool:
        """Return whether the point shows the packet, or would have."""
        return row.seen[point] is not None or self._would_show(row, point)

    def supposes(self, row: Row, point: int) -> bool:
        """Return whether that holds only if the capture ran on after its last packet.

        A quiet line and a stopped capture look the same, unless others show packets later.
        """
        if row.seen[point] is not None or not self._would_show(row, point):
            return False
        expected = self._expected(row, point)
        if expected is None:
            return False
        return expected[1] > self._spans[point].last or not self._has_clock(row, point)

    def _has_clock(self, row: Row, point: int) -> bool:
        """Return whether the point's time of a packet is known, and not only by its own clock."""
        if self._traces[point] is not None:
            return True
        others = (other for other, seen in enumerate(row.seen) if seen is not None)
        return self._clocks[point].known and any(self._clocks[other].known for other in others)

    def _would_show(self, row: Row, point: int) -> bool:
        trace = self._traces[point]
        if self._folded[point]:
            return False
        if trace is None and (not self._reach or self._reach[point] in ("none", "seen")):
            return False
        if self._is_blind(point, row.from_initiator) or self._passed_unseen(row, point):
            return False
        expected = self._expected(row, point)
        return expected is not None and self._is_running(point, *expected)

    def _expected(self, row: Row, point: int) -> Period | None:
        """Return when the point should have seen the packet: from when to when, by its clock."""
        for other, seen in enumerate(row.seen):
            period = self._period(seen, other, point, row.from_initiator) if seen else None
            if period is not None:
                clock = self._clocks[point]
                return _own_time(clock, period[0]), _own_time(clock, period[1])
        return None

    def _period(self, seen: Seen, other: int, point: int, initiator: bool) -> Period | None:
        """Return the same on the first point's clock, by what one other point saw."""
        time = seen.time
        known = self._transit.get((other, point, initiator))
        if known is not None:
            return time + known, time + known
        clocks = self._clocks
        if clocks[other].known and clocks[point].known:
            bound = clocks[other].error_at(seen.packet.time)
            bound += clocks[point].error_at(_own_time(clocks[point], time))
            return time - bound, time + bound
        if self._traces[point] is None:
            return time - UNSYNCHRONISED, time + UNSYNCHRONISED
        back = self._transit.get((point, other, not initiator))
        # A round trip later than what came the other way would have been sent to get here now.
        return None if back is None else (time - back, time - back + ROUND_TRIP)

    def _is_running(self, point: int, earliest: int, latest: int) -> bool:
        span, trace = self._spans[point], self._traces[point]
        if earliest < span.first or (latest > span.last and self._is_stopped(point)):
            return False
        watched = self._watched[point]
        if watched is not None and latest > watched:
            return False
        if trace is not None and trace.gap is not None:
            if trace.gap[0] <= latest and earliest <= trace.gap[1]:
                return False
        earliest, latest = earliest - LOSSY_AROUND, latest + LOSSY_AROUND
        if any(earliest <= missed <= latest for missed in self._lossy[point]):
            return False
        return not any(start <= latest and earliest <= end for start, end in span.lossy)

    def _is_stopped(self, point: int) -> bool:
        """Return whether other connections show that the capture ended at its last packet."""
        trace = self._traces[point]
        own = trace.stream if trace is not None else -1
        return any(stream != own for stream in self._spans[point].outlived_by)

    def _is_blind(self, point: int, initiator: bool) -> bool:
        """Return whether the point shows only the other direction, which acknowledges this one."""
        trace = self._traces[point]
        if trace is None or any(p.from_initiator == initiator for p in trace.packets):
            return False
        return any(p.has_ack and not p.is_rst for p in trace.packets)

    def _passed_unseen(self, row: Row, point: int) -> bool:
        """Return whether the point shows the acknowledgment of bytes that it never showed.

        They passed, and the capture missed them.
        """
        highest = self._acked[point, row.from_initiator]
        if not row.is_payload or highest is None:
            return False
        if seq_distance(highest, seq_add(row.seq, row.length)) < 0:
            return False
        start = _position(row)
        shown = self._shown[point, row.from_initiator]
        at = bisect_right(shown, (start, 1 << 62)) - 1
        return at < 0 or shown[at][1] <= start

    def _came_out(self, row: Row, point: int) -> bool:
        """Return whether data or an ACK is shown behind the point, and not by it: it came past.

        Devices make resets, FINs, SYN-ACKs, but hardly ever what an end says in between.
        """
        one = next(seen for seen in row.seen if seen is not None)
        made = not row.is_payload and one.packet.flags & (RST | FIN | SYN)
        if made or point not in self._order:
            return False
        line = list(self._order) if row.from_initiator else list(reversed(self._order))
        return any(row.seen[other] is not None for other in line[line.index(point) + 1 :])

    def _missed(self, rows: Sequence[Row], point: int) -> list[int]:
        """Return when the point missed packets of the connection, by its own clock."""
        trace = self._traces[point]
        if trace is None:
            return []
        times = [p.time for p in trace.packets if p.marks & ACKED_UNSEEN and not p.is_rst]
        for row in rows:
            if row.seen[point] is None and (
                self._passed_unseen(row, point) or self._came_out(row, point)
            ):
                expected = self._expected(row, point)
                if expected is not None:
                    times.append(expected[0])
        return times


def _watched_until(trace: Trace | None) -> int | None:
    """Return until when packets of a connection are in its trace; None: to the capture's end.

    The tracker forgets a closed one after a while, and later packets belong to nothing.
    """
    if trace is None or not trace.packets:
        return None
    fins = {p.from_initiator for p in trace.packets if p.flags & FIN}
    closed = len(fins) == 2 or any(p.is_rst for p in trace.packets)
    return trace.packets[-1].time + LINGER if closed else None


def _own_time(clock: PointClock, time: int) -> int:
    """Return a time of the first point's clock on the point's own."""
    guess = time - clock.offset
    return guess - (clock.to_first(guess) - time)


def _transits(rows: Sequence[Row], points: int) -> dict[tuple[int, int, bool], int]:
    """Return the usual time from point to point in each direction, where packets show it."""
    found: dict[tuple[int, int, bool], list[int]] = {}
    for row in rows:
        for a in range(points):
            for b in range(points):
                x, y = row.seen[a], row.seen[b]
                if a != b and x is not None and y is not None:
                    found.setdefault((a, b, row.from_initiator), []).append(y.time - x.time)
    return {key: median_low(times) for key, times in found.items()}


def _highest_ack(rows: Sequence[Row], point: int, initiator: bool) -> int | None:
    """Return the highest acknowledgment of one end's bytes that a point shows."""
    highest: int | None = None
    for row in rows:
        seen = row.seen[point]
        if seen is None or row.from_initiator == initiator or seen.packet.is_rst:
            continue
        if seen.packet.has_ack and (highest is None or seq_distance(seen.ack, highest) > 0):
            highest = seen.ack
    return highest


def _shown(rows: Sequence[Row], point: int, initiator: bool) -> list[Period]:
    """Return the bytes of one end that a point shows, as positions, joined and in order."""
    spans = sorted(
        (seen.start, seen.end)
        for row in rows
        if row.from_initiator == initiator and row.is_payload
        for seen in (row.seen[point],)
        if seen is not None
    )
    joined: list[Period] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _position(row: Row) -> int:
    one = next(seen for seen in row.seen if seen is not None)
    return one.start + seq_distance(row.seq, one.seq)
