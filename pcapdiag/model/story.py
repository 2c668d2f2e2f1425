"""A connection's story: what a verdict is made from.

The tracker follows every connection in compiled code and keeps numbers, the first and the last
packets, and the first bytes of the current request and answer. Only for a connection that may have
failed is a :class:`Story` made of them. A story is plain data: no parser, no judgement.

Words: a *turn* is one request and its answer as TCP shows them, whatever the protocol: the bytes of
the initiator since the responder's last byte, then the bytes of the responder until the initiator
speaks again (verdicts.md, "What counts as failed"). A *greeting* is what a responder says before
the initiator said anything. All times are nanoseconds since the epoch; frames count from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from pcapdiag.model.application import Application
from pcapdiag.model.ends import join_port
from pcapdiag.model.http import Exchange, Http2Facts, HttpFacts
from pcapdiag.model.packet import MASK32, PacketFact, seq_add
from pcapdiag.model.tls import TlsFacts


class Half(msgspec.Struct):
    """What one end of the connection sent."""

    address: str
    port: int
    packets: int = 0
    payload_bytes: int = 0
    """TCP payload with retransmissions, without capture duplicates."""
    isn: int | None = None
    """Initial sequence number; None when the SYN (or SYN-ACK) was not captured."""
    base_seq: int | None = None
    """Where relative numbers count from, as Wireshark's do: the initial sequence number, or the one
    before the first number seen of this end; None where none was."""
    next_seq: int | None = None
    """Sequence number after the highest byte (or FIN) sent; None when it sent nothing."""
    acked: int | None = None
    """Highest acknowledgment number that the *other* end sent for this end's bytes."""
    mss: int | None = None
    window_scale: int | None = None
    sack_permitted: bool = False
    timestamps: bool = False
    """The timestamps option was in this end's SYN (or, without one, in its segments)."""
    window: int = 0
    """Last advertised window, in bytes (scaled)."""
    min_window: int = 0
    max_segment: int = 0
    """Largest payload in one packet; may be a super-segment."""
    data_segments: int = 0
    retransmissions: int = 0
    """All three kinds together, SYN and FIN repeats included."""
    fast_retransmissions: int = 0
    spurious_retransmissions: int = 0
    out_of_order: int = 0
    duplicate_acks: int = 0
    zero_windows: int = 0
    window_probes: int = 0
    keep_alives: int = 0
    keep_alive_acks: int = 0
    acked_unseen: int = 0
    """How often this end acknowledged bytes of the other end that were never captured."""
    gaps: int = 0
    super_segments: int = 0
    bad_checksums: int = 0
    duplicates: int = 0
    truncated: int = 0
    first_frame: int = 0
    first_time: int = 0
    last_frame: int = 0
    last_time: int = 0
    """Of any packet of this end (0 when none)."""
    first_data_frame: int = 0
    first_data_time: int = 0
    last_data_frame: int = 0
    last_data_time: int = 0
    """Of new payload; repeats do not move it."""
    last_data_seq: int = 0
    """Sequence number of the last new payload segment."""
    last_data_length: int = 0
    fin_frame: int = 0
    fin_time: int = 0
    fin_seq: int = 0
    fin_ack: int = 0
    """The acknowledgment number on this end's FIN: what it had read (or its kernel had) by then."""
    rst_count: int = 0
    ttls: dict[int, int] = {}
    """TTL (hop limit) of its packets other than RST, with counts; at most a few values are kept."""
    macs: dict[int, int] = {}
    """Source MAC addresses of its packets other than RST, with counts."""
    ip_ids_zero: int = 0
    """Packets other than RST with IP ID 0 (and DF); IPv6 packets are not counted."""

    @property
    def host_port(self) -> str:
        """Address and port as one word."""
        return join_port(self.address, self.port)

    @property
    def data_end(self) -> int:
        """The sequence number after its last data."""
        return seq_add(self.last_data_seq, self.last_data_length)

    @property
    def unacked(self) -> int:
        """Sequence space sent (as far as seen) and not acknowledged; 0 when all was."""
        if self.next_seq is None or self.acked is None:
            return 0
        d = (self.next_seq - self.acked) & MASK32
        return d if d < 0x80000000 else 0


class Turn(msgspec.Struct):
    """The last request and answer seen on the connection."""

    index: int = 0
    """How many turns there were, this one included; 0 when the initiator sent no payload."""
    gap: int = 0
    """Quiet time before the request's first byte: since the last packet of either end that was not
    a keep-alive, nanoseconds."""
    request_frame: int = 0
    request_time: int = 0
    request_last_frame: int = 0
    request_last_time: int = 0
    request_bytes: int = 0
    """New payload; repeats are not counted."""
    request_acked: bool = False
    """Every byte of the request was acknowledged by the responder."""
    request_acked_time: int = 0
    """When the last byte of the request was acknowledged; 0 when it was not."""
    response_frame: int = 0
    response_time: int = 0
    response_last_frame: int = 0
    response_last_time: int = 0
    response_bytes: int = 0
    response_acked: bool = False
    request_head: bytes = b""
    """First bytes of the request, in order, without a hole (TURN_HEAD at most)."""
    response_head: bytes = b""
    response_tail: bytes = b""
    """Last 16 bytes of the answer, when they were seen in order."""


class IcmpFact(msgspec.Struct, frozen=True):
    """An ICMP or ICMPv6 error that quotes a segment of this connection."""

    frame: int
    time: int
    source: str
    """Who sent the error."""
    version: int
    """4 or 6: ICMP or ICMPv6; says how to read type and code."""
    type: int
    code: int
    mtu: int
    """Next-hop MTU of 'fragmentation needed' or 'packet too big'; 0 otherwise."""
    from_initiator: bool
    """The quoted segment was sent by the initiator."""
    quoted_seq: int
    quoted_length: int
    """Payload length of the quoted segment by its IP header."""
    ttl: int
    """TTL of the ICMP packet itself."""
    quoted_ttl: int = 0
    """TTL of the quoted segment as it was when the error was made; 0: not known."""


LegKind = Literal["opened", "answered", "closed", "left"]


class LegMoment(msgspec.Struct, frozen=True):
    """Something that one end's host did on another connection, while it waited on this one."""

    kind: LegKind
    """It was opened; its responder began to answer; its responder closed first (FIN or RST); its
    initiator did."""
    stream: int
    since: int
    """When that connection's last request began; of a first request, when it was opened."""
    answered: int
    """When the answer to it had begun before; 0 when it had not."""
    time: int
    opened: bool
    """The host opened that connection; False: it is the responder there."""


class Story(msgspec.Struct, eq=False, dict=True):
    """All that is known of one connection. Two are equal only when they are the same object.

    It keeps what was found out of it (once.py) with it: it is not changed once it is complete.
    """

    stream: int
    initiator: Half
    responder: Half
    first_frame: int
    start: int
    end: int
    state: str
    """Zeek's conn_state."""
    initiator_inferred: bool
    """No SYN was seen: who opened it was inferred."""
    midstream: bool
    """The capture started within the connection: no SYN and no SYN-ACK seen."""
    handshake_done: bool
    """SYN, SYN-ACK and the final ACK (or data in its place) were all seen."""
    handshake_rtt: int | None
    """SYN (the last one before the SYN-ACK) to final ACK, nanoseconds; None without both."""
    rtt_to_responder: int | None
    """SYN to SYN-ACK at the capture point."""
    rtt_to_initiator: int | None
    """SYN-ACK to final ACK at the capture point."""
    min_rtt_to_responder: int | None
    """Smallest data-to-acknowledgment time seen towards the responder (handshake included)."""
    min_rtt_to_initiator: int | None
    syn_count: int
    syn_ack_count: int
    syn_frames: tuple[int, ...]
    syn_times: tuple[int, ...]
    """Every SYN of the initiator that was kept (16 at most), in time order."""
    syn_ack_frames: tuple[int, ...]
    syn_ack_times: tuple[int, ...]
    established_time: int
    """Time of the final ACK (or first data of the initiator); 0 when never."""
    packets: tuple[PacketFact, ...]
    """The first FIRST_PACKETS and the last LAST_PACKETS of the connection, in time order, capture
    duplicates left out. ``packets_left_out`` were between them."""
    packets_left_out: int
    resets: tuple[PacketFact, ...]
    """Every RST kept (16 at most), in time order; they may be in ``packets`` too."""
    turn: Turn
    greeting_bytes: int
    """Payload of the responder before the initiator's first byte."""
    hello_initiator: bytes
    """First in-order bytes of the connection by the initiator (HELLO_LIMIT at most)."""
    hello_responder: bytes
    icmp: tuple[IcmpFact, ...]
    interfaces: tuple[int, ...]
    """Indexes of capture interfaces on which it was seen."""
    vlans: tuple[int, ...]
    vnis: tuple[int, ...]
    ip_version: int
    evicted: bool
    """Judged before it ended, because too many connections were open or it was idle too long."""
    capture_ended: bool
    """Still open (or closed for less than the linger time) when the capture ended."""
    reset_payload: bytes = b""
    """Payload of the first RST that carried one (RFC 9293 3.5.3)."""
    previous_stream: int | None = None
    """An earlier connection on the same addresses and ports in this capture (port reuse)."""
    neighbour_arp: tuple[int, ...] = ()
    """Frames of ARP or ND requests by the responder's MAC just before its reset, if any."""

    noted_turns: tuple[Turn, ...] = ()
    """Turns of HTTP/1 before the last one that need a look (with ``--all``: the first ones)."""
    application: Application | None = None
    """What the protocols above TCP showed; None where nothing was kept of them."""
    early_resets: int = 0
    """How many of ``resets`` came before the handshake was done, in the order of the packets."""
    lost_to: int | None = None
    """The connection over the other address family that the same host got in its place."""
    spare_to: int | None = None
    """The connection to the same endpoint that answered the initiator while it opened this one;
    told where it then left this one soon, without an answer."""
    same_as: int | None = None
    """The stream of the same connection before a NAT changed its addresses, in this capture."""
    goes_on: bool = False
    """A connection of this capture has it as its ``same_as``; known when it was read."""
    answers_stream: int | None = None
    """Wireshark's stream of the responder's packets, where a REDIRECT rule made it another one."""
    legs_before: tuple[LegMoment, ...] = ()
    """What the initiator's host did on other connections; empty where that was too much."""
    legs_behind: tuple[LegMoment, ...] = ()
    """What the responder's host did on other connections; empty where that was too much."""

    @property
    def tls(self) -> TlsFacts | None:
        """What was read of TLS; None where nothing was."""
        return self.application.tls if self.application else None

    @property
    def http(self) -> HttpFacts | None:
        """What was read of HTTP; None where nothing was."""
        return self.application.http if self.application else None

    @property
    def http2(self) -> Http2Facts | None:
        """What was read of HTTP/2 itself; None where there was none, or nothing was read."""
        return self.http.http2 if self.http else None

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """What was read of its requests, in order; empty where nothing was."""
        return self.http.exchanges if self.http else ()

    def half(self, initiator: bool) -> Half:
        """Return the initiator's half, or the responder's."""
        return self.initiator if initiator else self.responder

    def packet(self, frame: int | None) -> PacketFact | None:
        """Return the packet of a frame; None where it was not kept, or the frame is not known."""
        return next((p for p in self.packets if p.frame == frame), None)

    @property
    def established(self) -> bool:
        """True when the handshake finished, or the capture began after it."""
        return self.handshake_done or self.midstream
