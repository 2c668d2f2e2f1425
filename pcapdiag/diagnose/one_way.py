"""Bytes that ask for no answer, by how and where they are sent: logs, metrics, heartbeats.

Where a protocol cannot be read, bytes without an answer look like a request that was not served.
"""

from __future__ import annotations

from itertools import pairwise

from pcapdiag.diagnose.completeness import METHODS
from pcapdiag.diagnose.goodbye import H2_PREFACE, speaks_tls
from pcapdiag.diagnose.statements import is_statement
from pcapdiag.diagnose.unanswered import asks_a_broker
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story
from pcapdiag.model.units import MS, SECOND

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
WENT_ON = SECOND
"""Who goes on after such a pause, at any time of a connection, sends what nobody answers there."""


def known_to_answer(story: Story) -> bool:
    """Return whether its protocol is one in which requests are answered: TLS, HTTP, databases."""
    head, hello = story.turn.request_head, story.hello_initiator
    if story.responder.port in QUEUES_IN_TLS and speaks_tls(story):
        return False
    web = speaks_tls(story) or head.startswith(METHODS) or hello.startswith(H2_PREFACE)
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


def _went_on_unanswered(story: Story) -> bool:
    """Return whether the initiator sent on unanswered after a long pause, now or earlier on.

    Then messages that want no answer belong to the protocol, as those of a telecontrolled station
    and of a switch to its controller do, and its last bytes may be one. A broker's are read.
    """
    if asks_a_broker(story.hello_initiator):
        return False
    said = [p for p in story.packets if p.length and not p.is_retransmission]
    return any(
        a.from_initiator and b.from_initiator and b.time - a.time >= WENT_ON
        for a, b in pairwise(said)
    )


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
