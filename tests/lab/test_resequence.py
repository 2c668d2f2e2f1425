"""Sequence numbers as a firewall rewrites them: the segment stays whole and its checksum right."""

from __future__ import annotations

import struct

import pytest

from failurelab.packets import (
    ACK,
    PSH,
    SYN,
    TCP,
    Packet,
    build_ip,
    build_tcp,
    parse,
    resequence,
    transport_checksum,
)

ENDS = ("10.0.0.1", 4000, "10.0.1.1", 80)
SACK = b"\x01\x01\x05\x12" + struct.pack("!IIII", 500, 600, 0xFFFFFFF0, 16)


def segment(flags: int, *, options: bytes = b"", payload: bytes = b"") -> Packet:
    made = build_tcp(*ENDS, seq=0xFFFFFFFE, ack=400, flags=flags, window=9, options=options,
                     payload=payload)  # fmt: skip
    frame = b"\0" * 12 + b"\x08\0" + build_ip(ENDS[0], ENDS[2], TCP, made, ttl=64, ip_id=7)
    packet = parse(frame)
    assert packet is not None
    return packet


@pytest.mark.parametrize(("flags", "ack"), [(PSH | ACK, 300), (SYN, 0)])
def test_numbers_move_and_the_rest_stays(flags: int, ack: int) -> None:
    before = segment(flags, payload=b"hello")
    data = resequence(before, 5, -100)
    after = parse(data)
    assert after is not None
    assert after.seq == 3
    assert after.ack == (ack or before.ack)
    assert (after.payload, after.window, after.ip_id) == (b"hello", 9, 7)
    assert transport_checksum(ENDS[0], ENDS[2], TCP, data[after.transport :]) == 0


def test_edges_of_sack_move_with_the_acknowledged_number() -> None:
    data = resequence(segment(ACK, options=SACK), 0, -20)
    edges = struct.unpack_from("!IIII", data, 14 + 20 + 20 + 4)
    assert edges == (480, 580, 0xFFFFFFDC, 0xFFFFFFFC)
