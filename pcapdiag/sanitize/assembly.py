"""The bytes of one direction put together from its packets, by their place in the stream.

The bytes themselves lie in one store, in memory as long as they are few and in a temporary file
beyond; here are only the places. Of bytes that came twice the first ones count.
"""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_right
from typing import IO

IN_MEMORY = 64 << 20
"""Bytes of payload that are held in memory; more go to a temporary file."""


class Store:
    """Keeps bytes and gives them back by where they begin."""

    def __init__(self) -> None:
        # Read until the last packet was written; closed, and gone, with this object.
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        self._size = 0

    def add(self, data: bytes) -> int:
        """Keep bytes; return where they are."""
        begin = self._size
        self._file.seek(begin)
        self._file.write(data)
        self._size += len(data)
        return begin

    def read(self, begin: int, size: int) -> bytes:
        """Return bytes."""
        self._file.seek(begin)
        return self._file.read(size)


class Assembly:
    """One direction: parts without overlap, in order, each of one packet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begins = array("q")
        self._ends = array("q")
        self._stored = array("q")

    def __bool__(self) -> bool:
        """Whether any byte was captured."""
        return bool(self._begins)

    def take(self, at: int, data: bytes) -> None:
        """Take the bytes of a packet; those that are there already are passed over."""
        end = at + len(data)
        index = bisect_right(self._begins, at)
        place = at
        if index and self._ends[index - 1] > at:
            place = self._ends[index - 1]
        while place < end:
            until = end
            if index < len(self._begins):
                until = min(end, self._begins[index])
            if place < until:
                self._insert(index, place, until, data[place - at : until - at])
                index += 1
            if index >= len(self._begins) or until == end:
                return
            place = self._ends[index]
            index += 1

    def read(self, at: int, end: int) -> bytes:
        """Return the bytes from ``at`` on, up to ``end`` or the next hole."""
        index = bisect_right(self._begins, at) - 1
        parts = []
        while 0 <= index < len(self._begins) and at < end:
            if not self._begins[index] <= at < self._ends[index]:
                break
            until = min(end, self._ends[index])
            skipped = at - self._begins[index]
            parts.append(self._store.read(self._stored[index] + skipped, until - at))
            at = until
            index += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def following(self, at: int) -> int | None:
        """Return the first place from ``at`` on that was captured."""
        index = bisect_right(self._begins, at) - 1
        if index >= 0 and at < self._ends[index]:
            return at
        return self._begins[index + 1] if index + 1 < len(self._begins) else None

    def packet_end(self, at: int) -> int:
        """Return where the bytes end that came with the one at ``at``."""
        index = bisect_right(self._begins, at) - 1
        return self._ends[index] if index >= 0 and at < self._ends[index] else at

    def _insert(self, index: int, begin: int, end: int, data: bytes) -> None:
        self._begins.insert(index, begin)
        self._ends.insert(index, end)
        self._stored.insert(index, self._store.add(data))
