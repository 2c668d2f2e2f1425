"""A message that is rewritten field by field: what is not kept or replaced is overwritten."""

from __future__ import annotations

from pcapdiag.protocols.tls.cursor import CutShortError


class Editor:
    """Goes through a message of big-endian fields; the result is as long, zero where nothing wrote.

    Raises CutShortError where the message ends within a field; a vector that is cut short is given
    as far as it is there.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._out = bytearray(len(data))
        self._at = 0
        self._end = len(data)

    def __len__(self) -> int:
        """Bytes that are left."""
        return self._end - self._at

    @property
    def result(self) -> bytes:
        """The whole message as it is rewritten by now."""
        return bytes(self._out)

    def peek(self, count: int | None = None) -> bytes:
        """Return the next bytes without passing them: all that are left, or fewer than asked."""
        end = self._end if count is None else min(self._end, self._at + count)
        return self._data[self._at : end]

    def keep(self, count: int | None = None) -> bytes:
        """Keep the next bytes, or all that are left."""
        kept = self._next(count)
        self._out[self._at - len(kept) : self._at] = kept
        return kept

    def number(self, size: int) -> int:
        """Keep the next number and return it."""
        return int.from_bytes(self.keep(size), "big")

    def skip(self, count: int | None = None) -> bytes:
        """Overwrite the next bytes with zeros, or all that are left; return what they were."""
        return self._next(count)

    def replace(self, data: bytes) -> None:
        """Put ``data`` in the place of as many bytes."""
        self._next(len(data))
        self._out[self._at - len(data) : self._at] = data

    def vector(self, size: int) -> Editor:
        """Keep the length of ``size`` bytes that comes next and return its content to rewrite."""
        length = self.number(size)
        return self.part(length)

    def part(self, length: int) -> Editor:
        """Return the next ``length`` bytes, or those of them that are there, to rewrite."""
        inside = Editor.__new__(Editor)
        inside._data, inside._out = self._data, self._out
        inside._at = self._at
        inside._end = self._at = min(self._end, self._at + length)
        return inside

    def _next(self, count: int | None) -> bytes:
        end = self._end if count is None else self._at + count
        if end > self._end:
            self._at = self._end
            raise CutShortError
        taken = self._data[self._at : end]
        self._at = end
        return taken
