"""dns.slow: DNS answers come far later than the rest.

What happened
    Some lookups took a second or more, and what waits for its address waits with them.

How pcapdiag can tell
    Answers of one server after a second and more: 3 at least, one in a hundred, and five times what
    is usual there. Where only the retry was answered, the wait is the client's timeout (5 s by
    default), and a query or its answer was lost.

Usual causes
    - Two queries from one port at once (A and AAAA) race in a connection table, and one is dropped.
    - The first server in resolv.conf is down.
    - The servers that it forwards to are slow.
    - `ndots:5` makes several queries of each name.

Fixes
    - First: is it the retry or the server? The finding says which.
    - Envoy: `dns_refresh_rate`; a cluster resolves in the background, a client of it does not wait.
    - Kubernetes: NodeLocal DNSCache avoids the connection table; `ndots:1` or names with a dot at
      the end; CPU limits of CoreDNS.
    - Linux: resolv.conf `options single-request-reopen`, `use-vc`, `timeout:1`; `conntrack -S` for
      insert_failed.
    - DNS servers: CoreDNS `cache` and `forward` plugins, and its metric
      `coredns_forward_request_duration_seconds`; `netstat -su` for a full receive buffer.

Can be confused with
    - dns.failure: no answer at all.

What would settle it
    - `dig @SERVER NAME` some times: is the first one slow, or all of them?
    - A capture at the server: did the first query arrive?

References
    - resolv.conf(5): timeout 5 s, attempts 2. RFC 1035 section 4.2.1.
    - Kubernetes documentation, "Using NodeLocal DNSCache".
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.dns import PORT, ResolverFacts, SlowLookup
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import MS, counted, format_seconds

FEWEST = 3
LEAST_SHARE = 0.01
"""Of all answers of the server that are slow: fewer are a cold cache now and then."""
FAR = 5
"""Times the rest's median that "far slower" is."""
MOSTLY = 0.5
"""Share of slow lookups with a retry from which on the retry is what takes the time."""
FIRST_SLOW_BUCKET = 10
"""Of the histogram of answer times: about a second and more."""
MAX_FRAMES = 20


class DnsSlow:
    """Finds slow answers in the capture's own DNS."""

    def look(self, connection: Connection) -> None:
        """Nothing: what waits for its address is no connection yet."""

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each server with slow answers, the most first."""
        slow: dict[str, list[SlowLookup]] = {}
        for one in fleet.dns.slow:
            slow.setdefault(one.server, []).append(one)
        resolvers = {one.address: one for one in fleet.dns.resolvers}
        found = [
            _finding(resolvers[server], lookups)
            for server, lookups in slow.items()
            if server in resolvers and _is_far(resolvers[server], lookups)
        ]
        return sorted(found, key=lambda one: -one.count)


def _is_far(resolver: ResolverFacts, slow: list[SlowLookup]) -> bool:
    if len(slow) < FEWEST or len(slow) < LEAST_SHARE * resolver.answered:
        return False
    return _usual(resolver) * FAR <= _typical(slow)


def _typical(slow: list[SlowLookup]) -> float:
    from statistics import median  # Only here: it takes 2 ms, and few captures need it.

    return median(one.took for one in slow)


def _usual(resolver: ResolverFacts) -> int:
    """Return an upper bound of the median of the answers that are not slow, ns; 0 without any."""
    counts = resolver.times[:FIRST_SLOW_BUCKET]
    half, seen = sum(counts) / 2, 0
    for bucket, count in enumerate(counts):
        seen += count
        if seen and seen >= half:
            return MS << bucket
    return 0


def _between(slow: list[SlowLookup]) -> str:
    shortest = duration(min(one.took for one in slow))
    longest = duration(max(one.took for one in slow))
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _finding(resolver: ResolverFacts, slow: list[SlowLookup]) -> Finding:
    retried = sum(one.tries > 1 for one in slow)
    lost = retried >= MOSTLY * len(slow)
    names = sorted({shown(one.name) for one in slow})
    usual = _usual(resolver)
    detail = f"{counted(len(slow), 'lookup')} took {_between(slow)}: {listed(names)}"
    if usual:
        detail += f"; half of the others took less than {duration(usual)}"
    if retried:
        detail += f"; {retried:,} of them were answered only when asked again"
    return Finding(
        code="dns.slow",
        severity="warning",
        title=f"answers of {resolver.address} are slow"
        if resolver.answered
        else f"{resolver.address} does not answer DNS queries: clients wait for another server",
        detail=detail,
        explanation=_EXPLAINED[lost],
        addresses=[resolver.address, *sorted({one.client for one in slow})],
        endpoint=join_port(resolver.address, PORT),
        frames=[one.frame for one in slow[:MAX_FRAMES]],
        first=format_seconds(min(one.time for one in slow)),
        last=format_seconds(max(one.time + one.took for one in slow)),
        count=len(slow),
        numbers={
            "slow": len(slow),
            "answered": resolver.answered,
            "retried": retried,
            "seconds": _typical(slow) / 1e9,
        },
        fixes=_FIXES[lost],
        commands=dig(resolver.address, slow[0].name, options="+stats"),
    )


_EXPLAINED = {
    True: (
        "The first query, or its answer, was lost; the client waited for its timeout and asked "
        "again. Connection tables that race on two queries from one port (A and AAAA at once) are "
        "known for it, as are full queues of the server."
    ),
    False: (
        "The server itself took this long: it waits for the servers that it asks, or has too much "
        "to do."
    ),
}
_FIXES = {
    True: [
        "Kubernetes: NodeLocal DNSCache avoids the connection table; resolv.conf: options "
        "single-request-reopen, or use-vc",
        "is the first server in resolv.conf up? (options timeout:1 shortens the wait)",
        "lost UDP: the server's receive buffer (netstat -su), conntrack -S insert_failed",
    ],
    False: [
        "the servers that it forwards to: ask them directly, take out what is slow or down",
        "CoreDNS: the metrics coredns_forward_request_duration_seconds, its CPU limit, the cache "
        "plugin; ndots:5 makes several queries of each name",
    ],
}
