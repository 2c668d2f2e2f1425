# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Calls that a REDIRECT rule sends to a sidecar on loopback, and their answers.

The call is seen with the address of the sidecar, the answer with the one that was called (Istio
docs, "Application Requirements"; netfilter undoes the translation). Told by the SYN's number, the
answer is put to its call.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.legs import Moments
from pcapdiag.flow.records import Flow
from pcapdiag.flow.table import Table

MASK32 = 0xFFFFFFFF
MAX_REDIRECTS = 10_000
"""Calls that were redirected to loopback, and whose answers are put to them."""


class Redirects:
    """Where calls went whose answers bear the address and port that were called."""

    def __init__(self, table: Table, moments: Moments) -> None:
        self.table = table
        self.moments = moments
        self.places: dict[tuple[int, ...], tuple[int, int, int]] = {}
        """By the address and port that were called, and the caller's."""
        self.count = 0

    def follow(self, p: Packet) -> None:
        """Give the answer of a redirected call the address that the call went to."""
        called = (p.source_high, p.source_low, p.source_port)
        place = self.places.get((*called, p.target_high, p.target_low, p.target_port))
        if place is not None:
            p.source_high, p.source_low, p.source_port = place
            p.hash = 0

    def note(self, p: Packet, time: int) -> Flow | None:
        """Return the call that a SYN-ACK from another address answers, and remember both.

        So may a RST do, where nothing listens (RFC 9293 3.10.7.1: SEQ=0, ACK=SEG.SEQ+1).
        """
        moment = self.moments.redirected((p.ack - 1) & MASK32, time)
        if moment is None or self.count >= MAX_REDIRECTS:
            return None
        host = moment.answerer
        if host is None or host.version != p.version:
            return None
        called = (p.source_high, p.source_low, p.source_port)
        p.source_high, p.source_low, p.source_port = host.high, host.low, moment.port
        flow = self.table.find(p, self.table.hash(p))
        if flow is not None and flow.stream == moment.stream and flow.syn_ack_count == 0:
            key = (*called, p.target_high, p.target_low, p.target_port)
            self.places[key] = (p.source_high, p.source_low, p.source_port)
            self.count += 1
            return flow
        p.source_high, p.source_low, p.source_port = called
        return None
