"""Segments past a NAT that continue a connection with another address."""

from __future__ import annotations

from pcapdiag.flow.fleet import leaks_of
from pcapdiag.model.fleet import LeakFact
from tests.flow.wire import End, Link, Wire, tell

CLIENT = End("10.0.1.5", 40_000, 0x1000, b"\2\0\0\0\0\1")
SERVICE = End("203.0.113.80", 80, 0x9000, b"\2\0\0\0\0\2")
BACKEND = End("10.0.2.7", 8080, 0x9000, b"\2\0\0\0\0\2")
ASKED = b"GET /events HTTP/1.1\r\n\r\n"
END = 1 + len(ASKED)


def leaks(wire: Wire) -> list[LeakFact]:
    return leaks_of(tell(wire, want_all=False).tracker.closing.leaks.found)


def answered_once() -> Wire:
    wire = Wire()
    link = Link(wire, CLIENT, SERVICE)
    link.handshake(rtt=1)
    link.c(2, "PA", 1, 1, ASKED)
    link.s(3, "PA", 1, END, b"x" * 50)
    link.c(4, "A", END, 51)
    return wire


def test_the_next_words_come_from_the_address_behind_the_nat() -> None:
    wire = answered_once()
    beside = Link(wire, CLIENT, BACKEND)
    first = beside.s(500, "PA", 51, END, b"y" * 20)
    reset = beside.c(500.1, "R", END)
    (leak,) = leaks(wire)
    assert (leak.host, leak.port) == ("10.0.1.5", 40_000)
    assert (leak.stranger, leak.stranger_port) == ("10.0.2.7", 8080)
    assert (leak.known, leak.known_port) == ("203.0.113.80", 80)
    assert (leak.of_stream, leak.stream) == (0, 1)
    assert leak.frames == [first, reset]


def test_other_sequence_numbers_are_another_connection() -> None:
    wire = answered_once()
    other = End("10.0.2.7", 8080, 0x7000_0000, b"\2\0\0\0\0\2")
    beside = Link(wire, CLIENT, other)
    beside.s(500, "PA", 51, END, b"y" * 20)
    beside.c(500.1, "R", END)
    assert leaks(wire) == []


def test_another_port_of_the_host_is_another_connection() -> None:
    wire = answered_once()
    beside = Link(wire, End("10.0.1.5", 40_001, 0x1000, b"\2\0\0\0\0\1"), BACKEND)
    beside.s(500, "PA", 51, END, b"y" * 20)
    beside.c(500.1, "R", END)
    assert leaks(wire) == []


def test_both_sides_of_a_nat_in_one_capture_are_no_leak() -> None:
    wire = Wire()
    inside, outside = Link(wire, CLIENT, BACKEND), Link(wire, CLIENT, SERVICE)
    inside.s(500, "PA", 51, END, b"y" * 20)
    outside.s(500.01, "PA", 51, END, b"y" * 20)
    outside.c(500.1, "R", END)
    inside.c(500.11, "R", END)
    assert leaks(wire) == []
