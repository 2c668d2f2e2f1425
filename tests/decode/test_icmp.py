"""ICMP and ICMPv6 errors, and the TCP segment that they quote, whole or cut."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
)
from scapy.packet import Packet as Layers

from pcapdiag.decode import headers
from tests.decode.scapy_packets import (
    CLIENT,
    CLIENT6,
    RAW,
    SERVER,
    SERVER6,
    decode,
    ends,
    ip4,
    ip6,
    number,
    tcp,
)

ROUTER, ROUTER6 = "10.9.9.9", "fd00::99"
PAYLOAD = b"x" * 1400
QUOTE4 = bytes(ip4() / tcp() / PAYLOAD)
QUOTE6 = bytes(ip6() / tcp() / PAYLOAD)


def error4(quote: bytes, **fields: object) -> Layers:
    return ip4(src=ROUTER, dst=CLIENT, ttl=253) / ICMP(**({"type": 3} | fields)) / quote


def error6(message: Layers, quote: bytes) -> Layers:
    return ip6(src=ROUTER6, dst=CLIENT6, hlim=253) / message / quote


@pytest.mark.parametrize(
    ("icmp", "code", "mtu"),
    [
        ({"type": 3, "code": 3}, (3, 3), 0),
        ({"type": 3, "code": 13}, (3, 13), 0),
        ({"type": 3, "code": 4, "nexthopmtu": 1400}, (3, 4), 1400),
        ({"type": 11, "code": 0}, (11, 0), 0),
        ({"type": 12, "code": 0}, (12, 0), 0),
    ],
)
def test_an_icmp_error_and_its_quote(icmp: dict[str, int], code: tuple[int, int], mtu: int) -> None:
    kind, p = decode(error4(QUOTE4[:576], **icmp), RAW)
    assert kind == headers.ICMP_ERROR
    assert (p.icmp_type, p.icmp_code, p.icmp_mtu) == (*code, mtu)
    assert (p.icmp_version, p.icmp_low, p.icmp_ttl) == (4, number(ROUTER), 253)
    assert_quoted(p, CLIENT, SERVER, full=True)


@pytest.mark.parametrize(
    ("message", "code", "mtu"),
    [
        (ICMPv6DestUnreach(code=4), (1, 4), 0),
        (ICMPv6PacketTooBig(mtu=1280), (2, 0), 1280),
        (ICMPv6TimeExceeded(code=0), (3, 0), 0),
        (ICMPv6ParamProblem(code=1), (4, 1), 0),
    ],
)
def test_an_icmpv6_error_and_its_quote(message: Layers, code: tuple[int, int], mtu: int) -> None:
    kind, p = decode(error6(message, QUOTE6[:1232]), RAW)
    assert kind == headers.ICMP_ERROR
    assert (p.icmp_type, p.icmp_code, p.icmp_mtu) == (*code, mtu)
    router = (p.icmp_high << 64) | p.icmp_low
    assert (p.icmp_version, router, p.icmp_ttl) == (6, number(ROUTER6), 253)
    assert_quoted(p, CLIENT6, SERVER6, full=True)


def assert_quoted(p: headers.Packet, source: str, target: str, *, full: bool) -> None:
    assert ends(p) == (number(source), number(target))
    assert (p.source_port, p.target_port, p.seq) == (40000, 443, 0xFFFFFFF0)
    assert p.quote_ttl == 61
    assert (p.quote_full, p.flags) == ((1, 0x18) if full else (0, 0))
    assert p.payload_length == (len(PAYLOAD) if full else 0)


@pytest.mark.parametrize("quoted", [8, 12, 19])
def test_the_eight_bytes_that_rfc_792_asks_for_are_enough(quoted: int) -> None:
    kind, p = decode(error4(QUOTE4[: 20 + quoted]), RAW)
    assert kind == headers.ICMP_ERROR
    assert_quoted(p, CLIENT, SERVER, full=False)
    kind, p = decode(error6(ICMPv6DestUnreach(), QUOTE6[: 40 + quoted]), RAW)
    assert kind == headers.ICMP_ERROR
    assert_quoted(p, CLIENT6, SERVER6, full=False)


@pytest.mark.parametrize("quoted", [0, 7, 20, 27])
def test_a_quote_without_ports_is_none(quoted: int) -> None:
    assert decode(error4(QUOTE4[:quoted]), RAW)[0] == headers.OTHER
    assert decode(error6(ICMPv6DestUnreach(), QUOTE6[: quoted + 20]), RAW)[0] == headers.OTHER


def test_a_quote_that_snaplen_cut() -> None:
    data = error4(QUOTE4[:576])
    assert decode(data, RAW, captured=28 + 28)[0] == headers.ICMP_ERROR
    assert_quoted(decode(data, RAW, captured=28 + 28)[1], CLIENT, SERVER, full=False)
    assert decode(data, RAW, captured=28 + 27)[0] == headers.OTHER


def test_a_quoted_header_with_options() -> None:
    quote = bytes(ip4(options=IPOption_Router_Alert()) / tcp() / PAYLOAD)
    kind, p = decode(error4(quote[:576]), RAW)
    assert kind == headers.ICMP_ERROR
    assert_quoted(p, CLIENT, SERVER, full=True)
    assert decode(error4(quote[: 24 + 7]), RAW)[0] == headers.OTHER


@pytest.mark.parametrize(
    "quote",
    [
        bytes(ip4() / UDP(sport=5, dport=6) / PAYLOAD),
        bytes(ip4(frag=100) / tcp() / PAYLOAD),
        b"\x43" + QUOTE4[1:],
        bytes(100),
    ],
    ids=["udp", "later-fragment", "header-length", "zeros"],
)
def test_what_does_not_quote_a_tcp_header_is_no_error_of_a_connection(quote: bytes) -> None:
    assert decode(error4(quote), RAW)[0] == headers.OTHER


@pytest.mark.parametrize("icmp_type", [0, 4, 5, 8, 13])
def test_other_icmp_is_no_error(icmp_type: int) -> None:
    assert decode(error4(QUOTE4, type=icmp_type), RAW)[0] == headers.OTHER
    assert decode(error6(ICMPv6EchoRequest(), QUOTE6), RAW)[0] == headers.OTHER


def test_icmp_in_the_wrong_version_is_no_error() -> None:
    icmp = bytes(ICMP(type=3, code=3)) + QUOTE4
    assert decode(ip6(nh=1) / icmp, RAW)[0] == headers.OTHER
    assert decode(ip4(proto=58) / icmp, RAW)[0] == headers.OTHER
