"""Requests and answers as TCP shows them: bounds, gaps, first and last bytes."""

from __future__ import annotations

import pytest

from pcapdiag.model.story import Turn
from tests.flow.wire import MS, START, Link, Wire, tell


class Talk:
    """A connection on which both ends speak; numbers and acknowledgments are kept here."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.link = Link(self.wire)
        self.link.handshake()
        self.sent = [1, 1]

    def ask(self, at: float, data: bytes) -> int:
        frame = self.link.c(at, "PA", self.sent[0], self.sent[1], data)
        self.sent[0] += len(data)
        return frame

    def answer(self, at: float, data: bytes) -> int:
        frame = self.link.s(at, "PA", self.sent[1], self.sent[0], data)
        self.sent[1] += len(data)
        return frame

    def ack(self, at: float) -> int:
        return self.link.c(at, "A", self.sent[0], self.sent[1])

    @property
    def turn(self) -> Turn:
        return tell(self.wire).only.turn


def test_a_request_and_its_answer() -> None:
    talk = Talk()
    talk.ask(100, b"GET / HTTP/1.1\r\n")
    talk.ask(110, b"Host: shop\r\n\r\n")
    talk.link.s(120, "A", 1, 31)
    talk.answer(300, b"HTTP/1.1 200 OK\r\n")
    talk.answer(310, b"Content-Length: 0\r\n\r\n")
    talk.ack(311)
    turn = talk.turn
    assert (turn.index, turn.request_frame, turn.request_last_frame) == (1, 4, 5)
    assert (turn.request_time, turn.request_last_time) == (START + 100 * MS, START + 110 * MS)
    assert (turn.request_bytes, turn.request_acked) == (30, True)
    assert turn.request_acked_time == START + 120 * MS
    assert (turn.response_frame, turn.response_last_frame) == (7, 8)
    assert (turn.response_time, turn.response_last_time) == (START + 300 * MS, START + 310 * MS)
    assert (turn.response_bytes, turn.response_acked) == (38, True)
    assert turn.request_head == b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
    assert turn.response_head == b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert turn.response_tail == b"nt-Length: 0\r\n\r\n"


@pytest.mark.parametrize("flags", ["A", "FA"])
def test_an_answer_that_its_own_acknowledgment_overtook_is_an_answer(flags: str) -> None:
    """A path that reorders: the segment without data shows the answer as sent, before it comes."""
    talk = Talk()
    talk.ask(100, b"GET / HTTP/1.1\r\n\r\n")
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    talk.link.s(120, flags, 1 + len(whole), talk.sent[0])
    frame = talk.answer(121, whole)
    talk.ack(122)
    turn = talk.turn
    assert (turn.response_frame, turn.response_bytes) == (frame, len(whole))
    assert turn.response_head == whole


def test_the_text_in_a_reset_is_no_answer() -> None:
    """F5 BIG-IP writes its reason there."""
    talk = Talk()
    talk.ask(100, b"GET / HTTP/1.1\r\n\r\n")
    talk.link.s(120, "RA", 1, talk.sent[0], b"[F5RST: no pool member available]")
    turn = talk.turn
    assert (turn.response_frame, turn.response_bytes, turn.response_head) == (0, 0, b"")


def test_without_a_request_there_is_no_turn() -> None:
    turn = Talk().turn
    assert (turn.index, turn.request_head, turn.response_head) == (0, b"", b"")


def test_a_request_in_flight() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    turn = talk.turn
    assert (turn.request_acked, turn.request_acked_time, turn.response_bytes) == (False, 0, 0)
    assert (turn.response_frame, turn.response_head, turn.response_tail) == (0, b"", b"")


def test_a_request_that_was_acknowledged_in_part() -> None:
    talk = Talk()
    talk.ask(100, b"quest")
    talk.link.s(101, "A", 1, 6)
    talk.ask(110, b"ion")
    assert not talk.turn.request_acked
    talk.link.s(120, "A", 1, 9)
    assert talk.turn.request_acked_time == START + 120 * MS


def test_an_answer_that_was_not_acknowledged() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    talk.answer(120, b"answer one")
    talk.ack(121)
    talk.answer(122, b"answer two")
    assert not talk.turn.response_acked


def test_the_last_turn_is_told() -> None:
    talk = Talk()
    for n in range(3):
        talk.ask(100 + 1000 * n, b"question %d" % n)
        talk.answer(120 + 1000 * n, b"answer %d" % n)
    turn = talk.turn
    assert (turn.index, turn.request_bytes, turn.response_bytes) == (3, 10, 8)
    assert (turn.request_head, turn.response_head) == (b"question 2", b"answer 2")
    assert (turn.request_frame, turn.response_frame) == (8, 9)
    assert turn.gap == 980 * MS


def test_the_last_bytes_are_those_of_the_last_answer() -> None:
    talk = Talk()
    talk.ask(100, b"one")
    talk.answer(120, b"a long answer to that")
    talk.ask(200, b"two")
    talk.answer(220, b"0\r\n\r\n")
    assert talk.turn.response_tail == b"0\r\n\r\n"


def test_the_first_bytes_of_the_connection_stay() -> None:
    talk = Talk()
    for n in range(3):
        talk.ask(100 + 1000 * n, b"question %d" % n)
        talk.answer(120 + 1000 * n, b"answer %d" % n)
    story = tell(talk.wire).only
    assert (story.hello_initiator, story.hello_responder) == (b"question 0", b"answer 0")


def test_the_gap_is_quiet_time_and_keep_alives_are_quiet() -> None:
    talk = Talk()
    talk.ask(100, b"one")
    talk.answer(120, b"two")
    talk.ack(130)
    talk.link.c(30_000, "A", 3, 4)
    talk.link.s(30_001, "A", 4, 4)
    talk.ask(60_000, b"three")
    assert talk.turn.gap == 59_870 * MS


def test_the_first_request_has_a_gap_since_the_handshake() -> None:
    talk = Talk()
    talk.ask(5010.1, b"question")
    assert talk.turn.gap == 5000 * MS


def test_bytes_before_the_first_request_are_a_greeting() -> None:
    talk = Talk()
    talk.answer(20, b"220 mail ESMTP\r\n")
    talk.ask(30, b"EHLO me\r\n")
    talk.answer(40, b"250 mail\r\n")
    story = tell(talk.wire).only
    assert (story.greeting_bytes, story.turn.index) == (16, 1)
    assert (story.turn.request_head, story.turn.response_head) == (b"EHLO me\r\n", b"250 mail\r\n")
    assert (story.hello_initiator, story.hello_responder) == (
        b"EHLO me\r\n",
        b"220 mail ESMTP\r\n",
    )


def test_a_greeting_alone_is_no_turn() -> None:
    talk = Talk()
    talk.answer(20, b"220 mail ESMTP\r\n")
    story = tell(talk.wire).only
    assert (story.greeting_bytes, story.turn.index, story.turn.response_bytes) == (16, 0, 0)


def test_requests_in_one_go_are_one_turn() -> None:
    """Pipelining: TCP alone cannot tell which answer is whose."""
    talk = Talk()
    talk.ask(100, b"GET /1\r\n")
    talk.ask(101, b"GET /2\r\n")
    talk.answer(120, b"one")
    talk.answer(121, b"two")
    turn = talk.turn
    assert (turn.index, turn.request_bytes, turn.response_bytes) == (1, 16, 6)


def test_a_request_while_the_answer_is_on_its_way_begins_a_turn() -> None:
    talk = Talk()
    talk.ask(100, b"one")
    talk.answer(120, b"first ")
    talk.ask(121, b"two")
    talk.answer(122, b"second")
    turn = talk.turn
    assert (turn.index, turn.request_head, turn.response_head) == (2, b"two", b"second")


def test_repeated_bytes_are_not_new_ones() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    again = talk.link.c(400, "PA", 1, 1, b"question")
    more = talk.link.c(500, "PA", 1, 1, b"question more")
    story = tell(talk.wire).only
    assert (story.turn.index, story.turn.request_bytes) == (1, 13)
    assert story.turn.request_head == b"question more"
    assert story.turn.request_last_frame == more
    assert story.initiator.data_segments == 2
    assert story.initiator.payload_bytes == 8 + 8 + 13
    assert again not in {story.turn.request_frame, story.initiator.last_data_frame}


def test_a_repeated_first_segment_leaves_the_first_bytes() -> None:
    talk = Talk()
    talk.ask(100, b"first ")
    talk.ask(101, b"second ")
    talk.link.c(400, "PA", 1, 1, b"first ")
    talk.ask(500, b"third")
    turn = talk.turn
    assert (turn.request_head, turn.request_bytes) == (b"first second third", 18)


def test_a_keep_alive_with_a_byte_is_no_request() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    talk.answer(110, b"answer")
    talk.link.c(9000, "A", 8, 7, b"n")
    turn = talk.turn
    assert (turn.index, turn.request_bytes) == (1, 8)


def test_a_hole_ends_the_first_bytes_and_counts_as_sent() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    talk.link.s(120, "A", 1, 9, b"answer ")
    talk.link.s(121, "A", 18, 9, b"the end")
    turn = talk.turn
    assert turn.response_head == b"answer "
    assert turn.response_bytes == 24
    assert turn.response_tail == b"the end"


def test_a_hole_that_is_filled_leaves_no_hole_in_the_first_bytes() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    talk.link.s(120, "A", 1, 9, b"answer ")
    talk.link.s(121, "A", 18, 9, b"the end")
    talk.link.s(122, "A", 8, 9, b"middle and")
    talk.link.s(123, "A", 18, 9, b"the end")
    turn = talk.turn
    assert turn.response_head == b"answer middle andthe end"
    assert turn.response_bytes == 24


def test_bytes_that_arrive_before_the_first_ones() -> None:
    """The answer's second segment comes first: its head is complete once the first is there."""
    talk = Talk()
    talk.ask(100, b"question")
    talk.link.s(120, "A", 8, 9, b"second")
    talk.link.s(120.1, "A", 1, 9, b"first, ")
    talk.link.s(120.2, "A", 8, 9, b"second")
    assert talk.turn.response_head == b"first, second"


def test_an_answer_whose_first_bytes_the_capture_lost_has_no_first_bytes() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    talk.link.s(120, "A", 8, 9, b"in the middle of the answer")
    turn = talk.turn
    assert (turn.response_head, turn.response_bytes) == (b"", 34)
    assert turn.response_tail == b"le of the answer"


def test_bytes_lost_before_a_turn_are_not_of_it() -> None:
    """The capture lacks the end of the first answer, which the next request acknowledges."""
    talk = Talk()
    talk.ask(100, b"one")
    talk.answer(120, b"first ")
    talk.sent[1] += 4
    talk.ask(200, b"two")
    talk.answer(220, b"second")
    assert talk.turn.response_head == b"second"


@pytest.mark.parametrize("size", [1, 15, 16, 17, 40])
def test_the_last_sixteen_bytes(size: int) -> None:
    talk = Talk()
    talk.ask(100, b"question")
    whole = bytes(range(64))
    for start in range(0, 64, size):
        talk.answer(120 + start / 100, whole[start : start + size])
    assert talk.turn.response_tail == whole[-16:]


def test_cut_bytes_are_no_last_bytes() -> None:
    talk = Talk()
    talk.ask(100, b"question")
    talk.link.s(120, "A", 1, 9, b"x" * 100, snaplen=70)
    turn = talk.turn
    assert (turn.response_head, turn.response_tail) == (b"x" * 16, b"")
    assert turn.response_bytes == 100


def test_the_first_bytes_stop_at_a_kilobyte_and_at_a_cut() -> None:
    talk = Talk()
    whole = bytes(range(256)) * 5
    for start in range(0, 1280, 100):
        talk.ask(100 + start / 100, whole[start : start + 100])
    assert talk.turn.request_head == whole[:1024]
    talk = Talk()
    talk.link.c(100, "A", 1, 1, whole[:100], snaplen=14 + 20 + 20 + 30)
    talk.link.c(101, "A", 101, 1, whole[100:200])
    assert talk.turn.request_head == whole[:30]


def test_an_answer_after_the_sequence_space_wrapped() -> None:
    talk = Talk()
    talk.link.client.isn = 0xFFFFFFF0
    talk.link.server.isn = 0xFFFFFFFA
    wire = talk.link.wire = talk.wire = Wire()
    talk.link.handshake()
    talk.ask(100, b"a question that wraps")
    talk.answer(120, b"an answer that wraps")
    talk.ack(121)
    story = tell(wire).only
    turn = story.turn
    assert (turn.request_head, turn.response_head) == (
        b"a question that wraps",
        b"an answer that wraps",
    )
    assert (turn.request_acked, turn.response_acked) == (True, True)
    assert turn.response_tail == b"an answer that wraps"[-16:]
    assert (story.initiator.unacked, story.responder.unacked) == (0, 0)


def test_data_in_the_syn_is_the_request() -> None:
    """TCP Fast Open (RFC 7413): the data stand behind the SYN's number."""
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0, 0, b"question")
    link.s(10, "SA", 0, 9)
    link.c(11, "A", 9, 1)
    link.s(12, "PA", 1, 9, b"answer")
    story = tell(wire).only
    assert (story.turn.request_bytes, story.turn.request_acked) == (8, True)
    assert (story.turn.response_bytes, story.handshake_done) == (6, True)
    assert (story.turn.request_head, story.initiator.unacked) == (b"question", 0)
    assert (story.initiator.gaps, story.responder.acked_unseen) == (0, 0)


def test_data_in_the_syn_that_were_not_taken_are_sent_again() -> None:
    wire = Wire()
    link = Link(wire)
    link.c(0, "S", 0, 0, b"question")
    link.s(10, "SA", 0, 1)
    link.c(11, "PA", 1, 1, b"question!")
    link.s(12, "PA", 1, 10, b"answer")
    link.c(13, "A", 10, 7)
    turn = tell(wire).only.turn
    assert (turn.request_head, turn.request_bytes) == (b"question!", 9)
    assert turn.response_acked


def test_quiet_times_that_were_outlived_are_counted_at_the_endpoint() -> None:
    talk = Talk()
    talk.ask(100, b"one")
    talk.answer(200, b"yes")
    talk.ask(950, b"two")
    talk.answer(1000, b"yes")
    talk.ask(3500, b"three")
    talk.answer(3600, b"yes")
    talk.ask(9000, b"unanswered")
    (endpoint,) = tell(talk.wire).tracker.table.endpoints.values()
    assert (endpoint.idle_turns, endpoint.longest_idle) == (1, 2500 * MS)


def test_a_quiet_time_with_keep_alives_was_none() -> None:
    talk = Talk()
    talk.ask(100, b"one")
    talk.answer(200, b"yes")
    talk.ack(210)
    talk.link.c(2000, "A", 3, 4)
    talk.link.s(2001, "A", 4, 4)
    talk.ask(4000, b"two")
    talk.answer(4100, b"yes")
    (endpoint,) = tell(talk.wire).tracker.table.endpoints.values()
    assert (endpoint.idle_turns, endpoint.longest_idle) == (0, 0)
