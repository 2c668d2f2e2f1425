"""Tunnels between two hosts: a TUN or TAP device at each end and a program that wraps its packets.

For encapsulations that the kernel at hand may not have. The TCP inside is the kernel's own; what
is on the wire between the hosts is really encapsulated, and crosses real routers where it is IP.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from failurelab import namespaces
from failurelab.hosts import Host
from failurelab.lab import Lab
from failurelab.packets import build_ip, parse

_TUNSETIFF, _TUN, _TAP, _NO_HEADER = 0x400454CA, 1, 2, 0x1000
_PACKET_IGNORE_OUTGOING, _SOL_PACKET, _ETH_P_ALL = 23, 263, 3
MTU = 1400


@dataclass(frozen=True, slots=True)
class Ends:
    """Outer addresses, from the sender's view."""

    source: str
    target: str
    mac: bytes
    peer_mac: bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """How packets (TUN) or frames (TAP) are wrapped, and found again in a received frame."""

    frames: bool
    wrap: Callable[[bytes, Ends], bytes]
    """Gives a whole Ethernet frame, or an IP packet where `routed`."""
    unwrap: Callable[[bytes], bytes | None]
    routed: bool = True


def _ip(protocol: int, head: bytes = b"") -> Callable[[bytes, Ends], bytes]:
    def wrap(inner: bytes, ends: Ends) -> bytes:
        body = head + inner
        return build_ip(ends.source, ends.target, protocol, body, ttl=64, dont_fragment=False)

    return wrap


def _udp(port: int, head: bytes) -> Callable[[bytes, Ends], bytes]:
    def wrap(inner: bytes, ends: Ends) -> bytes:
        body = head + inner
        whole = struct.pack("!HHHH", 49_152 + len(inner) % 7, port, 8 + len(body), 0) + body
        return build_ip(ends.source, ends.target, 17, whole, ttl=64, dont_fragment=False)

    return wrap


def _gtp(inner: bytes, ends: Ends) -> bytes:
    return _udp(2152, struct.pack("!BBHI", 0x30, 0xFF, len(inner), 0x2A))(inner, ends)


def _inside_ip(protocol: int, skip: int, port: int = 0) -> Callable[[bytes], bytes | None]:
    def unwrap(frame: bytes) -> bytes | None:
        packet = parse(frame) if frame[12:14] == b"\x08\x00" else None
        if packet is None or packet.protocol != protocol:
            return None
        if port and struct.unpack_from("!H", frame, packet.transport + 2)[0] != port:
            return None
        return frame[packet.transport + skip : packet.offset + packet.size]

    return unwrap


def _link(kind: bytes, head: Callable[[bytes], bytes]) -> Callable[[bytes, Ends], bytes]:
    return lambda inner, ends: ends.peer_mac + ends.mac + kind + head(inner) + inner


def _inside_link(kind: bytes, skip: int) -> Callable[[bytes], bytes | None]:
    return lambda frame: frame[14 + skip :] if frame[12:14] == kind else None


def _tagged(*tags: bytes) -> Callable[[bytes, Ends], bytes]:
    return lambda frame, _: frame[:12] + b"".join(tags) + frame[12:]


def _untagged(frame: bytes) -> bytes | None:
    """The kernel takes the outer tag off before a packet socket sees the frame."""
    while frame[12:14] in (b"\x81\x00", b"\x88\xa8"):
        frame = frame[:12] + frame[16:]
    return frame if frame[12:14] in (b"\x08\x00", b"\x86\xdd", b"\x08\x06") else None


_LABELS = struct.pack("!II", 16_001 << 12 | 64, 24_005 << 12 | 0x100 | 64)
_SESSION = struct.Struct("!BBHHH")

KINDS = {
    "gre": Kind(False, _ip(47, bytes.fromhex("2000080000001092")), _inside_ip(47, 8)),
    "gretap": Kind(True, _ip(47, bytes.fromhex("200065580003e8 07")), _inside_ip(47, 8)),
    "ipip": Kind(False, _ip(4), _inside_ip(4, 0)),
    "6in4": Kind(False, _ip(41), _inside_ip(41, 0)),
    "geneve": Kind(
        True,
        _udp(6081, bytes.fromhex("0200655800002a00 01028001 0000beef")),
        _inside_ip(17, 24, 6081),
    ),
    "erspan": Kind(
        True,
        _ip(47, bytes.fromhex("100088be 00000000 10070005 00000009")),
        _inside_ip(47, 16),
    ),
    "gtp": Kind(False, _gtp, _inside_ip(17, 16, 2152)),
    "l2tp": Kind(
        False, _udp(1701, bytes.fromhex("0002 0001 0002 ff03 0021")), _inside_ip(17, 18, 1701)
    ),
    "vlan": Kind(True, _tagged(b"\x81\x00\x00\x64"), _untagged, routed=False),
    "qinq": Kind(True, _tagged(b"\x88\xa8\x07\xd0", b"\x81\x00\x00\x64"), _untagged, routed=False),
    "mpls": Kind(
        False,
        _link(b"\x88\x47", lambda _: _LABELS),
        _inside_link(b"\x88\x47", 8),
        routed=False,
    ),
    "pppoe": Kind(
        False,
        _link(b"\x88\x64", lambda inner: _SESSION.pack(0x11, 0, 0x4D2, len(inner) + 2, 0x21)),
        _inside_link(b"\x88\x64", 8),
        routed=False,
    ),
}


class _End:
    """One host's device and packet socket."""

    def __init__(self, host: Host, kind: Kind, ip: str, interface: str) -> None:
        self.host, self.kind = host, kind
        with namespaces.inside(host.namespace):
            self.device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            flags = (_TAP if kind.frames else _TUN) | _NO_HEADER
            fcntl.ioctl(self.device, _TUNSETIFF, struct.pack("16sH", b"tun0", flags))
            self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.wire.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self.wire.bind((interface, _ETH_P_ALL))
        self.mac: bytes = self.wire.getsockname()[4]
        if ":" in ip:
            host.sysctl("net.ipv6.conf.tun0.disable_ipv6", 0)
            host.sysctl("net.ipv6.conf.tun0.router_solicitations", 0)
        bits = "64 dev tun0 nodad" if ":" in ip else "24 dev tun0"
        commands = [f"link set tun0 mtu {MTU}", f"addr add {ip}/{bits}", "link set tun0 up"]
        namespaces.ip_batch(commands, host.namespace)

    def close(self) -> None:
        os.close(self.device)
        self.wire.close()
        self.out.close()


class Tunnel:
    """Between two hosts' first interfaces; `inner` are the addresses inside."""

    def __init__(
        self, lab: Lab, left: Host, right: Host, kind: str, inner: Sequence[str] = ()
    ) -> None:
        self._kind = KINDS[kind]
        six = ("2001:db8:64::1", "2001:db8:64::2")
        self.inner = tuple(inner) or (six if kind == "6in4" else ("10.99.0.1", "10.99.0.2"))
        ends = [
            _End(host, self._kind, ip, "eth0")
            for host, ip in zip((left, right), self.inner, strict=True)
        ]
        self._ends = ends
        self._views = [
            Ends(near.host.ip, far.host.ip, near.mac, far.mac) for near, far in (ends, ends[::-1])
        ]
        for end in ends:
            if self._kind.routed:  # the kernel would answer "protocol unreachable"
                end.host.iptables("-A OUTPUT -p icmp --icmp-type destination-unreachable -j DROP")
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()
        lab.at_end(self.close)

    def _loop(self) -> None:
        devices = {end.device: end for end in self._ends}
        wires = {end.wire.fileno(): end for end in self._ends}
        while self._running:
            ready, _, _ = select.select([*devices, *wires], [], [], 0.2)
            for number in ready:
                with contextlib.suppress(OSError):
                    if number in devices:
                        self._send(devices[number])
                    else:
                        self._receive(wires[number])

    def _send(self, end: _End) -> None:
        view = self._views[self._ends.index(end)]
        whole = self._kind.wrap(os.read(end.device, 65_536), view)
        if self._kind.routed:
            end.out.sendto(whole, (view.target, 0))
        else:
            end.wire.send(whole)

    def _receive(self, end: _End) -> None:
        inner = self._kind.unwrap(end.wire.recv(65_536))
        if inner:
            os.write(end.device, inner)

    def close(self) -> None:
        """Stop passing packets."""
        self._running = False
        self._thread.join(2)
        for end in self._ends:
            end.close()
