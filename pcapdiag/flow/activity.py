# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""The capture over time: what was counted in each of a few hundred bins of equal width.

How long the capture is shows only at its end. So the bins begin narrow, and when time passes the
last one, each pair becomes one that is twice as wide: memory stays the same, and the counts exact.
"""

from __future__ import annotations

from array import array

from pcapdiag.flow.records import Flow

MAX_BINS = 240
"""Bins of the result; while reading there are up to twice as many."""
SLOTS = 2 * MAX_BINS
FIRST_WIDTH = 1_000_000
"""Width of a bin at first: 1 ms."""
WORDS = 8
"""Words of one bin, a cache line: see the places below."""
PACKETS, BYTES, RETRANSMISSIONS, RESETS, OPENED, CLOSED, GOAWAYS = range(7)
CLOCK_SET = 10 * 365 * 86_400 * 1_000_000_000
"""A step of time as long as this (ns) is a clock that was set: a device without one starts in 1970
and learns the time later. What came before counts in the first bin."""

# Twins in C of constants that plain Python imports.
_SLOTS = SLOTS
_CLOCK_SET = CLOCK_SET
_WORDS = WORDS


class Bins:
    """Counts packets as they come, and connections when they have ended.

    The tracker adds to ``packets``, ``bytes``, ``retransmissions`` and ``resets``, which are those
    of the current bin, from ``low`` up to ``high`` (ns). For a time outside it calls :meth:`move`
    before.
    """

    def __init__(self) -> None:
        self.counts = array("q", bytes(8 * WORDS * SLOTS))
        self.start = -1
        self.width = FIRST_WIDTH
        self.last = 0
        """The last bin that a packet was in."""
        self.at = 0
        self.low = 1
        self.high = 0
        self.packets = 0
        self.bytes = 0
        self.retransmissions = 0
        self.resets = 0

    def move(self, time: int) -> None:
        """Make the bin of ``time`` the current one."""
        self._put()
        place = self._place(time)
        if place > self.last:
            self.last = place
        self.at = place * _WORDS
        self.low = self.start + place * self.width
        self.high = self.low + self.width
        if place == 0:
            # A clock that was set back: it stays the bin of all that is before the start.
            self.low = 0

    def connection(self, flow: Flow) -> None:
        """Count a connection that has ended, or that was still open when the capture was over."""
        if flow.same_as >= 0:
            return
        start = self._place(flow.start)
        end = self._place(flow.end)
        # Finding the second place may have folded the bins, or begun them anew.
        start = self._place(flow.start)
        self.counts[start * _WORDS + 4] += 1
        closed = flow.rst_time > 0 or (flow.a.fin_seq >= 0 and flow.b.fin_seq >= 0)
        if closed or flow.open_at_end == 0:
            self.counts[(end if end > start else start) * _WORDS + 5] += 1

    def goaway(self, time: int) -> None:
        """Count a GOAWAY frame that was read some time after it came."""
        self.counts[self._place(time) * _WORDS + 6] += 1

    def rows(self) -> list[list[int]]:
        """Return the counts by quantity, in bins of ``width``: MAX_BINS of them at most.

        To be asked when all is counted; without any packet there are no bins.
        """
        self._put()
        if self.start < 0:
            return [[] for _ in range(WORDS)]
        if self.last >= MAX_BINS:
            self._fold()
        found = []
        for word in range(_WORDS):
            row = []
            # Compiled, a comprehension is a function of its own, without the C types.
            for place in range(self.last + 1):
                row.append(self.counts[place * _WORDS + word])  # noqa: PERF401
            found.append(row)
        return found

    def _place(self, time: int) -> int:
        if self.start < 0:
            self.start = time
        ahead = time - self.start
        if ahead < 0:
            return 0
        if ahead >= _CLOCK_SET:
            self._begin_anew(time)
            return 0
        while ahead // self.width >= _SLOTS:
            self._fold()
        return ahead // self.width

    def _put(self) -> None:
        """Add what the current bin has to the counts."""
        self.counts[self.at] += self.packets
        self.counts[self.at + 1] += self.bytes
        self.counts[self.at + 2] += self.retransmissions
        self.counts[self.at + 3] += self.resets
        self.packets = 0
        self.bytes = 0
        self.retransmissions = 0
        self.resets = 0

    def _fold(self) -> None:
        """Make each pair of bins one."""
        self._put()
        for word in range(_WORDS * _SLOTS):
            count = self.counts[word]
            self.counts[word] = 0
            place = word // _WORDS
            self.counts[place // 2 * _WORDS + word % _WORDS] += count
        self.width *= 2
        self.last //= 2
        self._forget()

    def _begin_anew(self, time: int) -> None:
        """Put all that was counted into the first bin, and begin that at ``time``."""
        self._put()
        for word in range(_WORDS, _WORDS * _SLOTS):
            self.counts[word % _WORDS] += self.counts[word]
            self.counts[word] = 0
        self.start = time
        self.last = 0
        self._forget()

    def _forget(self) -> None:
        """Have the next packet find its bin."""
        self.at = 0
        self.low = 1
        self.high = 0
