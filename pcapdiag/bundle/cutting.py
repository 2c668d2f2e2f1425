"""The second reading of the captures: what is wanted of them, written as one pcapng file.

Frames keep their order, their times to the nanosecond and every byte. What describes the capturing
machine is left out: names of interfaces, hardware and system, names of addresses, TLS secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from pcapdiag.bundle.frame_map import FrameMap
from pcapdiag.bundle.wanted import Sieve, Wanted
from pcapdiag.capture import Batch, Capture
from pcapdiag.capture.batch import Interface, drops
from pcapdiag.capture.facts import FileFacts
from pcapdiag.capture.pcapng import MICROSECONDS, NANOSECONDS
from pcapdiag.capture.writing import blocks
from pcapdiag.decode import headers
from pcapdiag.decode.headers import Packet
from pcapdiag.errors import UsageError
from pcapdiag.flow.packet_ends import Pair, Redirects, ends_of, pair
from pcapdiag.model.options import Progress
from pcapdiag.model.packet import FIN, RST, SYN

ORDER = "<"
MAX_BYTES = 1024**3
"""Of packets in one bundle."""

Write = Callable[[bytes], object]
_InterfaceKey = tuple[int, int, int, int, str, int]


class Cut(msgspec.Struct):
    """What was cut out, and what the reading showed of the files."""

    frames: FrameMap
    files: list[FileFacts]
    strays: set[Pair]
    """Connections of which single packets are in it, because they were named."""
    link_types: list[int] = []


class Cutter:
    """Takes the batches of a reading in the order of frames, and writes what is wanted of them."""

    def __init__(self, capture: Capture, sieve: Sieve, write: Write, *, names: bool) -> None:
        self.cut = Cut(FrameMap(), capture.files, set())
        self._capture = capture
        self._sieve = sieve
        self._write = write
        self._names = names
        self._packet = Packet()
        self._interfaces: dict[_InterfaceKey, int] = {}
        self._numbers: dict[int, int] = {}
        self._resolutions: list[int] = []
        self._spans: dict[int, int] = {}
        self._bytes = 0
        write(blocks.section_header(ORDER))

    def take(self, batch: Batch) -> None:
        """Write what is wanted of a batch; raises UsageError where a bundle would be too large."""
        packet, interfaces = self._packet, self._capture.interfaces
        packet.load(batch.buffer)
        for i in range(batch.count):
            start, captured, length = batch.offsets[i], batch.captured[i], batch.lengths[i]
            interface = interfaces[batch.interfaces[i]]
            kind = packet.decode(start, captured, length, interface.link_type)
            frame, time = batch.frames[i], batch.times[i]
            if not self._sieve.takes(kind, packet, frame, time, batch.buffer):
                continue
            if kind == headers.TCP and self._sieve.is_stray(packet):
                self._note_stray(packet, frame)
            number = self._number(interface, time)
            units = blocks.time_units(time, self._resolutions[number], 0)
            data = bytes(batch.buffer[start : start + captured])
            self._write(blocks.enhanced_packet(ORDER, number, units, length, data))
            self.cut.frames.add(frame, self._capture.frame_origin(frame))
            self._bytes += captured
        packet.load(b"")
        if self._bytes > MAX_BYTES:
            raise UsageError(
                f"what is wanted are more than {MAX_BYTES // 1024**2:,} MiB",
                "choose connections: --stream, --host, --from and --to",
            )

    def finish(self) -> Cut:
        """Write what the interfaces counted."""
        last = max((f.last_time for f in self._capture.files if f.last_time is not None), default=0)
        parts: dict[int, list[Interface]] = {}
        for interface in self._capture.interfaces:
            number = self._numbers.get(interface.index)
            if number is not None:
                parts.setdefault(number, []).append(interface)
        for number, told in parts.items():
            # The files of a ring each give the total since the start.
            received = max((one.received for one in told if one.received is not None), default=None)
            dropped = drops(told)
            if received is None and not dropped:
                continue
            units = blocks.time_units(last, self._resolutions[number], 0)
            self._write(blocks.interface_statistics(ORDER, number, units, received, dropped))
        return self.cut

    def _note_stray(self, packet: Packet, frame: int) -> None:
        """Note a connection of which one packet is named; in the moments, only where it matters."""
        named = self._sieve.names(frame)
        if named or packet.flags & (SYN | FIN | RST):
            self.cut.strays.add(pair(*ends_of(packet, {})))

    def _number(self, interface: Interface, time: int) -> int:
        """Return the number that an interface has here.

        Files that follow one another, as those of a ring, have theirs in common.
        """
        known = self._numbers.get(interface.index)
        if known is not None:
            self._spans[known] = max(self._spans[known], time)
            return known
        resolution = interface.resolution if interface.resolution == MICROSECONDS else NANOSECONDS
        place = sum(
            one.file == interface.file for one in self._capture.interfaces[: interface.index]
        )
        key = interface.link_type, interface.snaplen, resolution, place, interface.name, 0
        while key in self._interfaces and self._spans[self._interfaces[key]] > time:
            key = (*key[:-1], key[-1] + 1)
        number = self._interfaces.get(key)
        if number is None:
            number = self._interfaces[key] = len(self._interfaces)
            name = interface.name if self._names else ""
            self._write(
                blocks.interface_description(
                    ORDER, interface.link_type, interface.snaplen, resolution, name
                )
            )
            self._resolutions.append(resolution)
            self.cut.link_types.append(interface.link_type)
        self._numbers[interface.index] = number
        self._spans[number] = time
        return number


def cut(
    paths: Sequence[str],
    wanted: Wanted,
    redirects: Redirects,
    write: Write,
    *,
    names: bool = False,
    progress: Progress | None = None,
    digest: bool = False,
) -> Cut:
    """Write what is wanted of captures as one pcapng file.

    ``names`` keeps the names of interfaces; ``digest`` computes each file's SHA-256. Raises
    CaptureError where a file cannot be read any more, UsageError where it would be too much.
    """
    capture = Capture.open(paths, digest=digest)
    cutter = Cutter(capture, Sieve(wanted, redirects), write, names=names)
    for batch in capture.in_frame_order():
        cutter.take(batch)
        if progress:
            progress(*capture.progress())
    if capture.warnings:
        raise capture.warnings[0]
    return cutter.finish()
