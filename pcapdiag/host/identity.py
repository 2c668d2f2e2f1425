"""Which host this is, how loaded it is, how it looks up names, and how good its clock is."""

from __future__ import annotations

import ctypes
import os

from pcapdiag.host.kernel import Reading, keyed_numbers, line_of, text_of
from pcapdiag.model.snapshot import Clock, Dns, HostIdentity, Limits, Pressure

MAX_SERVERS = 20
_ONLY_FIRST = "/proc/sys/net/core/netdev_max_backlog"
"""A setting that the host's first network namespace alone has (kernel net/core/sysctl_net_core.c).
"""
_UNSYNCHRONIZED = 0x40
"""STA_UNSYNC of timex.h."""
_NANOSECONDS = 0x2000
"""STA_NANO: the offset is in nanoseconds."""
_NOT_SYNCHRONIZED = 5
"""TIME_ERROR."""


class _Timex(ctypes.Structure):
    """adjtimex(2): the members up to ``tai``, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
        ("room", ctypes.c_long * 32),
    )  # fmt: skip


def read_identity() -> HostIdentity:
    """Return the host's name, kernel, boot and namespace; what is not told stays empty."""
    system = os.uname()
    uptime = (line_of("/proc/uptime") or "0").split()
    try:
        namespace = os.stat("/proc/self/ns/net").st_ino
    except OSError:
        namespace = 0
    return HostIdentity(
        name=system.nodename,
        kernel=system.release,
        machine=system.machine,
        boot_id=line_of("/proc/sys/kernel/random/boot_id") or "",
        uptime=float(uptime[0]) if uptime else 0.0,
        network_namespace=namespace,
        processors=os.cpu_count() or 0,
        hints=_hints(),
    )


def _hints() -> list[str]:
    hints = []
    if os.path.exists("/.dockerenv"):
        hints.append("a Docker container (/.dockerenv)")
    if os.path.exists("/run/.containerenv"):
        hints.append("a Podman container (/run/.containerenv)")
    if os.path.exists("/var/run/secrets/kubernetes.io"):
        hints.append("a Kubernetes pod (/var/run/secrets/kubernetes.io)")
    if not os.path.exists(_ONLY_FIRST):
        hints.append("a network namespace of its own")
    return hints


def read_limits(reading: Reading) -> Limits:
    """Return what the whole host has and uses."""
    limits = Limits()
    words = (line_of("/proc/sys/fs/file-nr") or "").split()
    if len(words) == 3 and all(word.isdecimal() for word in words):
        limits.files, limits.files_max = int(words[0]) - int(words[1]), int(words[2])
    memory = keyed_numbers(reading.attempt("memory", lambda: text_of("/proc/meminfo"), ""))
    if "MemTotal" in memory:
        limits.memory_total = memory["MemTotal"] * 1024
        limits.memory_available = memory.get("MemAvailable", memory.get("MemFree", 0)) * 1024
    load = (line_of("/proc/loadavg") or "").split()[:3]
    limits.load = [float(one) for one in load]
    for name in ("cpu", "memory", "io"):
        pressure = _pressure(line_of(f"/proc/pressure/{name}") or "")
        if pressure is not None:
            limits.pressure[name] = pressure
    return limits


def _pressure(line: str) -> Pressure | None:
    """Read ``some avg10=0.00 avg60=0.00 avg300=0.00 total=0``."""
    values = dict(word.split("=", 1) for word in line.split() if "=" in word)
    try:
        return Pressure(ten=float(values["avg10"]), five_minutes=float(values["avg300"]))
    except (KeyError, ValueError):
        return None


def read_dns(reading: Reading) -> Dns:
    """Return how names are looked up: resolv.conf(5) and nsswitch.conf(5)."""
    text = reading.attempt("/etc/resolv.conf", lambda: text_of("/etc/resolv.conf"), "")
    dns = _resolver(text)
    try:
        behind = _resolver(text_of("/run/systemd/resolve/resolv.conf")).servers
    except OSError:
        behind = []
    dns.behind = [server for server in behind if server not in dns.servers]
    try:
        lines = text_of("/etc/nsswitch.conf").splitlines()
    except OSError:
        lines = []
    hosts = [line.partition(":")[2] for line in lines if line.startswith("hosts:")]
    dns.hosts = " ".join(hosts[0].partition("#")[0].split()) if hosts else ""
    return dns


def _resolver(text: str) -> Dns:
    dns = Dns()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and len(dns.servers) < MAX_SERVERS:
            dns.servers.append(words[1])
        elif words[0] in ("search", "domain"):
            dns.search = words[1 : MAX_SERVERS + 1]
        elif words[0] == "options":
            dns.options += words[1 : MAX_SERVERS + 1]
    return dns


def read_clock() -> Clock:
    """Return what the kernel knows of its clock; nothing is set."""
    clock = Clock(
        source=line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource") or ""
    )
    asked = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    except (OSError, AttributeError):
        return clock
    if state >= 0:
        clock.synchronized = state != _NOT_SYNCHRONIZED and not asked.status & _UNSYNCHRONIZED
        clock.offset = asked.offset / (1e9 if asked.status & _NANOSECONDS else 1e6)
        clock.error = asked.maxerror / 1e6
    return clock


def tcp_memory() -> tuple[int | None, int | None]:
    """Return orphaned sockets, and the pages that TCP uses (/proc/net/sockstat)."""
    try:
        lines = text_of("/proc/net/sockstat").splitlines()
    except OSError:
        return None, None
    words = next((line.split()[1:] for line in lines if line.startswith("TCP:")), [])
    values = {
        name: int(value)
        for name, value in zip(words[::2], words[1::2], strict=False)
        if value.isdecimal()
    }
    return values.get("orphan"), values.get("mem")
