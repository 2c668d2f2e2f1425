# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What a segment adds to the counters of the end that sent it."""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import HalfFlow
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import (
    ACK,
    ACKED_UNSEEN,
    ANY_RETRANSMISSION,
    BAD_CHECKSUM,
    DSACK,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    GAP_BEFORE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    OUT_OF_ORDER,
    RST,
    SPURIOUS_RETRANSMISSION,
    SUPER_SEGMENT,
    SYN,
    TRUNCATED,
    WINDOW_PROBE,
    ZERO_WINDOW,
)


def count_segment(p: Packet, f: HalfFlow, r: HalfFlow, marks: int, frame: int, time: int) -> int:
    """Add the segment to the counters of its half; return further marks."""
    if f.packets == 0:
        f.first_frame = frame
        f.first_time = time
    f.packets += 1
    f.last_frame = frame
    f.last_time = time
    more = 0
    f.payload_bytes += p.payload_length
    if p.payload_length > f.max_segment:
        f.max_segment = p.payload_length
    if r.mss > 0 and p.payload_length > r.mss:
        more |= SUPER_SEGMENT
        f.super_segments += 1
    if p.cut:
        more |= TRUNCATED
        f.truncated += 1
    if p.bad_checksum:
        more |= BAD_CHECKSUM
        f.bad_checksums += 1
    if p.has_timestamps:
        f.timestamps = 1
    if not p.flags & (SYN | RST):
        shift = f.window_scale if f.window_scale > 0 and r.window_scale >= 0 else 0
        f.window_bytes = p.window << shift
        if f.min_window < 0 or f.window_bytes < f.min_window:
            f.min_window = f.window_bytes
    if p.sack_blocks > 0 and (p.sack_within or distance(p.sack_right, p.ack) <= 0):
        more |= DSACK
    if marks:
        count_marks(f, marks)
    if p.flags & ACK and not p.flags & RST:
        _note_ack(p, f, r, time)
    _note_origin(p, f)
    return more


def count_marks(f: HalfFlow, marks: int) -> None:
    """Count a segment's marks."""
    if marks & ANY_RETRANSMISSION:
        f.retransmissions += 1
        if marks & FAST_RETRANSMISSION:
            f.fast_retransmissions += 1
        elif marks & SPURIOUS_RETRANSMISSION:
            f.spurious_retransmissions += 1
    if marks & OUT_OF_ORDER:
        f.out_of_order += 1
    if marks & KEEP_ALIVE:
        f.keep_alives += 1
    if marks & DUPLICATE_ACK:
        f.duplicate_acks += 1
    if marks & KEEP_ALIVE_ACK:
        f.keep_alive_acks += 1
    if marks & ZERO_WINDOW:
        f.zero_windows += 1
    if marks & WINDOW_PROBE:
        f.window_probes += 1
    if marks & GAP_BEFORE:
        f.gaps += 1
    if marks & ACKED_UNSEEN:
        f.acked_unseen += 1


def _note_ack(p: Packet, f: HalfFlow, r: HalfFlow, time: int) -> None:
    """Note how far an acknowledgment goes, and how long what it acknowledges was under way."""
    if f.highest_ack < 0 or distance(p.ack, f.highest_ack) > 0:
        f.highest_ack = p.ack
    if r.sample_seq >= 0 and distance(p.ack, r.sample_seq) >= 0:
        rtt = time - r.sample_time
        if r.min_rtt == 0 or rtt < r.min_rtt:
            r.min_rtt = rtt
        r.sample_seq = -1


def _note_origin(p: Packet, f: HalfFlow) -> None:
    """Note where a segment came from: direction, TTL or hop limit, MAC; a RST's is asked about."""
    if p.direction == 4:
        f.sent += 1
    elif p.direction == 0:
        f.received += 1
    if p.flags & RST:
        return
    if p.ttl == f.ttl0:
        f.ttl0_count += 1
    elif f.ttl0 < 0:
        f.ttl0 = p.ttl
        f.ttl0_count = 1
    elif p.ttl == f.ttl1 or f.ttl1 < 0:
        f.ttl1 = p.ttl
        f.ttl1_count += 1
    elif p.ttl == f.ttl2 or f.ttl2 < 0:
        f.ttl2 = p.ttl
        f.ttl2_count += 1
    elif p.ttl == f.ttl3 or f.ttl3 < 0:
        f.ttl3 = p.ttl
        f.ttl3_count += 1
    if p.mac != 0:
        if p.mac == f.mac0:
            f.mac0_count += 1
        elif f.mac0 == 0:
            f.mac0 = p.mac
            f.mac0_count = 1
        elif p.mac == f.mac1 or f.mac1 == 0:
            f.mac1 = p.mac
            f.mac1_count += 1
    if p.version == 4 and p.ip_id == 0 and p.flags & SYN == 0:
        f.ids_zero += 1
