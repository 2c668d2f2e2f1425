"""One packet captured twice is one packet; one that was sent twice is not."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from pcapdiag.model import packet as marks
from tests.flow.wire import (
    MS,
    SLL2,
    End,
    Link,
    Told,
    Wire,
    checksum,
    ip_datagram,
    tell,
)

DATA = b"x" * 100
Change = Callable[[bytearray], object]


def ttl_less_one(frame: bytearray) -> None:
    """What a router does to the packet between its two captures."""
    frame[22] -= 1
    frame[24:26] = b"\0\0"
    frame[24:26] = struct.pack(">H", checksum(bytes(frame[14:34])))


def other_macs(frame: bytearray) -> None:
    frame[:12] = b"\2\0\0\0\0\x55\2\0\0\0\0\x66"


def tagged(frame: bytearray) -> None:
    frame[12:12] = struct.pack(">HH", 0x8100, 7)


def unchanged(_frame: bytearray) -> None:
    pass


def exchange(link: Link) -> None:
    """A connection whose every packet is seen a second time after 20 microseconds."""
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    link.s(30, "A", 1, 101)
    link.s(31, "PA", 1, 101, DATA)
    link.c(32, "A", 101, 101)
    link.c(40, "FA", 101, 101)
    link.s(50, "FA", 101, 102)
    link.c(51, "A", 102, 102)


def seen_twice(change: Change, *, apart: float = 0.02, interface: int = 0, link: int = 1) -> Told:
    wire = Wire()
    exchange(Link(wire, cooked=0 if link == SLL2 else -1))
    for row in list(wire.rows):
        at = (row.time - wire.rows[0].time) / MS + apart
        wire.repeat(row.frame, at, change, interface)
    return tell(wire, link=link)


def assert_once(told: Told) -> None:
    """The story is that of the connection alone."""
    story = told.only
    for half in (story.initiator, story.responder):
        assert (half.retransmissions, half.out_of_order, half.duplicate_acks) == (0, 0, 0)
        assert (half.keep_alives, half.acked_unseen, half.gaps) == (0, 0, 0)
    assert (story.initiator.packets, story.responder.packets) == (6, 4)
    assert (story.initiator.payload_bytes, story.responder.payload_bytes) == (100, 100)
    assert (story.turn.index, story.turn.request_bytes, story.turn.response_bytes) == (1, 100, 100)
    assert (story.state, len(story.packets)) == ("SF", 10)
    assert (story.initiator.duplicates, story.responder.duplicates) == (6, 4)
    assert told.tracker.copies.count == 10


@pytest.mark.parametrize("change", [ttl_less_one, other_macs, tagged, unchanged])
def test_a_second_capture_is_no_second_packet(change: Change) -> None:
    assert_once(seen_twice(change))


def test_on_another_interface() -> None:
    told = seen_twice(unchanged, interface=1)
    assert_once(told)
    assert told.only.interfaces == (0, 1)


def test_in_both_directions_of_any() -> None:
    """-i any on a router: in by one interface, out by the other."""

    def goes_out(frame: bytearray) -> None:
        frame[4:8] = struct.pack(">I", 9)
        frame[10] = 4

    told = seen_twice(goes_out, link=SLL2)
    assert_once(told)
    assert len(told.only.interfaces) == 2


def test_the_copy_of_a_slow_mirror_is_known_by_its_ip_id() -> None:
    assert_once(seen_twice(tagged, apart=9))


def test_vlans_of_both_captures_are_told() -> None:
    wire = Wire()
    link = Link(wire, vlan=7)
    frame = link.c(0, "S", 0)

    def retag(data: bytearray) -> None:
        data[14:16] = struct.pack(">H", 8)

    wire.repeat(frame, 0.02, retag)
    assert tell(wire).only.vlans == (7, 8)


def repeated(apart: float, *, ip_id: int, version: int = 4, change: Change = unchanged) -> Told:
    """Data whose very bytes come again."""
    wire = Wire()
    link = Link(wire)
    if version == 6:
        client = End("fd00::1", 40000, 0x1000, b"\2\0\0\0\0\1")
        link = Link(wire, client, End("fd00::2", 443, 0x9000, b"\2\0\0\0\0\2"))
    link.handshake()
    frame = link.c(20, "PA", 1, 1, DATA, ip_id=ip_id)
    wire.repeat(frame, 20 + apart, change)
    return tell(wire)


@pytest.mark.parametrize(
    ("apart", "ip_id", "version", "change", "duplicates"),
    [
        (99, 77, 4, unchanged, 1),  # the IP ID says that it is the same
        (101, 77, 4, unchanged, 0),  # but comes round after 65,536 packets
        (0.19, 0, 4, unchanged, 1),
        (0.25, 0, 4, unchanged, 0),  # nothing tells it from one that was sent again
        (0.25, 0, 6, unchanged, 0),
        (9, 0, 4, ttl_less_one, 1),  # the path does
        (11, 0, 4, ttl_less_one, 0),
    ],
)
def test_how_far_apart_two_captures_may_be(
    apart: float, ip_id: int, version: int, change: Change, duplicates: int
) -> None:
    told = repeated(apart, ip_id=ip_id, version=version, change=change)
    assert told.tracker.copies.count == duplicates
    assert told.only.initiator.retransmissions == 1 - duplicates


def test_another_ip_id_is_another_packet() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "PA", 1, 1, DATA, ip_id=77)
    link.c(20.05, "PA", 1, 1, DATA, ip_id=78)
    told = tell(wire)
    assert (told.tracker.copies.count, told.only.initiator.retransmissions) == (0, 1)


def test_equal_acknowledgments_without_an_ip_id_are_two() -> None:
    """Three duplicate ACKs within microseconds ask for a fast retransmission."""
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    for n in range(4):
        link.c(21 + n / 100, "A", 1, 101, ip_id=0)
    told = tell(wire)
    assert (told.tracker.copies.count, told.only.initiator.duplicate_acks) == (0, 3)


def resets(told: Told) -> list[int]:
    return [reset.ttl for reset in told.only.resets]


@pytest.mark.parametrize(("apart", "macs", "ttls"), [
    (7, unchanged, [64, 63]), (0.1, unchanged, [64]), (7, other_macs, [64])
])  # fmt: skip
def test_bare_resets_of_two_senders_differ_in_the_ttl_alone(
    apart: float, macs: Change, ttls: list[int]
) -> None:
    """A filter answers a request, and so does the host that the request reached all the same."""
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    frame = link.s(30, "R", 1, 0, ip_id=0)

    def lower(copy: bytearray) -> None:
        ttl_less_one(copy)
        macs(copy)

    wire.repeat(frame, 30 + apart, lower)
    assert resets(tell(wire)) == ttls


def test_different_sack_blocks_are_different_packets() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "A", 1, 1, DATA)
    link.c(21, "A", 1, 1, sack=[(201, 301)], ip_id=5)
    link.c(21.01, "A", 1, 1, sack=[(201, 401)], ip_id=5)
    assert tell(wire).tracker.copies.count == 0


# A copy that the network made: the receiver says so by a DSACK (RFC 2883).


def on_the_path(
    *, dsack: tuple[int, int], sent_again: bool = False, change: Change = unchanged
) -> Told:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    frame = link.s(20, "A", 1, 1, DATA)
    if sent_again:
        frame = link.s(20.5, "A", 1, 1, DATA)
    wire.repeat(frame, 20.6, change)
    link.c(20.7, "A", 1, 101, sack=[dsack])
    return tell(wire)


def test_a_copy_that_arrived_is_no_duplicate_of_the_capture() -> None:
    told = on_the_path(dsack=(1, 101))
    responder = told.only.responder
    assert (told.tracker.copies.count, responder.duplicates) == (0, 0)
    assert (responder.packets, responder.payload_bytes) == (3, 200)
    assert (responder.retransmissions, responder.out_of_order) == (1, 0)
    assert told.marks(6) & marks.DSACK


@pytest.mark.parametrize("dsack", [(1, 51), (51, 101)])
def test_a_dsack_of_other_bytes_says_nothing_of_the_copy(dsack: tuple[int, int]) -> None:
    assert on_the_path(dsack=dsack).tracker.copies.count == 1


def test_a_dsack_for_a_segment_that_was_sent_again_is_for_that() -> None:
    told = on_the_path(dsack=(1, 101), sent_again=True)
    assert (told.tracker.copies.count, told.only.responder.retransmissions) == (1, 1)


def test_a_copy_on_another_path_is_of_the_capture_whatever_the_receiver_says() -> None:
    assert on_the_path(dsack=(1, 101), change=ttl_less_one).tracker.copies.count == 1


def test_one_dsack_is_for_one_copy() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    frame = link.s(20, "A", 1, 1, DATA)
    wire.repeat(frame, 20.1)
    wire.repeat(frame, 20.2)
    link.c(20.7, "A", 1, 101, sack=[(1, 101)])
    link.c(20.8, "A", 1, 101, sack=[(1, 101)])
    assert tell(wire).tracker.copies.count == 1


def test_the_same_syn_in_two_files_tells_of_two_capture_points() -> None:
    wire = Wire()
    link = Link(wire)
    first = link.c(0, "S", 0)
    wire.repeat(first, 3, ttl_less_one, interface=1)
    link.s(10, "SA", 0, 1)
    told = tell(wire, files=(0, 1, 0, 0))
    assert told.tracker.copies.mixed > 0
    assert told.tracker.copies.mixed_frame == 2
    assert tell(wire, files=(0, 0, 0, 0)).tracker.copies.mixed == 0


def test_an_address_counts_how_many_of_its_packets_came_again() -> None:
    hosts = seen_twice(ttl_less_one).tracker.table.hosts.values()
    assert [host.duplicates == host.packets > 0 for host in hosts] == [True, True]


@pytest.mark.parametrize(("ids", "errors"), [((7, 7), 1), ((7, 8), 2)])
def test_an_error_about_a_segment_that_was_sent_again_is_no_copy(
    ids: tuple[int, int], errors: int
) -> None:
    wire = Wire()
    Link(wire).handshake()
    quote = wire.rows[-1].data[14:]
    for at, ip_id in zip((60, 64), ids, strict=True):
        body = struct.pack(">BBHI", 3, 13, 0, 0) + quote
        datagram = ip_datagram("192.0.2.1", "10.0.0.1", 63, ip_id, body, protocol=1)
        wire.add(at, b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack(">H", 0x0800) + datagram)
    told = tell(wire)
    assert len(told.only.icmp) == errors
    assert {(one.ttl, one.quoted_ttl) for one in told.only.icmp} == {(63, quote[8])}
    assert told.tracker.copies.count == 2 - errors
