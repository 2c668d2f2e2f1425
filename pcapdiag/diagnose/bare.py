"""A bare RST (no ACK flag): an answer to a packet, or how some stacks abort a live connection.

Linux, FreeBSD, Apple, lwIP, libslirp and gVisor abort by RST,ACK, so there a bare one is the answer
of whoever holds no such connection. Others abort by a bare RST with the window of their last
segment: passt, which ends the connections of rootless containers, does (measured).
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.diagnose.timing import round_trip
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import PacketFact, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

PROMPT = 200 * MS
"""An answer to a packet comes within this time, or within ROUND_TRIPS of its way."""
ROUND_TRIPS = 10


def is_bare(reset: PacketFact) -> bool:
    """Return whether a RST has no ACK flag: the answer of a host without the socket (measured)."""
    return not reset.has_ack


def has_own_window(
    reset: PacketFact, own: Sequence[PacketFact], peer: Sequence[PacketFact]
) -> bool:
    """Return whether a bare RST has the window of its sender's last segment before it.

    Who answers for a connection that it does not hold cannot know that. Some firewalls copy the
    window of the segment that they answer (Davids), so it must not be the peer's. ``own`` and
    ``peer`` are the two ends' packets before the RST, without RSTs.
    """
    last = own[-1] if own else None
    if not is_bare(reset) or not reset.window or last is None or last.is_syn_ack or last.is_syn:
        return False
    return reset.window == last.window and all(p.window != reset.window for p in peer[-1:])


def held_by_its_sender(story: Story, reset: PacketFact) -> bool:
    """Return whether the sender of a bare RST held the connection: it aborted it, and lost nothing.

    It shows that by its own last window, or by the lack of a packet to answer: all that the RST's
    number answers had been taken, as the sender acknowledged later bytes, or came long before.
    """
    before = [p for p in story.packets if _earlier(p, reset) and not p.is_rst]
    own = [p for p in before if p.from_initiator == reset.from_initiator]
    peer = [p for p in before if p.from_initiator != reset.from_initiator]
    if has_own_window(reset, own, peer):
        return True
    prompts = [p for p in peer if p.has_ack and p.ack == reset.seq]
    missed = story.initiator.acked_unseen or story.responder.acked_unseen
    if missed or not prompts:
        return False
    left = [p for p in prompts if not _was_taken(p, own)]
    limit = max(PROMPT, ROUND_TRIPS * round_trip(story))
    return not left or reset.time - left[-1].time > limit


def overtaken_abort(story: Story, reset: PacketFact) -> PacketFact | None:
    """Return the live socket's RST that a bare one came before, though it was sent behind it.

    Nobody who holds a connection answers so, and who holds none does not abort: within a round trip
    they are one end's abort, and its answer to what was still under way.
    """
    if not is_bare(reset):
        return None
    sender = reset.from_initiator, reset.ttl, reset.seq
    alike = (r for r in story.resets if (r.from_initiator, r.ttl, r.seq) == sender)
    aborts = (r for r in alike if r.has_ack and r.window)
    return next((r for r in aborts if 0 < r.time - reset.time <= round_trip(story)), None)


def _earlier(packet: PacketFact, reset: PacketFact) -> bool:
    return moment(packet) < moment(reset)


def _was_taken(packet: PacketFact, own: Sequence[PacketFact]) -> bool:
    """Return whether the other end acknowledged a packet, or bytes behind it, afterwards."""
    past = 0 if packet.end_seq != packet.seq else 1
    later = (p for p in own if _earlier(packet, p) and p.has_ack)
    return any(seq_distance(p.ack, packet.end_seq) >= past for p in later)
