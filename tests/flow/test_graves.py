"""Connections that were judged are found by what their packets say, until too many others were."""

from __future__ import annotations

import pytest

from pcapdiag.decode.headers import Packet
from pcapdiag.flow.graves import MAX_TOMBSTONES
from pcapdiag.flow.records import Flow, Tombstone
from pcapdiag.flow.table import Table
from tests.flow.wire import SECOND, START

SEED = 4711


def packet(number: int, *, answer: bool = False) -> Packet:
    """A packet of connection ``number``, or one that the other way goes."""
    here = (0x20010DB8 << 32, number // 60_000, 1_024 + number % 60_000)
    there = (0, 0x0A000001, 443)
    p = Packet()
    (p.source_high, p.source_low, p.source_port) = there if answer else here
    (p.target_high, p.target_low, p.target_port) = here if answer else there
    return p


def judged(table: Table, number: int) -> Flow:
    p = packet(number)
    flow = Flow(number, table.other_host, table.other_host)
    flow.high_a, flow.low_a, flow.port_a = p.source_high, p.source_low, p.source_port
    flow.high_b, flow.low_b, flow.port_b = p.target_high, p.target_low, p.target_port
    flow.hash = table.hash(p)
    flow.end = START + number
    flow.a.base_seq = 0xFFFFFFFF
    return flow


def buried(count: int) -> Table:
    table = Table(SEED)
    for number in range(count):
        table.graves.bury(judged(table, number))
    return table


def find(table: Table, number: int, *, answer: bool = False) -> Tombstone | None:
    p = packet(number, answer=answer)
    return table.find_grave(p, table.hash(p))


@pytest.mark.parametrize("port", [443, 32_767, 32_768, 65_535])
def test_a_port_of_the_upper_half_is_as_good(port: int) -> None:
    table = Table(SEED)
    flow = judged(table, 7)
    flow.port_b = port
    p = packet(7, answer=True)
    p.source_port = port
    flow.hash = table.hash(p)
    table.graves.bury(flow)
    assert table.find_grave(p, table.hash(p)) is not None


@pytest.mark.parametrize("count", [1, 1_000, MAX_TOMBSTONES])
def test_all_are_found_from_either_end(count: int) -> None:
    table = buried(count)
    for number in {0, 1, count // 2, count - 1} & set(range(count)):
        for answer in (False, True):
            grave = find(table, number, answer=answer)
            assert grave is not None
            assert (grave.stream, grave.end) == (number, START + number)
            assert (grave.base_a, grave.base_b) == (0xFFFFFFFF, -1)
            assert table.from_a == (0 if answer else 1)
    assert find(table, count) is None


def test_the_oldest_are_forgotten() -> None:
    more = 1_000
    table = buried(MAX_TOMBSTONES + more)
    found = [number for number in range(MAX_TOMBSTONES + more) if find(table, number)]
    assert found == list(range(more, MAX_TOMBSTONES + more))
    assert len(table.graves.rows(0)) == MAX_TOMBSTONES


def test_of_two_on_the_same_ports_the_later_one_is_found() -> None:
    table = buried(3)
    again = judged(table, 1)
    again.stream, again.evicted, again.waits_until = 9, 1, START + SECOND
    again.syn_count, again.b.packets, again.b.rst_count = 1, 1, 1
    table.graves.bury(again)
    grave = find(table, 1)
    assert grave is not None
    assert (grave.stream, grave.evicted, grave.refused) == (9, 1, 1)
    assert grave.waits_until == START + SECOND


def test_another_capture_takes_them_up() -> None:
    table = buried(3)
    later = Table(SEED + 1)
    rows = table.graves.rows(START + 1)
    for row in rows:
        p = packet(len(rows))
        p.source_high, p.source_low, p.target_high, p.target_low = row[:4]
        p.source_port, p.target_port = row[4] & 0xFFFF, row[4] >> 16
        later.graves.take_up(row, later.hash(p))
    assert [find(later, number) is not None for number in range(3)] == [False, True, True]
    grave = find(later, 2)
    assert grave is not None
    assert (grave.stream, grave.end, grave.base_a) == (-1, START + 2, 0xFFFFFFFF)
