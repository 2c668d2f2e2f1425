# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Whether nothing came back, or the capture only does not have it.

It lost packets, has one direction only, or a mirror port put the two directions out of order.
"""

from __future__ import annotations

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, HalfFlow
from pcapdiag.model.numbers import distance
from pcapdiag.model.packet import ACK, FIN, RST, SYN


def is_silent(flow: Flow) -> int:
    """Say whether nothing came back to a SYN.

    Who sends more than SYNs was answered, captured or not.
    """
    opener: HalfFlow = flow.a if flow.a_opened else flow.b
    responder: HalfFlow = flow.b if flow.a_opened else flow.a
    if responder.packets > 0 or flow.handshake_done:
        return 0
    return 1 if opener.packets <= flow.syn_count + opener.rst_count else 0


def answer_may_be_missing(flow: Flow) -> int:
    """Say whether an answer in HTTP/1, which has no greeting, may be there though it was not seen.

    One that was captured before its request looks like a greeting.
    """
    opener: HalfFlow = flow.a if flow.a_opened else flow.b
    responder: HalfFlow = flow.b if flow.a_opened else flow.a
    if responder.packets == 0 or opener.acked_unseen > 0:
        return 1
    return 1 if flow.turn_index == 1 and flow.greeting_bytes > 0 else 0


def captured_late(flow: Flow) -> int:
    """Return how many acknowledgments were of bytes that were captured after all, behind them."""
    return late(flow.a, flow.b) + late(flow.b, flow.a)


def denies(p: Packet, f: HalfFlow, r: HalfFlow) -> int:
    """Say whether an end shows that it never sent what was acknowledged unseen.

    It answers such an ACK by one with its own next number (RFC 9293 3.10.7.4): a device had written
    in its name, and the capture missed nothing.
    """
    if p.flags & (ACK | SYN | FIN | RST) != ACK or p.seq != f.next_seq:
        return 0
    if p.ack != r.next_seq and r.gaps == 0:
        # It may be older than what it seems to answer.
        return 0
    # A keep-alive probe is one behind.
    return 1 if distance(p.seq, r.highest_ack) < -1 else 0


def late(f: HalfFlow, r: HalfFlow) -> int:
    """Return how many acknowledgments by ``f`` were of bytes of ``r`` that were captured late."""
    if f.acked_unseen == 0 or r.isn < 0 or r.next_seq < 0:
        return 0
    if f.rst_ack >= 0 and distance(f.rst_ack, r.next_seq) > 0:
        return 0
    # SYN and FIN have a number each; a FIN that was not captured is missing, too.
    missing = distance(r.next_seq, r.isn) - r.payload_bytes - (2 if r.fin_seq >= 0 else 1)
    if missing > 0 or (r.gaps > 0 and missing < 0):
        # Where segments overtook each other, what was sent again hides what is missing.
        return 0
    return f.acked_unseen if distance(f.highest_ack, r.next_seq) <= 0 else 0
