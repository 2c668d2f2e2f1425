"""Blocks of a pcapng file, handed on as they are but for what has to change."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from pcapdiag.capture.pcapng import (
    BYTE_ORDER_MAGIC,
    DECRYPTION_SECRETS,
    ENHANCED_PACKET,
    INTERFACE_DESCRIPTION,
    INTERFACE_STATISTICS,
    OLD_PACKET,
    SECTION_HEADER,
    SIMPLE_PACKET,
)
from pcapdiag.capture.reader import FileReader, Stretch
from pcapdiag.capture.walk import MAX_BLOCK
from pcapdiag.capture.writing import blocks
from pcapdiag.capture.writing.from_file import FileCopy
from pcapdiag.capture.writing.section import Section
from pcapdiag.errors import CaptureError

MAX_DESCRIPTIONS = 16 * 1024 * 1024
"""Bytes of one section's interface descriptions that are kept, to be given again in a later one."""
NO_TIME = (
    "pcapdiag: stored without a time (simple packet block); shown is that of the packet before"
)


class PcapngCopy(FileCopy):
    """A pcapng file: what has no comment and keeps its interface's number is not looked at."""

    def __init__(
        self,
        reader: FileReader,
        first: Stretch | None,
        others: Iterator[Stretch | None],
        left: int,
        section: Section,
    ) -> None:
        self._order = ""
        self._position = 0
        self._starts: array[int] | None = None
        self._section_number = 0
        self._numbers: list[int] = []
        self._descriptions: list[bytes] = []
        self._described = 0
        self._has_ours = False
        super().__init__(reader, first, others, left, section)

    def hand_on(self, stretch: Stretch, stop: int, commented: list[tuple[int, int]]) -> None:
        """Write all up to the end of the packet before ``stop``."""
        self._return()
        end = self._end_of(stretch, stop - 1)
        for position, packet, frame in self._marks(stretch, end, commented):
            if packet < 0:
                self._other(stretch, position)
            else:
                self._comment(stretch, position, packet, frame)
        self._flush(stretch, end)

    def _marks(
        self, stretch: Stretch, end: int, commented: list[tuple[int, int]]
    ) -> Iterator[tuple[int, int, int]]:
        """Yield what is to be looked at up to ``end``, in order: (position, packet, frame).

        The packet is -1 for another block; the frame 0 where only older comments may be there.
        """
        first = bisect_left(stretch.others, self._position)
        last = bisect_left(stretch.others, end)
        told, start = 0, self._position
        for edge in (*stretch.others[first:last], end):
            frames = dict.fromkeys(self._packets_with_ours(stretch, start, edge), 0)
            while told < len(commented) and self._start_of(commented[told][0]) < edge:
                frames[commented[told][0]] = commented[told][1]
                told += 1
            for packet in sorted(frames):
                yield self._start_of(packet), packet, frames[packet]
            if edge < end:
                yield edge, -1, 0
            start = edge

    def hand_on_rest(self, stretch: Stretch) -> None:
        """Write the blocks behind the last packet."""
        self._return()
        for position in stretch.others[bisect_left(stretch.others, self._position) :]:
            self._other(stretch, position)
        self._flush(stretch, stretch.end)

    def enter_stretch(self) -> None:
        """Stand at its first block."""
        self._starts = None
        if self.stretch is not None:
            self._position = self.stretch.start

    def _return(self) -> None:
        """Go on in the output's section, which may be another one than before."""
        if not self._order or self._section_number == self.section.number:
            return
        if self.section.order != self._order:
            self.section.begin(self._order)
        self._describe_again()

    def _describe_again(self) -> None:
        self._section_number = self.section.number
        self._numbers = [self.section.describe(one) for one in self._descriptions]

    def _other(self, stretch: Stretch, position: int) -> None:
        """Look at a block that holds no packet."""
        buffer = stretch.batch.buffer
        kind, size = struct.unpack_from((self._order or "<") + "II", buffer, position)
        if kind == SECTION_HEADER:
            self._flush(stretch, position)
            self._position += self._begin_section(stretch, position)
        elif kind == INTERFACE_DESCRIPTION:
            self._flush(stretch, position)
            self._describe(bytes(buffer[position : position + size]))
            self._position += size
        elif kind == INTERFACE_STATISTICS:
            self._flush(stretch, position)
            self._renumber(stretch, position)
        elif kind == DECRYPTION_SECRETS and self.section.drop_secrets:
            self._flush(stretch, position)
            self.section.copied.secrets_dropped += 1
            self._position += size

    def _begin_section(self, stretch: Stretch, position: int) -> int:
        """Begin the output's next section, or go on in it amid other files; return the length."""
        buffer = stretch.batch.buffer
        (magic,) = struct.unpack_from("<I", buffer, position + 8)
        self._order = order = "<" if magic == BYTE_ORDER_MAGIC else ">"
        (size,) = struct.unpack_from(order + "I", buffer, position + 4)
        section, old = self.section, bytes(buffer[position : position + size])
        header = self._without_ours(old, blocks.SECTION_OPTIONS)
        self._has_ours = self._has_ours or header is not old
        if section.open_files == 1 or section.order != order or not section.number:
            section.begin(order, header)
        self._section_number = section.number
        self._descriptions = []
        self._described = 0
        self._numbers = []
        return int(size)

    def _describe(self, interface: bytes) -> None:
        self._described += len(interface)
        if self._described > MAX_DESCRIPTIONS:
            path = self.reader.facts.path
            raise CaptureError(path, f"more than {MAX_DESCRIPTIONS} bytes describe interfaces")
        self._descriptions.append(interface)
        self._numbers.append(self.section.describe(interface))

    def _comment(self, stretch: Stretch, position: int, packet: int, frame: int) -> None:
        """Write a packet's block with comments; frame 0 has none, but may have had."""
        self._flush(stretch, position)
        self._renumber(stretch, position)
        end = self._end_of(stretch, packet)
        old = bytes(stretch.batch.buffer[position:end])
        captured = stretch.batch.captured[packet]
        at = blocks.ENHANCED_DATA + captured + blocks.pad(captured)
        (kind,) = struct.unpack_from(self._order + "I", old)
        if kind != SIMPLE_PACKET and self._has_ours:
            old = self._without_ours(old, at)
        if frame:
            old = self._with_comments(
                stretch, old, packet, frame, 0 if kind == SIMPLE_PACKET else at
            )
        self.section.write(old)
        self.at = packet + 1
        self._position = end

    def _with_comments(
        self, stretch: Stretch, old: bytes, packet: int, frame: int, at: int
    ) -> bytes:
        """Return a block with comments, which is said to begin its options at ``at``."""
        if at:
            options = self.section.comments.options(self._order, frame)
            new = blocks.with_options(self._order, old, at, options)
        else:
            new = self._with_time(stretch, old, packet, frame)
        if len(new) > MAX_BLOCK:
            self.section.copied.too_long += 1
            return old
        self.section.copied.commented += 1
        return new

    def _with_time(self, stretch: Stretch, old: bytes, packet: int, frame: int) -> bytes:
        """Return a simple packet block, which has no options and no time, as an enhanced one."""
        batch, comments = stretch.batch, self.section.comments
        captured = batch.captured[packet]
        interface = self.reader.interfaces[batch.interfaces[packet]]
        return blocks.enhanced_packet(
            self._order,
            0,
            blocks.time_units(batch.times[packet], interface.resolution, interface.offset),
            batch.lengths[packet],
            old[blocks.SIMPLE_DATA : blocks.SIMPLE_DATA + captured],
            blocks.ended(comments.options(self._order, frame, [NO_TIME])),
        )

    def _without_ours(self, old: bytes, at: int) -> bytes:
        ours = self.section.comments.ours
        return blocks.without_comments(self._order, old, at, ours) if ours else old

    def _packets_with_ours(self, stretch: Stretch, start: int, end: int) -> Iterator[int]:
        """Yield the packets between whose blocks may have comments of an earlier copy."""
        if not self._has_ours:
            return
        buffer, ours, batch = stretch.batch.buffer, self.section.comments.ours, stretch.batch
        at = buffer.find(ours, start, end)
        while at >= 0:
            packet = bisect_right(batch.offsets, at, self.at, batch.count) - 1
            at += 1
            if packet >= self.at:
                yield packet
                # What was found may lie in another block behind the packet's.
                at = max(at, self._end_of(stretch, packet))
            at = buffer.find(ours, at, end)

    def _flush(self, stretch: Stretch, end: int) -> None:
        """Write what lies before ``end``, whose packets may get other interface numbers."""
        stop = bisect_left(stretch.batch.offsets, end, self.at, stretch.batch.count)
        if self._numbers_differ(stretch):
            for packet in range(self.at, stop):
                self._renumber(stretch, self._start_of(packet))
        if end > self._position:
            self.section.write(memoryview(stretch.batch.buffer)[self._position : end])
        self._position = end
        self.at = stop

    def _numbers_differ(self, stretch: Stretch) -> bool:
        """Return whether packets need other interface numbers than they have.

        Simple packet blocks are of the section's first interface: where it is not theirs, a new
        section begins.
        """
        if not self._order or not self._numbers:
            return False
        if stretch.untimed and self._numbers[0]:
            self.section.begin(self._order)
            self._describe_again()
        return self._numbers[-1] != len(self._numbers) - 1

    def _renumber(self, stretch: Stretch, position: int) -> None:
        """Set the interface number of a block that names one."""
        buffer, order = stretch.batch.buffer, self._order
        assert isinstance(buffer, bytearray)
        (kind,) = struct.unpack_from(order + "I", buffer, position)
        if kind not in (ENHANCED_PACKET, INTERFACE_STATISTICS, OLD_PACKET):
            return
        form = order + ("H" if kind == OLD_PACKET else "I")
        (local,) = struct.unpack_from(form, buffer, position + 8)
        if local < len(self._numbers):
            struct.pack_into(form, buffer, position + 8, self._numbers[local])

    def _end_of(self, stretch: Stretch, packet: int) -> int:
        """Return where a packet's block ends: where the next record begins."""
        start, batch, others = self._start_of(packet), stretch.batch, stretch.others
        end = self._start_of(packet + 1) if packet + 1 < batch.count else stretch.end
        place = bisect_right(others, start)
        return min(end, others[place]) if place < len(others) else end

    def _start_of(self, packet: int) -> int:
        """Return where a packet's block begins."""
        assert self.stretch is not None
        if not self.stretch.untimed:
            return self.stretch.batch.offsets[packet] - blocks.ENHANCED_DATA
        if self._starts is None:
            self._starts = self._find_starts(self.stretch)
        return self._starts[packet]

    def _find_starts(self, stretch: Stretch) -> array[int]:
        """Return where the packets' blocks begin, which are of several kinds."""
        buffer, others = stretch.batch.buffer, set(stretch.others)
        order, at, starts = self._order or "<", stretch.start, array("q")
        while at < stretch.end:
            if at not in others:
                starts.append(at)
            elif buffer[at : at + 4] == b"\n\r\r\n":
                (magic,) = struct.unpack_from("<I", buffer, at + 8)
                order = "<" if magic == BYTE_ORDER_MAGIC else ">"
            at += struct.unpack_from(order + "I", buffer, at + 4)[0]
        return starts
