# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Reading ahead: a thread fetches a file's next blocks and finds the packets in them.

It does so while those before are looked at, and needs the interpreter's lock for none of it, when
compiled: who looks at packets holds that lock nearly all the time, and would let the thread in far
too late. Packets are found here as well because each record says where the next one is: on another
processor, whose cache does not have them, every step of that waits for memory.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from threading import Thread

from pcapdiag.capture.batch import NO_WORDS, excerpt, new_batch
from pcapdiag.capture.native import (
    acquire,
    enter_interpreter,
    free,
    leave_interpreter,
    new_lock,
    read_into,
    release,
    wait,
)
from pcapdiag.capture.walk import MARKS, MAX_PACKET, MORE, Walker
from pcapdiag.capture.window import Columns
from pcapdiag.model.numbers import copy

BLOCK = 512 * 1024
"""Bytes fetched in one go."""
HEADROOM = MAX_PACKET + 64
"""Bytes in front of each block, for the record that begins in the block before."""
RECORDS = 8_192
"""Room for a block's packets when they are small ones."""
SLOTS = 6
"""Blocks that there is room for."""
IN_USE = 2
"""The newest of them that were handed over, which are left as they are."""
LEFT = 2
"""The thread sleeps until no more blocks than this are waiting: to wake it takes time."""

OWN_FACTS = 5
"""Numbers of a block: bytes fetched, place behind its packets, start, position, is it the last."""
FACTS = OWN_FACTS + MARKS

# Twins in C of the constants above.
_BLOCK = BLOCK
_HEADROOM = HEADROOM
_RECORDS = RECORDS
_SLOTS = SLOTS
_IN_USE = IN_USE
_LEFT = LEFT
_OWN_FACTS = OWN_FACTS
_FACTS = FACTS
_SIZE = HEADROOM + BLOCK
_MORE = MORE


class Preparation:
    """What the thread does with the packets of a block besides; here, nothing.

    ``words`` has room for what it finds out: ``width`` for each packet.
    """

    def __init__(self, _buffer: bytearray, _packets: int, _link_type: int) -> None:
        self.words = NO_WORDS
        self.width = 0

    def prepare(self, into: Columns, first: int, last: int) -> None:
        """Look at the packets ``first`` to ``last`` (not included); it has no interpreter lock."""


Preparer = Callable[[bytearray, int, int], Preparation]
"""Makes one for a buffer, with room for so many packets, of a link type."""


class Ahead:
    """The rest of a pcap file, block by block, from where its descriptor and a walker stand.

    ``rest`` is what was read and is no whole record. After :meth:`take`, ``batch`` has the packets
    of the records in ``buffer[start:position]``, and up to ``end`` there are bytes behind
    them. ``is_last`` says that the thread goes no further: at the end, at a record that cannot be
    true, and where there is no room for all packets of a block. To be closed: until then the
    descriptor is the thread's.
    """

    def __init__(
        self,
        descriptor: int,
        walker: Walker,
        rest: memoryview,
        prepare: Preparer,
        link_type: int,
    ) -> None:
        room = bytearray(_SLOTS * _SIZE)
        every = new_batch(room, _SLOTS * _RECORDS)
        self._preparation = prepare(room, _SLOTS * _RECORDS, link_type)
        every.words = self._preparation.words
        every.width = self._preparation.width
        self._columns = Columns(every)
        self.buffer = room
        self._bytes = room
        self._walker = walker.twin()
        self._descriptor = descriptor
        self._batches = [excerpt(every, n * _RECORDS, (n + 1) * _RECORDS) for n in range(_SLOTS)]
        self._facts = array("q", bytes(8 * _SLOTS * FACTS))
        self._left = len(rest)
        memoryview(room)[_HEADROOM - self._left : _HEADROOM] = rest
        self.batch = self._batches[0]
        self.start = 0
        self.position = 0
        self.end = 0
        self.is_last = False
        self._fetched = 0
        self._taken = 0
        self._stopped = 0
        self._fetcher_waits = 0
        self._taker_waits = 0
        # The first guards the numbers. The others are closed: they open for who waits.
        self._numbers = new_lock()
        self._space = new_lock()
        self._news = new_lock()
        acquire(self._space)
        acquire(self._news)
        self._thread = Thread(target=self._run, name="read ahead", daemon=True)
        self._thread.start()

    def take(self, walker: Walker) -> int:
        """Go to the next block, and bring ``walker`` to its end; not to be asked after the last.

        Returns the bytes that were fetched: 0 at the file's end, a negative ``errno`` where it
        cannot be read further. What was handed over stays as it is for one more call.
        """
        slot = self._next()
        facts = self._facts
        at = slot * FACTS
        got = facts[at]
        self.batch = self._batches[slot]
        self.batch.count = facts[at + 1] - slot * _RECORDS
        self.start = facts[at + 2]
        self.position = facts[at + 3]
        self.is_last = facts[at + 4] != 0
        self.end = slot * _SIZE + _HEADROOM + max(0, got)
        walker.restore(facts, at + OWN_FACTS)
        return int(got)

    def close(self) -> None:
        """End the thread; to be asked once."""
        acquire(self._numbers)
        self._stopped = 1
        self._let_fetch()
        release(self._numbers)
        self._thread.join()
        free(self._numbers)
        free(self._space)
        free(self._news)

    def _next(self) -> int:
        """Wait for the next block; return its slot."""
        number = self._taken
        acquire(self._numbers)
        self._taken = number + 1
        self._let_fetch()
        while self._fetched <= number:
            self._taker_waits = 1
            release(self._numbers)
            wait(self._news)
            acquire(self._numbers)
        release(self._numbers)
        return number % _SLOTS

    def _let_fetch(self) -> None:
        if self._fetcher_waits and (self._stopped or self._fetched - self._taken <= _LEFT):
            self._fetcher_waits = 0
            release(self._space)

    def _run(self) -> None:
        state = leave_interpreter()
        number = 0
        while self._has_space(number) and self._fetch(number):
            number += 1
        enter_interpreter(state)

    def _fetch(self, number: int) -> bool:
        """Read a block, find its packets and tell of it; False after the last one."""
        slot = number % _SLOTS
        at = slot * _SIZE + _HEADROOM
        start = at - self._left
        if number > 0:
            copy(self._bytes, start, self._bytes, self._walker.position, self._left)
        got = read_into(self._descriptor, self._bytes, at, _BLOCK)
        end = at + got if got > 0 else at
        first = slot * _RECORDS
        status = self._walker.walk_records(self._columns, start, end, first, first + _RECORDS)
        self._preparation.prepare(self._columns, first, self._walker.filled)
        self._left = end - self._walker.position
        goes_on = got > 0 and status == _MORE and self._left <= _HEADROOM
        facts = slot * _FACTS
        self._facts[facts] = got
        self._facts[facts + 1] = self._walker.filled
        self._facts[facts + 2] = start
        self._facts[facts + 3] = self._walker.position
        self._facts[facts + 4] = 0 if goes_on else 1
        self._walker.save(self._facts, facts + _OWN_FACTS)
        self._tell(number + 1)
        return goes_on

    def _tell(self, fetched: int) -> None:
        acquire(self._numbers)
        self._fetched = fetched
        if self._taker_waits:
            self._taker_waits = 0
            release(self._news)
        release(self._numbers)

    def _has_space(self, number: int) -> bool:
        """Wait until there is room for a block; False when stopped."""
        acquire(self._numbers)
        while number >= self._taken + _SLOTS - _IN_USE and not self._stopped:
            self._fetcher_waits = 1
            release(self._numbers)
            acquire(self._space)
            acquire(self._numbers)
        stopped = self._stopped
        release(self._numbers)
        return not stopped
