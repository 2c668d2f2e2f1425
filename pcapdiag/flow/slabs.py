# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Shared, bounded storage for kept packets and for the first bytes of requests and answers.

Both slabs hand out slots of a fixed size from one array that grows to a limit and then no further,
so that memory does not depend on how many connections a capture has. Slots have plain numbers; -1
means none. A chunk of facts begins with the number of the next chunk of its connection.
"""

from __future__ import annotations

from array import array

FACT_WORDS = 12
CHUNK_FACTS = 8
CHUNK_WORDS = 1 + FACT_WORDS * CHUNK_FACTS
FIRST_CHUNKS = 2
LAST_CHUNKS = 5
"""Chunks of kept packets: the first 16 packets, and the last 33 to 40, of every connection."""
FACT_CHUNKS = 26_624
"""Most chunks of kept packets of all open connections together: 20 MB."""
FIRST_FACT_CHUNKS = 832

HEAD_BYTES = 1_024
"""First bytes kept of a request or an answer."""
HEAD_SLOTS = 24_576
"""Most heads of all open connections together: 24 MiB."""
FIRST_HEAD_SLOTS = 1_024

# Twins in C of the constants above, which plain Python imports.
_FACT_WORDS = FACT_WORDS
_CHUNK_WORDS = CHUNK_WORDS
_HEAD_BYTES = HEAD_BYTES


class FactSlab:
    """Chunks of CHUNK_FACTS kept packets: neighbours in memory, because they are used together."""

    def __init__(self) -> None:
        self.size = FIRST_FACT_CHUNKS
        self.limit = FACT_CHUNKS
        self.words = array("q", bytes(8 * CHUNK_WORDS * FIRST_FACT_CHUNKS))
        self.view = self.words
        self.unused = 0
        self.free = -1

    def take(self) -> int:
        """Return a free chunk, or -1 when the limit is reached."""
        chunk = self.free
        if chunk >= 0:
            self.free = self.view[chunk * _CHUNK_WORDS]
        elif self.unused < self.size:
            chunk = self.unused
            self.unused += 1
        elif self.size < self.limit:
            self._grow()
            chunk = self.unused
            self.unused += 1
        else:
            return -1
        self.view[chunk * _CHUNK_WORDS] = -1
        return chunk

    def following(self, chunk: int) -> int:
        """Return the next chunk of a chain, or -1."""
        return self.view[chunk * _CHUNK_WORDS]

    def link(self, chunk: int, following: int) -> None:
        """Set the next chunk of a chain."""
        self.view[chunk * _CHUNK_WORDS] = following

    def give_chain(self, first: int, last: int) -> None:
        """Give back a chain of chunks, if there is one."""
        if first >= 0:
            self.view[last * _CHUNK_WORDS] = self.free
            self.free = first

    def row(self, chunk: int, fact: int) -> array[int]:
        """Return the words of a fact."""
        start = chunk * _CHUNK_WORDS + 1 + fact * _FACT_WORDS
        return self.words[start : start + _FACT_WORDS]

    def _grow(self) -> None:
        size = self.size * 2
        if size > self.limit:
            size = self.limit
        larger = array("q", bytes(8 * CHUNK_WORDS * size))
        larger[: len(self.words)] = self.words
        self.words = larger
        self.view = larger
        self.size = size


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
        start = slot * _HEAD_BYTES
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
