"""The lab finds the connection inside each encapsulation that it makes."""

from __future__ import annotations

import pytest

from failurelab.capfile import read_packets
from failurelab.peel import inner_ip
from failurelab.truth import FIXTURES, Truth

KINDS = (
    *("vlan", "qinq", "mpls", "pppoe", "gre", "gretap", "ipip", "6in4", "geneve", "vxlan"),
    *("erspan", "gtp", "l2tp"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_tcp_packet_belongs_to_the_connection_inside(kind: str) -> None:
    folder = FIXTURES / f"capture-{kind}"
    (connection,) = Truth.read(folder).connections
    ends = {connection.initiator, connection.responder}
    found = 0
    for _, packet in read_packets(folder / "client.pcap"):
        if packet.sport:
            pair = {_end(packet.src, packet.sport), _end(packet.dst, packet.dport)}
            assert pair == ends
            found += 1
    assert found > 8


def _end(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@pytest.mark.parametrize("link", [0, 1, 9, 113, 239, 276])
def test_short_frames_have_no_ip_header(link: int) -> None:
    for size in range(14):
        assert inner_ip(bytes(size), link) in (None, 2, 4)
