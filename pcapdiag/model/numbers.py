"""Numbers as packets hold them, and numbers of TCP's sequence space.

The caller has checked the bounds. Compiled modules get these functions as C (the .pxd beside this
file), inlined; plain Python runs the ones here.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

HALF = 0x7FFFFFFF
MASK32 = 0xFFFFFFFF


def big16(data: Sequence[int], at: int) -> int:
    """Return the 2 bytes at ``at`` in network order."""
    return data[at] << 8 | data[at + 1]


def big32(data: Sequence[int], at: int) -> int:
    """Return the 4 bytes at ``at`` in network order."""
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def big64(data: Sequence[int], at: int) -> int:
    """Return the 8 bytes at ``at`` in network order."""
    return big32(data, at) << 32 | big32(data, at + 4)


def little32(data: Sequence[int], at: int) -> int:
    """Return the 4 bytes at ``at``, the least significant one first."""
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24


def distance(a: int, b: int) -> int:
    """Return ``a - b`` in sequence space as a signed number (RFC 9293 section 3.4)."""
    d = (a - b) & MASK32
    return d - MASK32 - 1 if d > HALF else d


def index_of(data: memoryview[int], byte: int, start: int, end: int) -> int:
    """Return where a byte is first in ``data[start:end]``, or -1."""
    found = bytes(data[start:end]).find(byte)
    return found + start if found >= 0 else -1


def copy(
    target: MutableSequence[int] | memoryview[int],
    at: int,
    source: Sequence[int],
    start: int,
    count: int,
) -> None:
    """Copy ``count`` bytes; a slice would be copied by way of two new views when compiled."""
    for i in range(count):
        target[at + i] = source[start + i]


def prefetch(data: Sequence[int], at: int) -> None:
    """Have a byte that will be read soon brought near, while something else is done."""


def prefetch_word(words: Sequence[int], at: int) -> None:
    """Do the same with a word of 64 bits."""


def prefetch_item(objects: Sequence[object], at: int) -> None:
    """Do the same with the place of a list that says where an object is."""


def prefetch_object(objects: Sequence[object], at: int) -> None:
    """Do the same with how an object in a list begins."""
