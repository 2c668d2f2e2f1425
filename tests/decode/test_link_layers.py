"""Every link layer, tag and tunnel leads to the same segment; scapy wrote the packets."""

from __future__ import annotations

import struct
from typing import SupportsBytes

import pytest
from scapy.contrib.geneve import GENEVE
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import UDP
from scapy.layers.l2 import GRE, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet as Layers

from pcapdiag.capture import linktypes
from pcapdiag.decode import headers
from tests.decode.scapy_packets import (
    CLIENT,
    ETHERNET,
    RAW,
    decode,
    ether,
    ip4,
    ip6,
    is_the_segment,
    number,
    tcp,
)

PAYLOAD = b"GET / HTTP/1.1\r\n\r\n"
SEGMENT4 = ip4() / tcp() / PAYLOAD
SEGMENT6 = ip6() / tcp() / PAYLOAD
OUTER = {"src": "172.16.0.1", "dst": "172.16.0.2", "ttl": 9, "tos": 0}


def nflog(payload: bytes, order: str = "<") -> bytes:
    """A packet of iptables -j NFLOG: a header, then attributes (LINKTYPE_NFLOG)."""
    prefix = struct.pack(order + "HH", 6, 10) + b"x\0" + bytes(2)
    size = struct.pack(order + "HH", len(payload) + 4, 9)
    return bytes((2, 0, 0, 30)) + prefix + size + payload + bytes(-len(payload) % 4)


def switch_tag(tag: bytes, inner: Layers) -> bytes:
    """An Ethernet frame at a switch's processor: a tag between the addresses and the type."""
    frame = bytes(ether() / inner)
    return frame[:12] + tag + frame[12:]


FOUR = bytes(SEGMENT4)
SIX = bytes(SEGMENT6)
LINKS: dict[str, tuple[int, SupportsBytes, int]] = {
    "ethernet": (ETHERNET, ether() / SEGMENT4, 4),
    "ethernet-ipv6": (ETHERNET, ether() / SEGMENT6, 6),
    "vlan": (ETHERNET, ether() / Dot1Q(vlan=77, prio=5) / SEGMENT4, 4),
    "qinq": (ETHERNET, ether() / Dot1AD(vlan=77) / Dot1Q(vlan=8) / SEGMENT6, 6),
    "qinq-old": (ETHERNET, ether(type=0x9100) / Dot1Q(vlan=77) / Dot1Q(vlan=8) / SEGMENT4, 4),
    "mpls": (ETHERNET, ether(type=0x8847) / MPLS(label=99, s=1, ttl=3) / SEGMENT4, 4),
    "mpls-two-labels": (
        ETHERNET,
        ether(type=0x8847) / MPLS(label=16, s=0, ttl=3) / MPLS(label=17, s=1, ttl=3) / SEGMENT6,
        6,
    ),
    "pppoe": (ETHERNET, ether() / PPPoE(sessionid=3) / PPP(proto=0x21) / SEGMENT4, 4),
    "pppoe-ipv6": (ETHERNET, ether() / PPPoE(sessionid=3) / PPP(proto=0x57) / SEGMENT6, 6),
    "pppoe-without-ethernet": (51, PPPoE(sessionid=3) / PPP(proto=0x21) / SEGMENT4, 4),
    "sll": (113, CookedLinux(pkttype=4, src=b"\2\0\0\0\0\1", lladdrlen=6) / SEGMENT4, 4),
    "sll-vlan": (113, CookedLinux(proto=0x8100) / Dot1Q(vlan=77) / SEGMENT4, 4),
    "sll2": (276, CookedLinuxV2(pkttype=0, src=b"\2\0\0\0\0\1", lladdrlen=6) / SEGMENT6, 6),
    **{f"raw-{link}": (link, SEGMENT4, 4) for link in (12, 14, 101, 228)},
    **{f"raw-{link}-ipv6": (link, SEGMENT6, 6) for link in (12, 14, 101, 229)},
    "null-little": (0, struct.pack("<I", 2) + FOUR, 4),
    "null-big": (0, struct.pack(">I", 2) + FOUR, 4),
    **{f"null-ipv6-{number}": (0, struct.pack("<I", number) + SIX, 6) for number in (24, 28, 30)},
    "loop": (108, struct.pack(">I", 2) + FOUR, 4),
    "ppp": (9, HDLC() / PPP(proto=0x21) / SEGMENT4, 4),
    "ppp-without-address": (9, PPP(proto=0x57) / SEGMENT6, 6),
    "ppp-short-protocol": (9, b"\x21" + FOUR, 4),
    "ppp-serial": (50, HDLC() / PPP(proto=0x21) / SEGMENT4, 4),
    "ppp-cisco": (9, b"\x0f\0\x08\0" + FOUR, 4),
    "ppp-serial-cisco-multicast": (50, b"\x8f\0\x86\xdd" + SIX, 6),
    "ppp-mpls": (9, PPP(proto=0x281) / MPLS(label=16, s=1) / SEGMENT4, 4),
    "nflog": (239, nflog(FOUR), 4),
    "nflog-ipv6": (239, nflog(SIX), 6),
    "enc": (109, struct.pack("<III", 2, 0xC0FFEE, 2) + FOUR, 4),
    "enc-ipv6": (109, struct.pack("<III", 24, 0xC0FFEE, 2) + SIX, 6),
    "switch-tag-broadcom": (281, switch_tag(b"\x24\0\0\x05", SEGMENT4), 4),
    "switch-tag-broadcom-before": (282, b"\x24\0\0\x05" + bytes(ether() / SEGMENT4), 4),
    "switch-tag-dsa": (284, switch_tag(b"\xc0\x10\0\x01", SEGMENT6), 6),
    "switch-tag-edsa": (285, switch_tag(b"\xda\xda\0\0\xc0\x10\0\x01", SEGMENT4), 4),
    "switch-tag-edsa-vlan": (
        285, switch_tag(b"\xda\xda\0\0\xc0\x10\0\x01", Dot1Q(vlan=77) / SEGMENT4), 4,
    ),
    "gre": (RAW, ip4(**OUTER) / GRE() / SEGMENT4, 4),
    "gre-key-checksum-sequence": (
        RAW,
        ip4(**OUTER)
        / GRE(key_present=1, key=7, chksum_present=1, seqnum_present=1, sequence_number=9)
        / SEGMENT6,
        6,
    ),
    "gretap": (RAW, ip4(**OUTER) / GRE(proto=0x6558) / ether() / SEGMENT4, 4),
    "gre-in-ipv6": (RAW, ip6(nh=47, hlim=3) / GRE() / SEGMENT4, 4),
    "ipip": (RAW, ip4(**OUTER) / SEGMENT4, 4),
    "6in4": (RAW, ip4(**OUTER) / SEGMENT6, 6),
    "4in6": (RAW, ip6(hlim=3) / SEGMENT4, 4),
    "vxlan": (RAW, ip4(**OUTER) / UDP() / VXLAN(vni=4242) / ether() / SEGMENT4, 4),
    "vxlan-linux-port": (
        RAW, ip4(**OUTER) / UDP(dport=8472) / VXLAN(vni=4242) / ether() / SEGMENT6, 6,
    ),
    "geneve": (RAW, ip4(**OUTER) / UDP() / GENEVE(vni=4242, proto=0x6558) / ether() / SEGMENT4, 4),
    "geneve-options": (
        RAW,
        ip4(**OUTER) / UDP(dport=6081) / GENEVE(vni=4242, options=bytes(range(16))) / SEGMENT4,
        4,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("link", "data", "version"), LINKS.values(), ids=LINKS)
def test_the_same_segment_in_every_wrapping(link: int, data: SupportsBytes, version: int) -> None:
    is_the_segment(data, link, PAYLOAD, version=version)


@pytest.mark.parametrize(("link", "data"), [(t, d) for t, d, _ in LINKS.values()], ids=LINKS)
def test_cut_anywhere_in_the_headers_gives_no_segment(link: int, data: SupportsBytes) -> None:
    whole = decode(data, link)[1]
    tcp_header = whole.payload - 3 - 20
    for size in range(tcp_header + 20):
        kind, _ = decode(data, link, captured=size)
        assert kind in {headers.UNDECODED, headers.OTHER}, size


def facts(name: str) -> headers.Packet:
    link, data, version = LINKS[name]
    return is_the_segment(data, link, PAYLOAD, version=version)


def test_the_outer_vlan_and_the_tunnels_number_are_kept() -> None:
    assert [facts(name).vlan for name in ("vlan", "qinq", "qinq-old", "sll-vlan")] == [77] * 4
    assert [facts(name).vni for name in ("vxlan", "vxlan-linux-port", "geneve")] == [4242] * 3
    assert facts("geneve-options").vni == 4242
    assert facts("gre-key-checksum-sequence").vni == 7
    assert (facts("ethernet").vlan, facts("ethernet").vni) == (0, 0)


def test_the_source_mac_is_the_innermost_one() -> None:
    assert facts("ethernet").mac == 0x020000000001
    for name in ("sll", "sll2", *(name for name in LINKS if name.startswith("switch-tag"))):
        assert facts(name).mac == 0x020000000001
    inner = ether(type=0x0800)
    inner.src = "02:00:00:00:00:99"
    data = ether() / ip4(**OUTER) / UDP() / VXLAN(vni=1) / inner / SEGMENT4
    assert is_the_segment(data, ETHERNET, PAYLOAD).mac == 0x020000000099
    assert facts("raw-101").mac == 0


@pytest.mark.parametrize("hardware", [1, 772])
def test_what_a_cooked_capture_took_from_the_loopback_was_sent_here(hardware: int) -> None:
    source = {"src": b"\2\0\0\0\0\1", "lladdrlen": 6, "lladdrtype": hardware}
    first = bytes(CookedLinux(pkttype=0, **source) / SEGMENT4)
    second = bytes(CookedLinuxV2(pkttype=0, **source) / SEGMENT4)
    expected = 4 if hardware == 772 else 0
    assert is_the_segment(first, 113, PAYLOAD).direction == expected
    assert is_the_segment(second, 276, PAYLOAD).direction == expected


def test_a_cooked_packet_says_its_direction_and_its_interface() -> None:
    assert facts("sll").direction == 4
    assert facts("sll2").direction == 0
    data = CookedLinuxV2(pkttype=1, ifindex=12, lladdrlen=0) / SEGMENT4
    p = is_the_segment(data, 276, PAYLOAD)
    assert (p.direction, p.ifindex, p.mac) == (1, 12, 0)
    assert facts("ethernet").direction == -1


@pytest.mark.parametrize("packet_type", [5, 7, 0xFFFF])
def test_a_packet_type_that_says_no_direction_is_none(packet_type: int) -> None:
    data = bytes(CookedLinux(pkttype=0) / SEGMENT4)
    p = is_the_segment(struct.pack(">H", packet_type) + data[2:], 113, PAYLOAD)
    assert p.direction == -1


@pytest.mark.parametrize(
    ("flags", "direction"),
    [
        (0, -1),
        (1, 0),
        (2, 4),
        (3, -1),
        (1 | 1 << 2, 0),
        (1 | 2 << 2, 2),
        (1 | 3 << 2, 1),
        (1 | 4 << 2, 3),
        (2 | 1 << 2, 4),
        (4 << 2, -1),
    ],
)
def test_the_flags_of_a_pcapng_packet_say_its_direction(flags: int, direction: int) -> None:
    """Of Ethernet and raw IP, as a cooked capture says it; draft-ietf-opsawg-pcapng 4.3.1."""
    data = ip4(ttl=64) / tcp() / PAYLOAD
    data6 = ip6(hlim=255) / tcp() / PAYLOAD
    for link, frame in ((ETHERNET, ether() / data), (RAW, data), (RAW, data6)):
        kind, p = decode(frame, link, way=flags)
        assert (kind, p.direction, p.unverifiable) == (headers.TCP, direction, 0)
        kind, p = decode(frame, link, way=flags, captured=len(bytes(frame)) - 2)
        assert (kind, p.direction, p.unverifiable) == (headers.TCP, direction, 1)


def test_what_is_sent_with_a_lowered_ttl_was_handed_on() -> None:
    """By a router, or a host's for its virtual machines: it is not the captured host's own."""
    lowered = ether() / ip4(ttl=61) / tcp() / PAYLOAD
    assert decode(lowered, way=2)[1].direction == -1
    assert decode(lowered, way=1)[1].direction == 0


def test_a_cooked_headers_own_direction_goes_before_the_flags() -> None:
    data = CookedLinux(pkttype=4) / ip4(ttl=64) / tcp() / PAYLOAD
    assert decode(data, 113, way=1)[1].direction == 4
    mirrored = ether() / ip4(**OUTER) / UDP() / VXLAN(vni=1) / ether() / ip4(ttl=64) / tcp()
    assert decode(mirrored, way=2)[1].direction == 4


def test_facts_of_one_packet_do_not_stick_to_the_next() -> None:
    packet = headers.Packet()
    link, data, _ = LINKS["qinq"]
    raw = bytes(data)
    packet.load(raw)
    packet.decode(0, len(raw), len(raw), link)
    packet.load(FOUR)
    packet.decode(0, len(FOUR), len(FOUR), RAW)
    assert (packet.vlan, packet.vni, packet.mac, packet.direction) == (0, 0, 0, -1)


def test_nflog_ends_where_its_attribute_ends() -> None:
    kind, p = decode(nflog(FOUR[:50]) + FOUR, 239)
    assert (kind, p.payload_length, p.payload_captured, p.cut) == (1, len(PAYLOAD), 10, 1)


def nested(depth: int) -> Layers:
    data = SEGMENT4
    for _ in range(depth):
        data = ip4(**OUTER) / data
    return data


def test_tunnels_are_followed_to_a_limit() -> None:
    # The segment's own IP and TCP headers are two of the layers.
    deepest = headers.MAX_LAYERS - 2
    is_the_segment(nested(deepest), RAW, PAYLOAD)
    assert decode(nested(deepest + 1), RAW)[0] == headers.UNDECODED


@pytest.mark.parametrize(
    ("data", "link", "kind"),
    [
        (ether(type=0x88CC) / (b"lldp" * 9), ETHERNET, headers.OTHER),
        (ether(type=60) / bytes(60), ETHERNET, headers.OTHER),
        (ip4(proto=50) / bytes(40), RAW, headers.OTHER),
        (ip4() / UDP(sport=5000, dport=5001) / bytes(40), RAW, headers.OTHER),
        (PPP(proto=0xC021) / bytes(20), 9, headers.OTHER),
        (PPPoE(code=9) / bytes(20), 51, headers.OTHER),
        (ip4() / GRE(version=1, proto=0x880B) / bytes(30), RAW, headers.OTHER),
        (bytes(60), RAW, headers.UNDECODED),
        (bytes(60), 147, headers.UNKNOWN_LINK),
    ],
    ids=["lldp", "802.3", "esp", "udp", "lcp", "padi", "pptp", "zeros", "user"],
)
def test_what_is_not_tcp_is_told_apart(data: SupportsBytes, link: int, kind: int) -> None:
    assert decode(data, link)[0] == kind


def test_the_link_types_that_are_read_are_those_that_are_decoded() -> None:
    known = {link for link in range(0x10000) if decode(bytes(60), link)[0] != headers.UNKNOWN_LINK}
    assert known == linktypes.READ


def test_arp_gives_who_asks() -> None:
    from scapy.layers.l2 import ARP

    data = ether() / ARP(hwsrc="02:00:00:00:00:55", psrc=CLIENT, pdst="10.1.2.1")
    kind, p = decode(data)
    assert (kind, p.mac, p.source_low) == (headers.ARP, 0x020000000055, number(CLIENT))
    assert p.target_low == number("10.1.2.1")


def test_dns_gives_its_message() -> None:
    from scapy.layers.dns import DNS, DNSQR

    answer = bytes(DNS(id=7, qr=1, qd=DNSQR(qname="shop.example")))
    kind, p = decode(ip4() / UDP(sport=53, dport=33333) / answer, RAW)
    assert (kind, p.payload_captured) == (headers.DNS, len(answer))
    assert p.payload == 3 + 28
    query = bytes(DNS(id=7, qr=0, qd=DNSQR(qname="shop.example")))
    kind, p = decode(ip4() / UDP(sport=33333, dport=53) / query, RAW)
    assert (kind, p.source_port, p.target_port) == (headers.DNS, 33333, 53)
    assert decode(ip4() / UDP(sport=33333, dport=5353) / query, RAW)[0] == headers.OTHER
