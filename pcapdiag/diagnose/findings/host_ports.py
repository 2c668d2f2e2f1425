"""Finding tcp.ephemeral_ports_low, from a host's snapshot: its real range, and who has the ports.

With no port left connect() fails and nothing is on the wire; the failures that the capture shows
are the answers that the host's own clients then get.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import Failure, host_finding, share
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.snapshot import PeerUse

LOW = 0.8
USED_UP = 0.98
"""Shares of the range; the kernel may fail to find one of the last ports, too."""
OWN_ANSWERS = frozenset({"http.local_reply", "tcp.closed_before_response"})
"""What clients of a proxy without a port get, with no connection of it to blame."""


def low_ports(state: HostState, failures: Sequence[Failure], fleet: Fleet) -> Iterator[Finding]:
    """Yield a finding for each destination that most of the host's ports are taken for."""
    size = state.snapshot.ports.size
    if not size or not state.fresh:
        return
    known = {(one.caller, one.endpoint) for one in fleet.callers}
    sums: defaultdict[tuple[str, str], list[PeerUse]] = defaultdict(list)
    for one in state.snapshot.sockets.peers:
        sums[one.local, join_port(one.remote, one.port)].append(one)
    for (local, endpoint), uses in sums.items():
        used = sum(use.sockets for use in uses)
        if (local, endpoint) in known and used >= LOW * size:
            used_up = used >= USED_UP * size
            failed = _for_want_of_a_port(state, failures, local, endpoint, used_up=used_up)
            yield _finding(state, failed, local, endpoint, uses)


def _for_want_of_a_port(
    state: HostState, failures: Sequence[Failure], local: str, endpoint: str, *, used_up: bool
) -> list[Failure]:
    """Return what failed for want of a port, or because one was taken again too soon."""
    to_it = [one for one in failures if (one.initiator, one.endpoint) == (local, endpoint)]
    reused = [one for one in to_it if one.is_of({"tcp.port_reuse"})]
    if not used_up:
        return reused
    answers = [one for one in failures if one.responder in state.own and one.is_of(OWN_ANSWERS)]
    return [one for one in answers if not one.has_cause] + reused


def _finding(
    state: HostState, failed: list[Failure], local: str, endpoint: str, uses: list[PeerUse]
) -> Finding:
    ports = state.snapshot.ports
    used = sum(use.sockets for use in uses)
    waiting = sum(use.states.get("time_wait", 0) for use in uses)
    reuse = state.snapshot.settings.get("net.ipv4.tcp_tw_reuse", "?")
    reserved = f", {len(ports.reserved)} ranges of it reserved" if ports.reserved else ""
    return host_finding(
        state,
        failed,
        code="tcp.ephemeral_ports_low",
        severity=state.severity(strong=True),
        title=f"{local} has {used:,} of {ports.size:,} ports taken to {endpoint}",
        detail=(
            f"ip_local_port_range of {state.name} is {ports.first} to {ports.last}{reserved}; "
            f"{used:,} of its {ports.size:,} ports are taken to {endpoint}, {waiting:,} of them in "
            f"TIME_WAIT, with tcp_tw_reuse={reuse}"
        ),
        explanation=(
            "Each connection of one address to one destination needs a port of its own, and Linux "
            "keeps it for 60 s after the end that closes first. With none left connect() fails "
            "(EADDRNOTAVAIL), and the capture shows nothing of it."
        ),
        endpoint=endpoint,
        addresses=[local],
        numbers={
            "ports_in_use": used,
            "range": ports.size,
            "share": share(used, ports.size),
            "time_wait": waiting,
        },
        fixes=[
            "keep connections and use them again: Envoy and Istio connection pools (HTTP/2, "
            "max_requests_per_connection), NGINX upstream keepalive, HAProxy http-reuse",
            f"more ports on {state.name}: net.ipv4.ip_local_port_range; more source addresses; or "
            "more addresses or ports of the destination",
            "net.ipv4.tcp_tw_reuse=1, with timestamps at both ends",
        ],
        commands=[f"ss -tan 'dst {endpoint.rpartition(':')[0]}' | wc -l  # on {local}"],
    )
