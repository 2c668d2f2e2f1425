"""The unit that travels from a reader to the tracker: one buffer and where its packets are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import msgspec

from pcapdiag.model.room import number_room

MAX_TIME = (1 << 62) - 1
"""Times are 0 to this many ns since the epoch (the year 2116); what claims more is cut to it."""


def column(numbers: Iterable[int] = ()) -> memoryview[int]:
    """Return a number of each packet, with room for 8 bytes and a sign."""
    return memoryview(array("q", numbers))


WIRE_BYTES = 0xFFFFFFFF
"""The bits of a packet's length that are its bytes on the wire."""
MAX_DROPS = (1 << 62) - 1
"""More drops than this are a lie, and are cut to it."""

NO_WORDS = memoryview(array("Q"))


class Interface(msgspec.Struct):
    """One interface of one input file; ``index`` numbers them over all files from 0."""

    index: int
    file: int
    link_type: int
    name: str = ""
    snaplen: int = 0
    received: int | None = None
    """Packets that the capturing system counted (pcapng statistics), None where it did not say."""
    dropped: int = 0
    """Packets that the interface or the kernel dropped, by the same statistics."""
    lost: int = 0
    """Packets that were dropped before one of its packets, as those say (pcapng, epb_dropcount)."""
    resolution: int = 6
    """How it counts time, as the byte of if_tsresol says it (pcapng, section 4.2)."""
    offset: int = 0
    """ns that are added to its times."""


def drops(told: Iterable[Interface]) -> int:
    """Return what was dropped on one interface, whose parts in several files are ``told``.

    Statistics are totals since the start, so the largest counts, and include what packets say.
    """
    parts = list(told)
    total = max((one.dropped for one in parts), default=0)
    return min(max(total, sum(one.lost for one in parts)), MAX_DROPS)


class Batch(msgspec.Struct):
    """Some packets in the order in which they are to be judged (time order, see capture/order.py).

    All columns have ``count`` valid items. ``frames`` are numbers from 1 in
    capture order; where ``disordered`` is set they do not ascend within the batch. A batch is good
    until the next one is asked for: its buffer and arrays are used again.
    """

    buffer: bytes | bytearray
    count: int = 0
    offsets: memoryview[int] = msgspec.field(default_factory=column)
    """Where the packet's first byte is in ``buffer``."""
    times: memoryview[int] = msgspec.field(default_factory=column)
    """Nanoseconds since the epoch."""
    captured: memoryview[int] = msgspec.field(default_factory=column)
    """Bytes in the buffer."""
    lengths: memoryview[int] = msgspec.field(default_factory=column)
    """Bytes on the wire (WIRE_BYTES). Above them, of pcapng packets that say which way they went:
    the low 5 bits of epb_flags, direction and kind of reception (section 4.3.1)."""
    interfaces: memoryview[int] = msgspec.field(default_factory=column)
    """Index into the capture's list of interfaces."""
    frames: memoryview[int] = msgspec.field(default_factory=column)
    disordered: bool = False
    words: memoryview[int] = NO_WORDS
    """``width`` of each packet: what was found out ahead (capture/ahead.py), if that was done."""
    width: int = 0


def new_batch(buffer: bytes | bytearray, records: int) -> Batch:
    """Return an empty batch over ``buffer`` with room for ``records`` packets."""
    offsets, times, captured, lengths, interfaces, frames = (
        number_room(records, "q") for _ in range(6)
    )
    return Batch(buffer, 0, offsets, times, captured, lengths, interfaces, frames)


def excerpt(batch: Batch, start: int, stop: int) -> Batch:
    """Return an empty batch over the same buffer, whose room is a part of another one's."""
    width = batch.width
    return Batch(
        batch.buffer,
        0,
        batch.offsets[start:stop],
        batch.times[start:stop],
        batch.captured[start:stop],
        batch.lengths[start:stop],
        batch.interfaces[start:stop],
        batch.frames[start:stop],
        words=batch.words[width * start : width * stop],
        width=width,
    )
