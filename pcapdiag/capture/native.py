"""Locks between threads, and reading into a buffer, as compiled code does it.

Compiled modules get these functions as C (the .pxd beside this file), which needs no interpreter
lock; plain Python runs the ones here.
"""

from __future__ import annotations

import os
from threading import Lock


def new_lock() -> Lock:
    """Return a lock that is open."""
    return Lock()


def acquire(lock: Lock) -> None:
    """Wait until a lock is open, and close it; for locks that are closed for a moment only."""
    lock.acquire()


def wait(lock: Lock) -> None:
    """Do the same, and let other threads run meanwhile."""
    lock.acquire()


def release(lock: Lock) -> None:
    """Open a lock, which any thread may have closed."""
    lock.release()


def free(lock: Lock) -> None:
    """Give a lock back that nobody uses any more."""


def leave_interpreter() -> int:
    """Go on without the interpreter's lock; return what is needed to come back."""
    return 0


def enter_interpreter(state: int) -> None:
    """Come back from :func:`leave_interpreter`."""


def read_into(descriptor: int, buffer: bytearray, at: int, count: int) -> int:
    """Read up to ``count`` bytes of a file to ``buffer[at:]``.

    Returns how many they are, 0 at the file's end, or a negative ``errno``.
    """
    try:
        data = os.read(descriptor, count)
    except OSError as error:
        return -(error.errno or 1)
    buffer[at : at + len(data)] = data
    return len(data)
