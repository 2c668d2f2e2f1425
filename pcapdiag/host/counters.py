"""What the kernel counted: read twice, the difference says what happened meanwhile."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial

from pcapdiag.host.groups import group_counters
from pcapdiag.host.kernel import Reading, keyed_numbers, reason_of, text_of
from pcapdiag.host.links import interface_counters, queue_counters
from pcapdiag.host.sockets import listener_drops
from pcapdiag.model.snapshot import Counters, Firewall
from pcapdiag.model.units import format_seconds

_KEPT = ("Tcp", "TcpExt", "Ip", "IpExt", "Icmp", "Udp")
_KEPT_6 = ("Ip6In", "Ip6Out", "Ip6Frag", "Ip6Reasm", "Icmp6In", "Icmp6Out", "Udp6")
_GAUGES = frozenset({"TcpCurrEstab", "TcpRtoMin", "TcpRtoMax", "TcpRtoAlgorithm", "IpForwarding"})
_CONNTRACK = frozenset(
    {"found", "invalid", "insert_failed", "drop", "early_drop", "clashres", "icmp_error"}
)
MAX_COUNTERS = 2_000
_SNMP6 = "/proc/net/snmp6"


def read_counters(reading: Reading, firewall: Firewall, counts: dict[str, int]) -> Counters:
    """Return all counters now; ``counts`` are those of the firewall's rules, by their ids."""
    attempt = reading.attempt
    return Counters(
        time=format_seconds(time.time_ns()),
        kernel=_kernel_counters(reading),
        conntrack=_conntrack_counters(reading),
        softnet=attempt("receive queues of the processors", _softnet, {}),
        interfaces=attempt("counters of interfaces", interface_counters, {}),
        qdiscs=attempt("drops of queues (qdisc)", queue_counters, {}),
        listeners=attempt("drops of each listener", listener_drops, {}),
        rules={rule.id: counts.get(rule.id, 0) for rule in firewall.rules if rule.counted},
        memory=attempt("killed processes", _memory, {}),
    )


def with_groups(counters: Counters, groups: Iterable[str]) -> Counters:
    """Add the counters of control groups to a reading."""
    counters.groups = group_counters(groups)
    return counters


def _kernel_counters(reading: Reading) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in ("/proc/net/snmp", "/proc/net/netstat"):
        found |= paired(reading.attempt(path, partial(text_of, path), ""))
    numbers = keyed_numbers(reading.attempt(_SNMP6, partial(text_of, _SNMP6), ""))
    found |= {name: value for name, value in numbers.items() if name.startswith(_KEPT_6)}
    kept = {name: value for name, value in found.items() if value and name not in _GAUGES}
    return dict(list(kept.items())[:MAX_COUNTERS])


def paired(text: str) -> dict[str, int]:
    """Read /proc/net/snmp or netstat: a line of names, then one of values, under one heading."""
    found: dict[str, int] = {}
    lines = text.splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        heading, _, rest = names.partition(":")
        if heading not in _KEPT or not values.startswith(heading + ":"):
            continue
        for name, value in zip(rest.split(), values.partition(":")[2].split(), strict=False):
            if value.isdecimal():
                found[heading + name] = int(value)
    return found


def _conntrack_counters(reading: Reading) -> dict[str, int]:
    """Return the sums over the processors; empty where connections are not tracked."""
    try:
        lines = text_of("/proc/net/stat/nf_conntrack").splitlines()
    except OSError as error:
        if os.path.exists("/proc/sys/net/netfilter/nf_conntrack_count"):
            reading.missing("drops of connection tracking", reason_of(error), "conntrack -S")
        return {}
    names = lines[0].split() if lines else []
    sums: Counter[str] = Counter()
    for line in lines[1:]:
        for name, value in zip(names, line.split(), strict=False):
            if name in _CONNTRACK:
                sums[name] += int(value, 16)
    return {name: value for name, value in sums.items() if value}


def _softnet() -> dict[str, int]:
    """Return drops and squeezes over all processors (kernel net/core/net-procfs.c)."""
    rows = [line.split() for line in text_of("/proc/net/softnet_stat").splitlines()]
    sums = {
        "dropped": sum(int(row[1], 16) for row in rows if len(row) > 2),
        "squeezed": sum(int(row[2], 16) for row in rows if len(row) > 2),
    }
    return {name: value for name, value in sums.items() if value}


def _memory() -> dict[str, int]:
    killed = keyed_numbers(text_of("/proc/vmstat")).get("oom_kill", 0)
    return {"oom_kill": killed} if killed else {}


def grown(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return by how much each counter grew; one that is smaller now began anew."""
    differences = {
        name: value - before.get(name, 0) if value >= before.get(name, 0) else value
        for name, value in after.items()
    }
    return {name: value for name, value in differences.items() if value}


def growth(before: Counters, after: Counters) -> Counters:
    """Return what was counted between two readings."""
    return Counters(
        time=after.time,
        kernel=grown(before.kernel, after.kernel),
        conntrack=grown(before.conntrack, after.conntrack),
        softnet=grown(before.softnet, after.softnet),
        interfaces=_grown_each(before.interfaces, after.interfaces),
        qdiscs=_grown_each(before.qdiscs, after.qdiscs),
        listeners=grown(before.listeners, after.listeners),
        rules=grown(before.rules, after.rules),
        memory=grown(before.memory, after.memory),
        groups=_grown_each(before.groups, after.groups),
    )


def _grown_each(
    before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]
) -> dict[str, dict[str, int]]:
    differences = {name: grown(before.get(name, {}), now) for name, now in after.items()}
    return {name: one for name, one in differences.items() if one}
