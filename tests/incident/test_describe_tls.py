"""The report's TLS: members, labels of the timeline, and the terminal's two lines."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec.structs import replace

from pcapdiag.incident.describe_tls import describe_tls, tls_labels
from pcapdiag.model.tls import Alert, Message, TlsFacts
from pcapdiag.report.tls import offers
from tests.diagnose.playbook import START
from tests.diagnose.tls.scenes import NO_CERTIFICATE, TLS13, answer, certificate, hello
from tests.report.fabricate import refused

pytestmark = pytest.mark.once

FACTS = TlsFacts(
    client_hello=hello(),
    server_hello=answer(alpn="h2", group=29),
    server_certificates=certificate("shop.example", "*.shop.example"),
    client_certificates=replace(NO_CERTIFICATE, frame=7),
    alerts=(Alert(8, START, False, 2, 40), Alert(9, START, True, None, None)),
    messages=(
        Message(4, START, True, 1, 512),
        Message(6, START, False, 2, 90),
        Message(6, START, False, 11, 700),
        Message(6, START, False, 14, 0),
        Message(7, START, True, 11, 3),
    ),
    stopped_at="ServerHelloDone by the server",
)


def test_members_are_those_of_the_schema() -> None:
    told = json.loads(msgspec.json.encode(describe_tls(FACTS)))
    assert told["client_hello"]["sni"] == "shop.example"
    assert told["client_hello"]["versions"] == ["TLS 1.3", "TLS 1.2"]
    assert told["server_hello"] == {
        "version": "TLS 1.2",
        "cipher": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "group": "x25519",
        "alpn": "h2",
    }
    assert told["certificates"][0]["from"] == "responder"
    assert told["certificates"][0]["names"] == ["shop.example", "*.shop.example"]
    assert told["certificates"][0]["not_after"].endswith(".000000000")
    assert told["stopped_at"] == "ServerHelloDone by the server"
    assert told["decrypted"] is False
    fatal, hidden = told["alerts"]
    assert (fatal["level"], fatal["code"], fatal["name"]) == ("fatal", 40, "handshake_failure")
    assert (hidden["level"], hidden["code"], hidden["from"]) == ("encrypted", None, "initiator")


def test_a_finished_handshake_stopped_nowhere() -> None:
    done = replace(FACTS, client_finished=True, server_finished=True)
    assert describe_tls(done).stopped_at is None


def test_a_certificate_that_could_not_be_read_is_left_out() -> None:
    broken = certificate(problem="not DER")
    assert describe_tls(replace(FACTS, server_certificates=broken)).certificates == []


def test_a_flight_is_one_label() -> None:
    labels = list(tls_labels(FACTS))
    assert labels[0] == (4, "ClientHello SNI=shop.example ALPN=h2,http/1.1")
    frame, flight = labels[1]
    assert frame == 6
    assert flight.startswith("ServerHello TLS 1.2, Certificate for shop.example")
    assert flight.endswith("ServerHelloDone")
    assert (7, "Certificate (none)") in labels
    assert (8, "alert handshake_failure (40)") in labels
    assert (9, "encrypted alert or close_notify") in labels


def test_names_that_steer_a_terminal_are_escaped() -> None:
    bad = "a\x1b[2Jb"
    facts = replace(FACTS, client_hello=hello(sni=bad, alpn=(bad,)))
    assert "\x1b" not in " ".join(text for _, text in tls_labels(facts))
    assert "\x1b" not in " ".join(shown(facts))


def shown(facts: TlsFacts, code: str = "tls.alert") -> list[str]:
    connection = refused()
    connection.verdict.code = code
    connection.tls = describe_tls(facts)
    return list(offers(connection))


def test_both_ends_stand_side_by_side() -> None:
    client, server = shown(FACTS)
    assert client.startswith("client: TLS 1.3, TLS 1.2; SNI shop.example; ALPN h2, http/1.1")
    assert server.startswith("server: TLS 1.2; TLS_ECDHE_RSA")
    assert "certificate for shop.example" in server
    assert "alert handshake_failure 40 (#8)" in server


def test_what_is_not_known_is_said() -> None:
    _, server = shown(replace(FACTS, server_hello=None))
    assert server.startswith("server: no ServerHello")
    _, server = shown(replace(FACTS, server_hello=answer(TLS13)))
    assert "ALPN hidden" in server
    client, _ = shown(replace(FACTS, client_hello=hello(versions=(0x0303, 0x0302, 0x0301, 0x0300))))
    assert "up to TLS 1.2" in client


def test_failures_that_are_not_about_tls_do_not_tell_it() -> None:
    assert shown(FACTS, "tcp.reset_before_response") == []
