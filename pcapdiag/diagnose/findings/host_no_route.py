"""host.no_route: The host has no way to the other end: no route, or no neighbour that answers.

What happened
    The host has no route to the address, or one that drops or rejects; or the next hop does not
    answer ARP (IPv6: neighbour discovery). What it gets from there it cannot answer.

How pcapdiag can tell
    A snapshot of the host has no route in any table that holds the other end's address, or its
    most special one is of the kind blackhole, unreachable or prohibit, or the other end is a
    neighbour in state failed; and the connections with it were not answered.

Usual causes
    - A route for that network was never made, or went with an interface.
    - Another network of the same name: a VPN or a bridge of Docker that overlaps.
    - The neighbour is down, or in another VLAN.

Fixes
    - First: `ip route get ADDRESS` on the host: by which interface, and does that lead there?
    - Kubernetes: routes between nodes are the CNI's; does its agent run on that node?
    - Linux: `ip route add NETWORK via GATEWAY`, in what keeps the network's settings.
    - Network: the next hop's own way back.
    - Cloud: the subnet's route table, peerings and their routes on both sides.

Can be confused with
    - icmp.unreachable: a router says so.
    - tcp.connection_timeout: what it looks like to the other end.
    - host.dropped: the reverse path filter drops what comes from where no route leads.

What would settle it
    - On the host: `ip route get ADDRESS`, and a capture there: does the SYN-ACK leave?

References
    - ip-route(8), rtnetlink(7).
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import SILENCE, Failure, host_finding
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.snapshot import Route
from pcapdiag.model.units import counted

CODES = SILENCE | frozenset({"icmp.unreachable", "icmp.prohibited", "tcp.closed_before_request"})
REFUSING = frozenset({"blackhole", "unreachable", "prohibit"})
MAX_FINDINGS = 5


def no_way(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each way in which other ends cannot be reached from the host."""
    if not state.snapshot.routes or state.snapshot.cut.get("routes"):
        return
    reasons: dict[str, str] = {}
    found: defaultdict[str, list[Failure]] = defaultdict(list)
    for one in failures:
        if not one.is_of(CODES):
            continue
        for address in _others(state, one):
            if address not in reasons:
                reasons[address] = _why(state, address)
            if reasons[address]:
                found[reasons[address]].append(one)
    for why, failed in list(found.items())[:MAX_FINDINGS]:
        yield _finding(state, why, failed, {a for a in reasons if reasons[a] == why})


def _others(state: HostState, one: Failure) -> Iterator[str]:
    """Yield the ends that the host has to reach for a connection."""
    if one.responder in state.own:
        yield one.initiator
    elif one.initiator in state.own or state.on_path:
        yield one.responder


def _why(state: HostState, address: str) -> str:
    """Return why an address cannot be reached, or nothing."""
    if address in state.own:
        return ""
    if address in state.snapshot.neighbours.failed and state.fresh:
        return f"no neighbour answers for {address}"
    route = best_route(state.snapshot.routes, address)
    if route is None:
        return f"no route to {address}"
    return f"route {route.to} is of the kind {route.kind}" if route.kind in REFUSING else ""


def best_route(routes: Sequence[Route], address: str) -> Route | None:
    """Return the most special route to an address over all tables, or None."""
    try:
        wanted = ipaddress.ip_address(address)
    except ValueError:
        return None
    best, longest = None, -1
    for route in routes:
        if route.family != wanted.version or route.kind == "throw":
            continue
        length = _length(route, wanted)
        if length > longest:
            best, longest = route, length
    return best


def _length(route: Route, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """Return the length of a route's prefix; -1 where it does not hold the address."""
    if route.to == "default":
        return 0
    try:
        network = ipaddress.ip_network(route.to, strict=False)
    except ValueError:
        return -1
    return network.prefixlen if address in network else -1


def _finding(state: HostState, why: str, failed: list[Failure], addresses: set[str]) -> Finding:
    return host_finding(
        state,
        failed,
        code="host.no_route",
        severity=state.severity(strong=state.fresh),
        title=f"{state.name}: {why}",
        detail=(
            f"{why} on {state.name}; {counted(len(failed), 'connection')} with it got no answer"
        ),
        explanation=(
            "A host that has no way to the other end cannot answer it: the SYN arrives, and "
            "nothing goes back; or its own SYN never leaves."
        ),
        addresses=sorted(addresses | set(state.seen)),
        numbers={"connections": len(failed)},
        fixes=[
            "a route for that network, in what keeps the host's network settings",
            "is another network of the host in the way: a VPN, a bridge of Docker?",
        ],
        commands=[
            f"ip route get {address}  # on {state.name}" for address in sorted(addresses)[:3]
        ],
    )
