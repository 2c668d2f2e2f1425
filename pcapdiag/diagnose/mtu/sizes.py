"""Which sizes of segment arrived and which never did, in one direction of a connection.

The counterfactual that makes a black hole: something smaller, sent after the big segments, did
arrive. A super-segment (segmentation offload) went out in pieces of the effective MSS, and counts
as one of them.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.tcp.unacknowledged import FULL_SIZE, Stuck
from pcapdiag.model.packet import (
    FIN,
    KEEP_ALIVE,
    RST,
    WINDOW_PROBE,
    PacketFact,
    seq_after,
    seq_distance,
)
from pcapdiag.model.story import Story
from pcapdiag.model.units import SECOND

TIMESTAMPS = 12
"""Bytes that the timestamps option takes of each segment (RFC 7323 section 3)."""
HEADERS = {4: 40, 6: 60}
"""IP and TCP header without options, by IP version."""


TIMER = 2 * SECOND
"""A sender repeats what is not acknowledged sooner than this, whose round trip is known."""
LONGER = 4
"""How much longer than all tries so far its next pause is at most, with room: they double."""


class Sizes(msgspec.Struct, frozen=True):
    """What the path let through of one end's segments; payload bytes of one wire packet."""

    passed: int
    """The largest that arrived."""
    passed_frame: int
    lost: int
    """The smallest of those that never did."""
    lost_segments: int
    """Different ones that never arrived, as far as seen."""
    tries: int
    """How often the first of them was sent; 0 where only the hole that it left was seen."""
    arrived_behind: bool
    """The receiver said, or showed, that it got something sent after it."""
    whole: bool = True
    """Seen from behind the loss: the hole is exactly so many full segments."""
    overhead: int = 0
    """IP and TCP headers of a full segment."""
    bare: int = 0
    """Frame of a packet without data that shows it, where nothing else does."""

    @property
    def passed_ip(self) -> int:
        """The largest packet that arrived, IP bytes."""
        return self.passed + self.overhead

    @property
    def lost_ip(self) -> int:
        """The smallest packet that did not, IP bytes."""
        return self.lost + self.overhead


def sizes(story: Story, stuck: Stuck) -> Sizes | None:
    """Return the sizes where big segments alone vanished; None where size explains nothing."""
    full = full_segment(story)
    found = _by_hole(story, stuck, full) if stuck.hole else _by_repeats(story, stuck, full)
    if found is None or found.lost < FULL_SIZE or found.passed >= found.lost:
        return None
    return found


def full_segment(story: Story) -> int | None:
    """Return the payload of a full segment by the MSS of both SYNs; None without them.

    RFC 9293 section 3.7.1: an end sends no more than the other's MSS, less what options take; its
    own interface's MTU, which its own MSS shows, may allow less.
    """
    known = [half.mss for half in (story.initiator, story.responder) if half.mss]
    if len(known) < 2:
        return None
    return min(known) - (TIMESTAMPS if _timestamps(story) else 0)


def _timestamps(story: Story) -> bool:
    return story.initiator.timestamps and story.responder.timestamps


def _overhead(story: Story) -> int:
    return HEADERS[story.ip_version] + (TIMESTAMPS if _timestamps(story) else 0)


def _by_repeats(story: Story, stuck: Stuck, full: int | None) -> Sizes | None:
    """Weigh sizes where the sender's tries were captured."""
    data = _data(story, stuck.by_initiator)
    acked = story.half(stuck.by_initiator).acked or 0
    blocks = _sacked(story, not stuck.by_initiator, acked)
    limit = full or max((p.length for p in data if p.is_retransmission), default=0)
    lost: dict[int, PacketFact] = {}
    passed, passed_frame = 0, 0
    for packet in data:
        arrived = _arrived(packet, acked, blocks, limit)
        if arrived > passed:
            passed, passed_frame = arrived, packet.frame
        if seq_after(packet.end_seq, acked) and not arrived:
            lost[packet.seq] = packet
    bare = 0 if blocks else _bare_arrived(story, stuck)
    half = min(stuck.length, limit) // 2
    big = [min(p.length, limit) for p in lost.values() if p.length >= half]
    return Sizes(
        passed=passed,
        passed_frame=passed_frame,
        lost=min(big, default=0),
        lost_segments=len(lost),
        tries=stuck.repeats + 1,
        arrived_behind=bool(blocks) or bare > 0,
        overhead=_overhead(story),
        bare=bare,
    )


def _bare_arrived(story: Story, stuck: Stuck) -> int:
    """Return the frame of a bare ACK, later than the lost data, that their receiver got; 0 if none.

    The receiver sent data or a FIN meanwhile, and repeated that no more once it was acknowledged:
    without the ACK its timer would have gone off (RFC 6298 section 5).
    """
    sent = [
        p
        for p in story.packets
        if p.from_initiator != stuck.by_initiator and not p.is_rst and p.end_seq != p.seq
    ]
    for asked in (p for p in sent if p.time > stuck.first_time):
        answer = _bare_answer(story, stuck, asked)
        if answer is None:
            continue
        tries = [p for p in sent if p.seq == asked.seq]
        patience = max(TIMER, LONGER * (answer.time - tries[0].time))
        if tries[-1].frame < answer.frame and story.end - answer.time >= patience:
            return answer.frame
    return 0


def _bare_answer(story: Story, stuck: Stuck, asked: PacketFact) -> PacketFact | None:
    for packet in story.packets:
        later = packet.from_initiator == stuck.by_initiator and packet.frame > asked.frame
        bare = not packet.length and packet.has_ack and not packet.flags & (FIN | RST)
        if later and bare and not seq_after(asked.end_seq, packet.ack):
            return packet
    return None


def _by_hole(story: Story, stuck: Stuck, full: int | None) -> Sizes | None:
    """Weigh sizes where the capture is behind the loss: a hole that nobody ever filled."""
    if full is None or stuck.length < full:
        return None
    arrived = max(_data(story, stuck.by_initiator), key=lambda p: p.length, default=None)
    if arrived is not None and arrived.length >= full:
        return None
    return Sizes(
        passed=arrived.length if arrived else 0,
        passed_frame=arrived.frame if arrived else stuck.first_frame,
        lost=full,
        lost_segments=max(1, stuck.length // full),
        tries=0,
        arrived_behind=True,
        whole=stuck.length % full == 0,
        overhead=_overhead(story),
        bare=stuck.first_frame if stuck.bare else 0,
    )


def _arrived(packet: PacketFact, acked: int, blocks: list[tuple[int, int]], limit: int) -> int:
    """Return how big a piece of a packet arrived, as one wire packet; 0 for nothing of it."""
    if not seq_after(packet.end_seq, acked):
        return min(packet.length, limit)
    found = 0
    for left, right in blocks:
        start = left if seq_after(left, packet.seq) else packet.seq
        end = packet.end_seq if seq_after(right, packet.end_seq) else right
        found = max(found, min(seq_distance(end, start), limit))
    return found


def _sacked(story: Story, by_initiator: bool, acked: int) -> list[tuple[int, int]]:
    """Return the ranges beyond ``acked`` that an end said it has (RFC 2018; not RFC 2883)."""
    blocks = {
        packet.sack
        for packet in story.packets
        if packet.from_initiator == by_initiator and packet.sack
    }
    return [block for block in blocks if seq_after(block[0], acked)]


def _data(story: Story, by_initiator: bool) -> list[PacketFact]:
    return [
        packet
        for packet in story.packets
        if packet.from_initiator == by_initiator
        and packet.length > 0
        and not packet.is_rst
        and not packet.marks & (KEEP_ALIVE | WINDOW_PROBE)
    ]
