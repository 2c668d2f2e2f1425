"""The capture over time: bins that grow with it, exact counts, and clocks that are set."""

from __future__ import annotations

import random

import pytest

from pcapdiag.capture.batch import MAX_TIME
from pcapdiag.flow.activity import (
    BYTES,
    CLOCK_SET,
    CLOSED,
    MAX_BINS,
    OPENED,
    PACKETS,
    RESETS,
    RETRANSMISSIONS,
)
from pcapdiag.flow.tracker import Tracker
from tests.flow.wire import MS, START, End, Link, Wire, tell

Rows = list[list[int]]


def counted(wire: Wire, *, by_time: bool = True) -> tuple[Rows, Tracker]:
    tracker = tell(wire, by_time=by_time).tracker
    return tracker.activity.rows(), tracker


def caller(wire: Wire, port: int) -> Link:
    return Link(wire, End("10.0.0.1", port, port << 12, b"\2\0\0\0\0\1"))


def at_times(*times: float) -> Wire:
    """A SYN of another connection at each of these times (ms)."""
    wire = Wire()
    for number, at in enumerate(times):
        caller(wire, 40000 + number).c(at, "S", 0)
    return wire


def test_one_millisecond_a_bin_at_first() -> None:
    rows, tracker = counted(at_times(0, 0.4, 1, 3.999))
    assert rows[PACKETS] == rows[OPENED] == [2, 1, 0, 1]
    assert (tracker.activity.start, tracker.activity.width) == (START, MS)


@pytest.mark.parametrize(
    ("last", "width", "bins"),
    [(239, 1, 240), (240, 2, 121), (479, 2, 240), (480, 4, 121), (3_600_000, 16_384, 220)],
)
def test_bins_are_twice_as_wide_when_they_do_not_reach(last: int, width: int, bins: int) -> None:
    rows, tracker = counted(at_times(0, last))
    assert (tracker.activity.width, len(rows[PACKETS])) == (width * MS, bins)
    assert bins <= MAX_BINS
    assert (rows[PACKETS][0], rows[PACKETS][-1], sum(rows[PACKETS])) == (1, 1, 2)


def test_folding_leaves_every_count_in_the_bin_of_its_time() -> None:
    chance = random.Random(7)
    times = sorted(chance.uniform(0, 60_000) for _ in range(3_000))
    rows, tracker = counted(at_times(*times))
    wide, start = tracker.activity.width, tracker.activity.start
    expected = [0] * len(rows[PACKETS])
    for at in times:
        expected[(START + round(at * MS) - start) // wide] += 1
    assert rows[PACKETS] == rows[OPENED] == expected


def test_what_is_counted_of_a_packet() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake(0, rtt=1)
    link.c(2, "PA", 1, 1, b"x" * 100)
    link.c(300, "PA", 1, 1, b"x" * 100)
    link.s(301, "A", 1, 101)
    link.s(302, "R", 1)
    link.s(302, "RA", 1, 101)
    rows, _ = counted(wire)
    by_bin = {name: {n: one for n, one in enumerate(rows[name]) if one} for name in range(6)}
    assert by_bin[PACKETS] == {0: 3, 1: 1, 150: 2, 151: 2}
    assert by_bin[BYTES] == {1: 100, 150: 100}
    assert by_bin[RETRANSMISSIONS] == {150: 1}
    assert by_bin[RESETS] == {151: 2}
    assert (by_bin[OPENED], by_bin[CLOSED]) == ({0: 1}, {151: 1})


def test_a_capture_duplicate_is_not_counted() -> None:
    wire = Wire()
    Link(wire).c(0, "S", 0)
    wire.repeat(1, 0.05, interface=1)
    rows, tracker = counted(wire)
    assert (rows[PACKETS], tracker.copies.count) == ([1], 1)


def test_what_comes_after_the_end_is_counted_too() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake(0)
    link.c(20, "FA", 1, 1)
    link.s(21, "FA", 1, 2)
    link.c(22, "A", 2, 2)
    caller(wire, 50000).c(9_000, "S", 0)
    link.s(9_100, "R", 2)
    rows, tracker = counted(wire)
    assert tracker.table.late_packets == 1
    assert (sum(rows[PACKETS]), sum(rows[RESETS])) == (8, 1)


def test_a_connection_that_nobody_closed_is_open_to_the_end() -> None:
    wire = Wire()
    Link(wire).handshake(0, rtt=1)
    closed = caller(wire, 40001)
    closed.handshake(0, rtt=1)
    closed.c(5, "FA", 1, 1)
    closed.s(6, "FA", 1, 2)
    closed.c(7, "A", 2, 2)
    caller(wire, 40002).c(50, "S", 0)
    rows, _ = counted(wire)
    assert sum(rows[CLOSED]) == rows[CLOSED][7] == 1


def test_a_clock_that_was_set_back_counts_in_the_bins_of_its_times_or_the_first() -> None:
    wire = at_times(1000, 1002, 1010)
    for at in (1003, -500):
        caller(wire, 41000 + at).c(at, "S", 0)
    rows, tracker = counted(wire, by_time=False)
    assert tracker.activity.start == START + 1000 * MS
    assert rows[PACKETS] == [2, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1]


def test_a_clock_that_is_set_first_does_not_take_the_bins_of_the_rest() -> None:
    wire = at_times(0, 5)
    late = CLOCK_SET // MS
    for number, at in enumerate((late + 100, late + 103)):
        caller(wire, 45000 + number).c(at, "S", 0)
    rows, tracker = counted(wire)
    assert rows[PACKETS] == rows[OPENED] == [3, 0, 0, 1]
    assert tracker.activity.start == START + (late + 100) * MS


def test_no_time_is_too_late() -> None:
    wire = at_times(0, CLOCK_SET / MS - 1)
    wire.rows[1].time = START + CLOCK_SET - 1
    rows, _ = counted(wire)
    assert sum(rows[PACKETS]) == 2
    wire.rows[1].time = MAX_TIME
    rows, tracker = counted(wire)
    assert rows[PACKETS] == [2]
    assert tracker.activity.start == MAX_TIME


def test_without_tcp_there_are_no_bins() -> None:
    rows, _ = counted(Wire())
    assert rows[PACKETS] == []
