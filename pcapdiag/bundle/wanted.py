"""Which packets of a capture go into a bundle: what is asked about each one of them."""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec

from pcapdiag.decode import headers
from pcapdiag.decode.headers import Packet
from pcapdiag.flow.packet_ends import PacketEnd, Pair, Redirects, ends_of, pair
from pcapdiag.protocols.dns import read_message

Host = tuple[int, int]
"""The upper and lower 64 bits of an address; the upper ones of IPv4 are 0."""

Width = Literal["implicated", "endpoints", "hosts", "everything"]
"""How much is taken along: the connections themselves; all to the same endpoints; all of the same
hosts; all there is."""
WIDTHS: tuple[Width, ...] = ("implicated", "endpoints", "hosts", "everything")

_OF_TCP = (headers.TCP, headers.ICMP_ERROR)


class Wanted(msgspec.Struct):
    """What is wanted of a capture; the sets only grow when a bundle has to be widened."""

    pairs: set[Pair] = set()
    """Connections."""
    endpoints: set[PacketEnd] = set()
    """Addresses and ports of which every connection is wanted."""
    hosts: set[Host] = set()
    """Addresses of which every packet is wanted."""
    near: set[Host] = set()
    """Addresses of wanted connections: their lookups, ARP and fragments may matter."""
    names: set[str] = set()
    """Names whose lookups are wanted, in lower case."""
    addresses: set[str] = set()
    """Addresses whose lookups are wanted."""
    askers: set[Host] = set()
    """Addresses of which every lookup is wanted."""
    frames: set[int] = set()
    """Packets that are wanted whatever they are."""
    moments: set[int] = set()
    """Times (ns) of which one packet is wanted: when the capture begins, and when it ends."""
    everything: bool = False


class Sieve:
    """Says of decoded packets whether they are wanted."""

    def __init__(self, wanted: Wanted, redirects: Redirects) -> None:
        self._wanted = wanted
        self._redirects = redirects
        self._moments = set(wanted.moments)

    def takes(
        self, kind: int, packet: Packet, frame: int, time: int, buffer: bytes | bytearray = b""
    ) -> bool:
        """Return whether a packet is wanted.

        ``kind`` is what decoding it returned, and ``buffer`` what it was decoded in.
        """
        wanted = self._wanted
        if time in self._moments:
            self._moments.discard(time)
            return True
        if wanted.everything or frame in wanted.frames:
            return True
        if kind in _OF_TCP:
            return self._takes_segment(packet)
        source = packet.source_high, packet.source_low
        target = packet.target_high, packet.target_low
        if kind == headers.DNS:
            ends_wanted = source in wanted.hosts or target in wanted.hosts
            return ends_wanted or self._takes_lookup(packet, buffer)
        if kind == headers.ARP:
            return source in wanted.near or target in wanted.near
        if kind == headers.FRAGMENT:
            return source in wanted.near and target in wanted.near
        return False

    def names(self, frame: int) -> bool:
        """Return whether a frame is wanted whatever it is."""
        return frame in self._wanted.frames

    def is_stray(self, packet: Packet) -> bool:
        """Return whether a segment that is taken belongs to no connection that is wanted."""
        return not self._wanted.everything and not self._takes_segment(packet)

    def _takes_segment(self, packet: Packet) -> bool:
        source, target = ends_of(packet, self._redirects)
        wanted = self._wanted
        if pair(source, target) in wanted.pairs:
            return True
        if wanted.endpoints and (source in wanted.endpoints or target in wanted.endpoints):
            return True
        return bool(wanted.hosts) and (source[:2] in wanted.hosts or target[:2] in wanted.hosts)

    def _takes_lookup(self, packet: Packet, buffer: bytes | bytearray) -> bool:
        wanted = self._wanted
        ends = (packet.source_high, packet.source_low), (packet.target_high, packet.target_low)
        if any(end in wanted.askers for end in ends):
            return True
        if not any(end in wanted.near for end in ends):
            return False
        start = packet.payload
        # A compiled packet shows its buffer to compiled modules alone.
        message = read_message(bytes(buffer[start : start + packet.payload_captured]))
        if message is None:
            return False
        if message.name.lower() in wanted.names:
            return True
        return any(address in wanted.addresses for address in message.addresses or ())


def host(address: str) -> Host:
    """Return an address as packets have it; raises ValueError for one that is none."""
    number = int(ipaddress.ip_address(address))
    return number >> 64, number & 0xFFFFFFFFFFFFFFFF


def end(address: str, port: int) -> PacketEnd:
    """Return an address and port as packets have them; raises ValueError."""
    return (*host(address), port)
