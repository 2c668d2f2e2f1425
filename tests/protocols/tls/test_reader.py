"""Every shape of a handshake, built from bytes."""

from __future__ import annotations

import pytest

from pcapdiag.model.application import Piece
from pcapdiag.protocols.tls.certificates import certificates_in
from pcapdiag.protocols.tls.limits import FIRST_RECORDS, LAST_RECORDS, MAX_ALERTS, MAX_HELD
from pcapdiag.protocols.tls.reader import TlsReader
from tests.protocols.tls.wire import (
    DATA,
    HANDSHAKE,
    OTHER_RANDOM,
    RETRY,
    SESSION,
    TLS13_EXTENSIONS,
    alert,
    alerts,
    change_cipher_spec,
    client,
    client_hello,
    extension,
    handshake,
    message,
    numbers,
    read,
    record,
    sealed,
    server,
    server_hello,
    talk,
    tls12_opening,
    tls13_opening,
    vector,
)

pytestmark = pytest.mark.once

CLIENT_FINISHED = client(change_cipher_spec(), sealed(53))


def test_tls12_full() -> None:
    facts = read(
        talk(
            *tls12_opening(),
            client(handshake(16), change_cipher_spec(), sealed(40, HANDSHAKE)),
            server(handshake(4), change_cipher_spec(), sealed(40, HANDSHAKE)),
            client(sealed(120)),
            server(sealed(300), sealed(26, 21)),
        )
    )
    assert facts.server_hello is not None
    assert (facts.server_hello.version, facts.server_hello.alpn) == (0x0303, "h2")
    assert facts.server_hello.group == 29
    assert [each.type for each in facts.messages] == [1, 2, 11, 12, 14, 16, 4]
    assert facts.established
    assert (facts.client_data, facts.server_data, facts.tickets) == (1, 1, 1)
    assert alerts(facts) == [(False, None, None)]
    assert facts.stopped_at == "Finished by the server"
    assert not facts.resumed
    assert not facts.incomplete
    assert not facts.problem
    assert facts.started
    assert facts.key_state == "none"


def test_tls12_stops_where_it_stops() -> None:
    facts = read(talk(*tls12_opening()))
    assert facts.stopped_at == "ServerHelloDone by the server"
    assert not facts.client_finished
    assert not facts.server_finished


def test_tls12_resumed_by_session_id() -> None:
    facts = read(
        talk(
            client(handshake(1, client_hello(TLS13_EXTENSIONS[:5]))),
            server(
                handshake(2, server_hello((), session=SESSION, cipher=0xC02F)),
                change_cipher_spec(),
                sealed(40, HANDSHAKE),
            ),
            client(change_cipher_spec(), sealed(40, HANDSHAKE), sealed(50)),
        )
    )
    assert facts.resumed
    assert facts.established
    assert facts.client_data == 1


def test_tls12_alert_is_clear_before_change_cipher_spec_only() -> None:
    opening = tls12_opening()
    refused = read(talk(*opening, client(alert(48))))
    assert alerts(refused) == [(True, 2, 48)]
    late = read(
        talk(
            *opening,
            client(handshake(16), change_cipher_spec(), sealed(40, HANDSHAKE), sealed(26, 21)),
            server(alert(40)),
        )
    )
    assert alerts(late) == [(True, None, None), (False, 2, 40)]
    assert late.client_finished
    assert not late.server_finished


def test_tls12_client_certificate_in_clear() -> None:
    hello, flight = tls12_opening()
    asks = server(flight[1][: -len(handshake(14))], handshake(13, b"\1\1\0\0\0\0"), handshake(14))
    facts = read(talk(hello, asks, client(handshake(11, vector(3, b"")), handshake(16))))
    assert facts.certificate_request == 2
    assert facts.client_certificates is not None
    assert facts.client_certificates.certificates == ()
    assert certificates_in(facts.server_certificates)[0].problem


def test_hello_retry_request() -> None:
    retry = server_hello((extension(43, numbers(0x0304)), extension(51, numbers(23))), random=RETRY)
    facts = read(
        talk(
            client(handshake(1, client_hello())),
            server(handshake(2, retry), change_cipher_spec()),
            client(change_cipher_spec(), handshake(1, client_hello())),
            server(handshake(2, server_hello()), sealed(700)),
            client(sealed(53)),
        )
    )
    assert facts.hello_retry_group == 23
    assert facts.second_hello is not None
    assert facts.second_hello.frame == 3
    assert facts.server_hello is not None
    assert facts.server_hello.random == OTHER_RANDOM
    assert facts.established


def test_hello_retry_request_that_is_never_answered() -> None:
    retry = server_hello((extension(43, numbers(0x0304)), extension(51, numbers(23))), random=RETRY)
    facts = read(talk(client(handshake(1, client_hello())), server(handshake(2, retry))))
    assert facts.hello_retry_group == 23
    assert facts.server_hello is None
    assert facts.stopped_at == "HelloRetryRequest by the server"


def test_second_hello_without_the_servers_direction() -> None:
    facts = read(
        talk(
            client(handshake(1, client_hello())),
            client(change_cipher_spec(), handshake(1, client_hello())),
        )
    )
    assert facts.second_hello is not None


def test_renegotiation_without_keys_changes_nothing() -> None:
    facts = read(
        talk(
            *tls12_opening(),
            client(handshake(16), change_cipher_spec(), sealed(40, HANDSHAKE)),
            server(change_cipher_spec(), sealed(40, HANDSHAKE)),
            server(sealed(24, HANDSHAKE)),
            client(sealed(300, HANDSHAKE)),
            server(sealed(26, 21)),
        )
    )
    assert facts.established
    assert [each.type for each in facts.messages] == [1, 2, 11, 12, 14, 16]
    assert facts.second_hello is None
    assert facts.stopped_at == "Finished by the server"


def test_messages_over_records_and_records_over_packets() -> None:
    hello = message(1, client_hello())
    data = record(HANDSHAKE, hello[:70]) + record(HANDSHAKE, hello[70:])
    facts = read(talk(client(data[:3]), client(data[3:80]), client(data[80:])))
    assert facts.client_hello is not None
    assert facts.client_hello.segments == 3
    assert facts.client_hello.frame == 3
    assert facts.client_hello.complete
    assert facts.client_hello.length == len(hello)


def test_a_hello_whose_end_never_came() -> None:
    facts = read(talk(client(handshake(1, client_hello())[:150])))
    assert facts.client_hello is not None
    assert not facts.client_hello.complete
    assert facts.client_hello.sni == "shop.example"
    assert facts.client_hello.ja3 == ""
    assert facts.records == ()
    assert not facts.incomplete


def test_hole_to_the_known_end_of_a_record() -> None:
    hello = handshake(1, client_hello())
    pieces = [
        Piece(True, 1, 1, hello[:150]),
        Piece(True, 3, 3, alert(48), hole=len(hello) - 150),
    ]
    facts = read(pieces)
    assert facts.incomplete
    assert facts.client_hello is not None
    assert not facts.client_hello.complete
    assert alerts(facts) == [(True, 2, 48)]


def test_hole_within_a_message_and_what_follows_it() -> None:
    hello, flight = tls12_opening()
    first = len(handshake(2, server_hello((alpn_h2(),), session=b"", cipher=0xC02F)))
    pieces = [
        *talk(hello),
        Piece(False, 2, 2_000_000, flight[1][: first + 12]),
        Piece(False, 3, 3_000_000, flight[1][first + 20 :], hole=8),
    ]
    facts = read(pieces)
    assert facts.incomplete
    assert [each.type for each in facts.messages] == [1, 2, 11, 12, 14]


def alpn_h2() -> bytes:
    return extension(16, vector(2, vector(1, b"h2")))


def test_hole_beyond_a_record_is_left_at_the_next_one() -> None:
    opening = talk(*tls12_opening())
    middle = b"\x16\x03\x07" + bytes(range(80, 240))
    facts = read([*opening, Piece(False, 9, 9_000_000, middle + alert(40), hole=3000)])
    assert facts.incomplete
    assert alerts(facts) == [(False, 2, 40)]
    assert not facts.problem


def test_bytes_that_are_no_tls() -> None:
    facts = read(
        talk(client(handshake(1, client_hello())), server(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    )
    assert facts.problem == "bytes of the server are no TLS record: 48 54 54 50 2f"
    assert facts.client_hello is not None
    assert len(facts.records) == 1
    short = read(talk(server(b"no")))
    assert short.problem


def test_message_of_an_unknown_type() -> None:
    facts = read(talk(client(handshake(99, b"?" * 40))))
    assert "63" in facts.problem


def test_ssl2_style_hello() -> None:
    body = b"\x01\x03\x01" + numbers(9, 0, 16) + b"\x00\x00\x2f\x07\x00\xc0\x00\x00\x0a" + b"c" * 16
    facts = read(talk(client((0x8000 | len(body)).to_bytes(2, "big") + body), server(alert(70))))
    hello = facts.client_hello
    assert hello is not None
    assert hello.ciphers == (0x2F, 0x0A)
    assert hello.versions == (0x0301, 0x0300)
    assert hello.complete
    assert alerts(facts) == [(False, 2, 70)]


def test_capture_that_starts_late() -> None:
    facts = read(talk(client(sealed(100)), server(sealed(200), sealed(19))))
    assert not facts.started
    assert facts.stopped_at == ""


def test_two_alerts_in_one_record() -> None:
    facts = read(talk(*tls12_opening(), client(record(21, b"\x01\x5a\x02\x2e"))))
    assert alerts(facts) == [(True, 1, 90), (True, 2, 46)]


def test_long_connection_keeps_both_ends_of_its_records() -> None:
    count = 500
    opening = (*tls13_opening(), CLIENT_FINISHED)
    facts = read(talk(*opening, *(server(sealed(1000)) for _ in range(count)), server(sealed(19))))
    assert len(facts.records) == FIRST_RECORDS + LAST_RECORDS
    assert facts.records[-1].length == 19
    assert facts.records_left_out == 9 + count + 1 - len(facts.records)
    assert facts.server_data == count


def test_finish_can_be_called_at_any_time() -> None:
    pieces = talk(*tls13_opening(), CLIENT_FINISHED, client(sealed(99)), server(sealed(19)))
    reader = TlsReader()
    for piece in pieces:
        half = len(piece.data) // 2
        for data in (piece.data[:half], piece.data[half:]):
            reader.feed(Piece(piece.from_initiator, piece.frame, piece.time, data))
            reader.finish()
    assert reader.finish() == read(pieces)


def test_data_records_of_a_type_nobody_knows_end_the_reading() -> None:
    facts = read(talk(*tls13_opening(), CLIENT_FINISHED, client(record(DATA + 9, b"x"))))
    assert facts.problem
    assert facts.client_finished


def test_tls12_resumed_by_a_ticket_without_a_session_id() -> None:
    ticket = extension(35, b"t" * 100)
    opening = client(handshake(1, client_hello((ticket,), session=b"")))
    choice = handshake(2, server_hello((), session=b"", cipher=0xC02F))
    end = (change_cipher_spec(), sealed(40, HANDSHAKE))
    assert read(talk(opening, server(choice, *end))).resumed
    assert read(talk(opening, server(choice, handshake(4), *end))).resumed
    assert not read(talk(opening, server(choice, handshake(11), handshake(14)))).resumed


def test_first_records_are_searched_where_the_capture_starts_late() -> None:
    reader = TlsReader(started=False)
    for piece in talk(
        client(b"the rest of a record", sealed(50), sealed(60)),
        server(b"and another", sealed(500), sealed(19)),
    ):
        reader.feed(piece)
    facts = reader.finish()
    assert not facts.started
    assert not facts.problem
    assert [each.length for each in facts.records] == [50, 60, 500, 19]


def test_too_many_alerts_are_said() -> None:
    warnings = record(21, b"\x01\x5a" * (MAX_ALERTS + 1))
    facts = read(talk(*tls12_opening(), client(warnings)))
    assert len(facts.alerts) == MAX_ALERTS
    assert facts.incomplete


def test_what_waits_for_ever_is_read_in_the_end() -> None:
    data = sealed(10)
    turns = [client(data * 100) for _ in range(MAX_HELD // 100 + 2)]
    reader = TlsReader()
    for piece in talk(tls12_opening()[0], *turns):
        reader.feed(piece)
    assert len(reader._client.queue) == 0
    assert reader.finish().records_left_out > MAX_HELD - 100


def test_hole_in_the_first_record_of_a_message() -> None:
    hello, _ = tls12_opening()
    long = message(11, vector(3, b"c" * 500))
    first, second = record(HANDSHAKE, long[:300]), record(HANDSHAKE, long[300:] + message(14, b""))
    pieces = [
        *talk(hello, server(handshake(2, server_hello((), session=b"", cipher=0xC02F)))),
        Piece(False, 3, 3_000_000, first[:100]),
        Piece(False, 4, 4_000_000, first[150:] + second, hole=50),
    ]
    facts = read(pieces)
    assert [each.type for each in facts.messages] == [1, 2, 11, 14]
    assert facts.stopped_at == "ServerHelloDone by the server"


def test_late_start_with_a_whole_record_before_a_cut_one() -> None:
    reader = TlsReader(started=False)
    reader.feed(Piece(True, 1, 1, sealed(50) + sealed(60)[:3]))
    assert [each.length for each in reader.finish().records] == [50]


def test_what_came_late_holds_up_what_follows_it() -> None:
    resent = Piece(True, 30, 30_000_000, handshake(1, client_hello()))
    behind = Piece(True, 10, 10_000_000, alert(90, 1))
    facts = read([resent, behind, Piece(False, 20, 20_000_000, alert(40))])
    assert [each.frame for each in facts.records] == [20, 30, 10]
