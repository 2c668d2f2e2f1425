"""HTTP/1: which answer belongs to which request, and how far it came."""

from __future__ import annotations

import pytest

from pcapdiag.protocols.http.kept import MAX_EXCHANGES
from tests.protocols.http.talk import CLIENT, SERVER, Line, only, read

pytestmark = pytest.mark.once

GET = b"GET /a?b=c HTTP/1.1\r\nHost: shop\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_a_request_and_its_answer() -> None:
    exchange = only((CLIENT, GET), (SERVER, OK[:20]), (SERVER, OK[20:]))
    assert (exchange.method, exchange.target, exchange.host) == ("GET", "/a?b=c", "shop")
    assert (exchange.request_frame, exchange.request_end_frame) == (1, 1)
    assert (exchange.response_frame, exchange.response_end_frame) == (2, 3)
    assert (exchange.status, exchange.length, exchange.expected_length) == (200, 5, 5)
    assert exchange.complete
    assert exchange.request_complete


def test_pipelined_requests_are_answered_in_order() -> None:
    facts = read(
        (CLIENT, b"HEAD /1 HTTP/1.1\r\n\r\n" + GET),
        (SERVER, b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n" + OK),
    )
    assert [(each.method, each.status, each.length) for each in facts.exchanges] == [
        ("HEAD", 404, 0),
        ("GET", 200, 5),
    ]
    assert all(each.complete for each in facts.exchanges)


def test_an_interim_answer_is_no_answer() -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    exchange = only(
        (CLIENT, head), (SERVER, b"HTTP/1.1 100 Continue\r\n\r\n"), (CLIENT, b"abc"), (SERVER, OK)
    )
    assert (exchange.interim, exchange.status, exchange.request_length) == (1, 200, 3)
    assert exchange.expects_continue
    assert exchange.request_end_frame == 3


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body(status: int) -> None:
    facts = read(
        (CLIENT, GET),
        (SERVER, b"HTTP/1.1 %d x\r\nContent-Length: 7\r\n\r\n" % status),
        (CLIENT, GET),
        (SERVER, OK),
    )
    assert [each.status for each in facts.exchanges] == [status, 200]
    assert facts.exchanges[0].complete


def test_a_chunked_body_with_extensions_and_trailers() -> None:
    chunks = b"5;a=b\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    facts = read((CLIENT, GET), (SERVER, head + chunks), (CLIENT, GET), (SERVER, OK))
    assert [(each.length, each.complete) for each in facts.exchanges] == [(8, True), (5, True)]


@pytest.mark.parametrize("missing", [1, 3, 5, 8])
def test_a_chunked_body_that_was_cut_is_incomplete(missing: int) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    exchange = only((CLIENT, GET), (SERVER, head + b"5\r\nhello\r\n0\r\n\r\n"[:-missing]))
    assert not exchange.complete
    assert exchange.response_end_frame is None
    assert not exchange.malformed


def test_a_body_until_the_close() -> None:
    exchange = only((CLIENT, GET), (SERVER, b"HTTP/1.0 200 OK\r\n\r\nab"), (SERVER, b"cd"))
    assert exchange.until_close
    assert not exchange.complete
    assert (exchange.length, exchange.response_end_frame, exchange.version) == (4, 3, "1.0")


def test_an_answer_cut_within_its_head() -> None:
    exchange = only((CLIENT, GET), (SERVER, b"HTTP/1.1 200 OK\r\nContent-Len"))
    assert (exchange.status, exchange.response_frame, exchange.complete) == (200, 2, False)


def test_a_request_that_is_not_complete() -> None:
    exchange = only((CLIENT, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"))
    assert not exchange.request_complete
    assert (exchange.request_length, exchange.status) == (3, None)


def test_an_answer_to_a_request_whose_head_is_not_complete() -> None:
    exchange = only(
        (CLIENT, b"GET / HTTP/1.1\r\nX: " + b"y" * 9000),
        (SERVER, b"HTTP/1.1 431 Big\r\nContent-Length: 0\r\n\r\n"),
    )
    assert (exchange.request_frame, exchange.status, exchange.complete) == (1, 431, True)
    assert not exchange.request_complete


def test_an_early_answer_to_an_upload() -> None:
    upload = b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n"
    exchange = only(
        (CLIENT, upload),
        (SERVER, b"HTTP/1.1 413 Big\r\nContent-Length: 2\r\n\r\nno"),
        (CLIENT, b"x" * 500),
    )
    assert (exchange.status, exchange.complete, exchange.request_complete) == (413, True, False)
    assert exchange.request_length == 500


def test_an_answer_that_nobody_asked_for() -> None:
    timeout = b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"
    facts = read((CLIENT, GET), (SERVER, OK), (SERVER, timeout))
    assert [(each.method, each.status) for each in facts.exchanges] == [("GET", 200), (None, 408)]
    assert facts.requests == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"-ERR unknown command\r\n", "Redis"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS alert"),
        (b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64", "HTTP/2"),
        (b"<!DOCTYPE HTML>\n", "page without a status line"),
        (b"HTTP/1.1 abc\r\n\r\n", "status line cannot be read"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "without a colon"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "longer than its size"),
    ],
)
def test_what_is_no_answer_is_told_in_words(answer: bytes, words: str) -> None:
    exchange = only((CLIENT, GET), (SERVER, answer))
    assert words in exchange.malformed
    assert exchange.malformed_by == "responder"
    assert not exchange.complete
    assert exchange.request_frame == 1


def test_a_greeting_of_another_protocol_belongs_to_the_first_request() -> None:
    exchange = only((SERVER, b"SSH-2.0-x\r\n"), (CLIENT, GET))
    assert (exchange.method, exchange.response_frame) == ("GET", 1)
    assert "SSH" in exchange.malformed


def test_bytes_behind_the_end_of_an_answer_spoil_the_next_one_only() -> None:
    said: list[Line] = [(CLIENT, GET), (SERVER, OK + b"surplus that nobody reads")]
    assert only(*said).complete
    assert not only(*said).malformed
    first, second = read(*said, (CLIENT, GET), (SERVER, OK)).exchanges
    assert not first.malformed
    assert second.malformed == "no status line"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", "twice"),
        (b"Content-Length: 5, 6\r\n", "twice"),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "transfer-encoding"),
    ],
)
def test_framing_that_contradicts_itself(fields: bytes, words: str) -> None:
    exchange = only((CLIENT, GET), (SERVER, b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nhello"))
    assert words in exchange.framing_conflict


def test_equal_lengths_are_no_conflict() -> None:
    exchange = only(
        (CLIENT, GET), (SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello")
    )
    assert exchange.complete
    assert not exchange.framing_conflict


def test_a_hole_in_a_body_of_known_length() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    facts = read(
        (CLIENT, GET),
        (SERVER, head + b"a" * 100),
        (SERVER, b"b" * 300, 600),
        (CLIENT, GET),
        (SERVER, OK),
    )
    assert [(each.length, each.complete) for each in facts.exchanges] == [(1000, True), (5, True)]
    assert facts.incomplete


def test_a_hole_in_a_chunk() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n"
    exchange = only(
        (CLIENT, GET), (SERVER, head + b"a" * 10), (SERVER, b"b" * 10 + b"\r\n0\r\n\r\n", 80)
    )
    assert (exchange.length, exchange.complete) == (100, True)


def test_a_hole_over_the_end_of_a_chunk_leaves_unknown_where_the_body_ends() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n"
    facts = read((CLIENT, GET), (SERVER, head + b"a" * 10), (SERVER, b"5\r\nhello\r\n" + OK, 102))
    assert not facts.exchanges[0].complete
    assert facts.incomplete
    assert not any(each.malformed for each in facts.exchanges)


def test_another_coding_than_chunked_ends_with_the_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"
    exchange = only((CLIENT, GET), (SERVER, head + b"\x1f\x8b"))
    assert exchange.until_close
    assert not exchange.malformed


def test_lines_that_do_not_end_are_given_up() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert "without a size" in only((CLIENT, GET), (SERVER, chunked + b"1" * 9000)).malformed
    endless = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000
    assert "does not end" in only((CLIENT, GET), (SERVER, endless)).malformed
    trailers = b"0\r\n" + b"X: y\r\n" * 30_000
    assert "trailer" in only((CLIENT, GET), (SERVER, chunked + trailers)).malformed


def test_behind_a_hole_reading_goes_on_at_the_next_head() -> None:
    facts = read(
        (CLIENT, GET),
        (SERVER, OK[:30]),
        (CLIENT, b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"),
        (SERVER, b"rest of something" + OK, 5000),
    )
    second = facts.exchanges[-1]
    assert (second.target, second.status, second.complete) == ("/second", 200, True)
    assert facts.incomplete
    assert not any(each.malformed for each in facts.exchanges)


def test_a_capture_that_begins_within_a_body() -> None:
    facts = read((SERVER, b"...end of a body"), (CLIENT, GET), (SERVER, OK), started=False)
    (exchange,) = facts.exchanges
    assert (exchange.target, exchange.status, exchange.malformed) == ("/a?b=c", 200, "")
    assert facts.incomplete


def test_a_websocket_and_its_close_frame() -> None:
    ask = b"GET /live HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    switch = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"
    text = b"\x81\x7e\x01\x00" + b"\x88" * 256
    said = [(CLIENT, ask), (SERVER, switch + text)]
    assert not only(*said).websocket_close
    exchange = only(*said, (CLIENT, b"\x88\x82mask\x01\x02"))
    assert exchange.websocket_close
    assert (exchange.upgrade, exchange.status, exchange.complete) == ("websocket", 101, True)


def test_an_upgrade_that_is_not_taken_up() -> None:
    ask = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    facts = read((CLIENT, ask), (SERVER, OK), (CLIENT, GET), (SERVER, OK))
    assert [(each.upgrade, each.status) for each in facts.exchanges] == [("", 200), ("", 200)]


def test_headers_that_tell_who_speaks() -> None:
    request = (
        b"GET / HTTP/1.1\r\nhost: h\r\nuser-agent: Envoy/HC\r\nx-request-id: 7\r\nx-envoy-attempt-count: 1\r\n"
        b"traceparent: 00-1-2-00\r\n\r\n"
    )
    answer = (
        b"HTTP/1.1 200 OK\r\nserver: envoy\r\nvia: 1.1 x\r\nx-envoy-upstream-service-time: 3\r\n"
        b"keep-alive: timeout=5, max=9\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n"
    )
    exchange = only((CLIENT, request), (SERVER, answer))
    assert (exchange.user_agent, exchange.request_id, exchange.forwarded) == ("Envoy/HC", "7", True)
    assert exchange.traceparent == "00-1-2-00"
    assert (exchange.server, exchange.via, exchange.content_type) == (
        "envoy",
        "1.1 x",
        "text/plain",
    )
    assert exchange.upstream_service_time
    assert exchange.envoy_headers
    assert exchange.connection_close
    assert (exchange.keep_alive_timeout, exchange.response_headers) == (5, 7)
    assert exchange.response_head_bytes == len(answer)


def test_no_secret_is_kept() -> None:
    request = b"GET / HTTP/1.1\r\nAuthorization: Bearer S3CRET\r\nCookie: a=S3CRET\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=S3CRET\r\nContent-Length: 6\r\n\r\nS3CRET"
    assert "S3CRET" not in repr(read((CLIENT, request), (SERVER, answer)))


def test_many_healthy_exchanges_leave_the_last_and_what_was_alarming() -> None:
    bad = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    said = (
        [(CLIENT, GET), (SERVER, OK)] * 50
        + [(CLIENT, GET), (SERVER, bad)]
        + [(CLIENT, GET), (SERVER, OK)] * 50
    )
    facts = read(*said)
    assert [each.index for each in facts.exchanges] == [48, 49, 50, 51, 52, 99, 100]
    assert (facts.requests, facts.left_out) == (101, 94)


def test_alarming_exchanges_are_bounded_and_counted() -> None:
    bad = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    facts = read(*[(CLIENT, GET), (SERVER, bad)] * 300)
    assert len(facts.exchanges) <= MAX_EXCHANGES
    assert (facts.requests, facts.left_out) == (300, 300 - len(facts.exchanges))


def test_a_flood_of_requests_is_bounded() -> None:
    facts = read(*[(CLIENT, GET * 100)] * 50)
    assert len(facts.exchanges) <= MAX_EXCHANGES
    assert facts.incomplete
