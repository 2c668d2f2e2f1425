# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Tell a packet that was captured twice from one that was sent twice.

``-i any``, a bridge, both sides of a router, a mirror of two ports: all show one packet several
times, maybe with another TTL, MAC, or VLAN tag. Such copies are counted and go no further. What the
network itself delivered twice looks the same on one path; there only the receiver's DSACK tells
(RFC 2883).
"""

from __future__ import annotations

from array import array

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.activity import Bins
from pcapdiag.flow.counters import count_marks
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.sequence import repeats
from pcapdiag.model.packet import ANY_RETRANSMISSION, FIN, RST, SYN

DUPLICATE_WINDOW = 100_000_000
"""Two captures of one packet are at most this far apart (ns), where the IP ID proves the
identity."""
SOFT_WINDOW = 10_000_000
"""The same where only the path differs, as without an IP ID."""
SAME_PATH_WINDOW = 200_000
"""The same for an identical packet on the same path, which a very fast repeat would resemble."""
ONLY_TTL = 256
"""Two places that differ in less than this differ in nothing but the TTL."""
RECENT = 2_048
"""Packets remembered to recognise a second capture of them: as many as the upper 11 bits of a
fingerprint tell apart. The lower ones, which nearly always tell two packets apart, are in the
nearest cache; the rest is only written then."""
TAG_BITS = 15
TAG = (1 << TAG_BITS) - 1
MASK = 0xFFFFFFFFFFFFFFFF
MASK32 = 0xFFFFFFFF
MIX_A = 0x9E3779B97F4A7C15
MIX_B = 0xC2B2AE3D27D4EB4F
"""Odd 64-bit constants that spread the bits of a key (multiplicative hashing, Knuth 6.4)."""
MAX_PATHS = 4_096
"""Pairs of an interface of the capture and one of the host (``-i any``) that are told apart."""

# Twins in C of the constants above, which plain Python imports.
_SOFT_WINDOW = SOFT_WINDOW


class Copies:
    """The packets seen lately, and how many of them were seen again.

    ``path`` is the number of the path, an interface of the capture and one of the host, that the
    packet asked about last came by.
    """

    def __init__(self, activity: Bins) -> None:
        self.activity = activity
        self.count = 0
        self.mixed = 0
        """Copies of a packet, or of a SYN, in files of two capture points."""
        self.mixed_frame = 0
        self.files = array("q")
        """The file of each interface."""
        self.path = 0
        self.path_ids: dict[tuple[int, int], int] = {}
        self._recent = array("Q", bytes(8 * 4 * RECENT))
        self._tags = array("H", bytes(2 * RECENT))
        self._interface = -1
        self._ifindex = -1

    def is_copy(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, from_a: int, time: int,
        interface: int,
    ) -> int:  # fmt: skip
        """Say whether the packet was captured before, on another path or on the same one."""
        if interface != self._interface or p.ifindex != self._ifindex:
            self._choose_path(interface, p.ifindex)
        path = self.path
        self._note_path(p, flow, path)
        place = p.fingerprint >> TAG_BITS
        slot = place << 2
        tag = p.fingerprint & TAG
        sent = (flow.stream << 1) | from_a
        known = p.numbers ^ ((p.sizes * MIX_A) & MASK) ^ ((sent * MIX_B) & MASK)
        where = p.ttl | (path << 8) | (p.vlan << 20) | ((p.mac & 0xFFFF) << 32)
        where |= (p.direction + 1) << 48
        if self._tags[place] == tag and self._recent[slot] == known:
            apart = time - self._recent[slot + 1]
            if apart < 0:
                apart = -apart
            before = self._recent[slot + 2]
            if self._same_packet(p, f, r, apart, where ^ before):
                self._note_mixed(path, before, apart, interface)
                if where == before:
                    self._note_copy(p, flow, f, r, time)
                f.duplicates += 1
                self.count += 1
                return 1
        self._tags[place] = tag
        self._recent[slot] = known
        self._recent[slot + 1] = time
        self._recent[slot + 2] = where
        return 0

    def compare_files(self, p: Packet, flow: Flow, file: int, frame: int, time: int) -> None:
        """Note whether a SYN that was seen before is the same one, captured at another point.

        One that was sent again has another IP ID or a later timestamp.
        """
        if file == flow.file or time == flow.start:
            return
        if p.ip_id != 0:
            same = p.ip_id == flow.syn_ip_id
        else:
            same = p.has_timestamps != 0 and p.tsval == flow.syn_tsval
        if same:
            self.mixed += 1
            if self.mixed_frame == 0:
                self.mixed_frame = frame

    def delivered_twice(self, p: Packet, f: HalfFlow) -> None:
        """Take back, by the receiver's DSACK in ``p``, that the last copy was the capture's."""
        if f.copy_seq != p.sack_left or (f.copy_seq + f.copy_length) & MASK32 != p.sack_right:
            return
        f.duplicates -= 1
        self.count -= 1
        f.packets += 1
        f.payload_bytes += f.copy_length
        count_marks(f, f.copy_marks)
        f.copy_seq = -1
        self.activity.packets += 1
        self.activity.bytes += f.copy_length
        if f.copy_marks & ANY_RETRANSMISSION:
            self.activity.retransmissions += 1

    def is_same_error(self, known: tuple[int, ...], fact: tuple[int, ...]) -> int:
        """Say whether an ICMP error, as ``flow.icmp`` has it, is a copy of a known one."""
        if known[3:] != fact[3:] or fact[1] - known[1] > _SOFT_WINDOW:
            return 0
        self.count += 1
        return 1

    def _choose_path(self, interface: int, ifindex: int) -> None:
        key = (interface, ifindex)
        number = self.path_ids.get(key, -1)
        if number < 0:
            number = len(self.path_ids)
            if number >= MAX_PATHS:
                number = MAX_PATHS - 1
            else:
                self.path_ids[key] = number
        self._interface = interface
        self._ifindex = ifindex
        self.path = number

    def _note_path(self, p: Packet, flow: Flow, path: int) -> None:
        if path != flow.interface0:
            if flow.interface0 < 0:
                flow.interface0 = path
            elif flow.interface1 < 0 or flow.interface1 == path:
                flow.interface1 = path
            elif flow.interface2 < 0 or flow.interface2 == path:
                flow.interface2 = path
            elif flow.interface3 < 0:
                flow.interface3 = path
        if p.vlan != 0 and p.vlan != flow.vlan0:
            if flow.vlan0 == 0:
                flow.vlan0 = p.vlan
            elif flow.vlan1 == 0:
                flow.vlan1 = p.vlan
        if p.vni != 0 and p.vni != flow.vni0:
            if flow.vni0 == 0:
                flow.vni0 = p.vni
            elif flow.vni1 == 0:
                flow.vni1 = p.vni

    def _same_packet(self, p: Packet, f: HalfFlow, r: HalfFlow, apart: int, moved: int) -> int:
        if apart > DUPLICATE_WINDOW:
            return 0
        if p.version == 4 and p.ip_id != 0:
            return 1
        if moved != 0:
            # Bare RSTs of two senders are alike but for the TTL; a router's copy has another MAC.
            if p.flags & RST and moved < ONLY_TTL and apart > SAME_PATH_WINDOW:
                return 0
            return 1 if apart <= _SOFT_WINDOW else 0
        if apart > SAME_PATH_WINDOW:
            return 0
        if p.payload_length == 0 and not p.flags & (SYN | FIN):
            # Acknowledgments and resets may be sent twice within microseconds.
            return 1 if f.duplicates + r.duplicates > 0 else 0
        return 1

    def _note_mixed(self, path: int, before: int, apart: int, interface: int) -> None:
        other = (before >> 8) & 0xFFF
        if path == other or apart == 0:
            return
        for (known, _ifindex), number in self.path_ids.items():
            if number == other and self.files[known] != self.files[interface]:
                self.mixed += 1

    def _note_copy(self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int) -> None:
        # On one path it may be the network that made the copy: the receiver's DSACK would show it.
        if p.payload_length > 0 and p.seq != f.resent_seq:
            f.copy_seq = p.seq
            f.copy_length = p.payload_length
            f.copy_marks = repeats(p, flow, f, r, time)
