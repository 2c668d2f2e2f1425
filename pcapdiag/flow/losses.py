# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""On which side of the capture point data segments were lost, added up by host.

A segment that the capture holds and that is sent again got lost behind the capture point, towards
its receiver. One that the capture lacks, and that comes after those behind it, got lost before it.
Both are put to the host whose side of the path it is, so that a path stands out wherever the
capture was taken.

What only looks like loss is left out: disorder, what the capture itself missed, what a router
refused for its size, and a connection that nothing came through on any more. Each loss is a
suspicion (:class:`Suspect`) that is dropped when the first copy shows to have arrived after all:

- the receiver says that it got two (DSACK, RFC 2883), or acknowledged them before the second one;
- it acknowledges sooner than any answer to the second copy can be there (RFC 8985 6.2, step 2), or
  echoes a timestamp older than the second copy's (Eifel, RFC 3522);
- it comes by itself, late: what was sent first has the older timestamp (RFC 7323), or the smaller
  IP ID where the sender counts them.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, HalfFlow, Host
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import FIN, GAP_BEFORE, KEEP_ALIVE, RST, SPURIOUS_RETRANSMISSION, SYN

MASK32 = 0xFFFFFFFF
MAX_HOLES = 16
"""Holes of one end that are told apart; the last one is joined with what opens further ones."""
MAX_SUSPECTS = 128
"""Losses of one end that may still turn out to be none; beyond, the oldest one counts."""
MAX_ALL_SUSPECTS = 100_000
"""Those of all ends; further ones count at once."""
MIN_LATE = 500_000
"""A segment that comes at least this late (ns), and three quarters of a round trip, was sent again;
sooner it was overtaken only."""
LATE = 3_000_000
"""The same where the round trip is not known."""
MAX_IDS_APART = 512
"""So far apart are the IP IDs of what a counting sender sent within a flight."""
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
BEHIND, BEFORE, LATE_ONLY = 0, 1, 2
SENT_AFTER, SENT_BEFORE, CANNOT_TELL = 0, 1, 2

# Twins in C of constants that plain Python imports.
_MAX_STREAMS = MAX_STREAMS
_MAX_SUSPECTS = MAX_SUSPECTS


class Hole:
    """Bytes that the capture lacks so far; the segment behind them opened it."""

    def __init__(self, left: int, right: int, time: int, tsval: int, ip_id: int) -> None:
        self.left = left
        self.right = right
        self.time = time
        self.tsval = tsval
        self.ip_id = ip_id


class Suspect:
    """A segment that seems to have been lost, BEFORE the capture point or BEHIND it, or LATE_ONLY.

    ``tsval`` and ``ip_id`` are those of what was sent again (BEHIND), or else of the segment that
    overtook it; -1 for none. ``copies`` counts how often it was sent again.
    """

    def __init__(self, seq: int, end: int, time: int, kind: int, tsval: int, ip_id: int) -> None:
        self.seq = seq
        self.end = end
        self.time = time
        self.kind = kind
        self.tsval = tsval
        self.ip_id = ip_id
        self.copies = 1


class Losses:
    """Notes lost segments as they show, and adds them up when their connection ends."""

    def __init__(self) -> None:
        self.seconds = 0
        self.left_out = 0
        self.suspects = 0

    def note(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, marks: int, known: int, time: int
    ) -> None:
        """Take up a data segment of ``f`` that is not simply the next one.

        ``known`` is what came next before it.
        """
        if p.flags & SYN or known < 0 or marks & KEEP_ALIVE:
            return
        if marks & GAP_BEFORE:
            self._open_hole(p, f, known, time)
            return
        end = (p.seq + p.payload_length) & MASK32
        if distance(p.seq, known) >= 0:
            return
        if self._is_first_copy(p, f, end):
            return
        if marks & SPURIOUS_RETRANSMISSION:
            return
        late = flow.first_rtt * 3 // 4 if flow.first_rtt > 0 else LATE
        if late < MIN_LATE:
            late = MIN_LATE
        hole = self._fill(f, p.seq, end)
        if hole is None:
            self._sent_again(p, f, r, end, time)
            return
        order = _order(p, hole.tsval, hole.ip_id)
        kind = LATE_ONLY
        if order == SENT_AFTER or (order == CANNOT_TELL and time - hole.time >= late):
            kind = BEFORE
        self._suspect(f, r, Suspect(p.seq, end, time, kind, hole.tsval, hole.ip_id))

    def _open_hole(self, p: Packet, f: HalfFlow, left: int, time: int) -> None:
        if f.holes is None:
            f.holes = []
        if len(f.holes) >= MAX_HOLES:
            last: Hole = f.holes.pop()
            left = last.left
        tsval = p.tsval if p.has_timestamps else -1
        f.holes.append(Hole(left, p.seq, time, tsval, p.ip_id))

    def _fill(self, f: HalfFlow, seq: int, end: int) -> Hole | None:
        """Return the first hole that the bytes lie in; they are no hole any more."""
        if f.holes is None:
            return None
        found: Hole | None = None
        rest: list[Hole] = []
        for hole in f.holes:
            if distance(end, hole.left) <= 0 or distance(seq, hole.right) >= 0:
                rest.append(hole)
                continue
            if found is None:
                found = hole
            before = distance(seq, hole.left) > 0
            behind = distance(end, hole.right) < 0
            if before and behind and len(f.holes) >= MAX_HOLES:
                rest.append(hole)
                continue
            if before:
                rest.append(Hole(hole.left, seq, hole.time, hole.tsval, hole.ip_id))
            if behind:
                rest.append(Hole(end, hole.right, hole.time, hole.tsval, hole.ip_id))
        if found is not None:
            f.holes = rest
        return found

    def _is_first_copy(self, p: Packet, f: HalfFlow, end: int) -> int:
        """Say whether it is one of two copies of what was only late: then nothing was lost.

        Where the order of sending cannot be told, the benefit of the doubt.
        """
        if f.suspects is None:
            return 0
        for lost in f.suspects:
            if lost.kind != BEHIND and _overlap(lost, p.seq, end):
                if lost.kind == BEFORE and _order(p, lost.tsval, lost.ip_id) == SENT_AFTER:
                    return 0
                f.suspects.remove(lost)
                self.suspects -= 1
                return 1
        return 0

    def _sent_again(self, p: Packet, f: HalfFlow, r: HalfFlow, end: int, time: int) -> None:
        if f.suspects is not None:
            for lost in f.suspects:
                if lost.kind == BEHIND and _overlap(lost, p.seq, end):
                    # Sent for a third time it is the same segment, and says no more of the path.
                    lost.copies += 1
                    return
        f.lost_seq = p.seq
        tsval = p.tsval if p.has_timestamps else -1
        self._suspect(f, r, Suspect(p.seq, end, time, BEHIND, tsval, p.ip_id))

    def _suspect(self, f: HalfFlow, r: HalfFlow, lost: Suspect) -> None:
        if self.suspects >= MAX_ALL_SUSPECTS:
            self._settle(f, r, lost)
            return
        if f.suspects is None:
            f.suspects = []
        if len(f.suspects) >= _MAX_SUSPECTS:
            oldest = self._oldest(f.suspects)
            f.suspects.remove(oldest)
            self.suspects -= 1
            self._settle(f, r, oldest)
        f.suspects.append(lost)
        self.suspects += 1

    def _oldest(self, suspects: list[Suspect]) -> Suspect:
        """Return the oldest suspect, one of those that were only late before any other."""
        for lost in suspects:
            if lost.kind == LATE_ONLY:
                return lost
        return suspects[0]

    def _settle(self, f: HalfFlow, r: HalfFlow, lost: Suspect) -> None:
        if lost.kind == BEFORE:
            f.lost_before += 1
            self._note_time(f.host, lost.time)
        elif lost.kind == BEHIND:
            f.lost_behind += 1
            self._note_time(r.host, lost.time)

    def answered(self, p: Packet, f: HalfFlow, r: HalfFlow, time: int) -> None:
        """Take up an acknowledgment by ``f`` while ``r`` has suspects, before it is taken over."""
        if r.suspects is None:
            return
        twice = p.sack_blocks > 0 and (p.sack_within or distance(p.sack_right, p.ack) <= 0)
        in_vain = 0 if twice else _brought_nothing(p, f, r)
        rest: list[Suspect] = []
        for lost in r.suspects:
            if lost.kind == BEHIND and in_vain:
                in_vain = 0
                lost.copies -= 1
            elif twice and _overlap(lost, p.sack_left, p.sack_right):
                lost.copies -= 1
                if time - lost.time > r.latest:
                    r.latest = time - lost.time
            elif lost.kind == BEHIND and self._had_the_first(p, f, r, lost, time):
                lost.copies = 0
            if lost.copies > 0:
                rest.append(lost)
        if len(rest) < len(r.suspects):
            self.suspects -= len(r.suspects) - len(rest)
            r.suspects = rest or None

    def _had_the_first(self, p: Packet, f: HalfFlow, r: HalfFlow, lost: Suspect, time: int) -> int:
        """Say whether an acknowledgment proves that the first copy arrived."""
        acked = distance(p.ack, lost.end) >= 0
        if acked and f.highest_ack >= 0:
            if distance(f.highest_ack, lost.end) >= 0:
                return 0
            if lost.tsval >= 0 and p.has_timestamps and distance(lost.seq, f.highest_ack) <= 0:
                # Only at the left edge of the window is it this segment's timestamp (RFC 7323 4.3).
                if distance(p.tsecr, lost.tsval) < 0:
                    return 1
        if not acked:
            if p.sack_blocks == 0 or distance(p.sack_left, lost.seq) > 0:
                return 0
            if distance(p.sack_right, lost.end) < 0:
                return 0
        return 1 if time - lost.time < r.min_rtt * 3 // 4 else 0

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
        both = flow.a.packets > 0 and flow.b.packets > 0 and flow.same_as < 0
        if both and flow.icmp is None and flow.a.acked_unseen + flow.b.acked_unseen == 0:
            self._add(flow, flow.a, flow.b)
            self._add(flow, flow.b, flow.a)
        self._forget(flow.a)
        self._forget(flow.b)

    def _forget(self, f: HalfFlow) -> None:
        if f.suspects is not None:
            self.suspects -= len(f.suspects)
            f.suspects = None

    def _add(self, flow: Flow, f: HalfFlow, r: HalfFlow) -> None:
        if f.data_segments == 0:
            return
        self._settle_all(f, r)
        behind = f.lost_behind
        before = f.lost_before
        if behind > 0 and f.isn >= 0 and (f.sack_permitted == 0 or r.sack_permitted == 0):
            # Without SACK all that followed a lost segment is sent again, and no DSACK says so.
            return
        if f.lost_seq >= 0 and (r.highest_ack < 0 or distance(f.lost_seq, r.highest_ack) >= 0):
            return
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

    def _settle_all(self, f: HalfFlow, r: HalfFlow) -> None:
        """Count what is still suspected.

        What was sent again too shortly before the receiver closed is left out where other copies
        came as late: a closed socket does not say what else arrives.
        """
        if f.suspects is None:
            return
        for lost in f.suspects:
            if lost.kind == BEHIND and r.fin_seq >= 0 and r.fin_time - lost.time < f.latest:
                continue
            self._settle(f, r, lost)

    def _note_stream(self, host: Host, flow: Flow) -> None:
        if host.lossy_streams is None:
            host.lossy_streams = []
        if len(host.lossy_streams) < _MAX_STREAMS and flow.stream not in host.lossy_streams:
            host.lossy_streams.append(flow.stream)


def _overlap(lost: Suspect, seq: int, end: int) -> int:
    return 1 if distance(seq, lost.end) < 0 < distance(end, lost.seq) else 0


def _brought_nothing(p: Packet, f: HalfFlow, r: HalfFlow) -> int:
    """Say whether an acknowledgment answers a segment that brought nothing new.

    A new one moves the acknowledgment or the first SACK block (RFC 2018 section 4). Without DSACK
    this is all that is heard of a second copy, in TIME-WAIT, or of what comes so late that its
    timestamp is too old (PAWS, RFC 7323 5.3).
    """
    if p.payload_length > 0 or p.flags & (SYN | FIN | RST) or r.last_marks & KEEP_ALIVE:
        return 0
    if p.ack != f.last_ack or p.window != f.window or p.seq != f.next_seq:
        return 0
    return 1 if p.sack_left == f.sack_left and p.sack_right == f.sack_right else 0


def _order(p: Packet, tsval: int, ip_id: int) -> int:
    """Say whether a segment was sent before the one with this timestamp and IP ID, or after it."""
    if tsval >= 0 and p.has_timestamps and p.tsval != tsval:
        return SENT_AFTER if distance(p.tsval, tsval) > 0 else SENT_BEFORE
    if p.version == 4 and ip_id > 0 and p.ip_id > 0:
        if 0 < ((ip_id - p.ip_id) & 0xFFFF) <= MAX_IDS_APART:
            return SENT_BEFORE
    return CANNOT_TELL
