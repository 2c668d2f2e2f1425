"""Entries in a host's connection table that no packet made (linux/nfnetlink_conntrack.h).

They count as assured: the kernel does not drop them early to make room for others.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from failurelab import namespaces
from failurelab.hosts import Host

_NETFILTER = 12
_NEW = 1 << 8
"""Subsystem conntrack, message IPCTNL_MSG_CT_NEW."""
_CREATE = 0x401
"""NLM_F_REQUEST and NLM_F_CREATE."""
_ASSURED = struct.pack(">I", 0b1110)
"""IPS_SEEN_REPLY, IPS_ASSURED and IPS_CONFIRMED."""
_SECONDS = struct.pack(">I", 300)
_AT_ONCE = 500
_PORTS = 50_000


def fill(host: Host, entries: int) -> None:
    """Add UDP flows between addresses that nobody has, until there are so many, or no room."""
    with namespaces.inside(host.namespace):
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER)
    with made:
        made.setblocking(False)
        batch: list[bytes] = []
        for message in _messages(entries):
            batch.append(message)
            if len(batch) == _AT_ONCE:
                made.send(b"".join(batch))
                batch.clear()
        made.send(b"".join(batch) or next(_messages(1)))


def _messages(entries: int) -> Iterator[bytes]:
    for number in range(entries):
        one = socket.inet_aton(f"198.18.{number // _PORTS}.1")
        two, port = socket.inet_aton("198.19.0.1"), 1_024 + number % _PORTS
        body = struct.pack("=BBH", socket.AF_INET, 0, 0)
        body += _nested(1, _tuple(one, port, two, 53)) + _nested(2, _tuple(two, 53, one, port))
        body += _attribute(3, _ASSURED) + _attribute(7, _SECONDS)
        yield struct.pack("=IHHII", 16 + len(body), _NEW, _CREATE, number, 0) + body


def _tuple(source: bytes, source_port: int, target: bytes, port: int) -> bytes:
    ports = _attribute(2, struct.pack(">H", source_port)) + _attribute(3, struct.pack(">H", port))
    protocol = _attribute(1, bytes([socket.IPPROTO_UDP])) + ports
    return _nested(1, _attribute(1, source) + _attribute(2, target)) + _nested(2, protocol)


def _nested(kind: int, data: bytes) -> bytes:
    return _attribute(kind | 0x8000, data)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
