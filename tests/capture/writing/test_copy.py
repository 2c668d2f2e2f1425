"""A copy is the capture: block for block, but for the comments that were asked for."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import pytest

from pcapdiag.capture import Capture, reader
from pcapdiag.capture.writing.copy import Original, copy_captures
from pcapdiag.capture.writing.section import Comments, Copied
from pcapdiag.errors import CaptureError
from tests.capture.build import START, Pcapng, Read, packet, pcap, write
from tests.capture.writing.parse import (
    ENHANCED,
    INTERFACE,
    OLD,
    SECRETS,
    SECTION,
    SIMPLE,
    STATISTICS,
    of_kind,
    parse,
)

US = START // 1000
MILLISECOND = 1_000_000
JOURNAL = b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=x\n"


def copy(
    *paths: Path,
    frames: dict[int, list[str]] | None = None,
    section: Sequence[str] = (),
    ours: str = "",
    drop_secrets: bool = False,
) -> tuple[bytes, Copied]:
    read = Read(*paths).capture
    files = [Original(facts.path, facts.packets) for facts in read.files]
    pieces: list[bytes] = []
    copied = copy_captures(
        files,
        lambda data: pieces.append(bytes(data)),
        Comments(frames, section, ours),
        drop_secrets=drop_secrets,
    )
    return b"".join(pieces), copied


def everything(order: str) -> Pcapng:
    file = Pcapng(order)
    file.interface((2, b"eth0"), (9, b"\x09"), snaplen=96).interface((2, b"eth1"), link=101)
    flags = file.options((2, b"\0\0\0\x01"), (4, bytes(8)), (1, b"mine"))
    head = struct.pack(order + "IIIII", 1, US >> 32, US & 0xFFFFFFFF, 5, 9)
    file.packet(START, packet(1)).block(6, head + b"abcde\0\0\0" + flags)
    file.names({"10.0.0.1": "one.example", "2001:db8::1": "six.example"})
    file.block(10, struct.pack(order + "II", 0x544C534B, 8) + b"CLIENT_R")
    file.old_packet(US, packet(3), interface=1).simple_packet(packet(4), 300)
    file.block(0x99, b"us: anything us: ").block(0x0BAD, struct.pack(order + "I", 7) + b"custom")
    return file.packet(START + 9, packet(6)).statistics(1, received=9, dropped=2)


def both_orders() -> bytes:
    return everything("<").data + everything(">").data


def test_without_comments_every_byte_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcapng", both_orders())
    data, copied = copy(path)
    assert data == both_orders()
    assert copied == Copied(frames=12)


@pytest.mark.parametrize("block", [512, 1 << 20])
def test_only_what_gets_a_comment_changes(tmp_path: Path, block: int) -> None:
    path = write(tmp_path / "a.pcapng", both_orders())
    said = {1: ["one"], 2: ["two", "zwei \u00fc"], 3: ["three"], 8: ["eight"], 12: ["last"]}
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        data, copied = copy(path, frames=said, section=["first\nsecond"])
    assert copied == Copied(frames=12, commented=5)
    before, after = list(parse(both_orders())), list(parse(data))
    assert [(b.kind, b.order) for b in before] == [(b.kind, b.order) for b in after]
    frame = 0
    for old, new in zip(before, after, strict=True):
        frame += old.kind in (2, 3, 6, 0x0BAD)
        wanted = said.get(frame, []) if old.kind in (OLD, ENHANCED) else []
        if new is after[0]:
            wanted = ["first\nsecond"]
        if not wanted:
            assert new.raw == old.raw
            continue
        assert new.comments == wanted + old.comments
        assert new.options[len(wanted) :] == old.options
        assert new.raw[8 : old.options_at] == old.raw[8 : old.options_at]


def test_a_simple_packet_block_with_a_comment_gets_the_time_of_the_packet_before(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.pcapng", everything(">"))
    data, copied = copy(path, frames={4: ["here"]})
    assert copied.commented == 1
    _, old, new, _ = of_kind(data, ENHANCED)
    assert new.comments[0] == "here"
    assert "without a time" in new.comments[1]
    assert new.number(8) == 0
    assert (new.number(12) << 32 | new.number(16)) == US * 1000
    assert (new.number(20), new.number(24)) == (60, 300)
    assert new.raw[28:88] == packet(4)
    assert old.comments == ["mine"]


@pytest.mark.parametrize("block", [512, 1 << 20])
def test_a_copy_of_a_copy_replaces_its_comments_and_no_others(tmp_path: Path, block: int) -> None:
    path = write(tmp_path / "a.pcapng", both_orders())
    said = {frame: [f"us: {frame}", f"us: again {frame}"] for frame in (1, 2, 3, 8, 9, 12)}
    first = write(tmp_path / "b.pcapng", copy(path, frames=said, section=["us: all"])[0])
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        assert copy(first, ours="us: ")[0] == both_orders()
        again, copied = copy(first, frames={2: ["us: new"]}, section=["us: 2"], ours="us: ")
    assert again == copy(path, frames={2: ["us: new"]}, section=["us: 2"])[0]
    assert copied.commented == 1


def test_comments_like_ours_stay_in_a_capture_that_is_no_copy(tmp_path: Path) -> None:
    file = Pcapng().interface().packet(US, packet(1), comment=b"us: not by us")
    path = write(tmp_path / "a.pcapng", file)
    assert copy(path, ours="us: ")[0] == file.data


def test_the_length_of_a_section_is_no_longer_said(tmp_path: Path) -> None:
    file = everything("<").data
    path = write(tmp_path / "a", file[:16] + struct.pack("<q", len(file) - 28) + file[24:])
    assert copy(path)[0] == file


def test_secrets_are_kept_or_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcapng", both_orders())
    data, copied = copy(path, drop_secrets=True)
    assert copied.secrets_dropped == 2
    assert b"CLIENT_R" not in data
    rest = [block.raw for block in parse(both_orders()) if block.kind != SECRETS]
    assert [block.raw for block in parse(data)] == rest


def test_a_comment_longer_than_an_option_is_cut_between_characters(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", pcap([(START, packet(1))]))
    data, _ = copy(path, frames={1: ["\u20ac" * 30_000]})
    (block,) = of_kind(data, ENHANCED)
    assert block.comments == ["\u20ac" * 21_845]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("modified", [False, True])
def test_pcap_becomes_pcapng(tmp_path: Path, order: str, unit: int, modified: bool) -> None:
    unit = 1000 if modified else unit
    records = [(START + i * 1_234_000 + i * unit, packet(i, 60 + i)) for i in range(50)]
    given = pcap(records, order=order, unit=unit, modified=modified, link=113, snaplen=200, extra=7)
    path = write(tmp_path / "a.pcap", given)
    data, copied = copy(path, frames={50: ["last"]}, section=["all"])
    copied_to = write(tmp_path / "b.pcapng", data)
    before, after = Read(path), Read(copied_to)
    assert after.in_capture_order == before.in_capture_order
    assert after.lengths == before.lengths
    (interface,) = after.capture.interfaces
    assert (interface.link_type, interface.snaplen) == (113, 200)
    assert interface.resolution == (9 if unit == 1 else 6)
    (section,) = of_kind(data, SECTION)
    assert section.comments == ["all"]
    assert of_kind(data, ENHANCED)[-1].comments == ["last"]
    assert copied == Copied(frames=50, commented=1)


def test_a_pcap_file_without_packets_keeps_its_link_type(tmp_path: Path) -> None:
    data, _ = copy(write(tmp_path / "a.pcap", pcap([], link=101)), section=["none"])
    assert [block.kind for block in parse(data)] == [SECTION, INTERFACE]
    assert list(parse(data))[1].number(8, "H") == 101


def ring(folder: Path, make: str) -> list[Path]:
    paths = []
    for number in range(4):
        start = START + number * 100 * MILLISECOND
        records = [(start + i * MILLISECOND, packet(number << 8 | i)) for i in range(20)]
        paths.append(folder / f"{number}")
        if make == "pcap":
            write(paths[-1], pcap(records, order="<>"[number % 2]))
            continue
        file = Pcapng("<>"[number % 2]).interface((2, b"eth0"))
        for time, data in records:
            file.packet(time // 1000, data)
        write(paths[-1], file.statistics(0, received=20))
    return paths


def test_a_ring_of_pcap_files_is_one_section_with_one_interface(tmp_path: Path) -> None:
    paths = ring(tmp_path, "pcap")
    data, _ = copy(*reversed(paths))
    assert len(of_kind(data, SECTION, INTERFACE)) == 2
    read = Read(write(tmp_path / "out", data))
    assert read.in_capture_order == Read(*paths).in_capture_order


def test_a_ring_of_pcapng_files_is_their_sections_one_after_the_other(tmp_path: Path) -> None:
    paths = ring(tmp_path, "pcapng")
    data, copied = copy(*reversed(paths), frames={80: ["last"]})
    assert copied == Copied(frames=80, commented=1)
    *before, last, statistics = list(parse(data))
    assert last.comments == ["last"]
    *whole, _, end = list(parse(b"".join(path.read_bytes() for path in paths)))
    assert [block.raw for block in (*before, statistics)] == [block.raw for block in (*whole, end)]


def interleaved(folder: Path, orders: str, chance: random.Random, *, simple: bool) -> list[Path]:
    """Files that take turns, with two interfaces each, journals between and statistics behind."""
    paths = []
    for number, order in enumerate(orders):
        path = folder / f"{number}-of-{len(orders)}"
        paths.append(path)
        records = []
        at = START + number * 10 * MILLISECOND
        for i in range(120):
            at += chance.choice((0, 1, 1, 2, 30)) * MILLISECOND
            records.append((at, packet(number << 16 | i, 60 + chance.randrange(9))))
        if order == "p":
            write(path, pcap(records))
            continue
        file = Pcapng(order).interface((2, f"a{number}".encode()))
        for i, (time, data) in enumerate(records):
            if i == 3:
                file.interface((2, f"b{number}".encode()))
            if chance.random() < 0.05:
                file.block(9, JOURNAL)
            kind = chance.randrange(12)
            if kind == 0 and simple and i:
                file.simple_packet(data)
            elif kind == 1:
                file.old_packet(time // 1000, data, interface=int(i > 3))
            else:
                file.packet(time // 1000, data, interface=int(i > 3), comment=b"was there")
        file.statistics(1, received=number).block(9, JOURNAL)
        write(path, file)
    return paths


@pytest.mark.parametrize("orders", ["<<", "<<<", ">>", "<>", "<p", "p>p", "pp", "<><p"])
@pytest.mark.parametrize("simple", [False, True])
@pytest.mark.parametrize("block", [512, 1 << 20])
def test_files_that_take_turns_keep_frames_times_and_interfaces(
    tmp_path: Path, orders: str, simple: bool, block: int
) -> None:
    chance = random.Random(f"{orders} {simple}")
    paths = interleaved(tmp_path, orders, chance, simple=simple)
    with mock.patch.object(reader, "BLOCK_BYTES", block):
        before = Read(*paths)
        number_of = {frame: data for frame, _, data in before.in_capture_order}
        said = {frame: [number_of[frame][14:18].hex()] for frame in sorted(number_of)[::5]}
        data, copied = copy(*paths, frames=said, section=["all"])
        after = Read(write(tmp_path / "out.pcapng", data))
    if not simple:
        assert after.in_capture_order == before.in_capture_order
    assert [(f, d) for f, _, d in after.in_capture_order] == [
        (f, d) for f, _, d in before.in_capture_order
    ]
    assert copied.commented == len(said)
    assert copied.frames >= before.in_capture_order[-1][0]
    packets = of_kind(data, OLD, SIMPLE, ENHANCED)
    assert sum(b.kind != SIMPLE and b.comments[:1] != ["was there"] for b in packets)
    for block_, (frame, _, content) in zip(packets, after.in_capture_order, strict=True):
        if frame in said:
            assert block_.comments[0] == content[14:18].hex()
    assert _interfaces_by_packet(after) == _interfaces_by_packet(before)
    sections = of_kind(data, SECTION)
    assert sections[0].comments == ["all"]
    if not simple and len(set(orders) - {"p"}) < 2:
        assert len(sections) == 1
    for statistics in of_kind(data, STATISTICS):
        assert statistics.options


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("orders", ["<<", "<><p"])
def test_wireshark_numbers_frames_as_the_comments_say(tmp_path: Path, orders: str) -> None:
    paths = interleaved(tmp_path, orders, random.Random(orders), simple=True)
    frames = sorted(Read(*paths).frames)
    said = {frame: [f"frame {frame}"] for frame in frames[::3]}
    path = write(tmp_path / "out.pcapng", copy(*paths, frames=said)[0])
    command = [
        "tshark",
        "-r",
        str(path),
        "-T",
        "fields",
        "-e",
        "frame.number",
        "-e",
        "frame.comment",
    ]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    shown = dict(line.split("\t") for line in done.stdout.splitlines())
    for frame, (text,) in said.items():
        assert shown[str(frame)].split(",")[0] == text
    assert sum("frame " in text for text in shown.values()) == len(said)


def _interfaces_by_packet(read: Read) -> dict[bytes, tuple[str, int]]:
    known = read.capture.interfaces
    return {
        data[14:18]: (known[number].name, known[number].link_type)
        for data, number in zip(read.packets, read.interfaces, strict=True)
    }


def test_statistics_follow_their_interface(tmp_path: Path) -> None:
    first = Pcapng().interface((2, b"a")).packet(US, packet(1)).packet(US + 20, packet(2))
    second = Pcapng().interface((2, b"b")).packet(US + 10, packet(3)).packet(US + 30, packet(4))
    paths = [
        write(tmp_path / "a", first.statistics(0, received=1, dropped=5)),
        write(tmp_path / "b", second.statistics(0, received=2, dropped=7)),
    ]
    data, _ = copy(*paths)
    known = Read(write(tmp_path / "out", data)).capture.interfaces
    assert [(one.name, one.received, one.dropped) for one in known] == [("a", 1, 5), ("b", 2, 7)]


def test_what_comes_before_a_damage_is_copied(tmp_path: Path) -> None:
    whole = everything("<").data
    path = write(tmp_path / "a.pcapng", whole[:-90])
    data, copied = copy(path, frames={1: ["one"]})
    assert copied.frames == 5
    assert [b.raw for b in parse(data)][4:] == [b.raw for b in parse(whole)][4:-2]


def test_what_was_written_since_the_first_reading_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", pcap([(START + i, packet(i)) for i in range(5)]))
    pieces: list[bytes | memoryview] = []
    assert copy_captures([Original(str(path), 3)], pieces.append, Comments()).frames == 3
    with pytest.raises(CaptureError, match="changed between"):
        copy_captures([Original(str(path), 6)], pieces.append, Comments())


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    paths = ring(tmp_path, "pcap")
    files = [Original(facts.path, facts.packets) for facts in Read(*paths).capture.files]
    paths[2].unlink()
    with pytest.raises(CaptureError, match="no such file"):
        copy_captures(files, lambda _: None, Comments())


def test_bytes_read_are_told(tmp_path: Path) -> None:
    paths = ring(tmp_path, "pcap")
    capture = Capture.open(paths)
    assert sum(batch.count for batch in capture.batches() if batch) == 80
    told: list[int] = []
    files = [Original(facts.path, facts.packets) for facts in capture.files]
    copy_captures(files, lambda _: None, Comments(), tell=told.append)
    assert sum(told) == sum(path.stat().st_size for path in paths)
