"""Hellos: what is in them, what is left out, and what a cut leaves."""

from __future__ import annotations

import pytest

from pcapdiag.model.tls import ClientHello, ServerHello
from pcapdiag.protocols.tls.handshake import HandshakeMessage
from pcapdiag.protocols.tls.hello import read_client_hello, read_server_hello
from pcapdiag.protocols.tls.limits import MAX_LIST, MAX_TEXT
from tests.protocols.tls.wire import (
    OTHER_RANDOM,
    RANDOM,
    SESSION,
    TLS13_EXTENSIONS,
    alpn,
    client_hello,
    extension,
    key_shares,
    numbers,
    server_hello,
    sni,
    vector,
)

pytestmark = pytest.mark.once


def hello(body: bytes) -> ClientHello:
    found = read_client_hello(HandshakeMessage(1, len(body) + 4, body, 7, 70, 2))
    assert found is not None
    return found


def answer(body: bytes) -> ServerHello:
    found = read_server_hello(HandshakeMessage(2, len(body) + 4, body, 8, 80))
    assert found is not None
    return found


def test_client_hello() -> None:
    body = client_hello()
    found = hello(body)
    assert (found.frame, found.time, found.segments, found.length) == (7, 70, 2, len(body) + 4)
    assert found.legacy_version == 0x0303
    assert found.sni == "shop.example"
    assert found.alpn == ("h2", "http/1.1")
    assert found.versions == (0x0304, 0x0303)
    assert found.ciphers == (0x1301, 0x1302, 0xC02F)
    assert found.groups == (29, 23)
    assert found.key_shares == (29,)
    assert found.signature_algorithms == (0x0403, 0x0804)
    assert found.extensions == (0, 16, 10, 11, 13, 43, 51)
    assert (found.session_id, found.random) == (SESSION, RANDOM)
    assert found.complete
    assert not found.has_ticket
    assert not found.early_data
    assert not found.encrypted_hello


def test_grease_is_left_out_everywhere() -> None:
    greased = hello(
        client_hello(
            (
                extension(0x0A0A, b""),
                *TLS13_EXTENSIONS[:1],
                alpn(b"\x8a\x8a", b"h2"),
                *TLS13_EXTENSIONS[2:6],
                key_shares(0x3A3A, 29),
                extension(0xFAFA, b"\0"),
            )
        )
    )
    plain = hello(
        client_hello((*TLS13_EXTENSIONS[:1], alpn(b"h2"), *TLS13_EXTENSIONS[2:6], key_shares(29)))
    )
    assert (greased.ja3, greased.ja4) == (plain.ja3, plain.ja4)
    assert greased.alpn == ("h2",)
    assert greased.key_shares == (29,)
    assert greased.extensions == (0, 16, 10, 11, 13, 43, 51)


def test_hello_without_extensions() -> None:
    found = hello(client_hello((), version=0x0301, session=b""))
    assert found.versions == (0x0301, 0x0300)
    assert found.sni is None
    assert found.complete
    assert found.ja4.startswith("t10i0300")


@pytest.mark.parametrize(
    ("ticket", "expected"),
    [(extension(35, b""), False), (extension(35, b"t" * 20), True), (extension(41, b"\0\0"), True)],
)
def test_ticket(ticket: bytes, expected: bool) -> None:
    assert hello(client_hello((ticket,))).has_ticket is expected


def test_early_data_and_encrypted_hello() -> None:
    found = hello(client_hello((extension(42, b""), extension(0xFE0D, b"\0" * 20))))
    assert found.early_data
    assert found.encrypted_hello


def test_every_cut_gives_what_is_there() -> None:
    body = client_hello()
    whole = hello(body)
    for length in range(len(body)):
        message = HandshakeMessage(1, len(body) + 4, body[:length], 7, 70, complete=False)
        found = read_client_hello(message)
        if length < 2:
            assert found is None
            continue
        assert found is not None
        assert not found.complete
        assert found.sni in (None, whole.sni)
        assert found.versions in ((), whole.versions)
        assert found.alpn in ((), whole.alpn)
        assert found.extensions == whole.extensions[: len(found.extensions)]
        assert found.ja3 == found.ja4 == ""


def test_lists_that_are_too_long() -> None:
    many = tuple(range(1, 0x4000))
    found = hello(client_hello((sni(b"n" * 5000),), ciphers=many))
    assert len(found.ciphers) == MAX_LIST
    assert found.sni == "n" * MAX_TEXT
    crowded = hello(client_hello(extension(0x100 + each, b"") for each in range(2000)))
    assert len(crowded.extensions) == MAX_LIST
    assert not crowded.complete


def test_names_that_are_no_ascii() -> None:
    found = hello(client_hello((sni(b"\xffx\x1b"), alpn(b"\xfe"))))
    assert found.sni == "\\xffx\x1b"
    assert found.alpn == ("\\xfe",)


def test_server_hello_of_tls13() -> None:
    found = answer(server_hello())
    assert (found.version, found.cipher, found.group) == (0x0304, 0x1301, 29)
    assert found.random == OTHER_RANDOM
    assert found.extensions == (43, 51)
    assert found.resumed_psk is None
    assert answer(server_hello((extension(41, numbers(1)),))).resumed_psk == 1


def test_server_hello_of_tls12() -> None:
    found = answer(server_hello((alpn(b"http/1.1"),), version=0x0302, cipher=0xC02F))
    assert (found.version, found.alpn, found.group) == (0x0302, "http/1.1", None)
    assert answer(server_hello(())).extensions == ()


def test_server_hello_that_was_cut() -> None:
    body = server_hello()
    for length in range(len(body)):
        found = read_server_hello(HandshakeMessage(2, len(body) + 4, body[:length], 8, 80))
        assert (found is None) == (length < 2 + 32 + 33 + 2)


def test_a_cut_server_hello_of_tls13_is_known_by_its_cipher() -> None:
    """With a key share after quantum computers it has 1.2 kB, beyond many a snaplen."""
    body = server_hello()[:80]
    cut = read_server_hello(HandshakeMessage(2, 1180, body, 8, 80, complete=False))
    assert cut is not None
    assert (cut.version, cut.cipher, cut.complete) == (0x0304, 0x1301, False)
    assert answer(server_hello(())).complete
    assert answer(server_hello((), cipher=0xC02F)).version == 0x0303


def test_key_share_of_a_retry_is_a_group_alone() -> None:
    assert answer(server_hello((extension(51, numbers(24)),))).group == 24


def test_broken_extension_bodies() -> None:
    found = hello(
        client_hello(
            (
                extension(0, b"\0"),
                extension(16, vector(2, b"\xffh2")),
                extension(10, b"\1"),
                extension(51, b"\0\4\0"),
            )
        )
    )
    assert found.sni is None
    assert found.alpn == ()
    assert found.groups == ()
    assert found.key_shares == ()
