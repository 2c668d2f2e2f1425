"""The scan finds whatever may be left, in whatever form, and is not misled by chance."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import struct
import zlib
from ipaddress import ip_address, ip_network

import pytest
from hpack import Encoder
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import ICMP, UDP
from scapy.layers.l2 import Ether

from pcapdiag.sanitize.originals import Originals
from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.scan import MAX_LEAKS, leaks
from pcapdiag.sanitize.vocabulary import own_words
from tests.captures import FIXTURES
from tests.decode.scapy_packets import ETHERNET, RAW, ip4, ip6, tcp
from tests.sanitize.going_through import KEY, Taken, file_of

pytestmark = pytest.mark.once

FOUR, SIX, MAC = "10.77.8.9", "2001:db8:77::a9", bytes.fromhex("02a1b2c3d4e5")
NAME, WORD, SECRET = b"orders-v2.shop.corp", b"/private/thing", b"Zm9vOmJhcg"


@pytest.fixture
def originals() -> Originals:
    renamer = Renamer(KEY)
    renamer.address(ip_address(FOUR).packed)
    renamer.address(ip_address(SIX).packed)
    renamer.mac(MAC)
    renamer.name(NAME)
    renamer.word(WORD)
    renamer.secret(SECRET)
    return renamer.originals


def kinds(content: bytes, originals: Originals) -> set[str]:
    return {leak.kind for leak in leaks({"member": content}, originals)}


IN_TEXT = {
    "dotted": ("address", b"from 10.77.8.9 to"),
    "with a port": ("address", b"10.77.8.9:443"),
    "as tcpdump has it": ("address", b"IP 10.77.8.9.443 > x"),
    "in a host name": ("address", b"ip-10-77-8-9.ec2"),
    "reversed": ("address", b"9.8.77.10.in-addr.arpa"),
    "with zeros": ("address", b"010.077.008.009"),
    "hexadecimal": ("address", b"0a4d0809"),
    "as /proc/net/tcp has it": ("address", b"09084D0A:01BB"),
    "mapped": ("address", b"::ffff:10.77.8.9"),
    "short": ("address", b"[2001:db8:77::a9]:443"),
    "upper case": ("address", b"2001:DB8:77::A9"),
    "whole": ("address", b"2001:0db8:0077:0000:0000:0000:0000:00a9"),
    "another short form": ("address", b"2001:db8:77:0:0::a9"),
    "with a scope": ("address", b"2001:db8:77::a9%eth0"),
    "nibbles": ("address", ip_address(SIX).reverse_pointer.encode()),
    "MAC": ("MAC", b"02:a1:b2:c3:d4:e5"),
    "MAC with hyphens": ("MAC", b"02-A1-B2-C3-D4-E5"),
    "name": ("name", b"https://Orders-v2.shop.corp/"),
    "a label of it": ("name", b"pod orders-v2 is down"),
    "word": ("word", b"GET /private/thing HTTP/1.1"),
    "credential": ("credential", b"Basic Zm9vOmJhcg=="),
}


@pytest.mark.parametrize(("kind", "text"), IN_TEXT.values(), ids=IN_TEXT)
def test_what_text_may_hold(kind: str, text: bytes, originals: Originals) -> None:
    assert kinds(b"before " + text + b" behind\n", originals) == {kind}
    assert kinds(text, originals) == {kind}


@pytest.mark.parametrize(
    "text",
    [b"110.77.8.9 10.77.8.91 10.77.89.9", b"2001:db8:77::a91 12001:db8:77::a9", b"preorders-v2x",
     b"02:a1:b2:c3:d4:e5f", b"sha256 ff0a4d0809ff", b"orders shop", base64.b64encode(bytes(range(256)))],
)  # fmt: skip
def test_what_only_looks_like_it(text: bytes, originals: Originals) -> None:
    assert kinds(text, originals) == set()


def test_escaped_text() -> None:
    renamer = Renamer(KEY)
    renamer.word(b'/a<b>&"quoted"')
    for form in (html.escape('/a<b>&"quoted"'), json.dumps('/a<b>&"quoted"')):
        assert kinds(form.encode(), renamer.originals) == {"word"}


def test_what_is_packed_is_unpacked(originals: Originals) -> None:
    text = b'{"server": "10.77.8.9", "name": "orders-v2.shop.corp"}'
    packed = base64.b64encode(zlib.compress(text))
    assert kinds(b"<script>" + packed + b"</script>", originals) == {"address", "name"}
    assert kinds(base64.b64encode(text), originals) == {"address", "name"}
    assert kinds(gzip.compress(text), originals) == {"address", "name"}
    assert kinds(b"A" * 65 + b" " + base64.b64encode(b"\x78\x9c" + bytes(60)), originals) == set()


def test_names_of_members(originals: Originals) -> None:
    found = leaks({"logs/orders-v2.shop.corp.log": b""}, originals)
    assert {(leak.kind, leak.place) for leak in found} == {("name", "its name")}


def test_a_leak_does_not_say_what_it_is(originals: Originals) -> None:
    for leak in leaks({"a.txt": b"10.77.8.9 Zm9vOmJhcg"}, originals):
        assert str(leak) in ("a.txt: address at byte 0", "a.txt: credential at byte 10")


def capture(*packets: bytes, link: int = RAW) -> bytes:
    return file_of([Taken(bytes(one), len(bytes(one)), 0, link) for one in packets])


def segments(stream: bytes, size: int = 5, **fields: object) -> bytes:
    """A stream in small segments: nothing longer than ``size`` stands in one packet."""
    parts = [
        bytes(ip4(**fields) / tcp(seq=(0xFFFFFFF0 + at) & 0xFFFFFFFF) / stream[at : at + size])
        for at in range(0, len(stream), size)
    ]
    return capture(*parts[::2], *parts[1::2])


IN_CAPTURES = {
    "source": ("address", capture(bytes(ip4(src=FOUR) / tcp()))),
    "target 6": ("address", capture(bytes(ip6(dst=SIX) / tcp()))),
    "quote": ("address", capture(bytes(ip4() / ICMP(type=3) / ip4(dst=FOUR) / tcp()))),
    "MAC": ("MAC", capture(bytes(Ether(src=MAC.hex(":"), dst="02:00:00:00:00:02") / ip4() / tcp()), link=ETHERNET)),
    "answer": ("address", capture(bytes(ip4() / UDP(sport=53) / (bytes(20) + b"\0\4" + ip_address(FOUR).packed)))),
    "certificate": ("address", segments(b"\x30\x06\x87\x04" + ip_address(FOUR).packed + bytes(9), 99)),
    "text": ("address", segments(b"Host: 10.77.8.9\r\n\r\n", 99)),
    "text over segments": ("name", segments(b"Host: orders-v2.shop.corp\r\n\r\n")),
    "word over segments": ("word", segments(b"GET /private/thing HTTP/1.1\r\n\r\n")),
    "binary": ("name", segments(b"\0\x13" + NAME + b"\x30", 99)),
    "PROXY 1": ("address", segments(b"PROXY TCP4 10.77.8.9 10.0.0.1 1 2\r\n")),
    "PROXY 2": (
        "address",
        segments(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(4) + ip_address(FOUR).packed + bytes(4)),
    ),
    "DNS name": ("name", capture(bytes(ip4() / UDP(dport=53) / DNS(qd=DNSQR(qname=NAME))))),
    "DNS over TCP": (
        "name",
        segments(struct.pack(">H", len(bytes(DNS(qd=DNSQR(qname=NAME))))) + bytes(DNS(qd=DNSQR(qname=NAME)))),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "content"), IN_CAPTURES.values(), ids=IN_CAPTURES)
def test_what_captures_may_hold(kind: str, content: bytes, originals: Originals) -> None:
    assert kinds(content, originals) == {kind}


def test_a_compressed_name() -> None:
    """Its labels stand apart: ``orders-v2`` in front of a pointer to the rest."""
    renamer = Renamer(KEY)
    renamer.name(b"db.shop.corp")
    question = b"\4shop\4corp\0\0\1\0\1"
    message = struct.pack(">6H", 1, 0x8180, 1, 1, 0, 0) + question
    message += b"\2db\xc0\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + b"\1\1\1\1"
    content = capture(bytes(ip4() / UDP(sport=53) / message))
    assert kinds(content, renamer.originals) == {"name"}


@pytest.mark.parametrize("coded", [True, False])
def test_headers_of_http2(coded: bool, originals: Originals) -> None:
    block = Encoder().encode(
        [(":authority", NAME.decode()), (":path", WORD.decode()), ("authorization", "Basic " + SECRET.decode())],
        huffman=coded,
    )  # fmt: skip
    frame = len(block).to_bytes(3, "big") + b"\x01\x05\0\0\0\x01" + block
    stream = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000") + frame
    assert kinds(segments(stream), originals) == {"name", "word", "credential"}


def test_what_a_pcapng_file_says_besides(originals: Originals) -> None:
    content = capture(bytes(ip4() / tcp()))
    name = struct.pack("<HH", 1, 12) + ip_address(FOUR).packed + b"a-host.\0"
    block = name + bytes(4)
    size = struct.pack("<I", len(block) + 12)
    record = struct.pack("<I", 4) + size + block + size
    assert kinds(content + record, originals) == {"address"}
    comment = b"seen at orders-v2.shop.corp "
    assert kinds(content + struct.pack("<II", 0xBAD, 40) + comment + size, originals) == {"name"}


def test_our_own_words_prove_nothing_in_text() -> None:
    assert "upstream" in own_words()
    renamer = Renamer(KEY)
    renamer.name(b"upstream")
    renamer.name(b"upstream.corp")
    assert kinds(b"the upstream closed", renamer.originals) == set()
    assert kinds(b"the upstream.corp closed", renamer.originals) == {"name"}
    assert kinds(segments(b"upstream connect error"), renamer.originals) == set()
    query = bytes(ip4() / UDP(dport=53) / DNS(qd=DNSQR(qname=b"upstream")))
    assert kinds(capture(query), renamer.originals) == {"name"}


def test_markup_that_somebody_sent_is_not_the_markup_of_our_page() -> None:
    sent = Originals(words={b"script>": b"", b"<secretive>": b""})
    assert leaks({"report.html": b"<p></script>"}, sent) == []
    assert kinds(b"<p>&lt;secretive&gt;", sent) == {"word"}


def test_short_words_and_numbers_are_not_looked_for() -> None:
    renamer = Renamer(KEY)
    for word in (b"abc", b"12345678", b"/a"):
        renamer.word(word)
        renamer.secret(word)
    renamer.name(b"x.corp")
    assert kinds(b"abc 12345678 /a", renamer.originals) == set()
    assert kinds(b"x.corp", renamer.originals) == {"name"}


def test_kept_networks_are_not_looked_for() -> None:
    renamer = Renamer(KEY, [ip_network("10.77.8.0/24")])
    renamer.address(ip_address(FOUR).packed)
    assert kinds(b"10.77.8.9", renamer.originals) == set()


def test_the_list_ends(originals: Originals) -> None:
    assert len(leaks({"a": b"10.77.8.9 " * 1000}, originals)) == MAX_LEAKS


@pytest.mark.parametrize("cut", range(0, 120, 7))
def test_a_damaged_capture_raises_nothing(cut: int, originals: Originals) -> None:
    content = capture(bytes(ip4(src=FOUR) / tcp() / (b"x" * 40)))
    leaks({"c": content[: len(content) - cut]}, originals)
    leaks({"c": content[:60] + bytes((cut,)) + content[61:]}, originals)


def test_a_page_has_no_address_of_its_own() -> None:
    """Whoever has that address could never make a bundle."""
    for path in (FIXTURES.parent / "pcapdiag" / "report").rglob("*"):
        if path.suffix in (".css", ".html", ".j2", ".js"):
            assert not re.search(r"(?<![\d.])\d+\.\d+\.\d+\.\d+", path.read_text("utf-8")), path


def test_our_own_word_with_a_digit_may_be_a_credential() -> None:
    word = min(word for word in own_words() if word.isalnum() and re.search(r"[a-z].*\d", word))
    found = word.encode()
    renamer = Renamer(KEY)
    renamer.secret(found)
    assert kinds(b"x " + found + b" y", renamer.originals) == {"credential"}
    renamer = Renamer(KEY)
    renamer.word(found)
    assert kinds(b"x " + found + b" y", renamer.originals) == set()
