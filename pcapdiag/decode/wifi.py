# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Wi-Fi frames and the radio headers before them, and LLC, which other networks have, too.

Methods are as those of :class:`Links`. Layouts: IEEE 802.11-2020 section 9.2, radiotap.org,
LINKTYPE_* pages of tcpdump.org and Wireshark's dissectors (Prism, AVS), IEEE 802.2 and RFC 1042
(LLC and SNAP).
"""

from __future__ import annotations

from array import array

from pcapdiag.decode.results import (
    CUT,
    DAMAGED_WIFI,
    ENCRYPTED_WIFI,
    NOTHING,
    PARTS_OF_WIFI,
    UNREAD,
)
from pcapdiag.model.numbers import big16, big32, little32

AVS = 0x80211
"""How AVS headers begin (20 bits); the other 12 are their version."""
PRISM_BYTES = 144
"""Bytes of a Prism header, which has its length, but in any byte order."""

# Twins in C of the constants above, which plain Python imports.
_CUT = CUT
_NOTHING = NOTHING
_ENCRYPTED_WIFI = ENCRYPTED_WIFI
_PARTS_OF_WIFI = PARTS_OF_WIFI
_DAMAGED_WIFI = DAMAGED_WIFI
_AVS = AVS
_PRISM_BYTES = PRISM_BYTES


class Wifi:
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
        self.blocked = 0
        """Packets of which a firewall's log says that it blocked them, since the start."""

    def _not_read(self, what: int) -> int:
        self.unread[what] += 1
        return _NOTHING

    def _radio_header(self, o: int) -> int:
        """Return the length of a header of PPI or radiotap, version 0; 0 where it is not whole."""
        if self.end - o < 8 or self.view[o] != 0:
            return 0
        size = self.view[o + 2] | (self.view[o + 3] << 8)
        return 0 if size < 8 or size > self.end - o else size

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

    def _prism(self) -> int:
        """Read a radio header of Prism, or of AVS, which is met with Prism's number, too."""
        o = self.position
        if self.end - o < 8:
            return _CUT
        size = _PRISM_BYTES
        if big32(self.view, o) >> 12 == _AVS:
            size = big32(self.view, o + 4)
        if size > self.end - o:
            return _CUT
        self.position = o + size
        return self._wifi(0)

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
        if big16(self.view, o) != 0xAAAA or self.view[o + 2] != 0x03:
            return _NOTHING
        return self._snap(o + 3)

    def _snap(self, o: int) -> int:
        if self.end - o < 5:
            return _CUT
        vendor = (big16(self.view, o) << 8) | self.view[o + 2]
        if vendor != 0 and vendor != 0x0000F8:
            # Bridges write the second one for what came from Ethernet (IEEE 802.1H).
            return _NOTHING
        self.position = o + 5
        return big16(self.view, o + 3)
