# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Follow every TCP connection of a capture: the loop that sees each packet.

No Python object is made per packet. A connection that has ended and is quiet for a while is
screened:
one that is surely healthy is folded into totals, every other one is handed to ``finished`` as a
:class:`~pcapdiag.flow.records.Flow`, and plain Python tells its story (pcapdiag/flow/story.py);
``finished`` returns the connection's state.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from pcapdiag.capture.batch import NO_WORDS, Batch, column
from pcapdiag.decode.headers import Packet
from pcapdiag.decode.rows import HASH, unpack
from pcapdiag.flow.activity import Bins
from pcapdiag.flow.callers import CAME_UP, REFUSED, SILENT, Callers, note_outcome
from pcapdiag.flow.lanes import STREAMED, TRANSCRIPT, TURNS, Lanes
from pcapdiag.flow.leaks import Leaks
from pcapdiag.flow.legs import ANSWERED, CLOSED, LEFT, OPENED, Moments, note_race
from pcapdiag.flow.losses import Losses
from pcapdiag.flow.places import note_place
from pcapdiag.flow.records import Endpoint, Flow, HalfFlow
from pcapdiag.flow.screen import (
    COMPLETE,
    UNKNOWN,
    UNTIL_CLOSE,
    completeness,
    is_alarming,
    is_answer,
    is_request,
    is_unfinished,
    status,
)
from pcapdiag.flow.sequence import analyze, repeats
from pcapdiag.flow.silence import captured_late, is_silent
from pcapdiag.flow.slabs import (
    CHUNK_FACTS,
    CHUNK_WORDS,
    FACT_WORDS,
    FIRST_CHUNKS,
    HAS_SACK,
    IS_IPV6,
    LAST_CHUNKS,
    FactSlab,
    HeadSlab,
)
from pcapdiag.flow.table import Table
from pcapdiag.model.numbers import big16, big32, big64, copy, distance, prefetch, prefetch_object
from pcapdiag.model.packet import (
    ACK,
    ACKED_UNSEEN,
    ANY_RETRANSMISSION,
    BAD_CHECKSUM,
    DSACK,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    FIN,
    GAP_BEFORE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    OUT_OF_ORDER,
    RST,
    SPURIOUS_RETRANSMISSION,
    SUPER_SEGMENT,
    SYN,
    TRUNCATED,
    WINDOW_PROBE,
    ZERO_WINDOW,
)

MASK32 = 0xFFFFFFFF
HEAD = 1_024

CLOSE_NOTIFY = 69
"""Bytes of the largest TLS record of a close_notify: CBC with SHA-384 and padding."""

STALLED = 900_000_000
"""An initiator that closes this long (ns) after the last byte may have waited for more of them."""

LINGER = 2_000_000_000
"""How long (ns) a closed connection is kept, so that what follows its end still belongs to it."""
SYN_IDLE = 130_000_000_000
"""Quiet time after which an unanswered SYN is judged: Linux gives up after 127 s at the latest."""
OPEN_IDLE = 6 * 3_600_000_000_000
MAX_OPEN = 24_576
"""Established connections followed at the same time; beyond, the least active one is judged."""
MAX_EMBRYONIC = 16_384
MAX_CLOSING = 16_384
SWEEP = 50_000_000
SECOND_CHANCES = 64
"""Connections that are passed over, for having been active since they were queued, to evict one."""

DUPLICATE_WINDOW = 100_000_000
"""Two captures of one packet are at most this far apart (ns), where the IP ID proves the
identity."""
SOFT_WINDOW = 10_000_000
"""The same where only the path differs, as without an IP ID."""
SAME_PATH_WINDOW = 200_000
"""The same for an identical packet on the same path, which a very fast repeat would resemble."""
RECENT = 2_048
"""Packets remembered to recognise a second capture of them: 2 to the 11th. The 16 bits of each that
nearly always tell two apart are in the nearest cache; the rest is only written then."""
MASK = 0xFFFFFFFFFFFFFFFF
MIX_A = 0x9E3779B97F4A7C15
MIX_B = 0xC2B2AE3D27D4EB4F
MIX_C = 0x165667B19E3779F9
"""Odd 64-bit constants that spread the bits of a key (multiplicative hashing, Knuth 6.4)."""
MAX_ICMP = 16
KEPT_ARP = 64
MAX_CLAIMS = 4_096
ARP_WINDOW = 1_000_000_000
MAX_FIRST_BYTES = 16
FIRST_BYTES_OF = 256
"""Connections of an endpoint whose first bytes are noted: enough to know what it speaks."""
MAX_RESET_PAYLOAD = 64
MAX_INTERFACES = 4_096
MAX_REDIRECTS = 10_000
"""Calls that were redirected to loopback, and whose answers are put to them."""
INTERIM = 512
"""An interim answer (1xx) is no longer than this."""
ENCRYPTED_ANSWER = 600
"""An answer inside TLS of this many bytes is more than an alert or two session tickets."""
IDLE = 1_000_000_000
"""Quiet time before a request (ns) from which it counts that the connection outlived it."""
LOOKS = 2
"""Connections to each TLS server that are looked at for its certificate."""
MAX_LOOKS = 500
"""The same in all, so that a capture of many servers is read as fast."""
CLOSE_WITHIN = 200_000_000
"""A FIN so soon (ns) after a quiet time ended is what ended it."""
TENTH = 100_000_000
MAX_QUIET_TIMES = 64
"""Different quiet times kept of what one endpoint closed."""
MAX_NOTED = 100
"""Turns of one connection that are kept for a look, each with its first bytes."""

SOON = 8
"""Packets from the one that is followed to the one whose bytes are brought near meanwhile."""
VERY_SOON = 4
"""The same for the connection that a packet is probably of."""
CACHE_LINE = 64
"""Bytes that come from memory at once, on nearly all processors."""

# Twins in C of the constants above, which plain Python imports.
_SOON = SOON
_VERY_SOON = VERY_SOON
_HASH = HASH
_CACHE_LINE = CACHE_LINE
_LINGER = LINGER
_SYN_IDLE = SYN_IDLE
_OPEN_IDLE = OPEN_IDLE
_MAX_NOTED = MAX_NOTED
_IDLE = IDLE
_TURNS = TURNS
_TRANSCRIPT = TRANSCRIPT
_STREAMED = STREAMED
_COMPLETE = COMPLETE
_UNTIL_CLOSE = UNTIL_CLOSE
_UNKNOWN = UNKNOWN
_NOT_NEXT = ANY_RETRANSMISSION | OUT_OF_ORDER | GAP_BEFORE


class Tracker:
    """All connections of one capture."""

    def __init__(self, finished: Callable[[Flow], str], want_all: bool, seed: int) -> None:
        self.finished = finished
        self.want_all = 1 if want_all else 0
        self.table = Table(seed)
        self.packet = Packet()
        self.facts = FactSlab()
        self.heads = HeadSlab()
        self.lanes = Lanes()
        self.moments = Moments()
        self.callers = Callers()
        self.losses = Losses()
        self.leaks = Leaks()
        self.activity = Bins()
        self.redirects: dict[tuple[int, ...], tuple[int, int, int]] = {}
        """Where calls went whose answers bear the address and port that were called; by those, and
        the caller's."""
        self.redirect_count = 0
        self.recent = array("q", bytes(8 * 4 * RECENT))
        self.tags = array("H", bytes(2 * RECENT))
        self.offsets = column()
        self.times = column()
        self.captured = column()
        self.lengths = column()
        self.interfaces = column()
        self.frames = column()
        self.words = NO_WORDS
        self.width = 0
        self.link_types = array("q")
        self.files = array("q")
        self.buffer: Any = b""
        self.now = 0
        self.next_sweep = 0
        self.packets = 0
        self.bytes = 0
        self.first_time = 0
        self.last_time = 0
        self.truncated = 0
        self.duplicates = 0
        self.undecoded = 0
        self.other_protocols = 0
        self.fragments = 0
        self.unknown_link = 0
        self.mixed = 0
        self.mixed_frame = 0
        self.evicted = 0
        self.facts_left_out = 0
        self.heads_left_out = 0
        self.note_all = 0
        self.keep_prints: Any = None
        """A PrintTable (pcapdiag/flow/prints.py) that every connection leaves a print in."""
        self.unmatched_icmp = 0
        self.connections = 0
        self.healthy = 0
        self.looks = 0
        self.midstream = 0
        self.one_direction = 0
        self.acked_unseen = 0
        self.super_segments = 0
        self.bad_checksums = 0
        self.watching = 0
        self.watched: set[int] = set()
        self.on_packet: Any = None
        self.named: set[int] = set()
        """Initiators' ends (:func:`end_key`) whose connections are handed on, healthy or not."""
        self.scratch = -1
        self.arp: list[tuple[int, int, int]] = []
        self.on_dns: Callable[[Packet, bytes, int, int], object] | None = None
        """Takes each DNS message over UDP, with its frame and time."""
        self.claims: dict[tuple[int, int], tuple[int, int]] = {}
        """When, and in which frame, a MAC last claimed an IPv4 address by ARP."""
        self.reassemble: Callable[[Packet, bytes, int], bytes | None] | None = None
        self.path_ids: dict[tuple[int, int], int] = {}
        self.last_interface = -1
        self.last_ifindex = -1
        self.last_path_id = 0

    def watch(self, streams: set[int], on_packet: Callable[[Flow, Any], object]) -> None:
        """Hand every packet of these connections to ``on_packet``, as a row of the fact slab.

        Packets that were captured before are left out. Call it before the first batch.
        """
        self.watched = streams
        self.on_packet = on_packet
        self.scratch = self.facts.take()
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
        self.files = files
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
                    of_it = self.words[(i + _VERY_SOON) * self.width + _HASH]
                    prefetch_object(buckets, of_it & 0xFFFF)
                    prefetch(p.view, soon + self.captured[i + _SOON] - 1)
                else:
                    prefetch(p.view, soon)
            if self._decode(p, i) == 1:
                frame, time, interface = self.frames[i], self.times[i], self.interfaces[i]
                flow = self._assign(p, frame, time, interface)
                if flow is not None:
                    self._track(p, flow, frame, time, interface)
            if self.now >= self.next_sweep:
                self._sweep()
            i += 1

    def _process_disordered(self, count: int) -> None:
        # Streams are numbered in file order, and followed in time order.
        p = self.packet
        order = sorted(range(count), key=self._frame_at)
        assigned: list[Flow | None] = [None] * count
        waiting: list[int] = []
        for i in order:
            if self._decode_at(p, i) == 1:
                if self._replaces():
                    # What waits belongs to the connection that ends here.
                    self._track_assigned(waiting, assigned)
                    waiting = []
                    self._decode_at(p, i)
                assigned[i] = self._assign(p, self.frames[i], self.times[i], self.interfaces[i])
            waiting.append(i)
        self._track_assigned(waiting, assigned)
        if self.now >= self.next_sweep:
            self._sweep()

    def _replaces(self) -> int:
        """Say whether the packet is a SYN that ends a connection on the same ports."""
        p = self.packet
        flow = self.table.find(p, self.table.hash(p))
        return 0 if flow is None else self._is_another(p, flow)

    def _is_another(self, p: Packet, flow: Flow) -> int:
        base = flow.a.base_seq if self.table.from_a else flow.b.base_seq
        return 1 if p.flags & (SYN | ACK) == SYN and base >= 0 and p.seq != base else 0

    def _track_assigned(self, waiting: list[int], assigned: list[Flow | None]) -> None:
        p = self.packet
        for i in sorted(waiting):
            if self._decode(p, i) == 1:
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
        """Decode packet ``i``, count it, see to everything that is not TCP; return 1 for TCP."""
        time = self.times[i]
        self.packets += 1
        self.bytes += self.lengths[i]
        if self.first_time == 0 or time < self.first_time:
            self.first_time = time
        if time > self.last_time:
            self.last_time = time
        self.now = time
        if self.captured[i] < self.lengths[i]:
            self.truncated += 1
        kind = self._decode_at(p, i)
        if kind == 1:
            return 1
        return self._other(p, kind, self.frames[i], time, self.interfaces[i])

    def _decode_at(self, p: Packet, i: int) -> int:
        if self.width and unpack(p, self.words, i * self.width):
            kind = 1
        else:
            link_type = self.link_types[self.interfaces[i]]
            kind = p.decode(self.offsets[i], self.captured[i], self.lengths[i], link_type)
        if kind == 1 and self.redirect_count > 0:
            self._follow_redirect(p)
        return kind

    def _follow_redirect(self, p: Packet) -> None:
        """Give the answer of a redirected call the address that the call went to."""
        called = (p.source_high, p.source_low, p.source_port)
        place = self.redirects.get((*called, p.target_high, p.target_low, p.target_port))
        if place is not None:
            p.source_high, p.source_low, p.source_port = place
            p.hash = 0

    def _note_redirect(self, p: Packet, time: int) -> Flow | None:
        """Return the call that a SYN-ACK from another address answers, and remember both."""
        moment = self.moments.redirected((p.ack - 1) & MASK32, time)
        if moment is None or self.redirect_count >= MAX_REDIRECTS:
            return None
        host = moment.answerer
        if host is None or host.version != p.version:
            return None
        called = (p.source_high, p.source_low, p.source_port)
        p.source_high, p.source_low, p.source_port = host.high, host.low, moment.port
        flow = self.table.find(p, self.table.hash(p))
        if flow is not None and flow.stream == moment.stream and flow.syn_ack_count == 0:
            key = (*called, p.target_high, p.target_low, p.target_port)
            self.redirects[key] = (p.source_high, p.source_low, p.source_port)
            self.redirect_count += 1
            self._note_base(p, flow)
            return flow
        p.source_high, p.source_low, p.source_port = called
        return None

    def _other(self, p: Packet, kind: int, frame: int, time: int, interface: int) -> int:
        if kind == 5:
            self.fragments += 1
            if self.reassemble is None:
                return 0
            whole = self.reassemble(p, bytes(self.buffer[p.position : p.end]), time)
            if whole is not None:
                self._reassembled(p, whole, frame, time, interface)
        elif kind == 2:
            self._icmp(p, frame, time)
        elif kind == 6:
            self.undecoded += 1
        elif kind == 7:
            self.unknown_link += 1
            self.undecoded += 1
        elif kind == 4:
            self.arp.append((frame, time, p.mac))
            self._note_claim(p, frame, time)
            if len(self.arp) > KEPT_ARP:
                del self.arp[0]
        elif kind == 3 and self.on_dns is not None:
            message = bytes(self.buffer[p.payload : p.payload + p.payload_captured])
            self.on_dns(p, message, frame, time)
        else:
            self.other_protocols += 1
        return 0

    def _note_claim(self, p: Packet, frame: int, time: int) -> None:
        """Keep the last time a MAC said by ARP that an IPv4 address is its own."""
        key = (p.source_low, p.mac)
        if p.source_low and (key in self.claims or len(self.claims) < MAX_CLAIMS):
            self.claims[key] = (time, frame)

    def _reassembled(self, p: Packet, whole: bytes, frame: int, time: int, interface: int) -> None:
        buffer = self.buffer
        self.buffer = whole
        p.load(whole)
        kind = p.decode_ip(0, len(whole))
        if kind == 1:
            flow = self._assign(p, frame, time, interface)
            if flow is not None:
                self._track(p, flow, frame, time, interface)
        elif kind != 5:
            self._other(p, kind, frame, time, interface)
        self.buffer = buffer
        p.load(buffer)

    # Which connection.

    def _assign(self, p: Packet, frame: int, time: int, interface: int) -> Flow | None:
        h = self.table.hash(p)
        flow = self.table.find(p, h)
        if flow is None:
            return self._open(p, h, frame, time, interface)
        if p.flags & SYN:
            if self._is_another(p, flow):
                self.table.remove(flow)
                self._finish(flow)
                return self._open(p, h, frame, time, interface)
            f = flow.a if self.table.from_a else flow.b
            again = f.base_seq >= 0 and not p.flags & ACK
            if again and self.files[interface] != flow.file:
                self._compare_files(p, flow, frame, time)
        if flow.a.base_seq < 0 or flow.b.base_seq < 0:
            self._note_base(p, flow)
        return flow

    def _open(self, p: Packet, h: int, frame: int, time: int, interface: int) -> Flow | None:
        table = self.table
        stream = -1
        grave = table.find_grave(p, h)
        if grave is not None:
            base = grave.base_a if table.from_a else grave.base_b
            is_syn = p.flags & (SYN | ACK) == SYN
            if not is_syn or p.seq == base:
                # A refused SYN may be sent again, and accepted, when the RST did not arrive.
                if not grave.evicted and not (is_syn and grave.state == "REJ"):
                    table.late_packets += 1
                    self._count_late(p, time)
                    return None
                stream = grave.stream
        if stream < 0:
            stream = table.next_stream
            table.next_stream += 1
        if p.flags & (SYN | ACK) == SYN | ACK:
            called = self._note_redirect(p, time)
            if called is not None:
                called.answers_stream = stream
                return called
        flow = table.add(p, h, stream)
        flow.previous = grave
        flow.first_frame = frame
        flow.start = time
        flow.end = time
        flow.active_time = time
        flow.file = self.files[interface]
        flow.syn_tsval = p.tsval
        flow.syn_ip_id = p.ip_id
        self._note_base(p, flow)
        self._infer_opener(p, flow)
        table.settle(flow)
        if table.size1 > MAX_EMBRYONIC:
            self._evict(1)
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

    def _compare_files(self, p: Packet, flow: Flow, frame: int, time: int) -> None:
        # The same SYN in two files at two times was captured at two points; one that was sent again
        # has another IP ID or a later timestamp.
        if time == flow.start:
            return
        if p.ip_id != 0:
            same = p.ip_id == flow.syn_ip_id
        else:
            same = p.has_timestamps != 0 and p.tsval == flow.syn_tsval
        if same:
            self.mixed += 1
            if self.mixed_frame == 0:
                self.mixed_frame = frame

    def _infer_opener(self, p: Packet, flow: Flow) -> None:
        if p.flags & (SYN | ACK) == SYN:
            return
        if p.flags & (SYN | ACK) == SYN | ACK:
            flow.a_opened = 0
            return
        flow.inferred = 1
        flow.midstream = 1
        endpoints = self.table.endpoints
        if (p.version, p.source_high, p.source_low, p.source_port) in endpoints:
            flow.a_opened = 0
        elif (p.version, p.target_high, p.target_low, p.target_port) in endpoints:
            flow.a_opened = 1
        elif p.source_port < 1024 <= p.target_port:
            flow.a_opened = 0
        elif p.source_port < 32768 <= p.target_port:
            flow.a_opened = 0

    # Following.

    def _track(self, p: Packet, flow: Flow, frame: int, time: int, interface: int) -> int:
        """Follow a packet; return 0 for one that was captured before."""
        from_a = self.table.from_a
        f = flow.a if from_a else flow.b
        r = flow.b if from_a else flow.a
        path = self.last_path_id
        if interface != self.last_interface or p.ifindex != self.last_ifindex:
            path = self._path_id(interface, p.ifindex)
        self._seen_on(p, flow, path)
        if self._is_duplicate(p, flow, f, r, time, path, interface):
            f.duplicates += 1
            self.duplicates += 1
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
            until = self._data_until(f, known)
            ahead = distance((p.seq + fresh) & MASK32, until)
            # A hole before it counts too: the bytes were sent, though the capture lacks them.
            fresh = ahead if ahead > 0 else 0
        if r.suspects is not None and p.flags & ACK:
            self.losses.answered(p, f, r, time)
        marks = analyze(p, flow, f, r, time)
        marks |= self._count(p, f, r, marks)
        if marks & _NOT_NEXT and p.payload_length > 0:
            self.losses.note(p, flow, f, r, marks, known, time)
        if f.packets == 0:
            f.first_frame = frame
            f.first_time = time
        f.packets += 1
        flow.packets += 1
        f.last_frame = frame
        f.last_time = time
        flow.end = time
        self._baseline(p, f)
        if p.flags & SYN:
            self._handshake_open(p, flow, f, opened, time)
        if p.flags & ACK:
            self._acknowledge(p, flow, f, r, opened, frame, time)
        # A RST's bytes say why it was sent (RFC 9293 3.5.3), and are nobody's answer.
        if p.payload_length > 0 and not (marks & KEEP_ALIVE or p.flags & RST):
            self._payload(p, flow, f, r, opened, fresh, until, frame, time)
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
            if time - flow.active_time >= _IDLE:
                flow.pause = time - flow.active_time
                flow.pause_end = time
            flow.active_time = time
        if flow.closing != 0 or p.flags & (SYN | FIN | RST):
            self._endings(p, flow, f, r, fresh, frame, time)
        if self.watching:
            self._show(p, flow, from_a, marks, path, frame, time)
        return self._keep(p, flow, from_a, marks, path, frame, time)

    def _path_id(self, interface: int, ifindex: int) -> int:
        key = (interface, ifindex)
        number = self.path_ids.get(key, -1)
        if number < 0:
            number = len(self.path_ids)
            if number >= MAX_INTERFACES:
                number = MAX_INTERFACES - 1
            else:
                self.path_ids[key] = number
        self.last_interface = interface
        self.last_ifindex = ifindex
        self.last_path_id = number
        return number

    def _seen_on(self, p: Packet, flow: Flow, path: int) -> None:
        if path != flow.interface0:
            if flow.interface0 < 0:
                flow.interface0 = path
            elif flow.interface1 < 0 or flow.interface1 == path:
                flow.interface1 = path
            elif flow.interface2 < 0 or flow.interface2 == path:
                flow.interface2 = path
            elif flow.interface3 < 0:
                flow.interface3 = path
        if p.vlan != 0 and p.vlan != flow.vlan0:
            if flow.vlan0 == 0:
                flow.vlan0 = p.vlan
            elif flow.vlan1 == 0:
                flow.vlan1 = p.vlan
        if p.vni != 0 and p.vni != flow.vni0:
            if flow.vni0 == 0:
                flow.vni0 = p.vni
            elif flow.vni1 == 0:
                flow.vni1 = p.vni

    def _is_duplicate(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int, path: int, interface: int
    ) -> int:
        """Say whether the packet was captured before, on another path or on the same one."""
        word = (p.seq << 32) | p.ack
        key = (word * MIX_A) & MASK
        word = (p.payload_length << 32) | (p.window << 16) | p.ip_id
        key ^= (word * MIX_B) & MASK
        word = (p.tsval << 16) | (p.flags << 1) | self.table.from_a
        key ^= (word * MIX_C) & MASK
        word = (p.sack_left << 32) | p.sack_right
        # Not the table's hash, which has another seed in each run: reports are to be equal.
        key ^= word ^ ((flow.stream * MIX_B) & MASK)
        key = (key * MIX_A) & MASK
        place = key >> 53
        slot = place << 2
        tag = key & 0xFFFF
        known = key >> 1
        where = p.ttl | (path << 8) | (p.vlan << 20) | ((p.mac & 0xFFFF) << 32)
        where |= (p.direction + 1) << 48
        if self.tags[place] == tag and self.recent[slot] == known:
            apart = time - self.recent[slot + 1]
            if apart < 0:
                apart = -apart
            if self._same_packet(p, f, r, apart, where == self.recent[slot + 2]):
                self._note_mixed(path, self.recent[slot + 2], apart, interface)
                if where == self.recent[slot + 2]:
                    self._note_copy(p, flow, f, r, time)
                return 1
        self.tags[place] = tag
        self.recent[slot] = known
        self.recent[slot + 1] = time
        self.recent[slot + 2] = where
        return 0

    def _note_copy(self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int) -> None:
        # On one path it may be the network that made the copy: the receiver's DSACK would show it.
        if p.payload_length > 0 and p.seq != f.resent_seq:
            f.copy_seq = p.seq
            f.copy_length = p.payload_length
            f.copy_marks = repeats(p, flow, f, r, time)

    def _delivered_twice(self, f: HalfFlow) -> None:
        """Take back that the last copy was only one of the capture (RFC 2883)."""
        f.duplicates -= 1
        self.duplicates -= 1
        f.packets += 1
        f.payload_bytes += f.copy_length
        self._count_marks(f, f.copy_marks)
        f.copy_seq = -1
        self.activity.packets += 1
        self.activity.bytes += f.copy_length
        if f.copy_marks & ANY_RETRANSMISSION:
            self.activity.retransmissions += 1

    def _same_packet(self, p: Packet, f: HalfFlow, r: HalfFlow, apart: int, same_path: int) -> int:
        if apart > DUPLICATE_WINDOW:
            return 0
        if p.version == 4 and p.ip_id != 0:
            return 1
        if not same_path:
            return 1 if apart <= SOFT_WINDOW else 0
        if apart > SAME_PATH_WINDOW:
            return 0
        if p.payload_length == 0 and not p.flags & (SYN | FIN):
            # Acknowledgments and resets may be sent twice within microseconds.
            return 1 if f.duplicates + r.duplicates > 0 else 0
        return 1

    def _note_mixed(self, path: int, before: int, apart: int, interface: int) -> None:
        other = (before >> 8) & 0xFFF
        if path == other or apart == 0:
            return
        for (known, _ifindex), number in self.path_ids.items():
            if number == other and self.files[known] != self.files[interface]:
                self.mixed += 1

    def _baseline(self, p: Packet, f: HalfFlow) -> None:
        if p.direction == 4:
            f.sent += 1
        elif p.direction == 0:
            f.received += 1
        if p.flags & RST:
            return
        if p.ttl == f.ttl0:
            f.ttl0_count += 1
        elif f.ttl0 < 0:
            f.ttl0 = p.ttl
            f.ttl0_count = 1
        elif p.ttl == f.ttl1 or f.ttl1 < 0:
            f.ttl1 = p.ttl
            f.ttl1_count += 1
        elif p.ttl == f.ttl2 or f.ttl2 < 0:
            f.ttl2 = p.ttl
            f.ttl2_count += 1
        elif p.ttl == f.ttl3 or f.ttl3 < 0:
            f.ttl3 = p.ttl
            f.ttl3_count += 1
        if p.mac != 0:
            if p.mac == f.mac0:
                f.mac0_count += 1
            elif f.mac0 == 0:
                f.mac0 = p.mac
                f.mac0_count = 1
            elif p.mac == f.mac1 or f.mac1 == 0:
                f.mac1 = p.mac
                f.mac1_count += 1
        if p.version == 4 and p.ip_id == 0 and p.flags & SYN == 0:
            f.ids_zero += 1

    def _count(self, p: Packet, f: HalfFlow, r: HalfFlow, marks: int) -> int:
        """Add the segment to the counters of its half; return further marks."""
        more = 0
        f.payload_bytes += p.payload_length
        if p.payload_length > f.max_segment:
            f.max_segment = p.payload_length
        if r.mss > 0 and p.payload_length > r.mss:
            more |= SUPER_SEGMENT
            f.super_segments += 1
            self.super_segments += 1
        if p.cut:
            more |= TRUNCATED
            f.truncated += 1
        if p.bad_checksum:
            more |= BAD_CHECKSUM
            f.bad_checksums += 1
            self.bad_checksums += 1
        if p.has_timestamps:
            f.timestamps = 1
        if not p.flags & (SYN | RST):
            shift = f.window_scale if f.window_scale > 0 and r.window_scale >= 0 else 0
            f.window_bytes = p.window << shift
            if f.min_window < 0 or f.window_bytes < f.min_window:
                f.min_window = f.window_bytes
        if p.sack_blocks > 0 and (p.sack_within or distance(p.sack_right, p.ack) <= 0):
            more |= DSACK
            if r.copy_seq == p.sack_left:
                if (r.copy_seq + r.copy_length) & MASK32 == p.sack_right:
                    self._delivered_twice(r)
        if marks:
            self._count_marks(f, marks)
        return more

    def _count_marks(self, f: HalfFlow, marks: int) -> None:
        if marks & ANY_RETRANSMISSION:
            f.retransmissions += 1
            if marks & FAST_RETRANSMISSION:
                f.fast_retransmissions += 1
            elif marks & SPURIOUS_RETRANSMISSION:
                f.spurious_retransmissions += 1
        if marks & OUT_OF_ORDER:
            f.out_of_order += 1
        if marks & KEEP_ALIVE:
            f.keep_alives += 1
        if marks & DUPLICATE_ACK:
            f.duplicate_acks += 1
        if marks & KEEP_ALIVE_ACK:
            f.keep_alive_acks += 1
        if marks & ZERO_WINDOW:
            f.zero_windows += 1
        if marks & WINDOW_PROBE:
            f.window_probes += 1
        if marks & GAP_BEFORE:
            f.gaps += 1
        if marks & ACKED_UNSEEN:
            f.acked_unseen += 1
            self.acked_unseen += 1

    def _handshake_open(self, p: Packet, flow: Flow, f: HalfFlow, opened: int, time: int) -> None:
        if f.isn < 0:
            f.isn = p.seq
            f.mss = p.mss
            f.window_scale = p.window_scale
            f.sack_permitted = p.sack_permitted
        if not p.flags & ACK:
            if opened:
                flow.syn_count += 1
                if flow.syn_count == 1:
                    self.moments.note(flow, OPENED, time)
                    if flow.endpoint is not None:
                        flow.ups_before = flow.endpoint.established
                if flow.syn_ack_count == 0:
                    flow.syn_time = time
                    if flow.syn_count == 2 and flow.endpoint is not None:
                        note_outcome(flow.endpoint, SILENT, flow.start)
            return
        flow.syn_ack_count += 1
        if flow.syn_ack_count == 1:
            flow.syn_ack_time = time
            if flow.syn_time > 0 and p.ack == (flow_isn(flow) + 1) & MASK32:
                flow.rtt_to_responder = time - flow.syn_time
            if flow.endpoint is not None:
                f.host.answered += 1
        elif flow.handshake_done == 0:
            flow.syn_ack_time = time

    def _acknowledge(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, opened: int, frame: int, time: int
    ) -> None:
        if p.flags & RST == 0:
            if f.highest_ack < 0 or distance(p.ack, f.highest_ack) > 0:
                f.highest_ack = p.ack
            if r.sample_seq >= 0 and distance(p.ack, r.sample_seq) >= 0:
                rtt = time - r.sample_time
                if r.min_rtt == 0 or rtt < r.min_rtt:
                    r.min_rtt = rtt
                r.sample_seq = -1
        if opened:
            if flow.handshake_done == 0 and flow.syn_ack_count > 0 and not p.flags & (SYN | RST):
                if r.isn >= 0 and distance(p.ack, r.isn) > 0 and p.seq != f.isn:
                    flow.handshake_done = 1
                    flow.established_time = time
                    flow.established_frame = frame
                    flow.early_resets = flow.rst_kept
                    flow.rtt_to_initiator = time - flow.syn_ack_time
                    if flow.syn_time > 0:
                        flow.first_rtt = time - flow.syn_time
                    self._established(flow, time)
        elif flow.turn_index > 0 and flow.request_acked_time == 0 and r.next_seq >= 0:
            if distance(p.ack, r.next_seq) >= 0:
                flow.request_acked_time = time

    def _established(self, flow: Flow, time: int) -> None:
        note_race(self.table, flow, time)
        endpoint = flow.endpoint
        if endpoint is None:
            return
        endpoint.established += 1
        if endpoint.first_established == 0:
            endpoint.first_established = time
        endpoint.last_established = time
        note_outcome(endpoint, CAME_UP, time)

    # Turns: requests and answers as TCP shows them.

    def _data_until(self, f: HalfFlow, known: int) -> int:
        """Return where the data seen so far ends.

        That is before ``known`` where an acknowledgment overtook the data that was sent before it.
        """
        if f.data_segments > 0:
            return (f.last_data_seq + f.last_data_length) & MASK32
        return (f.isn + 1) & MASK32 if f.isn >= 0 else known

    def _payload(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, opened: int, fresh: int, known: int,
        frame: int, time: int,
    ) -> None:  # fmt: skip
        seq = (p.seq + 1) & MASK32 if p.flags & SYN else p.seq
        if fresh > 0:
            if flow.inferred and flow.turn_index == 0 and flow.greeting_bytes == 0:
                opened = self._opener_by_content(p, flow, opened)
            if opened:
                if flow.response_bytes > 0 and self._is_interim(flow, r):
                    # 100 Continue: the request goes on.
                    flow.response_bytes = 0
                    flow.response_frame = 0
                    r.turn_seq = -1
                    r.head_length = 0
                    r.tail_length = 0
                elif flow.response_bytes > 0 and self._goes_on(flow, f):
                    # Answered early: the rest of the request's body belongs to the same turn.
                    pass
                elif flow.turn_index == 0 or flow.response_bytes > 0:
                    self._new_turn(p, flow, frame, time)
                    self.lanes.begin_turn(p, flow, f, r, seq)
                elif flow.turn_index == 1 and flow.greeting_bytes > 0:
                    # MySQL: a ClientHello right behind the plain request for TLS.
                    self.lanes.begin_turn(p, flow, f, r, seq)
                flow.request_bytes += fresh
                flow.request_last_frame = frame
                flow.request_last_time = time
                flow.request_acked_time = 0
            elif flow.turn_index == 0:
                if flow.greeting_bytes == 0 and flow.endpoint is not None:
                    flow.endpoint.speaks_first += 1
                flow.greeting_bytes += fresh
            else:
                if flow.response_bytes == 0:
                    self._answered(p, flow, frame, time)
                flow.response_bytes += fresh
                flow.response_last_frame = frame
                flow.response_last_time = time
                if flow.response_bytes > flow.largest_answer and flow.turn_index > 1:
                    flow.largest_answer = flow.response_bytes
            if f.data_segments == 0:
                f.first_data_frame = frame
                f.first_data_time = time
            f.data_segments += 1
            f.last_data_frame = frame
            f.last_data_time = time
            f.last_data_seq = seq
            f.last_data_length = p.payload_length
            if f.turn_seq < 0:
                f.turn_seq = self._start_of_turn(p, seq, known, r.highest_ack)
        if f.turn_seq >= 0:
            position = distance(seq, f.turn_seq)
            if position < HEAD:
                self._head(p, f, position)
            if fresh > 0 and not opened:
                self._tail(p, f, seq)
        if flow.lanes != _TURNS:
            self.lanes.take(p, flow, f, r, seq, opened, frame, time)

    def _start_of_turn(self, p: Packet, seq: int, known: int, acked: int) -> int:
        """Return where a turn's bytes begin, though its first segment may not be here yet."""
        start = seq
        if known >= 0 and distance(seq, known) != 0 and not p.flags & SYN:
            start = known
            # What the other end has got was before the turn, seen or not.
            if acked >= 0 and distance(acked, start) > 0 and distance(seq, acked) >= 0:
                start = acked
        return start

    def _opener_by_content(self, p: Packet, flow: Flow, opened: int) -> int:
        """Correct a guessed initiator when the responder's first bytes are a request."""
        if opened or p.payload_captured < 6:
            return opened
        start = bytes(self.buffer[p.payload : p.payload + 6])
        is_hello = start[0] == 0x16 and start[1] == 3 and start[5] == 1
        if not is_hello and not start.startswith((b"GET ", b"POST ", b"PUT ", b"HEAD ", b"PRI * ")):
            return opened
        flow.a_opened = 1 - flow.a_opened
        flow.inferred = 1
        return 1

    def _is_interim(self, flow: Flow, r: HalfFlow) -> int:
        """Say whether the answer so far is only ``HTTP/1.1 1xx``, save for a change of protocol."""
        slot = r.hello_slot if r.turn_seq == r.hello_seq else r.head_slot
        length = r.hello_length if r.turn_seq == r.hello_seq else r.head_length
        if slot < 0 or flow.lanes != _TURNS or flow.response_bytes > INTERIM:
            return 0
        code = status(self.heads.view, slot * HEAD, length)
        return 100 <= code < 200 and code != 101

    def _goes_on(self, flow: Flow, f: HalfFlow) -> int:
        """Say whether the turn's request is HTTP/1 whose body has not been sent to its end."""
        if flow.lanes != _TURNS or f.turn_seq < 0:
            return 0
        first = f.turn_seq == f.hello_seq
        slot = f.hello_slot if first else f.head_slot
        length = f.hello_length if first else f.head_length
        if slot < 0:
            return 0
        return is_unfinished(self.heads.view, slot * HEAD, length, flow.request_bytes)

    def _close_turn(self, flow: Flow, keep: int) -> None:
        """Note a turn of HTTP/1 that is not plainly in order; ``keep`` its first bytes too."""
        i = flow.a if flow.a_opened else flow.b
        r = flow.b if flow.a_opened else flow.a
        if flow.turn_index == 0 or i.turn_seq < 0:
            return
        first = i.turn_seq == i.hello_seq
        asked = i.hello_slot if first else i.head_slot
        asked_length = i.hello_length if first else i.head_length
        first = r.turn_seq == r.hello_seq
        told = r.hello_slot if first else r.head_slot
        told_length = r.hello_length if first else r.head_length
        if r.turn_seq < 0 or flow.response_bytes == 0:
            told = -1
            told_length = 0
        self.callers.turn_closed(
            flow, self.heads.view, asked * HEAD, asked_length, told * HEAD, told_length
        )
        look = 0
        if told >= 0 and is_answer(self.heads.view, told * HEAD, told_length):
            look = is_alarming(status(self.heads.view, told * HEAD, told_length))
        elif told >= 0 and asked >= 0:
            look = is_request(self.heads.view, asked * HEAD, asked_length)
        if look:
            flow.alarming = 1
        if not keep or not (look or self.note_all):
            return
        if flow.noted is None:
            flow.noted = []
        if len(flow.noted) < _MAX_NOTED:
            flow.noted.append(
                (
                    flow.turn_index, flow.turn_gap, flow.request_frame, flow.request_time,
                    flow.request_last_frame, flow.request_last_time, flow.request_bytes,
                    flow.response_frame, flow.response_time, flow.response_last_frame,
                    flow.response_last_time, flow.response_bytes,
                    self.heads.read(asked, asked_length) if asked >= 0 else b"",
                    self.heads.read(told, told_length) if told >= 0 else b"",
                    self._tail_bytes(r),
                )
            )  # fmt: skip

    def _tail_bytes(self, f: HalfFlow) -> bytes:
        if f.tail_length == 0:
            return b""
        tail = (int(f.tail_high) << 64) | int(f.tail_low)
        return tail.to_bytes(16, "big")[16 - f.tail_length :]

    def _new_turn(self, p: Packet, flow: Flow, frame: int, time: int) -> None:
        if flow.lanes == _TURNS:
            self._close_turn(flow, 1)
        flow.turn_index += 1
        flow.turn_gap = time - flow.active_time
        flow.request_frame = frame
        flow.request_time = time
        flow.request_bytes = 0
        flow.response_frame = 0
        flow.response_time = 0
        flow.response_bytes = 0
        if flow.turn_index > 1 or flow.greeting_bytes > 0:
            flow.b.turn_seq = -1
            flow.b.head_length = 0
            flow.b.tail_length = 0
            flow.a.turn_seq = -1
            flow.a.head_length = 0
            flow.a.tail_length = 0
        if flow.turn_index == 1:
            self._note_first_bytes(p, flow)

    def _note_first_bytes(self, p: Packet, flow: Flow) -> None:
        if flow.endpoint is None or p.payload_captured < 4:
            return
        if flow.endpoint.connections > FIRST_BYTES_OF:
            return
        seen = flow.endpoint.first_bytes
        first = big32(p.view, p.payload)
        if first in seen:
            seen[first] += 1
        elif len(seen) < MAX_FIRST_BYTES:
            seen[first] = 1

    def _note_accepted(self, p: Packet, flow: Flow, endpoint: Endpoint) -> None:
        """Count the connection's first bytes as accepted, unless its answer is a refusal.

        A refusal is an HTTP/1 status of 400 or more, or a TLS alert.
        """
        f = flow.a if flow.a_opened else flow.b
        if f.hello_slot < 0 or f.hello_length < 4:
            return
        o = p.payload
        if p.payload_captured >= 2 and big16(p.view, o) == 0x1503:
            return
        if p.payload_captured >= 10 and p.view[o + 9] >= 0x34:
            if big32(p.view, o) == 0x48545450 and big32(p.view, o + 3) == 0x502F312E:  # HTTP/1.
                return
        first = big32(self.heads.view, f.hello_slot * HEAD)
        if first in endpoint.first_bytes:
            endpoint.first_accepted[first] = endpoint.first_accepted.get(first, 0) + 1

    def _answered(self, p: Packet, flow: Flow, frame: int, time: int) -> None:
        flow.response_frame = frame
        flow.response_time = time
        self.moments.note(flow, ANSWERED, time)
        endpoint = flow.endpoint
        if endpoint is None:
            return
        endpoint.turns += 1
        if flow.turn_index == 1 and endpoint.connections <= FIRST_BYTES_OF:
            self._note_accepted(p, flow, endpoint)
        took = time - flow.request_last_time
        if took > endpoint.longest_answer:
            endpoint.longest_answer = took
        bucket = 0
        limit = 1_000_000
        while took >= limit and bucket < 15:
            limit <<= 1
            bucket += 1
        endpoint.answers_within[bucket] += 1
        if flow.turn_gap >= _IDLE and flow.a.keep_alives + flow.b.keep_alives == 0:
            endpoint.idle_turns += 1
            if flow.turn_gap > endpoint.longest_idle:
                endpoint.longest_idle = flow.turn_gap

    def _head(self, p: Packet, f: HalfFlow, position: int) -> int:
        """Keep the first bytes of the turn, in order; return how many of them are new."""
        if f.hello_slot < 0:
            f.hello_seq = f.turn_seq
        hello = f.turn_seq == f.hello_seq
        length = f.hello_length if hello else f.head_length
        if position > length or position + p.payload_captured <= length or length >= HEAD:
            return 0
        slot = f.hello_slot if hello else f.head_slot
        if slot < 0:
            slot = self.heads.take()
            if slot < 0:
                self.heads_left_out += 1
                return 0
            if hello:
                f.hello_slot = slot
            else:
                f.head_slot = slot
        source = p.payload + (length - position)
        stop = p.payload + p.payload_captured
        if stop - source > HEAD - length:
            stop = source + HEAD - length
        target = slot * HEAD + length
        count = stop - source
        copy(self.heads.view, target, p.view, source, count)
        length += count
        if hello:
            f.hello_length = length
        else:
            f.head_length = length
        return count

    def _tail(self, p: Packet, f: HalfFlow, seq: int) -> None:
        """Keep the last 16 bytes of an answer, where they were seen without a hole."""
        count = p.payload_captured
        end = p.payload + count
        if p.cut:
            f.tail_length = 0
            return
        if seq != f.tail_end:
            f.tail_length = 0
        if count >= 16:
            f.tail_high = big64(p.view, end - 16)
            f.tail_low = big64(p.view, end - 8)
            start = end
        else:
            start = p.payload
        while start < end:
            f.tail_high = ((f.tail_high << 8) | (f.tail_low >> 56)) & MASK
            f.tail_low = ((f.tail_low << 8) | p.view[start]) & MASK
            start += 1
        f.tail_length += count
        if f.tail_length > 16:
            f.tail_length = 16
        f.tail_end = (seq + p.payload_length) & MASK32

    # Endings.

    def _endings(
        self, p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, fresh: int, frame: int, time: int
    ) -> None:
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
            if flow.rst_time == 0:
                flow.rst_time = time
            self._note_reset(p, flow, f, time)
            if flow.midstream:
                self.leaks.note(p, self.table, flow, f, frame, time)
            if flow.syn_ack_count == 0 and flow.syn_count > 0 and f.packets == 1:
                if flow.endpoint is not None:
                    note_outcome(flow.endpoint, REFUSED, time)
        if p.flags & RST or (f.fin_seq >= 0 and r.fin_seq >= 0):
            self.table.touch(flow, 2)
            if self.table.size2 > MAX_CLOSING:
                self._evict(2)
        elif flow.closing != 2 or fresh > 0 or p.flags & SYN:
            if flow.handshake_done or flow.midstream:
                if flow.closing != 0:
                    self.table.touch(flow, 0)
                    if self.table.size0 > MAX_OPEN:
                        self._evict(0)
            else:
                self.table.touch(flow, 1)

    def _note_reset(self, p: Packet, flow: Flow, f: HalfFlow, time: int) -> None:
        host = f.host
        host.reset_ttls[p.ttl] = host.reset_ttls.get(p.ttl, 0) + 1
        if p.payload_length > 0 and not flow.reset_payload:
            size = p.payload_captured
            if size > MAX_RESET_PAYLOAD:
                size = MAX_RESET_PAYLOAD
            flow.reset_payload = bytes(self.buffer[p.payload : p.payload + size])
        if p.mac != 0 and not flow.arp_frames:
            frames = [n for n, t, mac in self.arp if mac == p.mac and time - t <= ARP_WINDOW]
            flow.arp_frames = tuple(frames)

    def _icmp(self, p: Packet, frame: int, time: int) -> None:
        table = self.table
        h = table.hash(p)
        flow = table.find(p, h)
        if flow is None:
            if not p.quote_full or table.find_grave(p, h) is not None:
                self.unmatched_icmp += 1
                return
            flow = table.add(p, h, table.next_stream)
            table.next_stream += 1
            flow.first_frame = frame
            flow.start = time
            flow.end = time
            flow.active_time = time
            self._infer_opener(p, flow)
            flow.midstream = 1
            flow.inferred = 0 if p.flags & SYN else 1
            table.settle(flow)
            if table.size1 > MAX_EMBRYONIC:
                self._evict(1)
        if flow.icmp is None:
            flow.icmp = []
        if len(flow.icmp) >= MAX_ICMP:
            return
        fact = (
            frame, time, p.icmp_version, p.icmp_high, p.icmp_low, p.icmp_type, p.icmp_code,
            p.icmp_mtu, table.from_a, p.seq, p.payload_length, p.icmp_ttl,
        )  # fmt: skip
        for known in flow.icmp:
            if known[3:] == fact[3:] and time - known[1] <= SOFT_WINDOW:
                self.duplicates += 1
                return
        flow.icmp.append(fact)

    # Kept packets.

    def _keep(
        self, p: Packet, flow: Flow, from_a: int, marks: int, path: int, frame: int, time: int
    ) -> int:
        """Keep the facts of a packet; return 0 without room."""
        if (flow.fact_last < 0 or flow.fact_fill == CHUNK_FACTS) and not self._next_chunk(flow):
            self.facts_left_out += 1
            return 0
        self._write(p, flow.fact_last, flow.fact_fill, from_a, marks, path, frame, time)
        flow.fact_fill += 1
        if p.flags & RST and flow.rst_kept < CHUNK_FACTS:
            if flow.rst_chunk < 0:
                flow.rst_chunk = self.facts.take()
            if flow.rst_chunk >= 0:
                self._write(p, flow.rst_chunk, flow.rst_kept, from_a, marks, path, frame, time)
                flow.rst_kept += 1
        return 1

    def _show(
        self, p: Packet, flow: Flow, from_a: int, marks: int, path: int, frame: int, time: int
    ) -> None:
        if flow.stream in self.watched:
            self._write(p, self.scratch, 0, from_a, marks, path, frame, time)
            self.on_packet(flow, self.facts.row(self.scratch, 0))

    def _next_chunk(self, flow: Flow) -> int:
        """Give a connection its next chunk, a new one or the oldest of its own last ones."""
        chunk = -1
        if flow.fact_chunks < FIRST_CHUNKS + LAST_CHUNKS:
            chunk = self.facts.take()
        if chunk >= 0:
            flow.fact_chunks += 1
        else:
            if flow.fact_chunks <= FIRST_CHUNKS + 1:
                return 0
            chunk = self.facts.following(flow.fact_pivot)
            self.facts.link(flow.fact_pivot, self.facts.following(chunk))
            self.facts.link(chunk, -1)
        if flow.fact_first < 0:
            flow.fact_first = chunk
        else:
            self.facts.link(flow.fact_last, chunk)
        if flow.fact_chunks <= FIRST_CHUNKS:
            flow.fact_pivot = chunk
        flow.fact_last = chunk
        flow.fact_fill = 0
        return 1

    def _write(
        self, p: Packet, chunk: int, fact: int, from_a: int, marks: int, path: int, frame: int,
        time: int,
    ) -> None:  # fmt: skip
        base = chunk * CHUNK_WORDS + fact * FACT_WORDS
        bits = p.flags | (from_a << 8) | (p.has_timestamps << 9) | (p.df << 10)
        bits |= ((p.direction + 1) & 0x0F) << 12
        bits |= (p.ttl << 16) | (p.tos << 24) | (p.window << 32) | (p.option_bytes << 48)
        if p.sack_blocks > 0:
            bits |= HAS_SACK
        if p.version == 6:
            bits |= IS_IPV6
        self.facts.view[base] = frame | (marks << 44)
        self.facts.view[base + 1] = time
        self.facts.view[base + 2] = p.seq | (p.ack << 32)
        self.facts.view[base + 3] = p.tsval | (p.tsecr << 32)
        self.facts.view[base + 4] = bits
        # One of the two is 0: the IP ID is IPv4's, the flow label IPv6's.
        self.facts.view[base + 5] = p.payload_length | ((p.ip_id | p.flow_label) << 32)
        self.facts.view[base + 6] = p.sack_left | (p.sack_right << 32)
        self.facts.view[base + 7] = p.mac | (path << 48)

    # Judging what has ended.

    def _sweep(self) -> None:
        self.next_sweep = self.now + SWEEP
        self._expire(2, _LINGER)
        self._expire(1, _SYN_IDLE)
        self._expire(0, _OPEN_IDLE)

    def _expire(self, queue: int, idle: int) -> None:
        flow = self.table.oldest[queue]
        while flow is not None and flow.queued + idle < self.now:
            if flow.end + idle >= self.now:
                self._requeue(flow)
            else:
                if queue == 0:
                    flow.evicted = 1
                self.table.remove(flow)
                self._finish(flow)
            flow = self.table.oldest[queue]

    def _requeue(self, flow: Flow) -> None:
        # Moving a connection with every packet would touch its neighbours' memory each time; it is
        # moved only when its turn comes, and then as if it had been at its last packet.
        self.table.unlink(flow)
        flow.queued = flow.end
        self.table.append(flow, flow.closing)

    def _evict(self, queue: int) -> None:
        flow = self.table.oldest[queue]
        tries = 0
        while flow is not None and flow.end > flow.queued and tries < SECOND_CHANCES:
            self._requeue(flow)
            flow = self.table.oldest[queue]
            tries += 1
        if flow is None:
            return
        if queue != 2:
            flow.evicted = 1
            self.evicted += 1
        self.table.remove(flow)
        self._finish(flow)

    def tick(self, now: int) -> None:
        """Let time pass without a packet (nanoseconds since the epoch), for a silent input."""
        if now > self.now:
            self.now = now
            self._sweep()

    def close(self) -> None:
        """Judge everything that is still open, in the order of its first frame."""
        rest: list[Flow] = []
        for queue in range(3):
            flow = self.table.oldest[queue]
            while flow is not None:
                rest.append(flow)
                flow = flow.newer
        rest.sort(key=_stream_of)
        for flow in rest:
            flow.open_at_end = 1
            self.table.remove(flow)
            self._finish(flow)

    def _finish(self, flow: Flow) -> None:
        self.connections += 1
        if flow.midstream:
            self.midstream += 1
        if flow.a.packets == 0 or flow.b.packets == 0:
            self._one_sided(flow)
        if flow.a.acked_unseen + flow.b.acked_unseen > 0:
            self.acked_unseen -= captured_late(flow)
        self._fold(flow.a)
        self._fold(flow.b)
        self.losses.finished(flow)
        self.activity.connection(flow)
        note_place(flow)
        self._fold_endpoint(flow)
        if flow.pause > 0:
            self._note_closed_idle(flow)
        if flow.lanes == _TRANSCRIPT or flow.lanes == _STREAMED:
            self._choose_look(flow)
        if flow.lanes == _TURNS:
            self._close_turn(flow, 0)
        self.callers.finished(flow, self.now)
        if self.keep_prints is not None:
            self.keep_prints.add(self.facts, self.heads, flow)
        told = self.want_all or (self.watching and flow.stream in self.watched)
        if self.named and not told:
            told = end_key(flow.low_a, flow.port_a) in self.named
            told = told or end_key(flow.low_b, flow.port_b) in self.named
        if not told and self._surely_healthy(flow):
            if flow.same_as < 0:
                self.healthy += 1
            if flow.open_at_end == 0:
                self.table.bury(flow, "SF")
        else:
            state = self.finished(flow)
            if flow.open_at_end == 0:
                self.table.bury(flow, state)
        self._release(flow)

    def _release(self, flow: Flow) -> None:
        self.facts.give_chain(flow.fact_first, flow.fact_last)
        self.facts.give_chain(flow.rst_chunk, flow.rst_chunk)
        self.lanes.finish(flow)
        flow.fact_first = -1
        flow.rst_chunk = -1
        self._release_heads(flow.a)
        self._release_heads(flow.b)

    def _release_heads(self, f: HalfFlow) -> None:
        if f.hello_slot >= 0:
            self.heads.give(f.hello_slot)
            f.hello_slot = -1
        if f.head_slot >= 0:
            self.heads.give(f.head_slot)
            f.head_slot = -1

    def _one_sided(self, flow: Flow) -> None:
        f = flow.a if flow.a.packets > 0 else flow.b
        if f.packets > 1 and f.highest_ack >= 0:
            self.one_direction += 1

    def _fold(self, f: HalfFlow) -> None:
        host = f.host
        host.packets += f.packets
        host.ids_zero += f.ids_zero
        host.sent += f.sent
        host.received += f.received
        host.bad_checksums += f.bad_checksums
        host.super_segments += f.super_segments
        host.duplicates += f.duplicates
        if f.ttl0_count:
            host.count_ttl(f.ttl0, f.ttl0_count)
        if f.ttl1_count:
            host.count_ttl(f.ttl1, f.ttl1_count)
        if f.ttl2_count:
            host.count_ttl(f.ttl2, f.ttl2_count)
        if f.ttl3_count:
            host.count_ttl(f.ttl3, f.ttl3_count)
        if f.mac0_count:
            host.count_mac(f.mac0, f.mac0_count)
        if f.mac1_count:
            host.count_mac(f.mac1, f.mac1_count)

    def _fold_endpoint(self, flow: Flow) -> None:
        initiator = flow.a if flow.a_opened else flow.b
        responder = flow.b if flow.a_opened else flow.a
        if initiator.min_rtt > 0:
            host = responder.host
            if host.min_rtt == 0 or initiator.min_rtt < host.min_rtt:
                host.min_rtt = initiator.min_rtt
        if responder.min_rtt > 0:
            host = initiator.host
            if host.min_rtt == 0 or responder.min_rtt < host.min_rtt:
                host.min_rtt = responder.min_rtt
        endpoint = flow.endpoint
        if endpoint is None:
            return
        if responder.rst_count > 0:
            endpoint.resets += 1
        if flow.turn_index > 0 and flow.response_bytes == 0:
            endpoint.unanswered_turns += 1
        if flow.syn_count > 0 and flow.syn_ack_count == 0 and not flow.handshake_done:
            if responder.rst_count > 0:
                endpoint.refused += 1
                if endpoint.first_refused == 0:
                    endpoint.first_refused = flow.rst_time
                endpoint.last_refused = flow.rst_time
            elif is_silent(flow):
                endpoint.unanswered += 1
                if flow.syn_count == 1:
                    note_outcome(endpoint, SILENT, flow.start)

    def _choose_look(self, flow: Flow) -> None:
        """Let plain Python look at the first handshakes with a server, though nothing failed."""
        endpoint = flow.endpoint
        if endpoint is not None and endpoint.looks < LOOKS and self.looks < MAX_LOOKS:
            endpoint.looks += 1
            self.looks += 1
            flow.look = 1

    def _note_closed_idle(self, flow: Flow) -> None:
        """Note after what quiet time the responder closed a connection with nothing under way.

        A close_notify may come before its FIN.
        """
        i = flow.a if flow.a_opened else flow.b
        r = flow.b if flow.a_opened else flow.a
        if r.fin_seq < 0:
            return
        if i.fin_seq >= 0 and i.fin_time < r.fin_time:
            return
        apart = r.fin_time - flow.pause_end
        if apart < 0 or apart > CLOSE_WITHIN or i.last_data_time >= flow.pause_end:
            return
        endpoint = flow.endpoint
        if endpoint is None or flow.response_bytes == 0 or flow.same_as >= 0:
            return
        if flow.response_time >= flow.pause_end:
            # It was quiet because the answer took long.
            return
        # A server's timer runs from its last data, and not from the ACK of it that comes later.
        quiet = flow.pause
        if r.last_data_time < flow.pause_end:
            quiet = flow.pause_end - max(i.last_data_time, r.last_data_time)
        closed = endpoint.closed_idle
        tenths = quiet // TENTH
        if tenths in closed:
            closed[tenths] += 1
        elif len(closed) < MAX_QUIET_TIMES:
            closed[tenths] = 1

    def _surely_healthy(self, flow: Flow) -> int:
        """Say whether nothing about the connection needs an explanation."""
        i = flow.a if flow.a_opened else flow.b
        r = flow.b if flow.a_opened else flow.a
        if flow.icmp is not None or i.rst_count + r.rst_count > 0 or flow.evicted:
            return 0
        if not flow.handshake_done or flow.packets == 0:
            return 0
        if flow.port_a == 53 or flow.port_b == 53:
            # Its last question and answer are read.
            return 0
        if flow.previous is not None and flow.previous.state == "REJ":
            return 0
        if i.packets == 0 or r.packets == 0:
            return 0
        if i.acked_unseen + r.acked_unseen > 0 or i.keep_alives + r.keep_alives > 0:
            return 0
        if i.window == 0 or r.window == 0:
            return 0
        if distance(i.next_seq, r.highest_ack) > 0 or distance(r.next_seq, i.highest_ack) > 0:
            return 0
        if i.fin_seq < 0 or r.fin_seq < 0:
            if flow.open_at_end == 0 or i.fin_seq >= 0 or r.fin_seq >= 0:
                return 0
        if flow.alarming or flow.look or flow.lanes == _STREAMED:
            return 0
        if flow.lanes == _TRANSCRIPT and flow.largest_answer < ENCRYPTED_ANSWER:
            # Within TLS, maybe: whether the handshake worked has to be read.
            return 0
        if flow.turn_index == 0:
            # Opened and closed without a request: fine when the initiator closed first, unless it
            # may have waited for a greeting.
            if flow.endpoint is not None and flow.endpoint.speaks_first and not flow.greeting_bytes:
                return 0
            return 1 if i.fin_seq >= 0 and i.fin_time <= r.fin_time else 0
        if flow.lanes == _TURNS and flow.response_bytes > 0 and r.fin_seq >= 0:
            if not self._is_whole(i, r, flow.response_bytes):
                return 0
        if i.fin_seq >= 0 and i.fin_time < r.fin_time and flow.response_bytes > 0:
            if i.fin_time - r.last_data_time >= STALLED:
                return 0
        return 1 if flow.response_bytes > 0 else self._says_goodbye(flow, i, r)

    def _is_whole(self, i: HalfFlow, r: HalfFlow, total: int) -> int:
        """Say whether the last answer is no HTTP/1 that was cut short, or that a proxy refused."""
        first = r.turn_seq == r.hello_seq
        slot = r.hello_slot if first else r.head_slot
        length = r.hello_length if first else r.head_length
        if r.turn_seq < 0 or slot < 0 or not is_answer(self.heads.view, slot * HEAD, length):
            return 1
        found = completeness(self.heads.view, slot * HEAD, length, total, r.tail_low)
        if found == _UNKNOWN and length >= HEAD:
            # Most heads too long to be seen whole are in order; proxies refuse some of them.
            return i.host.answered == 0
        return found in (_COMPLETE, _UNTIL_CLOSE)

    def _says_goodbye(self, flow: Flow, i: HalfFlow, r: HalfFlow) -> int:
        """Say whether the last bytes are a TLS record that ends a connection in use.

        A close_notify is small; its type is alert, or application
        data in TLS 1.3. Only after two turns: within the handshake it would be a fatal alert.
        """
        if flow.turn_index < 3 or flow.request_bytes > CLOSE_NOTIFY or i.head_length < 5:
            return 0
        if i.fin_seq < 0 or i.fin_time > r.fin_time:
            return 0
        start = i.head_slot * HEAD
        kind = self.heads.view[start]
        size = self.heads.view[start + 3] * 256 + self.heads.view[start + 4]
        if kind != 0x15 and kind != 0x17:
            return 0
        return 1 if self.heads.view[start + 1] == 3 and size + 5 == flow.request_bytes else 0


def _stream_of(flow: Flow) -> int:
    return flow.stream


def end_key(low: int, port: int) -> int:
    """Return an address's low 64 bits and a port as one number; others may share it."""
    return low ^ (port * MIX_A & MASK)


def flow_isn(flow: Flow) -> int:
    """Return the initiator's initial sequence number, or -1."""
    return flow.a.isn if flow.a_opened else flow.b.isn
