"""endpoint.down: An endpoint stopped taking connections.

What happened
    An address and port took connections, and then refused them or did not answer: the listener is
    gone, the process died, or the host is.

How pcapdiag can tell
    Two new connections in a row or more were refused, or were not answered for two seconds, after
    others had come up; none came up meanwhile. Where a device between refused them, or a router
    spoke, the endpoint is not blamed; nor where it went on to answer on connections from before and
    its own host was not captured (path.new_flows_dropped). Where three other hosts or more answered
    nobody at the same time, and hardly any at others, the finding says so: what they share is
    likelier. Where refusals and successes alternate as by chance, it is not the endpoint that is
    down, but one of several servers behind its address.

Usual causes
    - The program crashed, was stopped, or is rolling out.
    - The host went down.
    - The program hangs: its accept queue fills, and its kernel drops further SYNs.
    - A port or rule was changed.
    - Behind a balancer's address: one of its servers, which it still sends connections to.

Fixes
    - First: what happened on that host at the moment in the finding?
    - Application: shut down in order: say not ready, wait, stop accepting, finish.
    - Envoy: `health_checks` and `outlier_detection`; `retry_on: connect-failure`.
    - Istio: `outlierDetection`, `retries.retryOn: connect-failure`.
    - NGINX: `max_fails`, `fail_timeout`, `proxy_next_upstream error timeout`.
    - HAProxy: `check`, `option redispatch`.
    - Kubernetes: `readinessProbe`, `preStop` sleep, `maxUnavailable: 0` in the rollout.
    - Linux: `journalctl` of that minute, `last -x reboot`; `ss -ltn` (Recv-Q above Send-Q) and
      `nstat -az TcpExtListenDrops` where it does not answer.
    - Cloud: health checks of the target group, deregistration before the stop.

Can be confused with
    - tcp.listen_backlog: it still takes some.
    - path.new_flows_dropped: taken and dropped ones alternate.
    - dns.stale_address: it moved, and the client does not know.

What would settle it
    - On the host: `ss -ltnp`, its log, `kubectl describe pod`.

References
    - docs/verdicts.md, "What the findings about endpoints rest on".
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.findings.outages import Outage, Part, in_part, outages, to_the_end
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.bounded import entry
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.fleet import SILENT, Fleet
from pcapdiag.model.report import Connection, Finding, Verdict
from pcapdiag.model.units import SECOND, counted, format_seconds, parse_seconds

NOBODY_ASKED = SECOND
"""From here on (ns), and from its own length on, the silence after an outage is the callers'."""
CLOSE = 2
"""How far apart the shortest and the longest possible outage may be to be told as one length."""
HOST_UNREACHABLE = ((3, 1), (1, 3))
"""ICMP and ICMPv6 types and codes by which the last router says that nobody answers its ARP or
neighbour requests for the address (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1)."""
ANSWERS = ("http.", "http2.", "grpc.")
AT_ONCE = 2 * SECOND
"""Endpoints that went down within this time of each other went down together."""
TRYING = 5 * SECOND
"""How long a connection that nobody answers has its SYN repeated, at least."""
MANY_HOSTS, TIMES_BY_CHANCE = 3, 3
"""Other hosts, silent at the same time, that have one cause sooner than as many; and how many times
as many they are as in any such time of the capture (judgement)."""


class _Failed(msgspec.Struct):
    """Failed connections of one endpoint."""

    by_path: int = 0
    """Those that a device between made fail, or a router spoke about: they say nothing of it."""
    gone: int = 0
    """Those for which a router said that the host itself cannot be reached."""
    streams: list[int] = []
    starts: list[int] = []
    ends: list[int] = []


class EndpointDown:
    """Notes the failed connections of every endpoint."""

    def __init__(self) -> None:
        self._failed: dict[str, _Failed] = {}

    def look(self, connection: Connection) -> None:
        """Note a failed connection."""
        if not connection.verdict.failed:
            return
        failed = entry(self._failed, connection.responder.host_port, MAX_ENDPOINTS, _Failed)
        if failed is None:
            return
        verdict = connection.verdict
        failed.gone += _is_gone(verdict)
        failed.by_path += not _is_gone(verdict) and (
            verdict.attribution.side == "path" or verdict.code.startswith("icmp.")
        )
        if len(failed.streams) < MAX_STREAMS and not _answered(verdict):
            failed.streams.append(connection.stream)
            failed.starts.append(parse_seconds(connection.start))
            failed.ends.append(parse_seconds(connection.end))

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return one finding for each outage, in time order, and for each that is one in part."""
        blamed = {
            endpoint: spans
            for endpoint, spans in fleet.spans.items()
            if not self._failed.get(endpoint, _Failed()).by_path
        }
        parts = {endpoint: one for endpoint, spans in blamed.items() if (one := in_part(spans))}
        found = [
            (outage, endpoint)
            for endpoint, spans in blamed.items()
            if endpoint not in parts
            for outage in outages(spans, fleet.last_time)
            if not outage.only_new_ones or _host(endpoint) in fleet.capture_hosts
        ]
        found.sort(key=lambda one: one[0].first)
        facts = {one.host_port: one for one in fleet.endpoints}
        told = [
            self._finding(outage, endpoint, found, fleet, facts.get(endpoint))
            for outage, endpoint in found
        ]
        return told + [
            self._finding_in_part(to_the_end(part, facts.get(endpoint)), endpoint)
            for endpoint, part in parts.items()
        ]

    def _finding(
        self,
        outage: Outage,
        endpoint: str,
        found: list[tuple[Outage, str]],
        fleet: Fleet,
        facts: EndpointFacts | None,
    ) -> Finding:
        failed = self._failed.get(endpoint, _Failed())
        streams = _within(failed, outage)
        until = outage.until or outage.last
        late = not outage.refused and facts is not None and not facts.unanswered
        how = "answered only when their SYNs were repeated" if late else "never answered"
        how = "refused" if outage.refused else how
        detail = (
            f"it took connections before; then {counted(outage.count, 'connection')} in "
            f"{duration(outage.last - outage.first)} "
            f"{'was' if outage.count == 1 else 'were'} {how}"
        )
        detail += _how_long(outage, fleet.last_time)
        if outage.went_on:
            detail += "; it went on to answer on those from before"
        if failed.gone:
            detail += "; a router said that it cannot reach the host"
        others, hosts = _at_once(outage, endpoint, found), _silent_too(outage, endpoint, fleet)
        if hosts:
            detail += (
                f"; {hosts:,} other hosts did not answer new connections then either: what they "
                "share is likelier, a way or the callers' own network"
            )
        elif others:
            detail += f"; {counted(others, 'other endpoint')} went down at the same time"
        return Finding(
            code="endpoint.down",
            severity="warning" if late else "failure",
            title=f"{endpoint} stopped taking connections" + " for a while" * bool(outage.until),
            detail=detail,
            explanation=_EXPLAINED[bool(outage.refused)],
            streams=streams,
            addresses=[],
            endpoint=endpoint,
            first=format_seconds(outage.first),
            last=format_seconds(until),
            count=outage.count,
            numbers={
                "refused": outage.refused,
                "unanswered": outage.silent,
                "seconds": (until - outage.first) / 1e9,
                "back": int(bool(outage.until)),
            },
            fixes=[_SHARED] * bool(hosts) + _FIXES[bool(outage.refused)],
            commands=[] if outage.refused else _queue_commands(endpoint),
        )

    def _finding_in_part(self, part: Part, endpoint: str) -> Finding:
        failed = self._failed.get(endpoint, _Failed())
        return Finding(
            code="endpoint.down",
            severity="failure",
            title=f"{endpoint} refused some connections and took others at the same time",
            detail=(
                f"{counted(part.refused, 'connection')} refused in "
                f"{duration(part.last - part.first)}, by turns with others that came up: behind "
                "this address one of several servers is down, or a limit refuses a share"
            ),
            explanation=(
                "An address behind which several servers stand (a balancer's, a Service's) hands "
                "each new connection to another one. Where nothing listens on one of them, its "
                "share is refused and the rest works. A limit on new connections looks the same."
            ),
            streams=_within(failed, Outage(part.refused, 0, part.first, part.first, part.last, 0)),
            addresses=[],
            endpoint=endpoint,
            first=format_seconds(part.first),
            last=format_seconds(part.last),
            count=part.refused,
            numbers={"refused": part.refused, "came_up": part.came_up},
            fixes=_FIXES_IN_PART,
        )


def _how_long(outage: Outage, end: int) -> str:
    """Return what is known of the outage's length: new connections alone show it."""
    least = outage.last - outage.first
    if not outage.until:
        rest = end - outage.last
        if rest <= max(least, NOBODY_ASKED):
            return "; it did not come back in this capture"
        return f"; then nobody asked for one in the {duration(rest)} that the capture went on"
    most = outage.until - outage.worked_until
    if least * CLOSE >= most:
        return f"; then it was back, {duration(most)} after the last that it had taken"
    before, after = outage.first - outage.worked_until, outage.until - outage.last
    when = f"{duration(before)} before" if before >= after else f"{duration(after)} after"
    return (
        f"; then it was back: down for {duration(least)} at least and {duration(most)} at most, "
        f"for nobody asked for a connection in the {when}"
    )


def _queue_commands(endpoint: str) -> list[str]:
    port = endpoint.rpartition(":")[2]
    return [
        f"ss -ltn 'sport = :{port}'; nstat -az TcpExtListenDrops TcpExtListenOverflows  "
        f"# on {_host(endpoint)}: Recv-Q over Send-Q is a full accept queue"
    ]


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")


def _answered(verdict: Verdict) -> bool:
    """Return whether the endpoint answered, so that it was up, though with a failure."""
    return verdict.code.startswith(ANSWERS) and verdict.phase != "in_response"


def _is_gone(verdict: Verdict) -> bool:
    numbers = verdict.numbers
    told = numbers.get("icmp_type"), numbers.get("icmp_code")
    return verdict.code == "icmp.unreachable" and told in HOST_UNREACHABLE


def _within(failed: _Failed, outage: Outage) -> list[int]:
    until = outage.until or outage.last
    since = outage.worked_until
    return [
        stream
        for stream, start, end in zip(failed.streams, failed.starts, failed.ends, strict=True)
        if end >= since and start <= until
    ]


def _at_once(outage: Outage, endpoint: str, found: list[tuple[Outage, str]]) -> int:
    others = {
        name
        for other, name in found
        if name != endpoint and abs(other.first - outage.first) <= AT_ONCE
    }
    return len(others)


def _silent_too(outage: Outage, endpoint: str, fleet: Fleet) -> int:
    """Return how many other hosts answered no new connection within a silent outage.

    0 where they are few, or not many more than at other times: some peers are never there.
    """
    if outage.refused:
        return 0
    since, until = outage.first - TRYING, outage.last + TRYING
    silent = [
        (_host(name), span.first <= until and span.last >= since)
        for name, spans in fleet.spans.items()
        for span in spans
        if span.outcome == SILENT and _host(name) != _host(endpoint)
    ]
    then, ever = {host for host, within in silent if within}, {host for host, _ in silent}
    by_chance = len(ever) * (until - since) / max(1, fleet.last_time - fleet.first_time)
    return len(then) if len(then) >= max(MANY_HOSTS, TIMES_BY_CHANCE * by_chance) else 0


_SHARED = (
    "not one endpoint alone: which link, NAT or uplink do the silent hosts share? was the callers' "
    "own network up?"
)
_EXPLAINED = {
    True: (
        "The host answers that nothing listens on the port any more: the process ended, restarts, "
        "or was moved. Where connections that were open then go on, it only takes no new ones: it "
        "drains, or a limit rejects more."
    ),
    False: (
        "Nothing answers for the host any more: it was stopped, lost its network, or a filter "
        "went up before it. A program that hangs looks the same: its accept queue fills, and its "
        "kernel drops further SYNs."
    ),
}
_FIXES = {
    True: [
        "what happened to the process then? (journalctl, kubectl describe pod: OOMKilled, deploy)",
        "do connections from before go on? then it drains, or a limit rejects more of them "
        "(iptables connlimit)",
        "on a rolling restart, take it out of service first and let it drain: readiness, preStop "
        "sleep, Envoy and NGINX health checks",
        "retry connect failures on another endpoint: Envoy and Istio retry_on connect-failure",
    ],
    False: [
        "is the host up, and did its address or a firewall change then?",
        "does its program hang, so that its accept queue is full? (a pause of its collector, a "
        "lock, CPU limits; then a longer queue: net.core.somaxconn and the program's backlog)",
        "take silent endpoints out by themselves: Envoy outlier_detection, active health checks",
    ],
}
_FIXES_IN_PART = [
    "which of the servers behind it is down? ask each by its own address (Kubernetes: kubectl get "
    "endpointslices; IPVS: ipvsadm -Ln; else the balancer's target health)",
    "take dead servers out by themselves: readinessProbe, health checks of the balancer",
    "does a limit refuse a share? (iptables connlimit or hashlimit with REJECT, maxconn)",
    "try again: the next connection may reach another one (Envoy and Istio retry_on "
    "connect-failure)",
]
