# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Whether a request goes on behind its answer.

A server may refuse an upload, and close, while it is still under way. What comes of it then is no
request of its own that nobody answered.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.lanes import TURNS
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.model.numbers import distance

OPTIONS = 40
"""Bytes at most that a segment's options take of the MSS (RFC 9293 section 3.1)."""
FIRST_OF_TLS = 3
"""The first turn that a TLS handshake has no part in."""
RESTED = 1_000_000_000
"""Quiet time (ns) behind which it does not go on."""

# Twins in C of the constants above, which plain Python imports.
_OPTIONS = OPTIONS
_FIRST_OF_TLS = FIRST_OF_TLS
_RESTED = RESTED
_TURNS = TURNS


def is_midway(
    p: Packet, flow: Flow, f: HalfFlow, r: HalfFlow, length: int, seq: int, time: int
) -> int:
    """Say whether a segment goes on with a request that was under way when it was answered.

    ``length`` is that of the request; -1 where it is not known. Then a full segment came before, or
    as much is not acknowledged; and the answer does not acknowledge that, or the segment does not
    acknowledge the answer: who had read it to its end would do both (RFC 9293 section 3.4). What
    went on behind its answer does so until it rests. The answers to the first two turns of TLS
    belong to its handshake, tickets too.
    """
    if length >= 0:
        return 1 if length > flow.request_bytes else 0
    if flow.lanes != _TURNS and flow.turn_index < _FIRST_OF_TLS:
        return 0
    if flow.request_last_time > flow.response_last_time:
        return 1 if time - flow.active_time < _RESTED else 0
    if r.mss < 0:
        return 0
    full = r.mss - _OPTIONS
    if r.window_bytes // 2 < full:
        # A segment may also be half of a small window (RFC 9293 section 3.8.6.2.1).
        full = r.window_bytes // 2
    unacked = distance(seq, r.highest_ack)
    if f.last_data_length < full and unacked < full:
        return 0
    return 1 if unacked > 0 or distance(p.ack, r.next_seq) < 0 else 0
