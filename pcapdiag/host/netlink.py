"""Questions to the kernel by netlink: what ``ss`` and ``ip`` ask, without those programs.

Only dumps are asked for, so nothing can be changed. Messages are those of linux/netlink.h; numbers
are in the machine's byte order.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

ROUTE = 0
"""NETLINK_ROUTE: interfaces, addresses, routes, rules, neighbours, queues."""
SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG: sockets."""

_HEADER = struct.Struct("=IHHII")
_REQUEST_DUMP = 0x301
"""NLM_F_REQUEST, NLM_F_ROOT and NLM_F_MATCH."""
_ERROR, _DONE = 2, 3
_NO_REPLY = 5.0
"""Seconds without an answer after which it is given up."""
MOST_SECONDS = 20.0
"""Seconds that one dump may take altogether."""
_BUFFER = 1 << 18


def dump(protocol: int, kind: int, body: bytes) -> Iterator[bytes]:
    """Yield the payload of every message of a dump; raises OSError, as TimeoutError."""
    until = time.monotonic() + MOST_SECONDS
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol) as asked:
        asked.settimeout(_NO_REPLY)
        head = _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_DUMP, 1, 0)
        asked.sendto(head + body, (0, 0))
        while True:
            data = asked.recv(_BUFFER)
            if not data or time.monotonic() > until:
                raise TimeoutError("the kernel's answer has no end")
            for answer, payload in _messages(data):
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    code = -struct.unpack_from("=i", payload)[0] if len(payload) >= 4 else 0
                    raise OSError(code, "the kernel does not answer this question")
                yield payload


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def attributes(data: bytes, start: int) -> dict[int, bytes]:
    """Return the attributes (linux/rtnetlink.h struct rtattr) behind a fixed header."""
    found: dict[int, bytes] = {}
    at = start
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def number(data: bytes | None) -> int:
    """Return an attribute's number of 1, 2, 4 or 8 bytes; 0 without one."""
    forms = {1: "=B", 2: "=H", 4: "=I", 8: "=Q"}
    if not data or len(data) not in forms:
        return 0
    value: int = struct.unpack(forms[len(data)], data)[0]
    return value


def word(data: bytes | None) -> str:
    """Return an attribute's text."""
    return (data or b"").split(b"\0", 1)[0].decode("utf-8", "replace")


def address(data: bytes | None) -> str:
    """Return an attribute's IP address, or nothing."""
    if data and len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    if data and len(data) == 16:
        return socket.inet_ntop(socket.AF_INET6, data)
    return ""
