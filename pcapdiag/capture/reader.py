"""One input file: from its bytes to batches of packets in file order."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from pcapdiag.capture.ahead import Preparation, Preparer
from pcapdiag.capture.batch import Batch, Interface, new_batch
from pcapdiag.capture.facts import FileFacts, Metadata
from pcapdiag.capture.formats import (
    LOOK_BYTES,
    MAGIC_BYTES,
    PCAP_MAGICS,
    PCAPNG_MAGIC,
    compression_of,
    what_it_is,
)
from pcapdiag.capture.source import RawInput
from pcapdiag.capture.walk import BAD, FULL, MORE, OTHER, Walker
from pcapdiag.errors import CaptureError, DamagedCaptureError, NotACaptureError
from pcapdiag.model.options import Stop

if TYPE_CHECKING:
    from pcapdiag.capture.pcapng import BlockReader
    from pcapdiag.capture.source import Input

BLOCK_BYTES = 512 * 1024
"""Bytes read in one go: 4 % faster than 256 kB, because each batch costs some 15 us in Python;
beyond, two buffers no longer fit into a core's cache of 1 MB with what the tracker needs."""
FIRST_BYTES = 64 * 1024
"""The first read is smaller: enough to look at a file, and a short capture is done at once."""
BATCH_RECORDS = 16_384
"""Room for the packets of a block when they are all of the smallest size."""
FIRST_RECORDS = BATCH_RECORDS * FIRST_BYTES // BLOCK_BYTES
PCAP_HEADER = 24


class Stretch(msgspec.Struct, frozen=True):
    """Whole records one behind the other, ``batch.buffer[start:end]``.

    ``batch`` has the packets in it; without any, a stretch is good until the next one is asked for.
    ``others`` says where the blocks without a packet begin. ``untimed`` is True where some packets
    are in simple packet blocks.
    """

    batch: Batch
    start: int
    end: int
    others: list[int]
    untimed: bool = False


class FileReader:
    """Reads one file.

    ``walker`` has its numbers so far, and so has ``facts``, which lags behind while a thread reads
    ahead; its interfaces go to ``metadata``. Two buffers take turns, so a batch stays good until
    the next but one is asked for. ``ahead`` says, until the first batch, that a thread may fetch
    what comes next. Raises FileAccessError when made.
    """

    def __init__(
        self,
        path: str,
        file: int,
        metadata: Metadata,
        stop: Stop,
        *,
        follow: bool = False,
        digest: bool = False,
    ) -> None:
        self.raw = RawInput(path, stop, follow=follow, digest=digest)
        self.ahead = True
        self.prepare: Preparer = Preparation
        self.facts = FileFacts(self.raw.path)
        self.walker = Walker()
        self._input: Input = self.raw
        self._file = file
        self._follow = follow
        self._metadata = metadata
        self._blocks: BlockReader | None = None
        self._buffer = bytearray(FIRST_BYTES)
        self._spare = bytearray()
        self._batches = self._new_batches(FIRST_RECORDS)
        self._is_first = True
        self._others: list[int] = []
        self._lent = False
        self._position = 0
        self._filled = 0
        self._base = 0
        self._ended = False
        self._broken: DamagedCaptureError | None = None

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces met so far, those of other files that share the metadata included."""
        return self._metadata.interfaces

    def batches(self) -> Iterator[Batch | None]:
        """Yield the packets in file order, and None when nothing came (``follow``).

        Ends and raises as :meth:`stretches`.
        """
        for stretch in self.stretches():
            if stretch is None:
                yield None
            elif stretch.batch.count:
                yield stretch.batch

    def stretches(self) -> Iterator[Stretch | None]:
        """Yield all records in file order, and None when nothing came (``follow``).

        Ends at the file's end, at a damage (``facts.error`` says where), or when stopped from
        outside. Raises NotACaptureError, and DamagedCaptureError for a damage before the first
        record.
        """
        try:
            yield from self._begin()
            while True:
                batch = self._batches[0]
                start, untimed = self._position, self.walker.untimed
                status = self._walk(batch)
                if self._position > start:
                    self._note()
                    if batch.count:
                        self._lent = True
                        self._batches.reverse()
                    some_untimed = self.walker.untimed > untimed
                    yield Stretch(batch, start, self._position, self._others, some_untimed)
                if status == FULL:
                    continue
                if self.facts.error or self._ended:
                    self._judge_rest()
                    return
                if self._is_worth_reading_ahead():
                    yield from self._read_ahead()
                else:
                    if self._is_first:
                        self._is_first = False
                        self._batches = self._new_batches(BATCH_RECORDS)
                    yield from self._fill(BLOCK_BYTES)
        finally:
            self._note()

    def close(self) -> None:
        """Close the file; the digest is made here, where it was asked for."""
        self.facts.sha256 = self.raw.sha256()
        self.raw.close()

    def _new_batches(self, records: int) -> list[Batch]:
        return [new_batch(self._buffer, records) for _ in range(2)]

    def _begin(self) -> Iterator[None]:
        """Read the file's header, and unpack first what is compressed."""
        yield from self._fill_to(MAGIC_BYTES)
        compression = compression_of(self._head(MAGIC_BYTES))
        if compression:
            from pcapdiag.capture.compression import Unpacker  # Only here: most are plain.

            self.facts.compression = compression
            self._input = Unpacker(self.raw, compression, self._head(FIRST_BYTES))
            self._filled = 0
            self._ended = False
            yield from self._fill_to(MAGIC_BYTES)
            inner = compression_of(self._head(MAGIC_BYTES))
            if inner:
                raise NotACaptureError(
                    self.facts.path, f"this is {inner} inside {compression}", "unpack it once first"
                )
        magic = self._head(4)
        if magic == PCAPNG_MAGIC:
            from pcapdiag.capture.pcapng import BlockReader  # Only here: pcap needs it not.

            self.facts.format = "pcapng"
            self._blocks = BlockReader(self.walker, self._file, self.facts, self._metadata)
        elif magic in PCAP_MAGICS:
            yield from self._fill_to(PCAP_HEADER)
            self._read_pcap_header(magic)
        else:
            yield from self._fill_to(LOOK_BYTES)
            raise self._no_capture()

    def _read_pcap_header(self, magic: bytes) -> None:
        if self._filled < PCAP_HEADER:
            raise self._broken or self._damage("the file ends within its header", self._filled)
        big, unit, record_header = PCAP_MAGICS[magic]
        snaplen, link = struct.unpack_from(">II" if big else "<II", self._buffer, 16)
        self.facts.format = "pcap"
        self.walker.big_endian = big
        self.walker.unit = unit
        self.walker.record_header = record_header
        self.walker.interface = len(self._metadata.interfaces)
        # The upper half of the link type holds the length of the frame check sequence.
        resolution = 9 if unit == 1 else 6
        interface = Interface(
            self.walker.interface, self._file, link & 0xFFFF, "", snaplen, resolution=resolution
        )
        self._metadata.interfaces.append(interface)
        self._position = PCAP_HEADER

    def _no_capture(self) -> CaptureError:
        if self._broken:
            return self._broken
        path = self.facts.path
        if not self._filled:
            return NotACaptureError(
                path,
                "this is empty (0 bytes)",
                "tcpdump writes a header at once: was it started, and the disk not full?",
            )
        what, advice = what_it_is(self._head(LOOK_BYTES), path)
        return NotACaptureError(path, f"this is {what}", advice, byte=0)

    def _head(self, most: int) -> bytes:
        return bytes(self._buffer[: min(self._filled, most)])

    def _walk(self, batch: Batch) -> int:
        """Fill ``batch`` with what is in the buffer; MORE when done with it, FULL when not."""
        batch.buffer = self._buffer
        batch.count = 0
        self._others = []
        walker = self.walker
        while True:
            if self._blocks is None:
                status = walker.walk_pcap(self._position, self._filled, batch)
            else:
                status = walker.walk_pcapng(self._buffer, self._position, self._filled, batch)
            self._position = walker.position
            if status == BAD:
                self.facts.error = self._damage(walker.problem, self._base + self._position)
            if status != OTHER or not self._read_block():
                return FULL if status == FULL else MORE

    def _read_block(self) -> bool:
        """Read the block at the position; False when it is not wholly there, or broken."""
        assert self._blocks is not None
        at = self._base + self._position
        try:
            length = self._blocks.read(self._buffer, self._position, self._filled, at)
        except DamagedCaptureError as error:
            self.facts.error = error
            return False
        if length:
            self._others.append(self._position)
        self._position += length
        return length > 0

    def _judge_rest(self) -> None:
        """Say what is wrong with an end that is not the end of a record."""
        if self.facts.error or self.raw.stopped:
            return
        rest = self._filled - self._position
        if self._broken:
            self.facts.error = self._broken
        elif rest:
            message = f"the file ends within a packet: {rest} of {self.walker.needed} bytes"
            self.facts.error = self._damage(message, self._base + self._position)

    def _fill_to(self, least: int) -> Iterator[None]:
        while self._filled < least and not self._ended:
            yield from self._fill(FIRST_BYTES)

    def _fill(self, most: int) -> Iterator[None]:
        """Read up to ``most`` bytes behind what is left; yield None while none come."""
        self._turn(most)
        view = memoryview(self._buffer)
        start = self._filled
        goal = min(len(view), start + most)
        while self._filled < goal:
            try:
                got = self._input.readinto(view[self._filled : goal])
            except DamagedCaptureError as error:
                self._broken = error
                got = 0
            if got == 0:
                self._ended = True
                return
            self._filled += got or 0
            if self._follow and self._filled > start:
                return
            if got is None:
                yield None

    def _is_worth_reading_ahead(self) -> bool:
        """Say it once: of a pcap file behind its first packets, as it is stored."""
        if not self.ahead or self._input is not self.raw or self._blocks is not None:
            return False
        self.ahead = False
        return self.raw.is_worth_reading_ahead()

    def _read_ahead(self) -> Iterator[Stretch]:
        """Yield what a thread finds, as far as it goes: what is left is read on as before."""
        rest = memoryview(self._buffer)[self._position : self._filled]
        link_type = self._metadata.interfaces[self.walker.interface].link_type
        if not self.raw.read_ahead(self.walker, rest, self.prepare, link_type):
            return
        while not self.raw.stopped:
            try:
                block = self.raw.take(self.walker)
            except DamagedCaptureError as error:
                self._broken = error
                break
            batch = block.batch
            self._base += self._position - block.start
            self._buffer = block.buffer
            self._position = block.position
            self._filled = block.end
            if batch.count:
                self._lent = True
                yield Stretch(batch, block.start, block.position, [])
            if block.is_last:
                return
        self._ended = True

    def _turn(self, most: int) -> None:
        """Move what is left to the start of a buffer that is not lent out in a batch.

        The buffer has room for ``most`` bytes, and more where a block asks for it.
        """
        rest = self._filled - self._position
        size = max(most, self.walker.needed)
        left = memoryview(self._buffer)[self._position : self._filled]
        if self._lent:
            self._buffer, self._spare = self._spare, self._buffer
            self._lent = False
        if len(self._buffer) != size:
            self._buffer = bytearray(size)
        memoryview(self._buffer)[:rest] = left
        self._base += self._position
        self._position = 0
        self._filled = rest

    def _note(self) -> None:
        facts, walker = self.facts, self.walker
        facts.size = self.raw.taken if self.raw.size is None else self.raw.size
        facts.packets = walker.packets
        facts.frames = walker.frames
        for interface, count in walker.options.drops.items():
            self._metadata.interfaces[interface].lost = count
        if walker.latest >= 0:
            facts.first_time = walker.earliest
            facts.last_time = walker.latest

    def _damage(self, message: str, byte: int) -> DamagedCaptureError:
        return DamagedCaptureError(self.facts.path, message, byte=byte)
