"""How far a failure reaches, in one line: the other connections to the same place."""

from __future__ import annotations

from pcapdiag.model.report import Connection, Scope
from pcapdiag.model.units import counted, parse_seconds
from pcapdiag.report.clock import Clock

NAMED_PORTS = 3


def scope_text(connection: Connection, clock: Clock) -> str:
    """Return what became of the connections to this one's responder; empty where not known."""
    scope, port = connection.scope, f":{connection.responder.port}"
    if scope is None:
        return ""
    if scope.connections <= 1:
        return f"the only connection to {port} in this capture{_other_ports(scope)}"
    if scope.failed is None:
        return _by_handshake(scope, port)
    if scope.failed >= scope.connections:
        every = "both" if scope.connections == 2 else f"all {scope.connections:,}"
        text = f"{every} connections to {port} failed"
    else:
        text = f"{scope.failed:,} of {scope.connections:,} connections to {port} failed"
    return text + _when(scope, clock) + _worked(scope) + _other_ports(scope)


def _by_handshake(scope: Scope, port: str) -> str:
    """Tell what is known of connections that filters kept from being judged."""
    ends = (
        (scope.established, "came up"),
        (scope.refused, "refused"),
        (scope.unanswered, "unanswered"),
    )
    told = ", ".join(f"{number:,} {what}" for number, what in ends if number)
    return f"{scope.connections:,} connections to {port} in this capture: {told or 'none came up'}"


def _when(scope: Scope, clock: Clock) -> str:
    first, last = scope.first_failed, scope.last_failed
    if first is None or last is None or scope.failed == 1:
        return ""
    return f", opened {clock.span(first, last)}"


def _worked(scope: Scope) -> str:
    if not scope.worked:
        return "" if scope.failed == scope.connections else ", none worked"
    return f", {scope.worked:,} worked{_before_or_after(scope)}"


def _before_or_after(scope: Scope) -> str:
    """Say when the others came up, where all of them did so on one side of the failures."""
    times = scope.first_established, scope.last_established, scope.first_failed, scope.last_failed
    if any(time is None for time in times):
        return ""
    first_up, last_up, first_failed, last_failed = (parse_seconds(time or "0") for time in times)
    if last_up < first_failed:
        return " before"
    return " afterwards" if first_up > last_failed else ""


def _other_ports(scope: Scope) -> str:
    text = ""
    if scope.ports_failing:
        text += f"; {_ports(scope.ports_failing)} failed too"
    if scope.ports_working:
        text += f"; {_ports(scope.ports_working)} fine throughout"
    return text


def _ports(ports: list[int]) -> str:
    named = ", ".join(f":{port}" for port in ports[:NAMED_PORTS])
    more = len(ports) - NAMED_PORTS
    return f"{named} and {counted(more, 'more port')}" if more > 0 else named
