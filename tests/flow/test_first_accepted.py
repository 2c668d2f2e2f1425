"""How connections to one endpoint began, and which of these were accepted."""

from __future__ import annotations

import pytest

from pcapdiag.flow.story import endpoint_facts
from tests.flow.wire import End, Link, Wire, tell

GET, HELLO = b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\0\x05\x01"
CONNECTIONS = (
    (GET, b"HTTP/1.1 302 Found\r\n\r\n"),
    (GET, b"HTTP/1.0 400 Bad Request\r\n\r\n"),
    (GET, b"HTTP/1.1 503 No\r\n\r\n"),
    (GET, b""),
    (GET, b"hello"),
    (HELLO, b"\x15\x03\x01\0\x02\x02\x28"),
    (HELLO, b""),
    (b"ab", b"hello"),
)


def test_answers_that_are_no_refusal_are_counted_by_the_first_bytes_of_the_connection() -> None:
    wire = Wire()
    for n, (first, answer) in enumerate(CONNECTIONS):
        link = Link(wire, End("10.0.0.1", 40000 + n, 0x1000, b"\2\0\0\0\0\1"))
        link.handshake(n * 100)
        link.c(n * 100 + 20, "PA", 1, 1, first)
        if answer:
            end = 1 + len(answer)
            link.s(n * 100 + 30, "PA", 1, 1 + len(first), answer)
            link.c(n * 100 + 40, "PA", 1 + len(first), end, GET)
            link.s(n * 100 + 50, "PA", end, 1 + len(first) + len(GET), b"again")
    tracker = tell(wire).tracker
    (facts,) = [endpoint_facts(one) for one in tracker.table.endpoints.values()]
    assert facts.first_bytes == {GET[:4]: 5, HELLO[:4]: 2}
    assert facts.first_accepted == {GET[:4]: 2}


@pytest.mark.parametrize(
    ("sidecar", "pod"), [("127.0.0.6", "10.0.0.2"), ("::6", "2001:db8::2"), ("::1", "2001:db8::2")]
)
def test_what_a_sidecar_asks_its_application_is_no_matter_of_the_sidecars_own_port(
    sidecar: str, pod: str
) -> None:
    """In a pod both listen at one address and port."""
    wire = Wire()
    outside = "2001:db8::1" if ":" in pod else "10.0.0.1"
    for n, (source, first) in enumerate(((outside, HELLO), (sidecar, GET), (outside, HELLO))):
        here = End(source, 40000 + n, 0x1000, b"\2\0\0\0\0\1")
        link = Link(wire, here, End(pod, 8080, 0x9000, b"\2\0\0\0\0\2"))
        link.handshake(n * 100)
        link.c(n * 100 + 20, "PA", 1, 1, first)
        link.s(n * 100 + 30, "PA", 1, 1 + len(first), b"hello")
    found = tell(wire).tracker.table.endpoints.values()
    assert [(one.port, one.connections) for one in found] == [(8080, 2), (8080, 1)]
    facts = [endpoint_facts(one) for one in found]
    assert [one.first_accepted for one in facts] == [{HELLO[:4]: 2}, {GET[:4]: 1}]


def test_loopback_alone_has_no_inside() -> None:
    wire = Wire()
    here = End("127.0.0.1", 40000, 0x1000, b"\2\0\0\0\0\1")
    Link(wire, here, End("127.0.0.1", 8080, 0x9000, b"\2\0\0\0\0\1")).handshake(0)
    assert [one.inside for one in tell(wire).tracker.table.endpoints.values()] == [0]


def test_the_middle_of_a_connection_does_not_say_how_connections_begin() -> None:
    wire = Wire()
    for n in range(2):
        link = Link(wire, End("10.0.0.1", 40000 + n, 0x1000, b"\2\0\0\0\0\1"))
        if n == 0:
            link.handshake()
        link.c(n * 100 + 20, "PA", 1, 1, (HELLO, GET)[n])
        link.s(n * 100 + 30, "PA", 1, 1 + len((HELLO, GET)[n]), b"\x16\x03\x03\0\x7a\2")
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert endpoint_facts(endpoint).first_bytes == {HELLO[:4]: 1}
    assert endpoint_facts(endpoint).first_accepted == {HELLO[:4]: 1}


@pytest.mark.parametrize("begun", [True, False])
def test_only_whose_beginning_is_seen_speaks_first(begun: bool) -> None:
    wire = Wire()
    link = Link(wire)
    if begun:
        link.handshake()
    link.s(20, "PA", 1, 1, b"220 mail ESMTP\r\n")
    link.c(30, "A", 1, 17)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert endpoint.speaks_first == begun


@pytest.mark.parametrize(
    ("word", "left", "first"),
    [
        (b"220 mx ready\r\n", False, 1),
        (b"\x15\x03\x03\0\x02\x01\0", False, 0),
        (b"220 mx ready\r\n", True, 0),
    ],
    ids=["a greeting", "a goodbye inside TLS", "to one who had left"],
)
def test_a_server_that_speaks_first(word: bytes, left: bool, first: int) -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    if left:
        link.c(3000, "FA", 1, 1)
    link.s(3200, "PA", 1, 1, word)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    assert endpoint_facts(endpoint).speaks_first == first
