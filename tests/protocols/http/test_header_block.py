"""Header blocks of HTTP/2 that were not sent to their end."""

from __future__ import annotations

import pytest

from tests.protocols.http.talk import (
    CLIENT,
    CONTINUATION,
    GOAWAY,
    HEADERS,
    PREFACE,
    SERVER,
    SETTINGS,
    Http2Peer,
    Line,
    frame,
    number,
    only,
    settings,
)

pytestmark = pytest.mark.once

HELLO: list[Line] = [
    (CLIENT, PREFACE + settings()),
    (SERVER, settings(s3=100) + frame(SETTINGS, 0, flags=1)),
]


def test_a_request_whose_headers_never_ended_was_one() -> None:
    """So NGINX, Node.js and HAProxy refuse them by GOAWAY: they count fields as they come."""
    block = Http2Peer().encoder.encode([(":method", "GET"), (":path", "/")])
    begun = (CLIENT, frame(HEADERS, 1, block) + frame(CONTINUATION, 1, block))
    asked = only(*HELLO, begun, (SERVER, frame(GOAWAY, 0, number(1) + number(11))))
    assert (asked.stream_id, asked.request_frame, asked.method) == (1, 3, None)
    assert (asked.headers_unknown, asked.request_complete, asked.complete) == (True, False, False)
    answer = (CLIENT, Http2Peer().request(1)), (CLIENT, frame(HEADERS, 1, block))
    assert only(*HELLO, *answer).method == "GET"
