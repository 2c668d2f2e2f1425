"""Sockets brought into states that programs reach by accident only."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence

from failurelab import namespaces
from failurelab.connections import TIMEOUT, Address, Connection
from failurelab.hosts import Host
from failurelab.packets import SYN, TCP, build_ip, build_tcp

_TCP_REPAIR = 19
_OPTIONS = bytes.fromhex("020405b40103030801010402")
"""MSS 1460, window scale 8, SACK permitted: a SYN of Windows."""


def connect_together(host: Host, address: Address, count: int) -> list[Connection]:
    """Connect `count` times at once, in the order of their SYNs; all SYNs leave first."""
    made = []
    for _ in range(count):
        sock = host.socket(address[0])
        sock.bind((host.ip, 0))
        sock.setblocking(False)
        sock.connect_ex(address)
        connection = Connection(sock, accepted=False)
        connection.peer = address
        made.append(connection)
    _wait_connected([one.sock for one in made])
    return made


def _wait_connected(waiting: Sequence[socket.socket]) -> None:
    deadline = time.monotonic() + TIMEOUT
    left = list(waiting)
    while left and time.monotonic() < deadline:
        _, ready, _ = select.select([], left, [], 0.5)
        left = [sock for sock in left if sock not in ready]
    for sock in waiting:
        sock.settimeout(TIMEOUT)


def vanish(connection: Connection) -> None:
    """The kernel forgets this end without a packet, as after a power cut (TCP_REPAIR)."""
    connection.sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    connection.close()


def send_syn(host: Host, source: Address, target: Address, seq: int, ttl: int = 128) -> None:
    """Send a SYN that no socket of the host knows of (IPv4), as another system would."""
    segment = build_tcp(*source, *target, seq=seq, ack=0, flags=SYN, window=64240, options=_OPTIONS)
    packet = build_ip(source[0], target[0], TCP, segment, ttl=ttl, ip_id=seq & 0xFFFF)
    with namespaces.inside(host.namespace):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        raw.sendto(packet, (target[0], 0))
