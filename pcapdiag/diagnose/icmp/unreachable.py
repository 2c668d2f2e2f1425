"""icmp.unreachable: a router or host said that the destination cannot be reached.

What happened
    The SYN, or data on a connection that then died, was answered by an ICMP error instead of TCP.

How pcapdiag can tell
    ICMP type 3 (ICMPv6 type 1) that quotes the segment, code network, host, protocol, port or no
    route. On an established connection it is a soft error: it counts only where nothing was
    acknowledged and nothing came back after it.

Usual causes
    Host: the last router got no ARP or ND answer (host down, address gone); the error comes after
    about 3 s, once per queued SYN. Port: an iptables REJECT rule with its default, or a Kubernetes
    Service without endpoints. Network: a route is missing.

Fixes
    Ask the sender of the error: it is named in the verdict.

Can be confused with
    tcp.connection_refused: "port unreachable" gives the program the same errno 111.

References
    RFC 792, RFC 4443 section 3.1, RFC 9293 section 3.9.2.2; facts 1.4, 10, 11.
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.icmp.quoted import fatal, is_unreachable, name_of, sender_hints
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.story import IcmpFact, Story

KIND = Kind(
    code="icmp.unreachable",
    title="unreachable: {source} answered the packet to {target} with {error}",
    explanation=(
        "{source} sent {error} for {quoted} of this connection (frame {error_frame}, {after} "
        "after the connection's first packet): it cannot deliver to {target}. {count}"
    ),
    phases=("connect", "before_request", "in_request", "before_response", "in_response", "idle"),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="connect() failed (113: No route to host) while connecting to upstream",
    haproxy="SC",
    fix_at=("path", "responder", "initiator"),
    fixes=(
        "host unreachable: is {target_ip} up, and is the address still its own? {source} got no "
        "ARP or neighbour answer",
        "port unreachable: a REJECT rule on {source}, or a Kubernetes Service without ready "
        "endpoints",
        "network unreachable, no route: the route on {source}",
    ),
    commands=(
        "ip route get {target_ip}; ip neigh show {target_ip}  # on {source}",
        "iptables-save | grep -n REJECT; nft list ruleset | grep -n reject  # on {source}",
        "traceroute -T -p {responder_port} {responder_ip}  # from {initiator_ip}",
    ),
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection that an ICMP unreachable ended."""
    return judged(story, context, KIND, is_unreachable, 0.97)


def judged(
    story: Story,
    context: Context,
    kind: Kind,
    wanted: Callable[[IcmpFact], bool],
    confidence: float,
) -> Judgement | None:
    """Return the verdict of an ICMP kind, or None when such an error did not end the connection."""
    error = fatal(story, context, wanted)
    if error is None:
        return None
    end = ending(story)
    phase = phase_at(story, error.time)
    return Judgement(
        code=kind.code,
        failed=True,
        phase=phase,
        confidence=confidence if phase == "connect" else confidence - 0.1,
        frames=frames_of(*story.syn_frames[:1], error.frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=sender_hints(story, error),
        facts=_facts(story, error, wanted),
        numbers={"icmp_type": error.type, "icmp_code": error.code},
    )


def _facts(story: Story, error: IcmpFact, wanted: Callable[[IcmpFact], bool]) -> dict[str, str]:
    target = story.half(not error.from_initiator)
    number = sum(1 for each in story.icmp if wanted(each))
    return {
        "source": error.source,
        "target": f"{target.address} port {target.port}",
        "target_ip": target.address,
        "error": name_of(error),
        "error_frame": str(error.frame),
        "after": duration(max(0, error.time - story.start)),
        "quoted": "a data segment" if error.quoted_length else "a segment",
        "count": f"It said so {number} times." if number > 1 else "",
    }
