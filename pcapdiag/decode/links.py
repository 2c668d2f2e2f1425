# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Link layers other than Ethernet: what stands before the first IP header of a packet.

Each method reads one header at ``position`` and leaves the next one's place there. It returns the
EtherType of what follows, one of the kinds below that have none, or a result as -1000 - kind.

Layouts: LINKTYPE_* pages of tcpdump.org, RFC 2516 (PPPoE), linux/nfnetlink_log.h (NFLOG), bsd/net/
pktap.h of Apple's XNU (PKTAP), IEEE 802.11-2020 section 9.2, radiotap.org, the PPI specification
1.0.10 (CACE), IEEE 802.2 and RFC 1042 (LLC and SNAP), print-juniper.c of tcpdump, net/dsa of Linux
(tags of a switch), if_enc.h of OpenBSD and FreeBSD.
"""

from __future__ import annotations

from array import array

from pcapdiag.model.numbers import big16, big32, little32

NOTHING = -1000
"""Nothing that is read follows: what decode() returns as OTHER."""
CUT = -1006
"""The header is not whole, or is none: UNDECODED."""
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
MASK32 = 0xFFFFFFFF

ENCRYPTED_WIFI = 0
PARTS_OF_WIFI = 1
DAMAGED_WIFI = 2
ESP = 3
WIREGUARD = 4
MACSEC = 5
DTLS_CAPWAP = 6
PARTS_OF_CAPWAP = 7
PPTP = 8
L2TPV3 = 9
UNREAD = (
    "Wi-Fi frames that are encrypted (airdecap-ng decrypts them with the network's password)",
    "Wi-Fi frames with parts of packets, or several (fragments, A-MSDU)",
    "Wi-Fi frames that arrived damaged (bad FCS)",
    "IPsec ESP, which is encrypted",
    "WireGuard, which is encrypted",
    "MACsec, which is encrypted",
    "CAPWAP, which is encrypted (DTLS)",
    "CAPWAP with parts of frames",
    "PPTP (enhanced GRE), which is not read",
    "L2TPv3, which is not read",
)
"""What is recognised and not looked into, by the numbers above."""

# Twins in C of the constants above, which plain Python imports.
_ENCRYPTED_WIFI = ENCRYPTED_WIFI
_PARTS_OF_WIFI = PARTS_OF_WIFI
_DAMAGED_WIFI = DAMAGED_WIFI
_NOTHING = NOTHING
_CUT = CUT
_NO_LINK = NO_LINK
_ETHERNET = ETHERNET
_SENT_BY_US = SENT_BY_US
_ARPHRD_LOOPBACK = ARPHRD_LOOPBACK
_LEAST_OF_PKTAP = LEAST_OF_PKTAP


class Links:
    """Where the decoder is in a packet, and what the link layer said of it."""

    def __init__(self) -> None:
        self.view: bytes | bytearray = b""
        self.position = 0
        self.end = 0
        self.wire_end = 0
        self.mac = 0
        self.vlan = 0
        self.vni = 0
        self.direction = -1
        self.ifindex = 0
        self.unread = array("q", bytes(8 * len(UNREAD)))
        """Packets of each kind of UNREAD, since the start."""

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
        return _NO_LINK

    def _inner_link(self, link_type: int) -> int:
        """Read the link layer in a capture header, which may not be such a header again."""
        if link_type == 1:
            return _ETHERNET
        if link_type == 149 or link_type == 258 or link_type == 192:
            return _NO_LINK
        return self._other_link(link_type)

    def _not_read(self, what: int) -> int:
        self.unread[what] += 1
        return _NOTHING

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

    def _radio_header(self, o: int) -> int:
        """Return the length of a header of PPI or radiotap, version 0; 0 where it is not whole."""
        if self.end - o < 8 or self.view[o] != 0:
            return 0
        size = self.view[o + 2] | (self.view[o + 3] << 8)
        return 0 if size < 8 or size > self.end - o else size

    def _ppi(self) -> int:
        o = self.position
        size = self._radio_header(o)
        if size == 0:
            return _CUT
        self.position = o + size
        return self._inner_link(little32(self.view, o + 4))

    def _radiotap(self) -> int:
        o = self.position
        size = self._radio_header(o)
        if size == 0:
            return _CUT
        flags = self._radiotap_flags(o, o + size)
        self.position = o + size
        if flags & 0x40:
            return self._not_read(_DAMAGED_WIFI)
        return self._wifi(flags & 0x20)

    def _radiotap_flags(self, o: int, stop: int) -> int:
        """Return the flags of a radiotap header, 0 where it has none."""
        at = o + 4
        present = little32(self.view, at)
        more = present
        at += 4
        while more >> 31:
            if stop - at < 4:
                return 0
            more = little32(self.view, at)
            at += 4
        if present & 1:
            # A clock of 8 bytes comes first, and fields are aligned in the header.
            at = o + ((at - o + 7) & ~7) + 8
        return self.view[at] if present & 2 and at < stop else 0

    def _wifi(self, padded: int) -> int:
        """Read an 802.11 frame; ``padded``: its header is filled up to 4 bytes."""
        o = self.position
        if self.end - o < 2:
            return _CUT
        return self._wifi_data(self.view[o], self.view[o + 1], padded)

    def _wifi_data(self, control: int, flags: int, padded: int) -> int:
        """Read a data frame with these two bytes of frame control."""
        o = self.position
        if self.end - o < 24:
            return _CUT
        if control & 0x4F != 0x08:
            # Management, control, and data frames without data.
            return _NOTHING
        source = o + 10
        size = 24
        if flags & 3 == 3:
            source = o + 24
            size = 30
        elif flags & 2:
            source = o + 16
        several = self.view[o + 22] & 0x0F
        if control & 0x80:
            if self.end - o < size + 2:
                return _CUT
            several |= self.view[o + size] & 0x80
            size += 6 if flags & 0x80 else 2
        if flags & 0x40:
            return self._not_read(_ENCRYPTED_WIFI)
        if several or flags & 0x04:
            return self._not_read(_PARTS_OF_WIFI)
        if padded:
            size = (size + 3) & ~3
        if self.end - o < size:
            return _CUT
        self.mac = (big16(self.view, source) << 32) | big32(self.view, source + 2)
        self.position = o + size
        return self._llc()

    def _llc(self) -> int:
        o = self.position
        if self.end - o < 8:
            # Bridges and switches say short things in LLC alone.
            return _NOTHING
        vendor = big16(self.view, o + 4)
        if big16(self.view, o) != 0xAAAA or big16(self.view, o + 2) != 0x0300:
            return _NOTHING
        if vendor != 0 and vendor != 0x00F8:
            # Bridges write the second one for what came from Ethernet (IEEE 802.1H).
            return _NOTHING
        self.position = o + 8
        return big16(self.view, o + 6)
