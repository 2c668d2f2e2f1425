"""Connections that one file of a rotated set leaves open, carried over to the next one.

Their packets are kept, and read again before those of the next file: it is judged as if it had
been captured with them, and each connection is judged once, by all of its packets.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from pcapdiag.capture import Batch, Capture
from pcapdiag.capture.batch import WIRE_BYTES
from pcapdiag.capture.pcapng import NANOSECONDS
from pcapdiag.capture.writing.blocks import (
    enhanced_packet,
    interface_description,
    section_header,
)
from pcapdiag.decode.headers import Packet
from pcapdiag.flow.packet_ends import Pair, Redirects, ends_of, pair
from pcapdiag.flow.records import Flow
from pcapdiag.flow.unfinished import graves_of, take_open
from pcapdiag.incident.analysis import Analysis
from pcapdiag.model.report import CaptureSummary

MAX_BYTES = 32 * 1024**2
"""Packets of all connections that are carried over, in bytes."""
MAX_OF_ONE = 1024**2
"""Of one connection: the newest ones. What came before counts as not captured (midstream)."""
LEAST_OF_ONE = 2_048
_TCP, _ICMP_ERROR = 1, 2
"""What ``Packet.decode`` says of packets that belong to a connection."""


class Carry(msgspec.Struct):
    """What is carried over; ``packets`` is a pcapng file."""

    packets: bytes
    count: int
    """Packets in it."""
    wire_bytes: int
    connections: int
    graves: list[list[int]]
    """Connections that were judged a short while ago."""

    @contextmanager
    def as_file(self) -> Iterator[str]:
        """Give the path of a temporary file with the packets."""
        import tempfile  # Only here: one capture needs it not.

        descriptor, path = tempfile.mkstemp(prefix="pcapdiag-carried-", suffix=".pcapng")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self.packets)
            yield path
        finally:
            with suppress(OSError):
                os.unlink(path)


class _Kept(msgspec.Struct, frozen=True):
    number: int
    time: int
    link_type: int
    length: int
    data: bytes


class _Line:
    """The newest packets of one connection."""

    def __init__(self, first_frame: int) -> None:
        self.first_frame = first_frame
        self.packets: deque[_Kept] = deque()
        self.bytes = 0

    def cut(self, limit: int) -> int:
        """Drop the oldest packets over a limit, never the last one; return their bytes."""
        before = self.bytes
        while self.bytes > limit and len(self.packets) > 1:
            self.bytes -= len(self.packets.popleft().data)
        return before - self.bytes


class Collector:
    """Takes the batches of a second reading, and keeps the packets of some connections."""

    def __init__(self, flows: Sequence[Flow], redirects: Redirects) -> None:
        self._lines = {_key_of(flow): _Line(flow.first_frame) for flow in flows}
        self._first = min((flow.first_frame for flow in flows), default=0)
        self._redirects = redirects
        self._limit = MAX_OF_ONE
        self._bytes = 0
        self._number = 0
        self._packet = Packet()

    def take(self, batch: Batch, capture: Capture) -> None:
        """Keep what is wanted of a batch."""
        if not batch.disordered and batch.frames[batch.count - 1] < self._first:
            return
        packet = self._packet
        packet.load(batch.buffer)
        links = [one.link_type for one in capture.interfaces]
        for i in range(batch.count):
            link_type = links[batch.interfaces[i]]
            start, captured = batch.offsets[i], batch.captured[i]
            kind = packet.decode(start, captured, batch.lengths[i], link_type)
            if kind not in (_TCP, _ICMP_ERROR):
                continue
            line = self._lines.get(self._key(packet))
            if line is not None and batch.frames[i] >= line.first_frame:
                data = bytes(batch.buffer[start : start + captured])
                self._keep(line, batch.times[i], link_type, batch.lengths[i], data)
        packet.load(b"")

    def carry(self, graves: list[list[int]]) -> Carry:
        """Return what was kept, in the order of time."""
        kept = sorted(
            (one for line in self._lines.values() for one in line.packets),
            key=lambda one: (one.time, one.number),
        )
        links = list(dict.fromkeys(one.link_type for one in kept))
        blocks = [section_header("<")]
        blocks += [interface_description("<", link, 0, NANOSECONDS) for link in links]
        blocks += [
            enhanced_packet("<", links.index(one.link_type), one.time, one.length, one.data)
            for one in kept
        ]
        wire_bytes = sum(one.length & WIRE_BYTES for one in kept)
        return Carry(b"".join(blocks), len(kept), wire_bytes, len(self._lines), graves)

    def _key(self, packet: Packet) -> Pair:
        return pair(*ends_of(packet, self._redirects))

    def _keep(self, line: _Line, time: int, link_type: int, length: int, data: bytes) -> None:
        self._number += 1
        line.packets.append(_Kept(self._number, time, link_type, length, data))
        line.bytes += len(data)
        self._bytes += len(data) - line.cut(self._limit)
        while self._bytes > MAX_BYTES and self._limit > LEAST_OF_ONE:
            self._limit //= 2
            self._bytes -= sum(line.cut(self._limit) for line in self._lines.values())


def _key_of(flow: Flow) -> Pair:
    return pair((flow.high_a, flow.low_a, flow.port_a), (flow.high_b, flow.low_b, flow.port_b))


def carried_over(analysis: Analysis, paths: Sequence[str]) -> Carry:
    """Take what is still open out of an analysis, with its packets: the files are read again."""
    tracker = analysis.tracker
    graves = graves_of(tracker.table, tracker.last_time)
    still_open = take_open(tracker)
    collector = Collector(still_open, tracker.redirects.places)
    if still_open:
        again = Capture.open(paths, stop=analysis.options.stop)
        for batch in again.batches():
            if batch is not None:
                collector.take(batch, again)
    return collector.carry(graves)


def of_the_file_alone(capture: CaptureSummary, carried: Carry) -> None:
    """Take what was carried in out of the numbers of the capture."""
    del capture.files[1:]
    capture.packets -= carried.count
    capture.bytes -= carried.wire_bytes
    capture.first_time = capture.files[0].first_time
    capture.last_time = capture.files[0].last_time
