"""One direction of a connection: its original bytes to read, and what is put in their place."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

from pcapdiag.sanitize.keyed import Keyed
from pcapdiag.sanitize.renamer import Renamer

ZERO, LETTER = b"\0", b"x"
"""What is overwritten: binary bytes, and text."""


class Captured(Protocol):
    """The bytes of one direction as far as they were captured, by their place in the stream."""

    def read(self, at: int, end: int) -> bytes:
        """Return the bytes from ``at`` on, up to ``end`` or the next hole; none in a hole."""

    def following(self, at: int) -> int | None:
        """Return the first place from ``at`` on that was captured; None: nothing follows."""

    def packet_end(self, at: int) -> int:
        """Return where the bytes end that came with the one at ``at``."""


class Stream:
    """Reads and writes one direction. Where nothing is put, the filling of the place stands."""

    def __init__(self, captured: Captured, renamer: Renamer, keyed: Keyed) -> None:
        self.captured = captured
        self.renamer = renamer
        self.keyed = keyed
        self.methods: list[bytes] = []
        """Of HTTP/1 requests of the other direction, in order."""
        self.asked: list[bytes] = []
        """Methods of the HTTP/1 requests of this one."""
        self._fill_from = [0]
        self._fill = [ZERO]
        self._places: list[int] = []
        self._parts: list[bytes] = []
        self._is_sorted = True

    def read(self, at: int, end: int) -> bytes:
        """Return original bytes: see :class:`Captured`."""
        return self.captured.read(at, end)

    def put(self, at: int, data: bytes) -> None:
        """Let ``data`` stand at a place; what was put there before must not overlap."""
        if not data:
            return
        self._is_sorted = self._is_sorted and (not self._places or self._places[-1] <= at)
        self._places.append(at)
        self._parts.append(data)

    def fill(self, at: int, filling: bytes) -> None:
        """Let everything from ``at`` on be overwritten with ``filling``."""
        while self._fill_from and self._fill_from[-1] >= at:
            self._fill_from.pop()
            self._fill.pop()
        self._fill_from.append(at)
        self._fill.append(filling)

    def finish(self) -> None:
        """Bring what was put into order; nothing may be put afterwards."""
        if not self._is_sorted:
            order = sorted(range(len(self._places)), key=self._places.__getitem__)
            self._places = [self._places[each] for each in order]
            self._parts = [self._parts[each] for each in order]
            self._is_sorted = True

    def written(self, at: int, end: int) -> bytes:
        """Return what stands from ``at`` to ``end``."""
        out = bytearray(self._filling(at, end))
        index = max(0, bisect_right(self._places, at) - 1)
        while index < len(self._places) and self._places[index] < end:
            place, part = self._places[index], self._parts[index]
            low, high = max(place, at), min(place + len(part), end)
            if low < high:
                out[low - at : high - at] = part[low - place : high - place]
            index += 1
        return bytes(out)

    def _filling(self, at: int, end: int) -> bytes:
        index = max(0, bisect_right(self._fill_from, at) - 1)
        out = b""
        while at < end:
            last = index + 1 >= len(self._fill_from)
            until = end if last else min(end, self._fill_from[index + 1])
            out += self._fill[index] * (until - at)
            at, index = until, index + 1
        return out
