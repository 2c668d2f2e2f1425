# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Link layers other than Ethernet: what stands before the first IP header of a packet.

Each method reads one header at ``position`` and leaves the next one's place there. It returns the
EtherType of what follows, one of the kinds below that have none, or a result as -1000 - kind.

Layouts: LINKTYPE_* pages of tcpdump.org, RFC 2516 (PPPoE), linux/nfnetlink_log.h (NFLOG), bsd/net/
pktap.h of Apple's XNU (PKTAP), the PPI specification 1.0.10 (CACE), print-juniper.c of tcpdump,
net/dsa of Linux (tags of a switch), if_enc.h and if_pflog.h of OpenBSD and FreeBSD, IEEE 802.5
(token ring), RFC 1390 (FDDI), RFC 2427 (Frame Relay), RFC 2684 (ATM), RFC 4391 and print-ipoib.c
of tcpdump (InfiniBand).
"""

from __future__ import annotations

from pcapdiag.decode.results import CUT, NOTHING
from pcapdiag.decode.wifi import Wifi
from pcapdiag.model.numbers import big16, big32, little32

NO_LINK = -1007
"""A link type that is not read: UNKNOWN_LINK."""
ETHERNET = 0x6558
"""An Ethernet frame follows (transparent bridging, RFC 1701)."""
SENT_BY_US = 4
"""The last of the packet types in cooked captures that say a direction."""
ARPHRD_LOOPBACK = 772
"""Device type of the loopback in cooked captures (linux/if_arp.h)."""
LEAST_OF_PKTAP = 108
"""Bytes of the shortest header of macOS; newer systems write longer ones."""
LEAST_OF_PFLOG = 45
"""Bytes of the shortest header of pflog (OpenBSD 3.4); newer systems write longer ones."""
PF_DROP = 1
"""The action of a rule that blocks (net/pfvar.h)."""
MASK32 = 0xFFFFFFFF

# Twins in C of the constants above, which plain Python imports.
_NOTHING = NOTHING
_CUT = CUT
_NO_LINK = NO_LINK
_ETHERNET = ETHERNET
_SENT_BY_US = SENT_BY_US
_ARPHRD_LOOPBACK = ARPHRD_LOOPBACK
_LEAST_OF_PKTAP = LEAST_OF_PKTAP
_LEAST_OF_PFLOG = LEAST_OF_PFLOG
_PF_DROP = PF_DROP


class Links(Wifi):
    """Reads one link layer of a packet."""

    def _other_link(self, link_type: int) -> int:
        if link_type == 276:
            return self._cooked2()
        if link_type == 113:
            return self._cooked()
        if link_type == 101 or link_type == 12 or link_type == 14:
            return self._raw()
        if link_type == 228 or link_type == 229:
            return self._raw()
        if link_type == 0 or link_type == 108:
            # The address family is in the capturing host's byte order (NULL) or in network order
            # (LOOP); IPv6 has another number on every system, so the IP version decides.
            return self._raw_behind(4)
        if link_type == 9 or link_type == 50:
            return self._ppp()
        if link_type == 51:
            return self._pppoe()
        if link_type == 239:
            return self._nflog()
        if link_type == 149 or link_type == 258:
            return self._pktap()
        if link_type == 127:
            return self._radiotap()
        if link_type == 105:
            return self._wifi(0)
        if link_type == 192:
            return self._ppi()
        if link_type == 104:
            return self._cisco_hdlc()
        if link_type == 178:
            return self._juniper()
        if link_type == 109:
            return self._raw_behind(12)
        if link_type == 281 or link_type == 284:
            return self._switch_tag(4)
        if link_type == 285:
            return self._switch_tag(8)
        if link_type == 282:
            self.position += 4
            return _ETHERNET
        return self._old_link(link_type)

    def _old_link(self, link_type: int) -> int:
        """Read what is met least: a firewall's log, old radio headers, links that are no more."""
        if link_type == 117:
            return self._pflog()
        if link_type == 119 or link_type == 163:
            return self._prism()
        if link_type == 6:
            return self._token_ring()
        if link_type == 8:
            return self._raw_behind(16)
        if link_type == 10:
            return self._fddi()
        if link_type == 11 or link_type == 100:
            return self._llc()
        if link_type == 107:
            return self._frame_relay()
        if link_type == 242:
            return self._infiniband()
        return _NO_LINK

    def _inner_link(self, link_type: int) -> int:
        """Read the link layer in a capture header, which may not be such a header again."""
        if link_type == 1:
            return _ETHERNET
        if link_type == 149 or link_type == 258 or link_type == 192:
            return _NO_LINK
        return self._other_link(link_type)

    def _cooked(self) -> int:
        o = self.position
        if self.end - o < 16:
            return _CUT
        self._set_direction(big16(self.view, o), big16(self.view, o + 2))
        if big16(self.view, o + 4) == 6:
            self.mac = (big16(self.view, o + 6) << 32) | big32(self.view, o + 8)
        self.position = o + 16
        return big16(self.view, o + 14)

    def _cooked2(self) -> int:
        o = self.position
        if self.end - o < 20:
            return _CUT
        self.ifindex = big32(self.view, o + 4)
        self._set_direction(self.view[o + 10], big16(self.view, o + 8))
        if self.view[o + 11] == 6:
            self.mac = (big16(self.view, o + 12) << 32) | big32(self.view, o + 14)
        self.position = o + 20
        return big16(self.view, o)

    def _set_direction(self, packet_type: int, hardware: int) -> None:
        """Set the direction; what is on the loopback was sent by this host, whoever it speaks for.

        libpcap leaves out what goes into it, and keeps what comes out (linux_check_direction()).
        """
        self.direction = packet_type if packet_type <= _SENT_BY_US else -1
        if packet_type == 0 and hardware == _ARPHRD_LOOPBACK:
            self.direction = _SENT_BY_US

    def _set_way(self, flags: int) -> None:
        """Set the direction by epb_flags (draft-ietf-opsawg-pcapng, section 4.3.1)."""
        if flags & 3 == 2:
            self.direction = _SENT_BY_US
        elif flags & 3 == 1:
            # Promiscuous (4), broadcast (3) and multicast (2) have other numbers here.
            reception = flags >> 2
            self.direction = 3 if reception == 4 else 1 if reception == 3 else reception & 2

    def _raw(self) -> int:
        if self.end - self.position < 1:
            return _CUT
        version = self.view[self.position] >> 4
        if version == 4:
            return 0x0800
        if version == 6:
            return 0x86DD
        return _CUT

    def _raw_behind(self, size: int) -> int:
        if self.end - self.position <= size:
            return _CUT
        self.position += size
        return self._raw()

    def _ppp(self) -> int:
        o = self.position
        if self.end - o < 4:
            return _CUT
        if self.view[o] & 0x7F == 0x0F and self.view[o + 1] == 0:
            # A serial line between routers may have Cisco's framing instead (LINKTYPE_PPP_HDLC).
            return self._cisco_hdlc()
        if self.view[o] == 0xFF and self.view[o + 1] == 0x03:
            o += 2
        if self.view[o] & 1:
            protocol = self.view[o]
            o += 1
        else:
            protocol = big16(self.view, o)
            o += 2
        self.position = o
        if protocol == 0x0021:
            return 0x0800
        if protocol == 0x0057:
            return 0x86DD
        if protocol == 0x0281:
            return 0x8847
        return _NOTHING

    def _pppoe(self) -> int:
        o = self.position
        if self.end - o < 8:
            return _CUT
        if self.view[o + 1] != 0:
            return _NOTHING
        self.position = o + 6
        return self._ppp()

    def _nflog(self) -> int:
        o = self.position + 4
        while self.end - o >= 4:
            # Attribute headers are in the capturing host's order; practically always little-endian.
            size = self.view[o] | (self.view[o + 1] << 8)
            kind = (self.view[o + 2] | (self.view[o + 3] << 8)) & 0x7FFF
            if size < 4:
                return _CUT
            if kind == 9:
                self.position = o + 4
                self.wire_end = o + size
                if self.wire_end < self.end:
                    self.end = self.wire_end
                return self._raw()
            o += (size + 3) & ~3
        return _CUT

    def _cisco_hdlc(self) -> int:
        o = self.position
        if self.end - o < 4:
            return _CUT
        self.position = o + 4
        return big16(self.view, o + 2)

    def _switch_tag(self, size: int) -> int:
        """Read an Ethernet frame with a switch's own tag between its addresses and its type."""
        o = self.position
        if self.end - o < 14 + size:
            return _CUT
        self.mac = (big16(self.view, o + 6) << 32) | big32(self.view, o + 8)
        self.position = o + 14 + size
        return big16(self.view, o + 12 + size)

    def _juniper(self) -> int:
        o = self.position
        if self.end - o < 6 or big16(self.view, o) != 0x4D47 or self.view[o + 2] != 0x43:
            return _CUT
        flags = self.view[o + 3]
        # Extensions have their length before them; without a layer 2, a protocol number follows.
        o += 6 + big16(self.view, o + 4) if flags & 0x80 else 4
        if flags & 0x02:
            o += 4
        self.direction = 0 if flags & 0x01 else _SENT_BY_US
        self.position = o
        return self._raw() if flags & 0x02 else _ETHERNET

    def _pflog(self) -> int:
        # What the firewall logs: the packets of some rules, or of each connection the first one.
        o = self.position
        if self.end - o < _LEAST_OF_PFLOG or self.view[o] < _LEAST_OF_PFLOG:
            return _CUT
        kind = self._raw_behind((self.view[o] + 3) & ~3)
        if kind > 0 and self.view[o + 2] == _PF_DROP:
            self.blocked += 1
        return kind

    def _token_ring(self) -> int:
        o = self.position
        if self.end - o < 15:
            return _CUT
        if self.view[o + 1] >> 6 != 1:
            # A frame of the ring's own management.
            return _NOTHING
        size = 14
        if self.view[o + 8] & 0x80:
            # The way through bridges: the first bit of the source says that it follows.
            size += self.view[o + 14] & 0x1F
        self.mac = ((big16(self.view, o + 8) & 0x7FFF) << 32) | big32(self.view, o + 10)
        self.position = o + size
        return self._llc()

    def _fddi(self) -> int:
        o = self.position
        if self.end - o < 13:
            return _CUT
        if self.view[o] & 0xF0 != 0x50:
            return _NOTHING
        self.mac = (big16(self.view, o + 7) << 32) | big32(self.view, o + 9)
        self.position = o + 13
        return self._llc()

    def _frame_relay(self) -> int:
        o = self.position
        if self.end - o < 8:
            return _CUT
        # The address has two to four bytes, the lowest bit says which is the last one.
        o += 2 if self.view[o + 1] & 1 else 3 if self.view[o + 2] & 1 else 4
        self.position = o + 2
        if self.view[o] != 0x03:
            # Cisco's own way: an EtherType.
            return big16(self.view, o)
        if self.view[o + 1] == 0xCC:
            return 0x0800
        if self.view[o + 1] == 0x8E:
            return 0x86DD
        if self.view[o + 1] == 0 and self.view[o + 2] == 0x80:
            return self._snap(o + 3)
        return _NOTHING

    def _infiniband(self) -> int:
        o = self.position
        if self.end - o < 44:
            return _CUT
        self.position = o + 44
        return big16(self.view, o + 40)

    def _pktap(self) -> int:
        o = self.position
        if self.end - o < _LEAST_OF_PKTAP:
            return _CUT
        size = little32(self.view, o)
        if size < _LEAST_OF_PKTAP or size > self.end - o:
            return _CUT
        if little32(self.view, o + 4) != 1:
            return _NOTHING
        # The interface's name stands for its number: the header has none.
        name = big32(self.view, o + 12) * 31 + big32(self.view, o + 16)
        self.ifindex = (name * 31 + big32(self.view, o + 20)) & MASK32
        flags = little32(self.view, o + 36) & 3
        if flags == 1:
            self.direction = 0
        elif flags == 2:
            self.direction = _SENT_BY_US
        self.position = o + size
        return self._inner_link(little32(self.view, o + 8))

    def _ppi(self) -> int:
        o = self.position
        size = self._radio_header(o)
        if size == 0:
            return _CUT
        self.position = o + size
        return self._inner_link(little32(self.view, o + 4))
