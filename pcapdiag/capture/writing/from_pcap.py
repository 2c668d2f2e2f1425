"""Packets of a pcap file as enhanced packet blocks."""

from __future__ import annotations

import struct

from pcapdiag.capture.pcapng import ENHANCED_PACKET
from pcapdiag.capture.reader import Stretch
from pcapdiag.capture.writing import blocks
from pcapdiag.capture.writing.from_file import FileCopy

PADDING = (b"", b"\0" * 3, b"\0" * 2, b"\0")
"""By the size modulo four."""


class PcapCopy(FileCopy):
    """A pcap file: its header becomes an interface, its records become blocks."""

    def hand_on(self, stretch: Stretch, stop: int, commented: list[tuple[int, int]]) -> None:
        """Write packets in runs between those that get comments."""
        number = self._interface()
        for packet, frame in commented:
            self._write_run(stretch, packet, number)
            self._write_commented(stretch, packet, frame, number)
            self.at = packet + 1
        self._write_run(stretch, stop, number)

    def end(self) -> None:
        """Describe the interface even of a file without packets."""
        if not self.reader.walker.packets:
            self._interface()

    def _interface(self) -> int:
        header = self.reader.interfaces[0]
        return self.section.plain_interface(header.link_type, header.snaplen, header.resolution)

    def _write_run(self, stretch: Stretch, stop: int, number: int) -> None:
        batch, order, start = stretch.batch, self.section.order, self.at
        unit = self.reader.walker.unit
        head, tail = struct.Struct(order + "7I").pack, struct.Struct(order + "I").pack
        data = memoryview(batch.buffer)
        pieces: list[bytes | memoryview] = []
        for at, size, time, length in zip(
            batch.offsets[start:stop],
            batch.captured[start:stop],
            batch.times[start:stop],
            batch.lengths[start:stop],
            strict=True,
        ):
            padding = PADDING[size & 3]
            total = 32 + size + len(padding)
            high, low = divmod(time // unit, 1 << 32)
            pieces += (
                head(ENHANCED_PACKET, total, number, high, low, size, length),
                data[at : at + size],
                padding + tail(total),
            )
        self.section.write(b"".join(pieces))
        self.at = stop

    def _write_commented(self, stretch: Stretch, packet: int, frame: int, number: int) -> None:
        batch, order = stretch.batch, self.section.order
        at = batch.offsets[packet]
        options = self.section.comments.options(order, frame)
        self.section.write(
            blocks.enhanced_packet(
                order,
                number,
                batch.times[packet] // self.reader.walker.unit,
                batch.lengths[packet],
                bytes(batch.buffer[at : at + batch.captured[packet]]),
                blocks.ended(options),
            )
        )
        self.section.copied.commented += 1
