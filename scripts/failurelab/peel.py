"""Finding the innermost IP header of a frame: tags, labels, PPPoE and tunnels taken off."""

from __future__ import annotations

import struct

_ETHERNET, _IP = "ethernet", "ip"
_TAGS = (0x8100, 0x88A8, 0x9100)
_COOKED = {113: 16, 276: 20}
_RAW = (12, 101, 228, 229)
_TUNNEL_PORTS = {4789: 8, 6081: 8}
_IP_PORTS = {2152: 8, 1701: 10}
"""Headers of GTP-U and of L2TP with PPP, behind which IP begins."""
_ERSPAN = 0x88BE
_EXTENSIONS = (0, 43, 60)
_DEPTH = 8


def inner_ip(frame: bytes, link: int) -> int | None:
    """Where the innermost IP header starts; None where there is none."""
    try:
        start = _outer_ip(frame, link)
        for _ in range(_DEPTH):
            deeper = None if start is None else _inside(frame, start)
            if deeper is None:
                return start
            start = deeper
    except (IndexError, struct.error):
        return None
    return start


def _outer_ip(frame: bytes, link: int) -> int | None:
    if link in (0, 108):
        return 4
    if link in _RAW:
        return 0
    if link == 9:
        return 4 if frame[0] == 0xFF else 2
    if link == 239:
        return _nflog(frame)
    if link in _COOKED:
        kind_at = 14 if link == 113 else 0
        return _after_type(frame, struct.unpack_from("!H", frame, kind_at)[0], _COOKED[link])
    return _ethernet(frame, 0) if link == 1 else None


def _nflog(frame: bytes) -> int | None:
    """The payload TLV (type 9) of a netfilter log record."""
    at = 4
    while at + 4 <= len(frame):
        length, kind = struct.unpack_from("<HH", frame, at)
        if kind & 0x7FFF == 9:
            return at + 4
        at += max(4, (length + 3) // 4 * 4)
    return None


def _ethernet(frame: bytes, at: int) -> int | None:
    return _after_type(frame, struct.unpack_from("!H", frame, at + 12)[0], at + 14)


def _after_type(frame: bytes, kind: int, at: int) -> int | None:
    while kind in _TAGS:
        kind = struct.unpack_from("!H", frame, at + 2)[0]
        at += 4
    if kind == 0x8847:
        while not frame[at + 2] & 1:
            at += 4
        return at + 4
    if kind == 0x8864:
        return at + 8
    return at if kind in (0x0800, 0x86DD) else None


def _inside(frame: bytes, at: int) -> int | None:
    """The IP header inside this IP packet, when it is a tunnel's."""
    protocol, payload = _payload(frame, at)
    if protocol in (4, 41):
        return payload
    if protocol == 47:
        flags, kind = struct.unpack_from("!HH", frame, payload)
        payload += 4 + 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
        if kind == _ERSPAN:
            return _ethernet(frame, payload + 8)
        return _ethernet(frame, payload) if kind == 0x6558 else _after_type(frame, kind, payload)
    if protocol == 17:
        port = struct.unpack_from("!H", frame, payload + 2)[0]
        if port in _TUNNEL_PORTS:
            options = (frame[payload + 8] & 0x3F) * 4 if port == 6081 else 0
            return _ethernet(frame, payload + 16 + options)
        if port in _IP_PORTS:
            return payload + 8 + _IP_PORTS[port]
    return None


def _payload(frame: bytes, at: int) -> tuple[int, int]:
    """Protocol and start of what an IP packet carries; no protocol for a later fragment."""
    if frame[at] >> 4 == 4:
        later = struct.unpack_from("!H", frame, at + 6)[0] & 0x1FFF
        return (255 if later else frame[at + 9]), at + (frame[at] & 15) * 4
    protocol, payload = frame[at + 6], at + 40
    while protocol in _EXTENSIONS:
        protocol, payload = frame[payload], payload + 8 + frame[payload + 1] * 8
    return protocol, payload
