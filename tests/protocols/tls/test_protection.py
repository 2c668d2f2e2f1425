"""Records opened: RFC 8448's, and those that sealing.py made."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.protocols.tls.block import MAX_FRAGMENT
from pcapdiag.protocols.tls.protection import Protection, protect_tls12, protect_tls13
from tests.protocols.tls import sealing
from tests.protocols.tls.sealing import (
    CLIENT_RANDOM,
    MASTER,
    SERVER_RANDOM,
    TLS10,
    TLS11,
    TLS12,
    MacSealer,
)

pytestmark = pytest.mark.once

ALERT, HANDSHAKE, DATA = 21, 22, 23
VERSIONS = (TLS10, TLS11, TLS12)
CONTENTS = (b"", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64)
SECRETS = {"sha256": bytes(range(32)), "sha384": bytes(range(48))}


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


# RFC 8448 section 3.
CLIENT_HANDSHAKE_SECRET = unhex(
    "b3 ed db 12 6e 06 7f 35 a7 80 b3 ab f4 5e 2d 8f 3b 1a 95 07 38 f5 2e 96 00 74 6a 0e 27 a5 5a 21"
)
CLIENT_TRAFFIC_SECRET = unhex(
    "9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 04 a5"
)
FINISHED_RECORD = unhex(
    "75 ec 4d c2 38 cc e6 0b 29 80 44 a7 1e 21 9c 56 cc 77 b0 51 7f e9 b9 3c 7a 4b fc 44 d8 7f 38 f8"
    "03 38 ac 98 fc 46 de b3 84 bd 1c ae ac ab 68 67 d7 26 c4 05 46"
)
DATA_RECORD = unhex(
    "a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5"
    "b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69"
    "49 15 e4"
)


def tls13(secret: bytes, cipher: int = 0x1301) -> Protection:
    protection = protect_tls13(secret, cipher)
    assert protection is not None
    return protection


def tls12(
    cipher: int, version: int = TLS12, outside: bool = False, master: bytes = MASTER
) -> tuple[Protection, Protection]:
    both = protect_tls12(master, CLIENT_RANDOM, SERVER_RANDOM, version, cipher, outside)
    assert both is not None
    return both


def test_rfc8448_finished() -> None:
    opened = tls13(CLIENT_HANDSHAKE_SECRET).open(DATA, TLS12, FINISHED_RECORD, 0)
    assert opened is not None
    kind, content = opened
    assert kind == HANDSHAKE
    assert content[:4] == unhex("14 00 00 20")
    assert len(content) == 36


def test_rfc8448_application_data() -> None:
    protection = tls13(CLIENT_TRAFFIC_SECRET)
    assert protection.open(DATA, TLS12, DATA_RECORD, 0) == (DATA, bytes(range(50)))


def test_rfc8448_header_and_number_are_authenticated() -> None:
    protection = tls13(CLIENT_TRAFFIC_SECRET)
    assert protection.open(DATA, TLS12, DATA_RECORD, 1) is None
    assert protection.open(HANDSHAKE, TLS12, DATA_RECORD, 0) is None
    assert protection.open(DATA, TLS10, DATA_RECORD, 0) is None
    assert protection.open(DATA, TLS12, DATA_RECORD[:-1], 0) is None


@pytest.mark.parametrize("cipher", sealing.TLS13)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("padding", [0, 1, 200])
def test_tls13(cipher: int, content: bytes, padding: int) -> None:
    suite = sealing.TLS13[cipher]
    secret = SECRETS[suite.prf]
    for sequence in (0, 1, 2**33):
        fragment = sealing.seal_tls13(suite, secret, ALERT, content, sequence, padding)
        assert tls13(secret, cipher).open(DATA, TLS12, fragment, sequence) == (ALERT, content)


@pytest.mark.parametrize("cipher", sealing.TLS13)
def test_tls13_key_update(cipher: int) -> None:
    suite = sealing.TLS13[cipher]
    secret = SECRETS[suite.prf]
    after = tls13(secret, cipher)
    for _ in range(2):
        secret = sealing.hkdf_label(secret, b"traffic upd", len(secret), suite.prf)
        before, after = after, after.updated()
        fragment = sealing.seal_tls13(suite, secret, DATA, b"more", 0)
        assert before.open(DATA, TLS12, fragment, 0) is None
        assert after.open(DATA, TLS12, fragment, 0) == (DATA, b"more")


def test_tls13_nothing_but_padding_is_malformed() -> None:
    suite, secret = sealing.TLS13[0x1301], SECRETS["sha256"]
    fragment = sealing.seal_tls13(suite, secret, 0, b"", 0, padding=20)
    assert tls13(secret).open(DATA, TLS12, fragment, 0) is None


@pytest.mark.parametrize("cipher", sealing.AEAD)
@pytest.mark.parametrize("content", CONTENTS)
def test_tls12_aead(cipher: int, content: bytes) -> None:
    for end, protection in enumerate(tls12(cipher)):
        for sequence in (0, 7, 2**33):
            fragment = sealing.seal_aead(sealing.AEAD[cipher], end == 0, DATA, content, sequence)
            assert protection.open(DATA, TLS12, fragment, sequence) == (DATA, content)
            assert protection.open(DATA, TLS12, fragment, sequence + 1) is None
            assert protection.open(ALERT, TLS12, fragment, sequence) is None


@pytest.mark.parametrize("cipher", [*sealing.BLOCK, *sealing.NULL])
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("outside", [False, True])
def test_mac_records(cipher: int, version: int, outside: bool) -> None:
    suite = {**sealing.BLOCK, **sealing.NULL}[cipher]
    for end, protection in enumerate(tls12(cipher, version, outside)):
        sealer = MacSealer(suite, version, end == 0, outside)
        for sequence, content in enumerate(CONTENTS):
            for padding in (0, 3):
                fragment = sealer.seal(HANDSHAKE, content, padding)
                opened = protection.open(HANDSHAKE, version, fragment, 2 * sequence + padding // 3)
                assert opened == (HANDSHAKE, content)


def test_tls10_goes_on_after_a_record_that_did_not_open() -> None:
    sealer = MacSealer(sealing.BLOCK[0x002F], TLS10, True, False)
    client, _ = tls12(0x002F, TLS10)
    first, second, third = (sealer.seal(DATA, text) for text in (b"one", b"two", b"three"))
    assert client.open(DATA, TLS10, first, 0) == (DATA, b"one")
    broken = bytes([second[0] ^ 1]) + second[1:]
    ahead = copy.copy(client)
    assert ahead.open(DATA, TLS10, second, 1) == (DATA, b"two")
    assert client.open(DATA, TLS10, broken, 1) is None
    assert client.open(DATA, TLS10, third, 1) is None
    assert client.open(DATA, TLS10, third, 2) == (DATA, b"three")


def every_protection() -> list[Protection]:
    """One of each kind, the client's."""
    found = [tls13(SECRETS[suite.prf], cipher) for cipher, suite in sealing.TLS13.items()]
    found += [tls12(cipher)[0] for cipher in sealing.AEAD]
    for cipher in (*sealing.BLOCK, *sealing.NULL):
        for version in VERSIONS:
            found += [tls12(cipher, version, outside)[0] for outside in (False, True)]
    return found


EVERY = every_protection()


@given(st.binary(max_size=400), st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 2**40))
def test_any_bytes_do_not_open_and_do_not_raise(
    fragment: bytes, kind: int, version: int, sequence: int
) -> None:
    for protection in EVERY:
        assert protection.open(kind, version, fragment, sequence) is None


def test_lengths_at_the_edges() -> None:
    for length in (*range(100), MAX_FRAGMENT, MAX_FRAGMENT + 1, 70_000, 200_000):
        for protection in EVERY:
            assert protection.open(DATA, TLS12, bytes(length), 0) is None


@pytest.mark.parametrize("outside", [False, True])
@given(data=st.data())
def test_a_changed_bit_does_not_open(outside: bool, data: st.DataObject) -> None:
    sealer = MacSealer(sealing.BLOCK[0x003C], TLS12, True, outside)
    client, _ = tls12(0x003C, TLS12, outside)
    fragment = bytearray(sealer.seal(DATA, b"GET / HTTP/1.1", padding=2))
    fragment[data.draw(st.integers(0, len(fragment) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert client.open(DATA, TLS12, bytes(fragment), 0) is None


@pytest.mark.parametrize("cipher", [*sealing.AEAD, *sealing.BLOCK, *sealing.NULL])
def test_other_keys_do_not_open(cipher: int) -> None:
    if cipher in sealing.AEAD:
        fragment = sealing.seal_aead(sealing.AEAD[cipher], True, DATA, b"text", 0)
    else:
        suite = {**sealing.BLOCK, **sealing.NULL}[cipher]
        fragment = MacSealer(suite, TLS12, True, False).seal(DATA, b"text")
    wrong, _ = tls12(cipher, master=bytes(48))
    client, server = tls12(cipher)
    assert wrong.open(DATA, TLS12, fragment, 0) is None
    assert server.open(DATA, TLS12, fragment, 0) is None
    assert client.open(DATA, TLS12, fragment, 0) == (DATA, b"text")


@pytest.mark.parametrize("cipher", [0x0000, 0x0005, 0x009C, 0x1306, 0xC050, 0xFFFF])
def test_not_of_tls13(cipher: int) -> None:
    assert protect_tls13(SECRETS["sha256"], cipher) is None


@pytest.mark.parametrize(
    ("cipher", "version"),
    [
        (0x0000, TLS12),  # TLS_NULL_WITH_NULL_NULL
        (0x0005, TLS12),  # RC4
        (0x0009, TLS10),  # single DES
        (0xC050, TLS12),  # ARIA
        (0x1301, TLS12),
        (0x009C, TLS11),
        (0x002F, 0x0300),
        (0x002F, 0x0304),
        (0x002F, 0xFEFD),  # DTLS
    ],
)
def test_not_supported(cipher: int, version: int) -> None:
    assert protect_tls12(MASTER, CLIENT_RANDOM, SERVER_RANDOM, version, cipher, False) is None


def test_protections_do_not_show_or_pickle_keys() -> None:
    for protection in EVERY:
        assert "0x" in repr(protection), "the default repr, which shows no fields"
        with pytest.raises(TypeError):
            pickle.dumps(protection)
