"""Records sealed as an end with the keys would: AES_128_GCM_SHA256 of TLS 1.3 and 1.2."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pcapdiag.protocols.tls.derivation import expand_label, key_expansion
from tests.protocols.tls.wire import DATA, numbers, record, vector

AES_128_GCM = 0x1301
ECDHE_AES_128_GCM = 0xC02F


class Tls13Sealer:
    """One end's records under one traffic secret."""

    def __init__(self, secret: bytes, *, covers_header: bool = True) -> None:
        self.secret = secret
        self._covers_header = covers_header
        self._aead = AESGCM(expand_label(secret, b"key", 16, "SHA256"))
        self._iv = expand_label(secret, b"iv", 12, "SHA256")
        self._sequence = 0

    def __call__(self, kind: int, content: bytes) -> bytes:
        inner = content + bytes([kind])
        header = bytes([DATA]) + numbers(0x0303, len(inner) + 16)
        number = int.from_bytes(self._iv, "big") ^ self._sequence
        self._sequence += 1
        covered = header if self._covers_header else b""
        return header + self._aead.encrypt(number.to_bytes(12, "big"), inner, covered)

    def updated(self) -> Tls13Sealer:
        return Tls13Sealer(expand_label(self.secret, b"traffic upd", 32, "SHA256"))


class Tls12Sealer:
    """One end's records after change_cipher_spec."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._aead, self._salt = AESGCM(key), salt
        self._sequence = 0

    def __call__(self, kind: int, content: bytes) -> bytes:
        nonce = self._sequence.to_bytes(8, "big")
        header = nonce + bytes([kind]) + numbers(0x0303, len(content))
        self._sequence += 1
        return record(kind, nonce + self._aead.encrypt(self._salt + nonce, content, header))


def tls12_sealers(master: bytes, client: bytes, server: bytes) -> tuple[Tls12Sealer, Tls12Sealer]:
    """Of the client and the server, by their randoms."""
    block = key_expansion(master, server + client, 40, 0x0303, "SHA256")
    return Tls12Sealer(block[:16], block[32:36]), Tls12Sealer(block[16:32], block[36:40])


def key_log_line(label: bytes, random: bytes, secret: bytes) -> bytes:
    return b" ".join((label, random.hex().encode(), secret.hex().encode())) + b"\n"


def empty_certificate() -> bytes:
    return vector(1, b"") + vector(3, b"")
