"""TCP sockets of this network namespace, counted: by sock_diag(7), or from /proc/net/tcp.

sock_diag alone knows where an accept queue is full, and how many connections a listener dropped.
"""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import msgspec

from pcapdiag.host import netlink
from pcapdiag.host.kernel import Reading, reason_of, text_of
from pcapdiag.model.ends import join_port
from pcapdiag.model.snapshot import Listener, PeerUse, Sockets

MAX_SOCKETS = 1_000_000
"""Sockets that are counted; more are left out."""
MAX_LISTENERS = 1_000
MAX_PEERS = 200
"""Destinations that are kept, those with most sockets; so with the peers of listeners."""
STATES = {
    1: "established", 2: "syn_sent", 3: "syn_recv", 4: "fin_wait_1", 5: "fin_wait_2",
    6: "time_wait", 7: "closed", 8: "close_wait", 9: "last_ack", 10: "listen", 11: "closing",
    12: "syn_recv",
}  # fmt: skip
"""Linux include/net/tcp_states.h; 12 is a handshake under way."""
LISTEN = 10
_BY_FAMILY = 20
"""SOCK_DIAG_BY_FAMILY."""
_ALL_BUT_LISTEN = 0x1FFF & ~(1 << LISTEN)
_MEMORY, _ONLY_V6 = 7, 11
"""INET_DIAG_SKMEMINFO, INET_DIAG_SKV6ONLY."""
_DROPS_AT = 8 * 4
"""SK_MEMINFO_DROPS."""
_REQUEST = struct.Struct("=BBBBI48x")
_SOCKET = struct.Struct("=BBBB2s2s16s16sI8sIIIII")
"""linux/inet_diag.h struct inet_diag_msg."""


class Socket(msgspec.Struct):
    """One socket, as the kernel tells it."""

    state: int
    local: str
    port: int
    remote: str
    remote_port: int
    queue: int
    limit: int | None
    inode: int
    drops: int | None = None
    only_v6: bool | None = None


class Listening(msgspec.Struct):
    """A listener and the sockets' inodes, which lead to its processes."""

    listener: Listener
    inodes: set[int]


def read_sockets(reading: Reading) -> tuple[Sockets, list[Listening]]:
    """Return the sockets counted, and the listeners with their inodes; never raises."""
    try:
        return _counted(_by_netlink, "sock_diag", reading)
    except OSError as error:
        reading.missing(
            "length of accept queues and drops of each listener",
            reason_of(error),
            "ss -ltnm on the host itself, outside of a sandbox",
        )
    try:
        return _counted(_by_proc, "/proc/net/tcp", reading)
    except OSError as error:
        reading.missing("TCP sockets", reason_of(error))
        return Sockets(), []


def listener_drops() -> dict[str, int]:
    """Return how many connections each listener dropped; raises OSError."""
    found: Counter[str] = Counter()
    for one in _by_netlink(listening=True):
        if one.drops is not None:
            found[join_port(one.local, one.port)] += one.drops
    return {name: drops for name, drops in found.most_common(MAX_LISTENERS) if drops}


class _Source(Protocol):
    def __call__(self, *, listening: bool) -> Iterator[Socket]: ...


def _counted(source: _Source, name: str, reading: Reading) -> tuple[Sockets, list[Listening]]:
    found = _listeners(source(listening=True), reading)
    ports = {one.listener.port for one in found}
    by_port: dict[int, Counter[str]] = {port: Counter() for port in ports}
    states: Counter[str] = Counter()
    peers: dict[tuple[str, str, int], Counter[str]] = {}
    callers: Counter[str] = Counter()
    for number, one in enumerate(source(listening=False)):
        if number >= MAX_SOCKETS:
            reading.left_out("sockets", 1)
            continue
        state = STATES.get(one.state, str(one.state))
        states[state] += 1
        if one.port in ports:
            by_port[one.port][state] += 1
            callers[one.remote] += 1
        elif one.remote_port:
            key = one.local, one.remote, one.remote_port
            peers.setdefault(key, Counter())[state] += 1
    for listening in found:
        listening.listener.states = dict(by_port[listening.listener.port].most_common())
    ordered = sorted(peers.items(), key=lambda item: -item[1].total())
    reading.left_out("peers", len(ordered) - MAX_PEERS)
    reading.left_out("callers", len(callers) - MAX_PEERS)
    return Sockets(
        states=dict(states.most_common()),
        listeners=[one.listener for one in found],
        peers=[_peer(key, counts) for key, counts in ordered[:MAX_PEERS]],
        from_peers=dict(callers.most_common(MAX_PEERS)),
        source=name,
    ), found


def _peer(key: tuple[str, str, int], counts: Counter[str]) -> PeerUse:
    local, remote, port = key
    return PeerUse(
        local=local,
        remote=remote,
        port=port,
        sockets=counts.total(),
        states=dict(counts.most_common()),
    )


def _listeners(sockets: Iterator[Socket], reading: Reading) -> list[Listening]:
    """Return listeners; several sockets of one address and port (SO_REUSEPORT) stay apart."""
    found: list[Listening] = []
    for one in sockets:
        if len(found) >= MAX_LISTENERS:
            reading.left_out("listeners", 1)
            continue
        listener = Listener(
            address=one.local,
            port=one.port,
            queue=one.queue,
            limit=one.limit,
            drops=one.drops,
            only_v6=one.only_v6,
        )
        found.append(Listening(listener, {one.inode}))
    found.sort(key=lambda one: (one.listener.port, one.listener.address))
    return found


def _by_netlink(*, listening: bool) -> Iterator[Socket]:
    states = 1 << LISTEN if listening else _ALL_BUT_LISTEN
    wanted = 1 << (_MEMORY - 1) if listening else 0
    for family in (socket.AF_INET, socket.AF_INET6):
        request = _REQUEST.pack(family, socket.IPPROTO_TCP, wanted, 0, states)
        for data in netlink.dump(netlink.SOCK_DIAG, _BY_FAMILY, request):
            if len(data) >= _SOCKET.size:
                yield _socket(data, listening=listening)


def _socket(data: bytes, *, listening: bool) -> Socket:
    fields = _SOCKET.unpack_from(data)
    family, state = fields[0], fields[1]
    size = 4 if family == socket.AF_INET else 16
    one = Socket(
        state=state,
        local=plain(netlink.address(fields[6][:size])),
        port=int.from_bytes(fields[4], "big"),
        remote=plain(netlink.address(fields[7][:size])),
        remote_port=int.from_bytes(fields[5], "big"),
        queue=fields[11],
        limit=fields[12] if listening else None,
        inode=fields[14],
    )
    if listening:
        more = netlink.attributes(data, _SOCKET.size)
        memory = more.get(_MEMORY, b"")
        if len(memory) >= _DROPS_AT + 4:
            one.drops = netlink.number(memory[_DROPS_AT : _DROPS_AT + 4])
        if family == socket.AF_INET6 and _ONLY_V6 in more:
            one.only_v6 = bool(netlink.number(more[_ONLY_V6]))
    return one


def _by_proc(*, listening: bool) -> Iterator[Socket]:
    for name in ("tcp", "tcp6"):
        try:
            lines = text_of(f"/proc/net/{name}").splitlines()[1:]
        except FileNotFoundError:
            if name == "tcp":
                raise
            continue
        for line in lines:
            one = _proc_socket(line.split())
            if one is not None and (one.state == LISTEN) is listening:
                yield one


def _proc_socket(words: list[str]) -> Socket | None:
    """Read a line of /proc/net/tcp (kernel Documentation/networking/proc_net_tcp.rst)."""
    try:
        local, port = _proc_end(words[1])
        remote, remote_port = _proc_end(words[2])
        queue = int(words[4].partition(":")[2], 16)
        return Socket(
            int(words[3], 16), local, port, remote, remote_port, queue, None, int(words[9])
        )
    except (IndexError, ValueError):
        return None


def _proc_end(text: str) -> tuple[str, int]:
    """Read an end; the address is written as numbers of the machine's own byte order."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    parts = struct.unpack(f"={len(raw) // 4}I", raw)
    packed = struct.pack(f">{len(parts)}I", *parts)
    return plain(netlink.address(packed)), int(port, 16)


def plain(text: str) -> str:
    """Return an IPv4 address of an IPv6 socket as what it is."""
    return text.removeprefix("::ffff:") if "." in text else text
