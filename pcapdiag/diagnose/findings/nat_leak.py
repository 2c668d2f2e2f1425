"""path.nat_leak: Segments came past a NAT untranslated.

What happened
    A host got segments from the address behind a NAT, on a connection that it knows under the NAT's
    address. It resets them, and the connection that they belong to gets no answer any more.

How pcapdiag can tell
    A host answers segments from an address by a bare RST, while on the same port it has a
    connection to another address that they continue: both sequence numbers within a megabyte.

Usual causes
    - The NAT (a load balancer, kube-proxy, a firewall) lost its entry, or calls the packet invalid
      and lets it through.
    - Another way leads around the NAT.

Fixes
    - First: which device should have changed these addresses? It lost its entry, or was passed by.
    - Kubernetes: a rule that drops what connection tracking calls invalid in FORWARD (kube-proxy
      adds one, unless `nf_conntrack_tcp_be_liberal` is on).
    - Linux: `net.netfilter.nf_conntrack_tcp_be_liberal=1`, or drop `ctstate INVALID`;
      `nf_conntrack_max` against full tables.
    - Network: one way for both directions, or NATs that share state.
    - Cloud: targets must answer through the balancer: routes and security groups.

Can be confused with
    - tcp.state_lost: what the connection looks like.
    - path.address_moved: the address has another owner.

What would settle it
    - `conntrack -E -p tcp` on the NAT, and `conntrack -S` for invalid.

References
    - Kubernetes blog 2019, "kube-proxy Subtleties: Debugging an Intermittent Connection Reset".
    - Measured in the lab (docs/lab.md): a flushed entry lets the backend's packets out
      untranslated.
"""

from __future__ import annotations

from collections import defaultdict

from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet, LeakFact
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted, format_seconds

MAX_NAMED = 4
MAX_FINDINGS = 20


class NatLeak:
    """Tells which addresses a NAT should have hidden."""

    def look(self, connection: Connection) -> None:
        """Pass: the sequence numbers of all connections show it."""

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return one finding for each address that should be hidden, the most leaks first."""
        groups: defaultdict[tuple[str, str], list[LeakFact]] = defaultdict(list)
        for leak in fleet.leaks:
            groups[leak.stranger, leak.known].append(leak)
        found = sorted(groups.values(), key=lambda leaks: -len(leaks))
        return [_finding(leaks) for leaks in found[:MAX_FINDINGS]]


def _finding(leaks: list[LeakFact]) -> Finding:
    leak = leaks[0]
    strangers = sorted({join_port(one.stranger, one.stranger_port) for one in leaks})
    known = join_port(leak.known, leak.known_port)
    hosts = sorted({one.host for one in leaks})
    streams = sorted({one.of_stream for one in leaks} | {one.stream for one in leaks})
    return Finding(
        code="path.nat_leak",
        severity="failure",
        title=f"packets of {leak.stranger} arrive untranslated, in place of {leak.known}",
        detail=(
            f"{counted(len(leaks), 'connection')} of {', '.join(hosts[:MAX_NAMED])} to {known} "
            f"went on from {', '.join(strangers[:MAX_NAMED])}: the same port, and the next "
            f"sequence numbers (stream {leak.stream} continues stream {leak.of_stream}); they were "
            "answered by a reset"
        ),
        explanation=(
            "A NAT between the two gave the far end another address and does so no longer: it lost "
            "the connection's entry, or these packets go another way. Neither end did anything "
            "wrong; each sees a connection that died."
        ),
        streams=streams,
        addresses=[leak.stranger, leak.known],
        endpoint=known,
        frames=[frame for one in leaks for frame in one.frames][:100],
        first=format_seconds(min(one.time for one in leaks)),
        last=format_seconds(max(one.time for one in leaks)),
        count=len(leaks),
        numbers={"connections": len(leaks), "hosts": len(hosts)},
        fixes=[
            "was the NAT's table emptied? a restart or failover of the load balancer or firewall "
            "without session sync, conntrack -F, kube-proxy or CNI restart, a change of rules",
            "entry expired before the connection: raise nf_conntrack_tcp_timeout_established (or "
            "the device's session timeout), or send TCP keep-alives more often than it",
            "do answers take the way that requests took? with DNAT or IPVS the return path must "
            "pass the same node (asymmetric routes, direct routes around the NAT)",
            "let the NAT drop what it does not know: iptables -A FORWARD -m conntrack --ctstate "
            "INVALID -j DROP with net.netfilter.nf_conntrack_tcp_loose=0",
        ],
        commands=[
            f"conntrack -L -p tcp --reply-src {leak.stranger}  # on the NAT",
            f"ip route get {leak.host}  # on {leak.stranger}: does it lead through the NAT?",
        ],
    )
