"""Writes what a second point, nearer the servers, would have captured of a generated capture.

Its clock is another one, packets took a moment between the points, TTLs differ by the hop, and a
few packets of it are missing. What bears a server's address and a TTL that no hop has lowered was
made between the points (the forged resets): it is not there either.

``python -m benchmark.second_view FILE TARGET``.
"""

from __future__ import annotations

import heapq
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from benchmark.generate import BLOCK, FILE_HEADER, RECORD

AHEAD = 37_251_000
"""Microseconds that its clock is ahead."""
DRIFT = 20e-6
"""How much faster it goes."""
BETWEEN = 5
"""Microseconds from point to point: less than half of the shortest answer takes."""
MISSING = 1_000
"""One packet of so many is missing."""
SOURCE, TTL, IP_SUM = 26, 22, 24
"""Where they are in a frame: Ethernet, then IPv4 without options."""
INITIAL_TTLS = (64, 128, 255)
CLIENTS = b"\x0a\x00"
"""First bytes of every client's address."""


def records(file: BinaryIO) -> Iterator[tuple[int, bytearray]]:
    """Yield time (microseconds) and frame of every record."""
    file.read(len(FILE_HEADER))
    while head := file.read(RECORD.size):
        seconds, part, length, _ = RECORD.unpack(head)
        yield seconds * 1_000_000 + part, bytearray(file.read(length))


def from_client(frame: bytearray) -> bool:
    """Return whether a client sent a frame."""
    return frame[SOURCE : SOURCE + 2] == CLIENTS


def seen_there(time: int, frame: bytearray, start: int) -> int:
    """Change a frame to how it passes the second point; return when, by that point's clock."""
    step = -1 if from_client(frame) else 1
    frame[TTL] += step
    # The TTL is the high byte of its word (RFC 1624: the checksum goes the other way).
    total = int.from_bytes(frame[IP_SUM : IP_SUM + 2]) - step * 256
    frame[IP_SUM : IP_SUM + 2] = ((total - 1) % 0xFFFF + 1).to_bytes(2)
    there = time - step * BETWEEN
    return there + AHEAD + round((there - start) * DRIFT)


def write(source: BinaryIO, target: BinaryIO) -> None:
    """Write the second view of a capture, in the order of its own times."""
    chance = random.Random(2)
    waiting: list[tuple[int, int, bytearray]] = []
    block = bytearray(FILE_HEADER)
    start = 0
    for number, (time, frame) in enumerate(records(source)):
        start = start or time
        made_between = frame[TTL] in INITIAL_TTLS and not from_client(frame)
        if chance.randrange(MISSING) and not made_between:
            heapq.heappush(waiting, (seen_there(time, frame, start), number, frame))
        while waiting and waiting[0][0] < time + AHEAD - 2 * BETWEEN:
            block += _record(*heapq.heappop(waiting))
        if len(block) > BLOCK:
            target.write(block)
            block.clear()
    while waiting:
        block += _record(*heapq.heappop(waiting))
    target.write(block)


def _record(time: int, _number: int, frame: bytearray) -> bytes:
    return RECORD.pack(time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame


if __name__ == "__main__":
    with Path(sys.argv[1]).open("rb") as here, Path(sys.argv[2]).open("wb") as there:
        write(here, there)
