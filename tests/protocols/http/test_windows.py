"""HTTP/2 flow control: when a window stopped a sender."""

from __future__ import annotations

import pytest

from pcapdiag.model.http import Stall
from tests.protocols.http.talk import (
    CLIENT,
    PING,
    PREFACE,
    RST,
    SERVER,
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
)

pytestmark = pytest.mark.once


def stalls(*lines: Line) -> tuple[Stall, ...]:
    facts = read(*lines).http2
    assert facts is not None
    return facts.stalls


def small_window() -> list[Line]:
    """A request by a client that takes 10 bytes of an answer."""
    return [
        (CLIENT, PREFACE + settings(s4=10)),
        (SERVER, settings()),
        (CLIENT, Http2Peer().request(1)),
    ]


def answer(*frames: bytes) -> Line:
    return SERVER, Http2Peer().headers(1, _status="200") + b"".join(frames)


def test_a_stall_of_a_stream_that_lasts() -> None:
    (stall,) = stalls(*small_window(), answer(data(1, b"x" * 10)))
    assert (stall.stream_id, stall.frame, stall.from_initiator, stall.until) == (1, 4, False, 0)


@pytest.mark.parametrize("lift", [frame(WINDOW_UPDATE, 1, number(5)), settings(s4=20)])
def test_a_stall_that_is_lifted_later(lift: bytes) -> None:
    found = stalls(
        *small_window(),
        answer(data(1, b"x" * 10)),
        (SERVER, frame(PING, 0, bytes(8))),
        (CLIENT, lift),
        (SERVER, data(1, b"y", end=True)),
    )
    assert [stall.until for stall in found] == [6_000_000_000]


def test_a_short_stall_is_everyday() -> None:
    lines = [
        *small_window(),
        answer(data(1, b"x" * 10)),
        (CLIENT, frame(WINDOW_UPDATE, 1, number(5))),
    ]
    facts = converse(pieces(*lines, step=1_000_000)).http
    assert facts is not None
    assert facts.http2 is not None
    assert not facts.http2.stalls


def test_a_stream_that_is_reset_while_its_window_is_shut() -> None:
    reset = frame(RST, 1, number(8))
    (stall,) = stalls(*small_window(), answer(data(1, b"x" * 10)), (SERVER, b""), (CLIENT, reset))
    assert (stall.stream_id, stall.until) == (1, 0)


def test_a_stall_of_the_connection() -> None:
    body = [data(1, bytes(size)) for size in (16384, 16384, 16384, 16383)]
    lines: list[Line] = [
        (CLIENT, PREFACE + settings(s4=1_000_000)),
        (SERVER, settings()),
        (CLIENT, Http2Peer().request(1)),
        answer(*body),
    ]
    (stall,) = stalls(*lines)
    assert stall.stream_id == 0
    assert not stalls(*lines, (SERVER, data(1, b"", end=True)))


def test_a_window_used_up_by_the_last_byte_is_no_stall() -> None:
    assert not stalls(*small_window(), answer(data(1, b"x" * 10, end=True)))


def test_behind_a_hole_windows_prove_nothing() -> None:
    assert not stalls(*small_window(), (SERVER, data(1, b"x" * 10), 99))
    assert not stalls(*small_window(), answer(data(1, b"x" * 10)), (CLIENT, b"", 40))
