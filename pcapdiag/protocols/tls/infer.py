"""What the encrypted records of TLS 1.3 tell without keys: by order and sizes.

After ServerHello all handshake messages look like application data (RFC 8446 section 5.2). A
Finished has a known length, an end's first records are its handshake, and session tickets come
soon after the initiator's Finished.
"""

from __future__ import annotations

from typing import NamedTuple

from pcapdiag.model.tls import Record, ServerHello
from pcapdiag.protocols.tls.sniff import APPLICATION_DATA

_HASH_SIZES = {0x1302: 48, 0x1306: 64}
_TAG_SIZES = {0x1305: 8}
_HANDSHAKE_HEADER, _INNER_TYPE = 4, 1
ALERT_CONTENT = 2
EMPTY_CERTIFICATE = 8
"""Bytes of a Certificate message without any (RFC 8446 section 4.4.2)."""
MAX_FLIGHT = 8
"""Records of an initiator's handshake flight: Certificate may take several."""
TICKET_SIZES = range(150, 1000)
"""Measured: 250 to 298 of OpenSSL, 477 of BoringSSL, which puts two into a record."""
MAX_TICKETS = 4


class Sealed(NamedTuple):
    """The records of one end that were not decrypted."""

    records: list[Record]
    """The first of them, in order."""
    total: int
    last: Record | None
    """The last record of this end, if it is one of them."""


class Told(NamedTuple):
    """What was inferred; records stand for the message or flight that ends with them."""

    client_finished: Record | None
    server_flight: Record | None
    server_finished: bool
    tickets: int
    client_data: int
    server_data: int
    client_alert: Record | None
    server_alert: Record | None


def overhead(cipher: int) -> int:
    """Bytes that a TLS 1.3 record has over its content: the inner type and the tag."""
    return _INNER_TYPE + _TAG_SIZES.get(cipher, 16)


def finished_size(cipher: int) -> int:
    """The length field of a record that holds a Finished alone."""
    return _HANDSHAKE_HEADER + _HASH_SIZES.get(cipher, 32) + overhead(cipher)


def infer(hello: ServerHello, has_early: bool, client: Sealed, server: Sealed) -> Told:
    """Tell handshake, tickets, alerts and data of both ends apart.

    ``has_early``: the initiator offered early data, so its records may begin before its handshake.
    """
    alert_size = ALERT_CONTENT + overhead(hello.cipher)
    client_alert = _alert(client, alert_size)
    server_alert = _alert(server, alert_size)
    answers = client.records
    if has_early:
        answers = [each for each in answers if _key(each) > (hello.time, hello.frame)]
    end = _finished(answers, finished_size(hello.cipher), has_early, alert_size)
    finished = None if end is None else answers[end]
    flight, rest = _server_flight(server.records, answers, has_early, finished)
    if has_early:
        # It may answer early data at once, before the initiator's Finished (RFC 8446 section 2.3).
        whole = _last_of(flight, finished_size(hello.cipher)) + 1
        flight = flight[: whole or None]
    if server_alert is not None and server_alert in flight:
        flight.remove(server_alert)
    tickets = client_data = server_data = 0
    if finished is not None:
        handshake = len(client.records) - len(answers) + (end or 0) + 1
        client_data = client.total - handshake - (client_alert is not None)
        asked = answers[end + 1 : end + 2] if end is not None else []
        ours = [each for each in rest if each is not server_alert]
        tickets = _tickets(ours, asked[0] if asked else None)
        server_data = server.total - len(flight) - tickets - (server_alert is not None)
    is_alone = any(each.length == finished_size(hello.cipher) for each in flight)
    return Told(
        client_finished=finished,
        server_flight=flight[-1] if flight else None,
        server_finished=finished is not None or is_alone,
        tickets=tickets,
        client_data=max(client_data, 0),
        server_data=max(server_data, 0),
        client_alert=client_alert,
        server_alert=server_alert,
    )


def _key(record: Record) -> tuple[int, int]:
    return record.time, record.frame


def _alert(sealed: Sealed, size: int) -> Record | None:
    last = sealed.last
    is_alert = last is not None and last.type == APPLICATION_DATA and last.length == size
    return last if is_alert else None


def _finished(answers: list[Record], size: int, has_early: bool, alert_size: int) -> int | None:
    """Index of the initiator's record that ends its handshake."""
    if not answers or answers[0].length == alert_size:
        return None
    flight = answers if has_early else answers[:MAX_FLIGHT]
    for index, record in enumerate(flight):
        if record.length == size:
            return index
    # One record for the whole flight: an empty or real Certificate before the Finished.
    is_whole = answers[0].length >= size + EMPTY_CERTIFICATE and not has_early
    return 0 if is_whole else None


def _server_flight(
    records: list[Record], answers: list[Record], has_early: bool, finished: Record | None
) -> tuple[list[Record], list[Record]]:
    """The responder's records before the initiator's answer, and those after it."""
    first = finished if has_early else (answers[0] if answers else None)
    if first is None:
        return list(records), []
    flight = [each for each in records if _key(each) < _key(first)]
    return flight, records[len(flight) :]


def _last_of(records: list[Record], length: int) -> int:
    """Index of the last record of a length; -1 without one."""
    found = [index for index, record in enumerate(records) if record.length == length]
    return found[-1] if found else -1


def _tickets(rest: list[Record], asked: Record | None) -> int:
    """How many of the responder's first records after the handshake are session tickets.

    A server's tickets have one length. A single record after the initiator's first data
    (``asked``) may as well be the answer, and is taken for it.
    """
    leading = 0
    while leading < min(len(rest), MAX_TICKETS) and rest[leading].length == rest[0].length:
        leading += 1
    if not rest or rest[0].length not in TICKET_SIZES:
        return 0
    is_answer = len(rest) == 1 and asked is not None and _key(asked) < _key(rest[0])
    return 0 if is_answer else leading
