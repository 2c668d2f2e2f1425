"""The failed connections of a report, as findings from hosts' snapshots look at them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from pcapdiag.diagnose.findings.cases import MAX_STREAMS
from pcapdiag.model.ends import join_port, parse_end
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Connection, Finding, Severity
from pcapdiag.model.units import parse_seconds

MAX_FAILURES = 20_000
SILENCE = frozenset(
    {
        "tcp.connection_timeout", "tcp.handshake_stalled", "tcp.data_timeout",
        "tcp.keepalive_timeout", "tcp.accept_queue_overflow", "tls.handshake_timeout",
        "mtu.black_hole",
    }
)  # fmt: skip
"""Codes of packets that nobody answered."""
RESETS = frozenset(
    {
        "tcp.reset_before_request", "tcp.reset_before_response", "tcp.reset_in_response",
        "tcp.idle_reset", "tcp.stale_connection", "tcp.state_lost", "tcp.injected_reset",
        "tls.handshake_reset",
    }
)  # fmt: skip


class Failure(msgspec.Struct):
    """One failed connection."""

    stream: int
    codes: tuple[str, ...]
    """Its own first, then those of its failed requests."""
    initiator: str
    initiator_port: int
    responder: str
    port: int
    start: str
    end: str
    frames: list[int]
    has_cause: bool
    """Another leg is known to have made it fail."""

    @property
    def endpoint(self) -> str:
        """Whom it called, as one word."""
        return join_port(self.responder, self.port)

    def is_of(self, codes: Collection[str]) -> bool:
        """Return whether one of its codes is among these."""
        return any(code in codes for code in self.codes)


def failures_of(connection: Connection) -> list[Failure]:
    """Return what of a connection is kept: once, and again for ends that another point shows."""
    verdict = connection.verdict
    initiator, responder = connection.initiator, connection.responder
    known = {(initiator.ip, initiator.port, responder.ip, responder.port): None}
    for seen in connection.seen_at:
        known[*parse_end(seen.initiator), *parse_end(seen.responder)] = None
    return [
        Failure(
            stream=connection.stream,
            codes=(verdict.code, *(one.code for one in connection.other_failures)),
            initiator=caller,
            initiator_port=caller_port,
            responder=called,
            port=port,
            start=connection.start,
            end=connection.end,
            frames=verdict.frames[:1],
            has_cause=connection.caused_by is not None,
        )
        for caller, caller_port, called, port in known
    ]


Look = Callable[[HostState, Sequence[Failure], Fleet], Iterable[Finding]]
"""Draws findings from one host's snapshot."""


def host_finding(
    state: HostState,
    failures: Sequence[Failure],
    *,
    code: str,
    severity: Severity,
    title: str,
    detail: str,
    explanation: str,
    endpoint: str | None = None,
    addresses: Iterable[str] = (),
    numbers: dict[str, float] | None = None,
    fixes: Sequence[str] = (),
    commands: Sequence[str] = (),
) -> Finding:
    """Return a finding from a snapshot that explains these failures."""
    times = [one.start for one in failures] + [one.end for one in failures]
    found = Finding(
        code=code,
        severity=severity if failures else "info",
        title=title,
        detail=f"{detail} ({state.file}, {state.when})",
        explanation=explanation,
        streams=sorted({one.stream for one in failures})[:MAX_STREAMS],
        frames=sorted({frame for one in failures for frame in one.frames})[:MAX_STREAMS],
        addresses=sorted(addresses) or sorted(state.seen)[:MAX_STREAMS],
        endpoint=endpoint,
        count=max(1, len({one.stream for one in failures})),
        numbers=numbers or {},
        fixes=list(fixes),
        commands=list(commands),
        source="snapshot",
    )
    if times:
        found.first = min(times, key=parse_seconds)
        found.last = max(times, key=parse_seconds)
    return found


def share(used: int, most: int) -> float:
    """Return which part of a limit is used, to four places."""
    return round(used / most, 4) if most else 0.0
