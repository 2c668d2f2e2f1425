"""One frame while it is rewritten: what nobody copies or replaces is zero in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from pcapdiag.sanitize.renamer import Renamer

Next = tuple[int, int]
"""What follows a header, and where: an EtherType (or what stands for one), or NOTHING."""
NOTHING = (0, 0)


class Payloads(Protocol):
    """Who replaces what TCP carries. Addresses are the original ones, in network order."""

    def tcp(
        self,
        source: bytes,
        source_port: int,
        target: bytes,
        target_port: int,
        seq: int,
        payload: bytes,
        frame: int,
    ) -> bytes:
        """Return what is to stand in place of a segment's payload, of the same length.

        ``seq`` is as in the header; ``frame`` numbers the capture's frames from 1.
        """
        ...


class Ends(msgspec.Struct, frozen=True):
    """The addresses of an IP header, before and after."""

    source: bytes
    target: bytes
    new_source: bytes
    new_target: bytes
    old: bytes = b""
    """What a checksum covers of them before: the last one of a routing header in place of the
    target, a home address in place of the source (RFC 8200 section 8.1, RFC 6275 section 6.3)."""
    new: bytes = b""

    def covering(self, at: int, before: bytes, after: bytes) -> Ends:
        """Return the ends with other addresses at a place of what checksums cover."""
        first, second = bytearray(self.old), bytearray(self.new)
        first[at : at + 16], second[at : at + 16] = before, after
        return Ends(
            self.source, self.target, self.new_source, self.new_target, bytes(first), bytes(second)
        )


class Frame:
    """Bytes that were captured, and those that take their place.

    ``end`` is the first byte that was not captured or lies behind the layer under way; ``stop`` is
    where that layer ends on the wire. Layers narrow both.
    """

    def __init__(self, data: bytes, wire_length: int, number: int, renamer: Renamer) -> None:
        self.data = data
        self.out = bytearray(len(data))
        self.end = len(data)
        self.stop = max(wire_length, len(data))
        self.number = number
        self.renamer = renamer
        self.layers = 0
        self.quoted = False
        """Inside of an ICMP error: what the segment carried is not needed."""

    def left(self, at: int) -> int:
        """Return how many captured bytes the layer under way has from ``at``."""
        return self.end - at

    def u16(self, at: int) -> int:
        """Return the 2 bytes at ``at``, which must be there."""
        return self.data[at] << 8 | self.data[at + 1]

    def keep(self, at: int, size: int) -> None:
        """Copy up to ``size`` bytes as far as they were captured."""
        end = min(at + size, self.end)
        if end > at:
            self.out[at:end] = self.data[at:end]

    def put(self, at: int, new: bytes) -> None:
        """Write bytes as far as there is room in the layer."""
        size = min(len(new), self.end - at)
        if size > 0:
            self.out[at : at + size] = new[:size]

    def put16(self, at: int, value: int) -> None:
        """Write 2 bytes, which must be in the layer."""
        self.out[at : at + 2] = value.to_bytes(2, "big")

    def options(self, at: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield place, kind and size of each option of IPv4 or TCP (RFC 791 and RFC 9293, 3.1).

        Kinds and lengths are kept; what cannot be an option ends them.
        """
        while at < min(end, self.end):
            kind = self.data[at]
            self.keep(at, 2 if kind > 1 else 1)
            if kind == 0:
                return
            if kind == 1:
                at += 1
                continue
            size = self.data[at + 1] if self.left(at) > 1 else 0
            if size < 2 or at + size > end:
                return
            yield at, kind, size
            at += size

    def address(self, at: int, size: int) -> None:
        """Replace an address of 4 or 16 bytes; one that was cut is dropped."""
        if self.left(at) >= size:
            self.put(at, self.renamer.address(self.data[at : at + size]))

    def mac(self, at: int) -> None:
        """Replace a link-layer address of 6 bytes; one that was cut is dropped."""
        if self.left(at) >= 6:
            self.put(at, self.renamer.mac(self.data[at : at + 6]))
