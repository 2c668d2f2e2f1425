"""path.new_flows_dropped: SYNs are lost far above the data of connections that stand.

What happened
    Something on the way drops new connections and lets those that stand pass.

How pcapdiag can tell
    Nobody answered the first SYN of 5 connections or more, a tenth of all to that network, at five
    times the rate at which data to and from the same hosts is lost, and at least three times others
    came up between.

Usual causes
    - SNAT ports or a connection tracking table are used up.
    - A rate limit on new connections.
    - A policy for some of the addresses or ports.
    - A full queue of one listener looks the same to its clients; the finding says where that is
      possible.

Fixes
    - First: which NAT, node or firewall do these connections share? Look at its tables at that
      time.
    - Application: open fewer connections: pools, keep-alive.
    - Envoy: leave `max_requests_per_connection` unset; HTTP/2 to the upstream.
    - Istio: `connectionPool.http.maxRequestsPerConnection: 0`.
    - NGINX: upstream `keepalive`.
    - HAProxy: `http-reuse always`.
    - Kubernetes: kube-proxy `--conntrack-max-per-core`; masquerading with `--random-fully`.
    - Linux: `net.netfilter.nf_conntrack_max`, `dmesg | grep 'table full'`, `conntrack -S`
      (insert_failed, drop).
    - Network: limits on new sessions of the firewall.
    - Cloud: AWS NAT gateway `ErrorPortAllocation`, and `conntrack_allowance_exceeded` of an
      instance; Azure SNAT port metrics; GCP Cloud NAT "dropped sent packets" with OUT_OF_RESOURCES.

Can be confused with
    - path.loss: data is lost as well.
    - endpoint.down: none is taken for a while.
    - tcp.listen_backlog: it is the listener's queue.
    - tcp.ephemeral_ports_low: the client's own ports.

What would settle it
    - A capture behind the suspected device: does the SYN come out there?

References
    - Linux nf_conntrack-sysctl; AWS "Monitor NAT gateways", "Network performance metrics for EC2
      instances".
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_NAMED, MAX_STREAMS
from pcapdiag.diagnose.findings.outages import outages
from pcapdiag.diagnose.findings.path_loss import name_of
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.addresses import network_of
from pcapdiag.model.fleet import CallerFacts, Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted, format_seconds

FEWEST = 5
MIN_SHARE = 0.1
TIMES_THE_DATA = 5
MIN_SEGMENTS = 50
"""Data segments to and from the same hosts that make a comparison."""
EPISODES = 3
"""Times that some were dropped, with others coming up between; once or twice is an outage, unless
connections from before were served meanwhile."""
MAX_FINDINGS = 20
UNANSWERED = frozenset({"tcp.connection_timeout"})
QUEUE = frozenset({"tcp.accept_queue_overflow", "tcp.handshake_stalled"})


class Data(msgspec.Struct, frozen=True):
    """Data segments to and from some hosts, and the lost ones."""

    segments: int
    lost: int

    @property
    def at_most(self) -> float:
        """Share that may be lost, two more losses allowed for chance."""
        return (self.lost + 2) / self.segments if self.segments else 1.0


class NewFlowsDropped:
    """Notes the connections that nobody answered, and listeners with a full queue."""

    def __init__(self) -> None:
        self._unanswered: defaultdict[str, list[int]] = defaultdict(list)
        self._queues: set[str] = set()

    def look(self, connection: Connection) -> None:
        """Note a connection whose SYN was not answered, or that a listener's queue did not take."""
        code = connection.verdict.code
        endpoint = connection.responder.host_port
        if code in QUEUE and len(self._queues) < MAX_ENDPOINTS:
            self._queues.add(endpoint)
        if code in UNANSWERED and len(self._unanswered) < MAX_ENDPOINTS:
            streams = self._unanswered[endpoint]
            if len(streams) < MAX_STREAMS:
                streams.append(connection.stream)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each network whose new connections are dropped, and no others."""
        groups: defaultdict[str, list[CallerFacts]] = defaultdict(list)
        for caller in fleet.callers:
            if caller.dropped and self._may_count(caller, fleet):
                groups[network_of(caller.address)].append(caller)
        found = [callers for callers in groups.values() if _stands_out(callers, fleet)]
        found.sort(key=lambda callers: -sum(caller.dropped for caller in callers))
        return [self._finding(callers, fleet) for callers in found[:MAX_FINDINGS]]

    def _may_count(self, caller: CallerFacts, fleet: Fleet) -> bool:
        """Whether a device may have dropped them: the host itself did not, and others came up."""
        if caller.endpoint in self._queues or caller.address in fleet.capture_hosts:
            return False
        if caller.drop_episodes >= EPISODES:
            return True
        spans = fleet.spans.get(caller.endpoint, [])
        return any(one.only_new_ones for one in outages(spans, fleet.last_time))

    def _finding(self, callers: list[CallerFacts], fleet: Fleet) -> Finding:
        dropped, came_up = _totals(callers)
        endpoints = sorted({caller.endpoint for caller in callers})
        initiators = sorted({caller.caller for caller in callers})
        streams = [s for endpoint in endpoints for s in self._unanswered.get(endpoint, [])]
        data = data_of(callers, fleet)
        first = min(caller.first_dropped for caller in callers)
        last = max(caller.last_dropped for caller in callers)
        where = (
            endpoints[0] if len(endpoints) == 1 else name_of(sorted({c.address for c in callers}))
        )
        share = dropped / (dropped + came_up)
        return Finding(
            code="path.new_flows_dropped",
            severity="failure" if streams else "warning",
            title=f"{share:.0%} of new connections to {where} are dropped, those that stand go on",
            detail=(
                f"the first SYN of {dropped:,} of {counted(dropped + came_up, 'connection')} from "
                f"{_named(initiators)} to {_named(endpoints)} was never answered, within "
                f"{duration(last - first)}{_meanwhile(callers)}; of "
                f"{counted(data.segments, 'data segment')} to and from the same hosts "
                f"{data.lost:,} were lost{_only_one(endpoints)}"
            ),
            explanation=(
                "Something lets established connections pass and drops new ones: a NAT without a "
                "free port for this destination, a full connection table, a rate limit, or a "
                "policy. Those that are repeated and come up then cost a second or more each."
            ),
            streams=sorted(streams)[:MAX_STREAMS],
            addresses=[*initiators[:MAX_NAMED], *sorted({c.address for c in callers})[:MAX_NAMED]],
            endpoint=endpoints[0] if len(endpoints) == 1 else None,
            first=format_seconds(first),
            last=format_seconds(last),
            count=dropped,
            numbers={
                "dropped": dropped,
                "came_up": came_up,
                "share": round(share, 4),
                "data_segments": data.segments,
                "data_lost": data.lost,
            },
            fixes=_FIXES,
            commands=[
                "conntrack -S; sysctl net.netfilter.nf_conntrack_count "
                "net.netfilter.nf_conntrack_max  # on each NAT and node between",
                "dmesg | grep 'nf_conntrack: table full'",
                f"nstat -az TcpExtListenDrops TcpExtListenOverflows  # on {callers[0].address}",
            ],
        )


def data_of(callers: list[CallerFacts], fleet: Fleet) -> Data:
    """Return what passed between the capture point and these endpoints' hosts, both ways."""
    addresses = {caller.address for caller in callers}
    own = [one for one in fleet.losses if one.address in addresses]
    return Data(
        sum(one.sent + one.taken for one in own), sum(one.sent_lost + one.taken_lost for one in own)
    )


def _totals(callers: list[CallerFacts]) -> tuple[int, int]:
    return sum(c.dropped for c in callers), sum(c.came_up for c in callers)


def _stands_out(callers: list[CallerFacts], fleet: Fleet) -> bool:
    dropped, came_up = _totals(callers)
    if dropped < FEWEST or dropped < MIN_SHARE * (dropped + came_up):
        return False
    data = data_of(callers, fleet)
    share = dropped / (dropped + came_up)
    return data.segments >= MIN_SEGMENTS and share >= TIMES_THE_DATA * data.at_most


def _meanwhile(callers: list[CallerFacts]) -> str:
    if any(caller.drop_episodes >= EPISODES for caller in callers):
        return ", while others came up"
    return ", while those from before were served"


def _named(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _only_one(endpoints: list[str]) -> str:
    return (
        "; with one endpoint alone its own SYN queue or firewall may have dropped them, too"
        if len(endpoints) == 1
        else ""
    )


_FIXES = [
    "cloud NAT: SNAT ports in use for this destination (Azure: SNAT connection count, more "
    "outbound IPs, a NAT gateway; AWS: ErrorPortAllocation; GCP: minPortsPerVm)",
    "connection table: net.netfilter.nf_conntrack_max and nf_conntrack_buckets up, "
    "nf_conntrack_tcp_timeout_time_wait down; kube-proxy conntrack.maxPerCore",
    "open fewer connections: keep-alive pools (Envoy, NGINX upstream keepalive, HAProxy "
    "http-reuse), HTTP/2 between proxies",
    "a limit or policy on new connections: iptables hashlimit and connlimit, SYN rate of a "
    "firewall or DDoS filter, NetworkPolicy that was just changed",
]
