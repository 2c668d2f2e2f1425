"""Whatever the bytes and their packets: nothing raises, and the facts are the same."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapdiag.model.application import Piece
from tests.protocols.http.talk import (
    CLIENT,
    GOAWAY,
    PING,
    PREFACE,
    RST,
    SERVER,
    WINDOW_UPDATE,
    Http2Peer,
    converse,
    data,
    frame,
    number,
    pieces,
)
from tests.protocols.http.talk import settings as settings_frame
from tests.protocols.pieces import connections

pytestmark = pytest.mark.once

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "pcaps"
STORED = (
    "healthy-100-continue",
    "healthy-pipelining",
    "healthy-websocket-close-frame",
    "http.truncated_response-chunk",
    "http.malformed_response-redis",
    "http2.rst_stream-in-response",
    "http2.enhance_your_calm-grpc",
    "protocol.http2_to_http1-nginx",
    "protocol.http1_to_http2-node",
    "protocol.unexpected_proxy_header-haproxy-v2",
)


def http1() -> list[Piece]:
    return pieces(
        (CLIENT, b"PROXY TCP4 10.0.0.1 10.0.0.2 5 443\r\n"),
        (
            CLIENT,
            b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        (
            SERVER,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n",
        ),
        (SERVER, b"0\r\nX: y\r\n\r\n"),
        (CLIENT, b"CONNECT db:1 HTTP/1.1\r\nHost: db\r\n\r\n"),
        (SERVER, b"HTTP/1.1 200 OK\r\n\r\n"),
        (CLIENT, b"GET /inside HTTP/1.1\r\nHost: y\r\n\r\n"),
        (
            SERVER,
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 19\r\n\r\nno healthy upstream",
        ),
    )


def http2() -> list[Piece]:
    client, server = Http2Peer(), Http2Peer()
    return pieces(
        (
            CLIENT,
            PREFACE
            + settings_frame(s4=8)
            + client.request(1, "/1")
            + client.request(3, "/3", end=False),
        ),
        (SERVER, settings_frame(s3=5) + server.headers(1, _status="500") + data(1, b"12345678")),
        (CLIENT, frame(PING, 0, bytes(8)) + data(3, b"up", end=True)),
        (SERVER, frame(PING, 0, bytes(8), 1) + frame(RST, 3, number(11))),
        (CLIENT, frame(WINDOW_UPDATE, 1, number(50))),
        (SERVER, data(1, b"9", end=True) + frame(GOAWAY, 0, number(3) + number(2) + b"bye")),
    )


def stored(name: str) -> list[list[Piece]]:
    paths = sorted(path for path in (FIXTURES / name).iterdir() if ".pcap" in path.name)
    return [connection.pieces for path in paths for connection in connections(path)]


def small_parts(piece: Piece, sizes: list[int]) -> list[Piece]:
    """The same packet handed on in parts."""
    parts, at = [], 0
    for size in [*sizes, len(piece.data)]:
        part = piece.data[at : at + size]
        if part:
            hole = piece.hole if at == 0 else 0
            parts.append(Piece(piece.from_initiator, piece.frame, piece.time, part, hole))
        at += size
    return parts


@pytest.mark.parametrize("said", [http1(), http2()], ids=["http1", "http2"])
@given(sizes=st.lists(st.integers(1, 30), max_size=40))
@settings(max_examples=60)
def test_any_split_gives_the_same_facts(said: list[Piece], sizes: list[int]) -> None:
    split = [part for piece in said for part in small_parts(piece, sizes)]
    assert converse(split) == converse(said)


@pytest.mark.parametrize("name", STORED)
def test_stored_captures_byte_by_byte(name: str) -> None:
    for said in stored(name):
        if sum(len(piece.data) for piece in said) > 30_000:
            continue
        bytewise = [part for piece in said for part in small_parts(piece, [1] * len(piece.data))]
        assert converse(bytewise) == converse(said)


FIRST = st.sampled_from(
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
        PREFACE,
        settings_frame(),
        b"PROXY ",
        b"\r\n\r\n\x00\r\nQUIT\n",
        b"\x16\x03\x01",
    ]
)
TALK = st.lists(
    st.tuples(st.booleans(), FIRST, st.binary(max_size=80), st.sampled_from([0, 0, 0, 1, 9, 5000])),
    max_size=12,
)


@given(TALK, st.booleans())
@settings(max_examples=300)
def test_no_bytes_raise(lines: list[tuple[bool, bytes, bytes, int]], started: bool) -> None:
    said = [(end, first + rest, hole) for end, first, rest, hole in lines]
    converse(pieces(*said), started)


@given(st.integers(0, 2**32))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_conversations_do_not_raise(seed: int) -> None:
    choose = random.Random(seed)
    damaged = []
    for piece in choose.choice([http1(), http2()]):
        raw = bytearray(piece.data)
        for _ in range(choose.randrange(4)):
            at = choose.randrange(len(raw))
            raw[at : at + choose.randrange(3)] = choose.randbytes(choose.randrange(3))
            raw = raw or bytearray(b"x")
        hole = choose.choice([0, 0, 0, 1, 20, 9000])
        if choose.random() < 0.9:
            damaged.append(Piece(piece.from_initiator, piece.frame, piece.time, bytes(raw), hole))
    converse(damaged, started=choose.random() < 0.8)
