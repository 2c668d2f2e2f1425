# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Follow every TCP connection of a capture: the loop that sees each packet.

No Python object is made per packet. Which connection is a segment of (table.py, openings.py)? Then
:meth:`Tracker._track` is its way: is it a copy (copies.py), what does its sequence number say
(sequence.py), what does it add to counters (counters.py), to the handshake (handshake.py), to
requests and answers (turns.py), does it close (closing.py), is it kept (kept.py). Connections that
are over go to endings.py, and from there as a :class:`~pcapdiag.flow.records.Flow` to ``finished``,
in plain Python (story.py).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from pcapdiag.capture.batch import NO_WORDS, Batch, column
from pcapdiag.decode.headers import (
    ARP,
    DNS,
    DNS_ERROR,
    FRAGMENT,
    ICMP_ERROR,
    TCP,
    UNDECODED,
    UNKNOWN_LINK,
    Packet,
)
from pcapdiag.decode.rows import HASH, seal, unpack
from pcapdiag.flow.activity import Bins
from pcapdiag.flow.callers import Callers
from pcapdiag.flow.closing import Closing
from pcapdiag.flow.copies import Copies
from pcapdiag.flow.counters import count_segment
from pcapdiag.flow.endings import Endings
from pcapdiag.flow.handshake import note_last_step, note_overtaken, note_syn
from pcapdiag.flow.icmp_errors import IcmpErrors
from pcapdiag.flow.kept import KeptPackets
from pcapdiag.flow.lanes import Lanes
from pcapdiag.flow.legs import Moments
from pcapdiag.flow.losses import Losses
from pcapdiag.flow.neighbours import Neighbours
from pcapdiag.flow.openings import Openings
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.redirects import Redirects
from pcapdiag.flow.sequence import analyze
from pcapdiag.flow.silence import denies
from pcapdiag.flow.table import Table
from pcapdiag.flow.turns import Turns, note_request_acked
from pcapdiag.model.numbers import (
    distance,
    prefetch,
    prefetch_item,
    prefetch_object,
    prefetch_word,
)
from pcapdiag.model.packet import (
    ACK,
    ACKED_UNSEEN,
    ANY_RETRANSMISSION,
    BAD_CHECKSUM,
    DSACK,
    FIN,
    GAP_BEFORE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    OUT_OF_ORDER,
    RST,
    SUPER_SEGMENT,
    SYN,
)

MASK32 = 0xFFFFFFFF
SWEEP = 50_000_000
"""How often (ns of the capture) it is looked for connections that are over."""
IDLE = 1_000_000_000
"""Quiet time (ns) that is noted, because the end of it may have ended the connection."""

SOON = 8
"""Packets from the one that is followed to the one whose bytes are brought near meanwhile."""
EARLY = 40
"""The same to the one whose row is brought near: the other processor wrote it."""
NEARER = 4
"""So much later the connection that it is probably of is brought near, too."""
CACHE_LINE = 64
"""Bytes that come from memory at once, on nearly all processors."""

# Twins in C of constants that plain Python imports.
_SOON = SOON
_EARLY = EARLY
_NEARER = NEARER
_CACHE_LINE = CACHE_LINE
_HASH = HASH
_TCP = TCP
_ICMP_ERROR = ICMP_ERROR
_DNS = DNS
_DNS_ERROR = DNS_ERROR
_ARP = ARP
_FRAGMENT = FRAGMENT
_UNDECODED = UNDECODED
_UNKNOWN_LINK = UNKNOWN_LINK
_NOT_NEXT = ANY_RETRANSMISSION | OUT_OF_ORDER | GAP_BEFORE
_COUNTED = ACKED_UNSEEN | SUPER_SEGMENT | BAD_CHECKSUM | DSACK


class Tracker:
    """All connections of one capture."""

    def __init__(self, finished: Callable[[Flow], object], want_all: bool, seed: int) -> None:
        self.packet = Packet()
        self.table = Table(seed)
        self.activity = Bins()
        self.losses = Losses()
        self.moments = Moments()
        self.lanes = Lanes()
        self.callers = Callers()
        self.kept = KeptPackets()
        self.copies = Copies(self.activity)
        self.neighbours = Neighbours()
        self.redirects = Redirects(self.table, self.moments)
        self.turns = Turns(self.lanes, self.moments, self.callers)
        self.endings = Endings(
            finished, want_all, self.table, self.turns, self.kept, self.losses, self.activity
        )
        self.openings = Openings(
            self.table, self.endings, self.copies, self.redirects, self.activity
        )
        self.closing = Closing(
            self.table, self.endings, self.moments, self.neighbours, self.activity
        )
        self.icmp_errors = IcmpErrors(self.table, self.endings, self.copies)
        self.on_dns: Callable[[Packet, bytes, int, int], object] | None = None
        """Takes each DNS message over UDP, with its frame and time."""
        self.on_dns_error: Callable[[Packet, int, int], object] | None = None
        """Takes each ICMP error that quotes a message to a name server, likewise."""
        self.reassemble: Callable[[Packet, bytes, int], bytes | None] | None = None
        self.offsets = column()
        self.times = column()
        self.captured = column()
        self.lengths = column()
        self.interfaces = column()
        self.frames = column()
        self.words = NO_WORDS
        self.width = 0
        self.link_types = array("q")
        self.buffer: Any = b""
        self.now = 0
        self.next_sweep = 0
        self.watching = 0
        self.packets = 0
        self.first_time = 0
        self.last_time = 0
        self.undecoded = 0
        self.other_protocols = 0
        self.fragments = 0
        self.acked_unseen = 0
        self.super_segments = 0
        self.bad_checksums = 0

    def watch(self, streams: set[int], on_packet: Callable[[Flow, Any], object]) -> None:
        """Hand every packet of these connections to ``on_packet``, as a row of the fact slab.

        Packets that were captured before are left out. Call it before the first batch.
        """
        self.kept.watch(streams, on_packet)
        self.watching = 1

    def process(self, batch: Batch, link_types: array[int], files: array[int]) -> None:
        """Follow the packets of a batch; ``link_types`` and ``files`` are by interface."""
        self.buffer = batch.buffer
        self.packet.load(batch.buffer)
        self.offsets = batch.offsets
        self.times = batch.times
        self.captured = batch.captured
        self.lengths = batch.lengths
        self.interfaces = batch.interfaces
        self.frames = batch.frames
        self.words = batch.words
        self.width = batch.width
        self.link_types = link_types
        self.copies.files = files
        if batch.disordered:
            self._process_disordered(batch.count)
        else:
            self._process_ordered(batch.count)
        self.packet.load(b"")
        self.buffer = b""

    def _process_ordered(self, count: int) -> None:
        # Handed on from here: each method that took it from the tracker would count a reference.
        p = self.packet
        buckets = self.table.buckets
        i = 0
        while i < count:
            if i + _SOON < count:
                soon = self.offsets[i + _SOON]
                prefetch(p.view, soon + _CACHE_LINE)
                if self.width:
                    prefetch_word(self.words, (i + _EARLY) * self.width)
                    prefetch(p.view, soon + self.captured[i + _SOON] - 1)
                    row = (i + _SOON) * self.width
                    prefetch_item(buckets, self.words[row + _HASH] >> 32 & 0xFFFF)
                    row -= _NEARER * self.width
                    prefetch_object(buckets, self.words[row + _HASH] >> 32 & 0xFFFF)
                else:
                    prefetch(p.view, soon)
            if self._decode(p, i) == _TCP:
                frame, time, interface = self.frames[i], self.times[i], self.interfaces[i]
                flow = self._assign(p, frame, time, interface)
                if flow is not None:
                    self._track(p, flow, frame, time, interface)
            if self.now >= self.next_sweep:
                self._sweep(self.now)
            i += 1

    def _process_disordered(self, count: int) -> None:
        # Streams are numbered in file order, and followed in time order.
        p = self.packet
        order = sorted(range(count), key=self._frame_at)
        assigned: list[Flow | None] = [None] * count
        waiting: list[int] = []
        for i in order:
            if self._decode_at(p, i) == _TCP:
                if self._replaces():
                    # What waits belongs to the connection that ends here.
                    self._track_assigned(waiting, assigned)
                    waiting = []
                    self._decode_at(p, i)
                flow = self._assign(p, self.frames[i], self.times[i], self.interfaces[i])
                if flow is not None and flow.midstream and p.flags & (SYN | ACK) == SYN:
                    self.table.begin(flow, self.times[i])
                assigned[i] = flow
            waiting.append(i)
        self._track_assigned(waiting, assigned)
        if self.now >= self.next_sweep:
            self._sweep(self.now)

    def _replaces(self) -> int:
        """Say whether the packet is a SYN that ends a connection on the same ports."""
        p = self.packet
        flow = self.table.find(p, self.table.hash(p))
        return 0 if flow is None else self.openings.is_another(p, flow)

    def _track_assigned(self, waiting: list[int], assigned: list[Flow | None]) -> None:
        p = self.packet
        for i in sorted(waiting):
            if self._decode(p, i) == _TCP:
                flow = assigned[i]
                if flow is None:
                    continue
                if flow.closing < 0:
                    # Judged since, for want of room.
                    flow = self._assign(p, self.frames[i], self.times[i], self.interfaces[i])
                else:
                    self.table.from_a = self._is_from_a(p, flow)
                if flow is not None:
                    self._track(p, flow, self.frames[i], self.times[i], self.interfaces[i])

    def _frame_at(self, i: int) -> int:
        return self.frames[i]

    def _is_from_a(self, p: Packet, flow: Flow) -> int:
        if flow.port_a != p.source_port or flow.low_a != p.source_low:
            return 0
        return 1 if flow.high_a == p.source_high and flow.port_b == p.target_port else 0

    def _decode(self, p: Packet, i: int) -> int:
        """Decode packet ``i``, count it, see to everything that is not TCP; return TCP, or 0."""
        time = self.times[i]
        self.packets += 1
        if self.first_time == 0 or time < self.first_time:
            self.first_time = time
        if time > self.last_time:
            self.last_time = time
        self.now = time
        kind = self._decode_at(p, i)
        if kind == _TCP:
            return kind
        return self._other(p, kind, self.frames[i], time, self.interfaces[i])

    def _decode_at(self, p: Packet, i: int) -> int:
        if self.width and unpack(p, self.words, i * self.width, self.offsets[i]):
            kind = _TCP
        else:
            link_type = self.link_types[self.interfaces[i]]
            kind = p.decode(self.offsets[i], self.captured[i], self.lengths[i], link_type)
            if kind == _TCP:
                seal(p)
        if kind == _TCP and self.redirects.count > 0:
            self.redirects.follow(p)
        return kind

    def _other(self, p: Packet, kind: int, frame: int, time: int, interface: int) -> int:
        if kind == _FRAGMENT:
            self.fragments += 1
            if self.reassemble is None:
                return 0
            whole = self.reassemble(p, bytes(self.buffer[p.position : p.end]), time)
            if whole is not None:
                self._reassembled(p, whole, frame, time, interface)
        elif kind == _ICMP_ERROR:
            self.icmp_errors.note(p, frame, time)
        elif kind in (_UNDECODED, _UNKNOWN_LINK):
            self.undecoded += 1
        elif kind == _ARP:
            self.neighbours.note(p.source_low, p.mac, frame, time)
        elif kind == _DNS and self.on_dns is not None:
            message = bytes(self.buffer[p.payload : p.payload + p.payload_captured])
            self.on_dns(p, message, frame, time)
        elif kind == _DNS_ERROR and self.on_dns_error is not None:
            self.on_dns_error(p, frame, time)
        else:
            self.other_protocols += 1
        return 0

    def _reassembled(self, p: Packet, whole: bytes, frame: int, time: int, interface: int) -> None:
        buffer = self.buffer
        self.buffer = whole
        p.load(whole)
        kind = p.decode_ip(0, len(whole))
        if kind == _TCP:
            seal(p)
            flow = self._assign(p, frame, time, interface)
            if flow is not None:
                self._track(p, flow, frame, time, interface)
        elif kind != _FRAGMENT:
            self._other(p, kind, frame, time, interface)
        self.buffer = buffer
        p.load(buffer)

    # Which connection.

    def _assign(self, p: Packet, frame: int, time: int, interface: int) -> Flow | None:
        h = p.hash if p.hash != 0 else self.table.hash(p)
        flow = self.table.find(p, h)
        if flow is None:
            return self.openings.opened(p, h, frame, time, interface)
        if p.flags & SYN or flow.a.base_seq < 0 or flow.b.base_seq < 0:
            return self.openings.assign(p, h, flow, frame, time, interface)
        return flow

    # Following.

    def _track(self, p: Packet, flow: Flow, frame: int, time: int, interface: int) -> int:
        """Follow a packet; return 0 for one that was captured before."""
        from_a = self.table.from_a
        f = flow.a if from_a else flow.b
        r = flow.b if from_a else flow.a
        if self.copies.is_copy(p, flow, f, r, from_a, time, interface):
            return 0
        if time < self.activity.low or time >= self.activity.high:
            self.activity.move(time)
        self.activity.packets += 1
        self.activity.bytes += p.payload_length
        opened = 1 if from_a == flow.a_opened else 0
        if p.flags & SYN and f.isn < 0 and f.packets > 0:
            # A RST, or the ACK of an older connection, came before it and had other numbers.
            f.next_seq = -1
            f.to_be_acked = -1
            f.highest_ack = -1
        known = f.next_seq
        until = known
        fresh = p.payload_length
        if fresh > 0 and known >= 0:
            until = _data_until(f, known)
            ahead = distance((p.seq + fresh) & MASK32, until)
            # A hole before it counts too: the bytes were sent, though the capture lacks them.
            fresh = ahead if ahead > 0 else 0
        if r.suspects is not None and p.flags & ACK:
            self.losses.answered(p, f, r, time)
        marks = analyze(p, flow, f, r, time)
        marks |= count_segment(p, f, r, marks, frame, time)
        if marks & _COUNTED:
            self._count(p, flow, f, r, marks)
        if r.acked_unseen > 0 and p.payload_length == 0 and denies(p, f, r):
            if self.acked_unseen >= r.acked_unseen:
                self.acked_unseen -= r.acked_unseen
            r.acked_unseen = 0
        if marks & _NOT_NEXT and p.payload_length > 0:
            self.losses.note(p, flow, f, r, marks, known, time)
        flow.packets += 1
        flow.end = time
        if p.flags & SYN:
            note_syn(p, flow, f, opened, time, self.moments)
        if p.flags & ACK:
            if opened and flow.handshake_done == 0:
                note_last_step(p, flow, f, r, time, self.table)
            elif p.flags & SYN and flow.handshake_done == 0:
                note_overtaken(flow, f, r, time, self.table)
            elif flow.request_acked_time == 0 and flow.turn_index > 0 and not opened:
                note_request_acked(p, flow, r, time)
        # A RST's bytes say why it was sent (RFC 9293 3.5.3), and are nobody's answer.
        if p.payload_length > 0 and not (marks & KEEP_ALIVE or p.flags & RST):
            self.turns.take(p, flow, f, r, opened, fresh, until, frame, time)
        if marks & ANY_RETRANSMISSION:
            self.activity.retransmissions += 1
            f.sample_seq = -1
            f.resent_seq = p.seq
            if f.copy_seq == p.seq:
                f.copy_seq = -1
        elif f.sample_seq < 0 and (fresh > 0 or p.flags & (SYN | FIN)):
            f.sample_seq = f.next_seq
            f.sample_time = time
        if not marks & (KEEP_ALIVE | KEEP_ALIVE_ACK):
            if time - flow.active_time >= IDLE:
                flow.pause = time - flow.active_time
                flow.pause_end = time
            flow.active_time = time
        if flow.closing != 0 or p.flags & (SYN | FIN | RST):
            self.closing.note(p, flow, f, r, fresh, frame, time)
        if self.watching:
            self.kept.show(p, flow, from_a, marks, self.copies.path, frame, time)
        return self.kept.keep(p, flow, from_a, marks, self.copies.path, frame, time)

    def _count(self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, marks: int) -> None:
        """Count what the whole capture is known by."""
        if marks & ACKED_UNSEEN and flow.rst_time != 0:
            # Behind a RST an end may have got what a device sent it in the other one's name.
            f.acked_unseen -= 1
        elif marks & ACKED_UNSEEN and not p.flags & SYN:
            # A SYN-ACK with a wrong number is some SYN proxies' test, and no byte is missing.
            self.acked_unseen += 1
        if marks & SUPER_SEGMENT:
            self.super_segments += 1
        if marks & BAD_CHECKSUM:
            self.bad_checksums += 1
        if marks & DSACK:
            self.copies.delivered_twice(p, r)

    # Time.

    def _sweep(self, now: int) -> None:
        self.next_sweep = now + SWEEP
        self.endings.sweep(now)

    def tick(self, now: int) -> None:
        """Let time pass without a packet (nanoseconds since the epoch), for a silent input."""
        if now > self.now:
            self.now = now
            self._sweep(now)

    def lost_by_capture(self) -> int:
        """Return how many acknowledgments, so far, were of bytes that the capture lacks."""
        return self.acked_unseen - self.endings.captured_late

    def close(self) -> None:
        """Judge everything that is still open, in the order of its first frame."""
        self.endings.end_all(self.now)


def _data_until(f: HalfFlow, known: int) -> int:
    """Return where the data seen so far ends.

    That is before ``known`` where an acknowledgment overtook the data that was sent before it.
    """
    if f.data_segments > 0:
        return (f.last_data_seq + f.last_data_length) & MASK32
    return (f.isn + 1) & MASK32 if f.isn >= 0 else known
