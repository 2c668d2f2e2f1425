# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Headers of one packet: Ethernet, IP and what it carries; links.py and tunnels.py have the rest.

One :class:`Packet` is reused for the whole capture. :meth:`Packet.decode` reads the headers at an
offset of the current buffer and leaves what it found in the attributes; nothing is allocated. Every
read is bounded by ``end``, the first byte that was not captured (or that lies behind the IP
length), because lengths in captures lie. Layouts: RFC 791, RFC 8200, RFC 9293, RFC 768, RFC 792,
RFC 4443, RFC 826, RFC 7348 (VXLAN), RFC 8926 (Geneve).
"""

from __future__ import annotations

from pcapdiag.decode.tunnels import Tunnels
from pcapdiag.model.numbers import big16, big32, big64, distance

# What decode() returns.
OTHER = 0
TCP = 1
ICMP_ERROR = 2
DNS = 3
ARP = 4
FRAGMENT = 5
UNDECODED = 6
UNKNOWN_LINK = 7
DNS_ERROR = 8
"""An ICMP error that quotes a message to a DNS port over UDP."""

MAX_LAYERS = 16
"""Headers below TCP (tags, tunnels, IP in IP) that are followed before giving up."""
MAX_EXTENSIONS = 16
"""IPv6 extension headers that are followed."""
MASK32 = 0xFFFFFFFF
MASK = 0xFFFFFFFFFFFFFFFF
MIX_A = 0x9E3779B97F4A7C15
MIX_B = 0xC2B2AE3D27D4EB4F
"""Odd 64-bit constants that spread the bits of a key (multiplicative hashing, Knuth 6.4)."""
ONLY_TIMESTAMPS = 0x0101080A
"""How the options of nearly every segment begin: NOP, NOP, timestamps."""
MESH_DNS = 15053
"""Where a mesh's own resolver answers queries that a pod sent to port 53 (Istio)."""
CHECKED_PAYLOAD = 64
"""TCP checksums are verified on payloads up to this size: enough to recognise offload."""

# Twins in C of the constants above, which plain Python imports.
_MAX_LAYERS = MAX_LAYERS
_MAX_EXTENSIONS = MAX_EXTENSIONS
_CHECKED_PAYLOAD = CHECKED_PAYLOAD
_MESH_DNS = MESH_DNS
_OTHER = OTHER
_TCP = TCP
_ICMP_ERROR = ICMP_ERROR
_DNS = DNS
_DNS_ERROR = DNS_ERROR
_ARP = ARP
_FRAGMENT = FRAGMENT
_UNDECODED = UNDECODED


class Packet(Tunnels):
    """The headers of the packet decoded last. Numbers are as in the header, in host order."""

    def __init__(self) -> None:
        super().__init__()
        self.unverifiable = 0
        # Of a TCP segment, see rows.seal().
        self.numbers = 0
        self.stamps = 0
        self.traits = 0
        self.sizes = 0
        self.fingerprint = 0
        self.clear()

    def load(self, buffer: bytes | bytearray) -> None:
        """Set the buffer that the next offsets refer to."""
        self.view = buffer

    def clear(self) -> None:
        """Forget the link-layer facts of the packet before."""
        self.mac = 0
        self.vlan = 0
        self.vni = 0
        self.direction = -1
        self.ifindex = 0
        self.cut = 0
        self.hash = 0

    def pair_hash(self, seed: int) -> int:
        """Return 32 bits that addresses and ports have in both directions."""
        # Sums alone would give 10.0.0.1 to 10.0.0.4 and 10.0.0.2 to 10.0.0.3 the same hash.
        a = self.source_low ^ seed
        b = self.target_low ^ seed
        h = ((a + b) * MIX_A ^ a * b) & MASK
        h ^= (self.source_high + self.target_high) * MIX_B & MASK
        a = self.source_port
        b = self.target_port
        h ^= ((a + b) << 40) ^ (a * b)
        h = h * MIX_B & MASK
        return (h ^ (h >> 29)) & MASK32

    def decode(self, offset: int, captured: int, length: int, link_type: int) -> int:
        """Decode the packet of ``captured`` bytes at ``offset``; return one of the kinds above.

        ``length`` is as :class:`Batch` has it: bytes on the wire, maybe with a way above them.
        """
        self.clear()
        self.position = offset
        self.end = offset + captured
        self.wire_end = self.end
        self.unverifiable = 0
        if length > captured:
            return self._decode_told(captured, length, link_type)
        return self._layers(self._link(link_type))

    def _decode_told(self, captured: int, length: int, link_type: int) -> int:
        """Decode a packet that was cut, or has a way above its length."""
        if length & MASK32 > captured:
            self.wire_end = self.position + (length & MASK32)
            self.unverifiable = 1
        self._set_way(length >> 32)
        kind = self._layers(self._link(link_type))
        if kind == _TCP and length >> 32 and self.direction == 4 and not self._has_initial_ttl():
            # A router's or a host's for its virtual machines: it hands on what others sent.
            self.direction = -1
        return kind

    def _has_initial_ttl(self) -> int:
        return 1 if self.ttl == 64 or self.ttl == 128 or self.ttl == 255 else 0

    def decode_ip(self, offset: int, captured: int) -> int:
        """Decode a reassembled IP datagram at ``offset``; link-layer facts stay as they are."""
        self.position = offset
        self.end = offset + captured
        self.wire_end = self.end
        self.unverifiable = 0
        if captured < 1:
            return _UNDECODED
        return self._layers(0x0800 if self.view[offset] >> 4 == 4 else 0x86DD)

    def _layers(self, kind: int) -> int:
        self.is_rare = 1
        layers = 0
        while layers < _MAX_LAYERS:
            layers += 1
            if kind == 0x0800:
                kind = self._ipv4()
            elif kind == 0x86DD:
                kind = self._ipv6()
            elif kind == -6:
                return self._tcp()
            elif kind == -17:
                kind = self._udp()
            elif kind == -47:
                kind = self._gre()
            elif kind == -1 or kind == -58:
                return self._icmp(kind)
            elif kind == 0x6558:
                kind = self._ethernet()
            elif kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
                kind = self._vlan_tag()
            elif kind == 0x8847 or kind == 0x8848:
                kind = self._mpls()
            elif kind == 0x8864:
                kind = self._pppoe()
            elif kind == 0x0806:
                return self._arp()
            elif kind <= -1000:
                return -1000 - kind
            else:
                kind = self._seldom(kind)
        return _UNDECODED

    def _u48(self, o: int) -> int:
        return (big16(self.view, o) << 32) | big32(self.view, o + 2)

    # Each layer returns the EtherType that follows, or a result as -1000 - kind.

    def _link(self, link_type: int) -> int:
        if link_type == 1:
            return self._ethernet()
        return self._other_link(link_type)

    def _ethernet(self) -> int:
        o = self.position
        if self.end - o < 14:
            return -1000 - _UNDECODED
        self.mac = self._u48(o + 6)
        self.position = o + 14
        return big16(self.view, o + 12)

    # Network layer.

    def _ipv4(self) -> int:
        o = self.position
        if self.end - o < 20 or self.view[o] >> 4 != 4:
            return -1000 - _UNDECODED
        header = (self.view[o] & 0x0F) << 2
        total = big16(self.view, o + 2)
        if header < 20 or self.end - o < header:
            return -1000 - _UNDECODED
        if total == 0:
            # A super-segment of 64 KiB and more has length 0 in the sender's own capture.
            total = self.wire_end - o
        if total < header:
            return -1000 - _UNDECODED
        self.version = 4
        self.tos = self.view[o + 1]
        self.ip_id = big16(self.view, o + 4)
        fragment = big16(self.view, o + 6)
        self.df = 1 if fragment & 0x4000 else 0
        self.ttl = self.view[o + 8]
        self.protocol = self.view[o + 9]
        self.flow_label = 0
        self.source_high = 0
        self.source_low = big32(self.view, o + 12)
        self.target_high = 0
        self.target_low = big32(self.view, o + 16)
        self.datagram_end = o + total
        if o + total < self.end:
            self.end = o + total
        self.position = o + header
        if fragment & 0x3FFF:
            self.fragment_offset = (fragment & 0x1FFF) << 3
            self.more_fragments = 1 if fragment & 0x2000 else 0
            self.fragment_id = self.ip_id
            return -1000 - _FRAGMENT
        return self._transport(self.protocol)

    def _transport(self, protocol: int) -> int:
        if protocol == 6:
            return -6
        if protocol == 17:
            return -17
        if protocol == 1 and self.version == 4:
            return -1
        if protocol == 58 and self.version == 6:
            return -58
        if protocol == 4:
            return 0x0800
        if protocol == 41:
            return 0x86DD
        if protocol == 47 or protocol == 50 or protocol == 97 or protocol == 115:
            return -protocol
        return -1000 - _OTHER

    def _ipv6(self) -> int:
        o = self.position
        if self.end - o < 40 or self.view[o] >> 4 != 6:
            return -1000 - _UNDECODED
        self.version = 6
        first = big32(self.view, o)
        self.tos = (first >> 20) & 0xFF
        self.flow_label = first & 0xFFFFF
        length = big16(self.view, o + 4)
        self.ip_id = 0
        self.df = 1
        self.ttl = self.view[o + 7]
        self.source_high = big64(self.view, o + 8)
        self.source_low = big64(self.view, o + 16)
        self.target_high = big64(self.view, o + 24)
        self.target_low = big64(self.view, o + 32)
        if length == 0:
            self.datagram_end = self.wire_end
        else:
            self.datagram_end = o + 40 + length
        if self.datagram_end < self.end:
            self.end = self.datagram_end
        return self._extensions(self.view[o + 6], o + 40)

    def _extensions(self, protocol: int, o: int) -> int:
        count = 0
        while count < _MAX_EXTENSIONS:
            count += 1
            if protocol == 0 or protocol == 43 or protocol == 60:
                if self.end - o < 8:
                    return -1000 - _UNDECODED
                if protocol == 43 and self.view[o + 3] > 0:
                    # The checksum is over the last segment's address (RFC 8200 8.1).
                    self.unverifiable = 1
                protocol = self.view[o]
                o += (self.view[o + 1] + 1) << 3
            elif protocol == 51:
                if self.end - o < 8:
                    return -1000 - _UNDECODED
                protocol = self.view[o]
                o += (self.view[o + 1] + 2) << 2
            elif protocol == 44:
                if self.end - o < 8:
                    return -1000 - _UNDECODED
                fragment = big16(self.view, o + 2)
                if fragment & 0xFFF9:
                    self.protocol = self.view[o]
                    self.fragment_offset = fragment & 0xFFF8
                    self.more_fragments = fragment & 1
                    self.fragment_id = big32(self.view, o + 4)
                    self.position = o + 8
                    return -1000 - _FRAGMENT
                protocol = self.view[o]
                o += 8
            else:
                self.protocol = protocol
                self.position = o
                return self._transport(protocol)
        return -1000 - _UNDECODED

    # Transport layer and control messages.

    def _tcp(self) -> int:
        o = self.position
        if self.end - o < 20:
            return _UNDECODED
        header = (self.view[o + 12] >> 4) << 2
        if header < 20 or self.datagram_end - o < header:
            return _UNDECODED
        self.source_port = big16(self.view, o)
        self.target_port = big16(self.view, o + 2)
        self.seq = big32(self.view, o + 4)
        self.ack = big32(self.view, o + 8)
        self.flags = self.view[o + 13]
        self.window = big16(self.view, o + 14)
        self.option_bytes = header - 20
        self.payload = o + header
        self.payload_length = self.datagram_end - o - header
        captured = self.end - o - header
        self.payload_captured = captured if captured > 0 else 0
        # Negative where the cut is in the header.
        self.cut = 1 if captured < self.payload_length else 0
        self._options(o + 20, o + header)
        self.bad_checksum = 0
        whole = self.cut == 0 and self.unverifiable == 0
        if whole and self.payload_length <= _CHECKED_PAYLOAD:
            self._verify(o)
        return _TCP

    def _options(self, o: int, stop: int) -> None:
        self.mss = -1
        self.window_scale = -1
        self.sack_permitted = 0
        self.has_timestamps = 0
        self.tsval = 0
        self.tsecr = 0
        self.sack_left = 0
        self.sack_right = 0
        self.sack_blocks = 0
        self.sack_within = 0
        self.multipath = 0
        if stop > self.end:
            stop = self.end
        if stop - o == 12 and big32(self.view, o) == ONLY_TIMESTAMPS:
            self.has_timestamps = 1
            self.tsval = big32(self.view, o + 4)
            self.tsecr = big32(self.view, o + 8)
            return
        while o < stop:
            kind = self.view[o]
            if kind == 0:
                return
            if kind == 1:
                o += 1
                continue
            if stop - o < 2:
                return
            size = self.view[o + 1]
            if size < 2 or stop - o < size:
                if kind == 30:
                    # A snap length cuts it, as it is the last one.
                    self.multipath |= 1
                return
            if kind == 8 and size == 10:
                self.has_timestamps = 1
                self.tsval = big32(self.view, o + 2)
                self.tsecr = big32(self.view, o + 6)
            elif kind == 5 and size >= 10:
                self.sack_left = big32(self.view, o + 2)
                self.sack_right = big32(self.view, o + 6)
                self.sack_blocks = (size - 2) >> 3
                if size >= 18:
                    # A DSACK above the acknowledgment (RFC 2883 section 4).
                    left = distance(self.sack_left, big32(self.view, o + 10))
                    right = distance(self.sack_right, big32(self.view, o + 14))
                    self.sack_within = 1 if left >= 0 >= right else 0
            elif kind == 2 and size == 4:
                self.mss = big16(self.view, o + 2)
            elif kind == 3 and size == 3:
                self.window_scale = self.view[o + 2] if self.view[o + 2] < 14 else 14
            elif kind == 4:
                self.sack_permitted = 1
            elif kind == 30:
                # The subtype of MP_FASTCLOSE is 7, of MP_JOIN 1 (RFC 8684 sections 3.2 and 3.5).
                self.multipath |= 1
                if size > 2 and self.view[o + 2] >> 4 == 7:
                    self.multipath |= 2
                elif size > 2 and self.view[o + 2] >> 4 == 1:
                    self.multipath |= 4
            o += size

    def _verify(self, o: int) -> None:
        # Words of any even number of bytes give the same sum in the end (RFC 1071 section 2 C).
        total = 6 + (self.end - o)
        total += (self.source_high >> 32) + (self.source_high & MASK32)
        total += (self.source_low >> 32) + (self.source_low & MASK32)
        total += (self.target_high >> 32) + (self.target_high & MASK32)
        total += (self.target_low >> 32) + (self.target_low & MASK32)
        stop = self.end
        while stop - o >= 8:
            word = big64(self.view, o)
            total += (word >> 32) + (word & MASK32)
            o += 8
        if stop - o >= 4:
            total += big32(self.view, o)
            o += 4
        if stop - o >= 2:
            total += big16(self.view, o)
            o += 2
        if stop - o == 1:
            total += self.view[o] << 8
        total = (total & MASK32) + (total >> 32)
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        self.bad_checksum = 0 if total == 0xFFFF else 1

    def _udp(self) -> int:
        o = self.position
        if self.end - o < 8:
            return -1000 - _UNDECODED
        source = big16(self.view, o)
        target = big16(self.view, o + 2)
        o += 8
        if (target == 4789 or target == 8472) and self.end - o >= 8 + 14 and self.view[o] & 0x08:
            self.vni = big32(self.view, o + 4) >> 8
            self.position = o + 8
            return 0x6558
        if target == 6081 and self.end - o >= 8 and self.view[o] >> 6 == 0:
            self.vni = big32(self.view, o + 4) >> 8
            self.position = o + 8 + ((self.view[o] & 0x3F) << 2)
            return big16(self.view, o + 2)
        if _is_dns(source) or _is_dns(target):
            if self.end - o < 12:
                return -1000 - _OTHER
            self.source_port = source
            self.target_port = target
            self.payload = o
            self.payload_captured = self.end - o
            return -1000 - _DNS
        return self._in_udp(source, target, o)

    def _arp(self) -> int:
        o = self.position
        if self.end - o < 28 or big16(self.view, o + 2) != 0x0800 or big16(self.view, o + 6) != 1:
            return _OTHER
        self.mac = self._u48(o + 8)
        self.source_high = 0
        self.source_low = big32(self.view, o + 14)
        self.target_high = 0
        self.target_low = big32(self.view, o + 24)
        return _ARP

    def _icmp(self, kind: int) -> int:
        """Read an ICMP error and the start of the segment that it quotes (RFC 792, RFC 4443)."""
        o = self.position
        if self.end - o < 8 + 20 + 8:
            return _OTHER
        self.icmp_type = self.view[o]
        self.icmp_code = self.view[o + 1]
        self.icmp_mtu = 0
        if kind == -1:
            if self.icmp_type != 3 and self.icmp_type != 11 and self.icmp_type != 12:
                return _OTHER
            if self.icmp_type == 3 and self.icmp_code == 4:
                self.icmp_mtu = big16(self.view, o + 6)
        else:
            if self.icmp_type < 1 or self.icmp_type > 4:
                return _OTHER
            if self.icmp_type == 2:
                self.icmp_mtu = big32(self.view, o + 4)
        self.icmp_version = self.version
        self.icmp_high = self.source_high
        self.icmp_low = self.source_low
        self.icmp_ttl = self.ttl
        self.position = o + 8
        return self._quote()

    def _quote(self) -> int:
        o = self.position
        if self.view[o] >> 4 == 4:
            header = (self.view[o] & 0x0F) << 2
            if header < 20 or self.end - o < header + 8:
                return _OTHER
            protocol = self.view[o + 9]
            if big16(self.view, o + 6) & 0x1FFF:
                return _OTHER
            self.version = 4
            self.quote_ttl = self.view[o + 8]
            self.source_high = 0
            self.source_low = big32(self.view, o + 12)
            self.target_high = 0
            self.target_low = big32(self.view, o + 16)
            total = big16(self.view, o + 2) - header
            o += header
        elif self.view[o] >> 4 == 6:
            if self.end - o < 48:
                return _OTHER
            protocol = self.view[o + 6]
            self.version = 6
            self.quote_ttl = self.view[o + 7]
            self.source_high = big64(self.view, o + 8)
            self.source_low = big64(self.view, o + 16)
            self.target_high = big64(self.view, o + 24)
            self.target_low = big64(self.view, o + 32)
            total = big16(self.view, o + 4)
            o += 40
        else:
            return _OTHER
        self.source_port = big16(self.view, o)
        self.target_port = big16(self.view, o + 2)
        if protocol != 6:
            return _DNS_ERROR if protocol == 17 and _is_dns(self.target_port) else _OTHER
        self.seq = big32(self.view, o + 4)
        self.flags = 0
        self.quote_full = 0
        self.payload_length = 0
        if self.end - o >= 20:
            header = (self.view[o + 12] >> 4) << 2
            self.flags = self.view[o + 13]
            self.quote_full = 1
            self.payload_length = total - header if total > header else 0
        return _ICMP_ERROR


def _is_dns(port: int) -> int:
    return port == 53 or port == _MESH_DNS
