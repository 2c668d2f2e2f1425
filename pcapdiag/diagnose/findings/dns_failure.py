"""dns.failure: A name in use has no answer, or a bad one.

What happened
    Clients asked for a name and got no address, so there is no connection that could fail.

How pcapdiag can tell
    Lookups that failed to the end. A retry that is answered, another server, the other address
    family, or another search domain that works are one lookup with what failed before. A name that
    was asked for only once is not in use, unless the capture holds nothing else.

Usual causes
    - NXDOMAIN: a wrong name or namespace, a headless Service without ready pods, a record that is
      missing.
    - SERVFAIL: the servers that the resolver asks cannot be reached, or DNSSEC validation fails.
    - REFUSED: the server does not serve this client or name.
    - Silence: the server is down, or UDP port 53 is filtered. Or TCP port 53 is, and the answer was
      cut.
    - ICMP port unreachable: the resolver's program is down.

Fixes
    - First: ask the same server by hand: `dig @SERVER NAME`.
    - Envoy: `dns_resolvers`; a STRICT_DNS cluster without an answer keeps its old hosts, or has
      none.
    - Istio: ServiceEntry with the real host; DNS capture by the sidecar (`ISTIO_META_DNS_CAPTURE`).
    - NGINX: `resolver`; a name in `proxy_pass` without a variable must resolve at the start.
    - HAProxy: `resolvers` section, `init-addr`.
    - Kubernetes: `kubectl get service -A`; a dot at the end of the name or `ndots:1` in
      `dnsConfig`; CoreDNS pods and their log; a NetworkPolicy that lets port 53 out.
    - Linux: `/etc/resolv.conf`: more than one server, `options timeout:1 attempts:2 rotate`.
    - Network: let UDP and TCP port 53 through.
    - DNS servers: BIND `allow-recursion`, Unbound `access-control`, CoreDNS `forward` and `acl`;
      DNSSEC: does `dig +cd` work?

Can be confused with
    - dns.slow: it answers, late.
    - dns.stale_address: the answer was right, and the client did not take it.
    - `ok`: NXDOMAIN for each search domain before the right one is normal.

What would settle it
    - `dig @SERVER NAME`, with `+tcp` and with `+cd`.

References
    - RFC 1035 section 4.1.1 (codes), RFC 8020 (NXDOMAIN), RFC 7766 (TCP), RFC 2308 (negative
      answers are cached).
    - resolv.conf(5), ndots.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.findings.dns_families import Missing, missing_names
from pcapdiag.diagnose.findings.dns_servers import (
    MAX_FRAMES,
    Streams,
    failing_servers,
    fewest,
    servers_without_tcp,
)
from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.model.bounded import entry
from pcapdiag.model.dns import PORT
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted, format_seconds, parse_seconds

MAX_MISSING = 10
"""Names told that do not exist: those that did earlier first, then the most frequent."""
NO_HEALTHY = "http.no_healthy_upstream"
WITHOUT_UPSTREAM = (NO_HEALTHY, "http.local_reply")
"""What clients get of a proxy that has no address to connect to."""

_Noted = TypeVar("_Noted")


class _Reply(msgspec.Struct, frozen=True):
    """A request that a proxy answered itself, with no connection to an upstream."""

    time: int
    stream: int
    asker: str
    healthless: bool


class DnsFailure:
    """Finds lookups that failed in the capture's own DNS."""

    def __init__(self) -> None:
        self._over_tcp: dict[str, list[int]] = {}
        self._replies: dict[str, list[_Reply]] = {}
        """By the address of the proxy that answered itself."""

    def look(self, connection: Connection) -> None:
        """Note a failed connection to a name server, and what a proxy could not hand on."""
        verdict, server = connection.verdict, connection.responder.ip
        if verdict.failed and connection.responder.port == PORT:
            _note(self._over_tcp, server, connection.stream)
        elif verdict.code in WITHOUT_UPSTREAM and connection.caused_by is None:
            time = parse_seconds(connection.end)
            healthless = verdict.code == NO_HEALTHY
            reply = _Reply(time, connection.stream, connection.initiator.ip, healthless)
            _note(self._replies, server, reply)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return the servers that fail, then the names that do not exist, the most first."""
        return [
            *failing_servers(fleet, self.streams),
            *servers_without_tcp(fleet, self._over_tcp),
            *_missing(fleet, self.streams),
        ]

    def streams(self, fleet: Fleet, clients: set[str], first: int) -> list[int]:
        """Return the requests that a proxy could not hand on once its lookups failed."""
        proxies = clients | (fleet.proxies if clients & fleet.proxies else set())
        return sorted(
            reply.stream
            for proxy, replies in self._replies.items()
            for reply in replies
            if reply.time >= first
            and (proxy in proxies or (reply.healthless and _may_be_its_own(reply, clients)))
        )


def _may_be_its_own(reply: _Reply, clients: set[str]) -> bool:
    """Return whether the one client of the lookups may be the proxy, by another address."""
    return len(clients) == 1 and reply.asker not in clients


def _note(table: dict[str, list[_Noted]], key: str, value: _Noted) -> None:
    noted = entry(table, key, MAX_ENDPOINTS, list)
    if noted is not None and len(noted) < MAX_STREAMS:
        noted.append(value)


def _missing(fleet: Fleet, streams: Streams) -> Iterator[Finding]:
    least = fewest(fleet)
    found = [one for one in missing_names(fleet.dns) if one.count >= least or one.worked_until > 0]
    found.sort(key=lambda one: (not one.worked_until, -one.count))
    for one in found[:MAX_MISSING]:
        yield _missing_finding(one, streams(fleet, one.clients, one.first))


def _missing_finding(one: Missing, streams: list[int]) -> Finding:
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
        severity="failure" if one.worked_until or streams else "warning",
        title=f"{shown(one.name)} does not exist (NXDOMAIN)",
        detail=detail,
        explanation=(
            "The server answered that there is no such name (RFC 8020). Who asks for it connects "
            "to nothing: an Envoy cluster stays without endpoints, a client says that it could not "
            "resolve the host."
        ),
        streams=streams,
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
