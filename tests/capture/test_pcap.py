"""pcap files of every kind give the packets, times and lengths that other readers give."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dpkt
import pytest

from tests.capture.build import SECOND, START, Read, packet, pcap, write

NANO = [(START + i * 1_234_567_891, packet(i, 60 + i)) for i in range(40)]
MICRO = [(time // 1000 * 1000, data) for time, data in NANO]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("unit", "records"), [(1000, MICRO), (1, NANO)])
def test_both_byte_orders_and_resolutions(
    tmp_path: Path, order: str, unit: int, records: list[tuple[int, bytes]]
) -> None:
    path = write(tmp_path / "a.pcap", pcap(records, order=order, unit=unit))
    read = Read(path)
    assert read.times == [time for time, _ in records]
    assert read.packets == [data for _, data in records]
    assert read.frames == list(range(1, 41))
    with path.open("rb") as file:
        oracle = [(round(float(time) * 1e6), data) for time, data in dpkt.pcap.Reader(file)]
    mine = [(time // 1000, data) for time, data in zip(read.times, read.packets, strict=True)]
    assert [data for _, data in mine] == [data for _, data in oracle]
    assert all(abs(a - b) <= 1 for (a, _), (b, _) in zip(mine, oracle, strict=True))


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_modified_format_with_longer_record_headers(tmp_path: Path, order: str) -> None:
    read = Read(write(tmp_path / "a.pcap", pcap(MICRO, order=order, modified=True)))
    assert read.packets == [data for _, data in MICRO]
    assert read.times == [time for time, _ in MICRO]


def test_the_facts_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", pcap(MICRO, extra=1000, snaplen=100, link=113))
    capture = Read(path, digest=True).capture
    (facts,) = capture.files
    assert (facts.format, facts.compression, facts.packets) == ("pcap", None, 40)
    assert (facts.first_time, facts.last_time) == (MICRO[0][0], MICRO[-1][0])
    assert facts.size == path.stat().st_size
    assert facts.complete
    printed = subprocess.run(["sha256sum", str(path)], capture_output=True, check=True).stdout
    assert facts.sha256 == printed.split()[0].decode()
    assert capture.link_types == ["LINUX_SLL"]
    assert capture.truncated == 40
    assert capture.wire_bytes == sum(len(data) + 1000 for _, data in MICRO)
    assert capture.interfaces[0].snaplen == 100
    assert capture.progress() == (facts.size, facts.size)


def test_the_frame_check_bits_are_not_the_link_type(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.pcap", pcap(MICRO, link=0x24000001)))
    assert read.capture.link_types == ["EN10MB"]


def test_an_unknown_link_type_keeps_its_number(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.pcap", pcap(MICRO, link=3000)))
    assert read.capture.link_types == ["LINKTYPE_3000"]


def test_a_header_alone_is_a_capture_without_packets(tmp_path: Path) -> None:
    read = Read(write(tmp_path / "a.pcap", pcap([])))
    assert read.packets == []
    assert read.capture.complete
    assert read.capture.first_time is None


def test_segments_larger_than_64_kib_are_read(tmp_path: Path) -> None:
    records = [(START, packet(1, 262144)), (START + SECOND, packet(2, 200_000))]
    assert Read(write(tmp_path / "a.pcap", pcap(records))).packets == [d for _, d in records]


def test_more_than_a_block_of_packets(tmp_path: Path) -> None:
    """Records lie across the ends of the blocks that are read."""
    records = [(START + i * 1000, packet(i, 60 + i * 7 % 9000)) for i in range(2000)]
    path = write(tmp_path / "a.pcap", pcap(records))
    assert path.stat().st_size > 4 << 20
    read = Read(path)
    assert read.packets == [data for _, data in records]
    assert read.frames == list(range(1, 2001))


def test_more_packets_than_a_batch_holds(tmp_path: Path) -> None:
    records = [(START + i * 1000, b"") for i in range(40_000)]
    read = Read(write(tmp_path / "a.pcap", pcap(records)))
    assert read.frames == list(range(1, 40_001))
    assert read.times == [time for time, _ in records]
