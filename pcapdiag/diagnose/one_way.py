"""Bytes that ask for no answer, by how and where they are sent: logs, metrics, heartbeats.

Where a protocol cannot be read, bytes without an answer look like a request that was not served.
"""

from __future__ import annotations

from itertools import pairwise

from pcapdiag.diagnose.goodbye import H2_PREFACE, speaks_tls
from pcapdiag.diagnose.statements import is_statement
from pcapdiag.diagnose.timing import IDLE
from pcapdiag.diagnose.unanswered import asks_a_broker
from pcapdiag.model.context import Context
from pcapdiag.model.http_methods import STARTS
from pcapdiag.model.packet import KEEP_ALIVE, PacketFact, seq_distance
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS

ONE_WAY_PORTS = frozenset({9, 514, 601, 1514, 2003, 2004, 5140, 8125, 9100, 10514, 12201, 24224})
"""Discard, syslog, Graphite, StatsD, printers, GELF, Fluentd: where nobody answers."""
QUEUES_IN_TLS = frozenset({5671, 6380, 8883, 9093})
"""AMQP, Redis, MQTT and Kafka inside TLS: who asks there may wait for an event, or for nothing."""
PAUSE = 100 * MS
"""Who waits for an answer does not send on after such a pause."""
STREAM_BYTES, STREAM_TIME = 100_000, 500 * MS
"""More bytes than requests have, sent for this long: a copy, a measurement of throughput."""
STREAM_SEGMENTS = 20
"""Segments, where the beginning was not captured."""
BURSTS = 2
"""Pauses from which on it is a stream such as a log."""


def known_to_answer(story: Story) -> bool:
    """Return whether its protocol is one in which requests are answered: TLS, HTTP, databases."""
    head, hello = story.turn.request_head, story.hello_initiator
    if story.responder.port in QUEUES_IN_TLS and speaks_tls(story):
        return False
    web = speaks_tls(story) or head.startswith(STARTS) or hello.startswith(H2_PREFACE)
    return web or is_statement(story)


def never_answered(story: Story, context: Context) -> bool:
    """Return whether nobody answers on this port at all: logs, metrics, a copied file.

    Protocols that are known to answer are never read so.
    """
    endpoint = context.endpoint(story.responder.address, story.responder.port)
    return not known_to_answer(story) and endpoint.turns == 0


def is_one_way(story: Story, context: Context) -> bool:
    """Return whether the initiator's last bytes are part of a stream that nobody answers."""
    if known_to_answer(story):
        return False
    listed = story.responder.port in ONE_WAY_PORTS and never_answered(story, context)
    return listed or _sent_in_bursts(story) or _sent_for_long(story) or _went_on_unanswered(story)


def _went_on_unanswered(story: Story) -> bool:
    """Return whether the initiator ever went on by itself a second after a message had arrived.

    Then messages that want no answer belong to the protocol, as where control systems report, a
    switch is told what to do, or peers chat: the last one tells nothing of a request that was not
    served. A broker's protocol is read. A message as long as one that was answered before is a
    poll, which is sent again where no answer comes.
    """
    if asks_a_broker(story.hello_initiator):
        return False
    answered: set[int] = set()
    last: PacketFact | None = None
    for packet in story.packets:
        if not packet.length or packet.is_retransmission or packet.marks & KEEP_ALIVE:
            continue
        if not packet.from_initiator:
            answered.update([last.length] if last else [])
            last = None
            continue
        if last is not None and last.length not in answered and _sent_on(story, last, packet):
            return True
        last = packet
    return False


def _sent_on(story: Story, last: PacketFact, then: PacketFact) -> bool:
    """Return whether ``then`` came a second or more after ``last``, acknowledged by then."""
    if then.time - last.time < IDLE:
        return False
    between = (p for p in story.packets if last.frame < p.frame < then.frame and p.has_ack)
    return any(not p.from_initiator and seq_distance(p.ack, last.end_seq) >= 0 for p in between)


def _sent_for_long(story: Story) -> bool:
    """Return whether so much came for so long, to a responder that never spoke: it is a stream."""
    turn = story.turn
    lasted = turn.request_last_time - turn.request_time
    if turn.index != 1 or story.greeting_bytes:
        return False
    many = turn.request_bytes >= STREAM_BYTES
    if story.midstream:
        # How much was sent before is not known, nor for how long.
        return many or (lasted >= STREAM_TIME and story.initiator.data_segments >= STREAM_SEGMENTS)
    return many and lasted >= STREAM_TIME


def _sent_in_bursts(story: Story) -> bool:
    """Return whether the initiator went on sending again and again without waiting for a word."""
    asked = story.turn.request_frame
    sent = [
        packet.time
        for packet in story.packets
        if packet.from_initiator
        and packet.length
        and packet.frame >= asked
        and not packet.is_retransmission
    ]
    return sum(1 for a, b in pairwise(sent) if b - a >= PAUSE) >= BURSTS
