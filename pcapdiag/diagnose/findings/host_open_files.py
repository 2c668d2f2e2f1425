"""host.open_files: The program that listens has no file descriptor left.

What happened
    Every connection is an open file. A process at its limit cannot accept another one, nor open one
    to an upstream: accept() and connect() fail with EMFILE, and connections wait in the queue.

How pcapdiag can tell
    A snapshot of the host shows a process at its limit of open files that owns the port at which
    connections of the capture were not taken or not answered.

Usual causes
    - A limit of 1,024, the usual one of a shell or a container without a setting.
    - Connections or files that the program never closes.
    - More clients than it was made for.

Fixes
    - First: does the number go down again, or does it only grow? `ls /proc/PID/fd | wc -l`.
    - Application: close what is done; a limit on connections below the limit of files.
    - Envoy: started with a higher limit; overload manager `downstream_connections`.
    - NGINX: `worker_rlimit_nofile`, twice `worker_connections`.
    - HAProxy: `maxconn` follows the limit; `ulimit-n`.
    - Kubernetes: the container runtime's limit (containerd `LimitNOFILE`).
    - Linux: systemd `LimitNOFILE=`, `ulimit -n`, `prlimit --pid PID --nofile=65536` at once;
      `fs.file-max` for all.

Can be confused with
    - host.not_accepting: the program has room, and does not take them.
    - tcp.listen_backlog: what comes next: its queue is full.
    - tcp.response_timeout: what a client sees of it.

What would settle it
    - The program's log: "Too many open files", errno 24.

References
    - accept(2), getrlimit(2) RLIMIT_NOFILE.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import RESETS, SILENCE, Failure, host_finding, share
from pcapdiag.diagnose.findings.host_listen import listeners_at
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.snapshot import Process
from pcapdiag.model.units import counted

NEARLY = 0.95
"""Share of the limit from which its use may have been at it."""
CODES = (SILENCE | RESETS | frozenset({
    "tcp.response_timeout", "tcp.initiator_abort", "tcp.closed_before_request",
    "tcp.closed_before_response", "http.local_reply", "tls.handshake_closed",
})) - {"mtu.black_hole"}  # fmt: skip


def at_limit(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each process at its limit whose port failed."""
    if not state.near:
        return
    for process in state.snapshot.processes:
        used, limit = process.open_files, process.open_files_limit
        if used is None or not limit or used < NEARLY * limit:
            continue
        failed = [one for one in failures if one.is_of(CODES) and _owns(state, process, one)]
        if failed:
            yield _finding(state, process, failed, used, limit)


def _owns(state: HostState, process: Process, one: Failure) -> bool:
    if one.responder not in state.own:
        return False
    return any(process.pid in known.pids for known in listeners_at(state, one.responder, one.port))


def _finding(
    state: HostState, process: Process, failed: list[Failure], used: int, limit: int
) -> Finding:
    endpoints = sorted({one.endpoint for one in failed})
    return host_finding(
        state,
        failed,
        code="host.open_files",
        severity=state.severity(strong=used >= limit and state.fresh),
        title=f"{process.name} on {state.name} has {used:,} of {limit:,} open files",
        detail=(
            f"process {process.pid} ({process.name}) listens at {', '.join(endpoints[:3])} and has "
            f"{used:,} files open, its limit is {limit:,}; {counted(len(failed), 'connection')} to "
            "it failed"
        ),
        explanation=(
            "Every connection is an open file. At its limit a process cannot accept another one "
            "(EMFILE): finished handshakes wait in the queue, and then stall."
        ),
        endpoint=endpoints[0],
        numbers={"open_files": used, "limit": limit, "share": share(used, limit)},
        fixes=[
            f"raise the limit: prlimit --pid {process.pid} --nofile=65536 at once; systemd "
            "LimitNOFILE=, NGINX worker_rlimit_nofile, ulimit -n where it is started",
            "does it leak? its open files by kind, twice: does the number only grow?",
        ],
        commands=[
            f"ls -l /proc/{process.pid}/fd | awk '{{print $NF}}' | sed 's/[0-9]//g' | sort | "
            f"uniq -c | sort -n  # on {state.name}"
        ],
    )
