"""Random bytes and random cuts: nothing is raised, nothing outside of the packet is read."""

from __future__ import annotations

import struct
from typing import SupportsBytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, UDP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP

from pcapdiag.capture import linktypes
from pcapdiag.decode import headers
from pcapdiag.decode.headers import Packet
from tests.decode.scapy_packets import ether, ip4, ip6, tcp
from tests.decode.test_link_layers import LINKS
from tests.decode.wrappings import WRAPPINGS

LINK_TYPES = (*sorted(linktypes.READ), 189)
KINDS = range(headers.UNKNOWN_LINK + 1)
NAMES = [
    "cut", "mac", "vlan", "vni", "direction", "ifindex", "version", "tos", "ip_id", "df", "ttl",
    "protocol", "flow_label", "source_high", "source_low", "target_high", "target_low",
    "fragment_offset", "more_fragments", "fragment_id", "source_port",
    "target_port", "seq", "ack", "flags", "window", "option_bytes", "payload_length",
    "payload_captured", "mss", "window_scale", "sack_permitted", "has_timestamps", "tsval",
    "tsecr", "sack_left", "sack_right", "sack_blocks", "multipath", "bad_checksum", "icmp_type", "icmp_code",
    "icmp_mtu", "icmp_version", "icmp_high", "icmp_low", "icmp_ttl", "quote_full", "quote_ttl",
]  # fmt: skip
EVERY = LINKS | WRAPPINGS
WRAPPED = [(link, bytes(data)) for link, data, _ in EVERY.values()]


class Fenced(bytes):
    """Bytes of which only a part may be read: holds in the uncompiled package."""

    start: int
    stop: int

    # Only what the decoder does is fenced: bytes themselves may be sliced too.
    def __getitem__(self, at: int) -> int:  # type: ignore[override]
        assert self.start <= at < self.stop, f"read {at} outside {self.start} to {self.stop}"
        return super().__getitem__(at)


def view(data: bytes, link: int, length: int, around: bytes) -> tuple[int, dict[str, int]]:
    """What is decoded between ``around`` on both sides; attributes that were set."""
    packet = Packet()
    fenced = Fenced(around + data + around)
    fenced.start, fenced.stop = len(around), len(around) + len(data)
    packet.load(fenced)
    kind = packet.decode(len(around), len(data), length, link)
    return kind, {name: getattr(packet, name) for name in NAMES if hasattr(packet, name)}


def check(data: bytes, link: int, more: int) -> None:
    kind, facts = view(data, link, len(data) + more, b"\0" * 70)
    assert kind in KINDS
    # Compiled code is not fenced in: what it read outside would show here.
    assert (kind, facts) == view(data, link, len(data) + more, b"\xff" * 70)
    assert all(-1 <= number < 1 << 64 for number in facts.values())
    if kind == headers.TCP:
        assert 0 <= facts["payload_captured"] <= len(data)
        assert facts["payload_captured"] <= facts["payload_length"] < 1 << 32


QUOTE = bytes(ip4() / tcp() / b"data")
QUOTE6 = bytes(ip6() / tcp() / b"data")
OTHERS: dict[str, tuple[int, SupportsBytes]] = {
    "arp": (1, ether() / ARP()),
    "icmp": (101, ip4() / ICMP(type=3, code=4) / QUOTE),
    "icmp-options": (101, ip4() / ICMP(type=11) / (b"\x4f" + QUOTE[1:20] + bytes(40) + QUOTE[20:])),
    "icmpv6": (101, ip6() / ICMPv6PacketTooBig() / QUOTE6),
    "dns": (101, ip4() / UDP(sport=53, dport=4) / bytes((0, 0, 0x80, *bytes(20)))),
    "fragment": (101, ip6() / IPv6ExtHdrFragment(nh=6, m=1) / bytes(20)),
    "ah": (101, ip6(nh=51) / bytes((6, 1, *bytes(30)))),
    "timestamps": (101, ip4() / tcp(options=[("SAck", (1, 2)), ("Timestamp", (3, 4))])),
}


@pytest.mark.parametrize(
    ("link", "data"),
    [*((link, data) for link, data, _ in EVERY.values()), *OTHERS.values()],
    ids=[*EVERY, *OTHERS],
)
def test_cut_at_every_byte(link: int, data: SupportsBytes) -> None:
    raw = bytes(data)
    for size in range(len(raw) + 1):
        check(raw[:size], link, len(raw) - size)


@pytest.mark.parametrize("link", LINK_TYPES)
@given(data=st.binary(max_size=200), more=st.sampled_from((0, 1, 1500)))
@settings(max_examples=60)
def test_random_bytes(link: int, data: bytes, more: int) -> None:
    check(data, link, more)


@given(
    wrapped=st.sampled_from(WRAPPED),
    cut=st.integers(0, 200),
    patches=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=4),
    more=st.sampled_from((0, 1, 1500, (1 << 32) - 1 - 262144)),
)
@settings(max_examples=800)
def test_bent_and_cut_packets(
    wrapped: tuple[int, bytes], cut: int, patches: list[tuple[int, int]], more: int
) -> None:
    link, data = wrapped
    bent = bytearray(data)
    for at, value in patches:
        bent[at % len(bent)] = value
    check(bytes(bent[: max(len(bent) - cut, 0)]), link, more)


@given(options=st.binary(min_size=4, max_size=40), cut=st.integers(0, 60))
@settings(max_examples=500)
def test_random_options(options: bytes, cut: int) -> None:
    options = options[: len(options) // 4 * 4]
    size = 20 + len(options)
    tcp = struct.pack(">HHIIBBHHH", 1, 2, 3, 4, size // 4 << 4, 0x10, 5, 0, 0) + options
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + size, 7, 0, 64, 6, 0, b"abcd", b"efgh")
    data = ip + tcp
    check(data[: len(data) - cut], 101, cut)


@given(data=st.binary(max_size=120))
@settings(max_examples=200)
def test_a_random_reassembled_datagram(data: bytes) -> None:
    packet = Packet()
    packet.load(data)
    assert packet.decode_ip(0, len(data)) in KINDS
