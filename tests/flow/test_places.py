"""Where an address answered from, connection by connection."""

from __future__ import annotations

from pcapdiag.flow.fleet import places_of
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.fleet import PlaceFacts
from tests.flow.wire import MS, START, End, Link, Wire, tell

ONE, OTHER = b"\2\0\0\0\0\2", b"\2\0\0\0\0\3"


def ask(wire: Wire, at: float, port: int, mac: bytes = ONE, ttl: int = 64) -> None:
    link = Link(wire, End("10.0.1.5", port, 77, b"\2\0\0\0\0\1"), End("10.0.2.7", 80, 99, mac, ttl))
    link.handshake(at, rtt=1)
    link.c(at + 2, "PA", 1, 1, b"GET / HTTP/1.0\r\n\r\n")
    link.s(at + 3, "FPA", 1, 19, b"HTTP/1.0 200 OK\r\n\r\n")
    link.c(at + 4, "FA", 19, 21)
    link.s(at + 5, "A", 21, 20)


def places(tracker: Tracker) -> list[PlaceFacts]:
    (host,) = [one for one in tracker.table.hosts.values() if one.answered]
    return places_of(host, tracker.neighbours.claims)


def test_places_in_the_order_in_which_they_began() -> None:
    wire = Wire()
    for number in range(3):
        ask(wire, 100 * number, 40_000 + number)
    ask(wire, 300, 40_003, OTHER, 63)
    ask(wire, 400, 40_004)
    first, second = places(tell(wire, want_all=False).tracker)
    assert (first.mac, first.ttl, first.connections) == (0x020000000002, 64, 4)
    assert (second.mac, second.ttl, second.connections) == (0x020000000003, 63, 1)
    assert (first.first, second.first) == (START + 1 * MS, START + 301 * MS)
    assert (first.last, second.last) == (START + 405 * MS, START + 305 * MS)


def test_a_claim_by_arp_is_kept_with_the_place() -> None:
    wire = Wire()
    ask(wire, 0, 40_000)
    ask(wire, 100, 40_001, OTHER)
    arp = b"\0\1\x08\0\6\4\0\1" + OTHER + b"\x0a\0\2\7" + OTHER + b"\x0a\0\2\7"
    frame = wire.add(90, b"\xff" * 6 + OTHER + b"\x08\6" + arp)
    first, second = places(tell(wire, want_all=False).tracker)
    assert (first.claimed, second.claimed) == (0, START + 90 * MS)
    assert second.claim_frame == frame


def test_a_connection_from_two_places_tells_of_none() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "PA", 1, 1, b"220 hello\r\n", ttl=60)
    link.c(30, "FA", 1, 12)
    link.s(31, "FA", 12, 2)
    (host,) = [one for one in tell(wire).tracker.table.hosts.values() if one.answered]
    assert places_of(host, {}) == []
