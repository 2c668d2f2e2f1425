"""HTTP/2 PING frames that nobody answered (RFC 9113 section 6.7)."""

from __future__ import annotations

from pcapdiag.diagnose.timing import round_trip
from pcapdiag.model.http import Ping
from pcapdiag.model.packet import seq_after
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

LEAST_PATIENCE = 300 * MS
"""Nobody gives a connection up for a PING sooner; one that was sent just before a close is none."""


def unanswered_ping(story: Story, from_initiator: bool, until: int) -> Ping | None:
    """Return an end's first PING that was still unanswered at ``until`` (ns), after some patience.

    None where the other end said anything in that time: its program lives. An answer that came
    later than a round trip after ``until`` was not on its way by then.
    """
    facts = story.http2
    for ping in facts.pings if facts else ():
        answered = ping.ack_frame and ping.ack_time <= until + round_trip(story)
        if ping.from_initiator != from_initiator or answered:
            continue
        waited = until - ping.time
        if waited >= LEAST_PATIENCE and not _spoke(story, not from_initiator, ping.time, until):
            return ping
    return None


def _spoke(story: Story, initiator: bool, since: int, until: int) -> bool:
    """Return whether an end sent data later than what was on its way when the PING was sent."""
    last = story.half(initiator).last_data_time
    return since + round_trip(story) < last <= until


def was_acknowledged(story: Story, ping: Ping) -> bool:
    """Return whether the other end's TCP acknowledged the packet with the PING."""
    half = story.half(ping.from_initiator)
    packet = story.packet(ping.frame)
    if packet is None or half.acked is None:
        return half.unacked <= 1
    return not seq_after(packet.end_seq, half.acked)
