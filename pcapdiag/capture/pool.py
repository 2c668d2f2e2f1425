"""Packets copied out of a reader's buffer, to be kept longer than the buffer is."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise

from pcapdiag.capture.batch import Batch

FIRST_BYTES = 256 * 1024


class Pool:
    """A batch that packets are copied into; it grows as needed."""

    def __init__(self) -> None:
        self.batch = Batch(bytearray(FIRST_BYTES))
        self.filled = 0

    def clear(self) -> None:
        """Forget the packets."""
        self.batch = Batch(self.batch.buffer)
        self.filled = 0

    def append_run(self, batch: Batch, start: int, stop: int) -> None:
        """Copy the packets ``start`` to ``stop`` (not included), which lie in this order."""
        first = batch.offsets[start]
        end = batch.offsets[stop - 1] + batch.captured[stop - 1]
        shift = self.filled - first
        self._copy(batch, first, end - first)
        own = self.batch
        own.offsets.extend([offset + shift for offset in batch.offsets[start:stop]])
        own.captured.extend(batch.captured[start:stop])
        own.times.extend(batch.times[start:stop])
        own.lengths.extend(batch.lengths[start:stop])
        own.interfaces.extend(batch.interfaces[start:stop])
        own.frames.extend(batch.frames[start:stop])
        own.count += stop - start

    def append_chosen(self, batch: Batch, chosen: Sequence[int]) -> None:
        """Copy the packets that ``chosen`` names, in its order."""
        own = self.batch
        for i in chosen:
            own.offsets.append(self.filled)
            self._copy(batch, batch.offsets[i], batch.captured[i])
        own.captured.extend(pick(batch.captured, chosen))
        own.times.extend(pick(batch.times, chosen))
        own.lengths.extend(pick(batch.lengths, chosen))
        own.interfaces.extend(pick(batch.interfaces, chosen))
        own.frames.extend(pick(batch.frames, chosen))
        own.count += len(chosen)

    def _copy(self, batch: Batch, first: int, size: int) -> None:
        own = self.batch
        end = self.filled + size
        if end > len(own.buffer):
            grown = bytearray(max(end, 2 * len(own.buffer)))
            grown[: self.filled] = own.buffer[: self.filled]
            own.buffer = grown
        memoryview(own.buffer)[self.filled : end] = memoryview(batch.buffer)[first : first + size]
        self.filled = end


def pick(column: array[int], chosen: Sequence[int]) -> array[int]:
    """Return the items of ``column`` that ``chosen`` names, in its order."""
    return array("q", map(column.__getitem__, chosen))


def part_of(batch: Batch, start: int, stop: int) -> Batch:
    """Return a batch of the packets ``start`` to ``stop`` (not included), over the same buffer."""
    return Batch(
        batch.buffer,
        stop - start,
        batch.offsets[start:stop],
        batch.times[start:stop],
        batch.captured[start:stop],
        batch.lengths[start:stop],
        batch.interfaces[start:stop],
        batch.frames[start:stop],
    )


def in_order(batch: Batch, chosen: Sequence[int]) -> Batch:
    """Return a batch of the packets that ``chosen`` names, in its order, over the same buffer."""
    frames = pick(batch.frames, chosen)
    return Batch(
        batch.buffer,
        len(chosen),
        pick(batch.offsets, chosen),
        pick(batch.times, chosen),
        pick(batch.captured, chosen),
        pick(batch.lengths, chosen),
        pick(batch.interfaces, chosen),
        frames,
        disordered=any(b < a for a, b in pairwise(frames)),
    )
