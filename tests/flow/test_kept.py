"""Packets and first bytes that are kept of a connection, and the bounds on all of them together."""

from __future__ import annotations

import pytest

from pcapdiag.flow.endings import FEW_CLOSING
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.packet import ACK, PSH
from tests.flow.wire import MS, SLL2, START, End, Link, Told, Wire, tell

FIRST = 16
HELLO = b"\x16\3\1\0\x20" + bytes(32)
"""A record of TLS."""


def acks(wire: Wire, count: int, port: int = 40000) -> Link:
    """Packets of a connection in the middle, each with another number."""
    link = Link(wire, End("10.0.0.1", port, 0, b"\2\0\0\0\0\1"))
    for n in range(count):
        link.c(n, "A", 1 + n, 1, b"x")
    return link


@pytest.mark.parametrize("count", [1, 16, 17, 55, 56, 57, 58, 64, 65, 66, 500])
def test_the_first_sixteen_and_the_last_packets(count: int) -> None:
    wire = Wire()
    acks(wire, count)
    story = tell(wire).only
    kept = [p.frame for p in story.packets]
    last = kept[FIRST:]
    assert kept[:FIRST] == list(range(1, min(count, FIRST) + 1))
    assert last == list(range(count - len(last) + 1, count + 1))
    if count <= 56:
        assert len(kept) == count
    else:
        assert 33 <= len(last) <= 40
    assert story.packets_left_out == count - len(kept)


def test_resets_are_kept_wherever_they_were() -> None:
    wire = Wire()
    link = acks(wire, 100)
    resets = [link.s(200 + n, "R", 1, window=n) for n in range(10)]
    for n in range(100):
        link.c(300 + n, "A", 200 + n, 1, b"x")
    story = tell(wire).only
    assert [p.frame for p in story.resets] == resets[:8]
    assert [p.window for p in story.resets] == list(range(8))
    assert not {p.frame for p in story.packets} & set(resets)
    assert story.responder.rst_count == 10


def test_resets_among_the_first_packets_and_behind_them_are_told_once() -> None:
    wire = Wire()
    link = acks(wire, 10)
    resets = [link.s(20 + n, "R", 1, window=n) for n in range(3)]
    for n in range(100):
        link.c(300 + n, "A", 200 + n, 1, b"x")
    resets += [link.s(500 + n, "R", 1, window=3 + n) for n in range(9)]
    story = tell(wire).only
    assert [p.frame for p in story.resets] == resets[:8]
    assert [p.window for p in story.resets] == list(range(8))
    known = {p.frame: p for p in story.packets}
    assert all(known.get(p.frame, p) is p for p in story.resets)


@pytest.mark.parametrize("slab", ["facts", "heads", "pieces"])
def test_where_room_is_short_what_is_over_makes_some(slab: str) -> None:
    """As in a scan, or an outage: more failures than there is room for before one is old."""
    count, room = 2 * FEW_CLOSING, FEW_CLOSING + FEW_CLOSING // 4

    def prepare(tracker: Tracker) -> None:
        if slab == "facts":
            tracker.kept.facts.limit = room
        elif slab == "heads":
            tracker.turns.heads.limit = room
        else:
            tracker.lanes.slab.limit = room
        tracker.endings.together = 1

    wire = Wire()
    for n in range(count):
        link = Link(wire, End("10.0.0.1", 40000 + n, 0x1000, b"\2\0\0\0\0\1"))
        link.c(n / 10, "S", 0, 0)
        link.s(n / 10 + 0.01, "SA", 0, 1)
        link.c(n / 10 + 0.02, "PA", 1, 1, HELLO if slab == "pieces" else b"question")
        link.s(n / 10 + 0.03, "RA", 1, 9)
    told = tell(wire, prepare=prepare)
    assert [len(s.packets) for s in told.stories] == [4] * count
    assert [len(s.resets) for s in told.stories] == [1] * count
    assert (told.tracker.kept.left_out, told.tracker.turns.left_out) == (0, 0)
    assert told.tracker.lanes.left_out == 0


def test_everything_of_a_packet_is_kept() -> None:
    wire = Wire()
    link = Link(wire, cooked=4)
    link.c(0, "S", 0, 0, mss=1460, stamps=(5, 0), ttl=61, ip_id=0xBEEF, window=0xFFFF)
    link.s(
        1, "PA", 7, 9, b"x" * 1448, stamps=(0xFFFFFFFF, 0xFFFFFFFE), sack=[(0xFFFFFF00, 16)],
        mac=b"\xff\xfe\xfd\xfc\xfb\xfa",
    )  # fmt: skip
    told = tell(wire, link=SLL2)
    p = told.packet(1)
    assert (p.time, p.from_initiator, p.flags, p.is_syn) == (START, True, 2, True)
    assert (p.seq, p.ack, p.window, p.ttl, p.ip_id, p.df) == (0x1000, 0, 0xFFFF, 61, 0xBEEF, True)
    assert (p.tsval, p.tsecr, p.option_bytes, p.sack) == (5, 0, 16, None)
    assert (p.direction, p.length, p.tos, p.flow_label) == (4, 0, 0, 0)
    q = told.packet(2)
    assert (q.time, q.from_initiator, q.flags) == (START + MS, False, PSH | ACK)
    assert (q.seq, q.ack, q.length) == (0x9007, 0x1009, 1448)
    assert (q.tsval, q.tsecr) == (0xFFFFFFFF, 0xFFFFFFFE)
    assert (q.sack, q.mac) == ((0x0F00, 0x1010), 0xFFFEFDFCFBFA)
    assert q.end_seq == 0x9007 + 1448


def test_the_flow_label_of_ipv6_is_kept() -> None:
    wire = Wire()
    mac = b"\2\0\0\0\0\1"
    link = Link(wire, End("fd00::1", 40000, 0x1000, mac), End("fd00::2", 443, 0x9000, mac))
    link.c(0, "S", 0, 0, ip_id=0xFBEEF)
    p = tell(wire).packet(1)
    assert (p.flow_label, p.ip_id, p.df, p.window) == (0xFBEEF, 0, True, 500)


def test_a_packet_without_the_option_has_none() -> None:
    wire = Wire()
    Link(wire).c(0, "A", 1, 1)
    p = tell(wire).packet(1)
    assert (p.tsval, p.tsecr, p.sack, p.option_bytes, p.direction) == (None, None, None, 0, -1)


def bounded(wire: Wire, chunks: int) -> Told:
    def prepare(tracker: Tracker) -> None:
        tracker.kept.facts.limit = chunks

    return tell(wire, prepare=prepare)


def test_when_the_room_is_used_up_a_connection_goes_round_in_its_own() -> None:
    wire = Wire()
    acks(wire, 100)
    told = bounded(wire, 4)
    frames = [p.frame for p in told.only.packets]
    assert frames[:FIRST] == list(range(1, 17))
    assert frames[FIRST:] == list(range(101 - len(frames[FIRST:]), 101))
    assert 9 <= len(frames[FIRST:]) <= 16
    assert told.tracker.kept.left_out == 0


def test_without_any_room_packets_are_left_out_and_counted() -> None:
    wire = Wire()
    acks(wire, 10)
    acks(wire, 10, port=50000)
    told = bounded(wire, 1)
    first, second = told.stories
    assert (len(first.packets), first.packets_left_out) == (8, 2)
    assert (len(second.packets), second.packets_left_out) == (0, 10)
    assert (second.initiator.packets, second.state) == (10, "OTH")
    assert told.tracker.kept.left_out == 12


def test_room_is_given_back() -> None:
    """Many connections, one after the other, in the room of a few."""
    wire = Wire()
    for n in range(50):
        link = Link(wire, End("10.0.0.1", 40000 + n, 0x1000, b"\2\0\0\0\0\1"))
        link.handshake(n * 5000)
        link.c(n * 5000 + 20, "PA", 1, 1, b"question %d" % n)
        link.s(n * 5000 + 30, "PA", 1, 30, b"answer %d" % n)
        link.s(n * 5000 + 40, "RA", 30, 30)
    told = bounded(wire, 10)
    assert told.tracker.kept.left_out == 0
    assert [len(s.packets) for s in told.stories] == [6] * 50
    assert told.tracker.kept.facts.unused <= 10
    assert told.tracker.turns.heads.unused <= 10
    for n, story in enumerate(told.stories):
        assert story.hello_initiator == b"question %d" % n
        assert len(story.resets) == 1


def test_the_slabs_keep_what_they_hold_of_many_connections() -> None:
    wire = Wire()
    count = 1_000
    links = [
        Link(wire, End("10.0.0.1", 20000 + n, n, b"\2\0\0\0\0\1"), End("10.0.0.2", 80, n, bytes(6)))
        for n in range(count)
    ]
    for n, link in enumerate(links):
        link.c(n / 100, "PA", 1, 1, b"question %d" % n)
    for n, link in enumerate(links):
        link.s(20 + n / 100, "PA", 1, 50, b"answer %d" % n)
    told = tell(wire)
    assert (told.tracker.kept.left_out, told.tracker.turns.left_out) == (0, 0)
    for n, story in enumerate(told.stories):
        assert [p.seq for p in story.packets] == [n + 1, n + 1]
        assert story.turn.request_head == b"question %d" % n
        assert story.turn.response_head == b"answer %d" % n


def test_first_bytes_beyond_the_bound_are_left_out_and_counted() -> None:
    def prepare(tracker: Tracker) -> None:
        tracker.turns.heads.limit = 3

    wire = Wire()
    for n in range(3):
        link = Link(wire, End("10.0.0.1", 40000 + n, 0x1000, b"\2\0\0\0\0\1"))
        link.handshake(n * 100)
        link.c(n * 100 + 20, "PA", 1, 1, b"question")
        link.c(n * 100 + 21, "PA", 9, 1, b" and more")
        link.s(n * 100 + 30, "PA", 1, 18, b"answer")
    told = tell(wire, prepare=prepare)
    heads = [(s.turn.request_head, s.turn.response_head) for s in told.stories]
    assert heads == [(b"question and more", b"answer"), (b"question and more", b""), (b"", b"")]
    assert told.tracker.turns.left_out == 3
    assert [s.turn.request_bytes for s in told.stories] == [17] * 3


@pytest.mark.parametrize("which", ["facts", "heads"])
@pytest.mark.once
def test_a_slab_hands_out_as_many_as_its_limit_says(which: str) -> None:
    tracker = tell(Wire()).tracker
    slab = tracker.kept.facts if which == "facts" else tracker.turns.heads
    taken = [slab.take() for _ in range(slab.limit + 2)]
    assert taken == [*range(slab.limit), -1, -1]
    if which == "facts":
        tracker.kept.facts.give_chain(7, 7, 1)
    else:
        tracker.turns.heads.give(7)
    assert (slab.take(), slab.take()) == (7, -1)
