"""Settings of the kernel that decide whether connections fail, and how soon (sysctl)."""

from __future__ import annotations

import os

from pcapdiag.host.kernel import Reading, line_of, number_of
from pcapdiag.model.snapshot import Conntrack, Ports

SYSCTL = "/proc/sys/"
MAX_VALUE = 300
"""Characters of one value."""
MAX_RESERVED = 1_000
_TCP = (
    "abort_on_overflow", "adv_win_scale", "autocorking", "base_mss", "challenge_ack_limit",
    "congestion_control", "early_retrans", "ecn", "fastopen", "fin_timeout", "frto",
    "keepalive_intvl", "keepalive_probes", "keepalive_time", "l3mdev_accept",
    "limit_output_bytes", "max_orphans", "max_syn_backlog", "max_tw_buckets", "mem",
    "migrate_req", "min_snd_mss", "moderate_rcvbuf", "mtu_probing", "mtu_probe_floor",
    "notsent_lowat", "orphan_retries", "retries1", "retries2", "rfc1337", "rmem",
    "rto_max_ms", "rto_min_us", "sack", "shrink_window", "slow_start_after_idle",
    "syn_linear_timeouts", "syn_retries", "synack_retries", "syncookies", "timestamps",
    "tw_reuse", "tw_recycle", "tw_reuse_delay", "window_scaling", "wmem",
)  # fmt: skip
_OTHERS = (
    "net.ipv4.ip_forward", "net.ipv4.ip_default_ttl", "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_no_pmtu_disc", "net.ipv4.ip_nonlocal_bind", "net.ipv4.icmp_ratelimit",
    "net.ipv4.icmp_msgs_per_sec", "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter", "net.ipv4.conf.all.arp_ignore",
    "net.ipv4.conf.all.arp_filter", "net.ipv4.conf.all.route_localnet",
    "net.ipv6.bindv6only", "net.ipv6.conf.all.disable_ipv6", "net.ipv6.conf.all.forwarding",
    "net.core.somaxconn", "net.core.netdev_max_backlog", "net.core.netdev_budget",
    "net.core.rmem_max", "net.core.rmem_default", "net.core.wmem_max",
    "net.core.default_qdisc", "fs.file-max", "fs.nr_open", "vm.overcommit_memory",
)  # fmt: skip
_TIMEOUTS = (
    "tcp_timeout_syn_sent", "tcp_timeout_syn_recv", "tcp_timeout_established",
    "tcp_timeout_fin_wait", "tcp_timeout_close_wait", "tcp_timeout_last_ack",
    "tcp_timeout_time_wait", "tcp_timeout_close", "tcp_timeout_max_retrans",
    "tcp_timeout_unacknowledged", "udp_timeout", "udp_timeout_stream", "icmp_timeout",
    "generic_timeout",
)  # fmt: skip
_CONNTRACK = SYSCTL + "net/netfilter/nf_conntrack_"


def read_settings() -> dict[str, str]:
    """Return the settings by name; one that this kernel does not have is not there."""
    names = [*(f"net.ipv4.tcp_{name}" for name in _TCP), *_OTHERS, *_reverse_path()]
    found = {}
    for name in names:
        value = line_of(_path_of(name))
        if value is not None:
            found[name] = " ".join(value.split())[:MAX_VALUE]
    return found


def _path_of(name: str) -> str:
    head, dot, interface = name.partition("net.ipv4.conf.")
    if not dot or head:
        return SYSCTL + name.replace(".", "/")
    # The name of an interface may have a dot of its own, as eth0.100.
    device, _, setting = interface.rpartition(".")
    return f"{SYSCTL}net/ipv4/conf/{device}/{setting}"


def _reverse_path() -> list[str]:
    """Return the names of the interfaces' own reverse path filters, where one is set."""
    try:
        interfaces = sorted(os.listdir(SYSCTL + "net/ipv4/conf"))
    except OSError:
        return []
    names = [f"net.ipv4.conf.{one}.rp_filter" for one in interfaces[:MAX_RESERVED]]
    return [name for name in names if number_of(_path_of(name))]


def read_ports() -> Ports:
    """Return the range that connect() takes its ports from."""
    words = (line_of(SYSCTL + "net/ipv4/ip_local_port_range") or "").split()
    reserved = line_of(SYSCTL + "net/ipv4/ip_local_reserved_ports") or ""
    ports = Ports(reserved=[one for one in reserved.split(",") if one][:MAX_RESERVED])
    if len(words) == 2 and all(word.isdecimal() for word in words):
        ports.first, ports.last = int(words[0]), int(words[1])
    return ports


def read_conntrack(reading: Reading) -> Conntrack | None:
    """Return how full the connection table is; None where the kernel keeps none."""
    count = number_of(_CONNTRACK + "count")
    if count is None:
        if os.path.exists("/proc/sys/net/netfilter"):
            return None
        reading.missing(
            "connection tracking", "/proc/sys/net/netfilter is not there", "on the node itself"
        )
        return None
    loose = number_of(_CONNTRACK + "tcp_loose")
    return Conntrack(
        count=count,
        max=number_of(_CONNTRACK + "max"),
        buckets=number_of(_CONNTRACK + "buckets"),
        timeouts={
            name: value for name in _TIMEOUTS if (value := number_of(_CONNTRACK + name)) is not None
        },
        loose=None if loose is None else bool(loose),
    )
