"""Derived captures: each change does what it says, and the same each time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from failurelab import transform
from failurelab.capfile import read_packets
from failurelab.truth import FIXTURES

SOURCE = FIXTURES / "healthy-keepalive-http" / "client.pcap"


def changed(tmp_path: Path, change: transform.Change) -> list[tuple[float, bytes]]:
    file = tmp_path / "client.pcap"
    shutil.copyfile(SOURCE, file)
    transform.change_file(file, change)
    return [(time, packet.data) for time, packet in read_packets(file)]


@pytest.fixture
def before() -> list[tuple[float, bytes]]:
    return [(time, packet.data) for time, packet in read_packets(SOURCE)]


def test_lost_records_are_the_same_each_time(
    tmp_path: Path, before: list[tuple[float, bytes]]
) -> None:
    first = changed(tmp_path, transform.lose(0.5))
    assert first == changed(tmp_path, transform.lose(0.5))
    assert 0 < len(first) < len(before)
    assert all(record in before for record in first)


def test_clock_step_moves_only_what_comes_after(
    tmp_path: Path, before: list[tuple[float, bytes]]
) -> None:
    made = changed(tmp_path, transform.step_clock(-40))
    moved = [new[0] - old[0] for new, old in zip(made, before, strict=True)]
    assert moved[0] == pytest.approx(0)
    assert moved[-1] == pytest.approx(-40)


def test_bursts_are_left_out_by_number(tmp_path: Path, before: list[tuple[float, bytes]]) -> None:
    made = changed(tmp_path, transform.lose_burst((4, 3)))
    gone = [number for number, record in enumerate(before) if record not in made]
    assert gone == list(range(gone[0], gone[0] + 3))


def test_a_fast_clock_gains_with_time(tmp_path: Path, before: list[tuple[float, bytes]]) -> None:
    made = changed(tmp_path, transform.drift(1e5, shift=7.0))
    start, end = before[0][0], before[-1][0]
    assert made[0][0] - start == pytest.approx(7.0)
    assert made[-1][0] - end == pytest.approx(7.0 + (end - start) * 0.1)


def test_blanked_payload_leaves_headers_and_lengths(
    tmp_path: Path, before: list[tuple[float, bytes]]
) -> None:
    made = changed(tmp_path, transform.blank())
    assert [len(data) for _, data in made] == [len(data) for _, data in before]
    assert [data[:54] for _, data in made] == [data[:54] for _, data in before]
    assert not any(b"HTTP" in data for _, data in made)
    assert any(b"HTTP" in data for _, data in before)


def test_the_reset_and_what_came_just_before_it_are_left_out(tmp_path: Path) -> None:
    source = FIXTURES / "tcp.injected_reset-new-firewall-rule" / "client.pcap"
    file = tmp_path / "client.pcap"
    shutil.copyfile(source, file)
    transform.change_file(file, transform.lose_resets())
    left = [packet.data for _, packet in read_packets(file)]
    assert left == [packet.data for _, packet in read_packets(source)][:-3]


def test_mirror_stores_each_packet_again_with_a_tag_and_a_lower_ttl(
    tmp_path: Path, before: list[tuple[float, bytes]]
) -> None:
    made = changed(tmp_path, transform.mirror(vlan=200, ttl_less=1))
    assert len(made) == 2 * len(before)
    original, twin = made[0][1], made[1][1]
    assert twin[12:16] == b"\x81\x00\x00\xc8"
    assert twin[18 + 8] == original[14 + 8] - 1


def test_link_header_is_replaced(tmp_path: Path, before: list[tuple[float, bytes]]) -> None:
    made = changed(tmp_path, transform.relink(0, b"\2\0\0\0", b"\x1e\0\0\0", "NULL"))
    assert [data for _, data in made] == [b"\2\0\0\0" + data[14:] for _, data in before]


def test_disorder_keeps_times(tmp_path: Path, before: list[tuple[float, bytes]]) -> None:
    made = changed(tmp_path, transform.disorder(900_000))
    assert made != before
    assert sorted(made) == sorted(before)


def test_two_queues_make_openers_late(tmp_path: Path, before: list[tuple[float, bytes]]) -> None:
    made = changed(tmp_path, transform.two_queues(3000))
    opener = next(data[26:30] for _, data in before if data[23] == 6 and data[47] == 2)
    times = {data: time for time, data in before}
    for time, data in made:
        late = 0.003 if data[12:14] == b"\x08\x00" and data[26:30] == opener else 0
        assert time - times[data] == pytest.approx(late, abs=1e-5)
    assert made == sorted(made, key=lambda record: record[0])
