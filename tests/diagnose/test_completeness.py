from __future__ import annotations

import pytest

from pcapdiag.diagnose.completeness import (
    Completeness,
    request_incomplete,
    response_completeness,
)
from pcapdiag.model.story import Turn

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answered(answer: bytes, request: bytes = b"GET / HTTP/1.1\r\n\r\n", kept: int = 1024) -> Turn:
    return Turn(
        index=1,
        request_head=request,
        request_bytes=len(request),
        response_bytes=len(answer),
        response_head=answer[:kept],
        response_tail=answer[-16:],
    )


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        (b"PROPFIND /dav HTTP/1.1", True),
        (b"REPORT /!svn/me HTTP/1.1", True),
        (b"MKCALENDAR /home/a HTTP/1.1", True),
        (b"SEARCH * HTTP/1.1", True),
        (b"COPY http://a/b HTTP/1.1", True),
        (b"COPY orders FROM STDIN", False),
        (b"UPDATE orders SET a = 1", False),
    ],
)
def test_webdav_says_how_long_its_requests_are(line: bytes, is_one: bool) -> None:
    head = line + b"\r\nContent-Length: 90\r\n\r\n<half"
    assert request_incomplete(answered(b"", head)) is is_one


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Completeness.COMPLETE),
        (b"HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nhi", Completeness.INCOMPLETE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi", Completeness.UNTIL_CLOSE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi", Completeness.UNREADABLE),
        (b"HTTP/1.1 200 OK\r\nConte", Completeness.INCOMPLETE),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Completeness.COMPLETE),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Completeness.COMPLETE),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Completeness.INTERIM),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Completeness.INTERIM),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2", Completeness.INCOMPLETE),
        (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", Completeness.COMPLETE),
        (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nhi", Completeness.INCOMPLETE),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\n\r\n", Completeness.COMPLETE),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00", Completeness.UNREADABLE),
        (b"HTTP/1.1 abc\r\n\r\n", Completeness.UNREADABLE),
        (b"HTTP/1.0 200 OK\r\n\r\nbody", Completeness.UNTIL_CLOSE),
        (CHUNKED + b"2\r\nhi\r\n0\r\n\r\n", Completeness.COMPLETE),
        (CHUNKED + b"0\r\n\r\n", Completeness.COMPLETE),
        (CHUNKED + b"2\r\nhi\r\n", Completeness.INCOMPLETE),
        (CHUNKED + b"2\r\nhi\r\n0\r\nA: b\r\n\r\n", Completeness.UNREADABLE),
        (b"HTTP/1.1 408 x\r\nConnection: close\r\n\r\n", Completeness.COMPLETE),
        (b"HTTP/1.1 408 x\r\nConnection: close\r\n\r\nlate", Completeness.UNTIL_CLOSE),
        (b"HTTP/1.1 500 x\r\nContent-Length: 9\r\n\r\n", Completeness.INCOMPLETE),
        (b"HTTP/1.1 200 x\r\nConnection: close\r\n\r\n", Completeness.UNTIL_CLOSE),
        (b"SSH-2.0-x\r\n", Completeness.UNREADABLE),
        (b"", Completeness.UNREADABLE),
    ],
)
def test_whether_the_answer_was_complete(answer: bytes, expected: Completeness) -> None:
    assert response_completeness(answered(answer)) is expected


def test_an_answer_to_head_has_no_body() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"
    assert response_completeness(answered(answer, b"HEAD / HTTP/1.1\r\n\r\n")) is (
        Completeness.COMPLETE
    )


def test_a_head_longer_than_what_was_kept_cannot_be_read() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000
    assert response_completeness(answered(answer)) is Completeness.UNREADABLE


def test_a_request_whose_body_is_missing() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n"
    assert request_incomplete(Turn(request_head=head, request_bytes=len(head)))
    assert not request_incomplete(Turn(request_head=head + b"x" * 10, request_bytes=len(head) + 10))
    assert request_incomplete(Turn(request_head=b"GET / HT", request_bytes=8))
    assert not request_incomplete(Turn(request_head=b"\x16\x03", request_bytes=2))
