"""Datagrams in fragments: put together at a first reading, so that each part can be replaced.

What is behind a datagram's first fragment cannot be understood by itself, and the checksum in the
first covers all. Only what fits together exactly is: a datagram with a hole, a cut or an overlap
is zero behind its first header.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pcapdiag.sanitize.frame import Ends

MAX_WAITING = 256
"""Datagrams that wait for fragments; the oldest gives way."""
MAX_BYTES = 64 * 1024 * 1024
"""Bytes of datagrams that are remembered; fragments of others are zero."""

Place = tuple[int, int]
"""A frame's number, and where the fragment's data begins in it."""


class Datagram(msgspec.Struct):
    """A datagram's parts by their offset, and when it is complete: its data."""

    protocol: int
    ends: Ends
    parts: dict[int, tuple[Place, bytes]] = {}
    size: int = -1
    data: bytes = b""
    replaced: bytes | None = None
    """The data that takes the place of ``data``, once somebody made it."""


class Parts:
    """The fragments of a capture."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[bytes, int, int], Datagram] = OrderedDict()
        self._whole: dict[Place, tuple[Datagram, int, int]] = {}
        self._room = MAX_BYTES

    def add(
        self, place: Place, protocol: int, ends: Ends, where: tuple[int, bool, int], data: bytes
    ) -> Datagram | None:
        """Take a fragment that was captured whole; return its datagram if that is complete now."""
        offset, more, number = where
        key = (ends.source + ends.target, protocol, number)
        datagram = self._waiting.get(key)
        if datagram is None or datagram.parts.get(offset, (place, data))[1] != data:
            datagram = self._waiting[key] = Datagram(protocol, ends)
            if len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)
        datagram.parts[offset] = (place, data)
        if not more:
            datagram.size = offset + len(data)
        if not self._complete(datagram):
            return None
        del self._waiting[key]
        return datagram if self._remember(datagram) else None

    def find(self, place: Place) -> tuple[Datagram, int, int] | None:
        """Return the datagram of a fragment, and from where to where in it the fragment is."""
        return self._whole.get(place)

    def _complete(self, datagram: Datagram) -> bool:
        at = 0
        for offset in sorted(datagram.parts):
            if offset != at:
                return False
            at += len(datagram.parts[offset][1])
        return at == datagram.size

    def _remember(self, datagram: Datagram) -> bool:
        if datagram.size > self._room:
            return False
        self._room -= datagram.size
        datagram.data = b"".join(datagram.parts[at][1] for at in sorted(datagram.parts))
        for offset, (place, data) in datagram.parts.items():
            self._whole[place] = (datagram, offset, offset + len(data))
        datagram.parts = {}
        return True
