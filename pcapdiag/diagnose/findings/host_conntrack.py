"""host.conntrack_full: The host's connection table is full, and it drops new connections.

What happened
    Every connection through a host with a stateful firewall or a NAT has an entry in its table.
    With no room for another one the first packet of a new connection is dropped, without a word.

How pcapdiag can tell
    A snapshot of the host shows a table that is full, or counted drops for want of room, while
    SYNs to, from or through it were never answered.

Usual causes
    - Many short connections: each entry stays two minutes after its connection.
    - A table that is small for the host: its default follows the memory.
    - Connections that nobody closes: an entry of an established one stays five days.

Fixes
    - First: what fills it? `conntrack -L | awk '{print $4, $6}' | sort | uniq -c | sort -n`.
    - Application: keep connections open, and use them again.
    - Kubernetes: kube-proxy `conntrack.maxPerCore`, `conntrack.tcpCloseWaitTimeout`.
    - Linux: `net.netfilter.nf_conntrack_max` and `nf_conntrack_buckets` up;
      `nf_conntrack_tcp_timeout_time_wait` and `nf_conntrack_tcp_timeout_established` down; no
      tracking for what needs none (`notrack`).
    - Cloud: an instance's own limit on tracked connections (AWS `conntrack_allowance_exceeded`).

Can be confused with
    - tcp.connection_timeout: what each of the connections looks like.
    - path.new_flows_dropped: the same, seen from the capture alone.
    - host.firewall: a rule drops them.

What would settle it
    - On the host: `dmesg | grep 'table full'`, and `conntrack -S` twice (drop, early_drop,
      insert_failed).

References
    - Linux Documentation/networking/nf_conntrack-sysctl.rst; nf_conntrack_alloc(), early_drop().
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import SILENCE, Failure, host_finding, share
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.units import counted

FULL = 0.98
"""Share of the table: single entries come and go."""
UNANSWERED = SILENCE - {"mtu.black_hole"}


def full_table(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding where the table is full or dropped, and connections vanished there."""
    table = state.snapshot.conntrack
    if table is None:
        return
    count, most = table.count or 0, table.max or 0
    is_full = bool(most) and count >= FULL * most and state.fresh
    drops = {
        name: state.counters.conntrack[name]
        for name in ("drop", "early_drop", "insert_failed")
        if state.counters.conntrack.get(name)
    }
    failed = [
        one
        for one in failures
        if one.is_of(UNANSWERED)
        and (state.on_path or one.responder in state.own or one.initiator in state.own)
    ]
    if not failed or not (is_full or drops):
        return
    counts = ", ".join(f"{name} {value:,}" for name, value in drops.items())
    parts = [f"{count:,} of {most:,} entries in use on {state.name}"]
    if counts:
        parts.append(f"{counts} {state.over}")
    parts.append(f"{counted(len(failed), 'connection')} of the capture got no answer there")
    certain = is_full or (state.within and "drop" in drops)
    yield host_finding(
        state,
        failed,
        code="host.conntrack_full",
        severity=state.severity(strong=certain),
        title=(
            f"the connection table of {state.name} is full"
            if is_full
            else f"the connection table of {state.name} had no room"
        ),
        detail="; ".join(parts),
        explanation=(
            "With no room for another entry the first packet of a new connection is dropped, and "
            "nobody is told. Connections that have an entry go on."
        ),
        numbers={"entries": count, "max": most, "share": share(count, most), **drops},
        fixes=[
            "net.netfilter.nf_conntrack_max and nf_conntrack_buckets up; "
            "nf_conntrack_tcp_timeout_time_wait down; kube-proxy conntrack.maxPerCore",
            "fewer new connections: keep-alive pools, HTTP/2 between proxies",
        ],
        commands=[
            "conntrack -S; sysctl net.netfilter.nf_conntrack_count "
            f"net.netfilter.nf_conntrack_max  # on {state.name}",
            "dmesg | grep 'nf_conntrack: table full'  # there",
        ],
    )
