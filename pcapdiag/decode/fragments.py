"""IP fragments put together again (RFC 791, RFC 8200 4.5): a rare path, so plain Python."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pcapdiag.decode.headers import Packet
from pcapdiag.model.units import SECOND

MAX_DATAGRAMS = 256
"""Datagrams waiting for fragments; the oldest gives way."""
MAX_DATAGRAM = 65_535
MAX_FRAGMENTS = 64
WAIT = 30 * SECOND
"""How long (ns) a datagram waits for its last fragment (RFC 1122 asks for 60 s at most)."""

SETTLED = SECOND
"""Fragments that follow later (ns) than this did not follow at all."""
MAX_DONE = 1_024
"""Finished datagrams that are remembered, so that a copy of a fragment is no new datagram."""
MAX_WAYS = 1_000
"""Pairs of hosts whose datagrams are counted."""

Key = tuple[int, int, int, int, int, int]
Ends = tuple[int, int, int, int, int]
"""IP version, and high and low 64 bits of both addresses."""


class _Datagram(msgspec.Struct):
    started: int
    parts: dict[int, bytes] = {}
    size: int = -1
    header: bytes = b""
    version: int = 4


class Way(msgspec.Struct):
    """Datagrams in fragments from one host to another; times in ns since the epoch."""

    whole: int = 0
    lost: int = 0
    """Of these the first fragment came, and others never. One that lacks the first was not captured
    whole: what drops fragments by the ports that they lack lets the first ones pass."""
    first_lost: int = 0
    last_lost: int = 0


class Fragments(msgspec.Struct):
    """The datagrams of one capture that are not complete yet."""

    waiting: OrderedDict[Key, _Datagram] = msgspec.field(default_factory=OrderedDict)
    given_up: int = 0
    """Datagrams dropped for want of room, for too many or cut fragments, or a length that lied."""
    ways: dict[Ends, Way] = {}
    done: OrderedDict[Key, int] = msgspec.field(default_factory=OrderedDict)
    behind: int = 0
    """Fragments behind the first of their datagrams: none where a filter asked for ports."""

    def add(self, p: Packet, payload: bytes, time: int) -> bytes | None:
        """Take one fragment; return the whole datagram when it is complete, else None.

        The datagram gets a plain header: without fragment fields, its lengths corrected. Where
        fragments overlap, the bytes seen first count. A fragment that the capture cut leaves its
        datagram incomplete.
        """
        key = (p.source_high, p.source_low, p.target_high, p.target_low, p.fragment_id, p.protocol)
        datagram = self.waiting.get(key)
        if datagram is None or time - datagram.started > WAIT:
            if datagram is not None:
                self._lose(key, datagram)
            datagram = self.waiting[key] = _Datagram(time, version=p.version)
            self._make_room(time)
        end = p.fragment_offset + len(payload)
        cut = p.datagram_end > p.end
        if cut or end > MAX_DATAGRAM or len(datagram.parts) >= MAX_FRAGMENTS:
            self.given_up += 1
            self.waiting.pop(key, None)
            return None
        if p.fragment_offset == 0:
            datagram.header = _header(p)
        else:
            self.behind += 1
        if not p.more_fragments:
            datagram.size = end
        datagram.parts.setdefault(p.fragment_offset, payload)
        whole = _join(datagram)
        if whole is not None:
            del self.waiting[key]
            self._finish(key, datagram, time)
        return whole

    def finish(self, now: int) -> None:
        """Count what is still incomplete at the end of the capture, save what may yet follow."""
        for key, datagram in self.waiting.items():
            if now - datagram.started >= SETTLED:
                self._lose(key, datagram)

    def _make_room(self, now: int) -> None:
        while len(self.waiting) > MAX_DATAGRAMS:
            key, datagram = self.waiting.popitem(last=False)
            self.given_up += 1
            if now - datagram.started >= SETTLED:
                self._lose(key, datagram)

    def _finish(self, key: Key, datagram: _Datagram, time: int) -> None:
        self.done[key] = time
        if len(self.done) > MAX_DONE:
            self.done.popitem(last=False)
        way = self._way(key, datagram)
        if way is not None:
            way.whole += 1

    def _lose(self, key: Key, datagram: _Datagram) -> None:
        if not datagram.header:
            return
        done = self.done.get(key)
        way = self._way(key, datagram)
        if way is None or (done is not None and abs(datagram.started - done) <= WAIT):
            return
        way.lost += 1
        way.first_lost = way.first_lost or datagram.started
        way.last_lost = datagram.started

    def _way(self, key: Key, datagram: _Datagram) -> Way | None:
        ends = (datagram.version, *key[:4])
        way = self.ways.get(ends)
        if way is None and len(self.ways) < MAX_WAYS:
            way = self.ways[ends] = Way()
        return way


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
