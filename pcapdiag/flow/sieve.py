"""Every packet of one connection for its charts, evenly thinned where there are too many."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from pcapdiag.flow.records import Flow
from pcapdiag.flow.slabs import FACT_WORDS
from pcapdiag.flow.story import packet_fact
from pcapdiag.model.moment import moment
from pcapdiag.model.packet import (
    ACKED_UNSEEN,
    ANY_RETRANSMISSION,
    FIN,
    GAP_BEFORE,
    KEEP_ALIVE,
    OUT_OF_ORDER,
    RST,
    SYN,
    WINDOW_FULL,
    WINDOW_PROBE,
    ZERO_WINDOW,
    PacketFact,
)

MAX_DRAWN = 200_000
"""Packets kept of the connection; rows and segments of as many take about 100 MB."""
_TELLING_MARKS = (
    ANY_RETRANSMISSION | OUT_OF_ORDER | GAP_BEFORE | ACKED_UNSEEN
    | KEEP_ALIVE | ZERO_WINDOW | WINDOW_PROBE | WINDOW_FULL
)  # fmt: skip
_TELLING_FLAGS = SYN | FIN | RST


class _Rows:
    """Rows of the fact slab: all of them, then every second, every fourth of each direction."""

    def __init__(self) -> None:
        self._rows = array("Q")
        self._places = array("q")
        self._seen = [0, 0]
        self._stride = 1

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[array[int]]:
        for start in range(0, len(self._rows), FACT_WORDS):
            yield self._rows[start : start + FACT_WORDS]

    def add(self, row: Sequence[int]) -> None:
        """Keep a row, if it is one of those that are."""
        direction = row[4] >> 8 & 1
        place = self._seen[direction]
        self._seen[direction] += 1
        if place % self._stride == 0:
            self._rows.extend(row)
            self._places.append(place)

    def thin(self) -> None:
        """Let every second row of those kept go, by direction."""
        self._stride *= 2
        kept = [n for n, place in enumerate(self._places) if place % self._stride == 0]
        rows = array("Q")
        for number in kept:
            rows.extend(self._rows[number * FACT_WORDS : (number + 1) * FACT_WORDS])
        self._rows = rows
        self._places = array("q", [self._places[number] for number in kept])


class Sieve:
    """Takes the packets of a watched stream, see ``Tracker.watch``.

    Beyond ``limit``, every second packet of each direction goes, and again where that is not
    enough. Repeats, holes, resets, SYN, FIN and closed windows are thinned apart from the others,
    and only where they alone are more than half of the limit.
    """

    def __init__(self, limit: int) -> None:
        self.packets = 0
        self._limit = limit
        self._plain = _Rows()
        self._telling = _Rows()

    def add(self, flow: Flow, row: Sequence[int]) -> None:
        """Take one packet of the connection."""
        self.packets += 1
        # A guess at who opened it may be corrected later, and a stream may go on in another flow.
        self._flow = flow
        telling = row[4] & _TELLING_FLAGS or row[0] >> 44 & _TELLING_MARKS
        (self._telling if telling else self._plain).add(row)
        if len(self._plain) + len(self._telling) > self._limit:
            crowded = len(self._telling) > self._limit // 2
            (self._telling if crowded else self._plain).thin()

    def kept(self) -> list[PacketFact]:
        """Return the packets that are left, in time order."""
        if not self.packets:
            return []
        opened = self._flow.a_opened
        found = [packet_fact(row, opened) for rows in (self._plain, self._telling) for row in rows]
        return sorted(found, key=moment)
