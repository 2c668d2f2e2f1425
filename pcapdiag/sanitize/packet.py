"""A packet in place of a packet: every length stays, nothing passes that was not understood.

The new packet is zero to begin with. Each layer copies what it knows to be harmless and writes
what it renamed; what nobody understood stays zero. docs/sanitizing.md has the whole list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pcapdiag.sanitize import icmp, link, network, recorded, transport, tunnels
from pcapdiag.sanitize.dns import rewrite
from pcapdiag.sanitize.frame import Ends, Frame, Next, Payloads
from pcapdiag.sanitize.parts import Datagram, Parts
from pcapdiag.sanitize.renamer import Renamer

MAX_LAYERS = 16
"""Headers below TCP that are followed, as decode/headers.py does; what is deeper stays zero."""

LONGEST_802_3 = 1500
"""Up to here an Ethernet type is a length, and LLC follows."""

_IP_IN_IP, _IPV6_IN_IP, _GRE, _ESP, _IGMP = 4, 41, 47, 50, 2
_Link = Callable[[Frame, int], Next]
_LINKS: dict[int, _Link] = {
    link.TRANSPARENT: link.ethernet,
    link.MPLS: link.mpls,
    link.MPLS + 1: link.mpls,
    link.PPPOE: link.pppoe,
    link.PPPOE_DISCOVERY: link.pppoe,
    **dict.fromkeys(link.TAGS, link.tag),
    **tunnels.TYPES,
    **dict.fromkeys(range(1, LONGEST_802_3 + 1), recorded.llc),
}


class Takers(Payloads, Protocol):
    """Payloads that want to see all segments before they replace any."""

    def take(
        self,
        source: bytes,
        source_port: int,
        target: bytes,
        target_port: int,
        seq: int,
        payload: bytes,
        flags: int,
        frame: int,
    ) -> None:
        """Take a segment, payload or not, in the order of the capture; as ``tcp`` otherwise."""
        ...


class PacketSanitizer:
    """Replaces the packets of one capture, in two readings.

    :meth:`take` all packets first: fragments are put together, and ``payloads`` sees every segment.
    Then :meth:`sanitize` them, in the same order or with the same frame numbers.
    """

    def __init__(self, renamer: Renamer, payloads: Takers) -> None:
        self.renamer = renamer
        self.payloads = payloads
        self._parts = Parts()
        self._taking = False
        self._taken = 0
        self._sanitized = 0

    def take(self, data: bytes, link_type: int, wire_length: int, frame: int = 0) -> None:
        """Look at a packet at the first reading; without a ``frame``, they are counted from 1."""
        self._taken = frame or self._taken + 1
        self._taking = True
        self._rewrite(data, link_type, wire_length, self._taken)
        self._taking = False

    def sanitize(self, data: bytes, link_type: int, wire_length: int, frame: int = 0) -> bytes:
        """Return the packet to be written in place of this one, of the same length.

        ``data`` is what was captured of ``wire_length`` bytes. Raises SanitizeError where no
        stand-in is left, and nothing for what a packet holds.
        """
        self._sanitized = frame or self._sanitized + 1
        return self._rewrite(data, link_type, wire_length, self._sanitized)

    def _rewrite(self, data: bytes, link_type: int, wire_length: int, number: int) -> bytes:
        f = Frame(bytes(data), wire_length, number, self.renamer)
        kind, at = link.link(f, link_type)
        self._enter(f, kind, at)
        return bytes(f.out)

    def _enter(self, f: Frame, kind: int, at: int) -> None:
        """Replace what an EtherType announces."""
        while kind in _LINKS:
            f.layers += 1
            if f.layers > MAX_LAYERS:
                return
            kind, at = _LINKS[kind](f, at)
        f.layers += 1
        if f.layers > MAX_LAYERS:
            return
        if kind == link.IPV4:
            network.ipv4(self, f, at)
        elif kind == link.IPV6:
            network.ipv6(self, f, at)
        elif kind in (link.ARP, link.RARP):
            link.arp(f, at)

    # What network.py asks for.

    def transport(self, f: Frame, protocol: int, at: int, ends: Ends) -> None:
        """Replace what an IP datagram carries."""
        f.layers += 1
        if f.layers > MAX_LAYERS:
            return
        if protocol == transport.TCP:
            self._tcp(f, at, ends)
        elif protocol == transport.UDP:
            self._udp(f, at, ends)
        elif protocol == 1:
            icmp.icmp(f, at, self._quote)
        elif protocol == icmp.ICMP6:
            icmp.icmp6(f, at, ends, self._quote)
        elif protocol == _IP_IN_IP:
            network.ipv4(self, f, at)
        elif protocol == _IPV6_IN_IP:
            network.ipv6(self, f, at)
        elif protocol == _GRE:
            self._gre(f, at)
        elif protocol == tunnels.ETHER_IP:
            self._enter(f, *tunnels.ether_ip(f, at))
        elif protocol == _ESP:
            f.keep(at, 8)
        elif protocol == _IGMP:
            transport.igmp(f, at)

    def fragment(
        self, f: Frame, protocol: int, at: int, ends: Ends, place: tuple[int, bool, int]
    ) -> None:
        """Replace a fragment with its part of the datagram, if that is complete."""
        here = (f.number, at)
        if self._taking and not f.quoted and f.end == f.stop:
            whole = self._parts.add(here, protocol, ends, place, bytes(f.data[at : f.end]))
            if whole is not None:
                self._replaced(whole, f)
        found = None if self._taking or f.quoted else self._parts.find(here)
        if found is not None:
            datagram, start, end = found
            if datagram.replaced is None:
                datagram.replaced = self._replaced(datagram, f)
            f.put(at, datagram.replaced[start:end])
        elif place[0] == 0:
            # The first one of a datagram that is not whole has its header, and no more.
            f.quoted = True
            self._above(f, protocol, at, ends)

    def _replaced(self, datagram: Datagram, f: Frame) -> bytes:
        whole = Frame(datagram.data, len(datagram.data), f.number, self.renamer)
        whole.layers = f.layers
        self._above(whole, datagram.protocol, 0, datagram.ends)
        return bytes(whole.out)

    def _above(self, f: Frame, protocol: int, at: int, ends: Ends) -> None:
        if len(ends.source) == 16:
            network.above_ipv6(self, f, protocol, at, ends)
        else:
            self.transport(f, protocol, at, ends)

    def _quote(self, f: Frame, at: int) -> None:
        self._enter(f, *link.raw(f, at))

    def _tcp(self, f: Frame, at: int, ends: Ends) -> None:
        body = transport.tcp_head(f, at)
        if body and not f.quoted:
            self._payload(f, at, body, ends)
        transport.finish_checksum(f, transport.TCP, at, at + 16, ends)

    def _payload(self, f: Frame, at: int, body: int, ends: Ends) -> None:
        payload = bytes(f.data[body : f.end])
        seq = int.from_bytes(f.data[at + 4 : at + 8], "big")
        source, target = (ends.source, f.u16(at)), (ends.target, f.u16(at + 2))
        if self._taking:
            self.payloads.take(*source, *target, seq, payload, f.data[at + 13], f.number)
        elif payload:
            f.put(body, self.payloads.tcp(*source, *target, seq, payload, f.number))

    def _udp(self, f: Frame, at: int, ends: Ends) -> None:
        ports = transport.udp_head(f, at)
        if ports is None:
            return
        end, stop = f.end, f.stop
        if ports[1] in transport.VXLAN_PORTS:
            self._enter(f, *transport.vxlan(f, at + 8))
        elif ports[1] == transport.GENEVE_PORT:
            self._enter(f, *transport.geneve(f, at + 8))
        elif not transport.DNS_PORTS.isdisjoint(ports):
            f.put(at + 8, rewrite(bytes(f.data[at + 8 : f.end]), self.renamer))
        else:
            self._seldom(f, at + 8, *ports)
        f.end, f.stop = end, stop
        transport.udp_checksum(f, at, ends)

    def _seldom(self, f: Frame, at: int, source: int, target: int) -> None:
        ports = tunnels.PORTS
        tunnel = tunnels.TARGETS.get(target) or ports.get(target) or ports.get(source)
        if tunnel is not None:
            self._enter(f, *tunnel(f, at))

    def _gre(self, f: Frame, at: int) -> None:
        end, stop = f.end, f.stop
        self._enter(f, *transport.gre(f, at))
        f.end, f.stop = end, stop
        transport.gre_checksum(f, at)
