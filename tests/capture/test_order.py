"""The order of judging: by time within bounds, while frame numbers keep the capture's order."""

from __future__ import annotations

import random
from pathlib import Path
from unittest import mock

import pytest

from pcapdiag.capture import Capture, order, reader
from tests.capture.build import SECOND, START, Pcapng, Read, packet, pcap, write

MICROSECOND = 1000
MILLISECOND = 1_000_000


def numbers(read: Read) -> list[int]:
    """What the packets carry: their place in the file as the test wrote it."""
    return [int.from_bytes(data[14:18], "big") for data in read.packets]


def test_a_file_in_order_is_not_copied(tmp_path: Path) -> None:
    """Its batches come as the reader made them."""
    records = [(START + i * MICROSECOND, packet(i, 1500)) for i in range(3000)]
    path = write(tmp_path / "a.pcap", pcap(records))
    capture = Capture.open([path])
    batches = capture.batches()
    first = next(batches)
    assert first
    (file,) = capture._open_readers
    counts = [first.count]
    for batch in batches:
        assert batch
        counts.append(batch.count)
        assert batch.buffer is file._buffer or batch.buffer is file._spare
    assert sum(counts) == 3000
    assert len(counts) >= 4


def test_slight_disorder_is_sorted_and_counted(tmp_path: Path) -> None:
    times = [0, 100, 300, 200, 1_400, 600, 1_500, 2_600]
    records = [(START + at * MICROSECOND, packet(i)) for i, at in enumerate(times)]
    read = Read(write(tmp_path / "a.pcap", pcap(records)))
    assert read.times == sorted(time for time, _ in records)
    assert read.frames == [1, 2, 4, 3, 6, 5, 7, 8]
    assert read.capture.disordered == 2
    assert read.capture.clock_steps == 0


@pytest.mark.parametrize("block", [512, 700, 4096, 1 << 20])
def test_slight_disorder_is_sorted_across_the_ends_of_blocks(tmp_path: Path, block: int) -> None:
    chance = random.Random(block)
    times = [i * 300 * MICROSECOND for i in range(500)]
    late = [at + chance.randrange(900) * MICROSECOND for at in times]
    by_arrival = sorted(range(500), key=late.__getitem__)
    records = [(START + times[i], packet(i)) for i in by_arrival]
    path = write(tmp_path / "a.pcap", pcap(records))
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        read = Read(path)
    assert numbers(read) == list(range(500))
    assert [frame - 1 for frame in read.frames] == [by_arrival.index(i) for i in range(500)]
    assert read.capture.disordered == sum(
        at < max(times[j] for j in by_arrival[: i + 1])
        for i, at in enumerate(times[j] for j in by_arrival)
    )


def test_a_clock_set_back_is_counted_and_the_order_kept(tmp_path: Path) -> None:
    times = [0, 1000, 2000, -50_000, -49_000, -49_500, -48_000, 3_000, 4_000, -150_000, -149_000]
    records = [(START + at * MICROSECOND, packet(i)) for i, at in enumerate(times)]
    read = Read(write(tmp_path / "a.pcap", pcap(records)))
    assert numbers(read) == [0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10]
    assert (read.capture.clock_steps, read.capture.slight_clock_steps) == (2, 1)
    assert read.capture.disordered == 1
    assert read.times == [START + times[i] * MICROSECOND for i in numbers(read)]


def test_one_record_far_in_the_future_does_not_stop_the_rest(tmp_path: Path) -> None:
    times = [START, START + MILLISECOND, 4_000_000_000 * SECOND]
    times += [START + i * MILLISECOND for i in range(2, 200)]
    records = [(at, packet(i)) for i, at in enumerate(times)]
    with mock.patch.object(reader, "BLOCK_BYTES", 512):
        read = Read(write(tmp_path / "a.pcap", pcap(records)))
    assert numbers(read) == list(range(201))
    assert read.capture.clock_steps == 1


def test_a_clock_that_jumps_without_end_stays_within_numbers(tmp_path: Path) -> None:
    records = [((i % 2) * 4_200_000_000 * SECOND, packet(i)) for i in range(100)]
    read = Read(write(tmp_path / "a.pcap", pcap(records)))
    assert sorted(numbers(read)) == list(range(100))
    assert read.capture.clock_steps == 49


def interfaces_by_turns(lag: int, packets: int, chance: random.Random) -> Pcapng:
    """What dumpcap writes: each interface's packets when its own buffer is handed over."""
    file = Pcapng().interface((2, b"eth0")).interface((2, b"lo")).interface((2, b"eth1"))
    ends = [0, 0, 0]
    times = [sorted(chance.randrange(packets * 1000) for _ in range(packets)) for _ in range(3)]
    now = 0
    while any(ends[i] < packets for i in range(3)):
        now += lag // 3
        turn = now // (lag // 3) % 3
        while ends[turn] < packets and times[turn][ends[turn]] <= now:
            at = times[turn][ends[turn]]
            file.packet(START // 1000 + at, packet(ends[turn]), interface=turn)
            ends[turn] += 1
    return file


@pytest.mark.parametrize("block", [600, 1 << 20])
def test_interfaces_of_one_file_are_put_in_time_order(tmp_path: Path, block: int) -> None:
    file = interfaces_by_turns(250_000, 2000, random.Random(1))
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        read = Read(write(tmp_path / "a.pcapng", file))
    assert read.times == sorted(read.times)
    assert sorted(read.frames) == list(range(1, 6001))
    assert read.frames != sorted(read.frames)
    assert set(read.interfaces) == {0, 1, 2}
    assert (read.capture.disordered, read.capture.clock_steps) == (0, 0)
    assert read.capture.limits == {}


def test_the_window_is_bounded_and_says_what_came_too_late(tmp_path: Path) -> None:
    file = interfaces_by_turns(1_500_000, 3000, random.Random(2))
    path = write(tmp_path / "a.pcapng", file)
    with (
        mock.patch.object(order, "WINDOW_PACKETS", 500),
        mock.patch.object(reader, "BLOCK_BYTES", 4096),
    ):
        read = Read(path)
    assert read.most_held < 500
    assert sorted(read.frames) == list(range(1, 9001))
    late = [b < a for a, b in zip(read.times, read.times[1:], strict=False)]
    assert sum(late) > 0
    assert read.capture.limits["capture_order"] > 0


def test_disorder_within_one_of_several_interfaces_is_told_apart(tmp_path: Path) -> None:
    file = Pcapng().interface().interface()
    for i, (at, interface) in enumerate(
        [(0, 0), (500_000, 1), (400_000, 0), (399_500, 0), (100_000, 1), (500_000, 0)]
    ):
        file.packet(START // 1000 + at, packet(i), interface=interface)
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.capture.disordered == 1
    assert read.capture.clock_steps == 1
