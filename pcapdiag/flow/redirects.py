# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Calls that a REDIRECT rule sends to a sidecar on loopback, and their answers.

The call is seen with the address of the sidecar, the answer with the one that was called (Istio
docs, "Application Requirements"; netfilter undoes the translation). Told by the SYN's number, the
answer is put to its call. Where the capture begins later, an end sends to an address on loopback
and gets nothing, and from elsewhere it gets what acknowledges just that.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.legs import Moments, is_loopback
from pcapdiag.flow.records import Flow
from pcapdiag.flow.table import Table
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import FIN, SYN

MASK32 = 0xFFFFFFFF
MAX_REDIRECTS = 10_000
"""Calls that were redirected to loopback, and whose answers are put to them."""
AT_ONCE = 1 << 20
"""So many bytes may have been sent between the first packets that are seen of both directions."""


class Redirects:
    """Where calls went whose answers bear the address and port that were called."""

    def __init__(self, table: Table, moments: Moments) -> None:
        self.table = table
        self.moments = moments
        self.places: dict[tuple[int, ...], tuple[int, int, int]] = {}
        """By the address and port that were called, and the caller's."""
        self.count = 0
        self.calls: dict[tuple[int, ...], tuple[int, ...]] = {}
        """Of calls from before the capture, by caller: who was called, and both numbers."""
        self.answers: dict[tuple[int, ...], tuple[int, ...]] = {}
        """The same of what came to a caller, and its stream."""

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

    def note_late(self, p: Packet, stream: int) -> Flow | None:
        """Return the call of which the packet, the first of its stream, is an answer.

        Both began before the capture.
        """
        if self.count >= MAX_REDIRECTS or is_loopback(p.version, p.source_high, p.source_low):
            return None
        end = (p.seq + p.payload_length) & MASK32
        if p.flags & (SYN | FIN):
            end = (end + 1) & MASK32
        caller = (p.target_high, p.target_low, p.target_port)
        here = (p.source_high, p.source_low, p.source_port)
        if is_loopback(p.version, p.target_high, p.target_low):
            if len(self.calls) < MAX_REDIRECTS:
                self.calls[here] = (*caller, end, p.ack)
            return None
        call = self.calls.get(caller)
        if call is None:
            if len(self.answers) < MAX_REDIRECTS:
                self.answers[caller] = (*here, end, p.ack, stream)
            return None
        return self._joined(p, here, call) if _fits(end, p.ack, call) else None

    def note_answers(self, p: Packet, flow: Flow) -> None:
        """Tell a call, of which the packet is the first that is seen, of answers before it.

        What comes of them later is put to the call.
        """
        if self.count >= MAX_REDIRECTS or not is_loopback(p.version, p.target_high, p.target_low):
            return
        here = (p.source_high, p.source_low, p.source_port)
        answer = self.answers.get(here)
        end = (p.seq + p.payload_length) & MASK32
        if answer is not None and _fits(end, p.ack, answer):
            self.places[(*answer[:3], *here)] = (p.target_high, p.target_low, p.target_port)
            self.count += 1
            flow.answers_stream = answer[5]

    def _joined(self, p: Packet, here: tuple[int, ...], call: tuple[int, ...]) -> Flow | None:
        place = (call[0], call[1], call[2])
        p.source_high, p.source_low, p.source_port = place
        flow = self.table.find(p, self.table.hash(p))
        if flow is not None:
            self.places[(*here, p.target_high, p.target_low, p.target_port)] = place
            self.count += 1
            return flow
        p.source_high, p.source_low, p.source_port = here
        return None


def _fits(end: int, ack: int, other: tuple[int, ...]) -> int:
    """Say whether two directions have each other's numbers."""
    sent: int = other[3]
    acked: int = other[4]
    one, two = distance(end, acked), distance(ack, sent)
    return 1 if -AT_ONCE < one < AT_ONCE and -AT_ONCE < two < AT_ONCE else 0
