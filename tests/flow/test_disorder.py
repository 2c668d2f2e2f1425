"""Captures in which packets come in another order than they were sent, or one direction is missing."""

from __future__ import annotations

import pytest

from pcapdiag.flow.fleet import asks_of, callers_of
from pcapdiag.model.fleet import NO_ANSWER, SILENT
from pcapdiag.model.packet import ACK, SYN
from tests.flow.test_callers import KUBE, ask
from tests.flow.test_turns import Talk
from tests.flow.wire import MS, START, End, Link, Wire, tell


def test_bytes_in_a_hole_that_an_acknowledgment_overtook_belong_to_the_answer() -> None:
    """A path that reorders: 100 bytes are late when an acknowledgment sent behind them arrives."""
    talk = Talk()
    talk.ask(100, b"GET / HTTP/1.1\r\n\r\n")
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 200
    talk.answer(120, whole[:40])
    talk.link.s(121, "A", 1 + 140, talk.sent[0])
    talk.link.s(122, "PA", 1 + 140, talk.sent[0], whole[140:])
    talk.link.s(123, "A", 1 + 40, talk.sent[0], whole[40:140])
    assert talk.turn.response_bytes == len(whole)


def one_way() -> Wire:
    """Ten checks, of which only the client's packets are in the capture."""
    whole = Wire()
    for number in range(10):
        ask(whole, number * 1_000, 40_000 + number, KUBE)
    left = Wire()
    for row in whole.rows:
        if row.data[6:12] == b"\2\0\0\0\0\1":
            left.add((row.time - START) / MS, row.data)
    return left


def test_what_only_one_direction_was_captured_of_says_nothing_of_the_answers() -> None:
    tracker = tell(one_way(), want_all=False).tracker
    (endpoint,) = tracker.table.endpoints.values()
    assert (endpoint.unanswered, endpoint.refused) == (0, 0)
    assert not list(asks_of(endpoint))
    (caller,) = callers_of(endpoint)
    assert caller.dropped == 0


def test_a_syn_ack_that_the_capture_lacks_was_there_where_data_follows() -> None:
    wire = Wire()
    for number in range(3):
        ask(wire, number * 100, 40_000 + number, KUBE)
    lost = Wire()
    for row in wire.rows:
        if row.data[47] != SYN | ACK:
            lost.add((row.time - START) / MS, row.data)
    (endpoint,) = tell(lost, want_all=False).tracker.table.endpoints.values()
    assert endpoint.unanswered == 0


def test_an_answer_captured_before_its_request_is_none_that_is_missing() -> None:
    """A mirror port with a queue for each direction."""
    whole = Wire()
    for number in range(5):
        ask(whole, number * 1_000, 40_000 + number, KUBE)
    late = Wire()
    rows = [(r.time + 2 * MS * (r.data[6:12] == b"\2\0\0\0\0\1"), r) for r in whole.rows]
    for time, row in sorted(rows, key=lambda one: one[0]):
        late.add((time - START) / MS, row.data)
    (endpoint,) = tell(late, want_all=False).tracker.table.endpoints.values()
    assert not [one for one in asks_of(endpoint) if NO_ANSWER in one.outcomes]
    assert not [one for one in asks_of(endpoint) if SILENT in one.outcomes]


def test_bytes_that_come_behind_their_acknowledgment_were_not_lost_by_the_capture() -> None:
    def lost(*missing: int) -> int:
        talk = Talk()
        talk.link.s(95, "A", 1, 19)
        talk.ask(100, b"GET / HTTP/1.1\r\n\r\n")
        talk.answer(110, b"x" * 50)
        left = Wire()
        for row in talk.wire.rows:
            if row.frame not in missing:
                left.add((row.time - START) / MS, row.data)
        tracker = tell(left).tracker
        return tracker.acked_unseen - tracker.endings.captured_late

    assert lost() == 0
    assert lost(5) == 1


def test_a_fin_that_only_its_acknowledgment_shows_is_missing() -> None:
    talk = Talk()
    talk.ask(100, b"GET / HTTP/1.1\r\n\r\n")
    talk.link.s(101, "A", 1, 19)
    talk.link.s(200, "FA", 1, 20)
    talk.link.c(201, "A", 20, 2)
    told = tell(talk.wire)
    assert told.tracker.lost_by_capture() == 1
    assert told.only.responder.acked_unseen == 1


@pytest.mark.parametrize(
    ("order", "missing"),
    [((4, 5, 7, 8, 6), 0), ((4, 7, 8, 5, 6, 6), 0), ((4, 5, 7, 8), 1), ((4, 5, 7, 8, 7), 1)],
)
def test_what_overtook_its_acknowledgment_in_disorder_was_not_lost(
    order: tuple[int, ...], missing: int
) -> None:
    """As long as no byte was sent again: that would hide one that is missing."""
    talk = Talk()
    talk.ask(100, b"GET / HTTP/1.1\r\n\r\n")
    talk.answer(110, b"x" * 50)
    talk.answer(111, b"y" * 60)
    talk.answer(112, b"z" * 70)
    talk.ack(113)
    rows = {row.frame: row for row in talk.wire.rows}
    shown = Wire()
    for at, frame in enumerate((1, 2, 3, *order)):
        shown.add(at * 20, rows[frame].data)
    tracker = tell(shown).tracker
    assert tracker.acked_unseen - tracker.endings.captured_late == missing


@pytest.mark.parametrize(("caller", "called"), [(40_000, 8080), (5000, 9000), (9000, 40_000)])
def test_a_syn_that_the_file_has_behind_its_answer_begins_the_connection(
    caller: int, called: int
) -> None:
    """Several queues wrote the file: its records are out of order, their times are right."""
    wire = Wire()
    ends = (
        End("10.0.0.1", caller, 0x1000, b"\2\0\0\0\0\1"),
        End("10.0.0.2", called, 0, b"\2\0\0\0\0\2"),
    )
    link = Link(wire, *ends)
    link.s(0.2, "RA", 0, 1, ip_id=0)
    link.c(0.1, "S", 0)
    told = tell(wire)
    story = told.only
    assert (story.initiator.port, story.responder.port) == (caller, called)
    assert (story.state, story.midstream, story.initiator_inferred) == ("REJ", False, False)
    assert (story.start, story.syn_frames, len(story.resets)) == (START + MS // 10, (2,), 1)
    tracker = told.tracker
    assert tracker.endings.midstream == 0
    known = {e.port: e.connections for e in tracker.table.endpoints.values() if e.connections}
    assert known == {called: 1}
    assert sum(host.opened for host in tracker.table.hosts.values()) == 1


def test_a_later_syn_begins_no_connection_that_was_followed_before() -> None:
    wire = Wire()
    link = Link(wire)
    link.s(0.1, "RA", 0, 1, ip_id=0)
    link.c(0.2, "S", 0)
    link.c(0.15, "A", 1, 1)
    assert tell(wire).stories[0].midstream


def test_what_a_device_sent_in_an_ends_name_is_not_missing() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "A", 1, 101)
    told = tell(wire, close=False)
    assert told.tracker.lost_by_capture() == 1
    link.s(20.1, "A", 1, 1)
    told = tell(wire)
    assert told.tracker.lost_by_capture() == 0
    assert told.only.initiator.acked_unseen == 0


def test_a_keep_alive_probe_denies_nothing() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.s(20, "PA", 1, 1, b"x" * 100)
    link.c(21, "A", 1, 102)
    link.s(30, "A", 101, 1)
    assert tell(wire).tracker.lost_by_capture() == 1


def test_behind_a_reset_an_end_may_have_got_anothers_bytes() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(19, "R", 1)
    link.c(20, "A", 44, 101)
    told = tell(wire)
    assert told.tracker.lost_by_capture() == 0
    assert told.only.initiator.acked_unseen == 0


def test_an_initiator_that_goes_on_was_answered_unseen() -> None:
    wire = Wire()
    answered, silent, late = (
        Link(wire, client=End("10.0.0.1", port, 0x1000, b"\2\0\0\0\0\1"))
        for port in (40001, 40002, 40003)
    )
    answered.c(0, "S", 0)
    answered.c(10, "A", 1, 1)
    silent.c(0, "S", 0)
    silent.c(1000, "S", 0)
    late.c(0, "PA", 1, 1, b"x")
    late.c(200, "PA", 1, 1, b"x")
    endings = tell(wire).tracker.endings
    assert (endings.one_direction, endings.answered_unseen) == (2, 1)
