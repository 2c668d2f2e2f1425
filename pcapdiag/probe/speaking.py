"""What the probe itself says: PROXY headers, the HTTP/2 preface, one HTTP/1 request; no more.

Sources: HAProxy's proxy-protocol.txt (sections 2.1 and 2.2), RFC 9113 (sections 3.4, 6.5, 6.8),
RFC 9112 (section 3).
"""

from __future__ import annotations

import struct
from typing import Literal

from pcapdiag.model.ends import host_in_url, join_port
from pcapdiag.protocols.http.sniff import PREFACE

HeaderVersion = Literal[1, 2]
"""Versions of the PROXY protocol."""
SETTINGS_SIZE = 9
"""Bytes of the smallest SETTINGS frame."""
SETTINGS_NAMES = {
    1: "HEADER_TABLE_SIZE",
    2: "ENABLE_PUSH",
    3: "MAX_CONCURRENT_STREAMS",
    4: "INITIAL_WINDOW_SIZE",
    5: "MAX_FRAME_SIZE",
    6: "MAX_HEADER_LIST_SIZE",
    8: "ENABLE_CONNECT_PROTOCOL",
}
_SETTINGS, _GOAWAY = 4, 7
_ACK = 1
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_LOCAL = _V2 + b"\x20\x00\x00\x00"
_V1_UNKNOWN = b"PROXY UNKNOWN\r\n"
_HEAD = 9


def proxy_header(version: HeaderVersion) -> bytes:
    """Return the header that names no client: UNKNOWN, in version 2 the command LOCAL."""
    return _V1_UNKNOWN if version == 1 else _V2_LOCAL


def http2_hello() -> bytes:
    """Return the preface with empty SETTINGS."""
    return PREFACE + _frame(_SETTINGS)


def settings_ack() -> bytes:
    """Return the acknowledgment of the server's SETTINGS."""
    return _frame(_SETTINGS, _ACK)


def http2_farewell() -> bytes:
    """Return a GOAWAY without an error."""
    return _frame(_GOAWAY, payload=struct.pack("!II", 0, 0))


def frames_in(data: bytes) -> list[tuple[int, int]]:
    """Return type and flags of the whole HTTP/2 frames at the beginning of ``data``."""
    found, at = [], 0
    while at + _HEAD <= len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        if at + _HEAD + length > len(data):
            break
        found.append((data[at + 3], data[at + 4]))
        at += _HEAD + length
    return found


def has_settings(data: bytes) -> bool:
    """Return whether the server's own SETTINGS are there."""
    return any(kind == _SETTINGS and not flags & _ACK for kind, flags in frames_in(data))


def has_ack(data: bytes) -> bool:
    """Return whether the acknowledgment of our SETTINGS is there."""
    return any(kind == _SETTINGS and flags & _ACK for kind, flags in frames_in(data))


def get_request(path: str, host: str, port: int, default_port: int) -> bytes:
    """Return one ``GET`` that asks for the connection to be closed behind the answer."""
    where = host_in_url(host) if port == default_port else join_port(host, port)
    head = f"GET {path} HTTP/1.1\r\nHost: {where}\r\nUser-Agent: pcapdiag-probe\r\nAccept: */*\r\n"
    return (head + "Connection: close\r\n\r\n").encode("ascii")


def _frame(kind: int, flags: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + bytes((kind, flags)) + bytes(4) + payload
