"""Brings the pieces of both ends into the order of the capture.

Each end's pieces come in the order of its stream, but one end's may be handed on in bulk before the
other's. What is fed too early is held until the other end's catches up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from pcapdiag.model.application import Piece

MAX_HELD = 64 * 1024
"""Bytes that are held back for the other end's; the earliest is let go when there are more."""
MAX_HELD_PIECES = 1_024


class CaptureOrder:
    """Two queues that are emptied by (time, frame)."""

    def __init__(self) -> None:
        self._queues: tuple[deque[Piece], deque[Piece]] = (deque(), deque())
        self._held = 0

    def add(self, piece: Piece) -> Iterator[Piece]:
        """Take a piece and yield those that nothing earlier can come before."""
        self._queues[piece.from_initiator].append(piece)
        self._held += len(piece.data)
        while all(self._queues) or self._is_full():
            yield self._next()

    def rest(self) -> Iterator[Piece]:
        """Yield everything that is held: both ends have been fed up to here."""
        while any(self._queues):
            yield self._next()

    def _is_full(self) -> bool:
        return self._held > MAX_HELD or sum(map(len, self._queues)) > MAX_HELD_PIECES

    def _next(self) -> Piece:
        queue = min(filter(None, self._queues), key=lambda queue: (queue[0].time, queue[0].frame))
        piece = queue.popleft()
        self._held -= len(piece.data)
        return piece
