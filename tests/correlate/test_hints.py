"""What the content of a connection says of its ends."""

from __future__ import annotations

from typing import Unpack

import pytest
from msgspec.structs import replace

from pcapdiag.correlate.hints import content_hints
from pcapdiag.correlate.roles import Ends, Roles, Spoken
from pcapdiag.model.application import Application, ProxyHeader
from pcapdiag.model.ends import End
from pcapdiag.model.http import Exchange, HttpFacts, LocalReply
from pcapdiag.model.report import Role
from pcapdiag.model.tls import ClientHello, TlsFacts
from tests.diagnose.fields import ExchangeFields
from tests.diagnose.playbook import GET, HANDSHAKE, OK, C, S, play

Hints = dict[End, Role]
ASKS: Hints = {"initiator": "proxy"}
ANSWERS: Hints = {"responder": "proxy"}


def read(**facts: Unpack[ExchangeFields]) -> Hints:
    exchange = replace(Exchange(index=0, version="1.1"), **facts)
    application = Application(http=HttpFacts(requests=1, exchanges=[exchange]))
    return content_hints(play(*HANDSHAKE, application=application))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {}),
        ({"forwarded": True}, ASKS),
        ({"user_agent": "kube-probe/1.29"}, ASKS),
        ({"user_agent": "Envoy/HC"}, ASKS),
        ({"user_agent": "curl/8.5"}, {}),
        ({"server": "envoy"}, ANSWERS),
        ({"server": "nginx"}, {}),
        ({"via": "1.1 edge"}, ANSWERS),
        ({"upstream_service_time": True}, ANSWERS),
        ({"local_reply": LocalReply("nginx"), "status": 502}, ANSWERS),
        ({"local_reply": LocalReply("nginx"), "status": 400}, {}),
        ({"local_reply": LocalReply("tinyproxy"), "status": 500}, ANSWERS),
        ({"target": "http://shop.example/cart"}, ANSWERS),
        ({"target": "/go?to=http://shop.example/"}, {}),
        ({"forwarded": True, "server": "envoy"}, ASKS | ANSWERS),
    ],
)
def test_facts_of_http(facts: ExchangeFields, expected: Hints) -> None:
    assert read(**facts) == expected


@pytest.mark.parametrize(
    ("request_head", "answer", "expected"),
    [
        (GET, OK, {}),
        (b"GET / HTTP/1.1\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n", OK, ASKS),
        (b"GET / HTTP/1.1\r\nx-envoy-attempt-count: 1\r\n\r\n", OK, ASKS),
        (b"GET / HTTP/1.1\r\nUser-Agent: GoogleHC/1.0\r\n\r\n", OK, ASKS),
        (b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\n" + GET, OK, ASKS),
        (GET, b"HTTP/1.1 200 OK\r\nserver: envoy\r\n\r\n", ANSWERS),
        (b"\x05\x01\0", b"\x05\0", ANSWERS),
        (b"\x05\x01\0", b"\x05\x02", {}),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", ANSWERS),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 405 No\r\n\r\n", {}),
        (GET, b"HTTP/1.1 200 OK\r\nserver: nginx\r\n\r\nVia: no field", {}),
        (GET, b"nothing\r\nVia: 1.1 x\r\n\r\n", {}),
    ],
)
def test_first_bytes_where_nothing_was_read(
    request_head: bytes, answer: bytes, expected: Hints
) -> None:
    story = play(*HANDSHAKE, C("PSH,ACK", request_head), S("PSH,ACK", answer))
    assert content_hints(story) == expected


def test_a_proxy_header_and_a_meshs_alpn_make_the_initiator_the_proxy() -> None:
    header = ProxyHeader(4, 0, 2, "10.1.1.1:5", "10.1.1.2:443", 28)
    hello = ClientHello(4, 0, 0x0303, alpn=("istio-peer-exchange", "istio"))
    for application in (
        Application(proxy_header=header),
        Application(tls=TlsFacts(client_hello=hello)),
    ):
        assert content_hints(play(*HANDSHAKE, application=application)) == ASKS


def test_a_port_of_the_sidecar_makes_the_responder_the_proxy() -> None:
    story = play(C("SYN"))
    story.responder.port = 15001
    assert content_hints(story) == ANSWERS


def test_what_one_connection_showed_holds_for_the_others_of_its_ends() -> None:
    spoken = Spoken()
    roles = Roles(spoken=spoken)
    assert roles.ends(("10.0.0.9", 1), ("10.0.1.5", 443)).assumed
    spoken.note("10.0.0.8", ("10.0.1.5", 443), ANSWERS)
    assert roles.ends(("10.0.0.9", 1), ("10.0.1.5", 443)) == Ends("client", "proxy")
    assert roles.ends(("10.0.0.9", 1), ("10.0.1.5", 22)).assumed
    spoken.note("10.0.1.5", ("10.0.2.7", 80), ASKS)
    assert roles.ends(("10.0.1.5", 1), ("10.0.2.9", 80)) == Ends("proxy", "upstream")


def test_an_application_is_no_proxy_to_its_own_sidecar() -> None:
    spoken = Spoken()
    spoken.note("10.0.1.5", ("10.0.2.7", 80), ASKS)
    ends = Roles(spoken=spoken).ends(("10.0.1.5", 1), ("127.0.0.1", 15001), ANSWERS)
    assert ends == Ends("client", "proxy")


def test_the_topology_is_not_assumed_where_content_spoke() -> None:
    roles = Roles()
    roles.add(("10.0.0.9", 0), ("10.0.1.5", 0), answered=True)
    assert roles.topology().assumed
    roles.spoken.note("10.0.0.9", ("10.0.1.5", 443), ANSWERS)
    topology = roles.topology()
    assert (topology.clients, topology.proxies) == (["10.0.0.9"], ["10.0.1.5"])
    assert not topology.assumed
