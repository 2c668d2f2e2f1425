"""icmp.time_exceeded: Packets ran out of hops.

What happened
    Packets of this connection went round between routers until their hop count was used up.

How pcapdiag can tell
    ICMP 11/0, or ICMPv6 3/0, that quotes a segment of the connection, and nothing came back.

Usual causes
    - A routing loop: two routers that each point at the other, often while a route changes or after
      a prefix was withdrawn on one side only.
    - Rarely: a sender with a very small TTL.

Fixes
    - First: follow the path. The sender of the error is one of the routers in the loop.
    - Kubernetes: a pod or Service address that no node holds any more, between the node and its
      default gateway.
    - Linux: `ip route get` on that router; a `blackhole` or `unreachable` route for the whole
      prefix ends the loop.
    - Network: did a route, a tunnel or a BGP session change at that time?

Can be confused with
    - icmp.unreachable: a router without a route says so.
    - A traceroute, whose probes have a growing TTL on purpose.

What would settle it
    - `traceroute -T -p PORT SERVER` from the initiator shows the two routers in turn.

References
    - RFC 792, RFC 4443 section 3.3.
"""

from __future__ import annotations

from pcapdiag.diagnose.icmp.quoted import is_time_exceeded
from pcapdiag.diagnose.icmp.unreachable import judged
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.model.context import Context
from pcapdiag.model.story import Story

KIND = Kind(
    code="icmp.time_exceeded",
    title="routing loop: packets to {target} ran out of hops at {source}",
    explanation=(
        "{source} sent {error} for {quoted} of this connection (frame {error_frame}): the packet "
        "to {target} had used up its hops, which is what a routing loop does. {count}"
    ),
    phases=("connect", "before_request", "in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="upstream timed out (110: Connection timed out) while connecting to upstream",
    haproxy="sC",
    fix_at=("path",),
    fixes=(
        "find the two routers that point at each other, from the traceroute; {source} is one of "
        "them",
        "did a route to {target_ip} change, or a tunnel or BGP session flap, at that time?",
    ),
    commands=(
        "traceroute -T -p {responder_port} {responder_ip}  # from {initiator_ip}",
        "ip route get {target_ip}  # on {source}",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection whose packets ran out of hops."""
    return judged(story, context, KIND, is_time_exceeded, 0.97)
