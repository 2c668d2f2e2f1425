"""TLS 1.3 without keys: what order and sizes of encrypted records tell."""

from __future__ import annotations

import pytest

from tests.protocols.tls.wire import (
    HANDSHAKE,
    TLS13_CHOICE,
    TLS13_EXTENSIONS,
    alert,
    alerts,
    change_cipher_spec,
    client,
    client_hello,
    extension,
    handshake,
    numbers,
    read,
    sealed,
    server,
    server_hello,
    talk,
    tls12_opening,
    tls13_opening,
    vector,
)

pytestmark = pytest.mark.once

TICKETS = (sealed(250), sealed(250))
CLIENT_FINISHED = client(change_cipher_spec(), sealed(53))


def test_tls13_full() -> None:
    facts = read(
        talk(
            *tls13_opening(),
            CLIENT_FINISHED,
            client(sealed(120)),
            server(*TICKETS),
            server(sealed(2000), sealed(19)),
        )
    )
    assert facts.is_tls13
    assert facts.established
    assert facts.stopped_at == "Finished by the client"
    assert (facts.client_data, facts.server_data, facts.tickets) == (1, 1, 2)
    assert alerts(facts) == [(False, None, None)]
    assert not facts.resumed


@pytest.mark.parametrize(
    ("flight", "finished", "data"),
    [
        ((sealed(53),), True, 0),
        ((sealed(53), sealed(53)), True, 1),
        ((sealed(25), sealed(53)), True, 0),  # OpenSSL: an empty Certificate
        ((sealed(61),), True, 0),  # BoringSSL: the same in one record
        ((sealed(25),), False, 0),
        ((sealed(800), sealed(281), sealed(53), sealed(99)), True, 1),
        ((sealed(1100), sealed(99)), True, 1),  # all of a certificate's flight in one record
        ((sealed(19),), False, 0),
        ((), False, 0),
    ],
)
def test_tls13_client_flight(flight: tuple[bytes, ...], finished: bool, data: int) -> None:
    facts = read(talk(*tls13_opening(), client(change_cipher_spec(), *flight)))
    assert facts.client_finished is finished
    assert facts.client_data == data


def test_tls13_finished_has_the_size_of_the_hash() -> None:
    hello, _ = tls13_opening()
    flight = server(handshake(2, server_hello(cipher=0x1302)), sealed(600))
    assert not read(talk(hello, flight, client(sealed(53)))).client_finished
    assert read(talk(hello, flight, client(sealed(69)))).client_finished


def test_tls13_records_that_are_padded() -> None:
    opening = tls13_opening()
    full = read(
        talk(
            *opening,
            client(change_cipher_spec(), sealed(69), sealed(133)),
            server(sealed(700), sealed(19)),
            client(sealed(35)),
        )
    )
    assert full.client_finished
    assert full.client_data == 1
    assert alerts(full) == [(False, None, None), (True, None, None)]
    refused = read(talk(*opening, client(change_cipher_spec(), sealed(35))))
    assert not refused.client_finished
    assert alerts(refused) == [(True, None, None)]
    unpadded = read(talk(*opening, CLIENT_FINISHED, client(sealed(35))))
    assert (unpadded.client_data, unpadded.alerts) == (1, ())


def test_tls13_server_flight_in_one_record_is_not_known_to_be_whole() -> None:
    hello, _ = tls13_opening()
    flight = server(handshake(2, server_hello()), change_cipher_spec(), sealed(1000))
    facts = read(talk(hello, flight))
    assert not facts.server_finished
    assert facts.stopped_at == "encrypted handshake messages by the server"
    rejected = read(talk(hello, flight, client(change_cipher_spec(), sealed(19))))
    assert alerts(rejected) == [(True, None, None)]
    assert not rejected.client_finished


def test_tls13_clear_alert_after_the_flight() -> None:
    facts = read(talk(*tls13_opening(), client(alert(48))))
    assert alerts(facts) == [(True, 2, 48)]
    assert not facts.client_finished
    assert facts.server_finished


def test_tls13_alert_instead_of_tickets() -> None:
    facts = read(talk(*tls13_opening(), CLIENT_FINISHED, client(sealed(99)), server(sealed(19))))
    assert alerts(facts) == [(False, None, None)]
    assert (facts.tickets, facts.server_data, facts.client_data) == (0, 0, 1)


def test_tls13_a_goodbye_behind_the_alert() -> None:
    """GnuTLS refuses, and says close_notify when the client has closed."""
    opening = (*tls13_opening(), CLIENT_FINISHED)
    facts = read(talk(*opening, server(sealed(19)), server(sealed(19))))
    assert alerts(facts) == [(False, None, None)]
    assert facts.alerts[0].frame < facts.records[-1].frame
    assert (facts.tickets, facts.server_data) == (0, 0)
    # Words of two bytes behind a longer one, such as MQTT's PINGRESP, are data.
    spoken = read(talk(*opening, server(sealed(21)), server(sealed(19)), server(sealed(19))))
    assert spoken.server_data == 2


def test_tls13_a_padded_alert_behind_a_flight_in_one_record() -> None:
    """Tomcat's JSSE: EncryptedExtensions to Finished are one record, and do not tell that it pads."""
    flight = server(handshake(2, server_hello()), change_cipher_spec(), sealed(1308))
    refused = (CLIENT_FINISHED, client(sealed(81)), server(sealed(35)))
    facts = read(talk(tls13_opening()[0], flight, *refused))
    assert alerts(facts) == [(False, None, None)]
    assert (facts.tickets, facts.server_data) == (0, 0)
    unpadded = read(talk(*tls13_opening(), CLIENT_FINISHED, server(sealed(35))))
    assert (alerts(unpadded), unpadded.server_data) == ([], 1)


def test_tls13_a_lone_record_after_the_request_is_the_answer() -> None:
    opening = (*tls13_opening(), CLIENT_FINISHED)
    asked = read(talk(*opening, client(sealed(99)), server(sealed(250))))
    assert (asked.tickets, asked.server_data) == (0, 1)
    quiet = read(talk(*opening, server(sealed(250))))
    assert (quiet.tickets, quiet.server_data) == (1, 0)


def test_tls13_answers_of_one_length_are_no_tickets() -> None:
    opening = (*tls13_opening(), CLIENT_FINISHED)
    turn = client(sealed(99)), server(sealed(250))
    kept = read(talk(*opening, *turn, *turn, *turn, client(sealed(19))))
    assert (kept.tickets, kept.server_data, kept.client_data) == (0, 3, 3)
    # A request may cross the tickets: what comes before the next one can be the second of them.
    crossed = read(talk(*opening, server(sealed(250)), *turn))
    assert (crossed.tickets, crossed.server_data) == (2, 0)
    asked_again = read(talk(*opening, server(sealed(250)), *turn, *turn))
    assert (asked_again.tickets, asked_again.server_data) == (2, 1)


def test_early_data_and_psk() -> None:
    psk = extension(
        41, vector(2, vector(2, b"identity") + bytes(4)) + vector(2, vector(1, b"b" * 32))
    )
    hello = client_hello((*TLS13_EXTENSIONS, extension(42, b""), psk))
    chosen = server_hello((*TLS13_CHOICE, extension(41, numbers(0))))
    facts = read(
        talk(
            client(handshake(1, hello), change_cipher_spec(), sealed(400)),
            server(handshake(2, chosen), change_cipher_spec(), sealed(27), sealed(53)),
            server(sealed(900)),
            client(sealed(21), sealed(53), sealed(77)),
            server(sealed(250)),
        )
    )
    assert (facts.server_data, facts.tickets) == (2, 0)
    assert facts.client_hello is not None
    assert facts.client_hello.early_data
    assert facts.client_hello.has_ticket
    assert facts.resumed
    assert facts.client_finished
    assert facts.client_data == 1


def test_client_alone_in_tls13() -> None:
    opening = client(handshake(1, client_hello()))
    finished = read(talk(opening, CLIENT_FINISHED, client(sealed(99), sealed(99))))
    assert finished.client_finished
    assert finished.client_data == 2
    refused = read(talk(opening, client(change_cipher_spec(), sealed(19))))
    assert not refused.client_finished
    assert alerts(refused) == [(True, None, None)]


def test_client_alone_in_tls12() -> None:
    facts = read(
        talk(
            tls12_opening()[0],
            client(handshake(16), change_cipher_spec(), sealed(40, HANDSHAKE)),
            client(sealed(99)),
        )
    )
    assert facts.client_finished
    assert facts.client_data == 1
    assert facts.stopped_at == "Finished by the client"
