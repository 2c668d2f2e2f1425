"""A first analysis, of a small capture made here: what is made once is then there for all children.

Decoders, patterns and tables are made when they are first needed. A forked child that found them
missing would make them for itself, and so would the next one.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.packet import ACK, PSH, RST, SYN
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.examine import examine
from pcapdiag.triage.task import Task

_LATE = (
    "cryptography.hazmat.decrepit.ciphers.algorithms",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.x509",
    "dpkt.dns",
    "hpack",
    "statistics",
)
"""Packages that an analysis imports only where it needs them."""
_OURS = ("pcapdiag.capture", "pcapdiag.diagnose", "pcapdiag.incident", "pcapdiag.protocols")
"""Our own packages with modules that an analysis imports only where it needs them."""
_PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
"""Header of a pcap file of bare IP packets (LINKTYPE_RAW)."""
_CALLER, _CALLED = b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"
"""Addresses for documentation (RFC 5737)."""
_HELLO = bytes.fromhex("16030100310100002d0303") + bytes(32) + bytes.fromhex("000002c02b01000000")
"""The start of a TLS handshake."""
_ALERT = bytes.fromhex("15030300020228")
_GET = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"
_ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: envoy\r\nContent-Length: 19\r\n\r\n"
    b"no healthy upstream"
)


def warm_up() -> None:
    """Import what is imported late, and examine a capture with a few failures."""
    for name in (*_LATE, *_modules()):
        importlib.import_module(name)
    descriptor, path = tempfile.mkstemp(prefix="pcapdiag-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_PCAP + b"".join(_records()))
        examine(Task(Capture.of(path), AnalyzeOptions(all_connections=True), ""))
    finally:
        with suppress(OSError):
            os.unlink(path)


def _modules() -> Iterator[str]:
    for name in _OURS:
        package = importlib.import_module(name)
        yield from (one.name for one in pkgutil.walk_packages(package.__path__, f"{name}."))


def _records() -> Iterator[bytes]:
    for number, packet in enumerate(_packets()):
        yield struct.pack("<IIII", 1, number * 1000, len(packet), len(packet)) + packet


def _packets() -> Iterator[bytes]:
    yield _packet(1000, 80, 0, 0, SYN)
    yield _packet(80, 1000, 0, 1, RST | ACK)
    for port, called, asked, answer in ((1001, 80, _GET, _ANSWER), (1002, 443, _HELLO, _ALERT)):
        yield _packet(port, called, 0, 0, SYN)
        yield _packet(called, port, 0, 1, SYN | ACK)
        yield _packet(port, called, 1, 1, ACK | PSH, asked)
        yield _packet(called, port, 1, 1 + len(asked), ACK | PSH, answer)
        yield _packet(called, port, 1 + len(answer), 1 + len(asked), RST | ACK)


def _packet(
    source: int, target: int, seq: int, ack: int, flags: int, payload: bytes = b""
) -> bytes:
    """Return an IPv4 packet with a TCP segment; the lower port is the called one's."""
    ends = (_CALLER, _CALLED) if source > target else (_CALLED, _CALLER)
    tcp = struct.pack(">HHIIBBHHH", source, target, seq, ack, 0x50, flags, 65535, 0, 0)
    length = 20 + len(tcp) + len(payload)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 1, 0x4000, 64, 6, 0)
    return ip + b"".join(ends) + tcp + payload
