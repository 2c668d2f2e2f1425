"""Messages that nobody answers: published, acknowledged, subscribed to, stored without a reply.

A publisher may be quiet for long after its message, and leave: it waited for nothing. Where the
broker closes instead, the same messages may be what it would not take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pcapdiag.model.story import Story

WEBSOCKET, SWITCHED = b"\r\nupgrade: websocket\r\n", b"HTTP/1.1 101 "
WEBSOCKET_CLOSE = b"\x88"
WEBSOCKET_MESSAGES = (0x81, 0x82, 0x01, 0x02, 0x8A)
"""Text, binary, their first fragments, and Pong (RFC 6455 section 5.2)."""
MQTT_NAMES = (b"\x00\x04MQTT", b"\x00\x06MQIsdp")
MQTT_PUBLISH = 3
MQTT_QOS = 0x06
MQTT_UNANSWERED = frozenset({4, 7, 14})
"""PUBACK, PUBCOMP and DISCONNECT; PUBLISH too at QoS 0 (MQTT 3.1.1 sections 2.2 and 4.3.1)."""
MQTT_LENGTH_BYTES = 4
MQTT_PORT = 1883
MQTT_DISCONNECT = b"\xe0\x00"
NATS_GREETING = b"INFO {"
NATS_UNANSWERED = (b"PUB ", b"HPUB ", b"SUB ", b"UNSUB ", b"PONG\r\n")
NATS_PLAIN = re.compile(rb"(?:PUB [!-~]+ (?:[!-~]+ )?\d{1,9}|SUB [!-~]+ (?:[!-~]+ )?\w+)\r\n")
"""A subject, perhaps another for the answer or a queue's name, and a size or a number: as good as
the greeting that was not captured."""
NATS_PING = b"PING\r\n"
NATS_VERBOSE = b'"verbose":true'
"""With it each message is answered by +OK (docs.nats.io, "Client Protocol")."""
STOMP_OPENS = (b"CONNECT\n", b"CONNECT\r\n", b"STOMP\n", b"STOMP\r\n")
STOMP_UNANSWERED = (b"SEND", b"SUBSCRIBE", b"UNSUBSCRIBE", b"ACK", b"NACK", b"BEGIN", b"COMMIT")
STOMP_ASKS = b"\nreceipt:"
"""Who wants a RECEIPT says so in a header (STOMP 1.2, "Standard Headers")."""
AMQP_OPENS = b"AMQP\x00\x00\x09\x01"
AMQP_METHOD, AMQP_HEADER, AMQP_BODY, AMQP_HEARTBEAT = 1, 2, 3, 8
AMQP_UNANSWERED = frozenset({(60, 40), (60, 80), (60, 90), (60, 120)})
"""basic.publish, ack, reject and nack (AMQP 0-9-1 section 1.8; RabbitMQ's extensions)."""
AMQP_FRAME = 7
"""Type, channel and size; a frame ends with one byte more."""
AMQP_FRAME_END = 0xCE
REPLICA_REPORT = b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n"
"""How far a Redis replica is, which it tells each second (replicationSendAck in replication.c)."""
NOREPLY = b" noreply"
MEMCACHED_STORES = (b"set", b"add", b"replace", b"append", b"prepend", b"cas")
MEMCACHED_OTHERS = (b"delete", b"incr", b"decr", b"touch", b"flush_all", b"verbosity")
"""memcached's commands that take ``noreply`` (doc/protocol.txt): a block of data follows the first
ones, with its size as their fifth word."""
LOG_LINE = re.compile(rb"(?:\d{1,5} )?<\d{1,3}>[!-~]")
"""A syslog message, counted or not (RFC 5424 section 6, RFC 6587 section 3.4)."""
METRICS = re.compile(
    rb"(?:[\w.;=~%{}-]+ [-+]?[\d.eE+-]+ -?\d{1,10}(?:\.\d+)?\n|"
    rb"[\w.%-]+:[-+]?[\d.]+\|(?:c|g|ms|h|s|m|d)\b)"
)
"""Graphite's plaintext protocol (path, value, time) and StatsD's (name:value|type)."""
STANDBY_REPORTS = (b"d\0\0\0\x26r", b"d\0\0\0\x1dh", b"d\0\0\0\x15h")
"""CopyData with a standby's status or feedback (PostgreSQL, "Streaming Replication Protocol")."""
RFB = b"RFB 003."
RFB_UNANSWERED = (0, 2, 4, 5, 6)
"""Of VNC's client messages all but FramebufferUpdateRequest (RFC 6143 section 7.5)."""
GEARMAN = b"\0REQ"
GEARMAN_HEADER = 12
GEARMAN_UNANSWERED = frozenset({1, 2, 3, 4, 12, 13, 14, 22, 23, 25, 28, 29})
"""What a worker can do, what it has done, and PRE_SLEEP, after which it is woken when there is a
job (gearmand, PROTOCOL)."""


ENCRYPTED = 16
"""Bytes at least that are told from others by how many of them are above ASCII."""


def asks_a_broker(opened: bytes) -> bool:
    """Return whether an initiator's first bytes are MQTT's CONNECT or AMQP's protocol header."""
    return _opens_mqtt(opened) or opened.startswith(AMQP_OPENS[:4])


def is_encrypted(story: Story) -> bool:
    """Return whether the initiator's last bytes look encrypted: a quarter of them are above ASCII.

    Of random ones half are. What the first bytes name is a protocol whose messages are known.
    """
    head = story.turn.request_head
    high = sum(byte >= 0x80 for byte in head)
    return (
        len(head) >= ENCRYPTED
        and 4 * high >= len(head)
        and not asks_a_broker(story.hello_initiator)
    )


def _opens_mqtt(opened: bytes) -> bool:
    return opened[:1] == b"\x10" and any(name in opened[:12] for name in MQTT_NAMES)


def in_a_websocket(story: Story) -> bool:
    """Return whether a connection had become a WebSocket, in plain HTTP/1."""
    asked = WEBSOCKET in story.hello_initiator.lower()
    return asked and story.hello_responder.startswith(SWITCHED)


def asks_nothing(story: Story) -> bool:
    """Return whether the initiator's last messages are all of kinds that are not answered."""
    opened, head = story.hello_initiator, story.turn.request_head
    if head.startswith((REPLICA_REPORT, *STANDBY_REPORTS)):
        return True
    if LOG_LINE.match(head) or METRICS.match(head):
        return True
    if _memcached(head) or _gearman(head):
        return True
    if story.midstream or not head:
        return _told_midstream(story)
    if in_a_websocket(story):
        # Its messages are the application's, and none belongs to another one.
        return head[0] in WEBSOCKET_MESSAGES
    if _opens_mqtt(opened):
        return _mqtt(head)
    if opened.startswith(AMQP_OPENS):
        return all(_amqp(head))
    if opened.startswith(RFB):
        return head[0] in RFB_UNANSWERED
    if opened.startswith(STOMP_OPENS):
        return head.startswith(STOMP_UNANSWERED) and STOMP_ASKS not in head
    if story.hello_responder.startswith(NATS_GREETING):
        asks = NATS_PING in head or NATS_VERBOSE in opened.replace(b" ", b"")
        return head.startswith(NATS_UNANSWERED) and not asks
    return False


def _told_midstream(story: Story) -> bool:
    """Return whether the messages alone, without what opened the connection, say the same.

    Lengths and the byte that ends a frame fit by chance nowhere; MQTT has only lengths.
    """
    head = story.turn.request_head
    if NATS_PLAIN.match(head):
        return NATS_PING not in head
    if not head or len(head) != story.turn.request_bytes:
        return False
    if story.responder.port == MQTT_PORT:
        return _mqtt_is_whole(head) and _mqtt(head)
    return _amqp_is_whole(head) and all(_amqp(head))


def leaves_politely(story: Story) -> bool:
    """Return whether MQTT messages that nobody answers end with a DISCONNECT."""
    turn, head = story.turn, story.turn.request_head
    if not _opens_mqtt(story.hello_initiator):
        return False
    if len(head) == turn.request_bytes:
        return head.endswith(MQTT_DISCONNECT) and _mqtt(head)
    # Of a long one only the size is known: 2 bytes behind it are a DISCONNECT, or a PINGREQ.
    return _mqtt(head) and _mqtt_size(head, 0) == turn.request_bytes - len(MQTT_DISCONNECT)


def _memcached(head: bytes) -> bool:
    """Return whether all that was sent are commands of memcached that want no reply."""
    at = 0
    while at < len(head):
        line = head[at:].partition(b"\r\n")[0]
        words = line.split()
        if not line.endswith(NOREPLY) or words[0] not in (*MEMCACHED_STORES, *MEMCACHED_OTHERS):
            return False
        at += len(line) + 2
        if words[0] in MEMCACHED_STORES:
            at += int(words[4]) + 2 if len(words) > 4 and words[4].isdigit() else len(head)
    return at > 0


def _gearman(head: bytes) -> bool:
    at = 0
    while at < len(head):
        kind = int.from_bytes(head[at + 4 : at + 8], "big")
        if not head.startswith(GEARMAN, at) or kind not in GEARMAN_UNANSWERED:
            return False
        at += GEARMAN_HEADER + int.from_bytes(head[at + 8 : at + GEARMAN_HEADER], "big")
    return at > 0


def _mqtt(head: bytes) -> bool:
    for at in _mqtt_messages(head):
        kind, quality = head[at] >> 4, head[at] & MQTT_QOS
        if kind not in MQTT_UNANSWERED and (kind != MQTT_PUBLISH or quality):
            return False
    return True


def _mqtt_messages(head: bytes) -> Iterator[int]:
    """Yield where messages begin."""
    at = 0
    while at < len(head):
        yield at
        at += _mqtt_size(head, at)


def _mqtt_is_whole(head: bytes) -> bool:
    """Return whether the bytes are messages to their end."""
    *_, last = _mqtt_messages(head)
    return last + _mqtt_size(head, last) == len(head)


def _mqtt_size(head: bytes, at: int) -> int:
    """Return how long the message at a place is, by its head (MQTT 3.1.1 section 2.2.3)."""
    size, digits = 0, 0
    while at + 1 + digits < len(head) and digits < MQTT_LENGTH_BYTES:
        byte = head[at + 1 + digits]
        size |= (byte & 0x7F) << (7 * digits)
        digits += 1
        if byte < 0x80:
            break
    return 1 + digits + size


def _amqp(head: bytes) -> Iterator[bool]:
    for at in _amqp_frames(head):
        kind = head[at]
        if kind == AMQP_METHOD:
            method = head[at + AMQP_FRAME : at + AMQP_FRAME + 4]
            numbers = int.from_bytes(method[:2], "big"), int.from_bytes(method[2:], "big")
            yield numbers in AMQP_UNANSWERED
        else:
            yield kind in (AMQP_HEADER, AMQP_BODY, AMQP_HEARTBEAT)


def _amqp_is_whole(head: bytes) -> bool:
    """Return whether the bytes are frames to their end, each with the byte that ends it."""
    *_, last = _amqp_frames(head)
    size = int.from_bytes(head[last + 3 : last + AMQP_FRAME], "big")
    return last + AMQP_FRAME + size + 1 == len(head) and head[-1] == AMQP_FRAME_END


def _amqp_frames(head: bytes) -> Iterator[int]:
    """Yield where frames begin."""
    at = 0
    while at < len(head):
        yield at
        at += AMQP_FRAME + int.from_bytes(head[at + 3 : at + AMQP_FRAME], "big") + 1
