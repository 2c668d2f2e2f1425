# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""What the tracker keeps of connections, hosts and endpoints: numbers only, one object each.

A :class:`Flow` has two halves, A and B; A is the sender of the first packet seen. Which of them is
the initiator is said by ``a_opened``. -1 means "not seen" for sequence numbers, windows and scales.
The meaning of the counters is given where users see them: pcapdiag/model/story.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapdiag.flow.losses import Hole, Suspect

MAX_MACS = 8
"""Link-layer addresses of one address that are counted."""


NOBODY = 0
"""Version of the record that hosts share of which there are too many: it names none of them."""


class Host:
    """One address over all its connections: the baseline that a reset is compared with."""

    def __init__(self, version: int, high: int, low: int) -> None:
        self.version = version
        self.high = high
        self.low = low
        self.packets = 0
        self.ttls: dict[int, int] = {}
        self.reset_ttls: dict[int, int] = {}
        self.macs: dict[int, int] = {}
        self.usual_ttl = -1
        self.usual_mac = -1
        self.usual_ttl_packets = 0
        self.usual_mac_packets = 0
        self.ids_zero = 0
        self.min_rtt = 0
        self.sent = 0
        self.received = 0
        self.sent_to = 0
        self.received_for = 0
        self.bad_checksums = 0
        self.super_segments = 0
        self.opened = 0
        self.answered = 0
        self.duplicates = 0
        self.translated = 0
        self.sent_segments = 0
        self.sent_lost = 0
        self.sent_lossy = 0
        self.taken_segments = 0
        self.taken_lost = 0
        self.taken_lossy = 0
        self.loss_seconds: dict[int, int] | None = None
        self.lossy_streams: list[int] | None = None
        self.place: Place | None = None
        self.places: list[Place] | None = None
        self.peers: set[tuple[int, int, int]] = set()
        self.last_peer: Host | None = None
        self.last_endpoint: Endpoint | None = None

    def count_ttl(self, ttl: int, packets: int) -> None:
        """Count packets with a TTL; those with the one of the last time need no dictionary."""
        if ttl != self.usual_ttl:
            self.settle()
            self.usual_ttl = ttl
            self.ttls.setdefault(ttl, 0)
        self.usual_ttl_packets += packets

    def count_mac(self, mac: int, packets: int) -> None:
        """Count packets with a link-layer address."""
        if len(self.macs) < MAX_MACS:
            if mac != self.usual_mac:
                self.settle()
                self.usual_mac = mac
                self.macs.setdefault(mac, 0)
            self.usual_mac_packets += packets

    def settle(self) -> None:
        """Bring ``ttls`` and ``macs`` up to date."""
        if self.usual_ttl >= 0:
            self.ttls[self.usual_ttl] += self.usual_ttl_packets
            self.usual_ttl_packets = 0
        if self.usual_mac >= 0:
            self.macs[self.usual_mac] += self.usual_mac_packets
            self.usual_mac_packets = 0


class Place:
    """Where an address answered from: ``key`` is the source MAC and, in its low byte, the TTL."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.connections = 0
        self.packets = 0
        self.first = 0
        self.last = 0


class Endpoint:
    """One responder address and port over its connections; those from loopback are another's."""

    def __init__(self, version: int, high: int, low: int, port: int) -> None:
        self.version = version
        self.high = high
        self.low = low
        self.port = port
        self.inside = 0
        self.connections = 0
        self.established = 0
        self.refused = 0
        self.unanswered = 0
        self.turns = 0
        self.unanswered_turns = 0
        self.resets = 0
        self.first_established = 0
        self.last_established = 0
        self.first_refused = 0
        self.last_refused = 0
        self.longest_answer = 0
        self.idle_turns = 0
        self.longest_idle = 0
        self.closed_idle: dict[int, int] = {}
        self.closed_when: dict[int, tuple[int, int]] = {}
        self.looks = 0
        self.answers_within = [0] * 16
        self.speaks_first = 0
        self.first_bytes: dict[int, int] = {}
        self.first_accepted: dict[int, int] = {}
        self.callers: dict[Host, Any] = {}
        self.spans: list[Any] = []
        self.span: Any = None
        self.spans_left_out = 0


class Moment:
    """When a responder answered or closed, or an initiator left: what another leg may explain."""

    def __init__(self) -> None:
        self.kind = 0
        self.stream = -1
        self.since = 0
        self.answered = 0
        self.time = 0
        self.opener: Host | None = None
        self.answerer: Host | None = None
        self.local = 0
        self.isn = -1
        self.origin = -1
        self.port = 0
        self.ip_id = 0
        self.tsval = 0
        self.turn = 0
        self.flow: Flow | None = None
        """The connection itself where it may have been a spare one (pcapdiag/flow/legs.py)."""


class Tombstone:
    """A judged connection, as pcapdiag/flow/graves.py finds it."""

    def __init__(self) -> None:
        self.stream = 0
        self.base_a = 0
        self.base_b = 0
        self.end = 0
        self.evicted = 0
        self.refused = 0
        self.waits_until = 0


class Lane:
    """The bytes of one end in order, from ``next_seq`` at its making (pcapdiag/flow/lanes.py).

    ``first``, ``last``, ``at`` and ``chunks`` say where they are
    (:class:`~pcapdiag.flow.slabs.PieceSlab`).
    """

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        self.position = 0
        self.length = 0
        self.hole = 0
        self.first = -1
        self.last = -1
        self.at = 0
        self.chunks = 0
        self.waiting: list[tuple[int, int, bytes, int, int]] = []


class HalfFlow:
    """What one end sent."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.packets = 0
        self.payload_bytes = 0
        self.isn = -1
        self.base_seq = -1
        self.next_seq = -1
        self.next_seq_time = 0
        self.last_ack = -1
        self.ack_time = 0
        self.highest_ack = -1
        self.window = -1
        self.window_scale = -1
        self.window_bytes = 0
        self.min_window = -1
        self.to_be_acked = -1
        self.duplicate_run = 0
        self.last_marks = 0
        self.sack_left = 0
        self.sack_right = 0
        self.sack_blocks = 0
        self.mss = -1
        self.sack_permitted = 0
        self.timestamps = 0
        self.max_segment = 0
        self.data_segments = 0
        self.retransmissions = 0
        self.fast_retransmissions = 0
        self.spurious_retransmissions = 0
        self.out_of_order = 0
        self.duplicate_acks = 0
        self.zero_windows = 0
        self.window_probes = 0
        self.keep_alives = 0
        self.keep_alive_acks = 0
        self.acked_unseen = 0
        self.gaps = 0
        self.super_segments = 0
        self.bad_checksums = 0
        self.duplicates = 0
        self.copy_seq = -1
        self.copy_length = 0
        self.copy_marks = 0
        self.resent_seq = -1
        self.lost_before = 0
        self.lost_behind = 0
        self.latest = 0
        self.lost_seq = -1
        self.holes: list[Hole] | None = None
        self.suspects: list[Suspect] | None = None
        self.truncated = 0
        self.first_frame = 0
        self.first_time = 0
        self.last_frame = 0
        self.last_time = 0
        self.first_data_frame = 0
        self.first_data_time = 0
        self.last_data_frame = 0
        self.last_data_time = 0
        self.last_data_seq = 0
        self.last_data_length = 0
        self.fin_frame = 0
        self.fin_time = 0
        self.fin_seq = -1
        self.fin_ack = 0
        self.rst_count = 0
        self.rst_ack = -1
        self.ttl0 = -1
        self.ttl1 = -1
        self.ttl2 = -1
        self.ttl3 = -1
        self.ttl0_count = 0
        self.ttl1_count = 0
        self.ttl2_count = 0
        self.ttl3_count = 0
        self.mac0 = 0
        self.mac1 = 0
        self.mac0_count = 0
        self.mac1_count = 0
        self.ids_zero = 0
        self.sent = 0
        self.received = 0
        self.sample_seq = -1
        self.sample_time = 0
        self.min_rtt = 0
        self.turn_seq = -1
        self.hello_slot = -1
        self.hello_length = 0
        self.hello_seq = -1
        self.head_slot = -1
        self.head_length = 0
        self.ahead_start = 0
        self.ahead_end = 0
        self.tail_high = 0
        self.tail_low = 0
        self.tail_length = 0
        self.tail_end = -1
        self.lane: Lane | None = None


class Flow:
    """One TCP connection."""

    def __init__(self, stream: int, host_a: Host, host_b: Host) -> None:
        self.stream = stream
        self.version = 4
        self.high_a = 0
        self.low_a = 0
        self.high_b = 0
        self.low_b = 0
        self.port_a = 0
        self.port_b = 0
        self.hash = 0
        self.next: Flow | None = None
        self.older: Flow | None = None
        self.newer: Flow | None = None
        self.closing = 0
        self.queued = 0
        self.a = HalfFlow(host_a)
        self.b = HalfFlow(host_b)
        self.a_opened = 1
        self.inferred = 0
        self.endpoint: Endpoint | None = None
        self.first_frame = 0
        self.start = 0
        self.end = 0
        self.active_time = 0
        self.syn_count = 0
        self.syn_time = 0
        self.syn_ack_count = 0
        self.syn_ack_time = 0
        self.established_time = 0
        self.early_resets = 0
        self.lost_to = -1
        self.spare_to = -1
        self.same_as = -1
        self.answers_stream = -1
        self.handshake_done = 0
        self.midstream = 0
        self.rtt_to_responder = 0
        self.rtt_to_initiator = 0
        self.first_rtt = 0
        self.rst_time = 0
        self.turn_index = 0
        self.turn_gap = 0
        self.request_frame = 0
        self.request_time = 0
        self.request_last_frame = 0
        self.request_last_time = 0
        self.request_bytes = 0
        self.request_acked_time = 0
        self.response_frame = 0
        self.response_time = 0
        self.response_last_frame = 0
        self.response_last_time = 0
        self.response_bytes = 0
        self.greeting_bytes = 0
        self.icmp: list[tuple[int, ...]] | None = None
        self.interface0 = -1
        self.interface1 = -1
        self.interface2 = -1
        self.interface3 = -1
        self.vlan0 = 0
        self.vlan1 = 0
        self.vni0 = 0
        self.vni1 = 0
        self.packets = 0
        self.evicted = 0
        self.open_at_end = 0
        self.file = 0
        self.syn_tsval = 0
        self.syn_ip_id = 0
        self.reset_payload: bytes = b""
        self.arp_frames: tuple[int, ...] = ()
        self.previous: Tombstone | None = None
        self.fact_first = -1
        self.fact_last = -1
        self.fact_pivot = -1
        self.fact_fill = 0
        self.fact_chunks = 0
        self.rst_chunk = -1
        self.rst_kept = 0
        self.lanes = 0
        self.largest_answer = 0
        self.alarming = 0
        self.ask_kind = -1
        self.waits_until = 0
        self.pause = 0
        self.pause_end = 0
        self.look = 0
        self.odd_resets = 0
        """A RST unlike its sender's other packets was seen, or packets of its sender behind it."""
        self.ups_before = 0
        self.noted: list[tuple[Any, ...]] | None = None
        self.reading: object | None = None
        self.caller: Any = None
        """The Caller (pcapdiag/flow/callers.py) that it belongs to, once that was asked."""

    def is_refused(self) -> int:
        """Say whether all that the responder sent was a RST (Zeek's conn_state REJ)."""
        if self.syn_count == 0:
            return 0
        responder = self.b if self.a_opened else self.a
        return 1 if 0 < responder.rst_count == responder.packets else 0
