"""Header blocks that are scanned say what hpack decodes of them."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.protocols.http.field_kinds import GRPC, HAS_NO_BODY, literal, literal_fields
from pcapdiag.protocols.http.field_scan import MAX_ENTRIES, UNKNOWN, Entry, FieldScan

Field = tuple[bytes, bytes]
NAMES = st.sampled_from([b":path", b"date", b"x-request-id", b"accept", b"cookie", b"etag"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=200)), max_size=12)


def scanned(*blocks: bytes) -> FieldScan:
    scan = FieldScan([])
    for block in blocks:
        assert scan.scan(block, 0, len(block))
    return scan


def fields_of(decoder: hpack.Decoder, block: bytes) -> list[Field]:
    return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]


@given(st.lists(st.tuples(FIELDS, st.booleans()), min_size=1, max_size=40))
def test_a_block_can_be_decoded_by_itself(blocks: list[tuple[list[Field], bool]]) -> None:
    encoder, scan = hpack.Encoder(), FieldScan([])
    for fields, huffman in blocks:
        block = encoder.encode(fields, huffman=huffman)
        assert scan.scan(block, 0, len(block))
        alone = scan.block()
        assert fields_of(hpack.Decoder(), alone) == fields == literal_fields(alone)


@given(st.lists(FIELDS, min_size=1, max_size=40), FIELDS)
def test_who_goes_on_has_the_same_table(blocks: list[list[Field]], then: list[Field]) -> None:
    encoder, decoder, scan = hpack.Encoder(), hpack.Decoder(), FieldScan([])
    for fields in blocks:
        block = encoder.encode(fields)
        assert scan.scan(block, 0, len(block))
        if len(fields) > 10:
            scan = FieldScan(handed_on(decoder, scan))
    handed_on(decoder, scan)
    assert fields_of(decoder, encoder.encode(then)) == then


def handed_on(decoder: hpack.Decoder, scan: FieldScan) -> list[Entry]:
    """Give a decoder what was scanned; return its table for the next scan."""
    for name, value in scan.new_entries():
        decoder.header_table.add(*(literal_fields(b"\0" + name + value) or [])[0])
    table = reversed(decoder.header_table.dynamic_entries)
    return [(literal(name), literal(value)) for name, value in table]


def test_what_a_request_and_its_answer_say() -> None:
    encoder = hpack.Encoder()
    request = [(b":method", b"HEAD"), (b":path", b"/"), (b"content-type", b"application/grpc+x")]
    answer = [(b":status", b"206"), (b"content-length", b"1234"), (b"grpc-status", b"0")]
    scan = scanned(encoder.encode(request))
    assert (scan.method, scan.type, scan.status) == (HAS_NO_BODY, GRPC, UNKNOWN)
    for _ in range(2):
        block = encoder.encode(answer)
        assert scan.scan(block, 0, len(block))
        assert (scan.status, scan.length, scan.grpc_status, scan.is_odd) == (206, 1234, 0, 0)
    assert scan.method == UNKNOWN


@pytest.mark.parametrize(
    "field",
    [
        (b":method", b"CONNECT"),
        (b":status", b"404"),
        (b":status", b"100"),
        (b":status", b"20"),
        (b"content-length", b"many"),
        (b"grpc-status", b"14"),
        (b"grpc-status", b"x"),
        (b":path", b"/grpc.health.v1.Health/Check"),
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"X-Upper", b"1"),
    ],
    ids=lambda field: f"{field[0].decode()}: {field[1].decode()}",
)
@pytest.mark.parametrize("huffman", [True, False], ids=["coded", "plain"])
def test_a_field_that_has_to_be_read(field: Field, huffman: bool) -> None:
    encoder = hpack.Encoder()
    first, second = (encoder.encode([field], huffman=huffman) for _ in range(2))
    assert scanned(first).is_odd
    assert scanned(first, second).is_odd, "by its index"


@pytest.mark.parametrize(
    "block",
    [
        b"\x3f\xe1\x1f",
        b"\xc0",
        b"\xff\x7f",
        b"\x80",
        b"\x40\x05abc",
        b"\x40\x01a",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x7f",
        b"\x00\x7f\xff\xff\xff\xff\xff\xff",
    ],
    ids=[
        "resized", "no entry", "far index", "index 0", "cut name", "no value", "endless", "cut",
        "too long",
    ],
)  # fmt: skip
def test_what_cannot_be_scanned_is_as_if_it_had_not_come(block: bytes) -> None:
    scan = scanned(b"\x40\x01a\x01b")
    begun = b"\x40\x01c\x01d" + block
    assert not scan.scan(begun, 0, len(begun))
    assert scan.new_entries() == [(b"\x01a", b"\x01b")]


def test_old_entries_are_forgotten() -> None:
    scan = FieldScan([])
    for number in range(1_000):
        block = b"\x40\x01a\x03%03d" % number
        assert scan.scan(block, 0, len(block))
    assert len(scan.new_entries()) == MAX_ENTRIES
    assert scan.new_entries()[-1] == (b"\x01a", b"\x03999")
