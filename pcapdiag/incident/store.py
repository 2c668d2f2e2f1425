"""Objects set aside by number, in memory that does not grow.

The first ones stay as they are: most captures have no more, and need not write and read them. The
others are written to a spill, which starts in memory and moves to disk.
"""

from __future__ import annotations

import io
from array import array
from typing import IO, Generic, TypeVar

import msgspec

from pcapdiag.errors import OutputError

KEPT_AS_THEY_ARE = 256
IN_MEMORY = 512 * 1024
"""Bytes of a spill that stay in memory before a temporary file takes them: of some 100 failures."""

Kept = TypeVar("Kept")


class Spill:
    """Records in the order in which they were added, read back by number.

    Raises OutputError where the disk takes no more of them.
    """

    def __init__(self) -> None:
        self._memory = io.BytesIO()
        self._file: IO[bytes] = self._memory
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, record: bytes) -> None:
        """Append a record."""
        end = self._ends[-1] + len(record)
        try:
            self._file.seek(self._ends[-1])
            self._file.write(record)
            self._ends.append(end)
            if self._file is self._memory and end > IN_MEMORY:
                self._move_to_disk()
        except OSError as error:
            raise _no_room(error) from error

    def read(self, number: int) -> bytes:
        """Return a record."""
        start = self._ends[number]
        try:
            # What was added last may be written only now.
            self._file.seek(start)
            return self._file.read(self._ends[number + 1] - start)
        except OSError as error:
            raise _no_room(error) from error

    def _move_to_disk(self) -> None:
        import tempfile  # Only here: most captures never have so much.

        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - for its lifetime
        self._file.write(self._memory.getbuffer())
        self._memory = io.BytesIO()


def _no_room(error: OSError) -> OutputError:
    message = f"cannot write temporary data: {error.strerror or error}"
    return OutputError(message, "set TMPDIR to a directory with room for it")


class Store(Generic[Kept]):
    """Objects of one type that msgspec can write and read, by the number of their adding.

    The first ``as_they_are`` are not written. Raises OutputError where the disk takes no more.
    """

    def __init__(self, kind: type[Kept], as_they_are: int = KEPT_AS_THEY_ARE) -> None:
        self._kind = kind
        self._as_they_are = as_they_are
        self._first: list[Kept] = []
        self._others = Spill()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Kept] | None = None

    def __len__(self) -> int:
        return len(self._first) + len(self._others)

    def add(self, one: Kept) -> None:
        """Set an object aside; nobody but who reads it changes it later."""
        if len(self._first) < self._as_they_are:
            self._first.append(one)
        else:
            self._others.add(self._encoder.encode(one))

    def is_shared(self, number: int) -> bool:
        """Say whether every :meth:`read` of a number returns the same object."""
        return number < len(self._first)

    def read(self, number: int) -> Kept:
        """Return an object."""
        if number < len(self._first):
            return self._first[number]
        return self._decode(self._others.read(number - len(self._first)))

    def copy(self, number: int) -> Kept:
        """Return an object that is the caller's own."""
        if number < len(self._first):
            return self._decode(self._encoder.encode(self._first[number]))
        return self.read(number)

    def _decode(self, record: bytes) -> Kept:
        if self._decoder is None:
            # Looking through all the types takes milliseconds, and most captures need it not.
            self._decoder = msgspec.msgpack.Decoder(self._kind)
        return self._decoder.decode(record)
