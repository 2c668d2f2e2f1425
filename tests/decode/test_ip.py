"""IPv4 and IPv6 headers: what scapy wrote is what is read, and lengths that lie do no harm."""

from __future__ import annotations

import struct

import pytest
from scapy.layers.inet import IPOption_Router_Alert
from scapy.layers.inet6 import (
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    RouterAlert,
)
from scapy.layers.ipsec import AH
from scapy.packet import Packet as Layers

from pcapdiag.decode import headers
from tests.decode.scapy_packets import (
    ETHERNET,
    RAW,
    decode,
    ends,
    ether,
    ip4,
    ip6,
    is_the_segment,
    number,
    tcp,
)

PAYLOAD = b"HTTP/1.1 200 OK\r\n\r\n"


def test_ipv4_fields() -> None:
    p = is_the_segment(ip4(flags="DF") / tcp() / PAYLOAD, RAW, PAYLOAD)
    assert (p.ip_id, p.df, p.protocol) == (4660, 1, 6)
    assert is_the_segment(ip4() / tcp() / PAYLOAD, RAW, PAYLOAD).df == 0


def test_ipv4_options_are_passed_over() -> None:
    is_the_segment(ip4(options=IPOption_Router_Alert()) / tcp() / PAYLOAD, RAW, PAYLOAD)


def test_ipv6_fields() -> None:
    p = is_the_segment(ip6() / tcp() / PAYLOAD, RAW, PAYLOAD, version=6)
    assert (p.flow_label, p.ip_id, p.df, p.protocol) == (0xABCDE, 0, 1, 6)


EXTENSIONS: dict[str, Layers] = {
    "hop-by-hop": IPv6ExtHdrHopByHop(options=[RouterAlert()]),
    "destination": IPv6ExtHdrDestOpt(),
    "routing": IPv6ExtHdrRouting(addresses=["2001:db8::77"], segleft=0),
    "all": IPv6ExtHdrHopByHop()
    / IPv6ExtHdrRouting(addresses=["2001:db8::77"], segleft=0)
    / IPv6ExtHdrFragment(id=5)
    / IPv6ExtHdrDestOpt(),
    "atomic-fragment": IPv6ExtHdrFragment(id=5),
    "atomic-fragment-reserved-bits": IPv6ExtHdrFragment(id=5, res2=3),
}


@pytest.mark.parametrize("extension", EXTENSIONS.values(), ids=EXTENSIONS)
def test_ipv6_extension_headers_are_passed_over(extension: Layers) -> None:
    is_the_segment(ip6() / extension / tcp() / PAYLOAD, RAW, PAYLOAD, version=6)


@pytest.mark.parametrize("size", [12, 24])
def test_an_authentication_header_is_passed_over(size: int) -> None:
    # RFC 4302 2.2: its length counts 4-byte words, less two, unlike all other extension headers.
    header = AH(nh=6, payloadlen=(12 + size) // 4 - 2, icv=bytes(size))
    plain = bytes(ip6() / tcp() / PAYLOAD)
    checksum = int.from_bytes(plain[56:58], "big")
    data = ip6(nh=51) / header / tcp(chksum=checksum) / PAYLOAD
    is_the_segment(data, RAW, PAYLOAD, version=6)


def test_a_segment_on_its_way_through_a_source_route_is_not_verified() -> None:
    # RFC 8200 8.1: the checksum is over the address that the routing header ends with.
    route = IPv6ExtHdrRouting(addresses=["2001:db8::77"], segleft=1)
    is_the_segment(ip6() / route / tcp() / PAYLOAD, RAW, PAYLOAD, version=6)
    kind, p = decode(ip6() / route / tcp(chksum=0x1234) / PAYLOAD, RAW)
    assert (kind, p.bad_checksum) == (headers.TCP, 0)
    arrived = IPv6ExtHdrRouting(addresses=["2001:db8::77"], segleft=0)
    assert decode(ip6() / arrived / tcp(chksum=0x1234) / PAYLOAD, RAW)[1].bad_checksum == 1


@pytest.mark.parametrize(("count", "kind"), [(15, headers.TCP), (16, headers.UNDECODED)])
def test_extension_headers_are_followed_to_a_limit(count: int, kind: int) -> None:
    data: Layers = ip6()
    for _ in range(count):
        data = data / IPv6ExtHdrDestOpt()
    assert decode(data / tcp() / PAYLOAD, RAW)[0] == kind


def test_an_ipv4_fragment_says_its_place() -> None:
    kind, p = decode(ip4(flags="MF", frag=185, proto=6) / bytes(24), RAW)
    assert kind == headers.FRAGMENT
    assert (p.fragment_offset, p.more_fragments, p.fragment_id, p.protocol) == (1480, 1, 4660, 6)
    assert (p.position - 3, p.end - 3) == (20, 44)
    kind, p = decode(ip4(frag=185, proto=6) / bytes(24), RAW)
    assert (kind, p.more_fragments) == (headers.FRAGMENT, 0)
    kind, p = decode(ip4(flags="MF", proto=6) / bytes(24), RAW)
    assert (kind, p.fragment_offset) == (headers.FRAGMENT, 0)


def test_an_ipv6_fragment_says_its_place() -> None:
    extension = IPv6ExtHdrFragment(nh=6, offset=181, m=1, id=0xDEADBEEF)
    kind, p = decode(ip6() / extension / bytes(24), RAW)
    assert kind == headers.FRAGMENT
    assert (p.fragment_offset, p.more_fragments) == (1448, 1)
    assert (p.fragment_id, p.protocol) == (0xDEADBEEF, 6)
    assert (p.position - 3, p.end - 3) == (48, 72)
    assert ends(p) == (number("2001:db8::3"), number("2001:db8:ffff:1:8000::9"))


def test_ethernet_padding_is_not_payload() -> None:
    frame = bytes(ether() / ip4() / tcp()) + b"padded"
    assert is_the_segment(frame, ETHERNET, b"").cut == 0


@pytest.mark.parametrize("version", [4, 6])
def test_a_super_segment_without_length_goes_to_the_packets_end(version: int) -> None:
    segment = bytes((ip4() if version == 4 else ip6()) / tcp() / (b"x" * 3000))
    at = 2 if version == 4 else 4
    segment = segment[:at] + b"\0\0" + segment[at + 2 :]
    p = is_the_segment(segment, RAW, b"x" * 3000, version=version)
    assert p.payload_length == 3000
    # Cut by snaplen, its length is still that on the wire, as the record says it.
    kind, p = decode(segment, RAW, captured=96)
    header = 40 if version == 4 else 60
    assert (kind, p.payload_length, p.payload_captured, p.cut) == (1, 3000, 96 - header, 1)


@pytest.mark.parametrize("total", [1, 19, 39])
def test_an_ipv4_length_shorter_than_the_headers_is_no_segment(total: int) -> None:
    segment = bytes(ip4() / tcp() / PAYLOAD)
    segment = segment[:2] + struct.pack(">H", total) + segment[4:]
    assert decode(segment, RAW)[0] == headers.UNDECODED


def test_an_ipv4_length_beyond_the_packet_is_a_cut_packet() -> None:
    segment = bytes(ip4() / tcp() / PAYLOAD)
    segment = segment[:2] + struct.pack(">H", 60_000) + segment[4:]
    kind, p = decode(segment, RAW)
    assert (kind, p.payload_length, p.payload_captured) == (1, 60_000 - 40, len(PAYLOAD))
    assert (p.cut, p.bad_checksum) == (1, 0)


@pytest.mark.parametrize("first", [0x44, 0x40, 0x55, 0x00])
def test_a_header_that_is_no_ip_header_is_undecoded(first: int) -> None:
    segment = bytes(ether() / ip4() / tcp() / PAYLOAD)
    assert decode(segment[:14] + bytes((first,)) + segment[15:])[0] == headers.UNDECODED


def test_a_version_that_the_ethertype_denies_is_undecoded() -> None:
    assert decode(ether(type=0x86DD) / ip4() / tcp())[0] == headers.UNDECODED
    assert decode(ether(type=0x0800) / ip6() / tcp())[0] == headers.UNDECODED


def test_a_reassembled_datagram_is_decoded_by_its_version() -> None:
    for data, version in ((ip4() / tcp() / PAYLOAD, 4), (ip6() / tcp() / PAYLOAD, 6)):
        raw = bytes(data)
        p = headers.Packet()
        p.load(b"\xff" + raw)
        assert p.decode_ip(1, len(raw)) == headers.TCP
        assert (p.version, p.payload_length, p.bad_checksum) == (version, len(PAYLOAD), 0)
        assert p.decode_ip(1, 0) == headers.UNDECODED
