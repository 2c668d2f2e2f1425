"""health.check_failing: A periodic health check to an endpoint fails.

What happened
    A proxy or load balancer asks an endpoint at regular times whether it is well, and gets no good
    answer. It then takes the endpoint out of use, although the network may be fine.

How pcapdiag can tell
    A request is a health check when its user agent is a known one's (Envoy, kube-probe, ELB,
    Google, Azure, Consul, Route 53, NGINX Plus) or it calls gRPC's health service. Others count
    when they come at regular times and look like a check. Two failures are needed, with the last
    one failed or most.

    It is a failure where requests then found no endpoint in use (http.no_healthy_upstream).

Usual causes
    - The check's path, port, scheme or Host is wrong.
    - The endpoint wants a login, or another protocol.
    - The program says itself that it is not well: a database is away.
    - It is too slow for the check's timeout.

Fixes
    - First: ask by hand what the check asks (the command is in the finding), and read the status.
    - Application: a path for checks that needs no login and tests only what this instance itself
      needs.
    - gRPC: register `grpc.health.v1.Health`.
    - Envoy: `health_checks` `path`, `host`, `expected_statuses`, `timeout`, `unhealthy_threshold`.
    - NGINX: `health_check uri= match=` (NGINX Plus).
    - HAProxy: `option httpchk`, `http-check expect`, `check-ssl`, `check-send-proxy`.
    - Kubernetes: `readinessProbe` `path`, `port`, `scheme`, `timeoutSeconds` (1 by default).
    - Cloud: path, port, success codes and timeout of the target group's check; security groups that
      let the checker in.

Can be confused with
    - endpoint.down: real connections fail, too.
    - health.endpoint_out: the moments at which the result changed.
    - protocol.plaintext_to_tls, protocol.missing_proxy_header: why a check may be refused.

What would settle it
    - `curl -v` of the check's own path with its Host, from the checker.

References
    - Envoy's documentation, "Health checking"; Kubernetes "Configure liveness, readiness and
      startup probes".
    - Measured in the lab (docs/lab.md): HAProxy's layer-4 check is SYN, SYN-ACK, RST, and healthy.


health.endpoint_out: Health checks took an endpoint out, or brought it back.

What happened
    A check that had worked failed twice, or one that had failed worked again: from then on the
    checker left the endpoint out, or used it again.

How pcapdiag can tell
    The results of a periodic check in time order, with the moments at which they changed.

Usual causes
    - The endpoint restarted, was overloaded, or lost what it depends on.
    - A check that is near its timeout, and flaps.

Fixes
    - First: what happened on the endpoint at these moments?
    - Application: a check that does not fail for a short pause.
    - Envoy: `unhealthy_threshold`, `healthy_threshold`, `no_traffic_interval`.
    - NGINX: `fails` and `passes` of `health_check` (NGINX Plus).
    - HAProxy: `fall` and `rise`, `inter`, `fastinter`.
    - Kubernetes: `failureThreshold`, `timeoutSeconds`, `periodSeconds`.
    - Cloud: healthy and unhealthy thresholds of the target group.

Can be confused with
    - health.check_failing: it fails most of the time.
    - endpoint.down: connections of clients fail.

What would settle it
    - The checker's log of these moments (Envoy `event_logger` of the health check, HAProxy `option
      log-health-checks`).

References
    - docs/verdicts.md, "What the findings about endpoints rest on".
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, MAX_STREAMS
from pcapdiag.diagnose.findings.check_words import commands, fixes, other_ports, who
from pcapdiag.diagnose.findings.checks import Check, checks, is_good, result_words, worst
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import GRPC_FAILED, REFUSED, AskFacts, Fleet
from pcapdiag.model.report import Connection, Finding, Verdict
from pcapdiag.model.units import counted, format_seconds, parse_seconds

FEWEST = 2
"""Failed checks from which on it is worth a word: one is what thresholds are for."""
MAX_FINDINGS = 100
MAX_TRIES = 10_000
FOLLOWED = "http.no_healthy_upstream"
LIKELY = 0.2
"""Confidence from which a proxy's own answer counts that may be one of these."""
ONE_CHECK = 1.5
"""A check that works again before so many periods failed once only."""
SLOW_BACK = 3
"""Periods after which an endpoint is used again at the latest, as thresholds usually are."""
FLAPS = 16
"""So many changes of a check's result are known (pcapdiag/flow/callers.py)."""


class HealthChecks:
    """Notes answers that say that no endpoint is in use, and connections that may be checks."""

    def __init__(self) -> None:
        self._followed: list[tuple[int, int, int]] = []
        self._failed: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._tries: set[int] = set()
        """Connections that a proxy opened for a request of its client's."""

    def look(self, connection: Connection) -> None:
        """Note a request that found no endpoint in use, or another failed connection."""
        verdict = connection.verdict
        if not verdict.failed:
            return
        if len(self._tries) < MAX_TRIES:
            self._tries.update(cause.stream for cause in connection.causes)
        frame = verdict.frames[0] if verdict.frames else connection.first_frame
        if _finds_none(verdict):
            if len(self._followed) < MAX_STREAMS:
                self._followed.append((parse_seconds(connection.end), connection.stream, frame))
            return
        pair = connection.initiator.ip, connection.responder.host_port
        failed = entry(self._failed, pair, MAX_ENDPOINTS, list)
        if failed is not None and len(failed) < MAX_STREAMS:
            failed.append((connection.stream, frame))

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return failing checks, then the endpoints that went out or came back."""
        known = checks(fleet)
        failing = [
            c
            for c in known
            if c.failed >= FEWEST
            and (c.is_failing or c.failed * 2 > c.ask.count)
            and self._is_sure(c.ask, fleet)
        ]
        failing.sort(key=lambda c: -c.failed)
        moved = [check for check in known if _has_moved(check)]
        found = [self._failing(check, fleet) for check in failing[:MAX_FINDINGS]]
        return found + [self._moved(check) for check in moved[:MAX_FINDINGS]]

    def _is_sure(self, ask: AskFacts, fleet: Fleet) -> bool:
        """Return whether regular connects that never came up are a check.

        A service that has lost its database tries again at regular times, too, and so does a proxy
        for one request (HAProxy's ``retries``: every second). What speaks for a
        check is the 503 that follows, or that the caller uses the address on another port.
        """
        if not _never_came_up(ask):
            return True
        failed = {stream for stream, _ in self._failed.get((ask.caller, ask.endpoint), [])}
        if failed & self._tries and len(failed - self._tries) < FEWEST:
            return False
        if self._meanwhile(ask):
            return True
        return any(
            one.caller == ask.caller
            and one.address == ask.address
            and one.endpoint != ask.endpoint
            and one.came_up
            for one in fleet.callers
        )

    def _meanwhile(self, ask: AskFacts) -> list[tuple[int, int]]:
        """Return the requests that found no endpoint while a check failed, or soon after."""
        slow = SLOW_BACK * ask.period
        bad = [(first, last + slow if last else ask.last + slow) for first, last in _bad(ask)]
        return [
            (stream, frame)
            for end, stream, frame in self._followed
            if any(first <= end <= last for first, last in bad)
        ]

    def _failing(self, check: Check, fleet: Fleet) -> Finding:
        ask = check.ask
        since = next(time for time, outcome in ask.changes if not is_good(outcome))
        after = self._meanwhile(ask)
        own = self._checks_own(check, fleet)
        outcome = worst(ask)
        words = result_words(ask, outcome)
        detail = (
            f"{who(check)} asks {ask.endpoint} for {check.what} every {duration(ask.period)}; "
            f"{check.failed} of {ask.count} failed ({words})"
        )
        ports = other_ports(check, fleet) if outcome == REFUSED and not ask.good else ""
        if ports:
            detail += f", while {ask.address} takes connections on port {ports}"
        if _never_came_up(ask) and not after:
            detail += "; it seems to be a check, and could be a client that tries again"
        if own:
            detail += f"; {counted(len(own), 'failed connection')} here are this check's own"
        if after:
            detail += f"; {counted(len(after), 'request')} then found no endpoint in use"
        return Finding(
            code="health.check_failing",
            severity="failure" if after else "warning",
            title=f"the health check of {ask.endpoint} fails: {words}",
            detail=detail,
            explanation=(
                "A proxy takes an endpoint out of use after some failed checks, and answers 503 by "
                "itself when none is left. Nothing else needs to be wrong with the endpoint."
            ),
            streams=sorted(stream for stream, _ in after + own),
            frames=sorted(frame for _, frame in after + own),
            addresses=[ask.caller, ask.address],
            endpoint=ask.endpoint,
            first=format_seconds(since),
            last=format_seconds(ask.last),
            count=check.failed,
            numbers={
                "checks": ask.count,
                "failed": check.failed,
                "period": ask.period / 1e9,
                "status": outcome if 100 <= outcome < GRPC_FAILED else 0,
            },
            fixes=fixes(check, outcome),
            commands=commands(check),
        )

    def _checks_own(self, check: Check, fleet: Fleet) -> list[tuple[int, int]]:
        """Return the failed connections that were opened for the check: its caller opens no others.

        A check that is made again and again on one connection opened few, and is told by nothing.
        """
        ask = check.ask
        opened = sum(
            one.connections
            for one in fleet.callers
            if (one.caller, one.endpoint) == (ask.caller, ask.endpoint)
        )
        if not opened == ask.alone == ask.count:
            return []
        return self._failed.get((ask.caller, ask.endpoint), [])

    def _moved(self, check: Check) -> Finding:
        ask = check.ask
        outs = _outs(ask)
        (time, outcome) = ask.changes[-1]
        back = is_good(outcome)
        found_none = self._meanwhile(ask)
        detail = (
            f"by the checks of {who(check)} for {check.what}, every {duration(ask.period)}: "
            f"{check.failed} of {ask.count} failed ({result_words(ask, worst(ask))})"
        )
        if back:
            out = sum(last - first for first, last in outs)
            times = f"{len(outs)} times, " if len(outs) > 1 else ""
            detail += f"; {times}{duration(out)} from the first failed one to one that worked"
        if found_none:
            detail += f"; {counted(len(found_none), 'request')} found no endpoint in use meanwhile"
        return Finding(
            code="health.endpoint_out",
            severity="failure" if found_none else "info" if back else "warning",
            title=f"{ask.endpoint} {_state(ask)}",
            detail=detail,
            explanation=(
                "The moments are those at which the check's result changed; proxies wait for "
                "several equal results before they act on it."
            ),
            addresses=[ask.caller, ask.address],
            endpoint=ask.endpoint,
            first=format_seconds(ask.changes[1][0] if is_good(ask.changes[0][1]) else ask.first),
            last=format_seconds(time if back else ask.last),
            count=len(ask.changes) - 1,
            numbers={"changes": len(ask.changes) - 1, "checks": ask.count, "failed": check.failed},
            streams=[stream for stream, _ in found_none],
            frames=[frame for _, frame in found_none],
        )


def _finds_none(verdict: Verdict) -> bool:
    """Return whether a proxy found no endpoint in use: it says so, or does not say why."""
    likely = (a.code for a in verdict.alternatives if a.confidence >= LIKELY)
    return verdict.code == FOLLOWED or FOLLOWED in likely


def _never_came_up(ask: AskFacts) -> bool:
    """Return whether all that is known of a check is that its connections fail."""
    return ask.kind == "connect" and not ask.good


def _bad(ask: AskFacts) -> list[tuple[int, int]]:
    """Return the times in which a check failed, ns; the end of the last one is 0 if it does still.

    An end is the first check that worked again.
    """
    ends = [time for time, _ in ask.changes[1:]] + [0]
    return [
        (time, end)
        for (time, outcome), end in zip(ask.changes, ends, strict=True)
        if not is_good(outcome)
    ]


def _outs(ask: AskFacts) -> list[tuple[int, int]]:
    """Return those of them in which it failed more than once in a row: thresholds are for one."""
    return [
        (first, last)
        for first, last in _bad(ask)
        if (last - first >= ONE_CHECK * ask.period if last else ask.last > first)
    ]


def _has_moved(check: Check) -> bool:
    """Return whether a check that had worked failed for a while, or works after failing."""
    ask = check.ask
    if len(ask.changes) < FEWEST or check.failed < FEWEST or ask.good < FEWEST:
        return False
    return bool(_outs(ask))


def _state(ask: AskFacts) -> str:
    if len(ask.changes) >= FLAPS:
        return "is out of use and back again and again, by its health checks"
    outcome = ask.changes[-1][1]
    if is_good(outcome):
        return "was out by its health checks and came back"
    return f"went out by its health checks: {result_words(ask, outcome)}"
