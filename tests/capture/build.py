"""Captures written byte by byte, so that a test can bend any field."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from pathlib import Path

from pcapdiag.capture import Capture

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

Record = tuple[int, bytes]
"""Time in ns, bytes."""


def packet(number: int, size: int = 60) -> bytes:
    """An Ethernet frame of an unused type that carries its number."""
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5" + struct.pack(">I", number) + bytes(size - 18)


def pcap(
    records: Iterable[Record],
    *,
    order: str = "<",
    unit: int = 1000,
    link: int = 1,
    snaplen: int = 262144,
    modified: bool = False,
    extra: int = 0,
) -> bytes:
    """A pcap file; ``extra`` is added to each original length."""
    magic = 0xA1B2CD34 if modified else {1000: 0xA1B2C3D4, 1: 0xA1B23C4D}[unit]
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for time, data in records:
        seconds, rest = divmod(time, SECOND)
        out.append(struct.pack(order + "IIII", seconds, rest // unit, len(data), len(data) + extra))
        if modified:
            out.append(struct.pack(order + "IHBB", 3, 0x800, 4, 0))
        out.append(data)
    return b"".join(out)


class Pcapng:
    """Blocks of a pcapng file, one after the other."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.data = b""
        self.section()

    def block(self, kind: int, body: bytes) -> Pcapng:
        body += bytes(-len(body) % 4)
        total = struct.pack(self.order + "I", len(body) + 12)
        self.data += struct.pack(self.order + "I", kind) + total + body + total
        return self

    def section(self, order: str = "") -> Pcapng:
        self.order = order or self.order
        return self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(self, *options: tuple[int, bytes], link: int = 1, snaplen: int = 0) -> Pcapng:
        body = struct.pack(self.order + "HHI", link, 0, snaplen)
        return self.block(1, body + self.options(*options))

    def options(self, *options: tuple[int, bytes]) -> bytes:
        out = b""
        for code, value in options:
            out += struct.pack(self.order + "HH", code, len(value)) + value
            out += bytes(-len(value) % 4)
        return out + bytes(4) if options else out

    def packet(
        self,
        units: int,
        data: bytes,
        *options: tuple[int, bytes],
        interface: int = 0,
        comment: bytes = b"",
    ) -> Pcapng:
        head = struct.pack(
            self.order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(data), len(data)
        )
        if comment:
            options = ((1, comment), *options)
        return self.block(6, head + data + bytes(-len(data) % 4) + self.options(*options))

    def old_packet(
        self,
        units: int,
        data: bytes,
        *options: tuple[int, bytes],
        interface: int = 0,
        lost: int = 0,
    ) -> Pcapng:
        head = struct.pack(
            self.order + "HHIIII",
            interface,
            lost,
            units >> 32,
            units & 0xFFFFFFFF,
            len(data),
            len(data),
        )
        return self.block(2, head + data + bytes(-len(data) % 4) + self.options(*options))

    def simple_packet(self, data: bytes, length: int = 0) -> Pcapng:
        return self.block(3, struct.pack(self.order + "I", length or len(data)) + data)

    def names(self, names: dict[str, str]) -> Pcapng:
        body = b""
        for text, name in names.items():
            address = ipaddress.ip_address(text)
            value = address.packed + name.encode() + b"\0"
            kind = 1 if address.version == 4 else 2
            body += struct.pack(self.order + "HH", kind, len(value)) + value
            body += bytes(-len(value) % 4)
        return self.block(4, body + bytes(4))

    def statistics(self, interface: int, **counts: int) -> Pcapng:
        codes = {"received": 4, "dropped": 5, "os_dropped": 7}
        options = [(codes[k], struct.pack(self.order + "Q", v)) for k, v in counts.items()]
        return self.block(
            5, struct.pack(self.order + "III", interface, 0, 0) + self.options(*options)
        )


class Read:
    """All that a capture gave: one row per packet in processing order."""

    def __init__(self, *paths: Path | str, digest: bool = False) -> None:
        self.capture = Capture.open([str(path) for path in paths], digest=digest)
        self.frames: list[int] = []
        self.times: list[int] = []
        self.interfaces: list[int] = []
        self.lengths: list[int] = []
        self.packets: list[bytes] = []
        self.most_held = 0
        for batch in self.capture.batches():
            assert batch is not None
            self.most_held = max(self.most_held, self.capture._orderer.window.count)
            n = batch.count
            frames = list(batch.frames[:n])
            assert batch.disordered == (frames != sorted(frames))
            self.frames += frames
            self.times += batch.times[:n]
            self.interfaces += batch.interfaces[:n]
            self.lengths += batch.lengths[:n]
            for at, size in zip(batch.offsets[:n], batch.captured[:n], strict=True):
                assert at + size <= len(batch.buffer)
                self.packets.append(bytes(batch.buffer[at : at + size]))

    @property
    def in_capture_order(self) -> list[tuple[int, int, bytes]]:
        """Frame number, time and bytes by frame number."""
        return sorted(zip(self.frames, self.times, self.packets, strict=True))


def write(path: Path, data: bytes | Pcapng) -> Path:
    path.write_bytes(data.data if isinstance(data, Pcapng) else data)
    return path
