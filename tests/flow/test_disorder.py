"""Captures in which packets come in another order than they were sent, or one direction is missing."""

from __future__ import annotations

from pcapdiag.flow.fleet import asks_of, callers_of
from pcapdiag.model.fleet import NO_ANSWER, SILENT
from pcapdiag.model.packet import ACK, SYN
from tests.flow.test_callers import KUBE, ask
from tests.flow.test_turns import Talk
from tests.flow.wire import MS, START, Wire, tell


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
