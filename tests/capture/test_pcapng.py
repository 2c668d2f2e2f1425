"""pcapng: every block that matters, in both byte orders, with times as Wireshark reads them."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from pcapdiag.capture import facts, reader
from pcapdiag.capture.batch import WIRE_BYTES
from pcapdiag.errors import CaptureError
from tests.capture.build import SECOND, START, Pcapng, Read, packet, write

ORDERS = pytest.mark.parametrize("order", ["<", ">"])
TSRESOL, TSOFFSET, NAME = 9, 14, 2
FLAGS, HASH, DROPCOUNT, PROCESS = 2, 3, 4, 0x8001


def tshark_times(path: Path) -> list[int]:
    """The times of all frames in ns, as tshark prints them."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [int(line.replace(".", "")) for line in printed.split()]


@ORDERS
def test_all_kinds_of_packet_blocks(tmp_path: Path, order: str) -> None:
    file = Pcapng(order).interface(snaplen=262144)
    file.packet(START // 1000, packet(1, 61)).old_packet(START // 1000 + 5, packet(2, 62))
    file.simple_packet(packet(3, 63)).packet(START // 1000 + 9, packet(4, 64), comment=b"hello")
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.packets == [packet(i, 60 + i) for i in range(1, 5)]
    assert read.times == [START, START + 5000, START + 5000, START + 9000]
    assert read.capture.files[0].format == "pcapng"
    assert read.capture.complete


def test_a_simple_packet_is_cut_by_the_snaplen(tmp_path: Path) -> None:
    file = Pcapng().interface(snaplen=64).simple_packet(packet(1, 64), length=1500)
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.packets == [packet(1, 64)]
    assert read.lengths == [1500]
    assert read.capture.truncated == 1
    assert read.capture.first_time is None


@ORDERS
@pytest.mark.parametrize(
    ("resolution", "per_second"),
    [
        (0, 1),
        (3, 10**3),
        (6, 10**6),
        (7, 10**7),
        (9, 10**9),
        (0x80, 1),
        (0x80 | 10, 2**10),
        (0x80 | 20, 2**20),
        (0x80 | 30, 2**30),
        (0x80 | 33, 2**33),
    ],
)
@pytest.mark.needs(program="tshark")
def test_time_resolutions_as_tshark_reads_them(
    tmp_path: Path, order: str, resolution: int, per_second: int
) -> None:
    file = Pcapng(order).interface((TSRESOL, bytes([resolution])))
    units = [START // SECOND * per_second + i * 7919 % per_second + i for i in range(20)]
    for i, at in enumerate(units):
        file.packet(at, packet(i))
    path = write(tmp_path / "a.pcapng", file)
    assert Read(path).in_capture_order == [
        (i + 1, time, packet(i)) for i, time in enumerate(tshark_times(path))
    ]


@pytest.mark.parametrize(
    ("resolution", "units", "time"),
    [
        (10, START * 10 + 9, START),
        (12, 5 * 10**12 + 1999, 5 * SECOND + 1),
        (18, 5 * 10**18 + 1_999_999_999, 5 * SECOND + 1),
        (0x80 | 34, 5 * 2**34 + 2**33, 5 * SECOND + SECOND // 2),
        (0x80 | 62, 2**62 + 2**61, SECOND + SECOND // 2),
        (0, 2**63, 2**62 - 1),
        (0x80, 2**64 - 1, 2**62 - 1),
        (10, 2**64 - 1, (2**64 - 1) // 10),
        (6, 2**64 - 1, 2**62 - 1),
        (0x80 | 31, 2**64 - 1, 2**62 - 1),
        (9, 2**63 - 1, 2**62 - 1),
        (0x80, 2**63 - 1, 2**62 - 1),
        (12, 2**63 - 1, (2**63 - 1) // 1000),
    ],
)
def test_fine_resolutions_and_times_beyond_bounds(
    tmp_path: Path, resolution: int, units: int, time: int
) -> None:
    file = Pcapng().interface((TSRESOL, bytes([resolution]))).packet(units, packet(1))
    assert Read(write(tmp_path / "a.pcapng", file)).times == [time]


@pytest.mark.parametrize(
    ("offset", "time"),
    [
        (3600, START + 3600 * SECOND),
        (-3600, START - 3600 * SECOND),
        (2**63 - 1, 2**62 - 1),
        (-(2**63), 0),
    ],
)
def test_the_time_offset_is_added(tmp_path: Path, offset: int, time: int) -> None:
    options = [(TSRESOL, b"\x09"), (TSOFFSET, struct.pack("<q", offset))]
    file = Pcapng().interface(*options).packet(START, packet(1))
    assert Read(write(tmp_path / "a.pcapng", file)).times == [time]


@pytest.mark.parametrize("resolution", [19, 0x7F, 0x80 | 63, 0xFF])
def test_an_impossible_resolution_is_damage(tmp_path: Path, resolution: int) -> None:
    file = Pcapng().interface().packet(START // 1000, packet(1))
    at = len(file.data)
    file.interface((TSRESOL, bytes([resolution])))
    capture = Read(write(tmp_path / "a.pcapng", file)).capture
    error = capture.files[0].error
    assert error is not None
    assert error.byte == at
    assert f"0x{resolution:02x}" in str(error)
    assert capture.packets == 1


def test_sections_of_both_byte_orders_with_interfaces_of_their_own(tmp_path: Path) -> None:
    file = Pcapng("<").interface((NAME, b"eth0")).packet(START // 1000, packet(1))
    file.section(">").interface((NAME, b"eth1"), (TSRESOL, b"\x09"), link=113)
    file.packet(START + SECOND, packet(2))
    file.section("<").interface((NAME, b"eth0")).packet(START // 1000 + 2_000_000, packet(3))
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.times == [START, START + SECOND, START + 2 * SECOND]
    assert read.interfaces == [0, 1, 2]
    assert [one.name for one in read.capture.interfaces] == ["eth0", "eth1", "eth0"]
    assert read.capture.files[0].interfaces == ["eth0", "eth1"]
    assert read.capture.link_types == ["EN10MB", "LINUX_SLL"]


@ORDERS
def test_names_statistics_and_secrets_are_kept(tmp_path: Path, order: str) -> None:
    file = Pcapng(order).interface((NAME, b"eth0")).interface((NAME, b"eth1"))
    file.names({"10.0.0.1": "web.example", "2001:db8::1": "db.example"})
    file.packet(START // 1000, packet(1))
    file.statistics(0, received=500, dropped=3).statistics(0, received=1000, dropped=7)
    file.statistics(1, os_dropped=5).statistics(1, received=10, dropped=2**64 - 1, os_dropped=6)
    secrets = b"CLIENT_RANDOM 00 00\n"
    file.block(10, struct.pack(order + "II", 0x544C534B, len(secrets)) + secrets)
    capture = Read(write(tmp_path / "a.pcapng", file)).capture
    assert capture.names == {"10.0.0.1": "web.example", "2001:db8::1": "db.example"}
    assert [(one.received, one.dropped) for one in capture.interfaces] == [(1000, 7), (10, 6)]
    assert capture.drops == 13
    assert capture.metadata.secrets == [secrets]
    assert "CLIENT_RANDOM" not in repr(capture.metadata)


@pytest.mark.needs(program="tshark")
def test_blocks_that_are_skipped_and_blocks_that_wireshark_numbers(tmp_path: Path) -> None:
    """A journal entry, a custom block and a sysdig event are frames to Wireshark, others are not."""
    file = Pcapng().interface().packet(START // 1000, packet(1))
    file.block(9, b"__REALTIME_TIMESTAMP=1700000000000000\n")
    file.block(0xBAD, struct.pack("<I", 32473) + b"private!")
    file.block(0x77, b"unknown")
    file.packet(START // 1000 + 1, packet(2), comment=b"comment")
    file.block(0x204, struct.pack("<HQQIH", 0, START, 5, 40, 1) + bytes(20))
    file.packet(START // 1000 + 2, packet(3))
    path = write(tmp_path / "a.pcapng", file)
    assert Read(path).frames == [1, 4, 6]
    assert len(tshark_times(path)) >= 5
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.number", "-Y", "eth"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert [int(line) for line in printed.split()] == [1, 4, 6]


def test_a_block_larger_than_the_buffer_is_read(tmp_path: Path) -> None:
    secrets = b"CLIENT_RANDOM 00 00\n" * 150_000
    file = Pcapng().interface().packet(START // 1000, packet(1))
    file.block(10, struct.pack("<II", 0x544C534B, len(secrets)) + secrets)
    assert len(file.data) > 2 * reader.BLOCK_BYTES
    file.packet(START // 1000 + 1, packet(2))
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.packets == [packet(1), packet(2)]
    assert read.capture.metadata.secrets == [secrets]


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (struct.pack("<III", 6, 16, 16) + bytes(4), "claims 16 bytes"),
        (struct.pack("<III", 6, 1 << 30, 0), "claims 1073741824 bytes"),
        (struct.pack("<III", 6, 34, 0), "claims 34 bytes"),
        (struct.pack("<II", 6, 32) + bytes(20) + struct.pack("<I", 36), "lengths differ"),
        (struct.pack("<III", 6, 32, 7) + bytes(16) + struct.pack("<I", 32), "interface 7"),
        (
            struct.pack("<IIIIIII", 6, 36, 0, 0, 0, 5, 5) + bytes(4) + struct.pack("<I", 36),
            "claims 5 bytes in a block of 36",
        ),
        (struct.pack("<III", 99, 8, 0), "claims 8 bytes"),
        (struct.pack("<III", 99, 1 << 30, 0), "claims 1073741824 bytes"),
        (struct.pack("<IIII", 99, 16, 0, 12), "lengths differ: 16 and 12"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 0), "byte order"),
        (struct.pack("<IIII", 0x0A0D0D0A, 16, 0x1A2B3C4D, 16), "claims 16 bytes"),
        (
            struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 2, 0, -1, 28),
            "a section of pcapng 2.0, which is not known",
        ),
        (struct.pack("<IIII", 1, 16, 0, 16), "claims 16 bytes"),
    ],
)
def test_blocks_that_lie_end_the_file_at_their_byte(
    tmp_path: Path, block: bytes, says: str
) -> None:
    file = Pcapng().interface().packet(START // 1000, packet(1))
    at = len(file.data)
    file.data += block + bytes(64)
    read = Read(write(tmp_path / "a.pcapng", file))
    assert read.packets == [packet(1)]
    error = read.capture.files[0].error
    assert error is not None
    assert error.byte == at
    assert says in str(error)
    assert str(error).startswith(f"{tmp_path / 'a.pcapng'}: byte {at}: ")
    assert not read.capture.complete


def test_too_many_interfaces_are_refused(tmp_path: Path) -> None:
    file = Pcapng()
    one = Pcapng().interface().data[len(file.data) :]
    file.data += one * 70_000
    with pytest.raises(CaptureError, match="more than 65536 interfaces"):
        Read(write(tmp_path / "a.pcapng", file))


def test_names_beyond_the_limit_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcapdiag.capture.facts.MAX_NAMES", 10)
    names = {f"10.0.0.{i}": f"host{i}" for i in range(1, 21)}
    file = Pcapng().interface().names(names).packet(0, packet(1))
    capture = Read(write(tmp_path / "a.pcapng", file)).capture
    assert len(capture.names) == 10
    assert capture.limits == {"capture_names": 10}


def test_a_rings_drop_counts_are_totals_and_not_added_up(tmp_path: Path) -> None:
    paths = []
    for i, dropped in enumerate([3, 10, 12]):
        file = Pcapng().interface((NAME, b"eth0")).interface((NAME, b"lo"))
        file.packet(START // 1000 + i, packet(i)).statistics(0, dropped=dropped)
        paths.append(write(tmp_path / f"{i}.pcapng", file.statistics(1, dropped=1)))
    assert Read(*paths).capture.drops == 13


@ORDERS
@pytest.mark.needs(program="tshark")
def test_a_packets_flags_say_which_way_it_went_as_tshark_reads_them(
    tmp_path: Path, order: str
) -> None:
    """Above the length; Apple's numbers of processes and others' comments stand before them."""
    file, at = Pcapng(order).interface(), START // 1000
    number = struct.pack(order + "I", 3)

    def flags(value: int) -> tuple[int, bytes]:
        return FLAGS, struct.pack(order + "I", value)

    file.packet(at, packet(1)).packet(at, packet(2, 61), flags(1)).packet(at, packet(3), flags(2))
    file.packet(at, packet(4, 62), (PROCESS, number), flags(2 | 1 << 2), comment=b"hello")
    file.old_packet(at, packet(5, 63), (HASH, b"\0abcde"), flags(1 | 4 << 2))
    file.packet(at, packet(6), flags(0xFFFF0000)).simple_packet(packet(7))
    path = write(tmp_path / "a.pcapng", file)
    read = Read(path)
    assert [length >> 32 for length in read.lengths] == [0, 1, 2, 6, 17, 0, 0]
    assert [length & WIRE_BYTES for length in read.lengths] == [60, 61, 60, 62, 63, 60, 60]
    assert read.packets == [packet(i + 1, size & 63) for i, size in enumerate(read.lengths)]
    assert read.capture.wire_bytes == 60 * 7 + 1 + 2 + 3
    assert read.capture.truncated == 0
    fields = ["-e", "frame.packet_flags_direction", "-e", "frame.packet_flags_reception_type"]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *fields]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    ways = [line.split() for line in printed.split("\n")[:-1]]
    told = [sum(int(n, 0) << i * 2 for i, n in enumerate(line)) for line in ways]
    assert told == [length >> 32 for length in read.lengths]


@pytest.mark.parametrize(
    "options",
    [
        struct.pack("<HH", FLAGS, 4),
        struct.pack("<HHI", FLAGS, 400, 1),
        struct.pack("<HHHH", FLAGS, 2, 1, 0),
        struct.pack("<HHII", FLAGS, 8, 1, 0),
        struct.pack("<IHHI", 0, FLAGS, 4, 1),
        struct.pack("<HHIHHI", 1, 9, 0, FLAGS, 4, 1),
        struct.pack("<HHII", DROPCOUNT, 400, 1, 0),
        struct.pack("<HHI", DROPCOUNT, 4, 1),
    ],
)
def test_options_of_a_packet_that_lie_say_nothing(tmp_path: Path, options: bytes) -> None:
    head = struct.pack("<IIIII", 0, 0, 1000, 60, 60)
    file = Pcapng().interface().block(6, head + packet(1) + options).packet(1001, packet(2))
    read = Read(write(tmp_path / "a.pcapng", file))
    assert (read.lengths, read.packets) == ([60, 60], [packet(1), packet(2)])
    assert read.capture.drops == 0
    assert read.capture.complete


@ORDERS
def test_drops_that_packets_tell_of_are_added_up_and_not_to_the_statistics(
    tmp_path: Path, order: str
) -> None:
    """xdpdump writes them with each packet, and no statistics; the latter include the former."""
    file = Pcapng(order).interface((NAME, b"eth0")).interface((NAME, b"eth1"))
    for number, lost in enumerate([3, 0, 1 << 33, 4]):
        dropped = (DROPCOUNT, struct.pack(order + "Q", lost))
        file.packet(START // 1000, packet(number), dropped, interface=number // 3)
    file.old_packet(START // 1000, packet(5), interface=1, lost=7)
    file.old_packet(START // 1000, packet(6), interface=1, lost=0xFFFF)
    apart = Read(write(tmp_path / "a.pcapng", file)).capture
    assert [one.lost for one in apart.interfaces] == [3 + (1 << 33), 11]
    assert apart.drops == 3 + (1 << 33) + 11
    file.statistics(0, dropped=9).statistics(1, dropped=20)
    assert Read(write(tmp_path / "b.pcapng", file)).capture.drops == 3 + (1 << 33) + 20


def test_drops_of_files_that_follow_one_another_add_up_where_packets_tell(tmp_path: Path) -> None:
    paths = []
    for i in range(3):
        file = Pcapng().interface((NAME, b"eth0"))
        file.packet(START // 1000 + i, packet(i), (DROPCOUNT, struct.pack("<Q", 2)))
        paths.append(write(tmp_path / f"{i}.pcapng", file))
    assert Read(*paths).capture.drops == 6


def test_drops_beyond_bounds_are_cut(tmp_path: Path) -> None:
    most = 2**64 - 2
    file = Pcapng().interface().packet(0, packet(1), (DROPCOUNT, struct.pack("<Q", most)))
    file.packet(0, packet(2), (DROPCOUNT, struct.pack("<Q", most)))
    file.statistics(0, dropped=most, os_dropped=most)
    assert Read(write(tmp_path / "a.pcapng", file)).capture.drops == 2**62 - 1


@pytest.mark.parametrize("minor", [0, 2, 9])
def test_a_later_minor_version_is_read(tmp_path: Path, minor: int) -> None:
    """Some write 1.2 and mean 1.0 (section 4.1)."""
    file = Pcapng().interface().packet(START // 1000, packet(1))
    data = file.data[:14] + bytes([minor]) + file.data[15:]
    assert Read(write(tmp_path / "a.pcapng", data)).packets == [packet(1)]


def test_statistics_that_say_nothing_of_drops_leave_what_was_said(tmp_path: Path) -> None:
    file = Pcapng().interface().packet(START // 1000, packet(1))
    file.statistics(0, received=5, dropped=3).statistics(0, received=9).statistics(0)
    capture = Read(write(tmp_path / "a.pcapng", file)).capture
    assert (capture.interfaces[0].received, capture.drops) == (9, 3)


def test_long_names_are_cut(tmp_path: Path) -> None:
    """A name may have 65,535 bytes, and there may be 100,000 of them."""
    file = Pcapng().interface((NAME, b"e" * 60_000)).names({"10.0.0.1": "w" * 60_000})
    capture = Read(write(tmp_path / "a.pcapng", file.packet(START // 1000, packet(1)))).capture
    assert [one.name for one in capture.interfaces] == ["e" * facts.MAX_NAME]
    assert capture.names == {"10.0.0.1": "w" * facts.MAX_NAME}


def test_secrets_in_tiny_blocks_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is an object of its own, which is larger than what is in it."""
    monkeypatch.setattr(facts, "MAX_SECRET_BYTES", 1_000)
    metadata = facts.Metadata()
    for _ in range(1_000):
        metadata.add_secrets(b"")
    assert len(metadata.secrets) <= 1_000 // facts.TEXT_COSTS
    assert metadata.limits["capture_secrets"] == 1_000 - len(metadata.secrets)
