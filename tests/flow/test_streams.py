"""Which packets make one connection: numbers, ports used again, late packets, disorder."""

from __future__ import annotations

import random
import subprocess
from array import array
from pathlib import Path

import msgspec
import pytest

from pcapdiag.flow.endings import LINGER, OPEN_IDLE, SYN_IDLE
from pcapdiag.flow.tracker import Tracker
from tests.flow.wire import MS, SECOND, START, End, Link, Told, Wire, batch_of, tell

DATA = b"x" * 100


def client(port: int, isn: int = 0x1000, address: str = "10.0.0.1") -> End:
    return End(address, port, isn, b"\2\0\0\0\0\1")


def server(isn: int = 0x9000) -> End:
    return End("10.0.0.2", 443, isn, b"\2\0\0\0\0\2")


def close(link: Link, at: float) -> None:
    """FIN from both ends of a connection without data."""
    link.c(at, "FA", 1, 1)
    link.s(at + 1, "FA", 1, 2)
    link.c(at + 2, "A", 2, 2)


def test_connections_are_numbered_by_their_first_frame() -> None:
    wire = Wire()
    links = [Link(wire, client(40000 + n), server()) for n in range(5)]
    for n, link in enumerate(links):
        link.c(n, "S", 0)
    for n, link in reversed(list(enumerate(links))):
        link.s(10 - n, "SA", 0, 1)
    told = tell(wire)
    assert {s.stream: s.initiator.port for s in told.stories} == {n: 40000 + n for n in range(5)}
    assert [s.stream for s in told.stories] == [0, 1, 2, 3, 4]


def test_another_syn_on_the_same_ports_is_another_connection() -> None:
    wire = Wire()
    old = Link(wire, client(40000), server())
    old.handshake()
    new = Link(wire, client(40000, isn=0x7777), server(isn=0x8888))
    new.handshake(100)
    new.c(120, "PA", 1, 1, DATA)
    told = tell(wire)
    first, second = told.stories
    assert (first.stream, first.previous_stream, len(first.packets)) == (0, None, 3)
    assert (second.stream, second.previous_stream, len(second.packets)) == (1, 0, 4)
    assert first.state == "S1"
    assert (second.initiator.isn, second.turn.request_bytes) == (0x7777, 100)


def test_a_syn_from_the_other_end_is_another_connection_too() -> None:
    wire = Wire()
    Link(wire, client(40000), server()).handshake()
    back = Link(wire, server(isn=0x4444), client(40000, isn=0x5555))
    back.c(100, "S", 0)
    told = tell(wire)
    assert [(s.stream, s.initiator.port) for s in told.stories] == [(0, 40000), (1, 443)]


def test_the_same_syn_again_is_the_same_connection() -> None:
    wire = Wire()
    link = Link(wire)
    for at in (0, 1000, 3000, 7000, 15000, 31000, 63000, 127000):
        link.c(at, "S", 0)
    story = tell(wire).only
    assert (story.syn_count, story.initiator.retransmissions) == (8, 7)


def test_another_syn_ack_is_the_same_connection() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(1, "SA", 0, 1)
    link.s(2, "SA", 77, 1)
    assert tell(wire).only.syn_ack_count == 2


def lingering(at_ms: float, late: str = "A", isn: int = 0x1000) -> Told:
    """A closed connection, something else after that, then a packet of the old one."""
    wire = Wire()
    link = Link(wire)
    link.handshake()
    close(link, 100)
    Link(wire, client(50000), server()).c(at_ms - 10, "S", 0)
    again = Link(wire, client(40000, isn), server())
    again.c(at_ms, late, 0 if late == "S" else 2, 2)
    return tell(wire)


def test_a_packet_soon_after_the_end_belongs_to_it() -> None:
    told = lingering(102 + LINGER / MS - 100)
    assert [len(s.packets) for s in told.stories] == [7, 1]


@pytest.mark.parametrize("late", ["A", "R", "FA", "S"])
def test_a_late_packet_is_no_new_connection(late: str) -> None:
    told = lingering(102 + LINGER / MS + 100, late)
    assert [s.stream for s in told.stories] == [0, 1]
    assert len(told.stream(0).packets) == 6
    assert told.tracker.table.late_packets == 1


def test_a_late_syn_with_another_number_is_a_new_connection() -> None:
    told = lingering(102 + LINGER / MS + 100, "S", isn=0x2222)
    assert [s.stream for s in told.stories] == [0, 1, 2]
    assert told.stream(2).previous_stream == 0


def test_a_refused_syn_that_comes_again_much_later_is_followed() -> None:
    """The RST was lost on its way: Linux repeats after 1, 3, 7 seconds, with the same number."""
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0)
    link.s(1, "RA", 0, 0x1001, absolute=True)
    Link(wire, client(50000), server()).c(4000, "S", 0)
    link.c(7000, "S", 0)
    link.s(7001, "SA", 0, 1)
    link.c(7002, "A", 1, 1)
    told = tell(wire)
    first, _, second = sorted(told.stories, key=lambda s: (s.start, s.stream))
    assert (first.state, second.state) == ("REJ", "S1")
    assert (second.stream, second.previous_stream) == (0, 0)


def test_an_unanswered_syn_is_judged_when_nobody_repeats_it_any_more() -> None:
    def at(quiet: int) -> list[int]:
        wire = Wire()
        Link(wire).c(0, "S", 0)
        other = Link(wire, client(50000), server())
        other.c(quiet / MS, "S", 0)
        return [s.stream for s in tell(wire, close=False).stories]

    assert at(SYN_IDLE - 100 * MS) == []
    assert at(SYN_IDLE + 100 * MS) == [0]


def test_an_idle_connection_is_judged_and_goes_on_under_its_number() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    other = Link(wire, client(50000), server())
    other.c((OPEN_IDLE + SECOND) / MS, "S", 0)
    link.c((OPEN_IDLE + 2 * SECOND) / MS, "PA", 1, 1, DATA)
    told = tell(wire)
    judged, rest = (s for s in told.stories if s.stream == 0)
    assert (judged.evicted, len(judged.packets), judged.capture_ended) == (True, 3, False)
    assert (rest.evicted, len(rest.packets), rest.capture_ended) == (False, 1, True)
    assert rest.previous_stream == 0


def test_a_tick_judges_while_nothing_comes() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    close(link, 100)
    told = tell(wire, close=False)
    told.tracker.tick(START + 102 * MS + LINGER)
    assert told.stories == []
    told.tracker.tick(START + 102 * MS + LINGER + 100 * MS)
    assert (told.only.state, told.only.capture_ended) == ("SF", False)


def test_what_is_open_at_the_end_says_so() -> None:
    wire = Wire()
    Link(wire).handshake()
    assert tell(wire).only.capture_ended


def test_healthy_connections_leave_no_story_unless_asked() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    link.s(30, "PA", 1, 101, DATA)
    link.c(40, "FA", 101, 101)
    link.s(50, "FA", 101, 102)
    link.c(51, "A", 102, 102)
    told = tell(wire, want_all=False)
    assert (told.stories, told.tracker.endings.healthy, told.tracker.endings.connections) == (
        [],
        1,
        1,
    )


def refused(count: int) -> Wire:
    """Connections that are refused a second after each other."""
    wire = Wire()
    for number in range(count):
        link = Link(wire, client(40000 + number), server())
        link.c(1_000 * number, "S", 0)
        link.s(1_000 * number + 1, "RA", 0, link.client.isn + 1, absolute=True)
    return wire


@pytest.mark.parametrize(("together", "handed_on"), [(8, 8), (1, 12)])
def test_stories_are_told_together(together: int, handed_on: int) -> None:
    def prepare(tracker: Tracker) -> None:
        tracker.endings.together = together

    told = tell(refused(15), want_all=False, close=False, prepare=prepare)
    assert told.tracker.endings.connections == 12
    assert [s.stream for s in told.stories] == list(range(handed_on))
    told.tracker.close()
    assert [s.stream for s in told.stories] == list(range(15))


def test_a_connection_that_is_given_up_is_told_at_once() -> None:
    """Until when it was watched is what is known then."""
    wire = Wire()
    Link(wire).handshake()
    link = Link(wire, client(50000), server())
    link.c(1_000, "S", 0)
    link.s(1_001, "RA", 0, link.client.isn + 1, absolute=True)
    Link(wire, client(50001), server()).c((OPEN_IDLE + SECOND) / MS, "S", 0)
    told = tell(wire, want_all=False, close=False)
    assert [(s.stream, s.evicted) for s in told.stories] == [(1, False), (0, True)]


# Batches that are not in file order.


def ring(seed: int) -> Wire:
    """Connections on few ports, one after the other, whose records were written a little late."""
    chance = random.Random(seed)
    wire = Wire()
    at = 0.0
    for number in range(40):
        link = Link(wire, client(40000 + number % 4, number * 0x10000), server(number * 0x777))
        link.handshake(at, rtt=0.5)
        link.c(at + 1, "PA", 1, 1, DATA)
        link.s(at + 2, "PA", 1, 101, DATA)
        link.c(at + 2.5, "A", 101, 101)
        if number % 3:
            link.c(at + 3, "RA", 101, 101)
        at += chance.uniform(0.5, 4)
    for row in wire.rows:
        row.time += chance.randrange(900_000)
    return wire


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("batch", [1 << 20, 64, 7])
def test_disordered_batches_lose_nothing(seed: int, batch: int) -> None:
    wire = ring(seed)
    told = tell(wire, batch=batch)
    assert len(told.stories) == told.tracker.endings.connections
    kept = [p.frame for s in told.stories for p in s.packets]
    assert len(kept) == len(set(kept))
    assert len(kept) + told.tracker.table.late_packets == len(wire.rows)
    assert told.tracker.packets == len(wire.rows)
    table = told.tracker.table
    assert (table.size0, table.size1, table.size2) == (0, 0, 0)
    assert all(flow is None for flow in (*table.oldest, *table.newest))


@pytest.mark.once
@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("seed", range(3))
def test_streams_of_a_disordered_batch_are_numbered_as_in_the_file(
    seed: int, tmp_path: Path
) -> None:
    wire = ring(seed)
    done = subprocess.run(
        ["tshark", "-n", "-r", wire.save(tmp_path / "x.pcap"), "-T", "fields", "-e", "tcp.stream"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    theirs = [int(line) for line in done.stdout.split()]
    ours = {p.frame: s.stream for s in tell(wire).stories for p in s.packets}
    assert {frame: theirs[frame - 1] for frame in ours} == ours
    assert set(theirs) == set(ours.values())


def test_a_connection_replaced_within_a_disordered_batch_has_its_own_packets() -> None:
    wire = Wire()
    old = Link(wire, client(40000), server())
    old.handshake()
    old.c(20, "PA", 1, 1, DATA)
    new = Link(wire, client(40000, 0x7777), server(0x8888))
    new.handshake(30)
    wire.rows[1].time, wire.rows[2].time = wire.rows[2].time, wire.rows[1].time
    told = tell(wire)
    assert [len(s.packets) for s in told.stories] == [4, 3]
    assert told.stories[0].turn.request_bytes == 100
    assert [s.previous_stream for s in told.stories] == [None, 0]


def test_the_tracker_takes_batch_after_batch() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "PA", 1, 1, DATA)
    link.s(30, "PA", 1, 101, DATA)
    whole, single = (msgspec.to_builtins(tell(wire, batch=size).only) for size in (9, 1))
    assert single == whole


def test_an_empty_batch_changes_nothing() -> None:
    told = tell(Wire())
    told.tracker.process(batch_of([]), array("q"), array("q"))
    assert told.tracker.packets == 0
