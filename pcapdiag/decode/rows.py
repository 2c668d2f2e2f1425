# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What the headers of a TCP segment say, in words of 64 bits.

Four words are what is kept of a segment (:func:`seal`; flow/story.py reads them). A row has them
and some more, of a packet decoded ahead: the thread that reads ahead decodes as well
(:class:`Rows`), and who follows connections takes up what it found (:func:`unpack`). What is no TCP
segment has no row, and is decoded when its turn comes.
"""

from __future__ import annotations

from pcapdiag.capture.ahead import Preparation
from pcapdiag.capture.window import Columns
from pcapdiag.decode.headers import TCP, Packet
from pcapdiag.model.room import number_room

# Bits of ``traits``, beside flags, TTL, TOS, window, direction and the number of option bytes.
# Bit 8 is free, for who knows the connection: which end sent the segment.
HAS_TIMESTAMPS = 1 << 9
HAS_DF = 1 << 10
HAS_SACK = 1 << 11
IS_IPV6 = 1 << 54
IS_MULTIPATH = 1 << 55
IS_FAST_CLOSE = 1 << 56
IS_JOIN = 1 << 57

WORDS = 16
"""Words of a row. The first half, one cache line, is all that most segments need."""
HASH = 6
"""Word that has the hash of addresses and ports, in its upper half."""
IS_LONG = 1 << 54
"""In word 4: the second half says something, too."""
MASK32 = 0xFFFFFFFF
MASK48 = 0xFFFFFFFFFFFF
MASK = 0xFFFFFFFFFFFFFFFF
MIX_A = 0x9E3779B97F4A7C15
MIX_B = 0xC2B2AE3D27D4EB4F
"""Odd 64-bit constants that spread the bits of a key (multiplicative hashing, Knuth 6.4)."""
FINGERPRINT = 38
"""The upper 26 bits of a product are its best ones."""

# Twins in C of constants that plain Python imports.
_WORDS = WORDS
_TCP = TCP
_HAS_SACK = HAS_SACK
_IS_IPV6 = IS_IPV6


class Rows(Preparation):
    """The rows of a buffer's packets; a packet without one has 0 in word 4.

    ``seed`` is the one of the connection table.
    """

    def __init__(self, seed: int, buffer: bytearray, packets: int, link_type: int) -> None:
        self._seed = seed
        self.words = number_room(WORDS * packets, "Q")
        self.width = WORDS
        self._rows = self.words
        self._link_type = link_type
        self._packet = Packet()
        self._packet.load(buffer)

    def prepare(self, into: Columns, first: int, last: int) -> None:
        """Decode the packets ``first`` to ``last`` (not included); needs no interpreter lock."""
        for i in range(first, last):
            offset = into.offsets[i]
            kind = self._packet.decode(offset, into.captured[i], into.lengths[i], self._link_type)
            if kind == _TCP:
                pack(self._packet, self._rows, i * _WORDS, offset, self._seed)
            else:
                self._rows[i * _WORDS + 4] = 0


def seal(p: Packet) -> None:
    """Put together what is kept of a segment, and its fingerprint.

    The fingerprint has 26 bits: two captures of one packet have it in common, whatever routers
    change on the way.
    """
    p.numbers = p.seq | (p.ack << 32)
    p.stamps = p.tsval | (p.tsecr << 32)
    traits = p.flags | (p.has_timestamps << 9) | (p.df << 10) | ((p.direction + 1) & 0x0F) << 12
    traits |= (p.ttl << 16) | (p.tos << 24) | (p.window << 32) | (p.option_bytes << 48)
    traits |= p.multipath << 55
    if p.sack_blocks > 0:
        traits |= _HAS_SACK
    if p.version == 6:
        traits |= _IS_IPV6
    p.traits = traits
    # One of the two is 0: the IP ID is IPv4's, the flow label IPv6's.
    p.sizes = p.payload_length | ((p.ip_id | p.flow_label) << 32)
    key = (p.numbers * MIX_A) & MASK
    key ^= (p.sizes * MIX_B) & MASK
    word = p.tsval | (p.flags << 32) | (p.window << 40)
    key ^= word ^ p.sack_left ^ (p.sack_right << 32)
    key ^= p.source_low ^ (p.target_low << 32) & MASK
    key ^= p.source_port << 8 ^ p.target_port << 24
    p.fingerprint = ((key * MIX_A) & MASK) >> FINGERPRINT


def pack(p: Packet, rows: memoryview[int], at: int, offset: int, seed: int) -> None:
    """Put a TCP segment into ``rows[at : at + WORDS]``, with its hash for ``seed``.

    ``offset`` is where the packet begins.
    """
    seal(p)
    rare = p.sack_blocks | p.sack_permitted | (p.window_scale + 1) | (p.mss + 1)
    rare |= p.vlan | p.vni | p.ifindex | (p.version - 4)
    # The version is never 0, and says that there is a row.
    link = p.mac | (p.version << 48) | (p.bad_checksum << 52) | (p.cut << 53)
    if rare:
        link |= IS_LONG
    rows[at] = p.numbers
    rows[at + 1] = p.stamps
    rows[at + 2] = p.traits
    rows[at + 3] = p.sizes
    rows[at + 4] = link
    rows[at + 5] = p.source_low & MASK32 | ((p.target_low & MASK32) << 32)
    rows[at + 6] = p.source_port | (p.target_port << 16) | (p.pair_hash(seed) << 32)
    # 19 bits each: a packet has at most MAX_PACKET bytes.
    rows[at + 7] = (p.payload - offset) | (p.payload_captured << 19) | (p.fingerprint << 38)
    if rare:
        _pack_rare(p, rows, at)


def _pack_rare(p: Packet, rows: memoryview[int], at: int) -> None:
    rows[at + 8] = p.sack_left | (p.sack_right << 32)
    rows[at + 9] = (
        p.sack_blocks
        | (p.sack_permitted << 8)
        | (p.sack_within << 9)
        | ((p.window_scale + 1) << 16)
        | ((p.mss + 1) << 32)
    )
    rows[at + 10] = p.vlan | (p.vni << 32)
    rows[at + 11] = p.ifindex
    rows[at + 12] = (p.source_low >> 32) | (p.target_low >> 32 << 32)
    rows[at + 13] = p.source_high
    rows[at + 14] = p.target_high


def unpack(p: Packet, rows: memoryview[int], at: int, offset: int) -> int:
    """Make ``p`` the segment that ``pack`` put there; return 0, and do nothing, without a row.

    What nobody asks of it is only in the sealed words: TOS, DF, flow label, multipath, options.
    """
    link = rows[at + 4]
    if link == 0:
        return 0
    p.mac = link & MASK48
    p.version = (link >> 48) & 0x0F
    p.bad_checksum = (link >> 52) & 1
    p.cut = (link >> 53) & 1
    word = rows[at]
    p.numbers = word
    p.seq = word & MASK32
    p.ack = word >> 32
    word = rows[at + 1]
    p.stamps = word
    p.tsval = word & MASK32
    p.tsecr = word >> 32
    word = rows[at + 2]
    p.traits = word
    p.flags = word & 0xFF
    p.has_timestamps = (word >> 9) & 1
    p.direction = ((word >> 12) & 0x0F) - 1
    p.ttl = (word >> 16) & 0xFF
    p.window = (word >> 32) & 0xFFFF
    sizes = rows[at + 3]
    p.sizes = sizes
    p.payload_length = sizes & MASK32
    p.ip_id = 0 if word & _IS_IPV6 else sizes >> 32
    word = rows[at + 5]
    p.source_low = word & MASK32
    p.target_low = word >> 32
    word = rows[at + 6]
    p.source_port = word & 0xFFFF
    p.target_port = (word >> 16) & 0xFFFF
    p.hash = word >> 32
    word = rows[at + 7]
    p.payload = offset + (word & 0x7FFFF)
    p.payload_captured = (word >> 19) & 0x7FFFF
    p.fingerprint = word >> 38
    if link & IS_LONG:
        _unpack_rare(p, rows, at)
        p.is_rare = 1
    elif p.is_rare:
        _clear_rare(p)
        p.is_rare = 0
    return 1


def _unpack_rare(p: Packet, rows: memoryview[int], at: int) -> None:
    word = rows[at + 8]
    p.sack_left = word & MASK32
    p.sack_right = word >> 32
    word = rows[at + 9]
    p.sack_blocks = word & 0xFF
    p.sack_permitted = (word >> 8) & 1
    p.sack_within = (word >> 9) & 1
    p.window_scale = ((word >> 16) & 0xFFFF) - 1
    p.mss = (word >> 32) - 1
    word = rows[at + 10]
    p.vlan = word & MASK32
    p.vni = word >> 32
    p.ifindex = rows[at + 11]
    word = rows[at + 12]
    p.source_low |= (word & MASK32) << 32
    p.target_low |= (word >> 32) << 32
    p.source_high = rows[at + 13]
    p.target_high = rows[at + 14]


def _clear_rare(p: Packet) -> None:
    p.sack_left = 0
    p.sack_right = 0
    p.sack_blocks = 0
    p.sack_permitted = 0
    p.sack_within = 0
    p.window_scale = -1
    p.mss = -1
    p.vlan = 0
    p.vni = 0
    p.ifindex = 0
    p.source_high = 0
    p.target_high = 0
