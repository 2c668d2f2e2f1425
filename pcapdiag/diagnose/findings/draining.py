"""http2.draining: A server drained its connections, and streams were lost.

What happened
    A server announced graceful ends by GOAWAY, and did not finish all the streams that were open or
    that came meanwhile.

How pcapdiag can tell
    GOAWAY with NO_ERROR from one endpoint, and streams behind it that failed (http2.stream_lost,
    http2.refused_stream and the like). A drain in which nothing was lost is no finding.

Usual causes
    - A rollout or restart with less time to drain than the longest stream needs.
    - A limit on the age of connections.

Fixes
    - First: drain longer than the longest stream, and take the endpoint out of service before it
      drains.
    - gRPC: `MaxConnectionAgeGrace` beside `MaxConnectionAge`.
    - Envoy: `--drain-time-s`, `drain_timeout`; `retry_on: refused-stream,reset` at the client.
    - Istio: `terminationDrainDuration`.
    - NGINX: `worker_shutdown_timeout`.
    - HAProxy: `hard-stop-after`.
    - Kubernetes: `terminationGracePeriodSeconds`, readiness that fails first, a `preStop` sleep.
    - Cloud: deregistration delay (AWS), connection draining (GCP).

Can be confused with
    - http2.goaway: GOAWAY with an error.
    - endpoint.down: it does not come back.

What would settle it
    - `kubectl get events --sort-by=.lastTimestamp`, or the server's log: was it a rollout?

References
    - RFC 9113 section 6.8; gRPC proposal A9.
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, Cases
from pcapdiag.diagnose.http2.errors import NO_ERROR
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding, Verdict
from pcapdiag.model.report_http2 import Http2GoAway
from pcapdiag.model.units import counted

LOST = frozenset(
    {
        "http2.stream_lost",
        "http2.rst_stream",
        "http2.refused_stream",
        "grpc.error",
        "http.truncated_response",
        "tcp.reset_in_response",
        "tcp.reset_before_response",
        "tcp.closed_before_response",
    }
)
"""Failures that a drain may be behind, where they come after its GOAWAY."""


class _Drain(Cases):
    """Connections that one endpoint ended gracefully, and requests lost with them."""

    lost: int = 0


class Draining:
    """Watches the connections of a report go by."""

    def __init__(self) -> None:
        self._drains: dict[str, _Drain] = {}

    def findings(self, _fleet: Fleet) -> list[Finding]:
        """Return a finding for each endpoint that lost streams, the worst first."""
        order = sorted(self._drains.items(), key=lambda item: (-item[1].lost, item[0]))
        return [_finding(endpoint, drain) for endpoint, drain in order]

    def look(self, connection: Connection) -> None:
        """Note a connection that announced a graceful end."""
        goaway = _graceful(connection)
        lost = sum(_lost(verdict, goaway) for verdict in _verdicts(connection)) if goaway else 0
        if goaway is None or not lost:
            return
        drain = entry(self._drains, connection.responder.host_port, MAX_ENDPOINTS, _Drain)
        if drain is not None:
            drain.lost += lost
            drain.add(connection.stream, [goaway.frame], goaway.time, goaway.time)


def _graceful(connection: Connection) -> Http2GoAway | None:
    """Return the responder's first GOAWAY(NO_ERROR), where it sent none with an error."""
    sent = connection.http2.goaway if connection.http2 else []
    own = [one for one in sent if one.from_ == "responder"]
    return own[0] if own and all(one.error_code == NO_ERROR for one in own) else None


def _verdicts(connection: Connection) -> list[Verdict]:
    return [connection.verdict, *connection.other_failures]


def _lost(verdict: Verdict, goaway: Http2GoAway) -> int:
    """Return how many requests failed so after the drain had begun."""
    after = max(verdict.frames, default=0) >= goaway.frame
    return verdict.count if verdict.failed and verdict.code in LOST and after else 0


def _finding(endpoint: str, drain: _Drain) -> Finding:
    where = counted(drain.count, "connection")
    return Finding(
        code="http2.draining",
        severity="failure",
        title=f"{endpoint} drained, and streams were lost",
        detail=(
            f"{where} announced a graceful end (GOAWAY NO_ERROR), and "
            f"{counted(drain.lost, 'request')} on it failed after that"
        ),
        explanation=(
            "A server that restarts, or limits the age of connections, sends GOAWAY and then "
            "finishes the streams it has. These were not finished in time, or were opened when the "
            "GOAWAY was already on its way. The latter may be retried safely."
        ),
        streams=drain.streams,
        endpoint=endpoint,
        frames=drain.frames,
        first=drain.first,
        last=drain.last,
        count=drain.lost,
        numbers={"connections": drain.count, "requests": drain.lost},
        fixes=[
            "drain longer than the longest stream: NGINX worker_shutdown_timeout, Envoy "
            "--drain-time-s, gRPC MaxConnectionAgeGrace, Kubernetes terminationGracePeriodSeconds",
            "take the endpoint out of service before it drains: readiness, preStop sleep",
            "retry what was not processed: Envoy and Istio retry_on refused-stream,reset",
        ],
    )
