"""Data that one end repeated and the other never acknowledged, up to the end of the story."""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.ending import Ending
from pcapdiag.diagnose.goodbye import asks_for_answer, responder_said_goodbye
from pcapdiag.diagnose.timing import quiet_before
from pcapdiag.model.moment import moment
from pcapdiag.model.once import once
from pcapdiag.model.packet import (
    KEEP_ALIVE,
    MASK32,
    RST,
    WINDOW_PROBE,
    PacketFact,
    seq_add,
    seq_after,
    seq_distance,
)
from pcapdiag.model.story import Half, Story
from pcapdiag.model.units import MS

FULL_SIZE = 1000
"""Payload from which a segment may be too big for a tunnel's MTU."""
WITH_IT = 100 * MS
"""A FIN this soon behind the data was sent with it."""
MAX_AHEAD = 1 << 24
"""How far a bare ACK may stand beyond what arrived; what an older connection on the same ports
answers (RFC 5961 section 4) has any number."""


class Stuck(msgspec.Struct, frozen=True):
    """The first unacknowledged segment and its repeats."""

    by_initiator: bool
    first_frame: int
    first_time: int
    last_frame: int
    last_time: int
    repeats: int
    last_pause: int
    """Time between the last two tries, nanoseconds."""
    length: int
    alive: bool
    """The other end sent packets after the first try, none of which acknowledged it."""
    sacked: bool = False
    """It acknowledged later data (RFC 2018)."""
    hole: bool = False
    """The bytes were lost before the capture: what came after them is ``first_frame``, and
    ``length`` is what is missing; the repeats were not seen."""
    bare: bool = False
    """No data came after the hole: the number of a bare ACK or FIN shows that it was sent."""
    late: bool = False
    """That answered the other end's FIN: until then nothing showed that anything had been sent."""


@once
def stuck_data(story: Story) -> Stuck | None:
    """Return the data that was repeated and never acknowledged, or None.

    A farewell that got lost does not count.
    """
    found = ((side, _stuck(story, side)) for side in (True, False))
    known = [stuck for side, stuck in found if stuck and not _is_farewell(story, side)]
    return min(known, key=lambda stuck: stuck.first_time) if known else None


def closed_by_its_sender(end: Ending | None, stuck: Stuck) -> bool:
    """Return whether the connection was ended by the FIN of whoever had sent the data."""
    return end is not None and not end.reset and end.by_initiator == stuck.by_initiator


def goes_on(end: Ending, stuck: Stuck) -> bool:
    """Return whether the program had closed before the last try, which its kernel made.

    A responder closes behind its answer. An initiator that closes has given up, but for one that
    closes its own direction as soon as it has asked.
    """
    if stuck.hole or not closed_by_its_sender(end, stuck) or end.time >= stuck.last_time:
        return False
    return not stuck.by_initiator or end.time - stuck.first_time < WITH_IT


def _is_farewell(story: Story, initiator: bool) -> bool:
    return not asks_for_answer(story) if initiator else responder_said_goodbye(story)


def _stuck(story: Story, initiator: bool) -> Stuck | None:
    half = story.half(initiator)
    if not left_unacked(half):
        return None
    if not has_unacked_data(half):
        return _hole(story, initiator, half.acked or 0)
    acked = half.acked or 0
    data = [p for p in story.packets if p.length and p.from_initiator == initiator]
    tries = [p for p in data if carries(p, acked)]
    if not tries:
        return _hole(story, initiator, acked)
    if len(tries) == 1:
        # A sender may begin with its last segment (tail loss probe, RFC 8985).
        tries += _later_repeats(story, initiator, acked)
    if len(tries) < 2 or _has_no_room(story, not initiator, acked):
        return None
    alive = _sent_after(story, not initiator, tries[0].time + _away_and_back(story, initiator))
    sacked = any(
        p.sack and seq_after(p.sack[0], acked)
        for p in story.packets
        if p.from_initiator != initiator
    )
    return in_vain(tries, alive=alive, sacked=sacked)


def _has_no_room(story: Story, initiator: bool, acked: int) -> bool:
    """Return whether an end's last word was a window of zero: it says why it takes no more.

    What was on its way then is repeated all the same (RFC 9293 section 3.8.6).
    """
    said = (p for p in reversed(story.packets) if p.from_initiator == initiator and p.has_ack)
    last = next((p for p in said if not (p.is_rst or p.is_fin or p.is_syn_ack)), None)
    return last is not None and not last.window and last.ack == acked


def in_vain(tries: list[PacketFact], *, alive: bool, sacked: bool = False) -> Stuck:
    """Return what two transmissions or more of the same bytes have in common."""
    first, last = tries[0], tries[-1]
    return Stuck(
        by_initiator=first.from_initiator,
        first_frame=first.frame,
        first_time=first.time,
        last_frame=last.frame,
        last_time=last.time,
        repeats=len(tries) - 1,
        last_pause=last.time - tries[-2].time,
        length=first.length,
        alive=alive,
        sacked=sacked,
    )


def _hole(story: Story, initiator: bool, acked: int) -> Stuck | None:
    """Return bytes that the other end never got, though it got what was sent after them.

    The number of a bare ACK or FIN shows what its sender had sent before (RFC 9293 section 3.4).
    """
    behind = [p for p in story.packets if p.from_initiator == initiator and _shows(p, acked)]
    if not behind:
        return None
    first = behind[0]
    bare = not any(p.length for p in behind)
    later = [p for p in story.packets if _is_later(p, first) and p.has_ack]
    lowest = min(seq_distance(p.seq, acked) for p in behind)
    late = bare and not later and _answers_fin(story, first, acked)
    if not late and not any(p.ack == acked for p in later):
        return None
    return Stuck(
        by_initiator=initiator,
        first_frame=first.frame,
        first_time=first.time,
        last_frame=first.frame,
        last_time=first.time,
        repeats=0,
        last_pause=0,
        length=lowest,
        alive=True,
        hole=True,
        bare=bare,
        late=late,
    )


def _shows(packet: PacketFact, acked: int) -> bool:
    """Return whether a packet shows that bytes before it were sent that were never acknowledged."""
    probe = packet.marks & (KEEP_ALIVE | WINDOW_PROBE)
    if packet.is_rst or packet.is_syn or packet.is_syn_ack or probe:
        return False
    ahead = seq_distance(packet.seq, acked)
    return ahead > 0 and (packet.length > 0 or ahead <= MAX_AHEAD)


def _answers_fin(story: Story, packet: PacketFact, acked: int) -> bool:
    """Return whether a packet acknowledges the FIN of an end that lacked ``acked`` and later."""
    half = story.half(not packet.from_initiator)
    fin = half.fin_frame and half.fin_ack == acked and packet.has_ack
    return bool(fin) and packet.ack == seq_add(half.fin_seq, 1)


def _is_later(packet: PacketFact, first: PacketFact) -> bool:
    """Return whether the other end sent a packet after ``first``."""
    other = packet.from_initiator != first.from_initiator
    return other and moment(packet) > moment(first)


def _later_repeats(story: Story, initiator: bool, acked: int) -> list[PacketFact]:
    return [
        p
        for p in story.packets
        if p.from_initiator == initiator and p.is_retransmission
        if _is_data(p) and seq_after(p.seq, acked)
    ]


def carries(packet: PacketFact, acked: int) -> bool:
    """Return whether a packet carries the first byte that was never acknowledged."""
    return _is_data(packet) and 0 <= seq_distance(acked, packet.seq) < packet.length


def _is_data(packet: PacketFact) -> bool:
    probe = packet.marks & (KEEP_ALIVE | WINDOW_PROBE)
    return packet.length > 0 and not packet.flags & RST and not probe


def _away_and_back(story: Story, initiator: bool) -> int:
    """Return how soon (ns) the other end may answer: what comes sooner was under way before."""
    rtt = story.min_rtt_to_responder if initiator else story.min_rtt_to_initiator
    return rtt or 0


def _sent_after(story: Story, initiator: bool, time: int) -> bool:
    until = min((reset.time for reset in story.resets), default=story.end)
    return any(
        p.from_initiator == initiator
        and time < p.time <= until
        and not p.is_rst
        and not p.is_syn_ack
        for p in story.packets
    )


def has_unacked_data(half: Half) -> bool:
    """Return whether an end's last data was never acknowledged, as far as was seen."""
    if half.acked is None or not half.last_data_frame:
        return False
    end = half.data_end
    return seq_after(end, half.acked)


def fins_in_vain(story: Story) -> int:
    """Return how often the initiator sent its FIN with nothing at all coming back.

    A kernel that lives acknowledges it, whatever its program does (RFC 9293 section 3.10.7.4).
    """
    fin = story.initiator.fin_frame
    heard = story.responder.last_frame
    if not fin or not heard or heard > fin or story.resets or story.icmp:
        return 0
    return sum(packet.from_initiator and packet.is_fin for packet in story.packets)


def fin_met_by_reset(story: Story) -> bool:
    """Return whether all that came back to the initiator's FIN are bare RSTs.

    A host that still holds the connection acknowledges it (RFC 9293 section 3.10.7.4).
    """
    fin = story.initiator.fin_frame
    behind = [p for p in story.packets if fin and p.frame > fin and not p.from_initiator]
    return bool(behind) and all(p.is_rst and not p.has_ack for p in behind)


def left_unacked(half: Half) -> bool:
    """Return whether an end may have sent what was never acknowledged, seen or not."""
    return has_unacked_data(half) or (half.gaps > 0 and half.acked is not None)


def size_matters(story: Story, stuck: Stuck) -> bool:
    """Return whether only big segments of that sender vanish: small ones were acknowledged."""
    half = story.half(stuck.by_initiator)
    if stuck.length < FULL_SIZE:
        return False
    acked = half.acked or 0
    data = [p for p in story.packets if p.from_initiator == stuck.by_initiator and p.length]
    passed = [p for p in data if seq_distance(acked, p.end_seq) >= 0]
    if not passed:
        return False
    return max(p.length for p in passed) < stuck.length


@once
def quiet_before_unacked(story: Story) -> int:
    """Return how long it had been quiet before the initiator sent what was never acknowledged.

    That of the turn where it cannot be told: in a one-way stream a turn never ends.
    """
    acked = story.initiator.acked
    if acked is not None:
        for packet in story.packets:
            if packet.length and packet.from_initiator and carries(packet, acked):
                return quiet_before(story, packet.time)
    return story.turn.gap


def took_data(story: Story) -> bool:
    """Return whether the responder acknowledged payload of the initiator."""
    half = story.initiator
    if half.isn is None or half.acked is None:
        return story.turn.index > 1
    return (half.acked - half.isn) & MASK32 > 1
