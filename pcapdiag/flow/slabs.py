# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Shared, bounded storage for kept packets and for bytes: of turns' beginnings, and of lanes.

The slabs hand out slots of a fixed size, up to a limit, so that memory does not depend on how many
connections a capture has; what was never handed out takes none. Slots have plain numbers; -1 means
none. A chunk of pieces begins with the number of the next one of its chain.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.flow.records import Lane
from pcapdiag.model.numbers import copy
from pcapdiag.model.room import byte_room, number_room

FACT_WORDS = 8
"""Words of a kept packet, a cache line of them: see ``KeptPackets._write``, and story.py."""
CHUNK_FACTS = 8
CHUNK_WORDS = FACT_WORDS * CHUNK_FACTS
FIRST_CHUNKS = 2
LAST_CHUNKS = 5
"""Chunks of kept packets: the first 16 packets, and the last 33 to 40, of every connection."""
FACT_CHUNKS = 26_624
"""Most chunks of kept packets of all open connections together: 14 MB."""

HEAD_BYTES = 1_024
"""First bytes kept of a request or an answer."""
HEAD_SLOTS = 24_576
"""Most heads of all open connections together: 24 MiB."""

PIECE_CHUNK = 1_024
"""Bytes of a chunk of pieces, 8 of them its link."""
PIECE_CHUNKS = 32_768
"""Most chunks of pieces of all open connections together: 32 MiB."""
PIECE_HEADER = 32
"""Bytes before each piece: its frame, its time, the bytes missing before it, its length."""

RESERVED = 16
"""Of a slab, one slot in so many shall be free: connections that are over wait for each other with
theirs."""

# Twins in C of the constants above, which plain Python imports.
_FACT_WORDS = FACT_WORDS
_CHUNK_WORDS = CHUNK_WORDS
_HEAD_BYTES = HEAD_BYTES
_PIECE_CHUNK = PIECE_CHUNK
_PIECE_HEADER = PIECE_HEADER


def is_scarce(used: int, limit: int) -> int:
    """Say whether there is little room left in a slab for what comes."""
    return 1 if used >= limit - limit // RESERVED else 0


class FactSlab:
    """Chunks of CHUNK_FACTS kept packets: neighbours in memory, because they are used together."""

    def __init__(self) -> None:
        self.limit = FACT_CHUNKS
        self.words = number_room(CHUNK_WORDS * FACT_CHUNKS, "Q")
        self.view = self.words
        self.next = number_room(FACT_CHUNKS, "q")
        """The next chunk of the chain, by chunk."""
        self.unused = 0
        self.free = -1
        self.used = 0
        """Chunks handed out."""

    def take(self) -> int:
        """Return a free chunk, or -1 when the limit is reached."""
        chunk = self.free
        if chunk >= 0:
            self.free = self.next[chunk]
        elif self.unused < self.limit:
            chunk = self.unused
            self.unused += 1
        else:
            return -1
        self.next[chunk] = -1
        self.used += 1
        return chunk

    def following(self, chunk: int) -> int:
        """Return the next chunk of a chain, or -1."""
        return self.next[chunk]

    def link(self, chunk: int, following: int) -> None:
        """Set the next chunk of a chain."""
        self.next[chunk] = following

    def give_chain(self, first: int, last: int, count: int) -> None:
        """Give back a chain of so many chunks, if there is one."""
        if first >= 0:
            self.next[last] = self.free
            self.free = first
            self.used -= count

    def row(self, chunk: int, fact: int) -> list[int]:
        """Return the words of a fact."""
        start = chunk * _CHUNK_WORDS + fact * _FACT_WORDS
        return self.words[start : start + _FACT_WORDS].tolist()


class HeadSlab:
    """Slots of HEAD_BYTES bytes for the first bytes of a turn."""

    def __init__(self) -> None:
        self.limit = HEAD_SLOTS
        self.bytes = byte_room(HEAD_BYTES * HEAD_SLOTS)
        self.view = self.bytes
        self.next = number_room(HEAD_SLOTS, "q")
        """The free slot to take after this one, by slot."""
        self.unused = 0
        self.free = -1
        self.used = 0
        """Slots handed out."""

    def take(self) -> int:
        """Return a free slot, or -1 when the limit is reached."""
        slot = self.free
        if slot >= 0:
            self.free = self.next[slot]
        elif self.unused < self.limit:
            slot = self.unused
            self.unused += 1
        else:
            return -1
        self.used += 1
        return slot

    def give(self, slot: int) -> None:
        """Give a slot back."""
        self.next[slot] = self.free
        self.free = slot
        self.used -= 1

    def read(self, slot: int, length: int) -> bytes:
        """Return the first ``length`` bytes of a slot."""
        start = slot * _HEAD_BYTES
        return bytes(self.bytes[start : start + length])


class PieceSlab:
    """Chunks of the pieces of lanes, each piece with its header, and maybe over several chunks."""

    def __init__(self) -> None:
        self.limit = PIECE_CHUNKS
        self.bytes = byte_room(PIECE_CHUNK * PIECE_CHUNKS)
        self.view = self.bytes
        self.words = self.bytes.cast("q")
        self.unused = 0
        self.free = -1
        self.used = 0
        """Chunks handed out."""

    def append(
        self, lane: Lane, frame: int, time: int, source: Sequence[int], start: int, size: int
    ) -> int:
        """Add ``size`` bytes of ``source`` to a lane; return 0, and do nothing, without room."""
        if (self.limit - self.used) * (_PIECE_CHUNK - 8) < size + _PIECE_CHUNK:
            return 0
        if (lane.last + 1) * _PIECE_CHUNK - lane.at < _PIECE_HEADER:
            self._extend(lane)
        word = lane.at >> 3
        self.words[word] = frame
        self.words[word + 1] = time
        self.words[word + 2] = lane.hole
        self.words[word + 3] = size
        lane.at += _PIECE_HEADER
        while size > 0:
            count = (lane.last + 1) * _PIECE_CHUNK - lane.at
            if count == 0:
                self._extend(lane)
                count = _PIECE_CHUNK - 8
            if count > size:
                count = size
            copy(self.view, lane.at, source, start, count)
            lane.at += count
            start += count
            size -= count
        # Headers are read as words.
        lane.at = (lane.at + 7) & ~7
        return 1

    def read(self, lane: Lane) -> list[tuple[int, int, int, bytes]]:
        """Return a lane's pieces: frame, time, bytes missing before it, and its bytes."""
        pieces = []
        chunk = lane.first
        at = chunk * _PIECE_CHUNK + 8
        while chunk >= 0 and (chunk != lane.last or at < lane.at):
            word = at >> 3
            if (chunk + 1) * _PIECE_CHUNK - at < _PIECE_HEADER:
                chunk = self.words[chunk * _PIECE_CHUNK >> 3]
                at = chunk * _PIECE_CHUNK + 8
                continue
            at += _PIECE_HEADER
            size = self.words[word + 3]
            data = b""
            while size > 0:
                count = (chunk + 1) * _PIECE_CHUNK - at
                if count == 0:
                    chunk = self.words[chunk * _PIECE_CHUNK >> 3]
                    at = chunk * _PIECE_CHUNK + 8
                    count = _PIECE_CHUNK - 8
                if count > size:
                    count = size
                data += self.bytes[at : at + count]
                at += count
                size -= count
            at = (at + 7) & ~7
            pieces.append((self.words[word], self.words[word + 1], self.words[word + 2], data))
        return pieces

    def give(self, lane: Lane) -> None:
        """Give back what a lane holds."""
        if lane.first < 0:
            return
        self.used -= lane.chunks
        self.words[lane.last * _PIECE_CHUNK >> 3] = self.free
        self.free = lane.first
        lane.first = -1
        lane.last = -1
        lane.at = 0
        lane.chunks = 0

    def _extend(self, lane: Lane) -> None:
        chunk = self.free
        if chunk >= 0:
            self.free = self.words[chunk * _PIECE_CHUNK >> 3]
        else:
            chunk = self.unused
            self.unused += 1
        self.used += 1
        lane.chunks += 1
        self.words[chunk * _PIECE_CHUNK >> 3] = -1
        if lane.first < 0:
            lane.first = chunk
        else:
            self.words[lane.last * _PIECE_CHUNK >> 3] = chunk
        lane.last = chunk
        lane.at = chunk * _PIECE_CHUNK + 8
