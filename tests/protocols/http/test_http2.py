"""HTTP/2: streams, header compression, flow control, and what belongs to the connection."""

from __future__ import annotations

import pytest

from pcapdiag.model.http import Exchange, Http2Facts
from tests.protocols.http.talk import (
    CLIENT,
    CONTINUATION,
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PUSH,
    RST,
    SERVER,
    SETTINGS,
    WINDOW_UPDATE,
    Http2Peer,
    Line,
    converse,
    data,
    frame,
    number,
    pieces,
    read,
    settings,
    talk,
)

pytestmark = pytest.mark.once


def events(*lines: Line) -> Http2Facts:
    facts = talk(*lines).http2
    assert facts is not None
    return facts


def only(*lines: Line) -> Exchange:
    (exchange,) = talk(*lines).exchanges
    return exchange


def test_a_request_and_its_answer() -> None:
    client, server = Http2Peer(), Http2Peer()
    answer = server.headers(1, _status="200", server="nginx", content_length="5", date="x")
    exchange = only(
        (CLIENT, client.request(1, "/a")), (SERVER, answer), (SERVER, data(1, b"hello", end=True))
    )
    assert (exchange.version, exchange.stream_id, exchange.method) == ("2", 1, "GET")
    assert (exchange.target, exchange.host, exchange.server) == ("/a", "shop", "nginx")
    assert (exchange.request_frame, exchange.request_end_frame) == (3, 3)
    assert (exchange.response_frame, exchange.response_end_frame) == (4, 5)
    assert (exchange.status, exchange.length, exchange.expected_length) == (200, 5, 5)
    assert exchange.complete
    assert exchange.request_complete
    assert exchange.response_headers == 3
    assert not exchange.malformed


def test_the_connection_is_described() -> None:
    facts = events((CLIENT, frame(PRIORITY, 3, bytes(5))))
    assert facts.preface
    assert facts.settings_responder == {3: 100}
    assert facts.settings_frame_responder == 2
    assert not facts.problem


def test_streams_are_followed_side_by_side() -> None:
    client, server = Http2Peer(), Http2Peer()
    facts = talk(
        (CLIENT, client.request(1, "/1") + client.request(3, "/3") + client.request(5, "/5")),
        (SERVER, server.headers(5, True, _status="404") + server.headers(1, True, _status="404")),
    )
    assert [(each.index, each.target, each.status) for each in facts.exchanges] == [
        (0, "/1", 404),
        (1, "/3", None),
        (2, "/5", 404),
    ]
    assert facts.http2 is not None
    assert (facts.http2.streams, facts.http2.most_open, facts.http2.open_streams) == (3, 3, (3,))


def test_interim_answers_and_trailers() -> None:
    client, server = Http2Peer(), Http2Peer()
    exchange = only(
        (CLIENT, client.request(1)),
        (SERVER, server.headers(1, _status="103") + server.headers(1, _status="500")),
        (SERVER, data(1, b"text") + server.headers(1, True, x_checksum="1")),
    )
    assert (exchange.interim, exchange.status, exchange.complete) == (1, 500, True)
    assert exchange.body_head == b"text"


def test_a_reset_stream() -> None:
    client, server = Http2Peer(), Http2Peer()
    facts = talk(
        (CLIENT, client.request(1)),
        (SERVER, server.headers(1, _status="200") + data(1, b"ab")),
        (SERVER, frame(RST, 1, number(2))),
        (CLIENT, frame(WINDOW_UPDATE, 1, number(2))),
    )
    (exchange,) = facts.exchanges
    assert (exchange.ended_by, exchange.reset_code, exchange.reset_frame) == ("responder", 2, 5)
    assert not exchange.complete
    assert facts.http2 is not None
    (reset,) = facts.http2.rst_streams
    assert (reset.stream_id, reset.code, reset.from_initiator, reset.after_headers) == (
        1,
        2,
        False,
        True,
    )


def test_a_reset_after_the_end_does_not_make_the_exchange_fail() -> None:
    client, server = Http2Peer(), Http2Peer()
    facts = talk(
        (CLIENT, client.request(1)),
        (SERVER, server.headers(1, True, _status="200")),
        (CLIENT, frame(RST, 1, number(8))),
    )
    (exchange,) = facts.exchanges
    assert (exchange.complete, exchange.reset_code) == (True, None)
    assert facts.http2 is not None
    assert facts.http2.rst_streams[0].after_headers


def test_a_refused_stream_had_no_headers() -> None:
    facts = events((CLIENT, Http2Peer().request(1)), (SERVER, frame(RST, 1, number(7))))
    assert not facts.rst_streams[0].after_headers


def test_goaway_with_text_that_is_hostile() -> None:
    payload = number(3) + number(11) + b"too_many_pings\xff\x1b[31m" + b"x" * 5000
    (goaway,) = events((SERVER, frame(GOAWAY, 0, payload))).goaways
    assert (goaway.last_stream_id, goaway.code, goaway.from_initiator) == (3, 11, False)
    assert goaway.debug.startswith("too_many_pings\\xff")
    assert len(goaway.debug) <= 200


def test_pings_and_their_answers() -> None:
    ask, answer = frame(PING, 0, b"12345678"), frame(PING, 0, b"12345678", 1)
    facts = events((CLIENT, ask), (SERVER, answer), (CLIENT, frame(PING, 0, b"unheard.")))
    assert facts.ping_count == 2
    assert [(ping.frame, ping.ack_frame) for ping in facts.pings] == [(3, 4), (5, 0)]


def test_padding_and_priority_are_no_content() -> None:
    client = Http2Peer()
    block = client.encoder.encode([(":method", "POST"), (":path", "/p")])
    padded = frame(HEADERS, 1, b"\x03" + bytes(5) + block + bytes(3), 0x4 | 0x8 | 0x20)
    body = frame(DATA, 1, b"\x04" + b"abc" + bytes(4), 0x8 | 0x1)
    exchange = only((CLIENT, padded), (CLIENT, body[:11]), (CLIENT, body[11:]))
    assert (exchange.target, exchange.request_length) == ("/p", 3)
    assert exchange.request_complete


def test_a_header_block_in_several_frames() -> None:
    block = Http2Peer().encoder.encode([(":method", "GET"), (":path", "/long"), ("x", "y" * 50)])
    exchange = only(
        (CLIENT, frame(HEADERS, 1, block[:10], 0x1)),
        (CLIENT, frame(CONTINUATION, 1, block[10:20])),
        (CLIENT, frame(CONTINUATION, 1, block[20:], 0x4)),
    )
    assert (exchange.target, exchange.request_frame, exchange.request_end_frame) == ("/long", 3, 5)


def test_a_frame_in_the_middle_of_a_header_block_is_told() -> None:
    block = Http2Peer().encoder.encode([(":method", "GET")])
    facts = events((CLIENT, frame(HEADERS, 1, block, 0) + frame(PING, 0, bytes(8))))
    assert "middle of a header block" in facts.problem
    assert facts.problem_by == "initiator"


def test_pushed_streams_are_passed_over() -> None:
    client, server = Http2Peer(), Http2Peer()
    promise = number(2) + server.encoder.encode(
        [(":method", "GET"), (":path", "/pushed"), ("x-new", "1")]
    )
    exchange = only(
        (CLIENT, client.request(1)),
        (SERVER, frame(PUSH, 1, promise, 0x4) + server.headers(2, True, _status="200", x_new="1")),
        (SERVER, server.headers(1, True, _status="404", x_new="1")),
    )
    assert (exchange.stream_id, exchange.status) == (1, 404)


def test_an_http1_answer_in_place_of_frames() -> None:
    application = converse(
        pieces(
            (CLIENT, PREFACE + settings() + Http2Peer().request(1)),
            (SERVER, b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
        )
    )
    assert (application.initiator_speaks, application.responder_speaks) == ("http2", "http1")
    facts = application.http
    assert facts is not None
    assert facts.http2 is not None
    assert "HTTP/1" in facts.http2.problem
    assert facts.http2.problem_by == "responder"
    assert [(each.version, each.status) for each in facts.exchanges] == [("2", None), ("1.1", 400)]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"HTTP/1.1 ", "4,740,180 bytes"),
        (frame(PING, 0, bytes(7)), "PING with 7"),
        (frame(PING, 1, bytes(8)), "PING on stream 1"),
        (frame(DATA, 0, b"x"), "DATA on stream 0"),
        (frame(SETTINGS, 0, bytes(5)), "SETTINGS with 5"),
        (frame(DATA, 1, b"\x05x", 0x8), "padding"),
        (frame(RST, 1, bytes(3)), "RST_STREAM with 3"),
        (frame(HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff", 0x4), "cannot be decoded"),
        (frame(CONTINUATION, 1, b"", 0x4), "without a header block"),
    ],
)
def test_bytes_that_break_the_protocol_are_told(broken: bytes, words: str) -> None:
    facts = events((SERVER, broken))
    assert words in facts.problem
    assert (facts.problem_by, facts.problem_frame) == ("responder", 3)


def test_a_request_on_a_stream_of_the_server_is_told() -> None:
    facts = talk((CLIENT, Http2Peer().request(2)))
    assert facts.http2 is not None
    assert "stream 2" in facts.http2.problem
    assert facts.requests == 0


def test_forbidden_fields_and_a_wrong_length_are_malformed() -> None:
    client, server = Http2Peer(), Http2Peer()
    facts = talk(
        (CLIENT, client.request(1) + client.request(3)),
        (SERVER, server.headers(1, True, _status="200", transfer_encoding="chunked")),
        (SERVER, server.headers(3, _status="200", content_length="9") + data(3, b"four", end=True)),
    )
    assert "transfer-encoding" in facts.exchanges[0].malformed
    assert "content-length 9" in facts.exchanges[1].malformed


def test_a_capture_from_the_middle_does_not_guess() -> None:
    client, server = Http2Peer(), Http2Peer()
    client.request(1, "/lost")
    lines: list[Line] = [
        (SERVER, b"rest of a body"),
        (CLIENT, frame(WINDOW_UPDATE, 0, number(9)) + client.request(3, "/lost")),
        (
            SERVER,
            server.headers(3, _status="200") + data(3, b"ab", end=True) + frame(PING, 0, bytes(8)),
        ),
        (SERVER, frame(GOAWAY, 0, number(3) + number(0))),
    ]
    facts = read(*lines, started=False)
    (exchange,) = facts.exchanges
    assert exchange.headers_unknown
    assert (exchange.target, exchange.status, exchange.length) == (None, None, 2)
    assert exchange.complete
    assert facts.incomplete
    assert facts.http2 is not None
    assert [goaway.last_stream_id for goaway in facts.http2.goaways] == [3]
    assert not facts.http2.problem


def test_a_hole_within_a_body_loses_nothing_else() -> None:
    client, server = Http2Peer(), Http2Peer()
    body = data(1, b"a" * 1000, end=True)
    facts = talk(
        (CLIENT, client.request(1) + client.request(3)),
        (SERVER, server.headers(1, _status="200") + body[:100]),
        (SERVER, body[300:] + server.headers(3, True, _status="404"), 200),
    )
    assert [(each.status, each.length, each.complete) for each in facts.exchanges] == [
        (200, 1000, True),
        (404, 0, True),
    ]
    assert facts.incomplete


def test_behind_a_hole_headers_are_unknown_and_windows_prove_nothing() -> None:
    client, server = Http2Peer(), Http2Peer()
    facts = talk(
        (CLIENT, client.request(1) + client.request(3)),
        (SERVER, b"", 0),
        (SERVER, server.headers(1, True, _status="200") + frame(PING, 0, bytes(8)), 700),
    )
    assert facts.exchanges[0].headers_unknown
    assert facts.exchanges[0].status is None
    assert facts.http2 is not None
    assert not facts.http2.stalls


def test_h2c_goes_on_with_the_request_of_http1() -> None:
    ask = b"GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n"
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    client, server = Http2Peer(), Http2Peer()
    facts = read(
        (CLIENT, ask),
        (SERVER, switch + settings(s3=10)),
        (CLIENT, PREFACE + settings() + client.request(3, "/next")),
        (SERVER, server.headers(1, True, _status="404") + server.headers(3, True, _status="404")),
    )
    assert [
        (each.index, each.stream_id, each.target, each.status, each.interim)
        for each in facts.exchanges
    ] == [(0, 1, "/up", 404, 1), (1, 3, "/next", 404, 0)]
    assert facts.requests == 2
    assert facts.http2 is not None
    assert facts.http2.settings_responder == {3: 10}


def test_no_secret_is_kept() -> None:
    client, server = Http2Peer(), Http2Peer()
    request = client.request(1, authorization="Bearer S3CRET", cookie="a=S3CRET")
    answer = server.headers(1, _status="200", set_cookie="a=S3CRET") + data(1, b"S3CRET", end=True)
    assert "S3CRET" not in repr(talk((CLIENT, request), (SERVER, answer)))
