# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""ICMP errors (RFC 792, RFC 4443), tied to their connections by the header that they quote."""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.copies import Copies
from pcapdiag.flow.endings import Endings
from pcapdiag.flow.table import Table
from pcapdiag.model.packet import SYN

MAX_ICMP = 16
"""Errors kept of one connection."""


class IcmpErrors:
    """Takes the errors of a capture; those that quote no connection of it are passed over."""

    def __init__(self, table: Table, endings: Endings, copies: Copies) -> None:
        self.table = table
        self.endings = endings
        self.copies = copies

    def note(self, p: Packet, frame: int, time: int) -> None:
        """Tie an error to the connection that it quotes, which may be known by it alone."""
        table = self.table
        h = table.hash(p)
        flow = table.find(p, h)
        if flow is None:
            if not p.quote_full or table.find_grave(p, h) is not None:
                return
            flow = table.add(p, h, table.next_stream)
            table.next_stream += 1
            flow.first_frame = frame
            flow.start = time
            flow.end = time
            flow.active_time = time
            table.infer_opener(p, flow)
            flow.midstream = 0 if p.flags & SYN else 1
            flow.inferred = flow.midstream
            table.settle(flow)
            self.endings.make_room(time)
        if flow.icmp is None:
            flow.icmp = []
        if len(flow.icmp) >= MAX_ICMP:
            return
        fact = (
            frame, time, p.icmp_version, p.icmp_high, p.icmp_low, p.icmp_type, p.icmp_code,
            p.icmp_mtu, table.from_a, p.seq, p.payload_length, p.icmp_ttl, p.ip_id,
            p.quote_ttl,
        )  # fmt: skip
        for known in flow.icmp:
            if self.copies.is_same_error(known, fact):
                return
        flow.icmp.append(fact)
