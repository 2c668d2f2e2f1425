"""From the tracker's numbers to a :class:`~pcapdiag.model.story.Story`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from pcapdiag.decode.rows import (
    HAS_DF,
    HAS_SACK,
    HAS_TIMESTAMPS,
    IS_FAST_CLOSE,
    IS_IPV6,
    IS_JOIN,
    IS_MULTIPATH,
)
from pcapdiag.flow.legs import ANSWERED, CLOSED, LEFT, OPENED
from pcapdiag.flow.records import Endpoint, Flow, HalfFlow, Host
from pcapdiag.flow.silence import late
from pcapdiag.flow.slabs import CHUNK_FACTS, FIRST_CHUNKS, FactSlab
from pcapdiag.flow.told_turns import hello, last_turn, noted_turn
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.context import EndpointFacts, HostFacts
from pcapdiag.model.packet import RST, SYN, PacketFact
from pcapdiag.model.story import Half, IcmpFact, LegKind, LegMoment, Story

_counts_and_places = attrgetter(
    "max_segment", "data_segments", "retransmissions", "fast_retransmissions",
    "spurious_retransmissions", "out_of_order", "duplicate_acks", "zero_windows", "window_probes",
    "keep_alives", "keep_alive_acks", "acked_unseen", "gaps", "super_segments", "bad_checksums",
    "duplicates", "truncated", "first_frame", "first_time", "last_frame", "last_time",
    "first_data_frame", "first_data_time", "last_data_frame", "last_data_time", "last_data_seq",
    "last_data_length", "fin_frame", "fin_time",
)  # fmt: skip
"""What a tracker's half and a story's have alike, in the order of :class:`Half`."""

MAX_ADDRESSES = 4_096
"""Addresses of which the text is kept, as it is asked for again and again."""
FIRST_PACKETS = FIRST_CHUNKS * CHUNK_FACTS
"""Packets of a story that come before those left out."""
MAX_SYNS = 16
"""SYNs, and as many SYN-ACKs, that are told of one connection."""
_FRAME = 0xFFFFFFFFFFF

_KINDS: dict[int, LegKind] = {
    OPENED: "opened",
    ANSWERED: "answered",
    CLOSED: "closed",
    LEFT: "left",
}


@lru_cache(MAX_ADDRESSES)
def address_text(version: int, high: int, low: int) -> str:
    """Return an address as people write it."""
    if version == 4:
        return f"{low >> 24}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    from ipaddress import IPv6Address  # Only here: many captures have no IPv6.

    return str(IPv6Address((high << 64) | low))


def build_story(tracker: Tracker, flow: Flow) -> Story:
    """Tell the story of a connection that the tracker has finished with."""
    initiator, responder = halves(flow)
    packets, left_out = _packets(tracker.kept.facts, flow)
    opening = [p for p in packets if p.flags & SYN]
    syns = [p for p in opening if p.is_syn and p.from_initiator][:MAX_SYNS]
    syn_acks = [p for p in opening if p.is_syn_ack and not p.from_initiator][:MAX_SYNS]
    resets = _resets(tracker.kept.facts, flow, packets)
    previous = flow.previous
    return Story(
        stream=flow.stream,
        initiator=_half(flow, initiator, responder, flow.a_opened == 1),
        responder=_half(flow, responder, initiator, flow.a_opened == 0),
        first_frame=flow.first_frame,
        start=flow.start,
        end=flow.end,
        state=_state(flow, initiator, responder, resets[flow.early_resets :]),
        initiator_inferred=bool(flow.inferred),
        midstream=bool(flow.midstream),
        handshake_done=bool(flow.handshake_done),
        handshake_rtt=flow.first_rtt if flow.handshake_done and flow.rtt_to_responder else None,
        rtt_to_responder=flow.rtt_to_responder or None,
        rtt_to_initiator=flow.rtt_to_initiator or None,
        min_rtt_to_responder=initiator.min_rtt or None,
        min_rtt_to_initiator=responder.min_rtt or None,
        syn_count=flow.syn_count,
        syn_ack_count=flow.syn_ack_count,
        syn_frames=tuple([p.frame for p in syns]),
        syn_times=tuple([p.time for p in syns]),
        syn_ack_frames=tuple([p.frame for p in syn_acks]),
        syn_ack_times=tuple([p.time for p in syn_acks]),
        established_time=flow.established_time,
        packets=packets,
        packets_left_out=left_out,
        resets=resets,
        turn=last_turn(tracker, flow, initiator, responder),
        noted_turns=tuple([noted_turn(row) for row in flow.noted or ()]),
        greeting_bytes=flow.greeting_bytes,
        hello_initiator=hello(tracker, initiator),
        hello_responder=hello(tracker, responder),
        icmp=icmp_facts(flow),
        interfaces=_interfaces(flow),
        vlans=tuple([n for n in (flow.vlan0, flow.vlan1) if n]),
        vnis=tuple([n for n in (flow.vni0, flow.vni1) if n]),
        ip_version=flow.version,
        evicted=bool(flow.evicted),
        capture_ended=bool(flow.open_at_end),
        reset_payload=flow.reset_payload,
        previous_stream=previous.stream if previous is not None else None,
        neighbour_arp=flow.arp_frames,
        early_resets=flow.early_resets,
        lost_to=_known(flow.lost_to),
        spare_to=_known(flow.spare_to),
        same_as=_known(flow.same_as),
        answers_stream=_known(flow.answers_stream),
        legs_before=_legs(tracker, flow, of_initiator=True),
        legs_behind=_legs(tracker, flow, of_initiator=False),
    )


def halves(flow: Flow) -> tuple[HalfFlow, HalfFlow]:
    """Return the initiator's and the responder's half."""
    return (flow.a, flow.b) if flow.a_opened else (flow.b, flow.a)


def _interfaces(flow: Flow) -> tuple[int, ...]:
    numbers = (flow.interface0, flow.interface1, flow.interface2, flow.interface3)
    return tuple([n for n in numbers if n >= 0])


def _known(value: int) -> int | None:
    return value if value >= 0 else None


def _half(flow: Flow, f: HalfFlow, other: HalfFlow, is_a: bool) -> Half:
    # By position, too.
    high, low = (flow.high_a, flow.low_a) if is_a else (flow.high_b, flow.low_b)
    address = address_text(flow.version, high, low)
    ttls = (f.ttl0, f.ttl0_count), (f.ttl1, f.ttl1_count), (f.ttl2, f.ttl2_count)
    macs = (f.mac0, f.mac0_count), (f.mac1, f.mac1_count)
    values: list[Any] = [
        address,
        flow.port_a if is_a else flow.port_b,
        f.packets,
        f.payload_bytes,
        _known(f.isn),
        _known(f.base_seq),
        _known(f.next_seq),
        _known(other.highest_ack),
        _known(f.mss),
        _known(f.window_scale),
        bool(f.sack_permitted),
        bool(f.timestamps),
        f.window_bytes,
        max(f.min_window, 0),
        *_counts_and_places(f),
        max(f.fin_seq, 0),
        f.fin_ack,
        f.rst_count,
        {ttl: n for ttl, n in (*ttls, (f.ttl3, f.ttl3_count)) if n},
        {mac: n for mac, n in macs if n},
        f.ids_zero,
    ]
    half = Half(*values)
    if half.acked_unseen:
        half.acked_unseen -= late(f, other)
    return half


def icmp_facts(flow: Flow) -> tuple[IcmpFact, ...]:
    """Return the ICMP errors that quote a connection's segments."""
    facts = []
    for row in flow.icmp or ():
        frame, time, version, high, low, kind, code, mtu, from_a, seq, length, ttl, _, quoted = row
        facts.append(
            IcmpFact(
                frame=frame,
                time=time,
                source=address_text(version, high, low),
                version=version,
                type=kind,
                code=code,
                mtu=mtu,
                from_initiator=from_a == flow.a_opened,
                quoted_seq=seq,
                quoted_length=length,
                ttl=ttl,
                quoted_ttl=quoted,
            )
        )
    return tuple(facts)


def _legs(tracker: Tracker, flow: Flow, *, of_initiator: bool) -> tuple[LegMoment, ...]:
    rows = tracker.moments.around(flow, 1 if of_initiator else 0)
    moments = (
        LegMoment(_KINDS[kind], stream, since, answered, time, opened == 1)
        for kind, stream, since, answered, time, opened in rows
    )
    return tuple(sorted(moments, key=lambda moment: (moment.time, moment.stream)))


def _packets(facts: FactSlab, flow: Flow) -> tuple[tuple[PacketFact, ...], int]:
    kept: list[PacketFact] = []
    chunk = flow.fact_first
    while chunk >= 0:
        count = flow.fact_fill if chunk == flow.fact_last else CHUNK_FACTS
        kept += [packet_fact(facts.row(chunk, n), flow.a_opened) for n in range(count)]
        chunk = facts.following(chunk)
    return tuple(kept), flow.packets - len(kept)


def packet_fact(row: Sequence[int], a_opened: int) -> PacketFact:
    """Return a row of the fact slab as plain data; ``a_opened`` is the flow's."""
    first, time, numbers, stamps, bits, sizes, sack, link = row
    ident = sizes >> 32
    ip_id, flow_label = (0, ident) if bits & IS_IPV6 else (ident, 0)
    tsval = tsecr = None
    if bits & HAS_TIMESTAMPS:
        tsval, tsecr = stamps & 0xFFFFFFFF, stamps >> 32
    # By position, in the order of PacketFact: with names it takes three times as long.
    return PacketFact(
        first & _FRAME,
        time,
        bits >> 8 & 1 == a_opened,
        bits & 0xFF,  # flags
        numbers & 0xFFFFFFFF,
        numbers >> 32,
        sizes & 0xFFFFFFFF,
        bits >> 32 & 0xFFFF,  # window
        bits >> 16 & 0xFF,  # ttl
        bits >> 24 & 0xFF,  # tos
        ip_id,
        bits & HAS_DF != 0,
        flow_label,
        tsval,
        tsecr,
        bits >> 48 & 0x3F,  # option_bytes
        (sack & 0xFFFFFFFF, sack >> 32) if bits & HAS_SACK else None,
        link & 0xFFFFFFFFFFFF,  # mac
        link >> 48 & 0x7FFF,  # interface
        (bits >> 12 & 0x0F) - 1,  # direction
        first >> 44,  # marks
        bits & IS_MULTIPATH != 0,
        bits & IS_FAST_CLOSE != 0,
        bits & IS_JOIN != 0,
    )


def _resets(facts: FactSlab, flow: Flow, packets: tuple[PacketFact, ...]) -> tuple[PacketFact, ...]:
    """Return the first RSTs; those among the kept ``packets`` are the same ones."""
    first = [p for p in packets[:FIRST_PACKETS] if p.flags & RST][: flow.rst_kept]
    known = {p.frame: p for p in packets[FIRST_PACKETS:] if p.flags & RST}
    rows = [facts.row(flow.rst_chunk, n) for n in range(len(first), flow.rst_kept)]
    others = [known.get(row[0] & _FRAME) or packet_fact(row, flow.a_opened) for row in rows]
    return tuple(first + others)


def _state(
    flow: Flow, initiator: HalfFlow, responder: HalfFlow, resets: tuple[PacketFact, ...]
) -> str:
    """Return Zeek's conn_state: how far the connection came and how it ended."""
    opened = flow.syn_count > 0
    answered = flow.syn_ack_count > 0
    if opened and answered:
        return _answered_state(initiator, responder, resets)
    if opened:
        if responder.rst_count:
            return "REJ"
        if initiator.rst_count:
            return "RSTOS0"
        if initiator.fin_seq >= 0:
            return "SH"
        return "S0" if responder.packets == 0 else "OTH"
    if answered:
        if responder.rst_count:
            return "RSTRH"
        return "SHR" if responder.fin_seq >= 0 else "OTH"
    return "OTH"


def _answered_state(
    initiator: HalfFlow, responder: HalfFlow, resets: tuple[PacketFact, ...]
) -> str:
    if initiator.fin_seq >= 0 and responder.fin_seq >= 0:
        return "SF"
    if resets:
        return "RSTO" if all(packet.from_initiator for packet in resets) else "RSTR"
    if initiator.fin_seq >= 0:
        return "S2"
    return "S3" if responder.fin_seq >= 0 else "S1"


def host_facts(host: Host) -> HostFacts:
    """Return an address's baseline as plain data."""
    host.settle()
    return HostFacts(
        address=address_text(host.version, host.high, host.low),
        packets=host.packets,
        ttls=dict(host.ttls),
        reset_ttls=dict(host.reset_ttls),
        macs=dict(host.macs),
        ip_ids_zero=host.ids_zero,
        min_rtt=host.min_rtt or None,
        sent_by_capture_host=host.sent,
        received_by_capture_host=host.received,
        passed_to=host.sent_to > host.received_for,
        bad_checksums=host.bad_checksums,
        super_segments=host.super_segments,
        duplicates=host.duplicates,
        opened=host.opened,
        answered=host.answered,
        translated=bool(host.translated),
    )


def endpoint_facts(endpoint: Endpoint) -> EndpointFacts:
    """Return an endpoint's baseline as plain data."""
    return EndpointFacts(
        address=address_text(endpoint.version, endpoint.high, endpoint.low),
        port=endpoint.port,
        connections=endpoint.connections,
        established=endpoint.established,
        refused=endpoint.refused,
        unanswered=endpoint.unanswered,
        turns=endpoint.turns,
        unanswered_turns=endpoint.unanswered_turns,
        resets=endpoint.resets,
        first_established=endpoint.first_established,
        last_established=endpoint.last_established,
        first_refused=endpoint.first_refused,
        last_refused=endpoint.last_refused,
        longest_answer=endpoint.longest_answer,
        idle_turns=endpoint.idle_turns,
        closed_idle=dict(endpoint.closed_idle),
        closed_when=dict(endpoint.closed_when),
        longest_idle=endpoint.longest_idle,
        answers_within=list(endpoint.answers_within),
        speaks_first=endpoint.speaks_first,
        first_bytes=_by_bytes(endpoint.first_bytes),
        first_accepted=_by_bytes(endpoint.first_accepted),
    )


def _by_bytes(counts: dict[int, int]) -> dict[bytes, int]:
    return {first.to_bytes(4, "big"): count for first, count in counts.items()}
