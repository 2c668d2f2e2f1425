"""pcapng read block by block, by other code than the package's."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SECTION, INTERFACE, OLD, SIMPLE, STATISTICS, ENHANCED, SECRETS = 0x0A0D0D0A, 1, 2, 3, 5, 6, 10


@dataclass
class Block:
    order: str
    kind: int
    raw: bytes

    def number(self, at: int, form: str = "I") -> int:
        (value,) = struct.unpack_from(self.order + form, self.raw, at)
        return int(value)

    @property
    def options_at(self) -> int:
        if self.kind in (ENHANCED, OLD):
            captured = self.number(20)
            return 28 + captured + -captured % 4
        return {SECTION: 24, INTERFACE: 16, STATISTICS: 20}[self.kind]

    @property
    def options(self) -> list[tuple[int, bytes]]:
        at, found = self.options_at, []
        while at < len(self.raw) - 4:
            code, length = struct.unpack_from(self.order + "HH", self.raw, at)
            if code == 0:
                break
            found.append((code, self.raw[at + 4 : at + 4 + length]))
            at += 4 + length + -length % 4
        return found

    @property
    def comments(self) -> list[str]:
        return [value.decode() for code, value in self.options if code == 1]


def parse(data: bytes) -> Iterator[Block]:
    order, at = "<", 0
    while at < len(data):
        (kind,) = struct.unpack_from(order + "I", data, at)
        if kind == SECTION:
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
        (size,) = struct.unpack_from(order + "I", data, at + 4)
        assert size >= 12
        assert size % 4 == 0
        raw = data[at : at + size]
        assert raw[-4:] == raw[4:8]
        yield Block(order, kind, raw)
        at += size


def of_kind(data: bytes, *kinds: int) -> list[Block]:
    return [block for block in parse(data) if block.kind in kinds]
