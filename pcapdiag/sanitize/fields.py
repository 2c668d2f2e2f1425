"""Where a packet has addresses: found anew for the scan, by other code than replaced them.

Every header is looked for by its own shape: Ethernet types, IP versions, tunnel ports. What it
reads too much costs nothing; what it misses would be missed in the proof.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAX_DEPTH = 24
_STARTS = {
    1: 12, 104: 2, 113: 14, 281: 16, 282: 16, 284: 16, 285: 20,
    0: 4, 8: 16, 108: 4, 109: 12, 101: 0, 12: 0, 14: 0, 228: 0, 229: 0,
}  # fmt: skip
_MACS = {
    1: (0, 6), 10: (1, 7), 113: (6,), 276: (12,), 282: (4, 10),
    **dict.fromkeys((281, 284, 285), (0, 6)),
}  # fmt: skip
_TYPED = {1, 104, 113, 281, 282, 284, 285}
_RECORDED = {149, 178, 192, 258}
_OLDER = {6, 10, 11, 100, 107, 117, 119, 163, 242}
_BEFORE_TYPE = {0x8926: 4, 0x892F: 4, 0x8909: 6}
_BEFORE_FRAME = {0x88E7: 4, 0x8903: 2}
_EXTENSIONS = {0, 43, 44, 51, 60, 135}

Field = tuple[int, bytes]
"""Where an address begins in the packet, and its 4, 6 or 16 bytes."""


def fields(data: bytes, link_type: int) -> Iterator[Field]:
    """Yield the addresses in a packet's headers, quotes and tunnels; MACs with 6 bytes."""
    for at in _MACS.get(link_type, ()):
        if len(data) >= at + 6:
            yield at, data[at : at + 6]
    if link_type in (113, 276):
        at = 6 if link_type == 113 else 12
        yield at, data[at : at + 4]
    if link_type in _TYPED:
        yield from _typed(data, _STARTS[link_type], 0)
    elif link_type == 276:
        yield from _ether_type(data, int.from_bytes(data[:2], "big"), 20, 0)
    elif link_type in _STARTS:
        yield from _ip(data, _STARTS[link_type], 0)
    elif link_type in (9, 50):
        yield from _ppp(data, 0, 0)
    elif link_type == 51:
        yield from _ppp(data, 6, 0)
    elif link_type == 239:
        yield from _nflog(data)
    elif link_type == 105:
        yield from _wifi(data, 0, 0)
    elif link_type == 127 and len(data) >= 8:
        yield from _wifi(data, int.from_bytes(data[2:4], "little"), 0)
    elif link_type in _OLDER and len(data) >= 12:
        yield from _older(data, link_type)
    elif link_type in _RECORDED and len(data) >= 12:
        start, inner = _recorded(data, link_type)
        if inner not in _RECORDED:
            yield from ((start + at, value) for at, value in fields(data[start:], inner))


def _recorded(data: bytes, link_type: int) -> tuple[int, int]:
    """Return where the frame begins behind a header of a capturing system, and its link type."""
    if link_type == 192:
        return struct.unpack_from("<HI", data, 2)
    if link_type != 178:
        return struct.unpack_from("<I4xI", data)
    start = 6 + int.from_bytes(data[4:6], "big") if data[3] & 0x80 else 4
    return (start + 4, 101) if data[3] & 2 else (start, 1)


def _older(data: bytes, link_type: int) -> Iterator[Field]:
    if link_type == 117:
        yield from _ip(data, data[0] + 3 & ~3, 0)
    elif link_type in (119, 163):
        is_avs = data[:2] == b"\x80\x21"
        yield from _wifi(data, int.from_bytes(data[4:8], "big") if is_avs else 144, 0)
    elif link_type == 242 and len(data) > 44:
        yield from _ether_type(data, int.from_bytes(data[40:42], "big"), 44, 0)
    elif link_type == 107:
        for at in range(2, 5):
            yield from _typed(data, at, 0)
            yield from _ip(data, at + 2, 0)
            yield from _typed(data, at + 6, 0)
    else:
        # The header's size is not asked for: what it may be is tried.
        for at in range(47):
            yield from _llc(data, at, 0)


def _wifi(data: bytes, at: int, depth: int) -> Iterator[Field]:
    for place in (at + 4, at + 10, at + 16, at + 24):
        yield place, data[place : place + 6]
    # The header's size is not asked for: what it may be is tried.
    for size in range(24, 40, 2):
        yield from _llc(data, at + size, depth)


def _llc(data: bytes, at: int, depth: int) -> Iterator[Field]:
    if data[at : at + 3] == b"\xaa\xaa\x03":
        yield from _typed(data, at + 6, depth + 1)


def _nflog(data: bytes) -> Iterator[Field]:
    at = 4
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("<HH", data, at)
        if kind & 0x7FFF == 9:
            yield from _ip(data, at + 4, 0)
        elif kind & 0x7FFF == 8:
            yield at + 8, data[at + 8 : at + 14]
        at += max(size + 3 & ~3, 4)


def _typed(data: bytes, at: int, depth: int) -> Iterator[Field]:
    if len(data) >= at + 2:
        yield from _ether_type(data, int.from_bytes(data[at : at + 2], "big"), at + 2, depth)


def _ether_type(data: bytes, kind: int, at: int, depth: int) -> Iterator[Field]:
    if depth > MAX_DEPTH:
        return
    if kind in (0x0800, 0x86DD):
        yield from _ip(data, at, depth)
    elif kind in (0x0806, 0x8035):
        for place, size in ((8, 6), (14, 4), (18, 6), (24, 4)):
            yield at + place, data[at + place : at + place + size]
    elif kind in (0x8100, 0x88A8, 0x9100):
        yield from _typed(data, at + 2, depth + 1)
    elif kind in (0x8847, 0x8848):
        while at + 4 <= len(data) and not data[at + 2] & 1:
            at += 4
        yield from _ip(data, at + 4, depth)
        for start in (at + 4, at + 8):
            yield from _frame(data, start, depth)
    elif kind == 0x8864:
        yield from _ppp(data, at + 6, depth)
    elif kind == 0x6558:
        yield from _frame(data, at, depth)
    elif kind in _BEFORE_TYPE:
        yield from _typed(data, at + _BEFORE_TYPE[kind], depth + 1)
    elif kind in _BEFORE_FRAME:
        yield from _frame(data, at + _BEFORE_FRAME[kind], depth)
    elif kind == 0x88E5 and len(data) > at:
        yield at + 6, data[at + 6 : at + 12]
        yield from _typed(data, at + (14 if data[at] & 0x20 else 6), depth + 1)
    elif kind == 0x894F and len(data) >= at + 4:
        yield from _announced(data, data[at + 3], at + (data[at + 1] & 0x3F) * 4, depth)
    elif kind <= 1500:
        yield from _llc(data, at, depth)


def _frame(data: bytes, at: int, depth: int) -> Iterator[Field]:
    yield at, data[at : at + 6]
    yield at + 6, data[at + 6 : at + 12]
    yield from _typed(data, at + 12, depth + 1)


def _announced(data: bytes, protocol: int, at: int, depth: int) -> Iterator[Field]:
    kind = {3: 0x6558, 4: 0x894F, 5: 0x8847}.get(protocol)
    if kind is None:
        yield from _ip(data, at, depth + 1)
    else:
        yield from _ether_type(data, kind, at, depth + 1)


def _ppp(data: bytes, at: int, depth: int) -> Iterator[Field]:
    if data[at : at + 2] in (b"\x0f\0", b"\x8f\0"):
        yield from _typed(data, at + 2, depth + 1)
    if data[at : at + 2] == b"\xff\x03":
        at += 2
    at += 1 if data[at : at + 1] and data[at] & 1 else 2
    kind = data[at - 1 : at]
    if kind in (b"\x21", b"\x57"):
        yield from _ip(data, at, depth)
    elif kind in (b"\x81", b"\x83"):
        yield from _ether_type(data, 0x8847, at, depth + 1)


def _ip(data: bytes, at: int, depth: int) -> Iterator[Field]:
    if at >= len(data) or depth > MAX_DEPTH:
        return
    if data[at] >> 4 == 4:
        yield at + 12, data[at + 12 : at + 16]
        yield at + 16, data[at + 16 : at + 20]
        header = (data[at] & 15) * 4
        for place in range(at + 20, min(at + header, len(data)) - 3):
            # Options that list addresses align them to nothing.
            yield place, data[place : place + 4]
        if len(data) > at + 9 and not int.from_bytes(data[at + 6 : at + 8], "big") & 0x1FFF:
            yield from _carried(data, data[at + 9], at + header, depth + 1)
    elif data[at] >> 4 == 6:
        yield at + 8, data[at + 8 : at + 24]
        yield at + 24, data[at + 24 : at + 40]
        if len(data) > at + 40:
            yield from _extended(data, data[at + 6], at + 40, depth + 1)


def _extended(data: bytes, kind: int, at: int, depth: int) -> Iterator[Field]:
    for _ in range(MAX_DEPTH):
        if kind not in _EXTENSIONS or at + 8 > len(data):
            break
        size = 8 if kind == 44 else (data[at + 1] + (2 if kind == 51 else 1)) * (4, 8)[kind != 51]
        for place in range(at + 2, min(at + size, len(data)) - 15):
            yield place, data[place : place + 16]
        if kind == 44 and int.from_bytes(data[at + 2 : at + 4], "big") >> 3:
            return
        kind, at = data[at], at + size
    yield from _carried(data, kind, at, depth)


def _carried(data: bytes, kind: int, at: int, depth: int) -> Iterator[Field]:
    if kind in (4, 41):
        yield from _ip(data, at, depth)
    elif kind == 17 and at + 8 <= len(data):
        port = int.from_bytes(data[at + 2 : at + 4], "big")
        if port in (4789, 8472):
            yield from _ether_type(data, 0x6558, at + 16, depth + 1)
        elif port == 6081 and at + 16 <= len(data):
            inner = at + 16 + (data[at + 8] & 0x3F) * 4
            yield from _ether_type(
                data, int.from_bytes(data[at + 10 : at + 12], "big"), inner, depth + 1
            )
        else:
            ports = {port, int.from_bytes(data[at : at + 2], "big")}
            yield from _seldom(data, ports, at + 8, depth + 1)
    elif kind == 97:
        yield from _frame(data, at + 2, depth + 1)
    elif kind == 47 and at + 4 <= len(data):
        flags, inner = struct.unpack_from(">HH", data, at)
        skip = 4 + 4 * ((flags >> 15) + (flags >> 13 & 1) + (flags >> 12 & 1))
        if inner in (0x88BE, 0x22EB):
            for header in (0, 8, 12, 20):
                yield from _frame(data, at + skip + header, depth + 1)
                yield from _ip(data, at + skip + header, depth + 1)
        yield from _ether_type(data, inner, at + skip, depth + 1)
    elif kind == 6 and at + 13 <= len(data):
        for place in range(at + 20, min(at + (data[at + 12] >> 4) * 4, len(data)) - 3):
            if data[place - 4 : place - 3] == b"\x1e":
                # Multipath TCP announces addresses behind four bytes of header.
                yield place, data[place : place + 4]
                yield place, data[place : place + 16]
    elif kind in (1, 58):
        yield from _messages(data, kind, at, depth)


def _seldom(data: bytes, ports: set[int], at: int, depth: int) -> Iterator[Field]:
    """Try the places where these tunnels may have their frame, whatever their headers say."""
    if 2152 in ports:
        for start in range(at + 8, min(at + 160, len(data)), 4):
            yield from _ip(data, start, depth)
    elif 37008 in ports:
        for start in range(at + 4, min(at + 260, len(data))):
            if data[start] == 1:
                yield from _frame(data, start + 1, depth)
                yield from _wifi(data, start + 1, depth)
    elif 4790 in ports and at + 4 <= len(data):
        yield from _announced(data, data[at + 3], at + 8, depth)
    elif 5247 in ports:
        for start in range(at + 8, min(at + 128, len(data)), 4):
            yield from _frame(data, start, depth)
            yield from _wifi(data, start, depth)
    elif 1701 in ports:
        for start in range(at + 6, min(at + 32, len(data))):
            yield from _ppp(data, start, depth)


def _messages(data: bytes, kind: int, at: int, depth: int) -> Iterator[Field]:
    """Read ICMP: the quote, and every place that may have an address."""
    if kind == 1:
        yield at + 4, data[at + 4 : at + 8]
        if data[at : at + 1] == b"\x09":
            for place in range(at + 8, len(data) - 3, 8):
                yield place, data[place : place + 4]
    elif data[at : at + 1] and data[at] >= 130:
        for place in range(at + 8, len(data) - 15, 4):
            yield place, data[place : place + 16]
        for place in range(at + 8, len(data) - 5, 8):
            yield place + 2, data[place + 2 : place + 8]
    if len(data) > at and (data[at] in (3, 4, 5, 11, 12) if kind == 1 else data[at] < 5):
        yield from _ip(data, at + 8, depth + 1)
