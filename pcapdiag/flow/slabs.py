# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False, annotation_typing=False
"""Shared, bounded storage for kept packets and for the first bytes of requests and answers.

Both slabs hand out slots of a fixed size from one array that grows to a limit and then no further, so
that memory does not depend on how many connections a capture has. Slot numbers are plain integers;
-1 means none. A fact slot is FACT_WORDS 64-bit words; word 0 links the slots of one connection.
"""

from __future__ import annotations

from array import array

FACT_WORDS = 13
FACT_SLOTS = 196_608
"""Most kept packets of all open connections together: 20 MB."""
FIRST_FACT_SLOTS = 6_144

HEAD_BYTES = 1_024
"""First bytes kept of a request or an answer."""
HEAD_SLOTS = 24_576
"""Most heads of all open connections together: 24 MiB."""
FIRST_HEAD_SLOTS = 1_024


class FactSlab:
    """Slots of FACT_WORDS words for kept packets."""

    def __init__(self) -> None:
        self.size = FIRST_FACT_SLOTS
        self.limit = FACT_SLOTS
        self.words = array("q", bytes(8 * FACT_WORDS * FIRST_FACT_SLOTS))
        self.view = self.words
        self.unused = 0
        self.free = -1
        self.in_use = 0

    def take(self) -> int:
        """Return a free slot, or -1 when the limit is reached."""
        slot = self.free
        if slot >= 0:
            self.free = self.view[slot * 13]
        elif self.unused < self.size:
            slot = self.unused
            self.unused += 1
        elif self.size < self.limit:
            self._grow()
            slot = self.unused
            self.unused += 1
        else:
            return -1
        self.in_use += 1
        self.view[slot * 13] = -1
        return slot

    def give_chain(self, first: int) -> None:
        """Give back a whole chain of slots."""
        slot = first
        while slot >= 0:
            following = self.view[slot * 13]
            self.view[slot * 13] = self.free
            self.free = slot
            self.in_use -= 1
            slot = following

    def word(self, slot: int, index: int) -> int:
        """Return one word of a slot."""
        return self.view[slot * 13 + index]

    def _grow(self) -> None:
        self.size *= 2
        larger = array("q", bytes(8 * FACT_WORDS * self.size))
        larger[: len(self.words)] = self.words
        self.words = larger
        self.view = larger


class HeadSlab:
    """Slots of HEAD_BYTES bytes for the first bytes of a turn."""

    def __init__(self) -> None:
        self.size = FIRST_HEAD_SLOTS
        self.limit = HEAD_SLOTS
        self.bytes = bytearray(HEAD_BYTES * FIRST_HEAD_SLOTS)
        self.view = self.bytes
        self.unused = 0
        self.free: list[int] = []

    def take(self) -> int:
        """Return a free slot, or -1 when the limit is reached."""
        if self.free:
            return self.free.pop()
        if self.unused == self.size:
            if self.size >= self.limit:
                return -1
            self._grow()
        self.unused += 1
        return self.unused - 1

    def give(self, slot: int) -> None:
        """Give a slot back."""
        self.free.append(slot)

    def read(self, slot: int, length: int) -> bytes:
        """Return the first ``length`` bytes of a slot."""
        start = slot * HEAD_BYTES
        return bytes(self.bytes[start : start + length])

    def _grow(self) -> None:
        size = self.size * 2
        if size > self.limit:
            size = self.limit
        larger = bytearray(HEAD_BYTES * size)
        larger[: len(self.bytes)] = self.bytes
        self.bytes = larger
        self.view = larger
        self.size = size
