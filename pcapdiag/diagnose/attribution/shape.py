"""What a RST and its connection show at a glance: without it most signals need not be asked.

A signal's test stays whole: what ``resets.py`` says that it needs only spares the asking.
"""

from __future__ import annotations

from pcapdiag.diagnose.attribution.view import ResetView
from pcapdiag.model.packet import ACK

BARE = 1 << 0
"""Without ACK."""
WITH_ACK = 1 << 1
WINDOW = 1 << 2
TIMESTAMP = 1 << 3
IP_ID = 1 << 4
"""An IP identification other than 0."""
MAY_BE_CUT = 1 << 5
"""Without DF."""
TOS = 1 << 6
"""Type of service (traffic class) other than 0."""
TEXT = 1 << 7
"""Payload."""
IPV6 = 1 << 8
FIRST = 1 << 9
"""The end had sent nothing before."""
SPOKE = 1 << 10
WENT_ON = 1 << 11
"""The end sent packets after it."""
SEVERAL = 1 << 12
"""The end's address is on further RSTs of the connection."""
BOTH_ENDS = 1 << 13
"""The other end's address is on RSTs of the connection, too."""
ICMP = 1 << 14
IDLED = 1 << 15
"""Quiet times are known of connections to the responder, those that were outlived or not."""
BLOCKS = 1 << 16
"""Connections to the responder were refused after a reset."""
TLS = 1 << 17
"""TLS was read of connections to the responder."""


def shape(view: ResetView) -> int:
    """Return what a RST shows, as bits of the above."""
    return _of_packet(view) | _of_connection(view) | _of_endpoint(view)


def _of_packet(view: ResetView) -> int:
    reset = view.reset
    found = WITH_ACK if reset.flags & ACK else BARE
    if reset.window:
        found |= WINDOW
    if reset.tsval is not None:
        found |= TIMESTAMP
    if reset.ip_id:
        found |= IP_ID
    if not reset.df:
        found |= MAY_BE_CUT
    if reset.tos:
        found |= TOS
    if reset.length:
        found |= TEXT
    return found


def _of_connection(view: ResetView) -> int:
    story, by_initiator = view.story, view.reset.from_initiator
    found = SPOKE if view.earlier else FIRST
    if view.later:
        found |= WENT_ON
    if story.ip_version == 6:
        found |= IPV6
    if story.icmp:
        found |= ICMP
    for reset in story.resets:
        if reset.from_initiator != by_initiator:
            found |= BOTH_ENDS
        elif reset.frame != view.reset.frame:
            found |= SEVERAL
    return found


def _of_endpoint(view: ResetView) -> int:
    responder = view.story.responder
    endpoint = view.context.endpoint(responder.address, responder.port)
    found = IDLED if endpoint.idle or endpoint.idle_turns else 0
    if endpoint.blocked:
        found |= BLOCKS
    if endpoint.tls is not None:
        found |= TLS
    return found
