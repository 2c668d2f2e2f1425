"""Findings health.check_failing and health.endpoint_out: checks that fail, and what they did.

A check that fails takes its endpoint out of use although the network is fine; the 503 that follows
has no attempt to an upstream behind it. Named with the check's period, path and result, and the
answers "no healthy upstream" that came while it failed.
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.checks import (
    NOT_SERVING,
    Check,
    asks_grpc,
    checks,
    is_good,
    path,
    result_words,
    worst,
)
from pcapdiag.diagnose.text import counted
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import GRPC_FAILED, REFUSED, SILENT, Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import format_seconds

FEWEST = 2
"""Failed checks from which on it is worth a word: one is what thresholds are for."""
MAX_STREAMS = 100
MAX_FINDINGS = 100
MAX_PAIRS = 1_000
"""Pairs of caller and endpoint whose failed connections are remembered."""
MAX_PORTS = 3
UNIMPLEMENTED = GRPC_FAILED + 12
FOLLOWED = ("http.no_healthy_upstream",)


class HealthChecks:
    """Notes answers that say that no endpoint is in use, and connections that may be checks."""

    def __init__(self) -> None:
        self._followed: list[tuple[float, int, int]] = []
        self._failed: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def look(self, connection: Connection) -> None:
        """Note a request that found no endpoint in use, or another failed connection."""
        verdict = connection.verdict
        if not verdict.failed:
            return
        frame = verdict.frames[0] if verdict.frames else connection.first_frame
        if verdict.code in FOLLOWED:
            if len(self._followed) < MAX_STREAMS:
                self._followed.append((float(connection.end), connection.stream, frame))
            return
        to = join_port(connection.responder.ip, connection.responder.port)
        pair = connection.initiator.ip, to
        if pair in self._failed or len(self._failed) < MAX_PAIRS:
            failed = self._failed.setdefault(pair, [])
            if len(failed) < MAX_STREAMS:
                failed.append((connection.stream, frame))

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return failing checks, then the endpoints that went out or came back."""
        known = checks(fleet)
        failing = [
            c for c in known if c.failed >= FEWEST and (c.is_failing or c.failed * 2 > c.ask.count)
        ]
        failing.sort(key=lambda c: -c.failed)
        moved = [check for check in known if _has_moved(check)]
        found = [self._failing(check, fleet) for check in failing[:MAX_FINDINGS]]
        return found + [_moved(check) for check in moved[:MAX_FINDINGS]]

    def _failing(self, check: Check, fleet: Fleet) -> Finding:
        ask = check.ask
        since = next(time for time, outcome in ask.changes if not is_good(outcome))
        after = [(stream, frame) for end, stream, frame in self._followed if end * 1e9 >= since]
        own = self._checks_own(check, fleet)
        outcome = worst(ask)
        words = result_words(ask, outcome)
        detail = (
            f"{_who(check)} asks {ask.endpoint} for {check.what} every {duration(ask.period)}; "
            f"{check.failed} of {ask.count} failed ({words})"
        )
        ports = _other_ports(check, fleet) if outcome == REFUSED and not ask.good else ""
        if ports:
            detail += f", while {ask.address} takes connections on port {ports}"
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
            streams=[stream for stream, _ in after + own],
            frames=[frame for _, frame in after + own],
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
            fixes=_fixes(check, outcome),
            commands=_commands(check),
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


def _other_ports(check: Check, fleet: Fleet) -> str:
    """Return the ports on which the endpoint's address takes connections."""
    ports = sorted(
        one.port for one in fleet.endpoints if one.address == check.ask.address and one.established
    )
    return ", ".join(map(str, ports[:MAX_PORTS]))


def _who(check: Check) -> str:
    return f"{check.checker} at {check.ask.caller}" if check.checker else check.ask.caller


def _fixes(check: Check, outcome: int) -> list[str]:
    endpoint = check.ask.endpoint
    if outcome in (REFUSED, SILENT):
        first = f"nothing takes connections on {endpoint}: is it the right port, and is it up?"
    elif outcome == UNIMPLEMENTED:
        first = f"the server on {endpoint} has no grpc.health.v1.Health: register it, or check TCP"
    elif asks_grpc(check.ask) and outcome == NOT_SERVING:
        first = f"the program on {endpoint} sets its own health: what does it wait for, or drain?"
    elif outcome in (301, 302, 307, 308, 404, 405):
        first = f"wrong path or method: what does {endpoint} serve for its check?"
    elif outcome in (401, 403):
        first = "the check is not allowed to ask: exempt its path from authentication"
    elif outcome == 400:
        first = "the check speaks another protocol or host name than the port wants (TLS, Host)"
    else:
        first = f"the program on {endpoint} says itself that it is not well: its own log says why"
    return [
        first,
        "Envoy: health_checks path, host, expected_statuses; NGINX: health_check uri, match; "
        "HAProxy: option httpchk, http-check expect; Kubernetes: readinessProbe path, port, scheme",
    ]


def _commands(check: Check) -> list[str]:
    ask = check.ask
    where = f"  # from {ask.caller}"
    if ask.kind == "connect":
        return [f"nc -vz -w 3 {ask.address} {ask.port}{where}"]
    if asks_grpc(ask):
        return [f"grpcurl -plaintext {ask.endpoint} grpc.health.v1.Health/Check{where}"]
    asked = path(ask)
    plain = all(c.isalnum() or c in "/._-" for c in asked) and asked.isascii()
    target = asked if plain and asked.startswith("/") else "/"
    return [f"curl -sv -m 3 -o /dev/null http://{ask.endpoint}{target}{where}"]


def _has_moved(check: Check) -> bool:
    """Return whether a check that had worked failed more than once, or works after failing."""
    return len(check.ask.changes) > 1 and check.failed >= FEWEST and check.ask.good >= FEWEST


def _moved(check: Check) -> Finding:
    ask = check.ask
    outs = sum(not is_good(outcome) for _, outcome in ask.changes)
    (time, outcome) = ask.changes[-1]
    back = is_good(outcome)
    state = "came back" if back else f"went out ({result_words(ask, outcome)})"
    return Finding(
        code="health.endpoint_out",
        severity="info" if back else "warning",
        title=f"{ask.endpoint} {state}",
        detail=(
            f"by the checks of {_who(check)} for {check.what}, every {duration(ask.period)}: it "
            f"failed {counted(outs, 'time')} and " + ("works now" if back else "fails still")
        ),
        explanation=(
            "The moments are those at which the check's result changed; proxies wait for several "
            "equal results before they act on it."
        ),
        addresses=[ask.caller, ask.address],
        endpoint=ask.endpoint,
        first=format_seconds(ask.changes[1][0]),
        last=format_seconds(time),
        count=len(ask.changes) - 1,
        numbers={"changes": len(ask.changes) - 1, "checks": ask.count, "failed": check.failed},
        streams=[],
    )
