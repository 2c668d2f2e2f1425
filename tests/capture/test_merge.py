"""Several files are one capture, numbered as mergecap numbers them."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from pcapdiag.capture import Batch, Capture, merge, reader
from pcapdiag.errors import CaptureError, FileAccessError, UsageError
from tests.capture.build import START, Pcapng, Read, packet, pcap, write

MILLISECOND = 1_000_000


def mergecap(paths: list[Path], target: Path) -> list[tuple[int, int, bytes]]:
    """Frame number, time and bytes of the merged file, read by this reader."""
    subprocess.run(["mergecap", "-w", target, *paths], check=True, capture_output=True)
    return Read(target).in_capture_order


def files(folder: Path, shape: str, chance: random.Random) -> list[Path]:
    """Five files: a ring, interleaved, equal times, out of order, or long runs with overlaps."""
    paths = []
    for number in range(5):
        at = {"ring": number * 200 * MILLISECOND, "runs": number * 120 * MILLISECOND}.get(shape, 0)
        records = []
        for i in range(200):
            at += 0 if shape == "equal" and i % 3 else chance.randrange(2) * MILLISECOND
            shake = chance.randrange(20) * MILLISECOND if shape == "disorder" else 0
            records.append((START + at + shake, packet(number << 16 | i)))
        paths.append(write(folder / f"{number}.pcap", pcap(records, order="<>"[number % 2])))
    return paths


@pytest.mark.needs(program="mergecap")
@pytest.mark.parametrize("shape", ["ring", "interleaved", "equal", "disorder", "runs"])
@pytest.mark.parametrize("block", [512, 1 << 20])
def test_frames_as_mergecap_numbers_them(tmp_path: Path, shape: str, block: int) -> None:
    chance = random.Random(shape)
    paths = files(tmp_path, shape, chance)
    chance.shuffle(paths)
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        read = Read(*paths)
    assert read.in_capture_order == mergecap(paths, tmp_path / "merged.pcapng")
    for frame, data in zip(read.frames, read.packets, strict=True):
        number = int.from_bytes(data[14:18], "big")
        origin = read.capture.frame_origin(frame)
        assert origin is not None
        file, local = origin
        assert read.capture.files[file].path == str(tmp_path / f"{number >> 16}.pcap")
        assert local == (number & 0xFFFF) + 1


@pytest.mark.needs(program="mergecap")
@pytest.mark.parametrize("block", [8192, 16_384, 65_536])
def test_long_runs_and_interleaved_ones_by_turns(tmp_path: Path, block: int) -> None:
    """A buffer that was handed on is not filled again before the packets in it were judged."""
    chance = random.Random(block)
    records: list[list[tuple[int, bytes]]] = [[], []]
    at = START
    while at < START + 12_000 * MILLISECOND:
        alone = chance.randrange(2) if chance.random() < 0.3 else None
        for _ in range(chance.randrange(20, 300)):
            at += MILLISECOND
            file = chance.randrange(2) if alone is None else alone
            records[file].append((at, packet(len(records[file]), 60 + chance.randrange(40))))
    paths = [write(tmp_path / f"{i}.pcap", pcap(records[i])) for i in range(2)]
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        read = Read(*paths)
    assert read.in_capture_order == mergecap(paths, tmp_path / "merged.pcapng")
    assert read.frames == list(range(1, len(read.frames) + 1))


@pytest.mark.needs(program="mergecap")
def test_a_ring_given_in_any_order_is_one_capture(tmp_path: Path) -> None:
    paths = files(tmp_path, "ring", random.Random(7))
    forward, backward = Read(*paths), Read(*reversed(paths))
    assert forward.in_capture_order == backward.in_capture_order
    assert forward.frames == list(range(1, 1001))
    assert [facts.packets for facts in backward.capture.files] == [200] * 5
    assert [facts.path for facts in backward.capture.files] == [str(p) for p in reversed(paths)]
    assert forward.capture.progress()[0] == forward.capture.progress()[1]


def test_a_ring_is_passed_on_file_by_file_without_copying(tmp_path: Path) -> None:
    paths = []
    for number in range(30):
        start = START + number * 500 * MILLISECOND
        records = [(start + i * MILLISECOND, packet(number << 16 | i)) for i in range(400)]
        paths.append(write(tmp_path / f"{number}.pcap", pcap(records)))
    most = 0
    made: list[reader.FileReader] = []

    class Recorded(reader.FileReader):
        def batches(self) -> Iterator[Batch | None]:
            made.append(self)
            return super().batches()

    capture = Capture.open(paths)
    with mock.patch("pcapdiag.capture.capture.FileReader", Recorded):
        for batch in capture.batches():
            assert batch is not None
            assert batch.count == 400
            most = max(most, len(capture._open_readers))
            assert any(batch.buffer in (file._buffer, file._spare) for file in made)
    assert most <= 2
    assert capture.packets == 12_000


def test_numbers_that_wireshark_gives_to_other_blocks_are_kept(tmp_path: Path) -> None:
    first = Pcapng().interface().packet(START // 1000, packet(1))
    first.block(9, b"MESSAGE=x\n").packet(START // 1000 + 20, packet(2))
    second = pcap([(START + 10_000, packet(3)), (START + 30_000, packet(4))])
    paths = [write(tmp_path / "a", first), write(tmp_path / "b", second)]
    read = Read(*paths)
    assert [(f, d) for f, _, d in read.in_capture_order] == [
        (1, packet(1)),
        (2, packet(3)),
        (4, packet(2)),
        (5, packet(4)),
    ]
    assert read.capture.frame_origin(4) == (0, 3)


def test_numbers_of_blocks_behind_a_files_last_packet_are_kept(tmp_path: Path) -> None:
    first = Pcapng().interface().packet(START // 1000, packet(1)).block(9, b"MESSAGE=x\n")
    second = pcap([(START + 10_000, packet(2))])
    only_journal = Pcapng().interface().block(9, b"MESSAGE=y\n")
    paths = [write(tmp_path / "a", first), write(tmp_path / "b", second)]
    assert Read(*paths).frames == [1, 3]
    assert Read(*paths, write(tmp_path / "c", only_journal)).frames == [2, 4]


def test_runs_tell_whose_packets_come_next(tmp_path: Path) -> None:
    first = pcap([(START + i * 1000, packet(i)) for i in (0, 1, 5)])
    second = pcap([(START + i * 1000, packet(i)) for i in (2, 3)])
    paths = [write(tmp_path / "a", first), write(tmp_path / "b", second)]
    assert list(Capture.open(paths).runs()) == [(0, 2), (1, 2), (0, 1)]


def test_interfaces_count_over_all_files(tmp_path: Path) -> None:
    first = Pcapng().interface((2, b"eth0")).packet(START // 1000, packet(1))
    second = pcap([(START + 10_000, packet(2))], link=101)
    read = Read(write(tmp_path / "a", first), write(tmp_path / "b", second))
    assert read.interfaces == [0, 1]
    assert [(one.index, one.file) for one in read.capture.interfaces] == [(0, 0), (1, 1)]
    assert read.capture.link_types == ["EN10MB", "RAW"]
    assert read.capture.files[0].interfaces == ["eth0"]


def test_runs_beyond_the_limit_have_no_origin(tmp_path: Path) -> None:
    paths = files(tmp_path, "interleaved", random.Random(3))
    with mock.patch.object(merge, "MAX_RUNS", 50):
        capture = Read(*paths).capture
        assert capture.frame_origin(1) is not None
        assert capture.frame_origin(1000) is None


def test_what_cannot_be_read_is_a_warning_beside_what_can(tmp_path: Path) -> None:
    good = write(tmp_path / "good.pcap", pcap([(START, packet(1))]))
    text = write(tmp_path / "notes.txt", b"hello\n" * 10)
    empty = write(tmp_path / "empty.pcap", b"")
    header = write(tmp_path / "header.pcap", pcap([]))
    cut = write(
        tmp_path / "cut.pcap", pcap([(START + 1000, packet(2)), (START + 2000, packet(3))])[:-5]
    )
    missing = tmp_path / "missing.pcap"
    read = Read(text, good, missing, empty, header, cut, tmp_path)
    assert read.packets == [packet(1), packet(2)]
    capture = read.capture
    assert [Path(facts.path) for facts in capture.files] == [good, header, cut]
    assert {Path(error.path) for error in capture.warnings} == {text, missing, empty, tmp_path}
    assert [facts.complete for facts in capture.files] == [True, True, False]
    assert not capture.complete


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    text = write(tmp_path / "notes.txt", b"hello\n" * 10)
    with pytest.raises(CaptureError, match="text"):
        Read(text, write(tmp_path / "empty.pcap", b""))
    with pytest.raises(FileAccessError, match="no such file"):
        Read(tmp_path / "missing.pcap")
    with pytest.raises(FileAccessError, match="matches no file"):
        Read(tmp_path / "*.nothing")
    with pytest.raises(FileAccessError, match=r"is a directory: .*\*\.pcap\*"):
        Read(tmp_path)
    with pytest.raises(UsageError):
        Capture.open([])
    with pytest.raises(FileAccessError, match=r"^'': no such file"):
        Capture.open([""])


def test_a_glob_is_expanded_and_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / f"ring{i}.pcap", pcap([(START + i * 1000, packet(i))]))
    os.link(tmp_path / "ring1.pcap", tmp_path / "same.pcap")
    os.symlink(tmp_path / "ring2.pcap", tmp_path / "link.pcap")
    read = Read(
        tmp_path / "ring*.pcap",
        tmp_path / "ring0.pcap",
        tmp_path / "same.pcap",
        tmp_path / "link.pcap",
    )
    assert read.packets == [packet(0), packet(1), packet(2)]
    assert len(read.capture.files) == 3


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    path = write(tmp_path / "a[1].pcap", pcap([(START, packet(1))]))
    assert Read(path).packets == [packet(1)]
