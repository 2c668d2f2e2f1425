# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Segments that came past a NAT without being translated: known by their sequence numbers.

A host answers a segment of a connection that it does not know by a bare RST (RFC 9293 3.10.7.1).
Where that host has, on the very same port, a connection to another address whose numbers the
segment continues, both are one connection, and the address is the one that a NAT should have hidden
(measured). Two numbers of 32 bits that fit that well do not do so by chance.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.table import Table
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import ACK

MAX_SEARCHES = 256
"""Bare RSTs of one capture for which a connection is looked for among all open ones."""
MAX_LEAKS = 64
NEAR = 1 << 20
"""Bytes by which a leaked segment may be ahead of the connection as the capture knows it."""
SAME_PACKET = 10_000_000
"""A RST on both connections within this time (ns) is one packet on both sides of a NAT."""


class Leaks:
    """Those found so far.

    Each row: frame, time, stream and first frame of the leaked segments, the stream that they
    belong to; version, then address (high, low) and port of who was reached, of who spoke, and of
    whom the connection is with.
    """

    def __init__(self) -> None:
        self.searches = 0
        self.count = 0
        self.found: list[tuple[int, ...]] = []

    def note(self, p: Packet, table: Table, flow: Flow, f: HalfFlow, frame: int, time: int) -> None:
        """Look for the connection that the first packets of another one belong to.

        ``p`` is the RST of ``f`` that answers them, and the first packet of ``f``.
        """
        r = flow.b if f is flow.a else flow.a
        if p.flags & ACK or f.packets != 1 or r.packets == 0 or r.next_seq < 0:
            return
        if self.searches >= MAX_SEARCHES:
            return
        self.searches += 1
        port = flow.port_a if f is flow.a else flow.port_b
        for queue in (0, 2):
            other = table.oldest[queue]
            while other is not None:
                if other is not flow and self._continues(p, f, r, port, other, time):
                    self.count += 1
                    if len(self.found) < MAX_LEAKS:
                        self._keep(flow, other, f, r, port, frame, time)
                    return
                other = other.newer

    def _keep(
        self, flow: Flow, other: Flow, f: HalfFlow, r: HalfFlow, port: int, frame: int, time: int
    ) -> None:
        peer = other.b if other.a.host is f.host and other.port_a == port else other.a
        known = peer.host
        self.found.append(
            (
                frame, time, flow.stream, flow.first_frame, other.stream, flow.version,
                f.host.high, f.host.low, port,
                r.host.high, r.host.low, flow.port_b if f is flow.a else flow.port_a,
                known.high, known.low, other.port_b if peer is other.b else other.port_a,
            )
        )  # fmt: skip

    def _continues(
        self, p: Packet, f: HalfFlow, r: HalfFlow, port: int, other: Flow, time: int
    ) -> int:
        """Say whether ``r``'s segments are the next ones of the far end of another connection."""
        if other.port_a == port and other.a.host is f.host:
            me = other.a
            peer = other.b
        elif other.port_b == port and other.b.host is f.host:
            me = other.b
            peer = other.a
        else:
            return 0
        if peer.host is r.host or me.next_seq < 0 or peer.next_seq < 0 or other.same_as >= 0:
            return 0
        if other.rst_time > 0 and time - other.rst_time < SAME_PACKET:
            return 0
        behind = distance(me.next_seq, p.seq)
        ahead = distance(r.next_seq, peer.next_seq)
        return 1 if -NEAR < behind < NEAR and 0 < ahead < NEAR else 0
