"""Names, fingerprints, and the first bytes of TLS."""

from __future__ import annotations

import pytest

from pcapdiag.protocols.tls.ja import ja3, ja4
from pcapdiag.protocols.tls.names import (
    alert_name,
    cipher_name,
    group_name,
    message_name,
    signature_scheme_name,
    version_name,
)
from pcapdiag.protocols.tls.sniff import speaks_tls
from tests.protocols.tls.wire import alert, client_hello, handshake, numbers, sealed, server_hello

pytestmark = pytest.mark.once


def test_names() -> None:
    assert version_name(0x0303) == "TLS 1.2"
    assert version_name(0x7F1C) == "TLS 1.3 draft 28"
    assert cipher_name(0x1301) == "TLS_AES_128_GCM_SHA256"
    assert cipher_name(0xC0AA) == "TLS_PSK_DHE_WITH_AES_128_CCM_8"
    assert cipher_name(0x00FF) == "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
    assert group_name(0x11EC) == "X25519MLKEM768"
    assert signature_scheme_name(0x0804) == "rsa_pss_rsae_sha256"
    assert alert_name(116) == "certificate_required"
    assert message_name(14) == "ServerHelloDone"
    assert message_name(4) == "NewSessionTicket"


@pytest.mark.parametrize(
    "name", [version_name, cipher_name, group_name, signature_scheme_name, alert_name]
)
def test_a_number_without_a_name(name: object) -> None:
    assert callable(name)
    assert name(0x1A2B) == "0x1a2b"


def test_ja3_of_its_authors() -> None:
    ciphers = (47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4)
    assert ja3(769, ciphers, (0, 10, 11), (23, 24, 25), (0,)) == "ada70206e40642a3e4461f35503241d5"
    old = (4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99)
    assert ja3(769, old, (), (), ()) == "de350869b8c85de67a350c8d186f11e6"


CHROME_CIPHERS = (
    *(0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9),
    *(0xCCA8, 0xC013, 0xC014, 0x009C, 0x009D, 0x002F, 0x0035),
)
CHROME_EXTENSIONS = (
    *(0x001B, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002D, 0x000D),
    *(0x0005, 0x0023, 0x0012, 0x002B, 0xFF01, 0x000B, 0x000A, 0x0015),
)
CHROME_SIGNATURES = (0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)


def test_ja4_of_its_authors() -> None:
    found = ja4(0x0304, CHROME_CIPHERS, CHROME_EXTENSIONS, CHROME_SIGNATURES, b"h2")
    assert found == "t13d1516h2_8daaf6152771_e5627efa2ab1"


@pytest.mark.parametrize(
    ("alpn", "mark"),
    [(b"", "00"), (b"http/1.1", "h1"), (b"x", "xx"), (b"\xab\xcd", "ad"), (b"h\xcd", "6d")],
)
def test_ja4_alpn(alpn: bytes, mark: str) -> None:
    assert ja4(0x0303, (1,), (), (), alpn)[8:10] == mark


def test_ja4_without_lists() -> None:
    assert ja4(0x0301, (), (), (), b"") == "t10i000000_000000000000_000000000000"


@pytest.mark.parametrize(
    "first",
    [
        handshake(1, client_hello()),
        handshake(1, client_hello())[:6],
        handshake(2, server_hello()),
        alert(40),
        b"\x80\x19\x01\x03\x01" + numbers(9, 0, 16),
    ],
)
def test_tls_is_recognised(first: bytes) -> None:
    assert speaks_tls(first)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x09\x00\x40\x01\x00\x00\x3c",
        b"\x16\x03\x01\xff\xff\x01\x00\x00\x3c",
        b"\x16\x03\x01\x00\x40\x0b\x00\x00\x3c",
        b"\x16\x03\x01\x00\x40\x01\x00\x00\x00",
        b"\x15\x03\x03\x00\x02\x07\x28",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
        sealed(100),
    ],
)
def test_other_bytes_are_not_tls(first: bytes) -> None:
    assert not speaks_tls(first)
