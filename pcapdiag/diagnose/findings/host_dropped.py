"""host.dropped: The host's kernel or an interface of it dropped packets meanwhile.

What happened
    Packets reached the host, or were on their way out, and were dropped there: by the reverse path
    filter, for an old timestamp, for want of memory or room in a queue, or by a network card.

How pcapdiag can tell
    Two readings of the host's counters (pcapdiag snapshot `--during`, or two snapshots) with a
    counter between them that grew and that makes packets vanish, while the capture shows packets
    of that host that were not answered, or lost.

Usual causes
    - rp_filter with a way back that differs: several interfaces, policy routing, a VPN.
    - A shaped or full queue of an interface (tbf, a cloud's limit, a burst).
    - A receive ring or a processor that does not keep up.
    - Receive buffers that are full: the program does not read.

Fixes
    - First: which counter, and does it grow still? `nstat` and `ip -s -s link` twice.
    - Linux: `net.ipv4.conf.all.rp_filter=2` (loose) where ways are asymmetric; `ethtool -G` for
      longer rings; `net.core.netdev_max_backlog`; `tcp_mem` and `tcp_rmem`.
    - Network: the queue's rate, or less traffic.
    - Cloud: the instance's own limits (AWS ENA `bw_in_allowance_exceeded`,
      `pps_allowance_exceeded`).

Can be confused with
    - path.loss: lost somewhere; the host did not count it.
    - host.firewall: a rule dropped them.
    - host.conntrack_full: the connection table did.

What would settle it
    - `perf trace -e skb:kfree_skb`, or `dropwatch`: where in the kernel packets are dropped.

References
    - Linux Documentation/networking/snmp_counter.rst, ip-sysctl.rst (rp_filter), statistics.rst.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from pcapdiag.diagnose.findings.host_failures import RESETS, SILENCE, Failure, host_finding
from pcapdiag.model.fleet import Fleet
from pcapdiag.model.host_state import HostState
from pcapdiag.model.report import Finding
from pcapdiag.model.units import counted


class _Counter(msgspec.Struct, frozen=True):
    """A counter of the kernel, who drops by it, and which failures that makes."""

    name: str
    who: str
    codes: frozenset[str]
    why: str = ""


COUNTERS = (
    _Counter(
        "TcpExtIPReversePathFilter",
        "the reverse path filter (rp_filter)",
        SILENCE,
        "the way back to the sender goes by another interface",
    ),
    _Counter(
        "TcpExtPAWSActive",
        "the check of timestamps (PAWS)",
        SILENCE,
        "a timestamp was older than one before: a NAT in front of several clients, a restart",
    ),
    _Counter("TcpExtPAWSTimewait", "the check of timestamps (PAWS)", SILENCE),
    _Counter(
        "TcpExtTCPReqQFullDrop",
        "the full queue of handshakes",
        SILENCE,
        "tcp_max_syn_backlog is reached, and SYN cookies are off",
    ),
    _Counter("TcpExtTCPBacklogDrop", "a socket's full backlog", SILENCE),
    _Counter("TcpExtTCPRcvQDrop", "a full receive buffer", SILENCE),
    _Counter("TcpExtPFMemallocDrop", "the want of memory", SILENCE),
    _Counter(
        "TcpExtTCPAbortOnMemory",
        "the want of memory for sockets",
        RESETS,
        "tcp_mem or tcp_max_orphans is reached, and connections are reset",
    ),
)
LOSSES = (
    "rx_errors", "tx_errors", "tx_dropped", "rx_over_errors", "rx_crc_errors", "rx_fifo_errors",
    "rx_missed_errors",
)  # fmt: skip
"""Of an interface; rx_dropped counts packets of unknown protocols, too."""
FEWEST_LOST = 3
"""Segments that the capture shows as lost at the host."""


def kernel_drops(state: HostState, failures: Sequence[Failure], _: Fleet) -> Iterator[Finding]:
    """Yield a finding for each counter that grew and explains failures."""
    if not state.within:
        return
    mine = [one for one in failures if _is_there(state, one)]
    for counter in COUNTERS:
        value = state.counters.kernel.get(counter.name, 0)
        failed = [one for one in mine if one.is_of(counter.codes)]
        if value and failed:
            yield _finding(
                state,
                failed,
                f"{counter.who} of {state.name} drops packets",
                f"{counter.name} grew by {value:,} {state.over}"
                + (f": {counter.why}" if counter.why else "")
                + f"; {counted(len(failed), 'connection')} of the capture failed there meanwhile",
                {counter.name: value},
                f"nstat -az {counter.name}  # on {state.name}, twice",
            )


def interface_drops(
    state: HostState, failures: Sequence[Failure], fleet: Fleet
) -> Iterator[Finding]:
    """Yield a finding where interfaces or queues dropped while packets of the host were lost."""
    if not state.within:
        return
    failed = [one for one in failures if _is_there(state, one) and one.is_of(SILENCE)]
    known = [one for one in fleet.losses if one.address in state.own]
    lost = sum(one.sent_lost + one.taken_lost for one in known)
    drops = dict(_drops(state))
    if not drops or not (failed or lost >= FEWEST_LOST):
        return
    words = ", ".join(f"{name} {value:,}" for name, value in list(drops.items())[:5])
    found = _finding(
        state,
        failed,
        f"interfaces of {state.name} drop packets",
        f"{words} {state.over}, while the capture shows {counted(lost, 'lost segment')} and "
        f"{counted(len(failed), 'connection')} without an answer",
        {"dropped": sum(drops.values()), "lost_segments": lost},
        f"ip -s -s link; tc -s qdisc; cat /proc/net/softnet_stat  # on {state.name}, twice",
    )
    if not failed and state.near:
        found.severity = "warning"
        found.streams = sorted({stream for one in known for stream in one.streams})[:100]
    yield found


def _drops(state: HostState) -> Iterator[tuple[str, int]]:
    for name, counted_there in state.counters.qdiscs.items():
        if counted_there.get("drops"):
            yield f"queue {name} drops", counted_there["drops"]
    for name, values in state.counters.interfaces.items():
        for key in LOSSES:
            # A queue's drops are in tx_dropped of its interface, too.
            if values.get(key) and not (key == "tx_dropped" and _has_queue(state, name)):
                yield f"{name} {key}", values[key]
    if state.counters.softnet.get("dropped"):
        yield "dropped before any processor took them", state.counters.softnet["dropped"]


def _has_queue(state: HostState, interface: str) -> bool:
    return any(name.split(" ")[0] == interface for name in state.counters.qdiscs)


def _is_there(state: HostState, one: Failure) -> bool:
    return state.on_path or one.responder in state.own or one.initiator in state.own


def _finding(
    state: HostState,
    failed: list[Failure],
    title: str,
    detail: str,
    numbers: dict[str, float],
    command: str,
) -> Finding:
    return host_finding(
        state,
        failed,
        code="host.dropped",
        severity=state.severity(strong=False),
        title=title,
        detail=detail,
        explanation=(
            "Packets that the host drops itself are seen by a capture on the host where they came "
            "in, and not where they were to go out; to the other end both look like loss."
        ),
        numbers=numbers,
        fixes=[
            "rp_filter: 2 (loose) where the way back goes by another interface",
            "queues and rings: longer ones (txqueuelen, ethtool -G), a higher rate, less traffic",
            "memory and buffers: net.ipv4.tcp_mem, tcp_rmem, net.core.netdev_max_backlog",
        ],
        commands=[command],
    )
