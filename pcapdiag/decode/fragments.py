"""IP fragments put together again (RFC 791, RFC 8200 4.5): a rare path, so plain Python."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pcapdiag.decode.headers import Packet

MAX_DATAGRAMS = 256
"""Datagrams waiting for fragments; the oldest gives way."""
MAX_DATAGRAM = 65_535
MAX_FRAGMENTS = 64
WAIT = 30_000_000_000
"""How long (ns) a datagram waits for its last fragment (RFC 1122 asks for 60 s at most)."""

Key = tuple[int, int, int, int, int, int]


class _Datagram(msgspec.Struct):
    started: int
    parts: dict[int, bytes] = {}
    size: int = -1
    header: bytes = b""


class Fragments(msgspec.Struct):
    """The datagrams of one capture that are not complete yet."""

    waiting: OrderedDict[Key, _Datagram] = msgspec.field(default_factory=OrderedDict)
    given_up: int = 0
    """Datagrams dropped for want of room, for too many or cut fragments, or a length that lied."""

    def add(self, p: Packet, payload: bytes, time: int) -> bytes | None:
        """Take one fragment; return the whole datagram when it is complete, else None.

        The datagram gets a plain header: without fragment fields, its lengths corrected. Where
        fragments overlap, the bytes seen first count. A fragment that the capture cut leaves its
        datagram incomplete.
        """
        key = (p.source_high, p.source_low, p.target_high, p.target_low, p.fragment_id, p.protocol)
        datagram = self.waiting.get(key)
        if datagram is None or time - datagram.started > WAIT:
            datagram = self.waiting[key] = _Datagram(time)
            self._make_room()
        end = p.fragment_offset + len(payload)
        cut = p.datagram_end > p.end
        if cut or end > MAX_DATAGRAM or len(datagram.parts) >= MAX_FRAGMENTS:
            self.given_up += 1
            self.waiting.pop(key, None)
            return None
        if p.fragment_offset == 0:
            datagram.header = _header(p)
        if not p.more_fragments:
            datagram.size = end
        datagram.parts.setdefault(p.fragment_offset, payload)
        whole = _join(datagram)
        if whole is not None:
            del self.waiting[key]
        return whole

    def _make_room(self) -> None:
        while len(self.waiting) > MAX_DATAGRAMS:
            self.waiting.popitem(last=False)
            self.given_up += 1


def _header(p: Packet) -> bytes:
    if p.version == 4:
        return (
            bytes((0x45, p.tos, 0, 0, p.ip_id >> 8, p.ip_id & 0xFF, 0, 0, p.ttl, p.protocol, 0, 0))
            + p.source_low.to_bytes(4, "big")
            + p.target_low.to_bytes(4, "big")
        )
    first = (6 << 28) | (p.tos << 20) | p.flow_label
    ends = ((p.source_high << 64) | p.source_low, (p.target_high << 64) | p.target_low)
    addresses = b"".join(end.to_bytes(16, "big") for end in ends)
    return first.to_bytes(4, "big") + bytes((0, 0, p.protocol, p.ttl)) + addresses


def _join(datagram: _Datagram) -> bytes | None:
    if datagram.size < 0 or not datagram.header:
        return None
    reached = 0
    for offset in sorted(datagram.parts):
        if offset > reached:
            return None
        reached = max(reached, offset + len(datagram.parts[offset]))
    if reached < datagram.size:
        return None
    payload = bytearray(reached)
    for offset, part in reversed(datagram.parts.items()):
        payload[offset : offset + len(part)] = part
    del payload[datagram.size :]
    header = bytearray(datagram.header)
    if header[0] >> 4 == 4:
        total = min(len(payload) + 20, MAX_DATAGRAM)
        header[2:4] = total.to_bytes(2, "big")
    else:
        header[4:6] = min(len(payload), MAX_DATAGRAM).to_bytes(2, "big")
    return bytes(header + payload)
