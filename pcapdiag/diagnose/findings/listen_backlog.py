"""tcp.listen_backlog: Several connections to one listener stall in the handshake.

What happened
    The queue of a listening socket was full, so that its host could not take finished handshakes.

How pcapdiag can tell
    Two connections or more to one listener that a full accept queue spoilt or may have spoilt
    (tcp.accept_queue_overflow, tcp.handshake_stalled), one of them certainly, while others come up.

Usual causes
    - The program accepts too slowly or hangs.
    - The backlog is too short for bursts.

Fixes
    - First: find out why the program does not accept; then raise the queue.
    - Application: its backlog (Tomcat `acceptCount`, gunicorn `--backlog`, node
      `listen({backlog})`); more workers; no blocking work in the accepting thread.
    - Envoy: listener `tcp_backlog_size`.
    - NGINX: `listen ... backlog=`; `reuseport` gives each worker a queue.
    - HAProxy: `bind ... backlog`, `maxconn`.
    - Kubernetes: sysctl `net.core.somaxconn` of the pod (`securityContext.sysctls`), CPU limits
      that throttle.
    - Linux: `net.core.somaxconn`: the smaller of it and the program's backlog counts.

Can be confused with
    - tcp.handshake_stalled: one connection alone may have lost a packet.
    - endpoint.down: nothing is taken any more.
    - path.new_flows_dropped: SYNs lost on the way look the same to a client.

What would settle it
    - On the server: `ss -ltn` (Recv-Q above Send-Q) and `nstat -az TcpExtListenOverflows
      TcpExtListenDrops` twice.

References
    - listen(2); Linux tcp_v4_syn_recv_sock(), tcp_conn_request().
    - Measured in the lab (docs/lab.md): a backlog of N holds N + 1 connections.
"""

from __future__ import annotations

from pcapdiag.diagnose.findings.cases import MAX_ENDPOINTS, Cases
from pcapdiag.model.bounded import entry
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.report import Connection, Finding
from pcapdiag.model.units import counted

FEWEST = 2
OVERFLOW = "tcp.accept_queue_overflow"
LIKELY = 0.1
"""Confidence from which another code's alternative counts with the others."""


class _Listener(Cases, kw_only=True):
    """Connections to one listener that its queue did not take."""

    address: str
    port: int
    certain: int = 0


class ListenBacklog:
    """Notes handshakes that a full queue explains."""

    def __init__(self) -> None:
        self._listeners: dict[str, _Listener] = {}

    def look(self, connection: Connection) -> None:
        """Note a connection whose handshake a full queue spoilt, or may have."""
        verdict = connection.verdict
        certain = verdict.code == OVERFLOW
        possible = any(a.code == OVERFLOW and a.confidence >= LIKELY for a in verdict.alternatives)
        if not certain and not possible:
            return
        called, start = connection.responder, connection.start
        listener = entry(
            self._listeners,
            called.host_port,
            MAX_ENDPOINTS,
            lambda: _Listener(address=called.ip, port=called.port),
        )
        if listener is not None:
            listener.certain += certain
            listener.add(connection.stream, verdict.frames[:1], start, start)

    def findings(self, fleet: Fleet) -> list[Finding]:
        """Return a finding for each listener that several connections stalled at."""
        came_up = {(one.address, one.port): one.established for one in fleet.endpoints}
        full = [
            (endpoint, one)
            for endpoint, one in self._listeners.items()
            if one.certain and one.count >= FEWEST
        ]
        full.sort(key=lambda item: -item[1].count)
        return [_finding(name, one, came_up.get((one.address, one.port), 0)) for name, one in full]


def _finding(endpoint: str, listener: _Listener, came_up: int) -> Finding:
    return Finding(
        code="tcp.listen_backlog",
        severity="failure",
        title=f"the accept queue of {endpoint} is full",
        detail=(
            f"{counted(listener.count, 'connection')} stalled in the handshake, the listener did "
            f"not take them; {came_up:,} came up"
        ),
        explanation=(
            "The kernel finishes handshakes and queues them for the program. When the queue is "
            "full, because the program accepts too slowly or the queue is short, it ignores the "
            "last ACK (or, with tcp_abort_on_overflow, resets)."
        ),
        streams=listener.streams,
        frames=listener.frames,
        addresses=[listener.address],
        endpoint=endpoint,
        first=listener.first,
        last=listener.last,
        count=listener.count,
        numbers={"stalled": listener.count, "established": came_up},
        fixes=[
            "is the program stuck, or too slow to accept? threads, CPU, a pause of its collector",
            "lengthen the queue: net.core.somaxconn and the program's backlog (NGINX listen "
            "backlog=, Envoy tcp_backlog_size, Java and Node server backlog)",
        ],
        commands=[
            f"ss -ltn 'sport = :{listener.port}'  # on {listener.address}: Recv-Q over Send-Q",
            f"nstat -az TcpExtListenOverflows TcpExtListenDrops  # on {listener.address}",
        ],
    )
