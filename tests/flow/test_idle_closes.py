"""After what quiet time a server closes connections on which nothing is under way."""

from __future__ import annotations

import pytest

from tests.flow.wire import MS, End, Link, Wire, tell


@pytest.mark.parametrize(
    ("goodbye", "request_at", "closed"),
    [
        (b"", None, {50: 1}),
        (b"\x15\x03\x03\x00\x02\x01\x00", None, {50: 1}),
        (b"", 5_010, {}),
        (b"", 4_000, {}),
    ],
    ids=["FIN", "close_notify before it", "the client had gone on", "the pause was another"],
)
def test_servers_that_close_idle_connections_are_counted(
    goodbye: bytes, request_at: float | None, closed: dict[int, int]
) -> None:
    link = Link(Wire())
    link.handshake(0)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    link.s(40, "PA", 1, 19, b"HTTP/1.1 204 No Content\r\n\r\n")
    link.c(50, "A", 19, 28)
    if request_at is not None:
        link.c(request_at, "PA", 19, 28, b"GET / HTTP/1.1\r\n\r\n")
    if goodbye:
        link.s(5_098, "PA", 28, 19, goodbye)
    link.s(5_100 if request_at is None else 5_020, "FA", 28 + len(goodbye), 19)
    link.c(5_101, "FA", 19, 29 + len(goodbye))
    link.s(5_102, "A", 29 + len(goodbye), 20)
    (endpoint,) = tell(link.wire).tracker.table.endpoints.values()
    assert endpoint.closed_idle == closed


def test_a_slow_answer_before_the_close_is_no_idle_connection() -> None:
    link = Link(Wire())
    link.handshake(0)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    link.s(25, "A", 1, 19)
    link.s(3_040, "PA", 1, 19, b"HTTP/1.1 204 No Content\r\n\r\n")
    link.s(3_041, "FA", 28, 19)
    link.c(3_050, "FA", 19, 29)
    link.s(3_060, "A", 29, 20)
    (endpoint,) = tell(link.wire).tracker.table.endpoints.values()
    assert endpoint.closed_idle == {}


def test_the_time_runs_from_the_last_data_and_not_from_its_ack() -> None:
    link = Link(Wire())
    link.handshake(0)
    link.c(20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
    link.s(40, "PA", 1, 19, b"HTTP/1.1 204 No Content\r\n\r\n")
    link.c(440, "A", 19, 28)
    link.s(5_045, "FA", 28, 19)
    link.c(5_445, "FA", 19, 29)
    link.s(5_446, "A", 29, 20)
    (endpoint,) = tell(link.wire).tracker.table.endpoints.values()
    assert endpoint.closed_idle == {50: 1}


def test_when_the_first_and_the_last_were_closed() -> None:
    wire = Wire()
    for later, port in enumerate((40_001, 40_002, 40_003)):
        link = Link(wire, End("10.0.0.1", port, 0x1000, b"\2\0\0\0\0\1"))
        begin = later * 1_000
        link.handshake(begin)
        link.c(begin + 20, "PA", 1, 1, b"GET / HTTP/1.1\r\n\r\n")
        link.s(begin + 40, "PA", 1, 19, b"HTTP/1.1 204 No Content\r\n\r\n")
        link.s(begin + 5_045, "FA", 28, 19)
        link.c(begin + 5_446, "FA", 19, 29)
    (endpoint,) = tell(wire).tracker.table.endpoints.values()
    ((first, last),) = endpoint.closed_when.values()
    assert last - first == 2_000 * MS
