"""Files that a thread reads ahead: the same as without, and nothing is left behind."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from pcapdiag.capture import Capture, ahead, source
from pcapdiag.capture.ahead import BLOCK, SLOTS, Ahead, Preparation
from pcapdiag.capture.facts import Metadata
from pcapdiag.capture.reader import FileReader
from pcapdiag.capture.walk import MAX_PACKET, Walker
from pcapdiag.model.options import Stop
from tests.capture.build import START, Pcapng, Read, packet, pcap, write

RECORDS = [(START + i * 1000, packet(i, 60 + i * 37 % 1400)) for i in range(12_000)]
PCAP = pcap(RECORDS)
PACKETS = [data for _, data in RECORDS]
assert len(PCAP) > 2 * SLOTS * BLOCK


@pytest.fixture(autouse=True)
def _reads_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "WORTH_READING_AHEAD", 0)
    monkeypatch.setattr(source, "processors", lambda: 2)


def threads() -> int:
    return sum(thread.name == "read ahead" for thread in threading.enumerate())


def test_a_file_is_the_same_read_ahead(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", PCAP)
    read = Read(path, digest=True)
    (facts,) = read.capture.files
    assert read.packets == PACKETS
    assert (facts.complete, facts.size, facts.packets) == (True, len(PCAP), len(PACKETS))
    assert facts.sha256 == hashlib.sha256(PCAP).hexdigest()
    assert threads() == 0


@pytest.mark.parametrize("processors", [1, 2])
def test_a_thread_needs_a_second_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    monkeypatch.setattr(source, "processors", lambda: processors)
    capture = Capture.open([write(tmp_path / "a.pcap", PCAP)])
    batches = capture.batches()
    seen = [(next(batches), threads())[1] for _ in range(4)]
    capture.close()
    assert max(seen) == processors - 1


def test_a_system_without_threads_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    read = Read(write(tmp_path / "a.pcap", PCAP))
    assert read.packets == PACKETS
    assert read.capture.complete


def test_what_was_handed_over_stays_for_one_more_batch(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", PCAP)
    reader = FileReader(str(path), 0, Metadata(), Stop())
    before = None
    count = 0
    for batch in reader.batches():
        if before is not None:
            kept, contents = before
            assert bytes(kept.buffer[kept.offsets[0] : kept.offsets[kept.count - 1]]) == contents
        assert batch is not None
        before = batch, bytes(batch.buffer[batch.offsets[0] : batch.offsets[batch.count - 1]])
        count += 1
    reader.close()
    assert count > 2 * SLOTS


@pytest.mark.parametrize("order", ["<", ">"])
def test_records_of_all_sizes(tmp_path: Path, order: str) -> None:
    sizes = [MAX_PACKET, 60, MAX_PACKET - 7, 1, 0, 65_600]
    packets = [bytes([i % 251]) * sizes[i % 6] for i in range(120)]
    records = [(START + i * 1000, data) for i, data in enumerate(packets)]
    read = Read(write(tmp_path / "a.pcap", pcap(records, order=order)))
    assert read.packets == packets
    assert read.capture.packets == 120
    assert read.capture.wire_bytes == sum(map(len, packets))


def test_a_block_with_more_packets_than_there_is_room_for(tmp_path: Path) -> None:
    packets = [bytes([i % 251]) for i in range(4 * BLOCK // 17)]
    assert BLOCK // 17 > ahead.RECORDS
    records = [(START + i * 1000, data) for i, data in enumerate(packets)]
    read = Read(write(tmp_path / "a.pcap", pcap(records)))
    assert read.packets == packets
    assert read.capture.complete


def test_a_pcapng_file_is_read_as_ever(tmp_path: Path) -> None:
    file = Pcapng().section().interface()
    for i in range(400):
        file.packet(START + i * 1000, packet(i, 2400))
    file.block(0x0BAD, bytes(5 * BLOCK))
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.packets == [packet(i, 2400) for i in range(400)]
    assert read.capture.complete


def test_a_cut_file_is_told_with_its_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", PCAP[:-50])
    read = Read(path)
    error = read.capture.files[0].error
    assert read.packets == PACKETS[:-1]
    assert error is not None
    assert error.byte == len(PCAP) - 16 - len(PACKETS[-1])


def test_a_damaged_record_ends_the_reading_and_the_digest_is_of_the_whole_file(
    tmp_path: Path,
) -> None:
    at = 24 + sum(16 + len(data) for data in PACKETS[:5000])
    damaged = PCAP[: at + 8] + b"\xff" * 4 + PCAP[at + 12 :]
    read = Read(write(tmp_path / "a.pcap", damaged), digest=True)
    (facts,) = read.capture.files
    assert read.packets == PACKETS[:5000]
    assert facts.error is not None
    assert facts.error.byte == at
    assert facts.sha256 == hashlib.sha256(damaged).hexdigest()
    assert threads() == 0


def test_a_reading_that_is_stopped_or_left_ends_its_thread(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", PCAP)
    stop = Stop()
    capture = Capture.open([path], stop=stop)
    taken = 0
    for batch in capture.batches():
        assert batch is not None
        taken += batch.count
        stop.set()
    assert 0 < taken < len(PACKETS)
    assert capture.complete
    assert threads() == 0
    left = Capture.open([path])
    assert next(iter(left.batches())) is not None
    left.close()
    assert threads() == 0


def test_several_files_are_read_ahead_by_two_threads_at_most(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{n}.pcap", PCAP) for n in range(4)]
    capture = Capture.open(paths)
    most = 0
    packets = 0
    for batch in capture.batches():
        assert batch is not None
        packets += batch.count
        most = max(most, threads())
    assert (packets, most) == (4 * len(PACKETS), 2)
    assert threads() == 0


def test_what_cannot_be_read_further_is_told(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        thread = Ahead(descriptor, Walker(), memoryview(b"left"), Preparation, 1)
        assert thread.take(Walker()) == -errno.EISDIR
        assert thread.is_last
        assert bytes(thread.buffer[thread.start : thread.end]) == b"left"
        thread.close()
    finally:
        os.close(descriptor)
