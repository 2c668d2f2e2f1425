"""A place in bytes that may end anywhere."""

from __future__ import annotations


class CutShortError(Exception):
    """Bytes end within a field, or a length points behind them."""


class Cursor:
    """Reads big-endian fields in order; raises CutShortError where bytes end within one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        """True while bytes are left."""
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        end = self._at + count
        if end > len(self._data):
            raise CutShortError
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        """The next number of ``size`` bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """The content of the next vector, whose length takes ``size`` bytes."""
        return self.take(self.number(size))

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)
