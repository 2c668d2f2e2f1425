"""Addresses whose text must keep its length: each part becomes one of as many digits.

Text has no room in a PROXY line, a ``Host`` header or a name of ``in-addr.arpa``. There an octet (a
group of IPv6) is replaced by one of as many digits, chosen by key and by what stands before it: two
such addresses that share their first octets have images that do.
"""

from __future__ import annotations

import hmac
from functools import lru_cache

_OCTETS = (range(10), range(10, 100), range(100, 256))
_GROUPS = (range(1), range(1, 16), range(16, 256), range(256, 4096), range(4096, 65536))


def fitting(key: bytes, packed: bytes, kept: int, draw: int) -> bytes:
    """Return the ``draw``-th address with as many digits in each part, its first bits kept.

    Octets of IPv4 count decimal digits, groups of IPv6 hexadecimal ones; a group of 0 stays one,
    so that the short form stays as short.
    """
    width = 1 if len(packed) == 4 else 2
    image = b""
    for at in range(0, len(packed), width):
        part = int.from_bytes(packed[at : at + width], "big")
        bits = min(max(kept - 8 * at, 0), 8 * width)
        values = _alike(part, width, bits)
        seed = draw.to_bytes(4, "big") + packed[:at]
        shift = int.from_bytes(hmac.digest(key, seed, "sha256")[:8], "big")
        image += values[(values.index(part) + shift) % len(values)].to_bytes(width, "big")
    return image


@lru_cache(1024)
def _alike(part: int, width: int, kept: int) -> range:
    """Return the values with as many digits and the same ``kept`` first bits: always a range."""
    digits = next(one for one in (_OCTETS if width == 1 else _GROUPS) if part in one)
    free = 8 * width - kept
    low = part >> free << free
    return range(max(digits.start, low), min(digits.stop, low + (1 << free)))
