# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""FIN and RST: what the packets that close a connection say, and in which queue it waits then."""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.activity import Bins
from pcapdiag.flow.callers import REFUSED
from pcapdiag.flow.endings import Endings
from pcapdiag.flow.harmless import is_own_reset
from pcapdiag.flow.leaks import Leaks
from pcapdiag.flow.legs import CLOSED, LEFT, Moments
from pcapdiag.flow.neighbours import Neighbours
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.spans import note_outcome
from pcapdiag.flow.table import Table
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import ACK, FIN, RST, SYN

MASK32 = 0xFFFFFFFF
MAX_RESET_PAYLOAD = 64


class Closing:
    """Takes the packets that close connections."""

    def __init__(
        self, table: Table, endings: Endings, moments: Moments, neighbours: Neighbours,
        activity: Bins,
    ) -> None:  # fmt: skip
        self.table = table
        self.endings = endings
        self.moments = moments
        self.neighbours = neighbours
        self.activity = activity
        self.leaks = Leaks()

    def note(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, fresh: int, frame: int, time: int
    ) -> None:
        """Note a FIN, a RST, a SYN, or a packet behind the first two."""
        if p.flags & (FIN | RST) and f.fin_seq < 0 and r.fin_seq < 0 and flow.rst_time == 0:
            opener = flow.a if flow.a_opened else flow.b
            self.moments.note(flow, LEFT if f is opener else CLOSED, time)
        if p.flags & FIN and f.fin_seq < 0:
            f.fin_frame = frame
            f.fin_time = time
            f.fin_seq = (p.seq + p.payload_length) & MASK32
            f.fin_ack = p.ack
        if p.flags & RST:
            self.activity.resets += 1
            f.rst_count += 1
            if p.flags & ACK and (f.rst_ack < 0 or distance(p.ack, f.rst_ack) > 0):
                f.rst_ack = p.ack
            if flow.rst_time == 0:
                flow.rst_time = time
            if not is_own_reset(p, f):
                flow.odd_resets = 1
            self._note_reset(p, flow, f, time)
            if flow.midstream:
                self.leaks.note(p, self.table, flow, f, frame, time)
            if flow.syn_ack_count == 0 and flow.syn_count > 0 and f.packets == 1:
                if flow.endpoint is not None:
                    note_outcome(flow.endpoint, REFUSED, time)
        elif f.rst_count > 0:
            flow.odd_resets = 1
        if p.flags & RST or (f.fin_seq >= 0 and r.fin_seq >= 0):
            self.table.touch(flow, 2)
            self.endings.make_room(time)
        elif flow.closing != 2 or fresh > 0 or p.flags & SYN:
            if flow.handshake_done or flow.midstream:
                if flow.closing != 0:
                    self.table.touch(flow, 0)
                    self.endings.make_room(time)
            else:
                self.table.touch(flow, 1)

    def _note_reset(self, p: Packet, flow: Flow, f: HalfFlow, time: int) -> None:
        host = f.host
        host.reset_ttls[p.ttl] = host.reset_ttls.get(p.ttl, 0) + 1
        if p.payload_length > 0 and not flow.reset_payload:
            size = p.payload_captured
            if size > MAX_RESET_PAYLOAD:
                size = MAX_RESET_PAYLOAD
            flow.reset_payload = bytes(p.view[p.payload : p.payload + size])
        if p.mac != 0 and not flow.arp_frames:
            flow.arp_frames = self.neighbours.frames_of(p.mac, time)
