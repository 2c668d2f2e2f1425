# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Which finished connections are surely healthy, so that nobody has to tell their story."""

from __future__ import annotations

from pcapdiag.flow.harmless import WAITED, is_harmless, is_opened
from pcapdiag.flow.lanes import STREAMED, TRANSCRIPT, TURNS
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.flow.screen import (
    COMPLETE,
    UNKNOWN,
    UNTIL_CLOSE,
    completeness,
    holds_another,
    is_answer,
)
from pcapdiag.flow.secured import begins_in_tls, is_in_use
from pcapdiag.flow.slabs import HeadSlab, PieceSlab
from pcapdiag.flow.turns import turn_length, turn_slot
from pcapdiag.model.numbers import distance

HEAD = 1_024
CLOSE_NOTIFY = 69
"""Bytes of the largest TLS record of a close_notify: CBC with SHA-384 and padding."""
ENCRYPTED_ANSWER = 600
"""An answer inside TLS of this many bytes is more than an alert or two session tickets."""
SOCKS_TURNS = 3
"""A SOCKS proxy refuses in its choice of a method, after a login, or in answer to the request."""
SOCKS_ANSWER = 262
"""Bytes of its largest answer (RFC 1928 section 6, with a name of 255)."""

# Twins in C of constants that plain Python imports.
_WAITED = WAITED
_TURNS = TURNS
_TRANSCRIPT = TRANSCRIPT
_STREAMED = STREAMED
_COMPLETE = COMPLETE
_UNTIL_CLOSE = UNTIL_CLOSE
_UNKNOWN = UNKNOWN


def is_surely_healthy(flow: Flow, heads: HeadSlab, slab: PieceSlab) -> int:
    """Say whether nothing about the connection needs an explanation."""
    i = flow.a if flow.a_opened else flow.b
    r = flow.b if flow.a_opened else flow.a
    if flow.icmp is not None or flow.evicted:
        return 0
    if flow.packets == 0 or not is_opened(flow, i):
        return 0
    if flow.port_a == 53 or flow.port_b == 53:
        # Its last question and answer are read.
        return 0
    if flow.previous is not None and flow.previous.refused:
        return 0
    if i.packets == 0 or r.packets == 0:
        return 0
    if i.acked_unseen + r.acked_unseen > 0 or i.keep_alives + r.keep_alives > 0:
        return 0
    if flow.alarming or flow.look or flow.lanes == _STREAMED:
        return 0
    if flow.lanes == _TRANSCRIPT:
        short = flow.largest_answer < ENCRYPTED_ANSWER
        if short or not begins_in_tls(r, heads):
            # Whether the handshake worked has to be read.
            if not is_in_use(i, r, slab, short):
                return 0
    if flow.turn_index == 1 and flow.response_bytes == 1:
        # PostgreSQL's N: it has no TLS, and who asked for it left.
        return 0
    if flow.turn_index <= SOCKS_TURNS and 0 < flow.response_bytes <= SOCKS_ANSWER:
        if _may_be_refused(i, r, flow.response_bytes, heads):
            return 0
    if i.rst_count + r.rst_count > 0:
        return is_harmless(flow, i, r, heads)
    return _closed_well(flow, i, r, heads)


def _closed_well(flow: Flow, i: HalfFlow, r: HalfFlow, heads: HeadSlab) -> int:
    """Say whether all that a connection without RST carried had an answer, and came."""
    if i.window == 0 or r.window == 0:
        return 0
    if distance(i.next_seq, r.highest_ack) > 0 or distance(r.next_seq, i.highest_ack) > 0:
        return 0
    if i.fin_seq < 0 or r.fin_seq < 0:
        if flow.open_at_end == 0 or i.fin_seq >= 0 or r.fin_seq >= 0:
            return 0
    if flow.turn_index == 0:
        # Opened and closed without a request: fine when the initiator closed first, unless it
        # may have waited for a greeting.
        if flow.endpoint is not None and flow.endpoint.speaks_first and not flow.greeting_bytes:
            return 0
        return 1 if i.fin_seq >= 0 and i.fin_time <= r.fin_time else 0
    if flow.lanes == _TURNS and flow.response_bytes > 0 and r.fin_seq >= 0:
        if not _is_whole(i, r, flow.response_bytes, heads):
            return 0
    if i.fin_seq >= 0 and i.fin_time < r.fin_time and flow.response_bytes > 0:
        if i.fin_time - r.last_data_time >= _WAITED:
            return 0
    return 1 if flow.response_bytes > 0 else _says_goodbye(flow, i, r, heads)


def _is_whole(i: HalfFlow, r: HalfFlow, total: int, heads: HeadSlab) -> int:
    """Say whether the last answer is no HTTP/1 that was cut short, or that a proxy refused."""
    slot = turn_slot(r)
    length = turn_length(r)
    if r.turn_seq < 0 or slot < 0 or not is_answer(heads.view, slot * HEAD, length):
        return 1
    found = completeness(heads.view, slot * HEAD, length, total, r.tail_low)
    if found == _UNKNOWN and length >= HEAD:
        # Most heads too long to be seen whole are in order; proxies refuse some of them.
        return i.host.answered == 0
    if found == _COMPLETE and _asked_for_more(i, heads):
        return 0
    return found in (_COMPLETE, _UNTIL_CLOSE)


def _asked_for_more(i: HalfFlow, heads: HeadSlab) -> int:
    """Say whether several requests were sent before the last answer: it may be only the first's."""
    slot = turn_slot(i)
    length = turn_length(i)
    return i.turn_seq >= 0 and slot >= 0 and holds_another(heads.view, slot * HEAD, length) != 0


def _may_be_refused(i: HalfFlow, r: HalfFlow, total: int, heads: HeadSlab) -> int:
    """Say whether SOCKS was spoken, and its last answer is not plainly a yes (protocols/socks.py).

    First bytes of the initiator: 5 and a number of methods, or 4 and a command.
    """
    if i.hello_slot < 0 or i.hello_length < 3:
        return 0
    version = heads.view[i.hello_slot * HEAD]
    second = heads.view[i.hello_slot * HEAD + 1]
    if (version != 5 or second == 0) and (version != 4 or second == 0 or second > 2):
        return 0
    slot = turn_slot(r)
    length = turn_length(r)
    if r.turn_seq < 0 or slot < 0 or length < 2:
        return 0
    start = slot * HEAD
    kind = heads.view[start]
    if version == 4:
        return kind == 0 and heads.view[start + 1] != 0x5A
    if kind != 5 and kind != 1:
        # What lies in the tunnel.
        return 0
    if heads.view[start + 1] != 0:
        return 1
    # Several answers at once, where the client did not wait for the first.
    return total > 2 and heads.view[start + 2] != 0


def _says_goodbye(flow: Flow, i: HalfFlow, r: HalfFlow, heads: HeadSlab) -> int:
    """Say whether the last bytes are a TLS record that ends a connection in use.

    A close_notify is small; its type is alert, or application
    data in TLS 1.3. Only after two turns: within the handshake it would be a fatal alert.
    """
    if flow.turn_index < 3 or flow.request_bytes > CLOSE_NOTIFY or i.head_length < 5:
        return 0
    if i.fin_seq < 0 or i.fin_time > r.fin_time:
        return 0
    start = i.head_slot * HEAD
    kind = heads.view[start]
    size = heads.view[start + 3] * 256 + heads.view[start + 4]
    if kind != 0x15 and kind != 0x17:
        return 0
    return 1 if heads.view[start + 1] == 3 and size + 5 == flow.request_bytes else 0
