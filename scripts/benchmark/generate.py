"""Writes a large capture: real connections again and again, with other addresses, ports, times.

Sequence numbers are others too: two connections with the same ones would be one, seen twice.

``python -m benchmark.generate FILE PACKETS``. The same arguments give the same bytes.
"""

from __future__ import annotations

import heapq
import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from benchmark.templates import FIXTURES, RECORDINGS, Frame, Template, load, words_sum

HEALTHY = {"http": 660, "tls": 280, "keepalive": 36, "bulk": 27}
"""Recordings, and how many connections of each are in a round."""
FAILING = (
    ("tcp.connection_refused-closed-port", 0),
    ("tcp.connection_timeout-router-drop", 1),
    ("tcp.reset_before_response-linger-zero", 0),
    ("tcp.injected_reset-fixed-ttl", 0),
    ("tls.alpn_mismatch-nginx", 0),
)
"""Fixtures, and which of their connections; one of each is in a round: 0.5 %."""
BETWEEN = 12_000
"""Microseconds from one connection's start to the next one's."""
SLOWEST = 40
"""A healthy connection takes up to this many times as long as the recorded one."""
CLIENTS, SERVERS = 250, 8
FIRST_PORT, PORTS = 20_000, 40_000
START = 1_767_225_600 * 1_000_000
"""2026-01-01T00:00:00Z."""
BLOCK = 1 << 20
FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
RECORD = struct.Struct("<IIII")


@dataclass(slots=True)
class Copy:
    """A connection being written: a template at other addresses."""

    template: Template
    start: int
    stretch: int
    forward: bytes
    """Addresses and ports as they stand in the initiator's packets."""
    backward: bytes
    ip_delta: int
    tcp_delta: int
    shifts: tuple[int, int]
    """Added to the responder's sequence numbers, and to the initiator's."""
    at: int = 0

    def record(self, time: int) -> bytes:
        """Return the next frame as a pcap record."""
        frame: Frame = self.template.frames[self.at]
        length = frame.length
        segment, moved = self._renumbered(frame)
        return b"".join(
            (
                RECORD.pack(time // 1_000_000, time % 1_000_000, length, length),
                frame.head,
                checksum(frame.ip_sum + self.ip_delta),
                self.forward if frame.forward else self.backward,
                segment[:12],
                checksum(frame.tcp_sum + self.tcp_delta + moved),
                segment[12:],
            )
        )

    def _renumbered(self, frame: Frame) -> tuple[bytes, int]:
        """Return the segment with other sequence numbers, and what its sum grew by."""
        segment = bytearray(frame.middle + frame.tail)
        before = after = 0
        for at, of_initiator in frame.numbers:
            number = int.from_bytes(segment[at : at + 4])
            moved = (number + self.shifts[of_initiator]) & 0xFFFFFFFF
            segment[at : at + 4] = moved.to_bytes(4)
            # An odd place swaps the bytes of both words in the sum (RFC 1071 section 2).
            weight = 256 if at % 2 else 1
            before += weight * number
            after += weight * moved
        return bytes(segment), (after - before) % 0xFFFF

    def next_time(self) -> int:
        """Return when the next frame is due; 0 after the last."""
        self.at += 1
        if self.at == len(self.template.frames):
            return 0
        return self.start + self.template.frames[self.at].after * self.stretch


def checksum(total: int) -> bytes:
    """Return the Internet checksum (RFC 1071) of words with this sum."""
    return ((0xFFFF - total % 0xFFFF) % 0xFFFF).to_bytes(2)


def copies() -> Iterator[Copy]:
    """Yield connections without end, in the order of their start."""
    healthy = [load(RECORDINGS / f"{name}.pcap.gz")[0] for name in HEALTHY]
    failing = [load(FIXTURES / "pcaps" / name / "client.pcap")[n] for name, n in FAILING]
    chance = random.Random(1)
    every = [t for t, n in zip(healthy, HEALTHY.values(), strict=True) for _ in range(n)]
    serial = 0
    while True:
        mixed = [(t, chance.randint(1, SLOWEST)) for t in every] + [(t, 1) for t in failing]
        chance.shuffle(mixed)
        for template, stretch in mixed:
            shifts = chance.getrandbits(32), chance.getrandbits(32)
            yield _copy(template, serial, stretch, chance.randrange(BETWEEN), shifts)
            serial += 1


def _copy(
    template: Template, serial: int, stretch: int, jitter: int, shifts: tuple[int, int]
) -> Copy:
    client = bytes((10, 0, 0, 1 + serial % CLIENTS))
    server = bytes((10, 1, template.port % 251, 1 + serial % SERVERS))
    source = (FIRST_PORT + serial // CLIENTS % PORTS).to_bytes(2)
    target = template.port.to_bytes(2)
    return Copy(
        template,
        START + serial * BETWEEN + jitter,
        stretch,
        client + server + source + target,
        server + client + target + source,
        words_sum(client + server),
        words_sum(client + server + source + target),
        shifts,
    )


def write(file: BinaryIO, packets: int) -> None:
    """Write that many packets in time order; what is open at the end stays open."""
    coming = copies()
    following = next(coming)
    active: list[tuple[int, bytes, Copy]] = []
    block = bytearray(FILE_HEADER)
    for _ in range(packets):
        while not active or following.start <= active[0][0]:
            heapq.heappush(active, (following.start, following.forward, following))
            following = next(coming)
        time, forward, copy = active[0]
        block += copy.record(time)
        due = copy.next_time()
        if due:
            heapq.heapreplace(active, (due, forward, copy))
        else:
            heapq.heappop(active)
        if len(block) > BLOCK:
            file.write(block)
            block.clear()
    file.write(block)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("wb") as out:
        write(out, int(sys.argv[2]))
