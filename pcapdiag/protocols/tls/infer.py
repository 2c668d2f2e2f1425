"""What the encrypted records of TLS 1.3 tell without keys: by order and sizes.

After ServerHello all handshake messages look like application data (RFC 8446 section 5.2). A
Finished has a known length, an end's first records are its handshake, and session tickets come
soon after the initiator's Finished.
"""

from __future__ import annotations

import msgspec

from pcapdiag.model.moment import moment
from pcapdiag.model.tls import Record, ServerHello

_HASH_SIZES = {0x1302: 48, 0x1306: 64}
_TAG_SIZES = {0x1305: 8}
_HANDSHAKE_HEADER, _INNER_TYPE, _ALERT = 4, 1, 2
EMPTY_CERTIFICATE = 8
"""Bytes of a Certificate message without any (RFC 8446 section 4.4.2)."""
PADDING = 16
"""Zeros that the SSLSocket of a JDK adds to records; others add none (OutputRecord.t13Encrypt)."""
MAX_FLIGHT = 8
"""Records of an initiator's handshake flight: Certificate may take several."""
TICKET_SIZES = range(150, 1000)
"""Measured: 250 to 298 of OpenSSL, 477 of BoringSSL, which puts two into a record."""
MAX_TICKETS = 4
TWO_ALERTS = 2


class Sizes(msgspec.Struct, frozen=True):
    """The length field of a record that holds one of these alone."""

    finished: int
    alert: int
    empty: int
    """A Certificate without any."""

    @classmethod
    def of(cls, cipher: int) -> Sizes:
        """Those of a cipher: with the hash of a Finished, the inner type and the tag."""
        over = _INNER_TYPE + _TAG_SIZES.get(cipher, 16)
        finished = _HANDSHAKE_HEADER + _HASH_SIZES.get(cipher, 32)
        return cls(finished + over, _ALERT + over, EMPTY_CERTIFICATE + over)

    def is_finished(self, record: Record) -> bool:
        """True for the length of a Finished alone."""
        return record.length in (self.finished, self.finished + PADDING)

    def pads(self, finished: Record | None) -> bool:
        """True when the sender of this Finished pads its records."""
        return finished is not None and finished.length == self.finished + PADDING


class Sealed(msgspec.Struct, frozen=True):
    """The records of one end that were not decrypted."""

    records: list[Record]
    """The first of them, in order."""
    total: int
    last: Record | None
    """The last record of this end, if it is one of them."""


class Told(msgspec.Struct, frozen=True):
    """What was inferred; records stand for the message or flight that ends with them."""

    client_finished: Record | None
    server_flight: Record | None
    server_finished: bool
    tickets: int
    client_data: int
    server_data: int
    client_alert: Record | None
    server_alert: Record | None


def infer(hello: ServerHello, has_early: bool, client: Sealed, server: Sealed) -> Told:
    """Tell handshake, tickets, alerts and data of both ends apart.

    ``has_early``: the initiator offered early data, so its records may begin before its handshake.
    """
    sizes = Sizes.of(hello.cipher)
    answers = client.records
    if has_early:
        answers = [each for each in answers if moment(each) > moment(hello)]
    end = _end_of_handshake(answers, sizes, has_early)
    finished = None if end is None else answers[end]
    client_alert = _client_alert(client, answers, sizes, finished)
    flight, rest = _server_flight(server.records, answers, has_early, finished)
    if has_early:
        # It may answer early data at once, before the initiator's Finished (RFC 8446 section 2.3).
        flight = _up_to_finished(flight, sizes)
    server_alert = _alert(server, sizes, sizes.pads(flight[-1] if flight else None))
    if server_alert is None:
        server_alert = _padded_alert(rest, flight, server, sizes)
    both = server_alert is not None and _are_alerts(rest, server, server_alert.length)
    server_alert = rest[0] if both else server_alert
    flight = [each for each in flight if each is not server_alert]
    rest = [] if both else [each for each in rest if each is not server_alert]
    tickets = client_data = server_data = 0
    if end is not None:
        before = len(client.records) - len(answers)
        client_data = client.total - before - (end + 1) - (client_alert is not None)
        tickets = _tickets(rest, answers[end + 1 :])
        server_data = server.total - len(flight) - tickets - (server_alert is not None) - both
    return Told(
        client_finished=finished,
        server_flight=flight[-1] if flight else None,
        server_finished=finished is not None or any(map(sizes.is_finished, flight)),
        tickets=tickets,
        client_data=max(client_data, 0),
        server_data=max(server_data, 0),
        client_alert=client_alert,
        server_alert=server_alert,
    )


def _alert(sealed: Sealed, sizes: Sizes, pads: bool) -> Record | None:
    last = sealed.last
    length = sizes.alert + (PADDING if pads else 0)
    return last if last is not None and last.length == length else None


def _padded_alert(
    rest: list[Record], flight: list[Record], server: Sealed, sizes: Sizes
) -> Record | None:
    """The responder's alert where it may pad: Tomcat's flight is one record, which does not tell.

    Only as the first thing that it says behind its flight: what works begins with a ticket or data.
    """
    alone = len(rest) == 1 and rest[0] is server.last
    if not alone or any(map(sizes.is_finished, flight)):
        return None
    return rest[0] if rest[0].length == sizes.alert + PADDING else None


def _are_alerts(rest: list[Record], server: Sealed, length: int) -> bool:
    """Return whether the responder said nothing since its flight but two alerts.

    GnuTLS says close_notify behind its fatal alert; so the first was no close_notify, behind which
    nothing comes (RFC 8446 section 6.1).
    """
    all_known = server.last is not None and len(rest) == TWO_ALERTS and rest[-1] is server.last
    return all_known and all(each.length == length for each in rest)


def _client_alert(
    client: Sealed, answers: list[Record], sizes: Sizes, finished: Record | None
) -> Record | None:
    """The initiator's alert, also one whose padding is not known.

    Before its Finished it sends nothing else that is so short, save an empty Certificate.
    """
    last = client.last
    if last is not None and answers and answers[0] is last and finished is None:
        empty = (sizes.empty, sizes.empty + PADDING)
        return last if last.length < sizes.finished and last.length not in empty else None
    return _alert(client, sizes, sizes.pads(finished))


def _end_of_handshake(answers: list[Record], sizes: Sizes, has_early: bool) -> int | None:
    """Index of the initiator's record that ends its handshake."""
    if not answers or answers[0].length == sizes.alert:
        return None
    flight = answers if has_early else answers[:MAX_FLIGHT]
    for length in (sizes.finished, sizes.finished + PADDING):
        for index, record in enumerate(flight):
            if record.length == length:
                return index
    # One record for the whole flight: an empty or real Certificate before the Finished.
    is_whole = answers[0].length >= sizes.finished + EMPTY_CERTIFICATE and not has_early
    return 0 if is_whole else None


def _up_to_finished(flight: list[Record], sizes: Sizes) -> list[Record]:
    """The flight without what follows its last Finished; all of it where none stands alone."""
    ends = [index for index, record in enumerate(flight) if sizes.is_finished(record)]
    return flight[: ends[-1] + 1] if ends else flight


def _server_flight(
    records: list[Record], answers: list[Record], has_early: bool, finished: Record | None
) -> tuple[list[Record], list[Record]]:
    """The responder's records before the initiator's answer, and those after it."""
    first = finished if has_early else (answers[0] if answers else None)
    if first is None:
        return list(records), []
    flight = [each for each in records if moment(each) < moment(first)]
    return flight, records[len(flight) :]


def _tickets(rest: list[Record], asked: list[Record]) -> int:
    """How many of the responder's first records after the handshake are session tickets.

    A server's tickets have one length, and come before the initiator asks again. A single record
    between its first data (the first of ``asked``) and the next may as well be the answer, and is
    taken for it.
    """
    if not rest or rest[0].length not in TICKET_SIZES:
        return 0
    first = _before_next_request(rest, asked)
    if len(first) == 1 and asked and moment(asked[0]) < moment(first[0]):
        return 0
    leading = 0
    while leading < min(len(first), MAX_TICKETS) and first[leading].length == first[0].length:
        leading += 1
    return leading


def _before_next_request(rest: list[Record], asked: list[Record]) -> list[Record]:
    """The responder's records up to what the initiator sent when it had got one since its data."""
    if not asked:
        return rest
    begun = max(moment(rest[0]), moment(asked[0]))
    again = next((moment(one) for one in asked[1:] if moment(one) > begun), None)
    return [one for one in rest if again is None or moment(one) < again]
