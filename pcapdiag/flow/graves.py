# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The connections that were judged last, so that their late packets do not look like new ones.

A ring of rows, found by the hash of addresses and ports. Hashes and links have arrays of their own:
those stay in the nearer caches, and nearly always say that there is no such connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.records import Flow, Tombstone
from pcapdiag.model.room import number_room

BUCKETS = 65_536
MAX_TOMBSTONES = 32_768
WORDS = 10
"""Words of a row: :meth:`Graves.bury` says which."""

# Twins in C of the constants above, which plain Python imports.
_MAX_TOMBSTONES = MAX_TOMBSTONES
_WORDS = WORDS


class Graves:
    """The tombstones; beyond MAX_TOMBSTONES the oldest ones are forgotten.

    ``from_a`` says of the packet asked about last which way it went.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many were buried, the forgotten ones too."""
        self.from_a = 1
        self._heads = number_room(BUCKETS, "i")
        """The newest one of each bucket, counted from 1; 0 for none."""
        self._links = number_room(MAX_TOMBSTONES, "i")
        """The next older one of its bucket, likewise."""
        self._hashes = number_room(MAX_TOMBSTONES, "I")
        self._rows = number_room(WORDS * MAX_TOMBSTONES, "Q")
        self._words = self._rows

    def find(self, p: Packet, h: int) -> Tombstone | None:
        """Return the connection on a packet's addresses and ports that was judged last, or None."""
        place = self._heads[h & 0xFFFF] - 1
        while place >= 0:
            if self._hashes[place] == h and self._is_of(p, place * _WORDS):
                return self._tombstone(place * _WORDS)
            place = self._links[place] - 1
        return None

    def bury(self, flow: Flow) -> None:
        """Remember a connection that is over."""
        at = self._new_row(flow.hash)
        # Compiled, a Flow's port is a signed int, which a shifted port of 32768 or more overflows.
        ports = flow.port_b
        ports = (ports << 16) | flow.port_a
        self._words[at] = flow.high_a
        self._words[at + 1] = flow.low_a
        self._words[at + 2] = flow.high_b
        self._words[at + 3] = flow.low_b
        self._words[at + 4] = ports
        self._words[at + 5] = (flow.stream + 1) << 2 | (flow.is_refused() << 1) | flow.evicted
        # -1 says that it is not known.
        self._words[at + 6] = flow.a.base_seq + 1
        self._words[at + 7] = flow.b.base_seq + 1
        self._words[at + 8] = flow.end
        self._words[at + 9] = flow.waits_until

    def take_up(self, row: Sequence[int], h: int) -> None:
        """Remember what ``rows`` of another capture's graves returned."""
        at = self._new_row(h)
        for word in range(_WORDS):
            self._words[at + word] = row[word]

    def rows(self, since: int) -> list[list[int]]:
        """Return the rows of those whose last packet came at ``since`` (ns) or later.

        The oldest first, without their streams' numbers.
        """
        found = []
        for number in range(max(0, self.count - MAX_TOMBSTONES), self.count):
            at = number % MAX_TOMBSTONES * WORDS
            row = list(self._rows[at : at + WORDS])
            row[5] &= 3
            if row[8] >= since:
                found.append(row)
        return found

    def _is_of(self, p: Packet, at: int) -> int:
        ports = self._words[at + 4]
        if ports == p.source_port | (p.target_port << 16):
            if self._words[at] == p.source_high and self._words[at + 1] == p.source_low:
                if self._words[at + 2] == p.target_high and self._words[at + 3] == p.target_low:
                    self.from_a = 1
                    return 1
        if ports == p.target_port | (p.source_port << 16):
            if self._words[at] == p.target_high and self._words[at + 1] == p.target_low:
                if self._words[at + 2] == p.source_high and self._words[at + 3] == p.source_low:
                    self.from_a = 0
                    return 1
        return 0

    def _tombstone(self, at: int) -> Tombstone:
        grave = Tombstone()
        traits = self._words[at + 5]
        grave.evicted = traits & 1
        grave.refused = (traits >> 1) & 1
        grave.stream = (traits >> 2) - 1
        grave.base_a = self._words[at + 6] - 1
        grave.base_b = self._words[at + 7] - 1
        grave.end = self._words[at + 8]
        grave.waits_until = self._words[at + 9]
        return grave

    def _new_row(self, h: int) -> int:
        """Make room at the ring's young end, and enter it for a hash; return where its row is."""
        place = self.count % _MAX_TOMBSTONES
        if self.count >= _MAX_TOMBSTONES:
            self._forget(place)
        self.count += 1
        self._hashes[place] = h
        self._links[place] = self._heads[h & 0xFFFF]
        self._heads[h & 0xFFFF] = place + 1
        return place * _WORDS

    def _forget(self, place: int) -> None:
        slot = self._hashes[place] & 0xFFFF
        other = self._heads[slot] - 1
        if other == place:
            self._heads[slot] = self._links[place]
            return
        while self._links[other] != place + 1:
            other = self._links[other] - 1
        self._links[other] = self._links[place]
