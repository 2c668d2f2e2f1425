"""host.not_accepting: Connections wait in the accept queue: the program does not take them.

What happened
    The host finished the handshakes and took the requests; the program that listens did not accept
    the connections. To the client that looks like a server that never answers.

How pcapdiag can tell
    A snapshot of the host (pcapdiag snapshot) shows connections in the accept queue of the very
    port at which requests of the capture were not answered.

Usual causes
    - The program hangs: a lock, a long pause of its collector, all workers busy.
    - It stopped accepting on purpose: its limit of connections is reached.
    - It has no file descriptor left (host.open_files).

Fixes
    - First: what does the accepting thread do? A stack dump of the process says it.
    - Application: more workers, or no blocking work in the thread that accepts.
    - Envoy: `--concurrency`; overload manager and `downstream_cx_overflow`.
    - NGINX: `worker_connections`, `worker_processes`.
    - HAProxy: `maxconn`: above it connections wait in the queue of the kernel.

Can be confused with
    - tcp.response_timeout: the program took the request and works on it.
    - tcp.listen_backlog: the queue is full, and further connections are dropped.

What would settle it
    - On the host: `ss -ltnp` twice: does Recv-Q of the port go down?

References
    - listen(2), accept(2); Linux inet_csk_accept(), sk_acceptq_is_full().
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pcapdiag.diagnose.findings.host_failures import Failure, host_finding
from pcapdiag.model.ends import join_port
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.snapshot import Listener
from pcapdiag.model.units import counted

STALLED = frozenset(
    {"tcp.accept_queue_overflow", "tcp.handshake_stalled", "tcp.connection_timeout"}
)
UNANSWERED = frozenset(
    {
        "tcp.response_timeout", "tcp.initiator_abort", "tls.handshake_timeout",
        "tcp.data_timeout",
    }
)  # fmt: skip
ABORTED = frozenset({"tcp.accept_queue_overflow", "tcp.reset_before_request"})
"""How an overflow shows with tcp_abort_on_overflow."""
OVERFLOWS = "TcpExtListenOverflows"


class _Counts(NamedTuple):
    """What the host counted: at these listeners, in all, and in all since the capture's end."""

    drops: int
    overflows: int
    later: int


def full_queues(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each listener of the host whose queue was full while others stalled."""
    aborts = state.snapshot.settings.get("net.ipv4.tcp_abort_on_overflow") == "1"
    codes = STALLED | ABORTED if aborts else STALLED
    for (address, port), stalled in _by_listener(state, failures, codes).items():
        listeners = listeners_at(state, address, port)
        if not listeners:
            continue
        is_full = state.fresh and any(one.is_full for one in listeners)
        counts = _Counts(
            drops=sum(state.counters.listeners.get(one.host_port, 0) for one in listeners),
            overflows=state.counters.kernel.get(OVERFLOWS, 0),
            later=state.after.kernel.get(OVERFLOWS, 0) if state.after else 0,
        )
        # A listener also drops what it has no route back for, or no memory.
        if is_full or (counts.drops and counts.overflows):
            yield _full(state, stalled, listeners, counts, is_full)


def waiting(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each listener whose program leaves connections in the queue."""
    if not state.fresh:
        return
    for (address, port), failed in _by_listener(state, failures, UNANSWERED).items():
        listeners = listeners_at(state, address, port)
        queue = sum(one.queue for one in listeners)
        if not queue:
            continue
        owner = owners(state, listeners)
        yield host_finding(
            state,
            failed,
            code="host.not_accepting",
            severity=state.severity(strong=True),
            title=f"{owner} does not accept connections at {join_port(address, port)}",
            detail=(
                f"{counted(queue, 'connection')} in the accept queue of {_name(listeners)} on "
                f"{state.name} while {counted(len(failed), 'connection')} got no answer"
            ),
            explanation=(
                "The kernel finishes handshakes and takes what clients send, before the program "
                "knows of the connection. It stays in the queue until the program accepts it."
            ),
            endpoint=join_port(address, port),
            addresses=[address],
            numbers={"queue": queue, "failed": len(failed)},
            fixes=[
                f"what does {owner} do? a stack dump (py-spy dump, jstack, gdb -p), its CPU, its "
                "collector's pauses, its limit of connections",
                "more workers, or no blocking work in the thread that accepts",
            ],
            commands=[f"ss -ltnp 'sport = :{port}'  # on {address}, twice: does Recv-Q go down?"],
        )


def _by_listener(
    state: HostState, failures: Sequence[Failure], codes: frozenset[str]
) -> dict[tuple[str, int], list[Failure]]:
    found: defaultdict[tuple[str, int], list[Failure]] = defaultdict(list)
    for one in failures:
        if one.responder in state.own and one.is_of(codes):
            found[one.responder, one.port].append(one)
    return found


def listeners_at(state: HostState, address: str, port: int) -> list[Listener]:
    """Return the listeners that take connections to an address and port."""
    any_address = {"0.0.0.0", "::"} if "." in address else {"::"}
    found = []
    for one in state.snapshot.sockets.listeners:
        if one.port != port or one.address not in {address, *any_address}:
            continue
        if not (one.address == "::" and one.only_v6 and "." in address):
            found.append(one)
    return found


def owners(state: HostState, listeners: Sequence[Listener]) -> str:
    """Return the names of the processes that own listeners."""
    pids = {pid for one in listeners for pid in one.pids}
    names = dict.fromkeys(one.name for one in state.snapshot.processes if one.pid in pids)
    return ", ".join(names) or "the program"


def _name(listeners: Sequence[Listener]) -> str:
    return listeners[0].host_port


def _full(
    state: HostState,
    stalled: list[Failure],
    listeners: list[Listener],
    counts: _Counts,
    is_full: bool,
) -> Finding:
    endpoint, listener = stalled[0].endpoint, listeners[0]
    seen = [*_counted(state, counts), *_queue(state, listener, is_full)]
    seen.append(f"{counted(len(stalled), 'connection')} of the capture stalled meanwhile")
    return host_finding(
        state,
        stalled,
        code="tcp.listen_backlog",
        severity=state.severity(strong=is_full or state.within or counts.later > 0),
        title=f"the accept queue of {endpoint} is full",
        detail="; ".join(seen),
        explanation=(
            "The kernel finishes handshakes and queues them for the program. When the queue is "
            "full, because the program accepts too slowly or the queue is short, it ignores the "
            "last ACK and further SYNs (or, with tcp_abort_on_overflow, resets)."
        ),
        endpoint=endpoint,
        addresses=[stalled[0].responder],
        numbers={
            "listen_drops": counts.drops,
            "listen_overflows": counts.overflows,
            "queue": listener.queue,
            "limit": -1 if listener.limit is None else listener.limit,
        },
        fixes=[
            f"is {owners(state, listeners)} stuck, or too slow to accept? threads, CPU, a pause of "
            "its collector",
            "lengthen the queue: net.core.somaxconn and the program's backlog (NGINX listen "
            "backlog=, Envoy tcp_backlog_size, Java and Node server backlog)",
        ],
        commands=[
            f"ss -ltn 'sport = :{stalled[0].port}'  # on {stalled[0].responder}: Recv-Q over Send-Q"
        ],
    )


def _counted(state: HostState, counts: _Counts) -> Iterator[str]:
    if counts.overflows:
        yield f"{counted(counts.overflows, 'listen overflow')} of {state.name} {state.over}"
    if counts.later:
        yield f"{counts.later:,} more {state.after_over}"
    if counts.drops:
        yield f"this listener dropped {counted(counts.drops, 'packet')}"


def _queue(state: HostState, listener: Listener, is_full: bool) -> Iterator[str]:
    queue, limit = listener.queue, listener.limit
    if is_full:
        yield f"its accept queue is full: {queue} of {limit} wait"
    elif limit is not None:
        yield f"its accept queue holds {limit}, {queue} wait"
    if limit is not None and str(limit) == state.snapshot.settings.get("net.core.somaxconn"):
        yield "that limit is net.core.somaxconn: the program may have asked for more"
