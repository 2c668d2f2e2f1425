"""What is met seldom leads to the same segment, as Wireshark says, too; what is not read is told."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import SupportsBytes

import pytest
from scapy.contrib.macsec import MACsec
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import RadioTap
from scapy.layers.inet import UDP
from scapy.layers.l2 import GRE, CookedLinux, CookedLinuxV2

from pcapdiag.capture.writing.blocks import enhanced_packet, interface_description, section_header
from pcapdiag.decode import headers, results
from tests.decode.scapy_packets import ETHERNET, RAW, decode, ether, ip4, is_the_segment
from tests.decode.wrappings import (
    FRAME,
    IN,
    NOT_FOR_TSHARK,
    OUT,
    PAYLOAD,
    SEGMENT4,
    WRAPPINGS,
    capwap,
    outer,
    pktap,
    ppi,
    prism,
    snap,
    udp,
    wifi,
)

PSEUDOWIRES = ("-d", "mpls.label==99,pwethnocw", "-d", "mpls.label==98,pwethcw")
"""A label has no type: tshark is told what it carries."""


@pytest.mark.parametrize(("link", "data", "version"), WRAPPINGS.values(), ids=WRAPPINGS)
def test_the_same_segment_in_every_wrapping(link: int, data: SupportsBytes, version: int) -> None:
    is_the_segment(data, link, PAYLOAD, version=version)


@pytest.mark.parametrize(
    ("link", "data"), [(t, d) for t, d, _ in WRAPPINGS.values()], ids=WRAPPINGS
)
def test_cut_anywhere_in_the_headers_gives_no_segment(link: int, data: SupportsBytes) -> None:
    whole = decode(data, link)[1]
    tcp_header = whole.payload - 3 - 20
    for size in range(tcp_header + 20):
        kind, _ = decode(data, link, captured=size)
        assert kind in {headers.UNDECODED, headers.OTHER}, size


@pytest.mark.needs(program="tshark")
def test_wireshark_finds_the_same_segment(tmp_path: Path) -> None:
    path = tmp_path / "all.pcapng"
    wrapped = {name: w for name, w in WRAPPINGS.items() if name not in NOT_FOR_TSHARK}
    types = sorted({link for link, _, _ in wrapped.values()})
    blocks = [section_header("<"), *(interface_description("<", one, 0) for one in types)]
    for link, data, _ in wrapped.values():
        raw = bytes(data)
        blocks.append(enhanced_packet("<", types.index(link), 0, len(raw), raw))
    path.write_bytes(b"".join(blocks))
    found = dict(zip(wrapped, by_tshark(path), strict=True))
    expected = f"40000\t443\t{0xFFFFFFF0}\t{len(PAYLOAD)}"
    assert {name: line for name, line in found.items() if line != expected} == {}


def by_tshark(path: Path) -> list[str]:
    fields = ("tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len")
    options = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *PSEUDOWIRES, "-T", "fields", *options],
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout.splitlines()


def facts(name: str) -> headers.Packet:
    link, data, version = WRAPPINGS[name]
    return is_the_segment(data, link, PAYLOAD, version=version)


def test_a_mac_capture_says_direction_and_interface() -> None:
    p = facts("pktap")
    assert (p.direction, p.mac) == (0, 0x020000000001)
    assert facts("pktap-tunnel").direction == 4
    names = ("pktap", "pktap-loopback", "pktap-tunnel")
    numbers = {facts(name).ifindex for name in names}
    assert len(numbers) == len(names)
    assert facts("pktap-vlan").ifindex == p.ifindex


@pytest.mark.parametrize("flags", [0, IN | OUT])
def test_a_mac_capture_that_says_no_direction(flags: int) -> None:
    assert is_the_segment(pktap(FRAME, flags=flags), 258, PAYLOAD).direction == -1


def test_a_mirrored_frame_has_only_its_own_tag_and_no_direction() -> None:
    assert facts("erspan-2-ipv6").vlan == facts("erspan-3").vlan == 77
    assert facts("erspan-1").vlan == 0
    for mirrored in ("erspan-2", "tzsp"):
        _, data, _ = WRAPPINGS[mirrored]
        p = is_the_segment(CookedLinux(pkttype=0) / data, 113, PAYLOAD)
        assert (p.direction, p.mac) == (-1, 0x020000000001)
        carried = CookedLinuxV2(ifindex=4, lladdrlen=0) / data
        assert is_the_segment(carried, 276, PAYLOAD).ifindex == 4


def test_the_sender_of_a_wifi_frame_is_who_made_it() -> None:
    names = ("wifi", "wifi-from-ap", "wifi-bridge", "radiotap", "capwap-wifi", "tzsp-wifi")
    assert [facts(name).mac for name in names] == [0x020000000001] * len(names)


def test_the_sender_on_older_networks() -> None:
    assert facts("fddi").mac == facts("prism").mac == facts("avs").mac == 0x020000000001
    assert facts("token-ring").mac == facts("token-ring-through-bridges").mac == 1


def test_numbers_of_networks() -> None:
    assert facts("vxlan-gpe").vni == 4242
    assert facts("802.1ah").vni == 0x1234


NOT_READ: dict[str, tuple[int, SupportsBytes, int]] = {
    "wifi-protected": (105, wifi(flags=0x40) / bytes(60), results.ENCRYPTED_WIFI),
    "wifi-fragment": (105, wifi(flags=0x04) / snap(), results.PARTS_OF_WIFI),
    "wifi-several": (
        105,
        bytes(wifi(quality=True))[:24] + b"\x80\0" + bytes(60),
        results.PARTS_OF_WIFI,
    ),
    "wifi-bad-fcs": (
        127,
        RadioTap(present="Flags", Flags=0x40) / wifi() / snap(),
        results.DAMAGED_WIFI,
    ),
    "esp": (RAW, ip4(proto=50) / bytes(40), results.ESP),
    "esp-in-udp": (RAW, udp(4500) / (b"\1" * 40), results.ESP),
    "wireguard": (RAW, udp(51820) / (b"\4\0\0\0" + bytes(40)), results.WIREGUARD),
    "wireguard-of-cilium": (
        RAW,
        udp(51871, 51871) / (b"\4\0\0\0" + bytes(40)),
        results.WIREGUARD,
    ),
    "macsec": (ETHERNET, ether(type=0x88E5) / MACsec(E=1, C=1) / bytes(60), results.MACSEC),
    "capwap-dtls": (RAW, capwap(bytes(60), wifi=False, kind=1), results.DTLS_CAPWAP),
    "capwap-parts": (RAW, capwap(FRAME, wifi=False, flags=0x80), results.PARTS_OF_CAPWAP),
    "pptp": (RAW, outer() / GRE(version=1, proto=0x880B) / bytes(30), results.PPTP),
    "l2tpv3": (RAW, ip4(proto=115) / bytes(30), results.L2TPV3),
    "l2tpv3-in-udp": (RAW, udp(1701) / (b"\0\3" + bytes(30)), results.L2TPV3),
}


@pytest.mark.parametrize(("link", "data", "what"), NOT_READ.values(), ids=NOT_READ)
def test_what_is_recognised_and_not_read_is_counted(
    link: int, data: SupportsBytes, what: int
) -> None:
    kind, p = decode(data, link)
    assert kind == headers.OTHER
    expected = [0] * len(results.UNREAD)
    expected[what] = 1
    assert list(p.unread) == expected


@pytest.mark.parametrize(
    ("link", "data"),
    [
        (105, wifi() / bytes(40)),
        (105, bytes((0x48, 1)) + bytes(60)),
        (105, bytes((0x80, 0)) + bytes(60)),
        (RAW, udp(4500) / (bytes(4) + b"\1" * 40)),
        (RAW, udp(4500) / b"\xff"),
        (RAW, udp(51820) / b"hello, this is no WireGuard"),
        (RAW, udp(37008) / b"\x17\3\3 nothing of a MikroTik"),
        (RAW, udp(2152) / (b"\x32\1\0\4" + bytes(40))),
        (RAW, udp(4790) / bytes(60)),
        (RAW, udp(5247) / b"\0\x10\2\x08 keep-alive"),
        (RAW, udp(1701) / b"\xc8\2 control"),
        (RAW, outer() / UDP(sport=7, dport=1701) / bytes(60)),
        (ETHERNET, ether(type=0x88E7) / ether(type=0x88CC) / bytes(60)),
        (258, struct.pack("<III", 156, 0, 1) + bytes(160)),
        (6, b"\x10\x00" + bytes(60)),
        (10, b"\x41" + bytes(60)),
        (107, b"\x18\x41\x03\x08" + bytes(60)),
        (107, b"\x18\x41\x03\0\x80\0\x80\xc2\0\x07" + bytes(FRAME)),
        (119, prism(b"\x80\0" + bytes(60))),
    ],
)
def test_what_has_no_segment_is_another_protocol(link: int, data: SupportsBytes) -> None:
    kind, p = decode(data, link)
    assert kind == headers.OTHER
    assert not any(p.unread)


@pytest.mark.parametrize(
    ("link", "data"),
    [
        (258, pktap(pktap(FRAME), 258)),
        (258, pktap(pktap(FRAME), 149)),
        (258, pktap(ppi(FRAME, 1), 192)),
        (192, ppi(ppi(FRAME, 1), 192)),
        (192, ppi(FRAME, 147)),
    ],
)
def test_a_capture_header_has_no_other_one_in_it(link: int, data: SupportsBytes) -> None:
    assert decode(data, link)[0] == headers.UNKNOWN_LINK


@pytest.mark.parametrize("size", [0, 107, 109 + len(bytes(FRAME)), 0xFFFFFFFF])
def test_a_capture_header_whose_length_lies(size: int) -> None:
    data = struct.pack("<I", size) + pktap(b"")[4:108] + bytes(FRAME)
    assert decode(data, 258)[0] == headers.UNDECODED


@pytest.mark.parametrize("first", ["44:9f:7a:0e:7f:96", "6a:a0:ae:0b:7f:8e", "0a:00:00:00:00:01"])
@pytest.mark.parametrize("control_word", [b"", bytes(4)])
def test_a_frame_behind_a_label_whose_address_begins_like_ip(
    first: str, control_word: bytes
) -> None:
    frame = ether(type=0x0800)
    frame.dst = first
    inner = control_word + bytes(frame / SEGMENT4)
    is_the_segment(ether(type=0x8847) / MPLS(label=99, s=1) / inner, ETHERNET, PAYLOAD)


def test_mirrors_in_mirrors_are_followed_to_a_limit() -> None:
    data = bytes(FRAME)
    depth = 0
    while decode(data)[0] == headers.TCP:
        data = bytes(ether() / outer() / GRE(proto=0x88BE) / data)
        depth += 1
    assert decode(data)[0] == headers.UNDECODED
    # Each is Ethernet, IP and GRE.
    assert depth == headers.MAX_LAYERS // 3


def test_tags_without_end_are_followed_to_a_limit() -> None:
    data = udp(37008) / (b"\1\0\0\1" + bytes(60) + b"\1" + bytes(FRAME))
    assert decode(data, RAW)[0] == headers.UNDECODED
    chain = bytes((1, 0, 0, 0x85)) * 40 + b"\1\0\0\0"
    data = udp(2152) / (b"\x34\xff\0\0\0\0\0\1\0\0\0\x85" + chain + bytes(SEGMENT4))
    assert decode(data, RAW)[0] == headers.UNDECODED
