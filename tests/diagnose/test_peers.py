"""Protocols in which either end asks: who sent the last message did not always wait for one."""

from __future__ import annotations

import struct

import pytest

from tests.diagnose.playbook import HANDSHAKE, C, S, judged

BGP_OPEN, BGP_KEEP_ALIVE, BGP_UPDATE = (
    b"\xff" * 16 + struct.pack(">HB", size, kind) + bytes(size - 19)
    for size, kind in ((29, 1), (19, 4), (60, 2))
)


def openflow(kind: int, version: int = 4) -> bytes:
    return struct.pack(">BBHI", version, kind, 8, 77)


def pptp(kind: int) -> bytes:
    return struct.pack(">HHIHH", 16, 1, 0x1A2B3C4D, kind, 0) + bytes(4)


def diameter(code: int, flags: int) -> bytes:
    return struct.pack(">II", 1 << 24 | 20, flags << 24 | code) + bytes(12)


def smpp(command: int) -> bytes:
    return struct.pack(">IIII", 16, command, 0, 5)


OPENED = {
    "bgp": (BGP_OPEN, BGP_OPEN + BGP_KEEP_ALIVE, BGP_KEEP_ALIVE, BGP_KEEP_ALIVE),
    "openflow": (openflow(0), openflow(0) + openflow(5), openflow(6), openflow(2)),
    "openflow-1.0": (
        openflow(0, 1),
        openflow(0, 1) + openflow(5, 1),
        openflow(6, 1),
        openflow(2, 1),
    ),
    "pptp": (pptp(1), pptp(2), pptp(7), pptp(8)),
    "diameter": (diameter(257, 0x80), diameter(257, 0), diameter(280, 0x80), diameter(280, 0)),
    "smpp": (smpp(9), smpp(0x80000009), smpp(4), smpp(0x80000004)),
}
LAST = {
    "bgp": (BGP_UPDATE + BGP_KEEP_ALIVE, b""),
    "openflow": (openflow(3), openflow(2)),
    "openflow-1.0": (openflow(3, 1), openflow(16, 1)),
    "pptp": (pptp(6), pptp(5)),
    "diameter": (diameter(280, 0), diameter(280, 0x80)),
    "smpp": (smpp(0x80000015), smpp(0x15)),
}


@pytest.mark.parametrize("name", OPENED)
def test_an_answer_or_a_keep_alive_is_no_request(name: str) -> None:
    first, answer, more, again = OPENED[name]
    told, asked = LAST[name]
    begun = (
        *HANDSHAKE,
        C("PSH,ACK", first), S("PSH,ACK", answer, after=20), C("ACK"),
        C("PSH,ACK", more, after=50), S("PSH,ACK", again, after=9000),
    )  # fmt: skip
    last = C("PSH,ACK", told, after=3), S("ACK")
    assert judged(*begun, *last, turns=9).code == "ok"
    closed = S("FIN,ACK", after=30), C("FIN,ACK"), S("ACK")
    assert judged(*begun, *last, *closed, turns=9).code == "ok"
    if asked:
        unserved = C("PSH,ACK", asked, after=3), S("ACK")
        assert judged(*begun, *unserved, turns=9).code == "capture.partial"
