"""Failed connections set aside until the whole capture is known, in memory that does not grow.

A group (the same failure at the same responder) keeps its first stories whole; further failures keep
one compact row. Both are written to a spill file that starts in memory and moves to disk.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import overload

import msgspec

from pcapdiag.model.report import Connection
from pcapdiag.model.story import Story

STORIES_PER_GROUP = 20
MAX_STORIES = 5_000
IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a spill that stay in memory before a temporary file takes them."""


class Spill:
    """Records in the order in which they were added, read back one at a time."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self.count = 0

    def add(self, record: bytes) -> None:
        """Append a record."""
        self._file.write(len(record).to_bytes(4, "little"))
        self._file.write(record)
        self.count += 1

    def __iter__(self) -> Iterator[bytes]:
        position = 0
        for _ in range(self.count):
            self._file.seek(position)
            size = int.from_bytes(self._file.read(4), "little")
            record = self._file.read(size)
            position += 4 + size
            yield record
        self._file.seek(0, 2)


class Archive:
    """The stories and rows of one analysis."""

    def __init__(self) -> None:
        self._stories = Spill()
        self._groups: Counter[tuple[str, str, int]] = Counter()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Story)

    def keep(self, story: Story, code: str) -> bool:
        """Set a story aside; False when its group has enough of them, and a row will do."""
        if code == "ok":
            return False
        key = (code, story.responder.address, story.responder.port)
        if self._stories.count >= MAX_STORIES or self._groups[key] >= STORIES_PER_GROUP:
            return False
        self._groups[key] += 1
        self._stories.add(self._encoder.encode(story))
        return True

    def stories(self) -> Iterator[Story]:
        """Yield what was kept, in the order in which it was judged."""
        for record in self._stories:
            yield self._decoder.decode(record)


class Connections(Sequence[Connection]):
    """The report's connections: the detailed ones in memory, compact rows in a spill."""

    def __init__(self) -> None:
        self.detailed: list[Connection] = []
        self._rows = Spill()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Connection)

    @property
    def rows(self) -> int:
        """How many are rows, without timeline and evidence."""
        return self._rows.count

    def add_row(self, connection: Connection) -> None:
        """Append a compact connection."""
        self._rows.add(self._encoder.encode(connection))

    def __len__(self) -> int:
        return len(self.detailed) + self._rows.count

    def __iter__(self) -> Iterator[Connection]:
        yield from self.detailed
        for record in self._rows:
            yield self._decoder.decode(record)

    @overload
    def __getitem__(self, index: int) -> Connection: ...
    @overload
    def __getitem__(self, index: slice) -> list[Connection]: ...
    def __getitem__(self, index: int | slice) -> Connection | list[Connection]:
        if isinstance(index, int) and 0 <= index < len(self.detailed):
            return self.detailed[index]
        return list(self)[index]
