"""Packets made by scapy, the oracle, and the decoder's view of one."""

from __future__ import annotations

import ipaddress
from typing import SupportsBytes

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet as Layers

from pcapdiag.decode import headers
from pcapdiag.decode.headers import Packet

ETHERNET = 1
RAW = 101
CLIENT, SERVER = "10.1.2.3", "192.0.2.200"
CLIENT6, SERVER6 = "2001:db8::3", "2001:db8:ffff:1:8000::9"


def ether(**fields: object) -> Layers:
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", **fields)


def ip4(**fields: object) -> Layers:
    return IP(**({"src": CLIENT, "dst": SERVER, "ttl": 61, "id": 4660, "tos": 8} | fields))


def ip6(**fields: object) -> Layers:
    return IPv6(**({"src": CLIENT6, "dst": SERVER6, "hlim": 61, "tc": 8, "fl": 0xABCDE} | fields))


def tcp(**fields: object) -> Layers:
    defaults = {
        "sport": 40000, "dport": 443, "seq": 0xFFFFFFF0, "ack": 0x80000001,
        "flags": "PA", "window": 502,
    }  # fmt: skip
    return TCP(**(defaults | fields))


def decode(
    data: SupportsBytes, link_type: int = ETHERNET, *, captured: int | None = None, way: int = 0
) -> tuple[int, Packet]:
    """Decode from the middle of a buffer whose other bytes must not matter.

    ``way`` is what pcapng's epb_flags say of the packet.
    """
    packet = Packet()
    raw = bytes(data)
    size = len(raw) if captured is None else captured
    packet.load(b"\xff" * 3 + raw[:size] + b"\xff" * 64)
    return packet.decode(3, size, len(raw) | way << 32, link_type), packet


def is_the_segment(
    data: SupportsBytes, link_type: int, payload: bytes, *, version: int = 4
) -> Packet:
    """Assert that the default segment was found, with its payload; return what was decoded."""
    kind, p = decode(data, link_type)
    assert kind == headers.TCP
    assert (p.source_port, p.target_port) == (40000, 443)
    assert (p.seq, p.ack, p.flags, p.window) == (0xFFFFFFF0, 0x80000001, 0x18, 502)
    assert (p.version, p.ttl, p.tos) == (version, 61, 8)
    source, target = ends(p)
    known = (CLIENT, SERVER) if version == 4 else (CLIENT6, SERVER6)
    assert (source, target) == tuple(number(text) for text in known)
    assert (p.payload_length, p.payload_captured) == (len(payload), len(payload))
    at = p.payload - 3
    assert bytes(data)[at : at + len(payload)] == payload
    assert (p.cut, p.bad_checksum) == (0, 0)
    return p


def ends(p: Packet) -> tuple[int, int]:
    """The two addresses as numbers."""
    return (p.source_high << 64) | p.source_low, (p.target_high << 64) | p.target_low


def number(address: str) -> int:
    """An address as a number."""
    return int(ipaddress.ip_address(address))
