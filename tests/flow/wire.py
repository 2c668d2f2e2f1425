"""Connections written packet by packet, and what the tracker tells of them.

Sequence and acknowledgment numbers are relative, as Wireshark shows them: 0 is the SYN, 1 the first
byte. Times are milliseconds since ``START``. Frames count from 1 in the order of writing.
"""

from __future__ import annotations

import ipaddress
import struct
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack

from pcapdiag.capture.batch import Batch, column
from pcapdiag.flow.records import Flow
from pcapdiag.flow.story import build_story
from pcapdiag.flow.tracker import Tracker
from pcapdiag.model.packet import ACK, FIN, PSH, RST, SYN, PacketFact
from pcapdiag.model.story import Story

MS = 1_000_000
SECOND = 1_000 * MS
START = 1_700_000_000 * SECOND
ETHERNET, SLL2 = 1, 276
LETTERS = {"S": SYN, "A": ACK, "F": FIN, "R": RST, "P": PSH}
MASK = 0xFFFFFFFF
Pair = tuple[int, int]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass
class End:
    """One end of a connection, and what is the same in all of its packets."""

    address: str
    port: int
    isn: int
    mac: bytes
    ttl: int = 64
    next_id: int = 1


@dataclass
class Row:
    """One packet as the reader hands it over."""

    time: int
    data: bytes
    captured: int
    length: int
    interface: int
    frame: int


@dataclass
class Wire:
    """What a capture holds: packets of any number of connections."""

    rows: list[Row] = field(default_factory=list)

    def add(self, at: float, data: bytes, *, interface: int = 0, snaplen: int = 1 << 18) -> int:
        """Write a packet at ``at`` ms; return its frame number."""
        frame = len(self.rows) + 1
        captured = min(len(data), snaplen)
        self.rows.append(Row(START + round(at * MS), data, captured, len(data), interface, frame))
        return frame

    def save(self, path: Path) -> Path:
        """Write it as a pcap file, for tshark."""
        out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, ETHERNET)]
        for row in self.rows:
            seconds, rest = divmod(row.time, SECOND)
            out.append(struct.pack("<IIII", seconds, rest, row.captured, row.length))
            out.append(row.data[: row.captured])
        path.write_bytes(b"".join(out))
        return path

    def repeat(
        self, frame: int, at: float, change: Callable[[bytearray], object] = len, interface: int = 0
    ) -> int:
        """Write the bytes of an earlier frame again, changed in place by ``change``."""
        data = bytearray(self.rows[frame - 1].data)
        change(data)
        return self.add(at, bytes(data), interface=interface)


class More(TypedDict, total=False):
    """What a packet may have besides flags, numbers and data."""

    window: int
    mss: int
    scale: int
    sack_ok: bool
    sack: Iterable[Pair]
    """Blocks in the other end's relative numbers."""
    stamps: Pair
    ip_id: int
    ttl: int
    mac: bytes
    interface: int
    snaplen: int
    absolute: bool
    """Sequence and acknowledgment number are the raw ones."""
    spoil: bool
    """Its checksum is wrong."""


@dataclass
class Link:
    """One connection; ``c`` writes a packet of the initiator, ``s`` one of the responder."""

    wire: Wire
    client: End = field(default_factory=lambda: End("10.0.0.1", 40000, 0x1000, b"\2\0\0\0\0\1"))
    server: End = field(default_factory=lambda: End("10.0.0.2", 443, 0x9000, b"\2\0\0\0\0\2"))
    stamped: bool = False
    """Every packet has timestamps: milliseconds."""
    vlan: int = 0
    cooked: int = -1
    """With 0 or more: cooked packets (SLL2) of this packet type."""

    def c(
        self, at: float, flags: str, seq: int, ack: int = 0, data: bytes = b"", **more: Unpack[More]
    ) -> int:
        return self._write(self.client, self.server, at, flags, (seq, ack), data, more)

    def s(
        self, at: float, flags: str, seq: int, ack: int = 0, data: bytes = b"", **more: Unpack[More]
    ) -> int:
        return self._write(self.server, self.client, at, flags, (seq, ack), data, more)

    def handshake(
        self, at: float = 0, *, rtt: float = 10, mss: int = 1460, scale: int = 7, sack: bool = True
    ) -> None:
        """SYN, SYN-ACK and the final ACK, captured at the initiator: three frames."""
        self.c(at, "S", 0, 0, mss=mss, scale=scale, sack_ok=sack)
        self.s(at + rtt, "SA", 0, 1, mss=mss, scale=scale, sack_ok=sack)
        self.c(at + rtt + 0.1, "A", 1, 1)

    def _write(
        self,
        sender: End,
        target: End,
        at: float,
        flags: str,
        numbers: Pair,
        data: bytes,
        more: More,
    ) -> int:
        bits = sum(LETTERS[letter] for letter in flags)
        seq, ack = numbers
        if not more.get("absolute"):
            seq += sender.isn
            ack += target.isn if bits & ACK else 0
        if self.stamped:
            more = {"stamps": (round(at) + 1000, 7), **more}
        ip_id = more.get("ip_id", sender.next_id)
        sender.next_id += "ip_id" not in more
        segment = tcp_segment(sender, target, (seq & MASK, ack & MASK), bits, data, more)
        ttl = more.get("ttl", sender.ttl)
        datagram = ip_datagram(sender.address, target.address, ttl, ip_id, segment)
        frame = self._frame(more.get("mac", sender.mac), target.mac, datagram)
        interface, snaplen = more.get("interface", 0), more.get("snaplen", 1 << 18)
        return self.wire.add(at, frame, interface=interface, snaplen=snaplen)

    def _frame(self, source: bytes, target: bytes, datagram: bytes) -> bytes:
        kind = 0x0800 if datagram[0] >> 4 == 4 else 0x86DD
        if self.cooked >= 0:
            head = struct.pack(">HHIHBB", kind, 0, 3, 1, self.cooked, 6)
            return head + source + b"\0\0" + datagram
        tag = struct.pack(">HH", 0x8100, self.vlan) if self.vlan else b""
        return target + source + tag + struct.pack(">H", kind) + datagram


def options(target: End, more: More) -> bytes:
    """TCP options, padded."""
    out = struct.pack(">BBH", 2, 4, more["mss"]) if "mss" in more else b""
    out += b"\4\2" if more.get("sack_ok") else b""
    out += struct.pack(">BBII", 8, 10, *more["stamps"]) if "stamps" in more else b""
    edges = [(edge + target.isn) & MASK for block in more.get("sack", ()) for edge in block]
    out += struct.pack(f">BB{len(edges)}I", 5, 2 + 4 * len(edges), *edges) if edges else b""
    out += struct.pack(">BBB", 3, 3, more["scale"]) if more.get("scale", -1) >= 0 else b""
    return out + b"\1" * (-len(out) % 4)


def tcp_segment(
    sender: End, target: End, numbers: Pair, flags: int, data: bytes, more: More
) -> bytes:
    """A TCP segment with a right checksum, or a wrong one."""
    opts = options(target, more)
    offset = (20 + len(opts)) // 4 << 4
    ports = struct.pack(">HHII", sender.port, target.port, *numbers)
    header = ports + struct.pack(">BBHHH", offset, flags, more.get("window", 500), 0, 0) + opts
    pseudo = packed(sender.address) + packed(target.address)
    pseudo += struct.pack(">II", len(header) + len(data), 6)
    total = checksum(pseudo + header + data) ^ (0x5555 if more.get("spoil") else 0)
    return header[:16] + struct.pack(">H", total) + header[18:] + data


def ip_datagram(
    source: str, target: str, ttl: int, ip_id: int, payload: bytes, protocol: int = 6
) -> bytes:
    """An IPv4 datagram with DF, or an IPv6 one, which has its ``ip_id`` as flow label."""
    if ":" in source:
        head = struct.pack(">IHBB", 6 << 28 | ip_id & 0xFFFFF, len(payload), protocol, ttl)
    else:
        size = 20 + len(payload)
        head = struct.pack(">BBHHHBBH", 0x45, 0, size, ip_id & 0xFFFF, 0x4000, ttl, protocol, 0)
    return head + packed(source) + packed(target) + payload


def packed(address: str) -> bytes:
    """An address in network order."""
    return ipaddress.ip_address(address).packed


@dataclass
class Told:
    """What came out: the stories in the order in which they were finished."""

    tracker: Tracker
    stories: list[Story]

    @property
    def only(self) -> Story:
        (story,) = self.stories
        return story

    def stream(self, number: int) -> Story:
        (story,) = (one for one in self.stories if one.stream == number)
        return story

    def marks(self, frame: int) -> int:
        return self.packet(frame).marks

    def packet(self, frame: int) -> PacketFact:
        (packet,) = (p for story in self.stories for p in story.packets if p.frame == frame)
        return packet


def tell(
    wire: Wire,
    *,
    want_all: bool = True,
    batch: int = 1 << 20,
    close: bool = True,
    link: int = ETHERNET,
    files: tuple[int, ...] = (0, 0, 0, 0),
    prepare: Callable[[Tracker], object] = id,
    by_time: bool = True,
) -> Told:
    """Follow what is on the wire, in batches; ``prepare`` sees the fresh tracker.

    In time order, or in the order of frames: as from one file whose clock was set back.
    """
    stories: list[Story] = []

    def finished(flow: Flow) -> None:
        stories.append(build_story(tracker, flow))

    tracker = Tracker(finished, want_all, 12345)
    prepare(tracker)
    rows = sorted(wire.rows, key=lambda row: row.time if by_time else row.frame)
    for start in range(0, len(rows), batch):
        tracker.process(
            batch_of(rows[start : start + batch]), array("q", [link] * 4), array("q", files)
        )
    if close:
        tracker.close()
    return Told(tracker, stories)


def batch_of(rows: list[Row]) -> Batch:
    """A batch of these packets, in this order."""
    buffer = b"".join(row.data for row in rows)
    offsets = [0]
    for row in rows:
        offsets.append(offsets[-1] + len(row.data))
    frames = [row.frame for row in rows]
    return Batch(
        buffer,
        len(rows),
        column(offsets[:-1]),
        column([row.time for row in rows]),
        column([row.captured for row in rows]),
        column([row.length for row in rows]),
        column([row.interface for row in rows]),
        column(frames),
        frames != sorted(frames),
    )
