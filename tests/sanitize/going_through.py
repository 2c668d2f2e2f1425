"""What the tests of pcapdiag/sanitize share: captures gone through twice, and doubles for payloads."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pcapdiag.capture import Capture
from pcapdiag.sanitize.packet import PacketSanitizer
from pcapdiag.sanitize.renamer import Renamer

KEY = bytes(range(32))
MAX_ROUNDS = 4


class Taken(NamedTuple):
    """A packet as a file has it."""

    data: bytes
    length: int
    time: int
    link_type: int


class Passing:
    """Hands payloads on as they are, and remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        """Source, port, target, port, sequence number, payload, flags, frame."""

    def take(self, *segment: Any, **_: Any) -> None:  # noqa: ANN401
        self.seen.append(segment)

    def tcp(self, *segment: Any, **_: Any) -> bytes:  # noqa: ANN401
        payload: bytes = segment[5]
        return payload


class Blanking(Passing):
    """Hands on as many zeros."""

    def tcp(self, *segment: Any, **_: Any) -> bytes:  # noqa: ANN401
        return bytes(len(segment[5]))


def read(path: Path) -> list[Taken]:
    """The packets of a file, in the order of its frames."""
    capture = Capture.open([path])
    found = {}
    for batch in capture.batches():
        assert batch is not None
        for n in range(batch.count):
            at, size = batch.offsets[n], batch.captured[n]
            link = capture.interfaces[batch.interfaces[n]].link_type
            data = bytes(batch.buffer[at : at + size])
            found[batch.frames[n]] = Taken(data, batch.lengths[n], batch.times[n], link)
    return [found[frame] for frame in sorted(found)]


def sanitized(
    packets: Sequence[Taken], payloads: Passing, key: bytes = KEY
) -> tuple[list[Taken], Renamer]:
    """The same packets rewritten, as a bundle does it: again where a stand-in is an original."""
    renamer = Renamer(key)
    for _ in range(MAX_ROUNDS):
        sanitizer = PacketSanitizer(renamer, payloads)
        for number, one in enumerate(packets, 1):
            sanitizer.take(one.data, one.link_type, one.length, number)
        result = [
            one._replace(data=sanitizer.sanitize(one.data, one.link_type, one.length, number))
            for number, one in enumerate(packets, 1)
        ]
        if not renamer.originals.clashes() and not renamer.originals.misfits():
            break
        renamer = renamer.with_originals(renamer.originals)
    return result, renamer


def one(data: bytes, link_type: int, length: int = 0) -> tuple[bytes, Renamer]:
    """One packet rewritten, its payload as it was."""
    packets = [Taken(data, length or len(data), 0, link_type)]
    (result,), renamer = sanitized(packets, Passing())
    return result.data, renamer


def file_of(packets: Iterable[Taken]) -> bytes:
    """A pcapng file."""
    packets = list(packets)
    links = list(dict.fromkeys(packet.link_type for packet in packets))
    out = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for link in links:
        out += _block(1, struct.pack("<HHIHHB3xHH", link, 0, 0, 9, 1, 9, 0, 0))
    for data, length, time, link in packets:
        number = links.index(link)
        head = struct.pack("<5I", number, time >> 32, time & 0xFFFFFFFF, len(data), length)
        out += _block(6, head + data)
    return out


def tshark(content: bytes, path: Path, *options: str) -> str:
    """What tshark says of a capture."""
    path.write_bytes(content)
    command = ["tshark", "-n", "-r", str(path), *options]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size
