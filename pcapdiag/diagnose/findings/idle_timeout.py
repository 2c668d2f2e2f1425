"""path.idle_timeout: Connections end or die after the same quiet time.

What happened
    Something ends or forgets connections that were quiet for a certain time: a server's keep-alive,
    a load balancer, a NAT or a firewall.

How pcapdiag can tell
    The pauses after which connections were dead or were closed, against those that others outlived:
    all above the time, none below. Endpoints whose times agree are one finding. The time is
    compared with known defaults; a default alone never proves whose it is.

Usual causes
    - A server's keep-alive timeout below the pool's idle timeout.
    - A NAT or load balancer: AWS 350 s, Azure 4 min, GCP firewall 10 min, Google's Application Load
      Balancer 600 s.
    - A firewall: Cisco ASA, Palo Alto, FortiGate and Check Point 1 h.

Fixes
    - First: the client's pool must give up idle connections some seconds before that time, or keep
      them alive more often.
    - Application: node `server.keepAliveTimeout`, gunicorn `--keep-alive`, Tomcat
      `keepAliveTimeout`, Go `IdleTimeout`, where the server is the one.
    - gRPC: `GRPC_ARG_KEEPALIVE_TIME_MS`, not below what the server permits (5 min by default).
    - Envoy: `common_http_protocol_options.idle_timeout` of the cluster;
      `upstream_connection_options.tcp_keepalive`; tcp_proxy `idle_timeout`.
    - Istio: `connectionPool.http.idleTimeout`, `connectionPool.tcp.tcpKeepalive`.
    - NGINX: upstream `keepalive_timeout`; `proxy_socket_keepalive on`.
    - HAProxy: `pool-purge-delay`, `timeout http-keep-alive`, `option srvtcpka`.
    - Kubernetes: kube-proxy `--conntrack-tcp-timeout-established` (24 h).
    - Linux: `net.ipv4.tcp_keepalive_time`; on NATs
      `net.netfilter.nf_conntrack_tcp_timeout_established`.
    - Cloud: AWS NLB `tcp.idle_timeout.seconds`, ALB `idle_timeout.timeout_seconds`; Azure
      `idleTimeoutInMinutes` with `enableTcpReset`; GCP Cloud NAT `--tcp-established-idle-timeout`.

Can be confused with
    - tcp.stale_connection, tcp.idle_reset, tcp.data_timeout: what single connections look like.
    - http.stream_idle_timeout: an open stream, not an idle connection.

What would settle it
    - A capture on the server while it recurs: a RST that does not leave there was made by a device
      between.

References
    - AWS "Listeners for your Network Load Balancers" and "NAT gateways"; Azure "Load Balancer TCP
      Reset and Idle Timeout"; Google "Compute Engine: troubleshooting general issues".
    - Cisco ASA CLI guide "Configuring Connection Settings"; Fortinet KB 196858.
    - Linux nf_conntrack-sysctl: 432,000 s.
"""

from __future__ import annotations

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_NAMED, MAX_STREAMS
from pcapdiag.diagnose.findings.idle_fixes import commands, fixes, keep_alive
from pcapdiag.diagnose.findings.idle_times import Ended, Timer, timers
from pcapdiag.diagnose.idle_defaults import Way, products
from pcapdiag.diagnose.timing import how_long
from pcapdiag.model.bounded import entry
from pcapdiag.model.context import EndpointFacts
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding, Severity
from pcapdiag.model.units import SECOND, counted, format_seconds, parse_seconds

MAX_TIMES = 1_024
"""Connections remembered of one endpoint and way; further ones are not counted."""
MAX_ONLY_CLOSED = 5
"""Findings about servers' orderly closes alone."""
NARROW = 1.5
"""A threshold known to this factor may be compared with defaults."""
EARLY, EARLY_SHARE, LATE = 1.1, 0.02, 0.3
"""Seconds, or share, by which a timer may run late, and by which a quiet time is seen shorter."""
CUT = "http.truncated_response"
_WAYS: tuple[Way, ...] = ("at_expiry", "late", "lost", "closed")


class _Endpoint(msgspec.Struct):
    """Connections to one endpoint that a quiet time ended."""

    address: str
    port: int
    ends: dict[Way, list[Ended]] = {}
    callers: dict[str, None] = {}
    cut: int = 0
    """Those that it closed after an answer that it cut short: not for quiet."""


class IdleTimeout:
    """Collects quiet times that connections did not outlive."""

    def __init__(self) -> None:
        self._endpoints: dict[str, _Endpoint] = {}

    def look(self, connection: Connection) -> None:
        """Note the quiet time that a failed connection did not outlive."""
        verdict = connection.verdict
        way = next((one for one in _WAYS if f"idle_{one}" in verdict.numbers), None)
        cut = any(one.code == CUT for one in (verdict, *connection.other_failures))
        if not verdict.failed or connection.same_as is not None or not (way or cut):
            return
        called = connection.responder
        known = entry(
            self._endpoints,
            called.host_port,
            MAX_ENDPOINTS,
            lambda: _Endpoint(called.ip, called.port),
        )
        if known is None:
            return
        known.cut += cut
        if way is None:
            return
        until = parse_seconds(connection.start) / SECOND + verdict.numbers["idle_until"]
        ends = known.ends.setdefault(way, [])
        if len(ends) < MAX_TIMES:
            frame = verdict.frames[0] if verdict.frames else connection.first_frame
            quiet = verdict.numbers[f"idle_{way}"]
            ends.append(Ended(quiet, until, connection.stream, frame))
        if len(known.callers) < MAX_NAMED:
            known.callers[connection.initiator.ip] = None

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each timer, those by which most failed first."""
        facts = {one.host_port: one for one in fleet.endpoints}
        names = dict.fromkeys(self._endpoints)
        names |= {name: None for name, one in facts.items() if one.closed_idle}
        found: list[Timer] = []
        for name in names:
            known = self._endpoints.get(name) or _Endpoint("", 0)
            its = facts.get(name) or EndpointFacts("", 0)
            for timer in timers(name, known.ends, its, known.cut):
                _add(found, timer)
        failing = sorted((t for t in found if t.ended), key=lambda t: -len(t.ended))
        closing = sorted((t for t in found if not t.ended), key=lambda t: -t.closed)
        return [self._finding(t) for t in (*failing, *closing[:MAX_ONLY_CLOSED])]

    def _finding(self, timer: Timer) -> Finding:
        failed = len(timer.ended)
        severity: Severity = "failure"
        if not failed:
            severity = "info"
        elif timer.way == "at_expiry":
            severity = "warning"
        known = [self._endpoints[name] for name in timer.endpoints if name in self._endpoints]
        callers = list(dict.fromkeys(caller for one in known for caller in one.callers))
        addresses = list(dict.fromkeys([*callers, *(one.address for one in known)]))
        one_endpoint = timer.endpoints[0] if len(timer.endpoints) == 1 else None
        finding = Finding(
            code="path.idle_timeout",
            severity=severity,
            title=_title(timer),
            detail="; ".join(_detail(timer)),
            explanation=(
                "A quiet connection costs memory, so servers, load balancers, NATs and firewalls "
                "drop it after a time of their own. Whoever wants to use it again must do so "
                "earlier, keep it alive by packets, or open a new one."
            ),
            streams=[one.stream for one in timer.ended][:MAX_STREAMS],
            addresses=addresses[:MAX_NAMED],
            endpoint=one_endpoint,
            frames=sorted({one.frame for one in timer.ended})[:MAX_STREAMS],
            count=failed or timer.closed,
            numbers=_numbers(timer),
            fixes=fixes(timer) if failed else [],
            commands=commands(timer, callers) if failed else [],
        )
        if failed:
            times = [round(one.until * SECOND) for one in timer.ended]
            finding.first, finding.last = format_seconds(min(times)), format_seconds(max(times))
        return finding


def _add(found: list[Timer], timer: Timer) -> None:
    for known in found:
        if known.agrees(timer) and bool(known.ended) == bool(timer.ended):
            known.join(timer)
            return
    found.append(timer)


def _title(timer: Timer) -> str:
    where = timer.endpoints[0]
    if len(timer.endpoints) > 1:
        where = f"{len(timer.endpoints)} endpoints"
    if timer.way == "closed":
        closes = "closes" if len(timer.endpoints) == 1 else "close"
        return f"{where} {closes} connections that were idle for {_about(timer)}"
    if timer.way == "at_expiry":
        return f"connections to {where} are reset after {_about(timer)} of quiet"
    return f"connections to {where} are forgotten after {_about(timer)} of quiet"


def _about(timer: Timer) -> str:
    if timer.is_exact or timer.high <= 1.02 * timer.low:
        return how_long(timer.high)
    return f"{how_long(timer.low)} to {how_long(timer.high)}"


def _detail(timer: Timer) -> list[str]:
    """Return what was counted, and whose default it may be."""
    failed, quiet = len(timer.ended), [one.quiet for one in timer.ended]
    parts: list[str] = []
    if timer.way == "closed":
        parts.append(f"{counted(timer.closed, 'connection')} closed so (FIN) with nothing lost")
        if failed:
            parts.append(f"on {counted(failed, 'connection')} the next request came too late")
    elif timer.way == "at_expiry":
        least, most = how_long(min(quiet)), how_long(max(quiet))
        after = least if least == most else f"{least} to {most}"
        parts.append(f"{counted(failed, 'connection')} reset after {after}, each by itself")
    else:
        least = how_long(timer.high)
        how = "met RST" if timer.way == "late" else "got no answer"
        parts.append(f"{failed:,} of {failed:,} quiet for {least} or more {how} at the next packet")
    if timer.survived:
        longest = how_long(timer.longest_survived)
        parts.append(f"none of {timer.survived:,} quiet for less did (up to {longest})")
    whose = _whose(timer)
    if whose:
        parts.append(f"a default of {whose} (the time alone is no proof)")
    return parts


def _whose(timer: Timer) -> str:
    if timer.is_exact:
        low = min(timer.high - EARLY, timer.high * (1 - EARLY_SHARE))
    elif timer.high <= NARROW * timer.low:
        low = timer.low
    else:
        return ""
    return products(low, timer.high + LATE, timer.way)


def _numbers(timer: Timer) -> dict[str, float]:
    quiet = [one.quiet for one in timer.ended] or [timer.high]
    return {
        "failed": len(timer.ended),
        "shortest": round(min(quiet), 3),
        "longest": round(max(quiet), 3),
        "closed": timer.closed,
        "survived": timer.survived,
        "longest_survived": round(timer.longest_survived, 3),
        "keep_alive": keep_alive(timer),
    }
