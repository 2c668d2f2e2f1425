"""The default segment in what is met seldom: mirrors, tunnels, tags, captures of macOS and Wi-Fi.

What scapy has no class for is built after the documents that decode/links.py and tunnels.py name.
"""

from __future__ import annotations

import struct
from typing import SupportsBytes

from scapy.contrib.erspan import ERSPAN_I, ERSPAN_II, ERSPAN_III, ERSPAN_PlatformSpecific
from scapy.contrib.etherip import EtherIP
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.macsec import MACsec
from scapy.contrib.mpls import MPLS
from scapy.contrib.nsh import NSH
from scapy.contrib.tzsp import TZSP, TZSPTagEnd, TZSPTagPadding, TZSPTagRXChannel
from scapy.layers.dot11 import Dot11, Dot11FCS, Dot11QoS, RadioTap
from scapy.layers.inet import UDP
from scapy.layers.l2 import GRE, LLC, SNAP, Dot1Q
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import HDLC, PPP
from scapy.packet import Packet as Layers

from tests.decode.scapy_packets import ETHERNET, RAW, ether, ip4, ip6, tcp

PAYLOAD = b"GET / HTTP/1.1\r\n\r\n"
SEGMENT4 = ip4() / tcp() / PAYLOAD
SEGMENT6 = ip6() / tcp() / PAYLOAD
FRAME = ether() / SEGMENT4
STATION, ACCESS_POINT, ROUTER = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
IN, OUT = 1, 2


def outer() -> Layers:
    return ip4(src="172.16.0.1", dst="172.16.0.2", ttl=9, tos=0)


def udp(port: int, source: int = 40001) -> Layers:
    return outer() / UDP(sport=source, dport=port)


def pktap(data: SupportsBytes, link: int = 1, name: bytes = b"en0", flags: int = IN) -> bytes:
    """Apple's header: struct pktap_header of bsd/net/pktap.h, as 64-bit systems write it."""
    head = struct.pack("<III24sIIII", 156, 1, link, name, flags, 2, 14, 0)
    process = struct.pack("<i17s3xI", 501, b"curl", 0)
    return (head + process).ljust(156, b"\0") + bytes(data)


def wifi(*, to_ap: bool = True, flags: int = 0, quality: bool = False) -> Layers:
    """A data frame of a station in an infrastructure network, or one to it."""
    control = flags | (1 if to_ap else 2)
    kind = {"type": 2, "subtype": 8 if quality else 0, "FCfield": control}
    if to_ap:
        frame = Dot11(addr1=ACCESS_POINT, addr2=STATION, addr3=ROUTER, **kind)
    else:
        frame = Dot11(addr1=ROUTER, addr2=ACCESS_POINT, addr3=STATION, **kind)
    return frame / Dot11QoS() if quality else frame


def snap(segment: Layers = SEGMENT4) -> Layers:
    return LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP() / segment


def padded_wifi() -> bytes:
    """A QoS frame whose header of 26 bytes is filled up to 28, as radiotap says."""
    head = bytes(RadioTap(present="Flags", Flags=0x20))
    return head + bytes(wifi(quality=True)) + bytes(2) + bytes(snap())


def ppi(data: SupportsBytes, link: int) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, link) + bytes(data)


def capwap(data: SupportsBytes, *, wifi: bool, flags: int = 0, kind: int = 0) -> Layers:
    head = bytes((kind, 2 << 3, (1 << 1) | wifi, flags)) + bytes(4)
    return udp(5247) / (head + bytes(data))


def swapped(frame: Layers) -> bytes:
    """An 802.11 frame as some access points send it: frame control the other way round."""
    data = bytes(frame)
    return data[1:2] + data[:1] + data[2:]


def vxlan_gpe(protocol: int) -> Layers:
    return udp(4790) / struct.pack(">BHBI", 0x0C, 0, protocol, 4242 << 8)


def juniper(data: SupportsBytes, flags: int, extensions: bytes = b"") -> bytes:
    more = struct.pack(">H", len(extensions)) + extensions if flags & 0x80 else b""
    return b"MGC" + bytes((flags,)) + more + bytes(data)


def pflog(data: SupportsBytes, *, family: int = 2, size: int = 61) -> bytes:
    """What a firewall of the BSDs logs of a packet that it blocks: struct pfloghdr."""
    rule = struct.pack(">16s16sII", b"em0", b"", 3, 0xFFFFFFFF)
    head = bytes((size, family, 1, 0)) + rule
    return head.ljust((size + 3) & ~3, b"\0") + bytes(data)


def token_ring(data: SupportsBytes, way: bytes = b"") -> bytes:
    addresses = bytes.fromhex("400000000002") + bytes((0x80 if way else 0,)) + b"\0\0\0\0\1"
    return b"\x10\x40" + addresses + way + bytes(data)


def fddi(data: SupportsBytes) -> bytes:
    return b"\x54" + bytes.fromhex("020000000002020000000001") + bytes(data)


def prism(data: SupportsBytes) -> bytes:
    return struct.pack("<II16s", 0x44, 144, b"wlan0").ljust(144, b"\0") + bytes(data)


def avs(data: SupportsBytes) -> bytes:
    return struct.pack(">II", 0x80211001, 64).ljust(64, b"\0") + bytes(data)


TAG_ISID = struct.pack(">I", 0x0000_1234)
BEHIND_TAG = bytes(FRAME)[12:]
WRAPPINGS: dict[str, tuple[int, SupportsBytes, int]] = {
    "pktap": (258, pktap(FRAME), 4),
    "pktap-old-number": (149, pktap(FRAME), 4),
    "pktap-loopback": (258, pktap(struct.pack("<I", 30) + bytes(SEGMENT6), 0, b"lo0", OUT), 6),
    "pktap-tunnel": (258, pktap(SEGMENT4, 12, b"utun3", OUT), 4),
    "pktap-vlan": (258, pktap(ether() / Dot1Q(vlan=77) / SEGMENT4), 4),
    "erspan-1": (RAW, outer() / GRE(proto=0x88BE) / ERSPAN_I() / FRAME, 4),
    "erspan-2": (
        RAW,
        outer() / GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II(vlan=77, session_id=5) / FRAME,
        4,
    ),
    "erspan-2-ipv6": (
        ETHERNET,
        ether() / Dot1Q(vlan=8) / outer() / GRE(proto=0x88BE, seqnum_present=1)
        / ERSPAN_II(vlan=77) / ether() / SEGMENT6,
        6,
    ),
    "erspan-3": (
        RAW,
        outer() / GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(vlan=77, ver=2) / FRAME,
        4,
    ),
    "erspan-3-platform": (
        RAW,
        outer() / GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(vlan=77, ver=2, o=1)
        / ERSPAN_PlatformSpecific() / FRAME,
        4,
    ),
    "tzsp": (RAW, udp(37008) / TZSP() / TZSPTagEnd() / FRAME, 4),
    "tzsp-tags": (
        RAW,
        udp(37008) / TZSP() / TZSPTagPadding() / TZSPTagRXChannel(rx_channel=6) / TZSPTagEnd()
        / FRAME,
        4,
    ),
    "tzsp-wifi": (
        RAW, udp(37008) / TZSP(encapsulated_protocol=18) / TZSPTagEnd() / wifi() / snap(), 4,
    ),
    "gtp": (RAW, udp(2152) / GTP_U_Header(teid=1) / SEGMENT4, 4),
    "gtp-ipv6": (RAW, udp(2152) / GTP_U_Header(teid=1, S=1, seq=7) / SEGMENT6, 6),
    "gtp-5g": (
        RAW,
        udp(2152) / GTP_U_Header(teid=1, E=1, next_ex=0x85) / GTPPDUSessionContainer(QFI=3)
        / SEGMENT4,
        4,
    ),
    "wifi": (105, wifi() / snap(), 4),
    "wifi-from-ap": (105, wifi(to_ap=False) / snap(SEGMENT6), 6),
    "wifi-quality": (105, wifi(quality=True) / snap(), 4),
    "wifi-order": (105, bytes(wifi(quality=True, flags=0x80)) + bytes(4) + bytes(snap()), 4),
    "wifi-bridge": (
        105,
        Dot11(type=2, FCfield=3, addr1=ROUTER, addr2=ACCESS_POINT, addr3=ROUTER, addr4=STATION)
        / snap(),
        4,
    ),
    "radiotap": (127, RadioTap() / wifi() / snap(), 4),
    "radiotap-clock-and-fcs": (
        127,
        RadioTap(present="TSFT+Flags+Rate", mac_timestamp=7, Flags=0x10, Rate=2)
        / Dot11FCS(type=2, FCfield=1, addr1=ACCESS_POINT, addr2=STATION, addr3=ROUTER) / snap(),
        4,
    ),
    "radiotap-padded": (127, padded_wifi(), 4),
    "radiotap-more-words": (
        127,
        struct.pack("<BBHIIB3x", 0, 0, 16, 0x80000002, 0, 0x20)
        + bytes(wifi(quality=True)) + bytes(2) + bytes(snap()),
        4,
    ),
    "ppi": (192, ppi(wifi() / snap(), 105), 4),
    "ppi-ethernet": (192, ppi(FRAME, 1), 4),
    "capwap": (RAW, capwap(FRAME, wifi=False), 4),
    "capwap-wifi": (RAW, capwap(wifi() / snap(), wifi=True), 4),
    "capwap-wifi-swapped": (RAW, capwap(swapped(wifi() / snap()), wifi=True), 4),
    "l2tp": (RAW, udp(1701) / L2TP(hdr=0x0002) / HDLC() / PPP(proto=0x21) / SEGMENT4, 4),
    "l2tp-all-fields": (
        RAW,
        udp(40001, 1701) / struct.pack(">HHHHHHH3x", 0x4A02, 17 + 2 + len(SEGMENT6), 1, 2, 0, 0, 3)
        / PPP(proto=0x57) / SEGMENT6,
        6,
    ),
    "nvgre": (
        RAW, outer() / GRE(proto=0x6558, key_present=1, key=4242 << 8) / ether() / SEGMENT4, 4,
    ),
    "vxlan-gpe": (RAW, vxlan_gpe(3) / FRAME, 4),
    "vxlan-gpe-ip": (RAW, vxlan_gpe(2) / SEGMENT6, 6),
    "vxlan-gpe-nsh": (RAW, vxlan_gpe(4) / NSH(nextproto=1) / SEGMENT4, 4),
    "nsh": (ETHERNET, ether(type=0x894F) / NSH(nextproto=3) / FRAME, 4),
    "etherip": (RAW, outer() / EtherIP() / FRAME, 4),
    "802.1ah": (ETHERNET, ether(type=0x88E7) / TAG_ISID / FRAME, 4),
    "macsec-not-encrypted": (
        ETHERNET,
        ether(type=0x88E5) / MACsec(SC=1, SCI=b"12345678") / (BEHIND_TAG + bytes(16)),
        4,
    ),
    "vn-tag": (ETHERNET, ether(type=0x8926) / (bytes(4) + BEHIND_TAG), 4),
    "hsr": (ETHERNET, ether(type=0x892F) / (bytes(4) + BEHIND_TAG), 4),
    "security-group-tag": (
        ETHERNET, ether(type=0x8909) / (struct.pack(">BBHH", 1, 1, 1, 9) + BEHIND_TAG), 4,
    ),
    "fabric-path": (ETHERNET, ether(type=0x8903) / (b"\x04\x20" + bytes(FRAME) + bytes(4)), 4),
    "802.3-snap": (ETHERNET, ether(type=8 + len(SEGMENT4)) / snap(), 4),
    "pseudowire": (ETHERNET, ether(type=0x8847) / MPLS(label=99, s=1) / FRAME, 4),
    "pseudowire-control-word": (
        ETHERNET, ether(type=0x8847) / MPLS(label=98, s=1) / (bytes(4) + bytes(FRAME)), 4,
    ),
    "cisco-hdlc": (104, struct.pack(">BBH", 0x0F, 0, 0x86DD) + bytes(SEGMENT6), 6),
    "juniper": (178, juniper(FRAME, IN), 4),
    "juniper-extensions": (178, juniper(FRAME, 0x80, b"\4\1\1\1\2\0\0\0"), 4),
    "juniper-without-layer-2": (178, juniper(b"\2\0\0\0" + bytes(SEGMENT4), 0x82, b"\4\1\1"), 4),
    "pflog": (117, pflog(SEGMENT4), 4),
    "pflog-ipv6": (117, pflog(SEGMENT6, family=24, size=100), 6),
    "pflog-old": (117, pflog(SEGMENT4, size=45), 4),
    "token-ring": (6, token_ring(snap()), 4),
    "token-ring-through-bridges": (6, token_ring(snap(), b"\x06\x30\0\x11\0\x20"), 4),
    "slip": (8, b"\1\x45".ljust(16, b"\0") + bytes(SEGMENT4), 4),
    "fddi": (10, fddi(snap(SEGMENT6)), 6),
    "atm": (100, snap(), 4),
    "atm-old-number": (11, snap(), 4),
    "frame-relay": (107, b"\x18\x41\x03\xcc" + bytes(SEGMENT4), 4),
    "frame-relay-ipv6": (107, b"\x18\x40\x02\x41\x03\x8e" + bytes(SEGMENT6), 6),
    "frame-relay-snap": (
        107, b"\x18\x40\x41\x03\0\x80\0\0\0\x86\xdd" + bytes(SEGMENT6), 6,
    ),
    "frame-relay-cisco": (107, b"\x18\x41\x08\0" + bytes(SEGMENT4), 4),
    "infiniband": (242, bytes(40) + b"\x86\xdd\0\0" + bytes(SEGMENT6), 6),
    "prism": (119, prism(wifi() / snap()), 4),
    "prism-avs": (119, avs(wifi() / snap()), 4),
    "avs": (163, avs(wifi(to_ap=False) / snap(SEGMENT6)), 6),
}  # fmt: skip
NOT_FOR_TSHARK = {
    "slip": "it has no reader for it; tcpdump has",
    "pktap-old-number": "the number is any user's",
    "capwap-wifi": "a preference says for all whether frame control is swapped",
}
