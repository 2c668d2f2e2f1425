"""Requests that are answered while they are still being sent, in what does not tell their length."""

from __future__ import annotations

from pcapdiag.model.story import Turn
from tests.flow.wire import Link, Wire, tell


def upload(early: bytes, *, answered_at: int, goes_on: float = 21) -> Turn:
    """Full segments that nobody can read, an answer that knows the first of them, and more."""
    wire = Wire()
    link = Link(wire)
    link.handshake()
    full = b"\1" * 1460
    for n in range(3):
        link.c(20 + n / 10, "A", 1 + 1460 * n, 1, full)
    link.s(20.9, "PA", 1, 1 + answered_at, early)
    knows = 1 + len(early)
    link.c(goes_on, "A", 4381, knows, full)
    link.s(goes_on + 1, "A", knows, 5841)
    link.c(goes_on + 2, "PA", 5841, knows, b"\1" * 60)
    return tell(wire).only.turn


def test_what_was_under_way_when_the_answer_came_is_no_new_request() -> None:
    turn = upload(b"\2 too large", answered_at=1460)
    assert (turn.index, turn.request_bytes, turn.response_bytes) == (1, 4 * 1460 + 60, 11)


def test_what_follows_an_answer_that_knows_all_is_a_new_request() -> None:
    turn = upload(b"\2 thank you", answered_at=4380)
    assert (turn.index, turn.request_bytes) == (2, 1460 + 60)


def test_a_segment_that_does_not_know_the_answer_goes_on() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "A", 1, 1, b"\1" * 1460)
    link.s(20.1, "PA", 1, 1461, b"\2 too large")
    link.c(20.2, "PA", 1461, 1, b"\1" * 700)
    assert tell(wire).only.turn.index == 1
    link.c(1300, "PA", 2161, 12, b"\1 after a rest")
    assert tell(wire).only.turn.index == 2


def test_short_requests_that_cross_their_answers_are_turns_of_their_own() -> None:
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "PA", 1, 1, b"\1" * 30)
    link.c(20.1, "PA", 31, 1, b"\1" * 30)
    link.s(30, "PA", 1, 31, b"\2" * 30)
    link.c(30.1, "PA", 61, 31, b"\1" * 30)
    assert tell(wire).only.turn.index == 2


def test_where_the_window_is_small_half_of_it_is_a_full_segment() -> None:
    for window, turns in ((11, 1), (500, 2)):
        wire = Wire()
        link = Link(wire)
        link.handshake()
        link.c(20, "PA", 1, 1, b"\1" * 704)
        link.c(20.1, "PA", 705, 1, b"\1" * 704)
        link.s(30, "PA", 1, 705, b"\2 too large", window=window)
        link.c(30.1, "PA", 1409, 12, b"\1" * 700)
        assert tell(wire).only.turn.index == turns


def test_a_chunked_body_does_not_tell_how_long_it_is() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n"
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "A", 1, 1, head.ljust(1460, b"x"))
    link.c(20.1, "A", 1461, 1, b"x" * 1460)
    link.s(30, "PA", 1, 1461, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    link.c(30.1, "A", 2921, 46, b"x" * 1460)
    assert tell(wire).only.turn.index == 1


def test_tickets_are_no_answer_to_an_upload() -> None:
    """They come as soon as the handshake is done (RFC 8446 section 4.6.1)."""
    wire = Wire()
    link = Link(wire)
    link.handshake()
    link.c(20, "PA", 1, 1, b"\x16\3\1\1\0\1" + bytes(300))
    link.s(21, "PA", 1, 307, b"\x16\3\3\0\x7a\2" + bytes(300))
    link.c(22, "A", 307, 307, b"\x17\3\3\x40\0" + bytes(1455))
    link.s(23, "PA", 307, 307, b"\x17\3\3\0\xfa" + bytes(250))
    link.c(24, "A", 1767, 562, bytes(1460))
    turn = tell(wire).only.turn
    assert (turn.index, turn.response_bytes) == (3, 0)
