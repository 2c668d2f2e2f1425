"""How connections to one endpoint began, and which of these were answered."""

from __future__ import annotations

from pcapdiag.flow.story import endpoint_facts
from tests.flow.wire import End, Link, Wire, tell

GET, HELLO = b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\0\x05\x01"


def test_answers_are_counted_by_the_first_bytes_of_the_connection() -> None:
    wire = Wire()
    for n, (first, is_answered) in enumerate(
        [(GET, True), (HELLO, False), (GET, False), (b"ab", True), (GET, True)]
    ):
        link = Link(wire, End("10.0.0.1", 40000 + n, 0x1000, b"\2\0\0\0\0\1"))
        link.handshake(n * 100)
        link.c(n * 100 + 20, "PA", 1, 1, first)
        if is_answered:
            link.s(n * 100 + 30, "PA", 1, 1 + len(first), b"answer")
            link.c(n * 100 + 40, "PA", 1 + len(first), 7, GET)
            link.s(n * 100 + 50, "PA", 7, 1 + len(first) + len(GET), b"again")
    tracker = tell(wire).tracker
    (facts,) = [endpoint_facts(one) for one in tracker.table.endpoints.values()]
    assert facts.first_bytes == {GET[:4]: 3, HELLO[:4]: 1}
    assert facts.first_answered == {GET[:4]: 2}
