"""Protocols in which either end asks, and whose messages say by their header whether they do.

The initiator's last message may then be an answer, or a keep-alive that wants none, and is no
request that was not served.

Layouts: RFC 4271 section 4.1 (BGP), OpenFlow 1.0 section 5.1 and 1.3 section 7.1, RFC 2637 section
2 (PPTP), RFC 6733 section 3 (Diameter), SMPP 3.4 section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pcapdiag.model.story import Story

BGP_MARKER = b"\xff" * 16
BGP_OPEN = 1
OPENFLOW_PORTS = (6633, 6653)
OPENFLOW_HELLO = 0
OPENFLOW_VERSIONS = range(1, 7)
OPENFLOW_TYPES = range(36)
OPENFLOW_ASKS = {1: (0, 2, 5, 7, 16, 18, 20)}
"""Of version 1.0: HELLO, and requests (ECHO, FEATURES, GET_CONFIG, STATS, BARRIER, QUEUE...)."""
OPENFLOW_ASKS_LATER = (0, 2, 5, 7, 18, 20, 22, 24, 26)
"""Of later versions; with ROLE and GET_ASYNC requests."""
PPTP_COOKIE = b"\x1a\x2b\x3c\x4d"
PPTP_ASKS = (1, 3, 5, 7, 9, 10, 12)
"""Start, stop, echo, calls out and in (with the reply to one in), and the wish to end a call."""
DIAMETER_PORT, DIAMETER_OPENS = 3868, b"\x00\x01\x01"
"""Capabilities-Exchange is command 257."""
DIAMETER_REQUEST = 0x80
SMPP_BINDS = tuple(b"\0\0\0" + bytes((kind,)) for kind in (1, 2, 9))
SMPP_ANSWER, SMPP_WANTS_NONE = 0x80, (b"\0\0\0\x0b", b"\0\0\x01\x02")
"""The first bit of an answer's command; outbind and alert_notification."""


class Header(msgspec.Struct, frozen=True):
    """How a protocol's messages begin."""

    size: int
    """Bytes of it that are read."""
    length_at: int
    length_bytes: int
    asks: Callable[[bytes], bool]
    """Whether the message that begins so wants an answer."""


def _openflow_asks(head: bytes) -> bool:
    return head[1] in OPENFLOW_ASKS.get(head[0], OPENFLOW_ASKS_LATER)


def _smpp_asks(head: bytes) -> bool:
    return not head[4] & SMPP_ANSWER and head[4:8] not in SMPP_WANTS_NONE


BGP = Header(19, 16, 2, lambda head: head[18] == BGP_OPEN)
OPENFLOW = Header(8, 2, 2, _openflow_asks)
PPTP = Header(12, 0, 2, lambda head: head[9] in PPTP_ASKS)
DIAMETER = Header(20, 1, 3, lambda head: bool(head[4] & DIAMETER_REQUEST))
SMPP = Header(16, 0, 4, _smpp_asks)


def wants_no_answer(story: Story) -> bool:
    """Return whether the initiator's last messages, as far as they are kept, all want no answer."""
    head, header = story.turn.request_head, _header(story)
    if header is None:
        return False
    at = 0
    while at + header.size <= len(head):
        if header.asks(head[at : at + header.size]):
            return False
        size = int.from_bytes(head[at + header.length_at :][: header.length_bytes], "big")
        at += max(size, header.size)
    return at > 0


def _header(story: Story) -> Header | None:
    """Return how messages begin, by those that opened the connection, or by its port later on."""
    head, opened, told = story.turn.request_head, story.hello_initiator, story.hello_responder
    port, late = story.responder.port, story.midstream
    if head.startswith(BGP_MARKER):
        return BGP
    if head[4:8] == PPTP_COOKIE:
        return PPTP
    if opened[:1] == b"\x01" and (
        opened[5:8] == DIAMETER_OPENS or (late and port == DIAMETER_PORT)
    ):
        return DIAMETER
    if opened[4:8] in SMPP_BINDS and told[4:8] == b"\x80" + opened[5:8]:
        return SMPP
    both = _opens_openflow(opened) and _opens_openflow(told)
    if (both or (late and port in OPENFLOW_PORTS)) and _is_openflow(head):
        return OPENFLOW
    return None


def _opens_openflow(data: bytes) -> bool:
    return _is_openflow(data) and data[1] == OPENFLOW_HELLO


def _is_openflow(data: bytes) -> bool:
    if len(data) < OPENFLOW.size or data[0] not in OPENFLOW_VERSIONS:
        return False
    return data[1] in OPENFLOW_TYPES and int.from_bytes(data[2:4], "big") >= OPENFLOW.size
