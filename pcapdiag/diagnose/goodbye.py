"""Bytes of the initiator that ask for no answer: a close_notify, a database's quit, HTTP/2 frames.

A turn is made from bytes alone, so a farewell after the last answer looks like a request that
nobody answered. Reading record and frame headers is enough to know it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.diagnose.ending import LEFT_AT_ONCE, Ending, ending
from pcapdiag.diagnose.peers import wants_no_answer
from pcapdiag.diagnose.postgres import is_postgres
from pcapdiag.diagnose.statements import is_mysql
from pcapdiag.diagnose.timing import IDLE, round_trip
from pcapdiag.diagnose.tls_asked import SMALL_RECORD, small_record, unanswered_request
from pcapdiag.diagnose.tls_state import (
    encrypted_records,
    first_goodbye,
    nothing_asked,
    tls_facts,
    unread_alert,
)
from pcapdiag.diagnose.unanswered import in_a_websocket, leaves_politely
from pcapdiag.model.harmless import is_text
from pcapdiag.model.http_methods import STARTS
from pcapdiag.model.once import once
from pcapdiag.model.packet import MASK32, seq_distance
from pcapdiag.model.story import Story, Turn
from pcapdiag.model.tls import Alert
from pcapdiag.protocols.tls.numbers import ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC

H2_PREFACE = b"PRI * HTTP/2.0"
CLIENT_HELLO = b"\x01"
"""Type of the handshake message, behind its record's head."""
TLS_RECORDS = range(CHANGE_CIPHER_SPEC, APPLICATION_DATA + 1)
CLOSE_NOTIFY_13 = 19
"""Length of an encrypted alert record in TLS 1.3: 2 bytes, content type, 16-byte tag (measured)."""
FINISHED_13 = (53, 69)
"""Length of a lone TLS 1.3 Finished record with SHA-256 and SHA-384."""
LAST_WORD_RECORD = 31
"""A farewell of a protocol other than HTTP in a TLS record: 7 bytes in TLS 1.2, 14 in TLS 1.3."""
OVERHEAD_13, OVERHEAD_12 = 17, 24
"""What AES-GCM adds to a record: content type and tag, and in TLS 1.2 nonce and tag (RFC 8446
section 5.2, RFC 5288 section 3)."""
ALERT_RECORDS_13, ALERT_RECORDS = (24,), (24, 31)
"""Bytes on the wire of an encrypted alert in TLS 1.3, and in this or TLS 1.2 with AES-GCM."""
QUITS = (
    b"\x01\x00\x00\x00\x01",  # MySQL COM_QUIT
    b"X\x00\x00\x00\x04",  # PostgreSQL Terminate
    b"X\x00\x00\x00\x04" * 2,  # pg_basebackup's two processes share a connection
    b"\xe0\x00",  # MQTT DISCONNECT
    b"\xe0\x02\x00\x00",  # MQTT 5 DISCONNECT
    b"\x08\x00\x00\x00\x00\x00\x00\xce",  # AMQP heartbeat
    b"PONG\r\n",  # NATS, to the server's PING
)
"""Whole messages after which a client closes and a server says nothing."""
LINE_QUITS = (b"QUIT\r\n", b"QUIT\n")
"""The same in capitals: memcached, FTP, SMTP, POP3 (where an answer is optional for the client)."""
SHUTDOWNS = (
    b"SHUTDOWN\r\n",
    b"SHUTDOWN ",
    b"*1\r\n$8\r\nSHUTDOWN\r\n",
    b"*2\r\n$8\r\nSHUTDOWN\r\n",
)
SHUTDOWN_BYTES = 64
"""Redis and Valkey end without a word when they are told to (documentation of SHUTDOWN)."""
TLS_ALERT_RECORD = b"\x15\x03"
WEBSOCKET_UNANSWERED = (0x88, 0x8A)
"""Close and Pong, masked as a client's frames are (RFC 6455 sections 5.3 and 5.5)."""
WEBSOCKET_CONTROL_BYTES = range(6, 132)
SSH = b"SSH-"
SSH_PORT = 22
SSH_SMALL = 200
"""After its login SSH says nothing in the clear; its channel and connection closes are small."""
LDAP_UNBIND = b"\x42\x00"
LDAP_UNBIND_BYTES = range(7, 9)
LAST_WORD = 8
"""Bytes at most of a farewell in a protocol that is not known: rsync's is 5, others' 2 to 8."""
LARGEST_ALERT = 85
"""Bytes of a TLS alert record with CBC and SHA-384: head, IV of 16, and 2 + 48 padded to 64 (RFC
5246 section 6.2.3.2; measured)."""
CANCEL_REQUEST = b"\x00\x00\x00\x10\x04\xd2\x16\x2e"
"""PostgreSQL's CancelRequest: a connection of its own, which the server closes without a word."""
POSTGRES_PORTS = (5432, 6432)
"""PostgreSQL's and PgBouncer's, where nothing else that begins a connection is as short."""
PORT_EDGES = (1024, 32768)
"""Below are servers' ports and registered ones, from there on Linux's ephemeral ones."""
SMALL_MESSAGE = 128
"""Larger messages of a client that ends a TLS connection in use are requests."""
READABLE = 9
"""Bytes that tell a kind of message: an HTTP/2 frame's head, more than a TLS record's."""
H2_LENGTHS = {3: (4, 4), 4: (0, 0), 6: (8, 8), 7: (8, 256), 8: (4, 4)}
"""Payload lengths of RST_STREAM, a SETTINGS ACK, PING, GOAWAY and WINDOW_UPDATE."""
H2_PING, H2_SETTINGS, H2_DATA, H2_HEADERS, H2_CONTINUATION = 6, 4, 0, 1, 9
H2_ACK = 0x01
H2_REQUEST = (H2_DATA, H2_HEADERS, H2_CONTINUATION)


def is_tls(story: Story) -> bool:
    """Return whether the initiator's first bytes are a TLS handshake record."""
    return story.hello_initiator[:2] == b"\x16\x03"


def speaks_tls(story: Story) -> bool:
    """Return whether it is TLS by now: from the start, or begun within another protocol.

    The last request's bytes tell where the capture lacks the first records, or nobody read them.
    """
    if is_tls(story) or tls_facts(story) is not None:
        return True
    return _is_record(story.hello_initiator) or _is_record(story.turn.request_head)


def _is_record(data: bytes) -> bool:
    return len(data) >= 5 and data[0] in TLS_RECORDS and data[1] == 3 and data[2] <= 4


@once
def asks_for_answer(story: Story) -> bool:
    """Return whether the initiator's last bytes are something that is normally answered."""
    turn = story.turn
    if turn.index == 0 or turn.request_bytes == 0 or nothing_asked(story):
        return False
    head = turn.request_head
    if in_a_websocket(story) and 0 < story.responder.fin_time < turn.request_time:
        # A message to a stream that was over, of which the opener had not taken notice.
        return False
    if turn.request_bytes <= SHUTDOWN_BYTES and head.upper().startswith(SHUTDOWNS):
        return False
    if turn.index == 1 and head.startswith(CANCEL_REQUEST):
        return False
    if turn.index == 1 and _is_first_message(story):
        return not (_cancels_unread(story) or (story.greeting_bytes and _quits(turn)))
    if head.startswith(STARTS):
        return True
    if wants_no_answer(story):
        return False
    if roles_guessed(story):
        return False
    if story.hello_initiator.startswith(H2_PREFACE):
        return _h2_asks(head)
    if speaks_tls(story):
        small = turn.request_bytes <= SMALL_MESSAGE or _last_words_apart(story)
        least = small_record(tls_facts(story))
        shortest = least if _may_be_http2(story) else LAST_WORD_RECORD
        shortest = _databases_farewell(story) or shortest
        if _only_alerts(story):
            return False
        return _tls_asks(head, turn.index, shortest) and not (small and _left_at_once(story))
    if _quits(turn) or leaves_politely(story):
        return False
    if _unreadable_farewell(story) or _left_at_once(story):
        return False
    return not (_taken_as_farewell(story) or _met_the_end_of_an_answer(story))


def _cancels_unread(story: Story) -> bool:
    """Return whether the snaplen cut off what by its size is a CancelRequest."""
    asked, cut = len(CANCEL_REQUEST) + 8, CANCEL_REQUEST.startswith(story.turn.request_head)
    return cut and story.turn.request_bytes == asked and story.responder.port in POSTGRES_PORTS


def _is_first_message(story: Story) -> bool:
    """Return whether nothing was sent before the first request seen, captured or not."""
    half = story.initiator
    if story.midstream or half.isn is None:
        return not story.midstream
    sent = (half.data_end - half.isn - 1) & MASK32
    return sent <= story.turn.request_bytes


def roles_guessed(story: Story) -> bool:
    """Return whether nothing but who was seen first says which end is the initiator.

    TLS says it by its ClientHello; what follows that looks alike from both ends.
    """
    if not story.initiator_inferred:
        return False
    ports = sorted((story.initiator.port, story.responder.port))
    told = any(ports[0] < edge <= ports[1] for edge in PORT_EDGES)
    greeted = is_tls(story) and story.hello_initiator[5:6] == CLIENT_HELLO
    return not told and not greeted


def _only_alerts(story: Story) -> bool:
    """Return whether the initiator's last bytes are an encrypted alert or two, padded or not.

    OpenJDK pads them to 35 bytes; that it does shows in its Finished.
    """
    facts = tls_facts(story)
    said = unread_alert(facts, from_initiator=True) if facts is not None else None
    if facts is None or said is None:
        return False
    sent = encrypted_records(facts, from_initiator=True)
    last = {record.length for record in sent if record.time >= story.turn.request_time}
    return len(last) == 1 and said.time >= story.turn.request_time


def _databases_farewell(story: Story) -> int:
    """Return the length of PostgreSQL's or MySQL's quit in a TLS record; 0 for other protocols.

    Both are 5 bytes, and begin in the clear. A ping of MySQL is as long.
    """
    if not is_mysql(story) and not is_postgres(story):
        return 0
    facts = tls_facts(story)
    return 5 + (OVERHEAD_13 if facts is not None and facts.is_tls13 else OVERHEAD_12)


def _unreadable_farewell(story: Story) -> bool:
    turn = story.turn
    late = story.midstream and story.responder.port == SSH_PORT
    if late or story.hello_initiator.startswith(SSH):
        return (late or turn.index > 2) and turn.request_bytes <= SSH_SMALL
    return _h2_housekeeping(turn.request_head)


def _taken_as_farewell(story: Story) -> bool:
    """Return whether a word of a few bytes, late in a connection that worked, was met by a FIN.

    The responder had read it and closed in an orderly way.
    """
    turn, end = story.turn, ending(story)
    if end is None or end.by_initiator or end.reset is not None:
        return False
    read = seq_distance(story.responder.fin_ack, story.initiator.last_data_seq) > 0
    return read and turn.index > 2 and turn.request_bytes <= LAST_WORD and not turn.response_bytes


def _last_words_apart(story: Story) -> bool:
    """Return whether the initiator's last bytes are few, and came long after those before them.

    What takes leave so is no HTTP/1, and of HTTP/2 the ALPN would tell: a message that was not
    answered meanwhile (a queue's, a push channel's) may not have wanted it.
    """
    if _may_be_http2(story) or story.initiator.last_data_length > 5 + SMALL_RECORD:
        return False
    sent = [p for p in story.packets if p.from_initiator and p.length and not p.is_retransmission]
    return len(sent) > 1 and sent[-1].time - sent[-2].time >= IDLE


def _met_the_end_of_an_answer(story: Story) -> bool:
    """Return whether the last bytes crossed a FIN that came at once behind what was asked for.

    A responder that says its word and closes in one go, as a peer does that has no room, did not
    wait for more: no idle connection was taken for a live one. A command in text is one all the
    same.
    """
    end, half, turn = ending(story), story.responder, story.turn
    if end is None or end.by_initiator or end.reset is not None:
        return False
    if turn.request_head and is_text(turn.request_head):
        return False
    read = seq_distance(half.fin_ack, story.initiator.data_end) + turn.request_bytes
    crossed = read <= 0 and turn.request_time - half.fin_time <= round_trip(story)
    in_one_go = 0 <= half.fin_time - half.last_data_time <= LEFT_AT_ONCE
    prompted = any(
        0 < half.last_data_time - packet.time < IDLE
        for packet in story.packets
        if packet.from_initiator and packet.length
    )
    return crossed and in_one_go and prompted and turn.gap < IDLE


def _left_at_once(story: Story) -> bool:
    """Return whether the initiator closed right behind its last bytes; lost ones came after it."""
    end = ending(story)
    if end is None or not end.by_initiator:
        return False
    return end.time - story.turn.request_last_time <= LEFT_AT_ONCE


def bytes_not_captured(story: Story) -> bool:
    """Return whether the last bytes of the initiator were cut off and so few: a farewell, maybe."""
    turn = story.turn
    unread = len(turn.request_head) < min(turn.request_bytes, READABLE)
    few = SSH_SMALL if not turn.request_head else LARGEST_ALERT
    return unread and turn.index > 1 and turn.request_bytes <= few


def _quits(turn: Turn) -> bool:
    request, size = turn.request_head, turn.request_bytes
    if request.startswith(TLS_ALERT_RECORD):
        return True
    if size in WEBSOCKET_CONTROL_BYTES and request[:1] and request[0] in WEBSOCKET_UNANSWERED:
        return request[1:2] == bytes([0x80 | (size - 6)])
    if request.upper() in LINE_QUITS:
        return True
    if len(request) in LDAP_UNBIND_BYTES and request.startswith(b"0"):
        return request.endswith(LDAP_UNBIND)
    return request in QUITS


def _may_be_http2(story: Story) -> bool:
    """Return whether HTTP/2 was offered, or snaplen cut off what the client offered."""
    facts = tls_facts(story)
    hello = facts.client_hello if facts is not None else None
    if facts is None or hello is None:
        return True
    return "h2" in hello.alpn or (facts.incomplete and not hello.alpn)


def _tls_asks(head: bytes, index: int, shortest: int) -> bool:
    records = _tls_records(head)
    if not records:
        return True
    last_type, last_length = records[-1]
    if last_type == ALERT or (last_type == APPLICATION_DATA and last_length == CLOSE_NOTIFY_13):
        return False
    data = [length for kind, length in records if kind == APPLICATION_DATA]
    if index == 2 and len(data) == 1 and data[0] in FINISHED_13:
        return False
    return len(data) < len(records) or max(data) > shortest


def _tls_records(head: bytes) -> list[tuple[int, int]]:
    """Return (type, length) of each record that begins in ``head``; the last may be cut."""
    records = []
    at = 0
    while at + 5 <= len(head) and head[at] in TLS_RECORDS and head[at + 1] == 3:
        length = head[at + 3] << 8 | head[at + 4]
        records.append((head[at], length))
        at += 5 + length
    return records


def _h2_housekeeping(head: bytes) -> bool:
    """Return whether bytes are whole HTTP/2 frames of kinds that nobody answers."""
    at = 0
    while at + 9 <= len(head):
        length = head[at] << 16 | head[at + 1] << 8 | head[at + 2]
        low, high = H2_LENGTHS.get(head[at + 3], (1, 0))
        if not low <= length <= high:
            return False
        at += 9 + length
    return at == len(head) > 0 and not _h2_asks(head)


def _h2_asks(head: bytes) -> bool:
    return any(
        kind in H2_REQUEST or (kind in (H2_PING, H2_SETTINGS) and not flags & H2_ACK)
        for kind, flags in _h2_frames(head)
    )


def waits_for_no_stream(story: Story) -> bool:
    """Return whether HTTP/2's last turn holds no part of a request: a PING, SETTINGS, and so on."""
    if story.turn.index < 2 or not story.hello_initiator.startswith(H2_PREFACE):
        return False
    kinds = [kind for kind, _ in _h2_frames(story.turn.request_head)]
    return bool(kinds) and not any(kind in H2_REQUEST for kind in kinds)


def _h2_frames(head: bytes) -> Iterator[tuple[int, int]]:
    """Yield type and flags of each frame that begins in a turn's first bytes."""
    at = 0
    while at + 9 <= len(head):
        yield head[at + 3], head[at + 4]
        at += 9 + (head[at] << 16 | head[at + 1] << 8 | head[at + 2])


def responders_goodbye(story: Story, end: Ending | None) -> Alert | None:
    """Return the responder's close_notify, or what has its size, before the initiator's close.

    Then the responder closed, though the first FIN is not its own. None where it is, or where the
    initiator had said goodbye or sent bytes since.
    """
    if end is None or not end.by_initiator:
        return None
    said, asked = first_goodbye(story, end), unanswered_request(story)
    since = asked.time if asked is not None else story.turn.request_last_time
    late = said is not None and said.time >= since
    return said if said is not None and late and not said.from_initiator else None


def initiators_goodbye(story: Story, end: Ending | None) -> Ending | None:
    """Return the initiator's close_notify, or what has its size, that the responder's FIN answers.

    Then the initiator closed, though the first FIN is not its own: many say goodbye and wait for
    the other end's (RFC 8446 section 6.1). None where the FIN does not acknowledge it: they met.
    """
    if end is None or end.by_initiator or end.reset is not None:
        return None
    said = first_goodbye(story, end)
    read = seq_distance(story.responder.fin_ack, story.initiator.data_end) >= 0
    if said is None or not said.from_initiator or not read:
        return None
    return Ending(by_initiator=True, frame=said.frame, time=said.time, is_goodbye=True)


def responder_said_goodbye(story: Story) -> bool:
    """Return whether the responder's last bytes look like a close_notify after an answer.

    Only the length shows (a fatal alert has the same), so more than that record must have come.
    """
    last, facts = story.responder.last_data_length, tls_facts(story)
    sizes = ALERT_RECORDS_13 if facts is not None and facts.is_tls13 else ALERT_RECORDS
    return speaks_tls(story) and last in sizes and story.turn.response_bytes > last
