# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Sequence analysis of one segment: repeats, disorder, duplicate ACKs, windows, keep-alives.

The rules are Wireshark's (tcp.analysis.*, "TCP Analysis" in its User's Guide), so that a user
finds the same numbers there. What differs on purpose stands in docs/tcp-analysis.md. The order of
the tests matters: it decides which name a segment gets.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import (
    ACK,
    ACKED_UNSEEN,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    FIN,
    GAP_BEFORE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    OUT_OF_ORDER,
    RETRANSMISSION,
    RST,
    SPURIOUS_RETRANSMISSION,
    SYN,
    WINDOW_PROBE,
    WINDOW_PROBE_ACK,
    WINDOW_UPDATE,
    ZERO_WINDOW,
)

MASK32 = 0xFFFFFFFF
FAST_WINDOW = 20_000_000
"""A repeat this soon (ns) after the last duplicate ACK counts as a fast retransmission."""
DEFAULT_DISORDER = 3_000_000
"""A segment this late (ns) is out of order rather than repeated, when the RTT is unknown."""


def analyze(p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int) -> int:
    """Return the marks of the segment in ``p``, sent by half ``f``, and advance both halves."""
    if _is_plain(p, f, r):
        if p.ack != f.last_ack:
            f.duplicate_run = 0
        return _advance(p, f, 0, time)
    return _analyze_other(p, flow, f, r, time)


def _analyze_other(p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int) -> int:
    # A function of its own: what most segments do not need would cost them, too.
    length = p.payload_length
    flags = p.flags
    control = flags & (FIN | SYN | RST)
    marks = 0
    known = f.next_seq >= 0
    same_place = known and p.seq == f.next_seq
    if length == 1 and same_place and r.window == 0:
        marks = WINDOW_PROBE
    else:
        marks = _gaps_and_keep_alives(p, f, known, control)
        marks |= _pure_acks(p, f, r, same_place, control)
    if p.ack != f.last_ack:
        f.duplicate_run = 0
    if flags & ACK and r.to_be_acked >= 0 and distance(p.ack, r.to_be_acked) > 0:
        marks |= _beyond(p, f, r, same_place)
    if (length > 0 or flags & (SYN | FIN)) and not marks & KEEP_ALIVE:
        marks |= repeats(p, flow, f, r, time)
    return _advance(p, f, marks, time)


def _is_plain(p: Packet, f: HalfFlow, r: HalfFlow) -> int:
    """Say whether a segment is data in order or a new acknowledgment: most are, and get no mark."""
    length = p.payload_length
    if p.seq != f.next_seq or p.flags & (FIN | SYN | RST) or p.window == 0 or length == 1:
        return 0
    if p.flags & ACK and r.to_be_acked >= 0 and distance(p.ack, r.to_be_acked) > 0:
        return 0
    if length == 0:
        return 1 if p.ack != f.last_ack else 0
    return 1 if r.last_ack < 0 or distance(p.seq + length, r.last_ack) > 0 else 0


def _gaps_and_keep_alives(p: Packet, f: HalfFlow, known: int, control: int) -> int:
    marks = 0
    if p.window == 0 and control == 0:
        marks |= ZERO_WINDOW
    if known and not control & RST and distance(p.seq, f.next_seq) > 0:
        marks |= GAP_BEFORE
    if p.payload_length <= 1 and control == 0 and known:
        if p.seq == ((f.next_seq - 1) & MASK32):
            marks |= KEEP_ALIVE
    return marks


def _pure_acks(p: Packet, f: HalfFlow, r: HalfFlow, same_place: int, control: int) -> int:
    if p.payload_length != 0 or not same_place or control != 0:
        return 0
    if p.window == 0:
        if p.window == f.window and r.last_marks & WINDOW_PROBE:
            if p.ack == f.last_ack:
                return WINDOW_PROBE_ACK
            if p.ack == ((f.last_ack + 1) & MASK32):
                # Some receivers take the byte that the probe brought (RFC 9293 3.8.6.1).
                r.next_seq = p.ack
                return WINDOW_PROBE_ACK
        return 0
    if p.ack != f.last_ack:
        return 0
    if p.window != f.window:
        return WINDOW_UPDATE
    if r.last_marks & KEEP_ALIVE:
        return KEEP_ALIVE_ACK
    f.duplicate_run += 1
    return DUPLICATE_ACK


def _beyond(p: Packet, f: HalfFlow, r: HalfFlow, same_place: int) -> int:
    """Name an acknowledgment of bytes that were not seen."""
    if f.isn < 0 and r.isn >= 0 and r.next_seq == ((r.isn + 1) & MASK32) and r.last_ack < 0:
        # All it can acknowledge is the SYN, for there is no SYN-ACK: its numbers are those of an
        # older connection on these ports (challenge ACK, RFC 5961 4).
        return 0
    probed = r.isn < 0 and r.data_segments == 0 and r.fin_frame == 0
    if probed and r.last_marks & GAP_BEFORE == 0 and p.ack == ((r.next_seq + 1) & MASK32):
        # All that was seen of the other end are probes: a keep-alive stands one byte behind what
        # its sender has sent (RFC 9293 3.8.4), and the capture began with it.
        r.next_seq = p.ack
        return 0
    r.to_be_acked = p.ack
    if same_place and r.last_marks & WINDOW_PROBE and p.ack == ((f.last_ack + 1) & MASK32):
        return WINDOW_UPDATE
    return ACKED_UNSEEN


def repeats(p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int) -> int:
    """Return what a segment is that was sent before: the mark, or 0; nothing is advanced."""
    length = p.payload_length
    behind = f.next_seq >= 0 and distance(p.seq, f.next_seq) < 0
    end = (p.seq + length) & MASK32
    if length > 1 and f.next_seq >= 0 and p.seq == ((f.next_seq - 1) & MASK32):
        behind = False
    if length > 0 and r.last_ack >= 0 and distance(end, r.last_ack) <= 0:
        return SPURIOUS_RETRANSMISSION
    if not behind:
        return 0
    since_ack = time - r.ack_time
    if r.duplicate_run >= 2 and since_ack < FAST_WINDOW:
        if r.last_ack == p.seq:
            return FAST_RETRANSMISSION
        if r.sack_blocks > 0:
            sacked = distance(p.seq, r.sack_left) >= 0 and distance(end, r.sack_right) <= 0
            if not sacked:
                return FAST_RETRANSMISSION
    if p.flags & (SYN | FIN):
        end = (end + 1) & MASK32
    late = flow.first_rtt if flow.first_rtt > 0 else DEFAULT_DISORDER
    if time - f.next_seq_time < late and f.next_seq != end:
        return OUT_OF_ORDER
    return RETRANSMISSION


def _advance(p: Packet, f: HalfFlow, marks: int, time: int) -> int:
    """Take over what the segment says; return its marks."""
    next_seq = p.seq + p.payload_length
    if p.flags & (SYN | FIN):
        next_seq += 1
    next_seq &= MASK32
    if not marks & WINDOW_PROBE and not p.flags & RST:
        # A RST takes no sequence space, and may have any number: an older connection's, a forger's.
        if f.next_seq < 0 or distance(next_seq, f.next_seq) > 0:
            f.next_seq = next_seq
            f.next_seq_time = time
        if f.to_be_acked < 0 or p.seq == f.to_be_acked:
            f.to_be_acked = f.next_seq
    f.window = p.window
    f.last_ack = p.ack if p.flags & ACK else -1
    f.ack_time = time
    f.sack_left = p.sack_left
    f.sack_right = p.sack_right
    f.sack_blocks = p.sack_blocks
    f.last_marks = marks
    return marks
