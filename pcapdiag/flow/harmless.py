# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Which resets surely ended nothing: an end that had what it wanted closed by one.

Many clients do, on sound networks, too: whoever closes before a server's late close_notify meets it
by RST (RFC 9293 3.10.7.1), and health checks and browsers spare TIME_WAIT so. What they prove is
little, and telling it in full took as long as telling a failure. Only the plainest are taken for
harmless here: all the others are read by plain Python, where each sign is weighed.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.lanes import TRANSCRIPT, TURNS
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.screen import (
    COMPLETE,
    UNTIL_CLOSE,
    completeness,
    holds_another,
    is_answer,
    is_request,
    is_unfinished,
)
from pcapdiag.flow.slabs import HeadSlab
from pcapdiag.flow.turns import turn_length, turn_slot
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import ACK

HEAD = 1_024
GOODBYE = 138
"""Bytes of a GOAWAY and a close_notify in TLS records, each 69 at most (CBC with SHA-384)."""
WAITED = 900_000_000
"""Who closes this long (ns) after the last byte may have waited for more of them."""

# Twins in C of constants that plain Python imports.
_WAITED = WAITED
_TURNS = TURNS
_TRANSCRIPT = TRANSCRIPT
_COMPLETE = COMPLETE
_UNTIL_CLOSE = UNTIL_CLOSE


def is_own_reset(p: Packet, f: HalfFlow) -> int:
    """Say whether the RST in ``p`` is in all that it shows like the other packets of its sender.

    Its TTL and MAC are the only ones seen. Its sequence number is the next one, or, behind a FIN,
    what a segment asked for that the other end sent before it had the goodbye (RFC 9293 3.10.7.1).
    """
    behind = distance(f.next_seq, p.seq)
    if behind != 0 and (p.flags & ACK or f.fin_seq < 0 or behind < 0 or behind > 1 + GOODBYE):
        return 0
    if p.payload_length > 0 or p.ttl != f.ttl0 or f.ttl1 >= 0 or p.mac != f.mac0 or f.mac1 != 0:
        return 0
    return 1 if f.sent == 0 or f.received == 0 else 0


def is_opened(flow: Flow, i: HalfFlow) -> int:
    """Say whether the handshake was finished, if only by the RST,ACK that closed the connection.

    HAProxy's layer-4 checks spare the ACK (measured).
    """
    if flow.handshake_done:
        return 1
    return flow.syn_count == 1 and i.rst_ack >= 0


def is_harmless(flow: Flow, i: HalfFlow, r: HalfFlow, heads: HeadSlab) -> int:
    """Say whether all resets of a connection are of one end that had nothing left to wait for."""
    f = i if i.rst_count > 0 else r
    other = r if i.rst_count > 0 else i
    if flow.odd_resets or other.rst_count > 0 or flow.interface1 >= 0:
        return 0
    if f.zero_windows > 0 or other.window == 0:
        # The window of a RST says nothing.
        return 0
    if other.data_segments > 0 and other.last_data_time > flow.rst_time:
        return 0
    if f is r and (i.fin_seq < 0 or i.fin_time > flow.rst_time):
        return 0
    if f.fin_seq < 0 and other.last_time > flow.rst_time:
        return 0
    if not _has_heard(flow, f, other) or not _has_heard(flow, other, f):
        return 0
    if flow.turn_index == 0:
        return _is_check(flow, i, r)
    return _is_done(flow, i, r, heads)


def _has_heard(flow: Flow, f: HalfFlow, other: HalfFlow) -> int:
    """Say whether the end ``f`` acknowledged all that it got, but for the other's goodbye."""
    left = distance(other.next_seq, f.highest_ack if f.highest_ack >= 0 else f.rst_ack)
    if other.fin_seq >= 0:
        left -= 1
        if flow.lanes == _TRANSCRIPT:
            left -= GOODBYE
    return left <= 0


def _is_check(flow: Flow, i: HalfFlow, r: HalfFlow) -> int:
    """Say whether an initiator opened the connection and reset it at once, as health checks do."""
    if i.rst_count == 0 or r.fin_seq >= 0 or flow.rst_time - flow.syn_ack_time >= _WAITED:
        return 0
    endpoint = flow.endpoint
    return endpoint is not None and (flow.greeting_bytes > 0 or endpoint.speaks_first == 0)


def _is_done(flow: Flow, i: HalfFlow, r: HalfFlow, heads: HeadSlab) -> int:
    """Say whether the last request had its whole answer when the first end closed."""
    told = turn_slot(r)
    told_length = turn_length(r)
    asked = turn_slot(i)
    asked_length = turn_length(i)
    if r.turn_seq < 0 or i.turn_seq < 0 or told < 0 or asked < 0:
        return 0
    left = i.fin_time if i.fin_seq >= 0 and i.fin_time < flow.rst_time else flow.rst_time
    if flow.lanes == _TURNS and is_answer(heads.view, told * HEAD, told_length):
        if is_request(heads.view, asked * HEAD, asked_length):
            if is_unfinished(heads.view, asked * HEAD, asked_length, flow.request_bytes):
                return 0
            if holds_another(heads.view, asked * HEAD, asked_length):
                # Of several requests the first one's answer may be all.
                return 0
        found = completeness(heads.view, told * HEAD, told_length, flow.response_bytes, r.tail_low)
        if found == _UNTIL_CLOSE:
            return r.fin_seq >= 0 and r.fin_time <= left
        return found == _COMPLETE
    return left - r.last_data_time < _WAITED
