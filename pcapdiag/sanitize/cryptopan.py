"""Crypto-PAn: a keyed permutation of addresses under which common prefixes stay common.

Two addresses that share their first n bits, and no more, have images of which the same is true.
Source: J. Xu, J. Fan, M. H. Ammar, S. B. Moon, "Prefix-Preserving IP Address Anonymization", ICNP
2002; the vectors of its sample trace are in the tests.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

KEY_BYTES = 32
BLOCK = 16
_WIDTH = 128


class CryptoPan:
    """The permutation of one key: 16 bytes for AES, 16 that are the padding's plain text."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes, not {KEY_BYTES}")
        self._aes = Cipher(AES(key[:BLOCK]), ECB()).encryptor()
        self._pad = int.from_bytes(self._aes.update(key[BLOCK:]), "big")

    def image(self, address: int, bits: int, kept: int = 0) -> int:
        """Return the image of an address of ``bits`` bits, of which the first ``kept`` stay."""
        top = address << (_WIDTH - bits)
        blocks = bytearray()
        for known in range(kept, bits):
            mask = (1 << (_WIDTH - known)) - 1
            blocks += ((top & ~mask) | (self._pad & mask)).to_bytes(BLOCK, "big")
        flips = 0
        for first in self._aes.update(bytes(blocks))[::BLOCK]:
            flips = flips << 1 | first >> 7
        return address ^ flips
