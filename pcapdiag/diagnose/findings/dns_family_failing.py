"""dns.family_failing: IPv6 or IPv4 addresses of a name never work.

What happened
    Clients try IPv6 (or IPv4) addresses that never answer, and lose time before they use the other
    family.

How pcapdiag can tell
    Connections to the addresses of one name: all of one family failed (3 or more, or 2 that were
    refused), and those of the other worked.

Usual causes
    - AAAA records for a server, or through a network, that has no IPv6.
    - The program listens on `0.0.0.0` only.
    - ip6tables or a security group has no rule for IPv6.

Fixes
    - First: take the records of the family that does not work away, or let it work.
    - Application: listen on `[::]`; clients that race the families (RFC 8305).
    - Envoy: `dns_lookup_family: V4_ONLY` (or `V4_PREFERRED`, `ALL`).
    - Istio: dual stack must be on in mesh and cluster, or in neither.
    - NGINX: `listen [::]:80`; `resolver ... ipv6=off`.
    - HAProxy: `bind :::80 v4v6`; `resolve-prefer ipv4`.
    - Kubernetes: `ipFamilyPolicy` of the Service.
    - Linux: `ip -6 route get ADDRESS`; `/etc/gai.conf` orders the families.
    - Network: rules and routes for IPv6 as for IPv4.

Can be confused with
    - `ok`: a first try that lost the race is no failure.
    - endpoint.down: it worked before.

What would settle it
    - `curl -6 -v` and `curl -4 -v` of the same name.

References
    - RFC 8305 (Happy Eyeballs), RFC 6724 (address selection).
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.bounded import entry
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.dns import HeldAnswers
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import CAME_UP, Fleet, SpanFacts
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import MS, SECOND, counted, format_seconds, parse_seconds

FEWEST = 3
"""Tries of a family that failed."""
FEWEST_REFUSED = 2
SHORTEST_WAIT = 50 * MS
"""Of a client that raced the families, ns; less is no cost (RFC 8305: 100 ms at least)."""
LONGEST_WAIT = 300 * SECOND
"""Between the first try of one family and the first success of the other, ns: more is no wait."""


class _Tries(msgspec.Struct):
    """Connections to the addresses of one name in one family."""

    addresses: list[str] = []
    first: int = 0
    """Of those that failed, ns."""
    connections: int = 0
    refused: int = 0
    unanswered: int = 0
    established: int = 0
    first_established: int = 0

    def add(self, endpoint: EndpointFacts, spans: list[SpanFacts]) -> None:
        """Count the connections to one address and port."""
        failed = [span.first for span in spans if span.outcome != CAME_UP]
        self.first = min([*failed, *([self.first] if self.first else [])], default=0)
        self.connections += endpoint.connections
        self.refused += endpoint.refused
        self.unanswered += endpoint.unanswered
        self.established += endpoint.established
        if endpoint.established:
            known = self.first_established or endpoint.first_established
            self.first_established = min(known, endpoint.first_established)

    @property
    def never_works(self) -> bool:
        """Whether every one failed, and enough of them to tell."""
        failed = self.refused + self.unanswered
        enough = failed >= FEWEST or self.refused >= FEWEST_REFUSED
        return enough and self.established == 0 and failed == self.connections


class _Name(msgspec.Struct):
    name: str
    server: str
    failing: _Tries
    working: _Tries
    is_ipv6: bool


class DnsFamilyFailing:
    """Notes the failed connections by the address that they went to."""

    def __init__(self) -> None:
        self._failed: dict[str, list[tuple[int, int]]] = {}

    def look(self, connection: Connection) -> None:
        """Note a failed connection."""
        if not connection.verdict.failed:
            return
        failed = entry(self._failed, connection.responder.ip, MAX_ENDPOINTS, list)
        if failed is not None and len(failed) < MAX_STREAMS:
            failed.append((parse_seconds(connection.start), connection.stream))

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each family that no name works with, and for each name else."""
        by_address: dict[str, list[EndpointFacts]] = {}
        for endpoint in fleet.endpoints:
            by_address.setdefault(endpoint.address, []).append(endpoint)
        names: dict[str, _Name] = {}
        for book in fleet.dns.answers:
            found = _failing_family(book, by_address, fleet)
            if found is not None:
                names.setdefault(found.name, found)
        bundles: dict[tuple[bool, str], list[_Name]] = {}
        for one in names.values():
            never = not _works_at_all(fleet, one.is_ipv6)
            bundles.setdefault((one.is_ipv6, "" if never else one.name), []).append(one)
        return [self._finding(v6, not name, all_) for (v6, name), all_ in bundles.items()]

    def _finding(self, is_ipv6: bool, never: bool, names: list[_Name]) -> Finding:
        family, other = ("IPv6", "IPv4") if is_ipv6 else ("IPv4", "IPv6")
        addresses = list(dict.fromkeys(a for one in names for a in one.failing.addresses))
        tries = [pair for address in addresses for pair in self._failed.get(address, ())]
        refused = sum(one.failing.refused for one in names)
        silent = sum(one.failing.unanswered for one in names)
        shown_names = [shown(one.name) for one in names]
        detail = (
            f"{counted(refused + silent, 'connection')} to {listed(addresses)} "
            f"({listed(shown_names)}): {refused:,} refused, {silent:,} never answered; "
            f"{sum(one.working.established for one in names):,} came up over {other}"
        )
        waits = _waits(names)
        if waits:
            detail += f"; {other} worked {duration(max(waits))} after {family} had been tried"
        whole = f"{family} never works" if never else f"{family} never works for {shown_names[0]}"
        one = names[0]
        finding = Finding(
            code="dns.family_failing",
            severity="warning",
            title=whole,
            detail=detail,
            explanation=_EXPLAINED.format(
                family=family, kind="AAAA" if is_ipv6 else "A", other=other
            ),
            streams=[stream for _, stream in sorted(tries)][:MAX_STREAMS],
            addresses=addresses,
            count=refused + silent,
            numbers={
                "failed": refused + silent,
                "refused": refused,
                "unanswered": silent,
                "seconds": max(waits, default=0) / 1e9,
            },
            fixes=_FIXES[is_ipv6],
            commands=[
                *dig(one.server, one.name, "AAAA" if is_ipv6 else "A"),
                f"ping -{6 if is_ipv6 else 4} -c 3 {addresses[0]}",
            ],
        )
        if tries:
            finding.first = format_seconds(min(tries)[0])
            finding.last = format_seconds(max(tries)[0])
        return finding


def _waits(names: list[_Name]) -> list[int]:
    """Return how long (ns) the first connection of each name had to wait for the family."""
    waits = [
        one.working.first_established - one.failing.first for one in names if one.failing.first
    ]
    return [wait for wait in waits if SHORTEST_WAIT <= wait <= LONGEST_WAIT]


def _failing_family(
    book: HeldAnswers, by_address: dict[str, list[EndpointFacts]], fleet: Fleet
) -> _Name | None:
    tries = {False: _Tries(), True: _Tries()}
    for address in book.held:
        family = tries[":" in address]
        endpoints = by_address.get(address, [])
        if endpoints:
            family.addresses.append(address)
        for endpoint in endpoints:
            spans = fleet.spans.get(join_port(address, endpoint.port), [])
            family.add(endpoint, spans)
    for is_ipv6 in (True, False):
        if tries[is_ipv6].never_works and tries[not is_ipv6].established:
            return _Name(book.name, book.server, tries[is_ipv6], tries[not is_ipv6], is_ipv6)
    return None


def _works_at_all(fleet: Fleet, is_ipv6: bool) -> bool:
    """Return whether any connection came up over a family, beyond the host and the link."""
    import ipaddress  # Only here: most captures have no name that a family fails of.

    for endpoint in fleet.endpoints:
        if endpoint.established and (":" in endpoint.address) == is_ipv6:
            address = ipaddress.ip_address(endpoint.address)
            if not address.is_loopback and not address.is_link_local:
                return True
    return False


_EXPLAINED = (
    "The name has {kind} records, so clients try {family}, mostly first; only when that fails, or "
    "after a quarter of a second (RFC 8305), do they turn to {other}. A client without that waits "
    "for its whole connect timeout."
)
_FIXES = {
    True: [
        "take the AAAA records away until the server, its firewall and the route serve IPv6",
        "or let it work: does the program listen on [::], do ip6tables and security groups let it "
        "through, is there an IPv6 default route? (ip -6 route get ADDRESS)",
        "until then, prefer IPv4: Envoy dns_lookup_family V4_ONLY, NGINX resolver ipv6=off, "
        "curl -4, JVM -Djava.net.preferIPv4Stack=true, /etc/gai.conf",
    ],
    False: [
        "take the A records away, or let IPv4 work: listener, firewall, route, NAT64",
        "until then, prefer IPv6: Envoy dns_lookup_family V6_ONLY, NGINX resolver ipv4=off",
    ],
}
