"""What is known of the whole capture beside its connections: what findings are made from.

All tables are bounded where they are filled, and what fell out is counted there. Healthy
connections are in them, too, though the report lists none of them.
"""

from __future__ import annotations

import msgspec

from pcapdiag.model.context import EndpointFacts, HostFacts


class TooBigFact(msgspec.Struct):
    """Routers' "packet too big" about what one host sent to another (RFC 1191, RFC 8201)."""

    source: str
    """The router that said so, first."""
    sender: str
    receiver: str
    mtu: int
    """The smallest that was named, IP bytes."""
    connections: int = 0
    streams: list[int] = []
    """Of the first of them."""
    frames: list[int] = []
    first: int = 0
    last: int = 0
    """Times of the first and the last message, ns since the epoch."""


class Fleet(msgspec.Struct):
    """Hosts, endpoints and what passed between them, when the whole capture is known."""

    first_time: int = 0
    """Of the capture's first packet, ns since the epoch; 0 without any."""
    last_time: int = 0
    hosts: list[HostFacts] = []
    endpoints: list[EndpointFacts] = []
    too_big: list[TooBigFact] = []
    filtered: bool = False
    """Filters chose the connections of the report: the others were not judged."""
