# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The handshake of a connection (RFC 9293 section 3.5)."""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.callers import CAME_UP, SILENT
from pcapdiag.flow.legs import OPENED, Moments, note_race
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.spans import note_outcome
from pcapdiag.flow.table import Table
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import ACK, RST, SYN

MASK32 = 0xFFFFFFFF


def note_syn(p: Packet, flow: Flow, f: HalfFlow, opened: int, time: int, moments: Moments) -> None:
    """Note a SYN or SYN-ACK, sent by half ``f``."""
    if f.isn < 0:
        f.isn = p.seq
        f.mss = p.mss
        f.window_scale = p.window_scale
        f.sack_permitted = p.sack_permitted
    if not p.flags & ACK:
        if opened:
            if flow.midstream and f.packets == 1:
                # A mirror port's queues brought what answers it first.
                flow.midstream = 0
                flow.inferred = 0
            flow.syn_count += 1
            if flow.syn_count == 1:
                moments.note(flow, OPENED, time)
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
        if flow.syn_time > 0 and p.ack == (_initial_seq(flow) + 1) & MASK32:
            flow.rtt_to_responder = time - flow.syn_time
        if flow.endpoint is not None:
            f.host.answered += 1
    elif flow.handshake_done == 0:
        flow.syn_ack_time = time


def note_last_step(
    p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, time: int, table: Table
) -> None:
    """Note whether the initiator ``f`` acknowledges the SYN-ACK: the connection is there then."""
    if flow.syn_ack_count == 0 or p.flags & (SYN | RST) or p.seq == f.isn:
        return
    if r.isn < 0 or distance(p.ack, r.isn) <= 0:
        return
    _came_up(flow, time, table)


def note_overtaken(flow: Flow, f: HalfFlow, r: HalfFlow, time: int, table: Table) -> None:
    """Note whether the initiator ``r`` had acknowledged the SYN-ACK of ``f`` before this came.

    A mirror port or tap may bring the two directions through queues of their own.
    """
    if flow.syn_ack_count == 1 and r.highest_ack >= 0 and distance(r.highest_ack, f.isn) > 0:
        _came_up(flow, time, table)


def _came_up(flow: Flow, time: int, table: Table) -> None:
    flow.handshake_done = 1
    flow.established_time = time
    flow.early_resets = flow.rst_kept
    flow.rtt_to_initiator = time - flow.syn_ack_time
    if flow.syn_time > 0:
        flow.first_rtt = time - flow.syn_time
    note_race(table, flow, time)
    endpoint = flow.endpoint
    if endpoint is None:
        return
    endpoint.established += 1
    if endpoint.first_established == 0:
        endpoint.first_established = time
    endpoint.last_established = time
    note_outcome(endpoint, CAME_UP, time)


def _initial_seq(flow: Flow) -> int:
    """Return the initiator's initial sequence number, or -1."""
    return flow.a.isn if flow.a_opened else flow.b.isn
