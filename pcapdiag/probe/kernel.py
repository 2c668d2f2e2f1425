"""What Linux tells of a TCP socket beyond the portable calls; elsewhere nothing, and no error.

Sources: tcp(7) and linux/tcp.h (struct tcp_info), ip(7) and ipv6(7) (error queue),
linux/errqueue.h (struct sock_extended_err). Errors of a socket that still connects are queued
since Linux 5.13.
"""

from __future__ import annotations

import ipaddress
import platform
import re
import socket
import struct
import sys

import msgspec

from pcapdiag.probe.recording import IcmpError

ON_LINUX = sys.platform == "linux"
_RELEASE = re.match(r"(\d+)\.(\d+)", platform.release())
TELLS_ICMP = ON_LINUX and _RELEASE is not None and (int(_RELEASE[1]), int(_RELEASE[2])) >= (5, 13)
"""Whether an error without a queued ICMP error is this host's own, and a refusal surely a RST."""
_RECVERR: dict[int, tuple[int, int]] = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),
}
_TCP_INFO, _TCP_INFO_SIZE = 11, 104
_MSG_ERRQUEUE = 0x2000
_ICMP_ORIGINS = {2: 4, 3: 6}
"""``ee_origin`` of ICMP and ICMPv6, with the IP version."""
_ERROR = struct.Struct("=IBBBBII")
_QUEUED = 8
"""Errors that are read of one socket."""


class TcpInfo(msgspec.Struct, frozen=True):
    """Some of the kernel's numbers of a connection."""

    mss: int
    unacked: int
    path_mtu: int
    round_trip: int
    """Nanoseconds; 0 where none was measured."""
    repeats: int
    """Segments that were sent again, SYNs included."""


def tcp_info(sock: socket.socket) -> TcpInfo | None:
    """Return what the kernel knows of a TCP socket, or None where it does not tell."""
    if not ON_LINUX:
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _TCP_INFO_SIZE)
    except OSError:
        return None
    if len(raw) < _TCP_INFO_SIZE:
        return None
    numbers = struct.unpack_from("=24I", raw, 8)
    return TcpInfo(numbers[2], numbers[4], numbers[13], numbers[15] * 1000, numbers[23])


def queue_errors(sock: socket.socket, wanted: bool) -> None:
    """Ask the kernel to keep ICMP errors with who sent them, or no longer to."""
    if ON_LINUX:
        level, option = _RECVERR[sock.family]
        _try_option(sock, level, option, int(wanted))


def queued_error(sock: socket.socket) -> IcmpError | None:
    """Return the last ICMP error that came for a socket; None without one, or elsewhere."""
    found = None
    # With a timeout Python would wait for more to come.
    sock.setblocking(False)
    for _ in range(_QUEUED if ON_LINUX else 0):
        try:
            _, notes, _, _ = sock.recvmsg(512, 512, _MSG_ERRQUEUE)
        except OSError:
            break
        for level, kind, raw in notes:
            if (level, kind) == _RECVERR[sock.family] and len(raw) >= _ERROR.size:
                found = _icmp(raw) or found
    return found


def _icmp(raw: bytes) -> IcmpError | None:
    _, origin, kind, code, _, info, _ = _ERROR.unpack_from(raw)
    version = _ICMP_ORIGINS.get(origin)
    if version is None:
        return None
    return IcmpError(version, kind, code, _offender(raw[_ERROR.size :]), info)


def _offender(raw: bytes) -> str:
    """Return the address in a ``sockaddr_in`` or ``sockaddr_in6``; empty where there is none."""
    family = struct.unpack_from("=H", raw)[0] if len(raw) >= 2 else 0
    if family == socket.AF_INET and len(raw) >= 8:
        return str(ipaddress.IPv4Address(raw[4:8]))
    if family == socket.AF_INET6 and len(raw) >= 24:
        return str(ipaddress.IPv6Address(raw[8:24]))
    return ""


def source_address(family: int, address: tuple[str, int]) -> str:
    """Return the address that packets to another one would bear; nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(address)
            return str(sock.getsockname()[0]).partition("%")[0]
        except OSError:
            return ""


def _try_option(sock: socket.socket, level: int, option: int, value: int) -> None:
    try:
        sock.setsockopt(level, option, value)
    except OSError:
        return
