"""Words of the findings about health checks: whose, what mends them, how to ask by hand."""

from __future__ import annotations

from pcapdiag.diagnose.findings.checks import NOT_SERVING, Check, asks_grpc, path
from pcapdiag.model.fleet import GRPC_FAILED, NO_ANSWER, REFUSED, SILENT, Fleet

MAX_PORTS = 3
UNIMPLEMENTED = GRPC_FAILED + 12


def other_ports(check: Check, fleet: Fleet) -> str:
    """Return the ports on which the endpoint's address takes connections."""
    ports = sorted(
        one.port for one in fleet.endpoints if one.address == check.ask.address and one.established
    )
    return ", ".join(map(str, ports[:MAX_PORTS]))


def who(check: Check) -> str:
    """Return whose check it is."""
    return f"{check.checker} at {check.ask.caller}" if check.checker else check.ask.caller


def fixes(check: Check, outcome: int) -> list[str]:
    """Return what mends a check with this outcome."""
    endpoint = check.ask.endpoint
    if outcome in (REFUSED, SILENT):
        first = f"nothing takes connections on {endpoint}: is it the right port, and is it up?"
    elif outcome == NO_ANSWER:
        first = f"{endpoint} takes the check and is not done in time: its load, the check's timeout"
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


def commands(check: Check) -> list[str]:
    """Return the command that asks as the check does."""
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
