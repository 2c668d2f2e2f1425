"""Finding dns.slow: answers that take far longer than the rest of a server's.

A cache answers within a millisecond, a whole recursion within half a second. What takes a second
and more keeps clients waiting; where the first query was lost and only the retry answered, the wait
is the client's timeout (5 s by default), and the query or its answer is dropped on the way.
"""

from __future__ import annotations

import statistics

from pcapdiag.diagnose.findings.dns_words import dig, listed, shown
from pcapdiag.diagnose.text import counted
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.dns import ResolverFacts, SlowLookup
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds

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
PORT = 53


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
    return statistics.median(one.took for one in slow)


def _usual(resolver: ResolverFacts) -> int:
    """Return an upper bound of the median of the answers that are not slow, ns; 0 without any."""
    counts = resolver.times[:FIRST_SLOW_BUCKET]
    half, seen = sum(counts) / 2, 0
    for bucket, count in enumerate(counts):
        seen += count
        if seen and seen >= half:
            return 1_000_000 << bucket
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
