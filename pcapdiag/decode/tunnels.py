# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Tags, tunnels and mirrors: what wraps a packet in another one, beside the most frequent.

Methods are as those of :class:`Links`. What a switch or an access point mirrored to somewhere has
no direction, VLAN or number of the packet that carries the copy.

Layouts: RFC 3032 and RFC 4448 (MPLS, Ethernet over it), RFC 2784 and 2890 (GRE), RFC 7637 (NVGRE),
draft-foschiano-erspan-03, RFC 3378 (EtherIP), RFC 2661 (L2TP), RFC 5415 (CAPWAP), 3GPP TS 29.281
(GTP-U), draft-ietf-nvo3-vxlan-gpe-13, RFC 8300 (NSH), IEEE 802.1Q-2018 clause 9.7 (I-TAG), IEEE
802.1AE clause 9 (MACsec), IEC 62439-3 (HSR), draft-smith-kandula-sxp (security group tags), RFC
3948 (ESP in UDP), and Wireshark's dissectors of TZSP, VN-Tag and FabricPath.
"""

from __future__ import annotations

from pcapdiag.decode.links import ETHERNET, Links
from pcapdiag.decode.results import (
    CUT,
    DTLS_CAPWAP,
    ESP,
    L2TPV3,
    MACSEC,
    NOTHING,
    PARTS_OF_CAPWAP,
    PPTP,
    WIREGUARD,
)
from pcapdiag.model.numbers import big16, big32

MAX_PARTS = 32
"""Extension headers of GTP-U and tags of TZSP that are followed."""

# Twins in C of what plain Python imports, too.
_MAX_PARTS = MAX_PARTS
_CUT = CUT
_NOTHING = NOTHING
_ETHERNET = ETHERNET
_ESP = ESP
_WIREGUARD = WIREGUARD
_MACSEC = MACSEC
_DTLS_CAPWAP = DTLS_CAPWAP
_PARTS_OF_CAPWAP = PARTS_OF_CAPWAP
_PPTP = PPTP
_L2TPV3 = L2TPV3


class Tunnels(Links):
    """Reads what is met seldom, asked after all that is met often."""

    def _seldom(self, kind: int) -> int:
        """Read what an EtherType, an IP protocol (negative) or a length (802.3) announces."""
        if 0 < kind <= 1500:
            return self._llc()
        if kind == 0x8926 or kind == 0x892F:
            return self._skip(6, 0)
        if kind == 0x8909:
            return self._skip(8, 0)
        if kind == 0x8903:
            return self._skip(2, _ETHERNET)
        if kind == 0x88E7:
            return self._service_tag()
        if kind == 0x88E5:
            return self._macsec()
        if kind == 0x894F:
            return self._service_header()
        if kind == -97:
            return self._skip(2, _ETHERNET)
        if kind == -50:
            return self._not_read(_ESP)
        if kind == -115:
            return self._not_read(_L2TPV3)
        return _NOTHING

    def _in_udp(self, source: int, target: int, o: int) -> int:
        """Read what UDP carries from ``o``, by its ports."""
        if target == 2152:
            return self._gtp(o)
        if target == 37008:
            return self._tzsp(o)
        if target == 4790:
            return self._vxlan_gpe(o)
        if target == 5247 or source == 5247:
            return self._capwap(o)
        if target == 1701 or source == 1701:
            return self._l2tp(o)
        if self.end - o < 8:
            return _NOTHING
        if target == 4500 or source == 4500:
            # IKE begins with four zeros.
            return self._not_read(_ESP) if big32(self.view, o) != 0 else _NOTHING
        if big16(self.view, o) == 0x0400 and big16(self.view, o + 2) == 0:
            if self._is_wireguard(source) or self._is_wireguard(target):
                return self._not_read(_WIREGUARD)
        return _NOTHING

    def _is_wireguard(self, port: int) -> int:
        """Say whether WireGuard itself, Flannel and Calico, Cilium, or Tailscale uses a port."""
        return 1 if port in (51820, 51821, 51871, 41641) else 0

    def _skip(self, size: int, follows: int) -> int:
        """Pass a tag; what follows it is an EtherType in its last bytes where it is not said."""
        o = self.position
        if self.end - o < size:
            return _CUT
        self.position = o + size
        return follows if follows != 0 else big16(self.view, o + size - 2)

    def _mirrored(self) -> None:
        """Forget what is true only of the packet that carries a copy."""
        self.mac = 0
        self.vlan = 0
        self.vni = 0
        self.direction = -1

    # Tags.

    def _vlan_tag(self) -> int:
        o = self.position
        if self.end - o < 4:
            return _CUT
        if self.vlan == 0:
            self.vlan = big16(self.view, o) & 0x0FFF
        self.position = o + 4
        return big16(self.view, o + 2)

    def _service_tag(self) -> int:
        o = self.position
        if self.end - o < 4:
            return _CUT
        if self.vni == 0:
            self.vni = big32(self.view, o) & 0xFFFFFF
        self.position = o + 4
        return _ETHERNET

    def _macsec(self) -> int:
        o = self.position
        if self.end - o < 1:
            return _CUT
        control = self.view[o]
        if control & 0x0C:
            return self._not_read(_MACSEC)
        return self._skip(16 if control & 0x20 else 8, 0)

    def _mpls(self) -> int:
        o = self.position
        while self.end - o >= 5:
            bottom = self.view[o + 2] & 1
            o += 4
            if bottom:
                self.position = o
                if self._is_ip(o):
                    return self._raw()
                if self.end - o >= 4 and big16(self.view, o) == 0:
                    # The control word of a pseudowire.
                    self.position = o + 4
                return _ETHERNET
        return _CUT

    def _is_ip(self, o: int) -> int:
        """Say whether IP follows a label, by its length: a MAC address may begin as IP does."""
        left = self.end - o
        first = self.view[o]
        size = 0
        if first >> 4 == 4:
            size = big16(self.view, o + 2) if left >= 4 else 0
            return 1 if first & 0x0F >= 5 and size <= self.wire_end - o else 0
        if first >> 4 == 6:
            size = big16(self.view, o + 4) if left >= 6 else 0
            return 1 if size + 40 <= self.wire_end - o else 0
        return 0

    def _service_header(self) -> int:
        o = self.position
        if self.end - o < 8:
            return _CUT
        self.position = o + ((self.view[o + 1] & 0x3F) << 2)
        return self._announced(self.view[o + 3])

    def _announced(self, protocol: int) -> int:
        """Return the kind of a next protocol of VXLAN-GPE and NSH."""
        if protocol == 1:
            return 0x0800
        if protocol == 2:
            return 0x86DD
        if protocol == 3:
            return _ETHERNET
        if protocol == 4:
            return 0x894F
        if protocol == 5:
            return 0x8847
        return _NOTHING

    # Tunnels and mirrors.

    def _gre(self) -> int:
        o = self.position
        if self.end - o < 4:
            return _CUT
        flags = big16(self.view, o)
        protocol = big16(self.view, o + 2)
        o += 4
        if flags & 0x8000:
            o += 4
        if flags & 0x2000:
            if self.end - o < 4:
                return _CUT
            if self.vni == 0:
                self.vni = big32(self.view, o)
            o += 4
        if flags & 0x1000:
            o += 4
        if flags & 0x4007:
            # Routing (RFC 1701) and enhanced GRE (PPTP, RFC 2637) are not followed.
            return self._not_read(_PPTP) if protocol == 0x880B else _NOTHING
        self.position = o
        if protocol == 0x88BE or protocol == 0x22EB:
            return self._erspan(flags & 0x1000)
        return protocol if protocol != 0 else _NOTHING

    def _erspan(self, numbered: int) -> int:
        """Read the header of a mirrored frame; type I has none, and GRE numbers no packets."""
        o = self.position
        self._mirrored()
        if not numbered:
            return _ETHERNET
        if self.end - o < 12:
            return _CUT
        self.vlan = big16(self.view, o) & 0x0FFF
        version = self.view[o] >> 4
        if version == 1:
            self.position = o + 8
            return _ETHERNET
        if version != 2:
            return _NOTHING
        frame_type = (self.view[o + 10] >> 2) & 0x1F
        self.position = o + (20 if self.view[o + 11] & 1 else 12)
        if frame_type == 0:
            return _ETHERNET
        return self._raw() if frame_type == 2 else _NOTHING

    def _tzsp(self, o: int) -> int:
        if self.end - o < 5 or self.view[o] != 1 or self.view[o + 1] > 1:
            return _NOTHING
        protocol = big16(self.view, o + 2)
        o += 4
        parts = 0
        while parts < _MAX_PARTS and self.end - o >= 1:
            parts += 1
            tag = self.view[o]
            o += 1
            if tag == 1:
                self._mirrored()
                self.position = o
                if protocol == 1:
                    return _ETHERNET
                return self._wifi(0) if protocol == 18 else _NOTHING
            if tag != 0:
                if self.end - o < 1:
                    return _CUT
                o += 1 + self.view[o]
        return _CUT

    def _vxlan_gpe(self, o: int) -> int:
        if self.end - o < 8 or self.view[o] & 0x0C != 0x0C:
            return _NOTHING
        self.vni = big32(self.view, o + 4) >> 8
        self.position = o + 8
        return self._announced(self.view[o + 3])

    def _gtp(self, o: int) -> int:
        # Version 1, GTP and not GTP', and a packet of a user.
        if self.end - o < 8 or self.view[o] & 0xF0 != 0x30 or self.view[o + 1] != 255:
            return _NOTHING
        flags = self.view[o] & 7
        o += 8
        if flags:
            o += 4
            parts = 0
            while flags & 4 and self.end - o >= 1 and self.view[o - 1] != 0:
                parts += 1
                size = self.view[o] << 2
                if size == 0 or parts > _MAX_PARTS or self.end - o < size:
                    return _CUT
                o += size
        if self.end - o < 1:
            return _CUT
        version = self.view[o] >> 4
        self.position = o
        # Ethernet and PPP are not told apart from it here: the session says which it is.
        return self._raw() if version == 4 or version == 6 else _NOTHING

    def _capwap(self, o: int) -> int:
        if self.end - o < 8:
            return _NOTHING
        if self.view[o] == 1:
            return self._not_read(_DTLS_CAPWAP)
        size = (self.view[o + 1] >> 3) << 2
        flags = self.view[o + 3]
        if self.view[o] != 0 or size < 8 or flags & 0x08:
            return _NOTHING
        if flags & 0x80:
            return self._not_read(_PARTS_OF_CAPWAP)
        is_wifi = self.view[o + 2] & 1
        self.position = o + size
        return self._wifi_of_capwap() if is_wifi else _ETHERNET

    def _wifi_of_capwap(self) -> int:
        o = self.position
        if self.end - o < 2:
            return _CUT
        # Some access points swap the two bytes of frame control: then the second one says "data".
        if self.view[o] & 0x0F != 0x08 and self.view[o + 1] & 0x0F == 0x08:
            return self._wifi_data(self.view[o + 1], self.view[o], 0)
        return self._wifi(0)

    def _l2tp(self, o: int) -> int:
        if self.end - o < 6:
            return _NOTHING
        flags = big16(self.view, o)
        if flags & 0x800F != 0x0002:
            return self._not_read(_L2TPV3) if flags & 0x800F == 0x0003 else _NOTHING
        o += 6
        if flags & 0x4000:
            o += 2
        if flags & 0x0800:
            o += 4
        if flags & 0x0200:
            if self.end - o < 2:
                return _CUT
            o += 2 + big16(self.view, o)
        self.position = o
        return self._ppp()
