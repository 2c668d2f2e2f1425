"""DNS messages in place: another library reads what became of them."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import dpkt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.dns import (
    DNS,
    DNSQR,
    DNSRR,
    DNSRRMX,
    DNSRROPT,
    DNSRRSOA,
    DNSRRSRV,
    EDNS0ClientSubnet,
)

from pcapdiag.sanitize.dns import names_in_place, rewrite
from pcapdiag.sanitize.renamer import Renamer
from tests.sanitize.going_through import KEY

pytestmark = pytest.mark.once

NAME = b"orders.shop.corp"


@pytest.fixture
def renamer() -> Renamer:
    return Renamer(KEY)


def label(text: bytes) -> bytes:
    return b"".join(bytes((len(one),)) + one for one in text.split(b".")) + b"\0"


def answer(*records: bytes, question: bytes = NAME) -> bytes:
    head = struct.pack(">6H", 7, 0x8180, 1, len(records), 0, 0)
    return head + label(question) + b"\0\1\0\1" + b"".join(records)


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def test_question_and_addresses(renamer: Renamer) -> None:
    four, six = ip_address("10.1.2.3").packed, ip_address("2001:db8::3").packed
    message = answer(record(1, four), record(28, six))
    result = rewrite(message, renamer)
    assert len(result) == len(message)
    read = dpkt.dns.DNS(result)
    assert read.qd[0].name.encode() == renamer.name(NAME)
    assert (read.an[0].ip, read.an[1].ip6) == (renamer.address(four), renamer.address(six))
    assert [one.ttl for one in read.an] == [60, 60]
    assert result[:12] == message[:12]


def test_names_through_pointers(renamer: Renamer) -> None:
    # The answer's own label stands in front of a pointer into the middle of the question.
    alias = b"\x03api\xc0\x13"
    message = answer(record(5, alias), record(1, bytes((10, 1, 2, 3)), b"\x02db\xc0\x0c"))
    read = dpkt.dns.DNS(rewrite(message, renamer))
    assert read.an[0].cname.encode() == renamer.name(b"api.shop.corp")
    assert read.an[1].name.encode() == renamer.name(b"db.orders.shop.corp")
    assert read.an[0].name.encode() == renamer.name(NAME)


def test_case_of_a_question_stays(renamer: Renamer) -> None:
    result = rewrite(answer(question=b"oRDers.SHop.corp"), renamer)
    name = dpkt.dns.DNS(result).qd[0].name.encode()
    assert name.lower() == renamer.name(NAME)
    assert [chr(one).isupper() for one in name] == [
        chr(one).isupper() for one in b"oRDers.SHop.corp"
    ]


def test_other_records(renamer: Renamer) -> None:
    mail, host, zone = b"mail.shop.corp", b"srv7.shop.corp", b"shop.corp"
    message = bytes(
        DNS(
            qd=DNSQR(qname=NAME, qtype="ALL"),
            an=[
                DNSRRMX(rrname=NAME, preference=10, exchange=mail),
                DNSRRSRV(
                    rrname=b"_http._tcp.shop.corp", priority=1, weight=2, port=8080, target=host
                ),
                DNSRR(rrname=NAME, type="TXT", rdata=[b"v=spf1 ip4:10.1.2.3", b"owner=private"]),
            ],
            ns=[DNSRRSOA(rrname=zone, mname=b"ns1.shop.corp", rname=b"admin.shop.corp", serial=77)],
        )
    )
    result = rewrite(message, renamer)
    assert len(result) == len(message)
    for name in (NAME, mail, host, zone, b"ns1.shop.corp", b"admin.shop.corp"):
        assert all(part not in result for part in name.split(b".") if len(part) > 3), name
    assert b"private" not in result
    read = DNS(result)
    assert read.an[0].exchange.rstrip(b".") == renamer.name(mail)
    assert read.an[1].target.rstrip(b".") == renamer.name(host)
    assert read.an[1].rrname.startswith(b"_http._tcp.")
    assert (read.an[1].port, read.an[0].preference, read.ns[0].serial) == (8080, 10, 77)
    assert [len(one) for one in read.an[2].rdata] == [19, 13]


def test_the_clients_subnet(renamer: Renamer) -> None:
    option = EDNS0ClientSubnet(source_plen=24, address="10.1.2.0")
    message = bytes(DNS(qd=DNSQR(qname=NAME), ar=[DNSRROPT(rdata=[option])]))
    result = rewrite(message, renamer)
    subnet = DNS(result).ar[0].rdata[0]
    image = renamer.address(ip_address("10.1.2.0").packed)
    assert ip_address(subnet.address).packed == image[:3] + b"\0"
    assert subnet.source_plen == 24


def test_reverse_names_and_their_answers(renamer: Renamer) -> None:
    pointer = b"3.2.1.10.in-addr.arpa"
    message = answer(record(12, label(NAME)), question=pointer)
    read = dpkt.dns.DNS(rewrite(message, renamer))
    image = ip_address(renamer.address_fitting(b"10.1.2.3").decode())
    assert read.qd[0].name == image.reverse_pointer
    assert read.an[0].ptrname.encode() == renamer.name(NAME)


def test_service_bindings(renamer: Renamer) -> None:
    hint = ip_address("10.1.2.3").packed
    data = b"\0\1" + label(b"edge.corp") + b"\0\1\0\3\2h2" + b"\0\4\0\4" + hint + b"\0\5\0\4echo"
    result = rewrite(answer(record(65, data)), renamer)
    assert b"\0\1\0\3\2h2" in result
    assert renamer.address(hint) in result
    assert b"echo" not in result
    assert hint not in result


def test_what_is_not_known_is_zero(renamer: Renamer) -> None:
    message = answer(record(999, b"private")) + b"behind it"
    result = rewrite(message, renamer)
    assert result[-16:] == bytes(16)


@given(cut=st.integers(0, 200))
def test_a_cut_message_is_rewritten_as_far_as_it_goes(cut: int) -> None:
    message = answer(
        record(5, b"\x03api\xc0\x13"), record(1, bytes((10, 1, 2, 3))), record(16, b"\7private")
    )
    part = message[: max(len(message) - cut, 0)]
    result = rewrite(part, Renamer(KEY))
    assert len(result) == len(part)
    for secret in (b"orders", b"shop", b"\x0a\x01\x02\x03", b"private"):
        assert secret not in result


@given(
    message=st.binary(max_size=120),
    kind=st.sampled_from((1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 41, 64, 65, 250)),
    patches=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=5),
)
@settings(max_examples=150)
def test_any_bytes(message: bytes, kind: int, patches: list[tuple[int, int]]) -> None:
    renamer = Renamer(KEY)
    assert len(rewrite(message, renamer)) == len(message)
    built = bytearray(answer(record(kind, message)))
    for at, value in patches:
        built[at % len(built)] = value
    assert len(rewrite(bytes(built), renamer)) == len(built)
    assert len(names_in_place(message, renamer)) == len(message)


def test_pointers_in_a_circle_end(renamer: Renamer) -> None:
    message = struct.pack(">6H", 7, 0x8180, 1, 0, 0, 0) + b"\xc0\x0e\xc0\x0c\0\1\0\1"
    assert len(rewrite(message, renamer)) == len(message)
