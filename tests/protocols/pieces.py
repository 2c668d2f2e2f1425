"""TCP connections of a stored capture as the pieces that readers of protocols take.

Written with dpkt and as simply as can be: no code of ours reads the packets.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dpkt

from pcapdiag.model.application import Piece

HALF = 1 << 31
"""Sequence numbers further apart than this are the other way round (RFC 9293 section 3.4)."""
SLL2, ETHERNET, SLL = 276, 1, 113


class Segment(NamedTuple):
    source: str
    target: str
    frame: int
    time: int
    sequence: int
    flags: int
    length: int
    data: bytes


class Connection(NamedTuple):
    """Both ends as ``address:port``, and what they sent, each end's bytes in order."""

    initiator: str
    responder: str
    pieces: list[Piece]


class _Direction:
    """One end's bytes: puts segments in order, and gives each byte once."""

    def __init__(self, from_initiator: bool, sequence: int) -> None:
        self.from_initiator = from_initiator
        self.next = sequence
        self.waiting: list[Segment] = []

    def add(self, segment: Segment) -> Iterator[Piece]:
        if segment.length:
            self.waiting.append(segment)
        yield from self._ready()

    def rest(self) -> Iterator[Piece]:
        """What waits behind bytes that never came."""
        while self.waiting:
            first = min(self.waiting, key=lambda each: self._ahead(each.sequence))
            hole = self._ahead(first.sequence)
            self.next = first.sequence
            for piece in self._ready():
                yield Piece(piece.from_initiator, piece.frame, piece.time, piece.data, hole)
                hole = 0

    def _ahead(self, sequence: int) -> int:
        return (sequence - self.next + HALF) % (2 * HALF) - HALF

    def _ready(self) -> Iterator[Piece]:
        for segment in sorted(self.waiting, key=lambda each: self._ahead(each.sequence)):
            behind = -self._ahead(segment.sequence)
            if behind < 0:
                break
            self.waiting.remove(segment)
            if behind < segment.length:
                yield from self._piece(segment, behind)

    def _piece(self, segment: Segment, behind: int) -> Iterator[Piece]:
        missing = segment.length - max(len(segment.data), behind)
        data = segment.data[behind:]
        if data:
            yield Piece(self.from_initiator, segment.frame, segment.time, data)
            self.next = (segment.sequence + behind + len(data)) % (2 * HALF)
        if missing == 0:
            self.next = (segment.sequence + segment.length) % (2 * HALF)


def connections(path: Path) -> list[Connection]:
    """TCP connections of a capture by first packet; a port used again goes on with the same one."""
    found: dict[frozenset[str], tuple[Connection, dict[str, _Direction]]] = {}
    for segment in segments(path):
        key = frozenset((segment.source, segment.target))
        if key not in found:
            found[key] = _begin(segment)
        connection, directions = found[key]
        is_initiator = segment.source == connection.initiator
        if segment.source not in directions:
            start = segment.sequence + bool(segment.flags & dpkt.tcp.TH_SYN)
            directions[segment.source] = _Direction(is_initiator, start % (2 * HALF))
        if not segment.flags & dpkt.tcp.TH_SYN:
            connection.pieces.extend(directions[segment.source].add(segment))
    for connection, directions in found.values():
        for direction in directions.values():
            connection.pieces.extend(direction.rest())
    return [connection for connection, _ in found.values()]


def _begin(first: Segment) -> tuple[Connection, dict[str, _Direction]]:
    both = dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK
    ends = first.source, first.target
    if first.flags & both == both:
        ends = first.target, first.source
    return Connection(*ends, []), {}


def segments(path: Path) -> Iterator[Segment]:
    """The TCP segments of a capture; frames count from 1, times are nanoseconds."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        for frame, (seconds, data) in enumerate(reader, 1):
            packet = _network(reader.datalink(), data)
            tcp = packet.data if packet is not None else None
            if isinstance(tcp, dpkt.tcp.TCP):
                yield _segment(packet, tcp, frame, round(float(seconds) * 1e9))


def _network(link: int, data: bytes) -> dpkt.Packet | None:
    try:
        if link == ETHERNET:
            inside = dpkt.ethernet.Ethernet(data).data
        elif link == SLL:
            inside = dpkt.sll.SLL(data).data
        elif link == SLL2:
            inside = dpkt.sll2.SLL2(data).data
        else:
            inside = (dpkt.ip.IP if data[0] >> 4 == 4 else dpkt.ip6.IP6)(data)
    except dpkt.UnpackError:
        return None
    return inside if isinstance(inside, dpkt.ip.IP | dpkt.ip6.IP6) else None


def _segment(packet: dpkt.Packet, tcp: dpkt.tcp.TCP, frame: int, time: int) -> Segment:
    if isinstance(packet, dpkt.ip.IP):
        family, length = socket.AF_INET, packet.len - packet.hl * 4
    else:
        family, length = socket.AF_INET6, packet.plen
    source = f"{socket.inet_ntop(family, packet.src)}:{tcp.sport}"
    target = f"{socket.inet_ntop(family, packet.dst)}:{tcp.dport}"
    wire = max(length - tcp.off * 4, 0)
    return Segment(source, target, frame, time, tcp.seq, tcp.flags, wire, bytes(tcp.data)[:wire])
