"""What a connection shows at a glance: without it most kinds need not be asked.

A kind's test stays whole: what the registry says that it ``needs`` only spares the asking.
"""

from __future__ import annotations

from pcapdiag.diagnose.tcp.unacknowledged import left_unacked
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.http import Exchange
from pcapdiag.model.once import once
from pcapdiag.model.story import Story

SILENT = 1 << 0
"""No packet of the responder."""
NO_SYN_ACK = 1 << 1
SYN_ACK = 1 << 2
RESET = 1 << 3
RESPONDER_FIN = 1 << 4
ASKED = 1 << 5
"""The initiator sent payload."""
UNANSWERED = 1 << 6
"""One request, and not a byte of an answer."""
BOTH_SPOKE = 1 << 7
"""The first bytes of both ends are known."""
UNACKED = 1 << 8
"""Data of an end was never acknowledged, or may have been lost before the capture."""
ICMP = 1 << 9
TLS = 1 << 10
"""A ClientHello was read."""
REQUESTS = 1 << 11
"""Requests were read, of HTTP/1 or HTTP/2."""
HTTP2 = 1 << 12
"""HTTP/2 frames were read."""
SHUT = 1 << 13
"""An end advertised window 0."""
PROBED = 1 << 14
"""An end sent keep-alive probes."""
GRPC = 1 << 15
"""Of a request: it is a call of gRPC."""
REPLY = 1 << 16
"""Of a request: its answer looks like a proxy's own."""
SOCKS = 1 << 17
"""The initiator's first byte is a version of SOCKS."""

_SOCKS_VERSIONS = (b"\x05", b"\x04")


@once
def shows(story: Story) -> int:
    """Return what a connection shows, as bits of the above."""
    return _of_packets(story) | _of_bytes(story)


def request_shows(story: Story, exchange: Exchange) -> int:
    """Return what a request of a connection shows, as bits of the above."""
    found = GRPC if exchange.grpc is not None else 0
    if exchange.local_reply is not None:
        found |= REPLY
    if story.http2 is not None or exchange.stream_id is not None or exchange.reset_code is not None:
        found |= HTTP2
    return found


def _of_packets(story: Story) -> int:
    found = 0 if story.syn_ack_count else NO_SYN_ACK
    if story.syn_ack_frames:
        found |= SYN_ACK
    if not story.responder.packets:
        found |= SILENT
    if story.resets:
        found |= RESET
    if story.responder.fin_frame:
        found |= RESPONDER_FIN
    if story.icmp:
        found |= ICMP
    if left_unacked(story.initiator) or left_unacked(story.responder):
        found |= UNACKED
    if story.initiator.zero_windows or story.responder.zero_windows:
        found |= SHUT
    if story.initiator.keep_alives or story.responder.keep_alives:
        found |= PROBED
    return found


def _of_bytes(story: Story) -> int:
    turn = story.turn
    found = ASKED if turn.index else 0
    if turn.index == 1 and not turn.response_bytes:
        found |= UNANSWERED
    if story.hello_initiator and story.hello_responder:
        found |= BOTH_SPOKE
        if story.hello_initiator.startswith(_SOCKS_VERSIONS):
            found |= SOCKS
    if tls_facts(story) is not None:
        found |= TLS
    if story.exchanges:
        found |= REQUESTS
    if story.http2 is not None:
        found |= HTTP2
    return found
