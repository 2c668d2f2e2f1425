"""Records opened with the secrets of a key log: TLS 1.3, and AEAD, CBC and NULL of 1.0 to 1.2."""

from __future__ import annotations

import struct
from typing import Protocol

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from pcapdiag.model.tls import DRAFT_22, DRAFT_25
from pcapdiag.protocols.tls.block import (
    BLOCK_CIPHERS,
    MAX_FRAGMENT,
    BlockProtection,
    NullProtection,
    RecordMac,
)
from pcapdiag.protocols.tls.derivation import HASHES, expand_label, key_expansion
from pcapdiag.protocols.tls.suites import TLS12, TLS13, Suite

_TLS10, _TLS12, _TLS13 = 0x0301, 0x0303, 0x0304
_NONCE_SIZE = 12

_Aead = AESGCM | AESCCM | ChaCha20Poly1305


class Protection(Protocol):
    """One direction's keys of one epoch."""

    def open(
        self, kind: int, version: int, fragment: bytes, sequence: int
    ) -> tuple[int, bytes] | None:
        """Return content type and content of a record, or None when it does not authenticate.

        ``kind`` and ``version`` are those of the record's header, ``fragment`` is what follows it;
        ``sequence`` counts the records under these keys from 0. The type is the inner one in TLS
        1.3, where the padding is taken off, and ``kind`` before. Never raises on any bytes. With
        CBC in TLS 1.0 every record must be given, in order; again only before the next, and what
        reads ahead needs a ``copy.copy`` of its own.
        """

    def updated(self) -> Protection:
        """Return the keys after a KeyUpdate (RFC 8446 section 7.2); itself before TLS 1.3."""


def protect_tls13(secret: bytes, cipher: int, version: int = _TLS13) -> Protection | None:
    """Return the protection of a traffic secret (RFC 8446 section 7.3), maybe of a draft's.

    None for a cipher suite that is not supported.
    """
    suite = TLS13.get(cipher)
    if suite is None:
        return None
    try:
        return _Tls13Protection(secret, suite, DRAFT_22 <= version < DRAFT_25)
    except UnsupportedAlgorithm:
        return None


def protect_tls12(
    master: bytes,
    client_random: bytes,
    server_random: bytes,
    version: int,
    cipher: int,
    encrypt_then_mac: bool,
) -> tuple[Protection, Protection] | None:
    """Return the client's and the server's protection out of a master secret (RFC 5246 6.3).

    ``version`` is the negotiated one; ``encrypt_then_mac`` says that both hellos have that
    extension, and counts for CBC only (RFC 7366 section 3). None for a version or a cipher suite
    that is not supported.
    """
    suite = TLS12.get(cipher)
    if suite is None or not (_TLS12 if suite.is_aead else _TLS10) <= version <= _TLS12:
        return None
    sizes = (0 if suite.is_aead else HASHES[suite.hash].digest_size, suite.key_size, suite.iv_size)
    randoms = server_random + client_random
    try:
        block = key_expansion(master, randoms, 2 * sum(sizes), version, suite.prf_hash)
        client, server = _split(block, sizes)
        return (
            _from_keys(suite, client, version, encrypt_then_mac),
            _from_keys(suite, server, version, encrypt_then_mac),
        )
    except UnsupportedAlgorithm:
        return None


class _Tls13Protection:
    """RFC 8446 section 5.2; in earlier drafts the header is not authenticated."""

    __slots__ = ("_aead", "_bare", "_iv", "_secret", "_suite")

    def __init__(self, secret: bytes, suite: Suite, bare: bool) -> None:
        self._bare = bare
        self._secret = secret
        self._suite = suite
        self._aead = _aead(suite, expand_label(secret, b"key", suite.key_size, suite.hash))
        self._iv = expand_label(secret, b"iv", _NONCE_SIZE, suite.hash)

    def open(
        self, kind: int, version: int, fragment: bytes, sequence: int
    ) -> tuple[int, bytes] | None:
        if len(fragment) > MAX_FRAGMENT:
            return None
        header = b"" if self._bare else struct.pack(">BHH", kind, version, len(fragment))
        inner = _decrypt(self._aead, _nonce(self._iv, sequence), fragment, header)
        content = (inner or b"").rstrip(b"\0")
        return (content[-1], content[:-1]) if content else None

    def updated(self) -> _Tls13Protection:
        size = HASHES[self._suite.hash].digest_size
        secret = expand_label(self._secret, b"traffic upd", size, self._suite.hash)
        return _Tls13Protection(secret, self._suite, self._bare)


class _Tls12Protection:
    """RFC 5246 section 6.2.3.3; nonces by RFC 5288 and 6655, or RFC 7905."""

    __slots__ = ("_aead", "_explicit", "_iv", "_tag_size")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._aead = _aead(suite, key)
        self._iv = iv
        self._explicit = _NONCE_SIZE - len(iv)
        self._tag_size = _tag_size(suite)

    def open(
        self, kind: int, version: int, fragment: bytes, sequence: int
    ) -> tuple[int, bytes] | None:
        explicit, sealed = fragment[: self._explicit], fragment[self._explicit :]
        length = len(sealed) - self._tag_size
        if not 0 <= length <= MAX_FRAGMENT:
            return None
        nonce = self._iv + explicit if self._explicit else _nonce(self._iv, sequence)
        header = struct.pack(">QBHH", sequence, kind, version, length)
        content = _decrypt(self._aead, nonce, sealed, header)
        return None if content is None else (kind, content)

    def updated(self) -> _Tls12Protection:
        return self


def _aead(suite: Suite, key: bytes) -> _Aead:
    if suite.mode == "GCM":
        return AESGCM(key)
    if suite.mode == "POLY1305":
        return ChaCha20Poly1305(key)
    return AESCCM(key, _tag_size(suite))


def _tag_size(suite: Suite) -> int:
    return 8 if suite.mode == "CCM_8" else 16


def _nonce(iv: bytes, sequence: int) -> bytes:
    # RFC 8446 section 5.3 and RFC 7905 section 2.
    return (int.from_bytes(iv) ^ sequence).to_bytes(_NONCE_SIZE)


def _decrypt(aead: _Aead, nonce: bytes, sealed: bytes, header: bytes) -> bytes | None:
    try:
        return aead.decrypt(nonce, sealed, header)
    except InvalidTag:
        return None


def _split(block: bytes, sizes: tuple[int, int, int]) -> tuple[list[bytes], list[bytes]]:
    # RFC 5246 section 6.3: MAC keys, keys, IVs, each the client's first.
    client, server, at = [], [], 0
    for size in sizes:
        client.append(block[at : at + size])
        server.append(block[at + size : at + 2 * size])
        at += 2 * size
    return client, server


def _from_keys(suite: Suite, keys: list[bytes], version: int, encrypt_then_mac: bool) -> Protection:
    mac_key, key, iv = keys
    if suite.is_aead:
        return _Tls12Protection(suite, key, iv)
    mac = RecordMac(mac_key, suite.hash)
    if suite.mode == "NULL":
        return NullProtection(mac)
    chained = iv if version == _TLS10 else b""
    return BlockProtection(BLOCK_CIPHERS[suite.cipher](key), mac, chained, encrypt_then_mac)
