"""A capture as several files, as tcpdump -C writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def records_of(source: Path) -> list[bytes]:
    """The records of a little-endian pcap file."""
    data = source.read_bytes()
    records, at = [], 24
    while at < len(data):
        end = at + 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        records.append(data[at:end])
        at = end
    return records


def later(record: bytes, seconds: int) -> bytes:
    return (int.from_bytes(record[:4], "little") + seconds).to_bytes(4, "little") + record[4:]


def split(source: Path, folder: Path, count: int, name: str = "ring.pcap") -> list[Path]:
    """Write a pcap file as so many files, as tcpdump -C names them."""
    records = records_of(source)
    each = -(-len(records) // count)
    return write(source, folder, (records[n * each :][:each] for n in range(count)), name)


def write(
    source: Path, folder: Path, parts: Iterable[list[bytes]], name: str = "ring.pcap"
) -> list[Path]:
    folder.mkdir(exist_ok=True)
    made = []
    for number, part in enumerate(parts):
        made.append(folder / f"{name}{number or ''}")
        made[-1].write_bytes(source.read_bytes()[:24] + b"".join(part))
    return made
