"""Header blocks of HTTP/2: what they decode to, and those that were not sent to their end."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from pcapdiag.protocols.http.header_block import MAX_LOOKED_UP, HeaderBlocks
from pcapdiag.protocols.packet_buffer import Moment
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


def decoded(blocks: HeaderBlocks, block: bytes) -> list[tuple[bytes, bytes]] | None:
    blocks.begin(1, 4, Moment(1, 1), is_promise=False)
    blocks.add(block)
    return blocks.end()


FIELD = st.tuples(
    st.sampled_from([":method", ":path", ":status", "server", "date", "x-id"]),
    st.sampled_from(["GET", "/", "200", "one", "two", "", "x" * 300]),
)


@given(st.lists(st.lists(FIELD, max_size=12), max_size=12), st.booleans())
@given_settings(max_examples=80)
def test_blocks_decode_as_they_were_encoded(
    heads: list[list[tuple[str, str]]], huffman: bool
) -> None:
    encoder, blocks = hpack.Encoder(), HeaderBlocks()
    for number_of, head in enumerate(heads):
        if number_of == 5:
            encoder.header_table_size = 200
        block = encoder.encode(head, huffman=huffman)
        assert decoded(blocks, block) == [(n.encode(), v.encode()) for n, v in head]


@pytest.mark.parametrize(
    ("block", "error"),
    [
        (bytes([0x82, 0xBE]), "InvalidTableIndex"),  # The dynamic table is empty.
        (bytes([0x82, 0x3F, 0x11]), "HPACKDecodingError"),  # Its size may change only in front.
        (bytes([0x80]), "InvalidTableIndex"),
    ],
)
def test_what_no_table_has_is_a_problem(block: bytes, error: str) -> None:
    blocks = HeaderBlocks()
    assert decoded(blocks, block) is None
    assert blocks.problem == f"a header block that cannot be decoded ({error})"
    assert blocks.lost
    assert decoded(blocks, bytes([0x82])) is None


def test_a_block_of_looked_up_fields_has_a_limit() -> None:
    large = hpack.Encoder().encode([("x", "y" * 3_900)])
    blocks = HeaderBlocks()
    assert decoded(blocks, large) is not None
    many = decoded(blocks, b"\xbe" * MAX_LOOKED_UP)
    assert many is not None
    assert len(many) == MAX_LOOKED_UP
    assert decoded(blocks, b"\xbe" * 1_000) is None
    assert "Oversized" in blocks.problem
