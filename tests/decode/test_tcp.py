"""TCP headers: options as scapy wrote them, malformed ones, checksums, and what a cut leaves."""

from __future__ import annotations

import pytest

from pcapdiag.decode import headers
from pcapdiag.decode.headers import CHECKED_PAYLOAD, Packet
from tests.decode.scapy_packets import (
    RAW,
    decode,
    ether,
    ip4,
    ip6,
    is_the_segment,
    tcp,
)

SYN_OPTIONS = [
    ("MSS", 1460),
    ("SAckOK", b""),
    ("Timestamp", (3407848046, 0)),
    ("NOP", None),
    ("WScale", 10),
]


def with_options(options: bytes) -> Packet:
    """A segment with these raw options, padded to a multiple of four."""
    options += bytes(-len(options) % 4)
    segment = bytearray(bytes(ip4(len=40 + len(options)) / tcp()) + options)
    segment[32] = (20 + len(options)) // 4 << 4
    kind, p = decode(bytes(segment), RAW)
    assert (kind, p.option_bytes, p.payload_length) == (headers.TCP, len(options), 0)
    return p


def test_options_of_a_syn() -> None:
    kind, p = decode(ip4() / tcp(flags="S", ack=0, options=SYN_OPTIONS), RAW)
    assert (kind, p.flags, p.option_bytes) == (headers.TCP, 2, 20)
    assert (p.mss, p.window_scale, p.sack_permitted) == (1460, 10, 1)
    assert (p.has_timestamps, p.tsval, p.tsecr) == (1, 3407848046, 0)


def test_a_segment_without_options_has_none() -> None:
    p = is_the_segment(ip4() / tcp() / b"x", RAW, b"x")
    assert (p.mss, p.window_scale, p.sack_permitted, p.has_timestamps) == (-1, -1, 0, 0)
    assert (p.sack_blocks, p.option_bytes) == (0, 0)


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_first_sack_block_and_how_many_there_are(blocks: int) -> None:
    edges = tuple(edge for n in range(blocks) for edge in (0xFFFFFF00 - 100 * n, 16 + n))
    options = [("NOP", None), ("NOP", None), ("Timestamp", (7, 8))]
    _, p = decode(ip4() / tcp(options=[*options, ("SAck", edges)]), RAW)
    assert (p.sack_blocks, p.sack_left, p.sack_right) == (blocks, 0xFFFFFF00, 16)
    assert (p.tsval, p.tsecr) == (7, 8)


def test_the_usual_options_of_a_data_segment() -> None:
    options = [("NOP", None), ("NOP", None), ("Timestamp", (0xFFFFFFFF, 0x80000000))]
    p = is_the_segment(ip6() / tcp(options=options) / b"x", RAW, b"x", version=6)
    assert (p.has_timestamps, p.tsval, p.tsecr) == (1, 0xFFFFFFFF, 0x80000000)


def test_options_after_the_end_of_options_do_not_count() -> None:
    p = with_options(bytes((0, 1, 1, 1, 2, 4, 5, 180)))
    assert p.mss == -1


@pytest.mark.parametrize(
    "options",
    [
        bytes((2, 0, 5, 180)),  # of length 0: would never end
        bytes((2, 1, 5, 180)),
        bytes((2, 40, 5, 180)),  # longer than the header
        bytes((1, 1, 1, 2)),  # its length is cut off
        bytes((2, 3, 5, 1)),  # not the length of an MSS
        bytes((8, 2, 1, 1)),
        bytes((5, 2, 1, 1)),
        bytes((3, 4, 9, 9)),
    ],
    ids=["zero", "one", "long", "cut", "mss", "timestamps", "sack", "scale"],
)
def test_malformed_options_are_none(options: bytes) -> None:
    p = with_options(options)
    assert (p.mss, p.window_scale, p.has_timestamps, p.sack_blocks) == (-1, -1, 0, 0)


def test_unknown_options_are_passed_over() -> None:
    p = with_options(bytes((30, 4, 0, 0, 253, 3, 1, 2, 4, 5, 180)))
    assert p.mss == 1460


def test_a_window_scale_over_14_is_14() -> None:
    """RFC 7323 2.3."""
    assert with_options(bytes((3, 3, 200, 1))).window_scale == 14


DATA_SEQUENCE = [("NOP", None), ("NOP", None), ("Timestamp", (7, 8)), (30, b"\x20\x01" + bytes(16))]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (DATA_SEQUENCE, 1),
        ([(30, b"\x81")], 1),
        ([(30, b"\x70\0" + bytes(8))], 3),
        ([(30, b"\x10\1" + bytes(8))], 5),
        ([(30, b"\x20\x01" + bytes(2)), (30, b"\x70\0" + bytes(8))], 3),
        ([("NOP", None), ("NOP", None), ("Timestamp", (7, 8))], 0),
        ([("MSS", 1460), ("SAckOK", b"")], 0),
        ([("EOL", None), (30, b"\x81")], 0),
    ],
)
def test_whether_there_is_an_option_of_multipath_tcp(
    options: list[tuple[object, object]], found: int
) -> None:
    """RFC 8684 section 3; with another bit where it is MP_FASTCLOSE, and one for MP_JOIN."""
    frame = bytes(ether() / ip4() / tcp(options=options) / b"x")
    assert decode(frame)[1].multipath == found


def test_a_snap_length_of_68_bytes_shows_that_option_too() -> None:
    frame = bytes(ether() / ip4() / tcp(options=DATA_SEQUENCE) / bytes(900))
    kind, p = decode(frame, captured=68)
    assert (kind, p.multipath, p.tsval) == (headers.TCP, 1, 7)


@pytest.mark.parametrize("offset", [0, 1, 4])
def test_a_header_length_under_20_is_no_segment(offset: int) -> None:
    assert decode(ip4() / tcp(dataofs=offset) / bytes(40), RAW)[0] == headers.UNDECODED


def test_a_header_longer_than_the_datagram_is_no_segment() -> None:
    assert decode(ip4() / tcp(dataofs=15) / bytes(10), RAW)[0] == headers.UNDECODED


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [0, 1, 2, 63, 64])
def test_a_wrong_checksum_is_told_from_a_right_one(version: int, size: int) -> None:
    ip = ip4() if version == 4 else ip6()
    payload = bytes(range(size))
    good = bytes(ip / tcp() / payload)
    is_the_segment(good, RAW, payload, version=version)
    for at in (len(good) - 1, len(good) - 4 - size):
        bad = bytearray(good)
        bad[at] ^= 0x40
        assert decode(bytes(bad), RAW)[1].bad_checksum == 1, at


def test_the_checksum_that_a_card_would_have_finished_is_bad() -> None:
    """The sum over the pseudo header alone: how a sender's own capture shows offload."""
    assert decode(ip4() / tcp(chksum=0x1234) / b"x", RAW)[1].bad_checksum == 1


def test_long_segments_are_not_verified() -> None:
    payload = bytes(CHECKED_PAYLOAD + 1)
    kind, p = decode(ip4() / tcp(chksum=0x1234) / payload, RAW)
    assert (kind, p.bad_checksum) == (headers.TCP, 0)


@pytest.mark.parametrize("payload", [b"", b"PING\r\n", bytes(CHECKED_PAYLOAD)])
def test_a_segment_cut_anywhere_is_not_verified(payload: bytes) -> None:
    """With 12 bytes of options a snaplen of 64 cuts into the TCP header of an Ethernet frame."""
    options = [("NOP", None), ("NOP", None), ("Timestamp", (7, 8))]
    frame = bytes(ether() / ip4() / tcp(chksum=0x1234, options=options) / payload)
    assert decode(frame)[1].bad_checksum == 1
    for size in range(14 + 20 + 20, len(frame)):
        kind, p = decode(frame, captured=size)
        assert (kind, p.bad_checksum, p.cut) == (headers.TCP, 0, 1), size
        assert p.payload_length == len(payload)
        assert p.payload_captured == max(size - 66, 0)


def test_a_frame_cut_in_its_padding_is_not_verified_and_its_segment_is_whole() -> None:
    frame = bytes(ether() / ip4() / tcp(chksum=0x1234)) + bytes(6)
    kind, p = decode(frame, captured=57)
    assert (kind, p.bad_checksum, p.cut) == (headers.TCP, 0, 0)
    assert decode(frame)[1].bad_checksum == 1


def test_options_behind_the_cut_are_not_read() -> None:
    options = [("NOP", None), ("NOP", None), ("Timestamp", (0xFFFFFFFF, 8))]
    frame = bytes(ether() / ip4() / tcp(options=options))
    kind, p = decode(frame, captured=64)
    assert (kind, p.has_timestamps, p.option_bytes) == (headers.TCP, 0, 12)


def test_the_first_capture_of_a_pair_does_not_lend_its_options() -> None:
    packet = Packet()
    first = bytes(ip4() / tcp(flags="S", options=SYN_OPTIONS))
    second = bytes(ip4() / tcp(flags="A"))
    packet.load(first + second)
    packet.decode(0, len(first), len(first), RAW)
    packet.decode(len(first), len(second), len(second), RAW)
    assert (packet.mss, packet.has_timestamps, packet.sack_permitted) == (-1, 0, 0)


def test_a_record_that_claims_a_shorter_original_is_taken_as_captured() -> None:
    segment = bytes(ip4() / tcp() / b"data")
    packet = Packet()
    packet.load(segment)
    assert packet.decode(0, len(segment), 10, RAW) == headers.TCP
    assert (packet.payload_length, packet.payload_captured, packet.cut) == (4, 4, 0)


@pytest.mark.parametrize(
    ("blocks", "within"),
    [
        ((20, 30, 10, 30), 1),
        ((20, 30, 20, 40), 1),
        ((0xFFFFFFF0, 4, 0xFFFFFF00, 8), 1),
        ((20, 31, 10, 30), 0),
        ((9, 30, 10, 30), 0),
        ((40, 50, 10, 30), 0),
        ((20, 30), 0),
    ],
)
def test_a_dsack_above_the_acknowledgment_lies_in_the_second_block(
    blocks: tuple[int, ...], within: int
) -> None:
    """RFC 2883 section 4."""
    _, p = decode(ip4() / tcp(options=[("SAck", blocks)]), RAW)
    assert p.sack_within == within
    assert (p.sack_left, p.sack_right) == blocks[:2]
