"""The packets of a capture that was cut out here, replaced one by one where they are.

The file is of our own writing: one section, little-endian, enhanced packets. Their lengths stay.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pcapdiag.capture.pcapng import ENHANCED_PACKET, INTERFACE_DESCRIPTION
from pcapdiag.capture.writing.blocks import ENHANCED_DATA

_HEAD = 8


class OwnPacket(NamedTuple):
    """One packet: its frame number, what was captured of it, and its length on the wire."""

    frame: int
    data: bytes
    link_type: int
    length: int


def own_blocks(file: BinaryIO) -> Iterator[tuple[bytes, OwnPacket | None]]:
    """Yield each block, with its packet where it is one."""
    links: list[int] = []
    frame = 0
    while head := file.read(_HEAD):
        kind, size = struct.unpack("<II", head)
        block = head + file.read(size - _HEAD)
        packet = None
        if kind == INTERFACE_DESCRIPTION:
            links.append(struct.unpack_from("<H", block, _HEAD)[0])
        elif kind == ENHANCED_PACKET:
            frame += 1
            interface, _, _, captured, length = struct.unpack_from("<IIIII", block, _HEAD)
            data = block[ENHANCED_DATA : ENHANCED_DATA + captured]
            packet = OwnPacket(frame, data, links[interface], length)
        yield block, packet


def replaced(block: bytes, data: bytes) -> bytes:
    """Return a packet's block with other data of the same length."""
    return block[:ENHANCED_DATA] + data + block[ENHANCED_DATA + len(data) :]
