"""Where the bytes come from: compressed files, standard input, files that still grow."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import lzma
import os
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from unittest import mock

import lz4.frame
import pytest
import zstandard

from pcapdiag.capture import Capture, source
from pcapdiag.capture.looks import looks_like_capture
from pcapdiag.errors import CaptureError, FileAccessError, NotACaptureError
from tests.capture.build import START, Pcapng, Read, packet, pcap, write

RECORDS = [(START + i * 1000, packet(i, 60 + i % 1400)) for i in range(4000)]
PCAP = pcap(RECORDS)
PACKETS = [data for _, data in RECORDS]

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
    "lz4": lambda data: lz4.frame.compress(data, content_checksum=True),
    "xz": lambda data: lzma.compress(data, preset=0),
}
EACH = pytest.mark.parametrize("name", PACKERS)


@EACH
def test_compression_is_told_by_content(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "web.pcap", PACKERS[name](PCAP))
    read = Read(path, digest=True)
    assert read.packets == PACKETS
    (facts,) = read.capture.files
    assert (facts.compression, facts.format, facts.complete) == (name, "pcap", True)
    assert facts.size == path.stat().st_size
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@EACH
def test_several_streams_in_one_file_and_padding(tmp_path: Path, name: str) -> None:
    cuts = [0, 10, 100_000, len(PCAP)]
    parts = [PACKERS[name](PCAP[a:b]) for a, b in pairwise(cuts)]
    read = Read(write(tmp_path / "a", b"".join(parts) + bytes(512)))
    assert read.packets == PACKETS
    assert read.capture.complete


def test_frames_to_pass_over_are_told_by_content_and_passed_over(tmp_path: Path) -> None:
    """pzstd writes one before each of its frames, for those who unpack in parallel."""
    half = len(PCAP) // 2
    packed = b"".join(
        b"\x50\x2a\x4d\x18" + struct.pack("<II", 4, len(part)) + part
        for part in map(PACKERS["zstd"], (PCAP[:half], PCAP[half:]))
    )
    path = write(tmp_path / "a", packed)
    read = Read(path)
    assert read.packets == PACKETS
    assert read.capture.files[0].compression == "zstd"
    with path.open("rb") as file:
        assert looks_like_capture(file)


@EACH
def test_truncated_compressed_data_gives_what_is_there(tmp_path: Path, name: str) -> None:
    packed = PACKERS[name](PCAP)
    read = Read(write(tmp_path / "a", packed[: len(packed) * 3 // 4]))
    assert read.packets == PACKETS[: len(read.packets)]
    error = read.capture.files[0].error
    assert error is not None
    assert f"the {name} data breaks off" in str(error)
    assert error.byte is not None
    if name != "xz":
        assert len(read.packets) > 1000
    assert not read.capture.complete


@EACH
def test_damaged_compressed_data_gives_what_comes_before(tmp_path: Path, name: str) -> None:
    # Incompressible packets, so that the damage lies where it is meant to be; 2 ms apart, so that
    # one whose time is damaged is not slight disorder, which is put in order.
    records = [(START + i * 2_000_000, os.urandom(1400)) for i in range(2000)]
    packed = bytearray(PACKERS[name](pcap(records)))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)
    read = Read(write(tmp_path / "a", bytes(packed)))
    same = sum(a == b for a, (_, b) in zip(read.packets, records, strict=False))
    assert same > 500
    assert not read.capture.complete


@EACH
def test_no_end_mark_is_damage_even_at_a_packets_end(tmp_path: Path, name: str) -> None:
    packed = PACKERS[name](PCAP)
    read = Read(write(tmp_path / "a", packed[:-1]))
    assert read.packets == PACKETS[: len(read.packets)]
    assert not read.capture.complete


@pytest.mark.parametrize("inner", PACKERS)
def test_compressed_twice_is_refused(tmp_path: Path, inner: str) -> None:
    path = write(tmp_path / "a.gz", gzip.compress(PACKERS[inner](PCAP)))
    with pytest.raises(NotACaptureError, match=f"{inner} inside gzip"):
        Read(path)


@EACH
def test_compressed_text_and_compressed_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotACaptureError, match="text"):
        Read(write(tmp_path / "a", PACKERS[name](b"some notes\n" * 99)))
    with pytest.raises(NotACaptureError, match="empty"):
        Read(write(tmp_path / "b", PACKERS[name](b"")))
    with pytest.raises(CaptureError):
        Read(write(tmp_path / "c", PACKERS[name](PCAP)[:5]))


@EACH
def test_a_bomb_is_read_in_flat_memory(tmp_path: Path, name: str) -> None:
    """192 MB of empty packets, packed into little."""
    path = tmp_path / "bomb"
    record = pcap([(START, bytes(65_520))])[24:]
    if name == "zstd":
        with zstandard.open(path, "wb") as file:
            _inflate(file.write, record)
    elif name == "lz4":
        with lz4.frame.open(path, "wb") as file:
            _inflate(file.write, record)
    elif name == "gzip":
        with gzip.open(path, "wb", 1) as file:
            _inflate(file.write, record)
    else:
        with lzma.open(path, "wb", preset=0) as file:
            _inflate(file.write, record)
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from pcapdiag.capture import Capture
        capture = Capture.open([{str(path)!r}])
        count = sum(batch.count for batch in capture.batches())
        status = Path("/proc/self/status").read_text()
        print(count, status.split("VmHWM:")[1].split()[0])
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    count, peak = map(int, done.stdout.split())
    assert count == 3072
    assert peak < 140_000, "KiB"


def _inflate(give: Callable[[bytes], object], record: bytes) -> None:
    give(PCAP[:24])
    for _ in range(24):
        give(record * 128)


# Standard input.


def analyze_stdin(feed: bytes, tail: str = "") -> str:
    program = (
        "from pcapdiag.capture import Capture\n"
        "capture = Capture.open(['-'])\n"
        "print(sum(batch.count for batch in capture.batches()))\n" + tail
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=feed, capture_output=True, check=False
    )
    return done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("name", ["", *PACKERS])
def test_standard_input_works_like_a_file(name: str) -> None:
    data = PACKERS[name](PCAP) if name else PCAP
    tail = "print(capture.files[0].path, capture.files[0].size, capture.progress())"
    assert analyze_stdin(data, tail) == (f"4000\nstandard input {len(data)} ({len(data)}, None)\n")


def test_standard_input_without_a_byte() -> None:
    assert "standard input: this is empty" in analyze_stdin(b"")


def test_standard_input_from_a_file_and_beside_a_file(tmp_path: Path) -> None:
    first = write(tmp_path / "a.pcap", pcap(RECORDS[:10]))
    second = write(tmp_path / "b.pcap", pcap(RECORDS[10:20]))
    program = (
        "from pcapdiag.capture import Capture\n"
        f"capture = Capture.open([{str(second)!r}, '-'])\n"
        "print([f for b in capture.batches() for f in b.frames[:b.count]], capture.frame_origin(1))"
    )
    with first.open("rb") as stdin:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, stdin=stdin, capture_output=True, check=True)
    assert done.stdout.decode() == f"{list(range(1, 21))} (1, 1)\n"


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(PCAP), daemon=True).start()
    other = write(tmp_path / "b.pcap", pcap([(START - 1000, packet(9))]))
    assert Read(pipe, other).packets == [packet(9), *PACKETS]


# Following what grows.


class Growing:
    """A followed file; each call of ``news`` gives the numbers of packets until a silence."""

    def __init__(self, path: Path) -> None:
        self.capture = Capture.open([path], follow=True)
        self.batches = self.capture.batches()

    def news(self) -> list[int]:
        frames: list[int] = []
        for batch in self.batches:
            if batch is None:
                return frames
            frames += batch.frames[: batch.count]
        return [*frames, -1]


@pytest.fixture(autouse=True)
def quick_ticks() -> Iterator[None]:
    with mock.patch.object(source, "TICK_SECONDS", 0.01):
        yield


def test_a_growing_file_gives_packets_as_they_come(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", b"")
    growing = Growing(path)
    assert growing.news() == []
    data = pcap(RECORDS[:10])
    with path.open("ab", buffering=0) as file:
        file.write(data[:11])
        assert growing.news() == []
        file.write(data[11:24])
        assert growing.news() == []
        file.write(data[24:130])
        assert growing.news() == [1]
        assert growing.news() == []
        file.write(data[130:])
        assert growing.news() == list(range(2, 11))
        file.write(PCAP[24:])
        assert growing.news() == list(range(11, 4011))
        file.write(data[24:50])
        assert growing.news() == []
    growing.capture.stop()
    assert growing.news() == [-1]
    assert growing.capture.complete, "a record that is still being written is no damage"
    assert growing.capture.packets == 4010


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_a_growing_compressed_file(tmp_path: Path, name: str) -> None:
    data = PACKERS[name](PCAP)
    path = write(tmp_path / "a.pcap", data[:1])
    growing = Growing(path)
    assert growing.news() == []
    with path.open("ab", buffering=0) as file:
        file.write(data[1:9])
        assert growing.news() == []
        file.write(data[9:])
        assert growing.news() == list(range(1, 4001))
    growing.capture.stop()
    assert growing.news() == [-1]


def test_what_is_held_back_for_order_is_given_at_a_silence(tmp_path: Path) -> None:
    file = Pcapng().interface().interface()
    for i in range(6):
        file.packet(START // 1000 + i * 100, packet(i), interface=i % 2)
    growing = Growing(write(tmp_path / "a.pcapng", file))
    assert growing.news() == [1, 2, 3, 4, 5, 6]


def test_a_pipe_is_followed_to_its_end() -> None:
    """Packets are given while the writer is silent, and the end of the pipe is the end."""
    program = (
        "import os, sys\n"
        "from pcapdiag.capture import Capture, source\n"
        "source.TICK_SECONDS = 0.05\n"
        "for batch in Capture.open(['-'], follow=True).batches():\n"
        "    if batch: print(batch.frames[0], batch.frames[batch.count - 1], flush=True)\n"
        "print('end', flush=True)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(PCAP[:24])
        child.stdin.write(pcap(RECORDS[:1])[24:])
        assert child.stdout.readline() == b"1 1\n"
        child.stdin.write(pcap(RECORDS[1:4])[24:])
        assert child.stdout.readline() == b"2 4\n"
        child.stdin.close()
        assert child.stdout.readline() == b"end\n"


def test_stop_from_a_signal_handler_ends_a_silent_pipe_with_what_was_read() -> None:
    program = (
        "import signal\n"
        "from pcapdiag.capture import Capture\n"
        "capture = Capture.open(['-'])\n"
        "signal.signal(signal.SIGINT, lambda *_: capture.stop())\n"
        "print('ready', flush=True)\n"
        "print(sum(batch.count for batch in capture.batches()), capture.complete, flush=True)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
        child.stdin.write(PCAP[:10_000])
        time.sleep(0.5)
        child.send_signal(2)
        count, complete = child.stdout.readline().split()
        assert int(count) > 50
        assert complete == b"True"
        assert child.wait(timeout=10) == 0


def test_several_inputs_cannot_be_followed(tmp_path: Path) -> None:
    paths = [write(tmp_path / str(i), PCAP) for i in range(2)]
    with pytest.raises(Exception, match="follow"):
        Capture.open(paths, follow=True)


# What the system refuses.


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EACCES, "permission denied: read it as root"), (errno.EMFILE, "too many open files")],
)
def test_a_file_that_may_not_be_opened(tmp_path: Path, number: int, says: str) -> None:
    path = write(tmp_path / "a.pcap", PCAP)
    refused = OSError(number, os.strerror(number))
    with (
        mock.patch.object(io, "FileIO", side_effect=refused),
        pytest.raises(FileAccessError) as caught,
    ):
        Read(path)
    assert str(caught.value).startswith(f"{path}: {says}")


def test_a_disk_error_is_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", PCAP)

    class Failing(io.FileIO):
        # Python 3.11 has no name for what FileIO takes here; the reader gives a memoryview.
        def readinto(self, view: memoryview) -> int:  # type: ignore[override]
            if self.tell():
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(view[:10_000])

    with mock.patch.object(io, "FileIO", Failing):
        read = Read(path)
    assert 50 < len(read.packets) < 4000
    error = read.capture.files[0].error
    assert error is not None
    assert error.byte == 10_000
    assert "Input/output error" in str(error)
