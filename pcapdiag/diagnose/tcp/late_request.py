"""Where the unanswered request began, and how long the connection had rested before it.

A turn is made from bytes alone. On HTTP/2 the client's last bytes before it rests (SETTINGS with
ACK, WINDOW_UPDATE: RFC 9113 sections 6.5.3 and 6.9) belong to the same turn as its next request,
and so does a TLS 1.3 Finished that no ticket follows.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.http2.known import first_open, tells_all
from pcapdiag.diagnose.timing import IDLE, quiet_before
from pcapdiag.diagnose.tls_asked import small_record
from pcapdiag.diagnose.tls_state import encrypted_records, first_data, tls_facts
from pcapdiag.model.packet import MASK32, PacketFact, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.tls import Record, TlsFacts


class LateRequest(msgspec.Struct, frozen=True):
    """A request's first byte."""

    seq: int
    time: int
    gap: int
    """Quiet time before it, nanoseconds."""
    knew_fin: bool
    """Its packet acknowledges the responder's FIN: the kernel had that already."""


def late_request(story: Story) -> LateRequest | None:
    """Return where the last request began, where a FIN ended its connection; None without one."""
    turn, half = story.turn, story.initiator
    if turn.request_bytes == 0:
        return None
    packet = _of_stream(story) or _behind_housekeeping(story)
    if packet is not None:
        gap = quiet_before(story, packet.time)
        return LateRequest(packet.seq, packet.time, gap, _knew_fin(story, packet))
    start = (half.data_end - turn.request_bytes) & MASK32
    first = story.packet(turn.request_frame)
    knew = first is not None and _knew_fin(story, first)
    return LateRequest(start, turn.request_time, turn.gap, knew)


def _knew_fin(story: Story, packet: PacketFact) -> bool:
    fin = story.responder
    return fin.fin_frame > 0 and packet.has_ack and seq_distance(packet.ack, fin.fin_seq) > 0


def _of_stream(story: Story) -> PacketFact | None:
    """Return the packet with the unanswered HTTP/2 request, where the frames could be read."""
    stream = first_open(story) if tells_all(story) else None
    if stream is None:
        return None
    return story.packet(stream.request_frame)


def _behind_housekeeping(story: Story) -> PacketFact | None:
    """Return the first TLS packet that the responder's FIN does not acknowledge, after a rest.

    Only where all that the turn had held before was too small for a request.
    """
    facts, end = tls_facts(story), story.responder.fin_ack
    if facts is None or not facts.established or facts.records_left_out:
        return None
    late = (p for p in story.packets if p.from_initiator and p.length)
    first = next((p for p in late if seq_distance(p.seq, end) >= 0), None)
    if first is None or quiet_before(story, first.time) < IDLE:
        return None
    before = _earlier_records(story, facts, first)
    least = small_record(facts)
    return first if all(record.length <= least for record in before) else None


def _earlier_records(story: Story, facts: TlsFacts, packet: PacketFact) -> list[Record]:
    data = first_data(facts)
    since = max(story.turn.request_time, data.time if data is not None else 0)
    records = encrypted_records(facts, from_initiator=True)
    return [record for record in records if since <= record.time < packet.time]
