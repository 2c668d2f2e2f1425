"""Real connections, taken apart so that they can be written again with other addresses."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
RECORDINGS = FIXTURES / "bench"

ETHERNET = 14
MACS = (b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02")
"""Of the routers towards the initiators and towards the responders, between which it is taken."""
RST, ACK = 0x04, 0x10
NO_OPERATION, SACK = 1, 5
"""TCP options (RFC 9293 section 3.2, RFC 2018)."""
IPV4_TCP = b"\x08\x00\x45"
"""EtherType of IPv4, then version 4 and a header without options."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet with its addresses, ports and the sums over them left out."""

    after: int
    """Microseconds since the connection's first packet."""
    forward: bool
    """Sent by the initiator."""
    head: bytes
    """Ethernet and IP up to the header checksum."""
    middle: bytes
    """TCP from the sequence number to the checksum."""
    tail: bytes
    """TCP from the urgent pointer to the end."""
    ip_sum: int
    """One's complement sum of the IP header without addresses and checksum."""
    tcp_sum: int
    """One's complement sum of pseudo header and segment without addresses, ports and checksum."""
    numbers: tuple[tuple[int, bool], ...] = ()
    """Where sequence numbers stand in ``middle + tail``, and whether each is the initiator's."""

    @property
    def length(self) -> int:
        """Bytes on the wire."""
        return len(self.head) + 14 + len(self.middle) + 2 + len(self.tail)


@dataclass(slots=True)
class Template:
    """One connection of a real capture."""

    port: int
    """The responder's."""
    frames: list[Frame] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return sum(frame.length for frame in self.frames)


def load(path: Path) -> list[Template]:
    """Return the IPv4 TCP connections of an Ethernet capture, by their first packet."""
    found: dict[frozenset[bytes], Template] = {}
    first: dict[frozenset[bytes], tuple[int, bytes]] = {}
    for time, packet in _records(path):
        if packet[12:15] != IPV4_TCP or packet[23] != 6:
            continue
        source, target = packet[26:30] + packet[34:36], packet[30:34] + packet[36:38]
        key = frozenset((source, target))
        start, initiator = first.setdefault(key, (time, source))
        template = found.setdefault(key, Template(int.from_bytes(target[4:])))
        template.frames.append(_frame(time - start, source == initiator, packet))
    return list(found.values())


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    magic, link = data[:4], int.from_bytes(data[20:24], "little")
    if magic != b"\xd4\xc3\xb2\xa1" or link != 1:
        raise ValueError(f"{path}: templates are little-endian microsecond Ethernet pcap")
    at = 24
    while at + 16 <= len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, at)
        yield seconds * 1_000_000 + micros, data[at + 16 : at + 16 + captured]
        at += 16 + captured


def _frame(after: int, forward: bool, packet: bytes) -> Frame:
    end = ETHERNET + int.from_bytes(packet[16:18], "big")
    near, far = MACS if forward else MACS[::-1]
    head, middle, tail = far + near + packet[12:24], packet[38:50], packet[52:end]
    ip_sum = words_sum(head[ETHERNET:])
    tcp_sum = words_sum(middle) + words_sum(tail) + 6 + (end - ETHERNET - 20)
    numbers = tuple(_numbers(middle, tail, forward))
    return Frame(after, forward, head, middle, tail, ip_sum, tcp_sum, numbers)


def _numbers(middle: bytes, tail: bytes, forward: bool) -> Iterator[tuple[int, bool]]:
    flags = middle[9]
    # The RST that answers a SYN has no number of its own: 0.
    if middle[:4] != bytes(4) or not flags & RST:
        yield 0, forward
    if flags & ACK:
        yield 4, not forward
    at, end = 2, (middle[8] >> 4) * 4 - 18
    while at < end and tail[at]:
        size = 1 if tail[at] == NO_OPERATION else tail[at + 1]
        if tail[at] == SACK:
            yield from ((len(middle) + n, not forward) for n in range(at + 2, at + size, 4))
        at += size


def words_sum(data: bytes) -> int:
    """Return the sum of the 16-bit words (RFC 1071), not folded."""
    padded = data + b"\0" * (len(data) % 2)
    return sum(struct.unpack(f">{len(padded) // 2}H", padded))
