"""icmp.unreachable: A router or host said that the destination is out of reach.

What happened
    The SYN, or data on a connection that then died, was answered by an ICMP error instead of TCP.

How pcapdiag can tell
    ICMP type 3 (ICMPv6 type 1) that quotes the segment, code network, host, protocol, port or no
    route. On an established connection it is a soft error: it counts only where nothing was
    acknowledged and nothing came back after it.

Usual causes
    - Host unreachable: the last router got no ARP or neighbour answer, because the host is down or
      the address is gone. It says so after about 3 s, once per queued SYN.
    - Port unreachable: an iptables REJECT rule with its default, or a Kubernetes Service without
      endpoints.
    - Network unreachable, no route: a route is missing.

Fixes
    - First: ask the sender of the error. The verdict names it.
    - Envoy: `outlier_detection` and `health_checks` take such an endpoint out; correct the
      endpoint's address.
    - NGINX: correct the `server` line of the `upstream`; `proxy_next_upstream error`.
    - HAProxy: `check` on the `server` line, `option redispatch`.
    - Kubernetes: port unreachable from a node is kube-proxy's answer for a Service without ready
      endpoints: `kubectl get endpointslices`. A node that is gone: its pods' addresses are too.
    - Linux: the route (`ip route get`), the neighbour (`ip neigh show`), and REJECT rules
      (`iptables-save`, `nft list ruleset`) on the host that sent it.
    - Network: the missing route on the router that sent it.

Can be confused with
    - tcp.connection_refused: "port unreachable" gives the program the same errno 111.
    - icmp.prohibited: there it may not, here it cannot.
    - mtu.fragmentation_needed: ICMP 3/4, which is about size.
    - `ok`: on an established connection it is a soft error, and the request may have been served.

What would settle it
    - A capture on the host before the one that sent the error: does the SYN arrive there?
    - `traceroute -T -p PORT SERVER` from the initiator ends where the way does.

References
    - RFC 792, RFC 4443 section 3.1.
    - RFC 9293 section 3.9.2.2: which ICMP errors are soft.
    - Measured in the lab (docs/lab.md): a dead neighbour gives ICMP 3/1 after about 3 s, errno 113.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from pcapdiag.diagnose.ending import ending, frames_of
from pcapdiag.diagnose.icmp.quoted import (
    fatal,
    had_forwarded,
    is_translated,
    is_unreachable,
    name_of,
    only_quoted,
    sender_hints,
)
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.phase import phase_at
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.context import Context
from pcapdiag.model.story import IcmpFact, Story

HOST = (
    "host unreachable: is {target_ip} up, and is the address still its own? {source} got no ARP or "
    "neighbour answer"
)
PORT = (
    "port unreachable: a REJECT rule on {source}, or a Kubernetes Service without ready endpoints"
)
SERVICE = (
    "{source} is a translated address (a Kubernetes Service, a load balancer's): which endpoint "
    "behind it is gone, and why is it still listed? kubectl get endpointslices"
)
MAYBE_NAT = (
    "is {source} a translated address (a Kubernetes Service, a published port, a load balancer's)? "
    "then a rule on the way from there to the endpoint: its NetworkPolicy, a router between"
)
ROUTE = "network unreachable, no route: the route on {source}"
FIRST = {
    (4, 3, 0): ROUTE,
    (4, 3, 1): HOST,
    (4, 3, 3): PORT,
    (6, 1, 0): ROUTE,
    (6, 1, 3): HOST,
    (6, 1, 4): PORT,
}
"""What to look at first, by what the router said; the others are no fixes of that."""
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
    fixes=(HOST, PORT, ROUTE, SERVICE),
    commands=(
        "ip route get {target_ip}; ip neigh show {target_ip}  # on {source}",
        "{iptables_save} | grep -n REJECT; nft list ruleset | grep -n reject  # on {source}",
        "traceroute -T -p {responder_port} {responder_ip}  # from {initiator_ip}",
    ),
)


BEHIND_NAT = (
    "conntrack -L -d {target_ip} -p tcp --dport {responder_port}"
    "  # on the node that translates: which endpoint",
    "kubectl get svc -A -o wide | grep -w {target_ip}; kubectl get endpointslices -A",
)
"""What to run where the address that was called is a NAT's."""
NOT_CAPTURED = (
    "Of the connection itself nothing was captured: the sender's own host rejected its SYN before "
    "the capture saw it, or a capture filter left only the error."
)


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a connection that an ICMP unreachable ended."""
    found = judged(story, context, KIND, is_unreachable, 0.97)
    if found is None:
        return None
    error = fatal(story, context, is_unreachable)
    if error is None:
        return found
    if is_translated(story, error):
        return replace(found, fixes=(SERVICE,), commands=BEHIND_NAT)
    said = FIRST.get((error.version, error.type, error.code))
    maybe = found.fixes[:1]
    return replace(found, fixes=(*maybe, said)) if said else found


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
    unseen = only_quoted(story)
    hints = sender_hints(story, error)
    maybe_nat = had_forwarded(story, error)
    return Judgement(
        code=kind.code,
        failed=True,
        phase=phase,
        confidence=confidence if phase == "connect" and not unseen else confidence - 0.1,
        frames=frames_of(*story.syn_frames[:1], error.frame, end.frame if end else 0),
        ended_by=end.actor if end else None,
        candidates=hints,
        fix_at=("initiator", "responder") if hints[0].side == "initiator" else (),
        fixes=(MAYBE_NAT, *kind.fixes) if maybe_nat else (),
        commands=(*BEHIND_NAT[:1], *kind.commands) if maybe_nat else (),
        facts=_facts(story, error, wanted),
        numbers={"icmp_type": error.type, "icmp_code": error.code},
        notes=(NOT_CAPTURED,) if unseen else (),
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
