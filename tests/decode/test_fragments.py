"""Datagrams put together again from scapy's fragments, in any order and from hostile ones."""

from __future__ import annotations

import random

import pytest
from scapy.layers.inet import fragment
from scapy.layers.inet6 import IPv6ExtHdrFragment, fragment6
from scapy.packet import Packet as Layers

from pcapdiag.decode import fragments, headers
from pcapdiag.decode.fragments import MAX_DATAGRAMS, MAX_FRAGMENTS, WAIT, Fragments
from pcapdiag.decode.headers import Packet
from tests.decode.scapy_packets import RAW, ends, ip4, ip6, number, tcp

PAYLOAD = random.Random(7).randbytes(2900)
SECOND = 1_000_000_000


def parts4(size: int = 1480, **fields: object) -> list[Layers]:
    return list(fragment(ip4(**fields) / tcp() / PAYLOAD, fragsize=size))


def parts6() -> list[Layers]:
    return list(fragment6(ip6() / IPv6ExtHdrFragment(id=77) / tcp() / PAYLOAD, 1280))


def feed(
    waiting: Fragments, pieces: list[Layers], *, time: int = 0, captured: int | None = None
) -> list[bytes]:
    """Add the pieces one after the other; return the datagrams that became whole."""
    whole = []
    for piece in pieces:
        raw = bytes(piece)
        packet = Packet()
        packet.load(raw)
        size = len(raw) if captured is None else captured
        assert packet.decode(0, size, len(raw), RAW) == headers.FRAGMENT
        done = waiting.add(packet, raw[packet.position : packet.end], time)
        if done is not None:
            whole.append(done)
    return whole


def assert_whole(datagram: bytes, version: int) -> None:
    """The segment is there as it was sent, checksum and all, behind a header without fragments."""
    packet = Packet()
    packet.load(datagram)
    assert packet.decode_ip(0, len(datagram)) == headers.TCP
    assert (packet.version, packet.source_port, packet.seq) == (version, 40000, 0xFFFFFFF0)
    assert (packet.ttl, packet.tos) == (61, 8)
    assert datagram[packet.payload :] == PAYLOAD
    assert packet.payload_length == packet.payload_captured == len(PAYLOAD)
    if version == 4:
        assert (packet.ip_id, ends(packet)[0]) == (4660, number("10.1.2.3"))
    else:
        assert (packet.flow_label, ends(packet)[0]) == (0xABCDE, number("2001:db8::3"))


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_any_order(version: int, order: tuple[int, ...]) -> None:
    pieces = parts4(1000) if version == 4 else parts6()
    waiting = Fragments()
    (datagram,) = feed(waiting, [pieces[at] for at in order])
    assert_whole(datagram, version)
    assert not waiting.waiting


def test_a_repeated_fragment_changes_nothing() -> None:
    pieces = parts4()
    (datagram,) = feed(Fragments(), [pieces[0], pieces[0], pieces[1]])
    assert_whole(datagram, 4)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_with_one_missing_nothing_comes_out(missing: int) -> None:
    pieces = parts6()
    assert len(pieces) == 3
    del pieces[missing]
    waiting = Fragments()
    assert feed(waiting, pieces) == []
    assert len(waiting.waiting) == 1


def raw_part(offset: int, payload: bytes, *, more: bool) -> Layers:
    return ip4(flags="MF" if more else 0, frag=offset // 8, proto=6) / payload


def test_where_fragments_overlap_the_first_bytes_seen_count() -> None:
    first = raw_part(8, b"B" * 16, more=True)
    second = raw_part(0, b"A" * 16, more=True)
    third = raw_part(16, b"C" * 16, more=False)
    (datagram,) = feed(Fragments(), [first, second, third])
    assert datagram[20:] == b"A" * 8 + b"B" * 16 + b"C" * 8
    (datagram,) = feed(Fragments(), [third, second, first])
    assert datagram[20:] == b"A" * 16 + b"C" * 16


def test_bytes_behind_the_last_fragment_are_left_out() -> None:
    first, long = raw_part(0, b"A" * 8, more=True), raw_part(8, b"B" * 24, more=True)
    last = raw_part(16, b"C" * 8, more=False)
    (datagram,) = feed(Fragments(), [long, last, first])
    assert datagram[20:] == b"A" * 8 + b"B" * 16
    assert int.from_bytes(datagram[2:4], "big") == len(datagram)


def test_other_addresses_ids_and_protocols_are_other_datagrams() -> None:
    (_, last) = parts4()[:2]
    for first in (parts4(id=9)[0], parts4(src="10.1.2.4")[0], parts4(proto=17)[0]):
        assert feed(Fragments(), [first, last]) == []


def test_a_fragment_too_late_begins_a_new_datagram() -> None:
    first, last = parts4()
    waiting = Fragments()
    feed(waiting, [first])
    assert feed(waiting, [last], time=WAIT + 1) == []
    waiting = Fragments()
    feed(waiting, [first])
    assert len(feed(waiting, [last], time=WAIT)) == 1


def test_the_oldest_gives_way_when_there_are_too_many() -> None:
    waiting = Fragments()
    for one in range(MAX_DATAGRAMS + 1):
        feed(waiting, parts4(id=one)[:1])
    assert (len(waiting.waiting), waiting.given_up) == (MAX_DATAGRAMS, 1)
    assert feed(waiting, parts4(id=0)[1:]) == []
    assert len(feed(waiting, parts4(id=MAX_DATAGRAMS)[1:])) == 1


def test_too_many_fragments_of_one_datagram_are_given_up() -> None:
    waiting = Fragments()
    pieces = [raw_part(8 * n, b"x" * 8, more=True) for n in range(MAX_FRAGMENTS + 1)]
    assert feed(waiting, pieces) == []
    assert (waiting.given_up, len(waiting.waiting)) == (1, 0)


def test_a_datagram_longer_than_ip_allows_is_given_up() -> None:
    """The "ping of death": an offset near the end, with more bytes than are left."""
    waiting = Fragments()
    assert feed(waiting, [raw_part(65_528, b"x" * 8, more=False)]) == []
    assert (waiting.given_up, len(waiting.waiting)) == (1, 0)


@pytest.mark.parametrize("cut", [0, 1])
def test_a_datagram_of_which_the_capture_cut_a_fragment_never_comes(cut: int) -> None:
    pieces = parts4()
    waiting = Fragments()
    whole = feed(waiting, [pieces[cut]], captured=96)
    whole += feed(waiting, [pieces[1 - cut]])
    assert whole == []
    assert waiting.given_up == 1


def test_fragments_without_the_first_have_no_header() -> None:
    waiting = Fragments()
    assert feed(waiting, [raw_part(8, b"x" * 8, more=False)]) == []
    (datagram,) = feed(waiting, [raw_part(0, b"y" * 8, more=True)])
    assert datagram[20:] == b"y" * 8 + b"x" * 8


def test_memory_is_bounded() -> None:
    """The three limits together: 256 datagrams of 64 KiB are 16 MiB at most."""
    assert MAX_DATAGRAMS * (fragments.MAX_DATAGRAM + 20) < 17 * 1024 * 1024


def lost(waiting: Fragments, now: int) -> tuple[int, int]:
    waiting.finish(now)
    (way,) = waiting.ways.values()
    return way.whole, way.lost


def test_datagrams_that_never_came_whole_are_counted() -> None:
    waiting = Fragments()
    for number_ in range(3):
        feed(waiting, parts4(id=number_ + 1)[:1], time=number_)
    feed(waiting, parts4(id=9), time=5)
    assert lost(waiting, 2 * SECOND) == (1, 3)


@pytest.mark.parametrize("offset", [0, 1])
def test_what_came_without_its_first_fragment_was_not_lost_for_its_ports(offset: int) -> None:
    waiting = Fragments()
    for number_ in range(3):
        feed(waiting, parts4(id=number_ + 1)[offset : offset + 1], time=number_)
    feed(waiting, parts4(id=9)[:1], time=5)
    assert lost(waiting, 2 * SECOND) == (0, 1 if offset else 4)
    assert waiting.behind == (3 if offset else 0)


def test_what_may_still_follow_is_not_lost() -> None:
    waiting = Fragments()
    feed(waiting, parts4()[:1], time=SECOND)
    waiting.finish(SECOND + SECOND // 2)
    assert not waiting.ways


def test_a_copy_of_a_fragment_is_no_lost_datagram() -> None:
    waiting = Fragments()
    pieces = parts4()
    feed(waiting, [*pieces, pieces[-1]])
    assert lost(waiting, 9 * SECOND) == (1, 0)


def test_an_id_that_comes_again_much_later_ends_the_old_datagram() -> None:
    waiting = Fragments()
    feed(waiting, parts4()[:1])
    feed(waiting, parts4(), time=WAIT + SECOND)
    assert lost(waiting, 2 * WAIT) == (1, 1)
