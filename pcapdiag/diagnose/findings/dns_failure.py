"""Finding dns.failure: a name in use has no answer: NXDOMAIN, SERVFAIL, REFUSED, or silence.

Only lookups that failed to the end count: a retry that is answered, another server, the other
family or another search domain that works are one lookup with what failed before. A name that was
asked for once only is not in use: browsers and probes ask for names that do not exist on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pcapdiag.diagnose.findings.dns_families import Missing, is_expected, missing_names
from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.diagnose.text import counted
from pcapdiag.model.dns import FailedName, Failure, ResolverFacts
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds

FEWEST = 2
"""Lookups that failed, from which on a name counts as one in use."""
MAX_MISSING = 10
"""Names told that do not exist: those that did earlier first, then the most frequent."""
MAX_FAILING = 20
"""Servers and ways to fail that are told."""
MAX_FRAMES = 20
MAX_SERVERS = 1_000
MAX_STREAMS = 100
PORT = 53


class _Server(msgspec.Struct):
    """Names that one server did not resolve, in one way."""

    names: dict[str, int] = {}
    clients: set[str] = set()
    first: int = 0
    last: int = 0
    frames: list[int] = []

    @property
    def count(self) -> int:
        return sum(self.names.values())


class DnsFailure:
    """Finds lookups that failed in the capture's own DNS."""

    def __init__(self) -> None:
        self._over_tcp: dict[str, list[int]] = {}

    def look(self, connection: Connection) -> None:
        """Note a failed connection to a name server: what has no address gets no other one."""
        server = connection.responder
        if not connection.verdict.failed or server.port != PORT:
            return
        if server.ip in self._over_tcp or len(self._over_tcp) < MAX_SERVERS:
            streams = self._over_tcp.setdefault(server.ip, [])
            if len(streams) < MAX_STREAMS:
                streams.append(connection.stream)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return the servers that fail, then the names that do not exist, the most first."""
        return [
            *_failing_servers(fleet),
            *_without_tcp(fleet, self._over_tcp),
            *_missing(fleet),
        ]


def _missing(fleet: Fleet) -> Iterator[Finding]:
    found = [one for one in missing_names(fleet.dns) if one.count >= FEWEST or one.worked_until > 0]
    found.sort(key=lambda one: (not one.worked_until, -one.count))
    for one in found[:MAX_MISSING]:
        yield _missing_finding(one)


def _missing_finding(one: Missing) -> Finding:
    server = max(one.servers, key=lambda name: one.servers[name])
    detail = (
        f"{listed(sorted(one.servers))} said NXDOMAIN to {listed(sorted(one.clients))} in "
        f"{counted(one.count, 'lookup')}"
    )
    if one.variants:
        variants = sorted(map(shown, one.variants))
        detail += f", also with search domains: {listed(variants)}"
    if one.worked_until:
        detail += "; it had an address earlier in this capture"
    return Finding(
        code="dns.failure",
        severity="failure" if one.worked_until else "warning",
        title=f"{shown(one.name)} does not exist (NXDOMAIN)",
        detail=detail,
        explanation=(
            "The server answered that there is no such name (RFC 8020). Who asks for it connects "
            "to nothing: an Envoy cluster stays without endpoints, a client says that it could not "
            "resolve the host."
        ),
        addresses=[*sorted(one.servers), *sorted(one.clients)],
        endpoint=join_port(server, PORT),
        frames=one.frames[:MAX_FRAMES],
        first=format_seconds(one.first),
        last=format_seconds(one.last),
        count=one.count,
        numbers={"lookups": one.count, "clients": len(one.clients), "rcode": 3},
        fixes=[
            "is the name spelled right, and does the service exist in that namespace? "
            "(kubectl get service -A; a headless service without ready pods has no name)",
            "search domains: give the full name, with a dot at its end, or set ndots:1 "
            "(Kubernetes: dnsConfig; resolv.conf: options ndots, search)",
            "was it created just now? negative answers are cached as long as the zone's SOA says",
        ],
        commands=[*dig(server, one.name), *dig(server, one.name, "SOA")],
    )


def _failing_servers(fleet: Fleet) -> Iterator[Finding]:
    found: dict[tuple[str, Failure], _Server] = {}
    for name in fleet.dns.failed:
        if not is_expected(name.name):
            _collect(found, name)
    resolvers = {one.address: one for one in fleet.dns.resolvers}
    ordered = sorted(found.items(), key=lambda item: -item[1].count)
    for (address, how), server in ordered[:MAX_FAILING]:
        if server.count >= FEWEST:
            resolver = resolvers.get(address) or ResolverFacts(address)
            yield _server_finding(resolver, how, server, _sees_answers(fleet))


def _collect(found: dict[tuple[str, Failure], _Server], name: FailedName) -> None:
    for how, count in name.failures.items():
        if how == "nxdomain":
            continue
        address = max(name.servers, key=lambda server: name.servers[server])
        server = found.setdefault((address, how), _Server(first=name.first))
        server.names[name.name] = server.names.get(name.name, 0) + count
        server.clients.add(name.client)
        server.first = min(server.first, name.first)
        server.last = max(server.last, name.last)
        server.frames += name.frames


def _sees_answers(fleet: Fleet) -> bool:
    """Return whether the capture has both directions of anything."""
    answered = any(one.answered for one in fleet.dns.resolvers)
    return answered or any(one.established or one.refused for one in fleet.endpoints)


def _server_finding(
    resolver: ResolverFacts, how: Failure, server: _Server, sees_answers: bool
) -> Finding:
    names = sorted(server.names, key=lambda name: -server.names[name])
    title, explanation, fixes = _TEXTS[how]
    asked = counted(server.count, "lookup")
    detail = (
        f"{asked} of {listed(sorted(server.clients))} failed, for {listed([*map(shown, names)])}; "
        f"of all queries to it {resolver.answered:,} were answered and {resolver.unanswered:,} not"
    )
    if how == "unanswered" and not sees_answers:
        detail += "; nothing in this capture is an answer: it may hold one direction only"
    return Finding(
        code="dns.failure",
        severity="failure" if sees_answers or how != "unanswered" else "warning",
        title=title.format(server=resolver.address, name=shown(names[0])),
        detail=detail,
        explanation=explanation,
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
        fixes=fixes,
        commands=[
            *dig(resolver.address, names[0]),
            *dig(resolver.address, names[0], options="+tcp"),
        ],
    )


def _without_tcp(fleet: Fleet, failed: dict[str, list[int]]) -> Iterator[Finding]:
    """Yield the servers that send for TCP and cannot be reached over it."""
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
