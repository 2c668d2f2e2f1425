"""The report's members that pictures are drawn from: the capture over time, and segments.

All are plain numbers, so that a chart (matplotlib, or SVG in a browser) needs no packet.
"""

import msgspec


class Activity(msgspec.Struct, kw_only=True):
    """The capture over time: counts in bins of equal width, oldest first.

    Every list has one entry per bin, 240 at most; the first bin begins at ``start``, with the first
    TCP packet. What lies before it (a step of the clock) counts in the first bin. All but
    ``goaways`` and ``failed`` is of the whole capture, whatever the filters.
    """

    start: str
    """Seconds since the epoch, as everywhere in the report."""
    bin: float
    """Width of one bin, seconds."""
    packets: list[int] = []
    """TCP packets; capture duplicates are not counted here nor below."""
    bytes: list[int] = []
    """TCP payload."""
    opened: list[int] = []
    """Connections by their first packet; ones seen twice, for a NAT in the capture, once."""
    open: list[int] = []
    """Connections that were open at any moment of the bin: from the first packet to the last, and
    those that nobody closed to the end."""
    retransmissions: list[int] = []
    """All kinds, SYN and FIN repeats included."""
    resets: list[int] = []
    """RST segments."""
    goaways: list[int] = []
    """HTTP/2 GOAWAY frames that could be read, of healthy connections too, 100 of each connection;
    with filters, of the chosen ones and a few more."""
    failed: dict[str, list[int]] = {}
    """Failures by party (client, proxy, upstream, middlebox, unknown), each when it became one:
    ``Verdict.time``. Only parties that have any are members. The sums are those of
    ``Summary.by_party``: an incident counts once, at its cause. With several points, one that was
    found at another point only counts as well, in the nearest bin."""


class Segment(msgspec.Struct, array_like=True, frozen=True):
    """One packet of a connection as a time-sequence chart draws it; an array in JSON.

    Sequence and acknowledgment numbers count from the initial sequence number of the end that they
    belong to (from its first byte kept where that is not known), as Wireshark's relative ones do.
    """

    time: float
    """Seconds since the connection's ``start``."""
    frame: int
    initiator: bool
    """Sent by the initiator."""
    flags: int
    """TCP flags as they are in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16."""
    seq: int
    length: int
    """Payload, bytes."""
    ack: int | None = None
    """None without the ACK flag."""
    window: int = 0
    """What the sender says that it has room for, bytes (scaled where the scale is known)."""
    marks: int = 0
    """What the tracker found out: the bits of ``pcapdiag.model.packet``."""
    sack: tuple[int, int] | None = None
    """First SACK block, relative like ``ack``."""


class SegmentSeries(msgspec.Struct, kw_only=True):
    """Packets of one connection in time order: all, the first and last ones, or some evenly."""

    segments: list[Segment] = []
    left_out: int = 0
    """Packets between, of which only the number is known."""
    left_out_after: int = 0
    """How many of ``segments`` come before those."""
    thinned: int = 0
    """Packets left out evenly all along. Repeats, resets, SYN, FIN and closed windows are the last
    ones to be thinned, and the first and last packets stay."""
