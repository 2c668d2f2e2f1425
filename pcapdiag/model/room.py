"""Room that takes memory only as it is written to: a limit can be its size from the start."""

from __future__ import annotations

import mmap
from typing import Literal

MAPPED = 64 * 1024
"""Room of at least so many bytes comes from the system, page by page as it is needed."""


def byte_room(size: int) -> memoryview[int]:
    """Return ``size`` bytes, all 0. Raises MemoryError."""
    if size < MAPPED:
        return memoryview(bytearray(size))
    try:
        return memoryview(_mapped(size))
    except OSError as error:
        raise MemoryError(error.strerror) from error


def _mapped(size: int) -> mmap.mmap:
    if hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, size)  # Windows, where this is private.


def number_room(count: int, code: Literal["i", "I", "q", "Q"]) -> memoryview[int]:
    """Return ``count`` numbers, all 0, of 64 bits for "q" and "Q", of 32 bits for "i" and "I"."""
    return byte_room(count * (8 if code in "qQ" else 4)).cast(code)
