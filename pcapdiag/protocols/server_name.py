"""The server name in a TLS ClientHello (RFC 6066 section 3)."""

from __future__ import annotations

from pcapdiag.protocols.tls.numbers import CLIENT_HELLO, HANDSHAKE

_SERVER_NAME = 0


def server_name(hello: bytes) -> str | None:
    """Return the SNI host name of a ClientHello at the start of ``hello``, or None.

    Bytes that are cut off, or that lie about lengths, give None.
    """
    if len(hello) < 44 or hello[0] != HANDSHAKE or hello[5] != CLIENT_HELLO:
        return None
    offset = 43
    offset += 1 + hello[offset]
    for size_bytes in (2, 1):
        if offset + size_bytes > len(hello):
            return None
        offset += size_bytes + int.from_bytes(hello[offset : offset + size_bytes], "big")
    offset += 2
    while offset + 4 <= len(hello):
        kind = int.from_bytes(hello[offset : offset + 2], "big")
        size = int.from_bytes(hello[offset + 2 : offset + 4], "big")
        body = hello[offset + 4 : offset + 4 + size]
        if kind == _SERVER_NAME:
            return _host_name(body) if len(body) == size else None
        offset += 4 + size
    return None


def _host_name(body: bytes) -> str | None:
    if len(body) < 5 or body[2] != 0:
        return None
    size = int.from_bytes(body[3:5], "big")
    name = body[5 : 5 + size]
    if len(name) != size or not name.isascii():
        return None
    return name.decode("ascii")
