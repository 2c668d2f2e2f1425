"""Bare RSTs: the answer of whoever holds no connection, and the abort of some stacks (passt)."""

from __future__ import annotations

from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, SHORT, C, S, judged


def test_one_with_the_senders_own_window_is_an_abort_after_the_request() -> None:
    lines = (C("PSH,ACK", GET), S("ACK", win=256), S("RST", after=50, win=256))
    assert judged(*HANDSHAKE, *lines).code == "tcp.reset_before_response"


def test_one_with_the_senders_own_window_is_an_abort_within_the_answer() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", SHORT, win=256), C("ACK"), S("RST", win=256))
    assert judged(*HANDSHAKE, *lines).code == "tcp.reset_in_response"


def test_a_window_copied_from_the_packet_that_is_answered_tells_nothing() -> None:
    lines = (C("PSH,ACK", GET), S("PSH,ACK", SHORT, win=256), C("ACK", win=256), S("RST", win=256))
    assert judged(*HANDSHAKE, *lines).code == "tcp.state_lost"


def test_one_that_answers_nothing_is_an_abort_whatever_its_window() -> None:
    taken = (C("PSH,ACK", GET), S("ACK"), S("RST", after=50))
    assert judged(*HANDSHAKE, *taken).code == "tcp.reset_before_response"
    late = (C("PSH,ACK", GET), S("PSH,ACK", SHORT), C("ACK"), S("RST", after=700))
    assert judged(*HANDSHAKE, *late).code == "tcp.reset_in_response"


def test_one_that_answers_a_packet_is_lost_state() -> None:
    again = (C("PSH,ACK", GET, lost=True), C("PSH,ACK", GET, after=300, again=True), S("RST"))
    assert judged(*HANDSHAKE, *EXCHANGE, *again).code == "tcp.state_lost"


def test_the_queue_of_a_linux_listener_overflows_with_window_zero_only() -> None:
    assert judged(*HANDSHAKE, S("RST")).code == "tcp.accept_queue_overflow"
    assert judged(*HANDSHAKE, S("RST", win=254)).code == "tcp.reset_before_request"


def test_answers_to_late_segments_that_overtake_the_abort_before_them() -> None:
    """A client that left within its answer: its RST,ACK came behind a later bare RST."""
    answer = (C("PSH,ACK", GET), S("PSH,ACK", SHORT, after=20), S("PSH,ACK", b"x" * 90, lost=True))
    overtaken = (C("RST", seq=1_000_000 + 1 + len(GET)), C("RST,ACK", win=500))
    left = judged(*HANDSHAKE, *answer, *overtaken)
    assert (left.code, left.reset and left.reset.has_ack) == ("tcp.initiator_abort", True)
    far = (overtaken[0], C("RST,ACK", win=500, ttl=60))
    assert judged(*HANDSHAKE, *answer, *far).code == "tcp.state_lost"
    long_after = (overtaken[0], C("RST,ACK", win=500, after=80))
    assert judged(*HANDSHAKE, *answer, *long_after).code == "tcp.state_lost"
