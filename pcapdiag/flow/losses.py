# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""On which side of the capture point data segments were lost, added up by host.

A segment that the capture holds and that is sent again got lost behind the capture point, towards
its receiver. One that the capture lacks, and that comes after those behind it, got lost before it.
Both are put to the host whose side of the path it is, so that a path stands out wherever the
capture was taken. What only looks like loss is left out: what the receiver had (its ACK, or its
DSACK, RFC 2883: tail-loss probes, needless repeats), disorder, what the capture itself missed, what
a router refused for its size, and a connection that nothing came through on any more.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, HalfFlow, Host
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import GAP_BEFORE, KEEP_ALIVE, SPURIOUS_RETRANSMISSION, SYN

MASK32 = 0xFFFFFFFF
MAX_HOLES = 16
"""Holes of one end that are told apart; further ones are joined with the last."""
MIN_LATE = 500_000
"""A segment that comes at least this late (ns), and three quarters of a round trip, was sent again;
sooner it was overtaken only."""
LATE = 3_000_000
"""The same where the round trip is not known."""
USUAL_SEGMENT = 1_448
"""Bytes in a segment on Ethernet (RFC 879, RFC 7323), where no SYN said more."""
MAX_SECONDS = 256
"""Seconds of one host, and..."""
MAX_ALL_SECONDS = 32_768
"""... of all, for which losses are counted."""
STALL = 3
"""More lost segments than this, and more than half of all, are an outage or a black hole."""
MAX_STREAMS = 8
SECOND = 1_000_000_000

# Twins in C of constants that plain Python imports.
_MAX_STREAMS = MAX_STREAMS


class Losses:
    """Notes lost segments as they show, and adds them up when their connection ends."""

    def __init__(self) -> None:
        self.seconds = 0
        self.left_out = 0

    def note(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, marks: int, known: int, time: int
    ) -> None:
        """Take up a data segment of ``f`` that is not simply the next one.

        ``known`` is what came next before it.
        """
        seq = p.seq
        if p.flags & SYN or known < 0 or marks & (KEEP_ALIVE | SPURIOUS_RETRANSMISSION):
            return
        if marks & GAP_BEFORE:
            self._open_hole(f, known, seq, time)
            return
        end = (seq + p.payload_length) & MASK32
        if distance(seq, known) >= 0:
            return
        late = flow.first_rtt * 3 // 4 if flow.first_rtt > 0 else LATE
        if late < MIN_LATE:
            late = MIN_LATE
        filled = self._fill(f, seq, end, time - late)
        if filled == 2:
            f.lost_before += 1
            self._note_time(f.host, time)
        elif filled == 0 and f.lost_seq != seq:
            # Sent for a third time it is the same segment, and says no more of the path.
            f.lost_behind += 1
            f.lost_seq = seq
            self._note_time(r.host, time)

    def _open_hole(self, f: HalfFlow, left: int, right: int, time: int) -> None:
        if f.holes is None:
            f.holes = []
        if len(f.holes) >= MAX_HOLES:
            f.holes[MAX_HOLES - 1][1] = right
        else:
            f.holes.append([left, right, time])

    def _fill(self, f: HalfFlow, seq: int, end: int, opened_by: int) -> int:
        """Return 0 for bytes that were seen, 1 for overtaken ones, 2 for ones that had been lost.

        Holes opened until ``opened_by`` (ns) count as lost.
        """
        if f.holes is None:
            return 0
        found = 0
        left: list[list[int]] = []
        for hole in f.holes:
            if distance(end, hole[0]) <= 0 or distance(seq, hole[1]) >= 0:
                left.append(hole)
                continue
            if found < 2:
                found = 2 if hole[2] <= opened_by else 1
            before = distance(seq, hole[0]) > 0
            behind = distance(end, hole[1]) < 0
            if before and behind and len(f.holes) >= MAX_HOLES:
                left.append(hole)
                continue
            if before:
                left.append([hole[0], seq, hole[2]])
            if behind:
                left.append([end, hole[1], hole[2]])
        if found:
            f.holes = left
        return found

    def _note_time(self, host: Host, time: int) -> None:
        second = time // SECOND
        if host.loss_seconds is None:
            host.loss_seconds = {}
        if second in host.loss_seconds:
            host.loss_seconds[second] += 1
        elif len(host.loss_seconds) < MAX_SECONDS and self.seconds < MAX_ALL_SECONDS:
            host.loss_seconds[second] = 1
            self.seconds += 1
        else:
            self.left_out += 1

    def finished(self, flow: Flow) -> None:
        """Add a connection that ended to what its hosts sent and lost."""
        if flow.a.packets == 0 or flow.b.packets == 0 or flow.same_as >= 0:
            return
        if flow.icmp is not None or flow.a.acked_unseen + flow.b.acked_unseen > 0:
            return
        self._add(flow, flow.a, flow.b)
        self._add(flow, flow.b, flow.a)

    def _add(self, flow: Flow, f: HalfFlow, r: HalfFlow) -> None:
        if f.data_segments == 0:
            return
        behind = f.lost_behind - f.unneeded
        if behind > 0 and f.isn >= 0 and (f.sack_permitted == 0 or r.sack_permitted == 0):
            # Without SACK all that followed a lost segment is sent again, and no DSACK says so.
            return
        if f.lost_seq >= 0 and (r.highest_ack < 0 or distance(f.lost_seq, r.highest_ack) >= 0):
            return
        before = f.lost_before
        if behind < 0:
            # A repeat that filled a hole, and the first one behind it after all: only late.
            before += behind
            behind = 0
        if before < 0:
            before = 0
        segments = f.data_segments
        usual = r.mss if r.mss > 0 else USUAL_SEGMENT
        if f.max_segment > usual:
            # Offload: one packet of the capture is several segments on the wire.
            if f.payload_bytes // usual > segments:
                segments = f.payload_bytes // usual
        segments += before
        if behind + before > STALL and (behind + before) * 2 > segments:
            return
        f.host.sent_segments += segments
        f.host.sent_lost += before
        r.host.taken_segments += segments
        r.host.taken_lost += behind
        if before > 0:
            f.host.sent_lossy += 1
            self._note_stream(f.host, flow)
        if behind > 0:
            r.host.taken_lossy += 1
            self._note_stream(r.host, flow)

    def _note_stream(self, host: Host, flow: Flow) -> None:
        if host.lossy_streams is None:
            host.lossy_streams = []
        if len(host.lossy_streams) < _MAX_STREAMS and flow.stream not in host.lossy_streams:
            host.lossy_streams.append(flow.stream)
