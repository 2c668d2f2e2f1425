"""Whether the capture has a connection's packets in another order than they were sent in.

What came first, who closed first, and what was left without an answer is then not known.
"""

from __future__ import annotations

from itertools import pairwise

from pcapdiag.model.moment import moment
from pcapdiag.model.once import once
from pcapdiag.model.packet import KEEP_ALIVE, seq_add, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

ABOUT_REQUESTS = (2, 3, 401, 404, 405, 411, 413, 414, 415, 417, 431)
HTTP_ANSWERS = tuple(b"HTTP/1.%d %d" % (minor, kind) for minor in (0, 1) for kind in ABOUT_REQUESTS)
"""How answers begin that no server gives unasked."""
STEP = 100 * MS
"""A clock that is set back by less may be two queues of a network card."""


@once
def answers_unseen(story: Story) -> bool:
    """Return whether data of the responder acknowledges bytes that had not been captured by then.

    The capture lost them, or it is of a mirror port or tap that brings the two directions through
    queues of their own. What came first is then not known: an answer seems to be missing, or to
    come before its request.
    """
    if story.greeting_bytes and story.hello_responder.startswith(HTTP_ANSWERS):
        return True
    return _acknowledges_unseen(story, by_initiator=False)


@once
def directions_apart(story: Story) -> bool:
    """Return whether data of either end acknowledges bytes that had not been captured by then.

    What answers a FIN is known to come behind it (``answers_fin``).
    """
    return answers_unseen(story) or _acknowledges_unseen(story, by_initiator=True)


def _acknowledges_unseen(story: Story, by_initiator: bool) -> bool:
    half = story.half(not by_initiator)
    sent = None if half.isn is None else seq_add(half.isn, 1)
    for packet in story.packets:
        if story.packets_left_out and packet.frame > half.first_data_frame:
            # What is acknowledged then may be among those.
            return False
        if packet.is_rst or packet.marks & KEEP_ALIVE:
            continue
        if packet.from_initiator != by_initiator:
            end = seq_add(packet.seq, packet.length + (packet.is_syn or packet.is_fin))
            sent = end if sent is None or seq_distance(end, sent) > 0 else sent
        elif packet.length and packet.has_ack and sent is not None:
            fin = bool(half.fin_frame) and packet.ack == seq_add(half.fin_seq, 1)
            if seq_distance(packet.ack, sent) > fin:
                return True
    return False


def fin_came_early(story: Story, by_initiator: bool) -> bool:
    """Return whether an end's FIN acknowledges more than had been captured of the other by then.

    A tap brings it later, or the capture lost it: what was closed at is not known.
    """
    half = story.half(by_initiator)
    if not half.fin_frame or story.packets_left_out:
        return False
    end = (half.fin_time, half.fin_frame)
    others = (p for p in story.packets if p.from_initiator != by_initiator and not p.is_rst)
    before = [p for p in others if moment(p) < end]
    return bool(before) and all(seq_distance(half.fin_ack, p.end_seq) > 0 for p in before)


@once
def clock_stepped(story: Story) -> bool:
    """Return whether the capture's clock was set back within a connection that no RST ended.

    What came first, and who closed first, is then not known.
    """
    if story.resets:
        return False
    packets = sorted(story.packets, key=lambda packet: packet.frame)
    return any(b.time < a.time - STEP for a, b in pairwise(packets))


def answers_fin(story: Story, said: tuple[int, int], by_initiator: bool) -> bool:
    """Return whether what an end said at a moment came when it had got the other end's FIN.

    Its packet's ACK number says so, wherever the capture has the FIN, for the two may cross; the
    order only where that packet was not kept.
    """
    closer = story.half(not by_initiator)
    if not closer.fin_frame:
        return False
    packet = story.packet(said[1])
    if packet is None or not packet.has_ack:
        return (closer.fin_time, closer.fin_frame) <= said
    return seq_distance(packet.ack, closer.fin_seq) > 0


def heard_before_fin(story: Story, frame: int, by_initiator: bool) -> bool:
    """Return whether an end had got a packet when it sent its FIN, by the ACK number of that."""
    closer = story.half(by_initiator)
    packet = story.packet(frame)
    got = packet is not None and seq_distance(closer.fin_ack, packet.end_seq) >= 0
    return bool(closer.fin_frame) and got
