"""HTTP/2 that is too much: what is bounded, and what that leaves unknown."""

from __future__ import annotations

import hpack
import pytest

from pcapdiag.protocols.http.header_block import MAX_BLOCK, MAX_LIST, MAX_TABLE
from pcapdiag.protocols.http.http2_events import MAX_EVENTS
from pcapdiag.protocols.http.kept import MAX_EXCHANGES, MAX_OPEN
from tests.protocols.http.talk import (
    CLIENT,
    CONTINUATION,
    GOAWAY,
    HEADERS,
    PING,
    RST,
    SERVER,
    Http2Peer,
    Line,
    frame,
    number,
    talk,
)

pytestmark = pytest.mark.once


def test_a_table_that_grows_without_limit_is_refused() -> None:
    encoder = hpack.Encoder()
    encoder.header_table_size = MAX_TABLE * 16
    block = encoder.encode([(":method", "GET"), ("x", "y" * 100)])
    facts = talk((CLIENT, frame(HEADERS, 1, block, 0x5)))
    assert facts.exchanges[0].headers_unknown
    assert facts.http2 is not None
    assert "cannot be decoded" in facts.http2.problem


def test_a_header_bomb_is_bounded() -> None:
    encoder = hpack.Encoder()
    encoder.header_table_size = 4096
    first = encoder.encode([("x-bomb", "y" * 3900)])
    again = encoder.encode([("x-bomb", "y" * 3900)])
    assert len(again) < 4
    bomb = first + again * 15_000
    parts = [bomb[at : at + 16_000] for at in range(0, len(bomb), 16_000)]
    frames = frame(HEADERS, 1, parts[0]) + b"".join(
        frame(CONTINUATION, 1, part) for part in parts[1:-1]
    )
    frames += frame(CONTINUATION, 1, parts[-1], 0x4)
    assert len(bomb) < MAX_LIST < 15_000 * 3900
    facts = talk((CLIENT, frames))
    assert facts.exchanges[0].headers_unknown


def test_a_header_block_that_is_too_long_is_not_decoded() -> None:
    block = hpack.Encoder().encode([(":method", "GET"), ("x", "~" * MAX_BLOCK)], huffman=False)
    parts = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
    frames = [frame(CONTINUATION, 1, part) for part in parts[1:]]
    end = frame(CONTINUATION, 1, b"", 0x4)
    facts = talk((CLIENT, frame(HEADERS, 1, parts[0]) + b"".join(frames) + end))
    assert facts.exchanges[0].headers_unknown


def test_events_are_bounded() -> None:
    client = Http2Peer()
    resets = [client.request(each) + frame(RST, each, number(8)) for each in range(1, 4001, 2)]
    pings = [frame(PING, 0, number(each) + number(0)) for each in range(2000)]
    goaways = [frame(GOAWAY, 0, number(each) + number(0)) for each in range(2000)]
    facts = talk(*((CLIENT, each) for each in (*resets, *pings, *goaways))).http2
    assert facts is not None
    assert len(facts.rst_streams) == len(facts.pings) == len(facts.goaways) == MAX_EVENTS
    assert (facts.ping_count, facts.streams) == (2000, 2000)


def test_healthy_streams_are_dropped_and_open_ones_bounded() -> None:
    client, server = Http2Peer(), Http2Peer()
    lines: list[Line] = []
    for stream in range(1, 1001, 2):
        lines += [
            (CLIENT, client.request(stream)),
            (SERVER, server.headers(stream, True, _status="200")),
        ]
    facts = talk(*lines)
    assert (facts.requests, len(facts.exchanges), facts.left_out) == (500, 2, 498)
    flood = talk(*((CLIENT, client.request(stream)) for stream in range(1, 8001, 2)))
    assert len(flood.exchanges) <= MAX_EXCHANGES
    assert flood.incomplete
    assert flood.http2 is not None
    assert flood.http2.most_open == MAX_OPEN
    assert flood.requests == 4000
