"""Stand-ins: blocks and prefixes of addresses, lengths and classes of text, and no clashes."""

from __future__ import annotations

import string
from ipaddress import ip_address, ip_network

import pytest
from hpack.huffman_constants import REQUEST_CODES_LENGTH
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.errors import SanitizeError
from pcapdiag.sanitize.originals import Originals
from pcapdiag.sanitize.renamer import Renamer
from tests.sanitize.going_through import KEY

pytestmark = pytest.mark.once


def packed(text: str) -> bytes:
    return ip_address(text).packed


@pytest.fixture
def renamer() -> Renamer:
    return Renamer(KEY)


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "127.0.0.6", "255.255.255.255", "224.0.0.251", "239.1.2.3", "169.254.169.254",
     "::", "::1", "ff02::1", "ff02::fb"],
)  # fmt: skip
def test_what_is_nobodys_stays(renamer: Renamer, text: str) -> None:
    assert renamer.address(packed(text)) == packed(text)
    assert not renamer.originals.addresses


@pytest.mark.parametrize(
    "block",
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
     "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "240.0.0.0/4",
     "fe80::/64", "fc00::/8", "fd00::/8", "2001:db8::/32", "ff02::1:ff00:0/104", "2000::/3",
     "64:ff9b::/96", "::ffff:0:0/96"],
)  # fmt: skip
def test_an_image_stays_in_its_block(renamer: Renamer, block: str) -> None:
    network = ip_network(block)
    for number in (1, 7, 90, 91):
        address = network[number]
        image = ip_address(renamer.address(address.packed))
        assert image in network
        assert image != address


def test_public_addresses_stay_public(renamer: Renamer) -> None:
    for number in range(1, 3000):
        original = ip_address((8 << 24) + number * 65_537)
        assert ip_address(renamer.address(original.packed)).is_global == original.is_global


def test_prefixes_are_preserved(renamer: Renamer) -> None:
    a, b, c = (
        renamer.address(packed(f"10.1.{net}.{host}")) for net, host in ((2, 3), (2, 9), (3, 3))
    )
    assert a[:3] == b[:3] != c[:3]
    assert a[:2] == c[:2]


def test_ipv4_within_ipv6_is_the_same_image(renamer: Renamer) -> None:
    image = renamer.address(packed("10.1.2.3"))
    assert renamer.address(packed("::ffff:10.1.2.3")) == packed("::ffff:0:0")[:12] + image
    assert renamer.address(packed("64:ff9b::10.1.2.3"))[12:] == image
    assert renamer.address(packed("2002:0a01:0203::1"))[2:6] == image


def test_kept_networks_stay_and_nobody_gets_there() -> None:
    keep = [ip_network("10.0.0.0/9"), ip_network("2001:db8:1::/48")]
    renamer = Renamer(KEY, keep)
    assert renamer.address_text("10.5.6.7") == "10.5.6.7"
    assert renamer.address_text("2001:db8:1::5") == "2001:db8:1::5"
    assert not renamer.originals.addresses
    for number in range(200):
        assert ip_address(renamer.address(packed(f"10.200.0.{number}"))) not in keep[0]


def test_a_key_decides() -> None:
    other = Renamer(KEY[::-1])
    for text in ("10.1.2.3", "2001:db8::1"):
        assert Renamer(KEY).address_text(text) == Renamer(KEY).address_text(text)
        assert Renamer(KEY).address_text(text) != other.address_text(text)
    assert Renamer(KEY).name(b"orders.corp") != other.name(b"orders.corp")
    assert Renamer(KEY).derived(b"a") != Renamer(KEY).derived(b"b")


def test_no_image_is_an_original_the_second_time() -> None:
    """Sixty of 254 addresses: with any key, some get the address of another at first."""
    everyone = [ip_address(f"192.0.2.{host}").packed for host in range(1, 61)]
    first = Renamer(KEY)
    for one in everyone:
        first.address(one)
    assert set(first.originals.addresses.values()) & set(everyone)
    second = first.with_originals(first.originals)
    images = {second.address(one) for one in everyone}
    assert len(images) == len(everyone)
    assert not images & set(everyone)
    assert second.originals.clashes() == 0


def test_a_full_block_is_said() -> None:
    renamer = Renamer(KEY)
    for host in range(200):
        renamer.originals.addresses[ip_address(f"192.0.2.{host}").packed] = b""
    everyone = list(renamer.originals.addresses)
    renamer = renamer.with_originals(renamer.originals)
    with pytest.raises(SanitizeError, match="no address is left"):
        list(map(renamer.address, everyone))


@pytest.mark.parametrize(
    "text", [b"10.0.0.1", b"172.31.255.9", b"8.8.8.8", b"2001:db8::1", b"fe80::1", b"2a00:1450:4001::8",
             b"2001:0db8:0000:0000:0000:0000:0000:0001", b"2001:DB8::A", b"::ffff:10.0.0.1", b"2002:a01:203::7"]
)  # fmt: skip
def test_text_without_room_gets_as_many_characters(renamer: Renamer, text: bytes) -> None:
    fitted = renamer.address_fitting(text)
    assert len(fitted) == len(text)
    assert ip_address(fitted.decode()) != ip_address(text.decode())
    again = renamer.with_originals(renamer.originals)
    original = ip_address(text.decode()).packed
    assert again.address_fitting(text) == again.address_fitting(text)
    # Now that it is known, packets have the same address as the text.
    assert ip_address(again.address_fitting(text).decode()).packed == again.address(original)
    assert again.originals.misfits() == 0


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"orders.shop.svc.cluster.local", b".svc.cluster.local"),
        (b"api.corp.de", b".de"),
        (b"_grpc._tcp.orders.internal.", b".internal."),
        (b"orders.corp:8443", b":8443"),
    ],
)
def test_the_general_end_of_a_name_stays(renamer: Renamer, name: bytes, kept: bytes) -> None:
    image = renamer.name(name)
    assert len(image) == len(name)
    assert image.endswith(kept)
    assert not image.startswith(name[:4]) or name.startswith(b"_")
    assert renamer.name(image[: -len(kept)]) != image[: -len(kept)]


def test_a_label_is_the_same_everywhere(renamer: Renamer) -> None:
    image = renamer.name(b"orders.corp.internal").split(b".")[0]
    assert renamer.name(b"v2.ORDERS.example.com").split(b".")[1] == image.upper()
    assert renamer.word(b"/api/orders?").split(b"/")[2] == image + b"?"


def test_reverse_names_follow_their_address(renamer: Renamer) -> None:
    address = ip_address(renamer.address_fitting(b"10.1.2.33").decode())
    assert renamer.name(b"33.2.1.10.in-addr.arpa") == address.reverse_pointer.encode()
    six = ip_address("2001:db8::42")
    image = ip_address(renamer.address(six.packed))
    assert renamer.name(six.reverse_pointer.encode()) == image.reverse_pointer.encode()


def test_a_host_that_is_an_address(renamer: Renamer) -> None:
    assert renamer.name(b"10.1.2.3:80") == renamer.address_fitting(b"10.1.2.3") + b":80"
    assert (
        renamer.name(b"[2001:db8::1]:80")
        == b"[" + renamer.address_fitting(b"2001:db8::1") + b"]:80"
    )


TEXT = st.text(string.printable, min_size=1, max_size=60).map(str.encode)


def huffman(text: bytes) -> int:
    """Bits of a string in HPACK's code, by the table of another library."""
    return sum(REQUEST_CODES_LENGTH[char] for char in text)


@given(TEXT)
@settings(max_examples=300)
def test_words_keep_their_length_in_huffman_code(text: bytes) -> None:
    image = Renamer(KEY).word(text)
    assert len(image) == len(text)
    assert huffman(image) == huffman(text)


@given(st.binary(max_size=80))
@settings(max_examples=300)
def test_any_bytes_keep_their_length(text: bytes) -> None:
    renamer = Renamer(KEY)
    assert [len(one(text)) for one in (renamer.name, renamer.word, renamer.secret)] == [
        len(text)
    ] * 3


@given(
    st.lists(st.text(string.ascii_lowercase + string.digits, min_size=5, max_size=12), unique=True)
)
def test_names_stay_apart(names: list[str]) -> None:
    renamer = Renamer(KEY)
    images = [renamer.name(name.encode()) for name in names]
    assert len(set(images)) == len(names)


def test_macs(renamer: Renamer) -> None:
    kept = [bytes(6), b"\xff" * 6, bytes.fromhex("01005e0000fb"), bytes.fromhex("333300000001")]
    assert [renamer.mac(one) for one in kept] == kept
    image = renamer.mac(bytes.fromhex("0242ac110002"))
    assert image[0] & 3 == 2, "a locally administered address of one station"
    group = renamer.address(packed("ff02::1:ff12:3456"))
    assert renamer.mac(bytes.fromhex("3333ff123456")) == b"\x33\x33\xff" + group[13:]


def test_originals_list_what_was_replaced(renamer: Renamer) -> None:
    renamer.name(b"Orders.Corp")
    renamer.word(b"/Private")
    assert renamer.secret(b"hunter2") == b"xxxxxxx"
    originals = renamer.originals
    assert list(originals.names) == [b"orders.corp"]
    assert list(originals.words) == [b"/Private"]
    assert list(originals.credentials) == [b"hunter2"]
    assert renamer.name(b"localhost") == b"localhost"
    assert isinstance(originals, Originals)
    assert b"localhost" not in originals.names
