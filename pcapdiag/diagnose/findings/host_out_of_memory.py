"""host.out_of_memory: The kernel killed a process of the host for want of memory.

What happened
    The host, or the control group of the program (a container's limit), had no memory left, and the
    kernel killed a process. Its connections are reset or vanish, and its port refuses until it is
    started again.

How pcapdiag can tell
    Two readings of the host's counters with a kill between them, while connections to the host were
    refused or reset.

Usual causes
    - A container's memory limit that is lower than what the program needs under load.
    - A leak.
    - Other programs of the same host.

Fixes
    - First: whose kill was it? `dmesg | grep -i 'killed process'`, and the pod's last state.
    - Application: heap limits below the container's limit (`-XX:MaxRAMPercentage`,
      `--max-old-space-size`).
    - Envoy: overload manager, `per_connection_buffer_limit_bytes`.
    - Kubernetes: `resources.limits.memory` and requests; `kubectl describe pod`: OOMKilled.
    - Linux: swap, `MemoryMax=` of the unit.

Can be confused with
    - endpoint.down: what it looks like from outside.
    - tcp.state_lost: a restart for another reason.

What would settle it
    - `journalctl -k -g 'oom|killed process'` on the host.

References
    - Linux Documentation/admin-guide/cgroup-v2.rst, memory.events; /proc/vmstat oom_kill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapdiag.diagnose.findings.host_failures import RESETS, Failure, host_finding
from pcapdiag.diagnose.findings.host_listen import listeners_at
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.units import counted

CODES = RESETS | frozenset(
    {"tcp.connection_refused", "tcp.closed_before_response", "http.truncated_response"}
)


def killed(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding where the kernel killed while connections to the host broke."""
    kills = state.counters.memory.get("oom_kill", 0)
    failed = [one for one in failures if one.responder in state.own and one.is_of(CODES)]
    if not kills or not failed or not state.within:
        return
    groups = {
        process.group
        for one in failed
        for listener in listeners_at(state, one.responder, one.port)
        for process in state.snapshot.processes
        if process.pid in listener.pids
    }
    own = [name for name in groups if state.counters.groups.get(name, {}).get("oom_kill")]
    where = f", in the control group of its port ({own[0]})" if own else ""
    yield host_finding(
        state,
        failed,
        code="host.out_of_memory",
        severity=state.severity(strong=bool(own)),
        title=f"the kernel of {state.name} killed for want of memory",
        detail=(
            f"{counted(kills, 'kill')} {state.over}{where}; "
            f"{counted(len(failed), 'connection')} to {state.name} were refused or broken"
        ),
        explanation=(
            "A process that the kernel kills leaves its connections to the kernel, which resets "
            "them; its port refuses until it is started again."
        ),
        numbers={"killed": kills},
        fixes=[
            "the container's memory limit, or the program's heap below it",
            "whose kill was it, and what grew before?",
        ],
        commands=[f"journalctl -k -g 'oom|killed process'  # on {state.name}"],
    )
