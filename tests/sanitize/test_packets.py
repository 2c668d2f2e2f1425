"""Packets of every kind: scapy wrote them, and reads what became of them."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from pathlib import Path
from typing import SupportsBytes

import pytest
from scapy.contrib.geneve import GENEVE
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR, IPOption_Timestamp
from scapy.layers.inet6 import (
    HAO,
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6MLDMultAddrRec,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptRDNSS,
    ICMPv6NDOptRedirectedHdr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, GRE, Ether
from scapy.layers.ppp import PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from pcapdiag.sanitize.originals import text_of
from pcapdiag.sanitize.scan import leaks
from tests.decode.scapy_packets import CLIENT, ETHERNET, RAW, SERVER, ether, ip4, ip6, tcp
from tests.decode.test_link_layers import LINKS
from tests.decode.wrappings import WRAPPINGS
from tests.sanitize.going_through import KEY, Passing, Taken, file_of, one, sanitized, tshark

pytestmark = pytest.mark.once

PAYLOAD = b"GET / HTTP/1.1\r\n\r\n"
SEGMENT = ip4() / tcp() / PAYLOAD
SEGMENT6 = ip6() / tcp() / PAYLOAD
OTHER, OTHER6 = "198.51.100.9", "2001:db8:7::9"
CHECKED = [f"-o{protocol}.check_checksum:TRUE" for protocol in ("ip", "tcp", "udp")]

PACKETS: dict[str, tuple[int, SupportsBytes]] = {
    **{name: (link, data) for name, (link, data, _) in (LINKS | WRAPPINGS).items()},
    "arp": (ETHERNET, ether() / ARP(op=2, psrc=CLIENT, pdst=SERVER)),
    "record route": (RAW, IP(src=CLIENT, dst=SERVER, options=[IPOption_RR(routers=[OTHER, SERVER])]) / tcp()),
    "udp": (RAW, ip4() / UDP(sport=4000, dport=4001) / b"private"),
    "echo": (RAW, ip4() / ICMP(type=8, id=3) / b"private"),
    "redirect": (RAW, ip4() / ICMP(type=5, gw=OTHER) / SEGMENT),
    "unreachable": (RAW, ip4() / ICMP(type=3, code=1) / SEGMENT),
    "time exceeded, 8 bytes": (RAW, ip4() / ICMP(type=11) / bytes(SEGMENT)[:28]),
    "cut quote": (RAW, ip4() / ICMP(type=3, code=4) / bytes(SEGMENT)[:19]),
    "quote in a quote": (RAW, ip4() / ICMP(type=3) / ip4() / ICMP(type=11) / SEGMENT),
    "quoted tunnel": (RAW, ip4() / ICMP(type=3, code=4) / ip4() / GRE() / SEGMENT),
    "echo 6": (RAW, ip6() / ICMPv6EchoRequest(data=b"private")),
    "unreachable 6": (RAW, ip6() / ICMPv6DestUnreach() / SEGMENT6),
    "too big": (RAW, ip6() / ICMPv6PacketTooBig(mtu=1280) / SEGMENT6),
    "solicitation": (
        ETHERNET,
        ether() / ip6() / ICMPv6ND_NS(tgt=OTHER6) / ICMPv6NDOptSrcLLAddr(lladdr="02:11:22:33:44:55"),
    ),
    "advertisement": (
        ETHERNET,
        ether() / ip6() / ICMPv6ND_NA(tgt=OTHER6) / ICMPv6NDOptDstLLAddr(lladdr="02:11:22:33:44:55"),
    ),
    "redirect 6": (
        RAW,
        ip6() / ICMPv6ND_Redirect(tgt=OTHER6, dst="2001:db8:7::8") / ICMPv6NDOptRedirectedHdr(pkt=SEGMENT6),
    ),
    "router": (
        ETHERNET,
        ether()
        / ip6()
        / ICMPv6ND_RA()
        / ICMPv6NDOptPrefixInfo(prefix="2001:db8:77::", prefixlen=64)
        / ICMPv6NDOptRDNSS(dns=[OTHER6]),
    ),
    "listener": (
        RAW,
        ip6()
        / IPv6ExtHdrHopByHop()
        / ICMPv6MLReport2(records=[ICMPv6MLDMultAddrRec(dst="ff02::1:ff00:9", sources=[OTHER6])]),
    ),
    "igmp": (
        RAW,
        ip4(dst="224.0.0.22", proto=2)
        / (bytes.fromhex("2200 e3e4 0000 0001 0100 0001 ef000009") + ip_address(OTHER).packed),
    ),
    "routing header": (RAW, ip6() / IPv6ExtHdrRouting(addresses=[OTHER6, "2001:db8:7::8"]) / tcp()),
    "home address": (RAW, ip6() / IPv6ExtHdrDestOpt(options=[HAO(hoa=OTHER6)]) / tcp()),
    "multipath": (RAW, ip4() / tcp(options=[(30, b"\x30\x01" + ip_address(OTHER).packed)])),
    "multipath 6": (RAW, ip4() / tcp(options=[(30, b"\x30\x01" + ip_address(OTHER6).packed)])),
}  # fmt: skip


@pytest.mark.parametrize(("link", "packet"), PACKETS.values(), ids=PACKETS)
def test_nothing_original_is_left(link: int, packet: SupportsBytes) -> None:
    data = bytes(packet)
    result, renamer = one(data, link)
    assert len(result) == len(data)
    assert result != data
    for original in (*renamer.originals.addresses, *renamer.originals.macs):
        assert original in data
        assert original not in result, text_of(original)
    assert b"private" not in result
    before = Taken(data, len(data), 0, link)
    assert leaks({"c.pcapng": file_of([before])}, renamer.originals), "the scan would see it"
    assert not leaks({"c.pcapng": file_of([before._replace(data=result)])}, renamer.originals)


@pytest.mark.parametrize(("link", "packet"), PACKETS.values(), ids=PACKETS)
def test_every_address_there_is_was_found(link: int, packet: SupportsBytes) -> None:
    """Nothing was missed that the packet was made of."""
    data = bytes(packet)
    _, renamer = one(data, link)
    known = [
        CLIENT,
        SERVER,
        OTHER,
        OTHER6,
        "2001:db8::1",
        "2001:db8::2",
        "172.16.0.1",
        "172.16.0.2",
    ]
    for address in known:
        packed = ip_address(address).packed
        assert (packed in data) == (packed in renamer.originals.addresses), address


@pytest.mark.needs(program="tshark")
def test_tshark_sees_the_same_layers_and_no_new_warning(tmp_path: Path) -> None:
    # Whether it takes what a label carries for Ethernet depends on the MAC addresses.
    known = {name: found for name, found in PACKETS.items() if not name.startswith("pseudowire")}
    before = [Taken(bytes(p), len(bytes(p)), 0, link) for link, p in known.values()]
    after, _ = sanitized(before, Passing())
    fields = [f"-e{name}" for name in ("frame.protocols", "frame.len", "_ws.expert.severity")]
    seen = [
        tshark(file_of(packets), tmp_path / "c.pcapng", *CHECKED, "-Tfields", *fields).splitlines()
        for packets in (before, after)
    ]
    for name, old, new in zip(known, *seen, strict=True):
        (layers, size, told), (*same, now_told) = old.split("\t"), new.split("\t")
        assert [_known(layers), size] == [_known(same[0]), same[1]], name
        assert set(now_told.split(",")) <= {"", *told.split(",")}, name


def _known(layers: str) -> str:
    return layers.replace(":data-text-lines", "").replace(":data", "")


def test_what_the_analysis_needs_stays() -> None:
    packet = ether() / ip4(ttl=63, id=77, tos=8) / tcp(
        options=[("MSS", 1460), ("WScale", 7), ("SAckOK", b""), ("Timestamp", (5, 6))]
    ) / PAYLOAD  # fmt: skip
    result, _ = one(bytes(packet), ETHERNET)
    old, new = Ether(bytes(packet)), Ether(result)
    for field in ("ttl", "id", "tos", "len", "flags", "proto"):
        assert getattr(old[IP], field) == getattr(new[IP], field)
    for field in ("sport", "dport", "seq", "ack", "flags", "window", "options"):
        assert getattr(old[TCP], field) == getattr(new[TCP], field)
    assert bytes(new[TCP].payload) == PAYLOAD


@pytest.mark.parametrize("size", [54, 60, 66, 70, 74])
def test_a_cut_packet_keeps_what_it_has(size: int) -> None:
    options = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (5, 6)), ("NOP", None), ("WScale", 7)]
    whole = bytes(ether() / ip4() / tcp(flags="S", options=options))
    result, _ = one(whole[:size], ETHERNET, len(whole))
    assert result[34:50] == whole[34:50]
    assert result[54:size] == whole[54:size]


def checksums(data: bytes) -> tuple[bool, bool]:
    """Whether the checksums of IP and TCP are right, by scapy."""
    packet = IP(data)
    again = IP(bytes(packet))
    del again.chksum, again[TCP].chksum
    again = IP(bytes(again))
    return packet.chksum == again.chksum, packet[TCP].chksum == again[TCP].chksum


def test_right_checksums_are_right_again() -> None:
    assert checksums(one(bytes(SEGMENT), RAW)[0]) == (True, True)


@pytest.mark.parametrize("wrong", [1, 0x8000, 0xFFFE])
def test_a_wrong_checksum_stays_wrong(wrong: int) -> None:
    good = IP(bytes(SEGMENT))
    bad_tcp = ip4() / tcp(chksum=(good[TCP].chksum + wrong) % 0xFFFF) / PAYLOAD
    assert checksums(one(bytes(bad_tcp), RAW)[0]) == (True, False)
    bad_ip = ip4(chksum=(good.chksum + wrong) % 0xFFFF) / tcp() / PAYLOAD
    assert checksums(one(bytes(bad_ip), RAW)[0]) == (False, True)


def test_a_checksum_left_to_the_card_is_left_to_it() -> None:
    """Linux writes the sum of the pseudo-header there, which the card goes on from."""
    length = len(bytes(tcp())) + len(PAYLOAD)
    ends = ip_address(CLIENT).packed + ip_address(SERVER).packed
    partial = sum(struct.unpack(">4H", ends)) + 6 + length
    partial = (partial & 0xFFFF) + (partial >> 16)
    result, renamer = one(bytes(ip4() / tcp(chksum=partial) / PAYLOAD), RAW)
    images = b"".join(renamer.address(ip_address(end).packed) for end in (CLIENT, SERVER))
    expected = sum(struct.unpack(">4H", images)) + 6 + length
    assert IP(result)[TCP].chksum == (expected & 0xFFFF) + (expected >> 16)


def test_udp_without_a_checksum_stays_without() -> None:
    result, _ = one(bytes(ip4() / UDP(sport=4, dport=5, chksum=0) / b"data"), RAW)
    assert IP(result)[UDP].chksum == 0


def test_what_is_unknown_is_zero() -> None:
    frame = ether(type=0x88CC) / b"a switch's name"
    result, _ = one(bytes(frame), ETHERNET)
    assert result[14:] == bytes(15)
    assert one(bytes(frame), 147)[0] == bytes(len(bytes(frame))), "a link type nobody reads"
    padded = bytes(ether() / ip4() / tcp()) + b"left over memory"
    assert one(padded, ETHERNET)[0][-16:] == bytes(16)
    discovery = ether(type=0x8863) / PPPoE(code=9) / b"\1\1\0\7private"
    assert one(bytes(discovery), ETHERNET)[0][20:] == bytes(11)


def test_timestamps_with_addresses() -> None:
    option = IPOption_Timestamp(flg=1, internet_address=OTHER, timestamp=5)
    packet = bytes(IP(src=CLIENT, dst=SERVER, options=[option]) / tcp())
    result, renamer = one(packet, RAW)
    assert ip_address(OTHER).packed in renamer.originals.addresses
    assert ip_address(OTHER).packed not in result


def test_geneve_options_are_dropped() -> None:
    head = bytes.fromhex("0200655800000500") + b"\x01\x02\x03\x01secr"
    packet = bytes(ip4() / UDP(dport=6081, sport=9, chksum=0) / head / (ether() / SEGMENT))
    result, _ = one(packet, RAW)
    assert result[28:40] == packet[28:40]
    assert result[40:44] == bytes(4)
    assert b"GET / HTTP" in result


# Fragments.


def fragments(datagram: bytes, size: int = 64, number: int = 5) -> list[Taken]:
    header, data = datagram[:20], datagram[20:]
    found = []
    for at in range(0, len(data), size):
        part = data[at : at + size]
        more = at + size < len(data)
        packet = IP(header)
        packet.len, packet.id = 20 + len(part), number
        packet.flags, packet.frag = ("MF" if more else 0), at // 8
        del packet.chksum
        raw = bytes(packet)[:20] + part
        found.append(Taken(raw, len(raw), 0, RAW))
    return found


def joined(packets: list[Taken]) -> bytes:
    parts = [IP(packet.data) for packet in packets]
    whole = b"".join(packet.data[20:] for packet in packets)
    head = IP(packets[0].data)
    head.len, head.flags, head.frag = 20 + len(whole), 0, 0
    del head.chksum
    assert [part.frag for part in parts] == sorted(part.frag for part in parts)
    return bytes(head)[:20] + whole


def test_a_whole_datagram_in_fragments_is_understood() -> None:
    payloads = Passing()
    data = bytes(ip4() / tcp() / (b"x" * 200))
    result, _ = sanitized(fragments(data), payloads)
    assert checksums(joined(result)) == (True, True)
    assert joined(result)[40:] == data[40:]
    (segment,) = payloads.seen
    assert segment[0] == ip_address(CLIENT).packed
    assert segment[5] == b"x" * 200


def test_fragments_in_any_order_and_twice() -> None:
    data = bytes(ip4() / tcp() / bytes(range(200)))
    parts = fragments(data)
    result, _ = sanitized([*parts[::-1], *parts], Passing())
    half = len(parts)
    assert joined(result[:half][::-1]) == joined(result[half:])
    assert checksums(joined(result[half:])) == (True, True)


def test_behind_a_missing_fragment_nothing_is_handed_on() -> None:
    data = bytes(ip4() / UDP(sport=4, dport=53) / (b"private name" * 20))
    parts = fragments(data)
    result, _ = sanitized([parts[0], *parts[2:]], Passing())
    assert result[0].data[20:24] == parts[0].data[20:24], "the ports stay"
    assert all(not any(packet.data[20:]) for packet in result[1:])


def test_ipv6_fragments() -> None:
    whole = bytes(ip6() / tcp() / (b"y" * 100))
    body = whole[40:]
    packets = []
    for at, more in ((0, 1), (48, 1), (96, 0)):
        part = body[at : at + 48] if more else body[at:]
        header = IPv6ExtHdrFragment(nh=6, offset=at // 8, m=more, id=9)
        packets.append(bytes(ip6() / header / Raw(part)))
    result, _ = sanitized([Taken(one, len(one), 0, RAW) for one in packets], Passing())
    data = b"".join(packet.data[48:] for packet in result)
    again = IPv6(
        result[0].data[:4] + struct.pack(">HBB", len(data), 6, 64) + result[0].data[8:40] + data
    )
    right = again[TCP].chksum
    del again[TCP].chksum
    assert IPv6(bytes(again))[TCP].chksum == right
    assert bytes(again[TCP].payload) == b"y" * 100


def test_a_fragmented_tunnel_is_entered() -> None:
    inner = ether() / ip4(src=OTHER) / tcp() / (b"z" * 100)
    outer = bytes(ip4() / UDP(sport=7, dport=4789) / VXLAN(vni=5) / inner)
    result, renamer = sanitized(fragments(outer), Passing())
    packed = ip_address(OTHER).packed
    assert renamer.originals.addresses[packed] in joined(result)
    assert packed not in joined(result)


def test_the_same_key_gives_the_same_bytes() -> None:
    packets = [Taken(bytes(p), len(bytes(p)), 0, link) for link, p in PACKETS.values()]
    assert sanitized(packets, Passing())[0] == sanitized(packets, Passing())[0]
    assert sanitized(packets, Passing())[0] != sanitized(packets, Passing(), KEY[::-1])[0]


def test_payloads_get_original_addresses() -> None:
    payloads = Passing()
    data = bytes(GENEVE()) and bytes(
        ether() / ip4() / UDP(dport=6081) / GENEVE() / (ether() / SEGMENT)
    )
    sanitized([Taken(data, len(data), 0, ETHERNET)], payloads)
    (segment,) = payloads.seen
    assert segment[:4] == (ip_address(CLIENT).packed, 40000, ip_address(SERVER).packed, 443)
    assert segment[5] == PAYLOAD
    assert segment[7] == 1


def test_nothing_is_asked_for_a_quoted_segment() -> None:
    payloads = Passing()
    data = bytes(ip4() / ICMP(type=3, code=1) / SEGMENT)
    result, _ = one(data, RAW)
    sanitized([Taken(data, len(data), 0, RAW)], payloads)
    assert payloads.seen == []
    assert PAYLOAD not in result


def test_what_a_redirect_of_ipv6_quotes_stays_a_packet() -> None:
    link, packet = PACKETS["redirect 6"]
    result, renamer = one(bytes(packet), link)
    source = renamer.address(ip_address(bytes(packet)[8:24]).packed)
    assert result.count(source) == 2
