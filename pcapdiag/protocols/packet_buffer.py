"""Bytes of one end that still wait to be read, and the packet that each of them came with."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from pcapdiag.model.application import Piece


class Moment(NamedTuple):
    """A packet: its frame, and its time in nanoseconds since the epoch."""

    frame: int
    time: int


class PacketBuffer:
    """A queue of bytes without a hole: pieces go in behind, read bytes are dropped in front."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._start = 0
        self._marks: deque[tuple[int, Moment]] = deque()

    def append(self, piece: Piece) -> None:
        """Add the bytes of a piece; its hole is the caller's business."""
        if piece.data:
            self.data += piece.data
            end = self._start + len(self.data)
            self._marks.append((end, Moment(piece.frame, piece.time)))

    def moment(self, offset: int = 0) -> Moment:
        """Return the packet that brought the byte at ``offset``, which must be there."""
        if len(self._marks) == 1:
            return self._marks[0][1]
        position = self._start + offset
        return next(moment for end, moment in self._marks if position < end)

    def drop(self, count: int) -> None:
        """Forget the first ``count`` bytes."""
        self._start += count
        if count == len(self.data):
            self.data.clear()
            self._marks.clear()
            return
        del self.data[:count]
        while self._marks and self._marks[0][0] <= self._start:
            self._marks.popleft()

    def clear(self) -> None:
        """Forget all bytes."""
        self.drop(len(self.data))

    def pieces(self, from_initiator: bool) -> list[Piece]:
        """Return the bytes as pieces again, one for each packet."""
        pieces = []
        begin = 0
        for mark, moment in self._marks:
            end = mark - self._start
            part = bytes(self.data[begin:end])
            pieces.append(Piece(from_initiator, moment.frame, moment.time, part))
            begin = end
        return pieces
