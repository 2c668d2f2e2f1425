"""Records sealed as the RFCs say, with the standard library's HMAC and cryptography's ciphers.

Nothing of pcapdiag is used, so that both can only agree by being right.
"""

from __future__ import annotations

import hmac
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.decrepit.ciphers import algorithms as decrepit
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

TLS10, TLS11, TLS12 = 0x0301, 0x0302, 0x0303
MASTER = bytes(range(48))
CLIENT_RANDOM = bytes(range(50, 82))
SERVER_RANDOM = bytes(range(90, 122))

Aead = AESGCM | AESCCM | ChaCha20Poly1305


class AeadSuite(NamedTuple):
    make: Callable[[bytes], Aead]
    key: int
    salt: int
    prf: str


class MacSuite(NamedTuple):
    """Key and block are 0 for NULL."""

    make: Callable[[bytes], BlockCipherAlgorithm]
    key: int
    block: int
    mac: str


def _ccm8(key: bytes) -> Aead:
    return AESCCM(key, tag_length=8)


AEAD = {
    0x009C: AeadSuite(AESGCM, 16, 4, "sha256"),
    0xC030: AeadSuite(AESGCM, 32, 4, "sha384"),
    0xCCA8: AeadSuite(ChaCha20Poly1305, 32, 12, "sha256"),
    0xC09C: AeadSuite(AESCCM, 16, 4, "sha256"),
    0xC09D: AeadSuite(AESCCM, 32, 4, "sha256"),
    0xC0B3: AeadSuite(AESCCM, 32, 4, "sha384"),
    0xC0AE: AeadSuite(_ccm8, 16, 4, "sha256"),
    0xC0AF: AeadSuite(_ccm8, 32, 4, "sha256"),
}
BLOCK = {
    0x002F: MacSuite(algorithms.AES, 16, 16, "sha1"),
    0xC014: MacSuite(algorithms.AES, 32, 16, "sha1"),
    0x003C: MacSuite(algorithms.AES, 16, 16, "sha256"),
    0x006B: MacSuite(algorithms.AES, 32, 16, "sha256"),
    0xC028: MacSuite(algorithms.AES, 32, 16, "sha384"),
    0x0041: MacSuite(decrepit.Camellia, 16, 16, "sha1"),
    0x00BA: MacSuite(decrepit.Camellia, 16, 16, "sha256"),
    0x0084: MacSuite(decrepit.Camellia, 32, 16, "sha1"),
    0x00C0: MacSuite(decrepit.Camellia, 32, 16, "sha256"),
    0xC077: MacSuite(decrepit.Camellia, 32, 16, "sha384"),
    0x0096: MacSuite(decrepit.SEED, 16, 16, "sha1"),
    0x0007: MacSuite(decrepit.IDEA, 16, 8, "sha1"),
    0x0025: MacSuite(decrepit.IDEA, 16, 8, "md5"),
    0x0023: MacSuite(decrepit.TripleDES, 24, 8, "md5"),
    0x000A: MacSuite(decrepit.TripleDES, 24, 8, "sha1"),
}
NULL = {
    0x0001: MacSuite(algorithms.AES, 0, 0, "md5"),
    0x0002: MacSuite(algorithms.AES, 0, 0, "sha1"),
    0x003B: MacSuite(algorithms.AES, 0, 0, "sha256"),
    0x00B1: MacSuite(algorithms.AES, 0, 0, "sha384"),
}


def p_hash(secret: bytes, seed: bytes, hash_: str) -> bytes:
    """More bytes than any suite asks for (RFC 5246 section 5)."""
    out, a = b"", seed
    while len(out) < 300:
        a = hmac.digest(secret, a, hash_)
        out += hmac.digest(secret, a + seed, hash_)
    return out[:300]


def key_block(version: int, prf: str) -> bytes:
    seed = b"key expansion" + SERVER_RANDOM + CLIENT_RANDOM
    if version == TLS12:
        return p_hash(MASTER, seed, prf)
    md5, sha = p_hash(MASTER[:24], seed, "md5"), p_hash(MASTER[24:], seed, "sha1")
    return bytes(a ^ b for a, b in zip(md5, sha, strict=True))


def header(kind: int, version: int, length: int, sequence: int) -> bytes:
    return struct.pack(">QBHH", sequence, kind, version, length)


def seal_aead(suite: AeadSuite, is_client: bool, kind: int, content: bytes, sequence: int) -> bytes:
    """A fragment of TLS 1.2 (RFC 5246 6.2.3.3, RFC 5288, RFC 6655, RFC 7905)."""
    block = key_block(TLS12, suite.prf)
    at = 0 if is_client else suite.key
    key = block[at : at + suite.key]
    at = 2 * suite.key + (0 if is_client else suite.salt)
    salt = block[at : at + suite.salt]
    explicit = os.urandom(8) if suite.salt == 4 else b""
    nonce = salt + explicit
    if not explicit:
        counter = bytes(4) + sequence.to_bytes(8)
        nonce = bytes(a ^ b for a, b in zip(salt, counter, strict=True))
    return explicit + suite.make(key).encrypt(
        nonce, content, header(kind, TLS12, len(content), sequence)
    )


class MacSealer:
    """One end's CBC or NULL records, in order."""

    def __init__(self, suite: MacSuite, version: int, is_client: bool, outside: bool) -> None:
        size = hmac.new(b"", b"", suite.mac).digest_size
        block = key_block(version, "sha384" if suite.mac == "sha384" else "sha256")
        mac_at = 0 if is_client else size
        key_at = 2 * size + (0 if is_client else suite.key)
        iv_at = 2 * size + 2 * suite.key + (0 if is_client else suite.block)
        self.suite, self.version, self.outside = suite, version, outside
        self.mac_key = block[mac_at : mac_at + size]
        self.key = block[key_at : key_at + suite.key]
        self.last = block[iv_at : iv_at + suite.block]
        self.sequence = 0

    def seal(self, kind: int, content: bytes, padding: int = 0) -> bytes:
        """``padding`` is how many whole blocks more than needed."""
        sequence, self.sequence = self.sequence, self.sequence + 1
        if not self.suite.block:
            return content + self._mac(kind, content, sequence)
        if self.outside:
            sealed = self._encrypt(content, padding)
            return sealed + self._mac(kind, sealed, sequence)
        return self._encrypt(content + self._mac(kind, content, sequence), padding)

    def _mac(self, kind: int, over: bytes, sequence: int) -> bytes:
        message = header(kind, self.version, len(over), sequence) + over
        return hmac.digest(self.mac_key, message, self.suite.mac)

    def _encrypt(self, plain: bytes, padding: int) -> bytes:
        size = self.suite.block
        count = size - len(plain) % size - 1 + padding * size
        plain += bytes([count]) * (count + 1)
        explicit = b"" if self.version == TLS10 else os.urandom(size)
        encryptor = Cipher(self.suite.make(self.key), modes.CBC(explicit or self.last)).encryptor()
        sealed = encryptor.update(plain)
        self.last = sealed[-size:]
        return explicit + sealed


def hkdf_label(secret: bytes, label: bytes, length: int, hash_: str) -> bytes:
    """HKDF-Expand-Label of one block (RFC 8446 section 7.1, RFC 5869 section 2.3)."""
    label = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(label)]) + label + b"\0"
    return hmac.digest(secret, info + b"\x01", hash_)[:length]


TLS13 = {
    0x1301: AeadSuite(AESGCM, 16, 12, "sha256"),
    0x1302: AeadSuite(AESGCM, 32, 12, "sha384"),
    0x1303: AeadSuite(ChaCha20Poly1305, 32, 12, "sha256"),
    0x1304: AeadSuite(AESCCM, 16, 12, "sha256"),
    0x1305: AeadSuite(_ccm8, 16, 12, "sha256"),
}


def seal_tls13(
    suite: AeadSuite, secret: bytes, kind: int, content: bytes, sequence: int, padding: int = 0
) -> bytes:
    """A fragment of TLS 1.3 (RFC 8446 sections 5.2 to 5.4)."""
    key = hkdf_label(secret, b"key", suite.key, suite.prf)
    iv = hkdf_label(secret, b"iv", 12, suite.prf)
    nonce = bytes(a ^ b for a, b in zip(iv, bytes(4) + sequence.to_bytes(8), strict=True))
    inner = content + bytes([kind]) + bytes(padding)
    aead = suite.make(key)
    tag = 8 if isinstance(aead, AESCCM) and suite.make is _ccm8 else 16
    return aead.encrypt(nonce, inner, struct.pack(">BHH", 23, TLS12, len(inner) + tag))
