"""Protocols in each other: what the ends speak, and what lies inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.model.application import Application
from pcapdiag.protocols.conversation import Conversation
from pcapdiag.protocols.tls.keylog import KeyLog
from tests.protocols.http.talk import (
    CLIENT,
    PREFACE,
    SERVER,
    Http2Peer,
    Line,
    converse,
    pieces,
    settings,
)
from tests.protocols.pieces import connections

pytestmark = pytest.mark.once

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "pcaps"
GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def stored(name: str, capture: str, keys: KeyLog | None = None) -> list[Application]:
    applications = []
    for connection in connections(FIXTURES / name / capture):
        conversation = Conversation(keys)
        for piece in connection.pieces:
            conversation.feed(piece)
        applications.append(conversation.finish())
    return applications


def keylog(name: str) -> KeyLog:
    keys = KeyLog()
    for path in (FIXTURES / name).glob("*keylog*"):
        keys.add(path.read_bytes())
    return keys


def test_nothing_said() -> None:
    assert converse([]) == Application()


def test_a_proxy_header_is_taken_off() -> None:
    application = converse(
        pieces((CLIENT, b"PROXY TCP4 10.0.0.1 10.0.0.2 5 443\r\n" + GET), (SERVER, OK))
    )
    assert application.proxy_header is not None
    assert application.proxy_header.source == "10.0.0.1:5"
    assert (application.initiator_speaks, application.responder_speaks) == ("http1", "http1")
    assert application.http is not None
    assert application.http.exchanges[0].complete


def test_an_unknown_protocol_is_named_so_and_its_first_bytes_kept() -> None:
    application = converse(pieces((CLIENT, b"PING\r\n"), (SERVER, b"-NOAUTH" + b"x" * 100)))
    assert (application.initiator_speaks, application.responder_speaks) == ("other", "other")
    assert application.responder_head == b"-NOAUTH" + b"x" * 57
    assert application.http is None
    assert application.tls is None


def test_an_http_answer_to_another_protocol_is_read() -> None:
    bad = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    application = converse(
        pieces((CLIENT, b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"), (SERVER, bad))
    )
    assert (application.initiator_speaks, application.responder_speaks) == ("other", "http1")
    assert application.http is not None
    assert application.http.exchanges[0].status == 400


def test_only_an_answer_was_captured() -> None:
    application = converse(pieces((SERVER, OK)))
    assert (application.initiator_speaks, application.responder_speaks) == ("", "http1")
    assert application.http is not None
    assert application.http.exchanges[0].status == 200


def test_http_in_a_tunnel() -> None:
    application = converse(
        pieces(
            (CLIENT, b"CONNECT shop:80 HTTP/1.1\r\n\r\n"),
            (SERVER, b"HTTP/1.1 200 OK\r\n\r\n"),
            (CLIENT, PREFACE + settings() + Http2Peer().request(1, "/in")),
        )
    )
    assert application.http is not None
    assert [(each.index, each.target, each.upgrade) for each in application.http.exchanges] == [
        (0, "shop:80", "tunnel"),
        (1, "/in", ""),
    ]
    assert application.http.requests == 2


def test_a_tunnel_that_was_refused() -> None:
    refused = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    application = converse(pieces((CLIENT, b"CONNECT shop:80 HTTP/1.1\r\n\r\n"), (SERVER, refused)))
    assert application.http is not None
    (exchange,) = application.http.exchanges
    assert (exchange.status, exchange.upgrade, exchange.complete) == (502, "", True)


@pytest.mark.parametrize(
    "name", ["http2.rst_stream-inside-tls", "grpc.error-inside-tls", "http2.goaway-inside-tls"]
)
def test_http2_inside_tls_with_keys(name: str) -> None:
    captures = sorted(
        path.name for path in (FIXTURES / name).glob("*.pcap*") if "keys" not in path.name
    )
    inside = [each for each in stored(name, captures[0], keylog(name)) if each.tls is not None]
    assert {each.inside for each in inside} == {"http2"}
    for each in inside:
        assert each.http is not None
        assert each.http.exchanges


def test_tls_without_keys_shows_no_http() -> None:
    (application,) = stored("http2.rst_stream-inside-tls", "client.pcap")
    assert (application.initiator_speaks, application.inside, application.http) == ("tls", "", None)
    assert application.tls is not None
    assert application.tls.established


def hello() -> bytes:
    said = connections(FIXTURES / "http2.rst_stream-inside-tls" / "client.pcap")[0].pieces
    return next(piece.data for piece in said if piece.from_initiator)


def test_tls_begins_where_a_plain_protocol_stops() -> None:
    application = converse(
        pieces(
            (SERVER, b"220 mail\r\n"),
            (CLIENT, b"EHLO x\r\n"),
            (SERVER, b"250 STARTTLS\r\n"),
            (CLIENT, b"STARTTLS\r\n"),
            (SERVER, b"220 go\r\n"),
            (CLIENT, hello()),
        )
    )
    assert application.initiator_speaks == "other"
    assert application.tls is not None
    assert application.tls.client_hello is not None


def test_tls_begins_unasked_behind_a_greeting_in_the_clear() -> None:
    """NATS greets in the clear, and its client goes on with a ClientHello."""
    said = connections(FIXTURES / "http2.rst_stream-inside-tls" / "client.pcap")[0].pieces
    application = converse([*pieces((SERVER, b'INFO {"tls_required":true}\r\n')), *said])
    assert application.responder_speaks == "other"
    assert application.tls is not None
    assert application.tls.established
    assert application.tls.problem == ""


def test_tls_in_a_tunnel_also_when_it_does_not_wait() -> None:
    ask, granted = b"CONNECT shop:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"
    for lines in (
        [(CLIENT, ask), (SERVER, granted), (CLIENT, hello())],
        [(CLIENT, ask), (CLIENT, hello()), (SERVER, granted)],
    ):
        application = converse(pieces(*lines))
        assert application.tls is not None
        assert application.tls.client_hello is not None
        assert application.http is not None
        assert application.http.exchanges[0].upgrade == "tunnel"


def test_a_protocol_whose_beginning_was_not_captured_is_found_later() -> None:
    lines = pieces((SERVER, b"...some body"), (CLIENT, GET), (SERVER, OK))
    application = converse(lines, started=False)
    assert application.http is not None
    assert application.http.exchanges[0].complete
    assert not application.http.exchanges[0].malformed


def test_a_first_request_that_was_not_captured() -> None:
    lines: list[Line] = [
        (CLIENT, b"rest of a head\r\n\r\n", 900),
        (SERVER, OK),
        (CLIENT, GET),
        (SERVER, OK),
    ]
    application = converse(pieces(*lines))
    assert application.http is not None
    assert [(each.method, each.status) for each in application.http.exchanges] == [
        (None, 200),
        ("GET", 200),
    ]
    assert application.http.incomplete


def test_a_preface_that_was_not_captured() -> None:
    client, server = Http2Peer(), Http2Peer()
    application = converse(
        pieces(
            (CLIENT, client.request(1) + client.request(3) + client.request(5), 33),
            (SERVER, settings(s3=7) + server.headers(1, True, _status="404")),
        )
    )
    assert application.http is not None
    (exchange, *_) = application.http.exchanges
    assert (exchange.method, exchange.headers_unknown, exchange.status) == (None, True, 404)
    assert application.http.http2 is not None
    assert application.http.http2.settings_responder == {3: 7}


def test_asked_twice_it_says_the_same() -> None:
    conversation = Conversation()
    for piece in pieces((CLIENT, GET), (SERVER, OK), (CLIENT, GET)):
        conversation.feed(piece)
    first = conversation.finish()
    assert first.http is not None
    assert len(first.http.exchanges) == 2
    assert conversation.finish() == first
