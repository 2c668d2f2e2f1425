"""What stands out in a snapshot by itself, before any capture is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from pcapdiag.host.counters import growth
from pcapdiag.model.ends import join_port
from pcapdiag.model.snapshot import Counters, Snapshot
from pcapdiag.model.snapshot_envoy import Envoy
from pcapdiag.model.units import parse_seconds

NEARLY = 0.9
"""Share of a limit from which its use stands out."""
MAX_REMARKS = 40
CERTIFICATE_DAYS = 14
_DECISIVE = {
    "TcpExtListenOverflows": "connections found an accept queue full",
    "TcpExtListenDrops": "connections dropped by listeners, for a full queue or another reason",
    "TcpExtTCPReqQFullDrop": "SYNs dropped: the queue of handshakes was full",
    "TcpExtTCPReqQFullDoCookies": "SYNs answered with cookies: the queue of handshakes was full",
    "TcpExtTCPAbortOnMemory": "connections reset for want of memory, or for too many orphans",
    "TcpExtTCPMemoryPressures": "times that TCP came under memory pressure",
    "TcpExtTCPTimeWaitOverflow": "TIME_WAIT sockets dropped: tcp_max_tw_buckets",
    "TcpExtIPReversePathFilter": "packets dropped by the reverse path filter (rp_filter)",
    "TcpExtPAWSActive": "SYN-ACKs or SYNs dropped for an old timestamp",
    "TcpExtTCPBacklogDrop": "segments dropped: a socket's backlog was full",
    "TcpExtPFMemallocDrop": "segments dropped for want of memory",
    "TcpExtTCPOFODrop": "segments out of order dropped: receive buffer full",
    "TcpExtTCPRcvQDrop": "segments dropped: receive buffer full",
    "UdpRcvbufErrors": "UDP datagrams dropped: receive buffer full",
    "IpOutNoRoutes": "packets without a route",
    "IpReasmFails": "fragments that never came together",
}
"""Counters that tell of trouble wherever they grow."""


class Remark(msgspec.Struct):
    """Something that stands out, in words."""

    what: str
    is_now: bool = True
    """False for what was counted since the host or the namespace came up."""


def remarks(snapshot: Snapshot) -> list[Remark]:
    """Return what stands out, the worst kinds first."""
    found: list[Remark] = []
    for look in _LOOKS:
        found += look(snapshot)
    return found[:MAX_REMARKS]


def span(snapshot: Snapshot) -> float | None:
    """Return the seconds between the two readings of the counters; None with one alone."""
    if snapshot.earlier is None or not (snapshot.earlier.time and snapshot.counters.time):
        return None
    return (parse_seconds(snapshot.counters.time) - parse_seconds(snapshot.earlier.time)) / 1e9


def _counted(snapshot: Snapshot) -> tuple[Counters, bool]:
    if snapshot.earlier is None:
        return snapshot.counters, False
    return growth(snapshot.earlier, snapshot.counters), True


def _queues(snapshot: Snapshot) -> Iterator[Remark]:
    for one in snapshot.sockets.listeners:
        name = one.host_port
        if one.is_full:
            yield Remark(f"accept queue of {name} is full: {one.queue} of {one.limit}")
        elif one.limit and one.queue >= NEARLY * one.limit:
            yield Remark(f"accept queue of {name} is nearly full: {one.queue} of {one.limit}")
    counters, is_now = _counted(snapshot)
    for name, drops in counters.listeners.items():
        yield Remark(f"listener {name} dropped {drops:,} packets of handshakes", is_now)


def _limits(snapshot: Snapshot) -> Iterator[Remark]:
    for one in snapshot.processes:
        used, limit = one.open_files, one.open_files_limit
        if used is not None and limit and used >= NEARLY * limit:
            yield Remark(f"{one.name} ({one.pid}) has {used:,} of {limit:,} open files")
    files, most = snapshot.limits.files, snapshot.limits.files_max
    if files and most and files >= NEARLY * most:
        yield Remark(f"{files:,} of {most:,} open files on the whole host")


def _ports(snapshot: Snapshot) -> Iterator[Remark]:
    size = snapshot.ports.size
    for one in snapshot.sockets.peers:
        if size and one.sockets >= 0.8 * size:
            yield Remark(
                f"{one.sockets:,} of {size:,} ports are taken from {one.local} to "
                f"{join_port(one.remote, one.port)}"
            )


def _conntrack(snapshot: Snapshot) -> Iterator[Remark]:
    table = snapshot.conntrack
    if table and table.count and table.max and table.count >= NEARLY * table.max:
        yield Remark(f"connection table: {table.count:,} of {table.max:,} entries")
    counters, is_now = _counted(snapshot)
    for name in ("drop", "early_drop", "insert_failed"):
        if counters.conntrack.get(name):
            yield Remark(f"connection table: {name} {counters.conntrack[name]:,}", is_now)


def _counters(snapshot: Snapshot) -> Iterator[Remark]:
    counters, is_now = _counted(snapshot)
    for name, what in _DECISIVE.items():
        if counters.kernel.get(name):
            yield Remark(f"{_of(counters.kernel[name], what)} ({name})", is_now)
    if counters.memory.get("oom_kill"):
        killed = _of(counters.memory["oom_kill"], "processes killed for want of memory")
        yield Remark(killed, is_now)
    for group, counted in counters.groups.items():
        periods, throttled = counted.get("periods", 0), counted.get("throttled", 0)
        if throttled >= 0.1 * max(periods, 1):
            yield Remark(f"{group} had no CPU left in {throttled:,} of {periods:,} periods", is_now)


def _of(number: int, what: str) -> str:
    """Return a number with what it counts; the first word of that is a plural."""
    first, blank, rest = what.partition(" ")
    if number == 1:
        first = first.removesuffix("es" if first == "processes" else "s")
    return f"{number:,} {first}{blank}{rest}"


def _drops(snapshot: Snapshot) -> Iterator[Remark]:
    counters, is_now = _counted(snapshot)
    for name, counted in counters.interfaces.items():
        told = {key: value for key, value in counted.items() if key in LOSSES}
        if told:
            words = ", ".join(f"{key} {value:,}" for key, value in told.items())
            yield Remark(f"{name}: {words}", is_now)
    for name, counted in counters.qdiscs.items():
        if counted.get("drops"):
            yield Remark(f"queue {name} dropped {counted['drops']:,} packets", is_now)
    if counters.softnet.get("dropped"):
        dropped = "packets dropped before any processor took them"
        yield Remark(_of(counters.softnet["dropped"], dropped), is_now)


LOSSES = (
    "rx_errors", "tx_errors", "tx_dropped", "rx_over_errors", "rx_crc_errors", "rx_fifo_errors",
    "rx_missed_errors", "tx_carrier_errors",
)  # fmt: skip
"""Packets of an interface that were lost; rx_dropped counts unknown protocols, too."""


def _rules(snapshot: Snapshot) -> Iterator[Remark]:
    counters, is_now = _counted(snapshot)
    by_id = {rule.id: rule for rule in snapshot.firewall.rules}
    hit = sorted(counters.rules.items(), key=lambda item: -item[1])
    for name, packets in hit[:10]:
        rule = by_id.get(name)
        if rule is not None and packets:
            does = "dropped" if rule.action == "drop" else "rejected"
            place = f"{rule.family} {rule.table} {rule.chain}"
            yield Remark(f"firewall {does} {packets:,} packets: {place}: {rule.text}", is_now)


def _clock(snapshot: Snapshot) -> Iterator[Remark]:
    if snapshot.clock.synchronized is False:
        yield Remark("the clock is not synchronised: times of logs and captures may be off")
    offset = snapshot.clock.offset
    if offset is not None and abs(offset) >= 0.1:
        yield Remark(f"the clock is {offset:+.3f} s off and being corrected")


def _neighbours(snapshot: Snapshot) -> Iterator[Remark]:
    failed = snapshot.neighbours.failed
    if failed:
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        yield Remark(f"no neighbour answers for {', '.join(failed[:5])}{more}")
    total, most = sum(snapshot.neighbours.states.values()), snapshot.neighbours.limits
    if most.get("gc_thresh3") and total >= NEARLY * most["gc_thresh3"]:
        yield Remark(f"neighbour table: {total:,} of {most['gc_thresh3']:,} entries")


def _envoy(snapshot: Snapshot) -> Iterator[Remark]:
    if snapshot.envoy is not None:
        yield from _of_envoy(snapshot.envoy)


def _of_envoy(envoy: Envoy) -> Iterator[Remark]:
    if envoy.state not in ("", "LIVE"):
        yield Remark(f"Envoy is {envoy.state}")
    for cluster in envoy.clusters:
        bad = [host for host in cluster.hosts if not host.healthy]
        if bad or not cluster.hosts_total:
            names = ", ".join(host.host_port for host in bad[:3])
            why = ", ".join(sorted({flag for host in bad for flag in host.flags}))
            out = f"{len(bad)} of {cluster.hosts_total} endpoints out ({names}: {why})"
            yield Remark(f"Envoy cluster {cluster.name}: {out if bad else 'no endpoints'}")
        told = {name: cluster.stats[name] for name in _ENVOY_COUNTERS if cluster.stats.get(name)}
        if told:
            words = ", ".join(f"{name} {value:,}" for name, value in told.items())
            yield Remark(f"Envoy cluster {cluster.name}: {words}", is_now=False)
    for one in envoy.certificates:
        if one.days is not None and one.days <= CERTIFICATE_DAYS:
            names = ", ".join(one.subject_alt_names[:3])
            yield Remark(f"certificate of Envoy ({names}) ends in {one.days} days")


_ENVOY_COUNTERS = (
    "upstream_cx_connect_fail", "upstream_cx_connect_timeout", "upstream_cx_overflow",
    "upstream_rq_pending_overflow", "upstream_rq_timeout", "upstream_rq_rx_reset",
    "outlier_detection.ejections_active", "ssl.connection_error",
)  # fmt: skip
_LOOKS: tuple[Callable[[Snapshot], Iterator[Remark]], ...] = (
    _queues, _limits, _ports, _conntrack, _envoy, _rules, _counters, _drops, _neighbours, _clock,
)  # fmt: skip
