"""An exchange from a turn's first and last bytes."""

from __future__ import annotations

import pytest

from pcapdiag.model.http import Exchange
from pcapdiag.model.story import Turn
from pcapdiag.protocols.http.from_turn import exchange_from_turn

pytestmark = pytest.mark.once

GET = b"GET /a HTTP/1.1\r\nHost: shop\r\n\r\n"
KEPT = 1024


def turn(answer: bytes, request: bytes = GET) -> Turn:
    return Turn(
        index=3,
        request_frame=5,
        request_time=50,
        request_last_frame=6,
        request_last_time=60,
        request_bytes=len(request),
        request_head=request[:KEPT],
        response_frame=7 if answer else 0,
        response_time=70 if answer else 0,
        response_last_frame=9 if answer else 0,
        response_last_time=90 if answer else 0,
        response_bytes=len(answer),
        response_head=answer[:KEPT],
        response_tail=answer[-16:],
    )


def made(answer: bytes, request: bytes = GET) -> Exchange:
    exchange = exchange_from_turn(turn(answer, request))
    assert exchange is not None
    return exchange


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "complete", "until_close"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, True, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 4999, False, False),
        (b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", True, False),
        (CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", True, False),
        (CHUNKED + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n", True, False),
        (CHUNKED + b"7d0\r\n" + b"x" * 2000, False, False),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 3000, False, True),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000, False, False),
        (b"HTTP/1.1 200 OK\r\nConte", False, False),
    ],
)
def test_how_far_an_answer_came(answer: bytes, complete: bool, until_close: bool) -> None:
    exchange = made(answer)
    assert (exchange.complete, exchange.response_frame) == (complete, 7)
    assert exchange.response_end_frame == (9 if complete else None)
    if exchange.response_headers:
        assert exchange.until_close is until_close


@pytest.mark.parametrize(
    ("answer", "tail", "unknown"),
    [
        (CHUNKED + b"7d0\r\n" + b"x" * 2000, b"", True),
        (CHUNKED + b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\nA: b\r\n\r\n", b"0\r\nA: b\r\n\r\n", True),
        (CHUNKED + b"7d0\r\n" + b"x" * 2000, b"x" * 16, False),
        (CHUNKED, b"chunked\r\n\r\n", False),
        (CHUNKED[:-2] + b"X: " + b"y" * 5000, b"y" * 16, True),
        (CHUNKED[:-2] + b"X: y", b"y" * 16, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 4999, b"", False),
        (CHUNKED + b"zz\r\n0\r\n\r\n", b"\r\n0\r\n\r\n", False),
    ],
)
def test_an_end_that_was_not_kept_is_neither_here_nor_missing(
    answer: bytes, tail: bytes, unknown: bool
) -> None:
    told = turn(answer)
    told.response_tail = tail
    exchange = exchange_from_turn(told)
    assert exchange is not None
    assert (exchange.complete, exchange.end_unknown) == (False, unknown)


@pytest.mark.parametrize(
    ("kept", "status"),
    [(30, 404), (13, 404), (12, None), (5, None)],
)
def test_a_status_line_that_was_cut_off_breaks_no_rule(kept: int, status: int | None) -> None:
    told = turn(b"HTTP/1.1 404 No such thing as this anywhere\r\nContent-Length: 0\r\n\r\n")
    told.response_head, told.response_tail = told.response_head[:kept], b""
    exchange = exchange_from_turn(told)
    assert exchange is not None
    assert (exchange.status, exchange.malformed, exchange.end_unknown) == (status, "", True)


def test_the_same_fields_as_a_stream_gives() -> None:
    body = b"upstream request timeout"
    exchange = made(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 504 x\r\nserver: envoy\r\ncontent-length: 24\r\n\r\n"
        + body
    )
    assert (exchange.index, exchange.method, exchange.target, exchange.host) == (
        2,
        "GET",
        "/a",
        "shop",
    )
    assert (exchange.request_frame, exchange.request_end_frame, exchange.request_complete) == (
        5,
        6,
        True,
    )
    assert (exchange.interim, exchange.status, exchange.length, exchange.complete) == (
        1,
        504,
        24,
        True,
    )
    assert exchange.body_head == body
    assert exchange.local_reply is not None


def test_a_head_that_was_cut_off_does_not_say_how_the_body_ends() -> None:
    cut = made(b"HTTP/1.1 200 OK\r\nContent-Ty")
    assert (cut.status, cut.complete, cut.until_close, cut.end_unknown) == (
        200,
        False,
        False,
        False,
    )
    long = made(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000)
    assert (long.complete, long.until_close, long.end_unknown) == (False, False, True)


def test_a_request_that_is_not_complete() -> None:
    exchange = made(b"", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
    assert (exchange.request_complete, exchange.request_length, exchange.status) == (False, 3, None)
    assert exchange.response_frame is None


def test_an_answer_that_is_not_http() -> None:
    exchange = made(b"SSH-2.0-x\r\n")
    assert "SSH" in exchange.malformed
    assert exchange_from_turn(turn(b"SSH-2.0-x\r\n", b"\x00\x01\x02\x03")) is None


def test_an_http_answer_to_something_else() -> None:
    exchange = made(
        b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    )
    assert (exchange.method, exchange.status) == (None, 400)


def test_an_answer_whose_first_bytes_were_not_captured_says_nothing() -> None:
    lost = turn(b"HTTP/1.1 200 OK\r\n\r\n")
    lost.response_head = b""
    exchange = exchange_from_turn(lost)
    assert exchange is not None
    assert (exchange.malformed, exchange.status, exchange.complete) == ("", None, False)
    assert exchange.end_unknown
