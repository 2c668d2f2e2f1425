# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, annotation_typing=False
"""Reading ahead: a thread fetches a file's next blocks while those before are looked at.

The thread needs the interpreter's lock for none of it, when compiled: who looks at packets holds
that lock nearly all the time, and would let the thread in far too late.
"""

from __future__ import annotations

from array import array
from threading import Thread

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

BLOCK = 512 * 1024
"""Bytes fetched in one go."""
HEADROOM = 64 * 1024
"""Bytes in front of each block, for what the block before left over: nearly always less."""
SLOTS = 4
"""Blocks that there is room for."""
IN_USE = 2
"""The newest of them that were handed over, which are left as they are."""

# Twins in C of the constants above.
_BLOCK = BLOCK
_HEADROOM = HEADROOM
_SLOTS = SLOTS
_IN_USE = IN_USE


class Ahead:
    """The rest of a file, block by block, from where its descriptor stands.

    After :meth:`take`, ``buffer[start:end]`` is what was asked for. To be closed: until then the
    descriptor is the thread's.
    """

    def __init__(self, descriptor: int) -> None:
        self._room = bytearray(_SLOTS * (_HEADROOM + _BLOCK))
        self._bytes = self._room
        self._sizes = array("q", bytes(8 * _SLOTS))
        self.buffer = self._room
        self.start = 0
        self.end = 0
        self._descriptor = descriptor
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

    def take(self, rest: memoryview) -> int:
        """Set ``buffer[start:end]`` to ``rest`` and the next block.

        Returns the block's bytes: 0 at the file's end, a negative ``errno`` where it cannot be read
        further; not to be asked again then. What was handed over stays as it is for one more call;
        ``rest`` is of that.
        """
        slot = self._next()
        got = self._sizes[slot]
        size = max(0, got)
        at = slot * (_HEADROOM + _BLOCK) + _HEADROOM
        left = len(rest)
        if left <= _HEADROOM:
            self.buffer = self._room
            self.start = at - left
            self.end = at + size
            memoryview(self.buffer)[self.start : at] = rest
        else:
            self.buffer = bytearray(rest) + self._room[at : at + size]
            self.start = 0
            self.end = left + size
        return got

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
        if self._fetcher_waits:
            self._fetcher_waits = 0
            release(self._space)

    def _run(self) -> None:
        state = leave_interpreter()
        self._fetch()
        enter_interpreter(state)

    def _fetch(self) -> None:
        number = 0
        got = 1
        while got > 0 and self._has_space(number):
            slot = number % _SLOTS
            at = slot * (_HEADROOM + _BLOCK) + _HEADROOM
            got = read_into(self._descriptor, self._bytes, at, _BLOCK)
            number += 1
            acquire(self._numbers)
            self._sizes[slot] = got
            self._fetched = number
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
