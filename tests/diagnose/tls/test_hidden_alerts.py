"""Encrypted alerts that nobody can read: their place within the handshake tells what they are."""

from __future__ import annotations

import pytest

from tests.diagnose.playbook import C, S, sides
from tests.diagnose.tls.scenes import (
    ACKED,
    CCS,
    DONE,
    FINISHED_12,
    FLIGHT_12,
    HELLO,
    HUNG_UP,
    KEYS_12,
    SECURED,
    SERVER_HELLO_13,
    TLS13,
    alert,
    answer,
    given,
    hello,
    record,
    records,
    told,
)

CLOSED = (S("FIN,ACK"), C("FIN,ACK"), S("ACK"))
ENCRYPTED_ALERT_12 = record(21, 26)


@pytest.mark.parametrize("size", [19, 35])
def test_a_server_that_breaks_off_where_its_protocol_would_be(size: int) -> None:
    """Go and rustls pick the application protocol behind their ServerHello only."""
    flight = S("PSH,ACK", SERVER_HELLO_13 + records(size), after=1)
    offer = hello(alpn=("foo",))
    verdict = told(HELLO, flight, *CLOSED, server_hello=answer(TLS13), client_hello=offer)
    assert verdict.code == "tls.alpn_mismatch"
    assert verdict.confidence < 0.8
    assert sides(verdict)["responder"] > 0.9
    assert "in place of its EncryptedExtensions" in verdict.facts["how"]


@pytest.mark.parametrize("sent", [(65, 35), (27, 849, 19)])
def test_a_server_that_breaks_off_later_in_its_flight(sent: tuple[int, ...]) -> None:
    """OpenJDK, and rustls, that have no signature scheme in common with the client."""
    flight = S("PSH,ACK", SERVER_HELLO_13 + records(*sent), after=1)
    verdict = told(HELLO, flight, *CLOSED, server_hello=answer(TLS13))
    assert verdict.code == "tls.alert"
    assert verdict.facts["alert"] == "encrypted"
    assert "tls.no_shared_cipher" in [other.code for other in verdict.alternatives]
    assert sides(verdict)["responder"] > 0.9


def test_without_a_protocol_in_the_offer_it_was_about_something_else() -> None:
    flight = S("PSH,ACK", SERVER_HELLO_13 + records(19), after=1)
    verdict = told(HELLO, flight, *CLOSED, server_hello=answer(TLS13), client_hello=hello(alpn=()))
    assert verdict.code == "tls.alert"


def test_a_server_that_says_goodbye_behind_its_flight_after_a_while_did_not_break_it_off() -> None:
    flight = S("PSH,ACK", SERVER_HELLO_13 + records(1200), after=1)
    bye = (C("ACK"), S("PSH,ACK", records(19), after=3000))
    verdict = told(HELLO, flight, *bye, *CLOSED, server_hello=answer(TLS13))
    assert verdict.code == "tls.handshake_timeout"


def test_a_tls12_client_that_alerts_before_the_servers_finished() -> None:
    """NSS may send its Finished, judge the certificate, and say so without waiting."""
    keys = C("PSH,ACK", KEYS_12, after=1)
    left = (C("FIN,PSH,ACK", ENCRYPTED_ALERT_12, after=25), S("ACK"))
    verdict = told(HELLO, FLIGHT_12, keys, *left, FINISHED_12, C("RST"), **DONE, **given())
    assert verdict.code == "tls.certificate_rejected"
    assert verdict.ended_by == "initiator"
    assert "behind its own Finished" in verdict.facts["how"]
    assert "shop.example" in verdict.facts["certificate"]


def test_behind_the_servers_finished_it_is_a_goodbye() -> None:
    keys, bye = C("PSH,ACK", KEYS_12, after=1), C("FIN,PSH,ACK", ENCRYPTED_ALERT_12, after=25)
    verdict = told(HELLO, FLIGHT_12, keys, FINISHED_12, bye, *HUNG_UP, **DONE, **given())
    assert not verdict.failed


def test_a_certificate_that_took_a_cold_server_long_to_refuse() -> None:
    flight = S("PSH,ACK", SERVER_HELLO_13 + records(65, 144, 865, 297, 85), after=1)
    mine = C("PSH,ACK", record(CCS, 1) + records(1643, 281, 69), after=1)
    asked = (C("PSH,ACK", records(99)), S("ACK"), S("PSH,ACK", records(35), after=346))
    ended = (C("FIN,ACK", after=5), S("FIN,ACK"))
    verdict = told(HELLO, flight, mine, *asked, *ended, client_data=1, **SECURED)
    assert verdict.code == "tcp.closed_before_response"
    assert verdict.confidence < 0.7
    assert verdict.alternatives[0].code == "tls.certificate_rejected"


def test_access_denied_in_answer_to_the_hello_is_about_no_client_certificate() -> None:
    verdict = told(HELLO, ACKED, alert(S, 49), *HUNG_UP)
    assert verdict.code == "tls.alert"
    assert verdict.alternatives[0].code == "tls.sni_rejected"
    assert "who" not in verdict.facts["meaning"].split()
