"""DNS messages, built by scapy."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dns import DNS, DNSQR, DNSRR, DNSRROPT

from pcapdiag.model.dns import AAAA, NXDOMAIN, A
from pcapdiag.protocols.dns import MAX_ANSWERS, read_message
from tests.captures import damaged

pytestmark = pytest.mark.once


def response(*records: DNSRR, name: str = "api.example", kind: int = A, **fields: int) -> bytes:
    question = DNSQR(qname=name, qtype=kind)
    return bytes(DNS(id=7, qr=1, qd=[question], an=list(records), **fields))


def record(address: str, ttl: int = 30, name: str = "api.example") -> DNSRR:
    kind = "AAAA" if ":" in address else "A"
    return DNSRR(rrname=name, type=kind, ttl=ttl, rdata=address)


def test_a_query_with_edns_in_mixed_case() -> None:
    query = DNS(id=513, rd=1, qd=[DNSQR(qname="aPi.ExAmple", qtype=AAAA)], ar=[DNSRROPT()])
    message = read_message(bytes(query))
    assert message is not None
    assert (message.id, message.is_response) == (513, False)
    assert (message.name, message.type) == ("api.example", AAAA)


def test_addresses_behind_an_alias_with_the_smallest_ttl() -> None:
    alias = DNSRR(rrname="api.example", type="CNAME", ttl=300, rdata="lb.example")
    found = read_message(
        response(alias, record("10.0.0.1", 20, "lb.example"), record("10.0.0.2", 40, "lb.example"))
    )
    assert found is not None
    assert found.name == "api.example"
    assert (found.addresses, found.ttl, found.records) == (("10.0.0.1", "10.0.0.2"), 20, 3)


def test_who_finds_names_out_by_himself() -> None:
    for wanted in (0, 1):
        question = [DNSQR(qname="api.example")]
        for message in (DNS(qd=question, rd=wanted), DNS(qr=1, qd=question, rd=wanted)):
            found = read_message(bytes(message))
            assert found is not None
            assert found.recursive == bool(wanted)


def test_ipv6_addresses() -> None:
    found = read_message(response(record("2001:db8::5"), kind=AAAA))
    assert found is not None
    assert found.addresses == ("2001:db8::5",)


def test_codes_and_the_bit_of_a_cut_answer() -> None:
    missing = read_message(response(rcode=NXDOMAIN))
    cut = read_message(response(tc=1))
    assert missing is not None
    assert cut is not None
    assert (missing.rcode, missing.truncated, missing.addresses) == (NXDOMAIN, False, ())
    assert cut.truncated


def test_a_captured_part_has_a_question_and_unknown_addresses() -> None:
    whole = response(record("10.0.0.1"), record("10.0.0.2"))
    part = read_message(whole[:-3])
    assert part is not None
    assert (part.name, part.records, part.addresses) == ("api.example", 2, None)


def test_no_more_records_than_the_limit_are_read() -> None:
    many = response(*(record(f"10.0.{n // 250}.{n % 250}") for n in range(MAX_ANSWERS + 9)))
    found = read_message(many)
    assert found is not None
    assert found.addresses is not None
    assert len(found.addresses) == MAX_ANSWERS
    assert found.records == MAX_ANSWERS + 9


def raw(*records: tuple[bytes, int, bytes]) -> bytes:
    """An answer about the name ``a``; records are owner, type and data."""
    head = struct.pack("!6H", 7, 0x8180, 1, len(records), 0, 0) + b"\1a\0\0\1\0\1"
    return head + b"".join(
        owner + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for owner, kind, data in records
    )


HERE = b"\xc0\x0c"


def test_records_of_other_types_beside_the_addresses() -> None:
    """RRSIG (RFC 4034), HTTPS (RFC 9460), and one that nobody has defined."""
    others = [(HERE, kind, b"\0\1\xff") for kind in (46, 65, 65_280)]
    found = read_message(raw(*others, (HERE, A, b"\n\0\0\1"), (HERE, AAAA, bytes(15) + b"\1")))
    assert found is not None
    assert found.addresses == ("10.0.0.1", "::1")


def test_no_pointer_is_followed() -> None:
    """A name may be a pointer to itself, or the last of thousands: reading takes the same steps."""
    itself = struct.pack("!H", 0xC000 | 19)
    found = read_message(raw((itself, A, b"\n\0\0\1"), (b"\xff\xff", A, b"\n\0\0\2")))
    assert found is not None
    assert found.addresses == ("10.0.0.1", "10.0.0.2")


def test_a_name_in_no_known_coding() -> None:
    found = read_message(raw((b"\2\xff\xfe\0", A, b"\n\0\0\1"), (HERE, A, b"\n\0\0")))
    assert found is not None
    assert found.addresses == ("10.0.0.1",)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        bytes(12),
        bytes(DNS(qd=[DNSQR(qname="a"), DNSQR(qname="b")])),
        bytes(DNS(opcode=5, qd=[DNSQR(qname="a")])),
        b"\0\7\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1",
        b"\0\7\1\0\0\1\0\0\0\0\0\0" + b"\1a" * 130 + b"\0\0\1\0\1",
        b"\0\7\1\0\0\1\0\0\0\0\0\0\x40" + b"a" * 64 + b"\0\0\1\0\1",
    ],
    ids=[
        "empty",
        "no question",
        "two questions",
        "an update",
        "a pointer",
        "too long",
        "a long label",
    ],
)
def test_what_is_no_single_question_is_left_alone(message: bytes) -> None:
    assert read_message(message) is None


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read_message(data)
    read_message(b"\0\7\x81\x80\0\1\0\5\0\0\0\0\1a\0\0\1\0\1" + data)


@given(st.integers(0, 10_000))
def test_damaged_answers(seed: int) -> None:
    whole = response(record("10.0.0.1"), record("10.0.0.2"))
    found = read_message(damaged(whole, random.Random(seed)))
    if found is not None and found.addresses is not None:
        assert len(found.addresses) <= MAX_ANSWERS
