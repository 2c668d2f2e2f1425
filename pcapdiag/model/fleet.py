"""What is known of the whole capture beside its connections: what findings are made from.

All tables are bounded where they are filled, and what fell out is counted there. Healthy
connections are in them, too, though the report lists none of them.
"""

from __future__ import annotations

import msgspec

from pcapdiag.model.context import EndpointFacts, HostFacts


class Fleet(msgspec.Struct):
    """Hosts, endpoints and what passed between them, when the whole capture is known."""

    first_time: int = 0
    """Of the capture's first packet, ns since the epoch; 0 without any."""
    last_time: int = 0
    hosts: list[HostFacts] = []
    endpoints: list[EndpointFacts] = []
    filtered: bool = False
    """Filters chose the connections of the report: the others were not judged."""
