"""Name servers that fail: SERVFAIL, REFUSED, silence, or no TCP for answers that were cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from pcapdiag.diagnose.findings.dns_families import is_expected
from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.model.dns import PORT, FailedName, Failure, ResolverFacts
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Finding
from pcapdiag.model.units import counted, format_seconds

FEWEST = 2
"""Lookups that failed, from which on a name counts as one in use among others that work."""
MAX_FAILING = 20
"""Servers and ways to fail that are told."""
MAX_FRAMES = 20
BROADCAST = "255.255.255.255"
"""Who asks all on its link (a radio that looks for its controller) may get no answer: it is no
server."""

Streams = Callable[[Fleet, set[str], int], list[int]]
"""Gives the connections that lookups of these clients explain, from a time (ns) on."""


class _Server(msgspec.Struct):
    """Names that one server did not resolve, in one way."""

    names: dict[str, int] = {}
    clients: set[str] = set()
    first: int = 0
    last: int = 0
    frames: list[int] = []

    @property
    def count(self) -> int:
        """Lookups that failed."""
        return sum(self.names.values())


def fewest(fleet: Fleet) -> int:
    """Return from how many failed lookups on a name counts as one in use.

    Where nothing else was captured, no connection and no answer without an error, one is what the
    capture was taken for.
    """
    answered = any(one.rcodes.get(0) for one in fleet.dns.resolvers)
    return FEWEST if answered or fleet.endpoints else 1


def failing_servers(fleet: Fleet, streams: Streams) -> Iterator[Finding]:
    """Yield a finding for each server and way to fail; ``streams`` gives what it explains."""
    found: dict[tuple[str, Failure], _Server] = {}
    for name in fleet.dns.failed:
        if not is_expected(name.name):
            _collect(found, name)
    resolvers = {one.address: one for one in fleet.dns.resolvers}
    ordered = sorted(found.items(), key=lambda item: -item[1].count)
    for (address, how), server in ordered[:MAX_FAILING]:
        if server.count < fewest(fleet):
            continue
        sees_answers = _sees_answers(fleet, server.clients)
        if how == "unanswered" and not sees_answers and _has_one_end(fleet, server.clients):
            continue
        resolver = resolvers.get(address) or ResolverFacts(address)
        explained = streams(fleet, server.clients, server.first)
        yield _server_finding(resolver, how, server, explained, sees_answers)


def _collect(found: dict[tuple[str, Failure], _Server], name: FailedName) -> None:
    for how, count in name.failures.items():
        if how == "nxdomain":
            continue
        address = max(name.servers, key=lambda server: name.servers[server])
        if how == "unanswered" and address == BROADCAST:
            continue
        server = found.setdefault((address, how), _Server(first=name.first))
        server.names[name.name] = server.names.get(name.name, 0) + count
        server.clients.add(name.client)
        server.first = min(server.first, name.first)
        server.last = max(server.last, name.last)
        server.frames += name.frames


def _sees_answers(fleet: Fleet, clients: set[str]) -> bool:
    """Return whether the capture has both directions of anything that these clients do."""
    if any(one.answered and clients & one.clients for one in fleet.dns.resolvers):
        return True
    answering = {one.host_port for one in fleet.endpoints if one.established or one.refused}
    return any(one.caller in clients and one.endpoint in answering for one in fleet.callers)


def _has_one_end(fleet: Fleet, clients: set[str]) -> bool:
    """Return whether connections of these clients went on without a packet of their other end.

    The capture is of one direction then, and lacks the answers.
    """
    absent = {
        one.host_port
        for one in fleet.endpoints
        if not (one.established or one.refused or one.unanswered or one.turns)
    }
    return any(one.caller in clients and one.endpoint in absent for one in fleet.callers)


def _server_finding(
    resolver: ResolverFacts,
    how: Failure,
    server: _Server,
    streams: list[int],
    sees_answers: bool,
) -> Finding:
    names = sorted(server.names, key=lambda name: -server.names[name])
    title, explanation, fixes = _TEXTS[how]
    asked = counted(server.count, "lookup")
    detail = (
        f"{asked} of {listed(sorted(server.clients))} failed, for {listed([*map(shown, names)])}; "
        f"of all queries to it {resolver.answered:,} were answered and {resolver.unanswered:,} not"
    )
    if how == "unanswered" and not sees_answers:
        detail += "; nothing in this capture answers them: it may hold one direction only"
    return Finding(
        code="dns.failure",
        severity="failure" if sees_answers or how != "unanswered" else "warning",
        title=title.format(server=resolver.address, name=shown(names[0])),
        detail=detail,
        explanation=explanation,
        streams=streams,
        addresses=[resolver.address, *sorted(server.clients)],
        endpoint=join_port(resolver.address, PORT),
        frames=sorted(server.frames)[:MAX_FRAMES],
        first=format_seconds(server.first),
        last=format_seconds(server.last),
        count=server.count,
        numbers={
            "lookups": server.count,
            "names": len(names),
            "answered": resolver.answered,
            "unanswered": resolver.unanswered,
        },
        fixes=[fix.format(server=resolver.address) for fix in fixes],
        commands=[
            *dig(resolver.address, names[0]),
            *dig(resolver.address, names[0], options="+tcp"),
        ],
    )


def servers_without_tcp(fleet: Fleet, failed: dict[str, list[int]]) -> Iterator[Finding]:
    """Yield the servers that send clients to TCP and cannot be reached over it."""
    over_tcp = {one.address: one for one in fleet.endpoints if one.port == PORT}
    for resolver in fleet.dns.resolvers:
        endpoint = over_tcp.get(resolver.address)
        if not resolver.truncated or endpoint is None or endpoint.established:
            continue
        if endpoint.refused + endpoint.unanswered == 0:
            continue
        yield Finding(
            code="dns.failure",
            severity="failure",
            title=f"{resolver.address} cuts answers, and cannot be asked over TCP",
            detail=(
                f"{counted(resolver.truncated, 'answer')} had the TC bit; of "
                f"{counted(endpoint.connections, 'connection')} to its port 53 none came up"
            ),
            explanation=(
                "An answer that does not fit is cut, and asked for again over TCP (RFC 7766). "
                "Where TCP port 53 is closed or filtered, large answers never arrive."
            ),
            streams=failed.get(resolver.address, []),
            addresses=[resolver.address],
            endpoint=join_port(resolver.address, PORT),
            first=format_seconds(resolver.first_truncated),
            last=format_seconds(resolver.last),
            count=resolver.truncated,
            numbers={"truncated": resolver.truncated, "connections": endpoint.connections},
            fixes=[
                "let TCP port 53 through, and have the server listen on it",
                "let larger answers through over UDP (EDNS buffer size 1232)",
            ],
            commands=[f"nc -vz {resolver.address} {PORT}"],
        )


_TEXTS: dict[Failure, tuple[str, str, list[str]]] = {
    "unanswered": (
        "{server} does not answer DNS queries",
        "Queries left, and neither they nor their retries were answered within 5 s each: the "
        "server is down or overloaded, or a filter drops UDP port 53.",
        [
            "is the server up, and is this still its address? (resolv.conf; Kubernetes: CoreDNS "
            "pods and the kube-dns service's endpoints)",
            "let UDP and TCP port 53 through: security group, network policy, firewall",
            "several servers in resolv.conf with options timeout:1 attempts:2 rotate",
        ],
    ),
    "port_closed": (
        "{server} takes no DNS queries: UDP port 53 is closed",
        "The queries were answered by ICMP port unreachable: no resolver listens there, or a "
        "firewall's REJECT says so in its place.",
        [
            "is the resolver running, and listening on that address? (ss -lunp 'sport = :53'; "
            "systemctl status; Kubernetes: CoreDNS pods and the kube-dns service's endpoints)",
            "is this still the server's address? (resolv.conf, Envoy dns_resolvers, NGINX "
            "resolver)",
            "let UDP and TCP port 53 through: security group, network policy, firewall",
        ],
    ),
    "unreachable": (
        "{server} cannot be reached for DNS queries",
        "The queries were answered by ICMP unreachable or time exceeded: there is no way to the "
        "server, its host is gone, or a filter forbids it and says so.",
        [
            "who sent the ICMP error, and has it a route to {server}? (ip route get {server})",
            "is this still the server's address? (resolv.conf, Envoy dns_resolvers, NGINX "
            "resolver)",
            "let UDP and TCP port 53 through: security group, network policy, firewall",
        ],
    ),
    "servfail": (
        "{server} fails to resolve {name} (SERVFAIL)",
        "The server could not find out: the servers that it asks are unreachable, refuse it, or "
        "their answers fail DNSSEC validation.",
        [
            "read its log (kubectl logs -n kube-system -l k8s-app=kube-dns) and check the servers "
            "that it forwards to",
            "DNSSEC: if dig +cd works, the zone's signatures are wrong",
        ],
    ),
    "refused": (
        "{server} refuses to resolve {name} (REFUSED)",
        "The server does not serve this client, or not this name: its access list, or it is no "
        "resolver for names that it does not hold.",
        [
            "is this the right server for the name? (resolv.conf, Envoy dns_resolvers, NGINX "
            "resolver)",
            "let the client in: BIND allow-recursion, Unbound access-control, CoreDNS acl",
        ],
    ),
}
