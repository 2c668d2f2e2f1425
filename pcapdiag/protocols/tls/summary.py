"""The facts of a connection, out of what was read of both ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeVar

from pcapdiag.model.moment import moment
from pcapdiag.model.tls import TLS13, Alert, KeyState, Record, ServerHello, TlsFacts, is_tls13
from pcapdiag.protocols.tls.infer import MAX_FLIGHT, Sizes, Told, infer
from pcapdiag.protocols.tls.limits import FIRST_RECORDS, LAST_RECORDS
from pcapdiag.protocols.tls.names import message_name
from pcapdiag.protocols.tls.numbers import APPLICATION_DATA, NEW_SESSION_TICKET, SERVER_HELLO
from pcapdiag.protocols.tls.side import Side
from pcapdiag.protocols.tls.talk import Talk

FLIGHT = "encrypted handshake messages"
CIPHERS = (0x1301, 0x1302)
"""One of TLS 1.3 for each hash in use."""


class _Placed(Protocol):
    @property
    def frame(self) -> int: ...
    @property
    def time(self) -> int: ...


_P = TypeVar("_P", bound=_Placed)


def facts(talk: Talk, client: Side, server: Side, key_state: KeyState) -> TlsFacts:
    """Put together what was read, and what can be told of what was not."""
    told = _told(talk, client, server)
    records = in_order(client.records, server.records)
    total = client.total + server.total
    if total > FIRST_RECORDS + LAST_RECORDS:
        records = records[:FIRST_RECORDS] + records[-LAST_RECORDS:]
    return TlsFacts(
        client_hello=talk.client_hello,
        second_hello=talk.second_hello,
        hello_retry_group=talk.retry.group if talk.retry else None,
        server_hello=talk.server_hello,
        server_certificates=talk.server_certificates,
        client_certificates=talk.client_certificates,
        certificate_request=talk.certificate_request,
        alerts=tuple(_alerts(client, server, told)),
        records=tuple(records),
        records_left_out=total - len(records),
        messages=tuple(in_order(talk.messages[True], talk.messages[False])),
        client_finished=_finished(talk, client, told) or bool(told and told.client_finished),
        server_finished=_finished(talk, server, told) or bool(told and told.server_finished),
        client_data=client.data + (told.client_data if told else client.unsure_data),
        server_data=server.data + (told.server_data if told else server.unsure_data),
        tickets=talk.tickets + (told.tickets if told else 0),
        resumed=_resumed(talk, server),
        key_state=key_state,
        stopped_at=_stopped_at(talk, client, server, told),
        started=_has_started(talk, client, server),
        incomplete=talk.has_left_out or any(map(_has_gaps, (client, server))),
        problem=_problem(client) or _problem(server),
    )


def in_order(client: list[_P], server: list[_P]) -> list[_P]:
    """Both ends' facts by time and frame; those of one end stay in the order of its bytes."""
    keyed = (_keyed(client, 0), _keyed(server, 1))
    import heapq  # Only here: many captures have no TLS.

    return [item for _, _, _, item in heapq.merge(*keyed, key=lambda each: each[:3])]


def _keyed(items: list[_P], side: int) -> Iterator[tuple[tuple[int, int], int, int, _P]]:
    """Items with the place of the latest one so far: what came late holds up what follows."""
    latest = (0, 0)
    for index, item in enumerate(items):
        latest = max(latest, moment(item))
        yield latest, side, index, item


def _told(talk: Talk, client: Side, server: Side) -> Told | None:
    """What is inferred of TLS 1.3 where no record of either end could be opened."""
    hello = talk.server_hello or _unseen_hello(talk, client)
    if hello is None or not is_tls13(hello.version) or client.has_opened or server.has_opened:
        return None
    has_early = talk.client_hello is not None and talk.client_hello.early_data
    return infer(hello, has_early, client.sealed, server.sealed)


def _unseen_hello(talk: Talk, client: Side) -> ServerHello | None:
    """A ServerHello that was not captured, as the initiator's records show it to be of TLS 1.3.

    Before TLS 1.3 the first encrypted record is a Finished of type handshake.
    """
    offer = talk.client_hello
    if offer is None or client.sealed_finished is not None or not client.sealed.records:
        return None
    if offer.complete and not any(map(is_tls13, offer.versions)):
        return None
    lengths = {record.length for record in client.sealed.records[:MAX_FLIGHT]}
    cipher = next((each for each in CIPHERS if Sizes.of(each).finished in lengths), CIPHERS[0])
    return ServerHello(frame=offer.frame, time=offer.time, version=TLS13, cipher=cipher)


def _resumed(talk: Talk, server: Side) -> bool:
    """True when an earlier session was taken up (RFC 8446 section 2.2, RFC 5077 section 3.4)."""
    offer, choice = talk.client_hello, talk.server_hello
    if choice is None:
        return False
    if is_tls13(choice.version):
        return choice.resumed_psk is not None
    if offer is None:
        return False
    if choice.session_id and choice.session_id == offer.session_id:
        return True
    kinds = {message.type for message in talk.messages[False]}
    is_short = server.has_changed_cipher and kinds <= {SERVER_HELLO, NEW_SESSION_TICKET}
    return offer.has_ticket and is_short and not server.reader.has_holes


def _has_gaps(side: Side) -> bool:
    return side.reader.has_holes or side.has_left_out


def _finished(talk: Talk, side: Side, told: Told | None) -> bool:
    """True when this end's Finished was seen, or data that must follow it."""
    if talk.finished[side.is_initiator] or side.sealed_finished is not None or side.data > 0:
        return True
    return told is None and side.unsure_data > 0


def _alerts(client: Side, server: Side, told: Told | None) -> list[Alert]:
    by_client, by_server = list(client.alerts), list(server.alerts)
    if told is not None:
        by_client += _sealed_alert(told.client_alert)
        by_server += _sealed_alert(told.server_alert)
    return in_order(by_client, by_server)


def _sealed_alert(record: Record | None) -> list[Alert]:
    if record is None:
        return []
    return [Alert(record.frame, record.time, record.from_initiator, None, None)]


def _stopped_at(talk: Talk, client: Side, server: Side, told: Told | None) -> str:
    steps: list[tuple[int, int, str, Side]] = []
    for side in (server, client):
        if talk.messages[side.is_initiator]:
            last = talk.messages[side.is_initiator][-1]
            is_retry = (
                last.type == SERVER_HELLO and talk.retry is not None and not talk.server_hello
            )
            name = "HelloRetryRequest" if is_retry else message_name(last.type)
            steps.append((last.time, last.frame, name, side))
        if side.sealed_finished is not None:
            steps.append((*moment(side.sealed_finished), "Finished", side))
    if told is not None and told.server_flight is not None:
        what = "Finished" if told.server_finished else FLIGHT
        steps.append((*moment(told.server_flight), what, server))
    if told is not None and told.client_finished is not None:
        steps.append((*moment(told.client_finished), "Finished", client))
    if not steps:
        return ""
    # Of two steps in one packet the later one in this list is the later one on the wire.
    *_, what, side = max(enumerate(steps), key=lambda each: (each[1][:2], each[0]))[1]
    return f"{what} by the {side.name}"


def _has_started(talk: Talk, client: Side, server: Side) -> bool:
    """False when no hello was seen and records begin with data, with nothing missing before."""
    if talk.messages[True] or talk.messages[False]:
        return True
    first = [side.records[0] for side in (client, server) if side.records]
    has_holes = client.reader.has_holes or server.reader.has_holes
    return has_holes or all(record.type != APPLICATION_DATA for record in first)


def _problem(side: Side) -> str:
    if side.problem or not side.reader.bad_header:
        return side.problem
    return f"bytes of the {side.name} are no TLS record: {side.reader.bad_header.hex(' ')}"
