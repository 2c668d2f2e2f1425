"""Internet checksums carried over a rewriting (RFC 1071, RFC 1624): right ones are right again.

A wrong one stays wrong by as much, also where the packet was cut; one that the sender's card was
yet to compute holds the pseudo-header's sum, and does so again.
"""

from __future__ import annotations

_ONES = 0xFFFF


def total(data: bytes | bytearray | memoryview, odd: bool = False) -> int:
    """Return the one's complement sum of 16-bit words, 0 only where all bytes are 0.

    ``odd``: the data begins at an odd place of what is summed.
    """
    # 2**16 is 1 modulo 2**16 - 1, so the whole is one long number.
    number = int.from_bytes(data, "big")
    if (len(data) + odd) & 1:
        number <<= 8
    return number % _ONES or (_ONES if number else 0)


def carried(old: int, field: int, new: int, *pseudo: tuple[int, int]) -> int:
    """Return the new value of a checksum field.

    ``old`` and ``new`` are the sums of all bytes that it covers, before and after, without the
    field itself. Each of ``pseudo`` is what the field would hold, before and after, if it were left
    to the card.
    """
    error = (old + field) % _ONES
    if error:
        for before, after in pseudo:
            if field == _folded(before):
                return _folded(after)
        return (error - new) % _ONES
    return _ONES - _folded(new)


def _folded(number: int) -> int:
    return number % _ONES or (_ONES if number else 0)
