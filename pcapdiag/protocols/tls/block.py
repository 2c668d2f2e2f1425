"""Records with an HMAC, of block ciphers and of no cipher: CBC and NULL in TLS 1.0 to 1.2."""

from __future__ import annotations

import struct
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers import algorithms as decrepit
from cryptography.hazmat.primitives.ciphers import (
    BlockCipherAlgorithm,
    Cipher,
    algorithms,
    modes,
)
from cryptography.hazmat.primitives.hmac import HMAC

from pcapdiag.protocols.tls.derivation import HASHES
from pcapdiag.protocols.tls.suites import Hash

MAX_FRAGMENT = 2**14 + 2048
"""Bytes of a protected record (RFC 5246 section 6.2.3); a longer one is not opened."""

BLOCK_CIPHERS: dict[str, Callable[[bytes], BlockCipherAlgorithm]] = {
    "AES_128": algorithms.AES,
    "AES_256": algorithms.AES,
    "CAMELLIA_128": decrepit.Camellia,
    "CAMELLIA_256": decrepit.Camellia,
    "SEED": decrepit.SEED,
    "IDEA": decrepit.IDEA,
    "3DES_EDE": decrepit.TripleDES,
}


class RecordMac:
    """The HMAC of a record (RFC 5246 section 6.2.3.1)."""

    __slots__ = ("_keyed", "size")

    def __init__(self, key: bytes, hash_: Hash) -> None:
        algorithm = HASHES[hash_]
        self._keyed = HMAC(key, algorithm)
        self.size = algorithm.digest_size

    def matches(self, kind: int, version: int, content: bytes, tag: bytes, sequence: int) -> bool:
        """Return whether ``tag`` is the MAC of ``content`` as the record with this number."""
        mac = self._keyed.copy()
        mac.update(struct.pack(">QBHH", sequence, kind, version, len(content)))
        mac.update(content)
        try:
            mac.verify(tag)
        except InvalidSignature:
            return False
        return True

    def open(
        self, kind: int, version: int, fragment: bytes, sequence: int
    ) -> tuple[int, bytes] | None:
        """Return type and content in front of a MAC that is right, or None."""
        end = len(fragment) - self.size
        if not 0 <= end <= MAX_FRAGMENT:
            return None
        content, tag = fragment[:end], fragment[end:]
        return (kind, content) if self.matches(kind, version, content, tag, sequence) else None


class NullProtection:
    """Records in the clear with a MAC (RFC 5246 section 6.2.3.1)."""

    __slots__ = ("_mac",)

    def __init__(self, mac: RecordMac) -> None:
        self._mac = mac

    def open(
        self, kind: int, version: int, fragment: bytes, sequence: int
    ) -> tuple[int, bytes] | None:
        """See :meth:`pcapdiag.protocols.tls.protection.Protection.open`."""
        return self._mac.open(kind, version, fragment, sequence)

    def updated(self) -> NullProtection:
        """Itself: these versions know no KeyUpdate."""
        return self


class BlockProtection:
    """CBC records: MAC inside (RFC 5246 section 6.2.3.2), or outside (RFC 7366).

    TLS 1.0 chains them: the IV is the last block of the record before, so that records must come in
    order. One that does not authenticate still gives the IV of the next, and may be tried again
    with another number before that comes.
    """

    __slots__ = ("_chained", "_cipher", "_encrypt_then_mac", "_iv", "_last", "_mac", "_size")

    def __init__(
        self, cipher: BlockCipherAlgorithm, mac: RecordMac, iv: bytes, encrypt_then_mac: bool
    ) -> None:
        """``iv`` is the first record's in TLS 1.0; it is empty where each record brings its own.

        Raises UnsupportedAlgorithm when the OpenSSL in use lacks the cipher.
        """
        self._cipher = cipher
        self._mac = mac
        self._chained = iv
        self._iv = iv
        self._last = b""
        self._encrypt_then_mac = encrypt_then_mac
        self._size = cipher.block_size // 8
        self._decrypt(bytes(self._size), b"")

    def open(
        self, kind: int, version: int, fragment: bytes, sequence: int
    ) -> tuple[int, bytes] | None:
        """See :meth:`pcapdiag.protocols.tls.protection.Protection.open`."""
        end = len(fragment) - self._mac.size if self._encrypt_then_mac else len(fragment)
        first = 0 if self._chained else self._size
        if not first < end <= MAX_FRAGMENT or end % self._size:
            return None
        iv = self._chain(fragment, end) if self._chained else fragment[:first]
        sealed, tag = fragment[:end], fragment[end:]
        if self._encrypt_then_mac and not self._mac.matches(kind, version, sealed, tag, sequence):
            return None
        content = _without_padding(self._decrypt(iv, sealed[first:]))
        if content is None:
            return None
        if self._encrypt_then_mac:
            return kind, content
        return self._mac.open(kind, version, content, sequence)

    def updated(self) -> BlockProtection:
        """Itself: these versions know no KeyUpdate."""
        return self

    def _chain(self, fragment: bytes, end: int) -> bytes:
        """Return the IV of this record, and keep the next one's in ``_chained``."""
        if fragment != self._last:
            self._iv, self._last = self._chained, fragment
            self._chained = fragment[end - self._size : end]
        return self._iv

    def _decrypt(self, iv: bytes, blocks: bytes) -> bytes:
        decryptor = Cipher(self._cipher, modes.CBC(iv)).decryptor()
        return decryptor.update(blocks) + decryptor.finalize()


def _without_padding(plain: bytes) -> bytes | None:
    # The last byte is the number of padding bytes before it, and each of them says the same.
    end = len(plain) - plain[-1] - 1
    if end < 0 or plain[end:] != plain[-1:] * (plain[-1] + 1):
        return None
    return plain[:end]
