# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Which packets open a connection, and which connection a first packet is of."""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.activity import Bins
from pcapdiag.flow.copies import Copies
from pcapdiag.flow.endings import Endings
from pcapdiag.flow.records import Flow
from pcapdiag.flow.redirects import Redirects
from pcapdiag.flow.table import Table
from pcapdiag.model.packet import ACK, RST, SYN

MASK32 = 0xFFFFFFFF


class Openings:
    """Opens connections for packets of which the table has none."""

    def __init__(
        self, table: Table, endings: Endings, copies: Copies, redirects: Redirects, activity: Bins
    ) -> None:
        self.table = table
        self.endings = endings
        self.copies = copies
        self.redirects = redirects
        self.activity = activity

    def is_another(self, p: Packet, flow: Flow) -> int:
        """Say whether the packet is a SYN that ends ``flow``, on the same ports, for a new one."""
        base = flow.a.base_seq if self.table.from_a else flow.b.base_seq
        return 1 if p.flags & (SYN | ACK) == SYN and base >= 0 and p.seq != base else 0

    def assign(
        self, p: Packet, h: int, flow: Flow, frame: int, time: int, interface: int
    ) -> Flow | None:
        """Return the connection of one of the first packets: ``flow``, or one that takes over."""
        if p.flags & SYN:
            if self.is_another(p, flow):
                self.endings.end(flow, time)
                return self.opened(p, h, frame, time, interface)
            f = flow.a if self.table.from_a else flow.b
            if f.base_seq >= 0 and not p.flags & ACK:
                self.copies.compare_files(p, flow, self.copies.files[interface], frame, time)
        self._note_base(p, flow)
        return flow

    def opened(self, p: Packet, h: int, frame: int, time: int, interface: int) -> Flow | None:
        """Return a new connection, or the one that the packet belongs to after all.

        None for what came late of one that was judged: it is only counted.
        """
        table = self.table
        stream = -1
        grave = table.find_grave(p, h)
        if grave is not None:
            base = grave.base_a if table.from_a else grave.base_b
            is_syn = p.flags & (SYN | ACK) == SYN
            if not is_syn or p.seq == base:
                # A refused SYN may be sent again, and accepted, when the RST did not arrive.
                if not grave.evicted and not (is_syn and grave.refused):
                    table.late_packets += 1
                    self._count_late(p, time)
                    return None
                stream = grave.stream
        if stream < 0:
            stream = table.next_stream
            table.next_stream += 1
        refuses = p.flags & (RST | ACK) == RST | ACK and p.seq == 0
        if refuses or p.flags & (SYN | ACK) == SYN | ACK:
            called = self.redirects.note(p, time)
            if called is not None:
                self._note_base(p, called)
                called.answers_stream = stream
                return called
        late = p.flags & (RST | ACK) == ACK
        if late:
            called = self.redirects.note_late(p, stream)
            if called is not None:
                self._note_base(p, called)
                called.answers_stream = stream
                return called
        flow = table.add(p, h, stream)
        if late:
            self.redirects.note_answers(p, flow)
        flow.previous = grave
        flow.first_frame = frame
        flow.start = time
        flow.end = time
        flow.active_time = time
        flow.file = self.copies.files[interface]
        flow.syn_tsval = p.tsval
        flow.syn_ip_id = p.ip_id
        self._note_base(p, flow)
        table.infer_opener(p, flow)
        table.settle(flow)
        self.endings.make_room(time)
        return flow

    def _count_late(self, p: Packet, time: int) -> None:
        """Count a packet of a connection that was judged before over time, if nowhere else."""
        if time < self.activity.low or time >= self.activity.high:
            self.activity.move(time)
        self.activity.packets += 1
        self.activity.bytes += p.payload_length
        if p.flags & RST:
            self.activity.resets += 1

    def _note_base(self, p: Packet, flow: Flow) -> None:
        # As Wireshark: a segment seen before its SYN tells where both began, if it is an ACK.
        f = flow.a if self.table.from_a else flow.b
        r = flow.b if self.table.from_a else flow.a
        if f.base_seq < 0:
            f.base_seq = p.seq if p.flags & SYN else (p.seq - 1) & MASK32
        if r.base_seq < 0 and p.flags & ACK:
            r.base_seq = (p.ack - 1) & MASK32
