"""One kept packet, and the bits that describe it: for the tracker and for plain Python."""

from __future__ import annotations

from functools import lru_cache

import msgspec

MASK32 = 0xFFFFFFFF
"""Sequence numbers are 32 bits wide (RFC 9293 section 3.4)."""
FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

INITIAL_TTLS = (64, 128, 255)
"""What stacks start with: a packet that still has it was made on the capture's link."""

# What the tracker found out about a packet (PacketFact.marks). The first group follows Wireshark's
# tcp.analysis; docs/tcp-analysis.md says where and why the counts differ.
RETRANSMISSION = 1 << 0
"""Sent again, and neither fast nor spurious: a retransmission timeout."""
FAST_RETRANSMISSION = 1 << 1
SPURIOUS_RETRANSMISSION = 1 << 2
"""Sent again although it had been acknowledged."""
OUT_OF_ORDER = 1 << 3
KEEP_ALIVE = 1 << 4
DUPLICATE_ACK = 1 << 5
KEEP_ALIVE_ACK = 1 << 6
ZERO_WINDOW = 1 << 7
WINDOW_PROBE = 1 << 8
WINDOW_PROBE_ACK = 1 << 9
WINDOW_UPDATE = 1 << 10
WINDOW_FULL = 1 << 11
GAP_BEFORE = 1 << 12
"""Bytes before this segment have not been seen (lost, or not captured)."""
ACKED_UNSEEN = 1 << 13
"""Acknowledges bytes that the capture never saw: the capture lost packets."""
DSACK = 1 << 14
"""Its first SACK block reports bytes that had been acknowledged before (RFC 2883)."""
TRUNCATED = 1 << 16
"""The capture cut the TCP payload or header short (snaplen)."""
BAD_CHECKSUM = 1 << 17
SUPER_SEGMENT = 1 << 18
"""Longer than the MSS allows: segmentation or receive offload."""

ANY_RETRANSMISSION = RETRANSMISSION | FAST_RETRANSMISSION | SPURIOUS_RETRANSMISSION


class PacketFact(msgspec.Struct, frozen=True):
    """One packet of a connection, as far as a verdict may need it.

    ``time`` is in nanoseconds since the epoch; ``seq`` and ``ack`` are the raw 32-bit values;
    ``length`` is TCP payload by the IP header, not by what was captured; ``window`` is the raw
    field;
    ``tsval`` and ``tsecr`` are None without the timestamps option; ``option_bytes`` counts TCP
    options with padding; ``direction`` is the cooked capture's packet type (0 to us, 1 broadcast,
    2 multicast, 3 other host, 4 sent by us, -1 not known), or the same by another header or by
    pcapng's epb_flags; ``mac`` is the source MAC as a number, 0 where the link has none; ``sack``
    is the first SACK block; ``multipath``: an option of Multipath TCP is there (RFC 8684);
    ``fast_close``: it is MP_FASTCLOSE, which ends all subflows; ``join``: it is MP_JOIN, by which
    one more begins.
    """

    frame: int
    time: int
    from_initiator: bool
    flags: int
    seq: int
    ack: int
    length: int
    window: int
    ttl: int
    tos: int
    ip_id: int
    df: bool
    flow_label: int
    tsval: int | None
    tsecr: int | None
    option_bytes: int
    sack: tuple[int, int] | None
    mac: int
    interface: int
    direction: int
    marks: int
    multipath: bool = False
    fast_close: bool = False
    join: bool = False

    @property
    def is_syn(self) -> bool:
        """True for a SYN that is not a SYN-ACK."""
        return self.flags & (SYN | ACK) == SYN

    @property
    def is_syn_ack(self) -> bool:
        """True for a SYN-ACK."""
        return self.flags & (SYN | ACK) == SYN | ACK

    @property
    def is_rst(self) -> bool:
        """True when RST is set."""
        return self.flags & RST != 0

    @property
    def is_fin(self) -> bool:
        """True when FIN is set."""
        return self.flags & FIN != 0

    @property
    def has_ack(self) -> bool:
        """True when the acknowledgment field is valid."""
        return self.flags & ACK != 0

    @property
    def end_seq(self) -> int:
        """The sequence number after this segment (SYN and FIN take one each)."""
        extra = (self.flags & SYN != 0) + (self.flags & FIN != 0)
        return seq_add(self.seq, self.length + extra)

    @property
    def is_retransmission(self) -> bool:
        """True when the segment (or part of it) had been sent before."""
        return self.marks & ANY_RETRANSMISSION != 0


def seq_add(seq: int, count: int) -> int:
    """Return the sequence number that is ``count`` further on."""
    return (seq + count) & MASK32


def seq_after(a: int, b: int) -> bool:
    """Return whether sequence number ``a`` is later than ``b`` (RFC 1982 style, RFC 9293 3.4)."""
    return 0 < ((a - b) & MASK32) < 0x80000000


def seq_distance(a: int, b: int) -> int:
    """Return ``a - b`` as a signed number of bytes."""
    d = (a - b) & MASK32
    return d - 0x100000000 if d >= 0x80000000 else d


@lru_cache(256)
def flag_letters(flags: int) -> str:
    """Return flags as tcpdump writes them for people: ``SYN``, ``RST,ACK``, ``FIN,ACK`` ..."""
    letters = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"))
    names = [name for bit, name in letters if flags & bit]
    if flags & ACK and (not names or names != ["PSH"]):
        names.append("ACK")
    elif flags & ACK:
        names = ["PSH", "ACK"]
    return ",".join(names) or "none"
