# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Packets decoded ahead: what the headers of a TCP segment say, in a row of 32-bit words.

The thread that reads ahead decodes as well (:class:`Rows`), and who follows connections takes up
what it found (:func:`unpack`). What is no TCP segment has no row, and is decoded when its turn
comes.
"""

from __future__ import annotations

from array import array

from pcapdiag.capture.ahead import Preparation
from pcapdiag.capture.window import Columns
from pcapdiag.decode.headers import TCP, Packet

WORDS = 32
"""Words of a row. The first half, one cache line, is all that most segments need."""
HASH = 15
"""Word of the hash of addresses and ports."""
IS_LONG = 1 << 12
"""In the first word: the second half says something, too."""
MASK32 = 0xFFFFFFFF

# Twins in C of the constants above, which plain Python imports.
_WORDS = WORDS
_HASH = HASH
_IS_LONG = IS_LONG
_TCP = TCP


class Rows(Preparation):
    """The rows of a buffer's packets; a packet without one has 0 in its first word.

    ``seed`` is the one of the connection table.
    """

    def __init__(self, seed: int, buffer: bytearray, packets: int, link_type: int) -> None:
        self._seed = seed
        self.words = memoryview(array("I", bytes(4 * WORDS * packets)))
        self.width = WORDS
        self._rows = self.words
        self._link_type = link_type
        self._packet = Packet()
        self._packet.load(buffer)

    def prepare(self, into: Columns, first: int, last: int) -> None:
        """Decode the packets ``first`` to ``last`` (not included); needs no interpreter lock."""
        for i in range(first, last):
            kind = self._packet.decode(
                into.offsets[i], into.captured[i], into.lengths[i], self._link_type
            )
            if kind == _TCP:
                pack(self._packet, self._rows, i * _WORDS, self._seed)
            else:
                self._rows[i * _WORDS] = 0


def pack(p: Packet, rows: memoryview[int], at: int, seed: int) -> None:
    """Put a TCP segment into ``rows[at : at + WORDS]``, with its hash for ``seed``."""
    rare = p.sack_blocks | p.sack_permitted | (p.window_scale + 1) | (p.mss + 1)
    rare |= p.vlan | p.vni | p.flow_label | p.ifindex | (p.version - 4)
    bits = p.version | (p.bad_checksum << 4) | (p.cut << 5) | (p.df << 6)
    bits |= (p.has_timestamps << 7) | ((p.direction + 1) << 8)
    if rare:
        bits |= _IS_LONG
    rows[at] = bits
    rows[at + 1] = p.flags | (p.ttl << 8) | (p.tos << 16) | (p.option_bytes << 24)
    rows[at + 2] = p.seq
    rows[at + 3] = p.ack
    rows[at + 4] = p.source_port | (p.target_port << 16)
    rows[at + 5] = p.window | (p.ip_id << 16)
    rows[at + 6] = p.tsval
    rows[at + 7] = p.tsecr
    rows[at + 8] = p.source_low & MASK32
    rows[at + 9] = p.target_low & MASK32
    rows[at + 10] = p.mac & MASK32
    rows[at + 11] = p.mac >> 32
    rows[at + 12] = p.payload
    rows[at + 13] = p.payload_length
    rows[at + 14] = p.payload_captured
    rows[at + _HASH] = p.pair_hash(seed)
    if rare:
        _pack_rare(p, rows, at)


def _pack_rare(p: Packet, rows: memoryview[int], at: int) -> None:
    rows[at + 16] = p.sack_left
    rows[at + 17] = p.sack_right
    rows[at + 18] = (
        p.sack_blocks
        | (p.sack_permitted << 8)
        | (p.sack_within << 9)
        | ((p.window_scale + 1) << 16)
    )
    rows[at + 19] = p.mss + 1
    rows[at + 20] = p.vlan
    rows[at + 21] = p.vni
    rows[at + 22] = p.flow_label
    rows[at + 23] = p.ifindex
    rows[at + 24] = p.source_low >> 32
    rows[at + 25] = p.target_low >> 32
    rows[at + 26] = p.source_high & MASK32
    rows[at + 27] = p.source_high >> 32
    rows[at + 28] = p.target_high & MASK32
    rows[at + 29] = p.target_high >> 32


def unpack(p: Packet, rows: memoryview[int], at: int) -> int:
    """Make ``p`` the segment that ``pack`` put there; return 0, and do nothing, without a row."""
    bits = rows[at]
    if bits == 0:
        return 0
    p.version = bits & 0x0F
    p.bad_checksum = (bits >> 4) & 1
    p.cut = (bits >> 5) & 1
    p.df = (bits >> 6) & 1
    p.has_timestamps = (bits >> 7) & 1
    p.direction = ((bits >> 8) & 0x0F) - 1
    word = rows[at + 1]
    p.flags = word & 0xFF
    p.ttl = (word >> 8) & 0xFF
    p.tos = (word >> 16) & 0xFF
    p.option_bytes = word >> 24
    p.seq = rows[at + 2]
    p.ack = rows[at + 3]
    word = rows[at + 4]
    p.source_port = word & 0xFFFF
    p.target_port = word >> 16
    word = rows[at + 5]
    p.window = word & 0xFFFF
    p.ip_id = word >> 16
    p.tsval = rows[at + 6]
    p.tsecr = rows[at + 7]
    p.source_low = rows[at + 8]
    p.target_low = rows[at + 9]
    high = rows[at + 11]
    p.mac = rows[at + 10] | (high << 32)
    p.payload = rows[at + 12]
    p.payload_length = rows[at + 13]
    p.payload_captured = rows[at + 14]
    p.hash = rows[at + _HASH]
    if bits & _IS_LONG:
        _unpack_rare(p, rows, at)
        p.is_rare = 1
    elif p.is_rare:
        _clear_rare(p)
        p.is_rare = 0
    return 1


def _unpack_rare(p: Packet, rows: memoryview[int], at: int) -> None:
    p.sack_left = rows[at + 16]
    p.sack_right = rows[at + 17]
    word = rows[at + 18]
    p.sack_blocks = word & 0xFF
    p.sack_permitted = (word >> 8) & 1
    p.sack_within = (word >> 9) & 1
    p.window_scale = (word >> 16) - 1
    word = rows[at + 19]
    p.mss = word - 1
    p.vlan = rows[at + 20]
    p.vni = rows[at + 21]
    p.flow_label = rows[at + 22]
    p.ifindex = rows[at + 23]
    high = rows[at + 24]
    p.source_low |= high << 32
    high = rows[at + 25]
    p.target_low |= high << 32
    high = rows[at + 27]
    p.source_high = rows[at + 26] | (high << 32)
    high = rows[at + 29]
    p.target_high = rows[at + 28] | (high << 32)


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
    p.flow_label = 0
    p.ifindex = 0
    p.source_high = 0
    p.target_high = 0
