"""What a story tells of requests and answers whose bytes were blanked."""

from __future__ import annotations

from pcapdiag.flow.told_turns import noted_turn
from tests.flow.test_turns import Talk
from tests.flow.wire import tell


def test_payload_that_was_blanked_is_as_if_it_were_cut_off() -> None:
    talk = Talk()
    talk.ask(100, bytes(30))
    talk.answer(120, bytes(38))
    talk.ask(200, bytes(3) + b"\x05x")
    talk.answer(220, bytes(900))
    story = tell(talk.wire).only
    assert (story.hello_initiator, story.hello_responder) == (b"", b"")
    assert (story.turn.request_head, story.turn.response_bytes) == (b"\0\0\0\x05x", 900)
    assert (story.turn.response_head, story.turn.response_tail) == (b"", b"")


def test_few_zeros_are_payload() -> None:
    talk = Talk()
    talk.ask(100, bytes(3))
    talk.answer(120, b"ok\0\0\0\0")
    story = tell(talk.wire).only
    assert (story.hello_initiator, story.hello_responder) == (bytes(3), b"ok\0\0\0\0")


def test_an_earlier_turn_was_blanked_too() -> None:
    turn = noted_turn((1, 0, 4, 10, 4, 10, 7, 5, 20, 5, 20, 9, bytes(7), bytes(3), bytes(9)))
    assert (turn.request_head, turn.request_bytes) == (b"", 7)
    assert (turn.response_head, turn.response_tail, turn.response_bytes) == (bytes(3), b"", 9)
